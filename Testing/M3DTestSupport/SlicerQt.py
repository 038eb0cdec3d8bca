"""Stand-ins for the few classes of Qt that the panels make themselves; names are checked against the recording."""

from __future__ import annotations

from pathlib import Path

from .SlicerApi import membersOf


class QTableWidgetItem:
    """A cell of a table."""

    def __init__(self, text=""):
        self._text, self._toolTip, self._foreground = text, "", None
        self._flags, self._font = Qt.ItemIsEnabled | Qt.ItemIsSelectable | Qt.ItemIsEditable, None

    def text(self):
        return self._text

    def setText(self, text):
        self._text = text

    def flags(self):
        return self._flags

    def setFlags(self, flags):
        self._flags = flags

    def font(self):
        return self._font

    def setFont(self, font):
        self._font = font

    def toolTip(self):
        return self._toolTip

    def setToolTip(self, text):
        self._toolTip = text

    def setForeground(self, brush):
        assert isinstance(brush, QBrush)
        self._foreground = brush


class QColor:
    """A color by its name."""

    def __init__(self, name):
        assert name.startswith("#") and len(name) == 7


class QBrush:
    """A brush of a color."""

    def __init__(self, color):
        assert isinstance(color, QColor)


class QPixmap:
    """A picture from a PNG file."""

    def __init__(self, file):
        from PIL import Image

        with Image.open(Path(file)) as picture:
            self._size = picture.size

    def width(self):
        return self._size[0]

    def scaledToWidth(self, width):
        self._size = (width, round(self._size[1] * width / self._size[0]))
        return self


class QIcon:
    """An icon of a picture."""

    def __init__(self, pixmap):
        assert isinstance(pixmap, QPixmap)


class QFont:
    """The application's own font."""

    def __init__(self):
        self._isBold = False

    def setBold(self, isBold):
        self._isBold = isBold

    def bold(self):
        return self._isBold


class QHeaderView:
    """How wide the columns of a table are."""

    Stretch, ResizeToContents = 1, 3


class QLabel:
    """A window of its own that shows a picture."""

    shown = []

    def setPixmap(self, pixmap):
        self._pixmap = pixmap

    def show(self):
        QLabel.shown.append((self.windowTitle, self._pixmap.width()))


class QUrl:
    """An address."""

    @staticmethod
    def fromLocalFile(path):
        return f"file://{path}"


class QDesktopServices:
    """Opens addresses with other programs."""

    opened = []

    @staticmethod
    def openUrl(url):
        QDesktopServices.opened.append(url)
        return True


class QAction:
    """Something that is triggered; here only to hand a signal on."""

    def __init__(self, parent):
        self._slots = []

    def connect(self, signal, slot):
        assert signal == "triggered()"
        self._slots.append(slot)

    def trigger(self):
        for slot in self._slots:
            slot()


class QTimer:
    """A timer that never runs out by itself: tests call what it would call."""

    waiting = []

    def __init__(self):
        self._slots = []

    def setSingleShot(self, isSingle):
        assert isSingle

    def connect(self, signal, slot):
        assert signal == "timeout()"
        self._slots.append(slot)

    def start(self, milliseconds):
        if self not in QTimer.waiting:
            QTimer.waiting.append(self)

    def stop(self):
        if self in QTimer.waiting:
            QTimer.waiting.remove(self)


def passTime():
    """Let the timers that run now end."""
    waiting, QTimer.waiting[:] = list(QTimer.waiting), []
    for timer in waiting:
        for slot in timer._slots:
            slot()


class Qt:
    """The namespace of Qt's constants."""

    Unchecked, Checked = 0, 2
    ItemIsSelectable, ItemIsEditable, ItemIsEnabled = 1, 2, 32
    ApplicationModal = 2


CLASSES = (
    QTableWidgetItem,
    QColor,
    QBrush,
    QPixmap,
    QIcon,
    QFont,
    QHeaderView,
    QLabel,
    QUrl,
    QDesktopServices,
    QAction,
    QTimer,
)
# What the stand-ins keep for the tests to look at.
_FOR_TESTS = {"shown", "opened", "waiting"}


def unknownNames():
    """Public names of the stand-ins that the application's classes do not have."""
    return [
        f"{standIn.__name__}.{name}"
        for standIn in CLASSES
        for name in vars(standIn)
        if not name.startswith("_") and name not in membersOf(standIn.__name__) | _FOR_TESTS
    ]
