"""Where a stack's state lies, what opens it, and what the processes that work on it are told."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from components.local.files import MOST_BYTES, read_bytes
from operations import stack_names
from operations.errors import StateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT = stack_names.PROJECT
HAS_SANDBOX = (PROJECT / "packages/cloud-sandbox").is_dir()
"""Whether the project has the stand-ins for the clouds; one may be made without."""
FOLDER = ".infra"
STATES = ("state", "sandbox/state")
FILE_SCHEME = "file://"
NOT_FOR_CHILDREN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One stack of one project folder.

    Attributes:
        folder: Where Pulumi.yaml lies.
        stack: The stack's name.
        backend_url: Where the state lies; of a file backend, an absolute `file://` URL.
        passphrase: What opens the state's secrets; None where the backend has its own way.
        overrides: Configuration of this run only, "namespace:key" to text.
        environ: The environment variables of this run: the user's, or with --sandbox those of the sandbox.
    """

    folder: Path
    stack: str
    backend_url: str
    passphrase: str | None = field(repr=False)
    overrides: Mapping[str, str] = field(default_factory=dict, repr=False)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    @property
    def private(self) -> Path:
        """The git-ignored folder for what is made on this machine."""
        return self.folder / FOLDER

    @property
    def state_folder(self) -> Path | None:
        """The folder of a file backend; None for any other."""
        return file_backend(self.backend_url)

    @property
    def stack_file(self) -> Path:
        """The stack's configuration file."""
        return self.folder / f"Pulumi.{self.stack}.yaml"


def describe_workspace(
    folder: Path, stack: str, *, overrides: Mapping[str, str] | None = None, environ: Mapping[str, str] = os.environ
) -> Workspace:
    """Find the stack, and make nothing but a pull request's file: enough to judge it, not to open its state.

    Raises:
        UsageError: The stack's file is missing, or the backend's URL is not one.
    """
    workspace = Workspace(
        folder=folder,
        stack=stack,
        backend_url=backend_url(folder, environ),
        passphrase=None,
        overrides=overrides or {},
        environ=dict(environ),
    )
    if stack_names.is_pull_request(stack):
        from operations.previews import files

        files.ensure(folder, stack)
    if not workspace.stack_file.is_file():
        raise UsageError(
            f"{workspace.stack_file.name} is missing in {folder}",
            next_step=f"bring it back: git checkout -- {workspace.stack_file.name}",
        )
    return workspace


def open_workspace(
    folder: Path, stack: str, *, overrides: Mapping[str, str] | None = None, environ: Mapping[str, str] = os.environ
) -> Workspace:
    """Find the stack, its state and its passphrase; make both places on first use.

    Raises:
        UsageError: The stack's file is missing, or the backend's URL is not one.
        StateError: There is state, and no passphrase for it.
    """
    return opened_workspace(describe_workspace(folder, stack, overrides=overrides, environ=environ))


def opened_workspace(workspace: Workspace) -> Workspace:
    """The same with its passphrase, and with a place for its state.

    Raises:
        StateError: There is state, and no passphrase for it.
    """
    known = passphrase(workspace.folder, workspace.backend_url, workspace.environ)
    if workspace.state_folder is not None:
        private_folder(workspace.state_folder)
    return replace(workspace, passphrase=known)


def backend_url(folder: Path, environ: Mapping[str, str]) -> str:
    """Where the state lies: PULUMI_BACKEND_URL, else what Pulumi.yaml says, else a folder of the project.

    A relative path starts from the current folder in the variable, as the CLI has it, and from the project's folder in
    Pulumi.yaml, so that the state is the same wherever the command is called.

    Raises:
        UsageError: It is no place that Pulumi knows.
    """
    from pulumi_embedded.project import load_project

    url = environ.get("PULUMI_BACKEND_URL", "")
    if url:
        return absolute(checked(url), Path.cwd())
    named = load_project(folder).backend_url or f"{FILE_SCHEME}./{FOLDER}/state?create_dir=true"
    return absolute(checked(named), folder)


def absolute(url: str, start: Path) -> str:
    """Make the path of a `file://` URL absolute; other URLs are not touched.

    A URL's path is percent-encoded, as the CLI reads it; a folder of this machine is not until it becomes part of one.
    """
    if not url.startswith(FILE_SCHEME):
        return url
    path, question, query = url.removeprefix(FILE_SCHEME).partition("?")
    if not path:
        raise UsageError(
            f"the state's place {url!r} names no folder", next_step="file:///a/folder, or file://./a/folder"
        )
    home, tilde, _ = path.partition("/")
    if path.startswith("~"):
        path = f"{quote(str(Path(home).expanduser()))}{tilde}{path.removeprefix(home + tilde)}"
    return f"{FILE_SCHEME}{Path(os.path.normpath(quote(str(start)) / Path(path)))}{question}{query}"


def file_backend(url: str) -> Path | None:
    """The folder behind an absolute `file://` URL; None for any other."""
    if not url.startswith(FILE_SCHEME):
        return None
    return Path(unquote(url.removeprefix(FILE_SCHEME).partition("?")[0]))


def private_folder(folder: Path) -> Path:
    """Make a folder, and those above it, that only this user may enter; one that is there stays as it is."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    return folder


def known_passphrase(folder: Path, environ: Mapping[str, str]) -> str | None:
    """The passphrase, if the environment or the project's private folder knows it."""
    if "PULUMI_CONFIG_PASSPHRASE" in environ:
        return environ["PULUMI_CONFIG_PASSPHRASE"]
    named = environ.get("PULUMI_CONFIG_PASSPHRASE_FILE", "")
    file = Path(named) if named else passphrase_file(folder)
    try:
        content = read_bytes(file, MOST_BYTES)
    except FileNotFoundError:
        if named:
            raise UsageError(f"PULUMI_CONFIG_PASSPHRASE_FILE names {file}, which does not exist") from None
    except OSError as error:
        raise StateError(
            f"the passphrase file {file} cannot be read: {error.strerror}", next_step=f"ls -l {file}"
        ) from None
    else:
        return _passphrase_in(content, file)
    return None


