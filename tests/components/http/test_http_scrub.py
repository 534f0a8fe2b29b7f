"""Text of others, shown without the secrets in it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.http.scrub import LONGEST_SHOWN, scrub

KEY = "xau_K3y/with+odd=chars&more"
SECRET = "s3cr3tW0rd"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://xata:{SECRET}@host/xata",
        f"postgres://xata:{SECRET}@host",
        f"POSTGRESQL://u:{SECRET}@h",
        f"postgresql+psycopg://u:{SECRET}@h",
        f"postgresql://u:{SECRET}/x@y@h/d",
        f"postgresql%3A%2F%2Fu%3A{SECRET}%40h",
        f"https://user:{SECRET}@proxy.test/path",
        f"password={SECRET} host=h",
        f"password: {SECRET}",
        f'{{"password":"{SECRET} more"}}',
        f'{{\\"password\\": \\"{SECRET}\\"}}',
        f"PGPASSWORD='{SECRET}'",
        f"api_key={SECRET}",
        f"apikey: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"basic {SECRET}",
        f"key xau_{SECRET} is bad",
        f"key xao_{SECRET} is bad",
        f"token ghs_{SECRET} is bad",
        f"token github_pat_{SECRET}_x is bad",
        SECRET * 4,
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    """Connection strings, log-ins in addresses, named passwords, keys, and long runs of letters and digits."""
    masked = scrub(f"it said {text} and stopped")
    assert SECRET not in masked
    assert masked.startswith("it said ")
    assert "***" in masked


@pytest.mark.parametrize(
    "text",
    [
        "branch [staging] already exists",
        "invalid token",
        "Internal Error (Request ID: req_0123456789abcdefghijklmnop)",
        "project prj_0123456789abcdefghijklmnop is not empty. Please delete its branches first.",
        "Credentials for username [xata] on branch [abcdefghijklmnopqrstuvwxyz]: not found",
        "code=400, message=Unmarshal type error: expected=int32, got=string, field=replicas, offset=16",
        "invalid parameter [backup retentionPeriod]: must be at least 2 days and maximum 35 days",
    ],
)
def test_what_is_no_secret_is_kept(text: str) -> None:
    """The service's own messages come through as they are."""
    assert scrub(text, secrets=(KEY,)) == text


@pytest.mark.parametrize("before", ["", "a", "ab", "Bearer "])
def test_a_known_secret_is_masked_in_every_spelling(before: str) -> None:
    """Plain, percent-encoded, escaped for JSON and in base64 at any place of a longer text."""
    for spelling in (
        KEY,
        quote(KEY, safe=""),
        quote(KEY),
        json.dumps(KEY),
        base64.b64encode(f"{before}{KEY}!".encode()).decode(),
        base64.urlsafe_b64encode(f"{before}{KEY}!".encode()).decode(),
    ):
        masked = scrub(f"got <{spelling}>", secrets=(KEY,))
        assert spelling.strip('"') not in masked
        assert "***" in masked


def test_what_is_shown_is_one_short_printable_line() -> None:
    """A message can neither flood nor steer a terminal, and a secret at the cut is masked before it is cut."""
    assert scrub("one\r\n\x1b[31mtwo\u202e three\x00") == "one [31mtwo three"
    text = scrub("word " * 1000)
    assert len(text) == LONGEST_SHOWN + 1
    assert SECRET[:6] not in scrub("x " * ((LONGEST_SHOWN - 6) // 2) + SECRET, secrets=(SECRET,))


@given(
    st.text(max_size=300),
    st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=40),
)
def test_a_known_secret_never_survives(text: str, secret: str) -> None:
    """Whatever stands around it."""
    assert secret not in scrub(f"{text}{secret}{text}", secrets=(secret,)).replace("***", "")
