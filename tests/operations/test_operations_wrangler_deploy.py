"""`./infra wrangler deploy`: which wrangler is run, with which arguments, and what it is told."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from operations import changes, wrangler
from operations.errors import ResourceFailedError, UsageError
from operations.wrangler import Deployment, deploy
from operations.wrangler import plan_deployment as planned
from tests.own_project import PROJECT, write_stacks

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "0123456789abcdef0123456789abcdef"
TOLD = """#!{python}
import json, os, sys
print(json.dumps({{"arguments": sys.argv[1:], "environ": dict(os.environ)}}), file=sys.stderr)
sys.exit({code})
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the example as its app, on an account."""
    write_stacks(tmp_path)
    app = tmp_path / "examples" / "health-worker"
    app.mkdir(parents=True)
    shutil.copy(PROJECT / "examples" / "health-worker" / "wrangler.jsonc", app)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "the-token-0123456789")
    monkeypatch.setenv("CLOUDFLARE_ENV", "production")
    monkeypatch.setenv("XATA_API_KEY", "xau_secret")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "secret")
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_secret")
    return tmp_path


def _planned(folder: Path, stack: str, **config: str) -> Deployment:
    values = {f"infra:{key}": value for key, value in config.items()}
    return planned(changes.Target(stack=stack, folder=folder, config=values))


def _own(folder: Path, *, code: int = 0) -> None:
    """The app has a wrangler of its own, and the machine a node."""
    place = folder / "examples" / "health-worker" / "node_modules" / ".bin"
    place.mkdir(parents=True)
    for name in ("wrangler", "node"):
        (place / name).write_text(TOLD.format(python=shutil.which("python3"), code=code))
        (place / name).chmod(0o755)


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_an_environment_is_deployed_as_its_block_says(folder: Path, stack: str) -> None:
    """Wrangler finds everything in the environment's own block."""
    found = _planned(folder, stack)
    assert found.arguments == ("deploy", "--config", "wrangler.jsonc", "--env", stack)
    assert found.script == f"health-worker-{stack}"


def test_a_pull_request_is_given_its_name_its_branch_and_its_tag(folder: Path) -> None:
    """The block of previews is that of all, so what is one's own is said with it; none of it is a secret."""
    found = _planned(folder, "pr-7")
    expected = "deploy --config wrangler.jsonc --env preview --name health-worker-pr-7 --var XATA_BRANCH:pr-7"
    assert found.arguments == (*expected.split(), "--tag", "infra-app-pr-7")
    assert found.script == "health-worker-pr-7"
    named = _planned(folder, "pr-7", workerName="shop")
    assert "shop-pr-7" in named.arguments


def test_wrangler_is_told_the_token_and_no_other_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The app's own wrangler runs in the app's folder; the build has no business with the database's keys."""
    _own(folder)
    monkeypatch.setenv("PATH", f"{folder}/examples/health-worker/node_modules/.bin:/usr/bin:/bin")
    deploy(_planned(folder, "pr-7"))
    told = json.loads(capfd.readouterr().err)
    assert told["arguments"][0] == "deploy"
    assert told["environ"]["CLOUDFLARE_API_TOKEN"] == "the-token-0123456789"
    assert told["environ"]["CLOUDFLARE_ACCOUNT_ID"] == ACCOUNT
    assert not told["environ"].keys() & {"XATA_API_KEY", "PULUMI_CONFIG_PASSPHRASE", "GITHUB_TOKEN", "CLOUDFLARE_ENV"}
    assert "the-token" not in repr(_planned(folder, "pr-7"))


