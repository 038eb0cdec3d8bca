"""Python packages that Slicer does not bring, each installed where it is first needed and only when the user agrees.

Their versions are those of ``pyproject.toml``; a test compares the two.
"""

NEEDED = {
    "case": ("rfc8785>=0.1.4",),
    "dimse": ("pynetdicom>=2.1",),
    "3mf": ("lib3mf>=2.5",),
    "html": ("jinja2>=3.1",),
    "pdf": ("typst>=0.13",),
    "language": ("babel>=2.14",),
    "handOver": ("asn1crypto>=1.5", "bagit>=1.8", "dicom-anonymizer>=2.1", "keyring>=25", "pypdf>=5"),
}


def ensureNeeded(kinds, requester):
    """Install what kinds of work need, when the user agrees; nothing is asked where all of it is there.

    :param kinds: keys of ``NEEDED``. :param requester: name of the module that asks.
    :raises M3DError: the user does not agree, or it cannot be installed.
    """
    from M3DLib.SlicerAdaptors import ensurePackages

    ensurePackages(list(dict.fromkeys(package for kind in kinds for package in NEEDED[kind])), requester)
