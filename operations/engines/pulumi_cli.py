"""The Pulumi CLI as commands see it.

The CLI writes into the stack's file whatever it is told on the command line, and the salt of the stack's passphrase.
That file is committed, so the CLI gets a copy of it: the same values, those of this run, and nothing comes back.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import re
import select
import signal
import subprocess
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import yaml

from operations.display.digest import diagnostic
from operations.engines.cli_events import Translator
from operations.engines.interface import Change, EngineName, EngineOptions, Kept
from operations.engines.recorded import (
    CREATING,
    Recorded,
    exported,
    exported_unsettled,
    held,
    holders,
    is_of,
    is_secret,
    recorded,
    unsettled,
)
from operations.errors import MachineError, ResourceFailedError, StateError, StateLockedError, UsageError
from operations.workspace import FILE_SCHEME, child_environment, private_folder, scheme, without_password
from pulumi_embedded import api
from pulumi_embedded.errors import HeldError
from pulumi_embedded.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from operations.engines.recorded import Holder
    from operations.workspace import Workspace
    from pulumi_embedded.api import Listener, Output, Result

NO_STACK = "no stack named"
HELD = "still has resources"
STACK_NOT_FOUND = 6
CONFIGURATION = 2
NOISE = re.compile(r"SDK \S+ \S+ WARN ")
"""What the libraries below the CLI remark about a storage service; nothing of it is about the stack."""
LONGEST_WAIT = 0.2
PATIENCE = 60.0
"""Seconds after Ctrl-C or SIGTERM until the CLI is told again, upon which it drops what its providers have begun."""
LAST_WORDS = 10.0
"""Seconds after that until it is killed."""
CHUNK = 65536
RUN_VARIABLE: Final = "INFRA_CLI_RUN"
"""What one run of the CLI has started carries the run's name here; nothing else reads it."""
PLUGIN = re.compile(r"(?:^|/)pulumi-(?:language|resource)-|^pulumi\.dynamic$")
"""A word in the command line of a plugin."""


