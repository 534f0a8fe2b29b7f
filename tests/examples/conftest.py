"""The example Worker: bundled by the real wrangler, run by the real workerd, on a branch behind the TLS gateway."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.examples.health_worker import Branch, Runtime, npm, run_in, shared
from tests.sandbox.cloudflare_surface import tools
from tests.sandbox.conftest import (  # noqa: F401 - fixtures: a Postgres with branches and a gateway in front
    branches,
    entrance,
    manager,
    postgres_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sandbox.conftest import Entrance


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with the packages of its lock file that it runs with."""
    tools()
    return shared(tmp_path_factory, "health-worker", lambda folder: npm(folder, "ci", "--omit=dev"))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, example: Path) -> Path:
    """What `wrangler deploy` would upload."""

    def build(folder: Path) -> None:
        shutil.copytree(example / "node_modules", folder / "node_modules")
        run_in(folder, tools().wrangler_command("deploy", "--dry-run", "--env", "staging", "--outdir", "out"))

    return shared(tmp_path_factory, "health-worker-bundle", build) / "out" / "index.js"


@pytest.fixture
def runtime(bundle: Path, entrance: Entrance, tmp_path: Path) -> Iterator[Runtime]:  # noqa: F811 - the fixture of that name
    """Workers that trust the gateway's authority."""
    made = Runtime(bundle, tmp_path)
    made.switch_on(entrance.authority.read_text())
    yield made
    made.switch_off()


@pytest.fixture
def branch(entrance: Entrance) -> Branch:  # noqa: F811 - the fixture of that name
    """A branch that is stamped `staging`."""
    made = Branch(entrance=entrance, id=entrance.create())
    made.comment("ours\ninfra.branch=staging")
    return made
