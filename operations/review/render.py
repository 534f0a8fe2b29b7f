"""Plans as one Markdown text that a reviewer reads: counts, what needs an eye first, failures, then the rest. Pure.

The text stays below what a comment may hold. It is made of parts that are whole in themselves, the most important ones
first; those that no longer fit are left out, and the end says how many.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from operations.review import rules
from operations.review.plan import plan, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from operations.display.plan import Difference
    from operations.review.document import Reading
    from operations.review.plan import Fate, Plan, Resource
    from operations.review.rules import Risk

MARKER: Final = "<!-- infra: what this pull request would change -->"
"""The first line of our comment, by which it is found again."""
LONGEST: Final = 65_000
"""GitHub takes 65,536 characters; counted here as JavaScript does."""
ROOM_FOR_THE_END: Final = 400
MOST_STACKS: Final = 40
MOST_RISKS: Final = 40
LONGEST_RISKS: Final = 20_000
MOST_LINES: Final = 30
MOST_ERRORS: Final = 20
LONGEST_ERROR: Final = 25
"""Lines of one error."""
CUT: Final = "**This text is cut here: it is as long as a comment may be."
COMPLETE: Final = "the counts and what is to be looked at first are complete."
SAME_VALUE: Final = "changes (secret, or known after up)"
SIGNS: Final[dict[str, str]] = {
    "delete": "-",
    "replace": "±",
    "forget": "<",
    "update": "~",
    "import": "=",
    "create": "+",
}
VERBS: Final[dict[Fate, str]] = {
    "delete": "deleted",
    "replace": "replaced",
    "forget": "left out of the stack",
    "unknown": "changed in a way this version does not know",
    "update": "updated",
    "import": "imported",
    "create": "created",
    "drift": "found otherwise, and left so",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the text, made when there is room for it, and how many things would go unseen without it."""

    make: Callable[[], str]
    things: int = 0


def render(readings: Sequence[Reading], *, commit: str = "", longest: int = LONGEST) -> str:
    """The whole text.

    Args:
        readings: The documents, also those that cannot be understood.
        commit: What was previewed; empty where nobody says so.
        longest: How many characters it may have.
    """
    plans = [plan(reading) for reading in readings if reading.document is not None]
    found = rules.risks(plans)
    first = [MARKER, f"## {_headline(readings, plans, found)}", _table(readings, plans)]
    parts = [_part("\n\n".join(first)), *_risks(found, plans), *_unread(readings), *_failures(plans), *_warnings(plans)]
    parts += [part for one in plans for part in _details(one, plans)]
    end = f"<sub>Plan of commit {code(commit)}.</sub>" if commit else ""
    return fitted(parts, end, longest, cut=_cut)


def _cut(missing: int) -> str:
    told = f"{missing} changed {plural(missing, 'resource is', 'resources are')}"
    return f"{CUT} {told} not shown;** {COMPLETE} The whole plan: `./infra preview STACK`."


def shown_stack(stack: str, project: str, plans: Sequence[Plan]) -> str:
    """A stack as a reader tells it from others: with its project where there are several."""
    if len({one.project for one in plans if one.project}) > 1 and project:
        return f"{project}/{stack}"
    return stack or "a stack that nothing names"


def fitted(parts: Sequence[Part], end: str, longest: int, *, cut: Callable[[int], str]) -> str:
    """The parts, one below the other, as far as they fit.

    Args:
        parts: The most important ones first.
        end: The last line; empty for none.
        longest: How many characters the text may have.
        cut: What is said where parts are left out, by how many things they are about.
    """
    kept: list[str] = []
    room = longest - ROOM_FOR_THE_END - length(end)
    left_out = missing = 0
    for part in parts:
        text = "" if left_out else part.make()
        cost = length(text) + 2
        if left_out or cost > room:
            left_out, missing = left_out + 1, missing + part.things
            continue
        kept.append(text)
        room -= cost
    return "\n\n".join([*kept, *([cut(missing)] if left_out else []), *([end] if end else [])]) + "\n"


def _headline(readings: Sequence[Reading], plans: Sequence[Plan], found: Sequence[Risk]) -> str:
    if len(plans) < len(readings) or any(one.errors for one in plans):
        return "The preview failed"
    if refused := [risk for risk in found if risk.refused]:
        loses = not all(risk.is_of_policy for risk in refused)
        return f"This pull request {'would lose data' if loses else 'breaks a rule'}"
    if found:
        return "This pull request changes what needs a look"
    changed = sum(len(one.resources) for one in plans)
    return (
        f"This pull request changes {changed} {plural(changed, 'resource', 'resources')}"
        if changed
        else ("This pull request changes nothing that is deployed")
    )


