"""Give a preview a fresh copy of its parent: new branch, secret, check, and only then is the old branch deleted.

It is an `up` whose configuration names the branch that is to be replaced. Said again after a run that died, it goes on
where that one ended, and makes no second copy; an `up` that is not told of it either completes it or takes it back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from operations import changes, stack_names
from operations.changes import Done
from operations.deployed import deployed
from operations.errors import ChangesRefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from operations.changes import ShowProgress, Target

QUESTION = "{stack}: replace its database by a fresh copy? What was written to it is gone for good."
KEY = "infra:insteadOf"


def reset(target: Target, *, yes: bool, ask: Callable[[str], bool] | None, show: ShowProgress) -> Done:
    """Replace the branch, then let everything that is made of it follow.

    Args:
        target: Which stack, and how.
        yes: Agreed to beforehand.
        ask: Asks a question; None where nobody is there to answer.
        show: Makes whoever shows the progress of one run.

    Raises:
        UsageError: It is no preview, or was never deployed.
        ChangesRefusedError: Nobody agreed.
    """
    if not stack_names.is_preview(target.stack):
        raise UsageError(
            f"the stack {target.stack} keeps its data: only previews, pr-<number>, are given a fresh copy",
            next_step="name a preview, such as pr-7",
        )
    values = deployed(changes.opened(target, deploys=True).outputs(), target)
    if not yes and not (ask and ask(QUESTION.format(stack=target.stack))):
        why = "there is no terminal to ask on, and no --yes" if ask is None else "the answer was no"
        raise ChangesRefusedError(
            f"{target.stack}: nothing was changed, because {why}",
            next_step=f"./infra reset {target.stack} --yes replaces the database by a fresh copy",
        )
    wanted = replace(target, config={**target.config, KEY: str(values["branchId"].value)})
    engine = changes.opened(wanted, deploys=True, changes=True)
    return Done(engine=engine.name, result=changes.carried_out(engine, "up", show))
