"""The generated configuration reference."""

from __future__ import annotations

import re

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


def test_every_key_is_told_on_a_page_that_a_person_wrote() -> None:
    """A table says what is allowed; when one would set it is told where its topic is."""
    pages = [page for page in REFERENCE_FILE.parent.rglob("*.md") if page != REFERENCE_FILE]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert [key for key in keys() if not re.search(rf"\b{key.removeprefix('infra:')}\b", text)] == []
