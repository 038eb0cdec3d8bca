"""The map of deviations in the views: colors, legend, histogram, and the value under the cursor."""

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.PanelActions import errorsShown

# How near to the surface the cursor must be for its deviation to be shown, mm.
_WITHIN = 2.0


class DeviationView:
    """Shows the maps of the results that the parameters name; *Show map* is down as long as they are shown.

    :param ui: the widgets of ``M3DValidation.ui``.
    :param widget: the module's widget, which observes the cursor.
    """

    def __init__(self, ui, widget):
        from M3DLib.InSlicer.InputHider import InputHider

        self.ui = ui
        self.widget = widget
        self._parameters = None
        self._colored = None
        self._probes = []
        self._hider = InputHider()
        ui.showMapButton.connect("clicked()", self._onButton)

    def show(self, parameters):
        """Color the maps as these parameters say; None for none."""
        self._parameters = parameters
        maps = self._maps()
        self.ui.deviationCollapsibleButton.enabled = bool(maps)
        self.ui.rangeSlider.enabled = parameters is not None and not parameters.bands
        if not maps:
            self.cleanup()
            if parameters is not None:
                self._hider.restore()
                self.ui.showMapButton.checked = False
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
        if self.ui.showMapButton.checked and not self._probes:
            # Shown before: new results take the place of the old, and a panel that is opened again goes on.
            self.bringIntoView(arrange=False)

    def cleanup(self):
        """Stop following the cursor."""
        crosshair = self._crosshair()
        if crosshair is not None and self._probes:
            self.widget.removeObserver(crosshair, crosshair.CursorPositionModifiedEvent, self._onCursor)
        self._probes = []
        self._colored = None
        self.ui.probeLabel.text = ""

    def _report(self):
        from M3DValidationLib.InSlicer.ResultNodes import isReport

        report = self._parameters.report if self._parameters is not None else None
        return report if isReport(report) else None

    def _maps(self):
        from M3DValidationLib.InSlicer.ResultNodes import mapsOf

        report = self._report()
        return mapsOf(report) if report is not None else []

    def _color(self, maps):
        from M3DValidationLib.InSlicer.DeviationDisplay import (
            addLegend,
            legendViews,
            reachOf,
            showDeviation,
            toleranceOf,
        )

        parameters = self._parameters
        tolerance = toleranceOf(parameters.report)
        for node in maps:
            showDeviation(node, parameters.displayRange, tolerance, parameters.bands, parameters.reliableOnly)
            if self.ui.showMapButton.checked:
                addLegend(node, parameters.bands, legendViews(slicer.mrmlScene))
        self.ui.deviationLabel.text = _(
            "Blue: mesh too large. Orange: mesh too small. Full color at {reach:g} mm, tolerance {tolerance:g} mm. "
            "Dark gray: not measured."
        ).format(reach=reachOf(parameters.displayRange, tolerance, parameters.bands), tolerance=tolerance)

    def _onButton(self):
        if self.ui.showMapButton.checked:
            self.bringIntoView()
        else:
            self.hide()

    def reveal(self):
        """Bring the map into view where it is not shown yet; what the user has arranged since stays as it is."""
        if self._maps() and not self.ui.showMapButton.checked:
            self.bringIntoView()

    def bringIntoView(self, arrange=True):
        """Bring map, legend and histogram into view, and follow the cursor.

        :param arrange: whether layout and camera may be changed for it.
        """
        from M3DValidationLib.InSlicer.DeviationDisplay import DeviationProbe, addLegend, legendViews
        from M3DValidationLib.InSlicer.ResultNodes import CHART, INPUT

        maps = self._maps()
        with errorsShown(_("The map cannot be shown."), waitCursor=True):
            for node in maps:
                node.GetDisplayNode().SetVisibility(True)
                addLegend(node, self._parameters.bands, legendViews(slicer.mrmlScene))
            # The segment itself would cover its map.
            self._hider.hide(self._report().GetNodeReference(INPUT))
            self._showChart(self._report().GetNodeReference(CHART), arrange)
            if arrange:
                self._aimCamera(maps)
            if not self._probes:
                self._probes = [(node, DeviationProbe(node)) for node in maps]
                crosshair = self._crosshair()
                if crosshair is not None:
                    self.widget.addObserver(crosshair, crosshair.CursorPositionModifiedEvent, self._onCursor)
            self.ui.probeLabel.text = _("Move the mouse over the model's outline in a slice view; in 3D hold Shift.")
            self.ui.showMapButton.checked = True

    def hide(self):
        """Take map and legend out of the views, and show again what was hidden for them."""
        for node in self._maps():
            for number in range(node.GetNumberOfDisplayNodes()):
                node.GetNthDisplayNode(number).SetVisibility(False)
        self.cleanup()
        self._hider.restore()
        self.ui.showMapButton.checked = False

    def _aimCamera(self, maps):
        """Turn the camera only where the map is not in its picture: a view that the user has chosen stays."""
        from M3DValidationLib.InSlicer.CameraSight import isInSight

        if slicer.util.mainWindow() is None or not maps:
            return
        bounds = [0.0] * 6
        maps[0].GetRASBounds(bounds)
        if not isInSight(slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCameraNode"), bounds):
            slicer.util.resetThreeDViews()

    def _showChart(self, chart, arrange):
        manager = slicer.app.layoutManager()
        if chart is None or manager is None:
            return
        if arrange:
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
        return _("Not measured: {reason}.").format(reason=translatedMessage(probed.reason))
    side = _("mesh too small") if probed.distance > 0 else _("mesh too large")
    words = _("{distance:+.3f} mm ({side})").format(distance=probed.distance, side=side)
    if probed.reason:
        return _("{words}, not reliable: {reason}").format(words=words, reason=translatedMessage(probed.reason))
    if probed.uncertainty is None:
        return _("{words}, reliable; no uncertainty is stated for this image").format(words=words)
    return _("{words}, reliable, ± {uncertainty:.3f} mm (95 %)").format(words=words, uncertainty=probed.uncertainty)
