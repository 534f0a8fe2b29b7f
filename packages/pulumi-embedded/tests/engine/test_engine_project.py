from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_embedded import gotext
from pulumi_embedded.errors import PassphraseError, ProjectError, UnsupportedError
from pulumi_embedded.project import Project, StackConfig, load_config, load_project, read_salt, yamlfile
from pulumi_embedded.state import Store
from pulumi_embedded.values import Secret

RECORDED = Path(__file__).parent / "data" / "config"
HEAD = "name: infra\nruntime: python\n"


def _project(folder: Path, text: str, stack: str | None = None) -> Project:
    (folder / "Pulumi.yaml").write_text(HEAD + text)
    if stack is not None:
        (folder / "Pulumi.dev.yaml").write_text(stack)
    return load_project(folder)


def _config(project: Project, **overrides: str) -> StackConfig:
    return load_config(project, "dev", overrides=overrides, crypter=lambda text: f"open {text}")


def test_a_program_gets_the_very_text_the_cli_gives_it() -> None:
    """Booleans, numbers, objects, defaults and secrets: the recorded PULUMI_CONFIG of the real CLI is reproduced."""
    project = load_project(RECORDED)
    store = Store(
        "file:///nowhere", "sample", "dev", "correct horse", folder=RECORDED, config_salt=read_salt(project, "dev")
    )
    config = load_config(project, "dev", overrides={}, crypter=store.decrypt_text)
    expected = json.loads((RECORDED / "expected.json").read_text())
    assert config.plain == expected["config"]
    assert config.secret_keys == expected["secretKeys"]
    assert "hush" not in repr(config)


def test_secrets_without_a_salt_are_told() -> None:
    """Encrypted values whose salt line is gone cannot be opened, and the error says which line is missing."""
    store = Store("file:///nowhere", "sample", "dev", "x", folder=RECORDED, config_salt=None)
    with pytest.raises(PassphraseError, match="encryptionsalt"):
        store.decrypt_text("v1:a:b")


def test_a_project_file_is_read(tmp_path: Path) -> None:
    """All settings the engine heeds arrive."""
    project = _project(
        tmp_path,
        "main: app\noptions: {refresh: always}\nbackend: {url: 'file://./x'}\nstackConfigDir: stacks\n",
    )
    assert (project.name, project.main, project.refresh_always) == ("infra", "app", True)
    assert project.backend_url == "file://./x"
    assert project.stack_file("dev") == tmp_path / "stacks" / "Pulumi.dev.yaml"


def test_a_missing_stack_file_means_no_values(tmp_path: Path) -> None:
    """As in the CLI, defaults alone make a configuration."""
    config = _config(_project(tmp_path, "config: {port: {type: integer, default: 5432}}"))
    assert config.plain == {"infra:port": "5432"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\nb: 2\n", "{file}, line 4, column 2: did not find expected ',' or ']'|expected ',' or ']'"),
        ("main: 5\n", "{file}: main must be a text, got 5"),
        ("main: a\nmain: b\n", "{file}, line 4, column 1: the key main stands here and in line 3"),
        ("options: {refresh: sometimes}\n", "{file}: options.refresh must be always, got 'sometimes'"),
        ("backend: [x]\n", "{file}: backend must be a mapping of keys to values, got ['x']"),
        ("config: {port: {typ: integer}}\n", "{file}: config.infra:port must be made of"),
        ("config: {port: {type: int}}\n", "{file}: config.infra:port must be of a type among string, integer,"),
        ("config: {a: {type: array}}\n", "(an array with `items: {{type: …}}`), got 'array'"),
        ("config: {a: {type: integer, default: x}}\n", "config.infra:a.default must be of type integer, got 'x'"),
        ("config: {a: {default: 1, value: 2}}\n", "config.infra:a must be given `default` or `value`, got 'both'"),
        ("config: {'x:a': {type: string}}\n", "config.x:a must be given a `value` and no type"),
        ("config: {'x:y:z': 1}\n", "config.x:y:z must be named `name` or `namespace:name`"),
        ("config: {until: {default: 2026-12-31}}\n", 'quote it: "2026-12-31"'),
    ],
)
def test_a_wrong_project_file_is_told_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    """File, line or key, what stands there and what should."""
    with pytest.raises(ProjectError) as caught:
        _project(tmp_path, text)
    wanted = [part.format(file=tmp_path / "Pulumi.yaml") for part in message.split("|")]
    assert any(part in str(caught.value) for part in wanted), str(caught.value)


def test_a_folder_without_a_project_is_told(tmp_path: Path) -> None:
    """No Pulumi.yaml: the folder is named."""
    with pytest.raises(ProjectError, match=r"there is no Pulumi\.yaml in"):
        load_project(tmp_path)


