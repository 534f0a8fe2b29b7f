"""What an answer that is no success is told as: the error, its sentence and its facts. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.http.exchange import Answer, Lost
from components.http.scrub import scrub
from components.worker.api import errors
from components.worker.api.address import BASE_URL_VARIABLES
from components.worker.api.envelope import has_succeeded, is_enveloped, message_of, ray_of, troubles_of
from components.worker.api.quoting import quotable
from components.worker.api.rules import LATER, match

if TYPE_CHECKING:
    from components.worker.api.bodies import Content
    from components.worker.api.operations import Operation

LONGEST_RAY = 60
AGAIN = "run the same command again: it looks for what is there before it makes anything"

_NAMED = re.compile(r"'([A-Za-z_][A-Za-z0-9_]*)'|\"([A-Za-z_][A-Za-z0-9_]*)\"")
_WITHOUT_WORDS = frozenset({408, 423, 429})
"""Gateways in front of the API answer these without its envelope."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as errors tell of it. `attempts` counts from 1; `retry_after` is in seconds."""

    operation: Operation
    path: str
    token: str
    content: Content
    attempts: int = 1
    retry_after: float | None = None

    def __repr__(self) -> str:
        return f"Call({self.operation.method} {self.path})"


def of_answer(call: Call, answer: Answer) -> errors.CloudflareError:
    """The error that an answer is which did not succeed."""
    failed = answer.status >= 500  # noqa: PLR2004 - 5xx
    if not (is_enveloped(answer) or failed or answer.status in _WITHOUT_WORDS):
        return malformed(call, answer, _foreign(answer))
    if not call.operation.repeatable and (failed or answer.status == 408):  # noqa: PLR2004 - Request Timeout
        return _ambiguous(call, _quoted(call, answer), answer)
    rule, names = match(answer), _names(call, answer)
    permission = call.operation.permission
    says, next_step = rule.says.format(permission=permission), rule.next_step.format(permission=permission)
    if call.retry_after is not None:
        next_step = f"try again in {call.retry_after:.0f} s: that is what Cloudflare asks for"
    told = f"{', '.join(names)}: {says}" if names and says else says
    words = f"{_quoted(call, answer)}{': ' if told else ''}{told}"
    return rule.error(_told(call, words, answer), next_step=next_step, **_facts(call, answer))


def of_loss(call: Call, lost: Lost) -> errors.CloudflareError:
    """The error that a missing answer is."""
    if lost.sent and not call.operation.repeatable:
        return _ambiguous(call, lost.reason, lost)
    next_step = lost.next_step.format(address=BASE_URL_VARIABLES[0]) or LATER
    return errors.UnreachableError(_told(call, lost.reason, lost), next_step=next_step, **_facts(call, lost))


def malformed(call: Call, answer: Answer, problem: str) -> errors.CloudflareError:
    """The error that an unreadable answer is. After an upload that was carried out only the answer is lost."""
    words = f"Cloudflare answered {answer.status}, and {problem}"
    if not call.operation.repeatable and answer.succeeded:
        return _ambiguous(call, words, answer)
    return errors.MalformedAnswerError(
        _told(call, words, answer),
        next_step=f"check {BASE_URL_VARIABLES[0]} and proxies on the way; where both are right, update this program",
        **_facts(call, answer),
    )


def _ambiguous(call: Call, words: str, outcome: Answer | Lost) -> errors.AmbiguousError:
    done = isinstance(outcome, Answer) and has_succeeded(outcome)
    fate = "it was carried out" if done else "whether it was carried out is not known"
    return errors.AmbiguousError(_told(call, f"{words}; {fate}", outcome), next_step=AGAIN, **_facts(call, outcome))


def _told(call: Call, words: str, outcome: Answer | Lost) -> str:
    """The sentence that every error is."""
    ray = f"ray {_ray(call, outcome)}" if _ray(call, outcome) else ""
    attempts = f"{call.attempts} attempts" if call.attempts > 1 else ""
    aside = ", ".join(part for part in (ray, attempts) if part)
    where = f"{call.operation.method} {call.path}"
    return f"could not {call.operation.act} ({where}): {words}{f' ({aside})' if aside else ''}"


def _quoted(call: Call, answer: Answer) -> str:
    codes = ", ".join(str(trouble.code) for trouble in troubles_of(answer))
    words = _words(call, answer)
    return f"Cloudflare answered {answer.status}" + (f" ({codes})" if codes else "") + (f' "{words}"' if words else "")


def _words(call: Call, answer: Answer) -> str:
    return quotable(message_of(answer), token=call.token, values=call.content.values)


def _names(call: Call, answer: Answer) -> tuple[str, ...]:
    """The names of secrets that the server's message quotes, of those that were sent."""
    quoted = {one or other for one, other in _NAMED.findall(message_of(answer))}
    return tuple(sorted(quoted & set(call.content.names)))


def _facts(call: Call, outcome: Answer | Lost) -> dict[str, Any]:
    if isinstance(outcome, Lost):
        return {"status": outcome.status, "attempts": call.attempts, "retry_after": call.retry_after}
    return {
        "codes": [trouble.code for trouble in troubles_of(outcome)],
        "names": _names(call, outcome),
        "status": outcome.status,
        "request_id": _ray(call, outcome),
        "server_message": _words(call, outcome),
        "attempts": call.attempts,
        "retry_after": call.retry_after,
    }


def _ray(call: Call, outcome: Answer | Lost) -> str:
    told = ray_of(outcome) if isinstance(outcome, Answer) else ""
    return quotable(told, token=call.token, values=call.content.values)[:LONGEST_RAY]


def _foreign(answer: Answer) -> str:
    if answer.status < 400 and not answer.succeeded:  # noqa: PLR2004 - redirects end below 400
        return "a redirect is not followed with a token"
    kind = scrub(answer.headers.get("content-type", "") or "no type")
    return f"the answer ({kind}) is not in Cloudflare's envelope: something on the way may have answered"
