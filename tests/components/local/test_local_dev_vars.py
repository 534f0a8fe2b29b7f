"""The text of .dev.vars: what wrangler reads from it, how it is edited, and that a shell and wrangler agree."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from components.connection import Connection
from components.errors import ConfigurationError, RefusedError
from components.local.dev_vars import assign, parse, quote

HARD = [
    "plain",
    "",
    " spaces around ",
    "a$b",
    "${HOME}",
    "$(id)",
    "`id`",
    "a#b",
    "# not a comment",
    'say "yes"',
    "it's",
    "back\\slash",
    "ends with \\",
    "\\n is not a line feed",
    "two\nlines",
    "KEY='no'\nOTHER=x",
    'all $ # " ` \\ of them',
    "tab\tand bell\x07",
    "ünïcödé 🐘 \u2028 \ufeff",
    "!history",
    "~",
    "a=b;c&d|e>f",
    "--%d%s",
    "postgresql://app:p%24a%23s%27s@127.0.0.1:5432/app?sslmode=disable",
]
OTHERS = "# notes\nFIRST=1\n\nexport SECOND=\"two words\" # why\nTHIRD='multi\nline'\n"
READ_BY_NODE = """
const [, , folder, ...files] = process.argv;
const { unstable_getVarsForDev } = require(`${folder}/wrangler`);
const path = require("node:path");
const config = (file) => path.join(path.dirname(file), "wrangler.jsonc");
const vars = (file) => unstable_getVarsForDev(config(file), undefined, {}, undefined, true);
const values = (file) => Object.fromEntries(Object.entries(vars(file)).map(([key, { value }]) => [key, value]));
console.log(JSON.stringify(files.map(values)));
"""

representable = st.text(st.characters(codec="utf-8", exclude_characters="\0\r")).filter(
    lambda value: "'" not in value or not set(value) & set('"$`\\')
)
neighbours = representable.filter(lambda value: not value.endswith("\\"))
"""Values for one file: dotenv may read one that ends in a backslash on into the next."""


def _read_by_shell(folder: Path, text: str, *keys: str) -> dict[str, str]:
    (folder / ".dev.vars").write_text(text, newline="")
    script = "set -a; . ./.dev.vars; exec env -0"
    done = subprocess.run(
        ["sh", "-c", script], cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True
    )
    assert done.stderr == b""
    seen = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    return {key: seen[key] for key in keys}


# Values


@pytest.mark.parametrize("value", HARD)
def test_wrangler_and_a_shell_read_the_exact_value(tmp_path: Path, value: str) -> None:
    """Whatever is written can be read back unchanged by dotenv's grammar and by a POSIX shell."""
    text = assign("", {"KEY": value, "NEXT": "x"})
    assert parse(text) == {"KEY": value, "NEXT": "x"}
    assert _read_by_shell(tmp_path, text, "KEY", "NEXT") == {"KEY": value, "NEXT": "x"}


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True), neighbours, max_size=4))
def test_any_representable_values_read_back(values: dict[str, str]) -> None:
    """Values read back exactly, between other lines too, and are gone without a trace when they are removed."""
    free = {key: value for key, value in values.items() if key not in {"FIRST", "SECOND", "THIRD"}}
    text = assign(OTHERS, free)
    assert parse(text) == {**parse(OTHERS), **free}
    assert assign(text, {}, drop=free) == OTHERS
    assert assign(text, free) == text


def test_a_value_that_would_swallow_the_next_is_refused() -> None:
    """To dotenv a quote after a backslash is a part of the value: where that loses a variable, nothing is done."""
    with pytest.raises(RefusedError, match="ends in a backslash before its last quote"):
        assign("", {"B": "\\", "A": "\n"})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(neighbours, min_size=1, max_size=20))
def test_a_shell_reads_any_representable_values(tmp_path: Path, values: list[str]) -> None:
    """A POSIX shell reads the same bytes as were declared."""
    named = {f"KEY_{number}": value for number, value in enumerate(values)}
    assert _read_by_shell(tmp_path, assign(OTHERS, named), *named) == named


