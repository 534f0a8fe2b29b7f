"""The policy's rules, alone, and as the Pulumi CLI runs them over plans; the gate's cases prove them in the gate."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.xata.branches import names
from operations.commands.gate import validate
from operations.engines import choice
from operations.policy import rules
from operations.review.document import readings

CLI = choice.installed()[0]
PACK = Path(rules.__file__).parent
PROGRAM = Path(__file__).parent / "programs" / "policy"
PASSWORD = "correct-horse-battery"
DATABASE = f"postgresql://app:{PASSWORD}@db.example.com/app"
TOKEN = "xau_0123456789ab"

HOLDS: list[dict[str, Any]] = [
    {"kind": "xata:Branch", "name": "branch", "inputs": {"name": "production", "parent": "main"}, "protect": True},
    {"kind": "xata:Branch", "name": "pr", "inputs": {"name": "pr-7", "parent": "staging", "production": ["live"]}},
    {"kind": "xata:BranchSettings", "name": "settings", "inputs": {"backupRetentionDays": 7}},
    {
        "kind": "connectivity:DatabaseCheck",
        "name": "check",
        "inputs": {"url": f"{DATABASE}?sslmode=require"},
        "secret": ["url"],
    },
    {"kind": "connectivity:WorkerCheck", "name": "worker", "inputs": {"url": "https://shop.example.com"}},
    {
        "kind": "worker:Secrets",
        "name": "secrets",
        "inputs": {"values": {"GITHUB_TOKEN": f"ghp_{PASSWORD}"}},
        "secret": ["values"],
    },
]
"""A plan that nothing is to be said of; what is secret is so for Pulumi."""

BREAKS: dict[str, dict[str, Any]] = {
    "unprotected": {**HOLDS[0], "protect": False},
    "below-production": {**HOLDS[1], "inputs": {**HOLDS[1]["inputs"], "parent": "live", "allowParent": "live"}},
    "backups": {**HOLDS[2], "inputs": {"backupRetentionDays": 6}},
    "tls": {**HOLDS[3], "inputs": {"url": f"{DATABASE}?sslmode=disable"}},
}
"""The same resources, each against one rule."""

CONFIGURATION = {"cloudflare:apiToken": PASSWORD, "policy:note": TOKEN}


def _planned(one: dict[str, Any]) -> rules.Planned:
    return rules.Planned(
        type=f"pulumi-python:dynamic/{one['kind']}",
        name=one["name"],
        stack="production",
        inputs=one["inputs"],
        protect=one.get("protect", False),
    )


def _found(planned: rules.Planned) -> list[str]:
    return [rule.name for rule in rules.RULES for _ in rule.find(planned)]


def test_the_rules_need_python_alone() -> None:
    """The pack's folder is all that Pulumi runs: the rules import nothing else, and no SDK."""
    nodes = list(ast.walk(ast.parse((PACK / "rules.py").read_text(encoding="utf-8"))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("name", ["pr-7", "pr-07", "pr-0", "pr-", "pr-1234567890", "xpr-7", "pr-7\n", "staging"])
def test_the_rules_mean_the_branches_that_the_program_means(name: str) -> None:
    """What they cannot import they say a second time, and it is the same."""
    assert names.PRODUCTION == rules.PRODUCTION
    assert rules._is_pull_request(name) == names.is_preview(name)


@pytest.mark.parametrize("one", HOLDS, ids=lambda one: one["name"])
def test_nothing_is_said_of_a_plan_that_holds(one: dict[str, Any]) -> None:
    """Secrets among the inputs are meant to be there."""
    assert _found(_planned(one)) == []


@pytest.mark.parametrize("rule", BREAKS)
def test_each_rule_finds_its_own(rule: str) -> None:
    """And no other does."""
    assert _found(_planned(BREAKS[rule])) == [rule]


@pytest.mark.parametrize(
    ("key", "value", "fires"),
    [
        ("cloudflare:apiToken", "x", True),
        ("cloudflare:api_key", "x", True),
        ("aws:secretKey", "x", True),
        ("cloudflare:accountId", "x", False),
        ("infra:insteadOfPassword", "x", False),
        ("infra:rotation", TOKEN, True),
        ("infra:sqlFiles", f'["{TOKEN}"]', True),
        ("infra:sqlFiles", f"{DATABASE}?sslmode=require", True),
        ("infra:workerUrl", "https://shop.example.com/a:b@c", False),
        ("worker:GITHUB_TOKEN", TOKEN, False),
        ("aws:region", "-----BEGIN PRIVATE KEY-----", True),
    ],
)
def test_a_token_is_told_by_its_key_or_by_what_it_looks_like(key: str, value: str, fires: bool) -> None:  # noqa: FBT001 - a row of the table
    """The app's own secrets, which the program wants encrypted, may be called as they like."""
    stack = rules.Planned(type=rules.STACK, name="infra-production", stack="production", inputs={key: value})
    assert _found(stack) == ["token"] * fires


@pytest.mark.parametrize(
    ("url", "got"),
    [
        (DATABASE, "no sslmode that is known"),
        (f"{DATABASE}?sslmode={PASSWORD}", "no sslmode that is known"),
        (f"{DATABASE}?sslmode=require&sslmode=allow", "sslmode allow"),
        (f"{DATABASE}?sslmode=verify-full", ""),
        ("postgres://a:b@[::1]/c?sslmode=disable", ""),
        ("postgres://a:b@app.localhost./c?sslmode=disable", ""),
        ("postgres://a:b@[half/c", ""),
        ("http://shop.example.com", "http"),
    ],
)
def test_a_connection_in_the_clear_is_told_without_its_url(url: str, got: str) -> None:
    """What the URL says is repeated only where it is one of libpq's words."""
    planned = _planned({**HOLDS[4], "inputs": {"url": url}})
    told = [f"{one.sentence} {one.next_step}" for rule in rules.RULES for one in rule.find(planned)]
    assert [got in one and "'url' of 'worker'" in one for one in told] == [True] * bool(got)
    assert PASSWORD not in str(told)


@pytest.mark.parametrize("value", [None, True, 1, [[]], [None], {"a": [{}]}, "", "\x00"])
def test_odd_inputs_are_no_error(value: Any) -> None:
    """Documents come from anywhere."""
    keys = ("name", "parent", "production", "backupRetentionDays", "url")
    for kind in (rules.BRANCH, rules.WORKER_CHECK, rules.SETTINGS):
        _found(_planned({"kind": kind, "name": "x", "inputs": dict.fromkeys(keys, value)}))
    _found(rules.Planned(type=rules.STACK, name="x", stack="y", inputs={"": value, ":": value}))


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project with a stack, and a copy of the pack with an environment of its own."""

    folder: Path
    environment: dict[str, str]

    def pulumi(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the CLI on the stack, whatever it ends with."""
        return subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def plan(self, planned: list[dict[str, Any]], configuration: dict[str, str]) -> None:
        """Say what the next preview plans."""
        (self.folder / "planned.json").write_text(json.dumps(planned))
        (self.folder / "Pulumi.production.yaml").write_text(json.dumps({"config": configuration}))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The pack lies as in a clone, its environment as `pulumi install` makes it."""
    pack, made, uv = tmp_path / "operations/policy", tmp_path / ".infra/policy", Path(sys.executable).with_name("uv")
    shutil.copytree(PACK, pack, ignore=shutil.ignore_patterns("__pycache__"))
    pinned = ["--require-hashes", "-r", str(pack / "requirements.txt")]
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, made], check=True)
    subprocess.run([uv, "pip", "install", "-q", "--python", made / "bin/python", *pinned], check=True)
    shutil.copytree(PROGRAM, tmp_path / "program")
    (tmp_path / "state").mkdir()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "x",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    found = Project(folder=tmp_path / "program", environment=environment)
    made_stack = found.pulumi("stack", "init", "production")
    assert made_stack.returncode == 0, made_stack.stderr
    return found


@pytest.mark.cli
@pytest.mark.skipif(CLI is None, reason="no Pulumi CLI, 3.238 or newer: ./infra setup --pulumi installs it")
@pytest.mark.timeout(600)
def test_the_cli_runs_the_pack(project: Project) -> None:
    """A plan that holds passes; of one that breaks every rule each is told, by pack and gate, and no secret is."""
    preview = ("preview", "--stack", "production", "--policy-pack", "../operations/policy")
    project.plan(HOLDS, {"worker:GITHUB_TOKEN": TOKEN})
    answer = project.pulumi(*preview)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "infra@v" in answer.stdout

    project.plan([*BREAKS.values(), *HOLDS[4:]], CONFIGURATION)
    answer = project.pulumi(*preview)
    told = set(re.findall(r"\[mandatory\]\s+(\S+)\s+\(\S+ (\S+)\)", answer.stdout))
    expected = {(rule, one["name"]) for rule, one in BREAKS.items()} | {("token", "policy-production")}
    assert (answer.returncode != 0, told) == (True, expected), answer.stdout + answer.stderr
    for key in CONFIGURATION:
        assert f"the configuration key '{key}' holds" in answer.stdout
    assert "allowed: 7 days or more\n" in answer.stdout
    assert "next: set infra:backupRetentionDays to 7 or more" in answer.stdout
    assert not [secret for secret in (PASSWORD, TOKEN) if secret in answer.stdout + answer.stderr]

    document = project.pulumi("preview", "--stack", "production", "--json").stdout
    refused = {(risk.rule, risk.resource.name) for risk in validate(readings(document, source="plan"), ()).refused}
    assert refused == expected - {("tls", "check")}  # documents mask what is secret
