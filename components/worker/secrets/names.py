"""What names and values may be. Pure; never quotes a value.

Sources: Cloudflare's limits of Workers (64 variables on the free plan and 128 on the paid one, secrets among them, of
5 KB each), wrangler's rule for names of Workers, and 63 characters for a label of a host name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_SECRETS: Final = 128
LONGEST_VALUE_BYTES: Final = 5 * 1024
LONGEST_SCRIPT, LONGEST_NAME = 63, 255
"""Cloudflare tells no limit for the name of a secret; ours is far above what anybody reads."""

AS_SET: Final = "as set here"
"""What is recorded of secrets that nobody else has touched."""

DRAFT_ANSWER: Final = "No app is deployed to this Worker yet."
"""What a Worker answers, with 404, that was made for its secrets and has no app yet."""

CHOICES: Final = ("error", "deploy")
"""What to do while a newer version of the Worker is not deployed."""

DIRECTORY_VARIABLE: Final = "INFRA_WORKER_ADDRESSES"
"""A sandbox's page of where its Workers are reached; set in sandboxes and nowhere else."""

_ACCOUNT = re.compile(r"[0-9a-f]{32}")
_SCRIPT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWNER: Final = re.compile(r"pr-[1-9][0-9]{0,8}")
"""Stacks whose Worker is theirs alone. With it, our tags have Cloudflare's 25 characters at most."""


def account_fault(account: Any) -> str:
    """Why this is no account id; empty when it is one."""
    if not account:
        return "the account id is empty; set CLOUDFLARE_ACCOUNT_ID"
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        return "this is not an account id: 32 hexadecimal digits, as the dashboard shows it"
    return ""


def script_fault(script: Any) -> str:
    """Why this cannot be a Worker's name; empty when it can."""
    if not script or not isinstance(script, str):
        return "the Worker's name is empty"
    if len(script) > LONGEST_SCRIPT:
        return f"the Worker's name has {len(script)} characters, and {LONGEST_SCRIPT} are allowed"
    if not _SCRIPT.fullmatch(script):
        return (
            f"{script!r} cannot be a Worker's name: letters, digits, underscores and hyphens are allowed, "
            "and no hyphen at the beginning"
        )
    return ""


def owner_fault(owner: Any) -> str:
    """Why no Worker can be this stack's alone; empty when one can, or none is to be."""
    if owner is None or (isinstance(owner, str) and OWNER.fullmatch(owner)):
        return ""
    return f"{owner!r} is not the stack of a pull request, such as pr-7: a Worker goes with no other stack"


def name_fault(name: Any) -> str:
    """Why this cannot be a secret's name; empty when it can."""
    if not isinstance(name, str) or not name:
        return "the name of a secret is empty"
    if len(name) > LONGEST_NAME:
        return f"the secret's name {name[:40]!r}… has {len(name)} characters, and {LONGEST_NAME} are allowed"
    if not _NAME.fullmatch(name):
        return (
            f"{name!r} cannot be a secret's name: letters, digits and underscores are allowed, "
            "and no digit at the beginning"
        )
    return ""


def value_fault(value: Any) -> str:
    """Why this cannot be a secret's value; empty when it can. Everything else travels untouched, as JSON."""
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


def values_fault(values: Any) -> str:
    """What is wrong with a map of names to values, all of it in one text; empty when nothing is."""
    if not isinstance(values, dict) or not values:
        return "no secret is named: give at least one name with its value"
    found = names_faults(values)
    found += [
        f"{name}: {fault}" for name, value in values.items() if not name_fault(name) and (fault := value_fault(value))
    ]
    return "; ".join(found)


def names_faults(values: Mapping[Any, Any]) -> list[str]:
    """What is wrong with the names alone, which are known where values are not yet."""
    found = [fault for name in values if (fault := name_fault(name))]
    if len(values) > MOST_SECRETS:
        found.append(
            f"{len(values)} secrets are named; a Worker has at most {MOST_SECRETS} variables and secrets "
            "(64 on the free plan)"
        )
    return found
