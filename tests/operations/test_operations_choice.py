"""Which engine works on a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from operations.engines import choice
from operations.engines.interface import EngineOptions
from operations.errors import MachineError
from operations.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def _cli(path: Path, version: str, *, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment whose PATH and home folder are ours."""
    values = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    monkeypatch.delenv("PULUMI_HOME", raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def _choose(wanted: str, tmp_path: Path) -> tuple[str, str, list[str]]:
    said: list[str] = []
    workspace = Workspace(folder=tmp_path, stack="dev", backend_url="file:///s", passphrase="p")
    engine = choice.choose(wanted, workspace, EngineOptions(), say=said.append)
    return engine.name, str(getattr(engine, "command", "")), said


def test_a_new_enough_cli_on_the_path_is_used(environ: dict[str, str], tmp_path: Path) -> None:
    """The CLI on the PATH comes first, without a word."""
    del environ
    path = _cli(tmp_path / "bin" / "pulumi", "v3.238.0")
    _cli(tmp_path / "home" / ".pulumi" / "bin" / "pulumi", "v3.300.0")
    assert _choose("auto", tmp_path) == ("pulumi", str(path), [])


def test_the_users_pulumi_folder_is_next(environ: dict[str, str], tmp_path: Path) -> None:
    """Without one on the PATH, the CLI in ~/.pulumi is used."""
    del environ
    path = _cli(tmp_path / "home" / ".pulumi" / "bin" / "pulumi", "v3.300.0")
    assert _choose("auto", tmp_path) == ("pulumi", str(path), [])


def test_of_several_installed_versions_the_newest_is_used(environ: dict[str, str], tmp_path: Path) -> None:
    """Versions are compared as numbers, not as text."""
    del environ
    versions = tmp_path / "home" / ".pulumi" / "versions"
    _cli(versions / "3.99.0" / "bin" / "pulumi", "v3.99.0")
    _cli(versions / "3.250.0" / "bin" / "pulumi", "v3.250.0")
    newest = _cli(versions / "3.1000.0" / "bin" / "pulumi", "v3.1000.0")
    assert _choose("auto", tmp_path)[1] == str(newest)


def test_a_too_old_cli_is_passed_over_and_named(environ: dict[str, str], tmp_path: Path) -> None:
    """An old CLI on the PATH is said, and a newer one elsewhere is used."""
    del environ
    old = _cli(tmp_path / "bin" / "pulumi", "v3.237.9")
    new = _cli(tmp_path / "home" / ".pulumi" / "bin" / "pulumi", "v3.272.0")
    name, command, said = _choose("auto", tmp_path)
    assert (name, command) == ("pulumi", str(new))
    assert len(said) == 1
    assert f"Pulumi 3.237.9 ({old})" in said[0]


def test_without_a_cli_the_embedded_engine_works_and_says_so_in_one_line(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """One line says that the embedded engine is used, and how to get the CLI."""
    del environ
    name, _, said = _choose("auto", tmp_path)
    assert name == "embedded"
    assert len(said) == 1
    assert "./infra setup --pulumi" in said[0]
    assert "\n" not in said[0]


@pytest.mark.parametrize(("version", "code"), [("not-a-version", 0), ("v3.272.0", 1)])
def test_a_program_that_is_no_cli_is_not_used(environ: dict[str, str], tmp_path: Path, version: str, code: int) -> None:
    """Whatever is named pulumi and does not answer like it is passed over."""
    del environ
    _cli(tmp_path / "bin" / "pulumi", version, code=code)
    assert _choose("auto", tmp_path)[0] == "embedded"


def test_the_cli_asked_for_by_name_must_be_there(environ: dict[str, str], tmp_path: Path) -> None:
    """`--engine pulumi` without one that is new enough is an error with the remedy, which names the old one."""
    del environ
    _cli(tmp_path / "bin" / "pulumi", "v3.100.0")
    with pytest.raises(MachineError, match=r"Pulumi 3\.100\.0") as told:
        _choose("pulumi", tmp_path)
    assert told.value.next_step == "./infra setup --pulumi"


def test_the_embedded_engine_asked_for_by_name_asks_nobody(environ: dict[str, str], tmp_path: Path) -> None:
    """`--engine embedded` looks for no CLI and says nothing."""
    del environ
    _cli(tmp_path / "bin" / "pulumi", "v3.272.0")
    assert _choose("embedded", tmp_path) == ("embedded", "", [])
