"""What reviewers care for, one rule each, over one planned resource: for the gate and for Pulumi's own policy pack.

Pure, and of Python's library alone: the pack's folder is all that the Pulumi CLI runs. What a preview does not know
yet, and what it masks, is not validated. No text holds a value that may be secret: the pack sees all in the clear.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

BRANCH, SETTINGS, WORKER_CHECK = "xata:Branch", "xata:BranchSettings", "connectivity:WorkerCheck"
STACK: Final = "pulumi:pulumi:Stack"
PRODUCTION: Final = "production"
FEWEST_BACKUP_DAYS: Final = 7
ENCRYPTED: Final = ("require", "verify-ca", "verify-full")
"""The `sslmode` that a connection over a network may have; libpq's other ones begin, or end, in the clear."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A resource as it would be.

    Attributes:
        type: Its type in full; that of our own dynamic resources ends with their kind, such as `xata:Branch`.
        name: Its name in the program.
        stack: Its stack.
        inputs: Its inputs, property to value. Of the stack itself the configuration: full key to text.
        protect: Whether Pulumi refuses to delete it.
    """

    type: str
    name: str
    stack: str
    inputs: Mapping[str, Any]
    protect: bool = False

    @property
    def kind(self) -> str:
        """The end of its type, such as `xata:Branch`."""
        return self.type.rpartition("/")[2] if "dynamic/" in self.type else self.type

    @property
    def file(self) -> str:
        """The file in which its stack's configuration is written: for all pull requests one template."""
        return f"Pulumi.{'preview' if _is_pull_request(self.stack) else self.stack}.yaml"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What a rule has found.

    Attributes:
        says: What, which, what it got and what is allowed: a sentence with `{}` for each of `names`.
        names: What others wrote, to be shown as such.
        next_step: What to do about it.
    """

    says: str
    names: tuple[str, ...]
    next_step: str

    @property
    def sentence(self) -> str:
        """The sentence for a terminal."""
        return self.says.format(*(repr(name) for name in self.names))


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        name: For labels, for the pack's configuration and for the documentation.
        asks: What it asks for, in a sentence.
        find: What a resource has against it.
    """

    name: str
    asks: str
    find: Callable[[Planned], Iterator[Violation]]


def _unprotected(planned: Planned) -> Iterator[Violation]:
    called = _text(planned, "name")
    if planned.kind != BRANCH or planned.protect or called not in productions(planned.inputs):
        return
    yield Violation(
        says="the branch {} ({}) holds production's data and is not protected; allowed: protect: true",
        names=(called, planned.name),
        next_step=f"set infra:protect to true in {planned.file}, or take the line out",
    )


def _few_backups(planned: Planned) -> Iterator[Violation]:
    days = planned.inputs.get("backupRetentionDays")
    if planned.kind != SETTINGS or _is_pull_request(planned.stack):
        return
    if days is not None and (not isinstance(days, int | float) or days >= FEWEST_BACKUP_DAYS):
        return  # what is not known yet is a text
    got = "as long as the service likes" if days is None else f"{days:g} days"
    yield Violation(
        says=f"backups are kept {got} ({{}}); allowed: {FEWEST_BACKUP_DAYS} days or more",
        names=(planned.name,),
        next_step=f"set infra:backupRetentionDays to {FEWEST_BACKUP_DAYS} or more in {planned.file}, or "
        "take the line out",
    )


def _below_production(planned: Planned) -> Iterator[Violation]:
    called, parent = _text(planned, "name"), _text(planned, "parent")
    if planned.kind != BRANCH or parent not in productions(planned.inputs):
        return
    if _is_pull_request(planned.stack) or _is_pull_request(called):
        yield Violation(
            says="the branch {} ({}) of a pull request would be a copy of all of production's data: its parent is {}; "
            "allowed: a branch that is not production's",
            names=(called, planned.name, parent),
            next_step=f"set infra:parent to staging in {planned.file}, and take infra:allowParent out",
        )


