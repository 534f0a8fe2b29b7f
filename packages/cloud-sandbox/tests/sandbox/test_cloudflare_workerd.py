"""Scripts on real workerd: their bindings, their addresses, the databases they reach, and what is left behind."""

from __future__ import annotations

import stat
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from cloud_sandbox import authority
from cloud_sandbox.cloudflare import start
from cloud_sandbox.cloudflare.workerd import Workerd
from cloud_sandbox.errors import SetupError
from tests.sandbox.cloudflare_surface import (
    ECHO,
    SETTINGS,
    STUB,
    TOKEN,
    Server,
    form,
    served,
    tools,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sandbox.conftest import Entrance

pytestmark = pytest.mark.wrangler

HARD = {
    "EMPTY": "",
    "DOLLAR": "$HOME ${HOME} $(id)",
    "QUOTES": "'\"`\\",
    "LINES": "a\nb\r\nc\t",
    "NUL": "a\0b",
    "WIDE": "ünïcödé 🐘 \u2028",
    "LONG": "x" * 5120,
}
ASK_POSTGRES = """\
import { connect } from "cloudflare:sockets";

const starts = (user) => {
  const text = new TextEncoder().encode(`user\\0${user}\\0database\\0xata\\0\\0`);
  const message = new Uint8Array(8 + text.length);
  new DataView(message.buffer).setInt32(0, message.length);
  new DataView(message.buffer).setInt32(4, 196608);
  message.set(text, 8);
  return message;
};

const said = async (socket, message) => {
  const writer = socket.writable.getWriter();
  await writer.write(message);
  writer.releaseLock();
  const reader = socket.readable.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return value;
};

export default {
  async fetch(request, env) {
    try {
      const plain = connect(env.HOST, { secureTransport: "starttls" });
      const answer = await said(plain, new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]));
      if (String.fromCharCode(answer[0]) !== "S") return new Response("no TLS", { status: 502 });
      const reply = await said(plain.startTls(), starts("xata"));
      return new Response(new TextDecoder().decode(reply));
    } catch (error) {
      return new Response(String(error), { status: 503 });
    }
  },
};
"""
FETCH = """\
export default {
  async fetch(request, env) {
    try {
      return new Response((await fetch(env.URL)).status);
    } catch (error) {
      return new Response(String(error), { status: 503 });
    }
  },
};
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A stand-in with workerd."""
    with served(tmp_path / "cloudflare", workerd=tools().workerd) as made:
        yield made


def _uploaded(server: Server, code: str, name: str = "app", **variables: str) -> None:
    bindings = [{"name": key, "type": "plain_text", "text": value} for key, value in variables.items()]
    server.upload(name, code, bindings=bindings, compatibility_date="2026-09-01")
    server.turn_on(name)


def _ours(server: Server) -> list[psutil.Process]:
    """The workerds that this stand-in started."""
    recorded = [one.process.pid for one in server.running._workerd._running.values()]  # type: ignore[union-attr] # it has one
    return [psutil.Process(pid) for pid in recorded]


def test_a_script_gets_every_value_exactly(server: Server) -> None:
    """Whatever a secret or a variable holds."""
    _uploaded(server, ECHO, **{f"PLAIN_{name}": value for name, value in HARD.items()})
    patch = {name: {"name": name, "type": "secret_text", "text": value} for name, value in HARD.items()}
    server.result("PATCH", "/scripts/app/secrets-bulk", json={"secrets": patch})
    assert server.ask().json() == {**HARD, **{f"PLAIN_{name}": value for name, value in HARD.items()}}


def test_a_change_is_in_force_when_it_is_answered(server: Server) -> None:
    """Secrets and code, at an address that stays."""
    _uploaded(server, ECHO)
    address = server.worker()
    server.put_secret("A", "first")
    assert server.ask().json() == {"A": "first"}
    server.put_secret("A", "second")
    assert server.ask().json() == {"A": "second"}
    server.upload(code="export default { fetch() { return new Response('new') } }")
    assert server.ask().text == "new"
    assert server.worker() == address
    assert len(_ours(server)) == 1


def test_a_script_of_a_later_date_runs(server: Server) -> None:
    """As of the date of the program, which is as late as it knows."""
    server.upload(code=ECHO, compatibility_date="2999-01-01")
    server.turn_on()
    assert server.ask().json() == {}


def test_two_workers_answer_side_by_side(server: Server) -> None:
    """Each with its own bindings, at its own address."""
    _uploaded(server, ECHO, "one", NAME="one")
    _uploaded(server, ECHO, "two", NAME="two")
    assert server.ask("one").json() == {"NAME": "one"}
    assert server.ask("two").json() == {"NAME": "two"}


def test_an_address_that_is_off_answers_404(server: Server) -> None:
    """Before anything was deployed with wrangler there is nothing at a Worker's address."""
    server.upload(code=ECHO)
    assert server.ask().status_code == 404
    server.turn_on()
    assert server.ask().status_code == 200


def test_a_request_arrives_as_it_was_sent(server: Server) -> None:
    """Method, path, query, headers and body; the answer's status and headers come back."""
    code = """export default { async fetch(request) {
      const { pathname, search, host } = new URL(request.url);
      const told = [request.method, pathname + search, request.headers.get("x-a"), await request.text()];
      return new Response(JSON.stringify(told), { status: 418, headers: { "x-b": "2", location: "/else" } });
    } }"""
    _uploaded(server, code)
    answer = httpx.post(server.worker() + "/a%20b/c?d=%2F", content="body", headers={"x-a": "1"})
    assert (answer.status_code, answer.headers["x-b"]) == (418, "2")
    assert answer.json() == ["POST", "/a%20b/c?d=%2F", "1", "body"]


@pytest.mark.parametrize(
    "code", ["export default {", "import 'nothing.js'; export default {}", "throw new Error('at start')"]
)
def test_a_script_that_does_not_start_is_refused(server: Server, code: str) -> None:
    """10021; the one before goes on, and values of secrets are in neither answer nor log."""
    _uploaded(server, ECHO)
    server.put_secret("A", "hunter2")
    told = {"main_module": "worker.js", "keep_bindings": ["secret_text"]}
    status, number, message = server.refused("PUT", "/scripts/app", files=form(told, code))
    assert (status, number) == (400, 10021)
    assert "hunter2" not in message
    assert server.ask().json() == {"A": "hunter2"}


def test_no_value_is_seen_from_outside(server: Server, tmp_path: Path) -> None:
    """Not in a command line, not in an environment, and only in files of the owner alone."""
    _uploaded(server, ECHO)
    server.put_secret("A", "hunter2-secret")
    for process in _ours(server):
        assert "hunter2" not in " ".join(process.cmdline())
        assert process.environ() == {}
    for file in (tmp_path / "cloudflare").rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_a_removed_worker_leaves_no_process(server: Server) -> None:
    """Nor does a stand-in that was stopped."""
    _uploaded(server, ECHO)
    before = _ours(server)
    server.result("DELETE", "/services/app?force=true")
    assert not any(process.is_running() for process in before)


def test_a_restart_continues_at_the_same_addresses(tmp_path: Path) -> None:
    """API and Workers keep their ports, and the scripts run again with their secrets."""
    workerd = tools().workerd
    with served(tmp_path / "cloudflare", workerd=workerd) as first:
        _uploaded(first, ECHO)
        first.put_secret("A", "kept")
        before, running = (first.running.port, first.worker()), _ours(first)
    assert not any(process.is_running() for process in running)
    with served(tmp_path / "cloudflare", workerd=workerd) as second:
        assert (second.running.port, second.worker()) == before
        assert second.ask().json() == {"A": "kept"}


def test_what_a_killed_stand_in_left_is_ended(tmp_path: Path) -> None:
    """The next start ends the processes that the record names, and no others."""
    workerd, folder = tools().workerd, tmp_path / "cloudflare"
    with served(folder, workerd=workerd) as server:
        _uploaded(server, ECHO)
        record = (folder / "workerd.json").read_bytes()
        left = _ours(server)
        with served(tmp_path / "other", workerd=workerd):
            assert all(process.is_running() for process in left)
        (tmp_path / "third").mkdir(mode=0o700)
        (tmp_path / "third" / "workerd.json").write_bytes(record)
        with served(tmp_path / "third", workerd=workerd):
            psutil.wait_procs(left, timeout=10)
            assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in left)


