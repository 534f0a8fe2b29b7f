"""Where a Worker's health is asked for. Pure, and without an HTTP client, so that previews can validate it."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from msgspec import Meta

from components.declared import Words
from components.http.address import host_of, is_loopback, split

PATH: Final = "/api/health"
"""Where no other is configured."""

HealthPath = Annotated[
    str,
    Meta(pattern=r"^(/[A-Za-z0-9._~-]+)+\Z", max_length=200),
    Words("a path of letters, digits, ., _, ~ and -, which begins with / and does not end with it", "/healthz"),
]

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*|[0-9a-f:.]{{2,45}}")


def url_reason(text: str) -> str:
    """Why this cannot be a Worker's address; empty when it can. It is not quoted: it may hold a password."""
    parts = split(text)
    if parts is None or parts.scheme not in {"https", "http"}:
        return "is no address of the form https://WORKER.SUBDOMAIN.workers.dev"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or a password, and a health check needs neither"
    if not _HOST.fullmatch(host_of(parts)):
        return "has no host name in it, or one that is none"
    if parts.query or parts.fragment:
        return "has something behind the path; the check adds the path (infra:healthPath) itself"
    if parts.scheme != "https" and not is_loopback(host_of(parts)):
        return "does not begin with https://, which only an address of this machine may do without"
    return ""


def health_url(url: str, path: str = PATH) -> str:
    """The address of a Worker's health: what is given, with the path where it is missing."""
    return f"{url.rstrip('/').removesuffix(path).rstrip('/')}{path}"


def path_of(url: str) -> str:
    """The path of a whole address of a Worker's health."""
    return urlsplit(url).path


def host(url: str) -> str:
    """The host of a URL that is one."""
    return host_of(urlsplit(url))
