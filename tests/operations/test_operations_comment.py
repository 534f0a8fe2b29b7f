"""./infra comment and ./infra gate as command lines: what they read, where they write, how they end."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloud_sandbox.github import shapes
from components.github import client as github
from operations.errors import ExitCode
from operations.review.document import MOST_BYTES
from operations.review.render import MARKER
from operations.schema import render as schema_render
from tests.components.github.github_world import REPOSITORY, TOKEN, World
from tests.operations.review.plans import HOSTILE, document, step

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).resolve().parents[2]
PLAN = document(step("update", "a", kind="x:Y", old={"n": 1}, new={"n": 2}))
LOSS = document(step("delete", "b", old={"name": "staging"}))
LABEL = "allow-delete:infra/staging/b"
FAILED = json.dumps({"diagnostics": [{"severity": "error", "message": "error: boom"}]})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """GitHub in this process, and an environment as a workflow's run has it."""
    made = World()
    monkeypatch.setattr(github, "connect", lambda _environment: made.client)
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_EVENT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str], str]:
    """Write a file and name it."""

    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


@pytest.fixture
def event(world: World, file: Callable[[str, str], str]) -> Callable[..., str]:
    """An event file about pull request 7 as it is now."""

    def make(**changes: Any) -> str:
        pull = {**shapes.pull(world.pull, REPOSITORY, "https://api.github.com"), **changes}
        told = {"action": "opened", "number": 7, "pull_request": pull, "repository": {"full_name": REPOSITORY}}
        return file("event.json", json.dumps(told))

    return make


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a text on standard input."""

    def put(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return put


def test_a_dry_run_prints_and_asks_nobody(
    infra: Any, typed: Any, world: World, tmp_path: Path, monkeypatch: Any
) -> None:
    """What comes in on standard input goes out as Markdown; neither GitHub nor the summary hears of it."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    typed(PLAN)
    answer = infra("comment", "--dry-run")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"{MARKER}\n")
    assert "- n: 1\n+ n: 2" in answer.out
    assert (world.requests, (tmp_path / "summary.md").exists()) == ([], False)


def test_a_comment_is_written_for_the_events_pull_request(
    infra: Any, world: World, event: Any, file: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """The environment names event, summary, token and repository, as in a workflow's run."""
    monkeypatch.setenv("GITHUB_EVENT_PATH", event())
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    answer = infra("comment", file("staging.json", PLAN))
    assert (answer.code, answer.out) == (0, "")
    assert "the comment below #7 was written: https://github.localhost/sandbox/app/pull/7#issuecomment-" in answer.err
    (body,) = world.bodies
    assert body.startswith(MARKER)
    assert f"<sub>Plan of commit `{world.pull.sha[:12]}`.</sub>" in body
    summary = (tmp_path / "summary.md").read_text()
    assert summary == body.removeprefix(f"{MARKER}\n\n")
    again = infra("comment", file("staging.json", PLAN), "--pull-request", "7")
    assert "was changed" in again.err
    assert len(world.bodies) == 1


def test_an_overtaken_run_writes_nothing(infra: Any, world: World, event: Any, file: Any) -> None:
    """A push since: the slower run must not have the last word."""
    named = event()
    world.service.world.change(7, {"sha": "f" * 40})
    answer = infra("comment", file("staging.json", PLAN), "--event", named)
    assert (answer.code, world.bodies) == (0, [])
    assert "#7 has a newer commit" in answer.err


@pytest.mark.parametrize(
    ("documents", "stack"),
    [
        ({"staging.json": FAILED}, "staging"),
        ({"production=plan.json": FAILED}, "production"),
        ({"x.json": PLAN}, "staging"),
    ],
)
def test_the_stack_is_named_by_document_option_or_file(
    documents: dict[str, str], stack: str, infra: Any, file: Any
) -> None:
    """A failed preview may not name its stack; its file does."""
    named = []
    for name, text in documents.items():
        before, equals, after = name.partition("=")
        named.append(f"{before}={file(after, text)}" if equals else file(name, text))
    assert f"| `{stack}` |" in infra("comment", *named, "--dry-run").out


def test_a_document_that_is_cut_is_told_and_fails(infra: Any, world: World, file: Any) -> None:
    """The comment says so beside the plans that are whole, and the run ends with code 2."""
    whole, half = file("staging.json", PLAN), file("production.json", PLAN[:40])
    answer = infra("comment", whole, half, "--pull-request", "7")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "production.json: it ends in the middle: the preview was cut off" in answer.err
    (body,) = world.bodies
    assert "| `production` | | | | | | | **no plan** |" in body
    assert "- n: 1\n+ n: 2" in body


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("comment", "/nowhere/plan.json", "--dry-run"), "cannot be read: No such file"),
        (("comment", "/", "--dry-run"), "cannot be read: Is a directory"),
        (("comment", "--pull-request", "0"), "is not the number of a pull request"),
        (("comment", "--pull-request", "$(id)"), "is not the number of a pull request"),
        (("comment", "--pull-request", "7", "--event", "x"), "not allowed with"),
        (
            ("comment", "--event", "/nowhere/event.json", "--dry-run"),
            "the event file /nowhere/event.json cannot be read",
        ),
        (("gate", "--event", "/nowhere/event.json"), "the event file /nowhere/event.json cannot be read"),
        (("gate", "/nowhere/plan.json"), "cannot be read"),
    ],
)
def test_wrong_command_lines_are_told(words: tuple[str, ...], says: str, infra: Any, world: World) -> None:
    """With code 2, and nothing was asked of anybody."""
    answer = infra(*words)
    assert (answer.code, says in answer.err, world.requests) == (ExitCode.BAD_CONFIGURATION, True, []), answer.err


