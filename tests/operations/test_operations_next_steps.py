"""The commands that are printed as a next step: each exists, and works on what the run worked on."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from operations import cli, next_steps
from operations.changes import Target, deployed
from operations.errors import UsageError
from operations.next_steps import Run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).resolve().parents[2]
SANDBOX = Run(stack="staging", sandbox=True, engine="embedded")
OPTIONS = r"(?: --[a-z-]+(?:[ =](?!--)[\w=./-]+)?)*"
COMMAND = re.compile(rf"(?<![`#])\./infra [a-z]+(?: (?!--)[\w./<>-]+)*{OPTIONS}(?: [\w./-]+\.dump{OPTIONS})?(?!`)")
"""A command with the words after it, which may be words of the sentence; what stands in quotes is documentation."""
SAMPLES = {
    "file": "x.dump",
    "kind": "up",
    "action": "stop",
    "option": "--delete-data",
    "synced.stack": "pr-7",
    "synced.shown": "pr-7",
}


def _text(node: ast.expr) -> str:
    """A literal as it may be shown: what a name stands for is the stack, or a sample."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return SAMPLES.get(ast.unparse(node.value), "staging")
    return str(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _texts() -> Iterator[str]:
    """Every text of the program that names a command of ours, but for documentation."""
    for room in ("operations", "components", "stacks"):
        for file in (PROJECT / room).rglob("*.py"):
            source = file.read_text()
            if "./infra " not in source:
                continue
            tree = ast.parse(source)
            skipped = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr):
                    skipped.update(map(id, node.values))
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in skipped:
                    text = _text(node)
                    if "./infra " in text:
                        yield text


def _parsed(command: str) -> argparse.Namespace:
    """What the real parser reads; words of the sentence after the command are left out one by one."""
    words = shlex.split(command.replace("<number>", "7"))[1:]
    failure: Exception = AssertionError(f"no command: {command}")
    for length in range(len(words), 0, -1):
        try:
            return cli.parse(words[:length])
        except Exception as error:  # noqa: BLE001 - tried again with fewer words
            failure = error
    raise AssertionError(f"{command}: {failure}")


def test_every_command_that_is_named_exists_and_stays_in_the_sandbox() -> None:
    """Whatever a message tells to type, the parser takes, on this stack, with this engine, against the sandbox."""
    texts = sorted({text for text in _texts() if "COMMAND" not in text and "Written by" not in text})
    assert len(texts) > 60
    assert any("./infra up STACK" in text for text in texts)
    for text in texts:
        filled = SANDBOX.filled(text)
        assert "STACK" not in re.findall(r"\./infra [a-z]+ (\w+)", filled), text
        for command in COMMAND.findall(filled):
            read = _parsed(command)
            named = {getattr(read, "stack", ""), *getattr(read, "stacks", ())}
            assert getattr(read, "sandbox", True) is ("dev" not in named), command
            assert getattr(read, "engine", "embedded") in {"embedded", "auto"}, command
        assert SANDBOX.filled(filled) == filled


def test_the_options_are_those_of_the_parser() -> None:
    """What is said here of the commands' options is what the command line takes."""
    actions: Any = cli.parser()._subparsers
    commands = actions._group_actions[0].choices
    having = {
        option: {name for name, one in commands.items() if option in one._option_string_actions}
        for option in ("--sandbox", "--engine", "--config")
    }
    assert having == {
        "--sandbox": set(next_steps.WITH_SANDBOX),
        "--engine": set(next_steps.WITH_ENGINE),
        "--config": set(next_steps.WITH_CONFIG),
    }


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("./infra up STACK heals it", "./infra up staging --sandbox heals it"),
        ("./infra doctor lists them", "./infra doctor --sandbox lists them"),
        ("./infra up foundation makes it", "./infra up foundation --sandbox makes it"),
        ("./infra wrangler write staging.", "./infra wrangler write staging --sandbox."),
        ("./infra consumer up a/folder staging", "./infra consumer up a/folder staging --sandbox"),
        ("./infra up dev makes one", "./infra up dev makes one"),
        ("./infra sweep --yes removes", "./infra sweep --sandbox --yes removes"),
        ("./infra sandbox start", "./infra sandbox start"),
        ("the stack staging, STACK", "the stack staging, STACK"),
    ],
)
def test_a_command_gets_its_stack_and_the_sandbox(text: str, typed: str) -> None:
    """The stack stands where STACK stood, the option behind it; nothing but commands is touched."""
    assert Run(stack="staging", sandbox=True).filled(text) == typed


def test_a_run_about_dev_in_the_sandbox_stays_there() -> None:
    """A branch of the sandbox stands in for this machine's database, with the value that says so."""
    with pytest.raises(UsageError) as none_there:
        deployed({}, Target(stack="dev", folder=PROJECT, sandbox=True))
    typed = Run(stack="dev", sandbox=True).filled(none_there.value.next_step)
    assert typed == "./infra up dev --sandbox --config database=xata"


@pytest.mark.parametrize(
    ("words", "text", "typed"),
    [
        (
            ["up", "dev", "--sandbox", "--config", "database=xata"],
            "./infra up STACK --config protect=false --yes, then ./infra destroy STACK --yes",
            (
                "./infra up dev --sandbox --config database=xata --config protect=false --yes, then "
                "./infra destroy dev --sandbox --config database=xata --yes"
            ),
        ),
        (["up", "dev", "--config", "database=xata"], "./infra up STACK", "./infra up dev --config database=xata"),
        (
            ["up", "dev", "--config", "database=docker"],
            "./infra up dev --config database=embedded --yes moves it; ./infra verify dev",
            "./infra up dev --config database=embedded --yes moves it; ./infra verify dev",
        ),
        (["up", "staging", "--config", "port=1"], "./infra destroy STACK", "./infra destroy staging"),
    ],
)
def test_where_a_run_has_the_database_of_dev_the_next_one_has_it(words: list[str], text: str, typed: str) -> None:
    """Without the value the next command would be about another database, or be refused."""
    run = Run.from_arguments(cli.parse(words))
    assert run.filled(text) == typed
    assert run.filled(typed) == typed


def test_without_a_sandbox_a_command_gets_its_stack_alone() -> None:
    """Nothing is added that the reader did not ask for."""
    assert Run(stack="pr-7").filled("./infra up STACK, ./infra doctor") == "./infra up pr-7, ./infra doctor"


def test_an_engine_is_named_where_another_would_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the CLI is there, whoever asked for the embedded engine goes on with it."""
    arguments = cli.parse(["verify", "dev", "--engine", "embedded"])
    monkeypatch.setattr("shutil.which", lambda _name: "/a/pulumi")
    assert Run.from_arguments(arguments).filled("./infra up STACK") == "./infra up dev --engine embedded"
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert Run.from_arguments(arguments).filled("./infra up STACK") == "./infra up dev"


def test_a_refused_plan_with_values_of_its_own_names_no_other_plan(
    infra: Callable[..., Any], fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command without the values would carry out something else."""
    monkeypatch.setattr("operations.console.can_ask", lambda: False)
    assert fake_engine
    said = infra("up", "staging", "--config", "backupRetentionDays=14").err
    assert "next: the same command with --yes carries it out" in said
    said = infra("preview", "staging", "--config", "backupRetentionDays=14").err
    assert "next: the same command with up carries it out" in said
