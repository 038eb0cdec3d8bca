"""Stand-ins in real Qt for the widgets of CTK and MRML: as large as those, and with the properties that panels use.

They exist so that the layout of a panel can be looked at without the application. Where a size matters it follows
CTK's: a section that is folded is as high as its button and ``collapsedHeight``, and no wider than its title.
"""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal

# Class names are those that the .ui files say, and names of properties those of the application.


class qMRMLWidget(QtWidgets.QWidget):
    """The panel itself."""

    def setMRMLScene(self, scene):
        pass


class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A section with a title that folds it; what lies in it is hidden then, as CTK does."""

    contentsCollapsed = Signal(bool)
    # Measured in pictures of the application: below the title of a folded section there is a frame of 14 pixels.
    _FRAME = 4

    def __init__(self, parent=None):
        super().__init__(parent)
        self._collapsed, self._collapsedHeight, self._wanted = False, 10, {}
        self.setSizePolicy(QtWidgets.QSizePolicy.Minimum, QtWidgets.QSizePolicy.Preferred)

    def buttonHint(self):
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        metrics, style = self.fontMetrics(), self.style()
        text = metrics.size(QtCore.Qt.TextShowMnemonic, self.text())
        indicator = style.pixelMetric(QtWidgets.QStyle.PM_IndicatorWidth, option, self)
        spacing = style.pixelMetric(QtWidgets.QStyle.PM_CheckBoxLabelSpacing, option, self)
        size = QtCore.QSize(text.width() + indicator + spacing, max(text.height(), indicator))
        return style.sizeFromContents(QtWidgets.QStyle.CT_PushButton, option, size, self)

    def event(self, event):
        if event.type() in (QtCore.QEvent.Polish, QtCore.QEvent.FontChange):
            self.setContentsMargins(0, self.buttonHint().height(), 0, 0)
        return super().event(event)

    def getCollapsed(self):
        return self._collapsed

    def setCollapsed(self, isCollapsed):
        if isCollapsed == self._collapsed:
            return
        self._collapsed = isCollapsed
        if isCollapsed:
            self.hideContents()
        else:
            for child, isWanted in self._wanted.items():
                child.setVisible(isWanted)
        self.setMaximumHeight(self.sizeHint().height() if isCollapsed else 16777215)
        self.updateGeometry()
        self.update()
        self.contentsCollapsed.emit(isCollapsed)

    def hideContents(self):
        """Hide what lies in the folded section, and keep what of it was shown."""
        for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly):
            self._wanted[child] = not child.isHidden()
            child.hide()

    def showLater(self, child, isVisible):
        """Whether a child is shown once the section is open."""
        self._wanted[child] = isVisible

    def getCollapsedHeight(self):
        return self._collapsedHeight

    def setCollapsedHeight(self, height):
        self._collapsedHeight = height
        self.updateGeometry()

    collapsed = Property(bool, getCollapsed, setCollapsed)
    collapsedHeight = Property(int, getCollapsedHeight, setCollapsedHeight)

    def minimumSizeHint(self):
        if self._collapsed:
            return self.buttonHint() + QtCore.QSize(0, self._collapsedHeight + self._FRAME)
        return super().minimumSizeHint().expandedTo(self.buttonHint())

    def sizeHint(self):
        if self._collapsed:
            return self.buttonHint() + QtCore.QSize(0, self._collapsedHeight + self._FRAME)
        return super().sizeHint().expandedTo(self.buttonHint())

    def paintEvent(self, event):
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.text = ("\u25b8 " if self._collapsed else "\u25be ") + self.text()
        option.rect.setHeight(self.buttonHint().height())
        painter = QtGui.QPainter(self)
        self.style().drawControl(QtWidgets.QStyle.CE_PushButton, option, painter, self)


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider with a spin box."""

    valueChanged = Signal(float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Horizontal)
        self._spinBox = QtWidgets.QDoubleSpinBox()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._spinBox)
        self._tracking = True
        self._spinBox.valueChanged.connect(self.valueChanged)

    def _of(name, kind):
        setter = f"set{name[0].upper()}{name[1:]}"
        return Property(
            kind,
            lambda self: getattr(self._spinBox, name)(),
            lambda self, value: getattr(self._spinBox, setter)(value),
        )

    decimals, singleStep = _of("decimals", int), _of("singleStep", float)
    minimum, maximum, value = _of("minimum", float), _of("maximum", float), _of("value", float)
    suffix = _of("suffix", str)
    tracking = Property(
        bool, lambda self: self._tracking, lambda self, isTracking: setattr(self, "_tracking", isTracking)
    )


class ctkPathLineEdit(QtWidgets.QWidget):
    """A path with a button to browse."""

    currentPathChanged = Signal(str)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._comboBox = QtWidgets.QComboBox()
        self._comboBox.setEditable(True)
        self._comboBox.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Fixed)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._comboBox)
        browse = QtWidgets.QToolButton()
        browse.setText("...")
        layout.addWidget(browse)
        self._comboBox.editTextChanged.connect(self.currentPathChanged)

    currentPath = Property(
        str,
        lambda self: self._comboBox.currentText(),
        lambda self, path: self._comboBox.setEditText(path),
    )


class qMRMLNodeComboBox(QtWidgets.QWidget):
    """A choice of nodes; its minimum width is that of its content, as a combo box of Qt has it by itself."""

    currentNodeChanged = Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node = None
        self._comboBox = QtWidgets.QComboBox()
        self._comboBox.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Expanding)
        self.setSizePolicy(QtWidgets.QSizePolicy.Preferred, QtWidgets.QSizePolicy.Fixed)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._comboBox)
        self._comboBox.addItem("None")

    sizeAdjustPolicy = Property(
        QtWidgets.QComboBox.SizeAdjustPolicy,
        lambda self: self._comboBox.sizeAdjustPolicy(),
        lambda self, policy: self._comboBox.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy(policy)),
    )

    def currentNode(self):
        return self._node

    def setCurrentNode(self, node):
        if node is self._node:
            return
        self._node = node
        self._comboBox.setItemText(0, node.GetName() if node is not None else "None")
        self.currentNodeChanged.emit(node)

    def setMRMLScene(self, scene):
        pass


class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    """A choice of several nodes."""

    checkedNodesChanged = Signal()

    def setCheckState(self, node, state):
        pass

    def checkedNodes(self):
        return ()


class qMRMLSegmentsTableView(QtWidgets.QWidget):
    """The segments of a segmentation."""

    selectionChanged = Signal(object, object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node, self._ids = None, ()
        self._table = QtWidgets.QTableWidget(0, 2)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node):
        self._node, self._ids = node, ()
        segmentation = node.GetSegmentation() if node is not None else None
        count = segmentation.GetNumberOfSegments() if segmentation is not None else 0
        self._table.setRowCount(count)
        for row in range(count):
            self._table.setItem(row, 1, QtWidgets.QTableWidgetItem(segmentation.GetNthSegment(row).GetName()))

    def selectedSegmentIDs(self):
        return self._ids

    def setSelectedSegmentIDs(self, segmentIds):
        self._ids = tuple(segmentIds)
        self.selectionChanged.emit(None, None)

    def setMRMLScene(self, scene):
        pass


CLASSES = (
    qMRMLWidget,
    ctkCollapsibleButton,
    ctkSliderWidget,
    ctkPathLineEdit,
    qMRMLNodeComboBox,
    qMRMLCheckableNodeComboBox,
    qMRMLSegmentsTableView,
)
