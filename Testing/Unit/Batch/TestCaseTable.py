"""The table of ``m3d batch``: whatever wrote the file, it is read rightly or refused with row and column."""

import json

import jsonschema
import pytest

from M3DBatchLib.Batch.CaseTable import checkTable, columns, readTable, tableSchema
from M3DLib.Errors import M3DError

ROWS = "id,image,threshold,title\nfirst,scan,300:2000,Größe µ\nsecond,scan,-480,\n"
EXPECTED = [
    (2, {"id": "first", "image": "scan", "threshold": "300:2000", "title": "Größe µ"}),
    (3, {"id": "second", "image": "scan", "threshold": "-480"}),
]


def read(tmp_path, content, name="cases.csv"):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return readTable(file)


def problems(tmp_path, content, name="cases.csv"):
    with pytest.raises(M3DError) as caught:
        read(tmp_path, content, name)
    return caught.value.problems


@pytest.mark.parametrize(
    "content",
    [
        ROWS.encode("utf-8"),
        ROWS.encode("utf-8-sig"),
        ROWS.replace("\n", "\r\n").encode("utf-8"),
        ROWS.replace("\n", "\r").encode("utf-8"),
        ROWS.replace(",", ";").encode("utf-8-sig"),
        ROWS.replace(",", "\t").encode("utf-16"),
        ROWS.replace(",", "\t").encode("utf-16-le"),
        ROWS.replace(",", "\t").encode("utf-16-be"),
        ("sep=;\r\n" + ROWS.replace(",", ";")).encode("utf-8"),
        ROWS.replace(",", " , ").encode("utf-8"),
        ROWS.rstrip("\n").encode("utf-8"),
    ],
    ids="plain bom crlf cr semicolon excel-unicode utf16le utf16be sep spaces no-end".split(),
)
def test_everyDialectOfCsvIsReadTheSame(tmp_path, content):
    assert read(tmp_path, content) == EXPECTED


def test_quotedLineBreaksAndSeparatorsStayInTheirCell(tmp_path):
    content = 'id,image,title\r\na,"scan, of; May","two\r\nlines"\r\nb,scan,x\r\n'
    assert read(tmp_path, content) == [
        (2, {"id": "a", "image": "scan, of; May", "title": "two\r\nlines"}),
        (3, {"id": "b", "image": "scan", "title": "x"}),
    ]


def test_emptyRowsAreSkippedAndRowsStayThoseOfTheSpreadsheet(tmp_path):
    assert [number for number, _values in read(tmp_path, "id,mesh\n\n,,\na,x.stl\n , \nb,y.stl\n")] == [4, 6]


def test_valuesAreReadAsTheSchemaHasThem(tmp_path):
    content = (
        "id,segment,largest,refine,references,section-at\n"
        'a,left; right|both,2.0,TRUE,r.csv;s.json,"R 1, A 2, S 3 | RAS 4 5 6"\nb,,,no,,\n'
    )
    (_, first), (_, second) = read(tmp_path, content)
    assert first == {
        "id": "a",
        "segment": ["left", "right", "both"],
        "largest": 2,
        "refine": True,
        "references": ["r.csv", "s.json"],
        "section-at": ["R 1, A 2, S 3", "RAS 4 5 6"],
    }
    assert second == {"id": "b", "refine": False}


def test_jsonHoldsTheSameAsAListOrAnObject(tmp_path):
    cases = [{"id": 7, "image": "scan", "threshold": 300, "title": None}, {"id": "b", "segment": "one; two"}]
    expected = [(1, {"id": "7", "image": "scan", "threshold": "300"}), (2, {"id": "b", "segment": ["one; two"]})]
    assert read(tmp_path, json.dumps(cases), "cases.json") == expected
    assert read(tmp_path, json.dumps({"cases": cases}), "cases.json") == expected


def test_millimetersAreNumbersInBothKindsOfTable(tmp_path):
    content = "id;refine-range;max-error;control-series\na;0.75;.05;other\nb;2;+1.;\n"
    (_, first), (_, second) = read(tmp_path, content)
    assert first == {"id": "a", "refine-range": 0.75, "max-error": 0.05, "control-series": "other"}
    assert second == {"id": "b", "refine-range": 2, "max-error": 1}
    cases = [{"id": "a", "refine-range": 0.75, "max-error": 0.05, "control-series": "other"}]
    assert read(tmp_path, json.dumps(cases), "cases.json") == [(1, first)]


@pytest.mark.parametrize("column", ["refine-range", "max-error"])
@pytest.mark.parametrize("text", ["0,5", "1.234,5", "0.5 mm", "1e-1", "nan", "inf", "yes", "٠.٥", "0.5.1"])
def test_millimetersThatAreNoNumberWithADecimalPointAreRefusedInASentence(tmp_path, column, text):
    (found,) = problems(tmp_path, f"id;{column}\na;{text}\n")
    assert found == f"Row 2: {column} must be millimeters as a number with a decimal point, as 0.5, not '{text}'."


