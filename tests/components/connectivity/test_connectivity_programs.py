"""Postgres' own programs: they reach what our sessions reach, and tell nobody else the password."""

from __future__ import annotations

import io
import os
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme

from components.connection import Connection
from components.libpq import program_environment
from components.postgres import programs
from components.postgres.server.binaries import installed
from tests.clone import OTHER_SERVERS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    Listen = Callable[[Callable[[socket.socket], None]], int]


def _asked(connection: Connection, query: str, *, options: str = "", folder: Path) -> tuple[programs.Ended, str]:
    """What psql answered, unaligned, and how it ended."""
    file = folder / "answer"
    with file.open("wb") as stream:
        command = ["--no-psqlrc", "-At", "-c", query]
        ended = programs.run("psql", command, connection, options=options, output=stream, quiet=True)
    return ended, file.read_text()


def test_psql_logs_in_whatever_the_shell_says_of_other_servers(
    postgres: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The password goes by no argument and no file, and a session that is to read cannot write."""
    for name, value in OTHER_SERVERS.items():
        monkeypatch.setenv(name, value)
    ended, answer = _asked(postgres, "select current_database()", folder=tmp_path)
    assert (ended, answer) == (programs.Ended(code=0), "app\n")
    reads = "-c default_transaction_read_only=on"
    ended, _ = _asked(postgres, "create table made_by_psql ()", options=reads, folder=tmp_path)
    assert ended.code == 1
    assert "read-only transaction" in ended.errors


def test_the_environment_says_all_that_a_session_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of libpq's variables ours alone are there; every other variable stays."""
    monkeypatch.setenv("PGSERVICE", "nowhere")
    monkeypatch.setenv("EDITOR", "vi")
    told = Connection(host="db.localhost", port=5433, database="app", user="o", password="p w", sslmode="require")
    made = program_environment(told, seconds=7)
    ours = {name: value for name, value in made.items() if name.startswith("PG")}
    assert made["EDITOR"] == "vi"
    assert "PGSERVICE" not in ours
    assert {**ours, "PGSSLROOTCERT": ""} == {
        "PGHOST": "db.localhost",
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": "5433",
        "PGDATABASE": "app",
        "PGUSER": "o",
        "PGPASSWORD": "p w",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "",
        "PGREQUIREAUTH": "scram-sha-256",
        "PGGSSENCMODE": "disable",
        "PGCLIENTENCODING": "UTF8",
        "PGPASSFILE": "/dev/null/none",
        "PGSSLCERTMODE": "disable",
        "PGSSLCRL": "/dev/null/none",
        "PGAPPNAME": "infra",
        "PGCONNECT_TIMEOUT": "7",
    }


@pytest.mark.parametrize(("tls", "said"), [(False, "the server does without TLS"), (True, "certificate verify failed")])
def test_a_server_that_is_not_trusted_hears_nothing(
    listen: Listen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, tls: bool, said: str
) -> None:
    """One without TLS, or with another authority's certificate, is named, and no byte of a session reaches it."""
    monkeypatch.setenv("INFRA_DATABASE_CA", os.fspath(tmp_path / "root.pem"))
    trustme.CA().cert_pem.write_to_path(tmp_path / "root.pem")
    heard = io.BytesIO()

    def serve(client: socket.socket) -> None:
        client.recv(8)
        client.sendall(b"S" if tls else b"N")
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert("db.localhost").configure_cert(context)
            client = context.wrap_socket(client, server_side=True)
        while more := client.recv(1000):
            heard.write(more)

    to = Connection(host="db.localhost", port=listen(serve), database="app", user="o", password="hunter2-hunter2")
    ended, answer = _asked(to, "select 1", folder=tmp_path)
    assert ended.code == 2
    assert said in ended.unreached
    assert (answer, heard.getvalue()) == ("", b"")


def test_a_port_where_nobody_listens_is_named(listen: Listen, tmp_path: Path) -> None:
    """What the system says of it."""
    port = listen(lambda client: client.close())
    to = Connection(host="db.localhost", port=port, database="app", user="o", password="hunter2-hunter2")
    assert _asked(to, "select 1", folder=tmp_path)[0].unreached
    assert "Connect call failed" in _asked(replace(to, port=1), "select 1", folder=tmp_path)[0].unreached


def test_the_programs_of_this_major_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's where it is new enough; the packaged one beside an older one, one that fails, or none."""
    packaged = installed().programs / "psql"
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    assert programs.found("psql") == packaged
    for says, ours in (("psql (PostgreSQL) 15.8", True), ("psql (PostgreSQL) 18.1", False), ("none", True)):
        (tmp_path / "psql").write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / "psql").chmod(0o755)
        assert (programs.found("psql") == packaged) is ours, says
