"""The probe: reach a database, prove that it is the right one, or say which layer is at fault.

One attempt is a name resolution and one driver session with one query. Only when the driver gives up does a second
connection look for the cause, layer by layer, so success costs what a plain connection costs.
"""

from __future__ import annotations

import ipaddress
import random
import socket
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from components.connection import loopback_address
from components.connectivity import driver, wire
from components.connectivity.driver import DriverRefusedError, ServerIdentity
from components.connectivity.report import Finding, Layer, Report
from components.connectivity.verdicts import (
    LOG_IN_UNKNOWN,
    METHOD_UNKNOWN,
    METHODS,
    NAME_INVALID,
    NO_STAMP,
    TIMEOUTS,
    Verdict,
    VerdictError,
    of_name_error,
    wrong_branch,
    wrong_major,
)
from components.identity import stamped_branch

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.connection import Connection

WAKE_UP_SECONDS = 20.0
"""How long the first attempt waits: a branch at zero scale is woken by it."""
ATTEMPT_SECONDS = 5.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 4.0
SHORTEST_ATTEMPT_SECONDS = 0.1
MOST_ADDRESSES = 4


@dataclass(frozen=True, kw_only=True)
class Transport:
    """How the probe touches the world; tests put their own functions here."""

    resolve: Callable[[str, int, float], tuple[str, ...]]
    ask: Callable[..., ServerIdentity] = driver.ask
    explain: Callable[..., Verdict | None] = wire.explain


def resolve(host: str, port: int, seconds: float) -> tuple[str, ...]:
    """The addresses of `host`, in the resolver's order; names of this machine are resolved by rule.

    Raises:
        VerdictError: There are none, or the resolver took longer than `seconds`.
    """
    known = loopback_address(host)
    if known is not None:
        return (known,)
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    found: list[tuple[str, ...] | Verdict] = []
    # The system's resolver has no time limit of its own, so it gets a thread that may be left behind.
    thread = threading.Thread(target=lambda: found.append(_addresses(host, port)), daemon=True)
    thread.start()
    thread.join(seconds)
    answer = found[0] if found else TIMEOUTS[Layer.NAME]
    if isinstance(answer, Verdict):
        raise VerdictError(answer)
    return answer


def _addresses(host: str, port: int) -> tuple[str, ...] | Verdict:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        return NAME_INVALID
    except OSError as error:
        return of_name_error(error)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in entries))[:MOST_ADDRESSES]


TRANSPORT = Transport(resolve=resolve)


def probe(
    connection: Connection,
    *,
    expected_branch: str | None = None,
    expected_major: int | None = None,
    budget_seconds: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
    transport: Transport = TRANSPORT,
) -> Report:
    """Try until the database answers, a verdict is final, or the budget is spent.

    Pauses grow exponentially with full jitter: each is a random share of a limit that doubles.
    """
    deadline = clock() + budget_seconds
    attempts, slept = 0, False
    while True:
        attempt = _Attempt(connection, transport, clock)
        patience = WAKE_UP_SECONDS if attempts == 0 else ATTEMPT_SECONDS
        report = attempt.run(min(patience, max(SHORTEST_ATTEMPT_SECONDS, deadline - clock())))
        attempts += 1
        if report.ok and attempt.answer is not None:
            report = _identified(report, attempt.answer, connection, expected_branch, expected_major)
        slept = slept or (attempts == 1 and attempt.timed_out)
        report = _with_history(report, attempts, slept=slept)
        remaining = deadline - clock()
        if report.ok or not report.retryable or remaining < SHORTEST_ATTEMPT_SECONDS:
            return report
        limit = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (attempts - 1))
        sleep(min(jitter() * limit, remaining / 2))


def distrust(connection: Connection, *, transport: Transport = TRANSPORT) -> Verdict | None:
    """Why a server gets no password, which no waiting heals: its certificate, no TLS, or what it asks for instead."""
    try:
        address = transport.resolve(connection.host, connection.port, ATTEMPT_SECONDS)[0]
    except VerdictError:
        return None
    verdict = transport.explain(connection, address, seconds=ATTEMPT_SECONDS, clock=time.monotonic)
    if verdict is None or verdict.retryable:
        return None
    untrusted = verdict.layer is Layer.TLS or verdict in {METHOD_UNKNOWN, *METHODS.values()}
    return verdict.about(connection) if untrusted else None


