"""Where the program may lie beside its app: what fits, what is refused, and what a workflow is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from operations.errors import UsageError
from operations.init.layouts import Layout, caller, folder_of, mismatch, workflows

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "5d41402abc4b2a76b9719d911017c592aabbccdd"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The app's clone, with a folder for the program in it."""
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    (tmp_path / "shop" / "ops" / "infra").mkdir(parents=True)
    return tmp_path / "shop"


def test_a_layout_fits_where_github_finds_its_workflows(app: Path, tmp_path: Path) -> None:
    """A folder of the app's repository, or the top of one; a repository may come later, but not for a folder."""
    inside, alone = app / "ops" / "infra", tmp_path / "alone"
    alone.mkdir()
    fits = {layout: [place for place in (app, inside, alone) if not mismatch(layout, place)] for layout in Layout}
    assert fits == {Layout.APP: [app, alone], Layout.FOLDER: [inside], Layout.TWO: [app, alone]}
    assert (folder_of(inside), folder_of(app), folder_of(alone)) == ("ops/infra", "", "")


@pytest.mark.parametrize(
    ("layout", "place", "words"),
    [
        ("folder", "", ["folder of the app's repository", "is the top of its git repository", "or choose app or two"]),
        ("folder", "../alone", ["lies in no git repository"]),
        ("app", "ops/infra", ["the top of a git repository", "lies in that of", "choose folder"]),
        ("two", "ops/infra", ["the top of a git repository", "lies in that of", "choose folder"]),
    ],
)
def test_a_layout_that_does_not_match_is_refused_in_a_sentence(
    app: Path, layout: str, place: str, words: list[str]
) -> None:
    """What is wrong, where the project lies, and what to choose."""
    (app.parent / "alone").mkdir()
    refused = mismatch(Layout(layout), app / place)
    assert refused
    assert [word for word in words if word not in " ".join(refused)] == []


@pytest.mark.parametrize(
    "folder", ["", ".", "..", "../infra", "/infra", "a/../b", "a//b", "infra/", "-x", "a b", "a'b", "${{ x }}", "ä"]
)
def test_a_folder_that_no_workflow_can_name_is_refused(folder: str) -> None:
    """It is written into the files: nothing that YAML, a shell or GitHub reads otherwise; nor what git keeps."""
    with pytest.raises(UsageError, match="allowed is a path"):
        workflows(Layout.FOLDER, folder)


@pytest.mark.parametrize("folder", [".github", ".github/x", ".git"])
def test_github_keeps_its_own_folder(folder: str) -> None:
    """The program does not lie among the workflows of the app."""
    with pytest.raises(UsageError, match=r"not in \.github"):
        workflows(Layout.FOLDER, folder)


def test_a_folder_is_for_its_layout_alone() -> None:
    """Elsewhere it would be passed over."""
    with pytest.raises(UsageError, match="the layout app has no folder, and 'infra' was given"):
        workflows(Layout.APP, "infra")


def test_what_the_workflows_are_made_of_must_be_there(app: Path) -> None:
    """A project of two repositories has but the result, which the next version brings anew."""
    with pytest.raises(UsageError, match=r"there is no .*checks\.yml[\s\S]*a project of the layout app"):
        workflows(Layout.TWO, source=app)


@pytest.mark.parametrize(
    ("program", "commit", "release", "what"),
    [
        ("infra", COMMIT, "", "repository cannot be 'infra'"),
        ("acme/in fra", COMMIT, "", "repository"),
        ("acme/infra", "main", "", "commit cannot be 'main'"),
        ("acme/infra", COMMIT[:12], "", "commit"),
        ("acme/infra", COMMIT, "v1\nx", "release"),
    ],
)
def test_a_caller_names_one_commit_of_one_repository(program: str, commit: str, release: str, what: str) -> None:
    """A branch would run whatever is pushed there, with the app's keys."""
    with pytest.raises(UsageError, match=what):
        caller(program, commit, release)
