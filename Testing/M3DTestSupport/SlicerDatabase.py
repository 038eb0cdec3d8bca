"""Stand-ins for ctkDICOMDatabase and ctkDICOMIndexer that keep files in a folder and read them with pydicom."""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom

from .SlicerApi import membersOf


class StandInDatabase:
    """The part of ctkDICOMDatabase that the extension uses; its names are checked against the recorded API.

    :param rejects: called with the data set of each file; True keeps the file out, as a full disk would.
    """

    def __init__(self, folder, isOpen=True, rejects=lambda dataset: False):
        self._folder = Path(folder)
        self._rejects = rejects
        self._files = {}
        self._headers = {}
        self.isOpen = isOpen
        self.lastError = ""

    def fileForInstance(self, uid):
        return self._files.get(uid, "")

    def instanceForFile(self, file):
        return next((uid for uid, known in self._files.items() if known == file), "")

    def instanceValue(self, uid, tag):
        header = self._headers.get(uid)
        if header is None:
            return ""
        element = header.get(int(tag.replace(",", ""), 16))
        if element is None or element.VR == "SQ" or element.value is None:
            return ""
        values = element.value if isinstance(element.value, pydicom.multival.MultiValue) else [element.value]
        return "\\".join(str(value) for value in values)

    def fileValue(self, file, tag):
        return self.instanceValue(self.instanceForFile(file), tag)

    def seriesForFile(self, file):
        return self.fileValue(file, "0020,000E")

    def filesForSeries(self, series, hits=-1):
        files = [self._files[uid] for uid in self._files if self.instanceValue(uid, "0020,000E") == series]
        return files if hits < 0 else files[:hits]

    def seriesForStudy(self, study):
        found = [
            self.instanceValue(uid, "0020,000E") for uid in self._files if self.instanceValue(uid, "0020,000D") == study
        ]
        return list(dict.fromkeys(found))

    def patients(self):
        return list(dict.fromkeys(self.instanceValue(uid, "0010,0020") for uid in self._files))

    def studiesForPatient(self, patient):
        found = [
            self.instanceValue(uid, "0020,000D")
            for uid in self._files
            if self.instanceValue(uid, "0010,0020") == patient
        ]
        return list(dict.fromkeys(found))

    def patientForStudy(self, study):
        return next(
            (
                self.instanceValue(uid, "0010,0020")
                for uid in self._files
                if self.instanceValue(uid, "0020,000D") == study
            ),
            "",
        )

    def removeSeries(self, series, clearCachedTags=False):
        for uid in [uid for uid in self._files if self.instanceValue(uid, "0020,000E") == series]:
            Path(self._files.pop(uid)).unlink()
            del self._headers[uid]
        return True

    def _insert(self, file):
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        if self._rejects(dataset):
            return
        uid = str(dataset.SOPInstanceUID)
        target = self._folder / f"{len(self._files):06d}-{uid}.dcm"
        shutil.copyfile(file, target)
        dataset.pop("EncapsulatedDocument", None)
        self._files[uid], self._headers[uid] = str(target), dataset


class StandInIndexer:
    """The part of ctkDICOMIndexer that the extension uses."""

    def addFile(self, database, file, copyFile=False):
        self.addListOfFiles(database, [file], copyFile)

    def addListOfFiles(self, database, files, copyFile=False):
        assert copyFile, "without copying, the database keeps a link to a file that is about to be removed"
        for file in files:
            database._insert(file)

    def waitForImportFinished(self, milliseconds=-1):
        pass


def unknownNames():
    """Public names of the stand-ins that the application's classes do not have."""
    names = []
    for standIn, className in ((StandInDatabase("."), "ctkDICOMDatabase"), (StandInIndexer(), "ctkDICOMIndexer")):
        public = {name for name in dir(standIn) if not name.startswith("_")}
        names += [f"{className}.{name}" for name in sorted(public - membersOf(className))]
    return names