def test_a_wrangler_that_fails_is_told_with_its_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says has been shown; the Worker and the next step are named."""
    _own(folder, code=3)
    monkeypatch.setenv("PATH", f"{folder}/examples/health-worker/node_modules/.bin:/usr/bin:/bin")
    with pytest.raises(
        ResourceFailedError, match=r"Worker health-worker-pr-7: it ended with 3\n.*\./infra up STACK first"
    ):
        deploy(_planned(folder, "pr-7"))


def test_what_cannot_be_deployed_is_refused_in_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack without a Worker, an app without a file, an account or a token that nobody named."""
    from components.errors import ConfigurationError  # noqa: PLC0415 - beside what raises it

    with pytest.raises(UsageError, match="the stack dev has no Worker to deploy to"):
        _planned(folder, "dev")
    (folder / "empty").mkdir()
    with pytest.raises(UsageError, match=r"there is no .*wrangler\.jsonc\n.*infra:appPath"):
        _planned(folder, "pr-7", appPath="empty")
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")
    with pytest.raises(ConfigurationError, match="CLOUDFLARE_API_TOKEN is not set"):
        _planned(folder, "pr-7")
    monkeypatch.delenv("CLOUDFLARE_ACCOUNT_ID")
    with pytest.raises(ConfigurationError, match="no Cloudflare account is known"):
        _planned(folder, "pr-7")


def _build(folder: Path, *, environment: str | None, name: str = "health-worker-staging") -> Path:
    """What a build tool leaves; the wrangler file that it wrote."""
    app = folder / "examples" / "health-worker"
    made, redirect = app / "dist" / "wrangler.json", app / ".wrangler" / "deploy" / "config.json"
    for file in (made, redirect):
        file.parent.mkdir(parents=True, exist_ok=True)
    redirect.write_text('{"configPath": "../../dist/wrangler.json"}')
    made.write_text(json.dumps({"name": name, **({"targetEnvironment": environment} if environment else {})}))
    return made


@pytest.mark.parametrize("environment", ["staging", None])
def test_what_was_built_for_the_environment_is_deployed(folder: Path, environment: str | None) -> None:
    """Without --config wrangler follows the build; an older build tells its environment by the Worker's name alone."""
    _build(folder, environment=environment)
    assert _planned(folder, "staging").arguments == ("deploy", "--env", "staging")


def test_what_was_built_for_previews_is_deployed_to_each(
    folder: Path,
) -> None:
    """Name, branch and tag of the pull request are said as for an app that is not built."""
    _build(folder, environment="preview", name="health-worker-preview")
    built = _planned(folder, "pr-7").arguments
    shutil.rmtree(folder / "examples" / "health-worker" / ".wrangler")
    source = _planned(folder, "pr-7").arguments
    assert (source[1], (source[0], *source[3:])) == ("--config", built)


@pytest.mark.parametrize(
    ("environment", "name", "said"),
    [
        (
            "preview",
            "health-worker-preview",
            "is of the environment preview, and it is what wrangler deploys for staging",
        ),
        (None, "health-worker", "is for the Worker health-worker, not for health-worker-staging"),
        ("staging", "renamed-staging", "is for the Worker renamed-staging, not for health-worker-staging"),
    ],
)
def test_a_build_for_something_else_is_refused(folder: Path, environment: str | None, name: str, said: str) -> None:
    """Wrangler would deploy a build for no environment to the wrong Worker; the command that builds is named."""
    from components.errors import ConfigurationError  # noqa: PLC0415 - beside what raises it

    _build(folder, environment=environment, name=name)
    with pytest.raises(ConfigurationError, match=f"{said}.*\n.*CLOUDFLARE_ENV=staging npm run build"):
        _planned(folder, "staging")


def test_a_redirect_that_leads_nowhere_is_refused(folder: Path) -> None:
    """What a cleaned build folder leaves is no reason to deploy the source."""
    from components.errors import ConfigurationError  # noqa: PLC0415 - beside what raises it

    _build(folder, environment="staging").unlink()
    with pytest.raises(ConfigurationError, match=r"there is no .*dist/wrangler\.json.*\n.*npm run build; or remove .*"):
        _planned(folder, "staging")


def test_a_wrangler_at_the_root_of_the_workspace_is_the_apps_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Hoisted by npm or pnpm, it is used where the repository is one; what lies above the repository is not."""
    _own(folder)
    shutil.move(folder / "examples" / "health-worker" / "node_modules", folder / "node_modules")
    monkeypatch.setenv("PATH", f"{folder}/node_modules/.bin:/usr/bin:/bin")
    (folder / ".git").mkdir()
    deploy(_planned(folder, "pr-7"))
    assert json.loads(capfd.readouterr().err)["arguments"][0] == "deploy"
    (folder / "examples" / ".git").mkdir()
    assert wrangler._own(folder / "examples" / "health-worker") is None
