"""What every check is given and what it gives back. Checks share nothing but the case."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from M3DLib.Errors import noProgress

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DLib.Mesh.TriangleMesh import TriangleMesh
    from M3DLib.MeshFiles.MeshNotes import MeshNotes
    from M3DLib.Segmentation.Segment import Segment

    from .Profile import Profile
    from .Reference.ReferenceReader import CalibrationObject, ReferenceDistance
    from .Requirement import Finding

# Checks run beside each other; what several of them need is measured by the first that asks.
_measuring = threading.RLock()


@dataclass
class Case:
    """What is to be validated; any part may be missing, and the checks that need it are then left out.

    :ivar image: the scan the model was made from.
    :ivar control: another series of the same frame of reference, to judge a refined surface by.
    :ivar segment: the voxels of the anatomy of interest.
    :ivar otherSegments: further segments of the same segmentation, for the overlap check.
    :ivar mesh: the model, LPS mm.
    :ivar meshNotes: what the mesh's file said of itself; None when it was made here.
    :ivar surfaceParameters: how the mesh was made from the segment, where known.
    :ivar references: distances the user wants measured, with nominal values and caliper readings.
    :ivar calibrationObjects: bodies of known size in the image.
    :ivar options: what the user set for this run, by name ("tolerance", "minWall", ...), in mm.
    :ivar part: why the model is meant to be a part of the anatomy only, in the words of who declares it; "" when nobody
        does.
    :ivar missing: why a part of the case ("mesh", "segment") is missing although it was asked for, in one sentence
        each; the checks that need it are then not assessable instead of left out.
    :ivar title: what the model is called where several are told apart; its segment's or its file's name when "".
    :ivar leftOut: what of the input was left out (empty segments), one sentence each; of the first case of a run.
    :ivar early: checks that were begun while the mesh was being made; None for none.
    :ivar measurements: what one check has measured and others may need too, by name; filled on demand.
    """

    profile: Profile
    image: ImageVolume | None = None
    segment: Segment | None = None
    otherSegments: list[Segment] = field(default_factory=list)
    mesh: TriangleMesh | None = None
    meshNotes: MeshNotes | None = None
    surfaceParameters: SurfaceParameters | None = None
    references: list[ReferenceDistance] = field(default_factory=list)
    calibrationObjects: list[CalibrationObject] = field(default_factory=list)
    options: dict = field(default_factory=dict)
    part: str = ""
    missing: dict[str, str] = field(default_factory=dict)
    leftOut: list[str] = field(default_factory=list)
    control: ImageVolume | None = None
    measurements: dict = field(default_factory=dict, repr=False)
    title: str = ""
    early: BegunChecks | None = field(default=None, repr=False)

    def measured(self, name: str, measure: Callable[[], Any]) -> Any:
        """What is kept under a name in ``measurements``; measured when first asked for, by one thread at a time."""
        if name not in self.measurements:
            with _measuring:
                if name not in self.measurements:
                    self.measurements[name] = measure()
        return self.measurements[name]

    @property
    def name(self) -> str:
        """What the case is called in the report: title, segment or mesh; "" for a scan alone."""
        own = self.segment.name if self.segment is not None else self.mesh.name if self.mesh is not None else ""
        return self.title or own


class BegunChecks(Protocol):
    """Checks that were begun before a case was whole."""

    def take(self, check: Check) -> list[Finding] | None:
        """Findings of a check, waited for where it is at work; None when it was not begun, and then never is.

        :raises Exception: what the check has raised.
        """
        ...


class Check(Protocol):
    """One family of findings on one kind of input.

    :cvar requirementIds: the requirements this check answers; :meth:`run` gives at least one finding for each of them
        that the profile holds.
    :cvar comparesWithScan: True for the checks that rest on the comparison of model and scan, which takes as long as
        all others together: they run beside the others.
    :cvar aboutImageAlone: True for the checks whose findings are the same whatever segment and model are looked at.
    :cvar needsNoMesh: True for the checks of scan and segment that come to the same whether and how a mesh is made.
    """

    requirementIds: tuple[str, ...]

    def canRun(self, case: Case) -> bool:
        """Whether the case holds the kind of input this check is about."""
        ...

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> Iterable[Finding]:
        """Findings; never prints, never changes the case, raises M3DError only for what no verdict can express."""
        ...
