"""Rules for every workflow file: who may do what, with which secrets, and what a command may be made of."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from operations import cli
from tests.workflows.reading import FOLDER, PROJECT, Job, Workflow, workflows

ALL = workflows()
JOBS = [(name, job) for name, workflow in ALL.items() for job in workflow.jobs]
IDS = [f"{name}.{job.name}" for name, job in JOBS]
CHECKOUT = "actions/checkout"
ACTIONS = {CHECKOUT: "v7.0.1", "actions/setup-python": "v7.0.0"}
"""The only actions that are used, and the release whose commit is pinned."""
PLACES = {"", "plan", "plan-production", "preview", "drift", "staging", "production"}
PERMISSIONS = {
    "checks.checks": {"contents": "read"},
    "plan.plan": {"contents": "read", "pull-requests": "write"},
    "plan.production": {"contents": "read"},
    "environment.environment": {"contents": "read", "pull-requests": "read"},
    "environment.fork": {"contents": "read", "pull-requests": "read"},
    "deploy.staging": {"contents": "read"},
    "deploy.production": {"contents": "read"},
    "thorough.thorough": {"contents": "read"},
    "nightly.sweep": {"contents": "read", "pull-requests": "read"},
    "nightly.drift": {"contents": "read"},
    "rotation.rotation": {"contents": "read"},
}
KEYS = frozenset(
    {
        *("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "XATA_API_KEY", "CLOUDFLARE_API_TOKEN"),
    }
)
TOKEN = frozenset({"GITHUB_TOKEN"})
DEPLOYED = {
    "Database and secret": KEYS,
    "App": KEYS - {"XATA_API_KEY"},
    "Check of both": KEYS,
    "Every layer answers": KEYS,
}
SECRETS = {
    "plan.plan": {"Plan of staging": KEYS, "Comment": TOKEN},
    "plan.production": {"Plan of production": KEYS},
    "environment.environment": {"Bring the environment in line": KEYS | TOKEN},
    "environment.fork": {"Say what a fork gets": TOKEN},
    "deploy.staging": DEPLOYED,
    "deploy.production": DEPLOYED,
    "nightly.sweep": {"Remove what is left of closed pull requests": KEYS | TOKEN},
    "nightly.drift": {"Look for what was changed outside": KEYS},
}
"""Which steps see which secrets; every other step sees none."""
OWN = "github.event.pull_request.head.repo.full_name == github.repository"
FORK = "github.event.pull_request.head.repo.full_name != github.repository"
VARIABLE = re.compile(r'"\$[A-Z_]+(/[a-z]+\.json)?"')
"""A value that reaches a command: in quotes, a file's name."""


@pytest.mark.parametrize("workflow", ALL.values(), ids=ALL)
def test_nothing_is_permitted_but_by_a_job(workflow: Workflow) -> None:
    """A workflow itself permits nothing, and none is started by an event that brings secrets to foreign code."""
    assert workflow.permissions == {}
    assert workflow.triggers.keys() <= {"push", "pull_request", "schedule", "workflow_dispatch"}


@pytest.mark.parametrize(("name", "job"), JOBS, ids=IDS)
def test_each_job_has_the_permissions_that_it_needs(name: str, job: Job) -> None:
    """Every permission is one of this table; a new one is a decision."""
    assert job.permissions == PERMISSIONS[f"{name}.{job.name}"]
    assert job.place in PLACES


@pytest.mark.parametrize(("name", "job"), JOBS, ids=IDS)
def test_secrets_belong_to_jobs_that_no_fork_begins(name: str, job: Job) -> None:
    """A job that names a secret belongs to a GitHub environment, and one of a pull request is not begun by a fork."""
    named = [text for step in job.steps for text in step.environment.values() if "secrets." in text]
    assert bool(named) == bool(job.place)
    if "pull_request" in ALL[name].triggers and named:
        assert job.condition.split(" && ")[-1] == OWN
    if name == "environment" and not named:
        assert job.condition == FORK


@pytest.mark.parametrize(("name", "job"), JOBS, ids=IDS)
def test_a_secret_reaches_the_steps_that_need_it(name: str, job: Job) -> None:
    """No job as a whole, no action, and no step that sets the machine up sees one; a new one is a decision."""
    held = re.compile(r"secrets|github\.token")
    assert [text for text in job.environment.values() if held.search(text)] == []
    seen = {
        step.name: {variable for variable, text in step.environment.items() if held.search(text)} for step in job.steps
    }
    assert {step: found for step, found in seen.items() if found} == SECRETS.get(f"{name}.{job.name}", {})
    texts = [text for step in job.steps for text in step.environment.values() if held.search(text)]
    assert all(re.fullmatch(r"\$\{\{ (secrets\.[A-Z_]+|github\.token) \}\}", text) for text in texts)


