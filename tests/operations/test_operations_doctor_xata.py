"""./infra doctor where a stack is a Xata branch: the key, its rights, what is there, what is offered, what is left."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cloud_sandbox.xata.settings import Key
from operations import cloud_checks
from operations.cloud_checks import Wanted
from operations.commands import doctor
from operations.commands.doctor import Machine
from operations.sandbox import lifecycle
from operations.sandbox.place import Place, Record
from tests.operations.xata_double import KEY, ORGANIZATION, REGION, Xata

if TYPE_CHECKING:
    from pathlib import Path

    from operations.cloud_checks import Finding

WANTED = Wanted(
    stack="staging",
    branch="staging",
    organization=ORGANIZATION,
    project="warehouse-manager",
    parent="main",
    region=REGION,
    image="",
    instance_type="",
)
FOUNDATION = replace(
    WANTED, stack="foundation", branch="main", parent="", image="postgres:18", instance_type="xata.micro"
)
READS = ("org:read", "project:read", "branch:read", "credentials:read")


def _examined(wanted: Wanted = WANTED, *, key: str = KEY) -> dict[str, Finding]:
    found = cloud_checks.examine_xata({"XATA_API_KEY": key}, wanted, named=True)
    return {finding.check: finding for finding in found}


def _limited(monkeypatch: pytest.MonkeyPatch, *scopes: str) -> tuple[Xata, str]:
    token = "xau_" + "l" * 40
    made = Xata(Key(token=token, scopes=scopes))
    monkeypatch.setattr("components.xata.api.client.connect", made.connect)
    return made, token


@pytest.mark.parametrize("wanted", [WANTED, FOUNDATION], ids=["staging", "foundation"])
def test_all_is_well(xata: Xata, wanted: Wanted) -> None:
    """With every right and everything there no line fails, and what cannot be seen is said not to be tested."""
    found = _examined(wanted)
    assert list(found) == ["xata key", *cloud_checks.XATA_CHECKS]
    untested = {name for name, finding in found.items() if finding.verdict == "warning"}
    assert untested == {f"xata permission {scope}:write" for scope in ("branch", "credentials", "project")}
    assert all("not tested" in found[name].found for name in untested)
    assert not [finding for finding in found.values() if finding.verdict == "failure"]
    assert "2 of" in found["xata limits"].found
    assert xata.password() not in str(found)


def test_it_only_reads(xata: Xata) -> None:
    """No call but GET, whatever is looked at."""
    _examined()
    _examined(FOUNDATION)
    _examined(replace(WANTED, project="nothing", parent="nobody", region="mars", image="postgres:9"))
    assert xata.methods == {"GET"}


def test_a_key_that_is_not_accepted_ends_the_looking(xata: Xata) -> None:
    """One line with the next step, and nothing after it."""
    found = _examined(key="xau_" + "u" * 40)
    assert list(found) == ["xata key"]
    assert found["xata key"].verdict == "failure"
    assert found["xata key"].next_step
    assert len(xata.service.log.entries) == 1


@pytest.mark.parametrize(("named", "verdict"), [(True, "failure"), (False, "warning")])
def test_a_missing_key_fails_only_who_asked_for_the_stack(xata: Xata, named: bool, verdict: str) -> None:  # noqa: FBT001 - a parameter of the table
    """Who works on the dev stack alone needs no account."""
    (found,) = cloud_checks.examine_xata({}, WANTED, named=named)
    assert (found.check, found.verdict) == ("xata key", verdict)
    assert "XATA_API_KEY" in found.found
    assert "--sandbox" in found.next_step
    assert not xata.service.log.entries


@pytest.mark.parametrize("missing", READS)
def test_a_missing_permission_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Each right has its line; the one that is missing names its scope."""
    _, token = _limited(monkeypatch, *(scope for scope in READS if scope != missing))
    found = _examined(key=token)
    line = found[f"xata permission {missing}"]
    assert line.verdict == ("warning" if missing == "org:read" else "failure")
    assert missing in line.next_step
    rest = {name: finding for name, finding in found.items() if name != line.check}
    failed = {name for name, finding in rest.items() if finding.verdict == "failure"}
    assert failed == ({"xata project", "xata region"} if missing == "project:read" else set())


