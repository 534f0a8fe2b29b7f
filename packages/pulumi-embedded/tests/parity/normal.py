"""Makes what was seen of an edit comparable: plain data in a stable order, without what differs from run to run."""

from __future__ import annotations

import base64
import difflib
import json
import pickletools
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.api import Changes
from pulumi_embedded.state.crypto import Crypter
from pulumi_embedded.values import UNKNOWN
from tests.engine.stack import PASSPHRASE, SALT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.parity.harness import Edit, Run, Seen

LEFT_OUT: Final = {
    "modified": "a time; that it was set in this edit is kept as `modified: now`",
    "created": "a time, as above",
    "sourcePosition": "the CLI notes where its language host found the program, which is elsewhere in each run",
    "stackTrace": "as above; used by nothing",
}
"""Fields of a recorded resource that are not compared, with the reason."""

MADE_EQUAL: Final = {
    "ids of default providers": "random in both engines",
    "cipher texts": "another nonce each time; compared is what they hold",
    "order of resources in the state": "the order in which parallel steps finish; `order` has what must hold of it",
    "order of dependencies": "the CLI writes them in the order of a Go map",
    "__provider": "a pickle; compared are the names and numbers in it",
    "order and number of `configure`": "once for each process, and the engines share processes differently",
}
"""What is compared in another form, with the reason."""

NOT_SEEN: Final = {
    "manifest": "time, version and checksum of the CLI",
    "secrets_providers": "the salt, which is the same by construction",
    "replace": "a step of the CLI that does nothing: its create-replacement and delete-replaced are compared",
    "default providers": "their steps; what is recorded of them is compared",
    "the end of components' steps": "the CLI tells it when the outputs arrive: twice, once or never",
    "what an up with refresh finds": "the CLI says it in `pulumi refresh` only",
    "outputs of failed runs": "the CLI may end before it tells them; the recorded ones are compared",
    "failed steps of previews": "the CLI tells their errors only; that the preview fails is compared",
    "counts of other steps": "the engine's summary counts what is created, updated, replaced, deleted and kept",
    "texts": "the engines say things in their own words",
}
"""What is not looked at, with the reason."""

STACK_TYPE: Final = "pulumi:pulumi:Stack"
PROVIDER_TYPE: Final = "pulumi:providers:"
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
CLI_STEPS: Final = ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent")
BEGIN_TOLD: Final = ("create", "update", "same", "create-replacement")
FATES: Final = tuple(fate.name for fate in fields(Changes))
LONG: Final = 100
ARGUMENTS: Final = ("olds", "news", "props")
CHANGING: Final = frozenset({"create", "update", "delete"})
URN_START: Final = "urn:pulumi:"


@cache
def crypter() -> Crypter:
    """The key of all stacks."""
    return Crypter(PASSPHRASE, SALT, place="the harness")


def seen(
    edit: Edit, run: Run, *, before: dict[str, Any], after: dict[str, Any], log: list[dict[str, Any]], world: Path
) -> Seen:
    """All that is compared of one edit."""
    old, new = recorded(before, before), recorded(after, before)
    found: Seen = {
        "edit": " ".join([edit.get("run", "up"), *(["--refresh"] if edit.get("refresh") else [])]),
        "succeeded": run.succeeded,
        "changes": dict(sorted(run.changes.items())),
        "steps": sorted(run.steps),
        "calls": sorted(_calls(log), key=line_of),
        "order": _order(log, before.get("resources", []), after.get("resources", [])),
        "configured": sorted({str(line["configure"]) for line in log if "configure" in line}),
        "outputs": plain(run.outputs, {}) if run.succeeded else {},
        "exists": sorted(file.name for file in world.iterdir() if "-" in file.name and not file.suffix),
        "gone": sorted({_name(one) for one in old} - {_name(one) for one in new}),
        "state": [one for one in new if one not in old],
    }
    pending = sorted(
        f"{operation['type']} {short(operation['resource']['urn'])}"
        for operation in after.get("pending_operations", [])
    )
    return {**found, "pending": pending} if pending else found


# Steps.


