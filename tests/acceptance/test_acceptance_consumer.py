"""Other projects read staging's outputs, as a user types it: StackReference on either engine, a shell, a check."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from operations.engines import choice
from tests.clone import SECONDS
from tests.sandboxed import ENGINE, Sandboxed

if TYPE_CHECKING:
    from collections.abc import Mapping

CLI = choice.installed()[0]
EXAMPLE = "examples/consumer"


def _staging(sandboxed: Sandboxed) -> dict[str, Any]:
    """The outputs of staging, brought up where it is not there yet."""
    if sandboxed.run("outputs", "staging").returncode:
        sandboxed.up("staging")
    return sandboxed.outputs("staging")


def _expected(staging: Mapping[str, Any]) -> dict[str, str]:
    return {
        "environment": "staging",
        "database": f"{staging['databaseHost']}:{staging['databasePort']}/{staging['databaseName']}",
        "reportingUrl": f"{staging['databaseReadOnlyUrl']}&application_name=reports",
    }


def _consumer(sandboxed: Sandboxed, action: str, *more: str, **environment: str) -> str:
    """Run `./infra consumer` on the example, which must end well; what it answers."""
    command = ("consumer", action, EXAMPLE, "staging", "--sandbox", *more)
    done = sandboxed.clone.infra(*command, timeout=SECONDS, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "postgresql://" not in done.stderr
    return done.stdout


def test_a_consumer_gets_the_outputs_of_staging(sandboxed: Sandboxed) -> None:
    """[G2] The second project has them, its secret is one in its state, too; the check of the contract is content."""
    staging = _staging(sandboxed)
    expected = _expected(staging)
    answer = json.loads(_consumer(sandboxed, "up", *ENGINE, "--yes", "--json"))
    assert answer["outputs"] == {**expected, "reportingUrl": "[secret]"}
    assert json.loads(_consumer(sandboxed, "outputs", *ENGINE, "--json", "--show-secrets")) == expected
    kept = (sandboxed.state / "stacks/consumer/staging.json").read_text()
    assert expected["database"] in kept
    assert expected["reportingUrl"] not in kept
    command = [sys.executable, "-I", str(sandboxed.clone.folder / EXAMPLE / "contract.py")]
    subprocess.run(command, input=json.dumps(staging), text=True, check=True)


@pytest.mark.thorough
def test_without_pulumi_a_program_gets_the_same(sandboxed: Sandboxed) -> None:
    """Its environment holds what the twin exports, and nothing secret is printed; without outputs it is not run."""
    expected = _expected(_staging(sandboxed))
    told = sandboxed.clone.infra("sandbox", "env")
    script = 'eval "$TOLD" && exec examples/consumer/without_pulumi.sh "$1" env'
    answers = {
        stack: subprocess.run(
            ["/bin/sh", "-euc", script, "sh", stack],
            cwd=sandboxed.clone.folder,
            env=sandboxed.clone.environment(TOLD=told.stdout, REPORTING_URL="left over"),
            capture_output=True,
            text=True,
            check=False,
        )
        for stack in ("staging", "dev")
    }
    found = dict(line.split("=", 1) for line in answers["staging"].stdout.splitlines() if line.startswith("REPORTING_"))
    assert found == {"REPORTING_DATABASE": expected["database"], "REPORTING_URL": expected["reportingUrl"]}
    assert "postgresql://" not in answers["staging"].stderr
    assert (answers["dev"].returncode, answers["dev"].stdout) == (2, "")


@pytest.mark.cli
@pytest.mark.skipif(CLI is None, reason="no Pulumi CLI, 3.238 or newer: ./infra setup --pulumi installs it")
def test_a_consumer_gets_the_outputs_of_staging_with_the_cli(sandboxed: Sandboxed) -> None:
    """Through ./infra and by plain `pulumi`, on a state that the embedded engine has made: the same, and no change."""
    assert CLI
    expected = _expected(_staging(sandboxed))
    _consumer(sandboxed, "up", *ENGINE, "--yes")
    home = {"PULUMI_HOME": str(sandboxed.clone.home / "pulumi"), "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
    answer = json.loads(_consumer(sandboxed, "up", "--engine", "pulumi", "--yes", "--json", **home))
    assert (answer["engine"], answer["changes"]["same"], answer["changes"]["update"]) == ("pulumi", 1, 0)
    shown = _consumer(sandboxed, "outputs", "--engine", "pulumi", "--json", "--show-secrets", **home)
    assert json.loads(shown) == expected
    told = sandboxed.clone.infra("sandbox", "env").stdout
    pulumi = 'eval "$TOLD" && exec "$PULUMI" -C examples/consumer preview --stack staging --expect-no-changes'
    subprocess.run(
        ["/bin/sh", "-euc", pulumi],
        cwd=sandboxed.clone.folder,
        env=sandboxed.clone.environment(TOLD=told, PULUMI=str(CLI.path), **home),
        stdin=subprocess.DEVNULL,
        check=True,
    )
    subprocess.run(["git", "checkout", "-q", EXAMPLE], cwd=sandboxed.clone.folder, check=False)
