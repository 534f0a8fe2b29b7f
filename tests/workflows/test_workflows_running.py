"""The runner of workflows: order of steps, what a failure skips, and what a command finds set."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tests.workflows.reading import Workflow, read
from tests.workflows.running import Machine, event, run

if TYPE_CHECKING:
    from pathlib import Path


def _workflow(**jobs: Any) -> Workflow:
    """A workflow with these jobs; JSON is YAML."""
    whole = {
        name: {"runs-on": "ubuntu-24.04", "permissions": {}, "environment": "staging", **job}
        for name, job in jobs.items()
    }
    concurrency = {"group": "x", "cancel-in-progress": "false"}
    document = {"name": "x", "on": {"push": {"branches": ["main"]}}, "permissions": {}, "concurrency": concurrency}
    return read(json.dumps({**document, "jobs": whole}))


def _step(command: str, **more: Any) -> dict[str, Any]:
    return {"name": command, "run": command, **more}


def _machine(folder: Path) -> Machine:
    return Machine(
        folder=folder,
        temporary=folder,
        environment={"PATH": os.environ["PATH"]},
        secrets={"staging": {"KEY": "s3cret"}},
        variables={"PLACE": "here"},
        token="t0ken",
        repository="sandbox/app",
    )


def test_what_follows_a_failure_is_skipped_unless_it_asks(tmp_path: Path) -> None:
    """After a failed step only those run that ask for it, and jobs that need this one are skipped."""
    steps = [_step("exit 3"), _step("echo skipped"), _step("echo told", **{"if": "${{ !cancelled() }}"})]
    workflow = _workflow(one={"steps": steps}, two={"needs": "one", "steps": [_step("echo two")]})
    outcome = run(_machine(tmp_path), workflow, "push", event("push"))
    assert [(one.step, one.code) for one in outcome.ran] == [("exit 3", 3), ("echo told", 0)]
    assert (outcome.jobs, outcome.succeeded) == ({"one": "failure", "two": "skipped"}, False)


def test_a_command_that_fails_in_the_middle_fails_the_step(tmp_path: Path) -> None:
    """As on GitHub, the shell ends at the first command that fails."""
    outcome = run(_machine(tmp_path), _workflow(one={"steps": [_step("false\necho on")]}), "push", event("push"))
    assert [(one.code, one.out) for one in outcome.ran] == [(1, "")]


def test_secrets_reach_the_jobs_of_their_environment_alone(tmp_path: Path) -> None:
    """A job without a GitHub environment finds the variable empty; variables are the repository's."""
    job = {"env": {"KEY": "${{ secrets.KEY }}", "PLACE": "${{ vars.PLACE }}"}, "steps": [_step('echo "$KEY-$PLACE"')]}
    workflow = _workflow(with_it=job, without={**job, "environment": ""})
    outcome = run(_machine(tmp_path), workflow, "push", event("push"))
    assert [one.out for one in outcome.ran] == ["s3cret-here\n", "-here\n"]


def test_a_step_tells_summary_and_outputs(tmp_path: Path) -> None:
    """What a step writes into its two files is what the run says."""
    steps = [_step('echo hello > "$GITHUB_STEP_SUMMARY"; echo a=b=c > "$GITHUB_OUTPUT"', id="told")]
    outcome = run(_machine(tmp_path), _workflow(one={"steps": steps}), "push", event("push"))
    assert (outcome.summary, outcome.outputs) == ("hello\n", {"told": {"a": "b=c"}})


def test_a_job_whose_condition_does_not_hold_is_skipped(tmp_path: Path) -> None:
    """The condition is asked before anything of the job runs."""
    job = {"if": "github.event.ref == 'refs/heads/other'", "steps": [_step("echo no")]}
    outcome = run(_machine(tmp_path), _workflow(one=job), "push", event("push"))
    assert (outcome.jobs, outcome.ran) == ({"one": "skipped"}, ())
