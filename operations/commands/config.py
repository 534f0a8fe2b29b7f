"""./infra config: set, read and remove a value of a stack's file, as `pulumi config` does, with either engine."""

from __future__ import annotations

import getpass
import json
import math
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from components.lazy import Lazy
from operations import cli, console, stack_names
from operations.errors import ExitCode, UsageError
from operations.workspace import PROJECT, describe_workspace, known_passphrase, open_workspace
from pulumi_embedded.errors import ProjectError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    import yaml

    from operations.workspace import Workspace
    from pulumi_embedded.project import yamlfile
else:
    yaml = Lazy("yaml")
    yamlfile = Lazy("pulumi_embedded.project.yamlfile")

ACTIONS = ("set", "get", "rm")
SECRETS = "worker"
"""The namespace of the values that infra:workerSecrets names."""


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "config",
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
    key = arguments.key if ":" in arguments.key else f"{cli.NAMESPACE}:{arguments.key}"
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
        pulumi_embedded.errors.EngineError: The passphrase does not open it.
    """
    from pulumi_embedded.project import load_config, load_project
    from pulumi_embedded.values import Secret

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
        pulumi_embedded.errors.EngineError: The file cannot be read, or the passphrase does not open what is
            encrypted there.
    """
    place = _described(stack)
    if secret:
        _require_secret(key)
        _edit(place, key, value())
        return
    if not key.startswith(f"{cli.NAMESPACE}:"):
        raise UsageError(
            f"{key} cannot be set as plain text: a value of {SECRETS}:NAME is a secret, and all others are keys of "
            f"{cli.NAMESPACE}",
            next_step=f"./infra config set {stack} {key} --secret, if it is a secret of the Worker; Pulumi.yaml names "
            f"the keys of {cli.NAMESPACE}",
        )
    if stack_names.is_pull_request(stack):
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
    from components.worker.names import validate_name

    namespace, _, name = key.partition(":")
    if namespace != SECRETS:
        raise UsageError(
            f"{key} is no secret: --secret is for {SECRETS}:NAME alone", next_step="leave --secret out, or correct KEY"
        )
    if reason := validate_name(name):
        raise UsageError(f"{key} names no secret of a Worker: {reason}", next_step="correct NAME")


def _require_allowed(place: Workspace, key: str, text: str) -> None:
    """Refuse an unknown key, and a value that the stack would refuse."""
    from pulumi_embedded.project import load_config, load_project

    config = load_config(load_project(place.folder), place.stack, overrides={}, crypter=lambda _: "", for_cli=True)
    plain = {name: value for name, value in config.plain.items() if name not in config.secret_keys}
    from stacks.config import read

    read(place.stack, {**plain, key: text}, shared=config.shared - {key})


def _edit(place: Workspace, key: str, text: str | None, *, secret: bool = True) -> None:
    """Write the file with the value, or without it."""
    from components.local.files import PRIVATE, read_private, write_private

    file, source = read_private(place.stack_file), place.stack_file.name
    there = keys(file.text, source=source)
    bare = key.removeprefix(f"{cli.NAMESPACE}:")
    written = bare if bare in there and key not in there else key
    if text is None and written not in there:
        raise UsageError(f"{source} has no {key}", next_step=f"its keys are: {', '.join(there) or 'none'}")
    if text is None:
        edited = without_value(file.text, written, source=source)
    elif secret:
        edited = _encrypted(place, file.text, written, text)
    else:
        edited = with_value(file.text, written, _listed(text), source=source)
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
    from operations.engines.pulumi_cli import recorded_salt
    from pulumi_embedded.project import load_project, read_salt
    from pulumi_embedded.state.crypto import Crypter, new_salt

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
    salted = text if salt else with_salt(text, kept, source=source)
    return with_value(salted, key, Secure(ciphertext=sealed), source=source)


def _opened(place: Workspace, ciphertext: str, *, show: bool) -> str:
    """A secret in the clear, if it is to be shown at all."""
    if not show:
        return ""
    from operations.engines.recorded import store

    return store(place, known_passphrase(place.folder, place.environ) or "").decrypt_text(ciphertext)


def _next(stack: str, key: str) -> str:
    namespace, _, name = key.partition(":")
    if namespace != SECRETS:
        return f"./infra up {stack}"
    return f"./infra up {stack}, once infra:workerSecrets names {name}"


SALT: Final = "encryptionsalt"
_QUOTED: Final = re.compile(
    r"(?i:y|yes|n|no|on|off)|<<|="
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"
)
"""Texts that some YAML takes for a truth, a number of base 60 or a date: the CLI quotes them, too."""


@dataclass(frozen=True, kw_only=True)
class Secure:
    """An encrypted value."""

    ciphertext: str