def _passphrase_in(content: bytes, file: Path) -> str:
    """The passphrase that a file holds. Trailing line ends go, as in the CLI: an editor may have added one."""
    if len(content) > MOST_BYTES:
        what = f"has more than {MOST_BYTES} bytes"
    elif b"\0" in content:
        what = "holds a zero byte, which no environment variable can carry to the program"
    else:
        try:
            found = content.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            what = "is not UTF-8 text"
        else:
            if found:
                return found
            what = "is empty (a passphrase that is empty on purpose is told with PULUMI_CONFIG_PASSPHRASE=)"
    raise StateError(
        f"the passphrase file {file} {what}",
        next_step=f"put the passphrase into {file} as one line of text, or set PULUMI_CONFIG_PASSPHRASE",
    )


def passphrase(folder: Path, url: str, environ: Mapping[str, str]) -> str | None:
    """The passphrase of the state; made once when there is neither one nor any state.

    Raises:
        StateError: There is state, and no passphrase for it: a new one could not open it.
    """
    known = known_passphrase(folder, environ)
    place = file_backend(url)
    if known is not None or place is None:
        return known
    # One file opens the state of real stacks and of the sandbox's: a new one for either would be wrong for the other.
    for state in filter(has_stacks, dict.fromkeys((place, *(folder / FOLDER / name for name in STATES)))):
        raise StateError(
            f"there is state in {state}, but the passphrase that opens it is not known here: neither "
            f"PULUMI_CONFIG_PASSPHRASE nor PULUMI_CONFIG_PASSPHRASE_FILE is set, {passphrase_file(folder)} is missing",
            next_step=f"put the passphrase back into {passphrase_file(folder)}, or set PULUMI_CONFIG_PASSPHRASE",
        )
    return make_passphrase(passphrase_file(folder))


def passphrase_file(folder: Path) -> Path:
    """Where a passphrase made here lies."""
    return folder / FOLDER / "passphrase"


def has_stacks(state: Path) -> bool:
    """Whether a file backend holds any stack, also one that is half written or only backed up."""
    stacks = state / ".pulumi" / "stacks"
    return stacks.is_dir() and any(path.is_file() for path in stacks.rglob("*"))


def make_passphrase(file: Path) -> str:
    """Make a passphrase file that only this user may read; of two calls at once, both get the same one.

    It is complete before it has its name: a link is refused when the name is taken, where a rename would replace.
    """
    private_folder(file.parent)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(secrets.token_urlsafe(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()
    return file.read_text(encoding="utf-8").rstrip("\r\n")


def child_environment(workspace: Workspace) -> dict[str, str]:
    """What a process that works on the stack is told: the same place, the same passphrase, no foreign modules."""
    environment = own_environment(workspace)
    environment["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    if workspace.passphrase is not None:
        environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        environment["PULUMI_CONFIG_PASSPHRASE"] = workspace.passphrase
    return environment


def own_environment(workspace: Workspace) -> dict[str, str]:
    """What this run knows of the environment: its own variables, the state's absolute place, no foreign modules."""
    environment = {name: value for name, value in workspace.environ.items() if name not in NOT_FOR_CHILDREN}
    return {**environment, "PULUMI_BACKEND_URL": workspace.backend_url}


@contextlib.contextmanager
def acting_in(environment: Mapping[str, str]) -> Iterator[None]:
    """Let this process, its libraries and its children know this environment and nothing else, for a while."""
    before = dict(os.environ)
    _become(environment)
    try:
        yield
    finally:
        _become(before)


def _become(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


KINDS = {
    "file": "a folder",
    "s3": "an S3-compatible bucket",
    "postgres": "a Postgres database",
    "gs": "a Google Cloud bucket",
    "azblob": "an Azure container",
    "https": "Pulumi Cloud, or a server like it",
    "http": "a server like Pulumi Cloud's",
}
MEANT = {"postgresql": "postgres", "s3a": "s3", "gcs": "gs", "azure": "azblob"}
MASK = "***"


def scheme(url: str) -> str:
    """The beginning of a URL, which says what kind of place it is; empty where it has none."""
    begins, separator, _ = url.partition("://")
    return begins if separator and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", begins) else ""


def checked(url: str) -> str:
    """The URL, if Pulumi knows such a place.

    Raises:
        UsageError: It does not. The URL itself is not shown.
    """
    found = scheme(url)
    if found in KINDS:
        return url
    hint = f"; Pulumi calls it {MEANT[found]}://" if found in MEANT else ""
    raise UsageError(
        f"the state's place is a {found}:// URL, which is none of Pulumi's{hint}"
        if found
        else "the state's place (PULUMI_BACKEND_URL, or backend.url in Pulumi.yaml) is no URL",
        next_step=f"it begins with one of {', '.join(f'{kind}://' for kind in KINDS)}; docs/state.md has examples",
    )


def without_password(text: str, url: str) -> str:
    """A text of somebody else's, without the password of the state's place in any spelling."""
    try:
        password = urlsplit(url).password
    except ValueError:
        password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    for spelling in sorted({password or "", unquote(password or "")}, key=len, reverse=True):
        text = text.replace(spelling, MASK) if spelling else text
    return text
