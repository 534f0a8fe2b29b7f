"""The outputs contract."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stacks.outputs import OUTPUTS, SCHEMA_FILE, SECRET_OUTPUTS, export, json_schema

PROJECT = Path(__file__).resolve().parents[2]

CONTRACT = {
    "contractVersion",
    "environment",
    "databaseUrl",
    "databasePoolerUrl",
    "databaseReadOnlyUrl",
    "databaseHost",
    "databasePort",
    "databaseName",
    "databaseUser",
    "organizationId",
    "projectId",
    "branchName",
    "branchId",
    "region",
    "backupRetentionDays",
    "backupTime",
    "earliestRestorePoint",
    "latestRestorePoint",
    "workerName",
    "healthUrl",
    "secretNames",
    "hyperdriveId",
    "checks",
}


def test_contract_version_1_has_exactly_these_outputs() -> None:
    """Version 1 may gain names and loses none; whoever adds one writes it here."""
    assert set(OUTPUTS) == CONTRACT


def test_only_urls_are_secret() -> None:
    """Everything but the connection strings is for everybody."""
    assert {"databaseUrl", "databasePoolerUrl", "databaseReadOnlyUrl"} == SECRET_OUTPUTS


def test_written_schema_is_the_generated_one() -> None:
    """The schema in docs/ is up to date (python -m stacks.outputs writes it)."""
    assert SCHEMA_FILE.read_text() == json_schema()
    assert set(json.loads(json_schema())["required"]) == CONTRACT


def test_missing_output_fails_the_program() -> None:
    """A stack that forgets an output does not deploy."""
    with pytest.raises(TypeError, match="databaseUrl"):
        export({})


@pytest.mark.parametrize(
    "module",
    [
        "stacks.config",
        "stacks.settings",
        "stacks.outputs",
        "stacks.worker_plan",
        "components.identity",
        "components.connection",
    ],
)
def test_pure_modules_do_not_load_pulumi(module: str) -> None:
    """Rules are read and tested where there is no Pulumi."""
    code = f"import sys, {module}; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
