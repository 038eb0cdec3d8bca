"""User, password and token for a PACS: from the environment or the system's keyring, from nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...Errors import M3DError
from ..Servers.PacsServer import PacsServer

PASSWORD_VARIABLE = "M3D_PACS_PASSWORD"
TOKEN_VARIABLE = "M3D_PACS_TOKEN"
# Under this user name a token lies in the keyring.
TOKEN_ENTRY = "token"


@dataclass(frozen=True)
class Credentials:
    """What a server is shown; what is secret does not show up when it is printed.

    :ivar user: "" for none.
    :ivar token: a bearer token (RFC 6750; a JSON Web Token for DIMSE, PS3.7 D.3.3.7), "" for none.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.user or self.token)

    def requireSafeWay(self, server: PacsServer) -> Credentials:
        """Refuse to send secrets where others can read them; returns itself.

        :raises M3DError: the way to the server is not encrypted and leaves this computer, or a secret cannot be sent.
        """
        if self and not server.isEncrypted and not server.isThisComputer:
            if server.isDicomWeb:
                raise M3DError("A password is not sent over http, where others can read it; use an https address.")
            raise M3DError("A password is not sent over DIMSE without TLS, where others can read it; add --tls.")
        if re.search(r"[\x00-\x1f\x7f]", self.user + self.password + self.token):
            raise M3DError("User name, password or token for the PACS hold a control character, a line break perhaps.")
        return self


def credentialsFor(server: PacsServer, environment: Mapping[str, str] = os.environ) -> Credentials:
    """What the environment, else the keyring, holds for a server.

    A server of the settings (``[pacs.research]``) looks for ``M3D_PACS_RESEARCH_PASSWORD`` and ``..._TOKEN`` first.
    The keyring is asked under the service "m3d:HOST:PORT", only where the server has a user or uses a token.

    :raises M3DError: a user is named and no password is found; a token is wanted and none is found.
    """
    if server.usesToken or (not server.user and _secret(server, TOKEN_VARIABLE, environment)):
        token = _secret(server, TOKEN_VARIABLE, environment) or _fromKeyring(server, TOKEN_ENTRY)
        if not token:
            raise M3DError(_missing("The server needs a token", server, TOKEN_VARIABLE, TOKEN_ENTRY))
        return Credentials(token=token.strip()).requireSafeWay(server)
    if not server.user:
        return Credentials()
    password = _secret(server, PASSWORD_VARIABLE, environment) or _fromKeyring(server, server.user)
    if not password:
        raise M3DError(_missing("--pacs-user needs the password", server, PASSWORD_VARIABLE, server.user))
    return Credentials(server.user, password).requireSafeWay(server)


def variableFor(server: PacsServer, variable: str) -> str:
    """The variable of one server of the settings; the general one for a server without name."""
    if not server.name:
        return variable
    name = re.sub(r"\W+", "_", server.name).upper()
    return variable.replace("M3D_PACS_", f"M3D_PACS_{name}_")


def _secret(server: PacsServer, variable: str, environment: Mapping[str, str]) -> str:
    own = environment.get(variableFor(server, variable), "")
    # A password is given to the server it is for: a general one goes to a named server only where that has a user.
    if own or not server.name or variable == PASSWORD_VARIABLE or server.usesToken:
        return own or environment.get(variable, "")
    return ""


def _missing(what: str, server: PacsServer, variable: str, entry: str) -> str:
    return (
        f"{what} in the environment variable {variableFor(server, variable)}, or in the keyring "
        f"(keyring set m3d:{server.place} {entry})."
    )


def _fromKeyring(server: PacsServer, entry: str) -> str:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return ""
    try:
        return keyring.get_password(f"m3d:{server.place}", entry) or ""
    except keyring.errors.KeyringError:
        # A keyring that is locked or has no backend holds nothing for us; that nothing was found is said above.
        return ""
