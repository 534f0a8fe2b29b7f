"""`./infra init` in place: what it asks, what it refuses, and what it writes into a project and into the app."""

from __future__ import annotations

import io
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from operations import cli, console, git
from operations.commands import init
from operations.errors import ChangesRefusedError, CommandError, UsageError
from operations.init import answers, fitting
from operations.init.answers import Answers
from operations.init.layouts import Layout

if TYPE_CHECKING:
    from pathlib import Path

PROJECT_FILE = """\
name: infra
config:
  infra:app: first-shop # the app's name
  checkMode:
    type: string
    default: "enforce"
"""
STAGING = """\
# Staging.
config:
  # This stays.
  infra:checkMode: warn
  infra:appPath: example # and so does this
"""
WRANGLER = """\
{
  // The shop's Worker.
  "name": "acme-shop",
  "main": "src/index.ts"
}
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A project beside the clone of its app."""

    project: Path
    app: Path

    def init(self, *words: str) -> int:
        """Run the command as a user types it."""
        command = cli.parse(["init", *words])
        return int(command.run(command))

    def read(self) -> dict[str, str]:
        """Every file of both, by its path."""
        folders = (self.project, self.app)
        files = (
            file for folder in folders for file in folder.rglob("*") if file.is_file() and ".git/" not in str(file)
        )
        return {file.relative_to(self.project.parent).as_posix(): file.read_text() for file in files}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The project is that of first-shop, and its app is an example in it."""
    project, app = tmp_path / "infra", tmp_path / "acme-shop"
    for folder in (project / ".git", project / "example", app / ".git", project / ".github/workflows"):
        folder.mkdir(parents=True)
    (project / ".github/workflows/deploy.yml").touch()
    texts = {"": PROJECT_FILE, "dev": "config:\n  infra:database: auto\n", "foundation": "", "staging": STAGING}
    texts["preview"] = "config:\n  infra:parent: staging\n  infra:protect: false\n"
    for stack, text in texts.items():
        (project / f"Pulumi.{stack}.yaml".replace("..", ".")).write_text(text)
    (app / "wrangler.jsonc").write_text(WRANGLER)
    (app / ".gitignore").write_text("node_modules/\n.dev.vars*")
    for module in (answers, fitting, init):
        monkeypatch.setattr(module, "PROJECT", project)
    monkeypatch.chdir(project)
    return Place(project=project, app=app)


SHOP = ("--app", "acme-shop", "--app-path", "../acme-shop", "--environment", "staging", "--environment", "qa")


def test_one_call_makes_a_project_that_of_an_app(place: Place) -> None:
    """Name, folder, environments, what git ignores, wrangler blocks; comments stay; a second call has nothing to do."""
    assert place.init(*SHOP, "--yes") == 0
    written = place.read()
    assert "  infra:app: acme-shop # the app's name\n" in written["infra/Pulumi.yaml"]
    assert "  # This stays.\n  infra:checkMode: warn\n" in written["infra/Pulumi.staging.yaml"]
    assert "  infra:appPath: ../acme-shop # and so does this\n" in written["infra/Pulumi.staging.yaml"]
    assert "  infra:appPath: ../acme-shop\n" in written["infra/Pulumi.qa.yaml"]
    assert "infra:appPath: ../acme-shop" in written["infra/Pulumi.dev.yaml"]
    assert written["acme-shop/.gitignore"] == "node_modules/\n.dev.vars*\n!.dev.vars.example\n.wrangler/\n"
    assert "// The shop's Worker.\n" in written["acme-shop/wrangler.jsonc"]
    for block in ("staging", "qa", "dev", "preview"):
        assert f'"{block}": ' in written["acme-shop/wrangler.jsonc"]
    assert place.init() == 0
    assert place.read() == written


def test_nothing_is_written_that_nobody_agreed_to(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal and without --yes, and with --dry-run, the change is shown and not made."""
    before = place.read()
    with pytest.raises(
        ChangesRefusedError, match="nothing was written, because there is no terminal to ask on"
    ) as told:
        place.init(*SHOP)
    assert "--yes" in told.value.next_step
    shown = capsys.readouterr().out
    assert "-  infra:app: first-shop # the app's name\n+  infra:app: acme-shop # the app's name\n" in shown
    assert f"begin {place.project}/Pulumi.qa.yaml\n" in shown
    assert place.init(*SHOP, "--dry-run") == 0
    assert "+  infra:appPath: ../acme-shop\n" in capsys.readouterr().out
    assert place.read() == before


