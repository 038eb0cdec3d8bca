"""The map of deviations in the views: colors, legend, histogram, and the value under the cursor."""

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.PanelActions import errorsShown

# How near to the surface the cursor must be for its deviation to be shown, mm.
_WITHIN = 2.0


class DeviationView:
    """Shows the maps of the results that the parameters name.

    :param ui: the widgets of ``M3DValidation.ui``.
    :param widget: the module's widget, which observes the cursor.
    """

    def __init__(self, ui, widget):
        self.ui = ui
        self.widget = widget
        self._parameters = None
        self._colored = None
        self._probes = []
        ui.showMapButton.connect("clicked()", self.bringIntoView)

    def show(self, parameters):
        """Color the maps as these parameters say; None for none."""
        self._parameters = parameters
        maps = self._maps()
        self.ui.deviationCollapsibleButton.enabled = bool(maps)
        if not maps:
            self.cleanup()
            return
        choice = (
            tuple(node.GetID() for node in maps),
            parameters.displayRange,
            parameters.bands,
            parameters.reliableOnly,
        )
        if self._probes and [node.GetID() for node, _probe in self._probes] != list(choice[0]):
            # Those of earlier results.
            self.cleanup()
        if choice != self._colored:
            self._colored = choice
            self._color(maps)

    def cleanup(self):
        """Stop following the cursor."""
        crosshair = self._crosshair()
        if crosshair is not None and self._probes:
            self.widget.removeObserver(crosshair, crosshair.CursorPositionModifiedEvent, self._onCursor)
        self._probes = []
        self._colored = None
        self.ui.probeLabel.text = ""

    def _maps(self):
        from M3DValidationLib.InSlicer.ResultNodes import isReport, mapsOf

        report = self._parameters.report if self._parameters is not None else None
        return mapsOf(report) if isReport(report) else []

    def _color(self, maps):
        from M3DValidationLib.InSlicer.DeviationDisplay import showDeviation, toleranceOf

        parameters = self._parameters
        tolerance = toleranceOf(parameters.report)
        for node in maps:
            showDeviation(node, parameters.displayRange, tolerance, parameters.bands, parameters.reliableOnly)
        self.ui.deviationLabel.text = _(
            "Blue: mesh too large. Orange: mesh too small. Full color at {reach:g} mm, tolerance {tolerance:g} mm. "
            "Dark gray: not measured."
        ).format(reach=parameters.displayRange, tolerance=tolerance)

    def reveal(self):
        """Bring the map into view where it is not shown yet; what the user has arranged since stays as it is."""
        if self._maps() and not self._probes:
            self.bringIntoView()

    def bringIntoView(self):
        """Bring map, legend and histogram into view, and follow the cursor."""
        from M3DValidationLib.InSlicer.DeviationDisplay import DeviationProbe, addLegend
        from M3DValidationLib.InSlicer.ResultNodes import CHART

        maps = self._maps()
        with errorsShown(_("The map cannot be shown."), waitCursor=True):
            for node in maps:
                node.GetDisplayNode().SetVisibility(True)
                addLegend(node)
            self._hideInput()
            self._showChart(self._parameters.report.GetNodeReference(CHART))
            if slicer.util.mainWindow() is not None:
                slicer.util.resetThreeDViews()
            if not self._probes:
                self._probes = [(node, DeviationProbe(node)) for node in maps]
                crosshair = self._crosshair()
                if crosshair is not None:
                    self.widget.addObserver(crosshair, crosshair.CursorPositionModifiedEvent, self._onCursor)
            self.ui.probeLabel.text = _("Move the mouse over the model's outline in a slice view; in 3D hold Shift.")

    def _hideInput(self):
        """The model or segment itself would cover its map."""
        node = self._parameters.inputNode
        if node is not None and node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility3D(False)

    def _showChart(self, chart):
        manager = slicer.app.layoutManager()
        if chart is None or manager is None:
            return
        # The plots' own logic would choose a layout that has the plot in the place of the 3D view.
        manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalPlotView)
        for view in slicer.util.getNodesByClass("vtkMRMLPlotViewNode"):
            view.SetPlotChartNodeID(chart.GetID())

    @staticmethod
    def _crosshair():
        return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")

    def _onCursor(self, crosshair, event=None):
        position = [0.0, 0.0, 0.0]
        if not crosshair.GetCursorPositionRAS(position):
            self.ui.probeLabel.text = ""
            return
        found = []
        for node, probe in self._probes:
            local = [0.0, 0.0, 0.0]
            node.TransformPointFromWorld(position, local)
            probed = probe.at(tuple(local), _WITHIN)
            if probed is not None:
                found.append(probed)
        nearest = min(found, key=lambda probed: probed.awayMm, default=None)
        self.ui.probeLabel.text = probeText(nearest) if nearest is not None else _("No surface here.")


def probeText(probed):
    """What the map says at one place, in words."""
    if probed.distance is None:
        return _("Not measured: {reason}.").format(reason=probed.reason)
    side = _("mesh too small") if probed.distance > 0 else _("mesh too large")
    words = _("{distance:+.3f} mm ({side})").format(distance=probed.distance, side=side)
    if probed.reason:
        return _("{words}, not reliable: {reason}").format(words=words, reason=probed.reason)
    if probed.uncertainty is None:
        return _("{words}, reliable; no uncertainty is stated for this image").format(words=words)
    return _("{words}, reliable, ± {uncertainty:.3f} mm (95 %)").format(words=words, uncertainty=probed.uncertainty)