@pytest.mark.parametrize("name", ALL)
def test_secrets_are_named_nowhere_else(name: str) -> None:
    """Not in an action's inputs, a condition or a command: each stands alone on a line that gives it its own name."""
    lines = [line for line in (FOLDER / f"{name}.yml").read_text().splitlines() if re.search(r"secrets\W", line)]
    assert [line for line in lines if not re.fullmatch(r" {10}([A-Z_]+): \$\{\{ secrets\.\1 \}\}", line)] == []


def test_a_pull_request_plans_nothing_of_production_unless_a_team_wants_it() -> None:
    """Its plan is another job, with keys of its own, in a GitHub environment that can ask for an approval."""
    usual, production = ALL["plan"].jobs
    assert "production" not in "".join(step.command for step in usual.steps)
    assert production.condition == f"vars.PLAN_PRODUCTION == 'true' && {OWN}"
    elsewhere = {job.place for name, job in JOBS if name != "plan"}
    assert not {usual.place, production.place} & elsewhere


def test_the_keys_are_documented() -> None:
    """Every variable that a workflow takes from GitHub, and every GitHub environment, stands in the page."""
    page = (PROJECT / "docs" / "workflows.md").read_text()
    given = [{**job.environment, **step.environment} for _, job in JOBS for step in job.steps]
    names = {name for one in given for name, text in one.items() if "${{" in text} | (PLACES - {""})
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


@pytest.mark.parametrize(("name", "job"), JOBS, ids=IDS)
def test_commands_are_infras_and_hold_no_expression(name: str, job: Job) -> None:
    """A command is `./infra …` or `.ci/run`; values reach it as variables in quotes, and never as part of its text."""
    del name
    for step in job.steps:
        if step.action or step.command == ".ci/run":
            continue
        bare = VARIABLE.sub("FILE", step.command).removesuffix(" > FILE")
        assert re.fullmatch(r"\./infra [A-Za-z0-9 =-]+", bare)
        cli.parse(bare.split()[1:])


@pytest.mark.parametrize(("name", "job"), JOBS, ids=IDS)
def test_actions_are_few_and_pinned(name: str, job: Job) -> None:
    """Each action is one of the table, at a whole commit; the code comes first, and its token stays nowhere."""
    text = (FOLDER / f"{name}.yml").read_text()
    actions = [step.action for step in job.steps if step.action]
    assert actions[0].startswith(f"{CHECKOUT}@")
    for action in actions:
        which, _, commit = action.partition("@")
        assert re.fullmatch(r"[0-9a-f]{40}", commit)
        assert f"{action} # {ACTIONS[which]}\n" in text
    assert text.count(CHECKOUT) == text.count("persist-credentials: false")


def test_checks_run_on_each_python_that_is_promised() -> None:
    """From the oldest one that the project allows, without a gap, and the step that installs Python takes it."""
    (job,) = ALL["checks"].jobs
    assert f'requires-python = ">={job.pythons[0]}"' in (PROJECT / "pyproject.toml").read_text()
    minors = [int(version.removeprefix("3.")) for version in job.pythons]
    assert minors == list(range(minors[0], 15))
    assert "python-version: ${{ matrix.python }}\n" in (FOLDER / "checks.yml").read_text()


def test_every_night_the_thorough_tests_run() -> None:
    """At full length, without a secret."""
    (job,) = ALL["thorough"].jobs
    assert (job.environment, job.place) == ({"INFRA_TEST_THOROUGH": "1"}, "")
    assert [step.command for step in job.steps if step.command] == [".ci/run"]
    assert "schedule" in ALL["thorough"].triggers


def test_an_action_has_one_commit_everywhere() -> None:
    """The same release is the same commit in every file."""
    used = {step.action for _, job in JOBS for step in job.steps if step.action}
    assert len(used) == len(ACTIONS)


def test_environments_are_brought_up_one_run_at_a_time() -> None:
    """The runs of one pull request wait for each other and are never cut off, nor are deployments."""
    for name in ("environment", "deploy", "nightly"):
        assert not ALL[name].cancels
    assert ALL["environment"].group == "environment-${{ github.event.pull_request.number }}"


def test_production_waits_for_staging_and_for_an_approval() -> None:
    """Production's job needs staging's, and belongs to the GitHub environment that asks for the approval."""
    staging, production = ALL["deploy"].jobs
    assert (staging.place, production.place, production.needs) == ("staging", "production", ("staging",))
    commands = [[step.command.replace(job.name, "X") for step in job.steps] for job in (staging, production)]
    assert commands[0] == commands[1]


@pytest.mark.parametrize("linter", [("actionlint", "-no-color"), ("zizmor", "--offline", "--persona=auditor", "-q")])
def test_linters_have_nothing_to_say(linter: tuple[str, ...]) -> None:
    """Neither actionlint nor zizmor, in its strictest mode, finds anything; none of them asks the network."""
    program = Path(sys.executable).with_name(linter[0])
    done = subprocess.run(
        [program, *linter[1:], *sorted(FOLDER.iterdir())], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