def test_a_person_is_asked_for_what_no_option_says(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four questions, since a part cannot be left out here; an empty line keeps what there is; then the changes."""
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO("corner-shop\n\n\nstaging, qa\ny\n"))
    assert place.init() == 0
    asked = capsys.readouterr().err
    assert "app [first-shop]: " in asked
    assert "layout (app, folder, two) [app]: " in asked
    assert "environment [staging]: " in asked
    assert "without" not in asked
    assert "infra:app: corner-shop" in place.read()["infra/Pulumi.yaml"]
    assert "infra/Pulumi.qa.yaml" in place.read()


def test_a_no_changes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at the changes may leave it at that."""
    before = place.read()
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO("corner-shop\n\n\n\nn\n"))
    with pytest.raises(ChangesRefusedError, match="the answer was no"):
        place.init()
    assert place.read() == before


def test_environments_that_are_not_named_go(place: Place) -> None:
    """Their files are removed, and pull requests get copies of one that is left, never of production."""
    assert place.init("--environment", "production", "--environment", "uat", "--yes") == 0
    assert "infra/Pulumi.staging.yaml" not in place.read()
    assert "infra:parent: uat" in place.read()["infra/Pulumi.preview.yaml"]
    assert place.init("--environment", "production", "--yes") == 0
    assert "infra:parent: main" in place.read()["infra/Pulumi.preview.yaml"]


def test_a_wrangler_file_that_is_not_edited_is_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """TOML is checked and not written: the lines to paste are in the note, and everything else is done."""
    (place.app / "wrangler.jsonc").rename(place.app / "wrangler.toml").write_text('name = "acme-shop"\n')
    assert place.init(*SHOP, "--yes") == 0
    assert "wrangler.toml is TOML, which is checked and not written here" in capsys.readouterr().err
    assert "infra/Pulumi.qa.yaml" in place.read()


def test_an_app_without_a_wrangler_file_gets_one(place: Place) -> None:
    """It begins with the Worker's name, which is the app's."""
    (place.app / "wrangler.jsonc").unlink()
    assert place.init(*SHOP, "--yes") == 0
    assert '"name": "acme-shop"' in place.read()["acme-shop/wrangler.jsonc"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--app", "a" * 101], r"\(101 characters\): allowed are 1 to 100"),
        (["--app", "猫"], "an app cannot be called '猫': allowed are"),
        (["--app", "a\nb"], r"cannot be called 'a\\nb'"),
        (["--app", " "], "an app cannot be called"),
        (["--environment", "QA"], "an environment cannot be called 'QA': allowed is a lower-case letter"),
        (["--environment", "two words"], "cannot be called 'two words'"),
        (["--environment", "größer"], "cannot be called 'größer'"),
        (["--environment", "q" * 100], r"\(100 characters\): allowed is"),
        (["--environment", "dev"], "cannot be called 'dev': that is the developer's own, which there always is"),
        (["--environment", "foundation"], "that is the project and its root branch"),
        (["--environment", "preview"], "cannot be called 'preview'"),
        (["--environment", "pr-7"], "cannot be called 'pr-7'"),
        (["--environment", "qa", "--environment", "qa"], "the environment qa is named twice"),
        (["--layout", "tree"], "there is no layout 'tree': the layouts are app, folder, two"),
        (["--layout", "folder"], "the layout folder is for a folder of the app's repository"),
        (["--layout", "two"], "the layout two needs a project without the workflows that run in the app's repository"),
        (["--app-path", "../nowhere"], "the app's folder is '../nowhere', and there is no folder"),
        (["--without", "Docker"], "cannot be made without 'Docker': what can be left out is workflows, previews"),
        (["--without", "workflows"], "--without is for a project that is made with --into"),
    ],
)
def test_what_is_no_answer_is_refused_in_a_sentence(place: Place, words: list[str], said: str) -> None:
    """Which, what it is, what is allowed and the next step; nothing is written."""
    before = place.read()
    with pytest.raises(UsageError, match=said) as told:
        place.init(*words, "--yes")
    assert told.value.next_step
    assert place.read() == before


