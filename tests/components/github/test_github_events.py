"""Event files of workflows: which pull request a run is about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cloud_sandbox.github import shapes
from components import errors
from components.github import events
from tests.components.github.github_world import World

if TYPE_CHECKING:
    from pathlib import Path


def _event(**changes: Any) -> dict[str, Any]:
    pull = shapes.pull(World().pull, "sandbox/app", "https://api.github.com")
    told = {"action": "opened", "number": 7, "pull_request": pull}
    return {**told, "repository": {"full_name": "sandbox/app"}, "sender": {"login": "octocat"}, **changes}


def test_an_event_is_about_a_pull_request(tmp_path: Path) -> None:
    """Its fields are those of the API; what is not known is ignored."""
    file = tmp_path / "event.json"
    file.write_text(json.dumps(_event()))
    event = events.read(file)
    assert (event.action, event.number, event.repository.full_name) == ("opened", 7, "sandbox/app")
    assert event.pull_request.is_open


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it is not JSON"),
        ('{"action": "opened", "number"', "it is not JSON"),
        ("[]", "Expected `object`, got `array`"),
        ('{"ref": "refs/heads/main", "secret": "hidden"}', "missing required field `number`"),
        (json.dumps(_event(number=0)), "number"),
        (json.dumps(_event(pull_request={"hidden": 1})), "missing required field `number` - at `$.pull_request`"),
    ],
)
def test_what_is_no_such_event_is_refused(content: str, says: str, tmp_path: Path) -> None:
    """The error names the file and the field, and quotes nothing of the content."""
    file = tmp_path / "event.json"
    file.write_text(content)
    with pytest.raises(errors.InputError, match="is not about a pull request") as caught:
        events.read(file)
    assert says in caught.value.message
    assert "hidden" not in caught.value.message


def test_a_file_that_is_missing_or_too_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is read to the end of this machine's memory."""
    with pytest.raises(errors.InputError, match="cannot be read: No such file"):
        events.read(tmp_path / "none.json")
    monkeypatch.setattr(events, "MOST_BYTES", 10)
    (tmp_path / "long.json").write_text(" " * 11)
    with pytest.raises(errors.InputError, match="more than 10 bytes"):
        events.read(tmp_path / "long.json")
