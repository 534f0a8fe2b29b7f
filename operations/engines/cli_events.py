"""The Pulumi CLI's event log, told as the events of our own engine, so that both look the same to a user.

The CLI masks secrets before it writes the log. What it adds is left out: default providers are marked as internal, and
the traceback of a program that the CLI itself has killed after an error is no news to anybody.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final, get_args

from operations.display.plan import DYNAMIC_PREFIX, STACK_TYPE
from pulumi_embedded import api
from pulumi_embedded.state import ResourceState
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - how Pulumi marks a secret, not one
PROVIDER_PREFIX = "pulumi:providers:"
TRACEBACK = "Traceback (most recent call last):"
PROGRAM_FAILED = "Program failed"
OWN_ERROR = re.compile(r"^components\.errors\.\w+: ", re.MULTILINE)  # says all there is to say
CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
FINAL_WORDS = re.compile(r"(update|preview|refresh|destroy) (failed|canceled)")
OPS: Final[Mapping[str, api.Op]] = {op: op for op in get_args(api.Op)}


class Translator:
    """Takes the log's documents one by one, passes events on, and keeps what the result needs.

    Args:
        listener: Who shows progress.
        verbose: Whether errors keep their traceback.
    """

    def __init__(self, listener: api.Listener, *, verbose: bool) -> None:
        self._listener = listener
        self._verbose = verbose
        self._begun: dict[tuple[str, str], tuple[float, api.Step]] = {}
        self._noise = KilledProgram()
        self._last_words: list[str] = []
        self._failed: dict[str, str] = {}
        self.errors: list[str] = []
        self.outputs: dict[str, api.Output] = {}
        self.counts: dict[str, int] = {}
        self.verdict = ""

    def take(self, document: Mapping[str, Any]) -> None:
        """Take one document of the log."""
        handlers = {
            "diagnosticEvent": self._diagnostic,
            "resourcePreEvent": self._started,
            "resOutputsEvent": self._finished,
            "resOpFailedEvent": self._failure,
            "summaryEvent": self._summary,
            "progressEvent": self._progress,
        }
        for name, handler in handlers.items():
            if name in document:
                handler(document[name])

    def all_errors(self) -> tuple[str, ...]:
        """Every error once; the CLI's own closing words only where it said nothing else."""
        return tuple(dict.fromkeys(self.errors or self._last_words))

    def _diagnostic(self, event: Mapping[str, Any]) -> None:
        severity, text = str(event["severity"]), str(event["message"]).rstrip()
        if severity == "debug" or not text.strip():
            return
        if severity == "info#err":
            for line in self._noise.passed(text):
                self._say("warning", line.removeprefix("warning: "), event)  # as providers of ours print one
            return
        if severity != "error":
            self._say("warning" if severity == "warning" else "info", text, event)
            return
        short = text if self._verbose else without_traceback(text)
        if FINAL_WORDS.fullmatch(short):
            self._last_words.append(short)
            return
        self.errors.append(short)
        if event.get("urn"):
            # Shown with the resource when its failure is told, which follows.
            self._failed[str(event["urn"])] = short
        else:
            self._say("error", short, event)

    def _say(self, severity: api.Severity, text: str, event: Mapping[str, Any]) -> None:
        self._listener.on_event(api.Message(severity=severity, text=text, urn=str(event.get("urn", ""))))

    def _started(self, event: Mapping[str, Any]) -> None:
        step = _step(event["metadata"])
        if step is not None:
            self._begun[step.urn, step.op] = (time.monotonic(), step)
            self._listener.on_event(api.StepStarted(step=step))

    def _finished(self, event: Mapping[str, Any]) -> None:
        metadata = event["metadata"]
        if metadata["type"] == STACK_TYPE and metadata.get("new"):
            self.outputs = _outputs(metadata["new"].get("outputs") or {})
        step = _step(metadata, refreshed=(metadata["urn"], "refresh") in self._begun)
        seconds = self._seconds(step) if step else None
        # The stack's outputs come with a second end of the same step.
        if step is not None and seconds is not None:
            self._listener.on_event(api.StepFinished(step=step, seconds=seconds, op=_found(metadata, step)))

    def _failure(self, event: Mapping[str, Any]) -> None:
        step = _step(event["metadata"])
        if step is not None:
            message = self._failed.get(step.urn, "failed")
            self._listener.on_event(api.StepFailed(step=step, seconds=self._seconds(step) or 0.0, message=message))

    def _seconds(self, step: api.Step) -> float | None:
        """How long a step took; None when it has ended before."""
        begun = self._begun.pop((step.urn, step.op), None)
        return time.monotonic() - begun[0] if begun else None

    def _summary(self, event: Mapping[str, Any]) -> None:
        self.counts = {str(op): int(count) for op, count in (event.get("resourceChanges") or {}).items()}
        self.verdict = str(event.get("result", ""))
        for began, step in self._begun.values():
            if step.new_state is not None and not step.new_state.custom:  # nobody tells the end of most components
                seconds = time.monotonic() - began
                self._listener.on_event(api.StepFinished(step=step, seconds=seconds, op=step.op))
        self._begun.clear()

    def _progress(self, event: Mapping[str, Any]) -> None:
        if event.get("done"):
            self._listener.on_event(api.Message(severity="info", text=str(event.get("message", ""))))


