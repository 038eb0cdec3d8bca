"""Random valid combinations of everything that can be said of a model, for hypothesis."""

from datetime import datetime

import numpy as np
from hypothesis import strategies as st

from M3DLib.Dicom import Codes
from M3DLib.EncapsulatedStl.DocumentReferences import COMPONENT, EDITED, DocumentReference
from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import encapsulateMesh
from M3DLib.EncapsulatedStl.ModelDescription import DerivationAlgorithm, Equipment, ModelDescription
from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
from M3DLib.Mesh.SurfaceParameters import METHODS, SurfaceParameters
from M3DLib.Segmentation.Segment import SegmentSource
from M3DTestSupport.Models import makeHeaders, makeTetrahedron

STL_CLASS = "1.2.840.10008.5.1.4.1.1.104.3"
_LETTERS = "abz AZ09_-éß"
_PARAMETER = "abz AZ09_-.;:"

_texts = {
    "ISO_IR 100": st.text(alphabet=_LETTERS, max_size=40),
    "ISO_IR 192": st.text(alphabet=_LETTERS + "骨가山", max_size=40),
    "": st.text(alphabet="abc XYZ 123", max_size=40),
}
NAMES = {
    "": "Doe^Jane",
    "ISO_IR 100": "Müller^Zoë",
    "ISO_IR 192": "Wang^XiaoDong=王^小東",
    "GB18030": "Wang^XiaoDong=王^小东",
    "\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "\\ISO 2022 IR 149": "Hong^Gildong=洪^吉洞=홍^길동",
}


def _stripped(strategy):
    return strategy.map(lambda text: " ".join(text.split()))


def _maybe(strategy):
    return st.none() | strategy


_flags = st.none() | st.booleans()
_uids = st.integers(min_value=1, max_value=10**30).map(lambda number: f"2.25.{number}")
_parameters = _stripped(st.text(alphabet=_PARAMETER, min_size=1, max_size=20)).filter(bool)

_algorithms = st.builds(
    DerivationAlgorithm,
    name=_stripped(st.text(alphabet="abz AZ", min_size=1, max_size=60)).filter(bool),
    family=st.sampled_from(Codes.keywords(Codes.ALGORITHM_FAMILY)),
    parameters=st.dictionaries(_parameters, _parameters, max_size=3).map(lambda values: tuple(values.items())),
    source=st.sampled_from(["", "Some CAD"]),
)


@st.composite
def descriptions(draw, charset=""):
    """Valid ``ModelDescription`` objects whose texts a character set can hold, or UTF-8 must."""
    texts = _stripped(_texts.get(charset, _texts["ISO_IR 192"]))
    return ModelDescription(
        title=draw(texts),
        titleCode=draw(st.sampled_from(["", *Codes.keywords(Codes.DOCUMENT_TITLE)])),
        contentDescription=draw(texts),
        usage=draw(st.sampled_from(["", *Codes.keywords(Codes.USAGE)])),
        units=draw(st.sampled_from(sorted(Codes.UNIT_MM))),
        modified=draw(_flags),
        mirrored=draw(_flags),
        laterality=draw(st.sampled_from(["", "L", "R", "B", "U"])),
        burnedInAnnotation=draw(st.booleans()),
        recognizableVisualFeatures=draw(_flags),
        verified=draw(_flags),
        groupUid=draw(st.just("") | _uids),
        color=draw(_maybe(st.tuples(*[st.floats(0, 1)] * 3))),
        opacity=draw(_maybe(st.floats(0, 1, width=32))),
        seriesDescription=draw(texts),
        algorithm=draw(_maybe(_algorithms)),
        segmentation=draw(st.sampled_from(["", "threshold above 300 HU; 1 largest body"])),
        contentDateTime=draw(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))),
        timezoneOffset=draw(st.sampled_from(["", "+0000", "-0330", "+1400"])),
        equipment=draw(st.sampled_from([Equipment(), Equipment("M", "N", "S/N 1", ("1", "2"))])),
    )


@st.composite
def documentReferences(draw, purposes):
    """References to models of the same and of another study."""
    number = draw(st.integers(1, 10**6))
    study = draw(st.sampled_from(["1.2.3.4.100", "1.2.3.4.101"]))
    series = f"{study}.9"
    return DocumentReference(STL_CLASS, f"{series}.{number}", series, study, draw(st.sampled_from(purposes)))


@st.composite
def objects(draw):
    """Encapsulated STL datasets with the description, surface and references they were made from."""
    charset = draw(st.sampled_from(sorted(NAMES)))
    description = draw(descriptions(charset))
    common = {
        "SpecificCharacterSet": charset.split("\\") if "\\" in charset else charset or None,
        "PatientName": NAMES[charset],
        "PatientAge": draw(st.sampled_from(["050Y", "003M"])),
    }
    if draw(st.booleans()):
        common |= {
            "ClinicalTrialSponsorName": "Sponsor",
            "ClinicalTrialProtocolID": "P1",
            "ClinicalTrialSubjectID": "S1",
            "ClinicalTrialTimePointID": "T1",
            "ClinicalTrialCoordinatingCenterName": "Center",
        }
    if draw(st.booleans()):
        common["TimezoneOffsetFromUTC"] = "+0200"
    images = [makeHeaders(draw(st.integers(1, 4)), draw(st.sampled_from(["CT", "MR"])), **common)]
    if draw(st.booleans()):
        study = draw(st.sampled_from(["1.2.3.4.100", "1.2.3.4.101"]))
        images.append(makeHeaders(2, "MR", "1.2.3.4.301", study, **common))
    segmentations = []
    if draw(st.booleans()):
        segmentations = [SegmentSource("seg", "", None, "1.2.840.10008.5.1.4.1.1.66.4", "1.9.1", "1.9", "1.2.3.4.100")]
    sources = sourcesFromImages(images, segmentations, "1.2.3.4.100")
    surface = draw(
        _maybe(st.builds(SurfaceParameters, st.sampled_from(METHODS), st.floats(0, 1), st.floats(0, 0.875))),
    )
    predecessors = draw(st.lists(documentReferences(["", EDITED, COMPONENT]), max_size=3, unique_by=_uid))
    identical = draw(st.lists(documentReferences([""]), max_size=2, unique_by=_uid))
    icon = draw(_maybe(st.sampled_from([(64, 64), (1, 1), (3, 5)])))
    dataset = encapsulateMesh(
        makeTetrahedron(name="model"),
        description,
        sources,
        surface,
        predecessors=predecessors,
        identical=identical,
        icon=None if icon is None else np.arange(icon[0] * icon[1] * 3, dtype=np.uint8).reshape(*icon, 3),
    )
    return dataset, description, surface, sources, predecessors, identical


def _uid(reference):
    return reference.sopInstanceUid
