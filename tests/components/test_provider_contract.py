"""What recorded state relies on: every provider is found again by its class path, and carries nothing else."""

from __future__ import annotations

import base64
import importlib
import inspect
import json
import pickle
import pkgutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pulumi.dynamic.dynamic import serialize_provider

import components
from components.resource import Provider

if TYPE_CHECKING:
    from pulumi.dynamic import ResourceProvider

RECORDED: dict[str, str] = json.loads((Path(__file__).parent / "data" / "providers.json").read_text())
"""Class path to the `__provider` text that released versions wrote into state. Add to it; never change a line."""


LOADS_PLUGINS = {
    "components.worker.hyperdrive",
    "components.worker.secrets_store",
    "components.postgres.docker_postgres",
}
"""Modules that load the large SDK of somebody else's provider, and define none of ours."""


@cache
def _providers() -> dict[str, type[ResourceProvider]]:
    found: dict[str, type[ResourceProvider]] = {}
    for module in pkgutil.walk_packages(components.__path__, "components."):
        if module.name not in LOADS_PLUGINS:
            for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if issubclass(kind, Provider) and kind is not Provider:
                    found[f"{kind.__module__}.{kind.__qualname__}"] = kind
    return found


def _today(path: str) -> str:
    """The class path by which a recorded one is found."""
    module, _, name = path.rpartition(".")
    return f"{components.MOVED.get(path) or components.MOVED.get(module, module)}.{name}"


def test_every_provider_is_recorded() -> None:
    """No provider is renamed, moved or added without its line here; of one that moved, the earlier line stays."""
    assert _providers().keys() == {_today(path) for path in RECORDED}
    assert _providers().keys() <= RECORDED.keys()


@pytest.mark.parametrize("path", RECORDED)
def test_recorded_text_loads_todays_class(path: str) -> None:
    """State written by an earlier version finds today's code."""
    assert type(pickle.loads(base64.b64decode(RECORDED[path]))) is _providers()[_today(path)]  # noqa: S301 - our own data


def test_a_process_that_has_loaded_nothing_finds_what_moved() -> None:
    """As the server of providers does."""
    moved = [path for path in RECORDED if _today(path) != path]
    one = "print(type(pickle.loads(base64.b64decode(text))).__module__)"
    code = f"import base64, pickle, sys\nfor text in sys.argv[1:]: {one}"
    texts = [RECORDED[path] for path in moved]
    found = subprocess.run([sys.executable, "-c", code, *texts], check=True, capture_output=True, text=True)
    assert found.stdout.split() == [_today(path).rpartition(".")[0] for path in moved]


@pytest.mark.parametrize("path", [path for path in RECORDED if _today(path) == path])
def test_todays_text_is_the_recorded_one(path: str) -> None:
    """A provider is pickled by reference and without attributes, so the text never changes and hides nothing."""
    assert serialize_provider(_providers()[path]()) == RECORDED[path]
    assert vars(_providers()[path]()) == {}
