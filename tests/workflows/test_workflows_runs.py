"""The workflow of preview environments on this machine: its commands, recorded events, a real Postgres."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from random import Random
from typing import TYPE_CHECKING

import psycopg
import pytest

from operations.init.layouts import Layout
from tests.acceptance.conftest import cloned
from tests.sandboxed import sandbox_of
from tests.workflows.hub import NOTHING_LEFT, ORDER, Hub, laid_out, leaks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.workflows.running import Outcome


ORDERS = "create table orders (id bigint primary key, note text, status text default 'new')"
MIGRATIONS = (
    "alter table orders add total numeric(10,2) default 0 not null, drop note",
    "alter table orders alter status type integer using 0, alter status drop default",
)
COMMENTS = (
    """\
<!-- infra: what this pull request changes in the schema -->

## The schema of `pr-7` drops what holds data

Compared with `staging`: 1 changed object. What `staging` has got since the branch was copied shows as dropped, too; \
`./infra reset pr-7` makes a fresh copy.

### Look at this first

- 🛑 `public.orders`: the column `note` is dropped, or renamed: its values are gone for all that use this name

<details><summary>1 changed</summary>

`public.orders` (`table`)

```diff
- note text
+ total numeric(10,2) DEFAULT 0 NOT NULL
```

</details>

<sub>Schema of commit `0a1b2c3d4e5f`.</sub>
""",
    """\
<!-- infra: what this pull request changes in the schema -->

## The schema of `pr-7` drops what holds data

Compared with `staging`: 1 changed object. What `staging` has got since the branch was copied shows as dropped, too; \
`./infra reset pr-7` makes a fresh copy.

### Look at this first

- 🛑 `public.orders`: the column `note` is dropped, or renamed: its values are gone for all that use this name
- ⚠️ `public.orders`: the column `status` changes from `text` to `integer`: where the table is rewritten nobody reads \
or writes it meanwhile, and a value that does not fit fails

<details><summary>1 changed</summary>

`public.orders` (`table`)

```diff
- note text
- status text DEFAULT 'new'::text
+ status integer
+ total numeric(10,2) DEFAULT 0 NOT NULL
```

</details>

<sub>Schema of commit `89abcdef0123`.</sub>
""",
)
"""What is said below the pull request after each of these, the second one on top of the first."""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A sandbox without Workers, with foundation and staging, for the pull requests of this module."""
    with cloned() as clone, sandbox_of(laid_out(clone)) as made:
        made.up("foundation")
        made.up("staging")
        hub = Hub(sandboxed=made, temporary=tmp_path_factory.mktemp("runner"))
        with hub.github:
            yield hub


@pytest.fixture
def hub(staged: Hub) -> Iterator[Hub]:
    """The same, with nothing of pull requests in it, before and after; no run may print a secret."""
    assert staged.left == NOTHING_LEFT
    staged.sandboxed.forget_calls()
    staged.outcomes.clear()
    yield staged
    staged.empty()
    assert [leaks(staged.machine, one) for one in staged.outcomes] == [[]] * len(staged.outcomes)


def _well(outcome: Outcome) -> Outcome:
    assert outcome.succeeded, outcome.said
    return outcome


def test_open_push_and_close_with_late_and_repeated_events(hub: Hub) -> None:
    """In each layout it answers after opening and a push, with its data; nothing is left, or made, after closing."""
    opened = _well(hub.happens("opened"))
    assert opened.jobs == {"environment": "success", "fork": "skipped"}
    assert opened.summary == (
        "the environment pr-7 is up: pull request #7 is open.\n\n## `pr-7` has the schema of `staging`\n\n"
        "<sub>Schema of commit `0a1b2c3d4e5f`.</sub>\n"
    )
    url = hub.url("pr-7")
    hub.query(url, "create table orders (id int); insert into orders values (7)")
    _well(hub.delivered("closed"))  # of an earlier close: it has been reopened since
    _well(hub.happens("synchronize", Layout.FOLDER))
    assert hub.query(url, "select id from orders") == (7,)
    assert (hub.previews, hub.made()) == (["pr-7"], 1)
    closed = _well(hub.happens("closed", Layout.TWO))
    assert closed.carried_out == {"environment": "success"}
    assert closed.summary == "there is no environment pr-7: pull request #7 is closed.\n\n"
    _well(hub.delivered("synchronize"))
    assert (hub.left, hub.made()) == (NOTHING_LEFT, 1)
    with pytest.raises(psycopg.Error), hub.connect_to(url):
        pass


