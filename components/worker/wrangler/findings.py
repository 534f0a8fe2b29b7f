"""Where a wrangler file differs from what a stack expects. Pure: no files, no network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from components.worker.wrangler.case import Case, shown
from components.worker.wrangler.config import TOP, Config
from components.worker.wrangler.jsonc import is_object
from components.worker.wrangler.strangers import stranger_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from components.worker.wrangler.expectation import Expectation, Finding
    from components.worker.wrangler.jsonc import Document, Node

LONGEST_NAME = 63
"""Characters of a Worker's name: it is one label of its address."""

_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]*")
_DATABASE_URL = re.compile(r"(?i)\s*(postgres|postgresql)://")


def findings(document: Document, expectation: Expectation) -> list[Finding]:
    """Every difference, in the order of the file."""
    case = Case(config=Config(document=document), expectation=expectation)
    found = list(_structure(case))
    if not found:
        found = [*_name(case), *_variables(case), *_secrets(case), *_settings(case), *stranger_findings(case)]
    found.extend(_duplicates(case))
    return sorted(found, key=lambda finding: (finding.line, finding.column))


def _structure(case: Case) -> Iterator[Finding]:
    """What must hold before anything else can be looked at."""
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


def _kind(case: Case, node: Node, label: str, expected: str) -> Finding:
    next_step = f"write {label} as {expected}"
    what = f"{label} is of the wrong kind"
    return case.finding("error", node.start, what, found=shown(node), expected=expected, next_step=next_step)


def _name(case: Case) -> Iterator[Finding]:
    stack, expected = case.expectation.stack, case.expectation.worker_name
    own, top = case.config.own(stack, "name"), case.config.document.at("name")
    node = own if own and own.data is not None else top
    name, place = case.config.worker_name(stack), (node or case.config.document.root).start
    if expected and name != expected:
        what = f"the Worker of --env {stack} has another name"
        yield case.finding("error", place, what, found=repr(name) if name else "", expected=repr(expected))
    elif not name:
        what, next_step = "the Worker has no name", 'put "name" at the top level of the file'
        yield case.finding("error", place, what, expected="a name", next_step=next_step)
    elif not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        allowed = f"up to {LONGEST_NAME} of a-z, 0-9, - and _, not beginning with -"
        next_step = f'give "name" in {case.block} or at the top level a name that is allowed'
        what = f"the Worker's name of --env {stack}, {len(name)} characters long, is not allowed"
        yield case.finding("error", place, what, found=repr(name), expected=allowed, next_step=next_step)


def _variables(case: Case) -> Iterator[Finding]:
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
            found=shown(node),
            expected=repr(value),
        )


def _secrets(case: Case) -> Iterator[Finding]:
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


def _plain(case: Case, name: str) -> Iterator[Finding]:
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


def _settings(case: Case) -> Iterator[Finding]:
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
            "error", ids[0].start, what, found=shown(ids[0]), expected=repr(account), next_step=next_step
        )


def _duplicates(case: Case) -> Iterator[Finding]:
    """Of two members with one key wrangler silently takes the later."""
    for path, entry in case.config.document.duplicates():
        ours = path in {("env",), ("name",)} or path[:2] == ("env", case.expectation.stack)
        what = f"the key {'.'.join(path)} stands twice; this one does not count"
        next_step = "remove one of the two"
        yield case.finding("error" if ours else "warning", entry.start, what, next_step=next_step)