@dataclass(frozen=True, kw_only=True)
class PulumiEngine:
    """Works on one stack with the Pulumi CLI."""

    command: Path
    workspace: Workspace
    options: EngineOptions = field(default_factory=EngineOptions)

    name: Final[EngineName] = "pulumi"

    def change(self, kind: Change, listener: Listener, *, previewed: bool = False) -> Result:
        """Carry a change out; an `up` that nobody has previewed is, in silence, to refuse before it changes."""
        if kind == "up" and not previewed:
            trial = Kept()
            result = self.plan(kind, trial)
            if not result.succeeded:
                trial.tell_failures(listener)
                return replace(result, kind=kind)
        # A look at reality settles what a cut-off run has left in doubt, as it does with the embedded engine.
        settles = ["--clear-pending-creates"] if kind == "refresh" else []
        noted = kind == "up" and are_there(self.workspace)
        result = self._run([kind, "--yes", "--skip-preview", *settles], kind, listener)[0]
        if noted and result.succeeded:
            done = drop_settled(self.workspace, self._call)
            if done.returncode:
                raise self._failure(done.stderr, done.returncode)
        return result

    def plan(self, kind: Change, listener: Listener) -> Result:
        """Say what a change would do."""
        return self._run(["preview"] if kind == "up" else [kind, "--preview-only"], "preview", listener)[0]

    def preview(self, listener: Listener) -> tuple[Result, dict[str, Any]]:
        """Say what `up` would do, with the CLI's own document, in which secrets are masked."""
        result, printed = self._run(["preview", "--json"], "preview", listener)
        document = _document(printed.encode())
        return result, document or {"diagnostics": [diagnostic("error", error) for error in result.errors]}

    def outputs(self) -> Mapping[str, Output]:
        """The outputs of the last deployment: asked for twice, because one answer does not say what is secret."""
        ask = ["stack", "output", "--json", "--stack", self.workspace.stack]
        # In Postgres the CLI makes its table at first use, and two that do so at once get in each other's way.
        at_once = 1 if scheme(self.workspace.backend_url) == "postgres" else 2
        with ThreadPoolExecutor(at_once) as pool:
            answers = [pool.submit(self._call, command) for command in (ask, [*ask, "--show-secrets"])]
            masked, clear = (answer.result() for answer in answers)
        for answer in (masked, clear):
            if answer.returncode and NO_STACK in answer.stderr:
                return {}
            if answer.returncode:
                raise self._failure(answer.stderr, answer.returncode)
        plain, values = json.loads(masked.stdout), json.loads(clear.stdout)
        return {name: api.Output(value=values[name], secret=plain[name] != values[name]) for name in values}

    def unsettled(self) -> tuple[Recorded, ...]:
        """The creations that earlier runs were cut off in."""
        return unsettled(self.workspace) if self.workspace.state_folder else exported_unsettled(self._exported())

    def remove(self, *, settled: bool = False) -> bool:
        """Forget the stack; the note of a creation that was cut off, which the CLI would drop, counts as a resource."""
        names = held(self.workspace, settled=settled)
        if names:
            raise HeldError.of(self.workspace.stack, names)
        done = self._call(["stack", "rm", self.workspace.stack, "--yes", "--preserve-config", "--remove-backups"])
        if done.returncode and NO_STACK in done.stderr:
            return False
        if done.returncode and HELD in done.stderr:
            raise HeldError.of(self.workspace.stack, ())
        if done.returncode:
            raise self._failure(done.stderr, done.returncode)
        return True

    def drop(self, package: str) -> None:
        """Forget what a provider plugin has made."""
        done = drop_package(self.workspace, self._call, package)
        if done.returncode:
            raise self._failure(done.stderr, done.returncode)

    def holders(self) -> tuple[Holder, ...] | None:
        """Who holds the stack's lock, where the state lies in a folder."""
        return holders(self.workspace)

    def unlock(self, holders: tuple[Holder, ...]) -> None:
        """Cancel whatever holds the lock: the CLI cannot tell one from another."""
        del holders
        done = self._call(["cancel", self.workspace.stack, "--yes"])
        if done.returncode:
            raise self._failure(done.stderr, done.returncode)

    def recorded(self) -> tuple[Recorded, ...]:
        """What the last deployment recorded; where the state lies in no folder, the CLI is asked for it."""
        return recorded(self.workspace) if self.workspace.state_folder else exported(self._exported())

    def _exported(self) -> Mapping[str, Any]:
        """The state as the CLI prints it, secrets encrypted; nothing for a stack that was never made."""
        answer = self._call(["stack", "export", "--stack", self.workspace.stack])
        if answer.returncode and NO_STACK in answer.stderr:
            return {}
        if answer.returncode:
            raise self._failure(answer.stderr, answer.returncode)
        deployment: dict[str, Any] = json.loads(answer.stdout)["deployment"] or {}
        return deployment

    @functools.cached_property
    def _salt(self) -> str | None:
        """The salt that the state was made with; None where there is none, or another kind of key."""
        if self.workspace.state_folder is not None:
            return recorded_salt(self.workspace)
        provider = self._exported().get("secrets_providers") or {}
        return str(provider["state"]["salt"]) if provider.get("type") == "passphrase" else None

    def _failure(self, said: str, code: int) -> Exception:
        """What the CLI printed as an error of ours, without the password of the state's place."""
        return failure(without_password(said, self.workspace.backend_url), code, self.workspace.backend_url)

    def _run(self, arguments: Sequence[str], kind: api.Kind, listener: Listener) -> tuple[Result, str]:
        """Run a command that changes or plans; return how it ended, and what it printed."""
        started = time.monotonic()
        run = self._attempt(arguments, listener)
        if run.code == STACK_NOT_FOUND or NO_STACK in run.said:
            self._create_stack()
            run = self._attempt(arguments, listener)
        told = run.told
        if not told.verdict and not told.all_errors() and not run.interrupted:
            raise self._failure(run.printed + run.said, run.code)
        errors = told.all_errors()
        succeeded = run.code == 0 and not run.interrupted
        result = api.Result(
            kind=kind,
            stack=self.workspace.stack,
            succeeded=succeeded,
            interrupted=run.interrupted or told.verdict == "canceled",
            changes=api.Changes(
                **{name: told.counts.get(name, 0) for name in ("create", "update", "replace", "delete", "same")}
            ),
            outputs={} if kind == "destroy" and succeeded else told.outputs,
            duration_seconds=time.monotonic() - started,
            errors=errors if succeeded or errors else ("the Pulumi CLI failed without saying why",),
        )
        return result, run.printed

    def _attempt(self, arguments: Sequence[str], listener: Listener) -> _Run:
        """Run one command with its event log in a pipe, which is read while it runs."""
        told = Translator(listener, verbose=self.options.verbose)
        reading, writing = os.pipe()
        run = uuid.uuid4().hex
        kept = functools.partial(tempfile.TemporaryFile, "w+", encoding="utf-8")
        with self._stack_file() as stack_file, kept() as printed, kept() as said:
            command = [
                *(str(self.command), *arguments, "--non-interactive", "--stack", self.workspace.stack),
                *("--config-file", str(stack_file), "--event-log", f"/dev/fd/{writing}", "--color", "never"),
                *("--parallel", str(self.options.parallel)),
            ]
            try:
                # Its own process group: Ctrl-C reaches the CLI through us, once, and not its children behind its back.
                process = subprocess.Popen(  # noqa: S603 - the CLI that was chosen, and arguments of ours
                    command,
                    cwd=self.workspace.folder,
                    env={**self._environment(), RUN_VARIABLE: run},
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=said,
                    pass_fds=(writing,),
                    process_group=0,
                )
            finally:
                os.close(writing)
            try:
                interrupted = _follow(process, reading, told)
            finally:
                os.close(reading)
            code = process.wait()
            if code:
                _end_left(run)
            printed.seek(0)
            said.seek(0)
            return _Run(code=code, said=said.read(), printed=printed.read(), told=told, interrupted=interrupted)

    def _create_stack(self) -> None:
        """Create the stack from a folder of its own: `stack init` writes a stack file where it stands."""
        with tempfile.TemporaryDirectory(dir=private_folder(self.workspace.private)) as folder:
            project = Path(folder) / "Pulumi.yaml"
            content = yaml.safe_load((self.workspace.folder / "Pulumi.yaml").read_text(encoding="utf-8"))
            project.write_text(yaml.safe_dump({"name": content["name"], "runtime": "python"}), encoding="utf-8")
            key = self._stack_settings().get("secretsprovider")
            named = ["--secrets-provider", str(key)] if key else []
            done = self._call(["stack", "init", self.workspace.stack, "--no-select", *named], folder=Path(folder))
        if done.returncode:
            raise self._failure(done.stderr, done.returncode)

    def _stack_settings(self) -> dict[str, Any]:
        """What stands in the stack's file."""
        return yaml.safe_load(self.workspace.stack_file.read_text(encoding="utf-8")) or {}

    @contextlib.contextmanager
    def _stack_file(self) -> Iterator[Path]:
        """Lend the CLI a copy of the stack's file with the values of this run."""
        content = self._stack_settings()
        overrides = {key: _typed(value) for key, value in self.workspace.overrides.items()}
        if overrides:
            content["config"] = {**(content.get("config") or {}), **overrides}
        if self._salt and "secretsprovider" not in content:
            # With the salt the CLI checks the passphrase; from the state alone it would go on with a wrong one.
            content.setdefault("encryptionsalt", self._salt)
        with tempfile.TemporaryDirectory(dir=private_folder(self.workspace.private)) as folder:
            copy = Path(folder) / self.workspace.stack_file.name
            copy.touch(mode=0o600)
            copy.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
            yield copy

    def _call(self, arguments: Sequence[str], *, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the CLI that was chosen, and arguments of ours
            [str(self.command), *arguments, "--non-interactive", "--color", "never"],
            cwd=folder or self.workspace.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        """Tell the CLI where its plugins and our Python are, to log its events, and to keep a known stack's salt."""
        environment = child_environment(self.workspace)
        first = [str(self.command.parent), str(self.workspace.folder / ".venv" / "bin")]
        environment["PATH"] = os.pathsep.join([*first, environment.get("PATH", os.defpath)])
        environment["PULUMI_DEBUG_COMMANDS"] = "true"
        environment["PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER"] = "true"
        return environment


@dataclass(frozen=True, kw_only=True)
class _Run:
    code: int
    said: str
    printed: str
    told: Translator
    interrupted: bool


def _follow(process: subprocess.Popen[bytes], log: int, told: Translator) -> bool:
    """Pass the log on until the CLI has ended; return whether Ctrl-C came, which the CLI is told of each time.

    The end of the pipe is no sign: a process that the CLI has left running may hold it open for long. After Ctrl-C the
    CLI waits for what its providers have begun, however long; here it is waited for no longer than `PATIENCE`.
    """
    interrupted, rest = False, b""
    steps: Iterator[tuple[float, signal.Signals]] = iter(())
    until, then = math.inf, signal.SIGINT
    while True:
        try:
            if time.monotonic() >= until:
                _tell(process, then)
                until, then = next(steps, (math.inf, then))
            ended = process.poll() is not None
            if select.select([log], [], [], 0 if ended else LONGEST_WAIT)[0]:
                chunk = os.read(log, CHUNK)
            elif ended:
                return interrupted
            else:
                continue
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                told.take(_document(line))
            if not chunk:
                process.wait()
                return interrupted
        except KeyboardInterrupt:
            _tell(process, signal.SIGINT)
            if not interrupted:
                now = time.monotonic()
                steps = iter([(now + PATIENCE, signal.SIGINT), (now + PATIENCE + LAST_WORDS, signal.SIGKILL)])
                until, then = next(steps)
            interrupted = True


def _end_left(run: str) -> None:
    """End the plugins that a failed or killed CLI has left: by themselves they notice only after minutes.

    They are in groups of their own, and nobody's children any more; a database server that one of them started stays.
    """
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(RUN_VARIABLE) == run and any(map(PLUGIN.search, process.cmdline())):
                process.terminate()
                left.append(process)
    for process in psutil.wait_procs(left, timeout=LAST_WORDS)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _tell(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send the CLI a signal; when it is killed, with what it has started in its group."""
    with contextlib.suppress(ProcessLookupError):
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _document(line: bytes) -> dict[str, Any]:
    """Read one document; one that is cut off by the CLI's death says nothing."""
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def recorded_salt(workspace: Workspace) -> str | None:
    """The salt that the state was made with; None where there is no state, or none that can be read here."""
    if workspace.state_folder is None:
        return None
    from pulumi_embedded.state import files

    stacks = workspace.state_folder / ".pulumi" / "stacks" / load_project(workspace.folder).name
    try:
        state = json.loads(files.content(stacks / f"{workspace.stack}.json"))
        return str(state["checkpoint"]["latest"]["secrets_providers"]["state"]["salt"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _typed(text: str) -> Any:
    """Lists and objects come as JSON; everything else the CLI converts by the declared type."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, list | dict) else text


def failure(said: str, code: int, backend: str = FILE_SCHEME) -> Exception:
    """Turn what the CLI printed, when it did not start at all, into an error of ours."""
    told = (line for line in said.splitlines() if line.strip() and not NOISE.match(line))
    lines = [line.removeprefix("error: ").rstrip() for line in told]
    text = "\n  ".join(lines[-12:]) or f"exit code {code}"
    if "currently locked by" in said:
        holders = re.findall(r"created by (.+)", said)
        return StateLockedError(
            f"somebody else works on the stack and holds its lock: {'; '.join(holders) or text}",
            next_step="wait for the other run; if it has died: ./infra unlock STACK",
        )
    shut = _shut_out(said, text, backend)
    if shut is not None:
        return shut
    if "could not deserialize" in said or "failed to load checkpoint" in said or "unmarshal" in said:
        return StateError(f"the stack's state cannot be read: {text}", next_step="restore it from .pulumi/backups")
    if "validating stack config" in said or code == CONFIGURATION:
        return UsageError(f"the Pulumi CLI refuses the configuration: {text}")
    if "no space left" in said.lower() or "permission denied" in said.lower():
        return MachineError(f"the Pulumi CLI could not work: {text}")
    return ResourceFailedError(f"the Pulumi CLI failed before it began: {text}")


def _shut_out(said: str, text: str, backend: str) -> Exception | None:
    """The error of somebody who lacks what opens the state; None where that is not it."""
    if "PULUMI_ACCESS_TOKEN must be set" in said and not backend.startswith("http"):
        return UsageError(
            f"the Pulumi CLI cannot read the URL of the state's place, which begins with {scheme(backend)}://",
            next_step="percent-encode what stands in it: the password p@ss is p%40ss",
        )
    if "PULUMI_ACCESS_TOKEN must be set" in said:
        return UsageError(
            "the state is at Pulumi Cloud, which asks who works on it, and the Pulumi CLI is not logged in",
            next_step="export PULUMI_ACCESS_TOKEN=…, or: pulumi login",
        )
    if "passphrase must be set" in said:
        return StateError(
            "the stack's secrets are encrypted with a passphrase, which is not known here",
            next_step="name its file in PULUMI_CONFIG_PASSPHRASE_FILE, or put it into .infra/passphrase",
        )
    if "passphrase" in said:
        return StateError(
            f"the passphrase does not open the stack's secrets: {text}",
            next_step="correct PULUMI_CONFIG_PASSPHRASE, or put the right one into .infra/passphrase",
        )
    return None


def are_there(workspace: Workspace) -> bool:
    """Whether a state in a folder has such notes; of others nothing is known before they are asked for."""
    if workspace.state_folder is None:
        return False
    from pulumi_embedded.state import files

    stacks = workspace.state_folder / ".pulumi" / "stacks" / load_project(workspace.folder).name
    try:
        latest = json.loads(files.content(stacks / f"{workspace.stack}.json"))["checkpoint"]["latest"]
        return any(one["type"] == CREATING for one in latest.get("pending_operations") or ())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def drop_settled(
    workspace: Workspace, call: Callable[[Sequence[str]], subprocess.CompletedProcess[str]]
) -> subprocess.CompletedProcess[str]:
    """Take the notes out of the state whose things an `up` has made or found since.

    Args:
        workspace: The stack.
        call: Calls the CLI.

    Returns:
        How the last call ended.
    """
    return _rewritten(
        workspace,
        call,
        lambda deployment: {
            "pending_operations": [
                one for one in deployment.get("pending_operations") or () if not _is_settled(one, deployment)
            ]
        },
    )


def drop_package(
    workspace: Workspace, call: Callable[[Sequence[str]], subprocess.CompletedProcess[str]], package: str
) -> subprocess.CompletedProcess[str]:
    """Take what a provider plugin has made out of the state, and every mention of it; the same arguments and answer."""
    return _rewritten(workspace, call, lambda deployment: without(deployment, package))


def without(deployment: Mapping[str, Any], package: str) -> dict[str, Any]:
    """What is left of a deployment without what a provider plugin has made."""
    there = deployment.get("resources") or ()
    gone = {one["urn"] for one in there if is_of(str(one["type"]), package)}

    def left(urns: Sequence[str] | None) -> list[str]:
        return [urn for urn in urns or () if urn not in gone]

    resources = [
        {
            **one,
            "dependencies": left(one.get("dependencies")),
            "propertyDependencies": {key: left(urns) for key, urns in (one.get("propertyDependencies") or {}).items()},
        }
        for one in there
        if one["urn"] not in gone
    ]
    pending = deployment.get("pending_operations") or ()
    return {
        "resources": resources,
        "pending_operations": [one for one in pending if not is_of(str(one["resource"]["type"]), package)],
    }


def _rewritten(
    workspace: Workspace,
    call: Callable[[Sequence[str]], subprocess.CompletedProcess[str]],
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> subprocess.CompletedProcess[str]:
    """Export the state, change some fields of it, and import it."""
    stack = ["--stack", workspace.stack]
    answer = call(["stack", "export", *stack])
    if answer.returncode:
        return answer
    document = json.loads(answer.stdout)
    deployment = document["deployment"]
    with tempfile.TemporaryDirectory(dir=private_folder(workspace.private)) as folder:
        file = Path(folder) / "state.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({**document, "deployment": {**deployment, **change(deployment)}}))
        return call(["stack", "import", *stack, "--file", str(file)])


def _is_settled(note: Mapping[str, Any], deployment: Mapping[str, Any]) -> bool:
    """Whether what was to be created is recorded now. A secret is encrypted anew each time, so it is not compared."""
    wanted = note["resource"]
    return note["type"] == CREATING and any(
        one["urn"] == wanted["urn"] and not one.get("delete") and _plain(one) == _plain(wanted)
        for one in deployment.get("resources") or ()
    )


def _plain(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (resource.get("inputs") or {}).items() if not is_secret(value)}
