"""Hundreds of random valid objects before dciodvfy, highdicom's attribute tables and our own reader."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DTestSupport.Conformance import dciodvfyMessages
from M3DTestSupport.Models import makeTetrahedron
from M3DTestSupport.Project import ROOT
from M3DTestSupport.RandomModels import objects

COUNT = 300


@pytest.fixture(scope="module")
def randomObjects(tmp_path_factory):
    """Files of random objects with what they were made from."""
    folder = tmp_path_factory.mktemp("objects")
    made = []

    @seed(20180101)
    @settings(
        max_examples=COUNT,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(objects())
    def make(one):
        file = folder / f"{len(made):04d}.dcm"
        writeDicomFile(one[0], file)
        made.append((file, *one))

    make()
    assert len(made) >= COUNT
    return made


def test_dciodvfyHasNothingToSay(randomObjects):
    assert dciodvfyMessages([one[0] for one in randomObjects]) == {}


def _tables():
    """Module to (path, keyword, type) of every attribute, from highdicom and from the reference table when present."""
    import highdicom

    folder = Path(highdicom.__file__).parent / "_standard"
    modules = json.loads((folder / "iod_module_map.json").read_text())["encapsulated-stl"]
    attributes = json.loads((folder / "module_attribute_map.json").read_text())
    tables = [{m["key"]: (m["usage"], attributes[m["key"]]) for m in modules}]
    reference = ROOT.parent / "shared" / "reference" / "encapsulated_stl_iod.json"
    if reference.exists():
        content = json.loads(reference.read_text())["modules"]
        tables.append({name: (module["usage"], module["attributes"]) for name, module in content.items()})
    return tables


# Type 1C attributes that belong to these objects; the others' conditions (a query, an animal, CDA, a waveform ...) are
# not met. Each with its condition.
CONDITIONS = {
    "SourceInstanceSequence": lambda dataset: True,  # derived from DICOM instances
    "SpecificCharacterSet": lambda dataset: any(not str(e.value).isascii() for e in dataset.iterall() if e.VR == "PN"),
    "ClinicalTrialSubjectID": lambda dataset: "ClinicalTrialSponsorName" in dataset,
    "ReferencedSeriesSequence": lambda dataset: True,
}


def test_everyRequiredAttributeIsThere(randomObjects):
    checked = 0
    for table in _tables():
        for name, (usage, attributes) in table.items():
            top = [entry["keyword"] for entry in attributes if not entry["path"]]
            required = [entry for entry in attributes if entry["type"] in ("1", "1C", "2")]
            for file, dataset, *_rest in randomObjects:
                # Common Instance Reference is conditional: these objects all refer to their sources.
                always = usage == "M" or name == "common-instance-reference"
                if always or any(keyword in dataset for keyword in top):
                    for entry in required:
                        # Nothing below a sequence that is not there: most of a table.
                        if not entry["path"] or entry["path"][0] in dataset:
                            _requireAttribute(file, dataset, entry)
                            checked += 1
    assert checked > 100 * COUNT


def _requireAttribute(file, dataset, entry):
    keyword, kind = entry["keyword"], entry["type"]
    for holder in _holders(dataset, entry["path"]):
        where = (file.name, entry["path"], keyword)
        if kind == "1":
            assert keyword in holder, where
            # Binary values are empty only when they have no bytes; all others when they have no value.
            assert not holder[keyword].is_empty, where
        elif kind == "2":
            assert keyword in holder, where
        elif kind == "1C" and not entry["path"] and keyword in CONDITIONS and CONDITIONS[keyword](dataset):
            assert keyword in holder, where
            assert not holder[keyword].is_empty, where


def _holders(dataset, path):
    """The datasets at a path of sequences; none when one of the sequences is not there."""
    level = [dataset]
    for keyword in path:
        level = [item for holder in level if keyword in holder for item in holder[keyword].value or []]
    return level


def test_everythingComesBack(randomObjects):
    for file, dataset, description, surface, sources, predecessors, identical in randomObjects:
        model = readEncapsulatedStl(file)
        expected = description.withDefaults(title="model", seriesDescription="3D models")
        offset = description.timezoneOffset or str(dataset.get("TimezoneOffsetFromUTC") or "")
        # The modality settles the title; a surface made here is the one algorithm; colors are kept to 16 bits.
        found = replace(
            model.description,
            titleCode=description.titleCode,
            color=description.color,
            algorithm=description.algorithm if surface else model.description.algorithm,
            segmentation=description.segmentation if not surface else model.description.segmentation,
            equipment=description.equipment,
        )
        assert found == replace(expected, timezoneOffset=offset), file
        assert model.surface == surface
        if description.color is not None:
            assert model.description.color == pytest.approx(description.color, abs=0.002)
        if description.titleCode:
            assert model.description.titleCode == description.titleCode
        if description.equipment.softwareVersions:
            assert model.description.equipment == description.equipment
        assert [replace(source, modality="") for source in sources.references] == model.sources
        assert sorted(model.predecessors, key=str) == sorted(predecessors, key=str)
        assert sorted(model.identical, key=str) == sorted(identical, key=str)
        assert model.stl.tobytes() == dataset.EncapsulatedDocument
        assert str(model.dataset.PatientName) == str(dataset.PatientName)
        original = makeTetrahedron()
        assert model.mesh.points[model.mesh.triangles].ravel().tolist() == pytest.approx(
            original.points[original.triangles].ravel().tolist(),
            rel=1e-6,
        )
