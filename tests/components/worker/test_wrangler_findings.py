"""Findings: each thing that is wrong in a wrangler file is told once, with its place and what to do."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from components.worker.wrangler.config import Config
from components.worker.wrangler.findings import Expectation, Finding, errors, findings
from components.worker.wrangler.jsonc import parse
from tests.components.worker.wrangler_world import STAGING, read_by_wrangler, sample

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "0123456789abcdef0123456789abcdef"


def _config(block: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """A right file for staging, with changes of its block and of the top level; None removes a key."""
    right = {
        "vars": {"ENVIRONMENT": "staging", "XATA_BRANCH": "staging"},
        "secrets": {"required": ["DATABASE_URL"]},
        **(block or {}),
    }
    env = {"staging": {key: value for key, value in right.items() if value is not None}, **top.pop("env", {})}
    whole = {"name": "warehouse-manager", "main": "src/server.ts", **top, "env": env}
    return {key: value for key, value in whole.items() if value is not None}


def _found(data: Any, expectation: Expectation = STAGING) -> list[Finding]:
    return findings(parse(json.dumps(data, indent=1)), expectation)


def _only(data: Any, expectation: Expectation = STAGING) -> Finding:
    found = _found(data, expectation)
    assert len(found) == 1, found
    return found[0]


def _vars(**changes: Any) -> dict[str, Any]:
    return {"vars": {"ENVIRONMENT": "staging", "XATA_BRANCH": "staging", **changes}}


@pytest.mark.parametrize("stack", ["dev", "staging", "production"])
def test_a_right_file_has_no_findings(stack: str) -> None:
    """For every stack of a file that has all environments."""
    environment = {"dev": "development"}.get(stack, stack)
    expectation = Expectation(
        stack=stack, environment=environment, branch=stack, expected_name=f"warehouse-manager-{stack}"
    )
    assert findings(parse(sample("right")), expectation) == []


def test_the_findings_of_a_copied_block_as_a_whole() -> None:
    """Every line with its place, in the order of the file, and the URL is not among them."""
    told = [finding.told("wrangler.jsonc") for finding in findings(parse(sample("wrong_block")), STAGING)]
    mend = "next: ./infra wrangler write staging"
    app = "warehouse-manager"
    branch, environment = (f"env.staging.vars.{name} is wrong" for name in ("XATA_BRANCH", "ENVIRONMENT"))
    plain = (
        "DATABASE_URL stands in env.staging.vars: a plain variable takes the place of the secret, readable for everyone"
    )
    loose = "DATABASE_URL is not in env.staging.secrets.required, so a deployment without it is not stopped"
    name = f"the Worker of --env staging has another name: found '{app}-production'"
    sentences = {
        "8:21": f"{name}, expected '{app}-staging'; {mend}",
        "10:33": f"{environment}: found 'production', expected 'staging'; {mend}",
        "11:17": f"{plain}: found a plain value, expected no such variable; {mend}",
        "12:32": f"{branch}: found 'production', expected 'staging'; {mend}",
        "15:38": f'{loose}: found nothing, expected "DATABASE_URL" in the list; {mend}',
    }
    shared = f"env.staging and env.production are the same Worker, {app}-production; next: give each its own name"
    wanted = [f"wrangler.jsonc:{place}: error: {sentence}" for place, sentence in sentences.items()]
    assert told == [wanted[0], f"wrangler.jsonc:8:21: error: {shared}", *wanted[1:]]


# structure


def test_a_missing_block_is_told_with_the_blocks_there_are() -> None:
    """The place is that of `env`, or of the whole when there is none."""
    found = _only({"name": "warehouse-manager", "env": {"production": {}, "test": {}}})
    assert "no block env.staging" in found.what
    assert (found.line, found.found, found.next_step) == (3, "production, test", STAGING.write_command)
    assert _only({"name": "a"}).found == "nothing"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ([], "the configuration is of the wrong kind"),
        ({"env": []}, "env is of the wrong kind"),
        ({"env": {"staging": None}}, "env.staging is of the wrong kind"),
        (_config({"vars": "x"}), "env.staging.vars is of the wrong kind"),
        (_config({"secrets": {"required": "DATABASE_URL"}}), "env.staging.secrets.required is of the wrong kind"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told(data: Any, what: str) -> None:
    """Where an object or a list must stand."""
    found = _only(data)
    assert (found.severity, found.what) == ("error", what)


def test_a_key_that_stands_twice_is_told() -> None:
    """An error where it decides about the stack's block, a warning elsewhere; the place is the one that is ignored."""
    variables = '{"ENVIRONMENT": 1, "ENVIRONMENT": "staging", "XATA_BRANCH": "staging"}'
    text = '{"name": "a", "name": "warehouse-manager",\n"main": 1, "main": 2,\n"env": {"staging": {"vars": VARIABLES, '
    text = text.replace("VARIABLES", variables) + '"secrets": {"required": ["DATABASE_URL"]}}}}'
    found = [(finding.severity, finding.line, finding.what) for finding in findings(parse(text), STAGING)]
    assert found == [
        ("error", 1, "the key name stands twice; this one does not count"),
        ("warning", 2, "the key main stands twice; this one does not count"),
        ("error", 3, "the key env.staging.vars.ENVIRONMENT stands twice; this one does not count"),
    ]


