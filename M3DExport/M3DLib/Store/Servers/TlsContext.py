"""TLS settings for a server: certificates are checked, always."""

from __future__ import annotations

import ssl
from pathlib import Path

from ...Errors import M3DError
from ..Servers.PacsServer import PacsServer


def clientContext(server: PacsServer) -> ssl.SSLContext:
    """For a connection to the server: its certificate and its name are checked, TLS 1.2 at least (PS3.15 B.12).

    :raises M3DError: a certificate file is none.
    """
    try:
        context = ssl.create_default_context(cafile=server.caFile)
    except (OSError, ssl.SSLError) as error:
        raise M3DError(f"'{server.caFile}' holds no certificates in PEM format.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _loadOwn(context, server)
    return context


def listenerContext(server: PacsServer) -> ssl.SSLContext:
    """For connections that the server makes to this computer; who comes must show a certificate that is trusted.

    :raises M3DError: this side has no certificate to show.
    """
    if server.clientCert is None:
        raise M3DError(
            "Objects that the server sends by a connection of its own are waited for over TLS too, which needs a "
            "certificate of this computer: --client-cert and --client-key."
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    if server.caFile is None:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    else:
        context.load_verify_locations(cafile=server.caFile)
    _loadOwn(context, server)
    return context


def requireCertificates(server: PacsServer) -> None:
    """Refuse certificate files that are none, before anything is sent; requests would say it in its own words."""
    if server.caFile or server.clientCert:
        clientContext(server)


def _loadOwn(context: ssl.SSLContext, server: PacsServer) -> None:
    if server.clientCert is None:
        return

    def noPassword() -> str:
        raise M3DError(f"The key '{server.clientKey}' is protected by a password; give one without.")

    try:
        context.load_cert_chain(server.clientCert, server.clientKey, password=noPassword)
    except M3DError:
        raise
    except (OSError, ssl.SSLError) as error:
        raise M3DError(
            f"'{Path(server.clientCert).name}' and '{Path(server.clientKey or '').name}' are not a certificate and its "
            "key in PEM format."
        ) from error
