"""No change of a package goes unseen, and each kind of change is told apart by its sentence."""

import io
import random
import zipfile

import pytest

from M3DLib.Errors import M3DError
from M3DLib.HandOver.OpenedPackage import openPackage
from M3DLib.HandOver.PackageVerification import verifyPackage
from M3DLib.HandOver.SealedZip import SealedZip
from M3DTestSupport.Certificates import certificateOf, rsaKey, writeSigner
from M3DTestSupport.HandOverCase import m3d, m3dJson, writeModel, writeSlices

pytest.importorskip("dicomanonymizer")
CORRUPTIONS = 1000


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """A signed package, its key with certificate, and the certificate."""
    folder = tmp_path_factory.mktemp("signed")
    signer, trusted = writeSigner(folder, "Dr. Berg", "signer")
    (folder / "case").mkdir()
    writeModel(folder / "case/model.dcm")
    writeSlices(folder / "case/scan", 2)
    package = folder / "case.zip"
    arguments = ("package", folder / "case", "--output", package, "--pseudonym", "P-1", "--keep-images")
    assert m3d(*arguments, "--sign", signer) == 0
    return package, signer, trusted


def problemsOf(place, trusted=()):
    """Everything that is wrong with a package, as one text; "" for nothing."""
    try:
        with openPackage(place) as package:
            return "\n".join(verifyPackage(package, trusted).problems)
    except M3DError as error:
        return str(error)


def changedMember(package, output, change):
    """The package with some members changed, and sealed anew, as somebody would who does it on purpose."""
    with zipfile.ZipFile(package) as source, output.open("w+b") as stream, SealedZip(stream) as target:
        members = {name: source.read(name) for name in source.namelist()}
        for name, content in change(members).items():
            target.add(name, content)
    return output


def testEachOfAThousandRandomCorruptionsIsDetected(signed, tmp_path):
    content = signed[0].read_bytes()
    assert problemsOf(signed[0]) == ""
    generator = random.Random(20261128)
    place = tmp_path / "damaged.zip"
    for number in range(CORRUPTIONS):
        damaged = corrupted(content, generator)
        place.write_bytes(damaged)
        assert damaged != content
        assert problemsOf(place), f"corruption {number} was not detected"


def corrupted(content, generator):
    """One of: a flipped bit, a changed byte, a piece cut out, doubled or overwritten, the end cut off or lengthened."""
    kind, place = generator.randrange(7), generator.randrange(len(content))
    length = min(generator.randrange(1, 200), len(content) - place)
    if kind == 0:
        return content[:place] + bytes([content[place] ^ 1 << generator.randrange(8)]) + content[place + 1 :]
    if kind == 1:
        return content[:place] + bytes([(content[place] + generator.randrange(1, 256)) % 256]) + content[place + 1 :]
    if kind == 2:
        return content[:place] + content[place + length :]
    if kind == 3:
        return content[:place] + content[place : place + length] + content[place:]
    if kind == 4:
        piece = bytes(value ^ 0xFF for value in content[place : place + length])
        return content[:place] + piece + content[place + length :]
    if kind == 5:
        return content[:place]
    return content + generator.randbytes(length)


def testTruncatedSwappedChangedMissingAndAddedAreToldApart(signed, tmp_path, capsys):
    package = signed[0]
    short = tmp_path / "short.zip"
    short.write_bytes(package.read_bytes()[:-3000])
    assert "cut short" in problemsOf(short)
    other = tmp_path / "other.zip"

    def names(members):
        return sorted(name for name in members if "/images/" in name)

    def swap(members):
        first, second = names(members)[:2]
        return {**members, first: members[second], second: members[first]}

    assert "files were swapped" in problemsOf(changedMember(package, other, swap))

    def change(members):
        first = names(members)[0]
        return {**members, first: members[first].replace(b"P-1 ", b"P-2 ")}

    status, found = m3dJson(capsys, "verify", changedMember(package, other, change))
    assert (status, found["whole"], len(found["changed"]), found["missing"]) == (1, False, 1, [])

    def remove(members):
        return {name: content for name, content in members.items() if name != names(members)[0]}

    status, found = m3dJson(capsys, "verify", changedMember(package, other, remove))
    assert (status, len(found["missing"]), found["changed"]) == (1, 1, [])

    def add(members):
        return {**members, f"{next(iter(members)).split('/')[0]}/data/more.stl": b"more"}

    status, found = m3dJson(capsys, "verify", changedMember(package, other, add))
    assert (status, found["added"]) == (1, ["data/more.stl"])


