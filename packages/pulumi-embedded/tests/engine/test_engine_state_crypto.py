from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_embedded.errors import PassphraseError, StateError
from pulumi_embedded.state import crypto

# Made by the real CLI 3.259 with the passphrase "correct horse".
SALT = "v1:gTlVk05DTCo=:v1:D19YNJrWrBCnePVM:tdCpokklVUvRP84zrSh7v1LcFvynIQ=="
SECRET = "v1:yH6J1qgytjnACikU:1CltsIJtRFV2CMb6/kc2I7R/i2tYyoyule98HbE5pqJVAQ=="


@pytest.fixture(scope="module")
def crypter() -> crypto.Crypter:
    """One key for the whole file."""
    return crypto.Crypter("correct horse", SALT, place="the state")


def test_a_secret_of_the_real_cli_opens(crypter: crypto.Crypter) -> None:
    """Key derivation and cipher are the CLI's."""
    assert crypter.decrypt(SECRET) == 'hush "quoted" <é>'


@settings(deadline=None)
@given(st.text())
def test_what_is_encrypted_opens_again(text: str) -> None:
    """Any text survives, and the same text looks different each time."""
    crypter = crypto.Crypter("correct horse", SALT, place="the state")
    sealed = crypter.encrypt(text)
    assert crypter.decrypt(sealed) == text
    assert crypter.encrypt(text) != sealed


def test_a_wrong_passphrase_is_noticed() -> None:
    """By the proof in the salt, before anything is decrypted."""
    with pytest.raises(PassphraseError) as caught:
        crypto.Crypter("wrong", SALT, place="the state in dev.json")
    assert str(caught.value).startswith("the passphrase does not open the state in dev.json\n  next: set PULUMI_CONFIG")


@pytest.mark.parametrize("salt", ["", "v2:a:b", "v1:only", "v1:%%%:v1:a:b", "nonsense"])
def test_a_broken_salt_is_told(salt: str) -> None:
    """It is not taken for a wrong passphrase."""
    with pytest.raises(StateError, match=r"no salt this engine knows|not base64") as caught:
        crypto.Crypter("x", salt, place="the state")
    assert not isinstance(caught.value, PassphraseError)


@pytest.mark.parametrize("sealed", ["v2:a:b", "v1:AAAA:AAAA", SECRET[:-4], "v1:!:!"])
def test_a_broken_secret_is_told(sealed: str, crypter: crypto.Crypter) -> None:
    """Another version, a cut text, no base64."""
    with pytest.raises(StateError):
        crypter.decrypt(sealed)


def test_a_new_salt_proves_its_passphrase() -> None:
    """A fresh salt opens with its own passphrase, also an empty one."""
    salt = crypto.new_salt("")
    assert crypto.Crypter("", salt, place="x").salt == salt
