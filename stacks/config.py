"""The stack's configuration, validated before any resource is declared.

Pulumi hands a program its configuration as text (`namespace:key` to a string; lists and objects as JSON). `read` turns
that text into the settings of the environment, or says which file, key and value is wrong, what is allowed, and which
line to paste. Nothing here imports pulumi.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.errors import ConfigurationError
from components.postgres import sqlfiles
from stacks import outside, stack_names
from stacks.settings import DROPPED, MODELS, ROOT, AppSettings, CloudSettings, Settings, kind_of, model_of
from stacks.stack_names import PREVIEW

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from components.declared import Field

NAMESPACE = "infra"


def keys() -> dict[str, Field]:
    """Every key of every environment. An environment's own default of a key is in `Settings.defaults`."""
    return {field.name: field for model in MODELS.values() for field in model.fields()}


def file_of(stack: str) -> str:
    """The file in which a user writes a stack's configuration: for all pull requests one template."""
    return f"Pulumi.{PREVIEW if stack_names.is_pull_request(stack) else stack}.yaml"


def shared_by_all(raw: Mapping[str, str], folder: Path) -> set[str]:
    """The keys whose values are those that Pulumi.yaml in `folder` gives to every stack."""
    return {key for key, text in written(folder / "Pulumi.yaml").items() if raw.get(key) == text}


def written(file: Path) -> dict[str, str]:
    """What a file of Pulumi's says in the clear under `config`, as a program would be told: full key to text.

    Raises:
        ConfigurationError: It is not there, or no YAML.
    """
    import yaml  # noqa: PLC0415 - whoever knows where values come from does without

    try:
        return written_in(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}", next_step="./infra doctor says where") from None


def written_in(text: str) -> dict[str, str]:
    """The same of a file's text.

    Raises:
        ValueError, RecursionError, yaml.YAMLError: It is no YAML.
    """
    import yaml  # noqa: PLC0415 - as above

    # All scalars stay as they are written, since Pulumi's YAML has no `off` that means false.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    content = yaml.load(text, loader)  # noqa: S506 - it makes texts, lists and maps
    said = content.get("config") if isinstance(content, dict) else None
    found = {}
    for name, one in (said if isinstance(said, dict) else {}).items():
        value = one.get("default", one.get("value")) if isinstance(one, dict) else one
        # What is deeper than a list is nobody's setting, and may be larger than its file: YAML has aliases.
        texts = value if isinstance(value, list) and all(isinstance(each, str) for each in value) else None
        if isinstance(value, str) or texts is not None:
            text = value if isinstance(value, str) else json.dumps(texts, separators=(",", ":"))
            found[name if ":" in str(name) else f"{NAMESPACE}:{name}"] = text
    return found


def read(
    stack: str,
    raw: Mapping[str, str],
    *,
    shared: Collection[str] = (),
    given: Collection[str] = (),
    secret_keys: Collection[str] = (),
) -> Settings:
    """Turn a stack's configuration into its environment's settings.

    Args:
        stack: The stack's name, such as `dev`.
        raw: `namespace:key` to text, as Pulumi hands it to programs. Keys of other namespaces are not looked at.
        shared: Those of `raw` that every stack gets from Pulumi.yaml: they may be settings of other environments.
        given: Those of `raw` that were given for this run, with `--config`.
        secret_keys: Those of `raw` that are secrets; an error does not show their values.

    Raises:
        ConfigurationError: No such stack, an unknown key of ours, one of other environments, or a value that is not
            allowed.
    """
    if not kind_of(stack):
        raise ConfigurationError(
            f"{stack!r} is no stack's name: allowed is {stack_names.RULE}; or pr-<number> for a pull request",
            next_step="name another stack",
        )
    model = model_of(stack)
    every = keys()
    own = {key.partition(":")[2]: value for key, value in raw.items() if key.partition(":")[0] == NAMESPACE}
    values = dict(model.defaults)
    for key in sorted(own):
        full, said = f"{NAMESPACE}:{key}", _said(stack, key, given, shared)
        shown = "a secret value" if full in secret_keys else repr(own[key])
        if key in DROPPED:
            raise _dropped(said, key)
        if key not in every:
            raise _unknown_key(said, key, every.keys())
        if key not in model.names():
            if full not in shared:
                raise _of_others(said, key, shown, model.names())
            continue
        if not own[key] and key in model.defaults:
            continue  # what Pulumi.yaml has for all says nothing; a stack has its own
        field = every[key]
        try:
            values[key] = field.converted(_parsed(own[key], field), text=True)
        except ValueError:
            raise _wrong_value(said, key, shown, field) from None
    return model.of(values)


