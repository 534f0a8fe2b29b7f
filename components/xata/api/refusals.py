"""What an answer that is no success is told as: the error, its sentence and its facts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from httpx import codes

from components.http.exchange import Answer, Lost
from components.http.scrub import scrub
from components.xata.api import errors
from components.xata.api.rules import LATER, match
from components.xata.api.words import message_of, request_id_of

if TYPE_CHECKING:
    from components.xata.api.operations import Operation

LONGEST_REQUEST_ID = 100


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as errors tell of it. `attempts` counts from 1; `retry_after` is in seconds."""

    operation: Operation
    path: str
    request_id: str
    secrets: tuple[str, ...] = ()
    attempts: int = 1
    retry_after: float | None = None


_WITHOUT_WORDS = frozenset({408, 423, 429})
"""Gateways in front of the service answer these without its words."""


def of_answer(call: Call, answer: Answer) -> errors.XataError:
    """The error that an answer of status 300 or more is."""
    if not (message_of(answer) or answer.status >= 500 or answer.status in _WITHOUT_WORDS):  # noqa: PLR2004 - 5xx
        return malformed(call, answer, _foreign(answer))
    if call.operation.writes and _is_fate_unknown(answer):
        return ambiguous(call, _quoted(call, answer), answer)
    rule, number = match(answer)
    names = {"n": f"{number} " if number else "", "scope": call.operation.scope, "reach": _reach(call.operation)}
    says, next_step = rule.says.format(**names), rule.next_step.format(**names)
    if call.retry_after is not None:
        next_step = f"try again in {call.retry_after:.0f} s: that is what Xata asks for"
    words = f"{_quoted(call, answer)}{': ' if says else ''}{says}"
    return rule.error(_told(call, words, answer), next_step=next_step, **_facts(call, answer))


def of_loss(call: Call, lost: Lost) -> errors.XataError:
    """The error that a missing answer is."""
    if call.operation.writes and lost.sent:
        return ambiguous(call, lost.reason, lost)
    next_step = lost.next_step.format(address="XATA_API_BASE_URL") or LATER
    return errors.UnreachableError(_told(call, lost.reason, lost), next_step=next_step, **_facts(call, lost))


def malformed(call: Call, answer: Answer, problem: str) -> errors.XataError:
    """The error that an unreadable answer is. After a write that was carried out only the answer is lost."""
    words = f"Xata answered {answer.status}, and {problem}"
    if call.operation.writes and answer.succeeded:
        return ambiguous(call, words, answer)
    return errors.MalformedAnswerError(
        _told(call, words, answer),
        next_step="check XATA_API_BASE_URL and proxies on the way; where both are right, update this program",
        **_facts(call, answer),
    )


def ambiguous(call: Call, words: str, outcome: Answer | Lost) -> errors.AmbiguousError:
    """The error that a write of unknown fate is."""
    done = codes.is_success(outcome.status or 0)
    fate = "it was carried out" if done else "whether it was carried out is not known"
    return errors.AmbiguousError(
        _told(call, f"{words}; {fate}", outcome),
        next_step="run the same command again: it looks for what is there before it makes anything",
        **_facts(call, outcome),
    )


def _is_fate_unknown(answer: Answer) -> bool:
    """Whether this answer to a write leaves open whether it was done. Limits and switches are judged before that."""
    if answer.status == 503:  # noqa: PLR2004 - Service Unavailable
        return "retry-after" not in answer.headers
    return answer.status == 408 or (answer.status >= 500 and answer.status != 501)  # noqa: PLR2004 - see above


def _told(call: Call, words: str, outcome: Answer | Lost) -> str:
    """The sentence that every error is."""
    attempts = f", {call.attempts} attempts" if call.attempts > 1 else ""
    operation = call.operation
    where = f"{operation.method} {call.path}"
    return f"could not {operation.act} ({where}): {words} (request {_request_id(call, outcome)}{attempts})"


def _quoted(call: Call, answer: Answer) -> str:
    message = scrub(message_of(answer), secrets=call.secrets)
    return f"Xata answered {answer.status}" + (f' "{message}"' if message else "")


def _facts(call: Call, outcome: Answer | Lost) -> dict[str, Any]:
    message = message_of(outcome) if isinstance(outcome, Answer) else ""
    return {
        "status": outcome.status,
        "request_id": _request_id(call, outcome),
        "server_message": scrub(message, secrets=call.secrets),
        "attempts": call.attempts,
        "retry_after": call.retry_after,
    }


def _request_id(call: Call, outcome: Answer | Lost) -> str:
    told = request_id_of(outcome) if isinstance(outcome, Answer) else ""
    return scrub(told, secrets=call.secrets)[:LONGEST_REQUEST_ID] or call.request_id


def _reach(operation: Operation) -> str:
    """What the key must not be cut off from: whoever adds to a collection needs all of it."""
    if operation.unlimited:
        return f"all {operation.unlimited}, because one is added"
    named = [name for name in ("organization", "project", "branch") if f"{{{name}}}" in operation.path]
    return f"this {named[-1]}" if named else "the organization"


def _foreign(answer: Answer) -> str:
    if answer.status < 400:  # noqa: PLR2004 - redirects end below 400
        return "a redirect is not followed with a key"
    kind = scrub(answer.headers.get("content-type", "") or "no type")
    return f"the answer ({kind}) has no message of Xata's: something on the way may have answered"
