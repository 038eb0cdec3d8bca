"""Profiles: limits with their source, a site's own file, and what is said about a wrong one."""

import json
from pathlib import Path

import pytest

import M3DValidationLib
from M3DLib.Errors import M3DError
from M3DValidationLib.Profile import loadCatalogue, loadProfile, profileNames
from M3DValidationLib.Requirement import Verdict
from M3DValidationLib.SchemaValidation import schemaProblems

LIBRARY = Path(M3DValidationLib.__file__).parent
LIMIT = {"passLimit": 0.8, "source": "set by the site"}


def write(tmp_path, **data):
    file = tmp_path / "site.json"
    file.write_text(json.dumps({"profile": "site", "title": "Our own", "version": "3", **data}), encoding="utf-8")
    return file


def refusal(file):
    with pytest.raises(M3DError) as caught:
        loadProfile(file)
    return str(caught.value)


def test_fiveProfilesAreBuiltIn():
    assert set(profileNames()) == {"anatomical-model", "surgical-planning", "surgical-guide", "implant", "education"}
    assert profileNames()[0] == "anatomical-model"
    for name in profileNames():
        profile = loadProfile(name)
        assert profile.name == name and profile.toleranceMm > 0 and len(profile.sha256) == 64
        assert all(requirement.source for requirement in profile.requirements.values())
    assert loadProfile().requirements == loadCatalogue()


def test_startingLimitsForBone():
    for name in ("slice-thickness", "slice-distance"):
        requirement = loadProfile().requirement(name)
        verdicts = [requirement.judge(value) for value in (1.0, 1.1, 1.25, 1.26)]
        assert verdicts == [Verdict.PASS, Verdict.WARNING, Verdict.WARNING, Verdict.FAIL]
    pixel = loadProfile().requirement("in-plane-pixel")
    assert [pixel.judge(value) for value in (0.5, 0.7, 0.71)] == [Verdict.PASS, Verdict.WARNING, Verdict.FAIL]


def test_implantIsStricterThanEducation():
    implant, education = loadProfile("implant"), loadProfile("education")
    assert implant.requirement("slice-thickness").judge(1.2) is Verdict.FAIL
    assert education.requirement("slice-thickness").judge(1.2) is Verdict.PASS
    assert education.requirement("scan-age") is None


def test_siteChangesWhatItNamesAndKeepsTheRest(tmp_path):
    file = write(tmp_path, base="implant", requirements={"slice-thickness": LIMIT, "noise": {"enabled": False}})
    profile = loadProfile(file)
    thickness = profile.requirement("slice-thickness")
    assert (thickness.passLimit, thickness.source) == (0.8, "set by the site")
    assert profile.requirement("noise") is None
    assert profile.requirement("in-plane-pixel") == loadProfile("implant").requirement("in-plane-pixel")
    assert profile.toleranceMm == 0.5 and profile.base == "implant"


def test_profileWithoutBaseHoldsOnlyWhatItNames(tmp_path):
    tolerance = {"value": 0.3, "source": "set by the site"}
    profile = loadProfile(write(tmp_path, tolerance=tolerance, requirements={"slice-thickness": LIMIT, "noise": {}}))
    assert list(profile.requirements) == ["noise", "slice-thickness"]
    assert profile.toleranceMm == 0.3


def test_exampleOfThePageIsAProfile(tmp_path):
    page = (LIBRARY.parents[1] / "Docs" / "Checks.md").read_text(encoding="utf-8")
    example = next(part for part in page.split("```json\n")[1:] if '"base"' in part).split("```")[0]
    (tmp_path / "our-hospital.json").write_text(example, encoding="utf-8")
    profile = loadProfile(tmp_path / "our-hospital.json")
    assert profile.name == "our-hospital" and profile.requirement("slice-thickness").passLimit == 0.75


def test_warningZoneInsideTheNewLimitIsDropped(tmp_path):
    change = {"passLimit": 2.0, "source": "set by the site"}
    profile = loadProfile(write(tmp_path, base="anatomical-model", requirements={"slice-thickness": change}))
    assert profile.requirement("slice-thickness").warningLimit is None


def test_parametersAreMergedByName(tmp_path):
    change = {"parameters": {"marginMm": 3}, "source": "set by the site"}
    file = write(tmp_path, base="implant", requirements={"anatomy-inside-field-of-view": change})
    assert loadProfile(file).requirement("anatomy-inside-field-of-view").parameters == {"marginMm": 3}


def test_hashChangesWithALimit(tmp_path):
    first = loadProfile(write(tmp_path, base="implant", requirements={"slice-thickness": LIMIT})).sha256
    other = {**LIMIT, "passLimit": 0.81}
    assert first != loadProfile(write(tmp_path, base="implant", requirements={"slice-thickness": other})).sha256


