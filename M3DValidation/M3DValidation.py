"""M3D Validation: is a scan good enough for a model, and does the model show what the scan shows?"""

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

EXAMPLE = """from M3DValidation import M3DValidationLogic
status = M3DValidationLogic().run([
    "--image", "/folder/of/the/scan",
    "--segmentation", "/file/Segmentation.seg.nrrd",
    "--profile", "anatomical-model",
    "--output", "/folder/for/the/report",
])"""


class M3DValidation(ScriptedLoadableModule):
    """The module as Slicer's module list shows it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("M3D Validation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Printing")]
        self.parent.dependencies = ["DICOM", "Models", "Segmentations"]
        self.parent.contributors = ["The SlicerM3D contributors"]
        self.parent.helpText = _(
            "Checks a scan, a segmentation and a model against the requirements of an intended use: whether the slices "
            "are thin enough, whether the anatomy is wholly in the image, how far the surface of the model is from the "
            "edge that the image shows, and whether a printer can make it. It reports what was measured, against which "
            "limit and where the limit comes from; what could not be checked is said to be so."
        )
        self.parent.acknowledgementText = _(
            "Written for the SlicerM3D extension. It follows ISO/IEC 3532-1, whose clauses the findings name."
        )


class M3DValidationWidget(ScriptedLoadableModuleWidget):
    """Says how a validation is run."""

    def setup(self):
        """Called once, when the panel is first shown."""
        import qt

        ScriptedLoadableModuleWidget.setup(self)
        self.logic = M3DValidationLogic()
        introduction = qt.QLabel(_("Run a validation in Slicer's Python console:"))
        introduction.wordWrap = True
        self.layout.addWidget(introduction)
        example = qt.QPlainTextEdit()
        example.plainText = EXAMPLE
        example.readOnly = True
        self.layout.addWidget(example)
        profiles = qt.QLabel(
            _("The command m3d validate does the same outside Slicer. The profiles (intended uses) are:")
            + "\n"
            + "\n".join(f"{name}: {title}" for name, title in self.logic.profiles())
        )
        profiles.wordWrap = True
        self.layout.addWidget(profiles)
        self.layout.addStretch(1)


class M3DValidationLogic(ScriptedLoadableModuleLogic):
    """Runs validations from the console and from scripts."""

    def run(self, arguments):
        """Validate files as the command ``m3d validate`` does.

        :param arguments: the options of the command, a list of text.
        :return: 0 nothing fails, 1 something fails, 3 a check that the profile requires could not be made.
        :raises M3DError: the options or the files are wrong.
        """
        from M3DBatchLib.CommandLine import makeParser
        from M3DBatchLib.Terminal import Terminal
        from M3DLib.Errors import M3DError

        try:
            options = makeParser().parse_args(["validate", *map(str, arguments)])
        except SystemExit as error:
            # The parser of the command line ends the program, which would be Slicer here.
            raise M3DError("These are not options of m3d validate; the console says what is wrong.") from error
        terminal = Terminal(json=False)
        try:
            return options.run(options, terminal)
        finally:
            terminal.close()

    def profiles(self):
        """Names and titles of the intended uses that are there, sorted by name."""
        from M3DValidationLib.Profile import loadProfile, profileNames

        return [(name, loadProfile(name).title) for name in profileNames()]


class M3DValidationTest(ScriptedLoadableModuleTest):
    """What "Reload and Test" runs."""

    def setUp(self):
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run the test."""
        self.setUp()
        self.test_profilesAreInstalled()

    def test_profilesAreInstalled(self):
        """The profiles that the extension brings can be read."""
        names = [name for name, _title in M3DValidationLogic().profiles()]
        self.assertIn("anatomical-model", names)
