"""The names of Postgres images: parsed, compared, and which change of one can never be. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_IMAGE = re.compile(r"(?P<offering>[a-z][a-z0-9._-]*):(?P<major>[0-9]+)(?:\.(?P<minor>[0-9]+))?")
_LEGACY = {"postgresql": "postgres"}


@dataclass(frozen=True, kw_only=True)
class Image:
    """A Postgres image: `postgres:18.1`; `minor` is None when it is not exact."""

    offering: str
    major: int
    minor: int | None


def parse_image(text: str | None) -> Image | None:
    """The parts of an image's name; None when it is not of the form `postgres:18.1`."""
    found = _IMAGE.fullmatch(text or "")
    if not found:
        return None
    minor = int(found["minor"]) if found["minor"] else None
    offering = _LEGACY.get(found["offering"], found["offering"])
    return Image(offering=offering, major=int(found["major"]), minor=minor)


def has_same_major(before: str | None, after: str | None) -> bool:
    """Whether two images are of one kind and major version, as far as both can be told."""
    old, new = parse_image(before), parse_image(after)
    if old is None or new is None:
        return before == after
    return (old.offering, old.major) == (new.offering, new.major)


def is_any_minor_of(declared: str, running: str | None) -> bool:
    """Whether an image declared without its minor version is what runs."""
    wanted = parse_image(declared)
    return wanted is not None and wanted.minor is None and running is not None and has_same_major(declared, running)


def image_refusal(before: str | None, after: str | None) -> str:
    """Why a branch that runs one image cannot be given another; empty when it can."""
    old, new = parse_image(before), parse_image(after)
    if old is not None and not after:
        return (
            f"a branch keeps its image for life: leave infra:postgresImage at {before}, or say "
            f"{old.offering}:{old.major} for any minor version"
        )
    if old is None or new is None:
        return ""
    if (old.offering, old.major) != (new.offering, new.major):
        return f"a branch keeps its kind and major version for life: it cannot change from {before} to {after}"
    if old.minor and new.minor is not None and new.minor < old.minor:
        return f"a branch does not go back to an older minor version: it cannot change from {before} to {after}"
    return ""
