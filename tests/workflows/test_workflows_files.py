"""Rules for every workflow file: who may do what, with which secrets, and what a command may be made of."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from operations import cli
from operations.init import layouts
from operations.init.layouts import Layout, caller
from tests.workflows.reading import FOLDER, PROJECT, Job, Workflow, read, workflows
from tests.workflows.running import COMMIT

WHERE = {Layout.APP: "", Layout.FOLDER: "ops/infra", Layout.TWO: ""}
TEXTS: dict[str, dict[str, str]] = {
    **{layout: layouts.workflows(layout, folder) for layout, folder in WHERE.items()},
    "caller": {layouts.REUSED: caller("sandbox/infra", COMMIT, "v1.0.0")},
}
FILES = {f"{layout}/{Path(path).stem}": text for layout, of_it in TEXTS.items() for path, text in of_it.items()}
READ = {name: read(text) for name, text in FILES.items()}
ALL = workflows()
JOBS = [(name, job) for name, workflow in READ.items() for job in workflow.jobs if not job.calls]
IDS = [f"{name}.{job.name}" for name, job in JOBS]
CHECKOUT = "actions/checkout"
ACTIONS = {CHECKOUT: "v7.0.1", "actions/setup-python": "v7.0.0"}
"""The only actions that are used, and the release whose commit is pinned."""
OF_THE_ENVIRONMENT = "${{ matrix.environment }}"
PLACES = {"", "plan", "plan-production", "preview", "drift", OF_THE_ENVIRONMENT}
PERMISSIONS = {
    "plan": {"contents": "read", "pull-requests": "write"},
    "environment": {"contents": "read", "pull-requests": "write"},
    "fork": {"contents": "read", "pull-requests": "read"},
    "sweep": {"contents": "read", "pull-requests": "read"},
}
"""What a job may do by its name, which is one of its own; any other may read the code."""
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
    "plan": {"Plan of each environment but production": KEYS, "Comment": TOKEN},
    "plan-production": {"Plan of production": KEYS},
    "environment": {
        "Bring the environment in line": KEYS | TOKEN,
        "What it changes in the schema": KEYS - {"CLOUDFLARE_API_TOKEN"},
        "Comment": TOKEN,
    },
    "fork": {"Say what a fork gets": TOKEN},
    "deploy": DEPLOYED,
    "production": DEPLOYED,
    "sweep": {"Remove what is left of closed pull requests": KEYS | TOKEN},
    "drift": {"Look for what was changed outside": KEYS},
    "rotate": {"A new password": KEYS},
}
"""Which steps see which secrets; every other step sees none."""
OWN = "github.event.pull_request.head.repo.full_name == github.repository"
FORK = "github.event.pull_request.head.repo.full_name != github.repository"
READS_THE_PROGRAM = "${{ secrets.PROGRAM_TOKEN || github.token }}"
"""Of two repositories, what checks the program's out where it is private."""
VARIABLE = re.compile(r'"\$[A-Z_]+(/([a-z]+|\$STACK)\.json)?"')
"""A value that reaches a command: in quotes, a file's name."""


@pytest.mark.parametrize("workflow", READ.values(), ids=READ)
def test_nothing_is_permitted_but_by_a_job(workflow: Workflow) -> None:
    """A workflow itself permits nothing, and none is started by an event that brings secrets to foreign code."""
    assert workflow.permissions == {}
    assert workflow.triggers.keys() <= {"push", "pull_request", "schedule", "workflow_dispatch", "workflow_call"}


@pytest.mark.parametrize(("name", "job"), JOBS, ids=IDS)
def test_each_job_has_the_permissions_that_it_needs(name: str, job: Job) -> None:
    """Every permission is one of this table; a new one is a decision. A called workflow's are its caller's, too."""
    del name
    assert job.permissions == PERMISSIONS.get(job.name, {"contents": "read"})
    assert job.place in PLACES
    (call,) = READ["caller/infra"].jobs
    assert all(call.permissions[what] in {how, "write"} for what, how in job.permissions.items())


