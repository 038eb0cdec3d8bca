"""A DICOM file-set (PS3.10, a folder with a DICOMDIR) as the store of objects outside Slicer.

A run adds everything or nothing. New files are written to a hidden folder first, then moved to names that nothing had
before, and the DICOMDIR is replaced last, in one step; whoever opens the file-set at any moment sees the old one or the
new one. What a killed run left in the hidden folder is cleared by the next one.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..Errors import M3DError, noProgress
from ..FolderLock import folderLock, isLocked
from ..WritablePlace import requireWritableFolder
from .FileSetAdditions import DICOMDIR, StoredFiles
from .FileSetAdditions import FileSetAdditions as _Additions
from .FileSetDirectory import FileSetDirectory

if TYPE_CHECKING:
    from pydicom import Dataset

_STAGING_PREFIX = ".m3d-partial-"
_JOURNAL = "journal"


class FileSetStore:
    """The file-set in one folder, made when it does not exist.

    Usage::

        store = FileSetStore("out")
        stored = store.add([dataset], copies=sourceFiles, extras={"skull.stl": stlBytes})
    """

    def __init__(self, root: str | Path):
        self.root = Path(root).absolute()

    def requireWritable(self) -> None:
        """Raise :class:`M3DError` when nothing can be written here: to be asked before hours of work, not after."""
        requireWritableFolder(self.root)

    def directory(self) -> FileSetDirectory:
        """What the DICOMDIR lists; empty when there is none.

        :raises M3DError: the DICOMDIR is damaged or refers to files that are not there.
        """
        return FileSetDirectory.read(self.root)

    def add(
        self,
        datasets: list[Dataset],
        copies: list[Path] | None = None,
        extras: dict[str, bytes] | None = None,
        progress: Callable[[float, str], None] = noProgress,
    ) -> StoredFiles:
        """Add instances and files; all of them, or nothing at all.

        :param datasets: complete instances to write (Explicit VR Little Endian).
        :param copies: DICOM files to copy byte for byte; those whose instance is listed already are left out.
        :param extras: other files to put into the folder, by wanted name; a number is added where the name is taken.
        :raises M3DError: the folder cannot be written, is full, or is no file-set that can be added to.
        """
        additions = _Additions(datasets, copies or [], extras or {})
        with self._errorsExplained():
            if self._isNew():
                try:
                    return self._addToNew(additions, progress)
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
                    # Another run has made the file-set meanwhile: add to what it made.
            return self._addToExisting(additions, progress)

    def _isNew(self) -> bool:
        return not self.root.exists() or (not any(self.root.iterdir()) and not os.path.ismount(self.root))

    def _addToNew(self, additions: _Additions, progress) -> StoredFiles:
        """Fill a hidden folder beside the place of the file-set and give it the file-set's name."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{self.root.name}{_STAGING_PREFIX}"
        for stale in self.root.parent.glob(f"{prefix}*"):
            if not isLocked(stale):
                shutil.rmtree(stale, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=prefix, dir=self.root.parent))
        try:
            with folderLock(staging):
                # mkdtemp makes a private folder; the file-set gets the rights any new folder of the user has.
                staging.chmod(0o777 & ~_umask())
                stored = additions.fill(staging, staging, FileSetDirectory.empty(), progress)
                os.rename(staging, self.root)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        return stored.movedTo(self.root, staging)

    def _addToExisting(self, additions: _Additions, progress) -> StoredFiles:
        """Fill a hidden folder in the file-set, move its files to their places, replace the DICOMDIR."""
        with folderLock(self.root):
            for stale in self.root.glob(f"{_STAGING_PREFIX}*"):
                _undo(stale, self.root)
            directory = self.directory()
            staging = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=self.root))
            try:
                stored = additions.fill(staging, self.root, directory, progress)
                _commit(staging, self.root)
            except BaseException:
                _undo(staging, self.root)
                raise
            shutil.rmtree(staging, ignore_errors=True)
            return stored.movedTo(self.root, staging)

    @contextmanager
    def _errorsExplained(self):
        try:
            yield
        except OSError as error:
            raise M3DError(
                f"The file-set in '{self.root}' could not be written ({error.strerror or error}); it is as it was "
                "before. Make room or choose another folder.",
            ) from error


def _commit(staging: Path, root: Path) -> None:
    """Move every staged file to its place in ``root``; the DICOMDIR last: it decides what belongs to the file-set."""
    staged = [file for file in sorted(staging.rglob("*")) if file.is_file() and file != staging / DICOMDIR]
    journal = staging / "journal.new"
    journal.write_text("\n".join(str(file.relative_to(staging)) for file in staged), encoding="utf-8")
    os.replace(journal, staging / _JOURNAL)
    for file in staged:
        place = root / file.relative_to(staging)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.rename(file, place)
    os.replace(staging / DICOMDIR, root / DICOMDIR)


def _undo(staging: Path, root: Path) -> None:
    """Take back what a run that did not finish has put into ``root``, and remove its hidden folder."""
    journal = staging / _JOURNAL
    # With its DICOMDIR in place the run had finished; without a journal it had not begun to move anything.
    if journal.exists() and (staging / DICOMDIR).exists():
        for name in journal.read_text(encoding="utf-8").splitlines():
            if (staging / name).exists():
                continue
            (root / name).unlink(missing_ok=True)
            for folder in (root / name).parents:
                if folder == root or any(folder.iterdir()):
                    break
                folder.rmdir()
    shutil.rmtree(staging, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
