"""Which pictures of a report go where: the few that show what matters first, the rest by what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .ComparisonView import isComparison, isVersions

_MOST_KEY = 3
_COMPLETENESS = ("bodies-left-out", "cut-faces", "bodies-added", "scan-covered")
_GROUPS = (
    ("From the model to the scan: deviation of the model from six sides", "deviation", ("deviation",)),
    ("From the scan to the model: the edge in the scan from six sides", "deviation", ("scan",)),
    ("What the model lacks or has too much", "deviation", ("completeness",)),
    ("Places with the largest deviation", "deviation", ("worst",)),
    ("Sections through the places that were asked for", "asked", ("sectionAt",)),
    ("Sections through both surfaces", "section", ("section",)),
    ("The model on the scan", "image", ("fieldOfView", "overview")),
    ("The model", "mesh", ("model", "thinnestPlace")),
)


# Three pictures of each place.
_PLANES = ("worst", "section", "sectionAt")
# Of a part and its model there is no scan.
_COMPARED = {
    (False, "deviation"): "Deviation of the part from its model, from six sides",
    (True, "deviation"): "How far the new version lies from the old one, from six sides",
}


def pictureGroups(report: Mapping) -> dict:
    """``keyPictures`` for the first page, ``pictureGroups`` with the others; what belongs together stays together."""
    pictures = [
        {key: picture.get(key, "") for key in ("file", "kind", "title", "alternative", "requirement", "segment")}
        for picture in report["pictures"]
    ]
    names = list(dict.fromkeys(picture["segment"] for picture in pictures if picture["segment"]))
    key = [picture for name in names or [""] for picture in keyPictures(pictures, report["findings"], name)]
    # The six sides stay together, and so do the three planes through one place.
    files = {picture["file"] for picture in key if picture["kind"] not in ("deviation", "scan", "worst")}
    groups = []
    for title, about, kinds in _GROUPS:
        others = [picture for picture in pictures if picture["kind"] in kinds and picture["file"] not in files]
        if others:
            words = _COMPARED.get((isVersions(report), kinds[0]), title) if isComparison(report) else title
            groups.append(
                {
                    "title": words,
                    "about": about,
                    "scale": kinds in (("deviation",), ("scan",)),
                    "planes": kinds[0] in _PLANES,
                    "pictures": others,
                }
            )
    return {"keyPictures": key, "pictureGroups": groups}


def keyPictures(pictures: Sequence[Mapping], findings: Sequence[Mapping], segment: str = "") -> list[Mapping]:
    """The map from its best side, the worst place, and what the first failure rests on: the few of the first page.

    Where the model lacks something, the map is that of the scan and the place is what is missing.

    :param pictures, findings: of the report; the picture of the best side is the first of its kind.
    :param segment: of which model; "" where there is only one.
    """
    own = [picture for picture in pictures if picture.get("segment", "") in ("", segment) or not segment]
    failing = {
        verdict: [
            entry["requirement"]
            for entry in findings
            if entry["verdict"] == verdict and (not segment or entry.get("segment", "") in ("", segment))
        ]
        for verdict in ("fail", "warning")
    }
    incomplete = any(requirement in _COMPLETENESS for requirement in failing["fail"])
    maps = ("scan", "deviation") if incomplete else ("deviation", "scan")
    places = ("completeness", "worst", "section") if incomplete else ("worst", "section", "completeness")
    wanted = [_firstOf(own, (*maps, "model", "fieldOfView")), _firstOf(own, places)]
    for requirement in (*failing["fail"], *failing["warning"]):
        wanted += [picture for picture in own if picture.get("requirement", "") == requirement]
    wanted += [_firstOf(own, ("model",)), _firstOf(own, ("fieldOfView",))]
    return list({picture["file"]: picture for picture in wanted if picture}.values())[:_MOST_KEY]


def _firstOf(pictures: Sequence[Mapping], kinds: Sequence[str]) -> Mapping | None:
    return next((picture for kind in kinds for picture in pictures if picture["kind"] == kind), None)
