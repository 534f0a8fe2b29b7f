"""Rules that hold for every file: sizes, docstrings, who may import what, and what the repository never says."""

from __future__ import annotations

import ast
import re
import secrets
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("components", "operations", "stacks", "packages/pulumi-embedded/src", "packages/cloud-sandbox/src", "bench")
TESTS = ("tests", "packages/pulumi-embedded/tests", "packages/cloud-sandbox/tests")
ENGINE = "packages/pulumi-embedded/src/pulumi_embedded"
FUNCTION_LINES, FILE_LINES = 40, 600
ENGINE_LINES = {"": 2933, "state": 1115, "project": 426}
"""Lines of code by room: deciding and doing, the file backend, the project's files."""

LONGER_FUNCTIONS: dict[str, str] = {}
"""`path:function` to the reason why it may be longer."""


@cache
def _sources(*folders: str) -> tuple[Path, ...]:
    return tuple(sorted(file for folder in folders for file in (PROJECT / folder).rglob("*.py")))


def _name(file: Path) -> str:
    return file.relative_to(PROJECT).as_posix()


@cache
def _functions(file: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    found, blocks = [], [ast.parse(file.read_text()).body]
    while blocks:  # statements only: most of a tree is expressions
        for node in blocks.pop():
            blocks += [
                inner for name in ("body", "orelse", "finalbody", "handlers") if (inner := getattr(node, name, ()))
            ]
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append(node)
    return found


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines without the docstring: explaining more must not cost."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_only_one_line_knows_the_app() -> None:
    """The name of the app that this repository ships with is a line of Pulumi.yaml (`infra:app`), and nowhere else."""
    found = subprocess.run(
        ["git", "grep", "-lIi", "print" + "farm"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert set(found.stdout.split()) <= {"Pulumi.yaml"}


def test_sizes_stay_within_the_budget() -> None:
    """A function has at most 40 lines, a file at most 600; an exception carries its reason."""
    files = [*_sources(*PACKAGES), PROJECT / "infra"]
    assert [_name(file) for file in files if len(file.read_text().splitlines()) > FILE_LINES] == []
    long = {
        f"{_name(file)}:{function.name}"
        for file in files
        for function in _functions(file)
        if _body_lines(function) > FUNCTION_LINES
    }
    assert sorted(long - LONGER_FUNCTIONS.keys()) == []


def _code_lines(file: Path) -> int:
    """Lines that are neither blank nor comment nor docstring."""
    text = file.read_text()
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented) and ast.get_docstring(node)
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    lines = enumerate(text.splitlines(), start=1)
    return sum(1 for number, line in lines if line.strip() and line.strip()[0] != "#" and number not in docstrings)


@pytest.mark.parametrize("room", ENGINE_LINES)
def test_the_engine_stays_small(room: str) -> None:
    """The embedded engine is a default, not a competitor: whoever makes it larger changes the number here."""
    assert sum(_code_lines(file) for file in (PROJECT / ENGINE / room).glob("*.py")) <= ENGINE_LINES[room]


def test_every_test_says_what_it_expects() -> None:
    """A test carries a docstring of one sentence."""
    files = [file for file in _sources(*TESTS) if file.name.startswith("test_")]
    tests = [(file, one) for file in files for one in _functions(file) if one.name.startswith("test_")]
    said = {f"{_name(file)}:{one.name}": ast.get_docstring(one) or "" for file, one in tests}
    assert [name for name, docstring in said.items() if not docstring or "\n\n" in docstring] == []


def test_test_files_have_names_of_their_own() -> None:
    """Test folders are no packages, so two files of one name would hide each other."""
    names = [file.name for file in _sources(*TESTS) if file.name.startswith("test_")]
    assert len(names) == len(set(names))


def test_every_ignore_has_a_code_and_a_reason() -> None:
    """Whoever silences a checker says which rule and why."""
    bare = []
    for file in [*_sources(*PACKAGES, *TESTS), PROJECT / "infra"]:
        for line in file.read_text().splitlines():
            ignore = re.search(r"#\s*(?:noqa|type:\s*ignore)(.*)$", line)
            reason = r"(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*|\[[a-z-, ]+\])\s*(-|#)\s*\S+"
            if ignore and "re.search" not in line and not re.match(reason, ignore[1]):
                bare.append(f"{_name(file)}: {line.strip()}")
    assert bare == []


def test_nothing_secret_or_made_is_tracked() -> None:
    """Git holds neither .dev.vars nor state nor a virtual environment."""
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    made = re.compile(r"(^|/)(\.dev\.vars(?!\.example$)|\.infra/|\.venv/|\.wrangler/|\.xata/|\.xatarc$)", re.MULTILINE)
    assert not made.search(tracked)


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        (".dev.vars", True),
        ("app/.dev.vars", True),
        (".dev.vars.staging", True),
        (".dev.vars.example", False),
        (".xata/config", True),
        (".xatarc", True),
        (".wrangler/state", True),
        (".infra/state/.pulumi/meta.yaml", True),
        (".venv/bin/python", True),
        ("Pulumi.dev.yaml", False),
    ],
)
def test_git_ignores_what_must_not_be_committed(path: str, ignored: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """What holds secrets or is made on this machine is ignored; what a user writes is not."""
    answer = subprocess.run(["git", "check-ignore", "-q", path], cwd=PROJECT, check=False)
    assert (answer.returncode == 0) == ignored


def test_hooks_refuse_dev_vars_and_secrets(tmp_path: Path) -> None:
    """The pre-commit hooks stop a staged .dev.vars and a staged connection string, and show neither."""
    hooks = {
        hook["id"]: hook
        for hook in yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    }
    dev_vars = re.compile(hooks["dev-vars"]["files"])
    assert dev_vars.search(".dev.vars")
    assert dev_vars.search("app/.dev.vars.staging")
    assert not dev_vars.search(".dev.vars.example")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    password = secrets.token_hex(12)
    (tmp_path / "settings.txt").write_text(f"postgresql://app:{password}@db.example.com:5432/app\n")
    subprocess.run(["git", "add", "settings.txt"], cwd=tmp_path, check=True)
    command = [str(PROJECT / word) if word.startswith(".") else word for word in hooks["secrets"]["entry"].split()]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "database-url-with-password" in answer.stdout + answer.stderr
    assert password not in answer.stdout + answer.stderr
