"""./infra sandbox: started, looked at, healed, stopped, removed; a real Postgres with a small process in front."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest

from components.errors import UnauthorizedError
from components.postgres.server import process as servers
from components.postgres.server.folder import Layout
from components.xata.api.client import Client
from operations.commands import sandbox as command
from operations.errors import ChangesRefusedError, ExitCode, MachineError
from operations.sandbox import lifecycle, process
from operations.sandbox.place import Place, Record, read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = process.COMMAND
PROCESS = """
import http.server, json, os, pathlib, sys
orders = json.loads(sys.stdin.readline())
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *_):
        pass
folder = pathlib.Path(orders["folder"])
(folder / "orders.json").write_text(json.dumps({"environment": dict(os.environ), **orders}))
server = http.server.HTTPServer(("127.0.0.1", orders["apiPort"]), Handler)
print(json.dumps({"api": f"http://127.0.0.1:{server.server_port}", "gatewayPort": 5999, "authority": "ca.pem"}))
sys.stdout.flush()
server.serve_forever()
"""


@pytest.fixture
def _script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is a script, and nothing that runs Workers can be had."""
    script = tmp_path / "process.py"
    script.write_text(PROCESS)
    monkeypatch.setattr(process, "COMMAND", (str(script),))
    unreachable = "import sys; sys.exit('fetching\\nnpm cannot be reached\\n  next: try later')"
    monkeypatch.setattr(process, "FIND_TOOLS", ("-c", unreachable))


@contextlib.contextmanager
def _new_place(parent: Path) -> Iterator[Place]:
    data = Path(tempfile.mkdtemp(prefix="infra-test-"))
    data.chmod(0o755)  # the account that runs Postgres must be able to enter
    folder = parent / "a project"
    folder.mkdir()
    place = Place(folder=folder, data_folder=str(data / "data"))
    yield place
    process.stop(place)
    server = servers.find(Layout(root=data / "data"))
    if server is not None:
        servers.stop(Layout(root=data / "data"), server)
    shutil.rmtree(data)


