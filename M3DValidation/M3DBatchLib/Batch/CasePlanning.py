"""From the rows of a table to plans, with everything that can be wrong found before the first case is begun."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError

from .CaseMemory import expectedMemory
from .CasePlan import CasePlan, inputOf
from .CaseTable import LENGTHS, CheckedTable
from .FolderNames import folderClashes, folderProblem

_ANATOMY = ("segmentation", "threshold")
_DESCRIPTION = ("description", "usage")
# Files that stand under the same name on the command line.
_GIVEN = ("image", "segmentation", "mesh", "control-series")
# How a row's plain texts are called on the command line of m3d run.
_TEXT_OPTIONS = ("series", "threshold", "largest", "title", "description", "usage")
# What a row says of how a surface made here is moved and simplified.
_REFINEMENT = ("refine", *LENGTHS)
# Options of all cases that are about a surface made here.
_SURFACE = ("--surface-method", "--smoothing", "--decimation", *(f"--{name}" for name in _REFINEMENT))
_NOT_STORED = (
    "No model is stored: the scan is no DICOM series, so there is no patient and study to store it in; the model is "
    "made and judged all the same."
)
_DICOM_MARK = (128, b"DICM")
# What may be meant by a name under which nothing is found.
_HINTS = {
    "part": " The column names the scan of the printed part; what a model leaves out on purpose is said by m3d run "
    "--part.",
    "control-series": " The column names a folder or a multi-frame file, not a series within the scan's folder.",
}


def planCases(
    checked: CheckedTable,
    table: Path,
    output: Path,
    given: Mapping[str, Sequence[list[Any]]],
    parse: Callable[[list[str]], argparse.Namespace],
) -> list[CasePlan]:
    """A plan for each row.

    :param checked: the table as far as its schema tells; what is wrong with it is said with all the rest.
    :param table: the table's file, to whose folder paths are relative.
    :param output: folder of the batch.
    :param given: options that hold for every case, as [option, value], for each of the commands run, validate, compare.
    :param parse: reads the arguments of a command as the command line does.
    :raises M3DError: lists everything that is wrong, with row and column. A file that is not there is no mistake of the
        table unless that is so in every row: it may have been moved since, and the other cases are done all the same.
    """
    folder, output = table.absolute().parent, output.absolute()
    plans, problems, missing = [], list(checked.problems), []
    for number, values in checked.rows:
        row = _Row(number, values, folder)
        plan = row.plan(given)
        if number not in checked.unsound:
            row.check(plan, parse)
        problems += [f"Row {number}: {problem}" for problem in row.problems]
        missing += [f"Row {number}: {problem}" for problem in row.missing]
        plans.append(replace(plan, remarks=[*plan.remarks, *row.missing]))
    problems += folderClashes(plans) + _places(plans, output)
    problems = problems or _rangeOfNothing(plans, given)
    if problems or all(_isLost(plan, missing) for plan in plans):
        raise M3DError(sorted(dict.fromkeys([*problems, *missing]), key=_rowOf))
    return plans


def _rangeOfNothing(plans: Sequence[CasePlan], given: Mapping[str, Sequence[list[Any]]]) -> list[str]:
    """That the range of refining for all cases is one of none."""
    names = {one[0] for one in given["run"]}
    isAsked = "--refine-range" in names and "--refine" not in names
    if not isAsked or any(["--refine"] in plan.options for plan in plans):
        return []
    return ["--refine-range says nothing without refining; give --refine too, or yes in the column refine."]


def _isLost(plan: CasePlan, missing: Sequence[str]) -> bool:
    return any(_rowOf(one) == plan.row for one in missing)


def _rowOf(problem: str) -> int:
    match = re.match(r"Row (\d+):", problem)
    return int(match[1]) if match else 0


class _Row:
    """One row on its way to a plan."""

    def __init__(self, number: int, values: dict[str, Any], folder: Path):
        self.number, self.values, self.folder = number, values, folder
        self.problems: list[str] = []
        self.missing: list[str] = []
        self.inputs: dict[str, list[str]] = {}

    def plan(self, given: Mapping[str, Sequence[list[Any]]]) -> CasePlan:
        """What is to be done for the row, as far as it makes sense."""
        values = self.values
        for role in ("image", "segmentation", "mesh", "part", "control-series"):
            if role in values:
                self._find(role, [values[role]])
        self._find("references", values.get("references", []))
        makesModel = self._makesModel()
        options = [[f"--{role}", inputOf(role)] for role in _GIVEN if role in self.inputs]
        written = _TEXT_OPTIONS if makesModel else [name for name in _TEXT_OPTIONS if name not in _DESCRIPTION]
        options += [
            [f"--{name}", str(values[name]).replace(" ", "") if name == "threshold" else str(values[name])]
            for name in written
            if name in values
        ]
        options += [["--segment", name] for name in values.get("segment", [])]
        options += [["--references", inputOf("references", n)] for n in range(len(self.inputs.get("references", [])))]
        options += [["--section-at", place] for place in values.get("section-at", [])]
        command = "run" if makesModel else "validate"
        profile = self._profile(given[command])
        common, ofPart = ([one for one in given[name] if one[0] != "--profile"] for name in (command, "compare"))
        surface = self._surface(common)
        common = [one for one in common if one[0] not in _SURFACE]
        return CasePlan(
            id=values.get("id", ""),
            row=self.number,
            folder=values.get("output", values.get("id", "")).replace("\\", "/").rstrip("/"),
            command=command,
            options=[*options, *surface, *profile, *common],
            partOptions=[["--register"], *profile, *ofPart] if "part" in values else None,
            inputs=self.inputs,
            remarks=self._remarks(makesModel),
            expectedMemory=expectedMemory(self.inputs),
        )

    def check(self, plan: CasePlan, parse: Callable[[list[str]], argparse.Namespace]) -> None:
        """Find what is wrong with the row beyond what its schema says."""
        values, wrong = self.values, self.problems
        anatomy = [name for name in _ANATOMY if name in values]
        if not {"image", "mesh"} & set(values):
            wrong.append("there is nothing to check: give image, mesh or both.")
        if len(anatomy) == 2:
            wrong.append("segmentation and threshold contradict each other; give one of them.")
        for name in (*_ANATOMY, "series", "control-series"):
            if name in values and "image" not in values:
                wrong.append(f"{name} needs the scan it belongs to; give image too.")
        if "section-at" in values and "image" not in values:
            wrong.append("section-at shows sections of the scan; give image too.")
        if "segment" in values and "segmentation" not in values:
            wrong.append("segment names a segment of a segmentation; give segmentation too.")
        if "largest" in values and "threshold" not in values:
            wrong.append("largest belongs to threshold; a segmentation is taken as it is.")
        self._checkSurface(plan)
        self._checkControl()
        unused = [name for name in _DESCRIPTION if name in values]
        if unused and plan.command != "run" and not plan.remarks:
            wrong.append(f"{unused[0]} is written into the model's object, but this row makes none.")
        self._checkThreshold()
        self._checkPart(plan)
        problem = folderProblem(plan.folder, "output" if "output" in values else "id")
        if problem:
            wrong.append(problem)
        if not wrong:
            self._parsed(plan, parse)

    def _parsed(self, plan: CasePlan, parse: Callable[[list[str]], argparse.Namespace]) -> None:
        """Let the command itself judge what it is given, as far as it can before it reads a file."""
        from ..Options.DescriptionOptions import descriptionFrom
        from ..Options.FileOptions import printRequestFrom
        from ..Options.SectionOptions import sectionsFrom

        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                arguments = parse(plan.arguments("."))
                if plan.partOptions is not None:
                    parse(plan.partArguments("model.dcm", "."))
            sectionsFrom(arguments)
            if plan.command == "run":
                descriptionFrom(arguments)
                printRequestFrom(arguments)
        except SystemExit:
            self.problems.append(said.getvalue().strip().splitlines()[0].partition(": ")[2])
        except M3DError as error:
            self.problems += error.problems

    def _find(self, role: str, names: Sequence[str]) -> None:
        found = []
        for name in names:
            place = self.folder / name
            if not place.exists():
                self.missing.append(f"{role}: there is no '{place}'.{_HINTS.get(role, '')}")
            elif role not in ("image", "part", "control-series") and not place.is_file():
                self.problems.append(f"{role}: '{place}' is a folder; name a file.")
            found.append(str(place.absolute()))
        if found:
            self.inputs[role] = found

    def _makesModel(self) -> bool:
        """Whether the row asks for a model that m3d run can store: one of an anatomy, in the study of a scan."""
        wanted = "image" in self.values and "mesh" not in self.values
        return wanted and any(name in self.values for name in _ANATOMY) and _isDicom(Path(self.inputs["image"][0]))

    def _makesSurface(self) -> bool:
        return "mesh" not in self.values and any(name in self.values for name in _ANATOMY)

    def _surface(self, common: Sequence[list[Any]]) -> list[list[Any]]:
        """Options about the surface made here, the row's own over those of all cases; none where there is none."""
        if not self._makesSurface():
            return []
        options, own = {one[0]: one for one in common if one[0] in _SURFACE}, self.values
        if not own.get("refine", "--refine" in options):
            # A range of all cases is for those that are refined.
            options.pop("--refine", None)
            options.pop("--refine-range", None)
        elif "refine" in own:
            options["--refine"] = ["--refine"]
        options |= {f"--{name}": [f"--{name}", str(float(own[name]))] for name in LENGTHS if name in own}
        return list(options.values())

    def _remarks(self, makesModel: bool) -> list[str]:
        asked = "image" in self.inputs and any(name in self.values for name in _ANATOMY) and "mesh" not in self.values
        if not asked or makesModel:
            return []
        return [_NOT_STORED]

    def _profile(self, given: Sequence[list[Any]]) -> list[list[Any]]:
        """The profile as an option, of the row or of the command line; a file is an input of the case."""
        named = self.values.get("profile", "")
        common = next((one[1] for one in given if one[0] == "--profile"), "")
        if not named and not common:
            return []
        place = self.folder / named if named else Path(common).absolute()
        problem, isFile = _profileProblem(named or common, place)
        if problem:
            self.problems.append(f"profile: {problem}")
        if not isFile:
            return [["--profile", named or common]]
        self.inputs["profile"] = [str(place.absolute())]
        return [["--profile", inputOf("profile")]]

    def _checkThreshold(self) -> None:
        low, colon, high = self.values.get("threshold", "").partition(":")
        if colon and float(low) > float(high):
            self.problems.append(f"threshold: LOW is above HIGH in '{self.values['threshold']}'.")

    def _checkSurface(self, plan: CasePlan) -> None:
        asked = [name for name in _REFINEMENT if self.values.get(name)]
        if asked and not self._makesSurface():
            self.problems.append(f"{asked[0]} is about a surface made here, but this row makes none.")
        elif "refine-range" in asked and ["--refine"] not in plan.options:
            self.problems.append("refine-range says nothing without refining; give refine too.")

    def _checkControl(self) -> None:
        """What of a control series is sure to be refused once the scans are read, or would never be looked at."""
        from M3DLib.Image.ImageReader import IMAGE_FILE_SUFFIXES

        if not {"control-series", "image"} <= set(self.values):
            return
        image, control = (Path(self.inputs[role][0]) for role in ("image", "control-series"))
        if "mesh" not in self.values and not self._makesSurface():
            self.problems.append("control-series is for measuring a model, but this row has none.")
        elif any(one.is_file() and one.name.lower().endswith(IMAGE_FILE_SUFFIXES) for one in (image, control)):
            self.problems.append(
                "control-series needs two DICOM series, image and this: other files say nothing of whether both lie in "
                "one frame of reference."
            )
        elif control.resolve() == image.resolve():
            self.problems.append(
                f"control-series: '{control}' is the scan's own place; put the other series into a folder of its own."
            )

    def _checkPart(self, plan: CasePlan) -> None:
        if "part" not in self.values:
            return
        if plan.command == "run" or "mesh" in self.values:
            return
        if plan.remarks:
            self.problems.append(
                "part is compared with the model, which is stored for DICOM scans only; give the model as mesh."
            )
        else:
            self.problems.append(
                "part is compared with a model, but this row has none: give mesh, or image with segmentation or "
                "threshold."
            )


