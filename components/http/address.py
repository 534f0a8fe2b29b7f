"""Where requests go: base URLs and segments of paths, validated before anything is sent. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

LONGEST_SEGMENT: Final = 200

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+")
_PATH = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?")


def split(text: str) -> SplitResult | None:
    """A URL in its parts; None when the text is none."""
    # urlsplit would drop line ends and tabs without a word.
    if text.isprintable() and " " not in text:
        try:
            parts = urlsplit(text if "://" in text else f"//{text}")
            _ = parts.port  # validated only when asked for
        except ValueError:
            return None
        return parts
    return None


def host_of(parts: SplitResult) -> str:
    """The host in one spelling: lower case, no dot at the end."""
    return (parts.hostname or "").rstrip(".")


def base_url_reason(parts: SplitResult, *, credential: str, path: bool = False) -> str:
    """Why this cannot be the base URL of an API; empty when it can. Quotes only where no password can be in it.

    Args:
        parts: The URL.
        credential: What belongs into another place, and which: "the key goes into EXAMPLE_KEY".
        path: Whether something like `/client/v4` may stand behind the host.
    """
    host = host_of(parts)
    if parts.username is not None or parts.password is not None:
        return f"the base URL holds a user name or a password; {credential}"
    if not _HOST.fullmatch(host):
        return "the base URL has no host name in it, or one that is none"
    if not (_PATH.fullmatch(parts.path) if path else parts.path in {"", "/"}) or parts.query or parts.fragment:
        allowed = "a plain path" if path else "the host"
        return f"the base URL has something behind the host {host}; only {allowed} belongs in it"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return (
            f"the base URL of {host} does not begin with https://, and a key travels over nothing else"
            " (plain http is for this machine's own addresses, such as 127.0.0.1)"
        )
    return ""


def spelled(parts: SplitResult) -> str:
    """A base URL without fault in one spelling, without a slash at the end."""
    host = host_of(parts)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by definition: 127.0.0.0/8, ::1, localhost and what is below it (RFC 6761)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def segment_reason(value: str) -> str:
    """Why this cannot be one segment of a path; empty when it can, percent-encoded."""
    if not value:
        return "is empty"
    if value in {".", ".."} or "/" in value or "\\" in value:
        return "is a path"
    if not value.isprintable():
        return "holds characters that can not be printed"
    if len(value) > LONGEST_SEGMENT:
        return f"has {len(value)} characters, and {LONGEST_SEGMENT} are allowed"
    return ""


def is_below(url: str, base: str) -> bool:
    """Whether a URL belongs to the API at a base URL: a key goes nowhere else, whatever an answer says."""
    parts = split(url)
    if parts is None or parts.username is not None or parts.fragment:
        return False
    own = urlsplit(base)
    return parts[:2] == own[:2] and parts.path.startswith(f"{own.path}/") and ".." not in parts.path.split("/")


def same_server(recorded: str, current: str) -> bool:
    """Whether two base URLs mean the same server. On this machine the port may differ."""
    old, new = urlsplit(recorded), urlsplit(current)
    if old.hostname and new.hostname and is_loopback(old.hostname) and is_loopback(new.hostname):
        return True
    return [part.lower().rstrip("/") for part in (old.scheme, old.netloc, old.path)] == [
        part.lower().rstrip("/") for part in (new.scheme, new.netloc, new.path)
    ]
