"""./infra outputs STACK: what the last deployment exports."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from operations import changes, cli, console
from operations.changes import deployed
from operations.display.table import Row, table
from operations.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from pulumi_embedded.api import Output

FORMATS = ("env", "json", "dotenv", "github")


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "outputs",
        text=(
            "Show what the last deployment of STACK exports. Secrets are masked unless asked for.\n\n"
            "--format writes them for another program: `env` for eval in a POSIX shell, `dotenv` for a file,\n"
            "`github` for a step of GitHub Actions (secrets are masked in its log first; the values go to the file\n"
            "that GITHUB_OUTPUT names), `json` as --json. databaseUrl is then called DATABASE_URL, lists and objects\n"
            "are JSON text, and a secret that is not asked for is left out: a mask would be taken for a value."
        ),
        examples=(
            "./infra outputs dev",
            "./infra outputs dev --json --show-secrets",
            'text=$(./infra outputs staging --format env --show-secrets) && eval "$text"',
            "./infra outputs staging --format github --show-secrets",
        ),
        run=run,
    )
    cli.add_stack(parser)
    cli.add_json(parser)
    add_format(parser)


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add `--format` and `--show-secrets`."""
    parser.add_argument("--format", choices=FORMATS, help="write them for another program")
    parser.add_argument("--show-secrets", action="store_true", help="show secrets in the clear")


def outputs(target: changes.Target) -> Mapping[str, Output]:
    """Read a stack's outputs.

    Raises:
        UsageError: It has none.
    """
    return deployed(changes.opened(target, deploys=False).outputs(), target)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    require_one_format(arguments)
    shown(outputs(changes.Target.from_arguments(arguments)), arguments)
    return ExitCode.SUCCESS


def require_one_format(arguments: argparse.Namespace) -> None:
    """Refuse two formats at once.

    Raises:
        UsageError: --json and another format are asked for.
    """
    if arguments.json and arguments.format not in {None, "json"}:
        raise UsageError(
            f"--json and --format {arguments.format} are two formats; one can be written", next_step="leave one out"
        )


def shown(values: Mapping[str, Output], arguments: argparse.Namespace) -> None:
    """Show outputs as the command line says.

    Raises:
        UsageError: The format cannot carry one of them.
    """
    if arguments.format not in {None, "json"}:
        _write(arguments.format, values, show_secrets=arguments.show_secrets)
        return
    texts = console.shown(values, show_secrets=arguments.show_secrets)
    if arguments.json or arguments.format:
        console.answer(texts)
        return
    rows = [Row(cells=(name,), text=_cell(value), colour="cyan") for name, value in texts.items()]
    print("\n".join(table(rows, sys.stdout)))


def _write(name: str, values: Mapping[str, Output], *, show_secrets: bool) -> None:
    """Write them for another program; nothing is written before all of it is known to be right."""
    found = variables(values, show_secrets=show_secrets)
    if name == "github":
        _to_github(masks(found), as_github(found))
    else:
        print({"env": as_shell, "dotenv": as_dotenv}[name](found), end="")
    if found.left_out:
        console.say(f"left out, because secret: {', '.join(found.left_out)} (--show-secrets writes them, too)")


def _to_github(masks: str, text: str) -> None:
    """Mask first, and be sure that the runner has read it; then write where it looks for outputs."""
    print(masks, end="", flush=True)
    file = os.environ.get("GITHUB_OUTPUT", "")
    if not file:
        print(text, end="")
        return
    with open(file, "a", encoding="utf-8", newline="", opener=_private) as stream:
        stream.write(text)


def _private(path: str, flags: int) -> int:
    """Make a file that only this user may read; one that is there stays as it is."""
    return os.open(path, flags, 0o600)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
NEVER = re.compile("[\0\ud800-\udfff]")
"""What no environment variable can hold: a zero byte, and half a character."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One output, as a variable.

    Attributes:
        name: In upper snake case, such as DATABASE_URL.
        value: Its text; lists and objects as JSON in one line.
        secret: Whether it is one.
    """

    name: str
    value: str = field(repr=False)
    secret: bool = False


@dataclass(frozen=True, kw_only=True)
class Variables:
    """The outputs of a stack, as variables.

    Attributes:
        shown: What is written, in the order of the outputs' names.
        left_out: The names of the secrets that nobody asked for. A mask in their place would be taken for a value.
    """

    shown: tuple[Variable, ...]
    left_out: tuple[str, ...] = ()