def test_the_foundation_cannot_do_without_the_list_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who makes a root branch must choose an image."""
    _, token = _limited(monkeypatch, "project:read", "branch:read", "credentials:read")
    assert _examined(FOUNDATION, key=token)["xata permission org:read"].verdict == "failure"


@pytest.mark.parametrize(
    ("change", "check", "said"),
    [
        ({"project": "nothing"}, "xata project", "warehouse-manager"),
        ({"parent": "nobody"}, "xata parent branch", "nobody"),
        ({"region": "mars"}, "xata region", "us-east-1"),
        ({"region": "us-central1"}, "xata region", "without backups"),
        ({"image": "postgres:9"}, "xata image", "postgres:9 is not offered"),
        ({"image": "postgres:18.999"}, "xata image", "postgres:18.999 is not offered"),
        ({"instance_type": "xata.huge"}, "xata instance type", "xata.huge is not offered"),
    ],
)
@pytest.mark.usefixtures("xata")
def test_what_is_not_there_is_told_with_what_is(change: dict[str, str], check: str, said: str) -> None:
    """A wrong name fails its own line, names what there is, and says what to do."""
    finding = _examined(replace(WANTED, **change))[check]
    assert finding.verdict == "failure"
    assert said in finding.found
    assert finding.next_step


def test_a_foundation_to_be_made_is_no_failure(xata: Xata) -> None:
    """Where the stack itself makes the project, its absence is the normal beginning."""
    del xata
    found = _examined(replace(FOUNDATION, project="not made yet"))
    assert found["xata project"].verdict == "warning"
    assert "./infra up foundation" in found["xata project"].next_step
    assert not [finding for finding in found.values() if finding.verdict == "failure"]


def test_a_full_project_is_told_before_the_create_fails(xata: Xata, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit a stack whose branch is there may stay; one to be made has no room."""
    del xata
    monkeypatch.setattr(cloud_checks, "_most_branches", lambda _seen: 2)
    assert _examined()["xata limits"].verdict == "warning"
    full = _examined(replace(WANTED, stack="production", branch="production"))["xata limits"]
    assert (full.verdict, full.found) == ("failure", "2 of 2 branches of the project are used")


def test_the_only_organization_is_taken_and_told(xata: Xata) -> None:
    """Without a configured organization the one that the key sees is used, with how to name it."""
    del xata
    finding = _examined(replace(WANTED, organization=""))["xata organization"]
    assert finding.verdict == "warning"
    assert finding.next_step == f"export XATA_ORGANIZATION_ID={ORGANIZATION}"


@pytest.fixture
def machine(project: Path, tmp_path: Path) -> Machine:
    """A machine with a project, and nothing else of this user."""
    return Machine(folder=project, environ={"PATH": os.environ["PATH"]}, home=tmp_path)


def _xata_lines(findings: list[Finding]) -> list[str]:
    return [finding.check for finding in findings if finding.check.startswith("xata")]


def test_the_stack_that_is_named_decides(machine: Machine, xata: Xata) -> None:
    """Its configuration says what is looked for; a database on this machine asks for nothing."""
    del xata
    environ = {**machine.environ, "XATA_API_KEY": KEY, "XATA_ORGANIZATION_ID": ORGANIZATION}
    with_key = replace(machine, environ=environ)
    lines = ["xata key", *cloud_checks.XATA_CHECKS]
    assert _xata_lines(doctor.examine(with_key)) == lines
    assert _xata_lines(doctor.examine(with_key, "foundation")) == lines
    assert _xata_lines(doctor.examine(with_key, "dev")) == []


def test_with_the_sandbox_the_sandbox_is_asked(machine: Machine, xata: Xata, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real key of the environment is never used then."""
    asked: list[dict[str, str]] = []

    def connect(environment: dict[str, str]) -> Any:
        asked.append(dict(environment))
        return xata.client()

    monkeypatch.setattr("components.xata.api.client.connect", connect)
    record = Record(key="xao_sandbox", organization=ORGANIZATION, api="http://127.0.0.1:1", postgres_password="p")
    monkeypatch.setattr(lifecycle, "require_running", lambda _place: record)
    real = {**machine.environ, "XATA_API_KEY": "xau_real", "CLOUDFLARE_API_TOKEN": "cf_real"}
    doctor.examine(replace(machine, environ=real, sandbox=True), "staging")
    assert [told["XATA_API_KEY"] for told in asked] == ["xao_sandbox"]
    assert "CLOUDFLARE_API_TOKEN" not in asked[0]


def test_without_a_running_sandbox_nothing_else_is_asked_instead(machine: Machine, xata: Xata) -> None:
    """The line of the sandbox fails with the command that starts it; the real service hears nothing."""
    real = {**machine.environ, "XATA_API_KEY": KEY}
    findings = {one.check: one for one in doctor.examine(replace(machine, environ=real, sandbox=True), "staging")}
    assert findings["sandbox"].verdict == "failure"
    assert findings["sandbox"].next_step == "./infra sandbox start"
    assert not [check for check in findings if check.startswith("xata")]
    assert not xata.service.log.entries


@pytest.mark.parametrize(("record", "verdict"), [(None, "ok"), ("{", "warning")])
def test_the_state_of_the_sandbox_is_told(machine: Machine, record: str | None, verdict: str) -> None:
    """Stopped is fine for who does not use it; damaged is told to everybody."""
    place = Place(folder=machine.folder)
    if record is not None:
        place.root.mkdir(parents=True)
        place.record.write_text(record)
    assert doctor.check("sandbox", machine).verdict == verdict


def test_plugins_that_come_with_the_cli_are_looked_for(machine: Machine, tmp_path: Path) -> None:
    """Without a CLI none are needed; a CLI without the programs it needs is named."""
    bare = replace(machine, environ={"PATH": str(tmp_path / "bin")})
    assert doctor.check("plugins", bare).verdict == "ok"
    (tmp_path / "bin").mkdir()
    for name in ("pulumi", "pulumi-language-python"):
        program = tmp_path / "bin" / name
        program.write_text("#!/bin/sh\necho v3.999.0\n")
        program.chmod(0o755)
    finding = doctor.check("plugins", bare)
    assert finding.verdict == "failure"
    assert "pulumi-resource-pulumi-python" in finding.found
    assert "pulumi-language-python" not in finding.found