@given(st.text(st.characters(codec="utf-8"), min_size=1))
@example("it's $5")
def test_any_password_in_a_connection_string_can_be_written(password: str) -> None:
    """A connection string is percent-encoded, so there is a way to write it whatever the password."""
    connection = Connection(host="127.0.0.1", port=5432, database="app", user="app", password=password)
    assert parse(assign("", {"DATABASE_URL": connection.url})) == {"DATABASE_URL": connection.url}


@pytest.mark.parametrize("value", ["it's $5", 'it\'s "it"', "it's `it`", "it's \\", "a\rb", "a\0b", "half \ud83d"])
def test_what_cannot_be_written_for_both_is_refused_without_showing_it(value: str) -> None:
    """A value that the two would read differently is refused, naming the variable and not the value."""
    with pytest.raises(ConfigurationError, match=r"the value of SECRET cannot stand in \.dev\.vars") as caught:
        quote("SECRET", value)
    assert value not in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize("key", ["", "1ST", "WITH-DASH", "with.dot", "A B", "A=B", "ÄB"])
def test_names_that_a_shell_does_not_take_are_refused(key: str) -> None:
    """A name that dotenv takes and a shell does not is refused: ours suit both."""
    with pytest.raises(ConfigurationError, match="is not a name"):
        assign("", {key: "x"})


# Reading


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB = 2 # two\nC: 3\n", {"A": "1", "B": "2", "C": "3"}),
        ("export A=1", {"A": "1"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=\"x\\ny\"\nB='x\\ny'\nC=x\\ny", {"A": "x\ny", "B": "x\\ny", "C": "x\\ny"}),
        ("A='one\ntwo'\nB=`it's \"it\"`", {"A": "one\ntwo", "B": 'it\'s "it"'}),
        ("A=\nB=''\n# C=3\nD=a#b", {"A": "", "B": "", "D": "a"}),
        ("A=1\r\nB='x\r\ny'\rC=3", {"A": "1", "B": "x\ny", "C": "3"}),
        ("A='open\nB=2", {"A": "'open", "B": "2"}),
        ("not an assignment\n=x\n\ufeffA=1\nA-b.c=2", {"A": "1", "A-b.c": "2"}),
        ("A=\n'next line'", {"A": "next line"}),
    ],
)
def test_parse_reads_what_dotenv_reads(text: str, expected: dict[str, str]) -> None:
    """Comments, quotes, escapes, line ends and repeated keys are read as dotenv reads them."""
    assert parse(text) == expected


# Editing


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "KEY='new'\n"),
        ("A=1\n", "A=1\nKEY='new'\n"),
        ("A=1", "A=1\nKEY='new'"),
        ("A=1\r\nB=2", "A=1\r\nB=2\r\nKEY='new'"),
        ("KEY=old\nA=1\n", "KEY='new'\nA=1\n"),
        ("  export KEY = old # why\nA=1\n", "  export KEY='new' # why\nA=1\n"),
        ("KEY=old#why\n", "KEY='new' #why\n"),
        ("KEY: old   \n", "KEY='new'\n"),
        ("A=1\nKEY='multi\nline' # why\n# KEY=comment\nB=2", "A=1\nKEY='new' # why\n# KEY=comment\nB=2"),
        ("KEY=first # one\nA=1\nKEY=last # two\n", "# one\nA=1\nKEY='new' # two\n"),
        ("KEY=first\nA=1\nKEY=last", "A=1\nKEY='new'"),
        ("A=1\r\nKEY=old\r\nB=2\r\n", "A=1\r\nKEY='new'\nB=2\r\n"),
        ("KEY=\nA='KEY=inside'\n", "KEY='new'\nA='KEY=inside'\n"),
        ("\ufeffKEY=old\nA=1\n", "KEY='new'\nA=1\n"),
        ("KEY=old\xa0# why\n", "KEY='new' # why\n"),
        ("MY_KEY=1\nKEY_2=2\n", "MY_KEY=1\nKEY_2=2\nKEY='new'\n"),
    ],
)
def test_assign_changes_its_own_line_only(before: str, after: str) -> None:
    """The assignment changes where it stands; every other line, comment and line end stays; again changes nothing."""
    assert assign(before, {"KEY": "new"}) == after
    assert assign(after, {"KEY": "new"}) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("KEY='x'\n", ""),
        ("A=1\nKEY='x'", "A=1"),
        ("A=1\n\nexport KEY='x' # why\nB=2\n", "A=1\n\n# why\nB=2\n"),
        ("A=1\nKEY='x\ny'\nKEY=z\nB=2", "A=1\nB=2"),
        ("A=1\n", "A=1\n"),
    ],
)
def test_drop_takes_its_own_lines_only(before: str, after: str) -> None:
    """Removing a variable takes all its assignments and leaves comments and other lines."""
    assert assign(before, {}, drop=["KEY"]) == after


