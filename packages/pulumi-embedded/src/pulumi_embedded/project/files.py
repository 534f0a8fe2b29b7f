"""The project file, the stack's file and the configuration a program gets.

The rules are the Pulumi CLI's: which keys are mandatory, what a type accepts, which text a value becomes. The words
of the errors are not: they name the file, the key, the value, the type, and the line to write instead.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded import gotext
from pulumi_embedded.errors import ProjectError, UnsupportedError
from pulumi_embedded.project import yamlfile
from pulumi_embedded.project.declared import CLI_HINT, Declaration, Reader, full_key, read_declarations
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_FILES: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
GIVEN: Final = "--config"
"""The option that gives a value for one run."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, kw_only=True)
class Project:
    """What Pulumi.yaml says.

    Attributes:
        folder: Where it lies.
        file: Its path.
        main: The program's folder or file, relative to `folder`.
        refresh_always: `options.refresh: always` is there.
        declarations: "namespace:name" to what is declared under `config`.
    """

    name: str
    folder: Path
    file: Path
    main: str = "."
    refresh_always: bool = False
    backend_url: str | None = None
    stack_config_folder: str = "."
    declarations: Mapping[str, Declaration] = field(default_factory=dict)

    def stack_file(self, stack: str) -> Path:
        """Return the path of a stack's file; it need not exist."""
        return self.folder / self.stack_config_folder / f"Pulumi.{stack}{self.file.suffix}"


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """The configuration of one run.

    Attributes:
        values: "namespace:name" to the text the program gets; objects and arrays are JSON text.
        shared: The keys of which neither the stack's file nor the run says anything, but Pulumi.yaml.
    """

    values: Mapping[str, str | Secret] = field(repr=False)
    shared: frozenset[str] = frozenset()

    @property
    def secret_keys(self) -> list[str]:
        """The keys whose values are secret, sorted."""
        return sorted(key for key, value in self.values.items() if isinstance(value, Secret))

    @property
    def plain(self) -> dict[str, str]:
        """All values in the clear: what a program finds in PULUMI_CONFIG."""
        return {key: value.value if isinstance(value, Secret) else value for key, value in self.values.items()}


@dataclass(frozen=True, kw_only=True)
class _Value:
    """A value on its way: its text, what it holds when it is an object, and where it stands."""

    text: str = field(repr=False)
    content: Any = field(repr=False)
    secret: bool
    source: str


def load_project(folder: Path) -> Project:
    """Read Pulumi.yaml (or Pulumi.yml, Pulumi.json) of a folder."""
    file = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if file is None:
        raise ProjectError(f"there is no Pulumi.yaml in {folder}", next_step="run the command in the project's folder")
    said = Reader(file, yamlfile.load(file))
    name = said.text("name")
    if not _NAME.fullmatch(name):
        raise said.wrong("name", "letters, digits, '-', '_' and '.', at most 100 of them", name)
    runtime = said.content.get("runtime", "python")
    if isinstance(runtime, dict):
        runtime = runtime.get("name")
    if runtime != "python":
        raise UnsupportedError(f"{file}: the runtime {runtime!r} is not python", next_step=CLI_HINT)
    refresh = Reader(file, said.mapping("options"), "options").text("refresh", "")
    if refresh not in {"", "always"}:
        raise said.wrong("options.refresh", "always", refresh)
    declared = said.content.get("config") or {}
    return Project(
        name=name,
        folder=folder,
        file=file,
        main=said.text("main", "."),
        refresh_always=bool(refresh),
        backend_url=Reader(file, said.mapping("backend"), "backend").text("url", "") or None,
        stack_config_folder=declared if isinstance(declared, str) else said.text("stackConfigDir", "."),
        declarations={} if isinstance(declared, str) else read_declarations(said, name),
    )


def read_salt(project: Project, stack: str) -> str | None:
    """Return the `encryptionsalt` of the stack's file: a Store needs it before the configuration can be decrypted."""
    return _stack_file(project, stack).text("encryptionsalt", "") or None


