"""What a stack expects of the app's wrangler file, and where the file differs. Pure: no files, no network."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from components.declared import About, Declared, Words
from components.worker.names import LONGEST_SCRIPT
from components.worker.wrangler.config import TOP, Config
from components.worker.wrangler.jsonc import is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from components.worker.wrangler.jsonc import Document, Node

ENVIRONMENTS = ("dev", "development", "staging", "production")
"""Usual names of environments and branches, of which a stack's block may name only its own."""

PREVIEW = "preview"
"""The block that all pull requests share."""

ORDINARY = frozenset({"NODE_ENV"})
"""Variables whose value names a way of building, not an environment of ours."""

DATABASE_URL, ENVIRONMENT, BRANCH = "DATABASE_URL", "ENVIRONMENT", "XATA_BRANCH"
TOLD = (DATABASE_URL, BRANCH, ENVIRONMENT)
"""What an app is told: a secret, and two plain variables."""

Severity = Literal["error", "warning"]

Text = Annotated[str, Meta(min_length=1), Words("a text that is not empty")]

_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]*")
_DATABASE_URL = re.compile(r"(?i)\s*(postgres|postgresql)://")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Expectation(Declared):
    """What the file must say for one stack."""

    deployed: ClassVar[bool] = True
    """Whether wrangler deploys it, and is to stop where a secret is missing."""

    stack: Annotated[Text, About("The stack's name, which is the name of its block under `env` too.")]
    environment: Annotated[Text, About("The value that the variable `ENVIRONMENT` must have.")]
    branch: Annotated[
        str, About("The value that the variable `XATA_BRANCH` must have; empty where each deployment gives its own.")
    ]
    secrets: Annotated[Sequence[str], About("Names that the Worker gets as secrets.")] = (DATABASE_URL,)
    expected_name: Annotated[str, About("The Worker's name in full; empty for whatever the file derives.")] = ""
    account_id: Annotated[str, About("The Cloudflare account; empty for whatever the file says.")] = ""

    @property
    def variables(self) -> dict[str, str]:
        """The plain variables that the block must set."""
        return {ENVIRONMENT: self.environment, **({BRANCH: self.branch} if self.branch else {})}

    @property
    def write_command(self) -> str:
        """The command that edits the stack's block; that of previews belongs to all of them."""
        return f"./infra wrangler write {'pr-<number>' if self.stack == PREVIEW else self.stack}"


class LocalExpectation(Expectation):
    """What the file must say for `wrangler dev`.

    It only warns of a missing secret, and keeps from the Worker what `secrets.required` does not list: the list is not
    begun for it.
    """

    deployed: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference. Values of variables are not quoted where they could be secrets.

    An error means that the Worker would run wrongly or not at all; a warning, that it depends. Lines and columns count
    from 1; both are 0 where the file as a whole is meant.
    """

    severity: Severity
    what: str
    found: str
    expected: str
    next_step: str
    line: int = 0
    column: int = 0

    def told(self, path: str) -> str:
        """The finding as one line of text: `wrangler.jsonc:12:7: error: ...`."""
        where = f"{path}:{self.line}:{self.column}" if self.line else path
        sentence = f"{where}: {self.severity}: {self.what}"
        if self.found or self.expected:
            sentence += f": found {self.found or 'nothing'}, expected {self.expected}"
        return f"{sentence}; next: {self.next_step}"


def errors(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that block a deployment in mode `enforce`."""
    return [finding for finding in findings if finding.severity == "error"]


def findings(document: Document, expectation: Expectation) -> list[Finding]:
    """Every difference, in the order of the file."""
    case = _Case(config=Config(document=document), expectation=expectation)
    found = list(_structure(case))
    if not found:
        found = [*_name(case), *_variables(case), *_secrets(case), *_settings(case), *_strangers(case)]
    found.extend(_duplicates(case))
    return sorted(found, key=lambda finding: (finding.line, finding.column))


def _structure(case: _Case) -> Iterator[Finding]:
    """What must hold before anything else is read."""
    root, stack = case.config.document.root, case.expectation.stack
    for path in ((), ("env",), ("env", stack)):
        node = case.config.document.at(*path)
        label = ".".join(path) or "the configuration"
        if node is None:
            has = ", ".join(case.config.environments()) or "nothing"
            yield case.finding(
                "error",
                (case.config.document.at("env") or root).start,
                f"there is no block {case.block}, so `wrangler deploy --env {stack}` has no settings of its own",
                found=has,
                expected=f"a block {stack!r} under env",
            )
            return
        if not is_object(node):
            yield _kind(case, node, label, "an object")
            return


def _kind(case: _Case, node: Node, label: str, expected: str) -> Finding:
    next_step = f"write {label} as {expected}"
    what = f"{label} is of the wrong kind"
    return case.finding("error", node.start, what, found=_shown(node), expected=expected, next_step=next_step)


