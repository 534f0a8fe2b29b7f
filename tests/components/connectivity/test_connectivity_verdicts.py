"""The tables from errors to verdicts: every row reaches its layer, and what is not in a table still gets a verdict."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from components.connection import Connection
from components.connectivity.report import Layer
from components.connectivity.verdicts import (
    CERTIFICATES,
    NAME_ERRORS,
    SOCKET_ERRORS,
    SQLSTATE_CLASSES,
    SQLSTATES,
    TIMEOUTS,
    Verdict,
    VerdictError,
    of_name_error,
    of_query_error,
    of_socket_error,
    of_sqlstate,
    of_tls_error,
    wrong_branch,
    wrong_major,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTION = Connection(host="db.test", port=6543, database="app", user="me", password="hunter2")
FINAL, PASSING = False, True


def _certificate_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("code", "layer", "retryable"),
    [
        ("28P01", Layer.AUTHENTICATION, FINAL),
        ("28000", Layer.AUTHENTICATION, FINAL),
        ("3D000", Layer.DATABASE, FINAL),
        ("42501", Layer.DATABASE, FINAL),
        ("55000", Layer.DATABASE, FINAL),
        ("57P01", Layer.DATABASE, PASSING),
        ("57P02", Layer.DATABASE, PASSING),
        ("57P03", Layer.DATABASE, PASSING),
        ("53300", Layer.DATABASE, PASSING),
        ("57014", Layer.IDENTITY, PASSING),
        ("08P01", Layer.AUTHENTICATION, FINAL),
        ("28XXX", Layer.AUTHENTICATION, FINAL),
        ("08006", Layer.DATABASE, PASSING),
        ("53200", Layer.DATABASE, PASSING),
        ("57XXX", Layer.DATABASE, PASSING),
        ("58030", Layer.DATABASE, FINAL),
        ("XX000", Layer.DATABASE, FINAL),
        ("42601", Layer.DATABASE, FINAL),
    ],
)
def test_sqlstates_have_a_verdict(code: str, layer: Layer, retryable: bool) -> None:  # noqa: FBT001 - a column of the table
    """A SQLSTATE leads to its layer, says whether it may pass, and is quoted for whoever knows it."""
    verdict = of_sqlstate(code)
    assert (verdict.layer, verdict.retryable) == (layer, retryable)
    assert verdict.cause.endswith(f"(SQLSTATE {code})")


@pytest.mark.parametrize(
    ("code", "layer"),
    [("42501", Layer.IDENTITY), ("42883", Layer.IDENTITY), ("57P01", Layer.DATABASE), ("57014", Layer.IDENTITY)],
)
def test_query_errors_have_a_verdict(code: str, layer: Layer) -> None:
    """An error in answer to the query is the query's, unless it tells of trouble of the whole server."""
    assert of_query_error(code).layer is layer


def test_a_sqlstate_that_is_none_is_not_repeated() -> None:
    """What a server sends in place of a code does not reach the terminal."""
    assert of_sqlstate("\x1b[31m").cause.endswith("(SQLSTATE ?????)")


@pytest.mark.parametrize(
    ("number", "retryable"),
    [
        (errno.ECONNREFUSED, PASSING),
        (errno.ECONNRESET, PASSING),
        (errno.EPIPE, PASSING),
        (errno.ECONNABORTED, PASSING),
        (errno.ETIMEDOUT, PASSING),
        (errno.EHOSTUNREACH, PASSING),
        (errno.ENETUNREACH, PASSING),
        (errno.EADDRNOTAVAIL, PASSING),
        (errno.EACCES, FINAL),
        (errno.EPERM, FINAL),
        (errno.EMFILE, PASSING),
    ],
)
def test_socket_errors_have_a_verdict(number: int, retryable: bool) -> None:  # noqa: FBT001 - a column of the table
    """Every socket error is a matter of TCP; those of this machine's own rules are final."""
    verdict = of_socket_error(OSError(number, "text"))
    assert (verdict.layer, verdict.retryable) == (Layer.TCP, retryable)
    assert of_socket_error(TimeoutError()) == TIMEOUTS[Layer.TCP]


@pytest.mark.parametrize(
    ("number", "retryable"),
    [
        (socket.EAI_NONAME, FINAL),
        (socket.EAI_NODATA, FINAL),
        (socket.EAI_FAIL, FINAL),
        (socket.EAI_AGAIN, PASSING),
        (socket.EAI_MEMORY, PASSING),
    ],
)
def test_name_errors_have_a_verdict(number: int, retryable: bool) -> None:  # noqa: FBT001 - a column of the table
    """A name that does not exist is final; a resolver in trouble may recover."""
    verdict = of_name_error(socket.gaierror(number, "text"))
    assert (verdict.layer, verdict.retryable) == (Layer.NAME, retryable)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (9, "not valid yet"),
        (10, "has expired"),
        (18, "signed by itself"),
        (19, "unknown root"),
        (20, "issuer"),
        (21, "chain"),
        (23, "revoked"),
        (62, "not for the name"),
        (64, "not for the address"),
        (99, "cannot be verified"),
    ],
)
def test_certificate_errors_have_a_verdict(code: int, cause: str) -> None:
    """A certificate that cannot be trusted is final, and its fault is named."""
    verdict = of_tls_error(_certificate_error(code))
    assert (verdict.layer, verdict.retryable) == (Layer.TLS, FINAL)
    assert cause in verdict.cause


def test_other_tls_errors_have_a_verdict() -> None:
    """A handshake without common ground is final; one that was cut may pass."""
    assert of_tls_error(ssl.SSLError(1, "no shared cipher")).retryable is False
    assert of_tls_error(ssl.SSLEOFError(8, "EOF")).retryable is True


@pytest.mark.parametrize(
    "table",
    [SQLSTATES, SQLSTATE_CLASSES, SOCKET_ERRORS, NAME_ERRORS, CERTIFICATES, TIMEOUTS],
    ids=lambda table: str(len(table)),
)
def test_every_row_is_complete(table: Mapping[object, Verdict]) -> None:
    """Each row has a cause and a next step, and its templates know only names that are not secret."""
    for verdict in table.values():
        told = verdict.about(CONNECTION)
        assert told.cause
        assert told.next_step
        assert "hunter2" not in told.cause + told.next_step
        assert "{" not in told.cause + told.next_step


def test_names_from_outside_cannot_reach_the_terminal_raw() -> None:
    """Control characters and braces in what a server says of itself are shown harmlessly."""
    told = wrong_branch(found="{host}\x1b[2J", expected="dev").about(CONNECTION)
    assert told.cause == "the database app is branch {host}?[2J, not dev"
    assert (
        wrong_major(found="17.2", expected=18).about(CONNECTION).cause
        == "the server is Postgres 17.2, and the stack wants 18"
    )


def test_a_verdict_travels_as_an_error_with_its_text() -> None:
    """The room's own exception carries the verdict."""
    error = VerdictError(TIMEOUTS[Layer.TCP])
    assert error.verdict is TIMEOUTS[Layer.TCP]
    assert "next:" in str(error)