# name


def test_the_blocks_own_name_wins() -> None:
    """As in wrangler, `env.staging.name` is the name in full."""
    assert _found(_config({"name": "farm"}), replace(STAGING, expected_name="farm")) == []
    assert _only(_config({"name": "farm"})).found == "'farm'"


def test_no_name_at_all_is_told() -> None:
    """Wrangler would not deploy."""
    assert "has no name" in _only(_config(name=None), DEV_LESS).what


DEV_LESS = replace(STAGING, expected_name="")


@pytest.mark.parametrize("name", ["Farm", "farm.example", "-farm", "f\u00e4rm", "a" * 56, "farm\n"])
def test_a_name_that_is_not_allowed_is_told(name: str) -> None:
    """Letters, digits, - and _; 63 characters with the environment."""
    found = _only(_config(name=name), DEV_LESS)
    assert (found.severity, "is not allowed" in found.what, found.line) == ("error", True, 2)


def test_a_name_of_63_characters_is_allowed() -> None:
    """With the environment behind it."""
    assert _found(_config(name="a" * 55), DEV_LESS) == []


# variables


@pytest.mark.parametrize("name", ["ENVIRONMENT", "XATA_BRANCH"])
def test_a_variable_is_missing_wrong_or_of_another_kind(name: str) -> None:
    """Each is an error that `write` mends."""
    right = _vars()["vars"]
    missing = _only(_config({"vars": {key: value for key, value in right.items() if key != name}}))
    wrong, number = _only(_config(_vars(**{name: "main"}))), _only(_config(_vars(**{name: 5})))
    assert missing.what == f"env.staging.vars.{name} is missing"
    assert (missing.found, wrong.found, number.found) == ("", "'main'", "5")
    assert wrong.what == number.what == f"env.staging.vars.{name} is wrong"
    assert {finding.next_step for finding in (missing, wrong, number)} == {STAGING.write_command}


def test_variables_of_the_top_level_are_not_inherited() -> None:
    """The finding says so."""
    data = _config({"vars": None}, vars={"ENVIRONMENT": "staging", "XATA_BRANCH": "staging"})
    assert [finding.what for finding in _found(data)] == [
        f"env.staging.vars.{name} is missing; the one at the top level is not inherited"
        for name in ("ENVIRONMENT", "XATA_BRANCH")
    ]


def test_a_text_that_could_be_a_secret_is_not_quoted() -> None:
    """Somebody may have pasted the URL into the wrong variable."""
    found = _found(
        _config(_vars(XATA_BRANCH="postgresql://app:hunter2@example.com/app", OTHER="postgres://a:hunter2@h/d"))
    )
    assert len(found) == 2
    assert "hunter2" not in "".join(map(repr, found))


# secrets


@pytest.mark.parametrize("secrets", [None, {}, {"required": []}, {"required": ["OTHER"]}])
def test_a_secret_that_is_not_required_is_told(secrets: Any) -> None:
    """A deployment without it would not be stopped."""
    found = _only(_config({"secrets": secrets}))
    assert "DATABASE_URL is not in env.staging.secrets.required" in found.what


def test_required_secrets_of_the_top_level_are_not_inherited() -> None:
    """They count for the top level alone."""
    assert len(_found(_config({"secrets": None}, secrets={"required": ["DATABASE_URL"]}))) == 1


def test_every_declared_secret_is_looked_for() -> None:
    """Not only the database's URL."""
    found = _only(_config(), replace(STAGING, secrets=("DATABASE_URL", "SESSION_KEY")))
    assert "SESSION_KEY is not in" in found.what


