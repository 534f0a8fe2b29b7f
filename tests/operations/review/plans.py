"""Documents of previews that tests make up."""

from __future__ import annotations

import json
from typing import Any

from operations.review.document import Reading, readings

HOSTILE = (
    "`code`",
    "``` fence",
    "before\n```\n# after <img src=x>\n````\n",
    "$(touch /tmp/owned) `id`",
    "<img src=x onerror=alert(1)> </details></summary>",
    "<!-- infra: what this pull request would change -->",
    "@octocat @org/team #1 owner/repo#2 https://evil.example",
    "[link](https://evil.example) ![image](https://evil.example/x.png)",
    "**bold** | table | cell |",
    "a\n\n# heading\n- list\n\n```mermaid\nflowchart",
    "\u202egnirts\u202c \u2066isolated\u2069 \u200bhidden\u200b",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    'end"] --> evil["<script>"]; click evil call()',
    "x" * 400,
    "\r\n\t\x00\x1b[31mred",
)


def urn(name: str, kind: str = "xata:Branch", *, stack: str = "staging", project: str = "infra") -> str:
    """A resource's URN."""
    return f"urn:pulumi:{stack}::{project}::pulumi-python:dynamic/{kind}::{name}"


def state(kind: str = "xata:Branch", **more: Any) -> dict[str, Any]:
    """A resource's state."""
    return {"type": f"pulumi-python:dynamic/{kind}", "custom": True, **more}


def step(op: str, name: str, *, kind: str = "xata:Branch", old: Any = None, new: Any = None, **more: Any) -> Any:
    """A step; `old` and `new` are inputs, or whole states when they have `inputs`."""
    place = {key: more.pop(key) for key in ("stack", "project") if key in more}
    sides = {
        side: state(kind, **(value if "inputs" in value else {"inputs": value}))
        for side, value in (("oldState", old), ("newState", new))
        if value is not None
    }
    return {"op": op, "urn": urn(name, kind, **place), **sides, "detailedDiff": None, **more}


def document(*steps: Any, **more: Any) -> str:
    """A document as the CLI prints it."""
    return json.dumps({"steps": list(steps), **more})


def read(*steps: Any, **more: Any) -> list[Reading]:
    """The same, read."""
    return readings(document(*steps, **more), source="plan.json")


def many(number: int) -> str:
    """A plan of so many steps, as large as real ones are: updates, a few replacements and deletions, creations."""
    found = []
    for at in range(number):
        name = f"thing-{at:04d}"
        old = {"size": at, "text": f"line one of {name}\nline two", "tags": {"a": 1, "b": [1, 2, 3]}, "url": "[secret]"}
        new = {**old, "size": at + 1, "text": f"line one of {name}\nline three"}
        states = {
            "old": {"inputs": old, "outputs": old},
            "new": {"inputs": new, "dependencies": [urn("thing-0000", "x:Y")]},
        }
        match at % 10:
            case 0:
                found.append(step("create", name, kind="x:Y", new=states["new"]))
            case 1:
                found.append(step("replace", name, kind="x:Y", **states, replaceReasons=["size"]))
            case 2:
                found.append(step("delete", name, kind="x:Y", old=states["old"]))
            case _:
                found.append(step("update", name, kind="x:Y", **states, diffReasons=["size", "text"]))
    return document(*found, changeSummary={"same": 7})
