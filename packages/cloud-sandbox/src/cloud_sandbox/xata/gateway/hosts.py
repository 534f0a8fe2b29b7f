"""Which branch a host name means. Pure.

A host is `<branch>[-<endpoint>].[<cell>.]<region>.<domain>`. The service's endpoints are `rw`, `ro`, `r` and `pooler`;
the part `-deprecated` stands in the connection strings that its branches still carry, and leads to the same place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud_sandbox.xata.databases import BRANCH_ID

if TYPE_CHECKING:
    from collections.abc import Collection

READ_ONLY = "ro"
_LABEL = re.compile(rf"({BRANCH_ID})(?:-(rw|ro|r|pooler))?(?:-deprecated)?")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A branch's endpoint; empty for the host without one."""

    branch_id: str
    endpoint: str


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """The names that are served. `cell`: a label that stands before the region's; empty for none."""

    domain: str
    regions: Collection[str]
    cell: str = ""

    @property
    def certified(self) -> list[str]:
        """The names a certificate needs: a star covers one label, so one per region."""
        cell = self.cell and f"{self.cell}."
        return [f"*.{cell}{region}.{self.domain}" for region in sorted(self.regions)]

    def target(self, host: str) -> Target | None:
        """The endpoint a host name leads to, if any."""
        label, _, rest = host.lower().rstrip(".").partition(".")
        region = rest.removesuffix(f".{self.domain}").removeprefix(self.cell and f"{self.cell}.")
        found = _LABEL.fullmatch(label)
        if found is None or region == rest or region not in self.regions:
            return None
        return Target(branch_id=found[1], endpoint=found[2] or "")
