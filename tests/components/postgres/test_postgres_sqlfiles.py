"""The list of SQL files, and its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.errors import ConfigurationError, LocalError
from components.postgres.sqlfiles import PROJECT_FOLDER, SqlFile, declare, expanded, history_reason

if TYPE_CHECKING:
    from pathlib import Path

ONE = SqlFile(name="1.sql", path="1.sql", sha256="a" * 64)
TWO = SqlFile(name="2.sql", path="2.sql", sha256="b" * 64)
ONE_CHANGED = SqlFile(name="1.sql", path="1.sql", sha256="c" * 64)


@pytest.mark.parametrize(
    ("applied", "wanted"),
    [([], []), ([], [ONE, TWO]), ([ONE], [ONE]), ([ONE], [ONE, TWO]), ([ONE, TWO], [ONE, TWO])],
)
def test_new_files_come_last(applied: list[SqlFile], wanted: list[SqlFile]) -> None:
    """What was applied stays the beginning of the list, unchanged."""
    assert history_reason(applied, wanted) == ""


@pytest.mark.parametrize(
    ("applied", "wanted", "words"),
    [
        ([ONE], [ONE_CHANGED], ["1.sql was applied with sha256 aaaaaaaaaaaa", "cccccccccccc", "new file"]),
        ([ONE], [], ["1.sql was applied and is no longer listed", "bring it back"]),
        ([ONE], [TWO, ONE], ["2.sql stands before 1.sql", "list new files last"]),
        ([ONE, TWO], [TWO, ONE], ["stands before"]),
        ([], [ONE, ONE], ["1.sql is listed twice"]),
    ],
)
def test_history_is_not_rewritten(applied: list[SqlFile], wanted: list[SqlFile], words: list[str]) -> None:
    """A changed, removed, reordered or repeated file is refused by name, with the next step."""
    problem = history_reason(applied, wanted)
    for word in words:
        assert word in problem


@pytest.mark.parametrize(
    ("branch", "command"),
    [
        ("dev", "./infra destroy dev --yes --config retainData=false, then up"),
        ("pr-7", "./infra destroy pr-7 --yes, then up"),
        ("production", ""),
    ],
)
def test_starting_over_is_advised_where_data_may_go(branch: str, command: str) -> None:
    """The message names the command for the branch's own kind of data, and none for data that are to stay."""
    problem = history_reason([ONE], [ONE_CHANGED], branch=branch)
    assert problem.endswith(command or "a new file behind it")


def test_a_file_outside_the_clone_is_named_in_full(tmp_path: Path) -> None:
    """Its path is absolute, its name is what the configuration says."""
    (tmp_path / "seed.sql").write_text("SELECT 1;")
    file = declare("seed.sql", tmp_path)
    assert (file.name, file.path) == ("seed.sql", str(tmp_path.resolve() / "seed.sql"))
    assert file.text() == "SELECT 1;"


def test_a_file_inside_the_clone_is_named_from_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A moved clone shows no change, because nothing recorded says where it is."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "seed.sql").write_text("SELECT 1;")
    monkeypatch.setattr("components.postgres.sqlfiles.PROJECT_FOLDER", tmp_path.resolve())
    monkeypatch.chdir("/")
    file = declare("./db/seed.sql", tmp_path)
    assert file.path == "db/seed.sql"
    assert file.text() == "SELECT 1;"


def test_line_ends_and_byte_order_marks_do_not_matter(tmp_path: Path) -> None:
    """The same text saved on another system is the same file."""
    (tmp_path / "unix.sql").write_bytes(b"SELECT 1;\nSELECT 2;\n")
    (tmp_path / "windows.sql").write_bytes(b"\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n")
    assert declare("unix.sql", tmp_path).sha256 == declare("windows.sql", tmp_path).sha256


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["sql"], ["sql/02.sql", "sql/1.sql", "sql/B.sql", "sql/a.sql"]),
        (["sql/a.sql", "sql/"], ["sql/a.sql", "sql/02.sql", "sql/1.sql", "sql/B.sql"]),
        (["sql/[0-9]*.sql"], ["sql/02.sql", "sql/1.sql"]),
        (["sql/**/*.sql"], ["sql/02.sql", "sql/1.sql", "sql/B.sql", "sql/a.sql", "sql/more/1.sql", "sql/z/0.sql"]),
        (["sql/more", "sql/[x].sql", "../*/none.sql"], ["sql/more/1.sql", "sql/[x].sql"]),
        (["sql/a.sql", "sql/a.sql"], ["sql/a.sql", "sql/a.sql"]),
        (["sql", "sql/a.sql"], ["sql/02.sql", "sql/1.sql", "sql/B.sql", "sql/a.sql", "sql/a.sql"]),
        (["missing.sql", "empty"], ["missing.sql"]),
    ],
)
def test_a_folder_and_a_pattern_are_files_in_the_order_of_their_names(
    tmp_path: Path, names: list[str], files: list[str]
) -> None:
    """Byte by byte, whatever the machine's language; what stands there already is not listed again by them."""
    for file in ("02", "1", "B", "a", "more/1", "z/0", ".hidden"):
        (tmp_path / "sql" / f"{file}.sql").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sql" / f"{file}.sql").touch()
    if "sql/[x].sql" in names:
        (tmp_path / "sql" / "[x].sql").touch()
    (tmp_path / "sql" / "README.md").touch()
    (tmp_path / "sql" / "folder.sql").mkdir()
    (tmp_path / "empty").mkdir()
    assert expanded(names, tmp_path) == files


def test_a_file_that_changes_under_the_run_is_refused(tmp_path: Path) -> None:
    """What is applied is what was declared."""
    (tmp_path / "seed.sql").write_text("SELECT 1;")
    file = declare("seed.sql", tmp_path)
    (tmp_path / "seed.sql").write_text("DROP TABLE users;")
    with pytest.raises(LocalError, match=r"changed while the run went on"):
        file.text()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message says which file, where it was looked for, and where to correct it."""
    with pytest.raises(ConfigurationError) as caught:
        declare("db/seed.sql", tmp_path)
    assert "db/seed.sql cannot be read: No such file" in str(caught.value)
    assert str(tmp_path.resolve()) in str(caught.value)
    assert "sqlFiles" in caught.value.next_step


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Only UTF-8 can be applied."""
    (tmp_path / "seed.sql").write_bytes(b"SELECT '\xff';")
    with pytest.raises(ConfigurationError, match=r"seed.sql is not UTF-8 text"):
        declare("seed.sql", tmp_path)


def test_unsuited_files_are_refused_when_declared(tmp_path: Path) -> None:
    """A file with its own transaction fails before any resource is touched."""
    (tmp_path / "seed.sql").write_text("BEGIN;\nCOMMIT;")
    with pytest.raises(ConfigurationError, match=r"line 1 is BEGIN"):
        declare("seed.sql", tmp_path)


def test_the_project_folder_is_this_clone() -> None:
    """Relative paths start where the program is, whatever folder a process runs in."""
    assert (PROJECT_FOLDER / "Pulumi.yaml").is_file()
