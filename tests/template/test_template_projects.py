"""Projects that are made of this one, and brought to a newer version: copier and git are the real ones."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from operations.errors import ChangesRefusedError, CommandError, MachineError, UsageError
from operations.init import template
from tests.template.conftest import MADE_BY, commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.template.conftest import Shop


def _names(folder: Path) -> set[str]:
    return {
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file() and ".git/" not in str(file)
    }


def test_a_project_of_the_layout_folder(shop: Shop) -> None:
    """The app's name follows from its clone, its workflows lie where GitHub reads them, and all else is there."""
    made = shop.make()
    written = yaml.safe_load((made / ".copier-answers.yml").read_text())
    assert written == {
        "_commit": git(shop.program, "describe", "--always"),
        "_src_path": f"git+file://{shop.program}",
        "app": "acme-shop",
        "app_path": "..",
        "environments": ["staging", "production"],
        "layout": "folder",
        "without": [],
    }
    assert 'infra:app: "acme-shop" # the app\'s name' in (made / "Pulumi.yaml").read_text()
    kept = (
        _names(shop.program) - {name for name in MADE_BY if name.endswith(".jinja")} - {"tests/template/test_made.py"}
    )
    assert _names(made) == kept | {".copier-answers.yml"}
    assert {"infra-deploy.yml", "infra-checks.yml"} <= {
        file.name for file in (shop.app / ".github/workflows").iterdir()
    }
    assert '"staging": ' in (shop.app / "wrangler.jsonc").read_text()
    assert ".dev.vars*" in (shop.app / ".gitignore").read_text()
    assert [name for name in _names(shop.app) if "print" + "farm" in (shop.app / name).read_text().lower()] == []
    assert shop.call("init") == 0
    assert git(shop.app, "status", "--porcelain") == ""


def test_a_project_of_two_repositories(shop: Shop) -> None:
    """It gets the one reusable workflow instead of those that would run beside the wrong app, and its own git."""
    place = shop.program.parent / "acme-infra"
    words = ("--layout", "two", "--app-path", str(shop.app), "--environment", "qa", "--yes")
    assert shop.call("init", "--into", str(place), *words) == 0
    assert {file.name for file in (place / ".github/workflows").iterdir()} == {
        "checks.yml",
        "infra.yml",
        "thorough.yml",
    }
    stacks = {file.name for file in place.glob("Pulumi.*.yaml")}
    assert stacks == {f"Pulumi.{stack}.yaml" for stack in ("dev", "foundation", "preview", "qa")}
    assert "infra:parent: qa" in (place / "Pulumi.preview.yaml").read_text()
    assert (place / ".git").is_dir()
    assert '"name": "acme-shop"' in (shop.app / "wrangler.jsonc").read_text()


def test_the_reusable_workflow_follows_an_upgrade(shop: Shop) -> None:
    """It is made of files that the project has not: an upgrade merges it all the same, and shows what conflicts."""
    place = shop.program.parent / "acme-infra"
    shop.call("init", "--into", str(place), "--layout", "two", "--app-path", str(shop.app), "--yes")
    commit(place)
    deploy = shop.program / ".github/workflows/deploy.yml"
    deploy.write_text(deploy.read_text().replace("timeout-minutes: 30", "timeout-minutes: 45"))
    commit(shop.program)
    shop.work_in(place)
    assert shop.call("upgrade") == 0
    called = place / ".github/workflows/infra.yml"
    assert "timeout-minutes: 45" in called.read_text()
    assert not (place / ".github/workflows/deploy.yml").exists()
    called.write_text(called.read_text().replace("timeout-minutes: 45", "timeout-minutes: 50"))
    commit(place)
    deploy.write_text(deploy.read_text().replace("timeout-minutes: 45", "timeout-minutes: 60"))
    commit(shop.program)
    with pytest.raises(ChangesRefusedError, match=r"the same lines of infra\.yml"):
        shop.call("upgrade")
    assert "    timeout-minutes: 50\n=======\n    timeout-minutes: 60\n" in called.read_text()


def test_parts_that_are_not_wanted_are_left_out(shop: Shop) -> None:
    """Without workflows there is nothing of GitHub's, neither in the project nor in the app's repository."""
    made = shop.make("--without", "workflows")
    assert not [name for name in _names(shop.app) if ".github" in name]
    assert (made / "bench").is_dir()


def test_a_project_without_environments_of_pull_requests(shop: Shop) -> None:
    """No file of theirs, no run and no block of the Worker's; `init` and `upgrade` leave it at that."""
    made = shop.make("--without", "previews")
    begun = {file.name for file in (shop.app / ".github/workflows").iterdir()}
    assert begun == {f"infra-{name}.yml" for name in ("checks", "deploy", "nightly", "plan", "rotation", "thorough")}
    assert not (made / "Pulumi.preview.yaml").exists()
    assert '"preview"' not in (shop.app / "wrangler.jsonc").read_text()
    commit(shop.program, README__md="# infra\n\nOne and a half.\n\nTwo.\n\nThree.\n")
    assert (shop.call("init"), shop.call("upgrade")) == (0, 0)
    assert git(shop.app, "diff", "--name-only").splitlines() == ["infra/.copier-answers.yml", "infra/README.md"]


