"""Who may do what: the token, its scopes, and the projects and branches it is limited to.

Source: internal/api/auth.go and internal/opa/policy/policy.rego of the open-source service (June 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloud_sandbox.xata import messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cloud_sandbox.wire import Route
    from cloud_sandbox.xata.settings import Key

SCHEME = "bearer"


def token_of(headers: Mapping[str, str]) -> str:
    """The token of a request.

    Raises:
        RefusedError: There is none (401).
    """
    header = headers.get("authorization", "")
    if len(header) > len(SCHEME) + 1 and header[: len(SCHEME)].lower() == SCHEME:
        return header[len(SCHEME) + 1 :]
    raise messages.no_token()


def key_of(token: str, keys: Iterable[Key], now: float) -> Key:
    """The key behind a token.

    Raises:
        RefusedError: It is unknown or expired (401).
    """
    for key in keys:
        if key.token == token and (key.expires is None or now < key.expires):
            return key
    raise messages.bad_token()


def _granted(value: str, allowed: tuple[str, ...]) -> bool:
    return "*" in allowed or value in allowed


def has_scope(key: Key, scope: str) -> bool:
    """Whether a key has a scope; writing includes reading."""
    stronger = scope.removesuffix(":read") + ":write" if scope.endswith(":read") else scope
    return "*" in key.scopes or scope in key.scopes or stronger in key.scopes


def require(key: Key, organization: str, route: Route[Any], values: Mapping[str, str]) -> None:
    """Refuse what a key may not do (403).

    Writing to a collection needs the wildcard of its level: creating a branch needs `branches=*`.
    """
    allowed = has_scope(key, route.scope)
    allowed &= "organizationID" not in values or values["organizationID"] == (key.organization or organization)
    for name, limits, scope in (
        ("projectID", key.projects, "project:write"),
        ("branchID", key.branches, "branch:write"),
    ):
        allowed &= _granted(values[name], limits) if name in values else (route.scope != scope or "*" in limits)
    if not allowed:
        raise messages.denied()


def no_route(key: Key) -> messages.RefusedError:
    """What an unknown route is answered with: the policy grants a limited key only what it knows, and comes first."""
    limited = any("*" not in granted for granted in (key.scopes, key.projects, key.branches))
    return messages.denied() if limited else messages.no_route()


def may_see(name: str, allowed: tuple[str, ...]) -> bool:
    """Whether a list shows an entry to a key limited to `allowed`."""
    return _granted(name, allowed)
