"""What an API brings to the one client, as data: its names, its operations, and a table of its refusals. Pure."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from components.errors import (
    ApiError,
    BusyError,
    InputError,
    InvalidError,
    NotOfferedError,
    UnauthorizedError,
    UnavailableError,
)
from components.http.address import base_url_reason, host_of, segment_reason, spelled, split
from components.http.answers import SUCCEEDED, Answer, Lost

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that may be another one the next time."""
WITHOUT_WORDS: Final = frozenset({408, 423, 429})
"""Gateways in front of a service answer these, and failures, without its words."""
REDIRECTED, FAILED = range(300, 400), range(500, 600)
CONSIDERED: Final = frozenset(range(200, 500)) - WITHOUT_WORDS
"""Any status but failures and limits: what a server says while it fails is not about the request."""

EVERY: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
"""Methods."""
LATER: Final = "try again in a minute; when it lasts, look at {status_page}"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        act: What it does, to complete "could not …".
        method: GET, POST, PUT, PATCH or DELETE.
        path: A template; each name in braces is one segment.
        permission: What the key must be allowed to do, as the service calls it.
        repeatable: Whether doing it twice leaves what doing it once leaves, so that it may be made again whatever
            became of it. All else is made again only when it is certain that nothing was done.
        unlimited: What the key must not be limited to some of, because one is added here; empty for nothing.
    """

    act: str
    method: str
    path: str
    permission: str
    repeatable: bool = True
    unlimited: str = ""

    @property
    def segments(self) -> list[str]:
        """The names of the path's segments, in their order."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def reach(self) -> str:
        """What the key must not be cut off from: whoever adds to a collection needs all of it."""
        if self.unlimited:
            return f"all {self.unlimited}, because one is added"
        return f"this {self.segments[-1]}" if self.segments else "the organization"


