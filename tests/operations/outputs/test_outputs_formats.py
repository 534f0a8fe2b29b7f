"""Outputs for other programs: each format is read back by its reader's own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operations.commands import outputs
from operations.commands.outputs import variable_name, variables
from operations.errors import UsageError
from pulumi_embedded.api import Output
from stacks.outputs import OUTPUTS
from tests.operations.outputs import readers

if TYPE_CHECKING:
    from operations.commands.outputs import Variables

URL = "postgresql://app:p%2Fw%24rd%250A@db.example.com:5432/app?sslmode=require"
HOSTILE = 'it\'s "$HOME" `id` $(id) ${HOME} 100%\n\\n # not a comment \n!é\u2028 '
ENVIRONMENT = {"HOME": "/root", "USER": "root"}
TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40) | st.text(
    st.sampled_from("'\"`$\\#= \n\r{}%!aé"), max_size=20
)


def _outputs(**values: Any) -> dict[str, Output]:
    return {name: Output(value=value, secret="secret" in name.lower()) for name, value in values.items()}


def _made(*, show_secrets: bool = True, **values: Any) -> Variables:
    return variables(_outputs(**values), show_secrets=show_secrets)


def test_every_output_of_the_contract_has_its_variable() -> None:
    """DatabaseUrl is DATABASE_URL, and no two outputs are one variable."""
    names = {variable_name(name) for name in OUTPUTS}
    assert {"DATABASE_URL", "DATABASE_READ_ONLY_URL", "CONTRACT_VERSION", "CHECKS", "SECRET_NAMES"} <= names
    assert len(names) == len(OUTPUTS)


def test_whole_text_of_each_format() -> None:
    """What is written is what one expects to read, in the order of the names."""
    made = _made(region="us-east-1", databasePort=5432, ok=True, nothing=None, names=["A", "it's"])
    assert outputs.as_shell(made) == (
        "export DATABASE_PORT='5432'\nexport NAMES='[\"A\",\"it'\\''s\"]'\nexport NOTHING=''\nexport OK='true'\n"
        "export REGION='us-east-1'\n"
    )
    assert outputs.as_dotenv(_made(region="us-east-1", url=URL, note="two words", names=["A"])) == (
        f"NAMES='[\"A\"]'\nNOTE='two words'\nREGION=us-east-1\nURL={URL}\n"
    )


@given(TEXTS)
@example(HOSTILE)
@example("\n\n")
def test_a_real_shell_reads_back_every_value(value: str) -> None:
    """Quotes, newlines, `$`, `%`, backquotes and backslashes arrive as they are, and nothing is carried out."""
    assert readers.sh(outputs.as_shell(_made(theValue=value, other="x"))) == {"THE_VALUE": value, "OTHER": "x"}


def test_a_secret_left_out_is_unset_in_the_shell() -> None:
    """The URL of another environment does not stay in the shell to be taken for this one's."""
    made = _made(show_secrets=False, secretUrl=URL, region="r")
    assert made.left_out == ("SECRET_URL",)
    assert readers.sh(outputs.as_shell(made), SECRET_URL="postgresql://production") == {"REGION": "r"}


@given(TEXTS)
@example(URL)
@example("a # b")
@example("a&b;~")
@example("~")
@example("it's")
@example("\u2028x")
def test_every_dotenv_reader_reads_the_same_or_the_value_is_refused(value: str) -> None:
    """dotenv, dotenv with expansion, python-dotenv and a shell agree on whatever is written."""
    made = _made(theValue=value, other="x")
    if set(value) & set("$\\\r") or ("'" in value and set(value) & set('"`')):
        with pytest.raises(UsageError):
            outputs.as_dotenv(made)
        return
    text = outputs.as_dotenv(made)
    expected = {"THE_VALUE": value, "OTHER": "x"}
    assert readers.npm(text) == expected
    assert readers.expanding(text, ENVIRONMENT) == expected
    assert readers.python(text, ENVIRONMENT) == expected
    assert readers.sh(f"set -a\n{text}") == expected


def test_a_container_reads_plain_values_of_a_dotenv_file() -> None:
    """A connection string stands without quotes, which `--env-file` would keep."""
    assert readers.env_file(outputs.as_dotenv(_made(databaseUrl=URL, empty=""))) == {"DATABASE_URL": URL, "EMPTY": ""}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("pa$$word", "a dollar sign"),
        ("C:\\temp", "a backslash"),
        ("a\r\nb", "a carriage return"),
        ('it\'s "so"', "a single quote beside another kind of quote"),
        ("it's `so`", "a single quote beside another kind of quote"),
        ("'\"$", "a dollar sign and a single quote beside another kind of quote"),
    ],
)
def test_what_dotenv_readers_read_differently_is_refused_by_name(value: str, words: str) -> None:
    """The variable and the reason are told, the value is not, and another format is named."""
    with pytest.raises(UsageError) as raised:
        outputs.as_dotenv(_made(secretUrl=value))
    assert f"the value of SECRET_URL holds {words}, which" in raised.value.message
    assert value not in str(raised.value)
    assert "--format json" in raised.value.next_step


@given(TEXTS, TEXTS)
@example(URL, HOSTILE)
@example("x\nghadelimiter_0\nPATH<<y\n/tmp\ny", "\n")
def test_the_runner_reads_back_every_value_and_masks_every_secret(value: str, secret: str) -> None:
    """No value ends early or names another output, and each line of a secret is masked before it is written."""
    made = _made(theValue=value, theSecret=secret)
    assert readers.runner(outputs.as_github(made)) == {"THE_VALUE": value, "THE_SECRET": secret}
    if secret.strip():
        assert secret in readers.masked(outputs.masks(made))


def test_the_password_of_a_url_is_masked_by_itself() -> None:
    """As it stands in the URL, and as a client would print it; what is not secret is not masked."""
    made = _made(secretUrl=URL, region="us-east-1")
    assert outputs.masks(made) == (
        f"::add-mask::{URL.replace('%', '%25')}\n::add-mask::p%252Fw%2524rd%25250A\n::add-mask::p/w$rd%250A\n"
    )


def test_ends_of_values_are_never_the_same_twice() -> None:
    """A value that was seen once cannot be used to end another."""
    made = _made(one="1", two="2")
    ends = [line for _ in range(2) for line in outputs.as_github(made).splitlines() if line.startswith("ghadelimiter_")]
    assert len(ends) == len(set(ends)) == 4


@pytest.mark.parametrize("name", ["1st", "a b", "é", "a;b", "", "a\nb"])
def test_names_that_make_no_variable_are_refused(name: str) -> None:
    """Nothing but a name ever stands where a shell expects one."""
    with pytest.raises(UsageError, match="makes no name of a variable"):
        variables({name: Output(value="x", secret=False)}, show_secrets=True)


def test_two_outputs_of_one_variable_are_refused() -> None:
    """Neither of them is silently lost."""
    with pytest.raises(UsageError, match="database-url and databaseUrl would both be the variable DATABASE_URL"):
        variables(
            {"databaseUrl": Output(value="a", secret=False), "database-url": Output(value="b", secret=False)},
            show_secrets=True,
        )


@pytest.mark.parametrize("value", ["a\0b", "half \ud800", ["\udfff"]])
def test_what_no_variable_can_hold_is_refused_by_name(value: Any) -> None:
    """A zero byte would cut the value off, half a character cannot be written."""
    with pytest.raises(UsageError, match="the output theValue holds a zero byte or half a character"):
        _made(theValue=value)
