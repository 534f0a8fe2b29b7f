"""The account and who calls: user, token, memberships, and the account's name below workers.dev."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import errors
from cloud_sandbox.cloudflare.world import Call, Enveloped, World, listed

if TYPE_CHECKING:
    from cloud_sandbox.cloudflare.settings import Settings

USER = "5a4d0b0c5a4d0b0c5a4d0b0c00000000"


def user(_: World, call: Call) -> Enveloped:
    """`GET /user`."""
    if not call.token.user:
        raise errors.no_access()
    return Enveloped(
        result={"id": USER, "email": "sandbox@example.invalid", "two_factor_authentication_enabled": False}
    )


def verify(_: World, call: Call) -> Enveloped:
    """`GET /user/tokens/verify`, and the same below an account: whether the token is in force."""
    told = {"id": hashlib.sha256(call.token.token.encode()).hexdigest()[:32], "status": call.token.status}
    return Enveloped(result=told)


def memberships(world: World, call: Call) -> Enveloped:
    """`GET /memberships`: a token of an account has none to tell."""
    if not call.token.user:
        raise errors.no_access()
    account = _account(world.settings)
    membership = {"id": USER, "status": "accepted", "account": account, "roles": ["Administrator"]}
    return listed([membership], call)


def accounts(world: World, call: Call) -> Enveloped:
    """`GET /accounts`."""
    return listed([_account(world.settings)], call)


def account(world: World, _: Call) -> Enveloped:
    """`GET /accounts/{account}`."""
    return Enveloped(result=_account(world.settings))


def _account(settings: Settings) -> dict[str, Any]:
    return {"id": settings.account, "name": settings.account_name, "type": "standard", "settings": {}}


def subdomain(world: World, _: Call) -> Enveloped:
    """`GET …/workers/subdomain`: 10007 while none is registered."""
    if not world.subdomain:
        raise errors.ApiError(404, 10007, "There is no workers.dev subdomain for this account")
    return Enveloped(result={"subdomain": world.subdomain})


def set_subdomain(world: World, call: Call) -> Enveloped:
    """`PUT …/workers/subdomain`."""
    name = call.body.get("subdomain")
    if not name or not isinstance(name, str):
        raise errors.invalid("`subdomain` has to be a name")
    world.subdomain = name
    return Enveloped(result={"subdomain": name})


def no_list(_: World, call: Call) -> Enveloped:
    """A list of things this account has none of."""
    return listed([], call)