def test_without_a_pull_request_nothing_is_written(infra: Any, world: World, file: Any, monkeypatch: Any) -> None:
    """A run that is about a push, or about nothing, says what is missing."""
    monkeypatch.setenv("GITHUB_EVENT_PATH", file("event.json", '{"ref": "refs/heads/main"}'))
    answer = infra("comment", file("staging.json", PLAN))
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "nothing says which pull request" in answer.err
    assert world.requests == []


def test_two_documents_of_one_stack_are_refused(infra: Any, file: Any) -> None:
    """Nobody knows which one counts."""
    answer = infra("comment", file("a.json", PLAN), file("b.json", PLAN), "--dry-run")
    assert (answer.code, "two documents are about the stack staging" in answer.err) == (2, True)


def test_what_is_too_long_is_no_plan(infra: Any, file: Any, monkeypatch: Any) -> None:
    """It is read no further than its limit."""
    monkeypatch.setattr("operations.review.document.MOST_BYTES", 100)
    answer = infra("comment", file("staging.json", PLAN), "--dry-run")
    assert (answer.code, "it is longer than 100 bytes" in answer.out) == (2, True)
    assert MOST_BYTES > 20 * 1024 * 1024


@pytest.mark.parametrize(
    ("setting", "code", "says"),
    [
        ({"status": 403, "message": "Resource not accessible by integration"}, 4, "pull-requests: write"),
        ({"status": 404, "message": "Not Found"}, 4, "GITHUB_REPOSITORY"),
        ({"status": 403, "message": "API rate limit exceeded for x.", "retry_after": "600"}, 4, "try again in 600 s"),
        ({"status": 502}, 4, "whether it was carried out is not known"),
    ],
)
def test_what_github_refuses_ends_in_words(
    setting: dict[str, Any], code: int, says: str, infra: Any, world: World, file: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """The job's summary has the plan all the same."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    world.fault(method="POST", times=0, **setting)
    answer = infra("comment", file("staging.json", PLAN), "--pull-request", "7")
    assert (answer.code, says in answer.err) == (code, True), answer.err
    assert TOKEN not in answer.err
    assert "+ n: 2" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize("title", HOSTILE)
def test_a_hostile_pull_request_changes_nothing(title: str, infra: Any, world: World, event: Any, file: Any) -> None:
    """Its title, branch and author are in no text and no command."""
    world.service.world.change(7, {"title": title, "head": title, "login": title[:39] or "x", "body": title})
    answer = infra("comment", file("staging.json", PLAN), "--event", event())
    assert answer.code == 0, answer.err
    assert "n: 1" in world.bodies[0]


def test_the_gate_closes_and_a_label_opens_it(infra: Any, event: Any, file: Any) -> None:
    """It names the loss and the exact label; that label, given or in the event, opens it."""
    plan = file("staging.json", LOSS)
    answer = infra("gate", plan)
    assert (answer.code, answer.out) == (ExitCode.CHANGES_REFUSED, "")
    assert "error: staging: the branch 'staging' would be deleted" in answer.err
    assert f"set the label {LABEL}" in answer.err
    assert infra("gate", plan, "--label", "bug", "--label", LABEL).code == 0
    assert infra("gate", plan, "--event", event(labels=[{"name": LABEL}])).code == 0
    assert infra("gate", plan, "--event", event(labels=[{"name": f"{LABEL}2"}])).code == ExitCode.CHANGES_REFUSED


@pytest.mark.parametrize(
    ("text", "code"),
    [(PLAN, 0), ("", 2), ("{}", 2), (LOSS[:50], 2), (FAILED, 4), (f"{FAILED}{LOSS}", 3), (f"{LOSS}\n{PLAN[:50]}", 3)],
)
def test_the_gate_is_open_only_for_a_plan(text: str, code: int, infra: Any, typed: Any) -> None:
    """Nothing, half of something and a failed preview keep it closed; a loss counts most."""
    typed(text)
    answer = infra("gate")
    assert answer.code == code
    assert ("the gate is open" in answer.err) == (code == 0)


def test_the_gate_proves_itself(infra: Any, monkeypatch: Any) -> None:
    """The self-test reads nothing, and fails when a rule is broken."""
    assert infra("gate", "--self-test").code == 0
    monkeypatch.setattr("operations.review.rules.RULES", ())
    assert infra("gate", "--self-test").code == ExitCode.UNEXPECTED


def test_both_work_in_a_pipe_without_pulumi() -> None:
    """As typed; what they load is little."""
    infra = [sys.executable, "-m", "operations"]
    done = subprocess.run(
        [*infra, "comment", "-", "--dry-run"], input=LOSS, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "🛑 `staging`: the branch `staging` would be deleted" in done.stdout
    code = (
        "import sys; sys.argv[1:] = ['gate', '--self-test']; from operations.__main__ import main; main();"
        "print(sorted({'pulumi', 'grpc', 'httpx', 'cryptography'} & sys.modules.keys()))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def _schema(**told: Any) -> str:
    return json.dumps({"old": "staging", "new": "pr-7", "unread": "", "dangers": [], "changes": [], **told})


CHANGED: dict[str, Any] = {"verb": "added", "kind": "TABLE", "name": "public.orders", "lines": ["+ CREATE TABLE"]}


def test_the_schema_has_a_comment_of_its_own(
    infra: Any, world: World, event: Any, file: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """Beside that of the plan, which another workflow writes: neither changes the other's, whatever comes first."""
    named = event()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    for _ in range(2):
        infra("comment", "--schema", file("schema.json", _schema(changes=[CHANGED])), "--event", named)
        infra("comment", file("staging.json", PLAN), "--event", named)
    schema, plan = world.bodies
    assert schema.startswith(f"{schema_render.MARKER}\n\n## The schema of `pr-7` changes\n")
    assert schema.endswith(f"<sub>Schema of commit `{world.pull.sha[:12]}`.</sub>\n")
    assert plan.startswith(f"{MARKER}\n")
    assert (tmp_path / "summary.md").read_text().startswith("## The schema of `pr-7` changes\n")


def test_a_schema_without_a_difference_begins_no_comment(infra: Any, world: World, file: Any) -> None:
    """One that is there says so; what was not looked at is news."""
    same, changed = file("same.json", _schema()), file("changed.json", _schema(changes=[CHANGED]))
    answer = infra("comment", "--schema", same, "--pull-request", "7")
    assert (answer.code, world.bodies) == (0, [])
    assert "there is nothing to say below #7" in answer.err
    infra("comment", "--schema", changed, "--pull-request", "7")
    infra("comment", "--schema", same, "--pull-request", "7")
    (body,) = world.bodies
    assert "## `pr-7` has the schema of `staging`" in body
    infra("comment", "--schema", file("x.json", _schema(unread="no key")), "--pull-request", "7")
    assert "was compared with nothing" in world.bodies[0]


@pytest.mark.parametrize("text", ["", "{", PLAN])
def test_what_is_no_answer_of_schema_diff_is_refused(infra: Any, world: World, file: Any, text: str) -> None:
    """Nothing is written; so are documents of previews beside it, and a file that is not there."""
    broken = file("schema.json", text)
    for words in (("--schema", broken), ("--schema", broken, broken), ("--schema", f"{broken}.none")):
        answer = infra("comment", *words, "--pull-request", "7")
        assert (answer.code, world.bodies) == (ExitCode.BAD_CONFIGURATION, [])
