"""The places where Pulumi keeps state, by the beginning of their URL. Pure.

Such a URL may hold a password (`postgres://user:password@host/…`), so it is never shown as it is.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from operations.errors import UsageError

KINDS = {
    "file": "a folder",
    "s3": "an S3-compatible bucket",
    "postgres": "a Postgres database",
    "gs": "a Google Cloud bucket",
    "azblob": "an Azure container",
    "https": "Pulumi Cloud, or a server like it",
    "http": "a server like Pulumi Cloud's",
}
MEANT = {"postgresql": "postgres", "s3a": "s3", "gcs": "gs", "azure": "azblob"}
MASK = "***"


def scheme(url: str) -> str:
    """The beginning of a URL, which says what kind of place it is; empty where it has none."""
    begins, separator, _ = url.partition("://")
    return begins if separator and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", begins) else ""


def checked(url: str) -> str:
    """The URL, if Pulumi knows such a place.

    Raises:
        UsageError: It does not. The URL itself is not shown.
    """
    found = scheme(url)
    if found in KINDS:
        return url
    hint = f"; Pulumi calls it {MEANT[found]}://" if found in MEANT else ""
    raise UsageError(
        f"the state's place is a {found}:// URL, which is none of Pulumi's{hint}"
        if found
        else "the state's place (PULUMI_BACKEND_URL, or backend.url in Pulumi.yaml) is no URL",
        next_step=f"it begins with one of {', '.join(f'{kind}://' for kind in KINDS)}; docs/state.md has examples",
    )


def without_password(text: str, url: str) -> str:
    """A text of somebody else's, without the password of the state's place in any spelling."""
    try:
        password = urlsplit(url).password
    except ValueError:
        password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    for spelling in sorted({password or "", unquote(password or "")}, key=len, reverse=True):
        text = text.replace(spelling, MASK) if spelling else text
    return text
