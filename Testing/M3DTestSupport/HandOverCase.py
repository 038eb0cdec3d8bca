"""A small case to hand over: a few slices, a model in DICOM, loose files, all of which name the patient somewhere."""

import json
import re
import zipfile

from pydicom.uid import ExplicitVRLittleEndian

from M3DBatchLib.CommandLine import main
from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.Mesh.StlFile import stlBytes
from M3DTestSupport.Models import makeHeaders, makeObject, makeTetrahedron

PATIENT = "Grünwald^Änne^Maria"
ATTRIBUTES = {
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientName": PATIENT,
    "PatientID": "PID-20481",
    "PatientBirthDate": "19510203",
    "AccessionNumber": "ACC778812",
    "InstitutionName": "Klinikum Hinterwald",
    "ReferringPhysicianName": "Überweiser^Otto",
    "StudyDescription": "Trauma Hinterwald Grünwald",
    "OperatorsName": "Knipser^Kurt",
    "StationName": "CTHINTER7",
}
# None of these, in whatever spelling, may be anywhere in a package.
SECRETS = ("grünwald", "grunwald", "gr\xfcnwald", "20481", "19510203", "778812", "hinterwald", "überweiser", "knipser")


def writeSlices(folder, count=3, **more):
    """A few images of 8 x 8 pixels; returns their files."""
    folder.mkdir(parents=True)
    files = []
    for number, header in enumerate(makeHeaders(count, **{**ATTRIBUTES, **more}), start=1):
        header.Rows = header.Columns = 8
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit, header.PixelRepresentation, header.SamplesPerPixel = 15, 1, 1
        header.PhotometricInterpretation = "MONOCHROME2"
        header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        header.PixelData = bytes(range(128))
        block = header.private_block(0x0019, "GRÜNWALD INC", create=True)
        block.add_new(1, "LO", PATIENT)
        _meta(header)
        files.append(folder / f"IM{number}")
        writeDicomFile(header, files[-1])
    return files


def writeModel(file, title="femur", size=10.0, **more):
    """An Encapsulated STL object of the same patient; returns its STL."""
    description = ModelDescription(title=title, contentDescription=f"of {PATIENT.split('^', maxsplit=1)[0]}")
    dataset = makeObject(makeTetrahedron(size), description, makeHeaders(**ATTRIBUTES))
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    writeDicomFile(dataset, file)
    return dataset.EncapsulatedDocument


def writeLooseFiles(folder):
    """Files of models, each with the patient's name where its format has room for it."""
    folder.mkdir(parents=True)
    name = PATIENT.replace("^", " ")
    stl = bytearray(stlBytes(makeTetrahedron()))
    stl[:80] = f"{name} PID-20481".encode().ljust(80)[:80]
    (folder / "femur grünwald.stl").write_bytes(stl)
    obj = f"# {name}\nmtllib PID-20481.mtl\no {name}\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nusemtl {name}\n"
    (folder / "femur.obj").write_text(obj + "f 1 3 2\nf 1 2 4\nf 2 3 4\nf 3 1 4\n", encoding="utf-8")
    model = (
        '<?xml version="1.0" encoding="UTF-8"?><model unit="millimeter" '
        'xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02">'
        f'<!-- {name} --><metadata name="Title">{name}</metadata><metadata name="Designer">Knipser</metadata>'
        f'<resources><object id="1" type="model" name="{name}" partnumber="PID-20481"><mesh><vertices>'
        '<vertex x="0" y="0" z="0"/><vertex x="1" y="0" z="0"/><vertex x="0" y="1" z="0"/><vertex x="0" y="0" z="1"/>'
        '</vertices><triangles><triangle v1="0" v2="2" v3="1"/><triangle v1="0" v2="1" v3="3"/>'
        '<triangle v1="1" v2="2" v3="3"/><triangle v1="2" v2="0" v3="3"/></triangles></mesh></object></resources>'
        '<build><item objectid="1"/></build></model>'
    )
    with zipfile.ZipFile(folder / "femur.3mf", "w") as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELATIONS)
        archive.writestr("3D/3dmodel.model", model)
        archive.writestr("Metadata/PID-20481.txt", name)
    (folder / "notes.txt").write_text(name, encoding="utf-8")


_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?><Relationships '
    'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rel0" '
    'Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel" Target="/3D/3dmodel.model"/></Relationships>'
)


def _meta(header):
    from pydicom.dataset import FileMetaDataset

    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def writeCase(folder):
    """Slices, a model in DICOM and loose files in one folder."""
    writeSlices(folder / "scan")
    writeModel(folder / "model.dcm")
    writeLooseFiles(folder / "loose")
    return folder


def m3d(*arguments):
    """Run a command in this process; its exit status."""
    return main([str(argument) for argument in arguments])


def m3dJson(capsys, *arguments):
    """Run a command with ``--json``; its exit status and result."""
    capsys.readouterr()
    status = m3d(*arguments, "--json")
    return status, json.loads(capsys.readouterr().out)


def allBytes(folder):
    """Every file of a package's folder with its name, archives in it unpacked."""
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        yield file.name, file.read_bytes()
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                for name in archive.namelist():
                    yield f"{file.name}/{name}", archive.read(name)


def secretsIn(folder):
    """Files that hold a secret in any of the usual encodings, or are named by one; found without our search."""
    found = []
    for name, content in allBytes(folder):
        lowered = content.lower()
        for secret in SECRETS:
            # Letters beyond ASCII are not lowered in bytes: both cases are looked for.
            for form in (secret, secret.upper(), secret.capitalize()):
                if any(_holds(lowered, form, encoding) or _holds(content, form, encoding) for encoding in _ENCODINGS):
                    found.append((name, secret))
        if any(secret in name.casefold() for secret in SECRETS):
            found.append((name, "name"))
    return found


def _holds(content, text, encoding):
    """Whether bytes hold a text; a number not within a longer one: five digits of a random UID are the same by chance,
    once in some hundred packages.
    """
    wanted = text.encode(encoding)
    if not text.isdecimal():
        return wanted in content
    rest = "0".encode(encoding)[1:]
    digit = b"[0-9]" + rest
    return re.search(b"(?<!%b)(?:0%b)*%b(?!%b)" % (digit, rest, re.escape(wanted), digit), content) is not None


_ENCODINGS = ("utf-8", "latin-1", "utf-16-le")
