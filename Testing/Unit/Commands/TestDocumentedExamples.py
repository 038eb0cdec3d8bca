"""Every example of the README and of the pages in Docs runs as it stands there."""

import json
import os
import re
import shlex
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from M3DBatchLib.CommandLine import commandsOf, main, makeParser
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box
from M3DTestSupport.Project import ROOT
from M3DTestSupport.SmallScan import smallImage, writeSmallScan

PAGES = [ROOT / "README.md", *sorted((ROOT / "Docs").glob("*.md"))]
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES}


def blocks(text, kind=""):
    """The fenced blocks of a page that are of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", text, flags=re.M | re.S)


def commands(name):
    """Lines of a page's blocks that call m3d, and the long ones in its captions, without what comes before m3d."""
    joined = "\n".join(blocks(TEXTS[name])).replace("\\\n", " ")
    found = re.findall(r"^(?:\$ )?(?:\S*/)?(m3d .*)$", joined, flags=re.M)
    found += [f"m3d {rest}" for rest in re.findall(r"^Slicer .*__main__\.py +(.*)$", joined, flags=re.M)]
    return found + re.findall(r"`(m3d [a-z]+ --[^`]*--output [^`]*)`", TEXTS[name].replace("\n", " "))


# The page that is made from the parsers holds no examples, but what each command cannot do without.
EXAMPLES = [(name, line) for name in TEXTS if name != "CommandLine.md" for line in commands(name)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with all that the examples name: a scan, a segmentation, parts, a profile, the demo's output, a case."""
    import M3DLib.Phantom.HeadPhantom as phantom

    place = tmp_path_factory.mktemp("examples")
    before = Path.cwd()
    os.chdir(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(place / "none"))
        # As the demo does it, in coarser voxels: what is looked at here is the way, not the size of its models.
        patch.setattr(phantom, "SPACING_MM", (1.8, 1.8, 2.0))
        writeSmallScan(place / "scan")
        writeSegmentation(place / "head.seg.nrrd", ["mandible", "maxilla"])
        writeSegmentation(place / "bone.seg.nrrd", ["bone", "other"])
        for name in ("scan-of-the-part.stl", "model.stl"):
            (place / name).write_bytes(stlBytes(TriangleMesh(*box((20.0, 14.0, 9.0)))))
        (place / "cases.csv").write_text("id,image,threshold\nhead,scan,500\n")
        (place / "our-hospital.json").write_text(blocks(TEXTS["Checks.md"], "json")[0])
        assert main(["demo", "--output", "demo-output"]) == 0
        yield place
    os.chdir(before)


def writeSegmentation(file, names):
    """A Slicer segmentation of the small scan: the ball is the first segment, the box the second."""
    import SimpleITK

    image = smallImage()
    labels = np.zeros(image.array.shape, dtype=np.uint8)
    middle = image.array.shape[2] // 2
    labels[:, :, middle:][image.array[:, :, middle:] > 500] = 1
    labels[:, :, :middle][image.array[:, :, :middle] > 500] = 2
    volume = SimpleITK.GetImageFromArray(labels)
    volume.SetSpacing([float(step) for step in image.spacing])
    volume.SetOrigin([float(value) for value in image.ijkToLps[:3, 3]])
    for number, name in enumerate(names):
        for key, value in {"ID": f"Segment_{number + 1}", "Name": name, "LabelValue": number + 1, "Layer": 0}.items():
            volume.SetMetaData(f"Segment{number}_{key}", str(value))
    SimpleITK.WriteImage(volume, str(file))


def prepareCase(line):
    """What somebody has done between the lines of the example of a case."""
    from M3DLib.Dicom.DicomFile import writeDicomFile
    from M3DTestSupport.Models import makeObject

    if "CASE/skull.dcm" in line:
        writeDicomFile(makeObject(), Path("CASE/skull.dcm"))
    if "CASE/report.json" in line:
        Path("CASE/report.json").write_text(json.dumps({"verdict": "pass"}))
    if "berg.pem" in line:
        from M3DTestSupport.Certificates import certificateOf, keyPem, pemOf, writeSigner

        writeSigner(Path(), "Dr. Berg", "berg")
        Path("maker.pem").write_bytes(pemOf(certificateOf("Maker")))
        Path("maker-key.pem").write_bytes(keyPem("Maker"))
    if "berg.p12" in line:
        writeKey(Path("berg.p12"))


def writeKey(file):
    """A key with a certificate of its own, as PKCS#12 without a password."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Dr. Berg")])
    now = datetime.now(timezone.utc)
    last = now + timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, last)
    certificate = builder.sign(key, hashes.SHA256())
    plain = NoEncryption()
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"berg", key, certificate, None, plain))


@pytest.mark.parametrize(("page", "line"), EXAMPLES)
def test_exampleRuns(folder, capsys, page, line):
    assert len(EXAMPLES) > 10
    arguments = shlex.split(line)[1:]
    if "demo-output/DICOM/.../..." in arguments:
        found = main(["inspect", "demo-output", "--json"]), json.loads(capsys.readouterr().out)
        bar = next(facts["file"] for facts in found[1]["models"] if facts["name"] == "bar 50 mm")
        arguments[arguments.index("demo-output/DICOM/.../...")] = bar
    for name in ("CASE", "SCAN"):
        arguments = [re.sub(rf"^{name}(?=/|$)", {"CASE": "CASE", "SCAN": "scan"}[name], one) for one in arguments]
    prepareCase(line)
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code
    said = capsys.readouterr()
    # A small phantom need not be good enough for an implant; the example has then run all the same.
    judged = arguments[0] in ("validate", "run", "compare", "batch")
    assert status in ((0, 1, 3) if judged else (0,)), said.err


def test_exampleOfScriptingRuns(folder):
    script = blocks(TEXTS["README.md"], "python")[0].replace('FileSetStore("out")', 'FileSetStore("scripted")')
    names = {}
    exec(compile(script, "README.md", "exec"), names)
    assert len(names["models"]) == 1 and (folder / "scripted" / "DICOMDIR").exists()


@pytest.mark.parametrize("page", TEXTS)
def test_everyExampleInPythonIsPython(page):
    for script in blocks(TEXTS[page], "python"):
        compile(script, page, "exec")


@pytest.mark.parametrize("page", TEXTS)
def test_everyOptionThatIsNamedExists(page):
    known = {"--additional-module-paths", "--testing", "--no-splash", "--no-main-window", "--python-code"}
    known |= {"--python-script", "--check"}
    # Of Dask, whose scheduler and workers one starts oneself.
    known |= {"--nthreads", "--nworkers", "--host", "--protocol"}
    # Of the benchmark.
    known |= {"--write", "--large", "--quick", "--only"}
    parsers = [makeParser(), *commandsOf(makeParser()).values()]
    for parser in list(parsers):
        for action in parser._actions:
            if isinstance(getattr(action, "choices", None), dict):
                parsers += list(action.choices.values())
    for parser in parsers:
        known |= set(parser._option_string_actions) | set(parser.oldNames)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", TEXTS[page]))
    assert sorted(named - known) == []
