"""What the pages name is there: pages and their sections, files, labels of the panels, messages of the program."""

import ast
import re

import pytest

from M3DTestSupport.Project import ROOT

PAGES = {page.name: page for page in [ROOT / "README.md", *sorted((ROOT / "Docs").glob("*.md"))]}
TEXTS = {name: re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S) for name, page in PAGES.items()}
# Of Slicer itself.
SLICERS_WORDS = {
    "Application Settings / DICOM",
    "Additional module paths",
    "Edit / Application Settings / Modules",
    "Export to DICOM...",
    "Printing",
    "Sample Data",
}


@pytest.fixture(scope="module")
def texts():
    """Every text of the code; values in f-strings are line breaks, which no message has in itself."""
    found = []
    for folder in ("M3DExport", "M3DValidation"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    found.append(
                        "".join(part.value if isinstance(part, ast.Constant) else "\n" for part in node.values)
                    )
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return found


@pytest.fixture(scope="module")
def labels(texts):
    forms = [file.read_text(encoding="utf-8") for file in ROOT.glob("M3D*/Resources/UI/*.ui")]
    return "\n".join([*texts, *(form.replace("&quot;", '"').replace("&amp;", "&") for form in forms)])


def anchorOf(heading):
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_linksLeadSomewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page]):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = PAGES[page].parent / name if name else PAGES[page]
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
            assert anchor in map(anchorOf, headings), target


@pytest.mark.parametrize("page", [name for name in PAGES if name != "Architecture.md"])
def test_filesThatAreNamedExist(page):
    for path in re.findall(r"`((?:M3D\w+|Testing|Utilities|Docs|Resources|\.ci|\.github)/[\w./-]*)`", TEXTS[page]):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", ["README.md", "M3DExport.md", "M3DValidation.md", "Pacs.md", "Case.md"])
def test_labelsArePanelsOwn(page, labels):
    named = {" ".join(words.split()) for words in re.findall(r"(?<![*\w])\*([^*|]+)\*(?![*\w])", TEXTS[page])}
    for words in named:
        # A label is a few words that begin with a capital; what is only stressed, or the text of a picture, is none.
        if words[0].isupper() and len(words) < 40:
            assert words in SLICERS_WORDS or words.removeprefix("Destination: ") in labels, words


@pytest.mark.parametrize("page", ["README.md", "M3DExport.md", "M3DValidation.md"])
def test_messagesAreTheProgramsOwn(page, texts):
    named = re.findall(
        r"^\| ([^|]+) \|", TEXTS[page].partition("## When something is wrong")[2].split("\n## ")[0], re.M
    )
    quoted = re.findall(r'"([^"]+)"', "".join(re.findall(r"^\| (\".*?) \|", TEXTS[page], re.M)))
    messages = [*named[2:], *quoted]
    assert len(messages) >= 5
    for message in messages:
        for part in message.split(" ... "):
            assert any(part in text for text in texts), message
