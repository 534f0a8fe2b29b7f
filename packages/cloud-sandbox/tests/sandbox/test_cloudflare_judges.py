"""Others judge the Cloudflare stand-in: the vendor's own Python package and the real wrangler."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.sandbox.cloudflare_surface import DEFAULT_ACCOUNT, ECHO, STUB, TOKEN, Server, secret, served, tools

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloud_sandbox.node import Tools

WRANGLER_SECONDS = 120
PREVIEWS_SINCE = (4, 135)
CONFIG = {
    "name": "app",
    "main": "index.js",
    "compatibility_date": "2026-09-01",
    "previews": {},
    "env": {
        "staging": {
            "vars": {"ENVIRONMENT": "staging"},
            "secrets": {"required": ["DATABASE_URL"]},
            "previews": {"vars": {"ENVIRONMENT": "preview"}},
        }
    },
}
WORKER = "app-staging"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of wrangler, and the calls that were recorded of it elsewhere."""

    arguments: tuple[str, ...]
    calls: tuple[tuple[str, str, int], ...]
    given: str = ""
    works: bool = True


def _command(*arguments: str, calls: tuple[str, ...], given: str = "", works: bool = True) -> Command:
    """`calls` as METHOD path, and the status where it is not 200."""
    split = [(*call.split(), "200")[:3] for call in calls]
    told = tuple((method, path, int(status)) for method, path, status in split)
    return Command(arguments=arguments, calls=told, given=given, works=works)


LOOKS = ("GET service", "GET script/secrets")
COMMANDS = (
    _command(
        *("secret", "put", "DATABASE_URL"),
        given="x",
        calls=("PUT script/secrets 404", "PUT script", "PUT script/secrets"),
    ),
    _command("secret", "put", "DATABASE_URL", given="y", calls=("PUT script/secrets",)),
    _command("secret", "bulk", "secrets.json", calls=("PATCH script/secrets-bulk",)),
    _command("secret", "list", calls=("GET script/secrets",)),
    _command("secret", "delete", "WIDE", calls=("DELETE script/secrets/WIDE",)),
    _command(
        "deploy",
        calls=(
            *(*LOOKS, "GET script/deployments", "GET script/settings"),
            *("POST script/versions", "POST script/deployments", "PATCH script/script-settings"),
            *("GET worker", "POST script/subdomain"),
        ),
    ),
    _command(*("versions", "upload"), calls=(*LOOKS, "GET script/settings", "POST script/versions", "GET worker")),
    _command("secret", "put", "A", given="a", calls=("PUT script/secrets 400",), works=False),
    _command("versions", "secret", "put", "A", given="a", calls=("PATCH worker/versions/latest",)),
    _command("delete", calls=("DELETE service",)),
)
SET, DEPLOYED = COMMANDS[0], next(one for one in COMMANDS if one.arguments == ("deploy",))
HARD = {"DOLLAR": "a$HOME", "LINES": 'two\nlines "q"', "WIDE": "🐘"}


# The vendor's Python package


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[tuple[Any, Server]]:
    """Its client, on a stand-in that listens; every answer is read strictly."""
    package = pytest.importorskip("cloudflare", reason="the package `cloudflare` is not installed")
    with served(tmp_path / "cloudflare", workerd=None) as server:
        client = package.Cloudflare(
            api_token=TOKEN,
            base_url=server.running.url,
            max_retries=0,
            _strict_response_validation=True,
        )
        yield client, server
        client.close()


def test_the_vendors_package_reads_secrets(vendor: tuple[Any, Server]) -> None:
    """[G1] Set one, set many, list, look at one, remove."""
    client, server = vendor
    server.upload()
    secrets, place = client.workers.scripts.secrets, {"account_id": DEFAULT_ACCOUNT}
    assert secrets.update("app", **place, **secret("A")).name == "A"
    changed = secrets.bulk_update("app", **place, secrets={"B": secret("B"), "A": None}, version_tags={})
    assert {name: kind.type for name, kind in changed.items()} == {"B": "secret_text"}
    assert [found.name for found in secrets.list("app", **place)] == ["B"]
    assert secrets.get("B", script_name="app", **place).type == "secret_text"
    secrets.delete("B", script_name="app", **place)
    assert list(secrets.list("app", **place)) == []


def test_the_vendors_package_reads_refusals(vendor: tuple[Any, Server]) -> None:
    """As the error that belongs to the status, with the code."""
    client, _ = vendor
    errors = pytest.importorskip("cloudflare")
    with pytest.raises(errors.NotFoundError) as refusal:
        client.workers.scripts.secrets.list("app", account_id=DEFAULT_ACCOUNT)
    assert refusal.value.errors[0].code == 10007
    with pytest.raises(errors.PermissionDeniedError):
        client.workers.scripts.secrets.list("app", account_id="0" * 32)


