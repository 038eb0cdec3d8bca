"""The search finds a value wherever it is hidden, says where and not what, and does not cry over ordinary words."""

import base64
import io
import json
import zipfile
import zlib

import pytest

from M3DLib.DeIdentification.IdentitySearch import IdentitySearch
from M3DLib.DeIdentification.OriginalValues import OriginalValues
from M3DLib.DeIdentification.Replacements import Replacements
from M3DLib.Errors import M3DError
from M3DTestSupport.HandOverCase import ATTRIBUTES
from M3DTestSupport.Models import makeHeaders

pytest.importorskip("dicomanonymizer")
PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(*chunks):
    header = chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
    return PNG + header + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def archive(name, content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, content)
    return stream.getvalue()


def search(**attributes):
    originals = OriginalValues()
    for header in makeHeaders(1, **{**ATTRIBUTES, **attributes}):
        originals.add(header)
    return IdentitySearch(Replacements("P-1", originals))


def hits(content, name="file", **attributes):
    looked = search(**attributes)
    looked.file(name, content)
    return looked.places


def pdf(text="", title=""):
    pypdf = pytest.importorskip("pypdf")
    from pypdf.generic import DecodedStreamObject, NameObject

    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(200, 200)
    stream = DecodedStreamObject()
    stream.set_data(f"BT ({text}) Tj ET".encode("latin-1"))
    page[NameObject("/Contents")] = writer._add_object(stream.flate_encode())
    writer.add_metadata({"/Title": title or "none"})
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


HIDDEN = {
    "text": "of GRÜNWALD, Änne".encode(),
    "latin-1": "Gr\xfcnwald".encode("latin-1"),
    "utf-16": "\ufeffGrünwald".encode("utf-16-le"),
    "without accents": b"Grunwald",
    "given name first": b"aenne or anne grunwald",
    "id": b"patient PID-20481.",
    "institution": b"Klinikum Hinterwald",
    "birth date": b"born 1951-02-03",
    "birth date, German": b"born 03.02.1951",
    "study date": b"20200102",
    "study date and time": b"20200102101112.5",
    "uid": b"see 1.2.3.4.300.1 there",
    "stl header": b"ACC778812".ljust(80) + b"\0" * 54,
    "far in an stl": b"\0" * 9000 + b"pid-20481" + b"\0" * 500,
    "json escapes": json.dumps({"a": ["Grünwald"]}).encode(),
    "html entity": b"<html><body>Gr&uuml;nwald</body></html>",
    "file in a page": b'<img src="data:image/png;base64,' + base64.b64encode(png(chunk(b"tEXt", b"Author\0PID-20481"))),
    "png text": png(chunk(b"tEXt", b"Title\0PID-20481")),
    "png compressed text": png(chunk(b"zTXt", b"Title\0\0" + zlib.compress(b"of PID-20481"))),
    "png international text": png(chunk(b"iTXt", b"T\0\1\0\0\0" + zlib.compress("Grünwald".encode()))),
    "after the png": png() + b"PID-20481",
    "archive": archive("3D/3dmodel.model", "<object name='PID-20481'/>"),
    "archive in an archive": archive("a.zip", archive("b.txt", "Grünwald")),
    "name in an archive": archive("PID-20481.txt", "x"),
}


@pytest.mark.parametrize("what", HIDDEN)
def testAValueIsFoundWhereItIsHidden(what):
    places = hits(HIDDEN[what])
    assert places
    assert not any(word in " ".join(places).casefold() for word in ("grünwald", "20481", "hinterwald"))


def testAValueIsFoundInAPdf():
    assert hits(pdf("of PID-20481"))
    assert hits(pdf(title="Klinikum Hinterwald"))
    assert hits(pdf("nothing")) == []


def testAValueIsFoundInNamesAndHeaders():
    assert hits(b"x", "models/pid-20481.stl") == ["the name of a file of the kind .stl"]
    stream = io.BytesIO()
    (header,) = makeHeaders(1, PatientName="P-1", PatientID="P-1", ImageComments="Frau Grünwald")
    header.SpecificCharacterSet = "ISO_IR 100"
    header.save_as(stream, implicit_vr=False, little_endian=True)
    content = b"\0" * 128 + b"DICM" + _meta() + stream.getvalue()
    places = hits(content)
    assert any("(0020,4000) ImageComments" in place for place in places)


def _meta():
    from pydicom.dataset import FileMetaDataset
    from pydicom.filewriter import write_file_meta_info
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, "2.25.1"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = "2.25.2"
    stream = io.BytesIO()
    write_file_meta_info(stream, meta)
    return stream.getvalue()


def testOrdinaryWordsAndNumbersAreNoHits():
    clean = b"pass, 12345 triangles, 2026-11-28, 1.2.840.10008.5.1.4.1.1.2, hinterw\xc3\xa4ldler, model of a skull"
    assert hits(clean) == []
    # A Mr. Pass, first name Head, does not take their words from the reports; both together are found.
    odd = {"PatientName": "Pass^Head", "PatientID": "77"}
    assert hits(b"64 pass, 77 warnings, head", **odd) == []
    assert hits(b"of Head Pass", **odd)


def testWhatCannotBeLookedThroughIsRefused():
    with pytest.raises(M3DError, match="cannot be looked through"):
        hits(b"PK\x03\x04" + b"broken")


def testPlacesAreNamedInTheRefusal():
    looked = search()
    looked.file("a.txt", b"PID-20481")
    with pytest.raises(M3DError, match=r"'a\.txt'"):
        looked.requireNothing()
