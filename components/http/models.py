"""What models of answers and bodies share."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

Identifier = Annotated[str, Meta(min_length=1)]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """Unknown fields ignored, no conversion of types, no changes, and no values in representations: one is a secret."""

    def __repr__(self) -> str:
        return type(self).__name__


def read(kind: type[T], content: bytes) -> T:
    """JSON as `kind`.

    Raises:
        ValueError: It is none, or of another shape. The message names the field; what was found is not told.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        fault = str(error)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        fault = f"it is not JSON: {error}"
    raise ValueError(fault)


def sent(body: Any) -> Any:
    """A body as it travels: names as on the wire, and without what is None."""
    return _given(msgspec.to_builtins(body))


def _given(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _given(item) for key, item in value.items() if item is not None}
    return [_given(item) for item in value] if isinstance(value, list) else value