def test_a_secret_among_the_variables_is_told() -> None:
    """In the block, where `write` removes it, and at the top level, where people must."""
    inside, top = _only(_config(_vars(DATABASE_URL="x"))), _only(_config(vars={"DATABASE_URL": "hunter2"}))
    assert (inside.severity, inside.next_step) == ("error", STAGING.write_command)
    assert top.severity == "error"
    assert top.what.startswith("DATABASE_URL stands in the top level's vars")
    assert ".dev.vars" in top.next_step


def test_a_binding_with_the_name_of_a_secret_is_told() -> None:
    """Cloudflare would refuse one of the two."""
    found = _only(_config({"kv_namespaces": [{"binding": "DATABASE_URL", "id": "1"}]}))
    assert "is the name of a binding too" in found.what


# settings


def test_keep_vars_is_a_warning() -> None:
    """Variables set elsewhere would stay."""
    assert _only(_config(keep_vars=True)).severity == "warning"
    assert _found(_config(keep_vars=False)) == []


def test_service_environments_are_an_error() -> None:
    """They make one Worker of all environments."""
    assert _only(_config(legacy_env=False)).severity == "error"


def test_the_account_must_agree_when_it_is_known() -> None:
    """The block's own counts before the top level's; none at all is fine."""
    expectation = replace(STAGING, account_id=ACCOUNT)
    other = "f" * 32
    assert _found(_config(), expectation) == []
    assert _found(_config({"account_id": ACCOUNT}, account_id=other), expectation) == []
    assert _found(_config({"account_id": ""}, account_id=ACCOUNT), expectation) == []
    assert _only(_config(account_id=other), expectation).found == repr(other)
    assert _found(_config(account_id=other)) == []


# other environments


def test_a_route_of_another_environment_is_an_error() -> None:
    """In any of its spellings; one of the top level alone is a warning."""
    route = "farm.example.com/*"
    for own in ({"routes": [route]}, {"route": route}, {"routes": [{"pattern": route, "custom_domain": True}]}):
        found = _only(_config(own, env={"production": {"routes": [{"pattern": route}]}}))
        assert (found.severity, found.found) == ("error", repr(route))
        assert "env.production" in found.what
    assert _only(_config({"route": route}, route=route)).severity == "warning"


def test_inherited_routes_are_told() -> None:
    """`routes` of the top level go to every environment that has none of its own."""
    assert "inherits" in _only(_config(routes=["farm.example.com"])).what
    both = _only(_config(routes=["farm.example.com"], env={"production": {}}))
    assert (both.severity, "env.production" in both.what) == ("error", True)
    assert _found(_config({"routes": []}, routes=["farm.example.com"], env={"production": {}})) == []


def test_inherited_routes_count_before_the_blocks_own_route() -> None:
    """Wrangler looks at `routes` first, wherever they come from."""
    found = _only(_config({"route": "staging.example.com"}, routes=["farm.example.com"]))
    assert ("inherits" in found.what, found.found) == (True, "'farm.example.com'")


def test_a_route_that_names_another_environment_is_a_warning() -> None:
    """It may be meant."""
    assert _only(_config({"routes": ["production.farm.example.com"]})).severity == "warning"
    assert _found(_config({"routes": ["staging.farm.workers.dev", "reproduction.example.com"]})) == []


def test_a_shared_worker_is_told() -> None:
    """With another environment an error, with the top level, which is seldom deployed, a warning."""
    shared = _config({"name": "farm"}, env={"production": {"name": "farm"}})
    assert [finding.severity for finding in _found(shared, DEV_LESS)] == ["error"]
    assert [finding.severity for finding in _found(_config({"name": "warehouse-manager"}), DEV_LESS)] == ["warning"]


def test_a_name_that_names_another_environment_is_a_warning() -> None:
    """Unless the word belongs to the app's own name, or the name is the declared one."""
    assert "production" in _only(_config({"name": "farm-production"}), DEV_LESS).what
    assert _found(_config({"name": "dev-tools-staging"}, name="dev-tools"), DEV_LESS) == []
    assert _found(_config({"name": "dev-farm"}), replace(STAGING, expected_name="dev-farm")) == []


def test_a_shared_hyperdrive_is_an_error() -> None:
    """It reaches the other environment's database; the top level is nobody's."""
    bound = {"hyperdrive": [{"binding": "DB", "id": "abc"}]}
    assert _only(_config(bound, env={"production": bound})).severity == "error"
    assert _found(_config(bound, **bound)) == []