@pytest.fixture
def place(tmp_path: Path, _script: None) -> Iterator[Place]:
    """A sandbox that was never started; what a test leaves of it is removed."""
    with _new_place(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def _one_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with _new_place(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture
def shared(_one_place: Place, _script: None) -> Place:
    """A sandbox whose Postgres may be there already, and whose process is not."""
    process.stop(_one_place)
    return _one_place


@pytest.fixture
def real_place(shared: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The same with the process that users start."""
    monkeypatch.setattr(process, "COMMAND", COMMAND)
    return shared


def _orders(place: Place) -> dict[str, Any]:
    orders: dict[str, Any] = json.loads((place.service / "orders.json").read_text())
    return orders


def _record(place: Place) -> Record:
    record = read_record(place)
    assert record is not None
    return record


def _query(place: Place, statement: str) -> list[Any]:
    postgres = _orders(place)["postgres"]
    with psycopg.connect(
        host=postgres["host"],
        port=postgres["port"],
        user=postgres["user"],
        password=postgres["password"],
        dbname=postgres["database"],
        autocommit=True,
    ) as session:
        cursor = session.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _server(place: Place) -> psutil.Process:
    server = servers.find(Layout(root=Path(place.data_folder).resolve()))
    assert server is not None
    return server.process


def test_it_starts_once_and_stops_with_its_data_kept(shared: Place) -> None:
    """A second start changes nothing; after a stop the next start has the same key, ports and data."""
    started = lifecycle.start(shared)
    assert started.state == "running"
    assert lifecycle.start(shared) == started
    rights = _query(shared, "select rolcreatedb, rolcreaterole, rolsuper from pg_roles where rolname = current_user")
    assert rights == [(True, True, False)]
    _query(shared, "drop table if exists kept; create table kept as select 42 as answer")
    lifecycle.stop(shared)
    assert lifecycle.read_status(shared).state == "stopped"
    assert process.running(shared) is None
    again = lifecycle.start(shared)
    before, after = started.record, again.record
    assert before is not None
    assert after is not None
    assert (before.key, before.api, before.organization) == (after.key, after.api, after.organization)
    assert _query(shared, "select answer from kept") == [(42,)]


def test_the_real_process_takes_its_key_and_no_other(real_place: Place) -> None:
    """What users start answers the recorded key for its organization, before and after a kill, and nobody else."""
    record = lifecycle.start(real_place).record
    assert record is not None
    with contextlib.closing(Client(key=record.key, base_url=record.api)) as client:
        assert [one.id for one in client.organizations()] == [record.organization]
    os.kill(record.pid, signal.SIGKILL)
    _until(lambda: process.running(real_place) is None)
    again = lifecycle.start(real_place).record
    assert again is not None
    assert (again.api, again.gateway_port, again.authority) == (record.api, record.gateway_port, record.authority)
    with contextlib.closing(Client(key=record.key, base_url=again.api)) as client:
        assert [one.id for one in client.organizations()] == [record.organization]
    stranger = Client(key="xau_" + "n" * 40, base_url=again.api)
    with contextlib.closing(stranger), pytest.raises(UnauthorizedError):
        stranger.organizations()
    text = real_place.log.read_text()
    assert record.key not in text
    assert record.postgres_password not in text


def test_what_was_killed_is_told_and_healed_by_start(shared: Place) -> None:
    """Process or server, whichever is gone: status names it and start brings it back with the data."""
    record = lifecycle.start(shared).record
    assert record is not None
    _query(shared, "drop table if exists kept; create table kept as select 42 as answer")
    os.kill(record.pid, signal.SIGKILL)
    _until(lambda: process.running(shared) is None)
    killed = lifecycle.read_status(shared)
    assert (killed.state, "process" in killed.found) == ("damaged", True)
    assert lifecycle.start(shared).state == "running"
    _server(shared).kill()
    _until(lambda: servers.find(Layout(root=Path(shared.data_folder).resolve())) is None)
    killed = lifecycle.read_status(shared)
    assert (killed.state, "Postgres server" in killed.found) == ("damaged", True)
    assert "./infra sandbox start" in killed.next_step
    assert lifecycle.start(shared).state == "running"
    assert _query(shared, "select answer from kept") == [(42,)]


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', '{"surprise": true}', '{"format": 2}'])
def test_a_damaged_record_is_told_with_its_place(place: Place, text: str) -> None:
    """Whatever stands in the file, status names it and says what to do, and no run with --sandbox trusts it."""
    place.root.mkdir(parents=True)
    place.record.write_text(text)
    damaged = lifecycle.read_status(place)
    assert (damaged.state, str(place.record) in damaged.found) == ("damaged", True)
    assert "./infra sandbox start" in damaged.next_step
    with pytest.raises(MachineError):
        lifecycle.require_running(place)


def test_a_damaged_record_is_healed_with_the_data_kept(shared: Place) -> None:
    """Without its record the sandbox gets new secrets; the process that knew the old ones goes, the data stay."""
    record = lifecycle.start(shared).record
    assert record is not None
    _query(shared, "drop table if exists kept; create table kept as select 42 as answer")
    shared.record.write_text("{")
    healed = lifecycle.start(shared).record
    assert healed is not None
    assert healed.key != record.key
    assert not psutil.pid_exists(record.pid) or psutil.Process(record.pid).status() == psutil.STATUS_ZOMBIE
    assert _query(shared, "select answer from kept") == [(42,)]


def test_secrets_are_in_the_record_alone(shared: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record and log are for this user alone; no process list, no representation shows key or password."""
    monkeypatch.setenv("XATA_API_KEY", "xau_real")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "cf_real")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "a passphrase")
    status = lifecycle.start(shared)
    record = _record(shared)
    assert [stat.S_IMODE(file.stat().st_mode) for file in (shared.record, shared.log)] == [0o600, 0o600]
    told = repr(status) + json.dumps(command.as_answer(status, shared))
    commands = " ".join(" ".join(psutil.Process(pid).cmdline()) for pid in (record.pid, _server(shared).pid))
    for secret in (record.key, record.postgres_password):
        assert secret not in told
        assert secret not in commands
    environment = _orders(shared)["environment"]
    assert [name for name in environment if name.startswith(("XATA_", "CLOUDFLARE_", "PULUMI_"))] == []


def test_what_is_not_its_own_is_never_removed(shared: Place) -> None:
    """A file or a link of somebody else's stops the removal before anything is gone."""
    lifecycle.start(shared)
    stranger = shared.root / "notes"
    for link in (False, True):
        stranger.symlink_to("/etc") if link else stranger.touch()
        with pytest.raises(ChangesRefusedError, match="notes"):
            lifecycle.remove(shared)
        stranger.unlink()
    assert lifecycle.read_status(shared).state == "running"


def test_data_that_are_gone_are_not_made_anew_in_silence(place: Place) -> None:
    """When the Postgres data vanished, start refuses; removed as a whole it begins anew, and leaves nothing."""
    first = lifecycle.start(place).record
    (place.state / ".pulumi").mkdir(parents=True)
    lifecycle.stop(place)
    shutil.rmtree(Path(place.data_folder) / "data")
    assert lifecycle.read_status(place).state == "damaged"
    with pytest.raises(MachineError) as refused:
        lifecycle.start(place)
    assert "--delete-data" in refused.value.next_step
    lifecycle.remove(place)
    again = lifecycle.start(place)
    assert again.state == "running"
    assert first is not None
    assert again.record is not None
    assert first.key != again.record.key
    lifecycle.remove(place)
    assert not place.root.exists()
    assert not Path(place.data_folder).exists()
    assert lifecycle.read_status(place).state == "stopped"


def test_other_settings_begin_a_new_process(shared: Place) -> None:
    """What the stand-in is to behave like is kept until other settings are given."""
    first = lifecycle.start(shared, settings={"pace": "at-once"}).record
    same = lifecycle.start(shared).record
    other = lifecycle.start(shared, settings={"pace": "reads"}).record
    assert first == same
    assert other is not None
    assert first is not None
    assert other.pid != first.pid
    assert _orders(shared)["settings"] == {"pace": "reads"}


def test_a_process_that_dies_at_once_is_told_with_its_words(place: Place, tmp_path: Path) -> None:
    """Its last words are in the message, not those of an earlier start, and nothing runs afterwards."""
    place.root.mkdir(parents=True)
    place.log.write_text("words of yesterday\n")
    (tmp_path / "process.py").write_text("import sys; sys.exit('the port is taken')")
    with pytest.raises(MachineError, match="the port is taken"):
        process.start(place, {})
    (tmp_path / "process.py").write_text("import sys; print('no JSON')")
    with pytest.raises(MachineError, match="it said last: nothing"):
        process.start(place, {})
    assert process.running(place) is None


def test_a_process_that_says_what_to_do_is_quoted_with_it(place: Place, tmp_path: Path) -> None:
    """Its error is the message, and its next step the next step."""
    place.root.mkdir(parents=True)
    (tmp_path / "process.py").write_text("import sys; sys.exit('port 7 is taken\\n  next: stop who has it')")
    with pytest.raises(MachineError, match="it said last: port 7 is taken") as told:
        process.start(place, {})
    assert told.value.next_step == "stop who has it"


def test_a_number_alone_is_no_process(place: Place) -> None:
    """After a crash the number may be anybody's: nobody is taken for the process, and nobody is stopped."""
    place.root.mkdir(parents=True)
    place.process_lock.write_text(str(os.getpid()))
    assert process.running(place) is None
    process.stop(place)
    write_record(place, Record(key="k", postgres_password="p", pid=os.getpid(), api_port=1))
    assert lifecycle.read_status(place).state == "damaged"
    with pytest.raises(MachineError, match="does not run"):
        lifecycle.require_running(place)


def test_the_process_is_told_what_runs_workers(shared: Place) -> None:
    """With the tools it gets an account, a token of its own and workerd; without them it is started anew without."""
    found = process.Tools(node="/nowhere/bin/node", wrangler="/w", workerd="/d")
    record = lifecycle.start(shared, tools=found).record
    assert record is not None
    told = _orders(shared)["cloudflare"]
    assert told == {"account": record.cloudflare_account, "token": record.cloudflare_token, "workerd": "/d", "port": 0}
    assert record.cloudflare_token not in repr(record)
    assert sorted(path.name for path in shared.commands.iterdir()) == ["node", "npx", "wrangler"]
    assert "--without-workers" in lifecycle.start(shared).found
    assert "cloudflare" not in _orders(shared)


def _command(place: Place, *words: str) -> int:
    from operations import cli  # noqa: PLC0415 - beside its use

    return int(command.run(cli.parse(["sandbox", *words]), place=place))


def test_the_command_answers_with_one_document(
    place: Place, capsys: pytest.CaptureFixture[str], valid: Callable[[str, Any], None]
) -> None:
    """Start, status and stop answer alike; the exit code says whether the sandbox is as it was asked to be."""
    said = ""
    for words, state, code in (
        (["status"], "stopped", ExitCode.MACHINE_NOT_READY),
        (["start"], "running", ExitCode.SUCCESS),
        (["start"], "running", ExitCode.SUCCESS),
        (["status"], "running", ExitCode.SUCCESS),
        (["stop"], "stopped", ExitCode.SUCCESS),
        (["status"], "stopped", ExitCode.MACHINE_NOT_READY),
        (["stop", "--delete-data"], "stopped", ExitCode.SUCCESS),
    ):
        assert _command(place, *words, "--json") == code
        captured = capsys.readouterr()
        document = json.loads(captured.out)
        valid("sandbox", document)
        assert document["sandbox"] == state
        told = document["withoutWorkers"]
        assert told == ("" if said == "" or words[-1] == "--delete-data" else "npm cannot be reached")
        said += captured.err
    assert document["found"] == "it was stopped, and everything that it held is removed"
    assert "the sandbox runs already" in said
    assert "fetching" in said
    assert "./infra up foundation --sandbox" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["restart"], "start"),
        (["start", "--delete-data"], "./infra sandbox stop --delete-data"),
        (["stop", "--without-workers"], "./infra sandbox start --without-workers"),
        (["env", "--json"], "./infra sandbox status --json"),
        (["stop", "--settings", "{file}"], "./infra sandbox start --settings"),
        (["start", "--settings", "nowhere.json"], "nowhere.json"),
        (["start", "--settings", "{list}"], "no JSON object"),
    ],
)
def test_a_wrong_command_line_is_refused(
    infra: Callable[..., Any], tmp_path: Path, words: list[str], said: str
) -> None:
    """Unknown actions, misplaced options and files that are none end before anything is touched."""
    (tmp_path / "file").write_text('{"a": 1}')
    (tmp_path / "list").write_text("[]")
    answer = infra("sandbox", *(word.format(file=tmp_path / "file", list=tmp_path / "list") for word in words))
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert said in answer.err
