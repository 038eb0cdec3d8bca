"""What this software calls itself in everything it writes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

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


def withApplication(versions: Sequence[str], version: str) -> list[str]:
    """Software versions that name the running application, in place of the package of its libraries, if any.

    :param version: of 3D Slicer.
    """
    return [*(entry for entry in versions if not entry.startswith("3D Slicer ")), f"3D Slicer {version}"]
