"""Limits that are changed for a run, and profiles that are saved from them."""

import json

import pytest

from M3DLib.Errors import M3DError
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.ProfileEditing import (
    changedProfile,
    changedProfileData,
    profileNameOf,
    saveProfile,
    siteProfiles,
)


def test_nothingChangedIsTheProfileItself():
    profile = loadProfile("implant")
    same = {"slice-thickness": (1.0, 1.0), "no-such-requirement": (1.0, 2.0)}
    assert changedProfile(profile, same, profile.toleranceMm) is profile


def test_changedLimitHoldsAndTheRestStays():
    profile = loadProfile("implant")
    changed = changedProfile(profile, {"slice-thickness": (0.6, None)}, 0.3)
    assert changed.requirements["slice-thickness"].passLimit == 0.6
    assert changed.requirements["slice-thickness"].warningLimit is None
    assert changed.requirements["slice-distance"] == profile.requirements["slice-distance"]
    assert changed.toleranceMm == 0.3
    assert changed.name == "implant-changed"
    assert changed.sha256 != profile.sha256


def test_savedProfileIsReadAgainAndCanBeChangedAgain(tmp_path):
    data = changedProfileData(
        loadProfile(), {"slice-thickness": (0.8, 0.9)}, name="ours", title="Ours", source="Set by the site"
    )
    file = saveProfile(data, tmp_path / "profiles")
    ours = loadProfile(file)
    again = changedProfile(ours, {"slice-distance": (0.7, 0.8)})
    assert again.requirements["slice-thickness"].passLimit == 0.8
    assert again.requirements["slice-thickness"].source == "Set by the site"
    assert again.requirements["slice-distance"].passLimit == 0.7
    found, problems = siteProfiles(tmp_path / "profiles")
    assert found == {"ours": file}
    assert problems == []
    assert [one.name for one in (tmp_path / "profiles").iterdir()] == ["ours.json"]


def test_wrongProfileIsNotSaved(tmp_path):
    data = {"profile": "ours", "title": "Ours", "version": "1", "base": "implant", "requirements": {"nothing": {}}}
    with pytest.raises(M3DError, match="not a known requirement"):
        saveProfile(data, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_filesThatAreNoProfilesAreNamedAndTheOthersFound(tmp_path):
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    good = {"profile": "good", "title": "Good", "version": "1", "base": "education"}
    (tmp_path / "good.json").write_text(json.dumps(good), encoding="utf-8")
    found, problems = siteProfiles(tmp_path)
    assert list(found) == ["good"]
    assert "broken.json is not JSON" in problems[0]
    assert siteProfiles(tmp_path / "nowhere") == ({}, [])


@pytest.mark.parametrize(("title", "name"), [("Our Guides 2026", "our-guides-2026"), ("  Ä-Klinik! ", "klinik")])
def test_nameIsMadeOfTheTitle(title, name):
    assert profileNameOf(title) == name


@pytest.mark.parametrize("title", ["", "!!!", "Implant"])
def test_titleThatGivesNoNameOfItsOwnIsRefused(title):
    with pytest.raises(M3DError, match="name"):
        profileNameOf(title)
