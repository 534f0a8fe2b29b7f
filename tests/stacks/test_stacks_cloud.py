"""What the programs of Xata environments decide before they declare anything."""

from __future__ import annotations

import pytest

from components.errors import ConfigurationError
from stacks import cloud, foundation
from stacks.config import read
from stacks.settings import FoundationSettings, XataSettings

PROJECT_ID = "prj_" + "0123456789abcdefghijklmnop"


def _staging(**values: str) -> XataSettings:
    settings = read("staging", {f"infra:{key}": value for key, value in values.items()})
    assert isinstance(settings, XataSettings)
    return settings


def _foundation(**values: str) -> FoundationSettings:
    settings = read("foundation", {f"infra:{key}": value for key, value in values.items()})
    assert isinstance(settings, FoundationSettings)
    return settings


@pytest.mark.parametrize("variable", ["XATA_ORGANIZATION_ID", "XATA_ORGANIZATIONID"])
def test_the_organization_comes_from_configuration_then_environment(variable: str) -> None:
    """What is configured wins, and both spellings of the variable are known."""
    environment = {variable: "envorg"}
    assert cloud.organization(_staging(organization="cfgorg"), environment) == "cfgorg"
    assert cloud.organization(_staging(), environment) == "envorg"


def test_a_variable_of_odd_bytes_is_told_in_words() -> None:
    """It is named, and nothing of it reaches a request or the state."""
    with pytest.raises(ConfigurationError, match=r"XATA_PROJECT_ID holds what is no text: 'a\\udcff'"):
        cloud.project(_staging(), {"XATA_PROJECT_ID": "a\udcff"})


def test_a_missing_organization_is_told_in_words() -> None:
    """Nothing is guessed: the error names the key and the variable."""
    with pytest.raises(ConfigurationError, match=r"no Xata organization is named\n.*XATA_ORGANIZATION_ID"):
        cloud.organization(_staging(), {"XATA_ORGANIZATION_ID": " "})


@pytest.mark.parametrize("variable", ["XATA_PROJECT_ID", "XATA_PROJECTID"])
def test_the_project_comes_from_configuration_environment_or_default(variable: str) -> None:
    """What is configured wins over the environment, which wins over the app's name."""
    assert cloud.project(_staging(project="mine"), {variable: PROJECT_ID}) == "mine"
    assert cloud.project(_staging(), {variable: PROJECT_ID}) == PROJECT_ID
    assert cloud.project(_staging(app="acme-shop"), {}) == "acme-shop"


def test_the_foundation_makes_a_project_by_name_only() -> None:
    """An id is a project that exists: it is adopted on purpose or left alone."""
    assert foundation.project_name(_foundation(app="acme-shop"), {}) == "acme-shop"
    with pytest.raises(ConfigurationError, match=f"infra:adoptProject to {PROJECT_ID}"):
        foundation.project_name(_foundation(), {"XATA_PROJECT_ID": PROJECT_ID})
