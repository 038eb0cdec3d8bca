"""A proxy on the loopback interface: ends TLS in front of a server, and cuts connections where a test wants it."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading


class LoopbackProxy:
    """Use as a context manager; ``port`` is where it listens.

    :param target: port of the server behind it.
    :param certificate: files of the certificate it shows; None for a plain connection.
    :param clientAuthority: file with the authority whose certificates a client must show; None for no such demand.
    :ivar cutAfter: bytes that may pass, in both directions and over all connections, before everything is cut; None
        for no limit. Set it again to cut again.
    :ivar onCut: called when that happens.
    :ivar passed: bytes that have passed.
    :ivar connections: how many there were.
    """

    def __init__(self, target, certificate=None, clientAuthority=None):
        self._target = target
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate.cert, certificate.key)
            if clientAuthority is not None:
                self._context.verify_mode = ssl.CERT_REQUIRED
                self._context.load_verify_locations(cafile=clientAuthority)
        self.cutAfter = None
        self.onCut = lambda: None
        self.passed = self.connections = 0
        self._lock = threading.Lock()
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        # A thread that waits in accept() keeps the port until it is woken.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()

    def _accept(self):
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self.connections += 1
        try:
            if self._context is not None:
                client.settimeout(20)
                client = self._context.wrap_socket(client, server_side=True)
                client.settimeout(None)
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open |= {client, server}
        with contextlib.suppress(OSError, ValueError):
            self._pump(client, server)
        for one in (client, server):
            _shut(one)

    def _pump(self, client, server):
        """Hand on what comes, in one thread: a TLS connection must not be read and written by two at a time."""
        other = {client: server, server: client}
        while True:
            waiting = self._context is not None and client.pending()
            ready = [client] if waiting else select.select([client, server], [], [])[0]
            for source in ready:
                data = source.recv(1 << 16)
                if not data:
                    return
                if self._isOver(len(data)):
                    self.onCut()
                    self._cut()
                    return
                other[source].sendall(data)

    def _isOver(self, size):
        with self._lock:
            self.passed += size
            if self.cutAfter is None:
                return False
            self.cutAfter -= size
            if self.cutAfter < 0:
                # Once: whoever comes again gets through.
                self.cutAfter = None
                return True
            return False

    def _cut(self):
        for one in list(self._open):
            _shut(one)
        self._open.clear()


def _shut(one):
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        one.close()
