"""One request for a Worker's health, and what became of it: the only place that meets httpx's exceptions here.

Proxies and trusted roots come from the environment (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE): in many companies there is
no other way out. Addresses of this machine are reached directly. A cache on the way would tell of the past, so each
request has a query of its own and refuses what is stored.
"""

from __future__ import annotations

import socket
import threading
import time
import uuid
from dataclasses import dataclass, field
from enum import Enum, auto
from ssl import SSLCertVerificationError, SSLError
from typing import TYPE_CHECKING

from components.http.exchange import pool
from components.lazy import Lazy

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
else:
    httpx = Lazy("httpx")

GRACE_SECONDS = 0.5
"""So much longer than httpx, which says more exactly what was slow, may the whole attempt take."""
MOST_BYTES = 64 * 1024
"""Of a longer body no more is read."""


class Loss(Enum):
    """Why there is no whole answer."""

    NAME = auto()
    REFUSED = auto()
    UNREACHABLE = auto()
    PROXY = auto()
    CERTIFICATE = auto()
    TLS = auto()
    SILENT = auto()
    CUT = auto()
    HUGE = auto()
    ENDLESS = auto()


@dataclass(frozen=True, kw_only=True)
class HealthResponse:
    """What came back. `broken` says why the body is not whole; headers that are missing are empty."""

    status: int
    content_type: str = ""
    location: str = ""
    body: bytes = field(default=b"", repr=False)
    broken: Loss | None = None


_ORIGINS: tuple[tuple[type[Exception], Loss], ...] = (
    (SSLCertVerificationError, Loss.CERTIFICATE),
    (SSLError, Loss.TLS),
    (ConnectionRefusedError, Loss.REFUSED),
)


def fetch(url: str, seconds: float, *, transport: httpx.BaseTransport | None = None) -> HealthResponse | Loss:
    """Ask once, within about `seconds` in all. Redirects are not followed.

    Name resolution has no time limit and a server may send its headers a byte at a time, so the request is made in a
    thread that may be left behind. Each one has a connection of its own, to see more of the edge than one machine.
    """
    found: list[HealthResponse | Loss] = []
    thread = threading.Thread(target=lambda: found.append(_get(url, seconds, transport)), daemon=True)
    thread.start()
    thread.join(seconds + GRACE_SECONDS)
    return found[0] if found else Loss.SILENT


def _get(url: str, seconds: float, transport: httpx.BaseTransport | None) -> HealthResponse | Loss:
    until = time.monotonic() + seconds
    headers = {"Cache-Control": "no-cache", "Pragma": "no-cache"}
    try:
        with (
            pool(url, transport) as http,
            http.stream("GET", url, params={"infra": uuid.uuid4().hex}, headers=headers, timeout=seconds) as response,
        ):
            body, broken = _read(response, until)
            return HealthResponse(
                status=response.status_code,
                content_type=response.headers.get("content-type", ""),
                location=response.headers.get("location", ""),
                body=body,
                broken=broken,
            )
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return loss(error)


def _read(response: httpx.Response, until: float) -> tuple[bytes, Loss | None]:
    """The body as it was sent, which is not compressed since that is not asked for; and why it is not whole."""
    body = bytearray()
    try:
        for piece in response.iter_raw():
            body += piece
            if len(body) > MOST_BYTES:
                return b"", Loss.HUGE
            if time.monotonic() > until:
                return b"", Loss.ENDLESS
    except httpx.TimeoutException:
        return b"", Loss.ENDLESS
    except httpx.HTTPError:
        return b"", Loss.CUT
    return bytes(body), None


def loss(error: Exception) -> Loss:
    """What an exception of httpx, and what lies below it, means."""
    for origin in _origins(error):
        if isinstance(origin, socket.gaierror):
            return Loss.NAME if origin.errno in {socket.EAI_NONAME, socket.EAI_NODATA} else Loss.UNREACHABLE
        for kind, meaning in _ORIGINS:
            if isinstance(origin, kind):
                return meaning
    meanings: tuple[tuple[type[Exception], Loss], ...] = (
        (httpx.ProxyError, Loss.PROXY),
        (httpx.ConnectTimeout, Loss.UNREACHABLE),
        (httpx.ConnectError, Loss.UNREACHABLE),
        (httpx.TimeoutException, Loss.SILENT),
        (UnicodeError, Loss.NAME),
    )
    return next((meaning for kind, meaning in meanings if isinstance(error, kind)), Loss.CUT)


def _origins(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
