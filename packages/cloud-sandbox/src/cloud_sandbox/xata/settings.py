"""What a stand-in is told when it starts: who may call it, what it offers, and how fast things happen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from cloud_sandbox.errors import SetupError

Edition = Literal["april", "june", "august", "current"]
Shape = Literal["two", "six"]
Pace = Literal["at-once", "reads", "time"]

EVERYTHING = ("*",)
DEFAULT_ORGANIZATION = "sand01"


@dataclass(frozen=True, kw_only=True)
class Key:
    """An API key, restricted as the real ones are: an omitted list means everything.

    `expires` is in seconds since 1970 by the stand-in's clock; None never expires.
    `organization` empty means the stand-in's own.
    """

    token: str = field(repr=False)
    scopes: tuple[str, ...] = EVERYTHING
    projects: tuple[str, ...] = EVERYTHING
    branches: tuple[str, ...] = EVERYTHING
    organization: str = ""
    expires: float | None = None


@dataclass(frozen=True, kw_only=True)
class Region:
    """A region of the catalogue. `organization` set: only that organization sees it."""

    id: str
    backups: bool = True
    public: bool = True
    provider: str = "aws"
    organization: str | None = None


@dataclass(frozen=True, kw_only=True)
class Organization:
    """An organization a key can belong to.

    `created` is in seconds since 1970 by the stand-in's clock, None long ago: one younger than twelve hours may
    create ten branches in all.
    `limits` overrides the tier's limits by the names of `GET …/limits` (tier t2 only, as on the real server).
    """

    id: str
    name: str = "Sandbox"
    status: str = "enabled"
    tier: str = "t2"
    created: float | None = None
    limits: dict[str, int] = field(default_factory=dict)


REGIONS = (
    Region(id="eu-central-1"),
    Region(id="us-central1", backups=False, provider="gcp"),
    Region(id="us-east-1"),
    Region(id="us-west-2"),
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole stand-in.

    `edition` chooses between the two published servers and what has changed since: `april` and `june` are the
    open-source service of those months, `august` adds the six-field credentials and the `-deprecated` host, and
    `current` is the newest source: a project that is busy says so instead of letting a create wait, `storage` counts
    at create, descriptions may be cleared, and messages call an id an ID. `cell` is a label between the branch's and
    the region's in every host.
    The amounts below `pace` are reads (how often the branch, or its secret, is asked for before the step is done)
    or seconds, and mean nothing for `at-once`. `secret`, `rotation` and `restore_point` run on their own,
    because on the real platform readable credentials are not readiness.
    """

    organization: str = DEFAULT_ORGANIZATION
    organizations: tuple[Organization, ...] = ()
    keys: tuple[Key, ...] = ()
    edition: Edition = "current"
    status_prefix: bool = True
    credentials_shape: Shape | None = None
    domain: str = "localhost"
    cell: str = ""
    port: int = 0
    regions: tuple[Region, ...] = REGIONS
    pace: Pace = "at-once"
    hibernated: float = 1
    transient: float = 1
    secret: float = 1
    rotation: float = 1
    restore_point: float = 1
    waking: float = 1
    sleep_when_inactive: bool = False
    account_routes: bool = True
    max_depth: int = 50
    max_children: int = 100

    def __post_init__(self) -> None:
        """Refuse what would only show much later."""
        if not re.fullmatch(r"[a-z0-9]{6}", self.organization):
            raise SetupError(
                f"the organization {self.organization!r} is not six lower-case letters or digits",
                next_step="Give one such as sand01.",
            )
        if self.pace not in get_args(Pace) or self.edition not in get_args(Edition):
            raise SetupError(
                f"pace {self.pace!r} or edition {self.edition!r} is unknown",
                next_step="Use pace at-once, reads or time, and edition april, june, august or current.",
            )
        if not re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?)?", self.cell):
            raise SetupError(f"the cell {self.cell!r} is no label of a host", next_step="Give one such as c1, or none.")

    @property
    def shape(self) -> Shape:
        """The credentials' shape: six fields since July 2026, two before."""
        return self.credentials_shape or ("six" if self.since_august else "two")

    @property
    def is_april(self) -> bool:
        """Whether the older of the two published servers is imitated."""
        return self.edition == "april"

    @property
    def since_august(self) -> bool:
        """Whether it is newer than the two published servers."""
        return self.edition in {"august", "current"}

    @property
    def is_current(self) -> bool:
        """Whether the newest source is imitated."""
        return self.edition == "current"

    @property
    def all_organizations(self) -> tuple[Organization, ...]:
        """Those given, and the stand-in's own when it is not among them."""
        known = {organization.id for organization in self.organizations}
        own = () if self.organization in known else (Organization(id=self.organization),)
        return (*own, *self.organizations)

    def host(self, branch_id: str, region: str) -> str:
        """The name a branch is reached by, without a port."""
        return ".".join(label for label in (branch_id, self.cell, region, self.domain) if label)
