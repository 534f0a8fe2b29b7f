"""The command line: help, mistakes, and what it must not load."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from components.xata.branches.names import is_preview
from operations import cli, stack_names

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = ("pulumi", "pulumi_cloudflare", "pulumi_docker", "grpc", "rich", "httpx", "psycopg", "yaml", "docker")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["up", "--help"],
        ["up", "dve"],
        ["up", "dev", "--wrong"],
        ["verify", "dev", "--budget", "x"],
        ["upp"],
    ],
)
def test_help_and_mistakes_load_nothing_heavy(arguments: list[str]) -> None:
    """Help and wrong command lines are answered without Pulumi, gRPC, rich or any other big package."""
    code = (
        "import sys; from operations.__main__ import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        f"print('\\n' + ' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help_and_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command explains itself and shows how it is called."""
    with pytest.raises(SystemExit) as left:
        cli.parse([command, "--help"])
    text = capsys.readouterr().out
    assert left.value.code == 0
    assert f"./infra {command}" in text.partition("examples:")[2]


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"], ["-h"]])
def test_the_overview_names_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """By what one wants, within 100 columns, and with exit code 0."""
    with pytest.raises(SystemExit) as left:
        cli.parse(arguments)
    text = capsys.readouterr().out
    assert not left.value.code
    assert [one for one in cli.COMMANDS if not re.search(rf"^  {one}\s", text, re.MULTILINE)] == []
    assert [one for one in cli.GROUPS if f"\n{one}:\n" not in text] == []
    assert max(map(len, text.splitlines())) <= 100


def test_help_of_a_command_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """`./infra help up` says what `./infra up --help` does."""
    texts = []
    for words in (["help", "up"], ["up", "--help"]):
        with pytest.raises(SystemExit):
            cli.parse(words)
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[0].startswith("usage: ./infra up")


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    """With the commit where git knows one."""
    with pytest.raises(SystemExit):
        cli.parse(["--version"])
    assert re.fullmatch(r"infra \d+\.\d+\.\d+( \([0-9a-f]{7,40}(-dirty)?\))?\n", capsys.readouterr().out)


ASKED = """
eval "$(./infra completion bash)"
COMP_LINE="$1" COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
_python_argcomplete ./infra
printf '%s\n' "${COMPREPLY[@]}"
"""
"""What bash does at TAB; see "Programmable Completion" in its manual."""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("./infra ver", {"verify"}),
        ("./infra verify s", {"staging"}),
        ("./infra up dev --pa", {"--parallel"}),
        ("./infra completion f", {"fish"}),
    ],
)
def test_tab_completes_commands_stacks_and_options(typed: str, offered: set[str]) -> None:
    """Asked of a real bash."""
    command = ["bash", "-c", ASKED, "bash", typed]
    done = subprocess.run(command, cwd=stack_names.PROJECT, capture_output=True, text=True, check=True)
    assert {one.strip() for one in done.stdout.split()} == offered, done.stderr


def test_the_stacks_are_those_that_have_a_file() -> None:
    """Those that every project has come first, and production last."""
    assert stack_names.names(stack_names.PROJECT) == ["dev", "foundation", "staging", "production"]


@pytest.mark.parametrize("name", ["pr-1", "pr-7", "pr-999999999"])
def test_a_pull_request_has_a_stack(name: str) -> None:
    """Its number alone is its name."""
    assert stack_names.checked(name) == name
    assert is_preview(name)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "dve"], "did you mean dev?"),
        (["up", "Production"], "did you mean production?"),
        (["up", "nothing-like-it"], "the stacks are dev, foundation, staging, production"),
        (["destroy", "pr-0", "--yes"], "a number from 1 to 999999999 without zeros before it"),
        (["up", "pr-01"], "'pr-01' is no stack of a pull request"),
        (["up", "pr-9999999999"], "'pr-9999999999' is no stack of a pull request"),
        (["up", "PR-7"], "such as pr-7"),
        (["up", "pr-7\n"], "there is no stack named 'pr-7\\n'"),
        (["up", "preview"], "or pr-<number> for a pull request"),
        (["up", "dve", "--no-such-flag"], "did you mean dev?"),
        (["up"], "STACK"),
        (["up", "dev", "--no-such-flag"], "--no-such-flag"),
        (["up", "dev", "--ye"], "--ye"),
        (["up", "dev", "--config", "port"], "KEY=VALUE"),
        (["up", "dev", "--config", "=1"], "KEY=VALUE"),
        (["up", "dev", "--parallel", "0"], "1 to 256"),
        (["up", "dev", "--engine", "other"], "embedded"),
        (["verify", "dev", "--budget", "0"], "--budget"),
        (["verify", "dev", "--budget", "soon"], "--budget"),
        (["upp", "dev"], "did you mean up?"),
        (["help", "upp"], "did you mean up?"),
    ],
)
def test_mistakes_are_usage_errors(infra: Callable[..., Any], arguments: list[str], said: str) -> None:
    """A wrong command line ends with a sentence, a next step, the code of bad configuration, and no document."""
    answer = infra(*arguments)
    assert answer.code == 2
    assert said in answer.err
    assert "next: " in answer.err
    assert answer.out == ""


def test_a_mistake_with_json_is_one_document(infra: Callable[..., Any], valid: Callable[[str, Any], None]) -> None:
    """A program that asked for JSON gets one document for a mistake, too."""
    answer = infra("up", "dve", "--json")
    valid("error", answer.document)
    assert answer.document["error"]["code"] == answer.code == 2


def test_config_keys_without_namespace_are_ours() -> None:
    """`--config` may be repeated; a key alone gets our namespace, a value may hold anything."""
    arguments = cli.parse(["up", "dev", "--config", "port=1", "--config", "docker:host=a=b", "--config", "account="])
    assert arguments.config == [("infra:port", "1"), ("docker:host", "a=b"), ("infra:account", "")]


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    """`./infra doctor | head -0` ends quietly."""
    code = "import sys; from operations.__main__ import main; sys.exit(main(['doctor']))"
    reading, writing = os.pipe()
    os.close(reading)
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert "Traceback" not in answer.stderr
    assert "Exception ignored" not in answer.stderr
