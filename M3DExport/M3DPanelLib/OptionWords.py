"""Options of the command line in messages of the libraries, as the fields that the panels have for them."""

import re

from slicer.i18n import tr as _

# An option, with the name of its value where that follows.
_OPTION = re.compile(r"(--[a-z][a-z-]*[a-z])((?: [A-Z][A-Z.]*(?:\[:[A-Z]+\])?)?)(?![\w-])")


def panelWords(text):
    """A message that names fields of the panels in place of options of the command line.

    An option that no panel has a field for is said to be one of the command line.
    """
    fields = _fields()

    def words(found):
        label = fields.get(found[1])
        if label is not None:
            return f"'{label}'"
        return _("the option {option} of the command m3d").format(option=f"{found[1]}{found[2]}")

    return _OPTION.sub(words, text)


def _fields():
    """Labels of the panels' fields by the options that ask the same; a test compares them with the .ui files."""
    return {
        "--pseudonym": _("Pseudonym"),
        "--with-identity": _("With the patient's identity"),
        "--keep-images": _("Scans too"),
        "--face-is-needed": _("A face is needed because"),
        "--no-face": _("No face, says"),
        "--register": _("Align the model with the reference first"),
        "--refine": _("Move the surface to the image's edge"),
        "--max-error": _("Fewer triangles within"),
        "--pacs-user": _("User"),
        "--study": _("Study Instance UID"),
        "--accession": _("Accession Number"),
        "--patient": _("Patient ID"),
    }
