"""Where `wrangler dev` reads an app's variables from, and what of them reaches the Worker. Reads files; no Pulumi.

The rules are wrangler's own (`getVarsForDev` and `getDefaultEnvFiles` of the package wrangler 4, since 4.27), called
with `--env dev`: `.dev.vars.dev`, else `.dev.vars`. Only where there is neither it reads `.env`, `.env.local`,
`.env.dev` and `.env.dev.local` together, of which the later counts. Where the environment's block of the wrangler file
has `secrets`, only the names that it requires, and those of `vars`, reach the Worker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from components.local.dev_vars import parse
from components.local.files import read_private
from components.worker.wrangler.config import TOP, Config, read_document
from components.worker.wrangler.file import locate
from components.worker.wrangler.findings import TOLD
from components.worker.wrangler.jsonc import is_object

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENVIRONMENT = "dev"
OWN = (f".dev.vars.{ENVIRONMENT}", ".dev.vars")
"""Wrangler's own files: the first that is there is read, and no other."""
SHARED = (".env", ".env.local", f".env.{ENVIRONMENT}", f".env.{ENVIRONMENT}.local")
"""Files that other tools read, too: all that are there are read, the later before the earlier."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Something of the app's that does not reach the Worker: names of variables and files, no values."""

    what: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.what}; next: {self.next_step}"


@dataclass(frozen=True, kw_only=True)
class Variables:
    """What `wrangler dev --env dev` makes of the files in an app's folder.

    Attributes:
        files: The files that it reads.
        values: What they hold, by name.
        filtered: The names that `secrets.required` keeps from the Worker.
        hidden: The names that stand only in files that it does not read.
        unread: The files that it does not read, because of the first of `files`.
        passed: The names that the wrangler file lets reach the Worker; None for all.
    """

    files: tuple[Path, ...]
    values: dict[str, str] = field(repr=False)
    filtered: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    unread: tuple[Path, ...] = ()
    passed: frozenset[str] | None = None

    def withheld(self, name: str) -> Loss | None:
        """What keeps a variable that we tell the app from its Worker; None where nothing does."""
        if self.passed is None or name in self.passed:
            return None
        return Loss(
            what=f"{name} is not in env.{ENVIRONMENT}.secrets.required, so wrangler dev keeps it from the app",
            next_step=f"./infra wrangler write {ENVIRONMENT}",
        )

    def losses(self) -> list[Loss]:
        """What the app has of its own and the Worker does not get."""
        lost = []
        if self.filtered:
            lost.append(
                Loss(
                    what=f"wrangler dev keeps {', '.join(self.filtered)} of {_named(self.files)} from the Worker: "
                    f"env.{ENVIRONMENT}.secrets.required does not list {_pronoun(self.filtered)}",
                    next_step=f"add {_pronoun(self.filtered)} to the list, or remove secrets from env.{ENVIRONMENT}",
                )
            )
        if self.hidden:
            lost.append(
                Loss(
                    what=f"wrangler dev does not read {', '.join(self.hidden)} of {_named(self.unread)}: "
                    f"where there is {_named(self.files)}, it reads nothing else",
                    next_step=f"move {_pronoun(self.hidden)} into {_named(self.files)}",
                )
            )
        return lost


def file_to_write(folder: Path) -> Path:
    """The file that `wrangler dev` will read our variables from and that hides none of the app's own.

    A `.dev.vars` is begun only where the app has no `.env` file, which it would hide. One that holds nothing but what
    we tell the app (`TOLD`) is not the app's.

    Raises:
        LocalError: A file there cannot be read.
    """
    special, usual = (folder / name for name in OWN)
    if special.is_file():
        return special
    if read(usual).keys() - set(TOLD) or not any((folder / name).is_file() for name in SHARED):
        return usual
    local, last = folder / SHARED[1], folder / SHARED[3]
    return last if last.is_file() else local


def variables(folder: Path) -> Variables:
    """What `wrangler dev --env dev` reads in an app's folder.

    Args:
        folder: The app's folder, with its wrangler file.

    Raises:
        InfraError: A file there cannot be read.
    """
    there = [folder / name for name in (*OWN, *SHARED) if (folder / name).is_file()]
    own = [file for file in there if file.name in OWN][:1]
    files = own or there
    values = _together(files)
    passed = _passed(folder)
    unread = [file for file in there if file not in files]
    return Variables(
        files=tuple(files),
        values=values,
        filtered=() if passed is None else tuple(sorted(values.keys() - passed - set(TOLD))),
        hidden=tuple(sorted(_together(unread).keys() - values.keys() - set(TOLD))),
        unread=tuple(unread),
        passed=passed,
    )


def read(file: Path) -> dict[str, str]:
    """The variables of one file; none where it is not there."""
    return parse(read_private(file).text) if file.is_file() else {}


def _together(files: Sequence[Path]) -> dict[str, str]:
    return {name: value for file in files for name, value in read(file).items()}


def _passed(folder: Path) -> frozenset[str] | None:
    """The names that the wrangler file lets pass; None for all."""
    path = locate(folder)
    if not path.is_file():
        return None
    config = Config(document=read_document(path, read_private(path).text))
    block = ENVIRONMENT if ENVIRONMENT in config.environments() else TOP
    if config.own(block, "secrets") is None:
        return None
    required, plain = config.own(block, "secrets", "required"), config.own(block, "vars")
    listed = required.data if required and isinstance(required.data, list) else []
    return frozenset({*map(str, listed), *(plain.data if plain and is_object(plain) else ())})


def _named(files: Sequence[Path]) -> str:
    return " and ".join(file.name for file in files)


def _pronoun(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
