"""The developer's database in one command, as a user sees it: fresh clone, real Postgres 18."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import psutil
import psycopg
import pytest

from components.postgres.choice import Record, write_record
from tests.clone import OTHER_SERVERS, SECONDS, with_own_children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clone import Clone

ENGINE = ("--engine", "embedded")
NOTHING = {"create": 0, "update": 0, "replace": 0, "delete": 0}


def _url(clone: Clone) -> str:
    found = re.search(r"^DATABASE_URL=(['\"]?)(?P<url>.*)\1$", (clone.folder / ".dev.vars").read_text(), re.MULTILINE)
    assert found
    return found["url"]


def _query(clone: Clone, statement: str) -> list[Any]:
    with psycopg.connect(_url(clone), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _up(clone: Clone, *more: str) -> dict[str, Any]:
    answer = clone.infra("up", "dev", "--yes", "--json", *ENGINE, *more)
    assert answer.returncode == 0, answer.stderr
    document: dict[str, Any] = json.loads(answer.stdout)
    return document


def _changes(document: dict[str, Any]) -> dict[str, int]:
    return {key: count for key, count in document["changes"].items() if key != "same"}


def _postmaster(clone: Clone) -> int:
    (pid_file,) = (clone.folder.parent / "data").rglob("postmaster.pid")
    return int(pid_file.read_text().splitlines()[0])


def _encodings(secret: str) -> list[str]:
    return [secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode(), json.dumps(secret)[1:-1]]


def test_status_shows_what_answers_and_what_is_not_there_yet(deployed: Clone) -> None:
    """`./infra up dev --yes && ./infra status` on a fresh clone: dev is healthy, and the others are no failure."""
    answer = deployed.infra("status", "--json")
    assert answer.returncode == 0, answer.stderr
    found = {one["name"]: one for one in json.loads(answer.stdout)["environments"]}
    assert {name: one["verdict"] for name, one in found.items()} == {
        "dev": "healthy",
        "staging": "absent",
        "production": "absent",
    }
    assert found["dev"]["health"]["says"].startswith("Postgres 18")
    assert str(urlsplit(_url(deployed)).password) not in answer.stdout + answer.stderr


def test_up_gives_a_stamped_postgres_18_and_dev_vars(deployed: Clone) -> None:
    """After one command the URL in .dev.vars reaches a Postgres 18 that carries the stamp dev."""
    assert stat.S_IMODE((deployed.folder / ".dev.vars").stat().st_mode) == 0o600
    text = (deployed.folder / ".dev.vars").read_text()
    assert re.search(r"^XATA_BRANCH=.?dev.?$", text, re.MULTILINE)
    assert re.search(r"^ENVIRONMENT=.?development.?$", text, re.MULTILINE)
    ((version, comment),) = _query(
        deployed,
        "select current_setting('server_version_num')::int / 10000, shobj_description(oid, 'pg_database') "
        "from pg_database where datname = current_database()",
    )
    assert version == 18
    assert "infra.branch=dev" in comment.splitlines()


def test_a_shell_for_other_servers_changes_nothing(deployed: Clone) -> None:
    """With every variable of libpq set to nonsense `verify` passes, as the first `up` did, and `up` changes nothing."""
    checked = deployed.infra("verify", "dev", timeout=SECONDS, **OTHER_SERVERS)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    again = deployed.infra("up", "dev", "--yes", "--json", *ENGINE, timeout=SECONDS, **OTHER_SERVERS)
    assert again.returncode == 0, again.stderr
    assert _changes(json.loads(again.stdout)) == NOTHING


def test_outputs_hide_the_url_unless_asked(deployed: Clone) -> None:
    """The URL is shown only with --show-secrets, and then it is the one of .dev.vars."""
    hidden = json.loads(deployed.infra("outputs", "dev", "--json", *ENGINE).stdout)
    shown = json.loads(deployed.infra("outputs", "dev", "--json", "--show-secrets", *ENGINE).stdout)
    assert hidden["databaseUrl"] == "[secret]"
    assert shown["databaseUrl"] == _url(deployed)
    assert hidden["contractVersion"] == 1
    assert hidden["checks"]["database"]["ok"] is True


def test_the_password_is_nowhere_but_in_dev_vars(deployed: Clone) -> None:
    """No file but .dev.vars, no console text and no process list holds the password, in any encoding."""
    password = urlsplit(_url(deployed)).password
    assert password
    again = deployed.infra("up", "dev", "--yes", "--verbose", *ENGINE)
    console = again.stdout + again.stderr
    processes = "".join(
        file.read_text(errors="replace") for file in Path("/proc").glob("[0-9]*/cmdline") if _readable(file)
    )
    for needle in _encodings(password):
        assert needle not in console
        assert needle not in processes
        holders = subprocess.run(
            ["grep", "-rlaF", "--exclude-dir=.venv", "--", needle, deployed.folder.parent],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        assert set(holders) <= {str(deployed.folder / ".dev.vars")}


def _readable(file: Path) -> bool:
    try:
        file.read_bytes()
    except OSError:
        return False
    return True


def test_a_killed_server_is_named_and_healed_with_its_data(deployed: Clone) -> None:
    """After kill -9 verify names the TCP layer, and up brings the server back with the table made before."""
    _query(deployed, "create table outliving_a_kill as select 42 as answer")
    server = psutil.Process(_postmaster(deployed))
    processes = [server, *server.children(recursive=True)]
    server.kill()
    psutil.wait_procs(processes, timeout=60)
    verdict = deployed.infra("verify", "dev", "--json", *ENGINE)
    layers = json.loads(verdict.stdout)["layers"]
    failed = [layer["layer"] for layer in layers if layer["ok"] is False]
    assert verdict.returncode == 5
    assert [name.lower() for name in failed] == ["tcp"]
    assert _changes(_up(deployed)) != NOTHING
    assert _query(deployed, "select answer from outliving_a_kill") == [(42,)]
    assert _changes(_up(deployed)) == NOTHING


@contextlib.contextmanager
def _frozen(clone: Clone) -> Iterator[None]:
    """A server whose every process is stopped where it is."""
    server = psutil.Process(_postmaster(clone))
    for one in (processes := [server, *server.children(recursive=True)]):
        one.suspend()
    yield
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # the first to run on ends those whose session is over
            one.resume()


def _terminated(clone: Clone, *command: str, when: Callable[[psutil.Process], bool]) -> str:
    """Send SIGTERM to a command when it is as far as that, and answer what it said; it has to end soon."""
    process = subprocess.Popen(
        [clone.folder / "infra", *command, *ENGINE],
        env=with_own_children(clone.environment()),
        cwd=clone.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not when(psutil.Process(process.pid)):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.terminate()
    text = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 130, text
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(
    "command", [("verify", "dev"), pytest.param(("refresh", "dev", "--yes"), marks=pytest.mark.thorough)]
)
def test_a_command_that_waits_for_a_frozen_server_ends_on_sigterm(deployed: Clone, command: tuple[str, ...]) -> None:
    """Whoever opens a session is told that it ends, also while the server answers nothing; up heals."""
    port = urlsplit(_url(deployed)).port

    def waits(process: psutil.Process) -> bool:
        found = [one for run in (process, *process.children(recursive=True)) for one in run.net_connections()]
        return any(one.raddr and one.raddr.port == port for one in found)

    with _frozen(deployed):
        _terminated(deployed, *command, when=waits)
    assert _up(deployed)["outputs"]["checks"]["database"]["ok"] is True


def test_an_up_in_the_middle_of_an_sql_file_ends_on_sigterm_while_the_server_is_frozen(clone: Clone) -> None:
    """A session that is open already keeps no command, and the next up goes on."""
    file, stack = clone.folder / "slow.sql", clone.folder / "Pulumi.dev.yaml"
    _up(clone)
    stack.write_text(stack.read_text() + '  infra:sqlFiles: ["slow.sql"]\n')
    file.write_text("create table done as select 1 as one from pg_sleep(3600)")
    sleeping = "select 1 from pg_stat_activity where wait_event = 'PgSleep'"
    with contextlib.ExitStack() as stopped:

        def freezes(_process: psutil.Process) -> bool:
            return bool(_query(clone, sleeping)) and not stopped.enter_context(_frozen(clone))

        _terminated(clone, "up", "dev", "--yes", when=freezes)
    file.write_text("create table done as select 1 as one")
    _up(clone)
    assert _query(clone, "table done") == [(1,)]


def test_a_stack_that_leaves_docker_without_its_daemon_is_told_how(clone: Clone) -> None:
    """Neither a plan nor a refresh asks the provider plugin; up leaves the container, and names it."""
    _up(clone)
    state = clone.folder / ".infra" / "state" / ".pulumi" / "stacks" / "infra" / "dev.json"
    document = json.loads(state.read_text())
    urn = "urn:pulumi:dev::infra::"
    provider = {"urn": f"{urn}pulumi:providers:docker::default", "type": "pulumi:providers:docker", "id": "1"}
    container = {
        "urn": f"{urn}docker:index/container:Container::database-container",
        "type": "docker:index/container:Container",
        "id": "c1",
        "provider": f"{provider['urn']}::1",
        "outputs": {"name": "acme-shop-db-dev"},
    }
    document["checkpoint"]["latest"]["resources"] += [{**one, "custom": True} for one in (provider, container)]
    state.write_text(json.dumps(document))
    record = clone.folder / ".infra" / "state" / "infra-infra-dev.json"
    write_record(record, Record(home="docker", because="test", docker_port=15432, clone="mark"))
    gone = f"unix://{clone.home}/no.sock"
    for command in (("preview", "dev"), ("refresh", "dev", "--yes"), ("up", "dev")):
        refused = clone.infra(*command, *ENGINE, DOCKER_HOST=gone)
        assert refused.returncode == 3, refused.stderr
        assert "the Docker container acme-shop-db-dev cannot be reached" in refused.stderr
        assert "./infra up dev --yes" in refused.stderr
    left = clone.infra("up", "dev", "--yes", *ENGINE, DOCKER_HOST=gone)
    assert left.returncode == 0, left.stderr
    assert "docker rm --force acme-shop-db-dev" in left.stderr
    assert clone.infra("preview", "dev", *ENGINE, DOCKER_HOST=gone).returncode == 0


def test_data_survive_destroy(deployed: Clone) -> None:
    """Destroy stops the server and takes the URL out of .dev.vars; the next up finds the table again."""
    _query(deployed, "create table outliving_a_destroy as select 42 as answer")
    pid = _postmaster(deployed)
    folder = next((deployed.folder.parent / "data").rglob("PG_VERSION")).parent.parent
    answer = deployed.infra("destroy", "dev", "--yes", *ENGINE)
    assert answer.returncode == 0
    assert f"the data are kept in the folder {folder}" in answer.stderr
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert not (deployed.folder / ".dev.vars").exists()
    _up(deployed)
    assert _query(deployed, "select answer from outliving_a_destroy") == [(42,)]


@pytest.mark.thorough  # the refusal and what it advises are in every run, without processes
@pytest.mark.parametrize("way", ["flag", "file"])
def test_the_advised_way_back_from_an_edited_sql_file_works(clone: Clone, way: str) -> None:
    """An edited file is refused by up with a command that then works as it stands, as the line in the file does."""
    file, stack = clone.folder / "first.sql", clone.folder / "Pulumi.dev.yaml"
    file.write_text("create table told (answer int);")
    stack.write_text(stack.read_text() + '  infra:sqlFiles: ["first.sql"]\n')
    _up(clone)
    file.write_text("create table told (answer text);")
    refused = clone.infra("up", "dev", "--yes", *ENGINE)
    advised = re.search(r"\./infra (destroy dev --yes --config retainData=false), then up", refused.stderr)
    assert refused.returncode != 0
    assert advised, refused.stderr
    assert clone.infra("refresh", "dev", "--yes", *ENGINE).returncode == 0
    if way == "file":
        stack.write_text(stack.read_text() + "  infra:retainData: false\n")
    command = advised[1].split() if way == "flag" else ["destroy", "dev", "--yes"]
    gone = clone.infra(*command, *ENGINE)
    assert gone.returncode == 0, gone.stderr
    _up(clone)
    columns = "select data_type from information_schema.columns where table_name = 'told'"
    assert _query(clone, columns) == [("text",)]
    assert clone.infra("destroy", "dev", "--yes", *ENGINE).returncode == 0


def test_preview_of_a_fresh_clone_writes_nothing(untouched: Clone) -> None:
    """A preview leaves no state, no database and no .dev.vars."""
    answer = untouched.infra("preview", "dev", *ENGINE)
    assert answer.returncode == 0, answer.stderr
    assert not (untouched.folder / ".dev.vars").exists()
    assert not (untouched.folder.parent / "data").exists()
    assert not list((untouched.folder / ".infra").rglob("*.json"))


def test_without_terminal_and_consent_nothing_changes(untouched: Clone) -> None:
    """A changing command that cannot ask prints its plan and stops with its own exit code."""
    answer = untouched.infra("up", "dev", *ENGINE)
    assert answer.returncode == 3
    assert "--yes" in answer.stderr
    assert not (untouched.folder / ".dev.vars").exists()


@pytest.mark.thorough  # two runs at once on a cloud stack are in every run, with the same lock
def test_two_ups_at_once_both_end_well(clone: Clone) -> None:
    """The second waits for the first or says who holds the lock; nothing is made twice."""
    command = [str(clone.folder / "infra"), "up", "dev", "--yes", *ENGINE]
    both = [
        subprocess.Popen(
            command,
            env=clone.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=clone.folder,
        )
        for _ in range(2)
    ]
    texts = [process.communicate(timeout=SECONDS)[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes[0] == 0, texts
    assert codes[1] == 0 or "lock" in "".join(texts)
    assert _changes(_up(clone)) == NOTHING


@pytest.mark.parametrize(
    "after", [2.4, *(pytest.param(seconds, marks=pytest.mark.thorough) for seconds in (0.8, 1.6, 3.2))]
)
def test_an_interrupted_up_is_continued_by_the_next(clone: Clone, after: float) -> None:
    """Ctrl-C at any moment leaves a state from which the next up ends well."""
    process = subprocess.Popen(
        [clone.folder / "infra", "up", "dev", "--yes", *ENGINE],
        env=clone.environment(),
        cwd=clone.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    text = process.communicate(timeout=SECONDS)[0]
    assert process.returncode in {0, 130}, text
    assert "Traceback" not in text
    _up(clone)
    assert _changes(_up(clone)) == NOTHING


def test_wrong_passphrase_is_told_and_changes_nothing(deployed: Clone) -> None:
    """Another passphrase than the state's is refused in words, and the state stays byte for byte."""
    state = deployed.folder / ".infra/state/.pulumi/stacks/infra/dev.json"
    before = state.read_bytes()
    answer = deployed.infra("up", "dev", "--yes", *ENGINE, PULUMI_CONFIG_PASSPHRASE="another")
    assert answer.returncode == 2
    assert "passphrase" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert state.read_bytes() == before