def test_a_variable_that_names_another_environment_is_a_warning() -> None:
    """Its value is not shown. `NODE_ENV` names a way of building."""
    found = _only(_config(_vars(API="https://api.production.example.com/hunter2")))
    assert (found.severity, found.what) == ("warning", "env.staging.vars.API names the environment production")
    assert "hunter2" not in repr(found)
    assert _found(_config(_vars(NODE_ENV="production", API="https://api.example.dev", N=1))) == []


@pytest.mark.parametrize(
    ("text", "stranger"),
    [
        ("dev", "dev"),
        ("my-dev-db", "dev"),
        ("DEV", "dev"),
        ("https://dev.example.com", "dev"),
        ("https://api.dev.example.com", "dev"),
        ("farm.workers.dev", ""),
        ("https://farm.workers.dev/path", ""),
        ("device", ""),
        ("development", "development"),
        ("staging", ""),
        ("pre_production", "production"),
        ("", ""),
    ],
)
def test_an_environment_is_named_as_a_word_of_its_own(text: str, stranger: str) -> None:
    """The end of a host name does not count."""
    named = [one.what for one in _found(_config(_vars(API_HOST=text))) if "names the environment" in one.what]
    assert named == ([f"env.staging.vars.API_HOST names the environment {stranger}"] if stranger else [])


def test_an_environment_is_what_the_file_has_a_block_for() -> None:
    """`qa` is a stranger to staging once there is an `env.qa`; the block of all pull requests names nobody's."""
    data = _config(_vars(API_HOST="qa.example.com", MODE="preview"))
    assert not [one for one in _found(data) if "names the environment" in one.what]
    data["env"].update(qa={}, preview={})
    named = [one.what for one in _found(data) if "names the environment" in one.what]
    assert named == ["env.staging.vars.API_HOST names the environment qa"]


def test_only_errors_block() -> None:
    """Warnings do not."""
    found = _found(_config(_vars(ENVIRONMENT="x"), keep_vars=True))
    assert [finding.severity for finding in errors(found)] == ["error"]
    assert len(found) == 2


# wrangler itself


@pytest.mark.wrangler
def test_wrangler_derives_the_same_name_and_values(tmp_path: Path) -> None:
    """For any mix of names, blocks, variables, secrets, routes and accounts, at the top level and in the block."""
    dice = random.Random(5)  # noqa: S311 - the same files every time

    routes = ["a.example.com", {"pattern": "b.example.com", "custom_domain": True}]

    def some(**choices: list[Any]) -> dict[str, Any]:
        return {key: dice.choice(values) for key, values in choices.items() if dice.random() < 0.6}

    def level() -> dict[str, Any]:
        named = some(
            name=["farm", "farm-production", "a_b", "9"],
            vars=[{"ENVIRONMENT": "staging"}, {"XATA_BRANCH": "staging", "N": 1}, {}],
            secrets=[{"required": ["DATABASE_URL"]}, {"required": []}, {}],
            account_id=[ACCOUNT, "f" * 32, ""],
        )
        return named | dice.choice([some(routes=[routes, []]), some(route=routes)])

    files = [
        {**level(), **some(env=[{"staging": level(), "production": level()}, {"staging": {}}])} for _ in range(300)
    ]
    files = [file for file in files if "env" in file]
    answers = read_by_wrangler(tmp_path, [json.dumps(file) for file in files], environment="staging")
    for file, answer in zip(files, answers, strict=True):
        config = Config(document=parse(json.dumps(file)))
        assert config.worker_name("staging") == (answer.get("name") or ""), file
        variables = config.own("staging", "vars")
        assert (variables.data if variables else {}) == answer["vars"]
        secrets = config.own("staging", "secrets")
        assert (secrets.data if secrets else None) == answer.get("secrets")
        counting = answer["routes"] if "routes" in answer else [answer["route"]] if "route" in answer else []
        routes = [item["pattern"] if isinstance(item, dict) else item for item in counting]
        assert [pattern for pattern, _ in config.routes("staging")] == routes
        found = findings(config.document, replace(DEV_LESS, account_id=ACCOUNT))
        other_account = any(finding.what.startswith("account_id") for finding in found)
        assert other_account == (answer.get("account_id") not in {None, ACCOUNT})