@pytest.mark.parametrize(("name", "job"), JOBS, ids=IDS)
def test_secrets_belong_to_jobs_that_no_fork_begins(name: str, job: Job) -> None:
    """A job that names a secret belongs to a GitHub environment, and one of a pull request is not begun by a fork."""
    named = [text for step in job.steps for text in step.environment.values() if "secrets." in text]
    assert bool(named) == bool(job.place)
    condition = job.condition.removeprefix("${{ ").removesuffix(" }}").split(" && ")
    pull_requests = "pull_request" in READ[name].triggers or "github.event_name == 'pull_request'" in condition
    if pull_requests and named:
        assert condition[-1] == OWN
    assert (FORK in condition) == (job.name == "fork")


@pytest.mark.parametrize(("name", "job"), JOBS, ids=IDS)
def test_a_secret_reaches_the_steps_that_need_it(name: str, job: Job) -> None:
    """No job as a whole, no action, and no step that sets the machine up sees one; a new one is a decision."""
    held = re.compile(r"secrets|github\.token")
    assert [text for text in job.environment.values() if held.search(text)] == []
    seen = {
        step.name: {variable for variable, text in step.environment.items() if held.search(text)} for step in job.steps
    }
    assert {step: found for step, found in seen.items() if found} == SECRETS.get(job.name, {})
    texts = [text for step in job.steps for text in step.environment.values() if held.search(text)]
    assert all(re.fullmatch(r"\$\{\{ (secrets\.[A-Z_]+|github\.token) \}\}", text) for text in texts)
    given = [text for step in job.steps for text in step.given.values() if held.search(text)]
    assert given == [READS_THE_PROGRAM] * (name == "two/infra")


@pytest.mark.parametrize("name", FILES)
def test_secrets_are_named_nowhere_else(name: str) -> None:
    """Not in an action's inputs, a condition or a command: each stands alone on a line that gives it its own name."""
    lines = [line for line in FILES[name].splitlines() if re.search(r"secrets\W", line)]
    own = re.compile(r" {6}(?: {4})?([A-Z_]+): \$\{\{ secrets\.\1 \}\}")
    others = {"two/infra": {"    secrets:", f"          token: {READS_THE_PROGRAM}"}, "caller/infra": {"    secrets:"}}
    assert {line for line in lines if not own.fullmatch(line)} == others.get(name, set())


@pytest.mark.parametrize("name", ["app/plan", "two/infra"])
def test_a_pull_request_plans_nothing_of_production_unless_a_team_wants_it(name: str) -> None:
    """Its plan is another job, with keys of its own, in a GitHub environment that can ask for an approval."""
    usual, production = (job for job in READ[name].jobs if job.name.startswith("plan"))
    assert [step.command for step in usual.steps if "preview" in step.command] == [
        './infra preview --json > "$RUNNER_TEMP/plans.json"'
    ]
    assert "vars.PLAN_PRODUCTION == 'true'" in production.condition.split(" && ")
    assert production.matrix == ("environment", "${{ fromJSON(needs.plan.outputs.production) }}")
    elsewhere = {job.place for _, job in JOBS if not job.name.startswith("plan")}
    assert not {usual.place, production.place} & elsewhere


def test_the_keys_are_documented() -> None:
    """Every variable that a workflow takes from GitHub, and every GitHub environment, stands in the page."""
    page = (PROJECT / "docs" / "workflows.md").read_text()
    given = [{**job.environment, **step.environment} for _, job in JOBS for step in job.steps]
    names = {name for one in given for name, text in one.items() if re.search(r"secrets\.|vars\.|github\.token", text)}
    names |= {*PLACES, layouts.TOKEN} - {"", OF_THE_ENVIRONMENT}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


@pytest.mark.parametrize(("name", "job"), JOBS, ids=IDS)
def test_commands_are_infras_and_hold_no_expression(name: str, job: Job) -> None:
    """A command is `./infra …` or `.ci/run`; values reach it as variables in quotes, and never as part of its text."""
    del name
    for step in job.steps:
        if step.action or step.command == ".ci/run":
            continue
        bare = VARIABLE.sub("FILE", step.command.replace('"$STACK"', "staging")).removesuffix(" > FILE")
        assert re.fullmatch(r"\./infra [A-Za-z0-9 =-]+", bare)
        cli.parse(bare.split()[1:])


@pytest.mark.parametrize(("name", "job"), JOBS, ids=IDS)
def test_actions_are_few_and_pinned(name: str, job: Job) -> None:
    """Each action is one of the table, at a whole commit; the code comes first, and its token stays nowhere."""
    actions = [step.action for step in job.steps if step.action]
    assert actions[0].startswith(f"{CHECKOUT}@")
    for action in actions:
        which, _, commit = action.partition("@")
        assert re.fullmatch(r"[0-9a-f]{40}", commit)
        assert f"{action} # {ACTIONS[which]}\n" in FILES[name]
    assert FILES[name].count(CHECKOUT) == FILES[name].count("persist-credentials: false")


