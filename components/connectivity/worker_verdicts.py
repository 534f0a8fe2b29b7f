"""What an answer of a Worker's health means: which layer is at fault, why, what to do, and how long to wait. Pure.

Texts quote a few fields of the answer, shortened and with everything that looks like a secret masked, and nothing else
of what came back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from components.connectivity.report import WorkerLayer
from components.connectivity.worker_address import PATH
from components.connectivity.worker_wire import MOST_BYTES, HealthResponse, Loss
from components.http.scrub import scrub
from components.worker.names import DRAFT_ANSWER

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_QUOTED = 80
NOT_THE_APP = (DRAFT_ANSWER.encode(), b"error code: 10", b"There is nothing here yet", b"/cdn-cgi/")
"""What bodies of a 404 hold that no app has written: our draft's, and those of Cloudflare's own pages and errors."""


class Patience(Enum):
    """How long a verdict is waited out.

    For up to a minute after a deployment, or after a secret was set, the edge answers as before: from an earlier
    version, with an earlier secret, or with 404.
    """

    NOT_YET = auto()
    """It may be the version before: tried again as long as there is time."""
    ABSENT = auto()
    """The same, but before the first deployment of the app there is nothing to wait for."""
    UNHEALTHY = auto()
    """The Worker itself says that it does not reach its database: final when the database does not answer at all."""
    FIRM = auto()
    """Nothing that a deployment changes: final once confirmed."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What the health must say: the environment, the branch, which has the stack's name; and where it is."""

    environment: str
    branch: str
    path: str = PATH

    @property
    def deploy(self) -> str:
        """The command that deploys the app."""
        return f"./infra wrangler deploy {self.branch}"


@dataclass(frozen=True, kw_only=True)
class WorkerVerdict:
    """What is wrong."""

    patience: Patience
    cause: str
    next_step: str
    layer: WorkerLayer = WorkerLayer.WORKER


_NETWORK = "check this machine's network and proxy settings (HTTPS_PROXY, NO_PROXY), and the Worker's address"
_LOG = "look at the Worker's log (wrangler tail, in the app's folder)"
_CONTRACT = (
    f"let {{path}} answer at once, with one small JSON object, or name another path (infra:healthPath); "
    f"then {{deploy}}; {_LOG}"
)
_CERTIFICATE = (
    "check the host name and the trusted certificates (SSL_CERT_FILE); a new custom domain waits for its certificate"
)

LOSSES: Mapping[Loss, tuple[Patience, str, str]] = {
    Loss.NAME: (Patience.ABSENT, "there is no host named {host}", "{deploy} makes the app's routes; or {network}"),
    Loss.REFUSED: (Patience.NOT_YET, "nothing listens at {host}", _NETWORK),
    Loss.UNREACHABLE: (Patience.NOT_YET, "{host} cannot be reached from here", _NETWORK),
    Loss.PROXY: (Patience.NOT_YET, "the proxy of this machine lets no connection to {host} come about", _NETWORK),
    Loss.CERTIFICATE: (Patience.NOT_YET, "the certificate of {host} is not trusted", _CERTIFICATE),
    Loss.TLS: (Patience.NOT_YET, "the TLS handshake with {host} failed", _CERTIFICATE),
    Loss.SILENT: (Patience.NOT_YET, "{host} took the request and did not answer in time", _LOG),
    Loss.CUT: (Patience.NOT_YET, "{host} cut the connection before its answer was whole", _LOG),
    Loss.HUGE: (
        Patience.FIRM,
        f"the answer is longer than {MOST_BYTES} bytes, so it is no health answer",
        _CONTRACT,
    ),
    Loss.ENDLESS: (Patience.NOT_YET, "the answer did not come to an end in time", _CONTRACT),
}


def verdict_on(outcome: HealthResponse | Loss, expected: Expectation, *, host: str) -> WorkerVerdict | None:
    """What is wrong with an answer; None when it is the declared Worker, healthy, on the declared branch."""
    if isinstance(outcome, Loss):
        return _lost(outcome, expected, host)
    if outcome.status != HTTPStatus.OK:
        return _of_status(outcome, expected, host)
    if outcome.broken is not None:
        return _lost(outcome.broken, expected, host)
    return (
        _of_form(outcome, expected) or _of_health(fields(outcome), expected) or _of_identity(fields(outcome), expected)
    )