def step(op: str, urn: str, *, keys: Any, failed: bool) -> str:
    """One step in a line."""
    because = f" because of {', '.join(sorted(keys))}" if keys else ""
    return f"{op} {short(urn)}{because}{' failed' if failed else ''}"


def cli_step(kind: str, metadata: dict[str, Any], *, begin_told: bool) -> list[str]:
    """One event of the CLI's log as a step; none for those that are not looked at.

    The end of a component's step is told when its outputs arrive: never, once or twice. Its begin is told once, but in
    `pulumi refresh` does not say what came of it: there `begin_told` is false.
    """
    bodiless = not (metadata.get("new") or metadata.get("old") or {}).get("custom")
    if metadata["op"] == "replace" or metadata["type"].startswith(PROVIDER_TYPE):
        return []
    failed = kind == "resOpFailedEvent"
    if not failed and (kind == "resourcePreEvent") != (begin_told and bodiless and metadata["op"] in BEGIN_TOLD):
        return []
    return [step(metadata["op"], metadata["urn"], keys=metadata.get("keys"), failed=failed)]


# Calls.


def _calls(log: list[dict[str, Any]]) -> Iterator[list[Any]]:
    for line in log:
        if "call" in line:
            yield [
                line["call"],
                line["id"] or line["label"],
                *(plain(line[key], {}) for key in ARGUMENTS if key in line),
            ]


