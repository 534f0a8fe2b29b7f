"""The set-up of ./infra: real environments, a package index in a folder."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.conftest import PROJECT, load, make_fresh

if TYPE_CHECKING:
    from tests.infra.conftest import Fresh


def _told(answer: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What the command says about how it was started."""
    assert answer.returncode == 42, answer.stderr
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


def _sites(fresh: Fresh) -> set[str]:
    return {path.name for path in fresh.folder.glob(".venv/lib/*/site-packages/*.py")}


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """The clone of `ready`."""
    return make_fresh(tmp_path_factory.mktemp("settled"))


@pytest.fixture
def ready(settled: Fresh) -> Fresh:
    """A clone in step, which the tests of this file share: what one leaves, the next brings in step again."""
    settled.bring_in_step()
    return settled


def test_the_first_call_makes_everything_and_runs_the_command(fresh: Fresh) -> None:
    """A clone and a Python are enough: environment, pinned packages, progress on standard error, then the command."""
    first = fresh.call("up", "dev")
    told = _told(first)
    assert told["tiny"] == "1.0"
    assert told["python"] == str(fresh.folder / ".venv")
    assert told["arguments"] == ["up", "dev"]
    assert "making .venv" in first.stderr
    assert "installing what requirements.txt pins" in first.stderr
    second = fresh.call("up", "dev")
    assert _told(second)["tiny"] == "1.0"
    assert second.stderr == ""


def test_changed_pins_are_installed_by_the_next_call(ready: Fresh) -> None:
    """After a pull that changes requirements.txt, the next call brings the environment in step; it is not made anew."""
    (ready.folder / ".venv" / "kept").touch()
    ready.pin("tiny", "10.0")
    assert _told(ready.call())["tiny"] == "10.0"
    assert (ready.folder / ".venv" / "kept").exists()


def test_a_command_brings_what_it_needs_and_leaves_what_others_need(fresh: Fresh) -> None:
    """`upgrade` adds what requirements/template.txt pins, `test` its tools, and a later command takes nothing away."""
    fresh.bring_in_step()
    fresh.call("init", "--app", "acme-shop")
    assert _sites(fresh) == {"tiny.py"}
    fresh.call("upgrade")
    assert _sites(fresh) == {"tiny.py", "copies.py"}
    fresh.pin("tiny", "10.0")  # of another length than 1.0: made in the same second, its compiled form would be taken
    assert _told(fresh.call("up", "dev"))["tiny"] == "10.0"
    assert _sites(fresh) == {"tiny.py", "copies.py"}
    fresh.call("test")
    assert _sites(fresh) == {"tiny.py", "copies.py", "checker.py"}
    assert fresh.call("init", "--into=elsewhere").stderr == ""
    fresh.pin("tiny", "100.0")
    assert _told(fresh.call("up", "dev"))["tiny"] == "100.0"
    assert _sites(fresh) == {"tiny.py", "copies.py", "checker.py"}


