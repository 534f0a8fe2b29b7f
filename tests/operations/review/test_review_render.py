"""The comment as a whole: what stands first, what is cut, what is masked."""

from __future__ import annotations

import base64
import json
import re

import pytest

from operations.review.document import readings
from operations.review.render import LONGEST, MARKER, length, render
from tests.operations.review.plans import many, read, step, urn

HIDDEN = "Tr0ub4dor-and-3"
URL = f"postgresql://app:{HIDDEN}@db.example.test:5432/app"


def test_what_needs_an_eye_stands_first() -> None:
    """Loss of data before weakened protection before plain updates; creations are folded, the rest is counted."""
    text = render(
        read(
            step("create", "new", kind="xata:BranchConnection", new={}),
            step("update", "check", kind="connectivity:DatabaseCheck", old={"mode": "enforce"}, new={"mode": "off"}),
            step("update", "plain", kind="x:Y", old={"n": 1}, new={"n": 2}),
            step("delete", "branch", old={"name": "staging"}),
            changeSummary={"same": 12, "create": 1, "update": 2, "delete": 1},
        )
    )
    wanted = [
        "would be deleted",
        "goes from enforce to off",
        "is **deleted**",
        "is **updated**",
        "- n: 1\n+ n: 2",
        "<details>",
    ]
    assert [text.index(one) for one in wanted] == sorted(text.index(one) for one in wanted)
    assert "| `staging` | 1 | 2 |  | 1 |  | 12 |  |" in text
    assert text.startswith(f"{MARKER}\n\n## This pull request would lose data\n")


def test_nothing_to_change_is_said_so() -> None:
    """A plan of the stack alone is a plan, and says that nothing changes."""
    root = {"op": "same", "urn": "urn:pulumi:staging::infra::pulumi:pulumi:Stack::infra-staging", "detailedDiff": None}
    text = render(read(root, changeSummary={"same": 7}))
    assert "changes nothing that is deployed" in text
    assert "| `staging` |  |  |  |  |  | 7 | no changes |" in text


@pytest.mark.parametrize("number", [500, 1200])
def test_a_long_plan_is_cut_clearly(number: int) -> None:
    """[G5] The text stays below the limit, keeps counts and risks, ends no part half-way, and says what is missing."""
    branch = step("delete", "branch", old={"name": "staging"})
    told = json.loads(many(number))
    told["steps"].append(branch)
    text = render(readings(json.dumps(told), source="x"))
    assert length(text) < LONGEST
    assert "the branch `staging` would be deleted" in text
    updates = sum(at % 10 > 2 for at in range(number))
    assert f"| `staging` | {number // 10} | {updates} | {number // 10} | {number // 10 + 1} |  | 7 |  |" in text
    (missing,) = re.findall(r"(\d+) changed resources are not shown", text)
    shown = len(re.findall(r"^`thing-\d+` \(", text, re.MULTILINE)) + len(
        re.findall(r"^- `thing-\d+` \(", text, re.MULTILINE)
    )
    assert int(missing) + shown + 1 == number + 1
    assert text.count("```") % 2 == 0
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("longest", [1500, 3000, 10_000, 30_000])
def test_any_limit_is_kept(longest: int) -> None:
    """Wide characters and long values do not break it."""
    steps = [step("update", f"🙂{n}" * 20, kind="x:Y", old={"v": "🙂" * 300}, new={"v": "é" * 300}) for n in range(200)]
    assert length(render(read(*steps), longest=longest)) <= longest


def test_many_risks_and_errors_leave_room() -> None:
    """The worst are told one by one, the others counted."""
    steps = [step("delete", f"b{n}", old={"name": f"n{n}"}) for n in range(100)]
    told = [{"severity": "error", "urn": "", "message": f"error: {n}\n" + "line\n" * 60} for n in range(100)]
    text = render(read(*steps, diagnostics=told))
    assert "… and 60 more of data-deleted" in text
    assert "… and 80 more." in text
    assert "… 36 more lines" in text
    assert length(text) < LONGEST


