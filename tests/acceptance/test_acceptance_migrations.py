"""The app's own migration command in whole deployments, as a user meets it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from tests.acceptance.test_acceptance_dev import _encodings, _query, _url
from tests.clone import SECONDS

if TYPE_CHECKING:
    from tests.clone import Clone

ENGINE = ("--engine", "embedded")
COMMAND = f"{sys.executable} tests/acceptance/migrate.py db"


def _configure(clone: Clone, stack: str, then: str) -> None:
    """Have the stack apply the folder `db`."""
    (clone.folder / "db").mkdir(exist_ok=True)
    file = clone.folder / f"Pulumi.{stack}.yaml"
    kept = re.sub(r"  infra:migrat.*\n", "", file.read_text())
    file.write_text(f"{kept}  infra:migrate: {json.dumps(f'{COMMAND} {then}'.strip())}\n  infra:migrations: db\n")


def test_dev_has_its_migrations_before_the_app_has_its_url(clone: Clone) -> None:
    """One that hangs or fails leaves the app untold, is said without the password, and is run by the next `up`."""
    _configure(clone, "dev", "hang")
    (clone.folder / "db" / "1.sql").write_text("create table orders (id int); select nonsense")
    _ended_while_it_hangs(clone)
    _configure(clone, "dev", "tell")
    failed = clone.infra("up", "dev", "--yes", "--verbose", *ENGINE, timeout=SECONDS)
    assert failed.returncode != 0
    assert 'column "nonsense" does not exist' in failed.stderr
    assert not (clone.folder / ".dev.vars").exists()
    (clone.folder / "db" / "1.sql").write_text("create table orders (id int)")
    answer = clone.infra("up", "dev", "--yes", "--verbose", *ENGINE, timeout=SECONDS)
    assert answer.returncode == 0, answer.stderr
    assert "applied 1.sql" in answer.stderr
    assert _query(clone, "table orders") == []
    password = urlsplit(_url(clone)).password
    assert password
    said = failed.stdout + failed.stderr + answer.stdout + answer.stderr
    assert [spelling for spelling in _encodings(password) if spelling in said] == []
    assert not {"XATA_API_KEY", "PULUMI_CONFIG_PASSPHRASE", "PGHOST"} & set(answer.stderr.split())
    (clone.folder / "db" / "2.sql").write_text("alter table orders add column at date")
    plan = clone.infra("preview", "dev", *ENGINE, timeout=SECONDS)
    assert '+ files["2.sql"]' in plan.stdout + plan.stderr
    assert "1 to update, 8 unchanged" in plan.stdout + plan.stderr


def _ended_while_it_hangs(clone: Clone) -> None:
    """SIGTERM in the middle ends the command's whole group, and soon."""
    process = subprocess.Popen(
        [clone.folder / "infra", "up", "dev", "--yes", *ENGINE],
        cwd=clone.folder,
        env=clone.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    hangs, until = clone.folder / "hangs", time.monotonic() + SECONDS
    while not (hangs.is_file() and hangs.read_text()) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    hanging = psutil.Process(int(hangs.read_text()))
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) != 0
    psutil.wait_procs([hanging], timeout=SECONDS)
    assert not hanging.is_running() or hanging.status() == psutil.STATUS_ZOMBIE