@pytest.mark.parametrize("state", ["half made", "linked", "python gone"])
def test_what_is_no_finished_environment_is_made_again(
    fresh: Fresh, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    """What a killed set-up has left, or another Python, is not trusted; what a link points to is not touched."""
    place, left = fresh.folder / ".venv", fresh.folder.with_name("elsewhere") / "half.py"
    left.parent.mkdir()
    left.touch()
    module = load(fresh.folder / "infra")
    if state == "linked":
        place.symlink_to(left.parent)
    elif state == "half made":
        left.parent.rename(place)
    else:
        module.make_environment()
        (place / ".in-step").write_bytes(module.stamp(module.RUN_TIME))
        assert module.current()
        (place / "bin" / "python").unlink()
        (place / "bin" / "python").symlink_to(fresh.folder / "no-such-python")
    assert not module.current()
    assert not module.made_by_another()
    module.make_environment()
    assert not (place / "half.py").exists()
    assert module.made_by_another()
    assert left.exists() is (state != "half made")
    assert ("making it again" in capsys.readouterr().err) is (state != "linked")


def test_an_environment_that_pulumi_made_is_kept_and_brought_in_step(fresh: Fresh) -> None:
    """`pulumi install` makes `.venv` without our stamp: what is right in it stays, what is not is installed."""
    folder = fresh.folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (folder / "kept").touch()
    answer = fresh.call()
    assert _told(answer)["tiny"] == "1.0"
    assert "making" not in answer.stderr
    assert (folder / "kept").exists()


def test_a_moved_clone_heals_itself(ready: Fresh) -> None:
    """An environment knows its place by heart; in another place it is made again."""
    moved = replace(ready, folder=ready.folder.with_name("moved"))
    ready.folder.rename(moved.folder)
    try:
        assert _told(moved.call())["python"] == str(moved.folder / ".venv")
    finally:
        moved.folder.rename(ready.folder)


def test_of_calls_at_once_one_sets_up_and_the_others_wait(fresh: Fresh) -> None:
    """Whoever comes second waits for the lock, says so, finds everything done, and runs its command."""
    (fresh.folder / ".infra").mkdir()
    with (fresh.folder / ".infra" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        processes = [
            subprocess.Popen(
                fresh.command(), env=fresh.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(3)
        ]
        for process in processes:
            assert process.stderr
            assert "waiting" in process.stderr.readline()
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [42] * 3
    assert [json.loads(out)["tiny"] for out, _ in answers] == ["1.0"] * 3
    assert sum("making .venv" in err for _, err in answers) == 1


def test_ctrl_c_is_an_interruption_and_the_next_call_begins_again(ready: Fresh) -> None:
    """Ctrl-C in the set-up has the code of an interruption, no traceback, and harms nothing."""
    ready.pin("tiny", "10.0")
    ready.use_installer("echo Resolved; exec sleep 60")
    process = subprocess.Popen(
        ready.command(), env=ready.environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr
    while "Resolved" not in process.stderr.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "interrupted" in err
    ready.use_installer("")
    assert _told(ready.call())["tiny"] == "10.0"


@pytest.mark.parametrize(
    ("said", "meaning", "step"),
    [
        ("error: invalid value 'x' for '--link-mode <LINK_MODE>'", "uv does not take", "UV_LINK_MODE"),
        ("error: failed to write: No space left on device (os error 28)", "the disk is full", "free about 1 GB"),
        ("error: Permission denied (os error 13)", "a folder cannot be written", "writable for this user"),
        ("error: Hash mismatch for tiny==1.0", "other files than the ones pinned", "UV_DEFAULT_INDEX"),
        ("error: tunnel error: 407 Proxy Authentication Required", "the proxy does not let", "HTTPS_PROXY"),
        ("error: dns error: failed to lookup address", "the package index cannot be reached", "PIP_INDEX_URL"),
        ("error: invalid peer certificate: UnknownIssuer", "the package index cannot be reached", "PIP_CERT"),
        ("error: tiny was filtered by exclude-newer", "leaves pinned versions out", "remove it there"),
        ("error: something new", "something new", "then call again"),
    ],
)
def test_what_stopped_the_installer_is_a_sentence_and_a_next_step(said: str, meaning: str, step: str) -> None:
    """Whatever stops the installer, the user reads what it means and what to do."""
    told = str(load(PROJECT / "infra").explained(said, "the packages could not be installed"))
    assert meaning in told
    assert f"| {said}" in told
    assert step in told.partition("next: ")[2]


def test_a_failing_installer_is_shown_and_explained(ready: Fresh) -> None:
    """The installer's steps are passed on as they come; its failure is told in words, and never as a traceback."""
    ready.pin("tiny", "10.0")
    said = "error: Hash mismatch for tiny==1.0"
    ready.use_installer(f"echo 'Resolved 52 packages in 1s'; echo ' + noise==1'; echo '{said}' >&2; exit 2")
    answer = ready.call("up", "dev")
    assert answer.returncode == 6
    assert answer.stdout == ""
    assert "infra:   Resolved 52 packages in 1s" in answer.stderr
    assert "noise" not in answer.stderr
    assert f"| {said}" in answer.stderr
    assert "next: " in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_missing_registry_is_a_sentence(ready: Fresh) -> None:
    """When pip finds no uv, the index is named as the cause; a later call with an index goes through."""
    ready.pin("tiny", "10.0")
    with (ready.folder / "requirements" / "setup.txt").open("a") as file:
        file.write("# newer\n")
    answer = ready.call(PIP_FIND_LINKS=str(ready.folder))
    assert answer.returncode == 6
    assert "uv could not be installed: the package index cannot be reached" in answer.stderr
    assert _told(ready.call())["tiny"] == "10.0"


def test_a_wrong_hash_installs_nothing(ready: Fresh) -> None:
    """A package that is not the pinned file is refused."""
    ready.pin("tiny", "10.0")
    file = ready.folder / "requirements.txt"
    digest = file.read_text().partition("sha256:")[2].strip()
    file.write_text(file.read_text().replace(digest, "0" * 64))
    answer = ready.call()
    assert answer.returncode == 6
    assert "next: " in answer.stderr
    (installed,) = ready.folder.glob(".venv/lib/*/site-packages/tiny.py")
    assert installed.read_text() == "VERSION = '1.0'\n"


def test_a_place_that_cannot_be_written_is_a_sentence(fresh: Fresh) -> None:
    """Where the lock cannot be made, the system's reason is told."""
    (fresh.folder / ".infra").touch()
    answer = fresh.call()
    assert answer.returncode == 6
    assert "the set-up stopped" in answer.stderr
    assert "next: " in answer.stderr
    assert "Traceback" not in answer.stderr


def test_pips_settings_reach_uv(ready: Fresh) -> None:
    """A company's index and certificates are told once, to pip; uv gets them, and its own variables come first."""
    ready.pin("tiny", "10.0")
    record = ready.folder / "record"
    ready.use_installer(f"env > '{record}'; exit 1")
    settings = ready.folder / "pip.conf"
    settings.write_text("[global]\nindex-url = https://index.example/simple\nproxy = http://proxy.example:3128\n")
    ready.call(PIP_CONFIG_FILE=str(settings), PIP_CERT="/c.pem", HTTPS_PROXY="http://own.example")
    told = dict(line.partition("=")[::2] for line in record.read_text().splitlines())
    assert told["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    assert told["SSL_CERT_FILE"] == "/c.pem"
    assert told["HTTPS_PROXY"] == "http://own.example"


HOSTILE = {
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_USER": "1",
    "PIP_PREFIX": "/nowhere",
    "PIP_CONSTRAINT": "/nowhere/constraints.txt",
    "PIP_NO_BINARY": ":all:",
    "UV_EXCLUDE_NEWER": "2001-01-01",
    "UV_CONSTRAINT": "/nowhere/constraints.txt",
    "UV_PYTHON": "/nowhere/python",
    "UV_NO_BINARY": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONPATH": "/nowhere",
}


def test_a_users_own_settings_do_not_change_what_is_installed(fresh: Fresh) -> None:
    """How this user installs elsewhere, told by variables or in pip.conf, changes nothing; its index is still asked."""
    file = fresh.folder / "pip.conf"
    file.write_text(
        f"[global]\nrequire-virtualenv = true\nprefix = /nowhere\nno-index = true\nfind-links = {fresh.index}\n"
        "[install]\nuser = true\nconstraint = /nowhere/constraints.txt\n"
    )
    environment = {name: value for name, value in fresh.environment.items() if not name.startswith("PIP_")}
    known = replace(fresh, environment=environment)
    told = _told(known.call("up", "dev", folder=None, PIP_CONFIG_FILE=str(file), **HOSTILE))
    assert told["tiny"] == "1.0"
    assert not {name for name in told["environment"] if name.startswith("PYTHON")}
