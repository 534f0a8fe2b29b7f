"""The stack file of a pull request, made of the template that all of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from operations.errors import UsageError
from operations.previews import files
from operations.workspace import describe_workspace
from pulumi_embedded.errors import ProjectError

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = "config:\n  infra:appPath: app\n"
OWN = {"infra:parent": "staging", "infra:protect": False, "infra:backupRetentionDays": 2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project's folder with a template."""
    (tmp_path / "Pulumi.yaml").write_text("name: infra\nruntime: python\n")
    (tmp_path / "Pulumi.preview.yaml").write_text(TEMPLATE)
    return tmp_path


def _made(folder: Path, stack: str = "pr-7") -> dict[str, object]:
    files.ensure(folder, stack)
    content: dict[str, object] = yaml.safe_load((folder / f"Pulumi.{stack}.yaml").read_text())
    return content


def test_it_is_made_of_the_template_and_of_what_a_preview_has_by_itself(folder: Path) -> None:
    """Pulumi would take the defaults of all stacks where the template says nothing; what it says wins."""
    assert _made(folder) == {"config": {**OWN, "infra:appPath": "app"}}
    (folder / "Pulumi.preview.yaml").write_text("config:\n  parent: main\n  infra:protect: true\n")
    assert _made(folder, "pr-8") == {"config": {**OWN, "infra:parent": "main", "infra:protect": True}}


@pytest.mark.parametrize("text", ["", "config:\n", "# nothing\n"])
def test_an_empty_template_is_a_complete_one(folder: Path, text: str) -> None:
    """A preview then is what it is by itself."""
    (folder / "Pulumi.preview.yaml").write_text(text)
    assert _made(folder) == {"config": OWN}


def test_it_is_left_alone_until_the_template_changes(folder: Path) -> None:
    """What Pulumi writes into it stays; a changed template makes it again, and what is the stack's own is kept."""
    _made(folder)
    file = folder / "Pulumi.pr-7.yaml"
    secret = {"secure": "v1:abc:def"}
    content = yaml.safe_load(file.read_text())
    content["config"] |= {"worker:SESSION_KEY": secret, "infra:lifeDays": 3}
    file.write_text(
        file.read_text().splitlines(keepends=True)[0] + yaml.safe_dump({**content, "encryptionsalt": "v1:x"})
    )
    before = file.read_bytes()
    _made(folder)
    assert file.read_bytes() == before
    (folder / "Pulumi.preview.yaml").write_text("config:\n  infra:appPath: other\n")
    config = {**OWN, "infra:appPath": "other", "worker:SESSION_KEY": secret}
    assert _made(folder) == {"config": config, "encryptionsalt": "v1:x"}


@pytest.mark.parametrize("text", [": not yaml [", "[1, 2]", "config: [1]\n", ""])
def test_a_file_that_is_none_is_made_again(folder: Path, text: str) -> None:
    """Nothing of it can be kept; nobody but ./infra and Pulumi writes it."""
    (folder / "Pulumi.pr-7.yaml").write_text(text)
    assert _made(folder) == {"config": {**OWN, "infra:appPath": "app"}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("config:\n  worker:KEY:\n    secure: v1:a:b\n", r"holds worker:KEY, which belongs to one stack alone"),
        ("encryptionsalt: v1:x\nconfig: {}\n", r"holds encryptionsalt, which belongs to one stack alone"),
        ("config: [1]\n", "is not a stack's file in YAML"),
        ("[1, 2]\n", "is not a stack's file in YAML"),
        ("config: {\n", r"Pulumi.preview.yaml, line 2, column 1: expected"),
    ],
)
def test_a_template_that_cannot_be_shared_is_refused(folder: Path, text: str, words: str) -> None:
    """In words, with the next step, and no file is made."""
    (folder / "Pulumi.preview.yaml").write_text(text)
    with pytest.raises((UsageError, ProjectError), match=words) as caught:
        files.ensure(folder, "pr-7")
    assert getattr(caught.value, "next_step", "")
    assert not (folder / "Pulumi.pr-7.yaml").exists()


def test_a_missing_template_is_told_where_a_stack_is_opened(folder: Path) -> None:
    """Opening the stack of a pull request makes its file; other stacks need no template."""
    assert describe_workspace(folder, "pr-7").stack_file.is_file()
    assert (folder / "Pulumi.pr-7.yaml").stat().st_mode & 0o777 == 0o600
    (folder / "Pulumi.preview.yaml").unlink()
    with pytest.raises(UsageError, match=r"Pulumi\.preview\.yaml is missing .*\n.*git checkout"):
        describe_workspace(folder, "pr-7")
    with pytest.raises(UsageError, match=r"Pulumi\.staging\.yaml is missing"):
        describe_workspace(folder, "staging")