def _name(case: _Case) -> Iterator[Finding]:
    stack, expected = case.expectation.stack, case.expectation.expected_name
    own, top = case.config.own(stack, "name"), case.config.document.at("name")
    node = own if own and own.data is not None else top
    name, place = case.config.worker_name(stack), (node or case.config.document.root).start
    if expected and name != expected:
        what = f"the Worker of --env {stack} has another name"
        yield case.finding("error", place, what, found=repr(name) if name else "", expected=repr(expected))
    elif not name:
        what, next_step = "the Worker has no name", 'put "name" at the top level of the file'
        yield case.finding("error", place, what, expected="a name", next_step=next_step)
    elif not _NAME.fullmatch(name) or len(name) > LONGEST_SCRIPT:
        allowed = f"up to {LONGEST_SCRIPT} of a-z, 0-9, - and _, not beginning with -"
        next_step = f'give "name" in {case.block} or at the top level a name that is allowed'
        what = f"the Worker's name of --env {stack}, {len(name)} characters long, is not allowed"
        yield case.finding("error", place, what, found=repr(name), expected=allowed, next_step=next_step)


def _variables(case: _Case) -> Iterator[Finding]:
    stack = case.expectation.stack
    block, variables = case.config.own(stack), case.config.own(stack, "vars")
    if variables and not is_object(variables):
        yield _kind(case, variables, f"{case.block}.vars", "an object")
        return
    for name, value in case.expectation.variables.items():
        node = case.config.own(stack, "vars", name)
        if node and node.data == value:
            continue
        hint = "; the one at the top level is not inherited" if case.config.own(TOP, "vars", name) and not node else ""
        place = node or variables or block
        yield case.finding(
            "error",
            place.start if place else 0,
            f"{case.block}.vars.{name} is {'wrong' if node else 'missing'}{hint}",
            found=_shown(node),
            expected=repr(value),
        )


def _secrets(case: _Case) -> Iterator[Finding]:
    """Each secret is required, and nothing else bears its name."""
    stack = case.expectation.stack
    required = case.config.own(stack, "secrets", "required")
    if required and not isinstance(required.data, list):
        yield _kind(case, required, f"{case.block}.secrets.required", "a list of names")
        return
    deployed = case.expectation.deployed
    listed = deployed or case.config.own(stack, "secrets") is not None
    loss = "a deployment without it is not stopped" if deployed else "wrangler dev keeps it from the Worker"
    for name in case.expectation.secrets:
        if listed and (required is None or name not in required.data):
            place = required or case.config.own(stack, "secrets") or case.config.own(stack)
            what = f"{name} is not in {case.block}.secrets.required, so {loss}"
            yield case.finding("error", place.start if place else 0, what, expected=f'"{name}" in the list')
        yield from _plain(case, name)
        for binding, node in case.config.bindings(stack):
            if binding == name:
                what = f"{name} is the name of a binding too, and a name can be only one of the two"
                next_step = "give the binding another name, and use it in the app's code"
                yield case.finding("error", node.start, what, next_step=next_step)


def _plain(case: _Case, name: str) -> Iterator[Finding]:
    """The name among plain variables: the next deployment would turn the secret into readable text."""
    stack, document = case.expectation.stack, case.config.document
    for label, path in ((f"{case.block}.vars", ("env", stack, "vars", name)), ("the top level's vars", ("vars", name))):
        entry = document.entry(*path)
        if entry:
            what = f"{name} stands in {label}: a plain variable takes the place of the secret, readable for everyone"
            mended = (
                "" if label.startswith("env.") else f"remove {name} there; for wrangler dev it belongs in .dev.vars"
            )
            yield case.finding(
                "error", entry.start, what, found="a plain value", expected="no such variable", next_step=mended
            )
    variables = case.config.own(stack, "vars")
    for entry in variables.entries if variables else ():
        text = entry.value.data
        known = {*case.expectation.secrets, *case.expectation.variables}
        if entry.key not in known and isinstance(text, str) and _DATABASE_URL.match(text):
            what = f"{case.block}.vars.{entry.key} is a database's URL in a plain variable"
            next_step = f"set it as a secret (wrangler secret put {entry.key} --env {stack}) and remove it here"
            yield case.finding("error", entry.start, what, next_step=next_step)


def _settings(case: _Case) -> Iterator[Finding]:
    """Settings of the file as a whole."""
    document, stack, account = case.config.document, case.expectation.stack, case.expectation.account_id
    for node in (document.at("keep_vars"), case.config.own(stack, "keep_vars")):
        if node and node.data is True:
            what = (
                "keep_vars keeps variables that were set elsewhere, so the file does not tell what the Worker runs with"
            )
            next_step = "remove keep_vars, and put every variable in the file"
            yield case.finding("warning", node.start, what, found="true", expected="no keep_vars", next_step=next_step)
    legacy = document.at("legacy_env")
    if legacy and legacy.data is False:
        what, next_step = "legacy_env: false makes one Worker of all environments", "remove legacy_env"
        yield case.finding("error", legacy.start, what, found="false", expected="no legacy_env", next_step=next_step)
    ids = [node for node in (case.config.own(stack, "account_id"), document.at("account_id")) if node and node.data]
    if account and ids and ids[0].data != account:
        what, next_step = "account_id is another Cloudflare account", "correct account_id, or the stack's configuration"
        yield case.finding(
            "error", ids[0].start, what, found=_shown(ids[0]), expected=repr(account), next_step=next_step
        )


