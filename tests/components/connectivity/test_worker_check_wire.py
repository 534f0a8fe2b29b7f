"""One request to real servers on loopback that misbehave in one way each, and every exception of the HTTP client."""

from __future__ import annotations

import inspect
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from components.connectivity import worker_wire
from components.connectivity.worker_probe import WorkerTransport, probe_worker
from components.connectivity.worker_verdicts import Expectation
from components.connectivity.worker_wire import MOST_BYTES, HealthResponse, Loss, fetch, loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Listen = Callable[[Callable[[socket.socket], None]], int]

SECONDS = 20.0
"""More than any answer here takes, also on a slow machine."""
BODY = b'{"status": "ok"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def _request(client: socket.socket) -> str:
    """Read a whole request."""
    text = b""
    while b"\r\n\r\n" not in text:
        piece = client.recv(4096)
        if not piece:
            break
        text += piece
    return text.decode()


def _replies(*pieces: bytes) -> Callable[[socket.socket], None]:
    def handle(client: socket.socket) -> None:
        _request(client)
        for piece in pieces:
            client.sendall(piece)

    return handle


def _drips(first: bytes, drop: bytes, until: threading.Event) -> Callable[[socket.socket], None]:
    """Begins, then sends a little again and again, or nothing."""

    def handle(client: socket.socket) -> None:
        _request(client)
        client.sendall(first)
        while not until.wait(0.02):
            client.sendall(drop)

    return handle


@pytest.fixture
def end() -> Iterator[threading.Event]:
    """Is set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def _url(port: int, path: str = "/api/health") -> str:
    return f"http://127.0.0.1:{port}{path}"


def test_answer_comes_whole(listen: Listen) -> None:
    """Status, type and body as they were sent."""
    port = listen(_replies(HEAD, b"Content-Length: 16\r\n\r\n", BODY))
    assert fetch(_url(port), SECONDS) == HealthResponse(status=200, content_type="application/json", body=BODY)


def test_request_is_never_answered_from_a_cache(listen: Listen) -> None:
    """Every request refuses what is stored and has a query of its own; it asks for JSON, uncompressed."""
    seen: list[str] = []

    def handle(client: socket.socket) -> None:
        seen.append(_request(client))
        client.sendall(HEAD + b"Content-Length: 0\r\n\r\n")

    port = listen(handle)
    fetch(_url(port), SECONDS)
    fetch(_url(port), SECONDS)
    targets = [text.split()[1] for text in seen]
    assert all(target.startswith("/api/health?infra=") for target in targets)
    assert len(set(targets)) == len(seen) == 2
    lines = [set(text.lower().splitlines()) for text in seen]
    wanted = {"cache-control: no-cache", "pragma: no-cache", "accept: application/json", "accept-encoding: identity"}
    assert all(wanted <= found for found in lines)


def test_redirect_is_not_followed(listen: Listen) -> None:
    """It is an answer with a place; that place is not asked."""
    asked: list[str] = []
    other = listen(lambda client: asked.append(_request(client)))
    location = f"Location: {_url(other)}\r\n".encode()
    port = listen(_replies(b"HTTP/1.1 302 Found\r\n", location, b"Content-Length: 0\r\n\r\n"))
    assert fetch(_url(port), SECONDS) == HealthResponse(status=302, location=_url(other))
    assert asked == []


@pytest.mark.parametrize("length", [b"Content-Length: 100000000\r\n\r\n", b"\r\n"])
def test_huge_answer_is_not_read_to_its_end(listen: Listen, length: bytes) -> None:
    """After 64 KB the connection is closed, however much is announced or follows."""
    sent: list[int] = []
    ended = threading.Event()

    def handle(client: socket.socket) -> None:
        _request(client)
        client.sendall(HEAD + length)
        try:
            for _ in range(1000):
                client.sendall(b"x" * 100_000)
                sent.append(100_000)
        finally:
            ended.set()

    answer = fetch(_url(listen(handle)), SECONDS)
    assert answer == HealthResponse(status=200, content_type="application/json", broken=Loss.HUGE)
    assert ended.wait(10)
    assert sum(sent) < 100_000_000


def test_answer_of_the_longest_size_is_read(listen: Listen) -> None:
    """64 KB are not too much."""
    body = b" " * MOST_BYTES
    port = listen(_replies(HEAD, f"Content-Length: {MOST_BYTES}\r\n\r\n".encode(), body))
    assert fetch(_url(port), SECONDS) == HealthResponse(status=200, content_type="application/json", body=body)


@pytest.mark.parametrize(
    ("first", "drop", "found"),
    [
        (HEAD + b"\r\n", b" ", HealthResponse(status=200, content_type="application/json", broken=Loss.ENDLESS)),
        (HEAD + b"\r\n{", b"", HealthResponse(status=200, content_type="application/json", broken=Loss.ENDLESS)),
        (HEAD, b"X-More: 1\r\n", Loss.SILENT),
        (HEAD, b"", Loss.SILENT),
        (b"", b"", Loss.SILENT),
    ],
)
def test_answer_that_never_ends_is_left(
    listen: Listen, end: threading.Event, first: bytes, drop: bytes, found: HealthResponse | Loss
) -> None:
    """The attempt is limited as a whole: neither dripping nor silence prolongs it, in the body or before it."""
    port = listen(_drips(first, drop, end))
    begun = time.monotonic()
    assert fetch(_url(port), 1.0) == found
    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        ((), Loss.CUT),
        ((b"HTTP/1.1 200 O",), Loss.CUT),
        ((b"SSH-2.0-OpenSSH_9.9\r\n",), Loss.CUT),
        (
            (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\n{",),
            HealthResponse(status=503, broken=Loss.CUT),
        ),
    ],
)
def test_connection_that_is_cut(listen: Listen, pieces: tuple[bytes, ...], found: HealthResponse | Loss) -> None:
    """Before, within and after the headers; a status that has come is kept."""
    assert fetch(_url(listen(_replies(*pieces))), SECONDS) == found


def test_port_without_a_server() -> None:
    """Nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert fetch(_url(taken.getsockname()[1]), SECONDS) is Loss.REFUSED


