"""DICOM plugin: loads Encapsulated STL and OBJ, exports STL, in Slicer's DICOM browser and "Export to DICOM" dialog."""

import logging

import slicer
from DICOMLib import DICOMLoadable, DICOMPlugin
from slicer.i18n import tr as _

# PS3.4 B.5, Encapsulated STL and OBJ Storage; written out because pydicom is not to be imported when Slicer starts.
ENCAPSULATED_STL_STORAGE = "1.2.840.10008.5.1.4.1.1.104.3"
ENCAPSULATED_OBJ_STORAGE = "1.2.840.10008.5.1.4.1.1.104.4"

# What the UIDs of all classes of encapsulated documents begin with.
ENCAPSULATED_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."

# Above the 0.95 that the plugin of Slicer's core gives to every object of modality M3D.
IMPORT_CONFIDENCE = 0.97
# Of a model that its series holds as STL too: the application chooses what has the highest confidence of a series,
# whatever a plugin has chosen.
TWIN_CONFIDENCE = 0.96

# A segmentation is best kept as DICOM Segmentation (1.0); a model has no other form in DICOM.
SEGMENTATION_CONFIDENCE = 0.6
MODEL_CONFIDENCE = 1.0

# An object that is loaded within this time after another belongs to the same list of warnings.
_WAIT_MILLISECONDS = 1000

LOAD_AS_SETTING = "DICOM/EncapsulatedSTL/LoadAs"
LOAD_AS_MODEL = "model"
LOAD_AS_SEGMENTATION = "segmentation"
_TAGS_OF_DIALOG = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "StudyInstanceUID",
    "SeriesDescription",
    "SeriesNumber",
    "ContentDescription",
    "DocumentTitle",
)