def test_a_project_without_the_sandbox(shop: Shop) -> None:
    """Neither the package nor what measures against it."""
    for name in ("packages/cloud-sandbox/src", "packages/pulumi-embedded/src"):
        (shop.program / name).mkdir(parents=True)
        (shop.program / name / "one.py").touch()
    (shop.program / "bench/worker.py").touch()
    commit(shop.program)
    made = _names(shop.make("--without", "sandbox"))
    assert {name for name in made if name.startswith(("packages", "bench"))} == {
        "bench/README.md",
        "packages/pulumi-embedded/src/one.py",
    }


def test_two_repositories_without_environments_of_pull_requests(shop: Shop) -> None:
    """Neither the reusable workflow nor its caller hears of a pull request that was closed, or sweeps."""
    place = shop.program.parent / "acme-infra"
    words = ("--layout", "two", "--app-path", str(shop.app), "--without", "previews", "--yes")
    assert shop.call("init", "--into", str(place), *words) == 0
    jobs = yaml.safe_load((place / ".github/workflows/infra.yml").read_text())["jobs"]
    assert jobs.keys() & {"environment", "sweep"} == set()
    assert {"deploy", "plan", "drift", "rotation"} <= jobs.keys()
    assert "closed" not in (place / ".github/caller.yml").read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("files", "is there already and holds something"),
        ("twice", "is there already and holds something"),
        ("no parent", "there is no folder"),
        ("inside", "lies in this project"),
        ("changes", "has changes that are not committed, and could not be told from those of init: wrangler.jsonc"),
        ("no commit", "is no git repository with a commit"),
        ("a made one", "was made of another project itself"),
    ],
)
def test_where_no_project_is_made(shop: Shop, change: str, said: str) -> None:
    """What is there is not touched: a sentence, the next step, and nothing is written."""
    place = {"no parent": shop.app / "a/b", "inside": shop.program / "sub"}.get(change, shop.infra)
    if change == "files":
        shop.infra.mkdir()
        (shop.infra / "mine").touch()
    elif change == "changes":
        (shop.app / "wrangler.jsonc").write_text("{}\n")
    elif change == "no commit":
        shutil.rmtree(shop.program / ".git")
    elif change in {"twice", "a made one"}:
        shop.make()
        shop.work_in(shop.program if change == "twice" else shop.infra)
        place = shop.infra if change == "twice" else shop.app / "other"
    before = _names(shop.app)
    with pytest.raises(UsageError, match=said) as told:
        shop.call("init", "--into", str(place), "--app", "acme-shop", "--yes")
    assert told.value.next_step
    assert _names(shop.app) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layout", "app"], "the layout app is for the top of a git repository"),
        (["--layout", "two"], "the layout two is for the top of a git repository"),
        (["--environment", "Qa"], "an environment cannot be called 'Qa'"),
        (["--app", "猫"], "an app cannot be called"),
        (["--without", "hyperdrive"], "cannot be made without 'hyperdrive'"),
    ],
)
def test_answers_that_no_project_can_have(shop: Shop, words: list[str], said: str) -> None:
    """They are refused before anything is copied."""
    before = _names(shop.app)
    with pytest.raises(UsageError, match=said):
        shop.call("init", "--into", str(shop.infra), *words, "--yes")
    assert _names(shop.app) == before


