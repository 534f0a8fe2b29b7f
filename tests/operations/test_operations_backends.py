"""Where state may lie, and that the URL which says so never shows its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from operations import workspace
from operations.errors import UsageError

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("file:///a", "file"),
        ("file://~", "file"),
        ("s3://bucket/folder?region=us-east-1", "s3"),
        ("postgres://u:p@h/d", "postgres"),
        ("gs://bucket", "gs"),
        ("azblob://container", "azblob"),
        ("https://api.pulumi.com", "https"),
    ],
)
def test_every_place_of_pulumi_is_accepted(url: str, kind: str) -> None:
    """The URL stays as it is; its beginning says what it is."""
    assert workspace.checked(url) == url
    assert workspace.scheme(url) == kind


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:s3cret@h/d", "is a postgresql:// URL, which is none of Pulumi's; Pulumi calls it postgres://"),
        ("gopher://u:s3cret@h", "is a gopher:// URL, which is none of Pulumi's"),
        ("/a/s3cret", "is no URL"),
        ("s3:s3cret", "is no URL"),
        ("s3cret", "is no URL"),
        ("://s3cret", "is no URL"),
    ],
)
def test_any_other_is_refused_without_showing_it(url: str, said: str, project: Path) -> None:
    """Plain Pulumi would ask for a log-in to Pulumi Cloud instead."""
    with pytest.raises(UsageError) as raised:
        workspace.open_workspace(project, "dev", environ={"PULUMI_BACKEND_URL": url})
    assert said in raised.value.message
    assert "s3cret" not in str(raised.value)
    assert "docs/state.md" in raised.value.next_step


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgres://u:p%40ss@h/d", "cannot reach postgres://u:p%40ss@h/d, password p@ss"),
        ("postgres://u:p ss%@h/d", "parse postgres://u:p ss%@h/d: invalid"),
        ("postgres://u:p[ss@h/d", "parse postgres://u:p[ss@h/d: invalid"),
    ],
)
def test_texts_of_the_cli_lose_the_password(url: str, text: str) -> None:
    """In each of its spellings, also where the URL cannot be read."""
    told = workspace.without_password(text, url)
    assert workspace.MASK in told
    assert "ss" not in told.replace("pass", "").replace("word", "")


def test_a_url_without_a_password_takes_nothing_away() -> None:
    """Nor does a folder."""
    for url in ("file:///a", "s3://bucket", "postgres://h/d", "postgres://u@h/d"):
        assert workspace.without_password("error: no such bucket", url) == "error: no such bucket"


def test_the_page_lists_the_places() -> None:
    """docs/state.md knows each kind that is accepted."""
    text = (PROJECT / "docs" / "state.md").read_text()
    assert [kind for kind in workspace.KINDS if kind != "http" and f"{kind}://" not in text] == []
