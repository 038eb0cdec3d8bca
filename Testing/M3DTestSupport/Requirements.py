"""The default requirements as a profile, and a run of checks by it."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import M3DValidationLib
from M3DValidationLib.Check import Case
from M3DValidationLib.Requirement import Requirement


def defaultRequirements(*names: str) -> SimpleNamespace:
    """Requirements of the files named, as the profile they make: ``defaultRequirements("Mesh")``."""
    folder = Path(M3DValidationLib.__file__).parent / "Requirements"
    known = {field.name for field in fields(Requirement)}
    requirements = {}
    for name in names:
        for entry in json.loads((folder / f"{name}.json").read_text(encoding="utf-8")):
            assert set(entry) <= known, f"{name}.json: {set(entry) - known}"
            entry["seeAlso"] = tuple(entry.get("seeAlso", ()))
            requirements[entry["id"]] = Requirement(**entry)
    return SimpleNamespace(requirements=requirements)


def runChecks(checks, case: Case) -> dict:
    """Findings by requirement id of every check that can run."""
    findings = {}
    for check in (make() for make in checks):
        if check.canRun(case):
            for finding in check.run(case):
                assert finding.requirement.id in check.requirementIds
                findings[finding.requirement.id] = finding
    return findings
