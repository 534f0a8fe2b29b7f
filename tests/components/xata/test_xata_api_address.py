"""Base URLs and path segments, judged before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.http.address import is_loopback
from components.xata.api import address, errors
from tests.components.xata.scripted import Service

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.xata.tech", "https://api.xata.tech"),
        ("https://api.xata.tech/", "https://api.xata.tech"),
        ("HTTPS://API.Xata.Tech.", "https://api.xata.tech"),
        ("https://api.xata.tech:8443", "https://api.xata.tech:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.8.8", "http://127.8.8.8"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://api.localhost:1", "http://api.localhost:1"),
    ],
)
def test_addresses_that_may_be_given_a_key(text: str, url: str) -> None:
    """Https to anywhere, plain http to this machine; one spelling for each."""
    assert address.base_url(text) == url


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("https://xata.sh", errors.LiteRetiredError, "28 February 2026"),
        ("https://us-east-1.xata.sh", errors.LiteRetiredError, "28 February 2026"),
        ("https://ws-1.us-east-1.XATA.SH./db/x:main", errors.LiteRetiredError, "28 February 2026"),
        ("https://api.xata.io", errors.LiteRetiredError, "api.xata.io is an address of Xata Lite"),
        ("api.xata.io", errors.LiteRetiredError, "28 February 2026"),
        ("postgresql://ws:hidden@us-east-1.sql.xata.sh:5432/db:main", errors.LiteRetiredError, "28 February 2026"),
        ("http://api.xata.tech", errors.AddressError, "does not begin with https://"),
        ("http://127.0.0.1.example.com", errors.AddressError, "does not begin with https://"),
        ("http://localhost.example.com", errors.AddressError, "does not begin with https://"),
        ("api.xata.tech", errors.AddressError, "does not begin with https://"),
        ("ftp://api.xata.tech", errors.AddressError, "does not begin with https://"),
        ("https://user:hidden@api.xata.tech", errors.AddressError, "user name or a password"),
        ("https://hidden@api.xata.tech", errors.AddressError, "user name or a password"),
        ("https://api.xata.tech/v1", errors.AddressError, "something behind the host api.xata.tech"),
        ("https://api.xata.tech//", errors.AddressError, "something behind the host"),
        ("https://api.xata.tech?key=hidden", errors.AddressError, "something behind the host"),
        ("https://api.xata.tech#hidden", errors.AddressError, "something behind the host"),
        ("https://", errors.AddressError, "no host name"),
        ("https:///path", errors.AddressError, "no host name"),
        ("https://api_xata!.tech", errors.AddressError, "no host name"),
        ("https://xata\u3002tech", errors.AddressError, "no host name"),
        ("https://api.xata.tech:99999", errors.AddressError, "is not a URL"),
        ("https://api.xata.tech:port", errors.AddressError, "is not a URL"),
        ("https://[::1", errors.AddressError, "is not a URL"),
        ("https://api.xata.tech\n", errors.AddressError, "is not a URL"),
        ("https://api.xata .tech", errors.AddressError, "is not a URL"),
        ("", errors.AddressError, "no host name"),
    ],
)
def test_addresses_that_are_refused(text: str, error: type[errors.AddressError], says: str) -> None:
    """In words, with the variable to set, and without a password that may be in it."""
    with pytest.raises(errors.AddressError) as caught:
        Service().client(base_url=text)
    assert type(caught.value) is error
    assert says in str(caught.value)
    assert "XATA_API_BASE_URL" in caught.value.next_step
    assert "hidden" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """No other exception, and never plain http to another machine."""
    try:
        url = address.base_url(text)
    except errors.AddressError:
        return
    assert url.startswith("https://") or is_loopback(url.removeprefix("http://").rpartition(":")[0] or url[7:])


@pytest.mark.parametrize(
    ("segment", "says"),
    [
        ("", "is empty"),
        (".", "is a path"),
        ("..", "is a path"),
        ("a/b", "is a path"),
        ("../x", "is a path"),
        ("a\\b", "is a path"),
        ("a\nb", "can not be printed"),
        ("a\x00", "can not be printed"),
        ("a\ud800", "can not be printed"),
        ("a" * 201, "201 characters"),
    ],
)
def test_ids_that_could_lead_elsewhere_are_refused_before_any_call(segment: str, says: str) -> None:
    """The id is named, and nothing is sent."""
    service = Service()
    calls: dict[str, Callable[[], object]] = {
        "organization": lambda: service.client().projects(segment),
        "project": lambda: service.client().branches("abc123", segment),
        "branch": lambda: service.client().delete_branch("abc123", "prj_1", segment),
        "backup": lambda: service.client().backup("abc123", "prj_1", segment),
    }
    for name, call in calls.items():
        with pytest.raises(errors.InputError, match=f"the {name}'s id") as caught:
            call()
        assert says in str(caught.value)
    assert service.requests == []


@given(st.text(min_size=1, max_size=50))
def test_a_segment_stays_one_segment(segment: str) -> None:
    """What is not refused is encoded so that it can not end, leave or ask."""
    try:
        path = address.path("/organizations/{organization}/projects", organization=segment)
    except errors.InputError:
        return
    assert path.split("/")[:2] == ["", "organizations"]
    assert path.count("/") == 3
    assert not set("?#\\ ") & set(path)
    assert path.isascii()