def load_config(
    project: Project, stack: str, *, overrides: Mapping[str, str], crypter: Callable[[str], str], for_cli: bool = False
) -> StackConfig:
    """Read the stack's file, put overrides over it and defaults under it, and check the types.

    Args:
        project: The project.
        stack: The stack's name; a missing file means no values.
        overrides: Values of this run, "namespace:name" (or a name of the project) to text.
        crypter: Decrypts the text of a `secure:` value.
        for_cli: Another engine may do the work, so what only the CLI does is no reason to refuse.
    """
    said = _stack_file(project, stack, for_cli=for_cli)
    values = {
        full_key(said, key, project.name): _read_value(value, str(said.file), crypter)
        for key, value in said.mapping("config").items()
    }
    for key, text in overrides.items():
        full = full_key(said, key, project.name)
        values[full] = _override(full, text, project.declarations.get(full))
    missing, said_here = [], set(values)
    for key, declaration in sorted(project.declarations.items()):
        if key not in values and declaration.default is not None:
            values[key] = _default(declaration, project.file)
        elif key not in values:
            missing.append(declaration)
    if missing:
        raise _missing(said.file, missing, stack)
    for key, declaration in sorted(project.declarations.items()):
        _check(values[key], declaration, said.file)
    told = {key: Secret(v.text) if v.secret else v.text for key, v in sorted(values.items())}
    return StackConfig(values=told, shared=frozenset(values.keys() - said_here))


def _stack_file(project: Project, stack: str, *, for_cli: bool = False) -> Reader:
    file = project.stack_file(stack)
    said = Reader(file, yamlfile.load(file) if file.exists() else None)
    if for_cli:
        return said
    if said.content.get("environment"):
        raise UnsupportedError(f"{file}: `environment` needs Pulumi Cloud", next_step=CLI_HINT)
    provider = said.text("secretsprovider", "")
    if provider not in {"", "default", "passphrase"} or said.text("encryptedkey", ""):
        raise UnsupportedError(
            f"{file}: the secrets provider {provider or 'with an encryptedkey'} is not supported, only passphrases are",
            next_step=CLI_HINT,
        )
    return said


def _read_value(value: Any, source: str, crypter: Callable[[str], str]) -> _Value:
    secrets: list[str] = []

    def reveal(ciphertext: str) -> str:
        secrets.append(ciphertext)
        return crypter(ciphertext)

    content = _plain(value, reveal)
    if isinstance(content, (dict, list)):
        return _Value(text=gotext.dump(content), content=content, secret=bool(secrets), source=source)
    text = "" if content is None else content if isinstance(content, str) else gotext.dump(content)
    return _Value(text=text, content=text, secret=bool(secrets), source=source)


def _plain(value: Any, reveal: Callable[[str], str]) -> Any:
    """Return a value with its secrets decrypted."""
    match value:
        case {"secure": str() as ciphertext, **rest} if not rest:
            return reveal(ciphertext)
        case dict():
            return {key: _plain(item, reveal) for key, item in value.items()}
        case list():
            return [_plain(item, reveal) for item in value]
        case _:
            return value


def _override(key: str, text: str, declaration: Declaration | None) -> _Value:
    content: Any = text
    if declaration and declaration.type in {"array", "object"}:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = text  # the check tells what is wrong with it
    return _Value(text=text, content=content, secret=bool(declaration and declaration.secret), source=f"{GIVEN} {key}")


def _default(declaration: Declaration, file: Path) -> _Value:
    value = declaration.default
    if isinstance(value, (bool, int, str)):
        text = value if isinstance(value, str) else gotext.dump(value)
        return _Value(text=text, content=text, secret=False, source=str(file))
    return _Value(text=gotext.dump(value), content=value, secret=False, source=str(file))


def _check(value: _Value, declaration: Declaration, file: Path) -> None:
    key = declaration.key
    if declaration.type is None:
        return
    if declaration.secret and not value.secret:
        raise ProjectError(
            f"{value.source}: {key} is declared secret, so its value must be encrypted",
            next_step=f"run `pulumi config set --secret {key}`, or give it for one run: --config {key}=…",
        )
    if not declaration.accepts(value.content):
        got = "a secret of another type" if value.secret else repr(value.text)
        line = f"write into {file}, below `config:`, the line\n    {declaration.line}"
        raise ProjectError(
            f"{value.source}: {key} must be of type {declaration.type_name}, got {got}",
            next_step=f"give {GIVEN} {declaration.line.replace(': ', '=', 1)}"
            if value.source.startswith(GIVEN)
            else line,
        )


def _missing(file: Path, missing: list[Declaration], stack: str) -> ProjectError:
    keys = ", ".join(f"{d.key} ({d.type_name}{', secret' if d.secret else ''})" for d in missing)
    lines = "".join(f"\n    {d.line}" for d in missing if not d.secret)
    steps = [f"write into {file}, below `config:`{lines}"] if lines else []
    steps += [f"run `pulumi config set --secret {d.key} --stack {stack}`" for d in missing if d.secret]
    return ProjectError(
        f"{file} lacks a value that Pulumi.yaml declares without a default: {keys}", next_step="; ".join(steps)
    )