def _order(log: list[dict[str, Any]], before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """Which call ended before which began, of calls that change things which need each other.

    What counts for creations and updates is who needs whom now; for deletions, also who needed whom before.
    """
    urns = {resource["id"]: resource["urn"] for resource in [*before, *after] if "id" in resource}
    now = _near(after)
    ever = now | _near(before)
    spans = [_span(log, end) for end, line in enumerate(log) if line.get("done") in CHANGING]
    return sorted(
        f"{first[2]} < {second[2]}"
        for first in spans
        for second in spans
        if first[1] < second[0]
        and _related(urns, ever if "delete" in f"{first[2]}{second[2]}" else now, first[2], second[2])
    )


def _span(log: list[dict[str, Any]], end: int) -> tuple[int, int, str]:
    """Where a call that ended began and ended, and what it did to what."""
    done, identity = log[end]["done"], log[end]["id"]
    subjects = (identity, identity.rpartition("-")[0])  # a creation has but a label when it begins
    began = max(
        number
        for number, start in enumerate(log[:end])
        if start.get("call") == done and (start["id"] or start["label"]) in subjects
    )
    return began, end, f"{done} {identity}"


def _related(urns: dict[str, str], near: set[tuple[str, str]], first: str, second: str) -> bool:
    pair = (urns.get(first.partition(" ")[2], first), urns.get(second.partition(" ")[2], second))
    return pair[0] == pair[1] or pair in near


def _near(resources: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Pairs of resources one of which needs the other; what stands between them is made by the engine alone."""
    needs: dict[str, set[str]] = {}
    bodiless = {resource["urn"] for resource in resources if not resource["custom"]}
    for resource in resources:
        near = {resource.get("parent", ""), resource.get("deletedWith", ""), *(resource.get("dependencies") or [])}
        needs.setdefault(resource["urn"], set()).update(near - {""})
    pairs = set()
    for urn, first in needs.items():
        reached, waiting = set(), [*first]
        while waiting:
            other = waiting.pop()
            if other not in reached:
                reached.add(other)
                waiting += needs.get(other, set()) if other in bodiless else ()
        pairs |= {pair for other in reached for pair in ((urn, other), (other, urn))}
    return pairs


# State.


def recorded(latest: dict[str, Any], before: dict[str, Any]) -> list[dict[str, Any]]:
    """The recorded resources: short names, secrets in the clear, sorted."""
    names = {
        resource["id"]: "random"
        for resource in latest.get("resources", [])
        if resource["type"].startswith(PROVIDER_TYPE)
    }
    times = {
        (resource["urn"], resource.get("id"), key, resource.get(key))
        for resource in before.get("resources", [])
        for key in ("created", "modified")
    }
    found = []
    for resource in latest.get("resources", []):
        kept = {key: plain(value, names) for key, value in resource.items() if key not in LEFT_OUT}
        kept |= {
            key: "now"
            for key in ("created", "modified")
            if resource.get(key) and (resource["urn"], resource.get("id"), key, resource[key]) not in times
        }
        found.append(_compact(kept))
    return sorted(found, key=_name)


def _name(resource: dict[str, Any]) -> str:
    return f"{resource['urn']} {resource.get('id', '')}"


def _compact(resource: dict[str, Any]) -> dict[str, Any]:
    """A recorded resource without what says the usual in many words."""
    needs = resource.get("propertyDependencies", {})
    if sorted(needs) == sorted(resource.get("inputs", {})):
        resource["propertyDependencies"] = {key: urns for key, urns in needs.items() if urns}
    if resource.get("provider", "").startswith("pulumi:providers:pulumi-python::default::"):
        resource["provider"] = "default"
    if resource["type"].rpartition(":")[2] == resource["urn"].split("::")[0].rpartition("$")[2].rpartition(":")[2]:
        del resource["type"]
    return {key: value for key, value in resource.items() if (key, value) != ("propertyDependencies", {})}


def plain(value: Any, names: Mapping[str, str]) -> Any:
    """A value without what differs from run to run."""
    if isinstance(value, dict):
        if "ciphertext" in value:
            return {"secret": plain(json.loads(crypter().decrypt(value["ciphertext"])), names)}
        return {key: _pickle(item) if key == "__provider" else plain(item, names) for key, item in value.items()}
    if isinstance(value, list):
        items = [plain(item, names) for item in value]
        return sorted(items) if items and all(str(item).startswith(URN_START) for item in value) else items
    if not isinstance(value, str):
        return value
    for name, kept in names.items():
        value = value.replace(name, kept)
    if value.startswith(URN_START):
        return short(value)
    return _brief(value.replace(UNKNOWN, "<unknown>"))


def short(urn: str) -> str:
    """A URN without stack and project, and without what the types here have in common."""
    parts = urn.split("::", 2)
    name = parts[-1].replace("pulumi-python:dynamic/things:", "").replace("parity:rooms:", "")
    return name.replace("pulumi:pulumi:Stack::parity-", "Stack::")


def _brief(text: str) -> str:
    longest = 200
    return text if len(text) <= longest else f"{text[:10]}… {len(text)} characters"


def _pickle(value: Any) -> Any:
    """The names and numbers in a pickled provider."""
    if isinstance(value, dict):
        return (
            {"secret": _pickle(json.loads(crypter().decrypt(value["ciphertext"])))} if "ciphertext" in value else value
        )
    if not isinstance(value, str):
        return value  # what stands for the property elsewhere, such as its dependencies
    try:
        found = [argument for _, argument, _ in pickletools.genops(base64.b64decode(value))]
    except ValueError:
        return value
    return " ".join(str(item) for item in found[2:] if isinstance(item, str | int) and item != "things")


# Text.


def text_of(program: str, version: str, edits: list[Seen]) -> str:
    """What is recorded of a program, one thing in a line, so that a difference is read easily."""
    head = f'{{"program": {json.dumps(program)}, "pulumi": {json.dumps(version)}, "edits": [\n'
    return head + ",\n".join("\n".join(lines(edit)) for edit in edits) + "\n]}\n"


def lines(seen: Seen) -> list[str]:
    """What was seen of an edit, one thing in a line, which is what is compared."""
    found = [" {"]
    for key, value in seen.items():
        if isinstance(value, list) and len(line_of(value)) > LONG:
            items = [f"    {line_of(item)}," for item in value]
            found += [f'  "{key}": [', *items[:-1], items[-1].removesuffix(","), "  ],"]
        else:
            found.append(f'  "{key}": {line_of(value)},')
    return [*found[:-1], found[-1].removesuffix(","), " }"]


def difference(expected: list[Seen], found: list[Seen]) -> str:
    """What differs, as text for a person; nothing where all is equal."""
    left, right = ([line for seen in edits for line in lines(seen)] for edits in (expected, found))
    return "\n".join(difflib.unified_diff(left, right, "expected", "found", lineterm=""))


def line_of(value: Any) -> str:
    """A value in one line."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
