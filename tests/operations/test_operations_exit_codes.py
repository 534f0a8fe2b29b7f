"""The exit codes and the page that documents them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path

from operations import exit_codes
from operations.exit_codes import ExitCode

PROJECT = Path(__file__).resolve().parents[2]


def test_the_page_is_the_one_generated() -> None:
    """`python -m operations.exit_codes` would leave docs/exit-codes.md as it is."""
    assert exit_codes.DOCUMENT.read_text() == exit_codes.document()


def test_every_code_has_a_meaning() -> None:
    """No code without an explanation, and none of the two is said twice."""
    assert set(exit_codes.MEANINGS) == set(ExitCode)
    assert len(set(exit_codes.MEANINGS.values())) == len(ExitCode)


def test_the_numbers_are_a_contract() -> None:
    """Scripts rely on the numbers: they never change."""
    assert {code.name: code.value for code in ExitCode} == {
        "SUCCESS": 0,
        "UNEXPECTED": 1,
        "BAD_CONFIGURATION": 2,
        "CHANGES_REFUSED": 3,
        "RESOURCE_FAILED": 4,
        "VERIFICATION_FAILED": 5,
        "MACHINE_NOT_READY": 6,
        "LOCKED": 7,
        "DRIFTED": 8,
        "INTERRUPTED": 130,
    }


def test_the_executable_knows_its_two_codes() -> None:
    """The set-up, which cannot import the enum, uses the same numbers."""
    loader = importlib.machinery.SourceFileLoader("infra_executable", str(PROJECT / "infra"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    assert module.MACHINE_NOT_READY == ExitCode.MACHINE_NOT_READY
    assert module.INTERRUPTED == ExitCode.INTERRUPTED
