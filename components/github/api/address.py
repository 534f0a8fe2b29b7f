"""Where requests go: the base URL, the repository, the path and the next page, judged before anything is sent. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import httpx

from components.github.api.errors import AddressError, InputError
from components.http.address import base_url_fault, segment_fault, spelled, split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.http.exchange import Answer

DEFAULT_BASE_URL = "https://api.github.com"
BASE_URL_VARIABLE, REPOSITORY_VARIABLE = "GITHUB_API_URL", "GITHUB_REPOSITORY"

_REPOSITORY = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,99})/([A-Za-z0-9._-]{1,100})")
_FIX = f"set {BASE_URL_VARIABLE} to the API's address, for example {DEFAULT_BASE_URL}, or unset it"


def base_url(text: str) -> str:
    """The base URL in one spelling, without a slash at the end.

    Raises:
        AddressError: It is not an https URL, or holds more than an address. The text is quoted only where no password
            can be in it.
    """
    parts = split(text)
    if parts is None:
        raise AddressError("the base URL is not a URL", next_step=_FIX)
    if fault := base_url_fault(parts, credential="the token goes into GITHUB_TOKEN", path=True):
        raise AddressError(fault, next_step=_FIX)
    return spelled(parts)


def base_url_in(environment: Mapping[str, str]) -> str:
    """The base URL that an environment asks for; that of github.com without one.

    Raises:
        AddressError: It is none.
    """
    return base_url(environment.get(BASE_URL_VARIABLE, "").strip() or DEFAULT_BASE_URL)


def repository_in(environment: Mapping[str, str]) -> str:
    """The repository that an environment names, as owner/name.

    Raises:
        InputError: It names none.
    """
    name = environment.get(REPOSITORY_VARIABLE, "").strip()
    repository(name)
    return name


def repository(text: str) -> dict[str, str]:
    """Owner and name of a repository, as segments of a path.

    Raises:
        InputError: It is not owner/name.
    """
    found = _REPOSITORY.fullmatch(text)
    if found is None or found[2] in {".", ".."}:
        told = f"{text[:80]!r} is not the name of a repository" if text else "no repository is named"
        raise InputError(
            f"{told}; nothing was sent", next_step=f"give it as owner/name, for example in {REPOSITORY_VARIABLE}"
        )
    return {"owner": found[1], "name": found[2]}


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
    raise InputError(f"the {name} {value[:60]!r} {problem}; nothing was sent", next_step=f"give another {name}")


def next_page(answer: Answer) -> str:
    """The URL of the next page, as the header `Link` tells it; empty after the last one.

    Source: https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api.
    """
    told = httpx.Response(200, headers={"Link": answer.headers.get("link", "")}).links
    return str(told.get("next", {}).get("url", ""))


def is_below(url: str, base: str) -> bool:
    """Whether a URL belongs to the API: the token goes nowhere else, whatever an answer says."""
    parts = split(url)
    if parts is None or parts.username is not None or parts.fragment:
        return False
    own = urlsplit(base)
    return parts[:2] == own[:2] and parts.path.startswith(f"{own.path}/") and ".." not in parts.path.split("/")
