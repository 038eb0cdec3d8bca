"""Two models compared in the panel: figures in words and as a table, a map, the transform that aligns, the report."""

import pathlib

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.PanelActions import PanelActions, errorsShown

from .ReportChoices import ensureFaces, facesOf
from .ValidationParameters import profileOf

_OWN = "M3DValidation.Comparison"
# Below the folder of the reports, so that none replaces the other.
_FOLDER = "comparison"


class ComparisonView(PanelActions):
    """Compares the two models that the parameters name; its widgets are those of ``M3DValidation.ui``."""

    def __init__(self, ui, widget):
        super().__init__(ui, widget)
        self._parameters = None
        self._compared = None
        self._comparison = None
        ui.compareButton.connect("clicked()", self._onCompare)
        ui.comparisonReportButton.connect("clicked()", self._onReport)

    def show(self, parameters):
        """Enable what can be done with these parameters; None for none."""
        self._parameters = parameters
        if parameters is None:
            return
        model, reference = parameters.comparedModel, parameters.comparisonReference
        self.ui.compareButton.enabled = model is not None and reference is not None and model is not reference
        self.ui.datumRegionSelector.enabled = parameters.alignFirst
        marked = parameters.comparedPoints is not None or parameters.referencePoints is not None
        self.ui.moveComparedCheckBox.enabled = parameters.alignFirst or marked
        if self._compared is not None and self._compared != self._choice():
            # Figures of other models would be read as those of the models that are chosen.
            self._compared = self._comparison = None
            self.ui.comparisonBrowser.plainText = ""
        self._showButtons()

    def _showButtons(self):
        self.ui.comparisonReportButton.enabled = self._comparison is not None

    def _choice(self):
        parameters = self._parameters
        nodes = (
            parameters.comparedModel,
            parameters.comparisonReference,
            parameters.comparedPoints,
            parameters.referencePoints,
            parameters.datumRegion,
        )
        return (
            *(node.GetID() if node is not None else "" for node in nodes),
            parameters.comparisonTolerance,
            parameters.alignFirst,
        )

    def _onCompare(self):
        parameters, found = self._parameters, []
        model, reference = parameters.comparedModel, parameters.comparisonReference
        tolerance, align, choice = parameters.comparisonTolerance, parameters.alignFirst, self._choice()
        points, move = (parameters.comparedPoints, parameters.referencePoints), parameters.moveCompared
        region = parameters.datumRegion if align else None
        self.ui.comparisonBrowser.plainText = ""
        self._comparison = None
        self._showButtons()
        if self.work(
            _("Comparing"),
            lambda progress: found.append(
                self._compare(model, reference, tolerance, align, progress, points=points, region=region)
            ),
            self.ui.comparisonLabel,
            failed=_("The models could not be compared."),
            reason=_("Not compared: {reason}"),
            stopped=_("Stopped."),
        ):
            (comparison,) = found
            self._removeResults()
            text = comparisonText(comparison, model.GetName(), reference.GetName())
            if comparison.map is not None:
                self._addResults(comparison, model, reference, tolerance)
            if comparison.toReference is not None:
                text += "\n" + self._addTransform(comparison, model, reference, move)
            self._compared, self._comparison = choice, comparison
            self.ui.comparisonBrowser.plainText = text
            self._showButtons()

    def _compare(self, model, reference, tolerance, align, progress, *, points, region):
        """Compare, and put it on the record of the case."""
        from M3DValidationLib.InSlicer.SceneComparison import compareModels

        said = {"command": "M3D Validation", "model": model.GetName(), "reference": reference.GetName()}
        said |= {"tolerance": tolerance, "align": align}
        said |= {
            key: node.GetName()
            for key, node in zip(("points", "referencePoints", "region"), (*points, region), strict=True)
            if node is not None
        }
        with self.case.onRecord(self._parameters.caseFolder, "compared", said) as work:
            comparison = compareModels(
                model, reference, tolerance, align, progress, pointNodes=points, regionNode=region
            )
            work.result = comparison.facts or {"doubts": list(comparison.alignment.doubts)}
        return comparison

    def _addResults(self, comparison, model, reference, tolerance):
        from M3DValidationLib.InSlicer.ComparisonNodes import addFigures
        from M3DValidationLib.InSlicer.DeviationDisplay import addLegend, legendViews, showDeviation
        from M3DValidationLib.InSlicer.ResultNodes import addMap

        node = addMap(comparison.map, _("{name}, compared").format(name=model.GetName()), slicer.mrmlScene)
        node.SetAttribute(_OWN, "1")
        showDeviation(node, 2 * tolerance, tolerance)
        addLegend(node, viewIds=legendViews(slicer.mrmlScene))
        title = _("{name} against {reference}").format(name=model.GetName(), reference=reference.GetName())
        addFigures(comparison.facts, title, slicer.mrmlScene).SetAttribute(_OWN, "1")

    def _addTransform(self, comparison, model, reference, move):
        """The transform that aligns, in the scene; it stays there when models are compared anew."""
        from M3DValidationLib.InSlicer.ComparisonNodes import addTransform

        name = _("{name} to {reference}").format(name=model.GetName(), reference=reference.GetName())
        node = addTransform(comparison.toReference, name, slicer.mrmlScene)
        if not move:
            return _("Transform '{name}' was added; the model was not moved.").format(name=node.GetName())
        model.SetAndObserveTransformNodeID(node.GetID())
        return _("The model was moved by the transform '{name}'.").format(name=node.GetName())

    def _onReport(self):
        """Judge the model as a printed part of the reference, and write the report."""
        from M3DValidationLib.InSlicer.SceneComparison import comparisonReport

        parameters, comparison = self._parameters, self._comparison
        self.ui.comparisonLabel.text = ""
        with errorsShown(_("The report was not saved."), waitCursor=True):
            from M3DLib.Errors import M3DError

            if not parameters.reportFolder:
                raise M3DError(_("Choose the folder that the report goes to."))
            formats, language = ("json", *facesOf(parameters)), parameters.language
            ensureFaces(formats[1:], language)
            report = comparisonReport(comparison, profileOf(parameters), formats, person=parameters.person)
            folder = pathlib.Path(parameters.reportFolder) / _FOLDER
            files = self.widget.logic.writeReport(report, folder, formats, language.value)
            names = ", ".join(file.name for file in files if file.stem == "report")
            self.ui.comparisonLabel.text = _("Written to {folder}: {names}").format(folder=folder, names=names)

    def _removeResults(self):
        from M3DLib.InSlicer.SlicerModelNodes import removeNode

        for node in slicer.util.getNodesByClass("vtkMRMLTableNode"):
            if node.GetAttribute(_OWN):
                slicer.mrmlScene.RemoveNode(node)
        for node in slicer.util.getNodesByClass("vtkMRMLModelNode"):
            if node.GetAttribute(_OWN):
                colors = node.GetDisplayNode().GetColorNode() if node.GetDisplayNode() is not None else None
                removeNode(node, slicer.mrmlScene)
                if colors is not None and colors.GetAttribute("M3DValidation.Colors"):
                    slicer.mrmlScene.RemoveNode(colors)


