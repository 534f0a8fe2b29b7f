"""A migration tool as small as can be, the command of the tests: applies the SQL files of a folder, each once.

python migrate.py FOLDER [AND_THEN]      AND_THEN: `tell` the URL in several spellings, or `hang`
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import psycopg


def main(folder: str, then: str = "") -> None:
    """Apply what is new, in the order of names, each file in a transaction of its own."""
    url = os.environ["DATABASE_URL"]
    if then == "tell":
        for spelling in (url, url.upper(), quote(url), base64.b64encode(url.encode()).decode(), url.encode().hex()):
            sys.stdout.write(f"{spelling}\n")
        sys.stdout.write("\n".join(sorted(os.environ)) + "\n")
    if then == "hang":
        hanging = subprocess.Popen(["sleep", "3600"])
        Path("hangs").write_text(str(hanging.pid))
        time.sleep(3600)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("create table if not exists migrated (name text primary key, at timestamptz default now())")
        known = {name for (name,) in session.execute("select name from migrated")}
        for file in sorted(Path(folder).glob("*.sql")):
            if file.name not in known:
                with session.transaction():
                    session.execute(file.read_bytes())
                    session.execute("insert into migrated (name) values (%s)", [file.name])
                sys.stdout.write(f"applied {file.name}\n")


main(*sys.argv[1:])
