"""Everything that may refuse to be deleted is asked before anything goes: a resource that is deleted first does so.

What is deleted first needs no question: it refuses by itself, and nothing is gone then. That is the Worker's secrets,
or `.dev.vars`. What follows is the branch and its project, or the server of this machine.

Module path and class name of the provider are a contract with recorded state.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

from typing_extensions import override

from components.declared import About, Declared, Words
from components.resource import Properties, Provider, Resource, is_known

if TYPE_CHECKING:
    import pulumi


KINDS: Final = {"xata:Branch": "branch", "xata:Project": "project", "postgres:EmbeddedServer": "server"}
"""What may refuse after others went: the end of a resource's type, and what it is called here."""

DECIDES: Final = {
    "server": "components.postgres.server.provider",
    "project": "components.xata.project",
    "branch": "components.xata.removal",
}
"""Whose `require_removable` is asked, in this order: who names the children of its root branch has not emptied it."""

RECORDED: Final = {
    "branch": ("organization", "projectId", "name", "api"),
    "project": ("organization", "name", "api"),
    "server": ("stack", "projectFolder", "folder", "systemIdentifier", "retainData"),
}
"""Which of its outputs are needed to ask, besides the `id`."""

Thing = Annotated[Mapping[str, Any], Words("its id and the outputs that are needed to ask")]


class DeletionGuardInputs(Declared):
    """What is asked for: what goes with the stack, and is not kept."""

    branch: Annotated[Thing | None, About("The Xata branch.")] = None
    project: Annotated[Thing | None, About("The Xata project.")] = None
    server: Annotated[Thing | None, About("The server of this machine.")] = None


class DeletionGuardState(DeletionGuardInputs):
    """The same, recorded."""


class DeletionGuardProvider(Provider[DeletionGuardInputs, DeletionGuardState]):
    """Refuses the deletion of a stack before anything of it goes.

    It depends on everything else, so it is deleted first, whoever deletes: then it asks for all that may refuse later.
    """

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        """What a preview does not know yet of the same thing is no change."""
        old, new = olds.get(name) or {}, news.get(name) or {}
        if not is_known(news.get(name)) and not (isinstance(new, dict) and is_known(new.get("id"))):
            return False
        return all(not is_known(new.get(key)) or old.get(key) == new.get(key) for key in {*old, *new})

    @override
    def create_resource(self, new: DeletionGuardInputs) -> tuple[str, DeletionGuardState]:
        return "deletion-guard", DeletionGuardState(**new.attributes())

    @override
    def update_resource(
        self, resource_id: str, old: DeletionGuardState, new: DeletionGuardInputs
    ) -> DeletionGuardState:
        return DeletionGuardState(**new.attributes())

    @override
    def delete_resource(self, resource_id: str, old: DeletionGuardState) -> None:
        require_removable(old.properties())


class DeletionGuard(Resource, provider=DeletionGuardProvider, module="deletion", name="Guard"):
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
        branch: Resource | None = None,
        project: Resource | None = None,
        server: Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        things = {"branch": branch, "project": project, "server": server}
        told = {
            key: {"id": thing.id, **{output: getattr(thing, output) for output in RECORDED[key]}}
            for key, thing in things.items()
            if thing
        }
        super().__init__(name, DeletionGuardInputs.of(told), opts)


def require_removable(things: Mapping[str, Mapping[str, Any]]) -> None:
    """Ask whether all of it may be deleted. Changes nothing.

    Args:
        things: What is to go: branch, project, server, each with its `id` and the outputs that `RECORDED` names.

    Raises:
        InfraError: Something may not go, or whoever decides about it does not answer.
    """
    for kind, module in DECIDES.items():
        if things.get(kind):
            import_module(module).require_removable(things)