def comparisonText(comparison, name, referenceName):
    """The figures in words; why there are none, where the alignment is doubtful."""
    if comparison.facts is None:
        doubts = map(translatedMessage, comparison.alignment.doubts)
        return "\n".join([_("The alignment is doubtful, so nothing is said of deviations:"), *doubts])
    facts = comparison.facts
    lines = [_("{name} against {reference}").format(name=name, reference=referenceName)]
    lines.append(_("Alignment: {text}").format(text=translatedMessage(facts["registration"])))
    if facts["meanSigned"] is not None:
        lines.append(
            _("Mean {mean:+.3f} mm (positive: {name} too small), 95 % within {p95:.3f} mm").format(
                mean=facts["meanSigned"], name=name, p95=facts["p95Absolute"]
            )
        )
        lines.append(
            _("Smallest {low:+.3f} mm, largest {high:+.3f} mm").format(low=facts["minSigned"], high=facts["maxSigned"])
        )
        lines.append(
            _("{share:.2f} % of the area within {tolerance:g} mm").format(
                share=100 * facts["withinTolerance"], tolerance=facts["tolerance"]
            )
        )
    lines += map(translatedMessage, comparison.part.notes)
    for entry in facts["notMeasured"]:
        lines.append(
            _("Not compared: {share:.2f} % of the area ({reason})").format(
                share=100 * entry["areaShare"], reason=translatedMessage(entry["reason"])
            )
        )
    return "\n".join(lines)