def _table(readings: Sequence[Reading], plans: Sequence[Plan]) -> str:
    rows = ["| stack | create | update | replace | delete | other | unchanged | |", "|---|--:|--:|--:|--:|--:|--:|---|"]
    for one in plans[:MOST_STACKS]:
        counts = Counter(resource.fate for resource in one.resources)
        named = [counts.pop(fate, 0) for fate in ("create", "update", "replace", "delete")]
        cells = [*(str(count) if count else "" for count in (*named, counts.total())), str(one.unchanged)]
        state = "**failed**" if one.errors else "" if one.resources else "no changes"
        rows.append(f"| {_cell(one.stack, one.project, plans)} | {' | '.join(cells)} | {state} |")
    unread = [reading.stack or reading.source for reading in readings if reading.document is None]
    told = unread[: MOST_STACKS - len(plans[:MOST_STACKS])]
    rows += [f"| {_cell(name, '', plans)} | | | | | | | **no plan** |" for name in told]
    more = len(plans[MOST_STACKS:]) + len(unread) - len(told)
    return "\n".join([*rows, *([f"| … and {more} more | | | | | | | |"] if more else [])])


def _cell(stack: str, project: str, plans: Sequence[Plan]) -> str:
    return code(shown_stack(stack, project, plans), in_table=True)


def _risks(found: Sequence[Risk], plans: Sequence[Plan]) -> Iterator[Part]:
    if not found:
        return
    lines: list[str] = []
    for risk in found[:MOST_RISKS]:
        if sum(map(length, lines)) > LONGEST_RISKS:
            break
        sentence = risk.says.format(*(code(name) for name in risk.names))
        sign = "🛑" if risk.refused else "⚠️"
        lines.append(f"- {sign} {code(shown_stack(risk.stack, risk.project, plans))}: {sentence}")
    if others := Counter(risk.rule for risk in found[len(lines) :]):
        lines.append(f"- … and {', '.join(f'{count} more of {rule}' for rule, count in others.items())}")
    yield _part("\n".join(["### Look at this first", "", *lines]))


def _unread(readings: Sequence[Reading]) -> Iterator[Part]:
    for reading in readings:
        if reading.document is None:
            name = code(reading.stack or reading.source)
            yield _part(f"### {name}: no plan\n\n{fence([f'{reading.source}: {reading.reason}'])}")


def _failures(plans: Sequence[Plan]) -> Iterator[Part]:
    for one in plans:
        if not one.errors:
            continue
        name = code(shown_stack(one.stack, one.project, plans))
        yield _part(f"### {name}: the preview failed, so what it lists may not be all")
        for error in one.errors[:MOST_ERRORS]:
            yield Part(make=partial(_error, error))
        if len(one.errors) > MOST_ERRORS:
            yield _part(f"… and {len(one.errors) - MOST_ERRORS} more.")


def _warnings(plans: Sequence[Plan]) -> Iterator[Part]:
    """What a plan says of itself, such as what it has not read."""
    for one in plans:
        if one.warnings:
            yield _part(f"### {code(shown_stack(one.stack, one.project, plans))}: the preview warns")
        for warning in one.warnings[:MOST_ERRORS]:
            yield Part(make=partial(_error, warning))
        if len(one.warnings) > MOST_ERRORS:
            yield _part(f"… and {len(one.warnings) - MOST_ERRORS} more.")


def _error(text: str) -> str:
    lines = str(readable(text)).splitlines()
    more = [f"… {len(lines) - LONGEST_ERROR} more lines"] if len(lines) > LONGEST_ERROR else []
    return fence([*lines[:LONGEST_ERROR], *more])


def _details(one: Plan, plans: Sequence[Plan]) -> Iterator[Part]:
    """The plan itself: what goes or is replaced, what is updated, and folded what is new and how it hangs together."""
    if not one.resources:
        return
    yield _part(f"### {code(shown_stack(one.stack, one.project, plans))}")
    for fate in ("delete", "replace", "forget", "unknown", "update", "import", "drift"):
        for resource in one.of(fate):
            yield Part(make=partial(_changed, resource), things=1)
    yield from _created(one.of("create"))
    if drawn := graph(one):
        yield _part(folded("How what changes hangs together", f"```mermaid\n{drawn}\n```"))


def _changed(resource: Resource) -> str:
    title = f"{code(resource.name)} ({code(resource.kind)}) is **{VERBS[resource.fate]}**"
    lines = [line for one in resource.changes for line in _lines(one, resource)]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"  … {len(lines) - MOST_LINES} more lines"]
    if not lines and resource.fate in {"update", "replace"}:
        lines = ["! the values that change are secret, or known after up"]
    return f"{title}\n\n{fence(lines, 'diff')}" if lines else title


