"""The wrangler file on disk: found as wrangler finds it, checked without a crash, replaced as it was."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from components.errors import LocalError, RefusedError
from components.worker.wrangler.file import check, digest, locate, worker_name
from components.worker.wrangler.jsonc import parse
from operations.wrangler_edit import write
from tests.components.worker.wrangler_world import STAGING, modules, sample

if TYPE_CHECKING:
    from components.worker.wrangler.findings import Finding
    from operations.wrangler_edit import Change

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The app's file, with production's block only."""
    path = tmp_path / "app" / "wrangler.jsonc"
    path.parent.mkdir()
    path.write_text(sample("production_only"))
    return path


def _only(found: list[Finding]) -> Finding:
    assert len(found) == 1, found
    assert found[0].severity == "error"
    return found[0]


# finding the file


def test_in_a_folder_the_file_is_the_one_wrangler_reads(tmp_path: Path) -> None:
    """wrangler.json before wrangler.jsonc before wrangler.toml; where there is none, the recommended one."""
    assert locate(tmp_path) == tmp_path / "wrangler.jsonc"
    for name in ("wrangler.toml", "wrangler.jsonc", "wrangler.json"):
        (tmp_path / name).write_text("{}")
        assert locate(tmp_path) == tmp_path / name
    assert locate(tmp_path / "wrangler.jsonc") == tmp_path / "wrangler.jsonc"


def test_a_missing_file_is_a_finding_that_says_what_to_run(tmp_path: Path) -> None:
    """Of the whole file, so without a line."""
    found = _only(check(tmp_path, STAGING))
    assert found.told("app/wrangler.jsonc") == (
        "app/wrangler.jsonc: error: there is no wrangler.jsonc: found nothing, expected the app's file; "
        "next: ./infra wrangler write staging"
    )


def test_a_missing_folder_is_a_finding(tmp_path: Path) -> None:
    """And to write is refused: nobody said that the folder may be made."""
    missing = tmp_path / "none" / "wrangler.jsonc"
    assert "does not exist" in _only(check(missing, STAGING)).what
    with pytest.raises(LocalError, match="does not exist"):
        write(missing, STAGING)


TOML = """
name = "warehouse-manager"

[env.staging.vars]
ENVIRONMENT = "staging"
XATA_BRANCH = "production"

[env.staging.secrets]
required = ["STRIPE_KEY"]
"""


def test_toml_is_checked_like_json(tmp_path: Path) -> None:
    """Named, found in the folder, or beside a file that is not there; lines are not told, since none are known."""
    toml = tmp_path / "wrangler.toml"
    toml.write_text(TOML)
    for path in (tmp_path, toml, tmp_path / "wrangler.jsonc"):
        found = [finding for finding in check(path, STAGING) if finding.severity == "error"]
        assert [finding.what.split()[0] for finding in found] == ["env.staging.vars.XATA_BRANCH", "DATABASE_URL"]
        assert {finding.line for finding in found} == {0}
    toml.write_text(TOML.replace("production", "staging").replace('["STRIPE_KEY"]', '["STRIPE_KEY", "DATABASE_URL"]'))
    assert check(toml, STAGING) == []


def test_lines_for_toml_are_given_to_paste(tmp_path: Path) -> None:
    """It is not written; the refusal holds the lines, which make the file as expected."""
    toml = tmp_path / "wrangler.toml"
    toml.write_text(TOML)
    with pytest.raises(RefusedError, match="is TOML, which is checked and not written here") as refused:
        write(tmp_path, STAGING)
    assert refused.value.next_step.partition("\n")[2] == (
        '[env.staging.vars]\nXATA_BRANCH = "staging"\n[env.staging.secrets]\nrequired = ["STRIPE_KEY", "DATABASE_URL"]'
    )
    assert toml.read_text() == TOML
    assert write_of_a_fitting_file(toml).steps == ()


def write_of_a_fitting_file(toml: Path) -> Change:
    """Nothing is to be written where nothing differs."""
    toml.write_text(TOML.replace("production", "staging").replace('["STRIPE_KEY"]', '["DATABASE_URL"]'))
    return write(toml, STAGING)


def test_malformed_toml_is_told_with_its_line(tmp_path: Path) -> None:
    """As of JSON: what, and where."""
    (tmp_path / "wrangler.toml").write_text('name = "a"\nmain = \n')
    found = _only(check(tmp_path, STAGING))
    assert (found.line, found.what) == (2, "Invalid value")


