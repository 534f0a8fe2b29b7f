"""Which Worker is meant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """A Worker: the account's id and the Worker's name, as `arguments` of every call about it."""

    account: str
    script: str

    @property
    def arguments(self) -> tuple[str, str]:
        """The first two arguments of the client's methods."""
        return self.account, self.script

    def __str__(self) -> str:
        return f"the Worker {self.script}"
