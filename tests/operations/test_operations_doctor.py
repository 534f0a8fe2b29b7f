"""./infra doctor: what it looks at, and that it only looks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from components.postgres.choice import Record, write_record
from operations.cloud_checks import Finding
from operations.commands import doctor
from operations.commands.doctor import Machine
from operations.engines import choice
from operations.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable


ASKED = ("xata key", "wrangler.jsonc", "cloudflare account")
"""What is looked at besides this machine, as far as one comes without key and account."""


@pytest.fixture
def machine(project: Path, tmp_path: Path) -> Machine:
    """A machine with a project, and nothing else of this user."""
    (tmp_path / "home").mkdir()
    if shutil.which("git"):
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    return Machine(folder=project, environ={"PATH": os.environ["PATH"]}, home=tmp_path / "home")


def _tree(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if ".git" not in path.parts)


def test_it_only_looks(machine: Machine) -> None:
    """No state, passphrase or anything else is made by looking, and every check has a verdict."""
    before = _tree(machine.folder)
    findings = doctor.examine(machine)
    assert _tree(machine.folder) == before
    assert [finding.check for finding in findings] == [*doctor.CHECKS, *ASKED]
    assert all(finding.found for finding in findings)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [(["ok", "warning"], ExitCode.SUCCESS), (["ok", "failure"], ExitCode.MACHINE_NOT_READY)],
)
def test_a_failure_gives_the_exit_code(
    verdicts: list[Any],
    code: ExitCode,
    infra: Callable[..., Any],
    valid: Callable[[str, Any], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Warnings do not fail, failures do; the document says the same."""
    findings = [Finding(check=f"c{n}", verdict=verdict, found="f", next_step="n") for n, verdict in enumerate(verdicts)]
    monkeypatch.setattr(doctor, "examine", lambda _machine, _stack: findings)
    answer = infra("doctor", "--json")
    valid("doctor", answer.document)
    assert answer.code == code
    assert answer.document["ok"] == (code == ExitCode.SUCCESS)


def test_a_person_gets_one_line_each_and_the_next_step(
    infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdict, thing, what was found, and below it what to do."""
    findings = [
        Finding(check="engine", verdict="ok", found="embedded"),
        Finding(check="state", verdict="failure", found="cannot be written", next_step="ls -ld /s"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda _machine, _stack: findings)
    assert infra("doctor").out.splitlines() == [
        "ok       engine  embedded",
        "failure  state   cannot be written",
        "         next: ls -ld /s",
    ]


def _finding(name: str, machine: Machine) -> Finding:
    return doctor.check(name, machine)


@pytest.mark.parametrize(
    ("stamp", "verdict"), [(None, "warning"), ("pins", "ok"), ("other pins", "failure")], ids=["none", "same", "other"]
)
def test_packages_are_compared_with_the_stamp(machine: Machine, stamp: str | None, verdict: str) -> None:
    """The stamp that ./infra leaves holds what is installed."""
    (machine.folder / "requirements.txt").write_text("pins\n")
    (machine.folder / ".venv").mkdir()
    if stamp is not None:
        (machine.folder / ".venv" / ".in-step").write_text(f"header\n{'pins' if stamp == 'pins' else 'old'}\n")
    assert _finding("packages", machine).verdict == verdict


def test_a_python_of_another_place_is_a_warning(machine: Machine) -> None:
    """Called with another Python than the project's, it says which."""
    finding = _finding("python", machine)
    assert finding.verdict == "warning"
    assert sys.prefix in finding.found


def test_the_engine_auto_would_take_is_named(machine: Machine, tmp_path: Path) -> None:
    """Without a CLI the embedded engine is fine; a CLI that is too old is a warning that names it."""
    environ = {**machine.environ, "PATH": str(tmp_path / "bin")}
    bare = Machine(folder=machine.folder, environ=environ, home=machine.home)
    assert _finding("engine", bare).verdict == "ok"
    old = tmp_path / "bin" / "pulumi"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho v3.1.0\n")
    old.chmod(0o755)
    finding = _finding("engine", bare)
    assert finding.verdict == "warning"
    assert "3.1.0" in finding.found


def test_state_without_passphrase_is_a_failure(machine: Machine) -> None:
    """What would stop the next `up` is found before."""
    file = machine.folder / ".infra" / "state" / ".pulumi" / "stacks" / "infra" / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    assert _finding("passphrase", machine).verdict == "failure"


@pytest.mark.parametrize(("mode", "verdict"), [(0o600, "ok"), (0o644, "warning")])
def test_a_passphrase_others_may_read_is_a_warning(machine: Machine, mode: int, verdict: str) -> None:
    """The file's mode counts, and its content is not shown."""
    file = machine.folder / ".infra" / "passphrase"
    file.parent.mkdir()
    file.write_text("s3cret")
    file.chmod(mode)
    finding = _finding("passphrase", machine)
    assert finding.verdict == verdict
    assert "s3cret" not in str(finding)


def test_a_passphrase_from_the_environment_is_not_shown(machine: Machine) -> None:
    """Only the variable's name is told."""
    environ = {**machine.environ, "PULUMI_CONFIG_PASSPHRASE": "s3cret"}
    finding = _finding("passphrase", Machine(folder=machine.folder, environ=environ, home=machine.home))
    assert (finding.verdict, finding.found) == ("ok", "from PULUMI_CONFIG_PASSPHRASE")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_git_does_not_ignore_is_named(machine: Machine) -> None:
    """A .gitignore that lost a line is a failure that names what would be committed."""
    assert _finding("git ignores", machine).verdict == "ok"
    (machine.folder / ".gitignore").write_text(".infra/\n.venv/\n.xata/\n.wrangler/\n")
    finding = _finding("git ignores", machine)
    assert finding.verdict == "failure"
    assert ".dev.vars" in finding.found
    assert "passphrase" not in finding.found


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_linked_environment_hides_no_verdict(machine: Machine, tmp_path: Path) -> None:
    """Git refuses to judge what lies beyond a link; everything else is judged all the same."""
    (machine.folder / ".venv").symlink_to(tmp_path)
    assert _finding("git ignores", machine).verdict == "ok"
    (machine.folder / ".gitignore").write_text(".venv\n")
    assert ".infra/passphrase" in _finding("git ignores", machine).found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no stack named 'dev': there is no Pulumi.dev.yaml"),
        ("config: [", "Pulumi.staging.yaml"),
        ("config:\n  infra:prot: 1\n", "infra:prot"),
    ],
)
def test_a_wrong_stack_file_is_found(machine: Machine, text: str | None, said: str) -> None:
    """Missing, unreadable or wrong: the file is named with the next step, and all else is looked at as well."""
    if text is None:
        (machine.folder / "Pulumi.dev.yaml").unlink()
    else:
        (machine.folder / "Pulumi.staging.yaml").write_text(text)
    findings = {one.check: one for one in doctor.examine(machine)}
    assert findings["stack files"].verdict == "failure"
    assert said in findings["stack files"].found
    assert findings.keys() >= doctor.CHECKS.keys()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("Live", "", "there is a Pulumi.Live.yaml, and that is no stack's name"),
        ("qa", "config:\n  infra:branch: staging\n", "would share the Xata branch 'staging'"),
    ],
)
def test_stack_files_are_looked_at_side_by_side(machine: Machine, name: str, text: str, said: str) -> None:
    """A name that no stack can have, and a branch that two would have."""
    (machine.folder / f"Pulumi.{name}.yaml").write_text(text)
    finding = _finding("stack files", machine)
    assert (finding.verdict, said in finding.found) == ("failure", True), finding.found


