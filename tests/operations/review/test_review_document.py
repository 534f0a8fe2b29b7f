"""Documents that are previews, and all those that are none."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations import console
from operations.review import document
from operations.review.document import readings
from operations.review.plan import plan
from operations.review.render import LONGEST, render
from tests.operations.review.plans import document as written
from tests.operations.review.plans import many, read, step, urn

GOOD = written(step("create", "a", new={}))
FAILED = json.dumps(console.of_failed_preview("no key", "export it", code=2, name="bad_configuration"), indent=2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("{}", "no steps and says no error"),
        ('{"steps": []}', "no steps and says no error"),
        ('{"steps": null, "diagnostics": [{"severity": "warning", "message": "x"}]}', "no steps and says no error"),
        ('{"changeSummary": {"same": 4}}', "no steps and says no error"),
        (GOOD[: len(GOOD) // 2], "it ends in the middle"),
        (GOOD[:-1], "it ends in the middle"),
        (GOOD[:12], "it ends in the middle"),
        ("error: no stack named staging\n", "it is not JSON from line 1 on"),
        (f"{GOOD}\nwarning: a new version\n", "it is not JSON from line 2 on"),
        ("[1, 2]", "it is no JSON object"),
        ('"steps"', "it is no JSON object"),
        ('{"steps": {}}', "it has not the shape of a preview: Expected `array`, got `object` - at `$.steps`"),
        (
            '{"steps": [{"op": 7, "urn": "u"}]}',
            "it has not the shape of a preview: Expected `str`, got `int` - at `$.steps[0].op`",
        ),
        (
            '{"steps": [{"op": "create"}]}',
            "it has not the shape of a preview: Object missing required field `urn` - at `$.steps[0]`",
        ),
        ('{"steps": ["create"]}', "it has not the shape of a preview: Expected `object`, got `str` - at `$.steps[0]`"),
        ('{"sequence": 0, "timestamp": 1, "preludeEvent": {}}\n{"sequence": 1, "timestamp": 1}', "a stream of events"),
        ("[" * 100_000, "it is nested too deeply"),
        (written(step("create", "a", new={}), step("create", "b", new={}, stack="other")), "about several stacks"),
    ],
)
def test_what_is_no_preview_is_refused_by_name(text: str, reason: str) -> None:
    """It is never taken for a plan without changes, and the comment says what is wrong."""
    *_, last = readings(text, source="plan.json")
    assert reason in last.reason
    assert last.document is None
    shown = render(readings(text, source="plan.json"))
    assert "The preview failed" in shown
    assert last.reason in shown
    assert "no changes" not in shown


@given(st.integers(1, len(GOOD) - 1))
def test_a_document_that_is_cut_anywhere_is_no_document(at: int) -> None:
    """Half of a plan is not shown as a plan."""
    assert all(one.document is None for one in readings(GOOD[:at], source="x"))


@settings(max_examples=settings().max_examples // 3)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda a: st.lists(a) | st.dictionaries(st.text(), a)
    )
)
def test_any_json_is_judged_without_a_fault_of_ours(value: Any) -> None:
    """Whatever somebody feeds in, there is an answer in words."""
    for text in (json.dumps(value), json.dumps({"steps": value}), json.dumps({"steps": [value], "diagnostics": value})):
        assert render(readings(text, source="x"))


def test_a_step_with_any_urn_is_shown() -> None:
    """What is no URN of Pulumi's is a name all the same."""
    (found,) = readings('{"steps": [{"op": "delete", "urn": "odd"}, {"op": "create", "urn": "a::b"}]}', source="x")
    assert "`odd`" in render([found])


def test_unknown_fields_and_steps_are_borne() -> None:
    """A newer CLI may say more, and null for nothing; a step nobody knows is told as such."""
    told = {**json.loads(GOOD), "version": 99, "future": {"a": 1}, "diagnostics": None, "maybeCorrupt": None}
    told["steps"][0] |= {"future": True, "diffReasons": None, "replaceReasons": None, "oldState": None}
    (found,) = readings(json.dumps(told), source="x")
    assert (found.stack, found.project, found.reason) == ("staging", "infra", "")
    (odd,) = read(step("transmogrify", "a", kind="postgres:Baseline", old={}, new={}))
    assert [resource.fate for resource in plan(odd).resources] == ["unknown"]
    assert "changed in a way this version does not know" in render([odd])


def test_a_failed_preview_says_why() -> None:
    """The cause and the next step, whether an engine began or not; what was found out before is shown as well."""
    (before,) = readings(FAILED, source="x", stack="staging")
    text = render([before])
    assert "The preview failed" in text
    assert "\nno key\n" in text
    told = [{"severity": "error", "urn": urn("a"), "message": "error: boom\n"}]
    (halfway,) = read(step("update", "a", old={"n": 1}, new={"n": 2}), diagnostics=told)
    text = render([halfway])
    assert "\na: boom\n" in text
    assert "- n: 1\n+ n: 2" in text
    assert "what it lists may not be all" in text


def test_a_stream_holds_several_documents() -> None:
    """One behind the other, with or without line ends; what is wrong with the last takes nothing from the first."""
    other = written(step("create", "a", new={}, stack="production"))
    assert [one.stack for one in readings(f"{GOOD}{other}\n\n{GOOD}", source="x")] == [
        "staging",
        "production",
        "staging",
    ]
    found = readings(f"{GOOD}\n{other[:40]}", source="x")
    assert [bool(one.document) for one in found] == [True, False]


def test_the_stack_is_the_documents_own_word() -> None:
    """What the user says about it must not contradict it: production's plan is never shown as staging's."""
    (found,) = readings(GOOD, source="x", stack="production")
    assert found.reason == "it is about the stack staging, not production"


def test_a_document_of_20_megabytes_is_one_comment() -> None:
    """It takes a few seconds at most, and what does not fit is counted."""
    large = "x" * 2_000_000
    steps = [step("update", f"a{n}", kind="x:Y", old={"v": large}, new={"v": f"{large}y"}) for n in range(5)]
    text = written(*steps)
    assert len(text) > 20_000_000
    begun = time.monotonic()
    shown = render(readings(text, source="x"))
    assert time.monotonic() - begun < 10
    assert len(shown) < LONGEST
    assert "2000000 characters" in shown


def test_a_plan_of_many_steps_is_read_as_a_whole() -> None:
    """Every step becomes one resource."""
    (found,) = readings(many(500), source="x")
    assert len(plan(found).resources) == 500
    assert len(many(500)) < document.MOST_BYTES
