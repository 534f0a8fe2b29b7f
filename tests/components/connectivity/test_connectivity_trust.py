"""Whom our sessions trust: a server that is not the right one, or asks for more than a proof, hears no password."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
import re
import ssl
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from components import libpq
from components.connection import Connection
from components.connectivity.probe import TRANSPORT, probe
from components.connectivity.report import Layer
from components.errors import ConfigurationError, PostgresError
from components.postgres import baseline
from tests.clone import OTHER_SERVERS, PROJECT

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from components.connectivity.report import Report

    Listen = Callable[[Callable[[socket.socket], None]], int]

PASSWORD = "hunter2-hunter2"
SSL_REQUEST = struct.pack("!i", 80877103)
CLEAR_TEXT = b"R" + struct.pack("!ii", 8, 3)
MD5 = b"R" + struct.pack("!ii", 12, 5) + b"salt"
LET_IN = b"R" + struct.pack("!ii", 8, 0)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that is not what it should be.

    Attributes:
        tls: What it proves itself with; None for one that refuses TLS.
        asks: What it answers a log-in with.
        heard: Everything that clients said, decrypted.
    """

    tls: ssl.SSLContext | None
    asks: bytes
    heard: list[bytes]

    def handle(self, client: socket.socket) -> None:
        """One client, until it leaves."""
        start = self._start(client)
        if start != SSL_REQUEST:
            self._ask(client)
        elif self.tls is None:
            client.sendall(b"N")
            self._listen(client)
        else:
            client.sendall(b"S")
            with self.tls.wrap_socket(client, server_side=True) as encrypted:
                self._start(encrypted)
                self._ask(encrypted)

    def _start(self, client: socket.socket) -> bytes:
        (length,) = struct.unpack("!i", client.recv(4))
        self.heard.append(client.recv(length - 4))
        return self.heard[-1]

    def _ask(self, client: socket.socket) -> None:
        client.sendall(self.asks)
        self._listen(client)

    def _listen(self, client: socket.socket) -> None:
        while said := client.recv(1000):
            self.heard.append(said)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["postgresql"])
    certificate.configure_cert(context)
    return context


