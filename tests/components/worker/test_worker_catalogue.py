"""What any serious provider must stand, item by item, for Workers and their secrets, too."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from operations.workspace import HAS_SANDBOX

PROJECT = Path(__file__).resolve().parents[3]
TESTS = (PROJECT / "tests", PROJECT / "packages" / "cloud-sandbox" / "tests")
OF_WORKERS = (
    "*/http/test_http_client.py",
    "*/worker/test_worker_*.py",
    "*/test_worker_check_*.py",
    "*/test_cloudflare_*.py",
    "*/test_acceptance_worker*.py",
)
CATALOGUE = {"B3", "B4", *(f"D{number}" for number in range(1, 15)), "F2", "G1"}


@pytest.mark.skipif(not HAS_SANDBOX, reason="some are the sandbox's, and this project was made without")
def test_every_item_of_the_catalogue_has_its_test_for_workers() -> None:
    """Each item is named in square brackets by a test of this API that proves it."""
    found = set()
    for file in {file for folder in TESTS for pattern in OF_WORKERS for file in folder.rglob(pattern)}:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found |= set(re.findall(r"\[([A-G]\d+)\]", ast.get_docstring(node) or ""))
    assert found >= CATALOGUE, sorted(CATALOGUE - found)
