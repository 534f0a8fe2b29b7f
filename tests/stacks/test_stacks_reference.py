"""The generated configuration reference."""

from __future__ import annotations

from stacks.config import keys
from stacks.reference import PROJECT_FILE, REFERENCE_FILE, project, reference


def test_written_reference_is_the_generated_one() -> None:
    """docs/configuration.md is up to date (python -m stacks.reference writes it)."""
    assert REFERENCE_FILE.read_text(encoding="utf-8") == reference()


def test_pulumi_yaml_declares_the_same_keys() -> None:
    """Pulumi.yaml agrees with the settings on keys, types, defaults and descriptions (the same command writes it)."""
    assert PROJECT_FILE.read_text(encoding="utf-8") == project()


def test_reference_has_a_row_for_every_key() -> None:
    """No key goes unmentioned."""
    rows = [line for line in reference().splitlines() if line.startswith("| `infra:")]
    assert len(rows) == len(keys())
