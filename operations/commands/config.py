"""./infra config: set, read and remove a value of a stack's file, as `pulumi config` does, with either engine."""

from __future__ import annotations

import getpass
import json
import sys
from typing import TYPE_CHECKING

from operations import console, options, stack_names
from operations.errors import UsageError
from operations.exit_codes import ExitCode
from operations.workspace import PROJECT, describe_workspace, known_passphrase, open_workspace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from operations.stack_file import Value
    from operations.workspace import Workspace

ACTIONS = ("set", "get", "rm")
SECRETS = "worker"
"""The namespace of the values that infra:workerSecrets names."""


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "config",
        summary="set, read or remove a value of a stack's file, also an encrypted one",
        text=(
            "Set, read or remove a value in Pulumi.STACK.yaml, as `pulumi config` does; the next `up` acts on it.\n"
            "KEY is infra:NAME, or NAME alone, of the keys in Pulumi.yaml; or worker:NAME, the value of a secret that\n"
            "infra:workerSecrets names, which --secret encrypts with the stack's passphrase. Without VALUE it is read\n"
            "from standard input, or asked for: a secret is better not on the command line, where other users see it.\n"
            "`get` prints a value alone on standard output."
        ),
        examples=(
            "./infra config set staging worker:STRIPE_KEY --secret",
            "./infra config set staging workerSecrets '[\"STRIPE_KEY\"]'",
            "./infra config get staging workerSecrets",
            "./infra config rm staging worker:STRIPE_KEY",
        ),
        run=run,
    )
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=f"one of {', '.join(ACTIONS)}")
    parser.add_argument(
        "stack", metavar="STACK", type=stack_names.checked, help=f"the environment: {stack_names.ALLOWED}"
    )
    parser.add_argument("key", metavar="KEY", help="infra:NAME, NAME alone, or worker:NAME")
    parser.add_argument("value", metavar="VALUE", nargs="?", help="of set; without it, standard input is read")
    parser.add_argument("--secret", action="store_true", help="of set: encrypt the value, for worker:NAME")
    parser.add_argument(
        "--show-secrets", action="store_true", help="of get: print a secret, which it refuses otherwise"
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    key = arguments.key if ":" in arguments.key else f"{options.NAMESPACE}:{arguments.key}"
    for name, action in (("value", "set"), ("secret", "set"), ("show_secrets", "get")):
        if getattr(arguments, name) and arguments.action != action:
            shown = "VALUE" if name == "value" else f"--{name.replace('_', '-')}"
            raise UsageError(f"{shown} belongs to {action}", next_step="leave it out")
    if arguments.action == "get":
        print(found(arguments.stack, key, show_secrets=arguments.show_secrets))
        return ExitCode.SUCCESS
    if arguments.action == "rm":
        _edit(_described(arguments.stack), key, None)
        console.say(f"Pulumi.{arguments.stack}.yaml: {key} is removed\n  next: ./infra up {arguments.stack}")
        return ExitCode.SUCCESS
    set_value(arguments.stack, key, lambda: _value(arguments), secret=arguments.secret)
    console.say(f"Pulumi.{arguments.stack}.yaml: {key} is set\n  next: {_next(arguments.stack, key)}")
    return ExitCode.SUCCESS


def found(stack: str, key: str, *, show_secrets: bool) -> str:
    """The value that the stack's program gets: the stack file's, else the default of Pulumi.yaml.

    Raises:
        UsageError: There is none, or it is a secret and nobody said that it may be shown.
        engine.errors.EngineError: The passphrase does not open it.
    """
    from pulumi_embedded.project import load_config, load_project  # noqa: PLC0415 - reads YAML
    from pulumi_embedded.values import Secret  # noqa: PLC0415 - as above

    place = _described(stack)
    read = load_config(
        load_project(place.folder), stack, overrides={}, crypter=lambda text: _opened(place, text, show=show_secrets)
    ).values
    if key not in read:
        raise UsageError(
            f"{place.stack_file.name} has no {key}",
            next_step=f"./infra config set {stack} {key}{' --secret' if key.startswith(f'{SECRETS}:') else ''}",
        )
    value = read[key]
    if isinstance(value, Secret) and not show_secrets:
        raise UsageError(f"{key} is a secret", next_step=f"./infra config get {stack} {key} --show-secrets")
    return str(value.value) if isinstance(value, Secret) else value


def set_value(stack: str, key: str, value: Callable[[], str], *, secret: bool) -> None:
    """Write a value into the stack's file, which stays as it is where anything is wrong.

    Args:
        stack: The stack's name.
        key: "namespace:name".
        value: Reads the value; called when the key is one that may be set.
        secret: Whether it is to be encrypted.

    Raises:
        UsageError: The key may not be set, or not like this.
        components.errors.ConfigurationError: The key is unknown, or the value is not allowed.
        engine.errors.EngineError: The file cannot be read, or the passphrase does not open what is encrypted there.
    """
    place = _described(stack)
    if secret:
        _require_secret(key)
        _edit(place, key, value())
        return
    if not key.startswith(f"{options.NAMESPACE}:"):
        raise UsageError(
            f"{key} cannot be set as plain text: a value of {SECRETS}:NAME is a secret, and all others are keys of "
            f"{options.NAMESPACE}",
            next_step=f"./infra config set {stack} {key} --secret, if it is a secret of the Worker; Pulumi.yaml names "
            f"the keys of {options.NAMESPACE}",
        )
    if stack_names.is_preview(stack):
        raise UsageError(
            f"Pulumi.{stack}.yaml is made of Pulumi.preview.yaml, again and again: {key} would not stay there",
            next_step="write it into Pulumi.preview.yaml, for all pull requests",
        )
    text = value()
    _require_allowed(place, key, text)
    _edit(place, key, text, secret=False)


def _described(stack: str) -> Workspace:
    return describe_workspace(PROJECT, stack)


def _value(arguments: argparse.Namespace) -> str:
    """The value: of the command line, of standard input without its last line end, or of whoever is asked."""
    if arguments.value is not None:
        text = str(arguments.value)
    elif sys.stdin.isatty():
        text = getpass.getpass(f"{arguments.key}: ") if arguments.secret else input(f"{arguments.key}: ")
    else:
        try:
            text = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError:
            raise UsageError("the value is not UTF-8 text", next_step="encode it, for example with base64") from None
        text = text.removesuffix("\n").removesuffix("\r")
    if not text and arguments.secret:
        raise UsageError("the value is empty", next_step="give it on standard input, or type it when asked")
    return text


def _require_secret(key: str) -> None:
    from components.worker.names import validate_name  # noqa: PLC0415 - not for help and usage errors

    namespace, _, name = key.partition(":")
    if namespace != SECRETS:
        raise UsageError(
            f"{key} is no secret: --secret is for {SECRETS}:NAME alone", next_step="leave --secret out, or correct KEY"
        )
    if reason := validate_name(name):
        raise UsageError(f"{key} names no secret of a Worker: {reason}", next_step="correct NAME")


def _require_allowed(place: Workspace, key: str, text: str) -> None:
    """Refuse an unknown key, and a value that the stack would refuse."""
    from pulumi_embedded.project import load_config, load_project  # noqa: PLC0415 - reads YAML

    config = load_config(load_project(place.folder), place.stack, overrides={}, crypter=lambda _: "", for_cli=True)
    plain = {name: value for name, value in config.plain.items() if name not in config.secret_keys}
    from stacks.config import read  # noqa: PLC0415 - not for help and usage errors

    read(place.stack, {**plain, key: text}, shared=config.shared - {key})


def _edit(place: Workspace, key: str, text: str | None, *, secret: bool = True) -> None:
    """Write the file with the value, or without it."""
    from components.local.files import PRIVATE, read_private, write_private  # noqa: PLC0415 - not for help and usage errors
    from operations import stack_file  # noqa: PLC0415 - reads YAML

    file, source = read_private(place.stack_file), place.stack_file.name
    keys = stack_file.keys(file.text, source=source)
    bare = key.removeprefix(f"{options.NAMESPACE}:")
    written = bare if bare in keys and key not in keys else key
    if text is None and written not in keys:
        raise UsageError(f"{source} has no {key}", next_step=f"its keys are: {', '.join(keys) or 'none'}")
    if text is None:
        edited = stack_file.without_value(file.text, written, source=source)
    elif secret:
        edited = _encrypted(place, file.text, written, text)
    else:
        edited = stack_file.with_value(file.text, written, _listed(text), source=source)
    write_private(file.path, edited)
    file.path.chmod(file.mode or PRIVATE)


def _listed(text: str) -> Value:
    """A list for what is one in JSON, so that the file holds a line for each of its items."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else text


def _encrypted(place: Workspace, text: str, key: str, value: str) -> str:
    """The file's text with an encrypted value, and with the salt it is encrypted with."""
    from operations import stack_file  # noqa: PLC0415 - reads YAML
    from operations.engines.pulumi_cli import recorded_salt  # noqa: PLC0415 - as above
    from pulumi_embedded.project import load_project, read_salt  # noqa: PLC0415 - reads YAML
    from pulumi_embedded.state.crypto import Crypter, new_salt  # noqa: PLC0415 - loads cryptography

    source = place.stack_file.name
    salt = read_salt(load_project(place.folder), place.stack)
    if salt is None and place.state_folder is None:
        raise UsageError(
            f"{source} does not say what its secrets are encrypted with, and its state lies in no folder of this "
            "machine",
            next_step=f"pulumi config set --secret {key} --stack {place.stack}, the first time",
        )
    passphrase = open_workspace(place.folder, place.stack).passphrase or ""
    kept = salt or recorded_salt(place) or new_salt(passphrase)
    sealed = Crypter(passphrase, kept, place=source).encrypt(value)
    salted = text if salt else stack_file.with_salt(text, kept, source=source)
    return stack_file.with_value(salted, key, stack_file.Secure(ciphertext=sealed), source=source)


def _opened(place: Workspace, ciphertext: str, *, show: bool) -> str:
    """A secret in the clear, if it is to be shown at all."""
    if not show:
        return ""
    from operations.engines.recorded import store  # noqa: PLC0415 - loads cryptography

    return store(place, known_passphrase(place.folder, place.environ) or "").decrypt_text(ciphertext)


def _next(stack: str, key: str) -> str:
    namespace, _, name = key.partition(":")
    if namespace != SECRETS:
        return f"./infra up {stack}"
    return f"./infra up {stack}, once infra:workerSecrets names {name}"
