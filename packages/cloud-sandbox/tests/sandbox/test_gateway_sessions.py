"""Sessions through the gateway: who gets in, over what, and where to."""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Entrance

SSL_REQUEST, GSS_REQUEST = struct.pack("!ii", 8, 80877103), struct.pack("!ii", 8, 80877104)
ROWS = 200_000


def refusal(error: psycopg.OperationalError) -> str:
    """What the server said, without the addresses libpq tried."""
    return str(error).partition("FATAL:")[2].strip()


def test_a_client_gets_in_over_verified_tls(entrance: Entrance) -> None:
    """The certificate holds for the branch's name, and inside all is called as on the service."""
    branch = entrance.create()
    with entrance.connect(branch) as session:
        assert session.execute("SELECT current_user, current_database()").fetchone() == ("xata", branch)
        assert session.info.parameter_status("session_authorization") == "xata"
        session.execute("CREATE TABLE made (number integer)")
    assert branch in entrance.routes.touched


@pytest.mark.parametrize("endpoint", ["", "-rw", "-r", "-ro", "-pooler", "-deprecated", "-pooler-deprecated"])
def test_every_endpoint_leads_to_the_branch(entrance: Entrance, endpoint: str) -> None:
    """All endpoints show the same data, and the one of the replicas takes no writes."""
    branch = entrance.create()
    with entrance.connect(branch) as session:
        session.execute("CREATE TABLE made AS SELECT 7 AS number")
    with entrance.connect(branch, endpoint=endpoint) as session:
        assert session.execute("SELECT number FROM made").fetchone() == (7,)
        if endpoint == "-ro":
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                session.execute("INSERT INTO made VALUES (8)")


def test_a_host_name_in_capitals_means_the_same(entrance: Entrance) -> None:
    """Host names know no capitals."""
    branch = entrance.create()
    with entrance.connect(branch, host=entrance.host(branch).upper()) as session:
        assert session.execute("SELECT current_database()").fetchone() == (branch,)


def test_tls_may_come_first(entrance: Entrance) -> None:
    """A client that begins with TLS instead of asking for it gets in too."""
    branch = entrance.create()
    with entrance.connect(branch, sslnegotiation="direct") as session:
        assert session.execute("SELECT current_user").fetchone() == ("xata",)


def test_a_client_that_wants_gss_is_sent_on_to_tls(entrance: Entrance) -> None:
    """GSS encryption is declined, and the same connection may ask for TLS then."""
    with socket.create_connection(("127.0.0.1", entrance.port), timeout=30) as client:
        client.sendall(GSS_REQUEST)
        assert client.recv(1) == b"N"
        client.sendall(SSL_REQUEST)
        assert client.recv(1) == b"S"


@pytest.mark.parametrize(("protocols", "answer"), [(["postgresql"], b"E"), (["h2"], b""), ([], b"")])
def test_tls_first_must_name_the_protocol(entrance: Entrance, protocols: list[str], answer: bytes) -> None:
    """A client that begins with TLS and does not say `postgresql` is none of Postgres', and gets no answer."""
    context = ssl.create_default_context(cafile=str(entrance.authority))
    context.set_alpn_protocols(protocols)
    startup = b"user\0xata\0\0"
    with socket.create_connection(("127.0.0.1", entrance.port), timeout=30) as plain:
        client = context.wrap_socket(plain, server_hostname=entrance.host("a" * 26))
        client.sendall(struct.pack("!ii", len(startup) + 8, 3 << 16) + startup)
        try:
            assert client.recv(1) == answer
        except ConnectionError:
            assert not answer
        client.close()


def test_a_connection_without_tls_is_refused_in_words(entrance: Entrance) -> None:
    """The client learns what to change."""
    branch = entrance.create()
    with pytest.raises(psycopg.OperationalError) as caught:
        entrance.connect(branch, sslmode="disable", sslrootcert="")
    assert refusal(caught.value) == "connections without TLS are refused: use sslmode=require"


