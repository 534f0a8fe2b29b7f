"""What the stand-in is told when it starts: whose account it is, who may call it, and its limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cloud_sandbox.errors import SetupError

READ, WRITE = "workers_scripts:read", "workers_scripts:write"
TOKEN = re.compile(r"[A-Za-z0-9_-]{40,80}")
"""What the provider's and this stand-in's tokens look like (pulumi-cloudflare checks the same before any call)."""
ACCOUNT = re.compile(r"[0-9a-f]{32}")
DEFAULT_ACCOUNT = "5a4d0b0c5a4d0b0c5a4d0b0c5a4d0b0c"
VALUE_BYTES = 5 * 1024
FREE_VARIABLES, PAID_VARIABLES = 64, 128
BULK_SECRETS = 100
CALLS, WINDOW_SECONDS = 1200, 300
"""How many calls a token may make in how many seconds (fundamentals/api/reference/limits)."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """An API token. `accounts` empty: the stand-in's own account alone. `expires` is in seconds since 1970."""

    token: str = field(repr=False)
    permissions: tuple[str, ...] = (READ, WRITE)
    accounts: tuple[str, ...] = ()
    status: str = "active"
    user: bool = True
    """False for a token that belongs to an account: it has no user and no memberships."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole stand-in.

    `subdomain` is the account's name below workers.dev; empty: none is registered yet.
    `propagation` is how many seconds a Worker goes on answering from its old deployment after a new one.
    `keeps_secrets`: secrets stay when an upload does not say what it keeps. wrangler up to 4.163 relied on it, so it
    is the default; others have seen them go, so a careful client always says it, and can be tried without.
    `calls` in `window` seconds are allowed to a token; 0: as many as it likes.
    """

    account: str = DEFAULT_ACCOUNT
    account_name: str = "Sandbox"
    tokens: tuple[Token, ...] = ()
    subdomain: str = "sandbox"
    variables: int = PAID_VARIABLES
    value_bytes: int = VALUE_BYTES
    bulk_secrets: int = BULK_SECRETS
    propagation: float = 0.0
    keeps_secrets: bool = True
    calls: int = CALLS
    window: float = WINDOW_SECONDS

    def __post_init__(self) -> None:
        """Refuse what would only show much later."""
        if not ACCOUNT.fullmatch(self.account):
            raise SetupError(f"the account {self.account!r} is not 32 lower-case hexadecimal digits")
        if not all(TOKEN.fullmatch(token.token) for token in self.tokens):
            raise SetupError("an API token has 40 to 80 letters, digits, hyphens or underscores; one given has not")
        if self.propagation < 0 or self.variables < 1 or self.value_bytes < 1:
            raise SetupError("limits and times of the Cloudflare stand-in are not below zero")
