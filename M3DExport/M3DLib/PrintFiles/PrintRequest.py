"""Which files are wanted beside a model's object, and how."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass

from ..Errors import M3DError
from ..ModelFiles.ModelFile import FORMATS

# Formats that hold several models as objects of their own; of the others each model gets a file.
ASSEMBLIES = ("3mf", "amf", "obj", "glb")
# Python packages that are no part of the installation.
_NEEDED = {"3mf": "lib3mf"}


@dataclass(frozen=True)
class PrintRequest:
    """What the user asks for.

    :ivar kinds: of ``FORMATS``, each once; empty for no file.
    :ivar buildPlate: move all models together to the origin and onto the plane z = 0, and record the way back.
    :ivar withIdentity: leave names as they are, and write the patient's name and number into the files.
    :ivar plainAmf: AMF as plain text instead of zipped.
    """

    kinds: tuple[str, ...] = ()
    buildPlate: bool = False
    withIdentity: bool = False
    plainAmf: bool = False

    def __bool__(self) -> bool:
        return bool(self.kinds)

    def requirePossible(self) -> None:
        """Refuse before any work what cannot be done after it.

        :raises M3DError: a package is missing, or the choices contradict each other.
        """
        problems = [
            f"{kind.upper()} files are written by the Python package '{package}'; install it "
            "(pip install 'SlicerM3D[mesh-formats]')."
            for kind, package in _NEEDED.items()
            if kind in self.kinds and importlib.util.find_spec(package) is None
        ]
        if self.buildPlate and "stl" in self.kinds:
            problems.append(
                "--build-plate does not go with STL, which is written byte for byte as in the DICOM object and has no "
                "room for the way back; choose 3MF, for example."
            )
        if self.buildPlate and not self.kinds:
            problems.append("--build-plate moves the models of loose files; say with --files which.")
        if problems:
            raise M3DError(problems)


def kindsOf(text: str) -> tuple[str, ...]:
    """The formats in a list as "stl,3mf", each once, in the order of ``FORMATS``.

    :raises M3DError: one of them is unknown, or there is none.
    """
    wanted = [part.strip().lower().removeprefix(".") for part in re.split(r"[,\s]+", text) if part]
    unknown = [part for part in wanted if part not in FORMATS]
    if unknown:
        raise M3DError(f"'{unknown[0]}' is no format that models are written in; choose from {', '.join(FORMATS)}.")
    if not wanted:
        raise M3DError(f"No format is named; choose from {', '.join(FORMATS)}.")
    return tuple(kind for kind in FORMATS if kind in wanted)