def testFlippedBitsWithinAFileNameTheFile(signed, tmp_path):
    place = tmp_path / "flipped.zip"
    with zipfile.ZipFile(signed[0]) as archive:
        entry = next(one for one in archive.infolist() if one.filename.endswith("model-1.dcm"))
    content = bytearray(signed[0].read_bytes())
    content[entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2] ^= 4
    place.write_bytes(content)
    problems = problemsOf(place)
    assert "its bytes are not those it was sealed with" in problems
    assert "data/models/model-1.dcm" in problems


def testManifestsThatWereMadeAnewDoNotFitTheSignature(signed, tmp_path):
    from M3DLib.HandOver.BagFiles import manifestBytes, readManifest, sha256

    def forge(members):
        top = next(iter(members)).split("/")[0]
        victim = f"{top}/data/models/model-1.dcm"
        members[victim] = members[victim].replace(b"femur", b"femul")
        for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
            listed = readManifest(members[f"{top}/{manifest}"], manifest)
            made = {name: sha256(members[f"{top}/{name}"]) for name in listed}
            members[f"{top}/{manifest}"] = manifestBytes(made)
        return members

    problems = problemsOf(changedMember(signed[0], tmp_path / "forged.zip", forge))
    assert "The signature of manifest-sha256.txt does not fit" in problems
    assert "the object was changed after it was signed" in problems


def testAPackageThatWasSignedAgainIsToldApartFromAForeignOne(signed, tmp_path):
    from M3DLib.HandOver.BagFiles import readManifest, sha256
    from M3DLib.Signature.CmsSignature import signCms

    forger = certificateOf("Forger")

    def again(members):
        top = next(iter(members)).split("/")[0]
        name = f"{top}/manifest-sha256.txt"
        members[f"{name}.p7s"] = signCms(members[name], [(rsaKey("Forger"), forger)])
        listed = readManifest(members[f"{top}/tagmanifest-sha256.txt"], "tag")
        lines = "".join(f"{sha256(members[f'{top}/{one}'])}  {one}\n" for one in sorted(listed))
        members[f"{top}/tagmanifest-sha256.txt"] = lines.encode()
        signature = signCms(lines.encode(), [(rsaKey("Forger"), forger)])
        members[f"{top}/tagmanifest-sha256.txt.p7s"] = signature
        return members

    resigned = changedMember(signed[0], tmp_path / "again.zip", again)
    assert "signed again: its objects are signed by 'CN=Dr. Berg'" in problemsOf(resigned)
    other = certificateOf("Somebody")
    assert "foreign" in problemsOf(signed[0], [other])
    assert "signed again" not in problemsOf(signed[0], [other])


def testASignatureThatWasRemovedIsMissed(signed, tmp_path):
    def remove(members):
        return {name: content for name, content in members.items() if not name.endswith("tagmanifest-sha256.txt.p7s")}

    assert "its signature was removed" in problemsOf(changedMember(signed[0], tmp_path / "bare.zip", remove))


