"""One request, what became of it, and when the next one may be: the only place that meets httpx's exceptions."""

from __future__ import annotations

import json
import math
import re
import ssl
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from components.http.address import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

USER_AGENT = "infra/0.1.0"
MOST_BYTES = 32 * 1024 * 1024
CONNECT_SECONDS = 10.0
MOST_CONNECTIONS = 64
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.3, 5.0

_SECONDS = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")
_RESET = re.compile(r"(?:^|[;,\s])(?:t|reset)=\"?([0-9]{1,9})")
_MOMENT = re.compile(r"[0-9]{1,12}")


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


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer. `seconds` is how long it took; header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The body's JSON object; empty when it is none. It may hold secrets."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def succeeded(self) -> bool:
        """Whether the status says so."""
        return httpx.codes.is_success(self.status)


@dataclass(frozen=True, kw_only=True)
class Lost:
    """No whole answer.

    Attributes:
        reason: Why, without a word of a foreign text.
        sent: Whether the server may have seen the request.
        may_pass: Whether the same request may succeed later.
        next_step: What to do, where the reason tells it. A template: `{address}` is the variable with the base URL.
        status: The answer's status, when it came that far.
    """

    reason: str
    sent: bool
    may_pass: bool = True
    next_step: str = ""
    status: int | None = None


_NETWORK = "check the network and the proxy settings (HTTPS_PROXY, NO_PROXY), and {address}"
_CERTIFICATE = "check the host in {address} and the trusted certificates (SSL_CERT_FILE); do not switch this off"

REASONS: Mapping[type[Exception], Lost] = {
    httpx.ConnectTimeout: Lost(reason="no connection came about in time", sent=False, next_step=_NETWORK),
    httpx.PoolTimeout: Lost(reason="all connections stayed in use", sent=False, next_step="run less at the same time"),
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
"""Exception classes to what they mean. The first that matches counts, and the last matches all of httpx's."""

_BAD_CERTIFICATE = Lost(
    reason="the server's certificate is not trusted", sent=False, may_pass=False, next_step=_CERTIFICATE
)
_TOO_LONG = Lost(reason=f"the answer is longer than {MOST_BYTES} bytes", sent=True, may_pass=False)


def lost(error: Exception) -> Lost:
    """What an exception of httpx means."""
    if isinstance(error, httpx.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return _BAD_CERTIFICATE
    return next(meaning for kind, meaning in REASONS.items() if isinstance(error, kind))


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
        meaning = lost(error)
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


def pause(repeat: int, *, after: float | None, chance: float) -> float:
    """Seconds before repeat number `repeat` (from 0): full jitter under a doubling ceiling, counted from `after`.

    With the jitter on top, those who were sent away together do not come back together.
    """
    ceiling: float = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(repeat, 30))
    return (after or 0.0) + chance * ceiling


def retry_after(answer: Answer, *, now: float, limited: bool = False, otherwise: float | None = None) -> float | None:
    """The seconds after which the server wants to be asked again; None when it does not say, or cannot be read.

    `Retry-After` counts always. For a refusal by a rate limit (`limited`) also `Ratelimit` (`"default";r=0;t=30`), then
    `X-RateLimit-Reset` when nothing remains, then `otherwise`: answers that succeed tell the state of a limit as well.
    Dates are measured against the answer's own `Date`, so that a wrong clock on this machine does not matter; `now`
    (seconds since the epoch) serves where there is none.
    """
    headers, sent = answer.headers, _moment(answer.headers.get("date", ""))
    since = now if math.isnan(sent) else sent
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    until = _moment(text)
    if not math.isnan(until):
        return max(0.0, until - since)
    if not limited:
        return None
    if reset := _RESET.search(headers.get("ratelimit", "")):
        return float(reset[1])
    reset_at = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and _MOMENT.fullmatch(reset_at):
        return max(0.0, float(reset_at) - since)
    return otherwise


def _moment(text: str) -> float:
    """Seconds since the epoch of a date as HTTP writes it; NaN when it is none."""
    try:
        found = parsedate_to_datetime(text)
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return math.nan
