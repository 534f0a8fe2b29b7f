"""One request and its answer: the only place that meets httpx and its exceptions."""

from __future__ import annotations

import ssl
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from components.http.address import is_loopback
from components.http.answers import Answer, Lost
from components.lazy import Lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx
else:
    httpx = Lazy("httpx")

USER_AGENT = "infra/0.1.0"
MOST_BYTES = 32 * 1024 * 1024
CONNECT_SECONDS = 10.0
MOST_CONNECTIONS = 256
"""`./infra status` asks for 200 environments at once; nothing else comes near."""


def pool(base_url: str, transport: httpx.BaseTransport | None) -> httpx.Client:
    """The pool. Proxies of the environment are for the network: this machine's own addresses are reached directly."""
    url = httpx.URL(base_url)
    # Plain HTTP has no certificate to prove: a context that trusts nobody saves reading all the trusted ones.
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.scheme == "http" else True
    return httpx.Client(
        transport=transport,
        verify=verify,
        trust_env=not is_loopback(url.host),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS),
        headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
    )


_NETWORK = "check the network and the proxy settings (HTTPS_PROXY, NO_PROXY), and {address}"
_CERTIFICATE = "check the host in {address} and the trusted certificates (SSL_CERT_FILE); do not switch this off"


@cache
def reasons() -> Mapping[type[Exception], Lost]:
    """Exception classes to what they mean. The first that matches counts, and the last matches all of httpx's."""
    return {
        httpx.ConnectTimeout: Lost(reason="no connection came about in time", sent=False, next_step=_NETWORK),
        httpx.PoolTimeout: Lost(
            reason="all connections stayed in use", sent=False, next_step="run less at the same time"
        ),
        httpx.ReadTimeout: Lost(reason="no answer came in time", sent=True),
        httpx.WriteTimeout: Lost(reason="the request could not be sent in time", sent=True),
        httpx.ConnectError: Lost(reason="no connection came about", sent=False, next_step=_NETWORK),
        httpx.ProxyError: Lost(reason="the proxy let no connection come about", sent=False, next_step=_NETWORK),
        httpx.UnsupportedProtocol: Lost(reason="the address is not one of http", sent=False, may_pass=False),
        httpx.InvalidURL: Lost(reason="the address is too long or none", sent=False, may_pass=False),
        httpx.DecodingError: Lost(reason="the answer could not be unpacked", sent=True),
        httpx.RemoteProtocolError: Lost(reason="the connection was cut before the answer was whole", sent=True),
        httpx.HTTPError: Lost(reason="the connection was cut", sent=True),
    }


_BAD_CERTIFICATE = Lost(
    reason="the server's certificate is not trusted", sent=False, may_pass=False, next_step=_CERTIFICATE
)
_NOBODY = Lost(
    reason="nothing listens there, on this machine",
    sent=False,
    may_pass=False,
    next_step="start it (the sandbox: ./infra sandbox start), or correct {address}",
)
_TOO_LONG = Lost(reason=f"the answer is longer than {MOST_BYTES} bytes", sent=True, may_pass=False)


def lost(error: Exception, host: str = "") -> Lost:
    """What an exception of httpx means; a port of this machine that refuses is no network that may come back."""
    if isinstance(error, httpx.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return _BAD_CERTIFICATE
    if isinstance(error, httpx.ConnectError) and "refused" in str(error) and is_loopback(host):
        return _NOBODY
    return next(meaning for kind, meaning in reasons().items() if isinstance(error, kind))


def send(http: httpx.Client, request: httpx.Request, *, seconds: float, clock: Callable[[], float]) -> Answer | Lost:
    """Send one request and read the whole answer, within `seconds` of `clock`.

    Nothing of httpx leaves this function: its exceptions carry the request, and with it the key.
    """
    begin = clock()
    request.extensions["timeout"] = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)).as_dict()
    status = None
    try:
        response = http.send(request, stream=True)
        status = response.status_code
        try:
            body = _read(response, until=begin + seconds, clock=clock)
        finally:
            response.close()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        meaning = lost(error, request.url.host)
        return replace(meaning, sent=meaning.sent or status is not None, status=status)
    if body is None:
        return _TOO_LONG
    return Answer(status=status, headers=_headers(response), body=body, seconds=clock() - begin)


def _read(response: httpx.Response, *, until: float, clock: Callable[[], float]) -> bytes | None:
    """The body; None when it is too long. A timeout of httpx's is between two bytes, so a drip is judged here."""
    body = bytearray()
    for piece in response.iter_bytes():
        if body and clock() > until:
            raise httpx.ReadTimeout("")
        body += piece
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
