"""Rows from facts, and what a terminal and a program read of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from components.xata.branches.ownership import last_day
from operations.commands.verify import branch_finding
from operations.display.table import Row as Line
from operations.errors import ExitCode
from operations.status.facts import NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from components.xata.api.models import Branch
    from operations.status.facts import Facts, Health, Seen, Stored, Update

Verdict = Literal["healthy", "asleep", "waiting", "failing", "unknown", "absent"]

WORDS: Final[Mapping[Verdict, str]] = {
    "healthy": "healthy",
    "asleep": "asleep",
    "waiting": "waiting",
    "failing": "FAILING",
    "unknown": "not known",
    "absent": "not there",
}
COLOURS: Final[Mapping[Verdict, str]] = {
    "healthy": "green",
    "asleep": "cyan",
    "waiting": "yellow",
    "failing": "red",
    "unknown": "yellow",
}
CALLS_PER_HOUR: Final = 5000
"""What Xata lets a key ask."""
_STEPS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One environment in words.

    Attributes:
        name: The stack's name.
        verdict: How it is; `absent` where it was never deployed, `unknown` where that could not be seen.
        says: Why, in a sentence; empty for nothing to say.
        next_step: What to do about it.
        branch: What its branch is called; empty where there is none.
        parent: What that one's parent is called.
        size: Instance type, replicas and storage; what it is for a database of this machine.
        sleep: When it sleeps.
        url: Where its app is; empty without one.
        app: What the app says.
        facts: What a row shows besides: last run, age of the password, backup, end of life, drift.
        unknown: What is not known, and why.
        source: Where all of it comes from.
    """

    name: str
    verdict: Verdict
    says: str
    next_step: str = ""
    branch: str = ""
    parent: str = ""
    size: str = ""
    sleep: str = ""
    url: str = ""
    app: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    source: Facts = field(repr=False)


def rows(seen: Seen) -> list[Row]:
    """One for each environment, in their order."""
    return [_row(facts, seen.at) for facts in seen.facts]


def exit_code(seen: Seen, found: Sequence[Row]) -> ExitCode:
    """What fails or could not be seen counts more than a drift. What waits, sleeps or is not there is as it may be."""
    if not seen.complete or any(row.verdict in {"failing", "unknown"} for row in found):
        return ExitCode.VERIFICATION_FAILED
    drifts = [row.source.drift for row in found]
    if any(one.why and not one.why.startswith(NOT_ASKED) for one in drifts):
        return ExitCode.VERIFICATION_FAILED
    return ExitCode.DRIFTED if any(one.value == "drifted" for one in drifts) else ExitCode.SUCCESS


def lines(found: Sequence[Row]) -> list[Line]:
    """The rows for a terminal: what is wrong, if anything, stands first."""
    return [
        Line(
            cells=(WORDS[row.verdict], row.name),
            text=row.says,
            below=tuple(filter(None, _below(row))),
            colour=COLOURS.get(row.verdict, ""),
        )
        for row in found
    ]


def _below(row: Row) -> list[str]:
    described = "; ".join(filter(None, (_lineage(row), row.size, row.sleep)))
    told = "; ".join(f"{name} {text}" for name, text in row.facts)
    unknown = [f"not known: {name}, {why}" for name, why in row.unknown]
    return [described, " ".join(filter(None, (row.url, row.app and f"({row.app})"))), told, *unknown, _next(row)]


def _lineage(row: Row) -> str:
    if not row.branch or row.branch == row.name:
        return f"child of {row.parent}" if row.parent else ""
    return f"branch {row.branch}, child of {row.parent}" if row.parent else f"branch {row.branch}"


def _next(row: Row) -> str:
    return f"next: {row.next_step}" if row.next_step else ""


def changes(before: Sequence[Row], after: Sequence[Row]) -> list[str]:
    """What is otherwise than at the look before, a line each."""
    known = {row.name: row for row in before}
    found = []
    for row in after:
        earlier = known.pop(row.name, None)
        if earlier is None:
            found.append(f"{row.name}: {WORDS[row.verdict]}{_why(row)} (new)")
        elif (earlier.verdict, earlier.says) != (row.verdict, row.says):
            found.append(f"{row.name}: {WORDS[earlier.verdict]} -> {WORDS[row.verdict]}{_why(row)}")
    return found + [f"{name}: gone" for name in known]


