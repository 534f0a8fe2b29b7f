"""Where the dev database lives, chosen once. Pure.

A developer's data must not change houses because a daemon was down: the first choice is recorded beside the state and
followed from then on. Only an explicit `database: docker` or `database: embedded` moves it.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import unquote

from components.errors import ConfigurationError, LocalError, RefusedError
from components.local.files import MOST_BYTES, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from components.postgres.docker_settings import DockerSettings

Home = Literal["docker", "embedded"]

HOMES: tuple[Home, ...] = ("docker", "embedded")
RECORD_FORMAT = 1
WORDS = {"docker": "a Docker container", "embedded": "an embedded server"}


@dataclass(frozen=True, kw_only=True)
class Availability:
    """Whether Docker can be used here.

    Attributes:
        available: It can.
        reason: Why, or why not; ends a sentence that begins with "because".
        next_step: What would make it available.
    """

    available: bool
    reason: str
    next_step: str = ""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was chosen, as kept beside the state.

    Attributes:
        home: Where the database lives.
        because: Why it was chosen.
        docker_port: The container's port, once one was chosen; 0 before.
        date: When, as an ISO date.
        docker_volume: The volume that holds the container's data; empty while there is none. A new name of the
            container changes nothing about it.
        clone: What this clone marks its containers with; empty before the first one.
    """

    home: Home
    because: str
    docker_port: int = 0
    date: str = ""
    docker_volume: str = ""
    clone: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Where the database lives in this run.

    Attributes:
        home: Where the database lives.
        because: Why.
        message: What the user is told; empty when the record is simply followed.
    """

    home: Home
    because: str
    message: str = ""


def decide(requested: str, *, record: Record | None, docker: Callable[[], Availability]) -> Decision:
    """Decide where the database lives.

    Args:
        requested: `auto`, `docker` or `embedded`, as configured.
        record: What was chosen earlier.
        docker: Looks whether Docker can be used; asked only where the answer matters.

    Raises:
        ConfigurationError: Nothing of that name can be requested.
        LocalError: Docker is recorded or requested and cannot be used.
    """
    if requested not in {"auto", *HOMES}:
        raise ConfigurationError(
            f"database: {requested!r} is no home of the dev database; allowed: auto, docker or embedded",
            next_step="correct database in the stack's configuration",
        )
    if requested == "auto":
        return _chosen(docker()) if record is None else _followed(record, docker)
    home = cast("Home", requested)
    if home == "docker":
        _require(docker(), because="the configuration says database: docker")
    because = f"the configuration says database: {home}"
    if record is None:
        return Decision(
            home=home, because=because, message=f"The dev database lives in {WORDS[home]}, because {because}."
        )
    if record.home == home:
        return Decision(home=home, because=record.because)
    return Decision(
        home=home,
        because=because,
        message=f"The dev database moves from {WORDS[record.home]} to {WORDS[home]}, because {because}. Its data do "
        "not move with it: they stay where they are unless retainData is false, and database: "
        f"{record.home} leads back to them.",
    )


def _chosen(docker: Availability) -> Decision:
    home: Home = "docker" if docker.available else "embedded"
    message = (
        f"The dev database lives in {WORDS[home]}, because {docker.reason}. This is chosen once and stays so; "
        f"database: {'embedded' if docker.available else 'docker'} in the stack's configuration moves it."
    )
    return Decision(home=home, because=docker.reason, message=message)


def _followed(record: Record, docker: Callable[[], Availability]) -> Decision:
    if record.home == "docker":
        since = f" on {record.date}" if record.date else ""
        _require(docker(), because=f"the dev database of this stack was put into a Docker container{since}")
    return Decision(home=record.home, because=record.because)


def _require(docker: Availability, *, because: str) -> None:
    if docker.available:
        return
    ways = [docker.next_step] if docker.next_step else []
    ways.append("or set database: embedded in the stack's configuration, which starts an empty database of its own")
    raise LocalError(f"Docker is wanted, because {because}, but {docker.reason}", next_step="; ".join(ways))


def docker_port(configured: int, *, record: Record | None, free: Callable[[], int]) -> int:
    """The container's port: the configured one, else the recorded one, else a free one, which is to be recorded."""
    return configured or (record.docker_port if record else 0) or free()


