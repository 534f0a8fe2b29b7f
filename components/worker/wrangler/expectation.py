"""What a stack expects of the app's wrangler file, and a finding where the file differs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

ENVIRONMENTS = ("dev", "development", "staging", "production")
"""Names of environments and branches, of which a stack's block may name only its own."""

PREVIEW = "preview"
"""The block that all pull requests share."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What the file must say for one stack.

    Args:
        stack: The stack's name, which is the name of its block under `env` too.
        environment: The value of the variable `ENVIRONMENT`.
        branch: The value of the variable `XATA_BRANCH`; empty where each deployment gives its own.
        secrets: Names that the Worker gets as secrets.
        worker_name: The Worker's name in full; empty for whatever the file derives.
        account_id: The Cloudflare account; empty for whatever the file says.
        deployed: Whether wrangler deploys it, and is to stop where a secret is missing. `wrangler dev` only warns of
            that, and keeps from the Worker what `secrets.required` does not list: the list is not begun for it.
    """

    stack: str
    environment: str
    branch: str
    secrets: tuple[str, ...] = ("DATABASE_URL",)
    worker_name: str = ""
    account_id: str = ""
    deployed: bool = True

    @property
    def variables(self) -> dict[str, str]:
        """The plain variables that the block must set."""
        return {"ENVIRONMENT": self.environment, **({"XATA_BRANCH": self.branch} if self.branch else {})}

    @property
    def strangers(self) -> tuple[str, ...]:
        """The names of other environments and branches."""
        return tuple(name for name in ENVIRONMENTS if name not in {self.stack, self.environment, self.branch})

    @property
    def write_command(self) -> str:
        """The command that edits the stack's block; that of previews belongs to all of them."""
        return f"./infra wrangler write {'pr-<number>' if self.stack == PREVIEW else self.stack}"

    def stranger_in(self, text: str) -> str:
        """The first other environment that the text names as a word of its own; empty for none.

        The end of a host name does not count: `workers.dev` is no environment.
        """
        for name in self.strangers:
            if re.search(rf"(?<![a-z0-9.]){name}(?![a-z0-9])|(?<=\.){name}(?=[._-])", text.lower()):
                return name
        return ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference. Values of variables are not quoted where they could be secrets.

    An error means that the Worker would run wrongly or not at all; a warning, that it depends. Lines and columns count
    from 1; both are 0 where the file as a whole is meant.
    """

    severity: Severity
    what: str
    found: str
    expected: str
    next_step: str
    line: int = 0
    column: int = 0

    def told(self, path: str) -> str:
        """The finding as one line of text: `wrangler.jsonc:12:7: error: ...`."""
        where = f"{path}:{self.line}:{self.column}" if self.line else path
        sentence = f"{where}: {self.severity}: {self.what}"
        if self.found or self.expected:
            sentence += f": found {self.found or 'nothing'}, expected {self.expected}"
        return f"{sentence}; next: {self.next_step}"


def errors(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that block a deployment in mode `enforce`."""
    return [finding for finding in findings if finding.severity == "error"]