def _speaks_tls(certificate: trustme.LeafCert) -> Callable[[socket.socket], None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def handle(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as wrapped:
            _request(wrapped)
            wrapped.sendall(HEAD + b"Content-Length: 16\r\n\r\n" + BODY)

    return handle


def test_tls_is_verified(listen: Listen) -> None:
    """A certificate of an unknown authority is refused, and so is a server without TLS."""
    stranger = listen(_speaks_tls(trustme.CA().issue_cert("127.0.0.1")))
    plain = listen(lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert fetch(f"https://127.0.0.1:{stranger}/api/health", SECONDS) is Loss.CERTIFICATE
    assert fetch(f"https://127.0.0.1:{plain}/api/health", SECONDS) in {Loss.TLS, Loss.CUT}


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Loss.NAME),
        (socket.gaierror(socket.EAI_NODATA, "no address"), Loss.NAME),
        (socket.gaierror(socket.EAI_AGAIN, "later"), Loss.UNREACHABLE),
        (UnicodeError("label too long"), Loss.NAME),
    ],
)
def test_names_that_are_not_resolved(monkeypatch: pytest.MonkeyPatch, error: Exception, found: Loss) -> None:
    """A name that does not exist is told apart from a resolver that does not work."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert fetch("https://app.example.com/api/health", SECONDS) is found


def test_resolver_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name resolution has no time limit of its own."""
    free = threading.Event()

    def hang(*_: object, **__: object) -> None:
        free.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(worker_wire, "GRACE_SECONDS", 0.1)
    assert fetch("https://app.example.com/api/health", 0.1) is Loss.SILENT
    free.set()


def test_proxies_are_for_the_network_only(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's proxy is asked for other machines, and never for this one."""
    asked: list[str] = []

    def proxy(client: socket.socket) -> None:
        asked.append(_request(client).splitlines()[0])
        client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    address = f"http://127.0.0.1:{listen(proxy)}"
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, address)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    port = listen(_replies(HEAD, b"Content-Length: 16\r\n\r\n", BODY))
    assert isinstance(fetch(_url(port), SECONDS), HealthResponse)
    assert asked == []
    assert fetch("https://app.example.com/api/health", SECONDS) is Loss.PROXY
    assert asked == ["CONNECT app.example.com:443 HTTP/1.1"]


def test_every_exception_of_the_client_has_a_meaning() -> None:
    """Whatever httpx raises becomes one of ours."""
    kinds = [kind for _, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, httpx.HTTPError)]
    concrete = [kind for kind in kinds if kind is not httpx.HTTPStatusError]
    assert len(concrete) > 15
    for kind in concrete:
        assert loss(kind("https://app:hunter2@example.com")) in Loss
    assert loss(httpx.InvalidURL("no")) is Loss.CUT
    assert loss(httpx.PoolTimeout("no")) is Loss.SILENT


def test_probe_of_a_real_server_sees_it_become_right(listen: Listen) -> None:
    """A server that first redirects, then has nothing, then is right passes at the third attempt."""
    right = b'{"status":"ok","database":"ok","environment":"staging","xataBranch":"staging","databaseBranch":"staging"}'
    handlers = iter(
        [
            _replies(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"),
            _replies(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            _replies(HEAD, f"Content-Length: {len(right)}\r\n\r\n".encode(), right),
        ]
    )

    def handle(client: socket.socket) -> None:
        next(handlers)(client)

    port = listen(handle)
    report = probe_worker(
        f"http://127.0.0.1:{port}",
        Expectation(environment="staging", branch="staging"),
        database=lambda: pytest.fail("the database was asked"),
        transport=WorkerTransport(sleep=lambda _: None),
    )
    assert (report.ok, report.attempts) == (True, 3)