def new_record(
    decision: Decision, *, earlier: Record | None, today: date, container: DockerSettings | None = None
) -> Record:
    """What is to be recorded after `decision`. Equal to the earlier record when nothing changed.

    Args:
        decision: The decision.
        earlier: What was recorded before.
        today: The day of the choice.
        container: The container to be; None leaves what was recorded of an earlier one.
    """
    before = earlier or Record(home=decision.home, because="")
    same = earlier is not None and earlier.home == decision.home
    return Record(
        home=decision.home,
        because=decision.because,
        docker_port=container.port if container else before.docker_port,
        date=before.date if same else today.isoformat(),
        docker_volume=container.volume_name if container else before.docker_volume,
        clone=container.clone if container else before.clone,
    )


def record_path(backend_url: str, project_folder: Path, project: str, stack: str) -> Path:
    """Where the choice is recorded: beside the state, or in the project where the state is not on this machine."""
    name = f"infra-{project}-{stack}.json"
    if not backend_url.startswith("file://"):
        return project_folder / ".infra" / name
    text = unquote(backend_url.removeprefix("file://").partition("?")[0])
    return project_folder / Path(text).expanduser() / name


def read_record(path: Path) -> Record | None:
    """What was recorded; None when nothing was.

    Raises:
        RefusedError: The file is there and is not a record of ours.
        LocalError: It cannot be read.
    """
    try:
        text = read_bytes(path, MOST_BYTES).decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise _damaged(path, "it is not text") from None
    except OSError as error:
        raise LocalError(
            f"the record of where the dev database lives cannot be read: {error.strerror} ({path})",
            next_step=f"make it readable for this account: {path}",
        ) from None
    try:
        return _parsed(json.loads(text))
    except json.JSONDecodeError as error:
        raise _damaged(path, f"line {error.lineno} is not JSON") from None
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from None


def _parsed(found: Any) -> Record:
    if not isinstance(found, dict):
        raise ValueError("it holds no object")  # noqa: TRY004 - one kind of damage, one kind of error
    if found.get("format") != RECORD_FORMAT:
        raise ValueError(f"its format is {found.get('format')!r}, and this version reads {RECORD_FORMAT}")
    home, because, port, day = (found.get(key) for key in ("database", "because", "dockerPort", "date"))
    volume, clone = (found.get(key, "") for key in ("dockerVolume", "clone"))
    if home not in HOMES:
        raise ValueError(f"database is {home!r}; allowed: {' or '.join(HOMES)}")
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65535:  # noqa: PLR2004 - ports
        raise ValueError(f"dockerPort is {port!r}; allowed: 0 to 65535")
    texts = (because, day, volume, clone)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("because, date, dockerVolume and clone must be text")
    because, day, volume, clone = map(str, texts)
    return Record(home=home, because=because, docker_port=port, date=day, docker_volume=volume, clone=clone)


def _damaged(path: Path, reason: str) -> RefusedError:
    return RefusedError(
        f"the record of where the dev database lives is damaged: {reason} ({path}). Nothing was changed",
        next_step="remove it and set database: docker or database: embedded in the stack's configuration, "
        f"whichever holds your data: rm {path}",
    )


def write_record(path: Path, record: Record) -> None:
    """Keep a record: readable for its owner alone, written as a whole or not at all.

    Raises:
        LocalError: It cannot be written.
    """
    content = {
        "format": RECORD_FORMAT,
        "database": record.home,
        "because": record.because,
        "dockerPort": record.docker_port,
        "date": record.date,
        "dockerVolume": record.docker_volume,
        "clone": record.clone,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise LocalError(
            f"where the dev database lives cannot be recorded: {error.strerror} ({path})",
            next_step=f"make the folder writable for this account: {path.parent}",
        ) from None


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
