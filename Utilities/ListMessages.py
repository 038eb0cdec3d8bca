"""List the sentences of the libraries for the translators of the panels.

    python Utilities/ListMessages.py OUTPUT.py

Slicer's tools for translations find texts in calls of ``translate``; this writes a file of such calls, which they read
and nothing else does. The libraries know no application, so their messages are no such calls; the panels translate them
by these sentences (``M3DExport/M3DPanelLib/LibraryMessages.py``).
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "M3DExport"), str(ROOT / "M3DValidation")]


def main():
    """Write the file that is named on the command line."""
    from M3DLib.Language.SourceSentences import sentencesOf
    from M3DPanelLib.LibraryMessages import CONTEXT

    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sentences = sorted(set(sentencesOf(ROOT / "M3DExport" / "M3DLib", ROOT / "M3DValidation" / "M3DValidationLib")))
    lines = [f"translate({CONTEXT!r}, {sentence!r})" for sentence in sentences]
    text = "\n".join(["from slicer.i18n import translate", "", *lines, ""])
    Path(sys.argv[1]).write_text(text, encoding="utf-8")
    print(f"{len(sentences)} sentences")


if __name__ == "__main__":
    main()
