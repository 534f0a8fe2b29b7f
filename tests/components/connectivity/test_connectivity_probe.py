"""The probe on a real Postgres and on servers that misbehave: every layer, its verdict, and the patience with it."""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import trustme

from components.connection import Connection
from components.connectivity.driver import DriverRefusedError, ServerIdentity
from components.connectivity.probe import TRANSPORT, WAKE_UP_SECONDS, Transport, probe
from components.connectivity.report import Layer, Report
from components.connectivity.verdicts import SQLSTATES, TIMEOUTS, Verdict, VerdictError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Listen = Callable[[Callable[[socket.socket], None]], int]


def _session(connection: Connection, statement: str) -> None:
    with psycopg.connect(connection.url, autocommit=True) as session:
        session.execute(statement.encode())


def _at(port: int, **changes: Any) -> Connection:
    settings = {"database": "app", "user": "owner", "password": "hunter2-hunter2", "sslmode": "disable", **changes}
    return Connection(**{"host": "127.0.0.1", "port": port, **settings})


def _layer_and_cause(report: Report) -> tuple[Layer, str]:
    failed = report.failed
    assert failed is not None
    assert isinstance(failed.layer, Layer)
    assert failed.next_step
    above = [finding for finding in report.findings if finding.layer.number > failed.layer.number]
    below = [finding for finding in report.findings if finding.layer.number < failed.layer.number]
    assert all(finding.ok is None for finding in above)
    assert all(finding.ok is True for finding in below)
    return failed.layer, failed.cause


def _hurry() -> dict[str, Any]:
    """Settings that let pauses pass in no time, so that a slow machine has the whole budget for its attempts."""
    skipped = [0.0]

    def sleep(seconds: float) -> None:
        skipped[0] += seconds

    return {"clock": lambda: time.monotonic() + skipped[0], "sleep": sleep}


# On a real server


def test_probe_passes_every_layer_of_the_right_database(postgres: Connection) -> None:
    """The right database passes all six layers at the first attempt and says version and branch."""
    report = probe(postgres, expected_branch="dev", expected_major=18)
    assert report.ok
    assert [finding.layer for finding in report.findings] == list(Layer)
    assert (report.attempts, report.branch) == (1, "dev")
    assert (report.server_version or "").startswith("18.")
    assert report.findings[2].cause == "not used"


def test_probe_asks_for_no_identity_when_none_is_expected(postgres: Connection) -> None:
    """Without an expected branch and version any database passes."""
    assert probe(replace(postgres, database="postgres")).ok


