"""Edits: only what must change changes, in the file's own style, and never without certainty."""

from __future__ import annotations

import copy
import json
import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import RefusedError
from components.worker.wrangler.findings import Expectation, errors, findings
from components.worker.wrangler.jsonc import parse
from operations.wrangler_edit import apply, steps
from tests.components.worker.wrangler_world import STAGING, read_by_wrangler, sample, tidy, wild

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = ("template", "production_only", "wrong_block", "minified", "right")
TWO_SECRETS = replace(STAGING, secrets=("DATABASE_URL", "SESSION_KEY"))


def _written(text: str, expectation: Expectation = STAGING) -> str:
    return apply(text, steps(parse(text), expectation))


def _comments(text: str) -> list[str]:
    return [text[start:end] for start, end in parse(text).comments]


def _wanted(data: dict[str, Any], expectation: Expectation) -> dict[str, Any]:
    """What the file must say after an edit, told independently of how it is edited."""
    result = copy.deepcopy(data)
    stack = expectation.stack
    block = result.setdefault("env", {}).setdefault(stack, {})
    if block.get("name", f"{result.get('name')}-{stack}" if "name" in result else "") != expectation.expected_name:
        block["name"] = expectation.expected_name
    block.setdefault("vars", {}).update(ENVIRONMENT=expectation.environment, XATA_BRANCH=expectation.branch)
    for secret in expectation.secrets:
        block["vars"].pop(secret, None)
        required = block.setdefault("secrets", {}).setdefault("required", [])
        if secret not in required:
            required.append(secret)
    return result


word = st.sampled_from(["staging", "production", "x", "\u00e9 \U0001f642", 'a "quoted" \\ text', ""])
names = st.sampled_from(["ENVIRONMENT", "XATA_BRANCH", "DATABASE_URL", "LOG_LEVEL", "SESSION_KEY"])
blocks = st.fixed_dictionaries(
    {},
    optional={
        "name": word,
        "vars": st.dictionaries(names, word, max_size=5),
        "secrets": st.fixed_dictionaries({}, optional={"required": st.lists(names, unique=True, max_size=3)}),
        "routes": st.lists(word, max_size=2),
    },
)
configs = st.fixed_dictionaries(
    {"main": st.just("src/server.ts")},
    optional={
        "name": st.just("warehouse-manager"),
        "vars": st.dictionaries(names, word, max_size=2),
        "env": st.dictionaries(st.sampled_from(["staging", "production", "dev"]), blocks, max_size=3),
        "observability": st.fixed_dictionaries({"enabled": st.booleans()}),
    },
)
shuffled = configs.flatmap(lambda data: st.permutations(list(data.items())).map(dict))


# whole files


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_written_as_a_person_would(name: str) -> None:
    """The whole text, comments and all."""
    assert _written(sample(name)) == sample(f"{name}.written")


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize(
    ("mark", "line_end", "last"), [("\ufeff", "\r\n", ""), ("", "\r\n", "\r\n"), ("", "\n", "\n\n")]
)
def test_marks_and_line_ends_stay(name: str, mark: str, line_end: str, last: str) -> None:
    """A byte order mark, Windows' line ends, and a file without a last line end or with two."""

    def dressed(text: str) -> str:
        return mark + text.rstrip("\n").replace("\n", line_end) + last

    assert _written(dressed(sample(name))) == dressed(sample(f"{name}.written"))


@pytest.mark.parametrize("name", SAMPLES)
def test_writing_twice_changes_nothing(name: str) -> None:
    """The second time there is nothing to do."""
    written = _written(sample(name))
    assert steps(parse(written), STAGING) == []
    assert _written(written) == written
    assert errors(findings(parse(written), STAGING)) == []


@given(data=shuffled, seed=st.integers(0, 2**32))
def test_in_any_layout_only_the_block_changes(data: dict[str, Any], seed: int) -> None:
    """What is read is exactly what is wanted, every comment stays in its order, and a second time changes nothing."""
    text = wild(data, random.Random(seed))  # noqa: S311 - the same layout for the same seed
    try:
        written = _written(text, TWO_SECRETS)
    except RefusedError:  # A comment stands inside what must go.
        assert {"DATABASE_URL", "SESSION_KEY"} & data["env"]["staging"]["vars"].keys()
        return
    assert parse(written).root.data == _wanted(data, TWO_SECRETS)
    assert _comments(written) == _comments(text)
    assert written.startswith("\ufeff") == text.startswith("\ufeff")
    assert _written(written, TWO_SECRETS) == written


