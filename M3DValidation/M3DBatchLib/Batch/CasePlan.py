"""What is to be done for one row of the table, as plain values that another process or machine can be given."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MODEL_STEP, PART_STEP = "model", "part"


@dataclass(frozen=True)
class CasePlan:
    """One case.

    :ivar folder: of the case, below the output folder, with "/" between its parts.
    :ivar command: "run" where a model is made and stored, "validate" where something is only checked.
    :ivar options: of the command, each as (option, value); a value that is a file is named by its role and number, as
        ``{"input": "references", "number": 0}``, so that the plan is the same wherever the files lie.
    :ivar partOptions: of ``m3d compare`` for the scan of the printed part; None without one.
    :ivar inputs: absolute paths by role.
    :ivar remarks: what of the row is left undone, and why, in sentences.
    :ivar expectedMemory: bytes that the case is thought to need.
    """

    id: str
    row: int
    folder: str
    command: str
    options: list[list[Any]]
    partOptions: list[list[Any]] | None = None
    inputs: dict[str, list[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    expectedMemory: int = 0

    def arguments(self, output: str) -> list[str]:
        """Arguments of the command that writes into a folder."""
        return [self.command, *self._given(self.options), f"--output={output}"]

    def partArguments(self, model: str, output: str) -> list[str]:
        """Arguments of the comparison of the printed part with a model, which writes into a folder."""
        options = [*self._given(self.partOptions or []), f"--output={output}"]
        return ["compare", *options, "--", self.inputs["part"][0], model]

    def settings(self) -> dict[str, Any]:
        """What is asked for, without the places of the files: what two cases must share to have the same result."""
        return copy.deepcopy({"command": self.command, "options": self.options, "partOptions": self.partOptions})

    def asDict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def fromDict(cls, values: Mapping[str, Any]) -> CasePlan:
        """From what :meth:`asDict` made."""
        return cls(**values)

    def _given(self, options: list[list[Any]]) -> list[str]:
        given = []
        for option, *values in options:
            texts = [
                self.inputs[value["input"]][value["number"]] if isinstance(value, dict) else str(value)
                for value in values
            ]
            # A title may begin with a dash; several values of one option are numbers.
            given += [f"{option}={texts[0]}"] if len(texts) == 1 else [option, *texts]
        return given


def inputOf(role: str, number: int = 0) -> dict[str, Any]:
    """An input as the value of an option."""
    return {"input": role, "number": number}
