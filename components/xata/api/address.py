"""Where requests go: the base URL and the path, judged before anything is sent. Pure."""

from __future__ import annotations

from urllib.parse import quote

from components.http.address import base_url_fault, host_of, segment_fault, spelled, split
from components.xata.api.errors import AddressError, InputError, LiteRetiredError

DEFAULT_BASE_URL = "https://api.xata.tech"

_FIX = f"set XATA_API_BASE_URL to the API's address, for example {DEFAULT_BASE_URL}, or unset it"


def base_url(text: str) -> str:
    """The base URL in one spelling: scheme, host and port.

    Raises:
        LiteRetiredError: It is an address of Xata Lite.
        AddressError: It is not an https URL, or holds more than an address. The text is quoted only where no password
            can be in it.
    """
    parts = split(text)
    if parts is None:
        raise AddressError("the base URL is not a URL", next_step=_FIX)
    host = host_of(parts)
    if host in {"api.xata.io", "xata.sh"} or host.endswith(".xata.sh"):
        raise LiteRetiredError(
            f"{host} is an address of Xata Lite, which ended on 28 February 2026; nothing was sent", next_step=_FIX
        )
    if fault := base_url_fault(parts, credential="the key goes into XATA_API_KEY"):
        raise AddressError(fault, next_step=_FIX)
    return spelled(parts)


def path(template: str, **segments: str) -> str:
    """The template with its segments filled in, percent-encoded.

    Raises:
        InputError: A segment could lead to another path, or is not text that a path can hold.
    """
    return template.format(**{name: _segment(name, value) for name, value in segments.items()})


def _segment(name: str, value: str) -> str:
    problem = segment_fault(value)
    if not problem:
        return quote(value, safe="")
    raise InputError(
        f"the {name}'s id {value[:60]!r} {problem}; nothing was sent",
        next_step=f"give the {name}'s id as Xata shows it, not a name or an address",
    )