@pytest.mark.parametrize("name", ["", "a b", "x" * 101])
def test_a_bad_project_name_is_refused(name: str, tmp_path: Path) -> None:
    """A name the backend could not use as a folder."""
    (tmp_path / "Pulumi.yaml").write_text(f"name: '{name}'\nruntime: python\n")
    with pytest.raises(ProjectError, match="name must be letters"):
        load_project(tmp_path)


@pytest.mark.parametrize(
    ("text", "stack", "what"),
    [
        ("runtime: nodejs\n", "", "the runtime 'nodejs' is not python"),
        ("", "environment: [prod]\n", "`environment` needs Pulumi Cloud"),
        ("", "secretsprovider: awskms://x\n", "secrets provider awskms://x"),
        ("", "config: {'pulumi:disable-default-providers': ['*']}\n", "pulumi:disable-default-providers"),
        ("config: {a.b: 1}\n", "", "declares a path into an object"),
    ],
)
def test_what_only_the_cli_does_is_refused_by_name(text: str, stack: str, what: str, tmp_path: Path) -> None:
    """The engine never guesses."""
    head = HEAD if not text.startswith("runtime") else "name: infra\n"
    (tmp_path / "Pulumi.yaml").write_text(head + text)
    (tmp_path / "Pulumi.dev.yaml").write_text(stack)
    with pytest.raises(UnsupportedError) as caught:
        _config(load_project(tmp_path))
    assert what in str(caught.value)
    assert "next: use the Pulumi CLI" in str(caught.value)


def test_mandatory_keys_are_all_named_with_the_lines_to_write(tmp_path: Path) -> None:
    """One error for all missing keys, with what to paste, and the command for a secret."""
    project = _project(
        tmp_path, "config: {b: {type: integer}, a: {type: array, items: {type: string}}, c: {secret: true}}"
    )
    with pytest.raises(ProjectError) as caught:
        _config(project)
    file = tmp_path / "Pulumi.dev.yaml"
    assert str(caught.value) == (
        f"{file} lacks a value that Pulumi.yaml declares without a default: "
        "infra:a (array<string>), infra:b (integer), infra:c (string, secret)\n"
        f"  next: write into {file}, below `config:`\n    infra:a: []\n    infra:b: 1; "
        "run `pulumi config set --secret infra:c --stack dev`"
    )


