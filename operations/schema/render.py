"""Differences of schemas as a document, as Markdown for a comment, and as lines for a terminal. Pure."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from operations.errors import UsageError
from operations.review.render import (
    COMPLETE,
    CUT,
    LONGEST,
    LONGEST_RISKS,
    MOST_RISKS,
    Part,
    code,
    fence,
    fitted,
    folded,
    length,
    plain,
    plural,
)
from operations.schema.compare import Change, Danger
from operations.stack_names import is_pull_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MARKER: Final = "<!-- infra: what this pull request changes in the schema -->"
"""The first line of the comment, by which it is found again: not that of the plan's, which another workflow writes."""
MOST_LINES: Final = 40
MOST_TOGETHER, LONGEST_TOGETHER = 25, 8000
"""Objects, and characters of them, that are unfolded by one click."""
SAYS: Final[dict[str, str]] = {
    "table-dropped": "the table is dropped, or renamed: its rows are gone for all that use this name",
    "column-dropped": "the column {name} is dropped, or renamed: its values are gone for all that use this name",
    "type-changed": "the column {name} changes from {old} to {new}: where the table is rewritten nobody reads or "
    "writes it meanwhile, and a value that does not fit fails",
    "not-null-added": "the new column {name} is NOT NULL without a default: rows that are there need a value first, "
    "and an insert that does not name it fails",
    "not-null": "the column {name} becomes NOT NULL: a row without a value fails, and nobody writes while all are read",
    "index-built": "the index {name} is built over {rows}: nobody writes meanwhile, unless it is built CONCURRENTLY, "
    "which a schema does not say",
}
"""By rule, what is said of a table; the names are filled in."""
LOSES: Final = frozenset({"table-dropped", "column-dropped"})


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `schema diff --json` answers.

    Attributes:
        old: The environment that is compared with: of a pull request its branch's parent.
        new: The environment whose changes are told.
        unread: Why `old` was not looked at, so that nothing was compared; empty where it was.
        dangers: What needs an eye first, the worst first.
        changes: Every object that differs, dropped ones first.
    """

    old: str
    new: str
    unread: str = ""
    dangers: list[Danger] = []
    changes: list[Change] = []


def read(content: bytes, source: str) -> Document:
    """A document from its text.

    Raises:
        UsageError: It is none.
    """
    try:
        return msgspec.json.decode(content, type=Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{source} is not the answer of `schema diff --json`: {error}", next_step="give what that prints, whole"
        ) from None


def markdown(document: Document, *, commit: str = "", longest: int = LONGEST) -> str:
    """The text of a comment.

    Args:
        document: What was compared.
        commit: Whose schema it is; empty where nobody says so.
        longest: How many characters it may have.
    """
    first = [MARKER, f"## {_headline(document)}"]
    if document.unread:
        first += [f"The schema of {code(document.old)} was not looked at:", fence([document.unread])]
    elif document.changes:
        first.append(f"Compared with {code(document.old)}: {_counts(document.changes)}.{_later(document)}")
    parts = [_part("\n\n".join(first)), *_dangers(document.dangers), *_folds(document.changes)]
    end = f"<sub>Schema of commit {code(commit)}.</sub>" if commit else ""

    def cut(missing: int) -> str:
        told = f"{missing} changed {plural(missing, 'object is', 'objects are')}"
        return f"{CUT} {told} not shown;** {COMPLETE} All of it: {code(f'./infra schema diff {document.new}')}."

    return fitted(parts, end, longest, cut=cut)


def lines(document: Document) -> Iterator[str]:
    """The same for a terminal."""
    if not document.changes:
        yield f"{document.new} has the schema of {document.old}"
        return
    yield f"{document.new}, compared with {document.old}: {_counts(document.changes)}"
    for danger in document.dangers:
        yield f"! {plain(danger.table)}: {sentence(danger, plain)}"
    for one in document.changes:
        yield f"{one.verb} {plain(one.kind.lower())} {plain(one.name)}"
        yield from (f"  {plain(line, longest=400)}" for line in one.lines)


def sentence(danger: Danger, show: Callable[[str], str]) -> str:
    """What is said of a danger; `show` makes a name harmless where it is shown."""
    counted = "rows that nobody has counted" if (danger.rows or 0) < 0 else f"about {danger.rows or 0:,} rows"
    return SAYS[danger.rule].format(name=show(danger.name), old=show(danger.old), new=show(danger.new), rows=counted)


def _headline(document: Document) -> str:
    new, old = code(document.new), code(document.old)
    if document.unread:
        return f"The schema of {new} was compared with nothing"
    if not document.changes:
        return f"{new} has the schema of {old}"
    if any(one.rule in LOSES for one in document.dangers):
        return f"The schema of {new} drops what holds data"
    return f"The schema of {new} {'needs a look' if document.dangers else 'changes'}"


def _later(document: Document) -> str:
    """What is not the pull request's doing: what its parent has got since the copy was made looks dropped."""
    loses = any(one.rule in LOSES for one in document.dangers) or document.changes[0].verb == "dropped"
    if not loses or not is_pull_request(document.new):
        return ""
    told = f"What {code(document.old)} has got since the branch was copied shows as dropped, too"
    return f" {told}; {code(f'./infra reset {document.new}')} makes a fresh copy."


def _counts(changes: Sequence[Change]) -> str:
    counts = Counter(one.verb for one in changes)
    told = ", ".join(f"{counts[verb]} {verb}" for verb in ("dropped", "changed", "added") if counts[verb])
    return f"{told} {plural(len(changes), 'object', 'objects')}"


def _dangers(found: Sequence[Danger]) -> Iterator[Part]:
    if not found:
        return
    told: list[str] = []
    for one in found[:MOST_RISKS]:
        if sum(map(length, told)) > LONGEST_RISKS:
            break
        told.append(f"- {'🛑' if one.rule in LOSES else '⚠️'} {code(one.table)}: {sentence(one, code)}")
    if others := Counter(one.rule for one in found[len(told) :]):
        told.append(f"- … and {', '.join(f'{count} more of {rule}' for rule, count in others.items())}")
    yield _part("\n".join(["### Look at this first", "", *told]))


def _folds(changes: Sequence[Change]) -> Iterator[Part]:
    """Changes of one verb that are unfolded together; their text is only made where there is room for it."""
    some: list[Change] = []
    for place, one in enumerate(changes):
        some.append(one)
        last = place + 1 == len(changes) or changes[place + 1].verb != one.verb
        if last or len(some) >= MOST_TOGETHER or sum(map(_longest, some)) >= LONGEST_TOGETHER:
            yield Part(make=partial(_fold, tuple(some)), things=len(some))
            some = []


def _longest(one: Change) -> int:
    return sum(map(len, one.lines[:MOST_LINES]))


def _fold(some: Sequence[Change]) -> str:
    return folded(f"{len(some)} {some[0].verb}", "\n\n".join(map(_shown, some)))


def _shown(one: Change) -> str:
    more = len(one.lines) - MOST_LINES
    told = [*one.lines[:MOST_LINES], *([f"  … {more} more lines"] if more > 0 else [])]
    return f"{code(one.name)} ({code(one.kind.lower())})\n\n{fence(told, 'diff')}"


def _part(text: str) -> Part:
    return Part(make=lambda: text)