class _Attempt:
    """One attempt; afterwards `answer` holds what the server said, `timed_out` whether it was silent."""

    def __init__(self, connection: Connection, transport: Transport, clock: Callable[[], float]) -> None:
        self.answer: ServerIdentity | None = None
        self.timed_out = False
        self._connection = connection
        self._transport = transport
        self._clock = clock
        self._name_milliseconds = 0.0

    def run(self, seconds: float) -> Report:
        begun = self._clock()
        try:
            addresses = self._transport.resolve(self._connection.host, self._connection.port, seconds)
        except VerdictError as error:
            return self._failed(error.verdict)
        finally:
            self._name_milliseconds = (self._clock() - begun) * 1000
        deadline = begun + seconds
        verdict = TIMEOUTS[Layer.TCP]
        for number, address in enumerate(addresses):
            # Addresses share what is left, so that a dead first one leaves time for the next.
            share = max(SHORTEST_ATTEMPT_SECONDS, deadline - self._clock()) / (len(addresses) - number)
            outcome = self._reach(address, share)
            if isinstance(outcome, ServerIdentity):
                self.answer = outcome
                return Report(findings=self._passed(outcome), server_version=outcome.version)
            verdict = outcome
            if verdict.layer.number > Layer.TCP.number:  # A server was reached: it is the one that is meant.
                break
        return self._failed(verdict)

    def _reach(self, address: str, seconds: float) -> ServerIdentity | Verdict:
        begun = self._clock()
        try:
            return self._transport.ask(self._connection, address, seconds=seconds, clock=self._clock)
        except VerdictError as error:
            self.timed_out = error.verdict in TIMEOUTS.values()
            return error.verdict
        except DriverRefusedError:
            pass
        left = min(ATTEMPT_SECONDS, max(SHORTEST_ATTEMPT_SECONDS, seconds - (self._clock() - begun)))
        verdict = self._transport.explain(self._connection, address, seconds=left, clock=self._clock)
        return verdict or LOG_IN_UNKNOWN

    def _passed(self, answer: ServerIdentity) -> tuple[Finding, ...]:
        known = {Layer.NAME: self._name_milliseconds, **answer.milliseconds}
        causes = {} if answer.encrypted else {Layer.TLS: "not used"}
        return tuple(
            Finding(layer=layer, ok=True, cause=causes.get(layer, ""), milliseconds=known.get(layer)) for layer in Layer
        )

    def _failed(self, verdict: Verdict) -> Report:
        return _failure(verdict.about(self._connection), {Layer.NAME: self._name_milliseconds})


def _failure(verdict: Verdict, milliseconds: dict[Layer, float]) -> Report:
    """Layers below the verdict's passed, those above were not reached."""
    findings = []
    for layer in Layer:
        ok = True if layer.number < verdict.layer.number else None
        finding = Finding(layer=layer, ok=ok, milliseconds=milliseconds.get(layer))
        if layer is verdict.layer:
            finding = replace(finding, ok=False, cause=verdict.cause, next_step=verdict.next_step)
        findings.append(finding)
    return Report(findings=tuple(findings), retryable=verdict.retryable)


def _identified(
    report: Report,
    answer: ServerIdentity,
    connection: Connection,
    expected_branch: str | None,
    expected_major: int | None,
) -> Report:
    """Who answered: the server's major version, then the stamp."""
    branch = stamped_branch(answer.comment)
    verdict = None
    if expected_major is not None and answer.version_number // 10000 != expected_major:
        verdict = wrong_major(found=answer.version, expected=expected_major)
    elif expected_branch is not None and branch is None:
        verdict = NO_STAMP
    elif expected_branch is not None and branch is not None and branch != expected_branch:
        verdict = wrong_branch(found=branch, expected=expected_branch)
    findings = report.findings
    if verdict is not None:
        told = verdict.about(connection)
        last = replace(findings[-1], ok=False, cause=told.cause, next_step=told.next_step)
        findings = (*findings[:-1], last)
    else:
        said = f"Postgres {answer.version}, branch {branch or '(no stamp)'}"
        findings = (*findings[:-1], replace(findings[-1], cause=said))
    return replace(report, findings=findings, branch=branch)


def _with_history(report: Report, attempts: int, *, slept: bool) -> Report:
    """Say that the first attempt was a wake-up, where its silence suggests a sleeping branch."""
    told = report.findings
    if slept:
        note = "the first attempt, counted as a wake-up, got no answer"
        failed = report.failed or report.findings[-1]
        cause = f"{failed.cause}; {note}" if failed.cause else note
        told = tuple(replace(finding, cause=cause) if finding is failed else finding for finding in told)
    return replace(report, findings=told, attempts=attempts)
