"""A folder holds one report: a new one takes the place of the earlier one with all its faces, whole or not at all.

The new report is written to a hidden folder first. From the moment that this folder has its journal on, the exchange is
carried through, also by the next run after a process that was killed in it; before, the earlier report stays as it was.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.FolderLock import folderLock
from M3DLib.WritablePlace import requireWritableFolder

from .ReportFiles import HTML_FILE, PDF_FILE, REPORT_FILE

_STAGING = ".m3d-report-"
_JOURNAL = "journal"


def requireReportFolder(folder: Path) -> None:
    """Refuse a folder that cannot take a report, before the work begins; changes nothing but an exchange half done.

    :raises M3DError: nothing can be written there, or it holds what looks like a report and is none of this program.
    """
    requireWritableFolder(folder)
    if folder.is_dir():
        _errorsExplained(folder, lambda: _finishExchanges(folder))
        filesOfReport(folder)


def replaceReport(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a report into a folder, made if needed, and take out the one that was there, all its faces and pictures.

    :param files: every file of the report by its name, the JSON among them.
    :raises M3DError: the folder cannot take the report; the earlier one is then as it was.
    """
    _errorsExplained(folder, lambda: _replace(folder, files))


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with folderLock(folder):
        _finishExchanges(folder)
        earlier = filesOfReport(folder)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))
        try:
            for name, content in files.items():
                (staging / name).write_bytes(content)
            draft = staging / f"{_JOURNAL}.new"
            draft.write_text(json.dumps({"remove": sorted(earlier - set(files)), "add": list(files)}), encoding="utf-8")
            os.replace(draft, staging / _JOURNAL)
            _exchange(staging, folder)
        except BaseException:
            if (staging / _JOURNAL).exists():
                # Interrupted in the exchange, which takes no time worth stopping.
                _exchange(staging, folder)
            shutil.rmtree(staging, ignore_errors=True)
            raise


def _exchange(staging: Path, folder: Path) -> None:
    """Carry out what the journal says; what is done already is passed over, so that it can be done again."""
    if not (staging / _JOURNAL).exists():
        return
    journal = json.loads((staging / _JOURNAL).read_text(encoding="utf-8"))
    # Without its JSON a folder holds no report: nothing in it can be taken for part of the new one meanwhile.
    if (staging / REPORT_FILE).exists():
        (folder / REPORT_FILE).unlink(missing_ok=True)
    for name in journal["remove"]:
        (folder / name).unlink(missing_ok=True)
    for name in sorted(journal["add"], key=lambda name: name == REPORT_FILE):
        if (staging / name).exists():
            os.replace(staging / name, folder / name)
    shutil.rmtree(staging)


def _finishExchanges(folder: Path) -> None:
    """What runs that were killed have left: an exchange begun is carried through, anything else is taken away."""
    for staging in folder.glob(f"{_STAGING}*"):
        _exchange(staging, folder)
        shutil.rmtree(staging, ignore_errors=True)


def filesOfReport(folder: Path) -> set[str]:
    """Names of the files of the report in a folder, which need not all be there; empty when it holds none.

    :raises M3DError: there are faces without their report, or a ``report.json`` that is none of this program.
    """
    file = folder / REPORT_FILE
    if not file.exists():
        alone = [name for name in (HTML_FILE, PDF_FILE) if (folder / name).exists()]
        if alone:
            raise M3DError(
                f"'{folder}' holds {' and '.join(alone)} without the {REPORT_FILE} it was made from: remove what is "
                "old or choose another folder."
            )
        return set()
    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"))
        entries = [entry["file"] for key in ("pictures", "models3d") for entry in data.get(key, ())]
        isReport = "findings" in data and "schemaVersion" in data
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, AttributeError, TypeError, KeyError):
        isReport = False
    if not isReport:
        raise M3DError(f"'{file}' is no report of this program and is not replaced; choose another folder.")
    # A file that was changed by hand names what it likes: nothing outside the folder is touched.
    own = {name for name in entries if isinstance(name, str) and Path(name).name == name and "\\" not in name}
    return own | {REPORT_FILE, HTML_FILE, PDF_FILE}


def _errorsExplained(folder: Path, work) -> None:
    try:
        work()
    except OSError as error:
        raise M3DError(f"The report cannot be written to {folder}: {error.strerror or error}.") from error
