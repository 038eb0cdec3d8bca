"""What is asked of a package, by the command line and by the panel alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..DeIdentification.IdentityTable import TABLE_PASSWORD
from ..DeIdentification.Replacements import requirePseudonym
from ..Errors import M3DError
from ..Signature.KeyFile import loadCertificates, loadSigner, passwordFor

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

TABLE_SUFFIX, TABLE_KEY_SUFFIX = ".identity", ".identity.key"
# Makes the faces of a report from its content: data, pictures and 3D models by name, formats; files by name.
FaceMaker = Callable[[dict, Mapping[str, bytes], tuple[str, ...]], dict[str, bytes]]


@dataclass
class PackageRequest:
    """What is to be packed and how.

    :ivar paths: files and folders.
    :ivar output: the package.
    :ivar pseudonym: stands in for the patient; "" when the identity stays.
    :ivar withIdentity: the identity stays, by decision.
    :ivar keepImages: scans are packed too.
    :ivar faceIsNeeded: why a model may show a face; "" for no.
    :ivar noFace: who says that no model shows a face, where the program cannot know; "" for nobody.
    :ivar signers: files of keys that sign. :ivar recipients: files of certificates it is encrypted for.
    :ivar timeStampServer: address, or "".
    :ivar table: where the table of replacements goes; None for beside the package.
    :ivar tableFor: files of certificates that the table is encrypted for.
    :ivar faces: makes reports to read anew; None where that cannot be done here.
    :ivar keyPassword, tablePassword: of the keys that sign, and of the table; "" for those of environment or keyring.
    """

    paths: list[Path]
    output: Path
    pseudonym: str = ""
    withIdentity: bool = False
    keepImages: bool = False
    faceIsNeeded: str = ""
    noFace: str = ""
    signers: list[Path] = field(default_factory=list)
    recipients: list[Path] = field(default_factory=list)
    timeStampServer: str = ""
    table: Path | None = None
    tableFor: list[Path] = field(default_factory=list)
    faces: FaceMaker | None = None
    keyPassword: str = field(default="", repr=False)
    tablePassword: str = field(default="", repr=False)

    def requireValid(self) -> None:
        """Check what can be checked before any file is read.

        :raises M3DError: says what does not go together.
        """
        if bool(self.pseudonym.strip()) == self.withIdentity:
            raise M3DError(
                "Say with --pseudonym ID who stands in for the patient, or with --with-identity that name and number "
                "of the patient leave the house; one of the two."
            )
        if self.pseudonym:
            self.pseudonym = requirePseudonym(self.pseudonym)
        if not self.paths:
            raise M3DError("Name the files and folders to pack.")
        missing = [str(path) for path in self.paths if not path.exists()]
        if missing:
            raise M3DError([f"'{path}' does not exist." for path in missing])
        if self.pseudonym:
            for path in (self.tablePlace, self.keyPlace):
                if path.exists():
                    raise M3DError(
                        f"'{path}' exists already: it is the way back of an earlier package and is never overwritten. "
                        "Choose another output, or keep it elsewhere."
                    )

    @property
    def tablePlace(self) -> Path:
        """Where the table of replacements goes."""
        return self.table or self.output.with_name(self.output.stem + TABLE_SUFFIX)

    @property
    def keyPlace(self) -> Path:
        """Where the key of the table goes when there is neither certificate nor password."""
        return self.tablePlace.with_name(self.tablePlace.name + ".key")

    def loadSigners(self) -> list[tuple[Any, Certificate]]:
        """Keys and certificates that sign.

        :raises M3DError: one cannot be read.
        """
        return [loadSigner(file, self.keyPassword or passwordFor(str(file))) for file in self.signers]

    def loadRecipients(self) -> list[Certificate]:
        """Certificates that the package is encrypted for.

        :raises M3DError: one cannot be read.
        """
        return [loadCertificates(file)[0] for file in self.recipients]

    def tableSecret(self) -> str:
        """The password of the table, as given, or from the environment or the keyring; "" where nobody has set one."""
        return self.tablePassword or passwordFor("identity-table", TABLE_PASSWORD)
