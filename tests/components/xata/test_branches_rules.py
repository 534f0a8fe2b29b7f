"""Names, marks, specifications: judged before any request."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import ConfigurationError, RefusedError
from components.xata.branches import create, image, names, ownership
from components.xata.inputs import BranchIdentity, BranchSettingsInputs

PARENT_ID = "b" * 26


@pytest.mark.parametrize("name", ["main", "staging", "pr-12", "dev_alice", "v1.2", "A", "9", "x" * 63])
def test_names_of_our_branches(name: str) -> None:
    """One word of letters, digits, hyphens, underscores and periods is a name."""
    names.check_branch_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 64,
        "x" * 300,
        "a\nb",
        "staging\n",
        "a\x00b",
        "a\x1bb",
        "a/b",
        "..",
        " main",
        "main ",
        "a b",
        "ü",
        "-a",
        7,
        None,
    ],
)
def test_bad_names_are_refused_in_words(name: object) -> None:
    """A refused name is told with what was got, what is allowed and what to do, and never whole when it is long."""
    with pytest.raises(ConfigurationError) as caught:
        names.check_branch_name(name)
    text = str(caught.value)
    assert "branch name: got" in text
    assert "1 to 63 letters" in text
    assert "next:" in text
    assert len(text) < 400
    assert "\x00" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("name", "preview"),
    [
        ("pr-1", True),
        ("pr-123456789", True),
        ("pr-0", False),
        ("pr-01", False),
        ("pr-", False),
        ("PR-1", False),
        ("pr-1234567890", False),
        ("pr-1\n", False),
        ("pr-\u0661", False),
        ("xpr-1", False),
        ("main", False),
    ],
)
def test_what_a_preview_is(name: str, preview: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Previews are called pr- and a number without leading zeros, and nothing else is one."""
    assert names.is_preview(name) is preview


def test_what_ids_look_like() -> None:
    """Ids are told from names by their shape."""
    assert names.is_project_id("prj_" + "0" * 26)
    assert not names.is_project_id("prj_main")


@given(st.from_regex(r"[A-Za-z0-9-]{1,21}", fullmatch=True), st.from_regex(r"[A-Za-z0-9 -]{0,16}", fullmatch=True))
def test_a_mark_is_read_back(stack: str, text: str) -> None:
    """The stack is found in the description we write, whatever the user adds, and Xata takes that description."""
    description = ownership.mark(stack, text)
    assert ownership.marked_stack(description) == stack
    assert BranchSettingsInputs.validate({"description": description}) == {}


@pytest.mark.parametrize(
    "description",
    [None, "", "staging", "infra stack", "infra stack ", "infra  stack a", "my infra stack a", "Infra stack a"],
)
def test_what_is_no_mark(description: str | None) -> None:
    """A description that only resembles our mark makes nobody's branch ours."""
    assert ownership.marked_stack(description) is None


@pytest.mark.parametrize(
    ("description", "day"),
    [
        ("infra stack pr-7 until 2026-12-05", date(2026, 12, 5)),
        ("infra stack pr-7 until 2026-12-05 nightly copy", date(2026, 12, 5)),
        ("infra stack pr-7", None),
        ("infra stack pr-7 until 2026-13-05", None),
        ("until 2026-12-05", None),
        ("a stranger until 2026-12-05", None),
        (None, None),
    ],
)
def test_the_end_of_a_branch_s_life_stands_in_its_description(description: str | None, day: date | None) -> None:
    """A sweep reads from a marked branch alone how long it lives."""
    assert ownership.last_day(description) == day
    assert ownership.last_day(ownership.mark("pr-7", ownership.until(day or date.max))) == (day or date.max)


@pytest.mark.parametrize("stack", ["", "a_b", "a b", "a.b", "x" * 22, "ü"])
def test_stacks_that_cannot_be_marks(stack: str) -> None:
    """A stack name that Xata would refuse in a description is refused before any request."""
    with pytest.raises(ConfigurationError, match="allowed: 1 to 21 letters, digits and hyphens"):
        ownership.mark(stack)


OURS, THEIRS = "infra stack pr-7", "someone's"


@pytest.mark.parametrize(
    ("name", "description", "allow", "deletable"),
    [
        ("pr-7", OURS, "", True),
        ("pr-7", THEIRS, "", False),
        ("pr-7", None, "", False),
        ("pr-7", THEIRS, "pr-7", True),
        ("main", "infra stack foundation", "", False),
        ("staging", "infra stack staging", "", False),
        ("staging", "infra stack staging", "production", False),
        ("staging", None, "production, staging", True),
        ("production", None, "Production", False),
        ("production", None, "prod", False),
        ("production", None, "*", False),
        ("dev", "infra stack dev", "", False),
        ("dev-alice", "infra stack dev-alice", "", False),
        ("Main", OURS, "", False),
    ],
)
def test_what_may_be_deleted(name: str, description: str | None, allow: str, deletable: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Only previews with our mark, and what INFRA_ALLOW_DELETE names exactly."""
    environment = {"INFRA_ALLOW_DELETE": allow}
    if deletable:
        ownership.require_deletable(name, description, environment)
        return
    with pytest.raises(RefusedError, match=f"INFRA_ALLOW_DELETE={name}"):
        ownership.require_deletable(name, description, environment)


def spec(**changes: object) -> BranchIdentity:
    """A specification that is fine, with changes."""
    values: dict[str, object] = {"name": "staging", "stack": "staging", "region": "us-east-1", "parent": "main"}
    return BranchIdentity(**{**values, **changes})  # type: ignore[arg-type] # the tests give wrong types on purpose


@pytest.mark.parametrize("name", ["pr-1", "dev", "dev-alice", "anything"])
def test_production_is_nobodys_parent_by_accident(name: str) -> None:
    """Copies of production's data are made only where allowParent names it."""
    with pytest.raises(RefusedError, match="copy of all its parent's data") as caught:
        create.require_parent_allowed(spec(name=name), "production")
    assert "infra:allowParent to production" in caught.value.next_step
    create.require_parent_allowed(spec(name=name, allow_parent="production"), "production")
    create.require_parent_allowed(spec(name=name), "staging")
    with pytest.raises(RefusedError):
        create.require_parent_allowed(spec(name=name, allow_parent="staging"), "production")


def test_staging_may_descend_from_production() -> None:
    """Persistent branches that hold production's kind of data may be its children."""
    create.require_parent_allowed(spec(name="staging"), "production")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("postgres:18.1", ("postgres", 18, 1)),
        ("postgresql:17", ("postgres", 17, None)),
        ("analytics:17.5", ("analytics", 17, 5)),
    ],
)
def test_images_are_taken_apart(text: str, parts: tuple[str, int, int | None]) -> None:
    """An image is its offering, its major and its minor version."""
    found = image.parse_image(text)
    assert found is not None
    assert (found.offering, found.major, found.minor) == parts


def test_the_life_cycle_knows_nothing_of_pulumi() -> None:
    """Importing the whole room loads no Pulumi."""
    folder = Path(names.__file__).parent
    modules = ", ".join(f"components.xata.branches.{file.stem}" for file in sorted(folder.glob("[a-z]*.py")))
    program = f"import sys, {modules}; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=folder.parents[2], check=False).returncode == 0