def _isDicom(image: Path) -> bool:
    """Whether an image is a DICOM series: a folder, or a file that says so of itself."""
    if not image.is_file():
        return True
    start, mark = _DICOM_MARK
    try:
        with image.open("rb") as file:
            return file.read(start + len(mark))[start:] == mark
    except OSError:
        return True


@cache
def _profileProblem(name: str, place: Path) -> tuple[str, bool]:
    """What is wrong with a profile, "" for nothing, and whether it is a file."""
    from M3DValidationLib.Profile import loadProfile, profileNames

    isFile = name not in profileNames() and (place.is_file() or place.suffix.lower() == ".json")
    try:
        loadProfile(str(place) if isFile else name)
    except M3DError as error:
        return " ".join(error.problems), isFile
    return "", isFile


def _places(plans: Sequence[CasePlan], output: Path) -> list[str]:
    """Results that would lie in what is read, or take its place."""
    problems, output = [], output.resolve()
    for plan in plans:
        case = output / plan.folder
        for role, paths in plan.inputs.items():
            for path in map(Path, paths):
                place = path.resolve()
                if place.is_dir() and (output == place or place in output.parents):
                    problems.append(
                        f"Row {plan.row}: {role}: '{path}' holds the output folder '{output}', so that results would "
                        "be read as part of it; choose another --output."
                    )
                elif place == case or case in place.parents:
                    problems.append(f"Row {plan.row}: {role}: '{path}' lies in the folder that the case is written to.")
    return problems
