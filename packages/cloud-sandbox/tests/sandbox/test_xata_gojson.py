"""Bodies are read as the real server's Go decoder reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sandbox.xata.gojson import INT32, OPTIONAL_STRING, STRING, FieldTypeError, Many, Struct, Texts, decode
from cloud_sandbox.xata.goscan import EndError, ScanError, scan

INNER = Struct(name="spec.Inner", fields={"count": INT32})
SHAPE = Struct(
    name="spec.Outer",
    fields={
        "name": STRING,
        "note": OPTIONAL_STRING,
        "inner": INNER,
        "tags": Many(item=STRING, name="[]string"),
        "extra": Texts(optional=True),
    },
)


def read(text: str) -> Any:
    """Decode into the shape of these tests."""
    return decode(scan(text.encode()), SHAPE)


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("{", "unexpected EOF", None),
        ("", "EOF", None),
        (" \n", "EOF", None),
        ("nul", "unexpected EOF", None),
        ("nulx", "invalid character 'x' in literal null (expecting 'l')", 4),
        ("{a}", "invalid character 'a' looking for beginning of object key string", 2),
        ('{"a" 1}', "invalid character '1' after object key", 6),
        ('{"a":1 2}', "invalid character '2' after object key:value pair", 8),
        ("[1 2]", "invalid character '2' after array element", 4),
        ("[1,]", "invalid character ']' looking for beginning of value", 4),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string", 8),
        ('"\\q"', "invalid character 'q' in string escape code", 3),
        ('"\\u12z4"', "invalid character 'z' in \\u hexadecimal character escape", 6),
        ('"a\nb"', "invalid character '\\n' in string literal", 3),
        ("-x", "invalid character 'x' in numeric literal", 2),
        ("1.x", "invalid character 'x' after decimal point in numeric literal", 3),
        ("1ex", "invalid character 'x' in exponent of numeric literal", 3),
        ("'", "invalid character '\\'' looking for beginning of value", 1),
        ('{"a":"}', "unexpected EOF", None),
    ],
)
def test_a_syntax_error_has_gos_words_and_offset(text: str, message: str, offset: int | None) -> None:
    """A body that is no JSON is refused with Go's text, and the offset counts the offending byte."""
    with pytest.raises((ScanError, EndError)) as caught:
        scan(text.encode())
    assert str(caught.value) == message
    assert getattr(caught.value, "offset", None) == offset


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("[]", "json: cannot unmarshal array into Go value of type spec.Outer", 1),
        ('"x"', "json: cannot unmarshal string into Go value of type spec.Outer", 3),
        ('{"name":5}', "json: cannot unmarshal number into Go struct field Outer.name of type string", 9),
        ('{"note":{}}', "json: cannot unmarshal object into Go struct field Outer.note of type string", 9),
        (
            '{"inner":{"count":2.5}}',
            "json: cannot unmarshal number 2.5 into Go struct field Inner.inner.count of type int32",
            21,
        ),
        (
            '{"inner":{"count":2147483648}}',
            "json: cannot unmarshal number 2147483648 into Go struct field Inner.inner.count of type int32",
            28,
        ),
        ('{"tags":"x"}', "json: cannot unmarshal string into Go struct field Outer.tags of type []string", 11),
        ('{"tags":["x",true]}', "json: cannot unmarshal bool into Go struct field Outer.tags of type string", 17),
        ('{"extra":{"a":1}}', "json: cannot unmarshal number into Go struct field Outer.extra of type string", 15),
    ],
)
def test_a_wrong_type_has_gos_words_and_offset(text: str, message: str, offset: int) -> None:
    """A field of another type is refused with Go's text; the first one wins."""
    with pytest.raises(FieldTypeError) as caught:
        read(text)
    assert (str(caught.value), caught.value.offset) == (message, offset)


def test_keys_match_in_any_case_and_the_last_one_wins() -> None:
    """Keys fold their case, unknown ones are skipped, and what follows the first value is not looked at."""
    assert read('{"NAME":"a","name":"b","other":[{}]} garbage') == {"name": "b"}


def test_null_leaves_a_plain_field_and_clears_an_optional_one() -> None:
    """A null is no value for plain fields and None for optional ones."""
    assert read('{"name":"a","name":null,"note":"x","note":null}') == {"name": "a", "note": None}


def test_a_repeated_object_is_merged() -> None:
    """The second object of one name adds to the first, as it fills the same struct."""
    assert read('{"extra":{"a":"1"},"extra":{"b":"2"}}') == {"extra": {"a": "1", "b": "2"}}


def test_deep_nesting_is_read_up_to_gos_limit() -> None:
    """Ten thousand levels of something unknown are fine, one more is refused."""
    deep = 9_999
    assert read('{"other":' + "[" * deep + "]" * deep + "}") == {}
    with pytest.raises(ScanError, match="exceeded max depth"):
        read('{"other":' + "[" * (deep + 1) + "]" * (deep + 1) + "}")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_every_json_text_is_read(value: Any) -> None:
    """What Python writes as JSON is scanned to its end, whatever is in it."""
    text = json.dumps(value).encode()
    assert scan(text).end == len(text)
