"""The example's files: what other parts rely on, and that they are what the tools read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from cloud_sandbox import node
from components.local.dev_vars import parse as parse_dev_vars
from components.worker.wrangler.config import Config
from components.worker.wrangler.findings import Expectation, findings
from components.worker.wrangler.jsonc import parse
from tests.examples.health_worker import EXAMPLE, npm, run_in, shared
from tests.sandbox.cloudflare_surface import tools

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENTS = [
    ("dev", "development", "dev"),
    ("staging", "staging", "staging"),
    ("production", "production", "production"),
]


def _json(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLE / name).read_text())
    return found


@pytest.mark.parametrize(("stack", "environment", "branch"), ENVIRONMENTS)
def test_wrangler_file_is_what_the_stack_expects(stack: str, environment: str, branch: str) -> None:
    """Our own check of wrangler.jsonc finds nothing, and the Worker is called as wrangler calls it."""
    document = parse((EXAMPLE / "wrangler.jsonc").read_text())
    assert findings(document, Expectation(stack=stack, environment=environment, branch=branch)) == []
    assert Config(document=document).worker_name(stack) == f"health-worker-{stack}"


def test_every_package_is_pinned_without_a_registry() -> None:
    """Exact versions, the same in the lock file, which names no registry and has a checksum for each package."""
    package, lock = _json("package.json"), _json("package-lock.json")
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    installed = {path: told for path, told in lock["packages"].items() if path}
    assert {name: installed[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("resolved" not in told and told["integrity"].startswith("sha512-") for told in installed.values())


def test_wrangler_is_the_sandboxs() -> None:
    """The example is deployed by the version of wrangler that the stand-in is tested with."""
    pinned = json.loads((node.TOOLS / "package.json").read_text())["dependencies"]["wrangler"]
    assert _json("package.json")["devDependencies"]["wrangler"] == pinned


def test_dev_vars_example_names_what_the_worker_needs() -> None:
    """It has the names of the secrets and no value that works."""
    found = parse_dev_vars((EXAMPLE / ".dev.vars.example").read_text())
    required = parse((EXAMPLE / "wrangler.jsonc").read_text()).at("env", "dev", "secrets", "required")
    assert required is not None
    assert list(found) == required.data
    assert "<user>:<password>@" in found["DATABASE_URL"]


def test_prisma_schema_declares_no_models() -> None:
    """Datasource and generator only: tables are the app's."""
    lines = (EXAMPLE / "prisma" / "schema.prisma").read_text().splitlines()
    blocks = [line.split()[0] for line in lines if line.endswith("{")]
    assert sorted(blocks) == ["datasource", "generator"]


@pytest.mark.wrangler
def test_types_are_right(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The TypeScript compiler finds nothing."""
    tools()

    def install(folder: Path) -> None:
        package = _json("package.json")
        del package["devDependencies"]["wrangler"]  # large, and only the types are asked for
        (folder / "package-lock.json").unlink()
        (folder / "package.json").write_text(json.dumps(package))
        npm(folder, "install", "--no-package-lock")

    folder = shared(tmp_path_factory, "health-worker-types", install)
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    run_in(folder, [str(tools().node), str(compiler), "--noEmit"])


@pytest.mark.wrangler
@pytest.mark.parametrize(("stack", "environment", "branch"), ENVIRONMENTS)
def test_wrangler_would_deploy_it(example: Path, tmp_path: Path, stack: str, environment: str, branch: str) -> None:
    """The real wrangler bundles it with the variables of the environment, and with no DATABASE_URL among them."""
    command = tools().wrangler_command("deploy", "--dry-run", "--env", stack, "--outdir", str(tmp_path))
    said = run_in(example, command)
    assert f'env.ENVIRONMENT ("{environment}")' in said
    assert f'env.XATA_BRANCH ("{branch}")' in said
    assert "DATABASE_URL (" not in said
    assert (tmp_path / "index.js").is_file()