@pytest.mark.parametrize("keep", [0, *(pytest.param(length, marks=pytest.mark.thorough) for length in (1, 700))])
def test_a_damaged_state_is_never_overwritten(deployed: Clone, keep: int) -> None:
    """A truncated state file is named and left as it is."""
    state = deployed.folder / ".infra/state/.pulumi/stacks/infra/dev.json"
    damaged = state.read_bytes()[:keep]
    whole = state.read_bytes()
    state.write_bytes(damaged)
    try:
        answer = deployed.infra("up", "dev", "--yes", *ENGINE)
        assert answer.returncode == 2
        assert "dev.json" in answer.stderr
        assert "Traceback" not in answer.stderr
        assert state.read_bytes() == damaged
    finally:
        state.write_bytes(whole)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "dve", "--yes"], "did you mean dev"),
        (["up", "dev", "--yes", "--config", "port=70000"], "0, or a port from 1024 to 65535"),
        pytest.param(["up", "dev", "--yes", "--config", "port=many"], "infra:port", marks=pytest.mark.thorough),
        (["up", "dev", "--yes", "--config", "prot=1"], "nearest known key is infra:port"),
        pytest.param(["up", "dev", "--yes", "--config", "database=xata"], "xata", marks=pytest.mark.thorough),
        (["up", "staging", "--yes"], "Xata"),
        pytest.param(["up", "dev", "--yes", "--config", "appPath=nowhere"], "nowhere", marks=pytest.mark.thorough),
        (["up", "dev", "--yes", "--config", 'sqlFiles=["missing.sql"]'], "missing.sql"),
    ],
)
def test_bad_input_is_refused_before_any_resource(untouched: Clone, arguments: list[str], said: str) -> None:
    """Wrong names and values end with a sentence and the code of bad configuration; nothing is made."""
    answer = untouched.infra(*arguments, *ENGINE)
    assert answer.returncode == 2, answer.stderr
    assert said in answer.stderr
    assert "next: " in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (untouched.folder.parent / "data").exists()


