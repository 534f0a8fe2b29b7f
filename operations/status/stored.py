"""What the state in a folder says of a stack, read without its passphrase: outputs, history, age of the password."""

from __future__ import annotations

import bisect
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from operations.engines.recorded import is_secret
from operations.status.facts import Found, Stored, Update
from operations.workspace import KINDS, backend_url, file_backend, scheme
from pulumi_embedded.errors import EngineError
from pulumi_embedded.project import load_project
from pulumi_embedded.state.layout import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pulumi_embedded.state.layout import Layout

MOST_UPDATES: Final = 20
NANOSECONDS: Final = 1_000_000_000
ROOT: Final = "pulumi:pulumi:Stack"
BRANCH, CONNECTION, LOGIN = "xata:Branch", "xata:BranchConnection", "postgres:AppLogin"


class States:
    """The states of a project's stacks.

    Args:
        folder: Where Pulumi.yaml lies.
        environ: The environment variables of the run.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder, self._url, self._project = folder, backend_url(folder, environ), load_project(folder).name

    @property
    def elsewhere(self) -> str:
        """Why states cannot be read; empty where they lie in a folder."""
        if file_backend(self._url) is not None:
            return ""
        kind = scheme(self._url)
        return f"the state lies in {KINDS[kind]} ({kind}://), which only the Pulumi CLI reads"

    def read(self, stack: str, *, history: bool) -> Found[Stored]:
        """What is recorded of a stack; no value where it was never deployed.

        Args:
            stack: Its name.
            history: Whether to read what each of its newest runs had found, and not only the last `up`.
        """
        if self.elsewhere:
            return Found(why=self.elsewhere)
        try:
            layout = parse(self._url, folder=self._folder, project=self._project, stack=stack)
            layout.check()
            if not layout.checkpoint.exists():
                return Found()
            found = _resources(layout.checkpoint)
            return Found(value=_stored(found, layout, history=history))
        except EngineError as error:
            return Found(why=error.message)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return Found(why=f"the state cannot be read: {type(error).__name__}")


def _stored(found: Sequence[Mapping[str, Any]], layout: Layout, *, history: bool) -> Stored:
    outputs = _outputs(found, ROOT)
    branch = _outputs(found, BRANCH)
    return Stored(
        outputs={name: value for name, value in outputs.items() if not is_secret(value)},
        api=str(branch.get("api") or ""),
        parent=str(branch.get("parentName") or ""),
        password_since=_password_since(found, layout),
        app_password_since=_time(_outputs(found, LOGIN).get("since")),
        updates=_updates(layout, history=history),
    )


def _resources(file: Path) -> list[Mapping[str, Any]]:
    latest = json.loads(file.read_bytes())["checkpoint"].get("latest") or {}
    return list(latest.get("resources") or ())


def _one(found: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    """The one resource of a type; what an interrupted replacement has left to delete does not count."""
    return next((one for one in found if str(one["type"]).endswith(kind) and not one.get("delete")), {})


def _outputs(found: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    return _one(found, kind).get("outputs") or {}


def _password_since(found: Sequence[Mapping[str, Any]], layout: Layout) -> datetime | None:
    """When the present password came; None where none is recorded.

    Engines encrypt a value once and keep that text for as long as the value stays, so the oldest of the newest states
    that hold the same text is the one that it came with.
    """
    connection = _one(found, CONNECTION)
    present = (connection.get("outputs") or {}).get("password")
    if not is_secret(present):
        return None
    past = _history(layout, ".checkpoint.json")

    def differs(file: Path) -> bool:
        return bool(_outputs(_resources(file), CONNECTION).get("password") != present)

    first = bisect.bisect_left(past, True, key=lambda file: not differs(file))  # noqa: FBT003 - what is looked for
    if 0 < first < len(past):
        return _moment(past[first])
    return _time(connection.get("modified" if first else "created"))  # of an unrecorded run, or the very first one


def _time(recorded: str | None) -> datetime | None:
    return datetime.fromisoformat(recorded) if recorded else None


def _history(layout: Layout, ending: str) -> list[Path]:
    """A kind of the history's files, oldest first."""
    return sorted(layout.history.glob(f"{layout.stack}-*{ending}"), key=_moment)


def _moment(file: Path) -> datetime:
    stamp = file.name.partition(".")[0].rpartition("-")[2]
    return datetime.fromtimestamp(int(stamp) / NANOSECONDS, tz=UTC)


def _updates(layout: Layout, *, history: bool) -> tuple[Update, ...]:
    """The newest runs; without `history` down to the last `up` alone."""
    found: list[Update] = []
    for file in reversed(_history(layout, ".history.json")[-MOST_UPDATES:]):
        found.append(_update(file, checks=history))
        if not history and found[-1].kind == "update":
            break
    return tuple(found)


def _update(file: Path, *, checks: bool) -> Update:
    told = json.loads(file.read_bytes())
    state = file.with_name(file.name.replace(".history.json", ".checkpoint.json"))
    outputs = _outputs(_resources(state), ROOT) if checks and state.exists() else {}
    found = outputs.get("checks") or {}
    return Update(
        kind=str(told.get("kind") or ""),
        at=datetime.fromtimestamp(int(told.get("endTime") or told["startTime"]), tz=UTC),
        by=_by(told.get("environment") or {}),
        succeeded=told.get("result") == "succeeded",
        database=bool(found["database"]["ok"]) if "database" in found else None,
        app=str(found["worker"]["state"]) if outputs.get("workerName") and "worker" in found else "",
    )


def _by(environment: Mapping[str, str]) -> str:
    """Who ran it: the embedded engine writes that down; the CLI the job it ran in, or who had made the last commit."""
    user, system = environment.get("exec.user", ""), environment.get("ci.system", "")
    if user or system:
        return user or " ".join(filter(None, (system, environment.get("ci.build.number", ""))))
    committer = environment.get("git.committer", "")
    return f"somebody on a commit of {committer}" if committer else ""
