"""Values that are said once: type, limits, words, default and description in one declaration.

Inputs of resources and settings of environments are classes of annotated fields; validation, configuration keys and
reference tables are derived from them:

    Minutes = Annotated[int, Meta(ge=1, le=1440), Words("a whole number of minutes from 1 to 1440", example=30)]

    class Sleep(Declared):
        idle_minutes: Annotated[Minutes, About("After how many idle minutes the branch sleeps.")] = 30

Property names are camel case, as in all of Pulumi: `idleMinutes`. Nothing here imports pulumi.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

import msgspec

T = TypeVar("T")

SHOWN = 60
"""How many characters of an unfit value an error shows."""


@dataclass(frozen=True)
class Words:
    """What a type allows, for people, and a good value to paste; whether an error quotes what was given instead."""

    allowed: str
    example: Any = None
    quoted: bool = True


@dataclass(frozen=True)
class Rule:
    """What types and patterns cannot say: a function that tells why a value is not allowed, empty when it is.

    Of a secret it does not quote the value.
    """

    reason: Callable[[Any], str]


@dataclass(frozen=True)
class About:
    """What a field is for, and how it behaves as an input or an output of a resource.

    Attributes:
        text: A sentence.
        replaces: Another value cannot be had in place: the thing is made anew.
        secret: Recorded state keeps it encrypted; as an input it never stands in an error.
        fingerprinted: A secret input that outputs do not repeat: a salted fingerprint stands there instead.
    """

    text: str = ""
    _: dataclasses.KW_ONLY
    replaces: bool = False
    secret: bool = False
    fingerprinted: bool = False


@dataclass(frozen=True, kw_only=True)
class Field:
    """One declared value.

    Attributes:
        attribute: Its name in Python.
        name: Its name as a property or configuration key.
        type: As annotated.
        words: What is allowed.
        about: What it is for.
        default: `dataclasses.MISSING` where it must be given.
    """

    attribute: str
    name: str
    type: Any
    words: Words
    about: About
    default: Any

    @property
    def allowed(self) -> str:
        """What is allowed, in words, the default included where the type itself does not allow it."""
        if self.default in ("", 0) and not self._fits(self.default):
            return f"{self.words.allowed}, or {self.default or 'nothing'}"
        return self.words.allowed

    @property
    def kind(self) -> str:
        """The type in Pulumi's words: string, integer, boolean or array."""
        hint = self.type
        while get_args(hint):
            hint = get_origin(hint) if get_origin(hint) in {tuple, Sequence} else get_args(hint)[0]
            if hint in {tuple, Sequence}:
                return "array"
        return {bool: "boolean", int: "integer"}.get(hint if isinstance(hint, type) else type(hint), "string")

    def converted(self, value: Any, *, text: bool = False) -> Any:
        """The value in its type; the default is always allowed.

        Args:
            value: What is given.
            text: Whether numbers and truth values may be written as text.

        Raises:
            ValueError: It is not allowed. The message says what is allowed, and what was got unless that may be secret.
        """
        default = self.default
        if default is not dataclasses.MISSING and (value == str(default) if text else value is default):
            return default
        try:
            found = msgspec.convert(value, self.type, strict=not text)
        except msgspec.ValidationError:
            got = "" if self.about.secret or not self.words.quoted else f"got {shown(value)}; "
            raise ValueError(f"{got}allowed: {self.allowed}") from None
        for rule in _all(Rule, self.type):
            if reason := rule.reason(found):
                raise ValueError(reason)
        return found

    def _fits(self, value: Any) -> bool:
        try:
            msgspec.convert(value, self.type)
        except msgspec.ValidationError:
            return False
        return True


def shown(value: Any) -> str:
    """A value in an error: a long one in part."""
    told = repr(value) if value != "" else "an empty text"
    if len(told) <= SHOWN:
        return told
    return f"{told[:SHOWN]}… ({len(value if isinstance(value, str) else told)} characters)"


def camel(attribute: str) -> str:
    """`idle_minutes` as a property's name."""
    first, *rest = attribute.split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclass_transform(kw_only_default=True, field_specifiers=(dataclasses.field,))
class Declared:
    """Base of declarations: each subclass is a frozen dataclass, built with keywords."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        dataclass(frozen=True, kw_only=True, repr=False)(cls)

    def __repr__(self) -> str:
        """Without what is secret."""
        shown = {field.name: getattr(self, field.attribute) for field in self.fields() if not field.about.secret}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @classmethod
    @cache
    def fields(cls) -> tuple[Field, ...]:
        """What is declared, in order."""
        hints = get_type_hints(cls, include_extras=True)
        return tuple(_field(one, hints[one.name]) for one in dataclasses.fields(cls))  # type: ignore[arg-type] # it is one

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The properties' names, in order."""
        return tuple(field.name for field in cls.fields())

    @classmethod
    def validate(cls, known: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with the values that are given, one by one: property name to reason.

        Args:
            known: Property name to value. Others than the declared ones are not looked at; None is not given.
        """
        reasons = {}
        for field in cls.fields():
            try:
                if (value := known.get(field.name)) is not None:
                    field.converted(value)
            except ValueError as error:
                reasons[field.name] = str(error)
        return reasons

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Self:
        """From properties that were validated or recorded; what is not among them has its default, else None."""
        return cls(**{field.attribute: _value(field, properties) for field in cls.fields()})

    def attributes(self) -> dict[str, Any]:
        """Attribute to value, as the constructor takes them."""
        return {field.attribute: getattr(self, field.attribute) for field in self.fields()}

    def properties(self) -> dict[str, Any]:
        """Property name to value, without those that are None."""
        return {field.name: value for field in self.fields() if (value := getattr(self, field.attribute)) is not None}


def _value(field: Field, properties: Mapping[str, Any]) -> Any:
    value = properties.get(field.name)
    if value is None:
        return None if field.default is dataclasses.MISSING else field.default
    return value


def _field(declared: dataclasses.Field[Any], hint: Any) -> Field:
    return Field(
        attribute=declared.name,
        name=camel(declared.name),
        type=hint,
        words=_first(Words, hint) or Words("true or false" if hint is bool else "a text"),
        about=_first(About, hint) or About(),
        default=declared.default,
    )


def _first(kind: type[T], hint: Any) -> T | None:
    """The outermost annotation of this kind."""
    return next(_all(kind, hint), None)


def _all(kind: type[T], hint: Any) -> Iterator[T]:
    return (one for one in _annotations(hint) if isinstance(one, kind))


def _annotations(hint: Any) -> Iterator[Any]:
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        yield from _annotations(part)
