"""The CLI's event log as events of our engine."""

from __future__ import annotations

from typing import Any

import pytest

from operations.engines.cli_events import SECRET, SIGNATURE, KilledProgram, Translator, without_traceback
from pulumi_embedded import api
from pulumi_embedded.values import Secret

URN = "urn:pulumi:dev::infra::pulumi:pulumi:Stack$x:Thing::thing"
STACK_URN = "urn:pulumi:dev::infra::pulumi:pulumi:Stack::infra-dev"
DYNAMIC = """Traceback (most recent call last):
  File "/p/pulumi/dynamic/__main__.py", line 84, in wrapper
    return fn(self, request, context)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/p/components/postgres/provider.py", line 5, in create
    raise LocalError("port 1 is taken")
components.errors.LocalError: port 1 is taken
  next: free it
"""
KILLED = [
    "Traceback (most recent call last):",
    '  File "/bin/pulumi-language-python-exec", line 232, in <module>',
    "    loop.run_until_complete(coro)",
    "KeyboardInterrupt",
    "During handling of the above exception, another exception occurred:",
    "Traceback (most recent call last):",
    '  File "/lib/threading.py", line 1139, in join',
    "KeyboardInterrupt",
]


class _Recorder:
    def __init__(self) -> None:
        self.events: list[api.Event] = []

    def on_event(self, event: api.Event) -> None:
        """Remember it."""
        self.events.append(event)


def _metadata(op: str, **differing: Any) -> dict[str, Any]:
    state = {"inputs": {"word": "a"}, "outputs": {"word": "a"}, "parent": STACK_URN}
    return {"op": op, "urn": URN, "type": "pulumi-python:dynamic/x:Thing", "old": None, "new": state, **differing}


@pytest.fixture
def recorder() -> _Recorder:
    """Remembers events."""
    return _Recorder()


@pytest.fixture
def translator(recorder: _Recorder) -> Translator:
    """Takes documents of the log."""
    return Translator(recorder, verbose=False)


def test_a_step_begins_and_ends_once(translator: Translator, recorder: _Recorder) -> None:
    """A second end of the same step, which carries the stack's outputs, is not told again."""
    translator.take({"resourcePreEvent": {"metadata": _metadata("create")}})
    for _ in range(2):
        translator.take({"resOutputsEvent": {"metadata": _metadata("create")}})
    started, finished = recorder.events
    assert isinstance(started, api.StepStarted)
    assert isinstance(finished, api.StepFinished)
    assert (finished.step.name, finished.op, finished.step.internal) == ("thing", "create", False)


@pytest.mark.parametrize(
    ("differing", "found"),
    [
        ({"old": {"outputs": {"word": "a"}}}, "same"),
        ({"old": {"outputs": {"word": "b"}}}, "update"),
        ({"new": None, "old": {"outputs": {}}}, "delete"),
        ({"type": "docker:index/volume:Volume", "old": {"inputs": {"word": "a"}, "outputs": {}}}, "same"),
        ({"type": "docker:index/volume:Volume", "old": {"inputs": {"word": "b"}, "outputs": {}}}, "update"),
    ],
)
def test_a_refresh_ends_as_what_it_found(
    translator: Translator, recorder: _Recorder, differing: dict[str, Any], found: str
) -> None:
    """Unchanged, changed or gone is told by the states before and after."""
    for name in ("resourcePreEvent", "resOutputsEvent"):
        translator.take({name: {"metadata": _metadata("refresh", **differing)}})
    finished = recorder.events[-1]
    assert isinstance(finished, api.StepFinished)
    assert finished.op == found


def test_a_failure_says_what_the_provider_said(translator: Translator, recorder: _Recorder) -> None:
    """The traceback of the provider process is dropped; the sentence and its next step stay."""
    translator.take({"resourcePreEvent": {"metadata": _metadata("create")}})
    translator.take({"diagnosticEvent": {"severity": "error", "urn": URN, "message": DYNAMIC}})
    translator.take({"resOpFailedEvent": {"metadata": _metadata("create")}})
    translator.take({"diagnosticEvent": {"severity": "error", "message": "update failed\n"}})
    failed = recorder.events[-1]
    assert isinstance(failed, api.StepFailed)
    assert failed.message == "port 1 is taken\n  next: free it"
    assert translator.all_errors() == (failed.message,)


def test_verbose_keeps_the_traceback(recorder: _Recorder) -> None:
    """With --verbose an error comes with where it comes from."""
    translator = Translator(recorder, verbose=True)
    translator.take({"diagnosticEvent": {"severity": "error", "urn": URN, "message": DYNAMIC}})
    assert "Traceback" in translator.all_errors()[0]


def test_closing_words_count_only_where_nothing_else_was_said(translator: Translator) -> None:
    """'update failed' alone is better than no error at all."""
    translator.take({"diagnosticEvent": {"severity": "error", "message": "update failed\n"}})
    assert translator.all_errors() == ("update failed",)


def test_the_killed_programs_traceback_is_noise(translator: Translator, recorder: _Recorder) -> None:
    """The CLI kills the program after a failure; its KeyboardInterrupt is shown to nobody."""
    for line in KILLED:
        translator.take({"diagnosticEvent": {"severity": "info#err", "message": f"{line}\n\n"}})
    assert recorder.events == []


def test_other_lines_of_standard_error_are_shown() -> None:
    """A real traceback and plain warnings are passed on whole and in order."""
    noise = KilledProgram()
    lines = ["careful", "Traceback (most recent call last):", '  File "x", line 1, in y', "    z()", "ValueError: no"]
    assert [shown for line in lines for shown in noise.passed(f"{line}\n")] == lines


