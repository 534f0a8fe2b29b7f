"""What recorded state relies on: every provider is found again by its class path, and carries nothing else."""

from __future__ import annotations

import base64
import importlib
import inspect
import json
import pickle
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pulumi.dynamic.dynamic import serialize_provider

import components
from components.dynamic import DynamicProvider
from components.resource import Provider

if TYPE_CHECKING:
    from pulumi.dynamic import ResourceProvider

RECORDED: dict[str, str] = json.loads((Path(__file__).parent / "data" / "providers.json").read_text())
"""Class path to the `__provider` text that released versions wrote into state. Add to it; never change a line."""


def _providers() -> dict[str, type[ResourceProvider]]:
    found: dict[str, type[ResourceProvider]] = {}
    for module in pkgutil.walk_packages(components.__path__, "components."):
        if module.name.endswith("provider"):
            for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if issubclass(kind, (DynamicProvider, Provider)) and kind not in {DynamicProvider, Provider}:
                    found[f"{kind.__module__}.{kind.__qualname__}"] = kind
    return found


def test_every_provider_is_recorded() -> None:
    """No provider is renamed, moved or added without its line here."""
    assert _providers().keys() == RECORDED.keys()


@pytest.mark.parametrize("path", RECORDED)
def test_recorded_text_loads_todays_class(path: str) -> None:
    """State written by an earlier version finds today's code."""
    assert type(pickle.loads(base64.b64decode(RECORDED[path]))) is _providers()[path]  # noqa: S301 - our own data


@pytest.mark.parametrize("path", RECORDED)
def test_todays_text_is_the_recorded_one(path: str) -> None:
    """A provider is pickled by reference and without attributes, so the text never changes and hides nothing."""
    assert serialize_provider(_providers()[path]()) == RECORDED[path]
    assert vars(_providers()[path]()) == {}
