"""What nobody has said about a model and somebody should: asked where silence or a default would mislead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..Identifying import namesPatient
from .ModelDescription import ModelDescription

if TYPE_CHECKING:
    from pydicom import Dataset

# Where these words stand in a scan's own description, its models may show the patient's face or skull.
_HEAD = re.compile(
    r"head|skull|brain|\bfac(e|ial)|crani|orbit|sinus|mandib|maxil|\bjaw|dental|teeth|neuro|\bnose|nasal|\bear\b|\bkopf"
    r"|sch[aä]del|t[eê]te\b|cabeza|cr[aáâ]ne|\btesta\b",
    re.IGNORECASE,
)
_PLACE_KEYWORDS = ("BodyPartExamined", "StudyDescription", "SeriesDescription", "ProtocolName")


def showsHead(headers: Sequence[Dataset]) -> bool:
    """Whether a scan's headers say that it shows the head."""
    return any(_HEAD.search(str(header.get(keyword) or "")) for header in headers[:1] for keyword in _PLACE_KEYWORDS)


def openQuestions(description: ModelDescription, headers: Sequence[Dataset]) -> list[str]:
    """What to ask the user, one sentence each.

    :param description: what has been said.
    :param headers: of the images the model was made from.
    """
    questions = []
    if description.recognizableVisualFeatures is None and showsHead(headers):
        questions.append(
            "The scan shows the head, and nobody has said whether the patient could be recognized from the model "
            "(Recognizable Visual Features).",
        )
    for what, text in (("title", description.title), ("description", description.contentDescription)):
        if text and namesPatient(text, headers[:1]):
            questions.append(
                f"The {what} seems to identify the patient, and de-identification does not remove it from there. Is it "
                "meant to?",
            )
    return questions
