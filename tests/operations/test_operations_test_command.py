"""./infra test, without running the suite in itself."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from operations import cli
from operations.commands import test as command
from operations.commands.test import Outcome
from operations.workspace import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Remember what would be started in place of pytest; it fails with code 5."""
    calls: list[list[str]] = []

    def run(arguments: list[str], **_named: Any) -> subprocess.CompletedProcess[str]:
        calls.append(arguments[1:])
        return subprocess.CompletedProcess(arguments, 5)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def _checks(code: int) -> Callable[..., list[Outcome]]:
    return lambda _folder, **_options: [
        Outcome(name="ruff check", code=0, output=""),
        Outcome(name="mypy", code=code, output="wrong"),
    ]


def test_without_arguments_everything_runs_and_the_first_failure_counts(
    infra: Callable[..., Any], started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks and tests all run; the code is that of the first that failed, and its output is shown."""
    monkeypatch.setattr(command, "check", _checks(3))
    monkeypatch.setattr(command, "PASSED", PROJECT / "nowhere")
    answer = infra("test")
    assert started == [["-m", "pytest"]]
    assert answer.code == 3
    assert "ruff check: ok\nmypy: FAILED\nwrong\n" in answer.err


def test_when_all_checks_pass_the_tests_decide(
    infra: Callable[..., Any], started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pytest's own exit code is handed on."""
    monkeypatch.setattr(command, "check", _checks(0))
    assert infra("test").code == 5
    assert len(started) == 1


def test_a_package_is_tested_again_when_it_or_what_it_stands_for_has_changed(
    infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only tests that passed are left out the next time, by name; a change of any kind brings them back."""
    for name in (*command.STOOD_FOR, *(f"{package}/src/one.py" for package in command.PACKAGES)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    codes, ran = [5, 0, 0, 0, 0, 0, 0], []

    def run(arguments: list[str], **_named: Any) -> subprocess.CompletedProcess[str]:
        ran.append([argument.rpartition("/")[2] for argument in arguments[3:]])
        return subprocess.CompletedProcess(arguments, codes.pop(0))

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(command, "check", _checks(0))
    monkeypatch.setattr(command, "PASSED", tmp_path / "passed")
    monkeypatch.setattr(command, "PROJECT", tmp_path)
    assert infra("test").code == 5
    assert infra("test").code == 0
    told = infra("test").err
    assert "packages/cloud-sandbox has not changed since its tests passed here" in told
    infra("test", "--all")
    (tmp_path / "packages/cloud-sandbox/src/one.py").write_text("2")
    infra("test")
    (tmp_path / "requirements.txt").write_text("2")
    infra("test")
    monkeypatch.setenv("INFRA_TEST_THOROUGH", "1")
    infra("test")
    assert ran == [[], [], ["cloud-sandbox", "pulumi-embedded"], [], ["pulumi-embedded"], [], []]


def test_arguments_go_to_pytest_alone(
    infra: Callable[..., Any],
    started: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """With arguments only pytest runs; paths are meant from the user's folder."""
    monkeypatch.setattr(command, "check", lambda _folder, **_options: pytest.fail("no checks were asked for"))
    (tmp_path / "test_x.py").touch()
    monkeypatch.chdir(tmp_path)
    infra("test", "test_x.py::test_a", "-k", "word", "--no-header", "-x")
    assert started == [["-m", "pytest", f"{tmp_path}/test_x.py::test_a", "-k", "word", "--no-header", "-x"]]


def test_quick_runs_what_its_list_names_and_everything_but_mypy(
    infra: Callable[..., Any], started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first look at what is there; more arguments are pytest's."""
    asked: list[dict[str, Any]] = []

    def check(_folder: Path, **options: Any) -> list[Outcome]:
        asked.append(options)
        return []

    monkeypatch.setattr(command, "check", check)
    assert infra("test", "--quick", "-x").code == 5
    assert asked == [{"quick": True}]
    assert started == [["-m", "pytest", *command.QUICK, "-x"]]
    for name in (one.removeprefix("--ignore=") for one in command.QUICK):
        file, _, test = name.partition("::")
        assert (PROJECT / file).exists()
        assert not test or f"def {test}(" in (PROJECT / file).read_text()


def test_workflows_is_a_word_for_their_tests_at_full_length(
    infra: Callable[..., Any], started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`./infra test workflows` runs one folder, with those tests that take minutes; more arguments are pytest's."""
    monkeypatch.setattr(command, "check", lambda _folder, **_options: pytest.fail("no checks were asked for"))
    monkeypatch.setenv("INFRA_TEST_THOROUGH", "")
    monkeypatch.delenv("INFRA_TEST_THOROUGH")
    assert infra("test", "workflows", "-x").code == 5
    assert started == [["-m", "pytest", str(PROJECT / "tests" / "workflows"), "-x"]]
    assert os.environ["INFRA_TEST_THOROUGH"] == "1"


def test_pytests_flags_are_not_ours() -> None:
    """A flag that this command line knows elsewhere still goes to pytest."""
    assert cli.parse(["test", "--verbose", "--json", "-h"]).pytest_arguments == ["--verbose", "--json", "-h"]


def test_the_checks_run_side_by_side_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check is a program of this Python; its output and its code are kept."""
    (tmp_path / "marker").touch()
    see = "import os, sys; print(os.path.exists('marker')); sys.exit(int(sys.argv[1]))"
    monkeypatch.setattr(command, "CHECKS", (("good", ("-c", see, "0")), ("bad", ("-c", see, "4"))))
    assert command.check(tmp_path) == [
        Outcome(name="good", code=0, output="True\n"),
        Outcome(name="bad", code=4, output="True\n"),
    ]
