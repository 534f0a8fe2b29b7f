"""What a branch shall be: its identity, judged before any request. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from components.errors import ConfigurationError, RefusedError
from components.xata.branches.names import PRODUCTION, check_branch_name
from components.xata.branches.ownership import mark

MAY_DESCEND_FROM_PRODUCTION = frozenset({"main", "staging", "production"})
"""Branches whose data are production's own kind; every other child of production is asked for by name."""

MOST_REPLICAS = 4

_IMAGE = re.compile(r"(?P<offering>[a-z][a-z0-9_-]*):(?P<major>[0-9]+)(?:\.(?P<minor>[0-9]+))?")
_LEGACY = {"postgresql": "postgres"}


@dataclass(frozen=True, kw_only=True)
class RootConfiguration:
    """What a branch without parent is made of (`ClusterConfiguration` in the API document).

    Attributes:
        image: Offering and exact minor version, for example `postgres:18.1`.
        instance_type: For example `xata.micro`.
        replicas: Besides the primary; 0 to 4.
    """

    image: str
    instance_type: str
    replicas: int = 0


@dataclass(frozen=True, kw_only=True)
class BranchSpec:
    """The identity of a branch: everything that cannot change later.

    Attributes:
        name: The branch's name; one word, because it is stamped on the database.
        stack: Whose it is; written into the description as our mark.
        region: Where it lives; a child's must be its parent's.
        parent: The parent's name or id. Exactly one of `parent` and `root` is given.
        root: What a branch without parent is made of.
        adopt: The id of an existing branch to take over, whoever made it; then nothing is ever created.
        allow_parent: The parent's name, when it is production and that is meant.
        most_previews: How many previews the project may hold, a new one among them; 0 for any number.
        instead_of: The id of the branch that bears the name and whose place this one takes: it is renamed, and somebody
            else deletes it later. Empty for none.
    """

    name: str
    stack: str
    region: str
    parent: str | None = None
    root: RootConfiguration | None = None
    adopt: str = ""
    allow_parent: str = ""
    most_previews: int = 0
    instead_of: str = ""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A Postgres image: `postgres:18.1`; `minor` is None when it is not exact."""

    offering: str
    major: int
    minor: int | None


def parse_image(text: str) -> Image | None:
    """The parts of an image's name; None when it is not of the form `postgres:18.1`."""
    found = _IMAGE.fullmatch(text)
    if not found:
        return None
    minor = int(found["minor"]) if found["minor"] else None
    offering = _LEGACY.get(found["offering"], found["offering"])
    return Image(offering=offering, major=int(found["major"]), minor=minor)


def check_spec(spec: BranchSpec) -> None:
    """Refuse a specification that can never be met.

    Raises:
        ConfigurationError: A name, an image or the choice of parent and root is wrong.
    """
    check_branch_name(spec.name)
    mark(spec.stack)
    if not spec.region:
        raise ConfigurationError("region: none is given", next_step="set region, for example us-east-1")
    if (spec.parent is None) == (spec.root is None):
        raise ConfigurationError(
            f"the branch {spec.name!r} needs either a parent or an image and a size of its own, and only one of them",
            next_step="give parent for a child, or image and instance type for a branch without parent",
        )
    if spec.parent is not None and spec.parent in {"", spec.name}:
        raise ConfigurationError(
            f"parent: got {spec.parent!r}; a child of {spec.name!r} needs another branch as its parent",
            next_step="set parent to the name or the id of an existing branch, for example main",
        )
    if spec.root is not None:
        _check_root(spec.root)


def _check_root(root: RootConfiguration) -> None:
    if reason := unfit_image(root.image):
        raise ConfigurationError(f"image: {reason}", next_step="./infra doctor lists the images on offer")
    if not root.instance_type:
        raise ConfigurationError("instance type: none is given", next_step="./infra doctor lists those on offer")
    if not 0 <= root.replicas <= MOST_REPLICAS:
        raise ConfigurationError(
            f"replicas: got {root.replicas}; allowed: 0 to {MOST_REPLICAS}", next_step="correct replicas"
        )


def unfit_image(text: object, *, exact: bool = True) -> str:
    """Why this cannot be the name of an image, in words; empty when it can. What is on offer only the service knows."""
    image = parse_image(text) if isinstance(text, str) else None
    if image is None:
        return f"got {text!r}; allowed: offering and exact version, for example postgres:18.1"
    if exact and image.minor is None:
        return f"got {text!r}, which names no minor version; allowed: an exact one, for example {text}.1"
    return ""


def require_parent_allowed(spec: BranchSpec, parent_name: str) -> None:
    """Keep copies of production's data out of previews and development.

    Raises:
        RefusedError: The parent is production and was not allowed by name.
    """
    if parent_name != PRODUCTION or spec.name in MAY_DESCEND_FROM_PRODUCTION or spec.allow_parent == parent_name:
        return
    raise RefusedError(
        f"the branch {spec.name!r} would be a child of {parent_name!r}, and a child is a copy of all its parent's data",
        next_step=f"set infra:parent to staging; or, if that copy is meant, infra:allowParent to {parent_name}",
    )
