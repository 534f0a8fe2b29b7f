"""The reference in docs/reference is what the code says today."""

from __future__ import annotations

import re
import shlex

import pytest

from operations import cli, reference


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Every page as the code writes it now."""
    return {name: text() for name, text in reference.PAGES.items()}


def test_the_pages_are_in_step(pages: dict[str, str]) -> None:
    """Writing them again changes nothing: `.venv/bin/python -m operations.reference` does it."""
    assert {name: (reference.FOLDER / name).read_text() for name in pages} == pages


def test_every_command_has_a_section_with_an_example(pages: dict[str, str]) -> None:
    """No command is without its arguments and a line to type."""
    sections = pages["commands.md"].split("\n## ")[1:]
    assert [section.splitlines()[0] for section in sections] == list(cli.COMMANDS)
    assert [section for section in sections if f"./infra {section.splitlines()[0]}" not in section] == []


def test_errors_name_the_exit_code_that_a_command_ends_with(pages: dict[str, str]) -> None:
    """A class that inherits two trees has the code that the one place that catches gives it."""
    rows = pages["errors.md"].splitlines()
    assert any(row.startswith("| `InputError` | `components.errors` | 2 |") for row in rows)
    assert any(row.startswith("| `LockedError` | `pulumi_embedded.errors` | 7 |") for row in rows)


def _examples(page: str) -> list[list[str]]:
    """Every command of ./infra that the page's blocks show, as words, without what a shell does around it."""
    blocks = re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    commands: list[list[str]] = []
    for line in "".join(blocks).splitlines():
        words = re.split(r" (?:\||>|>>|&&) ", f"{line} ")
        commands += [shlex.split(part, comments=True)[1:] for part in words if part.startswith("./infra ")]
    return commands


def test_every_example_is_a_command_line_that_is_understood(pages: dict[str, str]) -> None:
    """What help and reference show can be typed as it stands."""
    examples = _examples(pages["commands.md"])
    assert len(examples) > len(cli.COMMANDS)
    for words in examples:
        assert cli.parse(words).run, words
