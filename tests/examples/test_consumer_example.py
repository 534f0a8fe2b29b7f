"""The example of a project that reads our outputs: its check of the contract, its program on the embedded engine."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pulumi_embedded as engine
from stacks.outputs import json_schema
from tests.engine.stack import PASSPHRASE, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "consumer"
CONTRACT = runpy.run_path(str(EXAMPLE / "contract.py"))
PASSWORD = "pa%24s-w%25rd"
OUTPUTS: dict[str, Any] = {
    "contractVersion": 1,
    "environment": "staging",
    "databaseHost": "db.example.com",
    "databasePort": 5432,
    "databaseName": "app",
    "databaseReadOnlyUrl": f"postgresql://app:{PASSWORD}@db.example.com/app?sslmode=require",
}
TYPES = {str: "string", int: "integer"}
PROGRAM = """\
import json, pulumi
for name, value in json.load(open("outputs.json")).items():
    pulumi.export(name, pulumi.Output.secret(value) if name.endswith("Url") else value)
"""


def test_what_the_example_reads_is_in_the_contract() -> None:
    """Its types are those of the schema, and its version is the present one."""
    fields = json.loads(json_schema())["properties"]
    assert {name: TYPES[kind] for name, kind in CONTRACT["READS"].items()} == {
        name: fields[name]["type"] for name in CONTRACT["READS"]
    }
    assert fields["contractVersion"]["const"] == CONTRACT["VERSION"]


@pytest.mark.parametrize("version", [1, 1.0])
def test_the_version_that_is_read_is_accepted(version: float) -> None:
    """Pulumi hands numbers over as floats, JSON as they are; both come out whole."""
    port = CONTRACT["read"]({**OUTPUTS, "contractVersion": version, "databasePort": 5432.0}, "databasePort")
    assert (port, type(port)) == (5432, int)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (None, "contractVersion is not there; bring that environment up anew"),
        (2, "contractVersion is 2; adapt this project"),
        (7.0, "contractVersion is 7; adapt this project"),
        (0, "contractVersion is 0; bring"),
        (1.5, "contractVersion is 1.5; bring"),
        ("1", "contractVersion is '1'; bring"),
        (True, "contractVersion is True; bring"),
        ([], "contractVersion is []; bring"),
    ],
)
def test_any_other_version_is_told_with_the_one_that_is_missing(version: Any, said: str) -> None:
    """What is missing is the version that is read here; what to do depends on which is there."""
    with pytest.raises(CONTRACT["ContractError"]) as raised:
        CONTRACT["read"]({**OUTPUTS, "contractVersion": version}, "environment")
    assert str(raised.value).startswith(f"version 1 of the contract is missing: {said}")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("databasePort", None, "databasePort is not there; version 1 of the contract says int"),
        ("databasePort", "5432", "databasePort is a str; version 1 of the contract says int"),
        ("databasePort", 1.5, "databasePort is a float; version 1 of the contract says int"),
        ("databasePort", True, "databasePort is a bool; version 1 of the contract says int"),
        ("databaseReadOnlyUrl", [PASSWORD], "databaseReadOnlyUrl is a list; version 1 of the contract says str"),
    ],
)
def test_a_field_that_is_not_as_the_contract_says_is_named(name: str, value: Any, said: str) -> None:
    """The field, what it is and what it should be; never its value, which may be secret."""
    with pytest.raises(CONTRACT["ContractError"]) as raised:
        CONTRACT["read"]({**OUTPUTS, name: value}, name)
    assert str(raised.value) == said


@pytest.mark.parametrize(
    ("outputs", "code", "said"),
    [
        ({**OUTPUTS, "databaseReadOnlyUrl": "[secret]"}, 0, ""),
        ({**OUTPUTS, "contractVersion": 2}, 1, "error: version 1 of the contract is missing: contractVersion is 2"),
    ],
)
def test_the_check_reads_a_document(outputs: Mapping[str, Any], code: int, said: str) -> None:
    """`./infra outputs STACK --json` can be piped into it, secrets masked; it needs nothing but Python."""
    done = subprocess.run(
        [sys.executable, "-I", EXAMPLE / "contract.py"], input=json.dumps(outputs), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(said)
    assert "Traceback" not in done.stderr


@pytest.fixture
def consume(tmp_path: Path) -> Callable[..., engine.Result]:
    """Bring up a stack `staging` of a project `infra` with such outputs, then the example's own."""
    backend = f"file://{tmp_path / 'state'}?create_dir=true"
    infra = tmp_path / "infra"
    infra.mkdir()
    (infra / "Pulumi.yaml").write_text("name: infra\nruntime: python\n")
    (infra / "__main__.py").write_text(PROGRAM)
    example = tmp_path / "consumer"
    shutil.copytree(EXAMPLE, example)
    (example / "Pulumi.staging.yaml").write_text("config: {}\n")  # plain pulumi may have left its salt in ours

    def run(folder: Path) -> engine.Result:
        request = engine.Request(
            kind="up",
            project_folder=folder,
            stack="staging",
            backend_url=backend,
            passphrase=PASSPHRASE,
            previewed=True,
        )
        return engine.run(request, Recorder())

    def both(**outputs: Any) -> engine.Result:
        (infra / "outputs.json").write_text(json.dumps({**OUTPUTS, **outputs}))
        assert run(infra).succeeded
        return run(example)

    return both


def test_the_program_reads_an_environment_and_keeps_its_secrets(
    consume: Callable[..., engine.Result], tmp_path: Path
) -> None:
    """[G2] Plain outputs stay plain, and what is made of a secret is one, in the state of the reader, too."""
    result = consume()
    assert result.errors == ()
    assert {name: (output.value, output.secret) for name, output in result.outputs.items()} == {
        "environment": ("staging", False),
        "database": ("db.example.com:5432/app", False),
        "reportingUrl": (OUTPUTS["databaseReadOnlyUrl"] + "&application_name=reports", True),
    }
    kept = [file.read_text() for file in (tmp_path / "state").rglob("*") if file.is_file()]
    assert kept
    assert not [text for text in kept if PASSWORD in text]


def test_the_program_says_which_version_is_missing(consume: Callable[..., engine.Result]) -> None:
    """[G3] An environment that keeps a newer contract stops it in one sentence, without a value."""
    result = consume(contractVersion=2)
    assert not result.succeeded
    (error,) = result.errors
    assert error.endswith(
        "organization/infra/staging: version 1 of the contract is missing: contractVersion is 2; adapt this project"
    )
    assert "Traceback" not in error
