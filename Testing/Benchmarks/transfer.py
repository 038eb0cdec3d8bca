"""Sending a scan and one large model by C-STORE: DCMTK's storescu, plain pynetdicom and ours, to the same server.

    python Testing/Benchmarks/transfer.py [--slices 200] [--large 200]

The server is DCMTK's storescp, which throws away what it gets, so that the time is that of the sender and the network.
Printed are the wall time of each, the best of three in turn, as ratios to ours, and how far our memory grows.
"""

import argparse
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / name) for name in ("M3DExport", "Testing")]

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, EncapsulatedSTLStorage, ExplicitVRLittleEndian, generate_uid

from M3DLib.Store.Pacs.Outgoing import outgoingFrom
from M3DLib.Store.Pacs.PacsConnection import connect
from M3DLib.Store.Servers.Credentials import Credentials
from M3DLib.Store.Servers.PacsServer import dimseServer

REPEATS = 3


def writeSlices(folder, count):
    """A CT of 512 by 512 slices."""
    series, study = generate_uid(), generate_uid()
    for number in range(count):
        dataset = newObject(CTImageStorage, study, series)
        dataset.InstanceNumber = number + 1
        dataset.Rows = dataset.Columns = 512
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 0, 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        values = np.random.default_rng(number).integers(0, 2000, (512, 512), dtype=np.uint16)
        dataset.PixelData = values.tobytes()
        dataset.save_as(folder / f"{number:04}.dcm", enforce_file_format=True)


def writeLarge(folder, megabytes):
    """One encapsulated document of so many megabytes."""
    dataset = newObject(EncapsulatedSTLStorage, generate_uid(), generate_uid())
    dataset.EncapsulatedDocument = np.random.default_rng(1).bytes(megabytes << 20)
    dataset.save_as(folder / "large.dcm", enforce_file_format=True)


def newObject(sopClass, study, series):
    """An object with what it takes to be sent."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = sopClass, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.PatientID, dataset.PatientName = "BENCH", "Bench^Mark"
    return dataset


@contextlib.contextmanager
def storescp():
    """DCMTK's server that throws away what it gets; yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([shutil.which("storescp"), "--ignore", "--promiscuous", str(port)])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def byStorescu(files, port):
    """DCMTK's sender."""
    subprocess.run(["storescu", "-R", "127.0.0.1", str(port), *map(str, files)], check=True, capture_output=True)


def byPynetdicom(files, port):
    """pynetdicom as its documentation shows it."""
    from pynetdicom import AE

    entity = AE()
    for abstract in (CTImageStorage, EncapsulatedSTLStorage):
        entity.add_requested_context(abstract, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port)
    for file in files:
        status = association.send_c_store(file)
        if status.Status != 0:
            raise RuntimeError(f"refused: 0x{status.Status:04X}")
    association.release()


def byOurs(files, port):
    """``M3DLib.Store.Pacs``: reading what is to be sent, and sending it."""
    with tempfile.TemporaryDirectory() as folder:
        outgoing, _notes = outgoingFrom(files, Path(folder))
        with connect(dimseServer(f"ANY@127.0.0.1:{port}"), Credentials()) as connection:
            told = []
            connection.store(outgoing, lambda one, reason: told.append(reason), lambda sent: None)
            if len(told) != len(files) or any(told):
                raise RuntimeError(f"refused: {told}")


SENDERS = {"ours": byOurs, "storescu": byStorescu, "pynetdicom": byPynetdicom}


def compare(title, files, port):
    """Print the times of all senders, in turn so that what else the machine does hits all alike."""
    best = dict.fromkeys(SENDERS, float("inf"))
    for _ in range(REPEATS):
        for name, sender in SENDERS.items():
            begin = time.perf_counter()
            sender(files, port)
            best[name] = min(best[name], time.perf_counter() - begin)
    megabytes = sum(file.stat().st_size for file in files) / (1 << 20)
    print(f"{title}: {len(files)} object(s), {megabytes:.0f} MB")
    for name, seconds in best.items():
        ratio = best["ours"] / seconds
        print(f"  {name:11} {seconds:7.2f} s  {megabytes / seconds:7.0f} MB/s  ours/{name}: {ratio:.2f}", flush=True)
    return best


def memoryGrowth(file, port):
    """How many MB the peak of a fresh process grows when it sends a file with ours."""
    script = (
        "import resource, sys; sys.path[:0] = sys.argv[3:]; from pathlib import Path; import transfer;"
        "transfer.byOurs([Path(sys.argv[1]).parent / 'small.dcm'], int(sys.argv[2]));"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "transfer.byOurs([Path(sys.argv[1])], int(sys.argv[2]));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    shutil.copyfile(next((file.parents[1] / "scan").iterdir()), file.parent / "small.dcm")
    command = [sys.executable, "-c", script, str(file), str(port), str(Path(__file__).parent), *sys.path[:2]]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def main():
    """Make the data, run all senders, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--large", type=int, default=200, metavar="MB")
    arguments = parser.parse_args()
    if not (shutil.which("storescp") and shutil.which("storescu")):
        print("DCMTK is not installed: nothing is compared.")
        return
    with tempfile.TemporaryDirectory() as name, storescp() as port:
        scan, large = Path(name) / "scan", Path(name) / "large"
        scan.mkdir()
        large.mkdir()
        writeSlices(scan, arguments.slices)
        writeLarge(large, arguments.large)
        compare("scan", sorted(scan.iterdir()), port)
        compare("large model", [large / "large.dcm"], port)
        print(f"memory that sending the large model takes: {memoryGrowth(large / 'large.dcm', port):.0f} MB")


if __name__ == "__main__":
    main()