def test_nothing_is_made_that_nobody_agreed_to(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal it wants --yes; --dry-run shows what would be, and leaves nothing."""
    before = _names(shop.app)
    with pytest.raises(ChangesRefusedError, match="there is no terminal to ask on"):
        shop.call("init", "--into", str(shop.infra))
    assert shop.call("init", "--into", str(shop.infra), "--dry-run") == 0
    assert f"+++ {shop.infra}/Pulumi.staging.yaml\n" in capsys.readouterr().out
    assert (_names(shop.app), list(shop.app.glob(".infra*"))) == (before, [])


def test_an_address_loses_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded, and committed by others, is where the project comes from, not who fetched it."""
    told = {
        "remote": "https://somebody:token@git.example.com/acme/infra.git",
        "branch": "origin/main",
        "rev-parse": "1",
    }
    monkeypatch.setattr("operations.git.answer", lambda _folder, *words: told[words[0]])
    assert template._source() == "https://git.example.com/acme/infra.git"


def test_an_upgrade_keeps_what_the_team_changed(shop: Shop) -> None:
    """A merge of three: changed here, changed there, removed here, new there; the app's files are not its business."""
    made = shop.make()
    commit(made, README__md="# infra\n\nOne.\n\nTwo.\n\nThree of ours.\n")
    (made / "Pulumi.production.yaml").unlink()
    commit(shop.app)
    commit(shop.program, Pulumi__staging__yaml="config:\n  infra:appPath: elsewhere\n", Pulumi__production__yaml="{}\n")
    commit(shop.program, README__md="# infra, newer\n\nOne.\n\nTwo.\n\nThree.\n", NEWS__md="New.\n")
    (shop.program / "bench/README.md").unlink()
    commit(shop.program)
    assert shop.call("upgrade") == 0
    assert (made / "README.md").read_text() == "# infra, newer\n\nOne.\n\nTwo.\n\nThree of ours.\n"
    changed = {".copier-answers.yml", "NEWS.md", "README.md", "bench/README.md"}
    assert {line.split()[1] for line in git(made, "status", "--porcelain").split("\n")} == {
        f"infra/{one}" for one in changed
    }
    commit(shop.app)
    assert shop.call("upgrade") == 0
    assert git(shop.app, "status", "--porcelain") == ""


def test_an_upgrade_goes_to_the_newest_release_and_never_back(shop: Shop) -> None:
    """Of where the program was cloned from: a release before a newer commit; what is of a newer commit stays."""
    hub = shop.program.with_name("hub")
    git(shop.program, "clone", "-q", "--bare", ".", str(hub))
    git(shop.program, "remote", "add", "origin", "../hub")
    git(shop.program, "tag", "v1.0.0")
    commit(shop.program, NEWS__md="After 1.0.0.\n")
    git(shop.program, "push", "-q", "--tags", "origin", "main")
    made = shop.make()
    assert yaml.safe_load((made / ".copier-answers.yml").read_text())["_src_path"] == f"git+file://{hub}"
    assert shop.call("upgrade") == 0
    assert git(shop.app, "status", "--porcelain") == ""
    commit(shop.program, NEWS__md="Of 1.1.0.\n")
    git(shop.program, "tag", "v1.1.0")
    commit(shop.program, NEWS__md="After 1.1.0.\n")
    git(shop.program, "push", "-q", "--tags", "origin", "main")
    assert shop.call("upgrade") == 0
    assert (made / "NEWS.md").read_text() == "Of 1.1.0.\n"
    commit(shop.app)
    with pytest.raises(MachineError, match="downgrading"):
        shop.call("upgrade", "--to", "v1.0.0")


def test_a_conflict_is_shown_as_git_shows_it(shop: Shop) -> None:
    """Both lines stand in the file, git knows of it, the exit code is not 0, and the rest is merged."""
    made = shop.make()
    commit(made, README__md="# infra of ours\n\nOne.\n\nTwo.\n\nThree.\n")
    commit(shop.program, README__md="# infra, newer\n\nOne.\n\nTwo.\n\nThree.\n", infra="#!/bin/sh\nexit 0\n")
    with pytest.raises(ChangesRefusedError, match=r"changed the same lines of infra/README\.md") as told:
        shop.call("upgrade")
    assert told.value.exit_code == 3
    text = (made / "README.md").read_text()
    assert "<<<<<<< before updating\n# infra of ours\n" in text
    assert "# infra, newer\n>>>>>>> after updating\n" in text
    assert (made / "infra").read_text() == "#!/bin/sh\nexit 0\n"
    assert git(shop.app, "diff", "--name-only", "--diff-filter=U") == "infra/README.md"


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ("uncommitted", ChangesRefusedError, r"there are changes that are not committed.*README\.md"),
        ("not made", UsageError, "was not made with `./infra init --into`"),
        ("not in git", UsageError, "is not in git, which merges"),
        ("out of reach", MachineError, "could not be had: "),
        ("no such version", MachineError, "could not be had: "),
    ],
)
def test_what_cannot_be_upgraded_stays_as_it_is(shop: Shop, change: str, kind: type[CommandError], said: str) -> None:
    """In words, with the next step; no file differs from before."""
    made = shop.make()
    if change == "uncommitted":
        (made / "README.md").write_text("mine\n")
    elif change == "not made":
        (made / ".copier-answers.yml").unlink()
        commit(shop.app)
    elif change == "not in git":
        shutil.rmtree(shop.app / ".git")
    elif change == "out of reach":
        shop.program.rename(shop.program.with_name("moved"))
    before = {name: (shop.app / name).read_bytes() for name in _names(shop.app)}
    with pytest.raises(kind, match=said) as told:
        shop.call("upgrade", *(["--to", "v9.9.9"] if change == "no such version" else []))
    assert told.value.next_step
    assert {name: (shop.app / name).read_bytes() for name in _names(shop.app)} == before
