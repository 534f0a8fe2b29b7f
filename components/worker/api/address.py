"""Where requests go: the base URL and the path, judged before anything is sent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from components.http.address import base_url_fault, segment_fault, spelled, split
from components.worker.api.errors import AddressError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_BASE_URL = "https://api.cloudflare.com/client/v4"
BASE_URL_VARIABLES = ("CLOUDFLARE_API_BASE_URL", "CLOUDFLARE_BASE_URL")
"""The first is wrangler's, the second that of Cloudflare's own packages and of its Pulumi provider."""
DIRECTORY_VARIABLE = "INFRA_WORKER_ADDRESSES"
"""A sandbox's page of where its Workers are reached; set in sandboxes and nowhere else."""

_FIX = f"set {BASE_URL_VARIABLES[0]} to the API's address, for example {DEFAULT_BASE_URL}, or unset it"


def base_url(text: str) -> str:
    """The base URL in one spelling, without a slash at the end.

    Raises:
        AddressError: It is not an https URL, or holds more than an address. The text is quoted only where no password
            can be in it.
    """
    parts = split(text)
    if parts is None:
        raise AddressError("the base URL is not a URL", next_step=_FIX)
    if fault := base_url_fault(parts, credential="the token goes into CLOUDFLARE_API_TOKEN", path=True):
        raise AddressError(fault, next_step=_FIX)
    return spelled(parts)


def base_url_in(environment: Mapping[str, str]) -> str:
    """The base URL that an environment asks for; Cloudflare's own without one.

    Raises:
        AddressError: It is none.
    """
    given = (environment.get(name, "").strip() for name in BASE_URL_VARIABLES)
    return base_url(next((text for text in given if text), DEFAULT_BASE_URL))


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
    what = {"account": "account id", "script": "Worker's name", "name": "secret's name"}.get(name, name)
    raise InputError(
        f"the {what} {value[:60]!r} {problem}; nothing was sent", next_step=f"give the {what} as Cloudflare shows it"
    )