def fields(outcome: HealthResponse | Loss) -> Mapping[str, Any]:
    """The answer's JSON object; empty when it is none."""
    try:
        found = json.loads(outcome.body) if isinstance(outcome, HealthResponse) else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def quoted(value: Any) -> str:
    """A field of the answer, made safe to show; empty for one that is missing."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return scrub(text)[:LONGEST_QUOTED]


def _lost(loss: Loss, expected: Expectation, host: str) -> WorkerVerdict:
    patience, cause, next_step = LOSSES[loss]
    return WorkerVerdict(
        patience=patience,
        cause=cause.format(host=host),
        next_step=next_step.format(deploy=expected.deploy, network=_NETWORK, path=expected.path),
    )


def _of_status(answer: HealthResponse, expected: Expectation, host: str) -> WorkerVerdict:
    status = answer.status
    if status == HTTPStatus.NOT_FOUND:
        return _not_found(answer, expected, host)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        word = quoted(fields(answer).get("database"))
        cause = f"the Worker answers 503{f', database: {word}' if word else ''}"
        return WorkerVerdict(patience=Patience.UNHEALTHY, cause=cause, next_step=_LOG)
    if HTTPStatus(300) <= status < HTTPStatus(400):
        cause = f"{host} redirects ({status}) to {_place(answer.location)}; redirects are not followed"
        next_step = f"let GET {expected.path} answer by itself, without a log-in page in front of it"
        return WorkerVerdict(patience=Patience.FIRM, cause=cause, next_step=next_step)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        next_step = f"let GET {expected.path} pass without a log-in (Cloudflare Access, firewall rules, the app's own)"
        return WorkerVerdict(patience=Patience.FIRM, cause=f"{host} asks for a log-in ({status})", next_step=next_step)
    return WorkerVerdict(patience=Patience.NOT_YET, cause=f"{host} answers {status}", next_step=_LOG)


def _not_found(answer: HealthResponse, expected: Expectation, host: str) -> WorkerVerdict:
    """Nobody's 404, our draft's and Cloudflare's may become the app's answer; the app's own stays as it is."""
    cause = f"there is no {expected.path} at {host} (404)"
    if not answer.body or any(mark in answer.body for mark in NOT_THE_APP):
        next_step = f"deploy the app: {expected.deploy}; then ./infra up STACK checks again"
        return WorkerVerdict(patience=Patience.ABSENT, cause=cause, next_step=next_step)
    next_step = (
        f"let GET {expected.path} of the app answer, or name the path where it tells its health (infra:healthPath); "
        f"then {expected.deploy}. If it was deployed a moment ago, run the same again: the edge may not know it yet"
    )
    return WorkerVerdict(patience=Patience.FIRM, cause=f"{cause}; the app there says so itself", next_step=next_step)


def _place(location: str) -> str:
    """Where a redirect leads, without what may be a token."""
    return quoted(location.partition("?")[0].partition("#")[0]) or "no place"


def _of_form(answer: HealthResponse, expected: Expectation) -> WorkerVerdict | None:
    kind = answer.content_type.partition(";")[0].strip().lower()
    if kind != "application/json":
        cause = f"the answer is {quoted(kind) or 'of no type'}, not application/json"
    elif not fields(answer):
        cause = "the answer is not a JSON object"
    else:
        return None
    next_step = _CONTRACT.format(deploy=expected.deploy, path=expected.path)
    return WorkerVerdict(patience=Patience.FIRM, cause=cause, next_step=next_step)


def _of_health(found: Mapping[str, Any], expected: Expectation) -> WorkerVerdict | None:
    wrong = _differences(found, {"status": "ok", "database": "ok"})
    if not wrong:
        return None
    next_step = f"keep the contract of {expected.path} (examples/health-worker), then {expected.deploy}; {_LOG}"
    return WorkerVerdict(patience=Patience.NOT_YET, cause=f"the Worker answers 200 with {wrong}", next_step=next_step)


def _of_identity(found: Mapping[str, Any], expected: Expectation) -> WorkerVerdict | None:
    wrong = _differences(found, {"environment": expected.environment, "xataBranch": expected.branch})
    if wrong:
        next_step = f"compare the address, and ENVIRONMENT and XATA_BRANCH in wrangler.jsonc; then {expected.deploy}"
        return _identity(f"the Worker answers with {wrong}", next_step)
    stamp = found.get("databaseBranch")
    if stamp == expected.branch:
        return None
    if "databaseBranch" not in found:
        next_step = f"let {expected.path} say databaseBranch, as examples/health-worker does"
        return _identity("the Worker does not say which branch its database is stamped with", next_step)
    if stamp is None:
        cause = f"the Worker's database carries no identity stamp, where it must be {expected.branch}"
        return _identity(
            cause, "its DATABASE_URL leads elsewhere, or ./infra up STACK has not stamped the database yet"
        )
    cause = f"the Worker's database is branch {quoted(stamp) or 'without a name'}, not {expected.branch}"
    next_step = "its DATABASE_URL leads to another branch: set it again with ./infra up STACK, and see who set it"
    return _identity(cause, next_step)


def _identity(cause: str, next_step: str) -> WorkerVerdict:
    return WorkerVerdict(layer=WorkerLayer.IDENTITY, patience=Patience.NOT_YET, cause=cause, next_step=next_step)


def _differences(found: Mapping[str, Any], expected: Mapping[str, str]) -> str:
    """The fields that are otherwise: `environment production instead of staging`."""
    wrong = [(name, wanted) for name, wanted in expected.items() if found.get(name) != wanted]
    return ", ".join(f"{name} {quoted(found.get(name)) or '(nothing)'} instead of {wanted}" for name, wanted in wrong)
