"""Salted fingerprints of secrets: enough to see a change, not enough to read the secret. Pure.

They stand in recorded state where the secret itself is not needed. A fingerprint of a short or common word can be
guessed at, as any hash can; generated passwords are long enough.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import Any

SALT_BYTES = 16


def fingerprint(value: Any, *, like: Any = None) -> Any:
    """`salt$digest` of a text, or a map of them for a map. `like` is an earlier one whose salts are used again."""
    if isinstance(value, dict):
        earlier = like if isinstance(like, dict) else {}
        return {key: fingerprint(item, like=earlier.get(key)) for key, item in value.items()}
    salt = like.partition("$")[0] if isinstance(like, str) and "$" in like else secrets.token_hex(SALT_BYTES)
    text = json.dumps(value, sort_keys=True)
    return f"{salt}${hashlib.sha256(f'{salt}{text}'.encode()).hexdigest()}"


def matches(value: Any, recorded: Any) -> bool:
    """Whether `recorded` is the fingerprint of `value`."""
    if isinstance(value, dict) and isinstance(recorded, dict):
        return value.keys() == recorded.keys() and all(matches(item, recorded[key]) for key, item in value.items())
    if isinstance(value, dict) or not isinstance(recorded, str):
        return False
    return hmac.compare_digest(str(fingerprint(value, like=recorded)).encode(), recorded.encode())
