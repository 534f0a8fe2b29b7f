"""DatabaseCheck as Pulumi meets it: gate, warning, retry, and no secret in what is recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from components.connectivity.provider import DatabaseCheckProvider
from components.resource import ProviderError

if TYPE_CHECKING:
    from components.connection import Connection

PROVIDER = DatabaseCheckProvider()
URL = "postgresql://app:hunter2@127.0.0.1:1/app?sslmode=disable"


def _inputs(**changes: Any) -> dict[str, Any]:
    """Inputs as Pulumi sends them: whole numbers as floats."""
    return {"url": URL, "branch": "dev", "mode": "enforce", "budgetSeconds": 0.2, "serverMajor": 18.0, **changes}


def _good(postgres: Connection, **changes: Any) -> dict[str, Any]:
    return _inputs(url=postgres.url, budgetSeconds=20.0, **changes)


def test_create_records_what_was_found_and_no_secret(postgres: Connection) -> None:
    """A passed check records version and branch; neither URL nor password is among the outputs, in no encoding."""
    created = PROVIDER.create(_good(postgres))
    assert created.id == "database-check-dev"
    assert created.outs is not None
    assert created.outs["ok"] is True
    assert created.outs["serverVersion"].startswith("18.")
    assert (created.outs["foundBranch"], created.outs["checkedMode"], created.outs["cause"]) == ("dev", "enforce", "")
    recorded = json.dumps(created.outs)
    assert "url" not in created.outs
    assert postgres.password not in recorded
    assert postgres.url not in recorded


def test_create_fails_the_deployment_when_the_check_fails() -> None:
    """In mode enforce nothing is recorded, so the next up tries again; the message names layer, cause and next step."""
    with pytest.raises(ProviderError) as caught:
        PROVIDER.create(_inputs())
    text = str(caught.value)
    assert text.startswith("the database check of branch dev failed at layer 2, TCP, after ")
    assert "nothing listens on 127.0.0.1:1\n  next: start it" in text
    assert "hunter2" not in text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_create_refuses_the_database_of_another_branch(postgres: Connection) -> None:
    """A URL that leads to another environment stops the deployment."""
    with pytest.raises(ProviderError, match="is branch dev, not staging"):
        PROVIDER.create(_good(postgres, branch="staging"))


def test_warn_records_the_failure_says_it_and_tries_again(
    postgres: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """In mode warn the deployment goes on, the report is printed, and the next up checks again until it passes."""
    failing = _inputs(mode="warn")
    outs = PROVIDER.create(failing).outs
    assert outs is not None
    assert (outs["ok"], outs["checkedMode"]) == (False, "warn")
    assert outs["cause"] == "nothing listens on 127.0.0.1:1"
    assert "warning: the database check of branch dev failed at layer 2, TCP" in capsys.readouterr().err
    assert PROVIDER.diff("id", outs, failing).changes is True
    passing = _good(postgres, mode="warn")
    healed = PROVIDER.update("id", outs, passing).outs
    assert healed is not None
    assert healed["ok"] is True
    assert PROVIDER.diff("id", healed, passing).changes is False


def test_off_does_not_connect() -> None:
    """In mode off nothing is tried, and nothing is tried again."""
    off = _inputs(mode="off")
    outs = PROVIDER.create(off).outs
    assert outs is not None
    assert (outs["ok"], outs["checkedMode"], outs["cause"]) == (False, "off", "not checked")
    assert PROVIDER.diff("id", outs, off).changes is False


def test_a_second_up_shows_nothing(postgres: Connection) -> None:
    """Unchanged inputs are no change, although the URL itself is not recorded."""
    inputs = _good(postgres, trigger={"started": 1.0})
    outs = PROVIDER.create(inputs).outs
    assert PROVIDER.diff("id", outs, inputs).changes is False
    updated = PROVIDER.update("id", outs, inputs).outs
    assert updated == outs


@pytest.mark.parametrize(
    "change",
    [
        {"url": URL},
        {"url": UNKNOWN},
        {"branch": "other"},
        {"mode": "warn"},
        {"budgetSeconds": 3.0},
        {"serverMajor": 17.0},
        {"trigger": "2"},
        {"trigger": UNKNOWN},
    ],
)
def test_every_input_checks_again_in_place(postgres: Connection, change: dict[str, Any]) -> None:
    """Each input updates in place; so does one that is not known yet in a preview."""
    inputs = _good(postgres, trigger="1")
    outs = PROVIDER.create(inputs).outs
    result = PROVIDER.diff("id", outs, {**inputs, **change})
    assert (result.changes, result.replaces) == (True, [])


def test_refresh_neither_connects_nor_changes_anything(postgres: Connection) -> None:
    """A stopped server is drift of the server, not of the check: a refresh keeps what the last check found."""
    outs = PROVIDER.create(_good(postgres)).outs
    assert outs is not None
    read = PROVIDER.read("id", {**outs, "__provider": "pickle"})
    assert (read.id, read.outs, read.inputs) == ("id", outs, None)


def test_delete_does_nothing() -> None:
    """There is nothing to delete, whatever was recorded."""
    PROVIDER.delete("id", {"ok": False})


@pytest.mark.parametrize(
    ("change", "property_", "reason"),
    [
        ({"url": "mysql://app:hunter2@h/d"}, "", "url: the database URL is not of the form postgresql://"),
        ({"branch": ""}, "branch", "empty"),
        ({"mode": "strict"}, "mode", "got 'strict'; allowed: enforce, warn or off"),
        ({"budgetSeconds": 0}, "budgetSeconds", "got 0; allowed: a number of seconds, at most 600"),
        ({"budgetSeconds": 601.0}, "budgetSeconds", "601"),
        ({"budgetSeconds": "5"}, "budgetSeconds", "'5'"),
        ({"budgetSeconds": True}, "budgetSeconds", "True"),
        ({"serverMajor": 0}, "serverMajor", "got 0; allowed: a major version of Postgres, such as 18"),
        ({"serverMajor": "18"}, "serverMajor", "'18'"),
    ],
)
def test_bad_inputs_fail_at_preview(change: dict[str, Any], property_: str, reason: str) -> None:
    """A bad input is refused by name before anything connects, and a bad URL is not repeated."""
    failures = PROVIDER.check({}, _inputs(**change)).failures
    assert failures is not None
    assert [failure.property for failure in failures] == [property_]
    assert reason in failures[0].reason
    assert "hunter2" not in failures[0].reason


def test_inputs_not_known_yet_pass_the_preview() -> None:
    """In the first preview the URL does not exist."""
    assert PROVIDER.check({}, _inputs(url=UNKNOWN, trigger=UNKNOWN)).failures == []


def test_a_wrong_password_is_not_in_the_message(postgres: Connection) -> None:
    """The message of a refused log-in names user, host and port, and no password, right or wrong."""
    url = replace(postgres, password="wrong-hunter2").url
    with pytest.raises(ProviderError) as caught:
        PROVIDER.create(_good(postgres) | {"url": url})
    assert "refuses the password of owner" in str(caught.value)
    assert "hunter2" not in str(caught.value)