@pytest.mark.parametrize("character", ["x", "\u202e", "\U000e0041", "🙂", "`"])
def test_the_first_things_stay_however_long_all_is(character: str) -> None:
    """[G5] Marker, counts, risks and the first cause are there, whatever names and messages are made of."""
    long = character * 400
    steps = [
        step(
            "replace",
            f"{long}{n}",
            old={"name": f"{n}{long}"},
            new={"v": long},
            replaceReasons=[f"{long}{m}" for m in range(9)],
        )
        for n in range(120)
    ]
    told = [{"severity": "error", "urn": "", "message": f"error: cause {n}\n" + f"{long}\n" * 60} for n in range(50)]
    stacks = [one for n in range(80) for one in read(step("create", "a", new={}, stack=f"s{n}{long}"))]
    text = render([*read(*steps, diagnostics=told), *stacks])
    assert length(text) <= LONGEST
    assert text.startswith(MARKER)
    assert (
        text.index("| … and 41 more |")
        < text.index("🛑")
        < text.index("cause 0\n")
        < text.index("This text is cut here")
    )
    assert 10 < text.count("🛑") <= 40
    assert re.search(r"… and \d+ more of data-replaced", text)


SECRET_OBJECT = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": f'"{HIDDEN}"'}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"v": "[secret]"}, {"v": "[secret]"}),
        ({"v": SECRET_OBJECT}, {"v": {**SECRET_OBJECT, "plaintext": '"x"'}}),
        ({"v": URL}, {"v": URL.replace("5432", "5433")}),
        ({"v": [f"see {URL}"]}, {"v": {"deep": URL}}),
        ({"v": f"password={HIDDEN}"}, {"v": "password=x"}),
        ({"v": f"ghs_{HIDDEN}"}, {"v": f"Authorization: Bearer {HIDDEN}"}),
    ],
)
def test_secrets_are_masked(old: object, new: object) -> None:
    """Neither values nor messages show one, in any spelling; that something changes is told."""
    error = [
        {
            "severity": "error",
            "urn": urn("a"),
            "message": f"error: cannot connect to {URL}\nAuthorization: Bearer {HIDDEN}",
        }
    ]
    text = render(read(step("update", "a", kind="x:Y", old=old, new=new, diffReasons=["v"]), diagnostics=error))
    assert HIDDEN not in text
    assert base64.b64encode(HIDDEN.encode()).decode() not in text
    assert "v" in text.partition("is **updated**")[2]


def test_outputs_that_are_named_secret_are_masked() -> None:
    """What a resource calls secret is masked even where the document shows it (`--show-secrets`)."""
    old = {"inputs": {"pin": "4711"}, "additionalSecretOutputs": ["pin"]}
    new = {"inputs": {"pin": "0815"}, "additionalSecretOutputs": ["pin"]}
    text = render(read(step("update", "a", kind="x:Y", old=old, new=new, diffReasons=["pin"])))
    assert "4711" not in text
    assert "! pin: changes (secret, or known after up)" in text


def test_two_projects_are_told_apart() -> None:
    """Where several projects have a stack of one name, each comes with its project."""
    text = render([*read(step("create", "a", new={})), *read(step("create", "a", new={}, project="consumer"))])
    assert "| `infra/staging` |" in text
    assert "| `consumer/staging` |" in text


def test_what_is_gone_outside_is_made_anew_and_said() -> None:
    """A delete that a refresh found is no delete of the plan's."""
    text = render(read(step("delete", "b", old={"name": "staging"}), step("create", "b", new={"name": "staging"})))
    assert "the branch `staging` was deleted by somebody else, and would be made anew" in text
    assert "| `staging` | 1 |  |  |  |" in text


def test_the_commit_is_named() -> None:
    """Whoever reads an old comment sees that it is old."""
    assert render(read(step("create", "a", new={})), commit="abc123").endswith("<sub>Plan of commit `abc123`.</sub>\n")


def test_what_a_preview_warns_of_is_told_once_whoever_took_it_down() -> None:
    """A provider's line, which the CLI and the embedded engine record each in their way; other lines stay out."""
    said = "the credentials of the branch 'staging' were not read"
    diagnostics = [
        {"message": f"warning: {said}\n", "severity": severity} for severity in ("info", "info#err", "warning")
    ]
    noise = {"message": "Collecting pulumi\n", "severity": "info#err"}
    (reading,) = read(step("same", "infra-staging", kind="pulumi:Stack"), diagnostics=[*diagnostics, noise])
    text = render([reading])
    assert text.count(said) == 1
    assert "`staging`: the preview warns" in text
    assert "Collecting" not in text