def _duplicates(case: _Case) -> Iterator[Finding]:
    """Of two members with one key wrangler silently takes the later."""
    for path, entry in case.config.document.duplicates():
        ours = path in {("env",), ("name",)} or path[:2] == ("env", case.expectation.stack)
        what = f"the key {'.'.join(path)} stands twice; this one does not count"
        next_step = "remove one of the two"
        yield case.finding("error" if ours else "warning", entry.start, what, next_step=next_step)


def _strangers(case: _Case) -> Iterator[Finding]:
    """What of another environment stands in the block: its name, route, database or Worker.

    An error where another environment's block has the very same; a warning where only a word says so.
    """
    yield from _stranger_names(case)
    yield from _stranger_routes(case)
    yield from _stranger_hyperdrives(case)
    yield from _stranger_words(case)


def _others(case: _Case) -> list[tuple[str, str, Severity]]:
    """The other environments: name, label, and what sharing with them is."""
    blocks = [name for name in case.config.environments() if name != case.expectation.stack]
    severe: list[tuple[str, str, Severity]] = [(name, f"env.{name}", "error") for name in blocks]
    return [*severe, (TOP, "the top level", "warning")]


def _stranger_names(case: _Case) -> Iterator[Finding]:
    name = case.config.worker_name(case.expectation.stack)
    own = case.config.own(case.expectation.stack, "name")
    if not own or not name:
        return
    for other, label, severity in _others(case):
        if case.config.worker_name(other) == name and (severity == "error" or name != case.expectation.expected_name):
            what = f"{case.block} and {label} are the same Worker, {name}"
            yield case.finding(severity, own.start, what, next_step="give each its own name")
    stranger = case.stranger_in(name.removeprefix(case.config.worker_name(TOP)))
    if stranger and not case.expectation.expected_name:
        what = f"the name of the Worker of {case.block} names the environment {stranger}"
        yield case.finding("warning", own.start, what, next_step="rename the Worker if it is not the right one")


def _stranger_routes(case: _Case) -> Iterator[Finding]:
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
        elif stranger := case.stranger_in(pattern):
            what = f"a route of {who} names the environment {stranger}"
            yield case.finding("warning", node.start, what, next_step="correct the route if it is not the right one")


def _stranger_hyperdrives(case: _Case) -> Iterator[Finding]:
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


def _stranger_words(case: _Case) -> Iterator[Finding]:
    """Other variables whose text names another environment. The text itself may be a secret and is not quoted."""
    variables = case.config.own(case.expectation.stack, "vars")
    known = {*case.expectation.variables, *case.expectation.secrets, *ORDINARY}
    for entry in variables.entries if variables and is_object(variables) else ():
        text = entry.value.data
        stranger = case.stranger_in(text) if isinstance(text, str) and entry.key not in known else ""
        if stranger:
            what = f"{case.block}.vars.{entry.key} names the environment {stranger}"
            yield case.finding("warning", entry.value.start, what, next_step="correct it if it is not the right one")


@dataclass(frozen=True, kw_only=True)
class _Case:
    """A file and what is expected of it."""

    config: Config
    expectation: Expectation

    @property
    def block(self) -> str:
        """The path of the stack's block."""
        return f"env.{self.expectation.stack}"

    def stranger_in(self, text: str) -> str:
        """The first other environment that the text names as a word of its own; empty for none.

        The end of a host name does not count: `workers.dev` is no environment.
        """
        own = {self.expectation.stack, self.expectation.environment, self.expectation.branch, PREVIEW}
        for name in dict.fromkeys((*ENVIRONMENTS, *self.config.environments())):
            word = re.escape(name.lower())
            found = rf"(?<![a-z0-9.]){word}(?![a-z0-9])|(?<=\.){word}(?=[._-])"
            if name not in own and re.search(found, text.lower()):
                return name
        return ""

    def finding(
        self, severity: Severity, offset: int, what: str, *, found: str = "", expected: str = "", next_step: str = ""
    ) -> Finding:
        """A finding at an offset of the text; without a next step of its own, `write` mends it."""
        line, column = self.config.document.place(offset)
        return Finding(
            severity=severity,
            what=what,
            found=found,
            expected=expected,
            next_step=next_step or self.expectation.write_command,
            line=line,
            column=column,
        )


def _shown(node: Node | None) -> str:
    """A value for a message; text that could be a secret is not quoted."""
    if node is None:
        return ""
    if isinstance(node.data, str):
        return repr(node.data) if _PLAIN_WORD.fullmatch(node.data) else f"a text of {len(node.data)} characters"
    if isinstance(node.data, dict | list):
        return "an object" if is_object(node) else "a list"
    return f"{node.data:.15g}" if isinstance(node.data, float) else json.dumps(node.data)
