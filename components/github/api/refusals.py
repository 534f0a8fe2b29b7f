"""What an answer that is no success is told as: the error, its sentence and its facts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from components.github.api import errors
from components.github.api.address import BASE_URL_VARIABLE
from components.github.api.rules import LATER, match
from components.http.exchange import Answer, Lost
from components.http.scrub import scrub

if TYPE_CHECKING:
    from components.github.api.operations import Operation

LONGEST_REQUEST_ID = 100
_WITHOUT_WORDS = frozenset({408, 429})
"""Gateways in front of the API answer these without its words."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as errors tell of it. `attempts` counts from 1; `retry_after` is in seconds."""

    operation: Operation
    path: str
    token: str = field(repr=False)
    attempts: int = 1
    retry_after: float | None = None


def of_answer(call: Call, answer: Answer) -> errors.GitHubError:
    """The error that an answer is which did not succeed."""
    failed = answer.status >= 500  # noqa: PLR2004 - 5xx
    if not (message_of(answer) or failed or answer.status in _WITHOUT_WORDS):
        return malformed(call, answer, _foreign(answer))
    if not call.operation.repeatable and ((failed and answer.status != 501) or answer.status == 408):  # noqa: PLR2004 - as named
        return _ambiguous(call, _quoted(call, answer), answer)
    rule, names = match(answer), {"permission": call.operation.permission}
    next_step = rule.next_step.format(**names)
    if call.retry_after is not None:
        next_step = f"try again in {call.retry_after:.0f} s: that is what GitHub asks for"
    words = f"{_quoted(call, answer)}{': ' if rule.says else ''}{rule.says}"
    return rule.error(_told(call, words, answer), next_step=next_step, **_facts(call, answer))


def of_loss(call: Call, lost: Lost) -> errors.GitHubError:
    """The error that a missing answer is."""
    if lost.sent and not call.operation.repeatable:
        return _ambiguous(call, lost.reason, lost)
    next_step = lost.next_step.format(address=BASE_URL_VARIABLE) or LATER
    return errors.UnreachableError(_told(call, lost.reason, lost), next_step=next_step, **_facts(call, lost))


def malformed(call: Call, answer: Answer, problem: str) -> errors.GitHubError:
    """The error that an unreadable answer is. After a creation that was carried out only the answer is lost."""
    words = f"GitHub answered {answer.status}, and {problem}"
    if not call.operation.repeatable and answer.succeeded:
        return _ambiguous(call, words, answer)
    return errors.MalformedAnswerError(
        _told(call, words, answer),
        next_step=f"check {BASE_URL_VARIABLE} and proxies on the way; where both are right, update this program",
        **_facts(call, answer),
    )


def message_of(answer: Answer) -> str:
    """The server's own words, with those about single fields; empty when the body is not GitHub's. Scrub them."""
    message = answer.document.get("message")
    if not isinstance(message, str):
        return ""
    listed = answer.document.get("errors")
    details = [one.get("message") for one in (listed if isinstance(listed, list) else []) if isinstance(one, dict)]
    return "; ".join([message, *(detail for detail in details if isinstance(detail, str))])


def _ambiguous(call: Call, words: str, outcome: Answer | Lost) -> errors.AmbiguousError:
    done = isinstance(outcome, Answer) and outcome.succeeded
    fate = "it was carried out" if done else "whether it was carried out is not known"
    return errors.AmbiguousError(
        _told(call, f"{words}; {fate}", outcome),
        next_step="run the same command again: it looks for what is there before it writes anything",
        **_facts(call, outcome),
    )


def _told(call: Call, words: str, outcome: Answer | Lost) -> str:
    """The sentence that every error is."""
    request = f"request {_request_id(call, outcome)}" if _request_id(call, outcome) else ""
    attempts = f"{call.attempts} attempts" if call.attempts > 1 else ""
    aside = ", ".join(part for part in (request, attempts) if part)
    where = f"{call.operation.method} {call.path}"
    return f"could not {call.operation.act} ({where}): {words}{f' ({aside})' if aside else ''}"


def _quoted(call: Call, answer: Answer) -> str:
    message = scrub(message_of(answer), secrets=(call.token,))
    return f"GitHub answered {answer.status}" + (f' "{message}"' if message else "")


def _facts(call: Call, outcome: Answer | Lost) -> dict[str, Any]:
    message = message_of(outcome) if isinstance(outcome, Answer) else ""
    return {
        "status": outcome.status,
        "request_id": _request_id(call, outcome),
        "server_message": scrub(message, secrets=(call.token,)),
        "attempts": call.attempts,
        "retry_after": call.retry_after,
    }


def _request_id(call: Call, outcome: Answer | Lost) -> str:
    told = outcome.headers.get("x-github-request-id", "") if isinstance(outcome, Answer) else ""
    return scrub(told, secrets=(call.token,))[:LONGEST_REQUEST_ID]


def _foreign(answer: Answer) -> str:
    if answer.status < 400 and not answer.succeeded:  # noqa: PLR2004 - redirects end below 400
        return "a redirect is not followed with a token: the repository may have been renamed"
    kind = scrub(answer.headers.get("content-type", "") or "no type")
    return f"the answer ({kind}) has no message of GitHub's: something on the way may have answered"
