"""What an app is called, and what its things are called after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.errors import ConfigurationError
from components.postgres.docker_settings import container_name_reason
from components.postgres.server.settings import database_reason, user_reason
from components.worker.names import LONGEST_SCRIPT
from stacks import names
from stacks.config import read
from stacks.settings import DevSettings

if TYPE_CHECKING:
    from stacks.settings import Settings

LONG = "acme " * 20


def _dev(app: str, **values: str) -> DevSettings:
    settings = read("dev", {"infra:app": app, **{f"infra:{key}": value for key, value in values.items()}})
    assert isinstance(settings, DevSettings)
    return settings


@pytest.mark.parametrize(
    ("app", "project", "short", "identifier"),
    [
        ("acme-shop", "acme-shop", "acme-shop", "acme_shop"),
        ("shop", "shop", "shop", "shop"),
        ("Acme Shop", "Acme Shop", "acme-shop", "acme_shop"),
        (" Acme & Co / shop ", "acme-co-shop", "acme-co-shop", "acme_co_shop"),
        ("Caf\u00e9", "Caf\u00e9", "cafe", "cafe"),
        ("shop \u5546\u5e97", "shop \u5546\u5e97", "shop-9de022", "shop_9de022"),
        ("3d-shop", "3d-shop", "3d-shop", "app_3d_shop"),
        ("postgres", "postgres", "postgres", "app_postgres"),
        ("public", "public", "public", "app_public"),
        ("pg_shop", "pg_shop", "pg-shop", "app_pg_shop"),
        ("select", "select", "select", "select"),
        (LONG, "acme-acme-acme-acme-acme-acme-acm-e2190f", "acme-acme-acme-acme-acme-acme-acm-e2190f", ""),
    ],
)
def test_a_name_that_does_not_fit_is_turned_into_one_that_does(
    app: str, project: str, short: str, identifier: str
) -> None:
    """Workers and containers have it in lower case with dashes, Postgres with underscores, and no word of its own."""
    settings = _dev(app)
    found = names.database(settings)
    assert (names.project(settings), names.short(app)) == (project, short)
    assert found == names.role(settings) == (identifier or short.replace("-", "_"))
    assert not database_reason(found)
    assert not user_reason(found)
    assert not container_name_reason(names.container(settings))
    assert max(len(names.worker(settings, suffix)) for suffix in ("a" * 21, "pr-999999999")) <= LONGEST_SCRIPT


def test_long_names_that_begin_alike_stay_two() -> None:
    """A digest of the whole stands for what was cut off."""
    assert names.short("a" * 60) != names.short("a" * 61)


@pytest.mark.parametrize("stack", ["dev", "qa", "foundation", "pr-7"])
def test_a_plan_says_how_the_name_is_written(stack: str) -> None:
    """In one sentence, of what the stack has; a name that fits is not talked about."""

    def said(app: str, **values: str) -> str:
        settings: Settings = read(stack, {"infra:app": app, **{f"infra:{key}": one for key, one in values.items()}})
        return names.adapted(settings)

    assert said("shop") == ""
    worker = "infra:app 'Acme Shop' is written acme-shop in the names of Workers and containers"
    assert said("Acme Shop") == worker + (" and acme_shop in Postgres" if stack == "dev" else "")
    if stack == "dev":
        assert said("acme-shop") == "infra:app 'acme-shop' is written acme_shop in Postgres"
        assert said("acme-shop", databaseName="shop", databaseUser="shop") == ""
        assert said("acme-shop", database="xata") == ""


def test_each_name_can_be_said_by_itself() -> None:
    """By the key that it has; then the app's does not count."""
    settings = _dev("acme-shop", containerName="box", databaseName="one", databaseUser="two")
    assert (names.container(settings), names.database(settings), names.role(settings)) == ("box", "one", "two")


def test_without_a_name_it_is_told_where_it_is_said() -> None:
    """The line to paste, and the key that does without."""
    with pytest.raises(ConfigurationError, match=r"infra:app is not set, .*\n.*Pulumi\.yaml.*infra:app: acme-shop.*"):
        names.project(_dev(""))
