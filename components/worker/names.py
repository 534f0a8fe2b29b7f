"""What accounts, Workers, their owners and secrets may be called, and what a secret may say. Pure.

Sources: Cloudflare's limits of Workers (64 variables on the free plan and 128 on the paid one, secrets among them, of
5 KB each), wrangler's rule for names of Workers, and 63 characters for a label of a host name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import Meta

from components.declared import About, Declared, Rule, Words

MOST_SECRETS: Final = 128
LONGEST_VALUE_BYTES: Final = 5 * 1024
LONGEST_SCRIPT, LONGEST_NAME = 63, 255
"""Cloudflare tells no limit for the name of a secret; ours is far above what anybody reads."""

DRAFT_ANSWER: Final = "No app is deployed to this Worker yet."
"""What a Worker answers, with 404, that was made for its secrets and has no app yet."""

DIRECTORY_VARIABLE: Final = "INFRA_WORKER_ADDRESSES"
"""A sandbox's page of where its Workers are reached; set in sandboxes and nowhere else."""

OWNER: Final = r"pr-[1-9][0-9]{0,8}"
"""Stacks whose Worker is theirs alone. With it, our tags have Cloudflare's 25 characters at most."""

NAME_RULE: Final = f"1 to {LONGEST_NAME} letters, digits and underscores, and no digit at the beginning"

Account = Annotated[
    str,
    Meta(pattern=r"^[0-9a-f]{32}\Z"),
    # What is none is not quoted, because it may be the token.
    Words(
        "32 hexadecimal digits, as the dashboard shows the account's id (CLOUDFLARE_ACCOUNT_ID)",
        "0123456789abcdef0123456789abcdef",
        quoted=False,
    ),
]

Script = Annotated[
    str,
    Meta(pattern=rf"^[A-Za-z0-9_][A-Za-z0-9_-]{{0,{LONGEST_SCRIPT - 1}}}\Z"),
    Words(
        f"1 to {LONGEST_SCRIPT} letters, digits, underscores and hyphens, and no hyphen at the beginning",
        "acme-shop-staging",
    ),
]

Owner = Annotated[
    str,
    Meta(pattern=rf"^(?:{OWNER})\Z"),
    Words("the stack of a pull request, such as pr-7: a Worker goes with no other stack", "pr-7"),
]

_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST_NAME - 1}}}")


class Target(Declared):
    """Which Worker is meant."""

    account: Annotated[Account, About("The account's id.")]
    script: Annotated[Script, About("The Worker's name, as wrangler derives it for the environment.")]

    @property
    def arguments(self) -> tuple[str, str]:
        """The first two arguments of the client's methods."""
        return self.account, self.script

    def __str__(self) -> str:
        return f"the Worker {self.script}"


def validate_target(**known: str) -> str:
    """Why an account's id (`account`) or a Worker's name (`script`) is none; empty when nothing is wrong."""
    return "; ".join(Target.validate(known).values())


def validate_name(name: Any) -> str:
    """Why this cannot be a secret's name; empty when it can."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return ""
    told = repr(name) if len(str(name)) <= LONGEST_NAME else f"one of {len(name)} characters"
    return f"{told} cannot be a secret's name; allowed: {NAME_RULE}"


def validate_value(value: Any) -> str:
    """Why this cannot be a secret's value; empty when it can. Never quotes it; it travels untouched, as JSON."""
    if not isinstance(value, str):
        return "the value is not a text"
    if not value:
        return "the value is empty"
    if "\0" in value:
        return "the value holds a NUL character"
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "the value holds half of a character (a lone surrogate), which no text file can hold"
    if size > LONGEST_VALUE_BYTES:
        return f"the value has {size} bytes, and {LONGEST_VALUE_BYTES} are allowed"
    return ""


def validate_names(values: Mapping[Any, Any]) -> list[str]:
    """What is wrong with the names alone, which are known where values are not yet."""
    found = [reason for name in values if (reason := validate_name(name))]
    if len(values) > MOST_SECRETS:
        found.append(
            f"{len(values)} secrets are named; a Worker has at most {MOST_SECRETS} variables and secrets "
            "(64 on the free plan)"
        )
    return found


def validate_secrets(values: Mapping[str, str]) -> str:
    """What is wrong with a map of names to values, all of it in one text; empty when nothing is."""
    if not values:
        return "no secret is named: give at least one name with its value"
    found = validate_names(values)
    found += [
        f"{name}: {why}" for name, value in values.items() if not validate_name(name) and (why := validate_value(value))
    ]
    return "; ".join(found)


SecretValues = Annotated[Mapping[str, str], Rule(validate_secrets), Words("names of secrets, each with a text")]
