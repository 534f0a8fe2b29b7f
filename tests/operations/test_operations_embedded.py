"""The embedded engine as commands see it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import pulumi_embedded as engine
from operations.engines.embedded import EmbeddedEngine
from operations.engines.interface import EngineOptions
from operations.workspace import Workspace, open_workspace
from pulumi_embedded import api
from pulumi_embedded.errors import UnsupportedError
from tests.operations.doubles import result


class _Recorder:
    def __init__(self) -> None:
        self.events: list[api.Event] = []

    def on_event(self, event: api.Event) -> None:
        """Remember it."""
        self.events.append(event)


@pytest.fixture
def embedded(project: Path) -> EmbeddedEngine:
    """The engine on a project folder."""
    environ = {"PULUMI_CONFIG_PASSPHRASE": "s3cret"}
    workspace = open_workspace(project, "dev", overrides={"infra:port": "1"}, environ=environ)
    return EmbeddedEngine(workspace=workspace, options=EngineOptions(parallel=3, verbose=True, lock_timeout=7))


@pytest.mark.parametrize(("act", "kind"), [("change", "up"), ("plan", "preview")])
def test_the_request_says_everything(
    embedded: EmbeddedEngine, act: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """State, passphrase, values of this run and options reach the engine; refreshing is left to Pulumi.yaml."""
    seen: list[api.Request] = []

    def run(request: api.Request, _listener: api.Listener) -> api.Result:
        seen.append(request)
        return result()

    monkeypatch.setattr(engine, "run", run)
    getattr(embedded, act)("up", _Recorder())
    (request,) = seen
    assert (request.kind, request.stack, request.refresh) == (kind, "dev", None)
    assert request.backend_url == embedded.workspace.backend_url
    assert (request.passphrase, request.config) == ("s3cret", {"infra:port": "1"})
    assert (request.parallel, request.verbose, request.lock_timeout) == (3, True, 7)
    assert request.python == Path(sys.executable)


def test_a_stack_never_made_has_an_empty_plan_and_no_outputs(embedded: EmbeddedEngine) -> None:
    """Destroying nothing plans nothing."""
    assert embedded.plan("destroy", _Recorder()).changes == api.Changes()
    assert embedded.outputs() == {}


@pytest.mark.parametrize("kind", ["destroy", "refresh"])
def test_a_plan_of_the_others_is_a_dry_run(
    embedded: EmbeddedEngine, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`destroy` and `refresh` are planned by the engine itself, which looks at reality and writes nothing."""
    seen: list[api.Request] = []

    def run(request: api.Request, _listener: api.Listener) -> api.Result:
        seen.append(request)
        return result(request.kind)

    monkeypatch.setattr(engine, "run", run)
    assert embedded.plan(kind, _Recorder()).kind == "preview"
    assert [(request.kind, request.dry_run) for request in seen] == [(kind, True)]


def test_another_backend_is_left_to_the_cli(project: Path) -> None:
    """State in a bucket is refused by name, with how to get what reaches it."""
    workspace = Workspace(folder=project, stack="dev", backend_url="s3://u:s3cret@bucket", passphrase=None)
    engine_ = EmbeddedEngine(workspace=workspace, options=EngineOptions())
    for act in (
        engine_.outputs,
        lambda: engine_.change("up", _Recorder()),
        lambda: engine_.plan("destroy", _Recorder()),
    ):
        with pytest.raises(UnsupportedError, match="not in a s3:// backend") as told:
            act()
        assert "./infra setup --pulumi" in told.value.next_step
        assert "s3cret" not in str(told.value)
