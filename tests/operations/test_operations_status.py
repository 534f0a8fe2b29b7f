"""`./infra status`: rows from facts, and what a terminal and a program read of them."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from operations.display.table import table
from operations.errors import ExitCode
from operations.status import rows as of_rows
from operations.status.facts import Facts, Found, Health, Seen, Stored
from operations.status.stored import States
from tests.operations.status_seen import GONE, LATE, LOCAL, NOW, branch, everything, facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:one"}


@pytest.mark.parametrize(
    ("found", "verdict", "says", "code"),
    [
        (facts(), "healthy", "the app is healthy", 0),
        (facts(branch=Found(value=branch(kind="HIBERNATED"))), "asleep", "first connection wakes", 0),
        (facts(branch=Found(value=branch(kind="HIBERNATED", sleeps=False))), "failing", "put to sleep by hand", 5),
        (facts(branch=Found(value=branch(kind="FAULT"))), "failing", "its branch is at fault: fault", 5),
        (facts(branch=Found(value=branch(kind="TRANSIENT"))), "waiting", "its branch is transient", 0),
        (facts(branch=GONE), "failing", "the branch staging is gone", 5),
        (facts(branch=LATE), "unknown", "its branch: no answer in 10 s", 5),
        (facts(health=LATE), "unknown", "its app: no answer in 10 s", 5),
        (facts(health=Found(value=Health(state="failing", says="503"))), "failing", "503", 5),
        (facts(health=Found(value=Health(state="waiting", says="not yet"))), "waiting", "not yet", 0),
        (facts(health=Found(value=Health(state="none", says=""))), "healthy", "it has no Worker", 0),
        (facts(state=GONE), "healthy", "no state of it is here", 0),
        (facts(state=GONE, branch=GONE), "absent", "never deployed from here", 0),
        (facts(state=GONE, branch=LATE), "absent", "never deployed from here", 0),
        (facts(state=Found(value=Stored(outputs={})), branch=GONE), "absent", "taken down", 0),
        (facts(state=Found(why="elsewhere"), branch=GONE), "unknown", "elsewhere", 5),
        (facts("dev", state=Found(value=LOCAL), branch=GONE), "healthy", "the app is healthy", 0),
        (facts(restore_point=LATE), "healthy", "the app is healthy", 0),
        (facts(drift=Found(value="none")), "healthy", "the app is healthy", 0),
        (facts(drift=Found(value="drifted")), "healthy", "the app is healthy", 8),
        (facts(drift=Found(why="locked")), "healthy", "the app is healthy", 5),
        (facts(branch=LATE, drift=Found(value="drifted")), "unknown", "no answer", 5),
    ],
)
def test_an_environment_is_what_its_branch_and_its_app_are(found: Facts, verdict: str, says: str, code: int) -> None:
    """First the branch counts, which all else depends on, then the app; what was not told is never guessed."""
    seen = Seen(at=NOW, facts=[found])
    rows = of_rows.rows(seen)
    assert (rows[0].verdict, of_rows.exit_code(seen, rows)) == (verdict, code)
    assert says in rows[0].says


def test_an_environment_that_may_be_missing_is_no_success() -> None:
    """Where the list of branches did not come, nobody knows whether all is well."""
    seen = Seen(at=NOW, facts=[facts()], notes=("the branches are not known",), complete=False)
    assert of_rows.exit_code(seen, of_rows.rows(seen)) is ExitCode.VERIFICATION_FAILED


TABLE = """\
healthy    dev         the app is healthy
           a database on this machine
           up 3 h ago by ada@laptop; password 41 d old
healthy    staging     the app is healthy
           child of main; xata.small, 1 replica, 250 GB; sleeps after 30 idle min
           https://app-staging.example.workers.dev
           up 3 h ago by ada@laptop; password 41 d old; drift drifted
           not known: restore point, no answer in 10 s
not there  production  it was never deployed from here
           next: ./infra up production makes it
not known  pr-7        its app: no answer in 10 s
           child of staging; xata.small, 1 replica, 250 GB; sleeps after 30 idle min
           https://app-pr-7.example.workers.dev
           up 3 h ago by ada@laptop; password 41 d old; restore point 4 min ago; life 5 days left
           not known: app, no answer in 10 s
