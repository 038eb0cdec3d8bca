"""Rules of PDF/A-2b (ISO 19005-2) as far as pypdf lets them be looked up; no checker of all is packaged.

Each rule is named by its clause. What they do not see: the syntax below the objects, the content of ICC profiles, the
widths of glyphs, and what a JPEG 2000 image says of itself.
"""

import io
import re

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject

_ANNOTATIONS = {
    "/Link",
    "/Text",
    "/Popup",
    "/Widget",
    "/Highlight",
    "/Underline",
    "/Square",
    "/Circle",
    "/Ink",
    "/Stamp",
}
_ACTIONS = {"/GoTo", "/GoToR", "/GoToE", "/Thread", "/URI", "/Named", "/SubmitForm"}
_STATES_FORBIDDEN = {"/TR", "/HTP"}
_BLENDS = {
    f"/{name}"
    for name in (
        "Normal Compatible Multiply Screen Overlay Darken Lighten ColorDodge ColorBurn HardLight SoftLight Difference "
        "Exclusion Hue Saturation Color Luminosity"
    ).split()
}
_PRINT, _INVISIBLE, _HIDDEN, _NO_VIEW, _TOGGLE = 4, 1, 2, 32, 256


def brokenRules(content):
    """Clauses of PDF/A-2b that a document breaks, each with what breaks it; empty where none is.

    :param content: the PDF, bytes.
    """
    broken = []

    def require(clause, isKept, what):
        if not isKept:
            broken.append(f"{clause}: {what}")

    require("6.1.2", re.match(rb"%PDF-1\.[0-7][\r\n]+%[\x80-\xff]{4}", content), "header and binary comment")
    require("6.1.3", content.rstrip().endswith(b"%%EOF"), "something behind the end of the file")
    reader = PdfReader(io.BytesIO(content))
    require("6.1.3", "/Encrypt" not in reader.trailer, "is encrypted")
    require("6.1.3", len(reader.trailer.get("/ID", ())) == 2, "no file identifier")
    if "/Encrypt" in reader.trailer:
        return broken
    root = reader.trailer["/Root"].get_object()
    _document(reader, root, require)
    for thing in _objects(reader):
        _object(thing, require)
    return sorted(set(broken))


def _document(reader, root, require):
    intents = [intent.get_object() for intent in root.get("/OutputIntents", ())]
    intents = [intent for intent in intents if intent.get("/S") == "/GTS_PDFA1"]
    require("6.2.3", len(intents) == 1, "no or several output intents of PDF/A")
    for intent in intents:
        profile = intent["/DestOutputProfile"].get_object()
        data = profile.get_data()
        require("6.2.3", data[36:40] == b"acsp" and profile["/N"] == 3 and data[16:20] == b"RGB ", "ICC profile of RGB")
    require("6.1.13", "/Perms" not in root or set(root["/Perms"]) <= {"/UR3", "/DocMDP"}, "permissions")
    require("6.4.2", "/XFA" not in (root.get("/AcroForm") or {}), "form by XFA")
    require("6.5.2", "/AA" not in root and not _isScript(root.get("/OpenAction")), "action when it is opened")
    names = (root.get("/Names") or DictionaryObject()).get_object()
    require("6.5.1", "/JavaScript" not in names, "JavaScript")
    require("6.8", "/EmbeddedFiles" not in names, "embedded files")
    require("6.10", "/AlternatePresentations" not in names, "alternate presentations")
    require("6.6.2", "/Metadata" in root, "no metadata")
    if "/Metadata" not in root:
        return
    stream = root["/Metadata"].get_object()
    require("6.6.2.1", "/Filter" not in stream, "metadata are compressed")
    xmp = stream.get_data().decode("utf-8")
    require("6.6.4", re.search(r"pdfaid:part>2<|pdfaid:part=.2.", xmp), "does not say part 2")
    require("6.6.4", re.search(r"pdfaid:conformance>[BUA]<|pdfaid:conformance=.[BUA].", xmp), "says no conformance")
    title = (reader.metadata or {}).get("/Title")
    require("6.6.2.3", not title or str(title) in xmp, "title in the metadata is another")
    # Beyond 2b, but asked for: who cannot see the pages has an order, a language and a title.
    require("tagged", "/StructTreeRoot" in root and root.get("/MarkInfo", {}).get("/Marked") is not None, "no tags")
    require("tagged", bool(root.get("/Lang")), "no language")


def _objects(reader):
    for number in range(1, int(reader.trailer["/Size"])):
        thing = reader.get_object(IndirectObject(number, 0, reader))
        if thing is not None:
            yield from _within(thing)


def _within(thing):
    yield thing
    parts = thing.values() if isinstance(thing, DictionaryObject) else thing if isinstance(thing, ArrayObject) else ()
    for part in parts:
        if isinstance(part, (DictionaryObject, ArrayObject)):
            yield from _within(part)


def _isScript(action):
    action = action.get_object() if action is not None else None
    return isinstance(action, DictionaryObject) and action.get("/S") == "/JavaScript"


def _object(thing, require):
    if not isinstance(thing, DictionaryObject):
        return
    kind, subtype = thing.get("/Type"), thing.get("/Subtype")
    if isinstance(thing, StreamObject):
        require("6.1.7.1", not {"/F", "/FFilter", "/FDecodeParms"} & set(thing), "stream in another file")
        filters = thing.get("/Filter", ())
        filters = filters if isinstance(filters, (list, tuple)) else (filters,)
        require("6.1.7.2", not {"/LZWDecode", "/Crypt"} & set(filters), "filter")
    if kind == "/Font" and subtype not in ("/Type0", "/Type3"):
        described = thing.get("/FontDescriptor", DictionaryObject()).get_object()
        require(
            "6.2.11.4.1", {"/FontFile", "/FontFile2", "/FontFile3"} & set(described), f"font {thing.get('/BaseFont')}"
        )
    if kind == "/Font" and subtype == "/Type0":
        require("6.2.11.7", "/ToUnicode" in thing, f"text of {thing.get('/BaseFont')} cannot be read")
    if subtype == "/Image":
        require("6.2.8", not thing.get("/Interpolate", False), "interpolated image")
        require("6.2.8", not {"/Alternates", "/OPI"} & set(thing), "alternates of an image")
    if subtype == "/Form":
        require("6.2.9", not {"/OPI", "/PS", "/Ref"} & set(thing), "form XObject")
    if "/BM" in thing:
        modes = thing["/BM"] if isinstance(thing["/BM"], ArrayObject) else [thing["/BM"]]
        require("6.2.10", set(modes) <= _BLENDS, "blend mode")
    if kind == "/ExtGState":
        require("6.2.5", not _STATES_FORBIDDEN & set(thing), "transfer function or halftone")
    for space in (thing.get("/ColorSpace"), thing.get("/CS")):
        require("6.2.4.3", space != "/DeviceCMYK", "CMYK without an output intent of it")
    if kind == "/Annot":
        flags = int(thing.get("/F", 0))
        require("6.3.1", subtype in _ANNOTATIONS, f"annotation {subtype}")
        hidden = flags & (_INVISIBLE | _HIDDEN | _NO_VIEW | _TOGGLE)
        require("6.3.2", subtype == "/Popup" or (flags & _PRINT and not hidden), "annotation that is not printed")
    if "/S" in thing and (kind == "/Action" or thing.get("/S") in ("/JavaScript", "/Launch")):
        require("6.5.1", thing["/S"] in _ACTIONS, f"action {thing['/S']}")