def test_a_warning_that_a_provider_prints_is_called_one_once(translator: Translator, recorder: _Recorder) -> None:
    """Its own word for it does not stand behind the one that is shown."""
    translator.take({"diagnosticEvent": {"severity": "info#err", "message": "warning: not read\n"}})
    assert recorder.events == [api.Message(severity="warning", text="not read")]


def test_debug_and_empty_messages_are_left_out(translator: Translator, recorder: _Recorder) -> None:
    """The CLI's own debugging is not for users."""
    translator.take({"diagnosticEvent": {"severity": "debug", "message": "registering resource"}})
    translator.take({"diagnosticEvent": {"severity": "info", "message": "\n"}})
    translator.take({"diagnosticEvent": {"severity": "info", "message": "hello\n"}})
    assert recorder.events == [api.Message(severity="info", text="hello")]


def test_outputs_and_counts_are_kept(translator: Translator) -> None:
    """The stack's outputs come with their secrets marked, the summary with the counts and the verdict."""
    outputs = {"url": {SIGNATURE: SECRET, "ciphertext": "[secret]"}, "name": "dev"}
    metadata = _metadata("create", type="pulumi:pulumi:Stack", urn=STACK_URN, new={"outputs": outputs, "inputs": {}})
    translator.take({"resOutputsEvent": {"metadata": metadata}})
    translator.take({"summaryEvent": {"resourceChanges": {"create": 2, "same": 1}, "result": "succeeded"}})
    assert translator.outputs["url"].secret
    assert translator.outputs["name"] == api.Output(value="dev", secret=False)
    assert (translator.counts, translator.verdict) == ({"create": 2, "same": 1}, "succeeded")


def test_secret_inputs_stay_wrapped(translator: Translator, recorder: _Recorder) -> None:
    """A secret in the log is a secret in the event, also inside lists and objects."""
    secret = {SIGNATURE: SECRET, "ciphertext": "[secret]"}
    state = {"inputs": {"list": [secret], "object": {"pw": secret}}, "parent": ""}
    translator.take({"resourcePreEvent": {"metadata": _metadata("create", new=state)}})
    started = recorder.events[0]
    assert isinstance(started, api.StepStarted)
    assert started.step.new == {"list": [Secret("[secret]")], "object": {"pw": Secret("[secret]")}}


def test_default_providers_are_internal(translator: Translator, recorder: _Recorder) -> None:
    """A default provider is told as one, so that the display leaves it out."""
    translator.take({"resourcePreEvent": {"metadata": _metadata("create", type="pulumi:providers:docker")}})
    assert isinstance(recorder.events[0], api.StepStarted)
    assert recorder.events[0].step.internal


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (DYNAMIC, "port 1 is taken\n  next: free it"),
        ("no traceback here: x", "no traceback here: x"),
        ('Traceback:\n  File "x", line 1', 'Traceback:\n  File "x", line 1'),
    ],
)
def test_what_remains_of_a_traceback(text: str, kept: str) -> None:
    """The exception's words stay; text that is no traceback stays whole."""
    assert without_traceback(text) == kept


def test_states_and_reasons_are_told(translator: Translator, recorder: _Recorder) -> None:
    """The display finds what it needs: both states with outputs, and what differs."""
    more = {"keys": ["word"], "diffs": ["word"], "detailedDiff": {"word": {"diffKind": "update-replace"}}}
    old = {"inputs": {"word": "b"}, "outputs": {"word": "c"}, "id": "7", "custom": True, "retainOnDelete": True}
    translator.take({"resourcePreEvent": {"metadata": _metadata("create-replacement", old=old, **more)}})
    (started,) = recorder.events
    assert isinstance(started, api.StepStarted)
    step = started.step
    assert step.old_state is not None
    assert (step.old_state.id, step.old_state.outputs, step.old_state.retain_on_delete) == ("7", {"word": "c"}, True)
    assert step.new_state is not None
    assert (step.diffs, step.replace_keys) == (("word",), ("word",))
    assert step.detailed_diff == {"word": api.PropertyDiff(kind="update-replace")}


def test_a_refresh_that_ends_as_another_step_is_still_a_refresh(translator: Translator, recorder: _Recorder) -> None:
    """`refresh` alone reports drift as an update, which changes nothing but the record."""
    translator.take({"resourcePreEvent": {"metadata": _metadata("refresh")}})
    translator.take({"resOutputsEvent": {"metadata": _metadata("update", old={"outputs": {"word": "a"}})}})
    finished = recorder.events[-1]
    assert isinstance(finished, api.StepFinished)
    assert (finished.step.op, finished.op) == ("refresh", "update")


def test_a_component_ends_with_the_run(translator: Translator, recorder: _Recorder) -> None:
    """The log has no end of a component without outputs of its own."""
    translator.take({"resourcePreEvent": {"metadata": _metadata("create")}})
    translator.take({"summaryEvent": {"resourceChanges": {"create": 1}, "result": "succeeded"}})
    assert isinstance(recorder.events[-1], api.StepFinished)


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ("ValueError: no", True),
        ("components.errors.ConfigurationError: infra:port is wrong", False),
    ],
)
def test_an_error_of_a_program_shows_its_line(error: str, kept: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Whoever wrote the program needs the line; an error of ours says all there is to say."""
    begin = "Program failed with an unhandled exception:\nTraceback (most recent call last):\n"
    text = f'{begin}  File "x", line 1\n{error}\n'
    assert ("line 1" in without_traceback(text)) == kept
    assert without_traceback(text).rstrip().endswith(error.partition(": ")[2])
