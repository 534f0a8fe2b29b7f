"""Property values between memory and checkpoint: secrets are encrypted, everything else is JSON."""

from __future__ import annotations

import json
import math
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded import gotext
from pulumi_embedded.errors import PassphraseError, StateError
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_embedded.state.crypto import Crypter

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a type's name on the wire, not a password
_FLOAT: Final = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c"
_EXACT_BELOW: Final = 1e21
_LARGEST_WHOLE: Final = 2**53

Place = tuple[str | int, ...]


class Values:
    """Encodes and decodes property values; a secret that did not change keeps its ciphertext.

    Values decoded with the same salt are remembered by the place they stand at, so saving a state after every step
    neither encrypts anew nor makes a difference in the file.
    """

    def __init__(self, crypter: Crypter | None) -> None:
        self._crypter = crypter
        self._known: dict[Place, tuple[str, str]] = {}
        self._times: dict[datetime, str] = {}

    def time(self, text: str) -> datetime:
        """Return a recorded moment; it is written back as it was read, with digits that a datetime has no room for."""
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError(f"{text} names no time zone")
        self._times[moment] = text
        return moment

    def time_text(self, moment: datetime) -> str:
        """Return a moment as it is recorded."""
        return self._times.get(moment) or timestamp(moment)

    def encode(self, value: Any, place: Place) -> Any:
        """Return the JSON form of a value that stands at `place`."""
        return _encode(value, place, self._seal)

    def decode(self, value: Any, place: Place) -> Any:
        """Return the value of a JSON form."""
        return _decode(value, place, self._open)

    def forget_ciphertexts(self, crypter: Crypter) -> None:
        """Encrypt with another key from now on."""
        self._crypter = crypter
        self._known.clear()

    def _seal(self, place: Place, text: str) -> str:
        plain, ciphertext = self._known.get(place, ("", ""))
        if not ciphertext or plain != text:
            ciphertext = self._require().encrypt(text)
            self._known[place] = (text, ciphertext)
        return ciphertext

    def _open(self, place: Place, ciphertext: str) -> str:
        try:
            text = self._require().decrypt(ciphertext)
        except StateError as error:
            urn, _, *path = place
            kind = PassphraseError if isinstance(error, PassphraseError) else StateError
            where = ".".join(map(str, path))
            raise kind(f"the secret {where} of {urn}: {error.message}", next_step=error.next_step) from None
        self._known[place] = (text, ciphertext)
        return text

    def _require(self) -> Crypter:
        if self._crypter is None:
            raise StateError(
                "the state holds secrets, but not the salt of their passphrase",
                next_step="restore the state from its .bak file or from the backups folder",
            )
        return self._crypter


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment (the present one by default) as a checkpoint writes it: RFC 3339 in UTC."""
    text = (moment or datetime.now(UTC)).astimezone(UTC).isoformat()
    return text.removesuffix("+00:00") + "Z"


def _encode(value: Any, place: Place, seal: Callable[[Place, str], str]) -> Any:
    match value:
        case Secret():
            text = gotext.dump(_encode(value.value, place, _as_it_is))
            return {_SIGNATURE: _SECRET, "ciphertext": seal(place, text)}
        case dict():
            return {key: _encode(value[key], (*place, key), seal) for key in sorted(value)}
        case list() | tuple():
            return [_encode(item, (*place, index), seal) for index, item in enumerate(value)]
        case float() if not math.isfinite(value):
            return {_SIGNATURE: _FLOAT, "value": struct.pack(">d", value).hex()}
        case float() if value.is_integer() and abs(value) < _EXACT_BELOW:
            return int(value)
        case _:
            return value


def _decode(value: Any, place: Place, unseal: Callable[[Place, str], str]) -> Any:
    match value:
        case {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}:
            text = value["plaintext"] if "plaintext" in value else unseal(place, value["ciphertext"])
            return Secret(_decode(json.loads(text), place, _as_it_is))
        case {"4dabf18193072939515e22adb298388d": "8ad145fe-0d11-4827-bfd7-1abcbf086f5c"}:
            return struct.unpack(">d", bytes.fromhex(value["value"]))[0]
        case int() if abs(value) > _LARGEST_WHOLE:
            return float(value)  # beyond this the digits are only the shortest that name the float
        case dict():
            return {key: _decode(item, (*place, key), unseal) for key, item in value.items()}
        case list():
            return [_decode(item, (*place, index), unseal) for index, item in enumerate(value)]
        case _:
            return value


def _as_it_is(place: Place, text: str) -> str:
    """Leave a secret inside a secret in the clear: the outer one is encrypted as a whole."""
    del place
    return text