def check(
    stack: str,
    raw: Mapping[str, str],
    *,
    folder: Path,
    shared: Collection[str] = (),
    given: Collection[str] = (),
    secret_keys: Collection[str] = (),
) -> Settings:
    """Read a stack's configuration, and validate the files it names in the project's `folder`.

    Raises:
        ConfigurationError: As `read`, or a named file or folder is not there, or lies where the stack has no business.
    """
    settings = read(stack, raw, shared=shared, given=given, secret_keys=secret_keys)
    if isinstance(settings, AppSettings) and not (folder / settings.app_path).is_dir():
        raise _missing(_said(stack, "appPath", given), "appPath", settings.app_path, "the app's folder")
    for name in settings.wanted_sql_files or ():
        files = sqlfiles.files_of(name, folder)
        if not files or not all((folder / file).is_file() for file in files):
            what = "an SQL file, a folder that holds some (*.sql), or a pattern that fits some"
            raise _missing(_said(stack, "sqlFiles", given), "sqlFiles", name, what)
    if isinstance(settings, AppSettings):
        _check_migrations(settings, folder, _said(stack, "migrate", given), _said(stack, "migrations", given))
    if isinstance(settings, CloudSettings) and settings.wanted_sanitize:
        _check_sanitize(settings, folder, _said(stack, "sanitize", given))
    if isinstance(settings, AppSettings) and settings.grants_file and not (folder / settings.grants_file).is_file():
        raise _missing(_said(stack, "appRole", given), "appRole", settings.grants_file, "an SQL file of grants")
    outside.refuse(file_of(stack), settings, folder)
    return settings


def _check_sanitize(settings: CloudSettings, folder: Path, said: _Said) -> None:
    """Refuse a file that is not there, and one for a branch that is no copy of another environment's."""
    if settings.is_production or settings.parent == ROOT or settings.adopt_branch:
        why = f"its parent is {ROOT}, which holds no environment's data"
        if settings.is_production:
            why = "the environment is production, whose data are to stay"
        elif settings.adopt_branch:
            why = "infra:adoptBranch takes over a branch as it is"
        raise ConfigurationError(
            f"{said.where}: infra:sanitize is for a fresh copy of another environment's branch, and {why}",
            next_step=said.remove,
        )
    if not (folder / settings.sanitize).is_file():
        raise _missing(said, "sanitize", settings.sanitize, "an SQL file")


def _check_migrations(settings: AppSettings, folder: Path, command: _Said, files: _Said) -> None:
    """Refuse a command without its folder, a folder without its command, and a folder that is not there."""
    if settings.migrate and not settings.migrations:
        raise ConfigurationError(
            f"{command.where}: infra:migrate is set, and infra:migrations is not: nothing says when it is to be run",
            next_step=files.like("migrations", "db/migrations"),
        )
    if settings.migrations and not settings.migrate:
        raise ConfigurationError(
            f"{files.where}: infra:migrations is set, and infra:migrate is not: nothing would apply them",
            next_step=command.like("migrate", "npx dbmate up"),
        )
    if settings.wanted_migrations and not (folder / settings.wanted_migrations).is_dir():
        raise _missing(files, "migrations", settings.wanted_migrations, "the folder of the migrations")


@dataclass(frozen=True, kw_only=True)
class _Said:
    """Where a value was said: a stack's file, Pulumi.yaml, or the command line."""

    stack: str
    where: str
    is_given: bool

    def like(self, key: str, text: str) -> str:
        """How to say a good one."""
        if self.is_given:
            return f"give a value of yours: --config {key}={text}"
        return f"put this line under `config:` in {self.where}, with a value of yours:\n    {NAMESPACE}:{key}: {text}"

    @property
    def remove(self) -> str:
        """How to take it back."""
        return "leave it out" if self.is_given else f"remove it from {self.where}"


def _said(stack: str, key: str, given: Collection[str], shared: Collection[str] = ()) -> _Said:
    full = f"{NAMESPACE}:{key}"
    file = "Pulumi.yaml" if full in shared else file_of(stack)
    return _Said(stack=stack, where=f"--config {key}" if full in given else file, is_given=full in given)


def _missing(said: _Said, key: str, path: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{said.where}: {NAMESPACE}:{key} names {path!r}, which is not there; it must be {what}",
        next_step=f"correct the path (it starts at the folder of Pulumi.yaml), or make it: {path}",
    )


def _parsed(value: str, field: Field) -> Any:
    """Lists come as JSON text."""
    if field.kind != "array":
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _dropped(said: _Said, key: str) -> ConfigurationError:
    what = f"{said.where}: {NAMESPACE}:{key} is no setting any more: {DROPPED[key]}"
    return ConfigurationError(what, next_step=said.remove)


def _unknown_key(said: _Said, key: str, known: Collection[str]) -> ConfigurationError:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"; the nearest known key is {NAMESPACE}:{nearest[0]}" if nearest else ""
    return ConfigurationError(
        f"{said.where}: {NAMESPACE}:{key} is not a key of this program{hint}",
        next_step=f"correct it, or {said.remove}; the keys are: {', '.join(sorted(known))}",
    )


def _of_others(said: _Said, key: str, shown: str, known: Collection[str]) -> ConfigurationError:
    """A setting that there is, and that means nothing here: whoever wrote it expects something of it."""
    owners = [name for name, model in MODELS.items() if key in model.names()]
    return ConfigurationError(
        f"{said.where}: {NAMESPACE}:{key} is {shown}, and {said.stack} has no such setting: it is one of "
        f"{', '.join(owners)}",
        next_step=f"{said.remove}; what every stack gets may stand in Pulumi.yaml. The settings of {said.stack} are: "
        f"{', '.join(sorted(known))}",
    )


def _wrong_value(said: _Said, key: str, shown: str, field: Field) -> ConfigurationError:
    example = field.words.example
    text = str(example).lower() if isinstance(example, bool) else str(example)
    return ConfigurationError(
        f"{said.where}: {NAMESPACE}:{key} is {shown}; allowed: {field.allowed}", next_step=said.like(key, text)
    )
