"""psql, dump and load: what each asks a program for, and what production's database is spared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from components.postgres import programs
from operations.commands.psql import READ_ONLY
from operations.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from components.connection import Connection
    from tests.operations.doubles import FakeEngine
    from tests.operations.xata_double import Xata

    Asked = list[tuple[str, list[str], str]]


@pytest.fixture
def asked(fake_engine: FakeEngine, xata: Xata, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Which programs were run, with which arguments and options; each writes a line and ends well."""
    fake_engine.values = xata.outputs()
    calls: Asked = []

    def run(program: str, arguments: list[str], connection: Connection, **more: Any) -> programs.Ended:
        assert connection.password == xata.password()
        assert not [one for one in arguments if connection.password in one]
        calls.append((program, list(arguments), more.get("options", "")))
        if more.get("output"):
            more["output"].write(b"PGDMP of it")
        return programs.Ended(code=0)

    monkeypatch.setattr(programs, "run", run)
    return calls


@pytest.mark.parametrize(
    ("words", "options", "prompt"),
    [
        (("staging",), "", "staging %/%R%x%# "),
        (("production",), READ_ONLY, "production (reads) %/%R%x%# "),
        (("production", "--write"), "", "production %/%R%x%# "),
    ],
)
def test_a_session_with_production_only_reads(
    infra: Callable[..., Any], asked: Asked, words: tuple[str, ...], options: str, prompt: str
) -> None:
    """Unless it is asked to write; the prompt says so, and what follows -- goes on unread."""
    assert infra("psql", *words, "--", "-c", "select 1", "--", "app").code == 0
    assert asked == [("psql", [f"--set=PROMPT1={prompt}", "-c", "select 1", "--", "app"], options)]


@pytest.mark.parametrize(("code", "ended"), [(3, 3), (0, 0), (-15, 143)])
def test_psql_says_how_the_command_ends(
    infra: Callable[..., Any], asked: Asked, monkeypatch: pytest.MonkeyPatch, code: int, ended: int
) -> None:
    """A shell's number for a signal included."""
    assert asked == []
    monkeypatch.setattr(programs, "run", lambda *_, **__: programs.Ended(code=code))
    assert infra("psql", "staging").code == ended


def test_a_server_that_is_not_trusted_is_named(
    infra: Callable[..., Any], asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that says which layer it is."""
    assert asked == []
    missed = programs.Ended(code=2, unreached="certificate verify failed")
    monkeypatch.setattr(programs, "run", lambda *_, **__: missed)
    answer = infra("psql", "staging")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert "certificate verify failed" in answer.err
    assert "./infra verify staging" in answer.err


def test_a_dump_is_there_whole_or_not_at_all(
    infra: Callable[..., Any], asked: Asked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of production, too; without what belongs to each branch alone."""
    file = tmp_path / "all.dump"
    assert infra("dump", "production", str(file)).code == ExitCode.SUCCESS
    assert file.read_bytes() == b"PGDMP of it"
    assert "--exclude-schema=infra" in asked[0][1]
    said = "pg_dump: error: query failed: ERROR:  permission denied\npg_dump: hint: none\n"
    monkeypatch.setattr(programs, "run", lambda *_, **__: programs.Ended(code=1, errors=said))
    answer = infra("dump", "production", str(tmp_path / "other.dump"))
    assert (answer.code, "permission denied" in answer.err) == (ExitCode.RESOURCE_FAILED, True)
    assert list(tmp_path.iterdir()) == [file]
    assert infra("dump", "staging", str(tmp_path / "none" / "x")).code == ExitCode.BAD_CONFIGURATION


@pytest.mark.parametrize(
    ("words", "content", "code", "said"),
    [
        (("production", "--yes"), b"PGDMP", ExitCode.CHANGES_REFUSED, "holds production's data"),
        (("staging",), b"PGDMP", ExitCode.CHANGES_REFUSED, "nothing was loaded"),
        (("staging", "--yes"), b"create table t ();", ExitCode.BAD_CONFIGURATION, "is no custom archive of pg_dump"),
        (("staging", "--yes"), None, ExitCode.BAD_CONFIGURATION, "cannot read"),
    ],
)
def test_what_is_not_loaded(
    infra: Callable[..., Any],
    asked: Asked,
    tmp_path: Path,
    words: tuple[str, ...],
    content: bytes | None,
    code: ExitCode,
    said: str,
) -> None:
    """Nothing into production, nothing that nobody agreed to, and nothing that pg_restore cannot read."""
    file = tmp_path / "x.dump"
    if content is not None:
        file.write_bytes(content)
    answer = infra("load", words[0], str(file), *words[1:])
    assert (answer.code, said in answer.err) == (code, True), answer.err
    assert asked == []


def test_a_load_is_one_transaction(infra: Callable[..., Any], asked: Asked, tmp_path: Path) -> None:
    """With --clean what is there under the same names goes first."""
    file = tmp_path / "x.dump"
    file.write_bytes(b"PGDMP")
    assert infra("load", "staging", str(file), "--yes", "--clean").code == ExitCode.SUCCESS
    ((program, arguments, _),) = asked
    assert program == "pg_restore"
    assert {"--single-transaction", "--exit-on-error", "--clean", "--if-exists"} <= {*arguments}
