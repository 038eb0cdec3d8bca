"""Two models compared in the panel: the figures in words, and a map of the differences."""

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.PanelActions import PanelActions

_MAP = "M3DValidation.Comparison"


class ComparisonView(PanelActions):
    """Compares the two models that the parameters name; its widgets are those of ``M3DValidation.ui``."""

    def __init__(self, ui, widget):
        super().__init__(ui, widget)
        self._parameters = None
        self._compared = None
        ui.compareButton.connect("clicked()", self._onCompare)

    def show(self, parameters):
        """Enable what can be done with these parameters; None for none."""
        self._parameters = parameters
        if parameters is None:
            return
        model, reference = parameters.comparedModel, parameters.comparisonReference
        self.ui.compareButton.enabled = model is not None and reference is not None and model is not reference
        if self._compared is not None and self._compared != self._choice():
            # Figures of other models would be read as those of the models that are chosen.
            self._compared = None
            self.ui.comparisonBrowser.plainText = ""

    def _choice(self):
        parameters = self._parameters
        nodes = parameters.comparedModel, parameters.comparisonReference
        return (
            *(node.GetID() if node is not None else "" for node in nodes),
            parameters.comparisonTolerance,
            parameters.alignFirst,
        )

    def _onCompare(self):
        parameters, found = self._parameters, []
        model, reference = parameters.comparedModel, parameters.comparisonReference
        tolerance, align, choice = parameters.comparisonTolerance, parameters.alignFirst, self._choice()
        self.ui.comparisonBrowser.plainText = ""
        if self.work(
            _("Comparing"),
            lambda progress: found.append(self._compare(model, reference, tolerance, align, progress)),
            self.ui.comparisonLabel,
            failed=_("The models could not be compared."),
            reason=_("Not compared: {reason}"),
            stopped=_("Stopped."),
        ):
            (comparison,) = found
            self._removeMap()
            if comparison.map is not None:
                self._showMap(comparison.map, model, tolerance)
            self._compared = choice
            self.ui.comparisonBrowser.plainText = comparisonText(comparison, model.GetName(), reference.GetName())

    def _compare(self, model, reference, tolerance, align, progress):
        """Compare, and put it on the record of the case."""
        from M3DLib.InSlicer.SceneCase import onRecord
        from M3DLib.SlicerAdaptors import applicationDatabase
        from M3DValidationLib.InSlicer.SceneComparison import compareModels

        said = {"command": "M3D Validation", "model": model.GetName(), "reference": reference.GetName()}
        said |= {"tolerance": tolerance, "align": align}
        folder, who = self._parameters.caseFolder, self.case.who()
        with onRecord(folder, "compared", None, applicationDatabase(), said, **who) as work:
            comparison = compareModels(model, reference, tolerance, align, progress)
            work.result = comparison.facts or {"doubts": list(comparison.alignment.doubts)}
        return comparison

    def _showMap(self, deviation, model, tolerance):
        from M3DValidationLib.InSlicer.DeviationDisplay import addLegend, legendViews, showDeviation
        from M3DValidationLib.InSlicer.ResultNodes import addMap

        node = addMap(deviation, _("{name}, compared").format(name=model.GetName()), slicer.mrmlScene)
        node.SetAttribute(_MAP, "1")
        showDeviation(node, 2 * tolerance, tolerance)
        addLegend(node, viewIds=legendViews(slicer.mrmlScene))

    def _removeMap(self):
        from M3DLib.InSlicer.SlicerModelNodes import removeNode

        for node in slicer.util.getNodesByClass("vtkMRMLModelNode"):
            if node.GetAttribute(_MAP):
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
    lines.append(_("Alignment: {text}").format(text=facts["registration"]))
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
    for entry in facts["notMeasured"]:
        lines.append(
            _("Not compared: {share:.2f} % of the area ({reason})").format(
                share=100 * entry["areaShare"], reason=entry["reason"]
            )
        )
    return "\n".join(lines)
