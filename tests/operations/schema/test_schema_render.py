"""Differences of schemas as a comment and for a terminal: whole texts, limits, and names that are only text."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from operations.errors import UsageError
from operations.review.render import LONGEST, length
from operations.schema import compare, dump, render
from operations.schema.compare import Change, Danger, Size
from operations.schema.render import Document

RECORDED = Path(__file__).resolve().parent / "recorded"


@pytest.fixture(scope="module")
def document() -> Document:
    """What differs between the recorded dumps."""
    before, after = (dump.read((RECORDED / f"{name}.sql").read_text(encoding="utf-8")) for name in ("before", "after"))
    changes, dangers = compare.compare(before, after, {"public.big": Size(rows=1_234_567, bytes=1)})
    return Document(old="staging", new="pr-7", changes=changes, dangers=dangers)


def test_the_comment_as_a_whole(document: Document) -> None:
    """What needs an eye above what is folded; `recorded/comment.md` is what a reviewer reads."""
    text = render.markdown(document, commit="0123456789ab")
    assert text == (RECORDED / "comment.md").read_text(encoding="utf-8")


def test_the_document_comes_back(document: Document) -> None:
    """As `--json` prints it."""
    assert render.read(json.dumps(msgspec.to_builtins(document)).encode(), "x.json") == document


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b'{"old": "a"}', b'{"old": "a", "new": "b", "more": 1}']
)
def test_what_is_no_document_is_refused(content: bytes) -> None:
    """By the name of its file."""
    with pytest.raises(UsageError, match=r"x\.json is not the answer of `schema diff --json`"):
        render.read(content, "x.json")


def test_a_terminal_gets_lines(document: Document) -> None:
    """The counts, what needs an eye, then each object; a line end in a name is shown as its number."""
    told = list(render.lines(document))
    assert told[:3] == [
        "pr-7, compared with staging: 3 dropped, 7 changed, 4 added objects",
        "! public.gone: the table is dropped, or renamed: its rows are gone for all that use this name",
        "! public.orders: the column note is dropped, or renamed: its values are gone for all that use this name",
    ]
    assert 'changed table "od.d ""x"."ta""b.le\\u000atwo"' in told
    assert list(render.lines(Document(old="staging", new="dev"))) == ["dev has the schema of staging"]


def test_without_a_difference_and_without_a_look() -> None:
    """Each is one sentence, and what was not looked at is never "no difference"."""
    same = render.markdown(Document(old="staging", new="pr-7"))
    assert same == f"{render.MARKER}\n\n## `pr-7` has the schema of `staging`\n"
    unread = render.markdown(Document(old="staging", new="pr-7", unread="the key may not <b>"))
    assert unread == (
        f"{render.MARKER}\n\n## The schema of `pr-7` was compared with nothing\n\n"
        "The schema of `staging` was not looked at:\n\n```\nthe key may not <b>\n```\n"
    )


@pytest.mark.parametrize(
    ("new", "change", "told"),
    [
        ("pr-7", Change(verb="dropped", kind="INDEX", name="public.i"), True),
        ("pr-7", Change(verb="added", kind="INDEX", name="public.i"), False),
        ("dev", Change(verb="dropped", kind="INDEX", name="public.i"), False),
    ],
)
def test_what_the_parent_has_got_since_is_not_the_pull_requests_doing(new: str, change: Change, told: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Said where something looks dropped, of a copy alone."""
    text = render.markdown(Document(old="staging", new=new, changes=[change]))
    assert ("since the branch was copied" in text) == told


def test_two_thousand_tables_fit_a_comment() -> None:
    """Counts are whole, the dangerous ones come first, and the end says how many objects are missing."""
    changes = [
        Change(verb="dropped", kind="TABLE", name=f"public.t{one}", lines=["- x" * 100] * 60) for one in range(2000)
    ]
    dangers = [Danger(rule="table-dropped", table=one.name) for one in changes]
    text = render.markdown(Document(old="staging", new="pr-7", changes=changes, dangers=dangers), commit="abc")
    assert 50_000 < length(text) <= LONGEST
    assert "Compared with `staging`: 2000 dropped objects." in text
    assert "- … and 1960 more of table-dropped" in text
    shown = text.count("(`table`)")
    assert f"{2000 - shown} changed objects are not shown;**" in text
    assert text.count("<details>") == text.count("</details>")
    assert "… 20 more lines" in text


def test_names_do_nothing_in_a_comment() -> None:
    """Neither in a title nor in a fence: no mention, no HTML, no end of the code, no hidden character."""
    hostile = '"``` @octocat <img src=x> \u202e\n```"'
    change = Change(verb="added", kind="TABLE", name=hostile, lines=[f"+ {hostile}", "+ ````"])
    danger = Danger(rule="type-changed", table=hostile, name=hostile, old=hostile, new="{x} %s")
    text = render.markdown(Document(old="staging", new="pr-7", changes=[change], dangers=[danger]))
    assert "\u202e" not in text
    lines = text.splitlines()
    fences = [line for line in lines if line.startswith("```") and "octocat" not in line]
    assert fences == ["`````diff", "`````"]
    outside = [line for line in lines if "octocat" in line and not line.startswith(("+ ", "- "))]
    assert [line[:4] for line in outside] == ["````"]