@pytest.mark.parametrize(
    ("declared", "value", "fits"),
    [
        ("type: integer", "5", True),
        ("type: integer", "'+5'", True),
        ("type: integer", "5.0", True),
        ("type: integer", "5.5", False),
        ("type: integer", "true", False),
        ("type: integer", "[5]", False),
        ("type: boolean", "True", True),
        ("type: boolean", "yes", False),
        ("type: boolean", "'false'", True),
        ("type: string", "5", True),
        ("type: string", "{a: 1}", False),
        ("type: object", "{a: 1}", True),
        ("type: object", "x", False),
        ("type: array, items: {type: integer}", "[1, '2', 3.0]", True),
        ("type: array, items: {type: integer}", "[1, true]", False),
        ("type: array, items: {type: array, items: {type: string}}", "[[a], []]", True),
        ("type: array, items: {type: array, items: {type: string}}", "[[1]]", False),
        ("description: anything", "{a: [1]}", True),
    ],
)
def test_types_accept_what_the_cli_accepts(declared: str, value: str, fits: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter of the table
    """A value of the declared type passes, any other is told."""
    project = _project(tmp_path, f"config: {{key: {{{declared}}}}}", f"config: {{key: {value}}}")
    if fits:
        assert "infra:key" in _config(project).values
    else:
        with pytest.raises(ProjectError, match="infra:key must be of type"):
            _config(project)


def test_a_wrong_type_is_told_with_the_line_to_write(tmp_path: Path) -> None:
    """Stack file, key, type wanted, value got, and a line that would do."""
    project = _project(tmp_path, "config: {port: {type: integer, default: 5432}}", "config: {port: high}")
    with pytest.raises(ProjectError) as caught:
        _config(project)
    file = tmp_path / "Pulumi.dev.yaml"
    assert str(caught.value) == (
        f"{file}: infra:port must be of type integer, got 'high'\n"
        f"  next: write into {file}, below `config:`, the line\n    infra:port: 5432"
    )


def test_a_secret_of_the_wrong_type_is_not_shown(tmp_path: Path) -> None:
    """The error of a secret names its key only."""
    project = _project(tmp_path, "config: {pin: {type: integer}}", "config: {pin: {secure: hush}}")
    with pytest.raises(ProjectError, match="got a secret of another type") as caught:
        _config(project)
    assert "hush" not in str(caught.value)


def test_a_declared_secret_must_be_encrypted(tmp_path: Path) -> None:
    """Plain text for a key that is declared secret is refused without showing it; encrypted it passes."""
    declared = "config: {pw: {type: string, secret: true}}"
    with pytest.raises(ProjectError, match="must be encrypted") as caught:
        _config(_project(tmp_path, declared, "config: {pw: hush}"))
    assert "hush" not in str(caught.value)
    assert _config(_project(tmp_path, declared, "config: {pw: {secure: x}}")).values == {"infra:pw": Secret("open x")}


def test_overrides_of_one_run_win_and_are_typed(tmp_path: Path) -> None:
    """`--config` beats the file; JSON is accepted for arrays; a declared secret stays one."""
    project = _project(
        tmp_path,
        "config: {a: {type: array, items: {type: integer}, default: []}, pw: {type: string, secret: true}}",
        "config: {other: file}",
    )
    config = load_config(
        project, "dev", overrides={"a": "[1]", "infra:other": "run", "infra:pw": "x"}, crypter=lambda text: text
    )
    assert config.values == {"infra:a": "[1]", "infra:other": "run", "infra:pw": Secret("x")}
    with pytest.raises(ProjectError, match="--config infra:a: infra:a must be of type array<integer>, got 'x'"):
        load_config(project, "dev", overrides={"a": "x", "pw": "x"}, crypter=lambda text: text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("yes", "yes"), ("No", "No"), ("TRUE", True), ("0x1F", 31), ("0o17", 15), ("017", 15),
        ("0b11", 3), ("08", 8.0), ("1e3", 1000.0), (".5", 0.5), ("1_000", 1000), ("-7", -7), ("1:30", "1:30"),
        ("18446744073709551615", 2**64 - 1), ("18446744073709551616", 2.0**64), ("1.2.3", "1.2.3"), ("=", "="),
        ("_1", "_1"),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_they_mean_in_the_cli(text: str, value: Any) -> None:
    """The rules of the CLI's YAML library, where they differ from Python's."""
    got = yamlfile.scalar(text)
    assert (got, type(got)) == (value, type(value))


def test_files_that_are_no_text_are_told(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, and control characters."""
    file = tmp_path / "Pulumi.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProjectError, match="not UTF-8"):
        yamlfile.load(file)
    file.write_bytes(b"a: \x07")
    with pytest.raises(ProjectError, match="is not YAML"):
        yamlfile.load(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: " + "[" * 100_000, "line 1, column 103: the nesting is deeper than 100 levels"),
        ("".join(" " * level + "a:\n" for level in range(600)), "the nesting is deeper than 100 levels"),
        ("b0: &b0 [x]\n" + "".join(f"b{n}: &b{n} [*b{n - 1}]\n" for n in range(1, 500)), "deeper than 100 levels"),
        ("".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 10 if n else ''}]\n" for n in range(12)), "more than 10000 values"),
        ("".join(f"k{n}: v\n" for n in range(6000)), "more than 10000 values"),
        ("&a {b: *a}", "an alias stands inside of what it names"),
        ("? [a]\n: b", "a key must be text"),
        ("a: !!int abc", "could not determine a constructor"),
        ("#" * 300_000, "has more than 262144 bytes"),
    ],
    ids=["flow", "block", "aliases", "bomb", "many", "itself", "key", "tag", "long"],
)  # fmt: skip
def test_yaml_that_nobody_writes_is_refused_at_once(text: str, words: str) -> None:
    """Neither depth nor what aliases stand for reaches whoever walks through the content."""
    with pytest.raises(ProjectError, match=re.escape(words)):
        yamlfile.parse(text, "Pulumi.dev.yaml")


@pytest.mark.parametrize("text", ["1" * 5000, "1e400", "0x" + "F" * 5000])
def test_a_number_beyond_all_numbers_is_text(text: str) -> None:
    """As in the CLI's library; the declaration of the key then says what is wrong with it."""
    assert yamlfile.scalar(text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e30, "1e+30"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1.5e-9, "1.5e-9"),
        (1e-5, "0.00001"),
        (1.2e-5, "0.000012"), (-0.0, "-0"), (5.0, "5"), (2.0**64, "18446744073709552000"),
        (2.5, "2.5"), (1.5e-10, "1.5e-10"),
        (True, "true"),
        (None, "null"),
        ({"b": 1, "a": [1.0, "<&>\u2028é"]}, '{"a":[1,"\\u003c\\u0026\\u003e\\u2028é"],"b":1}'),
    ],
)  # fmt: skip
def test_json_text_is_gos(value: Any, text: str) -> None:
    """Numbers, escapes and order as Go's encoder has them."""
    assert gotext.dump(value) == text


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(_JSON)
def test_json_text_loses_nothing(value: Any) -> None:
    """Whatever is written reads back equal; Go knows all numbers as floats."""
    assert json.loads(gotext.dump(value), parse_int=float) == value
