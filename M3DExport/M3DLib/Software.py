"""What this software calls itself in everything it writes."""

from __future__ import annotations

import contextlib

NAME = "SlicerM3D"
VERSION = "0.1.0"


def softwareVersions() -> list[str]:
    """This software and the parts that shape a mesh or write the object, as Software Versions (0018,1020) lists them.

    Only parts that are already loaded are asked for their version: others had no hand in the result.
    """
    import sys
    from importlib import metadata

    versions = [f"{NAME} {VERSION}"]
    if "slicer" in sys.modules or "vtkSegmentationCorePython" in sys.modules:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions.append(f"3D Slicer {metadata.version('slicer-core')}")
    if "vtk" in sys.modules or "vtkmodules" in sys.modules:
        from vtkmodules.vtkCommonCore import vtkVersion

        versions.append(f"VTK {vtkVersion.GetVTKVersion()}")
    for module in ("SimpleITK", "pydicom"):
        version = getattr(sys.modules.get(module), "__version__", None)
        if isinstance(version, str) and version:
            versions.append(f"{module} {version}")
    return versions