def test_a_line_that_would_swallow_ours_is_refused() -> None:
    """An open quote that would reach into our line is the user's to close; nothing is written meanwhile."""
    with pytest.raises(RefusedError, match="open quote"):
        assign("A='open\n", {"KEY": "# x"})


@given(st.text(alphabet="AK='\"`# \n\r\\=:xport$\u2028", max_size=40), representable)
def test_assign_keeps_other_variables_or_refuses(text: str, value: str) -> None:
    """In whatever text, either the variable is set and all others read as before, or nothing is done."""
    others = {key: found for key, found in parse(text).items() if key != "KEY"}
    try:
        edited = assign(text, {"KEY": value})
    except RefusedError:
        return
    assert parse(edited) == {**others, "KEY": value}


# wrangler itself


def _wrangler_modules() -> Path:
    folder = os.environ.get("INFRA_TEST_NODE_MODULES", "")
    if not folder or not (Path(folder) / "wrangler").is_dir() or not shutil.which("node"):
        pytest.skip(
            "wrangler is not there: npm install --prefix FOLDER wrangler@4.86.0 (Node 20; newer ones need Node 22), "
            "then set INFRA_TEST_NODE_MODULES=FOLDER/node_modules"
        )
    return Path(folder)


def _read_by_wrangler(modules: Path, folder: Path, texts: list[str]) -> list[dict[str, str]]:
    script = folder / "read.cjs"
    script.write_text(READ_BY_NODE)
    files = [folder / str(number) / ".dev.vars" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.parent.mkdir()
        file.write_text(text, newline="")
    quiet = {"WRANGLER_SEND_METRICS": "false", "WRANGLER_SEND_ERROR_REPORTS": "false", "CI": "1"}
    quiet |= {"PATH": os.environ["PATH"], "HOME": str(folder), "WRANGLER_LOG_PATH": str(folder / "logs")}
    command = ["node", str(script), str(modules), *map(str, files)]
    done = subprocess.run(command, env=quiet, cwd=folder, capture_output=True, text=True, timeout=120, check=True)
    answers: list[dict[str, str]] = json.loads(done.stdout.rstrip("\n").split("\n")[-1])
    return answers


@pytest.mark.wrangler
def test_wrangler_reads_what_we_write_and_we_read_what_wrangler_does(tmp_path: Path) -> None:
    """Wrangler's own reader gives back every value byte by byte, alone and among others; any text it reads as we do."""
    alone, among = [[assign(before, {"KEY": value}) for value in HARD] for before in ("", OTHERS)]
    dice = random.Random(18)  # noqa: S311 - the same texts every time
    pieces = [*"AB='\"`# \n\r\\=:.-\u2028\ufeff\xa0\x85", "A=", "\nB='", "export ", "\\n", "'\n", '"\n']
    texts = ["".join(dice.choices(pieces, k=dice.randint(1, 25))) for _ in range(1500)]
    read = _read_by_wrangler(_wrangler_modules(), tmp_path, [*alone, *among, *texts])
    written = read[: 2 * len(HARD)]
    assert [answer["KEY"] for answer in written] == HARD + HARD
    assert all(answer["THIRD"] == "multi\nline" for answer in written[len(HARD) :])
    assert read[2 * len(HARD) :] == [parse(text) for text in texts]


def test_the_skip_reason_says_how_to_get_wrangler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks wrangler is told the command that brings it."""
    monkeypatch.delenv("INFRA_TEST_NODE_MODULES", raising=False)
    with pytest.raises(pytest.skip.Exception) as caught:
        _wrangler_modules()
    assert re.search(r"npm install --prefix FOLDER wrangler@[\d.]+", str(caught.value))
