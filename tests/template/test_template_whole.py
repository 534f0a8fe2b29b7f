"""A team's first day: from this repository to the database of another app, and to the program's next version."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clone import PROJECT, SECONDS, Clone
from tests.template.conftest import commit, git

if TYPE_CHECKING:
    from collections.abc import Iterator

START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from operations.__main__ import main; sys.exit(main())"
"""What ./infra becomes once it has set itself up, which is tested by itself."""

READERS = (
    "tests/stacks/test_stacks_config.py",
    "tests/stacks/test_stacks_preview.py",
    "tests/stacks/test_stacks_worker.py",
    "tests/components/xata/test_deletion_guard.py",
    "tests/operations/test_operations_cli.py",
    "tests/operations/test_operations_data.py",
    "tests/operations/test_operations_init.py",
    "tests/operations/test_operations_rotation_due.py",
    "tests/operations/test_operations_wrangler.py",
    "tests/docs/test_docs_commands.py",
    "tests/acceptance/test_acceptance_any_app.py",
    "tests/acceptance/test_acceptance_config.py",
)
"""Tests of all kinds that read a stack's file: declared, run by an engine, asked of a command, a shell, a clone."""


@dataclass(frozen=True, kw_only=True)
class Day:
    """The program as it stands here, and the project that is made of it in the app's clone."""

    program: Path
    project: Path
    home: Path

    def infra(self, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of a project with this environment, and wait for its end."""
        done = subprocess.run(
            [sys.executable, "-s", "-P", "-c", START, str(folder), *words],
            cwd=folder,
            env=Clone(folder=folder, home=self.home).environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture
def day() -> Iterator[Day]:
    """A commit of all that lies here, and the clone of an app."""
    parent = Path(tempfile.mkdtemp(prefix="infra-test-"))
    parent.chmod(0o755)  # the account that runs Postgres must be able to enter
    made = Day(program=parent / "program", project=parent / "acme-shop/infra", home=parent / "home")
    for folder in (made.home, made.project.parent):
        folder.mkdir()
    git(parent, "clone", "-q", str(PROJECT), str(made.program))
    for name in git(PROJECT, "ls-files", "--modified", "--others", "--exclude-standard").splitlines():
        (made.program / name).parent.mkdir(parents=True, exist_ok=True)
        if (PROJECT / name).is_file():
            shutil.copy2(PROJECT / name, made.program / name)
    (made.program / "NEWS.md").write_text("The first.\n")
    git(made.program, "remote", "remove", "origin")
    commit(made.program)
    git(made.project.parent, "init", "-q")
    commit(made.project.parent, wrangler__jsonc='{\n  "name": "acme-shop"\n}\n')
    try:
        yield made
    finally:
        if (made.project / ".infra").exists():
            made.infra(made.project, "destroy", "dev", "--yes", "--config", "retainData=false")
        shutil.rmtree(parent, ignore_errors=True)


@pytest.mark.thorough
def test_the_first_day(day: Day) -> None:
    """A project without a word of this one's app, a healthy database of its own, an upgrade beside a team's change."""
    day.infra(day.program, "init", "--into", str(day.project), "--yes")
    made = [file for file in day.project.parent.rglob("*") if file.is_file() and ".git" not in file.parts]
    assert [file for file in made if b"print" + b"farm" in file.read_bytes().lower()] == []
    day.infra(day.project, "up", "dev", "--yes", "--engine", "embedded")
    variables = (day.project.parent / ".dev.vars").read_text()
    assert "postgresql://acme_shop:" in variables
    day.infra(day.project, "verify", "dev")
    commit(day.project, README__md=(day.project / "README.md").read_text().replace("# infra\n", "# The shop's infra\n"))
    commit(day.program, NEWS__md="The second.\n")
    day.infra(day.project, "upgrade")
    assert (day.project / "NEWS.md").read_text() == "The second.\n"
    assert (day.project / "README.md").read_text().startswith("# The shop's infra\n")
    assert (day.project.parent / ".dev.vars").read_text() == variables


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("acme-shop/infra", ("--environment", "live")),
        ("acme-infra", ("--layout", "two", "--environment", "production")),
        ("acme-shop/infra", ("--without", "workflows", *("--environment", "staging", "--environment", "qa"))),
        ("acme-shop/infra", ("--without", "previews")),
    ],
)
def test_its_tests_pass_whatever_a_team_calls_its_environments(day: Day, folder: str, words: tuple[str, ...]) -> None:
    """They work in a project of their own, so none of them counts on a file that a team need not have."""
    app, project = day.project.parent, day.project.parents[1] / folder
    day.infra(day.program, "init", "--into", str(project), "--app-path", str(app), *words, "--yes")
    shutil.rmtree(project / "packages")
    for name in (".venv", "packages"):  # an environment knows where its packages lie, so the two go together
        (project / name).symlink_to(PROJECT / name)
    workflows = [name for name in ("tests/workflows/test_workflows_files.py",) if (project / name).exists()]
    done = subprocess.run(
        [project / ".venv/bin/python", "-m", "pytest", "-n", "2", *READERS, *workflows],
        cwd=project,
        env=Clone(folder=project, home=day.home).environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
