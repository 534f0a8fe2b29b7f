"""`./infra config`: values of a stack's file, written as the Pulumi CLI writes them."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from operations.engines import choice

if TYPE_CHECKING:
    from tests.clone import Clone

SECRET = "sk_live_f00"
CLI = choice.installed()[0]
real_cli = pytest.mark.skipif(CLI is None, reason="no Pulumi CLI, 3.238 or newer: ./infra setup --pulumi installs it")


def _infra(clone: Clone, *words: str, told: str = "", code: int = 0, **environment: str) -> str:
    """Run `./infra config` with something on standard input; return what it printed."""
    answer = subprocess.run(
        [clone.folder / "infra", "config", *words],
        cwd=clone.folder,
        env=clone.environment(**environment),
        input=told,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == code, answer.stderr
    return answer.stdout if code == 0 else answer.stderr


def test_a_secret_of_the_worker_is_set_read_and_removed(clone: Clone) -> None:
    """It is encrypted in the stack's file, whose other lines and mode stay; it is shown only to who asks for that."""
    file = clone.folder / "Pulumi.staging.yaml"
    before, mode = file.read_text(), file.stat().st_mode
    _infra(clone, "set", "staging", "worker:STRIPE_KEY", "--secret", told=f"{SECRET}\n")
    _infra(clone, "set", "staging", "workerSecrets", '["STRIPE_KEY"]')
    encrypted = re.sub(r"v1:[-+/=:\w]+", "v1:…", file.read_text())
    assert encrypted == (
        f"{before}  worker:STRIPE_KEY:\n    secure: v1:…\n  infra:workerSecrets:\n    - STRIPE_KEY\n"
        "encryptionsalt: v1:…\n"
    )
    assert file.stat().st_mode == mode
    assert "is a secret" in _infra(clone, "get", "staging", "worker:STRIPE_KEY", code=2)
    assert _infra(clone, "get", "staging", "worker:STRIPE_KEY", "--show-secrets") == f"{SECRET}\n"
    _infra(clone, "rm", "staging", "worker:STRIPE_KEY")
    assert "worker:" not in file.read_text()


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (
            ("checkModus", "warn"),
            {},
            "infra:checkModus is not a key of this program; the nearest known key is infra:checkMode",
        ),
        (("checkMode", "no"), {}, "allowed: enforce, warn or off"),
        (("worker:KEY", SECRET), {}, "cannot be set as plain text"),
        (("worker:no-name", "--secret"), {}, "names no secret of a Worker"),
        (
            ("worker:KEY", "--secret"),
            {"PULUMI_CONFIG_PASSPHRASE": "another"},
            "the passphrase does not open Pulumi.staging",
        ),
    ],
)
def test_what_may_not_be_set_leaves_the_file_as_it_is(
    untouched: Clone, words: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    """Unknown keys, values that are not allowed, secrets as plain text, a foreign passphrase: refused in words."""
    file = untouched.folder / "Pulumi.staging.yaml"
    _infra(untouched, "set", "staging", "worker:FIRST", "--secret", told="x", PULUMI_CONFIG_PASSPHRASE="right")
    before = file.read_text()
    answer = _infra(untouched, "set", "staging", *words, told=SECRET, code=2, **environment)
    assert said in answer
    assert SECRET not in answer
    assert file.read_text() == before


def _pulumi(clone: Clone, *words: str, told: str | None = None) -> str:
    assert CLI
    private = clone.folder / ".infra"
    place = {
        "PULUMI_BACKEND_URL": f"file://{private}/state?create_dir=true",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(private / "passphrase"),
    }
    answer = subprocess.run(
        [CLI.path, *words],
        cwd=clone.folder,
        env=clone.environment(PULUMI_SKIP_UPDATE_CHECK="true", **place),
        input=told,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return answer.stdout


@pytest.mark.cli
@real_cli
def test_the_cli_and_this_command_write_the_same_file(clone: Clone) -> None:
    """Each reads what the other has encrypted, and what both write of the same values is the same to the byte."""
    file = clone.folder / "Pulumi.staging.yaml"
    before = file.read_text()
    _infra(clone, "set", "staging", "worker:OURS", "--secret", told=f"{SECRET}\n")
    _pulumi(clone, "stack", "init", "staging", "--no-select")
    assert _pulumi(clone, "config", "get", "worker:OURS", "--stack", "staging") == f"{SECRET}\n"
    _pulumi(clone, "config", "set", "worker:THEIRS", "--secret", "--stack", "staging", told="other\n")
    assert _infra(clone, "get", "staging", "worker:THEIRS", "--show-secrets") == "other\n"
    salt = file.read_text().splitlines()[-1]
    values = {"rotation": "a: b # c", "parent": "2026", "checkMode": "warn", "readyTimeoutSeconds": "500"}
    written: list[str] = []
    for _ in range(2):
        file.write_text(f"{before}{salt}\n")
        for name, value in values.items():
            if written:
                _pulumi(clone, "config", "set", f"infra:{name}", value, "--stack", "staging")
            else:
                _infra(clone, "set", "staging", name, value)
        if written:
            _pulumi(clone, "config", "rm", "infra:appPath", "--stack", "staging")
        else:
            _infra(clone, "rm", "staging", "appPath")
        written.append(file.read_text())
    assert written[0] == written[1]