def variables(outputs: Mapping[str, Output], *, show_secrets: bool) -> Variables:
    """The outputs as variables, secrets only if asked for.

    Raises:
        UsageError: An output's name makes no variable's name, or the same as another's; or no variable can hold it.
    """
    named: dict[str, str] = {}
    shown, left_out = [], []
    for output, value in sorted(outputs.items()):
        name = variable_name(output)
        if name in named:
            raise UsageError(
                f"the outputs {named[name]} and {output} would both be the variable {name}",
                next_step="rename one of them, or read both with --format json",
            )
        named[name] = output
        if value.secret and not show_secrets:
            left_out.append(name)
        else:
            shown.append(Variable(name=name, value=_text(output, value.value), secret=value.secret))
    return Variables(shown=tuple(shown), left_out=tuple(left_out))


def variable_name(output: str) -> str:
    """The variable of an output: databaseUrl is DATABASE_URL.

    Raises:
        UsageError: Nothing that may name a variable comes of it.
    """
    name = WORD_BEGINS.sub("_", output).replace("-", "_").upper()
    if not NAME.fullmatch(name):
        raise UsageError(
            f"the output {output!r} makes no name of a variable: allowed are letters, digits, _ and -, not beginning "
            "with a digit",
            next_step="rename it, or read it with --format json",
        )
    return name


def _text(output: str, value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if NEVER.search(text):
        raise UsageError(
            f"the output {output} holds a zero byte or half a character (a lone surrogate), which no variable can",
            next_step="read it with --format json",
        )
    return text


SAFE = re.compile(r"[A-Za-z0-9_./:@%+=,?-]*")
DIFFERENT = {"$": "a dollar sign", "\\": "a backslash", "\r": "a carriage return"}
"""What readers read differently, however it is quoted."""


def as_dotenv(variables: Variables) -> str:
    """One line per output.

    Raises:
        UsageError: Readers would not agree about a value. It is not shown.
    """
    return "".join(f"{one.name}={_dotenv_value(one)}\n" for one in variables.shown)


def _dotenv_value(variable: Variable) -> str:
    value = variable.value
    if SAFE.fullmatch(value):
        return value
    found = [word for character, word in DIFFERENT.items() if character in value]
    quote = '"' if "'" in value else "'"
    if quote == '"' and set(value) & set('"`'):
        found.append("a single quote beside another kind of quote")
    if found:
        raise UsageError(
            f"the value of {variable.name} holds {' and '.join(found)}, which programs that read dotenv files read "
            "differently",
            next_step="use --format json, or --format env for a shell",
        )
    return f"{quote}{value}{quote}"


ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
"""How the runner wants what would end a command, or begin such an escape."""


def masks(variables: Variables) -> str:
    """One `add-mask` command per secret, and for each password in a URL, which may turn up alone."""
    found = (text for one in variables.shown if one.secret for text in _spellings(one.value))
    return "".join(f"::add-mask::{_escaped(text)}\n" for text in dict.fromkeys(found) if text.strip())


def as_github(variables: Variables) -> str:
    """The lines of GITHUB_OUTPUT; each value ends at a word that nobody can guess, so none passes for two."""
    return "".join(_assignment(one) for one in variables.shown)


def _assignment(variable: Variable) -> str:
    end = f"ghadelimiter_{secrets.token_hex(16)}"
    return f"{variable.name}<<{end}\n{variable.value}\n{end}\n"


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    try:
        password = urlsplit(secret).password
    except ValueError:
        return  # no URL
    if password:
        yield password
        yield unquote(password)


def _escaped(text: str) -> str:
    return "".join(ESCAPES.get(character, character) for character in text)


def as_shell(variables: Variables) -> str:
    """One `export` per output.

    What is left out is unset: what an earlier environment has left in the shell would be taken for this one's.
    """
    unset = [f"unset {name}\n" for name in variables.left_out]
    return "".join([*unset, *(f"export {one.name}={quoted(one.value)}\n" for one in variables.shown)])


def quoted(value: str) -> str:
    """The value in single quotes, in which a shell expands nothing."""
    inside = value.replace("'", "'\\''")
    return f"'{inside}'"
