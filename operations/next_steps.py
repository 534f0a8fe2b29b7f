"""The commands that a run prints for whoever reads it: each works as it stands, on what the run worked on.

Errors and findings name commands of `./infra` as a reader types them, with STACK for the stack at hand:
`./infra up STACK heals it`. What is shown passes through `filled`, which puts the stack into the place of STACK, and
after the stack what the run itself was given: `--sandbox`, an engine that would not be chosen without being named, and
where the database of `dev` is to be.
Pure, but for the run that is kept, and for the names of the stacks there are.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from operations import stack_names

if TYPE_CHECKING:
    import argparse

PLACEHOLDER: Final = "STACK"
DATABASE: Final = "infra:database"
"""The setting without which the next command would be about another database."""
WITH_ENGINE: Final = frozenset(
    {"up", "preview", "refresh", "destroy", "outputs", "verify", "drift", "rotate", "restore", "sync", "reset"}
    | {"unlock", "consumer", "sweep", "psql", "dump", "load", "status", "schema"}
)
"""Commands that take `--engine`."""
WITH_SANDBOX: Final = WITH_ENGINE | {"wrangler", "doctor", "comment"}
"""Commands that take `--sandbox`."""
WITH_CONFIG: Final = frozenset({"up", "preview", "refresh", "destroy", "rotate", "sync", "reset", "wrangler"})
"""Commands that take `--config`."""
_NAMES: Final = "dev|foundation|pr-[0-9]+|pr-<number>"
"""Stacks that there are in every project; the others are those that have a file."""
_WORDS: Final = (
    r"(?:(?<=wrangler) (?:check|write|deploy)|(?<=consumer) (?:up|preview|destroy|outputs) \S+|(?<=schema) diff)?"
)
_START: Final = rf"\./infra (?P<verb>[a-z]+){_WORDS}"
"""A command up to its stack."""
_OPTIONS: Final = r"(?P<rest>(?: --(?:config \S+|engine \w+|[a-z-]+))*)"


@cache
def _named() -> tuple[str, ...]:
    return tuple(stack_names.names(stack_names.PROJECT))


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a command line asked for.

    Attributes:
        stack: The stack's name; empty where there is none.
        sandbox: Whether the sandbox stands in for every service.
        engine: The engine that the next command has to name; empty where it finds the same one by itself.
        database: Where this run alone has the database of `dev`; empty where the stack's file says it.
    """

    stack: str = ""
    sandbox: bool = False
    engine: str = ""
    database: str = ""

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Run:
        """Take what a command line says about it; commands without a stack have fewer options."""
        named = getattr(arguments, "engine", "") == "embedded" and shutil.which("pulumi")
        return cls(
            stack=getattr(arguments, "stack", None) or "",
            sandbox=getattr(arguments, "sandbox", False),
            engine="embedded" if named else "",
            database=dict(getattr(arguments, "config", ())).get(DATABASE, ""),
        )

    def filled(self, text: str) -> str:
        """The text with its commands as they are to be typed now; what they say already is left as it is."""
        if "./infra " not in text:
            return text
        known = "|".join([PLACEHOLDER, _NAMES, *(re.escape(name) for name in (self.stack, *_named()) if name)])
        stacks = rf"(?P<stack> (?:{known})(?![\w/.-]*[\w/=]))?"
        return re.sub(rf"(?P<start>{_START}){stacks}{_OPTIONS}", self._typed, text)

    def _typed(self, found: re.Match[str]) -> str:
        start, verb, stack, rest = found.group("start", "verb", "stack", "rest")
        if stack == f" {PLACEHOLDER}" and self.stack:
            stack = f" {self.stack}"
        # The sandbox has a `dev` only where a run asked for it: otherwise that is the database of this machine.
        sandbox = self.sandbox and verb in WITH_SANDBOX and (stack != " dev" or self.stack == "dev")
        more = " --sandbox" if sandbox and " --sandbox" not in rest else ""
        # In the sandbox it can be nothing but a branch.
        database = self.database or ("xata" if sandbox else "")
        if stack == " dev" and database and verb in WITH_CONFIG and "database=" not in rest:
            more += f" --config database={database}"
        more += f" --engine {self.engine}" if self.engine and verb in WITH_ENGINE and " --engine" not in rest else ""
        return f"{start}{stack or ''}{more}{rest}"


_run = Run()


def of(run: Run) -> None:
    """From now on this is the process's run."""
    global _run  # noqa: PLW0603 - a process runs one command line, and everything it shows is about that
    _run = run


def in_the_sandbox() -> None:
    """The process's run works against the sandbox, also where only the shell says so."""
    of(replace(_run, sandbox=True))


def filled(text: str, *, stack: str = "") -> str:
    """A text with the commands of the process's run; `stack` where it works on several."""
    return (replace(_run, stack=stack) if stack else _run).filled(text)
