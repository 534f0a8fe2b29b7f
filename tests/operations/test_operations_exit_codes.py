"""The exit codes and the page that documents them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path

from operations import errors
from operations.errors import ExitCode

PROJECT = Path(__file__).resolve().parents[2]


def test_every_code_has_a_meaning() -> None:
    """No code without an explanation, and none of the two is said twice."""
    assert set(errors.MEANINGS) == set(ExitCode)
    assert len(set(errors.MEANINGS.values())) == len(ExitCode)


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
