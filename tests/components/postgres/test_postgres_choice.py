from __future__ import annotations

import json
import stat
from datetime import date
from pathlib import Path

import pytest

from components.errors import ConfigurationError, LocalError, RefusedError
from components.postgres.choice import (
    Availability,
    Decision,
    Record,
    decide,
    docker_port,
    new_record,
    read_record,
    record_path,
    write_record,
)

UP = Availability(available=True, reason="a Docker daemon answers at unix:///var/run/docker.sock")
DOWN = Availability(available=False, reason="no Docker daemon answers", next_step="start Docker")
DOCKER = Record(
    home="docker", because=UP.reason, docker_port=15432, date="2026-01-02", docker_volume="db-data", clone="here"
)
EMBEDDED = Record(home="embedded", because=DOWN.reason, date="2026-01-02")


def never() -> Availability:
    """A look at Docker that must not happen."""
    pytest.fail("Docker was looked at although the answer does not matter")


@pytest.mark.parametrize(("docker", "home"), [(UP, "docker"), (DOWN, "embedded")])
def test_auto_takes_docker_where_it_works(docker: Availability, home: str) -> None:
    """The first `auto` takes Docker if it can be used, else the embedded server, and says why."""
    decision = decide("auto", record=None, docker=lambda: docker)
    assert decision.home == home
    assert decision.because == docker.reason
    assert docker.reason in decision.message
    assert "chosen once" in decision.message


def test_record_is_followed_silently() -> None:
    """Later runs do what was recorded, without a word."""
    assert decide("auto", record=DOCKER, docker=lambda: UP) == Decision(home="docker", because=DOCKER.because)
    assert decide("auto", record=EMBEDDED, docker=never) == Decision(home="embedded", because=EMBEDDED.because)


def test_recorded_docker_that_is_down_is_an_error_and_no_switch() -> None:
    """Data must not change houses because a daemon is down: the error says since when, why and what to do."""
    with pytest.raises(LocalError) as caught:
        decide("auto", record=DOCKER, docker=lambda: DOWN)
    text = str(caught.value)
    for part in (
        "put into a Docker container on 2026-01-02",
        "no Docker daemon answers",
        "start Docker",
        "database: embedded",
    ):
        assert part in text


def test_explicit_docker_that_is_down_is_an_error() -> None:
    """Docker asked for by name is never replaced by something else."""
    with pytest.raises(LocalError, match="the configuration says database: docker, but no Docker daemon answers"):
        decide("docker", record=None, docker=lambda: DOWN)


def test_explicit_embedded_never_asks_docker() -> None:
    """Where the answer does not matter, no daemon is asked."""
    assert decide("embedded", record=None, docker=never).home == "embedded"
    assert decide("embedded", record=EMBEDDED, docker=never).message == ""


@pytest.mark.parametrize(("requested", "record"), [("embedded", DOCKER), ("docker", EMBEDDED)])
def test_explicit_order_moves_and_says_that_data_stay(requested: str, record: Record) -> None:
    """Another home by name is the user's order; what it means for the data is said."""
    decision = decide(requested, record=record, docker=lambda: UP)
    assert decision.home == requested
    assert "moves from" in decision.message
    assert "Its data do not move with it" in decision.message
    assert f"database: {record.home} leads back" in decision.message


def test_explicit_order_that_agrees_with_the_record_is_silent() -> None:
    """Writing down what is already so changes nothing."""
    assert decide("docker", record=DOCKER, docker=lambda: UP).message == ""


def test_unknown_home_is_refused() -> None:
    """Another word is refused with the allowed ones."""
    with pytest.raises(ConfigurationError, match="'sqlite' is no home of the dev database; allowed: auto, docker or"):
        decide("sqlite", record=None, docker=never)


