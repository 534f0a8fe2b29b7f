"""The commands that the tutorial and the task pages show, typed one after another as a reader would."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloud_sandbox import node
from components.postgres.server.binaries import installed
from operations import cli
from tests.acceptance.conftest import cloned
from tests.sandboxed import Sandboxed, connect, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.wrangler

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
TASKS = ("deploy-staging", "restore", "preview-environments", "leave", "rotate", "move-the-state", "adopt-a-branch")
"""In an order in which each page finds what it counts on."""
OVER_TLS = Path(__file__).resolve().with_name("over_tls.py")
PLACEHOLDER = re.compile(r"(\w+)=…")
PAGE_SECONDS = 200


def commands(page: Path) -> str:
    """What the page's blocks of commands say, in their order."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return "".join(blocks)


def typed(page: Path, environment: dict[str, str]) -> str:
    """The page as a script. What the reader has to fill in is in the environment, and must be."""
    lines = commands(page).splitlines()
    missing = {name for line in lines for name in PLACEHOLDER.findall(line)} - environment.keys()
    assert not missing, f"{page.name} wants {missing}, which this test does not know"
    return "\n".join(["set -eu", *(line for line in lines if not PLACEHOLDER.search(line))])


def read(sandboxed: Sandboxed, page: str, **known: str) -> str:
    """Type everything the page shows in a new shell; what it printed."""
    environment = sandboxed.clone.environment(
        XDG_CACHE_HOME=sandboxed.cache,
        **known,
    )
    environment["PATH"] = os.pathsep.join([str(_programs(sandboxed)), environment.get("PATH", os.defpath)])
    done = subprocess.run(
        ["bash", "-c", typed(DOCS / page, environment)],
        cwd=sandboxed.clone.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PAGE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{page}:\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
    return done.stdout + done.stderr


def _programs(sandboxed: Sandboxed) -> Path:
    """A folder with psql and pg_dump as a reader has them, who speak TLS."""
    folder = sandboxed.clone.home / "bin"
    folder.mkdir(exist_ok=True)
    for name in ("psql", "pg_dump"):
        script = folder / name
        real = installed().programs / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{OVER_TLS}" "{real}" "$@"\n')
        script.chmod(0o755)
    return folder


def _tools() -> None:
    try:
        node.installed()
    except node.ToolsError as error:
        pytest.skip(f"{error.message}: {node.FETCH} fetches them")


@pytest.fixture(scope="module")
def office() -> Iterator[Sandboxed]:
    """A clone with a running sandbox, whose environment is a reader's shell with keys in it."""
    _tools()
    with cloned() as clone, sandbox_of(clone, workers=True) as made:
        yield made


def _keys(sandboxed: Sandboxed) -> dict[str, str]:
    """What `./infra sandbox env` puts into a shell."""
    found = sandboxed.shell()
    return {name: value for name, value in found.items() if name not in os.environ or name in {"PATH", "NO_PROXY"}}


def _stranger(sandboxed: Sandboxed) -> str:
    """In the place of staging a branch that somebody made by hand; its id."""
    sandboxed.begin_anew("staging")
    main = sandboxed.branches()["main"]
    place = f"/organizations/{sandboxed.record['organization']}/projects/{main['project']}/branches"
    made = sandboxed.control.post(place, json={"name": "staging", "mode": "inherit", "parentID": main["id"]})
    return str(made.raise_for_status().json()["id"])


@pytest.mark.thorough
@pytest.mark.timeout(PAGE_SECONDS)
def test_the_first_hour_works_as_written() -> None:
    """From a fresh clone to a rotated password on a deployed Worker, and everything is gone at the end."""
    _tools()
    with cloned() as clone:
        said = read(Sandboxed(clone=clone), "tutorial.md")
        assert not (clone.folder / ".infra/sandbox/sandbox.json").exists()
        assert not list((clone.folder / ".infra").glob("**/stacks/infra/dev.json"))  # nor the dev database's record
        assert not list((clone.folder.parent / "data").rglob("PG_VERSION"))
    assert "backupRetentionDays: 7 -> 14" in said


@pytest.mark.thorough
@pytest.mark.timeout(3 * PAGE_SECONDS)
def test_every_task_works_as_written(office: Sandboxed) -> None:
    """Each page's commands end well, one page after another, with keys where the page asks for them."""
    keys = _keys(office)
    for task in TASKS:
        known = {**keys, "BRANCH_ID": _stranger(office)} if task == "adopt-a-branch" else keys
        if task == "restore":
            _write_something(office)
        read(office, f"tasks/{task}.md", **known)


def _write_something(sandboxed: Sandboxed) -> None:
    """A table, so that a restore has something to bring over."""
    url = sandboxed.outputs("staging")["databaseUrl"]
    with connect(url, authority=sandboxed.record["authority"]) as session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE printers (name text)")


def test_every_page_with_commands_is_typed() -> None:
    """No task page is left out."""
    assert {page.stem for page in (DOCS / "tasks").glob("*.md")} == set(TASKS)


@pytest.mark.parametrize("page", ["tutorial.md", *(f"tasks/{task}.md" for task in TASKS)])
def test_every_command_line_that_a_page_shows_is_one(page: str) -> None:
    """What the long runs type is read here: each call of ./infra has the options and arguments that it may have."""
    lines = commands(DOCS / page).replace("\\\n", " ")
    shown = re.findall(r"\./infra((?:[ \t]+(?![|&<>);#])(?:\"[^\"]*\"|'[^']*'|[^\s|&<>);])+)+)", lines)
    assert shown
    for one in shown:
        words = shlex.split(one)
        if "--help" not in words:
            cli.parse(words)
