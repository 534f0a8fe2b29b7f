"""A call of ./infra when everything is in step, and on a Python that cannot be used."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.conftest import PROJECT, load

if TYPE_CHECKING:
    from tests.infra.conftest import Fresh

SOURCE = (PROJECT / "infra").read_text()


@pytest.fixture
def ready(fresh: Fresh) -> Fresh:
    """A clone whose environment is this one's, and in step."""
    prefix = Path(sys.prefix)
    place = fresh.folder / ".venv"
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    (place / "lib").symlink_to(prefix / "lib")
    (place / "pyvenv.cfg").write_text((prefix / "pyvenv.cfg").read_text())
    module = load(fresh.folder / "infra")
    (place / ".in-step").write_bytes(module.stamp(module.DEVELOPMENT))
    return fresh


@pytest.fixture
def module(fresh: Fresh) -> ModuleType:
    """The executable as a module."""
    return load(fresh.folder / "infra")


def test_a_call_in_step_runs_the_command_where_the_user_is(ready: Fresh, tmp_path: Path) -> None:
    """From any folder: arguments, exit code and current folder are the user's, the program's folder is on the path."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    answer = ready.call("up", "dev", "--config", "a b=c", folder=elsewhere)
    assert answer.returncode == 42
    assert answer.stderr == ""
    told = json.loads(answer.stdout)
    assert told["arguments"] == ["up", "dev", "--config", "a b=c"]
    assert told["folder"] == str(elsewhere)
    assert told["path"] == str(ready.folder)
    assert told["python"] == str(ready.folder / ".venv")


def test_it_may_be_called_through_a_link(ready: Fresh, tmp_path: Path) -> None:
    """A link in a folder of the PATH finds the project it points into."""
    link = tmp_path / "infra"
    link.symlink_to(ready.folder / "infra")
    answer = subprocess.run(
        [sys.executable, str(link)], env=ready.environment, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert json.loads(answer.stdout)["path"] == str(ready.folder)


def test_foreign_modules_stay_outside(ready: Fresh, tmp_path: Path) -> None:
    """PYTHONPATH and PYTHONHOME of another Python, and a module in the current folder, do no harm."""
    (tmp_path / "json.py").write_text("raise RuntimeError('a foreign module')")
    answer = ready.call(folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert answer.returncode == 42, answer.stderr
    environment = json.loads(answer.stdout)["environment"]
    assert "PYTHONPATH" not in environment
    assert "PYTHONHOME" not in environment


def test_in_step_means_every_byte_of_the_pins(ready: Fresh) -> None:
    """A pin added or removed at the end of the file is noticed."""
    module = load(ready.folder / "infra")
    file = ready.folder / "requirements.txt"
    text = file.read_text()
    assert module.in_step(module.RUN_TIME)
    for changed in (f"{text}more==1\n", text[:-1]):
        file.write_text(changed)
        assert not module.in_step(module.RUN_TIME)


def test_a_call_in_step_imports_next_to_nothing(ready: Fresh) -> None:
    """What only the set-up needs is not loaded, because every call would pay for it."""
    code = (
        "import os, runpy, sys\n"
        "before = set(sys.modules)\n"
        "os.execv = lambda *_: (print(*sorted(set(sys.modules) - before)), os._exit(0))\n"
        "sys.stdout.reconfigure(write_through=True)\n"
        "loaded = compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')\n"
        "exec(loaded, {'__name__': '__main__', '__file__': sys.argv[1]})\n"
    )
    answer = subprocess.run(
        [sys.executable, "-S", "-c", code, str(ready.folder / "infra")],
        env=ready.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"subprocess", "shutil", "venv", "argparse", "pathlib", "hashlib", "json", "logging", "fcntl", "ast"}
    assert not heavy & set(answer.stdout.split())


def test_the_real_command_line_answers_through_it(ready: Fresh) -> None:
    """./infra --help is the help of the real command line."""
    (ready.folder / "operations" / "__main__.py").unlink()
    (ready.folder / "operations").rmdir()
    for room in ("operations", "components", "stacks"):
        (ready.folder / room).symlink_to(PROJECT / room)
    answer = ready.call("--help")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("usage: ./infra")


def test_an_old_python_can_read_the_file() -> None:
    """Only syntax of Python 3.6, and annotations that it can evaluate, so that it can say what is missing."""
    tree = ast.parse(SOURCE, feature_version=(3, 6))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            annotations = [argument.annotation for argument in node.args.args] + [node.returns]
            assert all(isinstance(one, ast.Name | ast.Constant | None) for one in annotations), node.name
    assert SOURCE.isascii()


def test_it_is_executable_and_finds_python_by_its_common_name() -> None:
    """A user types ./infra."""
    assert SOURCE.startswith("#!/usr/bin/env python3\n")
    assert os.access(PROJECT / "infra", os.X_OK)


def _old(module: ModuleType, monkeypatch: pytest.MonkeyPatch, path: Path) -> list[Any]:
    """Make the module believe that it runs on Python 3.8; return what it would become."""
    became: list[Any] = []
    old = SimpleNamespace(version_info=(3, 8, 10), argv=["infra", "up", "dev"], stderr=sys.stderr)
    monkeypatch.setattr(module, "sys", old)
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(os, "execv", lambda *call: became.append(call))
    return became


def test_an_old_python_looks_for_a_newer_one(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The newest that answers is taken; a shim of a version manager that stands for nothing is passed over."""
    for name, code in (("python3.15", 127), ("python3.13", 0), ("python3.11", 0)):
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\nexit {code}\n")
        file.chmod(0o755)
    became = _old(module, monkeypatch, tmp_path / "bin")
    with pytest.raises(module.StoppedError):  # the call that replaces the process returns only here
        module.require_new_python()
    newer = str(tmp_path / "bin" / "python3.13")
    assert became[0] == (newer, [newer, str(module.__file__), "up", "dev"])


def test_an_old_python_alone_is_a_sentence(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a newer one: what was found, what is needed, and how to get it."""
    _old(module, monkeypatch, tmp_path)
    assert module.main(["up", "dev"]) == 6
    told = capsys.readouterr().err
    assert "Python 3.8 is too old" in told
    assert "3.11 or newer" in told
    assert "sudo apt install" in told


def test_a_python_without_pip_and_ensurepip_is_a_sentence(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Distributions split Python: the command that brings the missing part is named."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert module.main([]) == 6
    told = capsys.readouterr().err
    assert "comes without pip and ensurepip" in told
    assert f"python{sys.version_info[0]}.{sys.version_info[1]}-venv" in told


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "the disk is full"),
        (OSError(30, "Read-only file system"), "a folder cannot be written"),
        (PermissionError(13, "Permission denied"), "a folder cannot be written"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_what_the_system_refuses_is_a_sentence(
    error: OSError,
    said: str,
    module: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A full disk, a read-only folder or a broken one is told in words with a next step."""

    def locked() -> int:
        raise error

    monkeypatch.setattr(module, "locked", locked)
    assert module.main([]) == 6
    told = capsys.readouterr().err
    assert said in told
    assert "next: " in told