def test_a_remote_backend_is_named_without_its_address(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket's URL may hold credentials: only its kind is told, and whether there is what reaches it."""
    environ = {**machine.environ, "PULUMI_BACKEND_URL": "s3://bucket?secret=s3cret"}
    cli = choice.Cli(path=Path("/pulumi"), version=choice.OLDEST)
    for found, verdict in ((cli, "ok"), (None, "failure")):
        monkeypatch.setattr(choice, "installed", lambda *_args, found=found: (found, []))
        finding = _finding("state", Machine(folder=machine.folder, environ=environ, home=machine.home))
        assert finding.verdict == verdict
        assert finding.found.startswith("s3:// backend, an S3-compatible bucket; only the Pulumi CLI reaches it")
        assert "s3cret" not in finding.found


def test_a_remote_state_gets_no_passphrase_made(machine: Machine) -> None:
    """There it is somebody's to hand on, so that it is missing is worth a warning."""
    environ = {**machine.environ, "PULUMI_BACKEND_URL": "s3://bucket"}
    finding = _finding("passphrase", Machine(folder=machine.folder, environ=environ, home=machine.home))
    assert (finding.verdict, "PULUMI_CONFIG_PASSPHRASE_FILE" in finding.next_step) == ("warning", True)


def test_a_thing_that_cannot_be_looked_at_does_not_stop_the_rest(machine: Machine) -> None:
    """A broken Pulumi.yaml fails the checks that need it, and the others still answer."""
    (machine.folder / "Pulumi.yaml").write_text("name: [")
    verdicts = {finding.check: finding.verdict for finding in doctor.examine(machine)}
    assert verdicts["state"] == verdicts["stack files"] == "failure"
    assert verdicts["embedded postgres"] == "ok"


def test_a_missing_daemon_is_a_failure_where_the_database_lives_in_docker(tmp_path: Path) -> None:
    """What is only a possibility elsewhere is a need for who has data in a container."""
    (tmp_path / "Pulumi.yaml").write_text("name: infra\nbackend:\n  url: file://./state\n")
    machine = Machine(folder=tmp_path, environ={}, home=tmp_path)
    assert doctor.docker_check("docker", machine).verdict == "ok"
    record = Record(home="docker", because="a Docker daemon answers", docker_port=15432)
    write_record(tmp_path / "state" / "infra-infra-dev.json", record)
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    finding = doctor.check("docker", machine)
    assert finding.verdict == "failure"
    assert "was put into a Docker container, but" in finding.found
    (tmp_path / "state" / "infra-infra-dev.json").unlink()
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  infra:database: docker\n")
    assert "the configuration says database: docker, but" in doctor.check("docker", machine).found
