"""A new password for production, by whichever door: whatever would keep the Worker from it is found out before."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from cloud_sandbox import node
from components.worker.api.models import Upload
from operations.engines.choice import installed
from tests.acceptance.conftest import cloned
from tests.clone import SECONDS
from tests.components.worker.stranger import Stranger
from tests.sandboxed import Sandboxed, password_of, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

STACK, SECRET = "production", "DATABASE_URL"
SQL = "sql/001.sql"
CONFIG = ("--config", "appPath=app", "--config", f'sqlFiles=["{SQL}"]')
ENGINES = ["embedded", pytest.param("pulumi", marks=[pytest.mark.cli, pytest.mark.thorough])]


@dataclass(frozen=True, kw_only=True)
class Production:
    """Production in a sandbox, with the draft of its Worker, and everything that may happen to it."""

    sandboxed: Sandboxed

    @cached_property
    def environment(self) -> dict[str, str]:
        """What a shell has that was told `./infra sandbox env`."""
        return self.sandboxed.shell()

    @cached_property
    def cloudflare(self) -> Stranger:
        """Somebody else with the account's token."""
        return Stranger(
            key=self.environment["CLOUDFLARE_API_TOKEN"], base_url=self.environment["CLOUDFLARE_API_BASE_URL"]
        )

    @property
    def worker(self) -> tuple[str, str]:
        """The account and the Worker."""
        return self.environment["CLOUDFLARE_ACCOUNT_ID"], f"app-{STACK}"

    @property
    def folder(self) -> Path:
        """The clone."""
        return self.sandboxed.clone.folder

    def run(self, *arguments: str, without: tuple[str, ...] = (), **differing: str) -> subprocess.CompletedProcess[str]:
        """Run a command in that shell, with some variables otherwise, or not set."""
        environment = {**self.environment, **differing}
        return subprocess.run(
            arguments,
            cwd=self.folder,
            env={name: value for name, value in environment.items() if name not in without},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def fault(self, **order: Any) -> None:
        """Order a fault of Cloudflare."""
        base = self.environment["CLOUDFLARE_API_BASE_URL"].removesuffix("/client/v4")
        httpx.post(f"{base}/sandbox/faults", json=order, trust_env=False).raise_for_status()

    def end_faults(self) -> None:
        """Cancel every fault of Cloudflare."""
        base = self.environment["CLOUDFLARE_API_BASE_URL"].removesuffix("/client/v4")
        httpx.delete(f"{base}/sandbox/faults", trust_env=False).raise_for_status()

    @cached_property
    def branch(self) -> str:
        """The branch's path in the API."""
        return self.sandboxed.api(self.sandboxed.outputs(STACK))

    def passwords(self) -> tuple[str, str]:
        """Xata's, and the one that the Worker's newest version has."""
        there = self.sandboxed.control.get(f"{self.branch}/credentials?username=xata").json()["password"]
        memory = json.loads((self.folder / ".infra/sandbox/service/cloudflare/state.json").read_text())
        workers = {one["name"]: one for one in memory["service"]["workers"]}
        return there, password_of(workers[self.worker[1]]["versions"][-1]["bindings"][SECRET]["text"])

    def rotations(self) -> int:
        """How often Xata was asked for another password."""
        return sum(call["path"].endswith("/credentials/rotate") for call in self.sandboxed.calls())

    def upload(self) -> str:
        """Upload a version of the app and do not deploy it; its id."""
        upload = Upload(main_module="app.mjs", modules={"app.mjs": b"export default { fetch() {} };"})
        return self.cloudflare.upload_version(*self.worker, upload).id


@pytest.fixture(scope="module")
def production() -> Iterator[Production]:
    """Production, with an SQL file and a wrangler file."""
    try:
        node.installed()
    except node.ToolsError as error:
        pytest.skip(f"{error.message}: {node.FETCH} fetches them")
    with cloned() as clone, sandbox_of(clone, workers=True) as made:
        (clone.folder / "sql").mkdir()
        (clone.folder / SQL).write_text("CREATE TABLE one (id integer);\n")
        (clone.folder / "app").mkdir()
        (clone.folder / "app/wrangler.jsonc").write_text(json.dumps({"name": "app", "env": {STACK: {}}}))
        made.up(STACK, *CONFIG)
        found = Production(sandboxed=made)
        with contextlib.closing(found.cloudflare):
            yield found


@contextlib.contextmanager
def _undeployed(production: Production) -> Iterator[None]:
    late = production.upload()
    yield
    production.cloudflare.deploy(*production.worker, late)


@contextlib.contextmanager
def _rollout(production: Production) -> Iterator[None]:
    before, late = next(iter(production.cloudflare.versions(*production.worker))).id, production.upload()
    url, (account, script) = production.environment["CLOUDFLARE_API_BASE_URL"], production.worker
    httpx.post(
        f"{url}/accounts/{account}/workers/scripts/{script}/deployments",
        json={"strategy": "percentage", "versions": [{"version_id": one, "percentage": 50} for one in (before, late)]},
        headers={"Authorization": f"Bearer {production.environment['CLOUDFLARE_API_TOKEN']}"},
        trust_env=False,
    ).raise_for_status()
    yield
    production.cloudflare.deploy(*production.worker, late)


@contextlib.contextmanager
def _without_rights(production: Production) -> Iterator[None]:
    for method in ("DELETE", "PATCH", "PUT", "POST"):
        production.fault(method=method, path="/workers/", status=403, times=0)
    yield
    production.end_faults()


@contextlib.contextmanager
def _edited(production: Production, name: str) -> Iterator[None]:
    file = production.folder / name
    before = file.read_text()
    file.write_text(before[:-3])
    yield
    file.write_text(before)


@contextlib.contextmanager
def _locked(production: Production) -> Iterator[None]:
    file = production.sandboxed.state / f"locks/organization/infra/{STACK}/00000000.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    holder = {"pid": os.getpid(), "username": "someone", "hostname": "elsewhere", "timestamp": "2026-11-30T00:00:00Z"}
    file.write_text(json.dumps(holder))
    yield
    file.unlink()


@contextlib.contextmanager
def _full(production: Production) -> Iterator[None]:
    """The state lies on a disk of its own, which has no room left."""
    folder = production.sandboxed.state / "stacks/infra"
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        shutil.rmtree(copy)
        pytest.skip("a disk can be made only where this account may mount one")
    try:
        shutil.copytree(copy, folder, dirs_exist_ok=True)
        with contextlib.suppress(OSError), (folder / "rest").open("wb", buffering=0) as rest:
            while rest.write(bytes(4096)):
                pass
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
        shutil.rmtree(copy)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What keeps the Worker, or the state, from a new password.

    Attributes:
        code: What `./infra` ends with.
        says: What the answer names.
        spoil: Makes it so for a while.
        options: More for `Production.run`.
    """

    code: int
    says: str
    spoil: Callable[[Production], contextlib.AbstractContextManager[None]] = lambda _: contextlib.nullcontext()
    options: Mapping[str, Any] = None  # type: ignore[assignment]  # none


CAUSES = {
    "undeployed version": Cause(code=4, says="wrangler versions deploy", spoil=_undeployed),
    "rollout": Cause(code=4, says="wrangler versions deploy", spoil=_rollout),
    "no token": Cause(code=4, says="CLOUDFLARE_API_TOKEN", options={"without": ("CLOUDFLARE_API_TOKEN",)}),
    "wrong token": Cause(code=4, says="permission", options={"CLOUDFLARE_API_TOKEN": "x" * 40}),
    "no rights": Cause(code=4, says="Workers Scripts Write", spoil=_without_rights),
    "no account": Cause(code=2, says="CLOUDFLARE_ACCOUNT_ID", options={"without": ("CLOUDFLARE_ACCOUNT_ID",)}),
    "broken wrangler file": Cause(code=4, says="wrangler", spoil=lambda made: _edited(made, "app/wrangler.jsonc")),
    "edited SQL file": Cause(code=4, says=SQL, spoil=lambda made: _edited(made, SQL)),
    "full disk": Cause(code=4, says="space", spoil=_full),
    "lock": Cause(code=7, says="someone@elsewhere", spoil=_locked),
}
EVERYDAY = ("undeployed version", "no token", "full disk")
DOORS = {
    "rotate": ("rotate", STACK, "--yes", *CONFIG),
    "up": ("up", STACK, "--yes", *CONFIG, "--config", "rotation=2026-Q4"),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("door", ["rotate", pytest.param("up", marks=pytest.mark.thorough)])
@pytest.mark.parametrize(
    "cause", [pytest.param(name, marks=() if name in EVERYDAY else pytest.mark.thorough) for name in CAUSES]
)
def test_what_stands_in_the_way_is_found_out_before_the_password_changes(
    production: Production, cause: str, door: str, engine: str
) -> None:
    """Xata is not asked for another password, the Worker keeps its secret, and the answer names the cause."""
    production.sandboxed.forget_calls()
    before, chosen = production.passwords(), CAUSES[cause]
    with chosen.spoil(production):
        answer = production.run("./infra", *DOORS[door], "--engine", engine, **(chosen.options or {}))
    said = answer.stdout + answer.stderr
    assert answer.returncode == chosen.code, said
    assert chosen.says in said
    assert production.rotations() == 0, said
    assert production.passwords() == before
    assert before[0] == before[1]
    if door == "rotate" and chosen.code == CAUSES["undeployed version"].code:
        assert "has the password that it had" in said


@pytest.mark.parametrize("engine", ENGINES)
def test_a_worker_that_could_not_be_told_after_all_is_healed_by_what_verify_says(
    production: Production, engine: str
) -> None:
    """Cloudflare refuses in the last moment: exit code 4, and the named steps bring the app its password."""
    production.fault(method="PATCH", path="secrets-bulk", status=403, times=0)
    answer = production.run("./infra", *DOORS["rotate"], "--engine", engine)
    assert answer.returncode == 4, answer.stderr
    assert "its app is without database" in answer.stderr
    assert "has a new password" in answer.stderr
    there, told = production.passwords()
    assert there != told
    with _undeployed(production):
        production.end_faults()
        found = production.run("./infra", "verify", STACK, "--json")
        layers = {layer["layer"]: layer for layer in json.loads(found.stdout)["layers"]}
        assert layers["authentication"]["next"].startswith("deploy the newest version (wrangler versions deploy)")
        assert layers["authentication"]["next"].endswith(
            f"then ./infra up {STACK} --sandbox carries the current password on"
        )
        assert production.run("./infra", "up", STACK, "--yes", *CONFIG, "--engine", engine).returncode == 4
    healed = production.run("./infra", *DOORS["rotate"], "--engine", engine)
    assert healed.returncode == 0, healed.stderr
    assert production.passwords() == (there, there)  # and it was not rotated twice


@pytest.mark.parametrize("engine", ENGINES)
def test_the_app_is_told_before_anything_else_can_fail(production: Production, engine: str) -> None:
    """Whatever fails after the database got its password, here the Worker's other secrets: the app has it already."""
    production.sandboxed.forget_calls()
    production.fault(method="PATCH", path="secrets-bulk", nth=2, status=403, times=0)
    answer = production.run("./infra", *DOORS["rotate"], "--engine", engine)
    production.end_faults()
    assert answer.returncode == 4, answer.stderr
    assert production.rotations() == 1
    there, told = production.passwords()
    assert there == told
    assert production.run("./infra", "up", STACK, "--yes", *CONFIG, "--engine", engine).returncode == 0
    assert production.passwords() == (there, there)


@pytest.mark.cli
@pytest.mark.parametrize("cause", ["undeployed version", "no token", "full disk"])
def test_plain_pulumi_asks_before_it_rotates(production: Production, cause: str) -> None:
    """`pulumi up`, even without its preview, changes no password that the Worker cannot be told."""
    cli, _ = installed()
    assert cli is not None
    production.sandboxed.forget_calls()
    before, chosen = production.passwords(), CAUSES[cause]
    settings = production.folder / "Pulumi.production.yaml"
    kept = settings.read_text()
    config = {"infra:appPath": "app", "infra:sqlFiles": [SQL], "infra:rotation": "plain"}
    told = yaml.safe_load(kept) or {}
    settings.write_text(yaml.safe_dump({**told, "config": {**(told.get("config") or {}), **config}}))
    try:
        with chosen.spoil(production):
            answer = production.run(
                *(str(cli.path), "up", "--stack", STACK, "--yes", "--skip-preview", "--non-interactive"),
                **(chosen.options or {}),
            )
    finally:
        settings.write_text(kept)
    assert answer.returncode != 0, answer.stdout
    assert chosen.says in answer.stdout + answer.stderr, answer.stdout + answer.stderr
    assert production.rotations() == 0, answer.stdout
    assert production.passwords() == before