WRONG = {
    "requirements.slice-thicknes is not a known requirement; allowed are ": {"requirements": {"slice-thicknes": LIMIT}},
    "requirements.noise.passLimit must be number or null, not '60'": {
        "requirements": {"noise": {"passLimit": "60", "source": "x"}}
    },
    "requirements.noise.source is missing": {"requirements": {"noise": {"passLimit": 50}}},
    "requirements.noise.limit is not known here; allowed are enabled, passLimit": {
        "requirements": {"noise": {"limit": 50, "source": "x"}}
    },
    "requirements.noise.severity must be one of fail, warning, information": {
        "requirements": {"noise": {"severity": "bad"}}
    },
    "requirements.noise.warningLimit (10) must not be stricter": {
        "requirements": {"noise": {"warningLimit": 10, "source": "x"}}
    },
    "requirements.contrast-to-noise.warningLimit (20) must not be stricter": {
        "requirements": {"contrast-to-noise": {"warningLimit": 20, "source": "x"}}
    },
    "requirements.saturation.parameters.metal is not known; allowed are metalHu, distanceMm": {
        "requirements": {"saturation": {"parameters": {"metal": 2}, "source": "x"}}
    },
    "requirements.single-patient has no limit": {"requirements": {"single-patient": LIMIT}},
    "base must be one of anatomical-model": {"base": "implants"},
    "tolerance.value must be greater than 0": {"tolerance": {"value": 0, "source": "x"}},
    "tolerance.source is missing": {"tolerance": {"value": 1}},
    "requirements must be object, not []": {"requirements": []},
    "requirements.noise must be object, not 5": {"requirements": {"noise": 5}},
    "profile must match": {"profile": "Our Site"},
    "limits is not known here": {"limits": {}},
    "requirements.noise.passLimit must be number or null, not nan": {
        "requirements": {"noise": {"passLimit": float("nan"), "source": "x"}}
    },
}


@pytest.mark.parametrize("expected", WRONG)
def test_wrongEntryIsNamedWithItsPathAndWhatIsAllowed(tmp_path, expected):
    file = write(tmp_path, **{"base": "implant", **WRONG[expected]})
    text = refusal(file)
    assert expected in text and str(file) in text


def test_everyWrongEntryIsNamedAtOnce(tmp_path):
    text = refusal(write(tmp_path, base="nothing", requirements={"noise": {"passLimit": "a"}, "nois": {}}))
    assert len(text.splitlines()) == 4


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"", "is not JSON"),
        (b"{", "line 1, column 2"),
        (b"[1, 2]", "the file must be object"),
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
        (b'{"profile": "a", "profile": "b"}', "profile twice"),
        (b"[" * 100000, "is not"),
        (b"{}", "profile is missing"),
    ],
)
def test_whatIsNoProfileIsRefused(tmp_path, content, expected):
    file = tmp_path / "site.json"
    file.write_bytes(content)
    assert expected in refusal(file)


def test_unknownNameListsTheProfiles():
    assert "anatomical-model, education, implant" in refusal("implants")


def test_askingForARequirementThatDoesNotExistIsAMistakeInTheProgram():
    with pytest.raises(KeyError):
        loadProfile().requirement("slice-thikness")


def test_publishedSchemaAgreesWithJsonSchemaItself(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    for name in ("Profile", "Requirement"):
        schema = json.loads((LIBRARY / f"{name}.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(json.loads((LIBRARY / "Profile.schema.json").read_text()))
    for file in (LIBRARY / "Profiles").glob("*.json"):
        validator.validate(json.loads(file.read_text(encoding="utf-8")))
    for changes in WRONG.values():
        data = {"profile": "site", "title": "Our own", "version": "3", "base": "implant", **changes}
        assert bool(schemaProblems(data, validator.schema)) == any(True for _ in validator.iter_errors(data)) or (
            "nan" in json.dumps(data).lower()
        )


def test_schemaKeywordThatIsNotUnderstoodIsRefused():
    with pytest.raises(NotImplementedError, match="uniqueItems"):
        schemaProblems([1], {"type": "array", "uniqueItems": True})


def test_printedPartsAreHeldToTheirUse():
    uses = ("implant", "surgical-planning", "anatomical-model", "education")
    for name in ("part-bias", "part-max-region", "part-missing", "part-warp", "part-scale"):
        limits = [loadProfile(use).requirements[name].passLimit for use in uses]
        assert limits == sorted(limits) and limits[0] < limits[-1], name
    for use in uses:
        profile = loadProfile(use)
        assert profile.requirements["part-warp"].passLimit <= profile.toleranceMm / 2
        assert profile.requirements["part-max-region"].passLimit <= profile.toleranceMm
