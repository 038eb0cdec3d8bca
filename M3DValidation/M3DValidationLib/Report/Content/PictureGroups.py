"""Which pictures of a report go where: the few that show what matters first, the rest by what they show."""

from __future__ import annotations

from collections.abc import Mapping

_MOST_KEY = 3
_GROUPS = (
    ("From the model to the scan: deviation of the model from six sides", "deviation", ("deviation",)),
    ("From the scan to the model: the edge in the scan from six sides", "deviation", ("scan",)),
    ("What the model lacks or has too much", "deviation", ("completeness",)),
    ("Places with the largest deviation", "deviation", ("worst",)),
    ("Sections through both surfaces", "section", ("section",)),
    ("The model on the scan", "image", ("fieldOfView", "overview")),
    ("The model", "mesh", ("model", "thinnestPlace")),
)


def pictureGroups(report: Mapping) -> dict:
    """``keyPictures`` for the first page, and ``pictureGroups`` with the others; the six sides stay together.

    First comes what failures and then warnings rest on; a failing or doubtful deviation brings its worst place. What is
    left of the room is for the map and the model as a whole.
    """
    pictures = [
        {key: picture.get(key, "") for key in ("file", "kind", "title", "alternative", "requirement", "segment")}
        for picture in report["pictures"]
    ]
    wanted = []
    for verdict in ("fail", "warning"):
        for finding in report["findings"]:
            if finding["verdict"] != verdict:
                continue
            own = [picture for picture in pictures if picture["segment"] in ("", finding.get("segment", ""))]
            wanted += [picture for picture in own if picture["requirement"] == finding["requirement"]]
            if finding["requirement"] == "scan-covered":
                wanted += [picture for picture in own if picture["kind"] == "scan"][:1]
            if finding["requirement"].startswith("deviation-"):
                wanted += [picture for picture in own if picture["kind"] == "worst"][:1]
    for kind in ("deviation", "worst", "model", "fieldOfView"):
        wanted += [picture for picture in pictures if picture["kind"] == kind][:1]
    key = list({picture["file"]: picture for picture in wanted}.values())[:_MOST_KEY]
    files = {picture["file"] for picture in key if picture["kind"] != "deviation"}
    groups = []
    for title, about, kinds in _GROUPS:
        others = [picture for picture in pictures if picture["kind"] in kinds and picture["file"] not in files]
        if others:
            groups.append(
                {"title": title, "about": about, "scale": kinds in (("deviation",), ("scan",)), "pictures": others}
            )
    return {"keyPictures": key, "pictureGroups": groups}