def test_a_file_that_wrangler_would_not_read_is_told(file: Path) -> None:
    """A wrangler.json in the folder or above it hides a wrangler.jsonc."""
    write(file, STAGING)
    for hiding in (file.parent.parent / "wrangler.json", file.with_name("wrangler.json")):
        hiding.write_text("{}")
        found = _only(check(file, STAGING))
        assert found.what == f"wrangler reads {hiding.resolve()} instead of this file"
        with pytest.raises(RefusedError, match="instead of this file"):
            write(file, STAGING)


def test_wrangler_json_is_accepted_with_comments_too(tmp_path: Path) -> None:
    """Wrangler reads both names alike."""
    path = tmp_path / "wrangler.json"
    path.write_text(sample("template"))
    assert write(path, STAGING).new == sample("template.written")
    assert check(tmp_path, STAGING) == []


# reading


def test_a_malformed_file_is_one_finding_with_its_place(file: Path) -> None:
    """Line and column; and it is not written to."""
    file.write_text('{\n  "name": "app",,\n}\n')
    found = _only(check(file, STAGING))
    assert (found.line, found.column) == (2, 17)
    assert "a key in double quotes" in found.what
    with pytest.raises(RefusedError, match=r"wrangler\.jsonc: line 2, column 17: a key in double quotes"):
        write(file, STAGING)
    assert file.read_text() == '{\n  "name": "app",,\n}\n'


@pytest.mark.parametrize("content", [b"\xff\xfe{\x00}\x00", b'{"name": "\xe4"}'])
def test_a_file_that_is_not_utf8_is_a_finding(file: Path, content: bytes) -> None:
    """Wrangler would refuse it or read something else."""
    file.write_bytes(content)
    assert "is not UTF-8" in _only(check(file, STAGING)).what


@pytest.mark.skipif(AS_ROOT, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_a_finding(file: Path) -> None:
    """With the reason of the system."""
    file.chmod(0)
    assert "Permission denied" in _only(check(file, STAGING)).what
    assert digest(file) == ""


def test_a_folder_in_the_files_place_is_a_finding(tmp_path: Path) -> None:
    """It is no file."""
    (tmp_path / "wrangler.jsonc").mkdir()
    assert "wrangler.jsonc" in _only(check(tmp_path, STAGING)).what


def test_the_workers_name_is_told_where_it_can_be(file: Path) -> None:
    """Empty otherwise."""
    assert worker_name(file, "staging") == "warehouse-manager-staging"
    file.write_text("{")
    assert worker_name(file, "staging") == ""
    assert worker_name(file.parent / "none", "staging") == ""


def test_the_digest_follows_the_bytes(file: Path) -> None:
    """Of the file itself or of the one in the folder; none where there is none."""
    before = digest(file)
    assert before == digest(file.parent)
    file.write_text(file.read_text() + "\n")
    assert digest(file) not in {before, ""}
    file.unlink()
    assert digest(file) == ""


# writing


def test_write_tells_what_it_did(file: Path) -> None:
    """Both texts, the number of lines, and each change; the second time there is nothing."""
    before = file.read_text()
    change = write(file.parent, STAGING)
    assert (change.path, change.old, change.new) == (file, before, file.read_text())
    assert (change.lines, change.created) == (9, False)
    assert change.steps == (
        'set env.staging.vars.ENVIRONMENT: "staging"',
        'set env.staging.vars.XATA_BRANCH: "staging"',
        'added to env.staging.secrets.required: "DATABASE_URL"',
    )
    assert check(file, STAGING) == []
    again = write(file, STAGING)
    assert (again.lines, again.steps, again.new) == (0, (), change.new)


def test_an_unchanged_file_is_not_touched(file: Path) -> None:
    """Not even its time."""
    write(file, STAGING)
    before = file.stat()
    write(file, STAGING)
    after = file.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o664])
def test_the_mode_and_a_link_stay(file: Path, tmp_path: Path, mode: int) -> None:
    """The file behind a symbolic link is replaced, not the link."""
    file.chmod(mode)
    link = tmp_path / "linked.jsonc"
    link.symlink_to(file)
    write(link, STAGING)
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert check(file, STAGING) == []
    assert [path.name for path in file.parent.iterdir()] == ["wrangler.jsonc"]


