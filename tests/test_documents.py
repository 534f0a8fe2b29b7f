"""What the documents promise is there."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest

from operations.cli import COMMANDS
from operations.workspace import HAS_SANDBOX
from tests.pictures import TERMINALS

PROJECT = Path(__file__).resolve().parent.parent
PAGES = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"), PROJECT / "bench" / "README.md"]


def _name(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def test_readme_shows_the_two_commands() -> None:
    """The two commands that do everything stand in the README as one types them."""
    text = (PROJECT / "README.md").read_text()
    assert "./infra up dev --yes" in text
    assert "./infra test" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_names_every_command(command: str) -> None:
    """No command is added without a line in the README."""
    assert f"| `./infra {command}" in (PROJECT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file or folder of the repository."""
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert [link for link in missing if HAS_SANDBOX or "packages/cloud-sandbox/" not in link] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_pages_name_only_commands_that_exist(page: Path) -> None:
    """A page that shows `./infra something` shows a command there is."""
    shown = set(re.findall(r"(?:^|`|\| )\./infra ([a-z]+)", page.read_text(), re.MULTILINE))
    assert shown <= COMMANDS.keys()


def test_a_newcomer_can_take_in_the_root() -> None:
    """At most 20 entries, stack files counted as one and dot files left out, each named by the README."""
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    top = {line.partition("/")[0] for line in tracked.splitlines() if not line.startswith(".")}
    entries = {re.sub(r"Pulumi\.\w+\.yaml", "Pulumi.<stack>.yaml", name) for name in top} - {"README.md"}
    text = (PROJECT / "README.md").read_text()
    assert len(entries) <= 20
    assert [name for name in sorted(entries) if not re.search(rf"[`(]{re.escape(name)}[/`)]", text)] == []


@pytest.mark.skipif(not HAS_SANDBOX, reason="some are of the sandbox, and this project was made without")
def test_modules_that_pages_say_to_run_can_be_loaded() -> None:
    """`.venv/bin/python -m bench`, typed at the top, finds all that it imports, also in the packages' test folders."""
    said = {name for page in PAGES for name in re.findall(r"python -m ([a-z_.]+\w)", page.read_text())}
    assert {"bench", "tests.acceptance.recorded_state"} <= said
    imports = ", ".join(f"{name}.__main__" if (PROJECT / name).is_dir() else name for name in sorted(said))
    command = [sys.executable, "-c", f"import {imports}"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_page_is_reached_from_the_readme() -> None:
    """A page nobody links is a page nobody reads."""
    text = "".join(page.read_text() for page in PAGES)
    assert [page.name for page in (PROJECT / "docs").rglob("*.md") if f"{page.name})" not in text] == []


@pytest.mark.parametrize("name", TERMINALS)
def test_a_recorded_terminal_stands_by_itself(name: str) -> None:
    """README's pictures of terminals show the commands they are recorded with, and have nothing from elsewhere."""
    drawn = (PROJECT / "docs" / "images" / f"{name}.svg").read_text()
    assert not re.search(r"font-face|<script|href=|src=", drawn)
    shown = html.unescape("".join(re.findall(r">([^<]*)</text>", drawn))).replace("\xa0", " ")
    for command in TERMINALS[name]:
        assert f"./infra {command}".replace(" --engine embedded", "").rstrip() in shown
    if name == "commands":
        assert [one for one in COMMANDS if f" {one} " not in shown] == [], "run: python -m tests.pictures"
