"""Another app, and an environment that nobody foresaw: one line, one file, and every command takes it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from cloud_sandbox import node
from tests.acceptance.conftest import cloned
from tests.clone import PROJECT, SECONDS
from tests.sandboxed import ENGINE, NOTHING, Sandboxed, changes, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clone import Clone

SHIPPED = re.findall(r"infra:app: (\S+)", (PROJECT / "Pulumi.yaml").read_text())[0]
QA = "config:\n  infra:protect: false\n  infra:environment: test\n"


def _of_corner_shop(clone: Clone, **files: str) -> None:
    """What a team changes: the app's name, and a file for each environment of its own."""
    project = clone.folder / "Pulumi.yaml"
    project.write_text(re.sub(r"infra:app: .*", "infra:app: corner-shop", project.read_text()))
    for stack, text in {"qa": QA, **files}.items():
        (clone.folder / f"Pulumi.{stack}.yaml").write_text(text)


@pytest.fixture(scope="module")
def shop() -> Iterator[Sandboxed]:
    """A clone for corner-shop with a sandbox that stands in for Xata."""
    with cloned() as clone, sandbox_of(clone) as made:
        _of_corner_shop(clone)
        yield made


def test_one_name_and_one_file_make_an_environment(shop: Sandboxed) -> None:
    """Foundation and `qa` come up, nothing is left to do, each command takes it, and it goes again."""
    shop.up("foundation")
    outputs = shop.up("qa")["outputs"]
    assert (outputs["environment"], outputs["branchName"], outputs["region"]) == ("test", "qa", "us-east-1")
    assert [one["name"] for one in shop.control.get("/sandbox/state").json()["projects"]] == ["corner-shop"]
    assert shop.branches().keys() == {"main", "qa"}
    assert changes(shop.up("qa")) == NOTHING
    layers = json.loads(shop.must("verify", "qa", "--json").stdout)["layers"]
    assert {layer["layer"]: layer["ok"] for layer in layers}["query and identity"] is True
    before = shop.outputs("qa")
    assert before["branchId"] == outputs["branchId"]
    every = json.loads(shop.clone.infra("drift", "--sandbox", "--engine", "embedded", "--json", timeout=SECONDS).stdout)
    assert [(one["stack"], one["result"]) for one in every["stacks"]] == [("foundation", "none"), ("qa", "none")]
    example = shop.clone.folder / "examples/consumer"
    (example / "Pulumi.qa.yaml").write_text("config: {}\n")
    consumed = shop.clone.infra("consumer", "up", str(example), "qa", "--sandbox", *ENGINE, "--yes", "--json")
    assert json.loads(consumed.stdout)["outputs"]["environment"] == "test"
    shop.must("rotate", "qa", "--yes")
    assert shop.outputs("qa")["databaseUrl"] != before["databaseUrl"]
    taken = shop.run("restore", "foundation", "--into", "qa", "--yes")
    assert "that is the name of a stack's own branch" in taken.stderr
    shop.must("destroy", "qa", "--yes", INFRA_ALLOW_DELETE="qa")
    assert shop.branches().keys() == {"main"}


def test_a_developers_own_branch_is_an_environment(shop: Sandboxed) -> None:
    """`dev-anna`: an empty file, protected, a copy of main; in the sandbox the foundation comes by itself."""
    _of_corner_shop(shop.clone, **{"dev-anna": ""})
    try:
        outputs = shop.up("dev-anna")["outputs"]
        assert (outputs["environment"], outputs["branchName"]) == ("dev-anna", "dev-anna")
        refused = shop.run("destroy", "dev-anna", "--yes")
        assert (refused.returncode, "protected" in refused.stderr) == (3, True)
    finally:
        shop.begin_anew("dev-anna")
        (shop.clone.folder / "Pulumi.dev-anna.yaml").unlink()


@pytest.mark.parametrize(
    ("files", "stack", "said"),
    [
        ({"uat": "config:\n  infra:branch: qa\n"}, "uat", "Pulumi.uat.yaml and Pulumi.qa.yaml would share the Xata"),
        ({"uat": "config:\n  infra:branch: qa\n"}, "qa", "Pulumi.qa.yaml and Pulumi.uat.yaml would share the Xata"),
        ({"Live": ""}, "Live", "there is a Pulumi.Live.yaml, and that is no stack's name"),
        ({"Live": ""}, "live", "git mv Pulumi.Live.yaml Pulumi.live.yaml"),
        ({}, "uat", "there is no stack named 'uat': there is no Pulumi.uat.yaml"),
        ({"live": "config:\n  infra:environment: production\n", "uat": "config:\n  infra:parent: live\n"}, "uat",
         "the branch uat would be a copy of all of production's data"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_environment_is_refused_at_the_plan(
    shop: Sandboxed, files: dict[str, str], stack: str, said: str
) -> None:
    """In words, with both files or the command that mends it; nothing is made."""
    _of_corner_shop(shop.clone, **files)
    try:
        refused = shop.run("preview", stack)
        assert refused.returncode in {2, 4}
        assert said in refused.stderr
    finally:
        for name in files:
            (shop.clone.folder / f"Pulumi.{name}.yaml").unlink()


@pytest.mark.wrangler
@pytest.mark.thorough
def test_the_worker_is_called_after_the_app() -> None:
    """`up`, a wrangler file that `wrangler write` begins, the deployed app, and `verify` on all layers."""
    try:
        node.installed()
    except node.ToolsError as error:
        pytest.skip(f"{error.message}: {node.FETCH} fetches them")
    with cloned() as clone, sandbox_of(clone, workers=True) as made:
        _of_corner_shop(clone, qa=QA + "  infra:appPath: examples/health-worker\n")
        wrangler = clone.folder / "examples/health-worker/wrangler.jsonc"
        wrangler.write_text(wrangler.read_text().replace("health-worker", "corner-shop"))
        assert made.up("qa", "--config", "wranglerMode=off")["outputs"]["workerName"] == "corner-shop-qa"
        for action in (("write", "qa", "--yes"), ("check", "qa"), ("deploy", "qa")):
            done = clone.infra("wrangler", *action, "--sandbox", timeout=SECONDS)
            assert done.returncode == 0, done.stdout + done.stderr
        assert made.up("qa")["outputs"]["checks"]["worker"]["environment"] == "test"
        layers = json.loads(made.must("verify", "qa", "--json").stdout)["layers"]
        assert {layer["ok"] for layer in layers} == {True}
        assert SHIPPED not in made.control.get("/sandbox/state").text