def test_the_vendors_package_reads_everything_else(vendor: tuple[Any, Server]) -> None:
    """Account, scripts, settings, versions, deployments, subdomains and the newer Workers."""
    # Not `versions.get` and `deployments.list`: the package's own types for them cannot be read.
    client, server = vendor
    place = {"account_id": DEFAULT_ACCOUNT}
    server.upload(bindings=[{"name": "MODE", "type": "plain_text", "text": "x"}])
    scripts = client.workers.scripts
    assert client.user.tokens.verify().status == "active"
    assert [membership.account.id for membership in client.memberships.list()] == [DEFAULT_ACCOUNT]
    assert [script.id for script in scripts.list(**place)] == ["app"]
    assert scripts.script_and_version_settings.get("app", **place).bindings[0].name == "MODE"
    assert scripts.settings.get("app", **place).logpush is False
    versions = list(scripts.versions.list("app", **place))
    shares = [{"version_id": versions[0].id, "percentage": 100}]
    deployed = scripts.deployments.create("app", **place, strategy="percentage", versions=shares)
    found = scripts.deployments.get(deployed.id, script_name="app", **place)
    assert found.versions[0].version_id == versions[0].id
    assert scripts.subdomain.create("app", **place, enabled=True).enabled is True
    assert client.workers.subdomains.get(**place).subdomain == "sandbox"
    made = client.workers.beta.workers.create(**place, name="other")
    assert client.workers.beta.workers.get(made.id, **place).name == "other"
    assert [version.number for version in client.workers.beta.workers.versions.list("app", **place)] == [1]
    scripts.delete("app", **place)


def test_the_vendors_package_uploads_a_script(vendor: tuple[Any, Server]) -> None:
    """Its form is read like wrangler's."""
    client, server = vendor
    files = [("worker.js", STUB.encode(), "application/javascript+module")]
    client.workers.scripts.update("app", account_id=DEFAULT_ACCOUNT, metadata={"main_module": "worker.js"}, files=files)
    assert server.call("GET", "/scripts/app").text == STUB


