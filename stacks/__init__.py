"""One module per environment, the typed configuration, and the outputs contract."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


def end_in_silence() -> None:
    """Print no traceback of an interruption: the CLI interrupts the program when a resource fails, and tells why."""
    tell = sys.excepthook

    def told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            tell(kind, error, trace)

    sys.excepthook = told


def run(stack: str, folder: Path) -> None:
    """Declare the resources of the stack of this name.

    Args:
        stack: Its name.
        folder: The project's folder, with the stacks' files, where relative paths start.

    Raises:
        pulumi.RunError: The configuration is wrong; its text is all a user needs.
    """
    from importlib import import_module  # noqa: PLC0415 - the package is imported for its pure modules too

    import pulumi  # noqa: PLC0415 - as above
    from pulumi.runtime.config import CONFIG, is_config_secret  # noqa: PLC0415 - as above

    from components.errors import InfraError  # noqa: PLC0415 - as above
    from stacks import side_by_side  # noqa: PLC0415 - as above
    from stacks.config import check, shared_by_all  # noqa: PLC0415 - as above
    from stacks.names import adapted  # noqa: PLC0415 - as above
    from stacks.settings import ENVIRONMENTS, kind_of  # noqa: PLC0415 - as above

    end_in_silence()
    raw = CONFIG.get()
    try:
        side_by_side.require_stack(stack, folder)
        secret_keys = {key for key in raw if is_config_secret(key)}
        settings = check(stack, raw, folder=folder, shared=shared_by_all(raw, folder), secret_keys=secret_keys)
        side_by_side.refuse_shared(settings, folder)
        if sentence := adapted(settings):
            pulumi.log.info(sentence)
        module = {ENVIRONMENTS: "cloud"}.get(kind_of(stack), kind_of(stack))
        import_module(f"stacks.{module}").program(settings, folder)
    except InfraError as error:
        message = str(error)
    else:
        return
    raise pulumi.RunError(message)