@dataclass(frozen=True, kw_only=True)
class Content:
    """What one call sends besides its path.

    Attributes:
        query: The query's parameters.
        body: Goes as JSON; None sends nothing.
        type: The body's content type.
        parts: Goes as multipart/form-data instead: name to file name, content and type.
        values: The secrets in the body: nothing of them may be in an error.
        names: Their names, which an error may tell.
    """

    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    type: str = "application/json"
    parts: tuple[tuple[str, tuple[str, bytes, str]], ...] = field(default=(), repr=False)
    values: tuple[str, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One row of the table from answers to errors: the first one of which all conditions hold decides.

    Texts are templates over `permission` and `reach` of the operation, `status_page`, `noun`, `key` and `address` of
    the service, and over named groups of the pattern, each with a blank behind it.

    Attributes:
        error: What the refusal is.
        next_step: What the user can do.
        says: What it means, where the service's own words do not tell; empty where they do.
        statuses: Which statuses.
        codes: Which of the service's own codes, one of them; empty for any.
        pattern: What its words hold, whatever the case.
        header: A header and its value.
        timed: Only an answer with `Retry-After`.
        late: Only an answer that took long.
        again: For these methods nothing was done, whatever is asked for, and it may be asked for again.
    """

    error: type[ApiError]
    next_step: str
    says: str = ""
    statuses: Container[int] = CONSIDERED
    codes: frozenset[int] = frozenset()
    pattern: str = ""
    header: tuple[str, str] | None = None
    timed: bool = False
    late: bool = False
    again: Container[str] = ()


COMMON: Final = (
    Rule(
        statuses={401},
        error=UnauthorizedError,
        says="the {noun} is unknown, expired or revoked",
        next_step="put a {noun} that is in force into {key}",
    ),
    Rule(statuses=WITHOUT_WORDS | {503}, error=BusyError, next_step=LATER),
    Rule(
        statuses={501},
        error=NotOfferedError,
        says="this server does not have the operation",
        next_step="check {address}; where it is right, do without, or wait for a newer version",
    ),
    Rule(statuses=FAILED, error=UnavailableError, next_step=LATER),
    Rule(statuses=range(600), error=InvalidError, next_step="correct what the message names"),
)
"""What holds where a service's own table has no row. The last row fits every answer."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A REST API.

    Attributes:
        name: As users know it.
        default_url: Its base URL, where the environment names no other.
        url_variables: The variables that may name another; the first one is told in messages.
        has_path: Whether a base URL may have a path.
        retired: Hosts that are no address of it any more, as a pattern, and why.
        key_variable: The variable with the key.
        noun: What the service calls the key: "API key", "token".
        how_to_get_key: What to do without one.
        status_page: Where it tells of its failures.
        rules: Its refusals; COMMON follows.
        nouns: What the segments of paths are, where their names do not say it.
        headers: What every request carries.
        id_header: Where it tells a request's id, in lower case.
        id_noun: What it calls that.
        takes_ids: Whether it takes over an id that is sent.
        enveloped: Whether answers come in an envelope: `success` says how it went, and `result` is the answer.
        waited_for: Methods whose answer is waited for although the budget ends: giving up would leave a fate unknown.
        write_seconds: How long.
        late_seconds: A failure that took longer tells of a dead part: nobody waits for it another time.
        limit_seconds: What a rate limit asks for that names no time.
    """

    name: str
    default_url: str
    url_variables: tuple[str, ...]
    has_path: bool = True
    retired: tuple[str, str] = ("", "")
    key_variable: str
    noun: str
    how_to_get_key: str
    status_page: str
    rules: tuple[Rule, ...]
    nouns: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    id_header: str
    id_noun: str = "request"
    takes_ids: bool = False
    enveloped: bool = False
    waited_for: frozenset[str]
    write_seconds: float
    late_seconds: float = math.inf
    limit_seconds: float | None = None

    def base_url(self, text: str) -> str:
        """A base URL in one spelling, without a slash at the end.

        Raises:
            InputError: It is not an https URL, or holds more than an address. The text is quoted only where no password
                can be in it.
        """
        parts, credential = split(text), f"the {self.noun.split()[-1]} goes into {self.key_variable}"
        pattern, why = self.retired
        if parts is None:
            fault = "the base URL is not a URL"
        elif re.fullmatch(pattern, host_of(parts)) and pattern:
            fault = f"{host_of(parts)} is {why}; nothing was sent"
        else:
            fault = base_url_reason(parts, credential=credential, path=self.has_path)
        if parts is None or fault:
            variable = self.url_variables[0]
            step = f"set {variable} to the API's address, for example {self.default_url}, or unset it"
            raise InputError(fault, next_step=step, service=self.name)
        return spelled(parts)

    def base_url_in(self, environment: Mapping[str, str]) -> str:
        """The base URL that an environment asks for; the service's own without one.

        Raises:
            InputError: It is none.
        """
        given = (environment.get(name, "").strip() for name in self.url_variables)
        return self.base_url(next((text for text in given if text), self.default_url))

    def key(self, text: str) -> str:
        """A key without what stands around it.

        Raises:
            InputError: There is none, or it holds what no header carries safely.
        """
        key, noun = text.strip(), self.noun.split()[-1]
        if not key:
            message = f"there is no {self.noun}: {self.key_variable} is not set or empty"
            raise InputError(message, next_step=self.how_to_get_key, service=self.name)
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise InputError(
                f"the {self.noun} in {self.key_variable} holds characters that no {noun} has (blanks, line ends, other "
                "scripts)",
                next_step=f"copy the {noun} once more, without quotes and without its name",
                service=self.name,
            )
        return key

    def path(self, operation: Operation, segments: tuple[str, ...]) -> str:
        """The operation's path with its segments filled in, percent-encoded.

        Raises:
            InputError: A segment could lead to another path, or is not text that a path can hold.
        """
        named = dict(zip(operation.segments, segments, strict=True))
        return operation.path.format(**{name: self._segment(name, value) for name, value in named.items()})

    def _segment(self, name: str, value: str) -> str:
        fault, noun = segment_reason(value), self.nouns.get(name, name)
        if not fault:
            return quote(value, safe="")
        raise InputError(
            f"the {noun} {value[:60]!r} {fault}; nothing was sent",
            next_step=f"give the {noun} as {self.name} shows it",
            service=self.name,
        )

    def rule(self, answer: Answer) -> tuple[Rule, Mapping[str, str]]:
        """The row for an answer, and what the pattern's groups found."""
        found = ((rule, self._match(rule, answer)) for rule in (*self.rules, *COMMON))
        rule, match = next((rule, match) for rule, match in found if match)
        return rule, {name: f"{text} " if text else "" for name, text in match.groupdict().items()}

    def _match(self, rule: Rule, answer: Answer) -> re.Match[str] | None:
        fits = (
            answer.status in rule.statuses
            and (not rule.codes or not rule.codes.isdisjoint(codes_of(answer)))
            and (rule.header is None or answer.headers.get(rule.header[0]) == rule.header[1])
            and (not rule.timed or "retry-after" in answer.headers)
            and (not rule.late or answer.seconds > self.late_seconds)
        )
        return re.search(rule.pattern, words_of(answer), re.IGNORECASE) if fits else None

    def turned_away(self, operation: Operation, answer: Answer) -> bool:
        """Whether nothing was done, and the same may be asked for again."""
        return operation.method in self.rule(answer)[0].again

    def may_repeat(self, operation: Operation, outcome: Answer | Lost) -> bool:
        """Whether the request may be made again after this."""
        if isinstance(outcome, Lost):
            return outcome.may_pass and (operation.repeatable or not outcome.sent)
        if self.turned_away(operation, outcome):
            return True
        return operation.repeatable and outcome.status in PASSING and outcome.seconds <= self.late_seconds

    def is_fate_unknown(self, operation: Operation, outcome: Answer | Lost) -> bool:
        """Whether this leaves open whether a write was done."""
        if operation.repeatable:
            return False
        if isinstance(outcome, Lost):
            return outcome.sent
        failed = outcome.status == 408 or (outcome.status in FAILED and outcome.status != 501)  # noqa: PLR2004 - Request Timeout, Not Implemented
        return failed and not self.turned_away(operation, outcome)

    def succeeded(self, outcome: Answer | Lost) -> bool:
        """Whether the status and, where there is one, the envelope say so."""
        if self.enveloped:
            return isinstance(outcome, Answer) and outcome.succeeded and outcome.document.get("success") is True
        return outcome.status in SUCCEEDED

    def is_own(self, answer: Answer) -> bool:
        """Whether an answer that is no success is the service's, and not that of something on the way."""
        if answer.status in REDIRECTED:
            return False
        if answer.status in FAILED or answer.status in WITHOUT_WORDS:
            return True
        return isinstance(answer.document.get("success"), bool) if self.enveloped else bool(words_of(answer))

    def result(self, answer: Answer) -> bytes:
        """What a success answers, as JSON."""
        return json.dumps(answer.document.get("result")).encode() if self.enveloped else answer.body


def words_of(answer: Answer) -> str:
    """A refusal's own words: its `message`, and those of its `errors`. They may hold secrets."""
    told = [answer.document.get("message"), *(one.get("message") for one in _errors(answer))]
    return "; ".join(text for text in told if isinstance(text, str) and text)


def codes_of(answer: Answer) -> tuple[int, ...]:
    """The numbers of a refusal's `errors`."""
    told = (one.get("code") for one in _errors(answer))
    return tuple(code for code in told if isinstance(code, int) and not isinstance(code, bool))


def _errors(answer: Answer) -> list[dict[str, Any]]:
    found = answer.document.get("errors")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
