"""Where fetched objects land: a series appears in the output folder when all of it has arrived, and not before."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from pathlib import Path

from ...Dicom.DicomFile import syncFolder
from ...Errors import M3DError
from ...WritablePlace import requireWritableFolder
from .Outgoing import factsOf, sameFiles

_SAFE = re.compile(r"[0-9.]{1,64}")


class Landing:
    """The output folder of a fetch, and the hidden folder beside it for what has not all arrived yet.

    Half a scan in the output folder would be taken for a whole one by whoever reads it; so an interrupted fetch leaves
    its part in the hidden folder, where the next one finds it.

    :ivar waiting: that hidden folder.
    :ivar conflicts: what arrived under the UID of another object that is there already, one sentence each.
    """

    def __init__(self, output: Path):
        self.output = Path(output).absolute()
        requireWritableFolder(self.output)
        parent = self.output.parent
        # On a disk of its own the folder beside it lies on another one, from which nothing can be moved in one step.
        place = self.output if os.path.ismount(self.output) else parent
        self.waiting = place / f".{self.output.name}.m3d-fetch"
        self.conflicts: list[str] = []
        self._mask = os.umask(0)
        os.umask(self._mask)

    def prepare(self) -> None:
        """Make the hidden folder, and clear what a killed run has received only in part."""
        try:
            self.waiting.parent.mkdir(parents=True, exist_ok=True)
            self.waiting.mkdir(mode=0o700, exist_ok=True)
            for stale in self.waiting.glob("incoming-*"):
                stale.unlink()
        except OSError as error:
            raise M3DError(f"'{self.output}' cannot be written ({error.strerror}); choose another folder.") from error

    def newFile(self) -> Path:
        """Name for something that begins to arrive."""
        return self.waiting / f"incoming-{uuid.uuid4().hex}"

    def stored(self, series: str, instance: str) -> Path | None:
        """The file of an instance that is there, arrived earlier or in this run; None when there is none.

        One that is damaged, as after a power cut, is taken out of the way, so that it is fetched again.
        """
        for folder in (self.output, self.waiting):
            file = folder / _safe(series) / f"{_safe(instance)}.dcm"
            if not file.is_file():
                continue
            try:
                if factsOf(file).get("SOPInstanceUID") == instance:
                    return file
            except M3DError:
                file.unlink()
                continue
            self.conflicts.append(f"'{file}' is another object than its name says; it is left as it is.")
        return None

    def keep(self, incoming: Path, series: str, instance: str) -> None:
        """Take what has arrived, flushed to the disk, among the waiting; twice the same is kept once.

        :raises M3DError: it is damaged, is not the instance that was asked for, or the disk is full.
        """
        try:
            facts = factsOf(incoming)
            if facts.get("SOPInstanceUID") != instance:
                raise M3DError("The server sent another instance than the one that was asked for.")
            present = self.stored(series, instance)
            if present is not None:
                if not sameFiles(present, incoming):
                    self.conflicts.append(
                        f"The server's instance {instance} is another one than '{present}', which has the same UID and "
                        "is left as it is; move it away to fetch the server's."
                    )
                return
            folder = self.waiting / _safe(series)
            folder.mkdir(exist_ok=True)
            # pynetdicom's files are for their owner alone; these get the rights any new file of the user has.
            incoming.chmod(0o666 & ~self._mask)
            with incoming.open("rb") as stream:
                os.fsync(stream.fileno())
            os.replace(incoming, folder / f"{_safe(instance)}.dcm")
        except OSError as error:
            raise M3DError(diskSentence(self.output, error)) from error
        finally:
            incoming.unlink(missing_ok=True)

    def complete(self, series: str) -> Path:
        """Move a series that has arrived as a whole to its place; returns its folder in the output.

        :raises M3DError: the system refuses.
        """
        waiting, place = self.waiting / _safe(series), self.output / _safe(series)
        try:
            self.output.mkdir(parents=True, exist_ok=True)
            if waiting.is_dir():
                syncFolder(waiting)
                if not place.exists():
                    os.rename(waiting, place)
                else:
                    for file in sorted(waiting.iterdir()):
                        # A link fails where something has that name, a rename would replace it. What a run that was
                        # killed here has linked already is there, and only the name among the waiting goes.
                        if not ((place / file.name).exists() and sameFiles(file, place / file.name)):
                            os.link(file, place / file.name)
                        file.unlink()
                    waiting.rmdir()
                syncFolder(self.output)
        except OSError as error:
            raise M3DError(diskSentence(self.output, error)) from error
        return place

    def close(self) -> bool:
        """Remove the hidden folder if nothing waits in it; says whether something does."""
        if not self.waiting.is_dir():
            return False
        for stale in self.waiting.glob("incoming-*"):
            stale.unlink()
        if any(folder.is_dir() and any(folder.iterdir()) for folder in self.waiting.iterdir()):
            return True
        shutil.rmtree(self.waiting, ignore_errors=True)
        return False


def diskSentence(folder: Path, error: OSError) -> str:
    """What a user can do when what arrives cannot be written."""
    return (
        f"What arrives cannot be written to '{folder}' ({error.strerror or error}); make room or choose another folder."
    )


def _safe(uid: str) -> str:
    """A UID as a file name; one with other characters, which only a broken server sends, by its hash."""
    if _SAFE.fullmatch(uid) and uid.strip("."):
        return uid
    import hashlib

    return hashlib.sha256(uid.encode()).hexdigest()[:32]