def pause(seconds: float, calls: int) -> float:
    """How long to wait before the next look, so that no more than half of what a key may ask goes into looking.

    Args:
        seconds: What was asked for.
        calls: How often Xata was asked for this look.
    """
    return max(seconds, calls * 3600 / (CALLS_PER_HOUR / 2))


def spared(seen: Seen) -> dict[str, Health]:
    """What apps said whose branch is awake and would sleep if it were left alone: the next look need not ask them."""
    told = {one.name: one.health.value for one in seen.facts if one.branch.value and one.health.value}
    return {name: health for name, health in told.items() if health.state == "ok"}


def _why(row: Row) -> str:
    return f": {row.says}" if row.says else ""


def as_answer(seen: Seen, found: Sequence[Row]) -> dict[str, Any]:
    """The document for a program."""
    return {
        "ok": exit_code(seen, found) is ExitCode.SUCCESS,
        "at": _iso(seen.at),
        "environments": [_entry(row, seen.at) for row in found],
        "branches": [{"id": one.id, "name": one.name, "parentId": one.parent} for one in seen.branches],
        "notes": list(seen.notes),
        "calls": seen.calls,
    }


def _entry(row: Row, now: datetime) -> dict[str, Any]:
    facts, stored = row.source, row.source.state.value
    branch, update = facts.branch.value, _last_up(stored)
    return {
        "name": row.name,
        "verdict": row.verdict,
        "says": row.says,
        "next": row.next_step,
        "branch": _branch_entry(facts, branch),
        "worker": {"name": stored.text("workerName"), "url": row.url} if stored and row.url else None,
        "health": _health_entry(facts.health.value),
        "lastUp": {"at": _iso(update.at), "by": update.by, "succeeded": update.succeeded} if update else None,
        "password": _age_entry(stored.password_since if stored else None, now),
        "appPassword": _age_entry(stored.app_password_since if stored else None, now),
        "restorePoint": _iso(facts.restore_point.value) if facts.restore_point.value else None,
        "daysLeft": _days_left(branch, now),
        "drift": facts.drift.value,
        "unknown": dict(row.unknown),
    }


def _age_entry(since: datetime | None, now: datetime) -> dict[str, Any] | None:
    return {"since": _iso(since), "days": (now - since).days} if since else None


def _health_entry(health: Health | None) -> dict[str, Any] | None:
    if health is None or health.state == "none":
        return None
    return {"state": health.state, "says": health.says}


def _branch_entry(facts: Facts, branch: Branch | None) -> dict[str, Any] | None:
    if branch is None:
        return None
    return {
        "id": branch.id,
        "name": branch.name,
        "parent": facts.parent_name or None,
        "status": branch.status.kind,
        "region": branch.region,
        "instanceType": branch.configuration.instance_type,
        "replicas": branch.configuration.replicas,
        "storageGigabytes": branch.configuration.storage,
        "sleepsAfterMinutes": branch.scale_to_zero.minutes if branch.scale_to_zero.enabled else None,
        "backupRetentionDays": branch.backup_configuration.retention_days if branch.backup_configuration else None,
    }


def _row(facts: Facts, now: datetime) -> Row:
    stored, branch = facts.state.value, facts.branch.value
    verdict, says, next_step = _verdict(facts)
    health = facts.health.value
    return Row(
        name=facts.name,
        verdict=verdict,
        says=says,
        next_step=next_step,
        branch=branch.name if branch else facts.branch_name if stored and stored.outputs else "",
        parent=facts.parent_name if branch or (stored and stored.outputs) else "",
        size=_size(branch) if branch else "a database on this machine" if stored and stored.is_local else "",
        sleep=_sleep(branch),
        url=_origin(stored),
        app=health.says if health and health.says != says else "",
        facts=tuple(_facts(facts, now)),
        unknown=tuple(_unknown(facts)),
        source=facts,
    )


def _verdict(facts: Facts) -> tuple[Verdict, str, str]:
    """How the environment is: first its branch, which all else depends on, then the app."""
    stored, branch = facts.state.value, facts.branch.value
    deployed = stored is not None and bool(stored.outputs)
    if deployed and stored is not None and stored.is_local:
        return _of_health(facts)
    if branch is not None:
        return _of_branch(facts, branch, deployed=deployed)
    if not deployed:
        return _without(facts)
    if facts.branch.why:
        return "unknown", f"its branch: {facts.branch.why}", ""
    step = f"./infra verify {facts.name} says whether it was deleted; ./infra drift {facts.name} what else is gone"
    return "failing", f"the branch {facts.branch_name} is gone", step


