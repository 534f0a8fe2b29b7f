"""Who runs the server."""

from __future__ import annotations

import os
import pwd
import subprocess
from typing import TYPE_CHECKING

import pytest

from components.errors import LocalError
from components.postgres.server import account
from components.postgres.server.account import Account, choose_account, user_name

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN_UID = 4_000_000


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root asks."""
    monkeypatch.setattr(account, "running_as_root", lambda: True)


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user asks."""
    monkeypatch.setattr(account, "running_as_root", lambda: False)


@pytest.mark.usefixtures("as_user")
def test_a_user_runs_it_himself() -> None:
    """No program is started as somebody else."""
    assert choose_account().command(["postgres", "-V"]) == ["postgres", "-V"]


@pytest.mark.usefixtures("as_root")
def test_root_hands_it_to_the_first_candidate() -> None:
    """The account has no rights, and programs get none of root's groups."""
    expected = next(name for name in account.CANDIDATES if _exists(name))
    chosen = choose_account()
    assert chosen.name == expected
    if os.geteuid() == 0:
        who = chosen.command(["/bin/sh", "-c", "id -u; id -g; id -G"])
        done = subprocess.run(who, capture_output=True, text=True, check=True, cwd="/")
        assert done.stdout.split() == [str(chosen.uid), str(chosen.gid), str(chosen.gid)]


@pytest.mark.usefixtures("as_root")
def test_data_stay_with_their_account() -> None:
    """An account installed later does not take the data over."""
    nobody = pwd.getpwnam("nobody")
    assert choose_account(nobody.pw_uid).name == "nobody"


@pytest.mark.usefixtures("as_root")
def test_data_of_nobody_known_are_refused() -> None:
    """A user id without an account cannot run anything."""
    with pytest.raises(LocalError, match=f"user id {UNKNOWN_UID}, which has no account"):
        choose_account(UNKNOWN_UID)


@pytest.mark.usefixtures("as_root")
def test_no_candidate_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an account to run it the user is told to make one."""
    monkeypatch.setattr(account, "CANDIDATES", ("no-such-account-here",))
    with pytest.raises(LocalError, match="cannot run as root") as caught:
        choose_account()
    assert "account" in caught.value.next_step


def test_folders_are_judged_by_their_modes(place: Path) -> None:
    """An account may read what every folder on the way lets it reach."""
    stranger = Account(name="stranger", uid=UNKNOWN_UID, gid=UNKNOWN_UID, switch=True)
    file = place / "open" / "file"
    file.parent.mkdir()
    file.parent.chmod(0o755)
    file.write_text("")
    file.chmod(0o644)
    assert stranger.can_read(file)
    file.chmod(0o600)
    assert not stranger.can_read(file)
    file.chmod(0o644)
    file.parent.chmod(0o700)
    assert not stranger.can_read(file)
    file.parent.chmod(0o711)
    assert stranger.can_read(file)
    assert not stranger.can_read(file.parent)


def test_owner_and_group_bits_count_for_them(tmp_path: Path) -> None:
    """The owner is judged by the owner's bits alone, also when others may more."""
    info = tmp_path.stat()
    owner = Account(name="owner", uid=info.st_uid, gid=UNKNOWN_UID, switch=True)
    group = Account(name="group", uid=UNKNOWN_UID, gid=info.st_gid, switch=True)
    file = tmp_path / "file"
    file.write_text("")
    file.chmod(0o044)
    assert not owner._allows(file, 0o004)
    assert group._allows(file, 0o004)


def test_names_for_messages() -> None:
    """A user id is told by its name, where it has one."""
    assert user_name(0) == "root"
    assert user_name(UNKNOWN_UID) == f"user id {UNKNOWN_UID}"


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
