"""How a surface is made of a segment: the same question in every panel.

The keywords are written out here, because the library that knows them is not to be loaded when Slicer starts; a test
compares them with it.
"""

from slicer.i18n import tr as _

from .Choice import Choice


class SurfaceMethod(Choice):
    """How a surface is made from a segment."""

    FLYING_EDGES = "flying-edges", _("flying edges")
    SURFACE_NETS = "surface-nets", _("surface nets")


def surfaceOf(parameters):
    """The surface parameters that a panel says.

    :param parameters: with ``method``, ``smoothing`` and ``decimation``.
    :return: ``M3DLib.Mesh.SurfaceParameters.SurfaceParameters``.
    """
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

    return SurfaceParameters(parameters.method.value, parameters.smoothing, parameters.decimation)
