"""The life of a panel whose choices are kept in a parameter node of the scene; what it shows is its form's."""

import slicer
import vtk
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin


class ParameterPanel(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Base of the modules' widgets; they say what logic and form are.

    :cvar uiFile: the panel's file in the module's resources.
    :cvar packages: own packages that "Reload" loads anew.
    :ivar logic: of the module. :ivar form: a ``PanelForm``.
    """

    uiFile = ""
    packages = ()

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.form = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None

    def makeLogic(self):
        """The logic of the module."""
        raise TypeError(f"{type(self).__name__} does not say what its logic is.")

    def makeForm(self):
        """The form; called when the widgets are there."""
        raise TypeError(f"{type(self).__name__} does not say what its form is.")

    def setup(self):
        """Called once, when the panel is first shown."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath(self.uiFile))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = self.makeLogic()
        self.form = self.makeForm()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeRemovedEvent, self.onNodeRemoved)
        self.initializeParameterNode()

    def cleanup(self):
        """Called when the application closes or the module is reloaded."""
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """Called each time the user opens the panel."""
        self.initializeParameterNode()

    def exit(self):
        """Called each time the user opens another module."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        """The nodes of the scene are about to go."""
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        """The scene is empty now."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller, event, node):
        """A node has left the scene; not while a whole scene is closed, which is said otherwise."""
        if self.form is not None and not caller.IsClosing():
            self.form.nodeRemoved(node)

    def onReload(self):
        """Load the libraries anew too; Slicer itself reloads only the module's file."""
        import sys

        for name in [name for name in sys.modules if name.split(".")[0] in self.packages]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def initializeParameterNode(self):
        """Make sure there is a parameter node, with the obvious input chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        self.form.chooseObviousInput()

    def setParameterNode(self, parameterNode):
        """Connect the widgets to another parameter node, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParametersModified)
        self._parameterNode = parameterNode
        self._parameterNodeGuiTag = None
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParametersModified)
        if self.form is not None:
            self.form.show(self._parameterNode)

    def _onParametersModified(self, caller=None, event=None):
        self.form.show(self._parameterNode)