def test_no_secret_is_in_what_is_shown(file: Path) -> None:
    """A URL that somebody left in the variables is removed without a word of it."""
    file.write_text(sample("wrong_block").replace("postgresql://", "postgresql://app:hunter2@"))
    change = write(file, STAGING)
    assert "hunter2" in change.old
    assert "hunter2" not in change.new + repr(change) + str(change.steps)


def test_a_new_file_begins_with_the_workers_name(tmp_path: Path) -> None:
    """The rest is the app's owner's; the next check finds nothing."""
    change = write(tmp_path, STAGING)
    assert change.created
    assert check(tmp_path, STAGING) == []
    assert parse(change.new).root.data["name"] == "warehouse-manager"
    assert "name" not in parse(change.new).root.data["env"]["staging"]
    assert stat.S_IMODE((tmp_path / "wrangler.jsonc").stat().st_mode) == 0o644
    assert change.new.endswith("}\n")


def test_a_new_file_for_a_worker_with_a_name_of_its_own(tmp_path: Path) -> None:
    """The name in full stands in the block."""
    expectation = replace(STAGING, expected_name="farm")
    write(tmp_path, expectation)
    assert check(tmp_path, expectation) == []
    assert worker_name(tmp_path, "staging") == "farm"


def test_without_a_name_no_file_is_begun(tmp_path: Path) -> None:
    """It would deploy nothing."""
    with pytest.raises(RefusedError, match="the Worker's name must be known"):
        write(tmp_path, replace(STAGING, expected_name=""))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(AS_ROOT, reason="root writes everywhere")
def test_a_folder_that_may_not_be_written_is_told(file: Path) -> None:
    """And the file is as it was."""
    file.parent.chmod(0o500)
    try:
        with pytest.raises(LocalError, match="cannot be read or written"):
            write(file, STAGING)
    finally:
        file.parent.chmod(0o700)
    assert file.read_text() == sample("production_only")


def test_files_are_checked_and_written_without_pulumi() -> None:
    """The commands need nothing of it."""
    code = "import sys, components.worker.wrangler.file; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0


# wrangler itself


@pytest.mark.wrangler
def test_wrangler_takes_the_file_that_is_told(tmp_path: Path) -> None:
    """Which of two files it reads, one of them in the folder above."""
    packages, apps = modules(), []
    for number, name in enumerate(("wrangler.json", "app/wrangler.json", "wrangler.toml")):
        apps.append(tmp_path / str(number) / "app")
        apps[-1].mkdir(parents=True)
        (apps[-1] / "wrangler.jsonc").write_text('{"name": "warehouse-manager"}')
        other = apps[-1].parent / name
        other.write_text('name = "hiding"' if name.endswith("toml") else '{"name": "hiding"}')
    code = f"const wrangler = require({json.dumps(str(packages / 'wrangler'))});"
    code += "const read = (app) => (process.chdir(app), wrangler.experimental_readRawConfig({}).rawConfig.name);"
    code += f"console.log(JSON.stringify({json.dumps(list(map(str, apps)))}.map(read)));"
    quiet = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "WRANGLER_LOG_PATH": str(tmp_path / "logs")}
    done = subprocess.run(
        ["node", "-e", code], cwd=tmp_path, env=quiet, capture_output=True, text=True, timeout=60, check=True
    )
    hidden = [
        any("instead of this file" in finding.what for finding in check(app / "wrangler.jsonc", STAGING))
        for app in apps
    ]
    assert hidden == [name == "hiding" for name in json.loads(done.stdout)] == [True, True, False]


@pytest.mark.wrangler
@pytest.mark.parametrize(
    "name", ["template", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("production_only", "minified"))]
)
def test_wrangler_deploys_what_was_written(tmp_path: Path, name: str) -> None:
    """A dry run of the deployment accepts the file, and binds the variables of the environment."""
    packages = modules()
    path = tmp_path / "wrangler.jsonc"
    path.write_text(sample(name))
    write(path, STAGING)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "server.ts").write_text("export default { fetch: () => new Response() };\n")
    quiet = {"WRANGLER_SEND_METRICS": "false", "WRANGLER_SEND_ERROR_REPORTS": "false", "CI": "1"}
    quiet |= {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "WRANGLER_LOG_PATH": str(tmp_path / "logs")}
    command = ["node", str(packages / "wrangler" / "bin" / "wrangler.js"), "deploy", "--dry-run", "--env", "staging"]
    done = subprocess.run(command, cwd=tmp_path, env=quiet, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert 'env.XATA_BRANCH ("staging")' in done.stdout
    assert 'env.ENVIRONMENT ("staging")' in done.stdout