def test_an_old_deployment_answers_for_a_while_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Propagation: 404 before the first, the old answer before the second, then the new one."""
    waiting: list[threading.Timer] = []

    class Held(threading.Timer):
        """A time that is over when the test says so."""

        def start(self) -> None:
            waiting.append(self)

    monkeypatch.setattr(start, "Workerd", partial(Workerd, later=Held))
    settings = type(SETTINGS)(tokens=SETTINGS.tokens, propagation=1.0)
    with served(tmp_path / "cloudflare", settings, workerd=tools().workerd) as server:
        _uploaded(server, ECHO)
        seen = [_answers(server)]
        waiting.pop().function()
        seen.append(_answers(server))
        server.put_secret("A", "new")
        seen.append(_answers(server))
        waiting.pop().function()
        assert [*seen, _answers(server)] == ["404", "{}", "{}", '{"A":"new"}']


def _answers(server: Server) -> str:
    answer = server.ask()
    return answer.text if answer.status_code == 200 else str(answer.status_code)


# Networks


@pytest.mark.parametrize("url", ["https://192.0.2.1/", "http://10.255.255.1/", "http://169.254.169.254/"])
def test_a_script_reaches_only_this_machine(server: Server, url: str) -> None:
    """Every other address is refused at once, without a packet."""
    _uploaded(server, FETCH, URL=url)
    began = time.monotonic()
    assert server.ask().status_code == 503
    assert time.monotonic() - began < 5


def _database(folder: Path, trusted: Path | None, entrance: Entrance, host: str) -> str:
    with served(folder, workerd=tools().workerd, authority=trusted) as server:
        _uploaded(server, ASK_POSTGRES, HOST=f"{host}:{entrance.port}")
        return server.ask().text


def test_a_script_reaches_a_branch_by_its_name(entrance: Entrance, tmp_path: Path) -> None:
    """Names below localhost lead here whatever the resolver knows; TLS carries the name, and Postgres answers."""
    host = entrance.host(entrance.create())
    assert "SCRAM-SHA-256" in _database(tmp_path / "cf", entrance.authority, entrance, host)


def test_a_branch_that_is_not_there_is_named(entrance: Entrance, tmp_path: Path) -> None:
    """The gateway was asked for exactly the name in the address."""
    host = entrance.host("c" * 26)
    assert f"branch not found: {'c' * 26}" in _database(tmp_path / "cf", entrance.authority, entrance, host)


def test_a_script_trusts_the_sandboxs_authority_alone(entrance: Entrance, tmp_path: Path) -> None:
    """With another authority's certificate the connection is not made."""
    host = entrance.host(entrance.create())
    stranger = authority.ensure(tmp_path / "stranger", ["*.us-east-1.localhost"]).authority
    said = _database(tmp_path / "cf", stranger, entrance, host)
    assert said.startswith("Error: ")


