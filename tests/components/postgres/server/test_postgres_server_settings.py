"""What a server may be asked to be."""

from __future__ import annotations

from typing import Any

import pytest

from components.postgres.server.settings import ServerSettings

GOOD: dict[str, Any] = {
    "stack": "dev",
    "projectFolder": "/clone",
    "dataFolder": "",
    "preferredPort": 0,
    "database": "app",
    "user": "app",
    "password": "secret-of-the-test",
    "account": "",
    "startTimeoutSeconds": 60,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("preferredPort", 1024),
        ("preferredPort", 65535),
        ("database", 'we "quote" it; DROP'),
        ("database", "ü" * 31),
        ("user", "O'Brien"),
        ("dataFolder", "relative/folder"),
        ("startTimeoutSeconds", 3600),
    ],
)
def test_unusual_values_are_fine(name: str, value: object) -> None:
    """What Postgres takes is taken."""
    assert ServerSettings.validate({**GOOD, name: value}) == {}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("preferredPort", 80, "1024 to 65535, or 0"),
        ("preferredPort", 65536, "65536 is no port"),
        ("preferredPort", -1, "-1 is no port"),
        ("preferredPort", "5432", "got '5432'; allowed: 1024 to 65535"),
        ("preferredPort", True, "got True"),
        ("database", "", "is no name"),
        ("database", "postgres", "one of Postgres's own"),
        ("database", "template1", "one of Postgres's own"),
        ("database", "a" * 64, "64 bytes long; Postgres keeps 63"),
        ("database", "ü" * 32, "64 bytes long"),
        ("database", "a\0b", "control character"),
        ("database", "a\nb", "control character"),
        ("user", "\udc80", "cannot be written"),
        ("user", "pg_app", "reserved"),
        ("user", "infra_admin", "reserved"),
        ("user", "public", "reserved"),
        ("user", "none", "reserved"),
        ("password", "", "printable ASCII"),
        ("dataFolder", "a\nb", "control character"),
        ("dataFolder", "/" + "a" * 900, "901 bytes long; allowed: 900"),
        ("startTimeoutSeconds", 0, "from 1 to 3600"),
    ],
)
def test_what_cannot_work_is_named(name: str, value: object, words: str) -> None:
    """Each wrong value is refused under its name, with what is allowed."""
    found = ServerSettings.validate({**GOOD, name: value})
    assert list(found) == [name]
    assert words in found[name]


def test_unknown_values_are_not_judged() -> None:
    """In a preview some inputs are not known yet: nothing is said about them."""
    assert ServerSettings.validate({"stack": "dev"}) == {}


def test_every_wrong_value_is_told_at_once() -> None:
    """Wrong properties are all named, and no password is shown."""
    found = ServerSettings.validate({**GOOD, "user": "pg_x", "preferredPort": 1, "password": "grüße-geheim"})
    assert found.keys() == {"user", "preferredPort", "password"}
    assert "geheim" not in str(found)


def test_a_password_is_not_shown() -> None:
    """The settings can be printed."""
    assert "secret-of-the-test" not in repr(ServerSettings.of(GOOD))
