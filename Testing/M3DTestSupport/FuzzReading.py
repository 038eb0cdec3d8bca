"""Reads fuzzed files the way the commands do, and says what became of each: read, warned, refused, or worse."""

import signal
import time
import traceback
import warnings
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DLib.Segmentation.SegmentReader import readSegments
from M3DTestSupport.StructuredFuzz import Fuzzer
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Validation import checksOf, runChecks

KINDS = ("series", "seg", "nrrd", "nifti", "stl", "3mf", "obj", "ply", "amf")
LONGEST_S = 10.0
_HEADER_CHECKS = ("Acquisition.SliceGeometryChecks", "Acquisition.GantryTiltCheck", "Acquisition.VoxelChecks")
_HEADER_CHECKS += ("Acquisition.IdentityChecks", "Acquisition.FileConsistencyChecks")


class TooLong(BaseException):
    """Raised by the alarm: no reader may swallow it."""


def _ring(*_):
    raise TooLong


def read(kind, path, profile):
    """Read one file as a command would; returns what was remarked."""
    if kind == "seg":
        return [text for segment in readSegments(path) for text in segment.warnings]
    if kind in ("series", "nrrd", "nifti"):
        image = readImage(path)
        runChecks(Case(profile, image), checks=checksOf(_HEADER_CHECKS))
        if kind == "series" and not image.geometryProblems:
            from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages

            study = str(image.headers[0].get("StudyInstanceUID") or "")
            sourcesFromImages([image.headers], [], study, str(image.headers[0].get("FrameOfReferenceUID") or ""))
        return image.warnings + image.geometryProblems + [item.reason for item in image.skippedFiles]
    return readMesh(path)[1].warnings


def outcomes(kind, numbers, folder):
    """What became of variants, as (number, word, detail, seconds); the word is "read", "warned", "refused",
    "traceback" or "hang".
    """
    fuzzer, profile = Fuzzer(kind, Path(folder)), loadProfile()
    signal.signal(signal.SIGALRM, _ring)
    for number in numbers:
        path = fuzzer.make(number)
        started = time.process_time()
        signal.setitimer(signal.ITIMER_REAL, 6 * LONGEST_S)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                remarks = read(kind, path, profile)
            word, detail = ("warned", remarks[0]) if remarks else ("read", "")
        except M3DError as error:
            word, detail = "refused", str(error)
            if "Traceback" in detail or ".cxx" in detail:
                word = "traceback"
        except TooLong:
            word, detail = "hang", ""
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            word, detail = "traceback", f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        seconds = time.process_time() - started
        if seconds > LONGEST_S:
            word = "hang"
        yield number, word, detail, seconds