"""


def test_a_person_reads_what_is_wrong_first() -> None:
    """One block for each environment: how it is, what it runs on, where its app is, what has been done."""
    found = table(of_rows.lines(of_rows.rows(everything())), io.StringIO(), {})
    assert "\n".join(found) + "\n" == TABLE


def test_a_program_reads_the_same(valid: Callable[[str, Any], None]) -> None:
    """The document keeps its schema, and says for each thing that is not known why."""
    seen = everything()
    document = json.loads(json.dumps(of_rows.as_answer(seen, of_rows.rows(seen))))
    valid("status", document)
    assert [one["verdict"] for one in document["environments"]] == ["healthy", "healthy", "absent", "unknown"]
    staging, preview = document["environments"][1], document["environments"][3]
    assert staging["unknown"] == {"restore point": "no answer in 10 s"}
    assert (staging["lastUp"]["by"], staging["password"]["days"], staging["restorePoint"]) == ("ada@laptop", 41, None)
    assert (preview["daysLeft"], preview["branch"]["parent"], document["ok"]) == (5, "staging", False)


def test_a_watcher_is_told_what_has_changed() -> None:
    """An environment that is new, otherwise than before, or gone is a line; what stays as it is is none."""
    before = of_rows.rows(everything())
    failing = facts(health=Found(value=Health(state="failing", says="503")))
    after = of_rows.rows(replace(everything(), facts=[everything().facts[0], failing, facts("pr-9")]))
    assert of_rows.changes(before, before) == []
    assert of_rows.changes(before, after) == [
        "staging: healthy -> FAILING: 503",
        "pr-9: healthy: the app is healthy (new)",
        "production: gone",
        "pr-7: gone",
    ]


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-3), "less than 1 min"),
        (timedelta(seconds=59), "less than 1 min"),
        (timedelta(minutes=61), "1 h"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_a_span_is_told_in_its_largest_unit(span: timedelta, words: str) -> None:
    """A clock that is a little ahead is no age below zero."""
    assert of_rows.ago(span) == words


def resources(password: str, **outputs: Any) -> dict[str, Any]:
    """A checkpoint with a connection whose password is encrypted as this text."""
    told = {"branchName": "staging", "databaseUrl": {**SECRET, "ciphertext": password}, **outputs}
    connection = {"password": {**SECRET, "ciphertext": password}}
    found = [
        {"urn": "a", "type": "pulumi:pulumi:Stack", "outputs": told},
        {"urn": "b", "type": "pulumi-python:dynamic/xata:Branch", "outputs": {"api": "http://x", "parentName": "main"}},
        {
            "urn": "c",
            "type": "pulumi-python:dynamic/xata:BranchConnection",
            "outputs": connection,
            "created": "2026-01-01T00:00:00Z",
            "modified": "2026-03-01T00:00:00Z",
        },
    ]
    return {"version": 3, "checkpoint": {"latest": {"resources": found}}}


CHECKS = {"checks": {"database": {"ok": True}, "worker": {"state": "passed"}}, "workerName": "app"}


def record(folder: Path, passwords: list[str], *, environment: dict[str, str] | None = None) -> States:
    """A state whose updates, one a day, ended with these passwords."""
    home = folder / "state" / ".pulumi"
    for room in ("stacks", "history"):
        (home / room / "infra").mkdir(parents=True)
    (home / "history/infra/staging").mkdir()
    (home / "meta.yaml").write_text("version: 1\n")
    (home / "stacks/infra/staging.json").write_text(json.dumps(resources(passwords[-1])))
    for day, password in enumerate(passwords, start=1):
        start = int(datetime(2026, 2, day, tzinfo=UTC).timestamp())
        one = home / f"history/infra/staging/staging-{start}000000000"
        told = {"kind": "update", "startTime": start, "endTime": start, "environment": environment or {}}
        one.with_name(f"{one.name}.history.json").write_text(json.dumps({**told, "result": "succeeded"}))
        one.with_name(f"{one.name}.checkpoint.json").write_text(json.dumps(resources(password, **CHECKS)))
    return States(folder, {"PULUMI_BACKEND_URL": f"file://{folder}/state"})


@pytest.mark.parametrize(
    ("passwords", "since"),
    [
        (["a", "b", "b", "b"], "2026-02-02"),
        (["a", "a", "a", "b"], "2026-02-04"),
        (["a", "a"], "2026-01-01"),
        (["b"], "2026-01-01"),
    ],
)
def test_a_password_is_as_old_as_its_ciphertext(project: Path, passwords: list[str], since: str) -> None:
    """The oldest of the newest states that hold it is the one it came with; without a change, the first of all."""
    found = record(project, passwords).read("staging", history=False)
    assert found.value is not None
    assert f"{found.value.password_since:%Y-%m-%d}" == since


def test_the_passwords_of_owner_and_app_are_told_apart(project: Path) -> None:
    """The app's is as old as its login says, which is no secret."""
    states = record(project, ["a", "b"])
    file = project / "state/.pulumi/stacks/infra/staging.json"
    document = json.loads(file.read_text())
    login = {
        "urn": "d",
        "type": "pulumi-python:dynamic/postgres:AppLogin",
        "outputs": {"since": "2026-02-20T00:00:00Z"},
    }
    document["checkpoint"]["latest"]["resources"].append(login)
    file.write_text(json.dumps(document))
    found = states.read("staging", history=False).value
    assert found is not None
    told = [(whose, f"{since:%m-%d}") for whose, since in found.passwords()]
    assert told == [("app's password", "02-20"), ("owner's password", "02-02")]