def _lines(one: Difference, resource: Resource) -> list[str]:
    """The old value above the new one: side by side, text from right to left would change their places."""
    forces = " (forces the replacement)" if one.key in resource.forces or one.path in resource.forces else ""
    if one.old is None and one.new is None:
        return [f"! {one.path}: {SAME_VALUE}{forces}"]
    old, new = one.sides()
    return [f"{sign} {one.path}: {text}{forces}" for sign, text in (("-", old), ("+", new)) if text]


def _created(resources: list[Resource], *, most: int = 100) -> Iterator[Part]:
    for start in range(0, len(resources), most):
        some = resources[start : start + most]
        lines = [f"- {code(resource.name)} ({code(resource.kind)})" for resource in some]
        summary = f"{len(some)} {plural(len(some), 'resource is', 'resources are')} created"
        yield _part(folded(summary, "\n".join(lines)), things=len(some))


def _part(text: str, *, things: int = 0) -> Part:
    return Part(make=lambda: text, things=things)


def plural(count: int, one: str, many: str) -> str:
    """The word for so many."""
    return one if count == 1 else many


MOST_RESOURCES: Final = 60
"""More than that is no picture any more, and Mermaid draws no graph of more than 500 arrows."""
MOST_ARROWS: Final = 300
LONGEST_LABEL: Final = 40
COLOURS: Final = {
    "create": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "update": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "replace": "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-width:3px",
    "delete": "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4",
    "other": "fill:#ddf4ff,stroke:#0969da,color:#1f2328",
}
CLASSES: Final = {"create": "create", "update": "update", "replace": "replace", "delete": "delete", "import": "create"}


def graph(plan: Plan) -> str:
    """The lines of a graph, without a fence; empty where there is nothing to draw, or too much."""
    drawn = {resource.urn: f"r{number}" for number, resource in enumerate(plan.resources)}
    if not 1 < len(drawn) <= MOST_RESOURCES:
        return ""
    nodes = [_node(drawn[resource.urn], resource) for resource in plan.resources]
    arrows = sorted({arrow for resource in plan.resources for arrow in _arrows(resource, drawn)})[:MOST_ARROWS]
    used = sorted({_colour(resource) for resource in plan.resources})
    classes = [f"  classDef {name} {COLOURS[name]}" for name in used]
    return "\n".join(["flowchart LR", *nodes, *arrows, *classes])


def _node(key: str, resource: Resource) -> str:
    kind = resource.kind.rpartition(":")[2]
    return f'  {key}["{_label(resource.name)}<br/>{_label(kind)}<br/>{resource.fate}"]:::{_colour(resource)}'


def _colour(resource: Resource) -> str:
    return CLASSES.get(resource.fate, "other")


def _arrows(resource: Resource, drawn: dict[str, str]) -> set[str]:
    state = resource.new or resource.old
    before = [*state.dependencies, state.parent] if state else []
    return {f"  {drawn[urn]} --> {drawn[resource.urn]}" for urn in before if urn in drawn and urn != resource.urn}


def _label(text: str) -> str:
    shown = re.sub(r"[^A-Za-z0-9_.:/ -]", "·", text)
    return shown if len(shown) <= LONGEST_LABEL else f"{shown[: LONGEST_LABEL - 1]}…"


LONGEST_NAME: Final = 120
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK: Final = frozenset({"\u00a0", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"})
"""What looks like nothing, or like a plain blank."""


def plain(text: str, *, longest: int = LONGEST_NAME) -> str:
    """One line in which every character shows; what is longer then is cut."""
    shown = "".join(_shown(character) for character in text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN and character not in _BLANK:
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004 - beyond the first plane


def code(text: str, *, in_table: bool = False) -> str:
    """A code span."""
    shown = plain(text) or " "
    if in_table:
        shown = shown.replace("|", "\\|")
    ticks = "`" * (_longest_run(shown) + 1)
    space = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{ticks}{space}{shown}{space}{ticks}"


def fence(lines: list[str], language: str = "") -> str:
    """A fenced block; every line is made plain, whatever it holds."""
    shown = [plain(line, longest=400) for line in lines]
    ticks = "`" * max(3, _longest_run("\n".join(shown)) + 1)
    return "\n".join([f"{ticks}{language}", *shown, ticks])


def folded(summary: str, body: str) -> str:
    """A part that is opened on a click. The summary is ours: it holds nothing that others wrote."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def length(text: str) -> int:
    """Characters as JavaScript counts them, which is never less than how others do."""
    return len(text.encode("utf-16-le")) // 2


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
