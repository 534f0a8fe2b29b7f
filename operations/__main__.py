"""The one place that catches: every error becomes a sentence, a next step and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from operations import cli, console, next_steps
from operations.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

OF_COMPONENTS = {
    "ConfigurationError": ExitCode.BAD_CONFIGURATION,
    "LocalError": ExitCode.MACHINE_NOT_READY,
    "PostgresError": ExitCode.RESOURCE_FAILED,
    "RefusedError": ExitCode.CHANGES_REFUSED,
    "InfraError": ExitCode.RESOURCE_FAILED,
}
OF_THE_ENGINE = {
    "LockedError": ExitCode.LOCKED,
    "HeldError": ExitCode.CHANGES_REFUSED,
    "StateError": ExitCode.BAD_CONFIGURATION,
    "ProjectError": ExitCode.BAD_CONFIGURATION,
    "UnsupportedError": ExitCode.MACHINE_NOT_READY,
    "EngineError": ExitCode.RESOURCE_FAILED,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    # gRPC tells of every fork beside a call; no user can do anything with that.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    next_steps.of(next_steps.Run())
    if "_ARGCOMPLETE" in os.environ:
        cli.complete()
    try:
        command = cli.parse(words)
        next_steps.of(next_steps.Run.from_arguments(command))
        code = int(command.run(command))
        sys.stdout.flush()  # here, where a reader that has gone away is understood, and not at exit
    except KeyboardInterrupt:
        return _ended("interrupted", "call again; what was made is kept and recorded", ExitCode.INTERRUPTED, words)
    except BrokenPipeError:
        # Whoever read the answer has gone; nothing is left to tell, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.UNEXPECTED
    except OSError as error:
        _trace(words)
        return _ended(f"{error}", "./infra doctor", ExitCode.MACHINE_NOT_READY, words)
    except Exception as error:  # noqa: BLE001 - the one place that catches
        _trace(words)
        return _ended(*explained(error), words)
    return code


def names_of_ours(kind: type[BaseException]) -> list[str]:
    """The names of an error's classes in the trees of components, engine and commands, nearest first."""
    trees = {"components.errors", "pulumi_embedded.errors", "operations.errors"}
    return [one.__name__ for one in kind.__mro__ if one.__module__ in trees]


def exit_code_of(kind: type[BaseException]) -> ExitCode:
    """The exit code of an error of this class."""
    if issubclass(kind, CommandError):
        return kind.exit_code
    names = names_of_ours(kind)
    codes = OF_COMPONENTS if "InfraError" in names else OF_THE_ENGINE
    return next((codes[name] for name in names if name in codes), ExitCode.UNEXPECTED)


def explained(error: Exception) -> tuple[str, str, ExitCode]:
    """What an error says, the next step, and its exit code.

    The trees of components and of the engine are told by their names: loading them here would cost every command.
    """
    if names_of_ours(type(error)):
        return getattr(error, "message", str(error)), getattr(error, "next_step", ""), exit_code_of(type(error))
    return (
        f"this should not have happened: {type(error).__name__}: {error}",
        "report it with what --verbose adds",
        ExitCode.UNEXPECTED,
    )


def _ended(message: str, next_step: str, code: ExitCode, words: Sequence[str]) -> int:
    """Say how it ended; a program that asked for a document gets one."""
    console.say(f"error: {message}" if code is not ExitCode.INTERRUPTED else message)
    if next_step:
        console.say(f"  next: {next_step}")
    if _wants_a_document(words):
        answer = console.of_failed_preview if words[0] == "preview" else console.of_error
        message, next_step = next_steps.filled(message), next_steps.filled(next_step)
        console.answer(answer(message, next_step, code=code.value, name=code.name.lower()))
    return code


def _wants_a_document(words: Sequence[str]) -> bool:
    """Whether a program reads the answer: --json, or its other spelling of `outputs`."""
    return "--json" in words or "--format json" in " ".join(words).replace("--format=", "--format ")


def _trace(words: Sequence[str]) -> None:
    if "--verbose" in words:
        traceback.print_exc()


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    """SIGTERM ends a command as Ctrl-C does: nothing half-done is lost."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