def test_a_pull_request_that_adds_a_column_and_drops_another(hub: Hub) -> None:
    """What it changes in staging's schema stands in one comment as a whole text, which a second push changes."""
    folder, template = hub.sandboxed.clone.folder, hub.sandboxed.clone.folder / "Pulumi.preview.yaml"
    before, staging = template.read_text(), hub.url("staging")
    hub.query(staging, ORDERS)
    try:
        template.write_text(f"{before}  infra:sqlFiles: [db]\n")
        (folder / "db").mkdir()
        written: list[tuple[int, str]] = []
        for number, name in enumerate(("opened", "synchronize")):
            (folder / "db" / f"{number}.sql").write_text(MIGRATIONS[number])
            ran = {one.step: one.environment for one in _well(hub.happens(name)).ran}
            assert {"XATA_API_KEY", "GITHUB_TOKEN"} & ran["What it changes in the schema"].keys() == {"XATA_API_KEY"}
            assert {"XATA_API_KEY", "GITHUB_TOKEN"} & ran["Comment"].keys() == {"GITHUB_TOKEN"}
            written += [(one["id"], one["body"]) for one in hub.comments]
    finally:
        template.write_text(before)
        hub.query(staging, "drop table orders")
    assert [body for _, body in written] == list(COMMENTS)
    assert len({kept for kept, _ in written}) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("truth", ["merged", "reopened"])
def test_whatever_order_events_come_in_the_environment_is_what_is_true(hub: Hub, truth: str) -> None:
    """In two orders of all the events: one branch for an open pull request, none at any moment for a merged one."""
    hub.become(7, ORDER[truth])
    orders = list(permutations(["opened", "synchronize", "closed", "reopened"]))
    for order in Random(7).sample(orders, 2):  # noqa: S311 - no secret
        for name in order:
            _well(hub.delivered(name))
        assert hub.previews == (["pr-7"] if truth == "reopened" else [])
    assert hub.made() == (1 if truth == "reopened" else 0)


@pytest.mark.thorough
def test_a_pull_request_closed_while_its_environment_is_made_leaves_nothing(hub: Hub) -> None:
    """The run that makes it sees the close and takes it down again, also when the close had no run of its own."""
    hub.become(7, ORDER["opened"])
    hub.sandboxed.fault(method="POST", path="/branches$", delay=4.0)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(hub.delivered, "opened")
        while not hub.made():
            time.sleep(0.1)
        hub.become(7, ORDER["closed"])
        outcome = _well(running.result())
    assert "up: pull request #7 is open\n" in outcome.said
    assert "down: pull request #7 is closed now\n" in outcome.said
    assert (hub.left, hub.made()) == (NOTHING_LEFT, 1)


def test_a_fork_gets_no_secret_and_no_environment(hub: Hub) -> None:
    """A fork's run has no secret in its variables, asks nobody but GitHub, makes nothing, is green and says why."""
    for name, told in (("fork-opened", {}), ("fork-deleted", {"head_gone": True})):
        hub.become(8, {"fork": "mallory/app", **told})
        outcome = hub.delivered(name)
        _well(outcome)
        assert outcome.jobs == {"environment": "skipped", "fork": "success"}
        secrets = {value for place in hub.machine.secrets.values() for value in place.values()}
        assert [one.step for one in outcome.ran if secrets & set(one.environment.values())] == []
        assert "neither a plan nor an environment" in outcome.summary
        plan = hub.delivered(name, workflow="plan") if name == "fork-opened" else None
        assert plan is None or (plan.jobs, plan.ran) == ({"plan": "skipped", "plan-production": "skipped"}, ())
    assert (hub.left, hub.sandboxed.calls()) == (NOTHING_LEFT, [])


def test_hostile_names_are_only_text(hub: Hub) -> None:
    """A branch name and a title full of shell, HTML and workflow commands run nothing and are printed nowhere."""
    owned = hub.machine.temporary / "owned"
    hub.become(9, {"fork": "mallory/app"})
    outcome = hub.delivered("hostile-opened")
    _well(outcome)
    assert (hub.left, owned.exists()) == (NOTHING_LEFT, False)
    assert [word for word in ("touch", "owned", "<img", "::add-mask", "xxx") if word in outcome.said] == []


@pytest.mark.thorough
def test_without_githubs_word_a_run_fails_and_changes_nothing(hub: Hub) -> None:
    """A run that cannot ask GitHub ends red, says the next step, and leaves the environment as it is."""
    _well(hub.happens("opened"))
    for status in (401, 403, 404, 502):
        order = {"status": status, "times": 0, **({"message": "Not Found"} if status == 404 else {})}
        hub.github.post("/sandbox/faults", json=order).raise_for_status()
        outcome = hub.delivered("closed")
        hub.github.delete("/sandbox/faults").raise_for_status()
        assert not outcome.succeeded
        assert "next: " in outcome.said
        assert hub.previews == ["pr-7"]