@given(data=shuffled, unit=st.sampled_from(["  ", "    ", "\t", " "]), line_end=st.sampled_from(["\n", "\r\n"]))
def test_a_tidy_file_stays_tidy(data: dict[str, Any], unit: str, line_end: str) -> None:
    """The result is what the formatter that laid out the file makes of the wanted data."""
    wanted = _wanted(data, TWO_SECRETS)
    written = _written(tidy(data, unit=unit, line_end=line_end) + line_end, TWO_SECRETS)
    assert re.sub(r"\{\s*\}", "{}", written) == tidy(wanted, unit=unit, line_end=line_end) + line_end


@given(data=shuffled, separators=st.sampled_from([(",", ":"), (", ", ": ")]))
def test_a_file_of_one_line_stays_one_line(data: dict[str, Any], separators: tuple[str, str]) -> None:
    """Minified, or as Python writes it."""
    written = _written(json.dumps(data, separators=separators), TWO_SECRETS)
    assert parse(written).root.data == _wanted(data, TWO_SECRETS)
    assert "\n" not in written
    if separators == (",", ":"):
        assert written == json.dumps(_wanted(data, TWO_SECRETS), separators=separators)


# single places


def _around(block: str) -> str:
    return '{\n  "name": "warehouse-manager",\n  "env": {\n    "staging": ' + block + "\n  }\n}\n"


REQUIRED = '"secrets": { "required": ["DATABASE_URL"] }'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{ ENV }", "{ ENV, BRANCH }"),
        ("{ ENV, }", "{ ENV, BRANCH, }"),
        ("{ENV}", "{ENV, BRANCH}"),
        ("{ ENV /* why */ }", "{ ENV, BRANCH /* why */ }"),
        ("{\n      ENV\n    }", "{\n      ENV,\n      BRANCH\n    }"),
        ("{\n\t  ENV,\n    }", "{\n\t  ENV,\n\t  BRANCH,\n    }"),
        ("{\n  ENV // c\n  // d\n }", "{\n  ENV, // c\n  BRANCH\n  // d\n }"),
        ("{\n  ENV /* a\n b */ // c\n }", "{\n  ENV, /* a\n b */ // c\n  BRANCH\n }"),
        ("{\n  // first\n  ENV   \n }", "{\n  // first\n  ENV,   \n  BRANCH\n }"),
        ('{\n  "A": "1"\n, ENV\n }', '{\n  "A": "1"\n, ENV,\nBRANCH\n }'),
        ("{ // none\n    }", "{ // none\n      ENV,\n      BRANCH\n    }"),
        ("{\n      // none\n    }", "{\n      ENV,\n      BRANCH\n      // none\n    }"),
        ("{ /* none */ }", "{ ENV, BRANCH /* none */ }"),
        ("{ }", "{\n      ENV,\n      BRANCH\n    }"),
    ],
)
def test_an_addition_follows_what_stands_around_it(before: str, after: str) -> None:
    """One line or many, trailing comma or none, comments in every place."""

    def block(variables: str) -> str:
        pairs = {"ENV": '"ENVIRONMENT": "staging"', "BRANCH": '"XATA_BRANCH": "staging"'}
        shown = re.sub("ENV|BRANCH", lambda match: pairs[match[0]], variables)
        return _around(f'{{ {REQUIRED}, "vars": {shown} }}')

    assert _written(block(before)) == block(after)


VARIABLES = '"vars": { "ENVIRONMENT": "staging", "XATA_BRANCH": "staging" }'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[]", '["DATABASE_URL"]'),
        ("[ ]", '["DATABASE_URL"]'),
        ('["A"]', '["A", "DATABASE_URL"]'),
        ('["A",]', '["A", "DATABASE_URL",]'),
        ('[\n        "A" // why\n      ]', '[\n        "A", // why\n        "DATABASE_URL"\n      ]'),
        ('[\n        "A",\n      ]', '[\n        "A",\n        "DATABASE_URL",\n      ]'),
        ('[\n        // "A"\n      ]', '[\n        "DATABASE_URL"\n        // "A"\n      ]'),
    ],
)
def test_a_list_grows_as_it_is_laid_out(before: str, after: str) -> None:
    """On its line, or on a line for each item."""

    def block(items: str) -> str:
        return _around(f'{{\n      {VARIABLES},\n      "secrets": {{\n      "required": {items} }}\n    }}')

    assert _written(block(before)) == block(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{ "DATABASE_URL": "x", OURS }', "{ OURS }"),
        ('{ OURS, "DATABASE_URL": "x" }', "{ OURS }"),
        ('{ OURS, "DATABASE_URL": "x", }', "{ OURS, }"),
        ('{\n  "DATABASE_URL": "x",\n  OURS\n}', "{\n  OURS\n}"),
        ('{\n  OURS,\n  "DATABASE_URL": "x"\n}', "{\n  OURS\n}"),
        ('{\n  OURS, // ours\n  "DATABASE_URL": "x" // the old one\n}', "{\n  OURS // ours\n  // the old one\n}"),
    ],
)
def test_a_secret_leaves_the_variables_with_its_line(before: str, after: str) -> None:
    """And with the comma that is no longer needed; a comment stays."""
    ours = '"ENVIRONMENT": "staging", "XATA_BRANCH": "staging"'
    text, wanted = (_around(f'{{ {REQUIRED}, "vars": {it.replace("OURS", ours)} }}') for it in (before, after))
    assert _written(text) == wanted


