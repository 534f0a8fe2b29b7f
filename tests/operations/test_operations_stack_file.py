"""Edits of a stack's file: what is meant changes, every other line stays."""

from __future__ import annotations

import pytest

from operations.commands import config
from operations.commands.config import Secure
from pulumi_embedded.errors import ProjectError
from pulumi_embedded.project import yamlfile

FILE = """\
# Staging.
config:
  infra:checkMode: enforce # for now
  # The app's folder.
  infra:appPath: app
  infra:sqlFiles:
    - a.sql
    # and later
    - b.sql

encryptionsalt: v1:a=:v1:b:c=
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("infra:checkMode", "warn", "checkMode: enforce # for now", "checkMode: warn # for now"),
        ("infra:appPath", "../app: 1", "infra:appPath: app", "infra:appPath: '../app: 1'"),
        ("infra:sqlFiles", ["c.sql"], "\n    - a.sql\n    # and later\n    - b.sql", "\n    - c.sql"),
        ("infra:port", "15432", "    - b.sql\n", '    - b.sql\n  infra:port: "15432"\n'),
        (
            "worker:KEY",
            Secure(ciphertext="v1:x:y="),
            "    - b.sql\n",
            "    - b.sql\n  worker:KEY:\n    secure: v1:x:y=\n",
        ),
    ],
)
def test_a_value_changes_and_nothing_else(key: str, value: config.Value, old: str, new: str) -> None:
    """Comments, order and layout stay; a new key comes behind the others."""
    assert config.with_value(FILE, key, value, source="f") == FILE.replace(old, new)


@pytest.mark.parametrize("text", ["", "# c\n", "config:\n", "config: {}\n", "config:"])
def test_a_file_without_values_gets_its_first_one(text: str) -> None:
    """Whatever stands for nothing, the result holds one value."""
    edited = config.with_value(text, "infra:port", "1", source="f")
    assert edited.endswith('config:\n  infra:port: "1"\n')
    assert edited.startswith(text.removesuffix("\n").removesuffix(" {}"))


@pytest.mark.parametrize(
    "value",
    ["", "true ", "1e3", "2026-01-01", "y", "1:20", "- a", "#", "a: b", "<<", "it's", 'say "x"', "a\nb", "é", "~"],
)
def test_every_text_is_read_as_the_text_it_is(value: str) -> None:
    """Nothing becomes a number, a truth, a date or a comment."""
    read = yamlfile.parse(config.with_value(FILE, "infra:rotation", value, source="f"), "f")
    assert read["config"]["infra:rotation"] == value


def test_a_value_goes_with_the_comment_above_it() -> None:
    """As with the CLI; the last one leaves an empty mapping, so that the file keeps its first comment."""
    shorter = config.without_value(FILE, "infra:appPath", source="f")
    assert shorter == FILE.replace("  # The app's folder.\n  infra:appPath: app\n", "")
    assert config.without_value("# c\nconfig:\n  infra:a: b\n", "infra:a", source="f") == "# c\nconfig: {}\n"


@pytest.mark.parametrize("text", ["config: {infra:port: 1}\n", "config:\n  infra:port: &a 1\n  infra:b: *a\n", "- a\n"])
def test_what_only_a_person_can_edit_is_refused(text: str) -> None:
    """Everything in one line, aliases, another kind of file: nothing is guessed."""
    with pytest.raises(ProjectError, match=r"f is (laid out|not a stack's file)"):
        config.with_value(text, "infra:b", "2", source="f")