# wrangler


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with a wrangler.jsonc, and a stand-in with workerd to deploy it to."""

    folder: Path
    server: Server
    tools: Tools

    def run(self, *arguments: str, given: str = "", environment: str | None = "staging") -> tuple[int, str, str]:
        """Run wrangler and answer its exit code, what it printed, and what it complained of."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "CI": "1",
            "NO_COLOR": "1",
            "CLOUDFLARE_API_BASE_URL": self.server.running.url,
            "CLOUDFLARE_ACCOUNT_ID": DEFAULT_ACCOUNT,
            "CLOUDFLARE_API_TOKEN": TOKEN,
            "CLOUDFLARE_CF_FETCH_ENABLED": "false",
            "WRANGLER_SEND_METRICS": "false",
            "WRANGLER_SEND_ERROR_REPORTS": "false",
            "WRANGLER_LOG_PATH": str(self.folder / "logs"),
        }
        chosen = ["--env", environment] if environment else []
        done = subprocess.run(
            self.tools.wrangler_command(*arguments, *chosen),
            cwd=self.folder,
            env=env,
            input=given,
            capture_output=True,
            text=True,
            timeout=WRANGLER_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def works(self, *arguments: str, given: str = "", environment: str | None = "staging") -> str:
        """Run wrangler, which has to succeed, and answer what it printed."""
        code, printed, complained = self.run(*arguments, given=given, environment=environment)
        assert code == 0, printed + complained
        return printed

    def fails(self, *arguments: str, given: str = "", environment: str | None = "staging") -> str:
        """Run wrangler, which has to fail, and answer all it said."""
        code, printed, complained = self.run(*arguments, given=given, environment=environment)
        assert code != 0, printed
        return printed + complained

    def calls(self) -> list[tuple[str, str, int]]:
        """The calls since the last time: method, path below the account's Workers, status."""
        prefix = f"/client/v4/accounts/{DEFAULT_ACCOUNT}/workers"
        found = self.server.order("GET", "calls").json()["calls"]
        self.server.order("DELETE", "calls")
        return [(call["method"], call["path"].removeprefix(prefix), call["status"]) for call in found]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose Worker tells its bindings."""
    found = tools()
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "wrangler.jsonc").write_text(json.dumps(CONFIG))
    (folder / "index.js").write_text(ECHO)
    (folder / "secrets.json").write_text(json.dumps(HARD))
    with served(tmp_path / "cloudflare", workerd=found.workerd) as server:
        yield Project(folder=folder, server=server, tools=found)


@pytest.mark.wrangler
def test_wrangler_sets_a_secret_on_a_draft_and_deploys_over_it(project: Project) -> None:
    """[G1] By the calls known of it; the draft is not reached; the deployment keeps the secret."""
    assert "have not been set: DATABASE_URL" in project.fails("deploy")
    project.calls()
    project.works("secret", "put", "DATABASE_URL", given="hunter2\n")
    assert _told_apart(project.calls()) == list(SET.calls)
    assert project.server.ask(WORKER).status_code == 404
    assert "app-staging.sandbox.workers.dev" in project.works("deploy")
    assert _told_apart(project.calls()) == list(DEPLOYED.calls)
    assert project.server.ask(WORKER).json() == {"DATABASE_URL": "hunter2", "ENVIRONMENT": "staging"}


@pytest.mark.wrangler
@pytest.mark.thorough
def test_wrangler_makes_the_calls_that_are_known_of_it(project: Project) -> None:
    """[G1] Every command that the stand-in is for: which calls were recorded of it, in their order, all answered."""
    for command in COMMANDS:
        said = (project.works if command.works else project.fails)(*command.arguments, given=command.given)
        assert _told_apart(project.calls()) == list(command.calls), f"{command.arguments}: {said}"


def _told_apart(calls: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """The calls with words for the Worker's paths, and without what wrangler asks only to tidy up after a Worker."""
    words = {f"/scripts/{WORKER}": "script", f"/services/{WORKER}": "service", f"/workers/{WORKER}": "worker"}
    found = []
    for method, path, status in calls:
        for beginning, word in words.items():
            path = path.replace(beginning, word)  # noqa: PLW2901 - said in words step by step
        if not path.startswith(("/", "script/references")):
            found.append((method, re.sub(r"[0-9a-f]{32}", "ID", path), status))
    return found


@pytest.mark.wrangler
@pytest.mark.thorough
def test_wrangler_sets_and_removes_many_secrets(project: Project) -> None:
    """In one call, whatever their values hold; the list has their names."""
    project.works("secret", "put", "DATABASE_URL", given="x")
    project.works("secret", "bulk", "secrets.json")
    for _ in range(2):  # a second deployment keeps them, too
        project.works("deploy")
        assert project.server.ask(WORKER).json() == {**HARD, "DATABASE_URL": "x", "ENVIRONMENT": "staging"}
    project.works("secret", "delete", "WIDE")
    listed = json.loads(project.works("secret", "list"))
    assert sorted(found["name"] for found in listed) == ["DATABASE_URL", "DOLLAR", "LINES"]


@pytest.mark.wrangler
@pytest.mark.thorough
def test_wrangler_understands_that_a_version_waits(project: Project) -> None:
    """A version that is uploaded blocks secrets; a secret of the version does not, and comes with it."""
    project.works("secret", "put", "DATABASE_URL", given="x")
    project.works("deploy")
    project.works("versions", "upload")
    assert "isn't currently deployed" in project.fails("secret", "put", "A", given="a")
    project.works("versions", "secret", "put", "A", given="a")
    assert "A" not in project.server.ask(WORKER).json()
    version = project.server.result("GET", f"/workers/{WORKER}/versions/latest")["id"]
    project.works("versions", "deploy", f"{version}@100", "-y")
    assert project.server.ask(WORKER).json()["A"] == "a"
    assert version in project.works("deployments", "status")


@pytest.mark.wrangler
@pytest.mark.thorough
def test_wrangler_makes_a_preview_with_its_own_secrets(project: Project) -> None:
    """Beside a Worker that is not there yet; read back, changed, removed."""
    version = json.loads((project.tools.modules / "wrangler" / "package.json").read_text())["version"]
    if tuple(map(int, version.split(".")[:2])) < PREVIEWS_SINCE:
        pytest.skip(f"wrangler {version} has no previews yet")
    name = f"pr-7-{WORKER}"
    arguments = ("--name", "pr-7", "--var", "XATA_BRANCH:pr-7", "--secrets-file", "secrets.json", "--json")
    told = json.loads(project.works("preview", *arguments))
    assert told["preview"]["urls"] == [f"https://{name}.sandbox.workers.dev"]
    expected = {**HARD, "ENVIRONMENT": "preview", "XATA_BRANCH": "pr-7"}
    assert project.server.ask(name).json() == expected
    project.works("preview", "secret", "put", "A", "--name", "pr-7", given="a")
    assert project.server.ask(name).json() == {**expected, "A": "a"}
    project.works("preview", "delete", "--name", "pr-7", "-y")
    assert name not in project.server.order("GET", "workers").json()


@pytest.mark.wrangler
@pytest.mark.thorough
def test_wrangler_deploys_a_new_worker_and_removes_it(project: Project) -> None:
    """Without an environment: no secret is required there."""
    project.works("deploy", environment=None)
    address = project.server.worker()
    assert httpx.get(address).json() == {}
    project.works("delete", environment=None)
    assert project.server.order("GET", "workers").json() == {}
    assert "Sandbox" in project.works("whoami", environment=None)


@pytest.mark.wrangler
@pytest.mark.thorough
def test_wrangler_reports_a_script_that_does_not_start(project: Project) -> None:
    """With the runtime's own words."""
    (project.folder / "index.js").write_text("throw new Error('at start'); export default {}")
    assert "at start" in project.fails("deploy", environment=None)