class KilledProgram:
    """Holds back the lines of a traceback until it is known whether it is that of a killed program."""

    def __init__(self) -> None:
        self._held: list[str] = []

    def passed(self, text: str) -> list[str]:
        """Take more lines; return those that may be shown."""
        shown: list[str] = []
        for line in text.splitlines():
            if line.startswith(TRACEBACK):
                self._held.append(line)
            elif not self._held:
                shown.append(line)
            elif line.startswith((" ", *CHAINED)) or not line.strip():
                self._held.append(line)
            else:
                shown += [] if line.startswith("KeyboardInterrupt") else [*self._held, line]
                self._held.clear()
        return [line for line in shown if line.strip() and not line.startswith(CHAINED)]


def without_traceback(text: str) -> str:
    """Keep what an exception says, and drop where it comes from, as the embedded engine does.

    An error of a program keeps its lines, unless it is one of ours.
    """
    lines = text.splitlines()
    frames = [number for number, line in enumerate(lines) if line.lstrip().startswith('File "')]
    if not frames or (text.startswith(PROGRAM_FAILED) and OWN_ERROR.search(text) is None):
        return text
    after = [number for number in range(frames[-1] + 1, len(lines)) if lines[number][:1].strip()]
    if not after:
        return text
    message = "\n".join(lines[after[0] :])
    return re.sub(r"^(?:Exception|(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*): ", "", message).rstrip()


def _step(metadata: Mapping[str, Any], *, refreshed: bool = False) -> api.Step | None:
    """Tell one step; None for those that only the CLI's bookkeeping knows. A refresh may end as what it found."""
    op = "refresh" if refreshed else OPS.get(str(metadata["op"]))
    if op is None:
        return None
    old, new = metadata.get("old"), metadata.get("new")
    state = new or old or {}
    return api.Step(
        urn=metadata["urn"],
        type=metadata["type"],
        name=metadata["urn"].rpartition("::")[2],
        parent=state.get("parent", ""),
        op=op,
        old=_wrapped(old.get("inputs")) if old else None,
        new=_wrapped(new.get("inputs")) if new else None,
        replace_keys=tuple(metadata.get("keys") or ()),
        internal=metadata["type"].startswith(PROVIDER_PREFIX),
        old_state=_state(old, metadata) if old else None,
        new_state=_state(new, metadata) if new else None,
        detailed_diff=_detailed(metadata.get("detailedDiff") or {}),
        diffs=tuple(metadata.get("diffs") or ()),
        provider=str(metadata.get("provider") or ""),
    )


def _state(told: Mapping[str, Any], metadata: Mapping[str, Any]) -> ResourceState:
    """What the log tells of a state, secrets wrapped."""
    return ResourceState(
        urn=metadata["urn"],
        type=metadata["type"],
        custom=bool(told.get("custom")),
        id=told.get("id", ""),
        parent=told.get("parent", ""),
        provider=told.get("provider", ""),
        inputs=_wrapped(told.get("inputs") or {}),
        outputs=_wrapped(told.get("outputs") or {}),
        protect=bool(told.get("protect")),
        retain_on_delete=bool(told.get("retainOnDelete")),
    )


def _detailed(told: Mapping[str, Any]) -> dict[str, api.PropertyDiff]:
    return {
        path: api.PropertyDiff(kind=one["diffKind"], input_diff=bool(one.get("inputDiff")))
        for path, one in told.items()
    }


def _found(metadata: Mapping[str, Any], step: api.Step) -> api.Op:
    """Say what a finished step came to; a refresh tells it by the difference it leaves, where the CLI does not."""
    if step.op != "refresh":
        return step.op
    said = OPS.get(str(metadata["op"]))
    if said in ("same", "update", "delete"):
        return said
    old, new = metadata.get("old"), metadata.get("new")
    if not new:
        return "delete"
    # Plugins write some outputs another way at every read; a drift of theirs shows in the inputs, too.
    told = "outputs" if metadata["type"].startswith(DYNAMIC_PREFIX) else "inputs"
    return "same" if (old or {}).get(told) == new.get(told) else "update"


def _wrapped(value: Any) -> Any:
    """Make the log's marked secrets the engine's own; their values are not in the log."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return Secret("[secret]")
        return {key: _wrapped(item) for key, item in value.items()}
    return [_wrapped(item) for item in value] if isinstance(value, list) else value


def _outputs(values: Mapping[str, Any]) -> dict[str, api.Output]:
    return {name: api.Output.of(_wrapped(value)) for name, value in values.items()}
