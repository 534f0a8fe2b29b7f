"""Reads: resources that a program looks at and does not manage, and the outputs of other stacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded import options
from pulumi_embedded.errors import EngineError, PassphraseError
from pulumi_embedded.goal import STACK_REFERENCE_TYPE, Goal, check_package, make_urn, position
from pulumi_embedded.protocol import from_struct
from pulumi_embedded.steps import Bookkeeping
from pulumi_embedded.values import contains_secret, decode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pulumi_embedded.protocol import resource_pb2
    from pulumi_embedded.state import ResourceState, Store

Properties = dict[str, Any]

_NAME: Final = re.compile(r"(organization/((?P<project>[\w.-]{1,100})/)?)?(?P<stack>[\w.-]{1,100})", re.ASCII)


def read_read(request: resource_pb2.ReadResourceRequest, *, stack: str, project: str, root: Path) -> Goal:
    """Read a request to read: a goal that takes nothing from its parent but its place; refused as in `read_goal`."""
    if request.type != STACK_REFERENCE_TYPE:
        check_package(request.type, version=request.version)
    options.check(request, f"{request.type} {request.name!r}")
    if not request.id:
        raise EngineError(f"{request.type} {request.name!r} is to be read and has an empty id.")
    return Goal(
        id=request.id,
        external=True,
        urn=make_urn(stack, project, request.parent, request.type, request.name),
        type=request.type,
        parent=request.parent,
        inputs=decode(from_struct(request.properties)),
        dependencies=sorted(set(request.dependencies)),
        additional_secret_outputs=list(request.additionalSecretOutputs),
        source_position=position(request.sourcePosition, root),
    )


class StackReferences(Bookkeeping):
    """Reads what other stacks of the same backend give out.

    Args:
        project: The project of stacks that are named without one.
        open_: Gives the store of a stack, by project and name.
    """

    def __init__(self, project: str, open_: Callable[[str, str], Store]) -> None:
        self._project = project
        self._open = open_

    def read(self, state: ResourceState) -> tuple[str, Properties, Properties]:
        """Return id, inputs and, as outputs, those of the stack and which of them are secret."""
        for key in state.inputs.keys() - {"name"}:
            raise EngineError(f'A stack reference has the unknown property "{key}".')
        name = str(state.inputs.get("name", state.id))
        outputs = self._outputs(name)
        secret = sorted(key for key, value in outputs.items() if contains_secret(value))
        return state.id, state.inputs, {"name": name, "outputs": outputs, "secretOutputNames": secret}

    def _outputs(self, name: str) -> Properties:
        try:
            found = self._open(*self._parse(name)).outputs()
        except PassphraseError:
            raise PassphraseError(
                f'The secret outputs of the stack "{name}" do not open with the passphrase of this stack.',
                next_step="give both stacks the same passphrase, or stop naming that stack in a stack reference",
            ) from None
        if found is None:
            raise EngineError(
                f'unknown stack "{name}": this backend has none of that name.',
                next_step="bring that stack up first, or correct the name in the stack reference",
            )
        return found

    def _parse(self, name: str) -> tuple[str, str]:
        match = _NAME.fullmatch(name)
        if match is None:
            raise EngineError(
                f'"{name}" names no stack of this backend; allowed are "stack", "organization/stack" and '
                '"organization/project/stack", where the first word is "organization" itself.',
                next_step="correct the name in the stack reference",
            )
        return match["project"] or self._project, match["stack"]