def test_a_stranger_does_not_disturb_the_others(entrance: Entrance) -> None:
    """What does not speak Postgres' protocol is refused, and whoever does is served."""
    branch = entrance.create()
    with socket.create_connection(("127.0.0.1", entrance.port), timeout=30) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"08P01" in stranger.recv(1000)
    with socket.create_connection(("127.0.0.1", entrance.port), timeout=30), entrance.connect(branch) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sslsni": "0", "sslmode": "verify-ca"}, "branch not found: the client sent no SNI"),
        ({"host": f"{'z' * 26}.us-east-1.localhost"}, f"branch not found: {'z' * 26}"),
        ({"host": "short.us-east-1.localhost"}, "branch not found: short.us-east-1.localhost"),
        ({"user": "postgres", "dbname": "xata"}, 'password authentication failed for user "postgres"'),
        ({"dbname": "sandbox"}, 'database "sandbox" does not exist'),
        ({"password": "wrong"}, 'password authentication failed for user "xata"'),
    ],
)
def test_a_refusal_says_why(entrance: Entrance, changes: dict[str, str], text: str) -> None:
    """Host, user, database and password are each refused in the words a client of the service knows."""
    branch = entrance.create()
    with pytest.raises(psycopg.OperationalError) as caught:
        entrance.connect(branch, **changes)
    assert refusal(caught.value) == text


def test_another_region_is_refused(entrance: Entrance) -> None:
    """Names of regions that are not served are nobody's, even before the certificate is looked at."""
    branch = entrance.create()
    with pytest.raises(psycopg.OperationalError) as caught:
        entrance.connect(branch, host=f"{branch}.mars-1.localhost", sslmode="require", sslrootcert="")
    assert refusal(caught.value) == f"branch not found: {branch}.mars-1.localhost"


def test_a_postgres_that_is_gone_is_told(entrance: Entrance) -> None:
    """The client is told to try again rather than cut off."""
    branch = entrance.create()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        entrance.gateway._postgres = taken.getsockname()
        with pytest.raises(psycopg.OperationalError) as caught:
            entrance.connect(branch)
    assert refusal(caught.value) == "the Postgres below the sandbox does not answer"


def test_much_data_passes_unchanged(entrance: Entrance) -> None:
    """Megabytes in and out arrive whole and in order."""
    branch = entrance.create()
    lines = b"".join(b"%d\t%s\n" % (number, b"x" * 100) for number in range(50_000))
    with entrance.connect(branch) as session:
        session.execute("CREATE TABLE made (number integer, text text)")
        with session.cursor().copy("COPY made FROM STDIN") as copy:
            copy.write(lines)
        with session.cursor().copy("COPY (SELECT * FROM made ORDER BY number) TO STDOUT") as copy:
            back = b"".join(bytes(piece) for piece in copy)
    assert hashlib.sha256(back).digest() == hashlib.sha256(lines).digest()


def test_a_slow_client_does_not_hold_up_the_others(entrance: Entrance) -> None:
    """Whoever does not fetch its rows waits alone, and gets all of them in the end."""
    branch = entrance.create()
    with entrance.connect(branch) as slow, entrance.connect(branch) as quick:
        rows = slow.cursor().stream("SELECT repeat('x', 200) FROM generate_series(1, %s::integer)", (ROWS,))
        next(rows)  # and the others stay where they are
        assert quick.execute("SELECT 1").fetchone() == (1,)
        assert sum(1 for _ in rows) == ROWS - 1


def test_a_query_can_be_cancelled(entrance: Entrance) -> None:
    """A request to cancel reaches, over TLS, the session it is for."""
    branch = entrance.create()
    with entrance.connect(branch) as session:
        stop = threading.Thread(target=_when_running, args=(entrance, session.info.backend_pid, session.cancel_safe))
        stop.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("SELECT pg_sleep(60)")
        stop.join()
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_request_to_cancel_may_come_without_tls(entrance: Entrance) -> None:
    """Clients before version 17 send it in the clear; it is handed on as it is, and the answer is the end."""
    request = struct.pack("!iiii", 16, 80877102, 4711, 42)
    with socket.create_server(("127.0.0.1", 0)) as postgres:
        entrance.gateway._postgres = postgres.getsockname()
        with socket.create_connection(("127.0.0.1", entrance.port), timeout=30) as client:
            client.sendall(request)
            received, _ = postgres.accept()
            with received:
                assert received.recv(100) == request
            assert client.recv(1) == b""


def _when_running(entrance: Entrance, pid: int, action: Callable[[], object]) -> None:
    """Do it as soon as a session's query runs."""
    with entrance.branches.manager.connected() as other:
        query = "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = %s"
        while other.execute(query, (pid,)).fetchone() != (True,):
            other.execute("SELECT pg_sleep(0.02)")
    action()
