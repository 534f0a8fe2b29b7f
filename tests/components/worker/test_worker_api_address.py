"""Base URLs and path segments of Cloudflare's API, judged before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.http.address import same_server
from components.worker.api import address, errors
from tests.components.worker.workers_world import ACCOUNT, Scripted, good

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.worker.api.client import Client


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.cloudflare.com/client/v4", "https://api.cloudflare.com/client/v4"),
        ("HTTPS://API.Cloudflare.Com./client/v4/", "https://api.cloudflare.com/client/v4"),
        ("https://gateway.example.com", "https://gateway.example.com"),
        ("http://127.0.0.1:8787/client/v4", "http://127.0.0.1:8787/client/v4"),
        ("http://[::1]:8787/client/v4/", "http://[::1]:8787/client/v4"),
        ("http://api.localhost:1/client/v4", "http://api.localhost:1/client/v4"),
    ],
)
def test_addresses_that_may_be_given_a_token(text: str, url: str) -> None:
    """Https to anywhere, plain http to this machine; with a path, and one spelling for each."""
    assert address.base_url(text) == url


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://api.cloudflare.com/client/v4", "does not begin with https://"),
        ("http://127.0.0.1.example.com/client/v4", "does not begin with https://"),
        ("api.cloudflare.com/client/v4", "does not begin with https://"),
        ("https://user:hidden@api.cloudflare.com", "user name or a password"),
        ("https://hidden@api.cloudflare.com", "user name or a password"),
        ("https://api.cloudflare.com/client/v4?token=hidden", "only a plain path"),
        ("https://api.cloudflare.com/client/v4#hidden", "only a plain path"),
        ("https://api.cloudflare.com/client/../hidden", "only a plain path"),
        ("https://api.cloudflare.com//hidden", "only a plain path"),
        ("https://api.cloudflare.com/%2e%2e/hidden", "only a plain path"),
        ("https://", "no host name"),
        ("https://api cloudflare", "is not a URL"),
        ("https://api.cloudflare.com:hidden", "is not a URL"),
        ("https://api.cloudflare.com/\nhidden", "is not a URL"),
    ],
)
def test_addresses_that_get_no_token(text: str, says: str) -> None:
    """What is no address of an API is refused in words, and nothing that could be a secret is quoted."""
    with pytest.raises(errors.AddressError, match=says) as caught:
        address.base_url(text)
    assert "hidden" not in str(caught.value)
    assert "CLOUDFLARE_API_BASE_URL" in caught.value.next_step


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "https://api.cloudflare.com/client/v4"),
        ({"CLOUDFLARE_API_BASE_URL": " "}, "https://api.cloudflare.com/client/v4"),
        ({"CLOUDFLARE_API_BASE_URL": " http://127.0.0.1:1/client/v4\n"}, "http://127.0.0.1:1/client/v4"),
        ({"CLOUDFLARE_BASE_URL": "http://127.0.0.1:2/client/v4"}, "http://127.0.0.1:2/client/v4"),
        (
            {"CLOUDFLARE_API_BASE_URL": "http://127.0.0.1:1", "CLOUDFLARE_BASE_URL": "http://127.0.0.1:2"},
            "http://127.0.0.1:1",
        ),
    ],
)
def test_both_variables_of_the_tools_count(environment: dict[str, str], url: str) -> None:
    """Wrangler's variable first, then that of Cloudflare's own packages, then Cloudflare itself."""
    assert address.base_url_in(environment) == url


@pytest.mark.parametrize("segment", ["", ".", "..", "a/b", "a\\b", "../secrets", "a\nb", "x" * 201])
def test_segments_that_lead_elsewhere_are_refused(segment: str) -> None:
    """No name reaches another path than its own."""
    service = Scripted(good([]))
    calls: tuple[Callable[[Client], object], ...] = (
        lambda client: client.secrets(segment, "app"),
        lambda client: client.secrets(ACCOUNT, segment),
        lambda client: client.delete_secret(ACCOUNT, "app", segment),
    )
    for call in calls:
        with pytest.raises(errors.InputError, match="nothing was sent"):
            call(service.worker())
    assert service.requests == []


def test_segments_are_encoded() -> None:
    """A name with characters of URLs stays one segment."""
    assert address.path("/x/{name}", name="a?b#c%d e") == "/x/a%3Fb%23c%25d%20e"


@pytest.mark.parametrize(
    ("recorded", "current", "same"),
    [
        ("https://api.cloudflare.com/client/v4", "https://API.cloudflare.com/client/v4/", True),
        ("http://127.0.0.1:1/client/v4", "http://127.0.0.1:2/client/v4", True),
        ("http://127.0.0.1:1/client/v4", "http://[::1]:2/client/v4", True),
        ("http://127.0.0.1:1/client/v4", "https://api.cloudflare.com/client/v4", False),
        ("https://api.cloudflare.com/client/v4", "https://api.cloudflare.com:8443/client/v4", False),
        ("https://api.cloudflare.com/client/v4", "https://api.cloudflare.com/client/v5", False),
    ],
)
def test_a_stand_in_on_another_port_is_the_same_server(recorded: str, current: str, same: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Ports of this machine come and go; everything else tells servers apart."""
    assert same_server(recorded, current) is same