def test_checks_run_on_each_python_that_is_promised() -> None:
    """From the oldest one that the project allows, without a gap, and the step that installs Python takes it."""
    (job,) = ALL["checks"].jobs
    _, pythons = job.matrix
    assert f'requires-python = ">={pythons[0]}"' in (PROJECT / "pyproject.toml").read_text()
    minors = [int(version.removeprefix("3.")) for version in pythons]
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
    for name in ("app/environment", "app/deploy", "app/nightly", "two/infra"):
        assert not READ[name].cancels
    assert READ["app/environment"].group == "environment-${{ github.event.pull_request.number }}"
    assert "${{ github.event_name }}-${{ github.event.number ||" in READ["two/infra"].group
    groups = [workflow.group for name, workflow in READ.items() if not name.startswith(("caller", "two/"))]
    assert len({*groups}) == len(groups)


def test_production_waits_for_the_others_and_for_an_approval() -> None:
    """Its job needs theirs, does the same, and belongs to GitHub environments that can ask for an approval."""
    _, usual, production = ALL["deploy"].jobs
    assert {usual.place, production.place} == {OF_THE_ENVIRONMENT}
    assert "deploy" in production.needs
    assert (usual.steps, usual.environment) == (production.steps, production.environment)


def test_no_environment_is_named() -> None:
    """Those that have a file are found: the files name none, and another file is all that another one needs."""
    commands = [step.command for _, job in JOBS for step in job.steps]
    assert [command for command in commands if re.search("staging|production", command)] == []


def test_two_repositories_are_checked_out_beside_each_other_at_the_callers_version() -> None:
    """The app's at the event's commit, then the program's at the commit of the workflow that the caller pinned."""
    for job in READ["two/infra"].jobs:
        app, program = (step.given for step in job.steps if step.action.startswith(CHECKOUT))
        assert app == {"path": "app", "persist-credentials": "false"}
        assert program == {
            "repository": "${{ job.workflow_repository }}",
            "ref": "${{ job.workflow_sha }}",
            "path": "infra",
            "token": READS_THE_PROGRAM,
            "persist-credentials": "false",
        }
    assert READ["two/infra"].folder == "infra"


def test_a_caller_has_twenty_lines_and_names_each_secret() -> None:
    """It pins the workflow, passes on by name what the workflow declares, and nothing else of the repository's."""
    assert len(FILES["caller/infra"].splitlines()) <= 20
    (call,) = READ["caller/infra"].jobs
    assert call.calls == f"sandbox/infra/{layouts.REUSED}@{COMMIT}"
    assert call.secrets == {name: f"${{{{ secrets.{name} }}}}" for name in (*sorted(KEYS), layouts.TOKEN)}
    assert READ["two/infra"].triggers["workflow_call"]["secrets"].keys() == call.secrets.keys()


def test_the_caller_is_documented() -> None:
    """As it is to be written into the app's repository."""
    page = (PROJECT / "docs" / "workflows.md").read_text()
    assert f"```yaml\n{caller('acme/infra', COMMIT, 'v1.0.0')}```\n" in page


def test_each_layout_has_the_same_commands() -> None:
    """They are made of one source: jobs, steps and their order are those of this repository's files."""
    commands = {
        layout: {
            job.name: [step.command for step in job.steps if step.command]
            for name, job in JOBS
            if name.startswith(f"{layout}/")
        }
        for layout in Layout
    }
    assert commands[Layout.FOLDER] == commands[Layout.TWO] == commands[Layout.APP]


@pytest.mark.parametrize("linter", [("actionlint", "-no-color"), ("zizmor", "--offline", "--persona=auditor", "-q")])
def test_linters_have_nothing_to_say(linter: tuple[str, ...], tmp_path: Path) -> None:
    """Neither actionlint nor zizmor, in its strictest mode, finds anything; none of them asks the network."""
    files = {tmp_path / layout / path: text for layout, of_it in TEXTS.items() for path, text in of_it.items()}
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    program = Path(sys.executable).with_name(linter[0])
    done = subprocess.run([program, *linter[1:], *files], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
