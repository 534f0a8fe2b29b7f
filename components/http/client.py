"""The one client of REST APIs: retries, one budget, the error that a refusal is. A service adds its operations."""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
import re
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from components.errors import (
    AmbiguousError,
    ApiError,
    MalformedAnswerError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from components.http.address import is_below, same_server
from components.http.answers import Answer, Lost, pause, retry_after
from components.http.exchange import pool, send
from components.http.models import read
from components.http.scrub import quotable
from components.http.service import LATER, REDIRECTED, Content, codes_of, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from components.http.service import Operation, Service

READ_SECONDS: Final = 25.0
"""A service that lost one of its parts answers after up to 14 s; what takes much longer will not come."""
SHORTEST_ATTEMPT_SECONDS: Final = 1.0
LONGEST_REQUEST_ID: Final = 100
NOTHING: Final = Content()

T = TypeVar("T")

_NAMED = re.compile(r"'([A-Za-z_][A-Za-z0-9_]*)'|\"([A-Za-z_][A-Za-z0-9_]*)\"")


class Client:
    """A REST API, seen with one key. Safe to use from many threads. What a service's client is derived from.

    Every method of such a client raises errors below `components.errors.ApiError`, and InputError before anything is
    sent. What is safe to do twice is made again while the budget lasts; all else only when nothing can have been done.

    Args:
        key: The key; it appears nowhere but in the requests.
        base_url: The API's address: https, or plain http to this machine; None for the service's own.
        transport: What carries the requests; None for the network.
        budget_seconds: What one call may take with all its repeats. A write that was begun is always waited for.
        clock: Seconds that only ever grow.
        sleep: Waits for so many seconds.
        jitter: A number from 0 to 1, for the pauses between repeats.
        now: Seconds since the epoch, for times in an answer without a date of its own.
    """

    SERVICE: ClassVar[Service]
    _lock: ClassVar = threading.Lock()
    _shared: ClassVar[dict[tuple[type, str, str], Any]] = {}

    def __init__(
        self,
        *,
        key: str,
        base_url: str | None = None,
        transport: httpx.BaseTransport | None = None,
        budget_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.base_url = self.SERVICE.base_url(self.SERVICE.default_url if base_url is None else base_url)
        self._key, self._http = self.SERVICE.key(key), pool(self.base_url, transport)
        self._budget_seconds, self._clock, self._sleep = budget_seconds, clock, sleep
        self._jitter, self._now = jitter, now

    def __repr__(self) -> str:
        return f"Client(base_url={self.base_url!r})"

    @classmethod
    def connect(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The client for an environment's key and base URL; the same one for the same pair, so connections are shared.

        Raises:
            InputError: There is no key, or the base URL is none.
        """
        key, url = environment.get(cls.SERVICE.key_variable, "").strip(), cls.SERVICE.base_url_in(environment)
        with Client._lock:
            if (cls, url, key) not in Client._shared:
                Client._shared[cls, url, key] = cls(key=key, base_url=url)
            found: Self = Client._shared[cls, url, key]
        return found

    @classmethod
    def disconnect(cls) -> None:
        """Close the connections of every such client that `connect` made; the next `connect` makes new ones."""
        with Client._lock:
            for place in [place for place in Client._shared if place[0] is cls]:
                Client._shared.pop(place).close()

    def at_home(self, api: str) -> Self:
        """This client, for what was made at the server it talks to.

        Args:
            api: The address that is recorded; empty where nothing was recorded.

        Raises:
            RefusedError: It was made at another server, where its id means something else or nothing.
        """
        if not api or same_server(api, self.base_url):
            return self
        raise RefusedError(
            f"this state was made at {api}, and this run talks to {self.base_url}: nothing was looked at or changed",
            next_step=f"give {self.SERVICE.url_variables[0]} as it was, or use a state of its own for each server "
            "(--sandbox does)",
        )

    def within(self, seconds: float) -> Self:
        """The same client with another budget per call; it shares the connections."""
        other = copy.copy(self)
        other._budget_seconds = seconds  # noqa: SLF001 - of this class
        return other

    def close(self) -> None:
        """Close the connections, also those of clients made by `within`."""
        self._http.close()

    def _read(self, kind: type[T], operation: Operation, *segments: str, content: Content = NOTHING) -> T:
        """Make the call and read the answer as `kind`.

        Raises:
            ApiError: As its tree says.
        """
        return self._parsed(kind, *self._call(operation, *segments, content=content))

    def _do(self, operation: Operation, *segments: str, content: Content = NOTHING) -> None:
        """Make a call whose answer is of no interest; without an envelope it holds nothing: a page is no answer.

        Raises:
            ApiError: As its tree says.
        """
        call, answer = self._call(operation, *segments, content=content)
        if answer.body.strip() and not self.SERVICE.enveloped:
            raise malformed(call, answer, f"the answer holds something where {self.SERVICE.name} sends nothing")

    def _delete(
        self,
        operation: Operation,
        *segments: str,
        content: Content = NOTHING,
        gone: tuple[type[ApiError], ...] = (NotFoundError,),
    ) -> bool:
        """Whether it was there. Gone on a repeat means that an earlier attempt, whose answer is lost, deleted it.

        Raises:
            ApiError: As its tree says; those of `gone` prove that there is nothing.
        """
        try:
            self._do(operation, *segments, content=content)
        except gone as error:
            return error.attempts > 1
        return True

    def _parsed(self, kind: type[T], call: Call, answer: Answer) -> T:
        try:
            return read(kind, self.SERVICE.result(answer))
        except ValueError as error:
            fault = f"the answer is not what it should be: {error}"
        raise malformed(call, answer, fault)

    def _call(
        self, operation: Operation, *segments: str, content: Content = NOTHING, url: str = ""
    ) -> tuple[Call, Answer]:
        """Send until it succeeds, may not be repeated, or the budget would be overrun.

        Args:
            operation: What is done.
            segments: What its path is filled with.
            content: What is sent besides.
            url: Where to, when an answer has said so; empty for the operation's path. It has to be below the base URL.
        """
        path = self.SERVICE.path(operation, segments)
        call = Call(service=self.SERVICE, operation=operation, path=path, key=self._key, content=content)
        deadline = self._clock() + self._budget_seconds
        for number in itertools.count(1):
            last, asked = self._send(call, url or self.base_url + path, left=deadline - self._clock()), None
            if isinstance(last, Answer):
                if self.SERVICE.succeeded(last):
                    return replace(call, attempts=number), last
                asked = self._asked(operation, last)
            wait = pause(number - 1, after=asked, chance=self._jitter())
            repeats = self.SERVICE.may_repeat(operation, last)
            if not repeats or self._clock() + wait + _expected_seconds(last) > deadline:
                break
            self._sleep(wait)
        raise refused(replace(call, attempts=number, retry_after=asked), last)

    def _asked(self, operation: Operation, answer: Answer) -> float | None:
        limited = self.SERVICE.turned_away(operation, answer)
        return retry_after(answer, now=self._now(), limited=limited, otherwise=self.SERVICE.limit_seconds)

    def _send(self, call: Call, url: str, *, left: float) -> Answer | Lost:
        if not is_below(url, self.base_url):
            raise ValueError("a key goes to its own API alone")
        service, operation, content = self.SERVICE, call.operation, call.content
        headers = {"Authorization": f"Bearer {self._key}", **service.headers}
        if service.takes_ids:
            headers["X-Request-Id"] = call.request_id
        body: dict[str, Any] = {"files": list(content.parts)} if content.parts else {}
        if content.body is not None:
            body = {"content": json.dumps(content.body).encode()}
            headers["Content-Type"] = content.type
        query = content.query or None
        request = self._http.build_request(operation.method, url, params=query, headers=headers, **body)
        seconds = min(READ_SECONDS, max(left, SHORTEST_ATTEMPT_SECONDS))
        if operation.method in service.waited_for:
            seconds = service.write_seconds
        return send(self._http, request, seconds=seconds, clock=self._clock)


def _expected_seconds(last: Answer | Lost) -> float:
    """What one more attempt will take, as far as the last one tells. One that would be cut short is not worth it."""
    return max(last.seconds if isinstance(last, Answer) else 0.0, SHORTEST_ATTEMPT_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as errors tell of it. `attempts` counts from 1; `retry_after` is in seconds."""

    service: Service = field(repr=False)
    operation: Operation
    path: str
    key: str = field(repr=False)
    content: Content
    request_id: str = field(default_factory=lambda: f"infra-{uuid.uuid4().hex}")
    attempts: int = 1
    retry_after: float | None = None

    def names(self) -> dict[str, str]:
        """What texts of rules are filled with."""
        service, operation = self.service, self.operation
        return {
            "permission": operation.permission,
            "reach": operation.reach,
            "status_page": service.status_page,
            "noun": service.noun,
            "key": service.key_variable,
            "address": service.url_variables[0],
        }

    def quotable(self, text: str) -> str:
        """Others' words as they may be shown."""
        return quotable(text, key=self.key, values=self.content.values)

    def id_of(self, outcome: Answer | Lost) -> str:
        """What the service's support finds the call by; empty when it is not known."""
        told = None
        if isinstance(outcome, Answer):
            told = outcome.headers.get(self.service.id_header) or outcome.document.get("id")
        shown = self.quotable(told)[:LONGEST_REQUEST_ID] if isinstance(told, str) else ""
        return shown or (self.request_id if self.service.takes_ids else "")

    def error(self, kind: type[ApiError], words: str, outcome: Answer | Lost, next_step: str) -> ApiError:
        """The error, with the sentence that every error is, and its facts."""
        request_id, answer = self.id_of(outcome), outcome if isinstance(outcome, Answer) else None
        aside = [f"{self.service.id_noun} {request_id}"] if request_id else []
        aside += [f"{self.attempts} attempts"] if self.attempts > 1 else []
        told = f"could not {self.operation.act} ({self.operation.method} {self.path}): {words}"
        return kind(
            f"{told} ({', '.join(aside)})" if aside else told,
            next_step=next_step,
            service=self.service.name,
            status=outcome.status,
            codes=codes_of(answer) if answer else (),
            request_id=request_id,
            server_message=self.quotable(words_of(answer)) if answer else "",
            attempts=self.attempts,
            retry_after=self.retry_after,
        )


def refused(call: Call, outcome: Answer | Lost) -> ApiError:
    """The error that an outcome is which is no success."""
    service, operation, names = call.service, call.operation, call.names()
    if isinstance(outcome, Lost):
        if service.is_fate_unknown(operation, outcome):
            return _ambiguous(call, outcome.reason, outcome)
        next_step = (outcome.next_step or LATER).format(**names)
        return call.error(UnavailableError, outcome.reason, outcome, next_step)
    if not service.is_own(outcome):
        return malformed(call, outcome, _foreign(call, outcome))
    if service.is_fate_unknown(operation, outcome):
        return _ambiguous(call, _quoted(call, outcome), outcome)
    rule, found = service.rule(outcome)
    says, next_step = (text.format(**names, **found) for text in (rule.says, rule.next_step))
    if call.retry_after is not None:
        next_step = f"try again in {call.retry_after:.0f} s: that is what {service.name} asks for"
    named = ", ".join(_sent_names(call, outcome))
    told = f"{named}: {says}" if named and says else says
    return call.error(rule.error, f"{_quoted(call, outcome)}{': ' if told else ''}{told}", outcome, next_step)


def malformed(call: Call, answer: Answer, fault: str) -> ApiError:
    """The error that an unreadable answer is. After a write that was carried out only the answer is lost."""
    words = f"{call.service.name} answered {answer.status}, and {fault}"
    if answer.succeeded and not call.operation.repeatable:
        return _ambiguous(call, words, answer)
    next_step = "check {address} and proxies on the way; where both are right, update this program"
    return call.error(MalformedAnswerError, words, answer, next_step.format(**call.names()))


def _ambiguous(call: Call, words: str, outcome: Answer | Lost) -> ApiError:
    done = call.service.succeeded(outcome)
    fate = "it was carried out" if done else "whether it was carried out is not known"
    next_step = "run the same command again: it looks for what is there before it makes anything"
    return call.error(AmbiguousError, f"{words}; {fate}", outcome, next_step)


def _quoted(call: Call, answer: Answer) -> str:
    codes = ", ".join(map(str, codes_of(answer)))
    words = call.quotable(words_of(answer))
    told = (f" ({codes})" if codes else "") + (f' "{words}"' if words else "")
    return f"{call.service.name} answered {answer.status}{told}"


def _sent_names(call: Call, answer: Answer) -> list[str]:
    """The names of secrets that the server's words quote, of those that were sent."""
    quoted = {one or other for one, other in _NAMED.findall(words_of(answer))}
    return sorted(quoted & set(call.content.names))


def _foreign(call: Call, answer: Answer) -> str:
    if answer.status in REDIRECTED:
        noun = call.service.noun.split()[-1]
        return f"a redirect is not followed with a {noun}: what is asked for may have another address or name now"
    kind = call.quotable(answer.headers.get("content-type", "")) or "no type"
    return f"the answer ({kind}) is not in {call.service.name}'s words: something on the way may have answered"