def _signed_by_itself(folder: Path) -> Path:
    """Certificate and key of a server that vouches for itself, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "itself.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The authority that the user names."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "root.pem")
    monkeypatch.setenv("INFRA_DATABASE_CA", os.fspath(tmp_path / "root.pem"))
    return made


def _server(kind: str, authority: trustme.CA, folder: Path) -> Server:
    def issued(name: str = "127.0.0.1", *, by: trustme.CA = authority, days: tuple[int, int] = (-1, 1)) -> Server:
        begin, end = (dt.datetime.now(dt.UTC) + dt.timedelta(days=day) for day in days)
        certificate = by.issue_cert(name, not_before=begin, not_after=end)
        return Server(tls=_context(certificate), asks=CLEAR_TEXT, heard=[])

    if kind == "signed by itself":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_signed_by_itself(folder))
        return Server(tls=context, asks=CLEAR_TEXT, heard=[])
    servers: dict[str, Callable[[], Server]] = {
        "of a foreign authority": lambda: issued(by=trustme.CA()),
        "of another name": lambda: issued("db.example.com"),
        "expired": lambda: issued(days=(-9, -1)),
        "without TLS": lambda: replace(issued(), tls=None),
        "asks for clear text": issued,
        "asks for MD5": lambda: replace(issued(), asks=MD5),
        "asks for nothing": lambda: replace(issued(), asks=LET_IN),
    }
    return servers[kind]()


KINDS = [
    ("signed by itself", Layer.TLS, "the certificate of 127.0.0.1 is signed by itself"),
    ("of a foreign authority", Layer.TLS, "the issuer of the certificate of 127.0.0.1 is not known here"),
    ("of another name", Layer.TLS, "the certificate is not for the address 127.0.0.1"),
    ("expired", Layer.TLS, "the certificate of 127.0.0.1 has expired"),
    ("without TLS", Layer.TLS, "refuses TLS, without which no password is sent"),
    ("asks for clear text", Layer.AUTHENTICATION, "asks owner for the password in clear text"),
    ("asks for MD5", Layer.AUTHENTICATION, "asks owner for the password as an MD5 hash"),
    ("asks for nothing", Layer.AUTHENTICATION, "lets owner in without asking for the password"),
]


def _connection(port: int) -> Connection:
    return Connection(host="127.0.0.1", port=port, database="app", user="owner", password=PASSWORD, sslmode="require")


def _layer_and_cause(report: Report) -> tuple[object, str]:
    assert report.failed is not None
    assert report.failed.next_step
    assert report.attempts == 1
    return report.failed.layer, report.failed.cause


def _forms(password: str) -> list[bytes]:
    inner = hashlib.md5(f"{password}owner".encode(), usedforsecurity=False).hexdigest()
    salted = hashlib.md5(inner.encode() + b"salt", usedforsecurity=False).hexdigest()
    return [password.encode(), inner.encode(), salted.encode()]


@pytest.mark.parametrize(("kind", "layer", "cause"), KINDS)
def test_a_hostile_server_never_hears_the_password(
    listen: Listen,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    layer: Layer,
    cause: str,
) -> None:
    """Check, stamping and refreshing end before the password is told in any form; the check names layer and cause."""
    monkeypatch.setattr("components.postgres.session.time.sleep", lambda _: None)
    server = _server(kind, authority, tmp_path)
    where = _connection(listen(server.handle))
    found, text = _layer_and_cause(probe(where, budget_seconds=20))
    assert found is layer
    assert cause in text
    task = baseline.BaselineTask(url=where.url, branch="dev")
    assert baseline.read(task) == {"verified": False}
    with pytest.raises(PostgresError) as caught:
        baseline.apply(task)
    assert f"could not be prepared, {layer.value}: " in str(caught.value)
    assert cause in str(caught.value)
    assert server.heard
    assert not [form for form in _forms(PASSWORD) if form in b"".join(server.heard)]


def test_a_server_that_vouches_for_itself_is_trusted_where_the_user_says_so(
    listen: Listen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INFRA_DATABASE_CA may name a server's own certificate; the session gets as far as the log-in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["postgresql"])
    file = _signed_by_itself(tmp_path)
    context.load_cert_chain(file)
    server = Server(tls=context, asks=CLEAR_TEXT, heard=[])
    monkeypatch.setenv("INFRA_DATABASE_CA", os.fspath(file))
    report = probe(_connection(listen(server.handle)), budget_seconds=20)
    assert _layer_and_cause(report)[0] is Layer.AUTHENTICATION


def test_disable_holds_for_this_machine_alone(listen: Listen) -> None:
    """A URL with sslmode=disable and a host elsewhere does not make a session without TLS."""
    server = Server(tls=None, asks=CLEAR_TEXT, heard=[])
    where = replace(_connection(listen(server.handle)), host="db.example.com", sslmode="disable")
    transport = replace(TRANSPORT, resolve=lambda *_: ("127.0.0.1",))
    found, text = _layer_and_cause(probe(where, budget_seconds=20, transport=transport))
    assert found is Layer.TLS
    assert "refuses TLS" in text
    assert set(server.heard) == {SSL_REQUEST}


def test_a_file_without_certificates_is_named(
    listen: Listen, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong INFRA_DATABASE_CA is told as that, with the file, and not as a fault of the server."""
    where = _connection(listen(_server("asks for clear text", authority, tmp_path).handle))
    monkeypatch.setenv("INFRA_DATABASE_CA", os.fspath(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match=r"none\.pem is not a file with certificates .*\n.*INFRA_DATABASE_CA"):
        probe(where, budget_seconds=1)


def test_sessions_are_opened_in_one_place() -> None:
    """No other file of the program opens one: what it trusts and takes from the shell is said once."""
    rooms = (PROJECT / room for room in ("components", "stacks", "operations"))
    files = [file for room in rooms for file in room.rglob("*.py") if file.name != "libpq.py"]
    assert files
    assert not [file for file in files if re.search(r"(psycopg|PGconn)\.connect|PGSSLMODE", file.read_text())]


def test_the_systems_authorities_are_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the variable it is the system's file, and where there is none Mozilla's."""
    monkeypatch.delenv("INFRA_DATABASE_CA", raising=False)
    own = tmp_path / "system.pem"
    own.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(own))
    assert libpq.authorities() == os.fspath(own)
    own.unlink()
    assert libpq.authorities().endswith("certifi/cacert.pem")


def _hostile_shell(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Every variable and file that libpq knows, saying nonsense."""
    for name, value in OTHER_SERVERS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", os.fspath(home))
    (home / ".postgresql").mkdir()
    files = [".pgpass", ".pg_service.conf"]
    files += [f".postgresql/{name}" for name in ("root.crt", "root.crl", "postgresql.crt", "postgresql.key")]
    for name in files:
        (home / name).write_text("nonsense\n")
        (home / name).chmod(0o600)


def test_nothing_of_the_shell_reaches_a_server_of_this_machine(
    postgres: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With every variable of libpq set to nonsense the check passes, and so does a look at the stamp."""
    task = baseline.BaselineTask(url=postgres.url, branch="dev")
    acts: list[Callable[[], object]] = [
        lambda: probe(postgres, expected_branch="dev", budget_seconds=20).ok,
        lambda: baseline.read(task)["verified"],
    ]
    for number, act in enumerate(acts):
        home = tmp_path / str(number)
        home.mkdir()
        _hostile_shell(monkeypatch, home)
        assert act()


def test_nothing_of_the_shell_reaches_a_server_over_tls(
    listen: Listen, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same over TLS: certificate, key, root and revocations of the user's home are not looked at."""
    server = Server(tls=_context(authority.issue_cert("127.0.0.1")), asks=_refusal("3D000"), heard=[])
    (tmp_path / "home").mkdir()
    _hostile_shell(monkeypatch, tmp_path / "home")
    report = probe(_connection(listen(server.handle)), budget_seconds=20)
    assert _layer_and_cause(report)[0] is Layer.DATABASE


def _refusal(code: str) -> bytes:
    body = f"SFATAL\0VFATAL\0C{code}\0Mno\0\0".encode()
    return b"E" + struct.pack("!i", len(body) + 4) + body
