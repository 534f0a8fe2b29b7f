"""What of another environment stands in a stack's block: its name, route, database or Worker. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.worker.wrangler.config import TOP
from components.worker.wrangler.jsonc import is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from components.worker.wrangler.case import Case
    from components.worker.wrangler.expectation import Finding, Severity

ORDINARY = frozenset({"NODE_ENV"})
"""Variables whose value names a way of building, not an environment of ours."""


def stranger_findings(case: Case) -> Iterator[Finding]:
    """An error where another environment's block has the very same; a warning where only a word says so."""
    yield from _names(case)
    yield from _routes(case)
    yield from _hyperdrives(case)
    yield from _words(case)


def _others(case: Case) -> list[tuple[str, str, Severity]]:
    """The other environments: name, label, and what sharing with them is."""
    blocks = [name for name in case.config.environments() if name != case.expectation.stack]
    severe: list[tuple[str, str, Severity]] = [(name, f"env.{name}", "error") for name in blocks]
    return [*severe, (TOP, "the top level", "warning")]


def _names(case: Case) -> Iterator[Finding]:
    name = case.config.worker_name(case.expectation.stack)
    own = case.config.own(case.expectation.stack, "name")
    if not own or not name:
        return
    for other, label, severity in _others(case):
        if case.config.worker_name(other) == name and (severity == "error" or name != case.expectation.worker_name):
            what = f"{case.block} and {label} are the same Worker, {name}"
            yield case.finding(severity, own.start, what, next_step="give each its own name")
    stranger = case.expectation.stranger_in(name.removeprefix(case.config.worker_name(TOP)))
    if stranger and not case.expectation.worker_name:
        what = f"the name of the Worker of {case.block} names the environment {stranger}"
        yield case.finding("warning", own.start, what, next_step="rename the Worker if it is not the right one")


def _routes(case: Case) -> Iterator[Finding]:
    claimed = {
        pattern: (label, severity)
        for other, label, severity in reversed(_others(case))
        for pattern, _ in case.config.routes(other)
    }
    block = case.config.own(case.expectation.stack)
    for pattern, node in case.config.routes(case.expectation.stack):
        own = block and block.start < node.start < block.end
        who = case.block if own else f"{case.block}, which inherits the top level's routes,"
        label, severity = claimed.get(pattern, ("", "warning"))
        if label:
            what, mended = (
                f"{who} and {label} claim the same route",
                f'give {case.block} "routes" of its own; [] for none',
            )
            yield case.finding(
                severity, node.start, what, found=repr(pattern), expected="a route of its own", next_step=mended
            )
        elif stranger := case.expectation.stranger_in(pattern):
            what = f"a route of {who} names the environment {stranger}"
            yield case.finding("warning", node.start, what, next_step="correct the route if it is not the right one")


def _hyperdrives(case: Case) -> Iterator[Finding]:
    """A shared Hyperdrive configuration reaches the other environment's database."""
    for other, label, _ in _others(case):
        shared = case.config.hyperdrives(case.expectation.stack).keys() & case.config.hyperdrives(other).keys()
        for identity in sorted(shared) if other != TOP else ():
            node = case.config.hyperdrives(case.expectation.stack)[identity]
            what = f"{case.block} and {label} use the same Hyperdrive configuration, and so the same database"
            yield case.finding(
                "error",
                node.start,
                what,
                found=repr(identity),
                expected="one of its own",
                next_step="name this environment's configuration",
            )


def _words(case: Case) -> Iterator[Finding]:
    """Other variables whose text names another environment. The text itself may be a secret and is not quoted."""
    variables = case.config.own(case.expectation.stack, "vars")
    known = {*case.expectation.variables, *case.expectation.secrets, *ORDINARY}
    for entry in variables.entries if variables and is_object(variables) else ():
        text = entry.value.data
        stranger = case.expectation.stranger_in(text) if isinstance(text, str) and entry.key not in known else ""
        if stranger:
            what = f"{case.block}.vars.{entry.key} names the environment {stranger}"
            yield case.finding("warning", entry.value.start, what, next_step="correct it if it is not the right one")
