"""The connections of a client, and what may stand in a header."""

from __future__ import annotations

import ssl

import httpx

from components.http.address import is_loopback

USER_AGENT = "infra/0.1.0"
MOST_CONNECTIONS = 64


def pool(base_url: str, transport: httpx.BaseTransport | None) -> httpx.Client:
    """The pool. Proxies of the environment are for the network: this machine's own addresses are reached directly."""
    url = httpx.URL(base_url)
    # Plain HTTP has no certificate to prove: a context that trusts nobody saves reading all the trusted ones.
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.scheme == "http" else True
    return httpx.Client(
        transport=transport,
        verify=verify,
        trust_env=not is_loopback(url.host),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS),
        headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
    )


def may_be_key(text: str) -> bool:
    """Whether this can be an API key: printable ASCII without blanks, which is all that a header carries safely."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
