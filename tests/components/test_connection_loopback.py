"""Which names mean this machine."""

from __future__ import annotations

import pytest

from components.connection import loopback_address


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "localhost.", "a.localhost", "b-rw.us-east-1.localhost."])
def test_localhost_and_names_below_it_are_this_machine(host: str) -> None:
    """RFC 6761 gives them the loopback address."""
    assert loopback_address(host) == "127.0.0.1"


@pytest.mark.parametrize(
    "host", ["", ".", "localhost.example.com", "notlocalhost", "a.notlocalhost", "127.0.0.1", "::1", "a..localhost"]
)
def test_every_other_name_is_for_the_resolver(host: str) -> None:
    """A name that only looks like it, an address, and what is no name are not resolved by rule."""
    assert loopback_address(host) is None