@pytest.mark.parametrize("column", ["refine-range", "max-error"])
@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("0", "0", "greater than 0"),
        ("-0.5", "-0.5", "greater than 0"),
        ("9" * 400, "1e999", "must be number"),
        (None, '"0.5"', "must be number"),
        (None, "true", "must be number"),
        (None, "NaN", "must be number"),
    ],
)
def test_millimetersAreMoreThanNone(tmp_path, column, text, value, words):
    (found,) = problems(tmp_path, f'[{{"id": "a", "{column}": {value}}}]', "cases.json")
    assert found.startswith(f"Row 1: {column} must be ")
    assert words in found
    if text is not None:
        (found,) = problems(tmp_path, f"id,{column}\na,{text}\n")
        assert found.startswith(f"Row 2: {column} must be ")
        assert words in found


def test_wrongValueIsDroppedFromItsOwnColumnOnly(tmp_path):
    file = tmp_path / "cases.json"
    file.write_text('[{"id": "a", "refine": true, "refine-range": "wide", "section-at": [3]}]', encoding="utf-8")
    table = checkTable(file)
    assert table.rows == [(1, {"id": "a", "refine": True})]
    assert len(table.problems) == 2


def test_everyErrorOfTheFileIsSaidAtOnceWithRowAndColumn(tmp_path):
    found = problems(
        tmp_path,
        "id,image,threshold,largest,refine,series\n"
        "a,scan,high,many,perhaps,1.2.3\n"
        ",scan,300,1,yes,first\n"
        'b,scan,"300,5",0,x,\n'
        "c,scan,3,1,x,1,too much\n",
    )
    for words in (
        ("Row 2", "threshold", "'high'"),
        ("Row 2", "largest", "'many'"),
        ("Row 2", "refine", "'perhaps'"),
        ("Row 3", "id is missing"),
        ("Row 3", "series", "'first'"),
        ("Row 4", "threshold", "'300,5'"),
        ("Row 4", "largest", "at least 1"),
        ("Row 5", "'too much'"),
    ):
        assert any(all(word in problem for word in words) for problem in found), (words, found)
    assert len(found) == 8


def test_unknownColumnsAreNamedWithWhatWasMeant(tmp_path):
    found = problems(tmp_path, "id,Image,tresh,colour\na,b,c,d\n")
    assert any("'Image'" in one and "'image'" in one for one in found)
    assert any("'tresh'" in one and "'threshold'" in one for one in found)
    assert any("'colour'" in one and "There are id, image" in one for one in found)
    assert "image" in problems(tmp_path, json.dumps([{"id": "a", "imge": "b"}]), "cases.json")[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"id,image\n", "no case"),
        (b"image,mesh\na,b\n", "no column 'id'"),
        (b"id,mesh,mesh\na,b,c\n", "twice"),
        (b'id,title\na,"never ends\n', "from row 2"),
        ("id,title\na,Größe\n".encode("cp1252"), "UTF-8"),
        (b"id,title\na,x\x00y\n", "zero bytes"),
        (b"id,,title\na,lost,x\n", "without a name"),
        (b"PK\x03\x04\x14\x00\x00\x00", "zero bytes"),
    ],
)
def test_whatIsNoTableIsRefused(tmp_path, content, words):
    assert words in " ".join(problems(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "no case"),
        ("3", "list of cases"),
        ('{"rows": []}', "list of cases"),
        ('[{"id": "a", "id": "b"}]', "twice"),
        ("[3]", "Row 1"),
        ('[{"id": "a", "refine": "maybe"}]', "refine must be boolean"),
        ('[{"id": "a", "largest": 1.5}]', "largest must be integer"),
        ('[{"id": "a", "segment": [""]}]', "segment[0]"),
    ],
)
def test_whatIsNoTableInJsonIsRefused(tmp_path, content, words):
    assert words in " ".join(problems(tmp_path, content, "cases.json"))


def test_thereIsNoTable(tmp_path):
    with pytest.raises(M3DError, match="no table"):
        readTable(tmp_path / "nothing.csv")


def test_publishedSchemaIsOneAndNamesTheColumnsOfTheDocumentation():
    jsonschema.Draft202012Validator.check_schema(tableSchema())
    wanted = "id image series segmentation segment threshold largest mesh profile refine refine-range max-error"
    others = "control-series part title description usage references section-at output"
    assert columns() == (*wanted.split(), *others.split())


def test_otherReadersOfTheSchemaJudgeTheSame(tmp_path):
    validator = jsonschema.Draft202012Validator(tableSchema())
    good = {"cases": [{"id": "a", "image": "scan", "threshold": "-480:300", "largest": 1, "segment": ["x"]}]}
    assert not list(validator.iter_errors(good))
    values = {"largest": 0}, {"threshold": "x"}, {"more": 1}, {"refine-range": 0}, {"max-error": "0.5"}
    for wrong in ({"image": "x"}, *({"id": "a", **value} for value in values)):
        assert list(validator.iter_errors({"cases": [wrong]})), wrong
        with pytest.raises(M3DError):
            read(tmp_path, json.dumps([wrong]), "cases.json")