def testAPackageWithoutTheSignatureThatIsExpectedIsNotWhole(signed, tmp_path):
    case = tmp_path / "case"
    case.mkdir()
    writeModel(case / "model.dcm")
    assert m3d("package", case, "--output", tmp_path / "case.zip", "--pseudonym", "P-1") == 0
    assert m3d("verify", tmp_path / "case.zip") == 0
    assert m3d("verify", tmp_path / "case.zip", "--trust", signed[2]) == 1
    assert m3d("verify", case / "model.dcm") == 3
    assert m3d("verify", case / "model.dcm", "--trust", signed[2]) == 1
    assert m3d("unpack", tmp_path / "case.zip", "--output", tmp_path / "out", "--trust", signed[2]) == 2
    assert not (tmp_path / "out").exists()


def testExpiredCertificateIsNamed(tmp_path, capsys):
    signer, trusted = writeSigner(tmp_path, "Old", "old", days=-3)
    (tmp_path / "case").mkdir()
    writeModel(tmp_path / "case/model.dcm")
    package = tmp_path / "case.zip"
    arguments = ("package", tmp_path / "case", "--output", package, "--pseudonym", "P-1")
    assert m3d(*arguments, "--sign", signer) == 0
    status, found = m3dJson(capsys, "verify", package, "--trust", trusted)
    assert status == 1
    assert {entry["state"] for entry in found["signatures"]} == {"expired"}
    assert "expired" in found["problems"][0]


def testWhatIsNoPackageIsSaidToBeNone(tmp_path, capsys):
    text, bare = tmp_path / "text.zip", tmp_path / "bare.zip"
    text.write_text("no package")
    assert m3d("verify", text) == 2
    with zipfile.ZipFile(bare, "w") as archive:
        archive.writestr("a/readme.txt", "hello")
    assert m3d("verify", bare) == 1
    assert "no package of this kind" in capsys.readouterr().out
    assert m3d("verify", tmp_path / "missing.zip") == 2


def testUnpackedFolderIsVerifiedToo(signed, tmp_path):
    folder = tmp_path / "received"
    assert m3d("unpack", signed[0], "--output", folder, "--trust", signed[2]) == 0
    assert m3d("verify", folder, "--trust", signed[2]) == 0
    victim = next((folder / "data/images").rglob("*.dcm"))
    victim.write_bytes(victim.read_bytes() + b"\0")
    assert m3d("verify", folder) == 1


def testASignedObjectAloneIsVerified(signed, tmp_path, capsys):
    folder = tmp_path / "received"
    assert m3d("unpack", signed[0], "--output", folder) == 0
    model = folder / "data/models/model-1.dcm"
    assert m3d("verify", model, "--trust", signed[2]) == 0
    model.write_bytes(model.read_bytes().replace(b"femur", b"femul"))
    assert m3d("verify", model, "--trust", signed[2]) == 1
    status, found = m3dJson(capsys, "verify", next((folder / "data/images").rglob("*.dcm")))
    assert (status, found["whole"]) == (3, None)


def testDamagedPackageIsNeverUnpackedInPart(signed, tmp_path, capsys):
    content = bytearray(signed[0].read_bytes())
    content[len(content) // 2] ^= 1
    place = tmp_path / "damaged.zip"
    place.write_bytes(content)
    assert m3d("unpack", place, "--output", tmp_path / "received") == 2
    assert "not whole" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [place]


def testTheSealIsOfAllBytes():
    stream = io.BytesIO()
    with SealedZip(stream) as archive:
        archive.add("a/b.txt", b"content")
    from M3DLib.HandOver.SealedZip import sealProblem

    content = stream.getvalue()
    assert sealProblem(io.BytesIO(content)) == ("", True)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x10
        problem, isSealed = sealProblem(io.BytesIO(bytes(changed)))
        assert problem or not isSealed, place


def test_aZipFileThatIsCutShortIsNamed(tmp_path):
    place = tmp_path / "cut.zip"
    place.write_bytes(b"PK\x03\x04" + bytes(40))
    with pytest.raises(M3DError, match=r"'.*cut\.zip' is cut short or damaged: its ZIP directory"), openPackage(place):
        pass
