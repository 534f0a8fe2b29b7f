"""The reference in `docs/reference/`, written from the code: `python -m operations.reference`.

Commands come from the command line's own parsers, outputs from the contract, errors from the trees of exceptions.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations import __main__, cli
from operations.errors import MEANINGS, ExitCode
from stacks.outputs import CONTRACT_VERSION, json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
GENERATED = "*Generated from the code by `python -m operations.reference`; a test keeps it in step.*"
OF_OUTPUTS = (
    f"Version {CONTRACT_VERSION} of the contract, as [JSON Schema](../schemas/stack-outputs.schema.json). "
    "[How other projects read them](../consumers.md)."
)
OF_ERRORS = (
    "Every error says what is wrong, with which thing, what was found, what is allowed, and the next step. With "
    "`--json` it comes as [one document](../schemas/error.schema.json). The number is the "
    "[exit code](../exit-codes.md)."
)
ROOMS = ("components", "pulumi_embedded", "operations")
"""Where errors that a user meets come from."""


def commands() -> str:
    """The page of all commands."""
    top = cli.parser()
    found = next(action for action in top._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001 - argparse has no public way to ask
    summaries = {choice.dest: choice.help or "" for choice in found._choices_actions}  # noqa: SLF001 - as above
    rows = [f"| [`{name}`](#{name}) | {summary} |" for name, summary in summaries.items()]
    head = ["# Commands", "", GENERATED, "", "| command | what it does |", "|---|---|", *rows, ""]
    pages = [_command(name, parser) for name, parser in found.choices.items() if name != "test"]
    return "\n".join([*head, *pages, _of_test()])


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    described = " ".join((parser.description or "").split())
    lines = [f"## {name}", "", described, "", "| argument | meaning |", "|---|---|"]
    lines += [f"| {_shown(action)} | {_cell(action.help or '')} |" for action in _arguments(parser)]
    return "\n".join([*lines, "", *_examples(parser.epilog or ""), ""])


def _of_test() -> str:
    """`test` hands its arguments to pytest, so it has a page of its own making."""
    from operations.commands import test

    described = " ".join(test.TEXT.split())
    return "\n".join(["## test", "", described, "", *_examples(test.EPILOG), ""])


def _examples(epilog: str) -> Iterator[str]:
    """The examples of a help text as a block of commands."""
    lines = [line.strip() for line in epilog.splitlines() if line.strip().startswith(("./infra", "INFRA_"))]
    lines = [re.sub(r"\s{2,}(?=\S)", "  # ", line, count=1) for line in lines]  # what help tells beside a command
    return iter(["```console", *lines, "```"])


def _arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Positional arguments first, then options; help, which every command has, is left out."""
    listed = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]  # noqa: SLF001 - argparse has no public way to ask
    yield from (action for action in listed if not action.option_strings)
    yield from (action for action in listed if action.option_strings)


def _shown(action: argparse.Action) -> str:
    """An argument as one types it."""
    name = action.option_strings[0] if action.option_strings else str(action.metavar or action.dest)
    if not action.option_strings or action.nargs == 0:
        return f"`{name}`"
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    return f"`{name} {value}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def outputs() -> str:
    """The page of the stack outputs."""
    schema = json.loads(json_schema())
    rows = [_output(name, found) for name, found in _flat(schema, schema["properties"])]
    return "\n".join(
        [
            "# Stack outputs",
            "",
            GENERATED,
            "",
            OF_OUTPUTS,
            "",
            "| output | type | secret | what it is |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _flat(schema: dict[str, Any], properties: dict[str, Any], before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every output, nested ones with a dotted name."""
    for name, found in properties.items():
        nested = schema["$defs"].get(str(found.get("$ref", "")).rpartition("/")[2])
        if nested:
            yield from _flat(schema, nested["properties"], f"{before}{name}.")
        else:
            yield f"{before}{name}", found


def _output(name: str, found: dict[str, Any]) -> str:
    words = found.get("enum") or ([found["const"]] if "const" in found else [])
    kind = found.get("type", "string") if not words else " or ".join(f"`{word}`" for word in words)
    kind = f"list of {found['items']['type']}" if kind == "array" else kind
    return f"| `{name}` | {kind} | {'yes' if found.get('secret') else ''} | {_cell(found['description'])} |"


def errors() -> str:
    """The page of the errors that a user can meet."""
    lines = [
        "# Errors",
        "",
        GENERATED,
        "",
        OF_ERRORS,
        "",
        "| error | from | exit code | when |",
        "|---|---|---|---|",
    ]
    for error in sorted(_errors(), key=lambda kind: (kind.__module__, kind.__name__)):
        code = __main__.exit_code_of(error)
        first = inspect.cleandoc(error.__doc__ or "").split("\n\n")[0]
        lines.append(f"| `{error.__name__}` | `{error.__module__}` | {code.value} | {_cell(first)} |")
    return "\n".join([*lines, ""])


def _errors() -> Iterator[type[Exception]]:
    """The exceptions of ours that leave a command with a message."""
    from components.errors import InfraError
    from operations.errors import CommandError
    from pulumi_embedded.errors import EngineError

    for module in _modules(ROOMS):
        for kind in vars(module).values():
            own = inspect.isclass(kind) and kind.__module__ == module.__name__
            if own and issubclass(kind, InfraError | EngineError | CommandError):
                yield kind


def _modules(packages: Sequence[str]) -> Iterator[ModuleType]:
    """Every module of these packages that declares an error; the others are not loaded, since some load a whole SDK."""
    for package in packages:
        root = Path(importlib.import_module(package).__path__[0])
        for file in sorted(root.rglob("*.py")):
            if re.search(r"^class \w+Error\(", file.read_text(encoding="utf-8"), re.MULTILINE):
                yield importlib.import_module(".".join(file.relative_to(root.parent).with_suffix("").parts))


def exit_codes() -> str:
    """The page that documents the exit codes."""
    rows = [f"| {code.value} | {code.name.lower().replace('_', ' ')} | {MEANINGS[code]} |" for code in ExitCode]
    return "\n".join(["# Exit codes of ./infra", "", "| code | name | meaning |", "|---|---|---|", *rows, ""])


PAGES = {"commands.md": commands, "outputs.md": outputs, "errors.md": errors, "../exit-codes.md": exit_codes}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for page, text in PAGES.items():
        (FOLDER / page).write_text(text(), encoding="utf-8")