@pytest.mark.parametrize("app", ["Acme Shop", "select", "Ärzte", "a" * 100, "yes", "0x10"])
def test_a_name_that_can_be_written_otherwise_is_taken(place: Place, app: str) -> None:
    """Capitals, blanks, words of Postgres' own and of YAML's: the file gives back what was answered."""
    assert place.init("--app", app, "--yes") == 0
    assert answers.there(place.project).app == app


def test_a_file_that_a_program_cannot_edit_leaves_all_as_it_was(place: Place) -> None:
    """Everything is known before the first file is written."""
    (place.project / "Pulumi.preview.yaml").write_text("config: {infra:parent: gone, infra:protect: false}\n")
    before = place.read()
    with pytest.raises(Exception, match="cannot be edited by a program") as told:
        place.init(*SHOP, "--yes")
    assert not isinstance(told.value, CommandError)  # it is the engine's, and has its own exit code
    assert place.read() == before


def test_the_caller_waits_until_the_program_is_on_github(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two repositories, the app's gets a workflow with the program's commit; what is written there stays."""
    told = {"remote": "git@github.com:acme/infra.git", "rev-parse": "a" * 40, "branch": ""}
    monkeypatch.setattr(git, "answer", lambda _folder, *words: told[words[0]])
    (place.project / ".github/workflows/deploy.yml").unlink()
    (place.project / fitting.CALLER).write_text("uses: {}@{}\n".format(*fitting.CALLED))
    two = Answers(app="acme-shop", layout=Layout.TWO, app_path="../acme-shop", environments=("staging",))
    waits = fitting.plan(two, place.project, environ={})
    assert "push it there, then ./infra init" in " ".join(waits.notes)
    caller = place.app / ".github/workflows/infra.yml"
    assert caller not in {change.path for change in waits.changes}
    told["branch"] = "origin/main"
    found = {change.path: change.new for change in fitting.plan(two, place.project, environ={}).changes}
    assert found[caller] == f"uses: acme/infra@{'a' * 40}\n"
    caller.parent.mkdir(parents=True)
    caller.write_text("ours\n")
    assert caller not in {change.path for change in fitting.plan(two, place.project, environ={}).changes}


def test_git_sees_what_is_ignored(place: Place) -> None:
    """The app's secrets are ignored by the real git, after the lines that were there."""
    (place.app / ".git").rmdir()
    subprocess.run(["git", "init", "-q", place.app], check=True)
    place.init(*SHOP, "--yes")
    names = [".dev.vars", ".dev.vars.staging", ".dev.vars.example", ".wrangler/x", "node_modules/x", "src/x"]
    ignored = subprocess.run(
        ["git", "check-ignore", *names], cwd=place.app, capture_output=True, text=True, check=False
    )
    assert ignored.stdout.split() == [".dev.vars", ".dev.vars.staging", ".wrangler/x", "node_modules/x"]


def test_two_repositories_are_two(place: Place) -> None:
    """The layout `two` is for an app that lies outside of the program's folder."""
    (place.project / ".github/workflows/deploy.yml").unlink()
    with pytest.raises(UsageError, match="the app's folder 'example' lies in the program's"):
        place.init("--layout", "two", "--app-path", "example", "--yes")
    assert place.init("--layout", "two", *SHOP, "--yes") == 0
