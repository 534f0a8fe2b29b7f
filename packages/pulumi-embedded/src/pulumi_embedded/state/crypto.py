"""Passphrase secrets, byte for byte as the Pulumi CLI's passphrase provider makes them.

The key is PBKDF2-HMAC-SHA256 of the passphrase with 1,000,000 rounds; the cipher is AES-256-GCM with a new nonce for
each value. A salt is kept as "v1:<salt>:<ciphertext of the word pulumi>", so that a wrong passphrase is noticed.
"""

from __future__ import annotations

import base64
import os
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from pulumi_embedded.errors import PassphraseError, StateError

_ROUNDS: Final = 1_000_000
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_WORD: Final = "pulumi"
_VERSION: Final = "v1"
_HINT: Final = (
    "set PULUMI_CONFIG_PASSPHRASE (or PULUMI_CONFIG_PASSPHRASE_FILE) to the passphrase the stack was made with; "
    "nothing was changed"
)


@lru_cache(maxsize=8)
def derive_key(passphrase: str, salt: bytes) -> bytes:
    """Derive the key: a fifth of a second of one core, so each salt is done once.

    hashlib does the same with the machine's OpenSSL, which takes more than twice as long in its versions 3.0 and 3.1.
    """
    return PBKDF2HMAC(SHA256(), _KEY_BYTES, salt, _ROUNDS).derive(passphrase.encode())


class Crypter:
    """Encrypts and decrypts with the key of one passphrase and one salt.

    Args:
        passphrase: The passphrase.
        salt: The kept form of the salt.
        place: What the salt was read from; an error names it.
    """

    def __init__(self, passphrase: str, salt: str, *, place: str) -> None:
        self.salt = salt
        version, _, rest = salt.partition(":")
        encoded, _, proof = rest.partition(":")
        if version != _VERSION or not proof:
            raise StateError(
                f"{place} holds no salt this engine knows: it should start with v1:",
                next_step="restore the line from version control, or use the Pulumi CLI",
            )
        self._cipher = AESGCM(derive_key(passphrase, _decode(encoded, place)))
        try:
            proven = self.decrypt(proof) == _WORD
        except StateError:
            proven = False
        if not proven:
            raise PassphraseError(f"the passphrase does not open {place}", next_step=_HINT)

    def encrypt(self, text: str) -> str:
        """Encrypt a text; the same text gets another ciphertext each time."""
        return _seal(self._cipher, text)

    def decrypt(self, ciphertext: str) -> str:
        """Decrypt what `encrypt`, or the CLI, made."""
        version, _, rest = ciphertext.partition(":")
        nonce, _, sealed = rest.partition(":")
        if version != _VERSION:
            raise StateError(
                "an encrypted value does not start with v1:", next_step="use the Pulumi CLI for this stack"
            )
        try:
            return self._cipher.decrypt(_decode(nonce, "a nonce"), _decode(sealed, "a ciphertext"), None).decode()
        except (InvalidTag, ValueError):
            raise PassphraseError(
                "an encrypted value does not open with this passphrase: it was made with another one, or damaged",
                next_step=_HINT,
            ) from None


def new_salt(passphrase: str) -> str:
    """Make a salt, with the proof that belongs to the passphrase."""
    salt = os.urandom(_SALT_BYTES)
    proof = _seal(AESGCM(derive_key(passphrase, salt)), _WORD)
    return f"{_VERSION}:{base64.b64encode(salt).decode()}:{proof}"


def _seal(cipher: AESGCM, text: str) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    sealed = cipher.encrypt(nonce, text.encode(), None)
    return f"{_VERSION}:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"


def _decode(text: str, place: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise StateError(f"{place} is damaged: it is not base64", next_step="restore it from a copy") from None
