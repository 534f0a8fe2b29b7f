"""What a stack's program registers, with Pulumi's mocks in the place of an engine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks

from operations import stack_names
from tests.components.recorder import stand_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ACCOUNT = "0123456789abcdef0123456789abcdef"
STORE = "5" * 32
URL = "postgresql://xata:P4ss%21word@b1.us-east-1.xata.tech:5432/xata?sslmode=require"
APP_URL = URL.replace("xata:P4ss%21word", "acme_shop_e-id_a:S3cret")
MADE: dict[str, dict[str, Any]] = {
    "xata:BranchConnection": {
        "url": URL,
        "poolerUrl": URL,
        "readOnlyUrl": URL,
        "host": "b1.us-east-1.xata.tech",
        "port": 5432,
        "database": "xata",
        "user": "xata",
    },
    "postgres:AppLogin": {"url": APP_URL, "user": "acme_shop_e-id_a", "spare": "acme_shop_e-id_b"},
    "xata:BranchSettings": {"backupRetentionDays": 7},
    "worker:Secrets": {"secretNames": ["DATABASE_URL"]},
    "worker:Preview": {"secretNames": ["DATABASE_URL"], "url": "https://pr-app.team.workers.dev"},
    "worker:Address": {"url": "https://app-staging.team.workers.dev"},
}
"""The outputs of a resource besides its inputs, by type."""


class Cloud(Mocks):
    """Answers every registration with its inputs and what `MADE` says."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """The resource as made."""
        return f"{args.name}-id", {**args.inputs, **MADE.get(args.typ.rpartition("/")[2], {})}

    def call(self, args: Any) -> Any:
        """No plugin is asked for anything: it would tell of its failure in its own words."""
        raise AssertionError(args.token)


class Declared(MockMonitor):
    """The requests of a program, by resource name."""

    def __init__(self) -> None:
        super().__init__(Cloud())
        self.requests: dict[str, dict[str, Any]] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """Keep the request, then answer as ever."""
        self.requests[request.name] = json_format.MessageToDict(request)
        return super().RegisterResource(request)  # type: ignore[no-untyped-call] # the SDK's mocks are untyped

    def inputs(self, name: str) -> dict[str, Any]:
        """What a resource was given."""
        return dict(self.requests[name]["object"])

    def before(self, name: str) -> set[str]:
        """The resources that a resource waits for."""
        return {urn.rpartition("::")[2] for urn in self.requests[name].get("dependencies", [])}


def declare(stack: str, config: Mapping[str, str], *, preview: bool = False, secrets: Sequence[str] = ()) -> Declared:
    """Run a stack's program.

    Args:
        stack: Its name.
        config: Key to text; a key without a namespace is one of ours.
        preview: Whether it is only looked at.
        secrets: Which keys of the configuration are secrets, with their namespace.
    """
    monitor = Declared()
    stand_in(Cloud(), monitor, stack=stack, preview=preview)
    told = {key if ":" in key else f"infra:{key}": value for key, value in config.items()}
    set_all_config({"infra:app": "acme-shop", **told}, list(secrets))

    def program() -> None:
        from stacks import run  # noqa: PLC0415 - only now is there somebody to register with

        run(stack, stack_names.PROJECT)

    try:
        pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # the SDK's test helpers are untyped
    finally:
        set_all_config({})
    return monitor


if __name__ == "__main__":
    try:
        declare(sys.argv[1], dict(one.split("=", 1) for one in sys.argv[2:]))
    finally:
        sys.stdout.write(str("pulumi_cloudflare" in sys.modules))