def test_an_extension_that_the_embedded_server_lacks_is_told_before_anything_is_made(untouched: Clone) -> None:
    """A preview already says which, and where it is to be had."""
    (untouched.folder / "wants.sql").write_text('CREATE EXTENSION "uuid-ossp";\n')
    answer = untouched.infra("preview", "dev", "--config", 'sqlFiles=["wants.sql"]', *ENGINE)
    assert answer.returncode != 0
    assert "uuid-ossp (wants.sql:1)" in answer.stderr
    assert "next: set infra:database: docker" in answer.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["preview", "dev"],
        pytest.param(["up", "dev", "--yes"], marks=pytest.mark.thorough),
        ["wrangler", "write", "dev"],
    ],
)
def test_a_link_out_of_the_apps_repository_is_refused(untouched: Clone, tmp_path: Path, command: list[str]) -> None:
    """Already the preview says where the link leads and how it is allowed; what it leads to stays as it is."""
    name = "wrangler.jsonc" if command[0] == "wrangler" else ".dev.vars"
    theirs, link = tmp_path / "theirs", untouched.folder / name
    theirs.write_text("{}")
    link.symlink_to(theirs)
    try:
        answer = untouched.infra(*command, *([] if command[0] == "wrangler" else ENGINE))
    finally:
        link.unlink()
    assert answer.returncode == 2, answer.stderr
    assert (
        f"{name} in the app's folder is a link that leads to {theirs}, outside of {untouched.folder}" in answer.stderr
    )
    assert f'name it in Pulumi.dev.yaml: infra:outsidePaths: ["{theirs}"]' in answer.stderr
    assert theirs.read_text() == "{}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config:\n  infra:port: [", "line"),
        pytest.param("config:\n  infra:port: 1\n  infra:port: 2\n", "infra:port", marks=pytest.mark.thorough),
        pytest.param("- a\n", "Pulumi.dev.yaml", marks=pytest.mark.thorough),
    ],
)
def test_malformed_stack_file_is_refused_with_its_place(untouched: Clone, text: str, said: str) -> None:
    """A stack file that is no YAML, or says a key twice, is named with the place."""
    file = untouched.folder / "Pulumi.dev.yaml"
    whole = file.read_text()
    file.write_text(text)
    try:
        answer = untouched.infra("up", "dev", "--yes", *ENGINE)
    finally:
        file.write_text(whole)
    assert answer.returncode == 2
    assert "Pulumi.dev.yaml" in answer.stderr
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.cli
@pytest.mark.skipif(not shutil.which("pulumi"), reason="no Pulumi CLI on the PATH: ./infra setup --pulumi installs it")
def test_either_engine_continues_the_other_without_a_change(deployed: Clone) -> None:
    """Plain pulumi on the embedded engine's state shows no change, and the embedded engine none after pulumi up."""
    environment = deployed.environment(
        PULUMI_CONFIG_PASSPHRASE_FILE=".infra/passphrase",
        PULUMI_SKIP_UPDATE_CHECK="true",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION="true",
    )
    for command in (["preview", "--expect-no-changes"], ["up", "--yes", "--expect-no-changes"]):
        answer = subprocess.run(
            ["pulumi", *command, "--stack", "dev"],
            cwd=deployed.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
    assert _changes(_up(deployed)) == NOTHING
    assert json.loads(deployed.infra("outputs", "dev", "--json", "--engine", "pulumi").stdout)["branchName"] == "dev"
