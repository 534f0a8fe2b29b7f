"""Nothing that others wrote can do anything in a comment: judged by a Markdown parser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from operations.review.render import MARKER, code, fence, length, plain, render
from operations.schema import render as schema
from operations.schema.compare import RULES, Change, Danger
from operations.schema.render import Document
from tests.operations.review.plans import HOSTILE, read, step, urn

if TYPE_CHECKING:
    from collections.abc import Callable

PARSER = MarkdownIt("commonmark").enable("table")
CODE = {"code_inline", "fence"}
TEXTS = (
    st.text(max_size=60) | st.sampled_from(HOSTILE) | st.text(alphabet="`|\\<>&@#\n -*_[]()!\u202e\u200b", max_size=30)
)


def _shape(tokens: Any) -> list[Any]:
    """What a text is made of: every token with its kind, and its words unless it is code."""
    return [
        (
            one.type,
            one.tag,
            one.info,
            "" if one.type in CODE or one.children is not None else one.content,
            _shape(one.children or []),
        )
        for one in tokens
    ]


def _comment(text: str) -> str:
    """A comment in which a text stands everywhere that others have a say."""
    kind = "xata:Branch"
    told = [{"severity": "error", "urn": urn("x"), "message": f"error: {text}"}]
    steps = [
        step(
            "replace",
            text.replace("::", ":"),
            kind=kind,
            old={"name": text, "p": text},
            new={"name": text, "p": f"{text}!"},
            replaceReasons=[text],
        ),
        step("create", f"new{text}".replace("::", ":"), kind=kind, new={"name": text}),
        step(
            "update",
            "settings",
            kind="xata:BranchSettings",
            old={"v": text},
            new={"v": [text, {text: text}]},
            diffReasons=[text],
        ),
    ]
    return render(read(*steps, diagnostics=told), commit=text)


def _schema(text: str) -> str:
    """A comment on a schema, read or not, in which a text stands everywhere that others have a say."""
    dangers = [Danger(rule=rule, table=text, name=text, old=text, new=text, rows=1) for rule in RULES]
    changes = [
        Change(verb=verb, kind=text, name=text, lines=[f"+ {text}", text]) for verb in ("dropped", "changed", "added")
    ]
    unread = Document(old=text, new=text, unread=text)
    return schema.markdown(
        Document(old=text, new=text, dangers=dangers, changes=changes), commit=text
    ) + schema.markdown(unread)


@pytest.mark.parametrize("comment", [_comment, _schema])
@given(text=TEXTS)
@example(text=HOSTILE[0])
@example(text=HOSTILE[3])
@example(text=HOSTILE[8])
def test_whatever_a_text_holds_the_comment_is_made_the_same(comment: Callable[[str], str], text: str) -> None:
    """The structure of the comment does not depend on names, values and messages: they are code, and nothing else."""
    wanted, found = (_shape(PARSER.parse(comment(f"x{one}"))) for one in ("word", text))
    assert _kinds(found) == _kinds(wanted)


def _kinds(shape: list[Any]) -> list[Any]:
    """The structure without the numbers of repeated code spans and without the graph, whose labels are judged apart."""
    return [
        (kind, tag, info, content if kind != "html_block" else re.sub(r"\d+", "n", content), _kinds(below))
        for kind, tag, info, content, below in shape
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_in_its_code(text: str) -> None:
    """No mention, no HTML, no link and no second marker stands outside of code; nothing turns the text around."""
    body = _comment(text)
    outside = " ".join([*_outside(PARSER.parse(body)), *_outside(PARSER.parse(_schema(text)))])
    for sign in ("@octocat", "<img", "evil.example", "onerror", "**bold**", "alert", "$(touch"):
        assert sign not in outside
    assert body.count(MARKER) == 1 or body.index(MARKER) == 0
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00\x1b\r]", body)
    (drawn,) = (one.content for one in PARSER.parse(body) if one.type == "fence" and one.info == "mermaid")
    labels = re.findall(r'\["(.*)"\]', drawn)
    assert len(labels) == drawn.count("[") == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_.:/ ·…-]*", label.replace("<br/>", "")) for label in labels)


def _outside(tokens: Any) -> list[str]:
    return [
        text
        for one in tokens
        if one.type not in CODE
        for text in (_outside(one.children) if one.children is not None else [one.content])
    ]


@given(TEXTS)
def test_a_code_span_shows_one_line_of_text(text: str) -> None:
    """The parser finds one code span with what was meant, and nothing around it."""
    (block, inline, _) = PARSER.parse(f"before {code(text)} after") if text.strip() else PARSER.parse("a `b` c")
    assert block.type == "paragraph_open"
    assert [one.type for one in inline.children or []] == ["text", "code_inline", "text"]
    if text.strip():
        assert (inline.children or [])[1].content.strip() == (plain(text).strip() or "")


@given(st.lists(TEXTS, max_size=5))
@example(["before", "```", "# after", "`````"])
def test_a_fence_ends_where_it_ends(lines: list[str]) -> None:
    """Whatever runs of backticks stand in it."""
    tokens = PARSER.parse(f"{fence(lines, 'diff')}\n\nafter")
    assert [one.type for one in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]


def test_lengths_are_those_of_javascript() -> None:
    """A character beyond the first plane counts twice, so that no other way of counting finds more."""
    assert length("aä🙂") == 4
