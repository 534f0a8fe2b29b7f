"""Which files a stack may read and write: those of the project, of the app's repository, and those that are named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from components.errors import ConfigurationError
from stacks.config import check

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project beside an app that is a folder of its repository, and a folder that is neither's."""
    for made in ("project/sql", "shop/.git", "shop/app", "shop/sql", "other"):
        (tmp_path / made).mkdir(parents=True)
    for file in ("project/sql/1.sql", "shop/sql/2.sql", "other/3.sql", "other/vars"):
        (tmp_path / file).touch()
    return tmp_path / "project"


def _check(stack: str, folder: Path, **told: str | list[str]) -> None:
    raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}
    check(stack, {f"infra:{key}": value for key, value in raw.items()}, folder=folder)


def test_files_of_the_project_and_of_the_apps_repository_are_used(folder: Path) -> None:
    """The app's folder is named by appPath, and with it the repository that holds it."""
    _check("dev", folder, appPath="../shop/app", sqlFiles=["sql/1.sql", "../shop/sql/2.sql"])
    (folder.parent / "shop" / "app" / ".dev.vars").symlink_to("../sql/2.sql")
    _check("dev", folder, appPath="../shop/app")


@pytest.mark.parametrize("stack", ["dev", "foundation", "staging", "pr-7"])
def test_an_sql_file_outside_is_refused_unless_it_is_named(folder: Path, stack: str) -> None:
    """Also behind a link in the project; by its own path, or by that of a folder above it."""
    (folder / "sql" / "link.sql").symlink_to(folder.parent / "other" / "3.sql")
    for name in ("../other/3.sql", str(folder.parent / "other" / "3.sql"), "sql/link.sql", "sql/l*.sql", "../other"):
        with pytest.raises(ConfigurationError, match=r"sqlFiles names '.*', which leads to .*outside of .*project"):
            _check(stack, folder, sqlFiles=[name])
        for named in ("../other/3.sql", "../other"):
            _check(stack, folder, sqlFiles=[name], outsidePaths=[named])
        with pytest.raises(ConfigurationError):
            _check(stack, folder, sqlFiles=[name], outsidePaths=["../othe"])


def test_a_file_that_sanitizes_is_no_stranger(folder: Path) -> None:
    """It is run as the database's owner on a copy of staging's data."""
    with pytest.raises(ConfigurationError, match=r"sanitize names '\.\./other/3\.sql', which leads to .*outside of"):
        _check("pr-7", folder, sanitize="../other/3.sql")
    _check("pr-7", folder, sanitize="../other/3.sql", outsidePaths=["../other"])


def test_migrations_outside_are_refused_unless_they_are_named(folder: Path) -> None:
    """The folder itself, and a link in it: the app's command would follow both."""
    told: dict[str, str | list[str]] = {"appPath": "../shop/app", "migrate": "dbmate up"}
    with pytest.raises(ConfigurationError, match=r"migrations names '\.\./other', which leads to .*other, outside of"):
        _check("staging", folder, **told, migrations="../other")
    _check("staging", folder, **told, migrations="../other", outsidePaths=["../other"])
    _check("staging", folder, **told, migrations="../shop/sql")
    (folder.parent / "shop" / "sql" / "link.sql").symlink_to(folder.parent / "other" / "3.sql")
    with pytest.raises(ConfigurationError, match=r"migrations names .*3\.sql, outside of"):
        _check("staging", folder, **told, migrations="../shop/sql")


@pytest.mark.parametrize(
    ("stack", "name", "refused"),
    [
        ("dev", ".dev.vars", True),
        ("dev", "wrangler.jsonc", True),
        ("staging", "wrangler.json", True),
        ("pr-7", "wrangler.toml", True),
        ("staging", ".dev.vars", False),
    ],
)
def test_a_link_out_of_the_apps_repository_is_refused_unless_it_is_named(
    folder: Path, stack: str, name: str, *, refused: bool
) -> None:
    """Of the files that this stack reads or writes by their fixed names; also when what it leads to is not there."""
    (folder.parent / "shop" / "app" / name).symlink_to(folder.parent / "other" / "new")
    if refused:
        with pytest.raises(ConfigurationError, match=f"{name} in the app's folder is a link.*outside of .*shop"):
            _check(stack, folder, appPath="../shop/app")
    _check(stack, folder, appPath="../shop/app", outsidePaths=["../other/new"] if refused else [])