class DICOMEncapsulatedSTLPluginClass(DICOMPlugin):
    """Turns what the application asks for into calls of M3DLib; knows nothing of STL or of the object itself."""

    # Of all instances, for Slicer makes one per browser: what was found while loading, and when it is shown.
    _warnings: dict = {}
    _timer = None

    def __init__(self):
        super().__init__()
        self.loadType = "Encapsulated STL"
        # Fetched into the database's cache at import; upper case, for look-ups are.
        self.tags["documentTitle"] = "0042,0010"

    @staticmethod
    def settingsPanelEntry(panel, parent):
        """Add this plugin's page to the DICOM settings."""
        import ctk
        import qt

        formLayout = qt.QFormLayout(parent)
        loadAsComboBox = ctk.ctkComboBox()
        loadAsComboBox.toolTip = _("What an Encapsulated STL object becomes in the scene.")
        loadAsComboBox.addItem(_("model"), LOAD_AS_MODEL)
        loadAsComboBox.addItem(_("segmentation"), LOAD_AS_SEGMENTATION)
        formLayout.addRow(_("Load 3D models as:"), loadAsComboBox)
        panel.registerProperty(
            LOAD_AS_SETTING,
            loadAsComboBox,
            "currentUserDataAsString",
            str(qt.SIGNAL("currentIndexChanged(int)")),
        )

    def examineFiles(self, files):
        """One loadable per Encapsulated STL or OBJ instance of a series."""
        # A series of models may hold several classes, STL beside OBJ and MTL, but no images: asking for the first
        # instance saves a query for each slice of every scan.
        if not files or not slicer.dicomDatabase.fileValue(files[0], self.tags["sopClassUID"]).startswith(
            ENCAPSULATED_DOCUMENTS
        ):
            return []
        loadables, stlNames = [], set()
        for file in files:
            sopClass = slicer.dicomDatabase.fileValue(file, self.tags["sopClassUID"])
            if sopClass in (ENCAPSULATED_STL_STORAGE, ENCAPSULATED_OBJ_STORAGE):
                loadable = self._examineFile(file)
                if loadable is not None:
                    loadables.append((sopClass, loadable))
                    stlNames |= {loadable.name} if sopClass == ENCAPSULATED_STL_STORAGE else set()
        for sopClass, loadable in loadables:
            # The same model in another format is offered, but one of the two is enough in the scene.
            loadable.selected = sopClass == ENCAPSULATED_STL_STORAGE or loadable.name not in stlNames
            loadable.confidence = IMPORT_CONFIDENCE if loadable.selected else TWIN_CONFIDENCE
        return [loadable for _sopClass, loadable in loadables]

    def _examineFile(self, file):
        from M3DLib.Errors import M3DError
        from M3DLib.InSlicer.LoadableExamination import examineModel

        try:
            model = examineModel(file, slicer.dicomDatabase)
        except M3DError as error:
            logging.warning(f"An encapsulated model is not offered for loading: {error}")
            return None
        loadable = DICOMLoadable()
        # The materials come with the model that refers to them: nobody else is to take them for a model.
        materials = (slicer.dicomDatabase.fileForInstance(uid) for uid in model.materialUids)
        loadable.files = [file, *filter(None, materials)]
        loadable.name = model.name
        loadable.tooltip = model.tooltip
        loadable.warning = model.warning
        loadable.referencedInstanceUIDs = model.referencedInstanceUids
        return loadable

    def load(self, loadable):
        """Add the model to the scene; returns its node. An error goes to the log of the caller, with its reason."""
        from M3DLib.InSlicer.SlicerModelNodes import addModelNode, addSegmentationNode, freeName, removeNode
        from M3DLib.MeshFiles.EncapsulatedModels import readEncapsulatedModel

        model = readEncapsulatedModel(loadable.files[0])
        asSegmentation = slicer.util.settingsValue(LOAD_AS_SETTING, LOAD_AS_MODEL) == LOAD_AS_SEGMENTATION
        addNode = addSegmentationNode if asSegmentation else addModelNode
        node = addNode(model, slicer.mrmlScene, freeName(loadable.name, slicer.mrmlScene))
        try:
            self.addSeriesInSubjectHierarchy(loadable, node)
        except BaseException:
            removeNode(node, slicer.mrmlScene)
            raise
        node.SetDescription(_("Validation: {text}").format(text=model.validation.sentence()))
        # What the browser has shown before loading needs not be said twice.
        self._announce(warning for warning in model.warnings if warning not in (loadable.warning or ""))
        return node

    def _announce(self, warnings):
        """Warn of what only the payload has shown: once for all objects that are loaded together, not once for each."""
        import qt

        waiting = DICOMEncapsulatedSTLPluginClass._warnings
        waiting.update(dict.fromkeys(warnings))
        if not waiting:
            return
        if DICOMEncapsulatedSTLPluginClass._timer is None:
            timer = DICOMEncapsulatedSTLPluginClass._timer = qt.QTimer()
            timer.setSingleShot(True)
            timer.connect("timeout()", self._showWarnings)
        DICOMEncapsulatedSTLPluginClass._timer.start(_WAIT_MILLISECONDS)

    @staticmethod
    def _showWarnings():
        from M3DPanelLib.LibraryMessages import translatedMessage

        waiting = DICOMEncapsulatedSTLPluginClass._warnings
        text = "\n".join(map(translatedMessage, waiting))
        waiting.clear()
        slicer.util.warningDisplay(text, windowTitle=_("Encapsulated STL"))

    def examineForExport(self, subjectHierarchyItemID):
        """One exportable per segmentation or model with something in it."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        node = hierarchy.GetItemDataNode(subjectHierarchyItemID)
        if node is None:
            return []
        if node.IsA("vtkMRMLSegmentationNode"):
            if not node.GetSegmentation().GetNumberOfSegments():
                return []
            confidence = SEGMENTATION_CONFIDENCE
            tooltip = _("Create a DICOM object with an STL surface of each segment, for 3D printing")
        elif node.IsA("vtkMRMLModelNode"):
            # Slices and annotations are model nodes too; they have no surface of their own.
            polyData = node.GetPolyData()
            if node.GetHideFromEditors() or polyData is None or not polyData.GetNumberOfCells():
                return []
            confidence = MODEL_CONFIDENCE
            tooltip = _("Create a DICOM object with the model as STL, for 3D printing")
        else:
            return []
        exportable = slicer.qSlicerDICOMExportable()
        exportable.name = self.loadType
        exportable.tooltip = tooltip
        exportable.subjectHierarchyItemID = subjectHierarchyItemID
        exportable.pluginClass = self.__module__
        exportable.confidence = confidence
        exportable.setTag("Modality", "M3D")
        exportable.setTag("SeriesDescription", "3D models")
        exportable.setTag("SeriesNumber", "9001")
        exportable.setTag("ContentDescription", "")
        return [exportable]

    def export(self, exportables):
        """Write the objects into the exportables' folder, all or none; returns "" or what is wrong, for the user."""
        from M3DLib.Errors import M3DError
        from M3DLib.InSlicer.SlicerDatabase import writeFolder
        from M3DPanelLib.LibraryMessages import translatedMessage

        exportables = exportables if isinstance(exportables, (list, tuple)) else [exportables]
        try:
            models = []
            for exportable in exportables:
                models += self._modelsOf(exportable, [model.dataset for model in models])
            if not models:
                return _("There is nothing to export.")
            writeFolder([model.dataset for model in models], exportables[0].directory)
        except M3DError as error:
            return translatedMessage(str(error))
        return ""

    def _modelsOf(self, exportable, neighbors):
        from M3DLib.Errors import M3DError
        from M3DLib.InSlicer.ExportTags import descriptionOfTags, seriesNumberOfTags, tagConflicts
        from M3DLib.InSlicer.SlicerDatabase import studyHeaders
        from M3DLib.InSlicer.SlicerExport import imageOfSource, makeModelsOfParts, requireSource
        from M3DLib.InSlicer.SlicerParts import partOfModel, partsOfSegmentation
        from M3DLib.SlicerAdaptors import renderIfPossible, withApplicationVersion

        database = slicer.dicomDatabase
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        node = hierarchy.GetItemDataNode(exportable.subjectHierarchyItemID)
        if node is None:
            raise M3DError("The node to export is no longer in the scene.")
        source = requireSource(node, slicer.mrmlScene, database)
        if node.IsA("vtkMRMLSegmentationNode"):
            parts = partsOfSegmentation(node, [], source.volumeNode, database)
        else:
            parts = [partOfModel(node, source.volumeNode)]
        tags = {name: exportable.tag(name) or "" for name in _TAGS_OF_DIALOG}
        scan = imageOfSource(source, database)
        image = scan.image
        if problems := tagConflicts(tags, image.headers[0]):
            raise M3DError(problems)
        neighbors = [*studyHeaders(database, str(image.headers[0].StudyInstanceUID)), *neighbors]
        return makeModelsOfParts(
            parts,
            scan,
            database,
            description=withApplicationVersion(descriptionOfTags(tags)),
            neighbors=neighbors,
            seriesNumber=seriesNumberOfTags(tags, [*image.headers, *neighbors]),
            withIcons=renderIfPossible(),
        )


class DICOMEncapsulatedSTLPlugin:
    """Registers the plugin with the DICOM module; has no panel of its own."""

    def __init__(self, parent):
        parent.title = "DICOM Encapsulated STL Plugin"
        parent.categories = ["Developer Tools.DICOM Plugins"]
        parent.dependencies = ["DICOM", "Models", "Segmentations", "SubjectHierarchy"]
        parent.contributors = ["The SlicerM3D contributors"]
        parent.helpText = _(
            "Loads 3D models for printing that are stored as DICOM Encapsulated STL, and exports segmentations and "
            "models as such. It works in the DICOM browser and in the Export to DICOM dialog.",
        )
        parent.acknowledgementText = _("Written for the SlicerM3D extension.")
        parent.hidden = True
        # Whichever plugin is found first makes the list.
        if not hasattr(slicer.modules, "dicomPlugins"):
            slicer.modules.dicomPlugins = {}
        # Exportables name their plugin by module name, so this must be the name of this file.
        slicer.modules.dicomPlugins["DICOMEncapsulatedSTLPlugin"] = DICOMEncapsulatedSTLPluginClass
