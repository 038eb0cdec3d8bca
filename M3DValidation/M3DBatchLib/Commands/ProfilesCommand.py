"""``m3d profiles``: which intended uses there are, and what is asked of a scan and a model for each."""

from __future__ import annotations

import argparse

from ..Terminal import Terminal


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "profiles",
        help="list the profiles (intended uses), or show the requirements and limits of one",
        description="List the built-in profiles; with a name, or the file of a site's own profile, show its "
        "requirements with their limits and where these come from. A profile file is checked by showing it.",
    )
    parser.add_argument("profile", nargs="?", metavar="NAME|FILE", help="profile to show (default: list them)")
    parser.add_argument("--list-requirements", action="store_true", help="list the ids that a profile can hold")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command; returns its exit status."""
    from M3DValidationLib.Profile import loadCatalogue, loadProfile, profileNames

    if arguments.list_requirements:
        catalogue = loadCatalogue()
        lines = [f"{entry.id:32} {entry.clause:28} {entry.title}" for entry in catalogue.values()]
        data = {"requirements": [{"id": e.id, "title": e.title, "clause": e.clause} for e in catalogue.values()]}
        terminal.result(data, "\n".join(lines))
    elif arguments.profile is None:
        profiles = [loadProfile(name) for name in profileNames()]
        lines = [f"{profile.name:20} {profile.title}: {profile.description}" for profile in profiles]
        lines.append("Show one with: m3d profiles NAME")
        data = {"profiles": [{**profile.asDict(), "description": profile.description} for profile in profiles]}
        terminal.result(data, "\n".join(lines))
    else:
        profile = loadProfile(arguments.profile)
        terminal.result({**profile.asDict(), "description": profile.description}, _describe(profile))
    return 0


def limitTexts(requirement) -> tuple[str, str, str]:
    """What passes, up to where it is a warning, and what it is beyond that: "≤ 1 mm", "≤ 1.25 mm", "fails"."""
    beyond = {"fail": "fails", "warning": "warning", "information": ""}[requirement.severity]
    if requirement.passLimit is None:
        return ("only recorded", "", "") if requirement.severity == "information" else ("yes", "", beyond)
    sign = "≥" if requirement.sense == "atLeast" else "≤"
    warned = requirement.warningLimit not in (None, requirement.passLimit)
    return (
        f"{sign} {requirement.passLimit:g} {requirement.unit}".strip(),
        f"{sign} {requirement.warningLimit:g} {requirement.unit}".strip() if warned else "",
        beyond,
    )


def _describe(profile) -> str:
    lines = [
        f"{profile.name}, version {profile.version}: {profile.title}",
        profile.description,
        f"Tolerance {profile.toleranceMm:g} mm ({profile.toleranceSource})",
        f"SHA-256 {profile.sha256}",
        "",
        "A * marks what must be checked: where it cannot be, nothing fails and yet the model is not passed.",
    ]
    requirements = sorted(profile.requirements.values(), key=lambda entry: entry.clause)
    # Whatever its length, no title runs into the limit beside it.
    width = max((len(one.title) for one in requirements), default=0) + 2
    clause = ""
    for requirement in requirements:
        if requirement.clause != clause:
            clause = requirement.clause
            lines += ["", f"{f'ISO/IEC 3532-1, {clause}':{width + 2}}{'passes':20}{'warning up to':18}{'else':9}id"]
        passes, warning, beyond = limitTexts(requirement)
        star = "*" if requirement.required else " "
        lines.append(f"{star} {requirement.title:{width}}{passes:20}{warning:18}{beyond:9}{requirement.id}")
        if requirement.parameters:
            values = ", ".join(f"{name} {value:g}" for name, value in requirement.parameters.items())
            lines.append(f"    where {values}")
    lines += ["", "Where the limits come from", *(f"  {one.id}: {one.source}" for one in requirements)]
    return "\n".join(lines)