@pytest.mark.parametrize(
    ("environment", "by"),
    [
        ({"exec.user": "ada@laptop"}, "ada@laptop"),
        ({"ci.system": "GitHub Actions", "ci.build.number": "12"}, "GitHub Actions 12"),
        ({"git.committer": "Ada"}, "somebody on a commit of Ada"),
        ({}, ""),
    ],
)
def test_who_ran_it_is_what_the_engine_wrote_down(project: Path, environment: dict[str, str], by: str) -> None:
    """The embedded engine writes who; the CLI which job, or whose commit; where neither did, nobody is named."""
    found = record(project, ["a", "a"], environment=environment).read("staging", history=True).value
    assert found is not None
    assert [one.by for one in found.updates] == [by, by]
    assert [(one.database, one.app) for one in found.updates] == [(True, "passed")] * 2


def test_a_state_is_read_without_its_secrets(project: Path) -> None:
    """No passphrase is needed, and what is encrypted is left out."""
    found = record(project, ["a"]).read("staging", history=False).value
    assert found is not None
    assert (dict(found.outputs), found.api, found.parent) == ({"branchName": "staging"}, "http://x", "main")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 3}', '{"checkpoint": {"latest": {"resources": [1]}}}'])
def test_a_damaged_state_is_not_known(project: Path, damage: str) -> None:
    """It is said to be unreadable, and nothing is guessed."""
    states = record(project, ["a"])
    (project / "state/.pulumi/stacks/infra/staging.json").write_text(damage)
    assert "cannot be read" in states.read("staging", history=False).why


def test_a_state_elsewhere_is_said_to_be_there(project: Path) -> None:
    """What only the CLI reads is not asked for; the place is named, and no password in its URL."""
    found = States(project, {"PULUMI_BACKEND_URL": "s3://bucket?secret=x"}).read("staging", history=False)
    assert found.value is None
    assert found.why == "the state lies in an S3-compatible bucket (s3://), which only the Pulumi CLI reads"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """Let each look see what is given, one after the other, and the last one be interrupted; the pauses between."""
    pauses: list[float] = []

    def given(*seen: Seen) -> list[float]:
        coming = iter(seen)

        def look(*_: object, **__: object) -> Seen:
            found = next(coming, None)
            if found is None:
                raise KeyboardInterrupt
            return found

        monkeypatch.setattr("operations.status.asking.look", look)
        monkeypatch.setattr("operations.commands.status.time.sleep", pauses.append)
        return pauses

    return given


def test_a_watch_tells_what_changes(infra: Callable[..., Any], looks: Callable[..., list[float]]) -> None:
    """Without a terminal the table once, then a line with its time for each change; Ctrl-C ends with the last code."""
    first = replace(everything(), facts=[facts()], calls=3)
    failing = replace(first, facts=[facts(health=Found(value=Health(state="failing", says="503")))])
    pauses = looks(first, first, failing, first)
    answer = infra("status", "--watch", "7")
    assert answer.code == 0
    assert answer.out.splitlines()[-2:] == [
        "12:00:00 staging: healthy -> FAILING: 503",
        "12:00:00 staging: FAILING -> healthy: the app is healthy",
    ]
    assert answer.out.count("child of main") == 1
    assert pauses == [7.0] * 4


def test_a_watch_that_saw_nothing_was_interrupted(infra: Callable[..., Any], looks: Callable[..., list[float]]) -> None:
    """Then there is no last look to tell of."""
    looks()
    assert infra("status", "--watch").code == 130


def test_a_watch_leaves_half_of_the_calls_to_others(
    infra: Callable[..., Any], looks: Callable[..., list[float]], tmp_path: Path
) -> None:
    """Of many environments it looks less often, and so does whoever shows its page."""
    pauses = looks(replace(everything(), calls=401))
    infra("status", "--watch", "5", "--html", str(tmp_path / "page.html"))
    assert pauses == [pytest.approx(401 * 3600 / 2500)]
    assert 'http-equiv="refresh" content="577"' in (tmp_path / "page.html").read_text()


def test_a_terminal_is_drawn_anew(
    infra: Callable[..., Any], looks: Callable[..., list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look empties the screen, and shows the whole table with its time."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    looks(*[replace(everything(), facts=[facts()], calls=3)] * 2)
    shown = infra("status", "--watch", "9").out.split("\x1b[H\x1b[2J")
    assert len(shown) == 3
    assert shown[1] == shown[2]
    assert "12:00:00 UTC, every 9 s, until Ctrl-C" in shown[1]


@pytest.mark.parametrize("option", ["--json", "--drift"])
def test_a_watch_is_not_about_one_look(infra: Callable[..., Any], option: str) -> None:
    """What answers once, or reads every stack whole, is refused with it."""
    answer = infra("status", "--watch", option)
    assert answer.code == 2
    assert f"next: leave one of them out: ./infra status {option}" in answer.err


@pytest.mark.parametrize("option", ["--json", "--watch"])
def test_a_printed_page_is_alone(infra: Callable[..., Any], option: str) -> None:
    """Standard output holds a page and nothing else, so that it can be piped; a file goes with the rest."""
    answer = infra("status", "--html", "-", option)
    assert answer.code == 2
    assert f"next: name a file: ./infra status {option} --html status.html" in answer.err
