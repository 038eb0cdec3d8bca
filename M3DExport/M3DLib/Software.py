"""What this software calls itself in everything it writes."""

from __future__ import annotations

NAME = "SlicerM3D"
VERSION = "0.1.0"


def softwareVersions() -> list[str]:
    """This software and the parts that shape a mesh or write the object, as Software Versions (0018,1020) lists them.

    Only parts that are already loaded are asked for their version: others had no hand in the result.
    """
    import sys

    versions = [f"{NAME} {VERSION}"]
    if "vtk" in sys.modules or "vtkmodules" in sys.modules:
        from vtkmodules.vtkCommonCore import vtkVersion

        versions.append(f"VTK {vtkVersion.GetVTKVersion()}")
    for module, name in (("slicer", "3D Slicer"), ("SimpleITK", "SimpleITK"), ("pydicom", "pydicom")):
        version = getattr(sys.modules.get(module), "__version__", None)
        if isinstance(version, str) and version:
            versions.append(f"{name} {version}")
    return versions