def _in_the_clear(planned: Planned) -> Iterator[Violation]:
    for path, text in _texts(planned.inputs):
        if got := _cleartext(text, of_worker=planned.kind == WORKER_CHECK and path == "url"):
            allowed = "https" if got.startswith("http") else f"sslmode {', '.join(ENCRYPTED)}"
            yield Violation(
                says=f"{{}} of {{}} reaches another machine without TLS: {got}; allowed: {allowed}",
                names=(path, planned.name),
                next_step="set infra:workerUrl to an address that begins with https://"
                if got.startswith("http")
                else "give the URL sslmode=require, or verify-full (infra:databaseSslmode)",
            )


def _token(planned: Planned) -> Iterator[Violation]:
    """A token in the configuration, which is committed, and which every program of the stack is told."""
    if planned.type != STACK:
        return
    for key, value in planned.inputs.items():
        namespace, _, name = key.rpartition(":")
        if namespace == OF_THE_APP:
            continue
        likeness = next((what for what, like in LIKE_TOKENS.items() for _, text in _texts(value) if like(text)), "")
        if likeness or (namespace != OURS and _TOKEN_NAME.search(name)):
            yield Violation(
                says=f"the configuration key {{}} holds {likeness or 'what its name says is a token'}; "
                "allowed: tokens in environment variables alone",
                names=(key,),
                next_step=f"take {key} out of {planned.file}, or of Pulumi.yaml, export the token as its provider's "
                "variable (CLOUDFLARE_API_TOKEN, XATA_API_KEY), and replace it where it was committed",
            )


OURS: Final = "infra"
"""Keys of which the program knows what they hold: none is a token's."""
OF_THE_APP: Final = "worker"
"""Keys whose values are secrets of the app; the program refuses one that is not encrypted."""
_TOKEN_NAME: Final = re.compile(r"(token|(api|access|secret|service)_?key|password|credentials?)\Z", re.IGNORECASE)
LIKE_TOKENS: Final[Mapping[str, Callable[[str], object]]] = {
    "what looks like a Xata API key": re.compile(r"\bxa[a-z]_[A-Za-z0-9_-]{8,}").search,
    "what looks like a GitHub token": re.compile(r"\b(gh[a-z]_|github_pat_)[A-Za-z0-9_]{16,}").search,
    "what looks like a Pulumi access token": re.compile(r"\bpul-[0-9a-f]{32,}").search,
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----").search,
    "a URL with a password": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@]+@", re.IGNORECASE).search,
}
"""What tokens look like, in words."""

RULES: Final = (
    Rule(name="unprotected", asks="production's branch is protected", find=_unprotected),
    Rule(name="backups", asks=f"backups are kept for {FEWEST_BACKUP_DAYS} days or more", find=_few_backups),
    Rule(
        name="below-production",
        asks="no environment of a pull request is a copy of production",
        find=_below_production,
    ),
    Rule(name="tls", asks="connections to other machines are encrypted", find=_in_the_clear),
    Rule(name="token", asks="no token stands in the configuration", find=_token),
)


def productions(inputs: Mapping[str, Any]) -> frozenset[str]:
    """The branches that hold production's data, as far as a branch's inputs tell of them."""
    further = inputs.get("production")
    told = further if isinstance(further, list | tuple) else ()
    return frozenset({PRODUCTION, *(name for name in told if isinstance(name, str))})


def _text(planned: Planned, key: str) -> str:
    value = planned.inputs.get(key)
    return value if isinstance(value, str) else ""


def _is_pull_request(name: str) -> bool:
    return bool(re.fullmatch(r"pr-[1-9][0-9]{0,8}", name))


def _cleartext(text: str, *, of_worker: bool) -> str:
    """How an address is reached without TLS, but for one of this machine; empty where it is not. Nothing is quoted."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if not host or _on_this_machine(host):
        return ""
    if parts.scheme in {"postgres", "postgresql"}:
        mode = parse_qs(parts.query).get("sslmode", [""])[-1]
        return "" if mode in ENCRYPTED else f"sslmode {mode}" if mode in _CLEAR else "no sslmode that is known"
    return "http" if of_worker and parts.scheme == "http" else ""


_CLEAR: Final = ("disable", "allow", "prefer")


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower().rpartition(".")[2] == "localhost"


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value, with its path."""
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, item in value.items():
                yield from _texts(item, f"{path}.{key}" if path else str(key))
        case list() | tuple():
            for at, item in enumerate(value):
                yield from _texts(item, f"{path}[{at}]")
