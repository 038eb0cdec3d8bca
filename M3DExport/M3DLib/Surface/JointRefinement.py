"""Surfaces of segments that touch, moved to the image's edge together: what was one border stays one.

Each sheet of the net (``SharedBorders``) is measured for itself, by its own contrast, and moved as a surface of its
own. Where sheets meet, along the rims, a vertex goes where all of them ask it to: the faces of two halves of a ball
stay in the plane of the cut while its rim follows the ball. Every vertex of the net has one place, so that no gap and
no overlap can arise; that the sheets do not pass through each other is looked at for the net as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..Distance.DeviationMap import DeviationMap
from ..Errors import M3DError
from ..Image.ImageVolume import ImageVolume
from ..Mesh.MeshGeometry import vertexAreas
from ..Mesh.TriangleMesh import TriangleMesh
from .EdgeTargets import STAYING, EdgeTargets, Motion
from .MovingSheet import MovingSheet, withinLimit
from .Neighborhood import Neighborhood
from .ScanBorder import ScanBorder
from .SharedBorders import SharedBorders
from .SoundMoves import withoutNewIntersections
from .SurfaceRecord import NO_EDGE, movedSurely, refinementRecord, unmoved

# Smaller sheets are not measured, they follow what lies around them.
FEWEST = 60
# A border that is reliably measured at less of its vertices than this is not one that the image shows.
SHOWN_SHARE = 0.5
# Contrast of a border, as a share of its usual one, beyond which an edge is that of another surface nearby.
UNUSUAL = 0.35
# Within so many standard deviations of the blur of a rim several edges are in one, and theirs have little say.
BLURS_TO_RIM, SAY_NEAR_RIM = 1.5, 0.5
# How little a vertex of a rim is moved in directions that no sheet asks for.
DAMPING = 0.01
# Rings of triangles that give way to the sideways motion of a rim.
RINGS = 12
# Steps by which vertices come to lie evenly along a rim and in so many rings beside it.
EVENINGS, EVENED_RINGS = 6, 3
SIDES = ((0, 1), (1, 2), (2, 0))
# Rounds in which folds are evened out before vertices go back: with more, sheets draw each other along.
EVENINGS = 1
# Farther from its place by so much (mm) than at first, a vertex that gave way goes back.
FARTHER = 0.1
# How often vertices are taken back together where a surface of the net passes through itself on its own.
MOST_ROUNDS = 6


class JointRefinement:
    """Several surfaces on their way, as one net."""

    def __init__(self, meshes: Sequence[TriangleMesh], borders: SharedBorders, image: ImageVolume, limit: float):
        self.meshes, self.net, self.image, self.limit = meshes, borders, image, limit
        self.start = borders.points.astype(np.float32).astype(np.float64)
        self.points = self.start.copy()
        count = len(self.start)
        self.fixed = np.zeros(count, dtype=bool)
        # What became one place already went from where each surface had it.
        self.reach = np.full(count, limit)
        for mesh, own, held in zip(meshes, borders.vertices, borders.held, strict=True):
            self.fixed[own[held]] = True
            gone = np.linalg.norm(mesh.points - self.start[own], axis=1)
            self.reach[own] = np.minimum(self.reach[own], np.maximum(limit - gone, 0))
        triangles = np.concatenate([sheet.triangles for sheet in borders.sheets])
        self.border = ScanBorder(self.start, triangles, image, limit)
        self.numbers, self.sheets = [], []
        for sheet in borders.sheets:
            numbers = np.unique(sheet.triangles)
            place = np.zeros(count, dtype=np.int64)
            place[numbers] = np.arange(len(numbers))
            surface = TriangleMesh(self.start[numbers], place[sheet.triangles], " and ".join(self._names(sheet.owners)))
            self.numbers.append(numbers)
            self.sheets.append(MovingSheet(surface, image, limit, self.fixed[numbers]))
        # Sheets at each vertex; rims are where there are several.
        self.times = np.bincount(np.concatenate(self.numbers), minlength=count)
        self.alongRims = self._neighborsAlongRims()
        self.nearRim = []
        for numbers, sheet in zip(self.numbers, self.sheets, strict=True):
            sheet.rim = self.times[numbers] > 1
            self.nearRim.append(_distanceTo(sheet.rim, sheet.start))

    def _neighborsAlongRims(self):
        """The mean over the neighbors along the rims of each of their vertices, as a sparse matrix."""
        from scipy.sparse import coo_matrix, diags

        rim = self.times > 1
        number = np.cumsum(rim) - 1
        ends = np.concatenate([sheet.triangles[:, [a, b]] for sheet in self.net.sheets for a, b in SIDES])
        ends = ends[rim[ends].all(axis=1)]
        ends = number[np.concatenate([ends, ends[:, ::-1]])]
        count = int(rim.sum())
        matrix = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count)).tocsr()
        matrix.data[:] = 1
        degree = np.asarray(matrix.sum(axis=1)).ravel()
        # A vertex without neighbors stays where it is.
        return diags(1 / np.maximum(degree, 1)) @ matrix + diags((degree == 0) * 1.0)

    def _names(self, owners: tuple[int, ...]) -> list[str]:
        return [self.meshes[owner].name for owner in owners]

    def run(self, rounds: int, progress: Callable[[float], None]) -> list[TriangleMesh]:
        """The surfaces at the edge, with what was done to them in their records."""
        sizes = [len(sheet.points) for sheet in self.sheets]
        share = 0.8 / rounds / sum(sizes)
        for number in range(rounds):
            last = number == rounds - 1
            for which, sheet in enumerate(self.sheets):
                done = 0.8 * number / rounds + share * sum(sizes[:which])
                self._moveSheet(
                    which,
                    sheet,
                    lambda part, text, done=done, size=sizes[which]: progress(done + share * size * part),
                    last,
                )
            self._join(last)
        known = [number for number in range(len(self.sheets)) if not self._silent(number)]
        sheets = [self.sheets[number] for number in known]
        if not any(movedSurely(sheet.motion, sheet.deviation).any() for sheet in sheets):
            return self._leftWhole(NO_EDGE if known else self._whyNotKnown())
        heldBack = self._madeSound(lambda done, text: progress(0.8 + 0.2 * done))
        return [self._result(number, heldBack) for number in range(len(self.meshes))]

    def _moveSheet(self, which: int, sheet: MovingSheet, progress: Callable[[float, str], None], last: bool) -> None:
        if len(sheet.points) < FEWEST:
            return
        try:
            sheet.move(progress, lambda sheet, targets: self._asOfSheet(which, sheet, targets), last=last)
        except M3DError:
            # Outside of the scan: nothing is known of it, and it follows.
            sheet.deviation = None

    def _asOfSheet(self, which: int, sheet: MovingSheet, targets: EdgeTargets) -> None:
        """Of a rim and what is nearer to it than the blur, where several edges are in one, little or nothing counts."""
        if len(self.net.sheets[which].owners) == 2:
            self._onlyOfBorder(sheet, targets)
        blurred = self.nearRim[which] < BLURS_TO_RIM * sheet.deviation.settings["edgeWidthSd"]
        targets.weight[blurred] *= SAY_NEAR_RIM
        targets.weight[sheet.rim], targets.sure[sheet.rim] = 0, False

    @staticmethod
    def _onlyOfBorder(sheet: MovingSheet, targets: EdgeTargets) -> None:
        """Of a border between two segments only edges count that are this border's by their contrast."""
        contrast = sheet.deviation.contrastToNoise
        usual = float(np.median(contrast[targets.sure])) if targets.sure.any() else 0.0
        with np.errstate(invalid="ignore", divide="ignore"):
            other = ~(np.abs(contrast / usual - 1) <= UNUSUAL)
        if (targets.sure & ~other).mean() < SHOWN_SHARE:
            other[:] = True
            # Nothing shows this border: it stays.
            targets.weight[:] = STAYING**-2
            gone = np.einsum("ni,ni->n", sheet.points - sheet.start, sheet.deviation.normals.astype(np.float64))
            targets.distance[:] = -gone
            targets.motion[:] = Motion.LEFT
        else:
            dropped = other & (targets.motion == Motion.MOVED)
            targets.weight[dropped] = 0
            targets.motion[dropped] = Motion.LEFT
        targets.sure[other] = False

    def _silent(self, number: int) -> bool:
        sheet = self.sheets[number]
        return sheet.deviation is None or not sheet.known

    def _join(self, last: bool) -> None:
        """One place for every vertex, from what its sheets ask for; they lie there afterwards.

        :param last: of the last measurement, that decides whether anybody knows how sure the edge of a sheet is.
        """
        count = len(self.start)
        system, right = np.zeros((count, 3, 3)), np.zeros((count, 3))
        away = np.zeros((count, 3))
        for numbers, sheet in zip(self.numbers, self.sheets, strict=True):
            if sheet.deviation is None or (last and not sheet.known):
                continue
            away[numbers] = sheet.points - sheet.start
            places = sheet.places
            if places is None:
                continue
            n, rim = places.normals, numbers[sheet.rim]
            system[rim] += n[:, :, None] * n[:, None, :]
            right[rim] += n * places.height[:, None]
        rims = np.flatnonzero(self.times > 1)
        away[rims] = np.linalg.solve(system[rims] + DAMPING * np.eye(3), right[rims][:, :, None])[:, :, 0]
        self._evenAlongRims(rims, system[rims], away)
        for numbers, sheet in zip(self.numbers, self.sheets, strict=True):
            away[numbers] = self._givenWay(sheet, away[numbers])
        away = self.border.inPlanes(away)
        away[self.fixed] = 0
        withinLimit(away, self.reach)
        self.points = self.start + away
        for numbers, sheet in zip(self.numbers, self.sheets, strict=True):
            sheet.points = self.points[numbers]

    def _evenAlongRims(self, rims: np.ndarray, system: np.ndarray, away: np.ndarray) -> None:
        """Have the vertices of rims lie evenly along them: nothing else tells how far they go in that direction."""
        if not len(rims):
            return
        along = np.linalg.eigh(system)[1][:, :, 0]
        for _ in range(EVENINGS):
            places = self.start[rims] + away[rims]
            toMiddle = self.alongRims @ places - places
            away[rims] += 0.5 * np.einsum("ri,ri->r", toMiddle, along)[:, None] * along

    def _givenWay(self, sheet: MovingSheet, away: np.ndarray) -> np.ndarray:
        """Displacements (n, 3) of a sheet whose triangles near the rim go sideways along with it."""
        rim = sheet.rim
        if not rim.any():
            return away
        if sheet.deviation is None:
            inner = ~rim
            for _ in range(RINGS):
                away[inner] = sheet.neighborhood.mean(away)[inner]
            return away
        normals = sheet.deviation.normals.astype(np.float64)
        along = np.where(rim[:, None], away, 0.0)
        along -= np.einsum("ni,ni->n", along, normals)[:, None] * normals
        for _ in range(RINGS):
            spread = sheet.neighborhood.mean(along)
            along[~rim] = spread[~rim]
        along -= np.einsum("ni,ni->n", along, normals)[:, None] * normals
        away[~rim] += along[~rim]
        near = rim.astype(np.float64)
        for _ in range(EVENED_RINGS):
            near = np.maximum(near, (sheet.neighborhood.mean(near) > 0) * 0.5)
        near = (near > 0) & ~rim
        for _ in range(EVENINGS):
            places = sheet.start + away
            toMiddle = sheet.neighborhood.difference(places)[near]
            toMiddle -= np.einsum("ni,ni->n", toMiddle, normals[near])[:, None] * normals[near]
            away[near] += 0.5 * toMiddle
        return away

    def _madeSound(self, progress: Callable[[float, str], None]) -> np.ndarray:
        """Take moves back by which sheets would pass through each other or a surface through itself, bool (v,).

        What is farther from its place afterwards than it was at first goes back wholly: both sides of the halo that a
        threshold leaves around metal ask for the same edge, and whoever gives way would draw the other along.
        """
        wanted = self.points
        heldBack = self._allSound(progress, EVENINGS)
        gone, left = (np.linalg.norm(points - wanted, axis=1) for points in (self.points, self.start))
        worse = heldBack & (gone > left + FARTHER)
        if worse.any():
            self.points = np.where(worse[:, None], self.start, self.points)
            heldBack |= self._allSound(progress, 0)
        return heldBack

    def _allSound(self, progress: Callable[[float, str], None], evenings: int) -> np.ndarray:
        triangles = np.concatenate([sheet.triangles for sheet in self.net.sheets])
        own = [self.net.vertices[number][mesh.triangles] for number, mesh in enumerate(self.meshes)]
        heldBack = np.zeros(len(self.start), dtype=bool)
        for _ in range(MOST_ROUNDS):
            before = self.points
            for some in (triangles, *own):
                self.points, held = self._sound(some, evenings, progress)
                heldBack |= held
            if np.array_equal(before, self.points):
                break
        return heldBack

    def _sound(
        self, triangles: np.ndarray, evenings: int, progress: Callable[[float, str], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        numbers = np.unique(triangles)
        place = np.zeros(len(self.start), dtype=np.int64)
        place[numbers] = np.arange(len(numbers))
        part = TriangleMesh(self.start[numbers], place[triangles])
        points, held = withoutNewIntersections(
            self.start[numbers],
            self.points[numbers],
            part.triangles,
            neighborhood=Neighborhood(part),
            limit=self.limit,
            fixed=self.fixed[numbers],
            border=ScanBorder(self.start[numbers], part.triangles, self.image, self.limit),
            evenings=evenings,
            halvings=evenings,
            progress=progress,
        )
        result, heldBack = self.points.copy(), np.zeros(len(self.start), dtype=bool)
        result[numbers], heldBack[numbers] = points, held
        return result, heldBack

    def _result(self, number: int, heldBack: np.ndarray) -> TriangleMesh:
        mesh, own = self.meshes[number], self.net.vertices[number]
        result, motion, shared = self._fates(number, self.points[own])
        areas = vertexAreas(result)
        result.record["refinement"] = refinementRecord(
            np.linalg.norm(result.points.astype(np.float64) - mesh.points, axis=1),
            np.where(heldBack[own], Motion.HELD, motion),
            areas,
            self._largest(self._sheetsOf(number)),
            limit=self.limit,
            heldBack=int(heldBack[own].sum()),
            sharedShare=float(areas[shared].sum() / areas.sum()),
        )
        return result

    def _sheetsOf(self, number: int) -> list[int]:
        """Numbers of the sheets of a surface, its borders with others first."""
        sheets = self.net.sheets
        ofMesh = [which for which, sheet in enumerate(sheets) if number in sheet.owners]
        return sorted(ofMesh, key=lambda which: len(sheets[which].owners), reverse=True)

    def _fates(self, number: int, points: np.ndarray) -> tuple[TriangleMesh, np.ndarray, np.ndarray]:
        """A surface at other points (n, 3), what became of each vertex, and which are shared with another segment."""
        mesh, own = self.meshes[number], self.net.vertices[number]
        motion, shared = np.full(len(self.start), Motion.LEFT, dtype=np.uint8), np.zeros(len(self.start), dtype=bool)
        for which in self._sheetsOf(number):
            motion[self.numbers[which]] = Motion.HELD if self._silent(which) else self.sheets[which].motion
            shared[self.numbers[which]] |= len(self.net.sheets[which].owners) == 2
        return _copyAt(mesh, points), motion[own], shared[own]

    def _largest(self, which: list[int]) -> DeviationMap | None:
        """The measurement of the largest of some sheets, of those first of which it is known how sure they are."""
        measured = [number for number in which if self.sheets[number].deviation is not None]
        known = [number for number in measured if self.sheets[number].known] or measured
        largest = max(known, key=lambda number: len(self.sheets[number].points), default=None)
        return None if largest is None else self.sheets[largest].deviation

    def _leftWhole(self, reason: str) -> list[TriangleMesh]:
        results = []
        for number, mesh in enumerate(self.meshes):
            result, motion, _ = self._fates(number, mesh.points)
            result.record["refinement"] = unmoved(reason, motion, vertexAreas(mesh), self.limit)
            results.append(result)
        return results

    def _whyNotKnown(self) -> str:
        deviation = self._largest(list(range(len(self.sheets))))
        return NO_EDGE if deviation is None else deviation.calibration["statement"]


def _distanceTo(which: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance of each point (n, 3) to the nearest of those chosen, mm; infinite where none are."""
    from scipy.spatial import cKDTree

    return cKDTree(points[which]).query(points)[0] if which.any() else np.full(len(points), np.inf)


def _copyAt(mesh: TriangleMesh, points: np.ndarray) -> TriangleMesh:
    return TriangleMesh(points, mesh.triangles, mesh.name, mesh.color, mesh.opacity, record=dict(mesh.record))
