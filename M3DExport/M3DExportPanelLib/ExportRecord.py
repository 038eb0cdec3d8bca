"""What the record of a case says of an export from the panel."""

import pathlib

# Parameters that decide what a model is, by their names in the panel.
_SETTINGS = ("smoothing", "decimation", "refine", "refineRange", "maxError", "merge", "title", "part", "predecessorUid")


def recordedSettings(parameters):
    """The choices that decide the result, as plain JSON values; what was left empty is left out."""
    values = {name: getattr(parameters, name) for name in _SETTINGS if getattr(parameters, name)}
    return {
        "command": "M3D Export",
        "method": parameters.method.value,
        "segments": list(parameters.segmentIds),
        **values,
    }


def recordedFiles(written, database):
    """What was written, as kind and file: DICOM files, model files, or the database's file of an instance."""
    found = []
    for one in written:
        if isinstance(one, pathlib.Path):
            found.append(("model" if one.suffix == ".dcm" else "printFile", one))
        elif database is not None and database.fileForInstance(one):
            found.append(("model", pathlib.Path(database.fileForInstance(one))))
    return found
