"""What the stand-in is told when it starts: which repository there is, who may call, and the rate limit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from cloud_sandbox.errors import SetupError

Kind = Literal["installation", "user"]
Level = Literal["none", "read", "write"]

LEVELS: tuple[Level, ...] = ("none", "read", "write")
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
DEFAULT_REPOSITORY = "sandbox/app"
BOT = "github-actions[bot]"
CALLS, WINDOW_SECONDS = 5000, 3600
"""How many calls a token may make in how many seconds
(https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api)."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token: of an app's installation, as that of a workflow, or of a user, fine-grained.

    `pulls` and `issues` are its permissions on the repository; `sees` false: it does not reach the repository at all.
    """

    token: str = field(repr=False)
    login: str = BOT
    kind: Kind = "installation"
    pulls: Level = "write"
    issues: Level = "write"
    sees: bool = True

    @property
    def type(self) -> str:
        """What the API calls whoever writes with it."""
        return "Bot" if self.kind == "installation" else "User"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole stand-in. `calls` in `window` seconds are allowed to a token; 0: as many as it likes."""

    repository: str = DEFAULT_REPOSITORY
    tokens: tuple[Token, ...] = ()
    calls: int = CALLS
    window: float = WINDOW_SECONDS

    def __post_init__(self) -> None:
        """Refuse what would only show much later."""
        if not REPOSITORY.fullmatch(self.repository):
            raise SetupError(f"the repository {self.repository!r} is not of the form owner/name")
        for token in self.tokens:
            if token.pulls not in LEVELS or token.issues not in LEVELS or token.kind not in {"installation", "user"}:
                raise SetupError(f"a token's permissions are {', '.join(LEVELS)}; its kind is installation or user")