# The server


def test_the_own_surface_orders_and_tells(server: Server) -> None:
    """Calls, faults, state and reset, without any value; unknown orders and malformed ones are refused."""
    _uploaded(server, ECHO)
    server.put_secret("A", "hunter2")
    assert server.order("GET", "calls").json()["calls"][-1]["path"].endswith("/secrets")
    assert "hunter2" not in server.order("GET", "state").text + server.order("GET", "calls").text
    order: dict[str, Any] = {"match": {"path": "/scripts$"}, "cut": "in"}
    assert server.order("POST", "faults", json=order).status_code == 204
    with pytest.raises(httpx.RemoteProtocolError):
        server.call("GET", "/scripts")
    assert server.order("POST", "faults", json={"surprise": 1}).status_code == 400
    assert server.order("POST", "faults", content=b"[]").status_code == 400
    assert server.order("GET", "nothing").status_code == 404
    assert server.order("POST", "reset").status_code == 204
    assert server.order("GET", "workers").json() == {}
    assert TOKEN not in server.order("GET", "calls").text


def test_without_workerd_everything_else_works(tmp_path: Path) -> None:
    """Nothing runs, nothing is reached; the API answers and remembers."""
    with served(tmp_path / "cloudflare", workerd=None) as server:
        server.upload(code=STUB)
        server.put_secret("A")
        assert server.worker() == ""
        assert server.bindings() == {"A": "secret_text"}


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    """A port that is taken, and a memory that cannot be read."""
    with (
        served(tmp_path / "one", workerd=None) as server,
        pytest.raises(SetupError, match=str(server.running.port)),
        served(tmp_path / "two", workerd=None, port=server.running.port),
    ):
        pass
    (tmp_path / "one" / "state.json").write_text("{")
    with pytest.raises(SetupError, match="cannot be read"), served(tmp_path / "one", workerd=None):
        pass
    with pytest.raises(SetupError, match="does not run"), served(tmp_path / "three", workerd=tmp_path / "nothing"):
        pass