@pytest.mark.parametrize("host", ["localhost", "branch.us-east-1.localhost"])
def test_probe_reaches_names_of_this_machine_without_a_resolver(
    postgres: Connection, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Names at and below localhost are this machine, whatever its resolver knows."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("the resolver was asked"))
    assert probe(replace(postgres, host=host), expected_branch="dev").ok


@pytest.mark.parametrize(
    ("changes", "layer", "cause"),
    [
        ({"password": "wrong"}, Layer.AUTHENTICATION, "refuses the password of owner (SQLSTATE 28P01)"),
        ({"user": "stranger"}, Layer.AUTHENTICATION, "refuses the password of stranger (SQLSTATE 28P01)"),
        ({"database": "nowhere"}, Layer.DATABASE, "there is no database nowhere"),
        ({"sslmode": "require"}, Layer.TLS, "refuses TLS"),
        ({"database": "template0"}, Layer.DATABASE, "takes no connections"),
        ({"database": "postgres"}, Layer.IDENTITY, "carries no identity stamp"),
    ],
)
def test_probe_ends_at_once_on_a_final_verdict(
    postgres: Connection, changes: dict[str, Any], layer: Layer, cause: str
) -> None:
    """What waiting cannot heal ends the probe at the first attempt, with its layer and cause."""
    report = probe(replace(postgres, **changes), expected_branch="dev")
    found, text = _layer_and_cause(report)
    assert found is layer
    assert cause in text
    assert report.attempts == 1


def test_probe_refuses_the_database_of_another_branch(postgres: Connection) -> None:
    """A database stamped otherwise is the wrong one, however well it answers."""
    layer, cause = _layer_and_cause(probe(postgres, expected_branch="production"))
    assert (layer, cause) == (Layer.IDENTITY, "the database app is branch dev, not production")


def test_probe_refuses_another_major_version(postgres: Connection) -> None:
    """A server of another major version fails the identity layer."""
    layer, cause = _layer_and_cause(probe(postgres, expected_branch="dev", expected_major=17))
    assert layer is Layer.IDENTITY
    assert "and the stack wants 17" in cause


def test_probe_waits_for_a_free_connection(postgres: Connection) -> None:
    """A role with no connection left is tried again, and passes as soon as there is one."""
    _session(postgres, "create role crowded login password 'hunter2-hunter2' connection limit 0")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            _session(postgres, "alter role crowded connection limit 5")

    crowded = replace(postgres, user="crowded", password="hunter2-hunter2")
    with pytest.MonkeyPatch.context() as patch:  # one attempt: a last one, in what is left of a budget, may time out
        patch.setattr("components.connectivity.probe.SHORTEST_ATTEMPT_SECONDS", 20)
        full = probe(crowded, budget_seconds=20)
    assert _layer_and_cause(full)[0] is Layer.DATABASE
    assert "no connection left" in _layer_and_cause(full)[1]
    assert probe(crowded, expected_branch="dev", sleep=sleep).attempts == 3


def test_probe_names_a_database_closed_to_the_role(postgres: Connection) -> None:
    """A role without the right to connect fails the database layer."""
    _session(postgres, "create role outsider login password 'hunter2-hunter2'")
    _session(postgres, "create database closed")
    _session(postgres, "revoke connect on database closed from public")
    outsider = replace(postgres, user="outsider", password="hunter2-hunter2", database="closed")
    layer, cause = _layer_and_cause(probe(outsider))
    assert (layer, cause) == (Layer.DATABASE, "outsider may not connect to the database closed (SQLSTATE 42501)")


def test_probe_names_a_query_that_takes_too_long(postgres: Connection) -> None:
    """A database that lets us in and then cannot answer fails the identity layer by its time limit."""
    with psycopg.connect(replace(postgres, database="postgres").url) as locker:
        locker.execute("lock table pg_catalog.pg_shdescription in access exclusive mode")
        layer, cause = _layer_and_cause(probe(postgres, budget_seconds=3))
    assert layer is Layer.IDENTITY
    assert "did not answer a one-row query" in cause


# On servers that misbehave


def _read_start(client: socket.socket) -> bytes:
    (length,) = struct.unpack("!i", client.recv(4))
    return client.recv(length - 4)


def _error(code: str) -> bytes:
    body = f"SFATAL\0VFATAL\0C{code}\0Mpostgresql://owner:hunter2-hunter2@h/app\0\0".encode()
    return b"E" + struct.pack("!i", len(body) + 4) + body


def _reset(client: socket.socket) -> None:
    client.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER of zero seconds: closing sends a reset


def _silent(client: socket.socket) -> None:
    client.settimeout(3)
    client.recv(1000)
    client.recv(1000)


def _hang_up(_client: socket.socket) -> None:
    """Close at once."""


def _refusing(code: str) -> Callable[[socket.socket], None]:
    def handler(client: socket.socket) -> None:
        _read_start(client)
        client.sendall(_error(code))

    return handler


@pytest.mark.parametrize(
    ("handler", "sslmode", "layer", "cause"),
    [
        (_reset, "disable", Layer.TCP, "drops them at once"),
        (_reset, "require", Layer.TCP, "drops them at once"),
        (_hang_up, "disable", Layer.TCP, "drops them at once"),
        (_silent, "disable", Layer.AUTHENTICATION, "did not answer the log-in of owner"),
        (_silent, "require", Layer.TLS, "did not finish the TLS handshake"),
        (lambda client: client.sendall(b"SSH-2.0-OpenSSH_9.7\r\n"), "disable", Layer.AUTHENTICATION, "does not speak"),
        (lambda client: client.sendall(b"HTTP/1.1 400\r\n\r\n"), "require", Layer.TLS, "does not speak"),
        (_refusing("57P03"), "disable", Layer.DATABASE, "starting or stopping (SQLSTATE 57P03)"),
        (_refusing("53300"), "disable", Layer.DATABASE, "no connection left (SQLSTATE 53300)"),
        (_refusing("28000"), "disable", Layer.AUTHENTICATION, "does not let owner log in from here (SQLSTATE 28000)"),
        (_refusing("99999"), "disable", Layer.DATABASE, "refuses the session (SQLSTATE 99999)"),
    ],
)
def test_probe_blames_the_layer_of_a_misbehaving_server(
    listen: Listen, handler: Callable[[socket.socket], None], sslmode: str, layer: Layer, cause: str
) -> None:
    """Each way to misbehave is blamed on its layer, in our words and without what the server said."""
    budget = 0.5 if handler is _silent else 20
    report = probe(_at(listen(handler), sslmode=sslmode), budget_seconds=budget, **_hurry())
    found, text = _layer_and_cause(report)
    assert found is layer
    assert cause in text
    assert "hunter2" not in json.dumps(report.to_json()) + str(report) + repr(report)


def test_probe_names_tcp_when_nothing_listens() -> None:
    """A refused connection is a matter of TCP, with the address in the cause."""
    report = probe(_at(1), budget_seconds=20, **_hurry())
    assert _layer_and_cause(report) == (Layer.TCP, "nothing listens on 127.0.0.1:1")
    assert report.attempts > 1


def test_probe_names_the_resolver_for_a_host_without_an_address() -> None:
    """A host name that does not exist fails the first layer."""
    report = probe(replace(_at(5432), host="nonexistent.invalid"), budget_seconds=20, **_hurry())
    assert _layer_and_cause(report)[0] is Layer.NAME


def test_probe_names_a_host_that_is_no_host_name() -> None:
    """A label too long for a host name is final."""
    report = probe(replace(_at(5432), host="x" * 70), budget_seconds=5)
    assert _layer_and_cause(report)[1].endswith("is not a host name")
    assert report.attempts == 1


def test_probe_does_not_wait_for_a_resolver_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver has no time limit; the budget has."""
    forever = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: forever.wait(30) and [])
    report = probe(replace(_at(5432), host="slow.test"), budget_seconds=0.3)
    forever.set()
    layer, cause = _layer_and_cause(report)
    assert layer is Layer.NAME
    assert "took too long" in cause


# TLS


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that the driver and the probe trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    monkeypatch.setenv("INFRA_DATABASE_CA", os.fspath(tmp_path / "root.pem"))
    return authority


def _over_tls(certificate: trustme.LeafCert, *, names: list[str] | None = None) -> Callable[[socket.socket], None]:
    """Refuse everybody over TLS; `names` takes the server names that clients ask for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if names is not None:
        context.sni_callback = lambda _socket, name, _context: names.append(name)
    context.set_alpn_protocols(["postgresql"])
    certificate.configure_cert(context)

    def handler(client: socket.socket) -> None:
        _read_start(client)
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as encrypted:
            _read_start(encrypted)
            encrypted.sendall(_error("3D000"))

    return handler


@pytest.mark.parametrize(
    ("name", "days", "sslmode", "layer", "cause"),
    [
        ("127.0.0.1", (-1, 1), "verify-full", Layer.DATABASE, "no database app"),
        ("127.0.0.1", (-1, 1), "require", Layer.DATABASE, "no database app"),
        ("db.example.com", (-1, 1), "require", Layer.TLS, "certificate is not for the address 127.0.0.1"),
        ("db.example.com", (-1, 1), "verify-ca", Layer.TLS, "certificate is not for the address 127.0.0.1"),
        ("127.0.0.1", (-9, -1), "prefer", Layer.TLS, "certificate of 127.0.0.1 has expired"),
        ("127.0.0.1", (1, 9), "verify-full", Layer.TLS, "certificate of 127.0.0.1 is not valid yet"),
    ],
)
def test_probe_verifies_a_certificate_whatever_the_sslmode(
    listen: Listen, authority: trustme.CA, name: str, days: tuple[int, int], sslmode: str, layer: Layer, cause: str
) -> None:
    """A wrong name, an expired and a future certificate fail the TLS layer, each with its own cause, at once."""
    begin, end = (datetime.now(UTC) + timedelta(days=day) for day in days)
    certificate = authority.issue_cert(name, not_before=begin, not_after=end)
    report = probe(_at(listen(_over_tls(certificate)), sslmode=sslmode), budget_seconds=20)
    found, text = _layer_and_cause(report)
    assert found is layer
    assert cause in text
    assert report.attempts == 1


def test_probe_asks_for_the_name_whatever_the_address(listen: Listen, authority: trustme.CA) -> None:
    """A name resolved by rule is still the name that the certificate must bear and that a gateway routes by."""
    name = "branch.us-east-1.localhost"
    names: list[str] = []
    port = listen(_over_tls(authority.issue_cert(name), names=names))
    report = probe(_at(port, host=name, sslmode="verify-full"), budget_seconds=20)
    assert _layer_and_cause(report) == (
        Layer.DATABASE,
        f"there is no database app on branch.us-east-1.localhost:{port} (SQLSTATE 3D000)",
    )
    assert set(names) == {name}
    assert len(names) == 2  # the driver's session, and the search for the cause


def test_probe_tells_a_handshake_cut_half_way(listen: Listen) -> None:
    """A server that agrees to TLS and hangs up is a matter of TLS."""

    def handler(client: socket.socket) -> None:
        _read_start(client)
        client.sendall(b"S")

    layer, cause = _layer_and_cause(probe(_at(listen(handler), sslmode="require"), budget_seconds=20, **_hurry()))
    assert layer is Layer.TLS
    assert "half-way" in cause


# Patience, with a clock of its own


class _Clock:
    """Time that passes only in sleep and in attempts."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


ANSWER = ServerIdentity(
    version_number=180006, version="18.6", comment="infra.branch=dev", encrypted=True, milliseconds={Layer.TCP: 1.0}
)


class _Scripted:
    """Outcomes of the driver, one per attempt; the last one stays."""

    def __init__(self, clock: _Clock, *outcomes: ServerIdentity | Verdict) -> None:
        self.clock = clock
        self.outcomes = list(outcomes)
        self.waited: list[float] = []

    def transport(self) -> Transport:
        return replace(TRANSPORT, ask=self.ask, explain=self.explain)

    def ask(
        self, _connection: Connection, _address: str, *, seconds: float, clock: Callable[[], float]
    ) -> ServerIdentity:
        del clock
        self.waited.append(seconds)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, ServerIdentity):
            return outcome
        if outcome in TIMEOUTS.values():
            self.clock.now += seconds
            raise VerdictError(outcome)
        self.found = outcome
        raise DriverRefusedError

    def explain(self, *_: Any, **__: Any) -> Verdict:
        return self.found


def _probed(clock: _Clock, script: _Scripted, **settings: Any) -> Report:
    given = {"budget_seconds": 60.0, "jitter": lambda: 1.0, **settings}
    return probe(_at(5432), clock=clock, sleep=clock.sleep, transport=script.transport(), **given)


def test_probe_counts_the_first_attempt_as_a_wake_up() -> None:
    """A sleeping branch gets a long first attempt, and the report says that it was woken."""
    clock = _Clock()
    script = _Scripted(clock, TIMEOUTS[Layer.AUTHENTICATION], ANSWER)
    report = _probed(clock, script, expected_branch="dev")
    assert report.ok
    assert script.waited == [WAKE_UP_SECONDS, 5.0]
    assert "the first attempt, counted as a wake-up, got no answer" in report.findings[-1].cause


def test_probe_says_that_not_even_a_wake_up_helped() -> None:
    """A server that stays silent is told as such, wake-up included."""
    clock = _Clock()
    report = _probed(clock, _Scripted(clock, TIMEOUTS[Layer.TCP]))
    layer, cause = _layer_and_cause(report)
    assert layer is Layer.TCP
    assert cause == "127.0.0.1:5432 does not answer; the first attempt, counted as a wake-up, got no answer"


def test_probe_pauses_longer_and_longer_up_to_a_limit() -> None:
    """Pauses double up to four seconds, and jitter takes a share of each."""
    clock, halved = _Clock(), _Clock()
    starting = SQLSTATES["57P03"]
    _probed(clock, _Scripted(clock, *[starting] * 7, ANSWER))
    _probed(halved, _Scripted(halved, *[starting] * 7, ANSWER), jitter=lambda: 0.5)
    assert clock.pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert halved.pauses == [pause / 2 for pause in clock.pauses]


@pytest.mark.parametrize("budget", [0.5, 3.0, 20.0, 61.0])
def test_probe_keeps_its_budget(budget: float) -> None:
    """However the attempts end, the probe is over when its budget is, and not much before."""
    for verdict in (SQLSTATES["57P03"], TIMEOUTS[Layer.TCP]):
        clock = _Clock()
        report = _probed(clock, _Scripted(clock, verdict), budget_seconds=budget)
        assert not report.ok
        assert budget - 0.2 <= clock.now - 100.0 <= budget + 0.2


def test_probe_does_not_wait_after_a_final_verdict() -> None:
    """A refused password is not tried twice: more attempts may lock the role out."""
    clock = _Clock()
    assert _probed(clock, _Scripted(clock, SQLSTATES["28P01"])).attempts == 1
    assert clock.pauses == []


def test_probe_tries_the_next_address_only_while_no_server_was_reached() -> None:
    """A dead address is skipped; a server that refuses the password has answered for all."""
    clock = _Clock()
    refused = TIMEOUTS[Layer.TCP]
    several = Transport(resolve=lambda *_: ("192.0.2.1", "192.0.2.2"))
    dead_first = _Scripted(clock, refused, ANSWER)
    report = probe(
        _at(5432), clock=clock, sleep=clock.sleep, transport=replace(several, ask=dead_first.ask), budget_seconds=60
    )
    assert (report.ok, report.attempts) == (True, 1)
    password = _Scripted(clock, SQLSTATES["28P01"], ANSWER)
    transport = replace(several, ask=password.ask, explain=password.explain)
    assert not probe(_at(5432), clock=clock, sleep=clock.sleep, transport=transport).ok


def test_probe_says_so_when_only_the_driver_is_refused() -> None:
    """A driver that fails where every layer answers is told as that, and tried again."""
    clock = _Clock()
    script = _Scripted(clock, SQLSTATES["28P01"])
    transport = replace(TRANSPORT, ask=script.ask, explain=lambda *_, **__: None)
    report = probe(_at(5432), clock=clock, sleep=clock.sleep, transport=transport, budget_seconds=3)
    assert "though every single layer answers" in _layer_and_cause(report)[1]
    assert report.attempts > 1
