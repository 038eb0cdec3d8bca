"""Reads thousands of damaged objects in a process of its own: ``python MutatedReading.py COUNT SEED FOLDER``.

Prints one JSON object: how many were refused, read, read with warnings; every exception that is not an M3DError; the
slowest file; the peak memory. A process of its own, so that a crash, a hang or a hunger for memory can be seen.
"""

import io
import json
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from M3DBatchLib.ModelFacts import modelFacts, modelText
from M3DBatchLib.Stopwatch import peakMemoryMb
from M3DLib.Dicom import DicomFile
from M3DLib.EncapsulatedStl.DocumentReferences import EDITED, DocumentReference
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.Errors import M3DError
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DTestSupport.Models import makeHeaders, makeObject

ASCII = b"solid x\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 9 0 0\nvertex 0 9 0\nendloop\nendfacet\n"


def seeds():
    """Whole objects to damage, as files' bytes: every transfer syntax, everything optional in them, ASCII payloads."""
    description = ModelDescription(
        title="Größe",
        usage="PlanningIntent",
        color=(0.1, 0.5, 0.9),
        opacity=0.5,
        groupUid="2.25.7",
        contentDescription="text",
        verified=True,
        timezoneOffset="+0100",
    )
    reference = DocumentReference("1.2.840.10008.5.1.4.1.1.104.3", "1.5.1", "1.5", "1.77", EDITED)
    found = []
    for syntax in (
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ):
        for payload in (None, ASCII):
            dataset = makeObject(
                description=description,
                headers=makeHeaders(2),
                surface=SurfaceParameters(),
                predecessors=[reference],
                icon=np.zeros((2, 2, 3), np.uint8),
            )
            if payload is not None:
                dataset.EncapsulatedDocument = payload
                dataset.EncapsulatedDocumentLength = len(payload)
            dataset.file_meta.TransferSyntaxUID = syntax
            stream = io.BytesIO()
            pydicom.dcmwrite(
                stream,
                dataset,
                implicit_vr=syntax.is_implicit_VR,
                little_endian=syntax.is_little_endian,
                enforce_file_format=True,
            )
            found.append(stream.getvalue())
    return found


def mutate(data, rng):
    """One to four random injuries."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        kind = rng.integers(0, 6)
        # Headers and the tail hurt most; half of the injuries go there.
        position = int(rng.integers(128, len(data)) if rng.random() < 0.5 else rng.integers(128, min(len(data), 900)))
        if kind == 0:
            data[position] = int(rng.integers(0, 256))
        elif kind == 1:
            data[position] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            size = int(rng.choice([2, 4]))
            value = int(rng.choice([0, 1, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x10000000, len(data)]))
            data[position : position + size] = (value & (256**size - 1)).to_bytes(size, "little")
        elif kind == 3:
            del data[position : position + int(rng.integers(1, 40))]
        elif kind == 4:
            data[position:position] = rng.bytes(int(rng.integers(1, 40)))
        else:
            del data[position:]
        if len(data) <= 140:
            break
    return bytes(data)


def main(count, seed, folder):
    """Damage and read; see the module's text."""
    rng = np.random.default_rng(seed)
    whole = seeds()
    for data in whole:
        readEncapsulatedStl(data)
    file = Path(folder) / "damaged.dcm"
    tally = {"refused": 0, "read": 0, "warned": 0, "unexpected": [], "slowestSeconds": 0.0}
    for number in range(count):
        data = mutate(whole[number % len(whole)], rng)
        source = data
        if number % 2:
            # From a file, with so little kept in memory that payloads are mapped.
            file.write_bytes(data)
            DicomFile.DEFER_BYTES = 64 if number % 4 == 1 else 1 << 20
            source = file
        start = time.perf_counter()
        try:
            model = readEncapsulatedStl(source)
            facts = modelFacts(model, "damaged.dcm")
            (json.dumps(facts, ensure_ascii=False, allow_nan=False) + modelText(facts)).encode()
            tally["warned" if model.warnings else "read"] += 1
        except M3DError:
            tally["refused"] += 1
        except Exception:
            tally["unexpected"].append([number, traceback.format_exc()[-1500:]])
        tally["slowestSeconds"] = max(tally["slowestSeconds"], time.perf_counter() - start)
    tally["peakMb"] = peakMemoryMb()
    print(json.dumps(tally))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
