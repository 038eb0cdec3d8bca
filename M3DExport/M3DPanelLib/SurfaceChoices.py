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

    :param parameters: with ``method``, ``smoothing``, ``decimation``, ``refine``, ``refineRange`` (mm; 0 for what
        the library takes by itself, the largest voxel edge) and ``maxError`` (mm; 0 for all triangles).
    :return: ``M3DLib.Mesh.SurfaceParameters.SurfaceParameters``.
    """
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

    reach = parameters.refineRange if parameters.refine and parameters.refineRange > 0 else None
    return SurfaceParameters(
        parameters.method.value,
        parameters.smoothing,
        parameters.decimation,
        parameters.refine,
        reach,
        parameters.maxError if parameters.maxError > 0 else None,
    )


def takeSurface(parameters, surface):
    """Let a panel say the surface parameters that something was made with."""
    parameters.method = SurfaceMethod(surface.method)
    parameters.smoothing = surface.smoothing
    parameters.decimation = surface.decimation
    parameters.refine = surface.refine
    parameters.refineRange = surface.refineRange or 0.0
    parameters.maxError = surface.maxError or 0.0