def test_a_comment_inside_what_must_go_is_refused() -> None:
    """Nobody knows whether it may go too."""
    text = _around(f'{{ {REQUIRED}, {VARIABLES[:-2]}, "DATABASE_URL": /* from the console */ "hunter2" }} }}')
    with pytest.raises(RefusedError, match="cannot be edited without changing something else") as caught:
        _written(text)
    assert "removed env.staging.vars.DATABASE_URL" in caught.value.next_step
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", r"line 1, column 1: the configuration is not an object"),
        ('{"env": null}', r"env is not an object"),
        ('{"env": {"staging": []}}', r"env\.staging is not an object"),
        (_around('{ "vars": "x" }'), r"line 4, column 26: env\.staging\.vars is not an object"),
        (_around('{ "secrets": true }'), r"env\.staging\.secrets is not an object"),
        (_around('{ "secrets": { "required": {} } }'), r"env\.staging\.secrets\.required is not a list"),
        (_around('{ "vars": {}, "vars": {} }'), r"env\.staging\.vars stands twice"),
        ('{"env": {}, "env": {}}', r"line 1, column 2: env stands twice"),
        ('{"name": "a", "name": "b"}', r"name stands twice"),
    ],
)
def test_what_is_not_certain_is_refused(text: str, reason: str) -> None:
    """With the place, and nothing is guessed."""
    with pytest.raises(RefusedError, match=reason) as caught:
        _written(text)
    assert "by hand" in caught.value.next_step


def test_a_value_of_another_kind_is_replaced_whole() -> None:
    """A number, a list or an object where a text must stand."""
    for wrong in ("5", "null", '["staging"]', '{ "a": 1 }'):
        text = _around(f'{{ "vars": {{ "ENVIRONMENT": {wrong}, "XATA_BRANCH": "staging" }}, {REQUIRED} }}')
        assert _written(text) == text.replace(f'"ENVIRONMENT": {wrong}', '"ENVIRONMENT": "staging"')


def test_the_name_is_set_only_when_it_is_expected_and_derived_differently() -> None:
    """The block's own name comes first in a new block."""
    bare = '{\n  "name": "farm"\n}\n'
    assert '"staging": {\n      "name": "warehouse-manager-staging",\n      "vars"' in _written(bare)
    assert '"name": "farm-staging"' not in _written(bare, replace(STAGING, expected_name="farm-staging"))
    assert _written(bare, replace(STAGING, expected_name="")).count('"name"') == 1


def test_changes_are_told_in_words() -> None:
    """Path and new value; of what is removed only the path."""
    assert [str(step) for step in steps(parse(sample("wrong_block")), STAGING)] == [
        'set env.staging.name: "warehouse-manager-staging"',
        'set env.staging.vars.ENVIRONMENT: "staging"',
        'set env.staging.vars.XATA_BRANCH: "staging"',
        "removed env.staging.vars.DATABASE_URL",
        'added to env.staging.secrets.required: "DATABASE_URL"',
    ]


# wrangler itself


@pytest.mark.wrangler
def test_wrangler_reads_what_was_written(tmp_path: Path) -> None:
    """Name, variables and required secrets of the environment, whatever the layout; and no complaint."""
    dice = random.Random(5)  # noqa: S311 - the same layouts every time
    texts = [_written(sample(name)) for name in SAMPLES]
    texts += [
        _written(wild(parse(sample(name)).root.data, dice))
        for name in SAMPLES
        for _ in range(40)
        if name != "wrong_block"
    ]
    for text, answer in zip(texts, read_by_wrangler(tmp_path, texts, environment="staging"), strict=True):
        assert answer["raw"] == parse(text).root.data
        assert answer["name"] == "warehouse-manager-staging", text
        assert answer["vars"] | {"ENVIRONMENT": "staging", "XATA_BRANCH": "staging"} == answer["vars"]
        assert "DATABASE_URL" not in answer["vars"]
        assert "DATABASE_URL" in answer["secrets"]["required"]
