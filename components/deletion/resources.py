"""The room's dynamic resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi.dynamic import Resource

from components.deletion.asking import RECORDED
from components.deletion.provider import DeletionGuardProvider

if TYPE_CHECKING:
    import pulumi

    from components.postgres.resources import EmbeddedServer
    from components.xata.resources import Branch, Project


class DeletionGuard(Resource, module="deletion", name="Guard"):
    """Refuses the deletion of a stack before anything of it goes. Declare it last, after everything else.

    Args:
        branch: The Xata branch that goes with the stack; None where none does, or it is kept.
        project: The same for the Xata project.
        server: The same for the server of this machine.
        opts: `depends_on` names everything else of the stack.
    """

    def __init__(
        self,
        name: str,
        *,
        branch: Branch | None = None,
        project: Project | None = None,
        server: EmbeddedServer | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        things = {"branch": branch, "project": project, "server": server}
        props: dict[str, Any] = {
            key: {"id": thing.id, **{output: getattr(thing, output) for output in RECORDED[key]}} if thing else None
            for key, thing in things.items()
        }
        super().__init__(DeletionGuardProvider(), name, props, opts)