Value = str | list[str] | Secure


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A key and its value, as places in the text."""

    begin: int
    colon: int
    end: int
    indent: int


def keys(text: str, *, source: str) -> list[str]:
    """The keys below `config:`, as they are written there."""
    return [*(_content(text, source).get("config") or {})]


def with_salt(text: str, salt: str, *, source: str) -> str:
    """The text of a file that has no salt, with one."""
    return _checked(_appended(text, f"{SALT}: {salt}"), {**_content(text, source), SALT: salt}, source)


def with_value(text: str, key: str, value: Value, *, source: str) -> str:
    """The text with a value in the place of the key's old one, or behind the others.

    Args:
        text: What stands in the file.
        key: "namespace:name".
        value: What is set.
        source: How an error names the file.

    Raises:
        ProjectError: The file is not what such a file is, or is laid out so that only a person can edit it.
    """
    content = _content(text, source)
    text = _ended(text)
    wanted = {**content, "config": {**(content.get("config") or {}), key: _meant(value)}}
    config = _entries(text, _root(text)).get("config")
    if config is None:
        return _checked(_appended(text, f"config:\n  {key}:{_shown(value, 2)}"), wanted, source)
    if not content["config"]:
        return _checked(f"{text[: config.colon]}\n  {key}:{_shown(value, 2)}{text[config.end :]}", wanted, source)
    entries = _entries(text, _root(text, "config"))
    if key in entries:
        entry = entries[key]
        return _checked(text[: entry.colon] + _shown(value, entry.indent) + text[entry.end :], wanted, source)
    if not entries:
        raise _for_a_person(source)
    last = [*entries.values()][-1]
    place = _line_end(text, last.end)
    line = f"\n{' ' * last.indent}{key}:{_shown(value, last.indent)}"
    return _checked(text[:place] + line + text[place:], wanted, source)


def without_value(text: str, key: str, *, source: str) -> str:
    """The text without a key that is there, its value and the comment above it.

    Raises:
        ProjectError: As `with_value`.
    """
    content = _content(text, source)
    left = {name: value for name, value in content["config"].items() if name != key}
    wanted = {**content, "config": left}
    if not left:
        config = _entries(text, _root(text))["config"]
        return _checked(f"{text[: config.colon]} {{}}{text[config.end :]}", wanted, source)
    entries = _entries(text, _root(text, "config"))
    if key not in entries:
        raise _for_a_person(source)
    entry = entries[key]
    begin = text.rfind("\n", 0, entry.begin) + 1
    while (above := text.rfind("\n", 0, max(begin - 1, 0)) + 1) < begin and text[above:begin].lstrip().startswith("#"):
        begin = above
    return _checked(text[:begin] + text[_line_end(text, entry.end) + 1 :], wanted, source)


def _content(text: str, source: str) -> dict[str, Any]:
    content = yamlfile.parse(text, source)
    content = {} if content is None else content
    if not isinstance(content, dict) or not isinstance(content.get("config") or {}, dict):
        raise ProjectError(
            f"{source} is not a stack's file: keys stand below `config:`", next_step=f"correct {source}, then try again"
        )
    return content


def _checked(text: str, wanted: dict[str, Any], source: str) -> str:
    """Return the text if it says what it is to say: some layouts (aliases, everything in one line) are not edited."""
    try:
        said = yamlfile.parse(text, source)
    except ProjectError:
        said = None
    if said != wanted:
        raise _for_a_person(source)
    return text


def _for_a_person(source: str) -> ProjectError:
    return ProjectError(
        f"{source} is laid out in a way that cannot be edited by a program; nothing was changed",
        next_step="write one key a line below `config:`, each as `  infra:key: value`, then try again",
    )


def _root(text: str, below: str = "") -> yaml.Node | None:
    root = yaml.compose(text, yaml.SafeLoader)
    if not below or not isinstance(root, yaml.MappingNode):
        return root
    return next((value for name, value in root.value if name.value == below), None)


def _entries(text: str, node: yaml.Node | None) -> dict[str, _Entry]:
    """The entries of a mapping that has a line for each of them."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        return {}
    return {
        name.value: _Entry(
            begin=name.start_mark.index,
            colon=text.index(":", name.end_mark.index) + 1,
            end=_end(text, value),
            indent=name.start_mark.column,
        )
        for name, value in node.value
    }


def _end(text: str, node: yaml.Node) -> int:
    """Where a value ends; PyYAML lets a block end where the next one begins."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return len(text[: node.end_mark.index].rstrip())


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _appended(text: str, lines: str) -> str:
    return f"{_ended(text)}{lines}\n"


def _meant(value: Value) -> Any:
    return {"secure": value.ciphertext} if isinstance(value, Secure) else value


def _shown(value: Value, indent: int) -> str:
    """A value as it stands behind its colon."""
    below = "\n" + " " * (indent + 2)
    if isinstance(value, Secure):
        return f"{below}secure: {value.ciphertext}"
    if isinstance(value, list):
        return "".join(f"{below}- {_scalar(item)}" for item in value) or " []"
    return f" {_scalar(value)}"


def _scalar(text: str) -> str:
    """A text as YAML; quoted only where YAML's marks or the CLI's rules ask for it."""
    if not isinstance(yamlfile.scalar(text), str) or "\n" in text or _QUOTED.fullmatch(text):
        return json.dumps(text, ensure_ascii=False)
    dumper = type("Dumper", (yaml.SafeDumper,), {"yaml_implicit_resolvers": {}})
    shown: str = yaml.dump(text, Dumper=dumper, width=math.inf, allow_unicode=True)
    return shown.removesuffix("\n").removesuffix("\n...")