def _of_branch(facts: Facts, branch: Branch, *, deployed: bool) -> tuple[Verdict, str, str]:
    found = branch_finding(branch, facts.branch_name, facts.name)
    if not found.ok:
        return "failing", f"its branch is {found.cause}", found.next_step
    if branch.status.kind == "hibernated":
        return "asleep", "the first connection wakes its branch", ""
    if branch.status.kind != "healthy":
        return "waiting", f"its branch is {found.cause}", ""
    return _of_health(facts) if deployed else ("healthy", "its branch; no state of it is here", "")


def _without(facts: Facts) -> tuple[Verdict, str, str]:
    """An environment of which neither state nor branch is known."""
    if facts.state.why:
        return "unknown", facts.state.why, ""
    if facts.state.value is not None:
        return "absent", "it was taken down, or never came up", f"./infra up {facts.name}"
    return "absent", "it was never deployed from here", f"./infra up {facts.name} makes it"


def _of_health(facts: Facts) -> tuple[Verdict, str, str]:
    health = facts.health.value
    if health is None:
        return "unknown", f"its app: {facts.health.why}", ""
    if health.state == "ok":
        return "healthy", health.says, ""
    if health.state == "none":
        return "healthy", "its branch; it has no Worker", ""
    return ("waiting" if health.state == "waiting" else "failing"), health.says, health.next_step


def _size(branch: Branch) -> str:
    found = branch.configuration
    replicas = f", {found.replicas} replica{'' if found.replicas == 1 else 's'}" if found.replicas else ""
    storage = f", {found.storage} GB" if found.storage else ""
    return f"{found.instance_type}{replicas}{storage}"


def _sleep(branch: Branch | None) -> str:
    if branch is None:
        return ""
    told = branch.scale_to_zero
    return f"sleeps after {told.minutes} idle min" if told.enabled else "never sleeps"


def _origin(stored: Stored | None) -> str:
    """Where the app is, without the path of its health."""
    if stored is None or not stored.text("healthUrl"):
        return ""
    return "/".join(stored.text("healthUrl").split("/")[:3])


def _last_up(stored: Stored | None) -> Update | None:
    return next((one for one in stored.updates if one.kind == "update"), None) if stored else None


def _facts(facts: Facts, now: datetime) -> list[tuple[str, str]]:
    stored, found = facts.state.value, []
    if update := _last_up(stored):
        by = f" by {update.by}" if update.by else ""
        found.append(("up", f"{ago(now - update.at)} ago{by}{'' if update.succeeded else ', which failed'}"))
    if stored:
        found += [(whose, f"{ago(now - since)} old") for whose, since in stored.passwords()]
    if facts.restore_point.value:
        found.append(("restore point", f"{ago(now - facts.restore_point.value)} ago"))
    elif facts.branch.value and not facts.restore_point.why:
        found.append(("restore point", "none yet" if facts.branch.value.backups_enabled else "none, no backups here"))
    if (left := _days_left(facts.branch.value, now)) is not None:
        found.append(("life", f"{left} days left" if left >= 0 else f"over for {-left} days"))
    if facts.drift.value:
        found.append(("drift", facts.drift.value))
    return found


def _unknown(facts: Facts) -> list[tuple[str, str]]:
    """What nobody could tell; what nobody asked for, as drift is, is not missed, nor what hangs on the list alone."""
    if facts.state.value is None and not facts.state.why and facts.branch.value is None:
        return []
    found = [
        ("state", facts.state.why),
        ("branch", facts.branch.why),
        ("restore point", facts.restore_point.why),
        ("app", facts.health.why),
        ("drift", "" if facts.drift.why == NOT_ASKED else facts.drift.why),
    ]
    return [(name, why) for name, why in found if why]


def _days_left(branch: Branch | None, now: datetime) -> int | None:
    end = last_day(branch.description) if branch else None
    return (end - now.date()).days if end else None


def ago(past: timedelta) -> str:
    """A span in its largest unit."""
    seconds = int(past.total_seconds())
    return next((f"{seconds // size} {word}" for size, word in _STEPS if seconds >= size), "less than 1 min")


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
