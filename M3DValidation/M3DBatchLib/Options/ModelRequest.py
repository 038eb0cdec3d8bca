"""What the commands that write models share: what is settled before the work, and what is said after it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..Stopwatch import Stopwatch, peakMemoryMb
from ..Terminal import Terminal
from .DescriptionOptions import descriptionFrom, earlierModelsFrom
from .PacsOptions import pacsFrom

if TYPE_CHECKING:
    from pydicom import Dataset

    from M3DLib.EncapsulatedStl.EarlierModels import EarlierModels
    from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
    from M3DLib.Mesh.TriangleMesh import TriangleMesh
    from M3DLib.Store.DicomWebStore import PacsStore
    from M3DLib.Store.FileSetStore import FileSetStore


@dataclass
class ModelRequest:
    """What the command line says of the models, and where they go.

    :ivar store: the file-set; None when a single file is written.
    :ivar pacs: None without one.
    :ivar modelsBefore: how many models the file-set holds already.
    :ivar started: when the making of the models began.
    """

    description: ModelDescription
    earlier: EarlierModels
    store: FileSetStore | None
    pacs: PacsStore | None
    started: datetime
    stopwatch: Stopwatch
    modelsBefore: int = 0


def modelRequestFrom(arguments: argparse.Namespace, fileSet: Path | None, terminal: Terminal) -> ModelRequest:
    """Read what the options say before any scan is read.

    :param fileSet: folder of the file-set; None for none.
    :raises M3DError: the description is not valid, an earlier model cannot be read, the file-set cannot be written, or
        the PACS cannot be asked.
    """
    from M3DLib.EncapsulatedStl.EarlierModels import storedModels
    from M3DLib.Store.FileSetStore import FileSetStore

    started, stopwatch = datetime.now().astimezone(), Stopwatch(terminal.step)
    description, earlier = descriptionFrom(arguments), earlierModelsFrom(arguments)
    store = None if fileSet is None else FileSetStore(fileSet)
    if store is not None:
        store.requireWritable()
    before = 0 if store is None else len(storedModels(store.directory(), store.root))
    return ModelRequest(description, earlier, store, pacsFrom(arguments), started, stopwatch, before)


def modelEntry(mesh: TriangleMesh, dataset: Dataset, file: Path) -> dict[str, Any]:
    """One model that was written, as the JSON result has it."""
    return {
        "file": str(file),
        "sopInstanceUid": str(dataset.SOPInstanceUID),
        "seriesInstanceUid": str(dataset.SeriesInstanceUID),
        "name": mesh.name,
        "title": str(dataset.DocumentTitle),
        "triangles": len(mesh.triangles),
        "volumeMm3": mesh.volumeMm3,
        "areaMm2": mesh.areaMm2,
        "boundsLps": list(mesh.boundsLps),
        "closed": mesh.isClosed,
    }


def beside(modelsBefore: int) -> list[str]:
    """What was there before in the file-set, in a line; nothing when it is new."""
    if not modelsBefore:
        return []
    word = "model that was" if modelsBefore == 1 else "models that were"
    return [f"  beside {modelsBefore} {word} there before and stay as they are, in a series of their own"]


def modelLine(entry: dict[str, Any]) -> str:
    """Name, size and state of a model that was written, in one line."""
    low, high = entry["boundsLps"][::2], entry["boundsLps"][1::2]
    size = " x ".join(f"{end - start:.1f}" for start, end in zip(low, high, strict=True))
    volume = f", {entry['volumeMm3']:.1f} mm3" if entry["closed"] else ""
    closed = "closed" if entry["closed"] else "NOT closed"
    return f"  {entry['name']}: {size} mm, {entry['triangles']} triangles{volume}, {closed}"


def tell(data: dict, describe: Callable[[dict], str], sent: str, stopwatch: Stopwatch, terminal: Terminal) -> None:
    """Say the warnings and the result, with the time and memory it took.

    :param describe: the result in words, of the completed data.
    :param sent: what was sent to a PACS, "" for nothing.
    """
    for warning in data["warnings"]:
        terminal.warn(warning)
    data["seconds"], data["peakMemoryMb"] = stopwatch.asDict(), peakMemoryMb()
    terminal.result(data, "\n".join(filter(None, [describe(data), sent])))
