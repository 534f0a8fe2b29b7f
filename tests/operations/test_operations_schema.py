"""./infra schema diff as a command line: which databases it asks, and what it says of one that is not to be asked."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloud_sandbox.faults import Fault
from components import libpq
from components.postgres import programs
from operations.commands import schema
from operations.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from components.connection import Connection
    from tests.operations.doubles import FakeEngine
    from tests.operations.xata_double import Xata

RECORDED = Path(__file__).resolve().parent / "schema" / "recorded"
EVENTS = Path(__file__).resolve().parents[1] / "workflows" / "events"


class Dumps:
    """What pg_dump prints, one dump after the other: the new environment's comes first."""

    def __init__(self) -> None:
        self.texts = [(RECORDED / f"{name}.sql").read_bytes() for name in ("after", "before")]
        self.hosts: list[str] = []
        self.sized: list[str] = []
        self.ended: dict[int, programs.Ended] = {}

    def run(self, program: str, arguments: list[str], connection: Connection, **more: Any) -> programs.Ended:
        """Write the next one, or end as was ordered."""
        assert (program, "--schema-only" in arguments, more["quiet"]) == ("pg_dump", True, True)
        assert "--exclude-schema=infra" in arguments
        place = len(self.hosts)
        self.hosts.append(connection.host)
        more["output"].write(self.texts[place])
        return self.ended.get(place, programs.Ended(code=0))

    @contextlib.contextmanager
    def connect(self, connection: Connection, *, seconds: int) -> Iterator[Any]:
        """A session that counts rows."""
        assert seconds
        self.sized.append(connection.host)
        yield self

    def execute(self, statement: str, values: tuple[list[str]]) -> Any:
        """Every table is large."""
        assert "reltuples" in statement
        return type("Cursor", (), {"fetchall": lambda _: [(name, 250_000, 1) for name in values[0]]})()


@pytest.fixture
def dumps(fake_engine: FakeEngine, xata: Xata, monkeypatch: pytest.MonkeyPatch) -> Dumps:
    """Databases that are dumps; every stack's branch is `staging`, below `main`."""
    fake_engine.values = xata.outputs()
    made = Dumps()
    monkeypatch.setattr(programs, "run", made.run)
    monkeypatch.setattr(libpq, "connect", made.connect)
    monkeypatch.setenv("GITHUB_REPOSITORY", "sandbox/app")
    return made


def test_two_environments(
    infra: Callable[..., Any], dumps: Dumps, valid: Callable[[str, Any], None], xata: Xata
) -> None:
    """The lines for a person, a document for a program; how large tables are is asked of the first one alone."""
    answer = infra("schema", "diff", "staging", "production")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(
        "production, compared with staging: 3 dropped, 7 changed, 4 added objects\n! public.gone"
    )
    assert "! public.big: the index big_v is built over about 250,000 rows" in answer.out
    assert [host.partition(".")[0] for host in (*dumps.hosts, *dumps.sized)] == [xata.branch_id] * 3
    dumps.hosts.clear()
    document = infra("schema", "diff", "staging", "production", "--json").document
    valid("schema", document)
    assert document["dangers"][0]["rule"] == "table-dropped"


@pytest.mark.parametrize("words", [("pr-7",), ("--event", str(EVENTS / "opened.json"))])
def test_a_pull_request_s_is_compared_with_its_parent(
    infra: Callable[..., Any], dumps: Dumps, xata: Xata, words: tuple[str, ...]
) -> None:
    """The branch that it is a copy of, which Xata tells with its credentials; no stack of that name is needed."""
    document = infra("schema", "diff", *words, "--json").document
    assert (document["old"], document["new"], document["unread"]) == ("main", "pr-7", "")
    new, old = dumps.hosts
    assert new.partition(".")[0] == xata.branch_id
    assert (
        [host.partition(".")[0] for host in (old, *dumps.sized)] == [old.partition(".")[0]] * 2 != [xata.branch_id] * 2
    )


def test_a_parent_that_may_not_be_read_is_told(
    infra: Callable[..., Any], dumps: Dumps, xata: Xata, valid: Callable[[str, Any], None]
) -> None:
    """The document says what was not looked at, and the command ends well: the key may be meant to be like that."""
    xata.service.faults.add(Fault(path="credentials", status=403, times=0))
    answer = infra("schema", "diff", "pr-7", "--json")
    valid("schema", answer.document)
    assert (answer.code, answer.document["changes"], dumps.hosts) == (0, [], [])
    assert "credentials:read" in answer.document["unread"] + answer.err
    assert "the schema of main was not looked at" in answer.err


def test_what_does_not_answer_is_a_sentence(infra: Callable[..., Any], dumps: Dumps) -> None:
    """Of two environments it fails; of a pull request's parent the document says so."""
    dumps.ended = {1: programs.Ended(code=1, unreached="no answer")}
    answer = infra("schema", "diff", "staging", "production")
    assert (answer.code, answer.out) == (ExitCode.RESOURCE_FAILED, "")
    assert "was not reached, or not trusted: no answer" in answer.err
    dumps.hosts.clear()
    answer = infra("schema", "diff", "pr-7", "--json")
    assert answer.code == 0
    assert "was not reached, or not trusted: no answer" in answer.document["unread"]


def test_a_server_that_refuses_is_named(infra: Callable[..., Any], dumps: Dumps, xata: Xata) -> None:
    """By its environment and its own host, not by the port of this process that leads there."""
    refused = 'pg_dump: error: connection to server at "127.0.0.1", port 4242 failed: FATAL:  branch not found'
    dumps.ended = {0: programs.Ended(code=1, errors=f"{refused}\n")}
    answer = infra("schema", "diff", "staging", "production")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert f"error: production: pg_dump: error: connection to {xata.branch_id}." in answer.err
    assert "4242" not in answer.err


def test_an_environment_that_is_gone_is_not_taken_for_its_parent(
    infra: Callable[..., Any], dumps: Dumps, xata: Xata
) -> None:
    """The branch of the pull request itself cannot be asked: that fails."""
    xata.service.faults.add(Fault(path=f"branches/{xata.branch_id}$", status=404, times=0))
    answer = infra("schema", "diff", "pr-7", "--json")
    assert (answer.code, [*answer.document], dumps.hosts) == (ExitCode.RESOURCE_FAILED, ["error"], [])
    assert "404" in answer.err


def test_what_is_too_long_is_not_compared(
    infra: Callable[..., Any], dumps: Dumps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded."""
    monkeypatch.setattr(schema, "MOST_BYTES", 1000)
    assert dumps.hosts == []
    answer = infra("schema", "diff", "staging", "production")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert "the schema of production has more than 1000 bytes" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "takes two environments, or that of a pull request"),
        (("staging",), "is no pull request's"),
        (("staging", "staging"), "takes two environments"),
        (("staging", "production", "pr-7"), "takes two environments"),
        (("pr-7", "--event", "x"), "takes two environments"),
        (("stagign", "pr-7"), "stagign"),
        (("--event", str(EVENTS / "push.json")), "is not about a pull request"),
    ],
)
@pytest.mark.usefixtures("dumps")
def test_command_lines_that_are_refused(infra: Callable[..., Any], words: tuple[str, ...], said: str) -> None:
    """Before anything is asked."""
    answer = infra("schema", "diff", *words)
    assert (answer.code, said in answer.err) == (ExitCode.BAD_CONFIGURATION, True)