def test_port_is_chosen_once() -> None:
    """A configured port wins, a recorded one stays, and only then a free one is looked for."""

    def none() -> int:
        pytest.fail("a free port was looked for")

    assert docker_port(5433, record=DOCKER, free=none) == 5433
    assert docker_port(0, record=DOCKER, free=none) == 15432
    assert docker_port(0, record=EMBEDDED, free=lambda: 20001) == 20001
    assert docker_port(0, record=None, free=lambda: 20001) == 20001


def test_new_record_keeps_what_did_not_change() -> None:
    """The day of the choice and the port outlive runs that follow it, and a move keeps the port for the way back."""
    today = date(2026, 3, 4)
    followed = decide("auto", record=DOCKER, docker=lambda: UP)
    assert new_record(followed, earlier=DOCKER, today=today) == DOCKER
    moved = new_record(decide("embedded", record=DOCKER, docker=never), earlier=DOCKER, today=today)
    assert (moved.home, moved.docker_port, moved.date) == ("embedded", 15432, "2026-03-04")
    assert (moved.docker_volume, moved.clone) == ("db-data", "here")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:///srv/state", "/srv/state/infra-infra-dev.json"),
        ("file:///srv/my%20state?create_dir=true", "/srv/my state/infra-infra-dev.json"),
        ("file://./.infra/state?create_dir=true", "/clone/.infra/state/infra-infra-dev.json"),
        ("s3://bucket", "/clone/.infra/infra-infra-dev.json"),
        ("", "/clone/.infra/infra-infra-dev.json"),
    ],
)
def test_record_lies_beside_the_state(url: str, expected: str) -> None:
    """A file backend keeps the record in its folder; any other leaves it in the clone."""
    assert record_path(url, Path("/clone"), "infra", "dev") == Path(expected)


def test_record_of_the_home_folder_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """`file://~` is the user's folder, as for Pulumi."""
    monkeypatch.setenv("HOME", "/home/mira")
    assert record_path("file://~", Path("/clone"), "infra", "dev") == Path("/home/mira/infra-infra-dev.json")


def test_record_comes_back_as_written(tmp_path: Path) -> None:
    """What is written is read again, by its owner alone, and no half-written file stays."""
    path = tmp_path / "state" / "infra-infra-dev.json"
    assert read_record(path) is None
    write_record(path, EMBEDDED)
    write_record(path, DOCKER)
    assert read_record(path) == DOCKER
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


GOOD = {"format": 1, "database": "docker", "because": "x", "dockerPort": 1, "date": ""}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "line 1 is not JSON"),
        ("[]", "it holds no object"),
        ("\x00", "line 1 is not JSON"),
        (json.dumps({**GOOD, "format": 2}), "its format is 2, and this version reads 1"),
        (json.dumps({**GOOD, "database": "xata"}), "database is 'xata'; allowed: docker or embedded"),
        (json.dumps({**GOOD, "dockerPort": "1"}), "dockerPort is '1'"),
        (json.dumps({**GOOD, "dockerPort": 70000}), "dockerPort is 70000"),
        (json.dumps({**GOOD, "because": 1}), "because, date, dockerVolume and clone must be text"),
    ],
)
def test_damaged_record_is_refused_and_left_alone(tmp_path: Path, text: str, reason: str) -> None:
    """A record that cannot be understood is never guessed at nor overwritten."""
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(RefusedError) as caught:
        read_record(path)
    assert reason in caught.value.message
    assert str(path) in caught.value.next_step
    assert path.read_text() == text


def test_record_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are damage, not a crash."""
    path = tmp_path / "record.json"
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(RefusedError, match="it is not text"):
        read_record(path)


def test_unreadable_record_is_named(tmp_path: Path) -> None:
    """A record that is there and cannot be opened stops the run."""
    with pytest.raises(LocalError, match="cannot be read"):
        read_record(tmp_path)


def test_record_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A choice that cannot be kept is an error, with the folder to open."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match="cannot be recorded"):
        write_record(tmp_path / "file" / "record.json", DOCKER)
