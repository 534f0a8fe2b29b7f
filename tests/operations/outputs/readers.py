"""How other programs read what `./infra outputs --format` writes: their own rules, restated."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from components.local import dev_vars

if TYPE_CHECKING:
    from collections.abc import Mapping


def sh(text: str, **inherited: str) -> dict[str, str]:
    """The environment after a real POSIX shell has evaluated the text."""
    script = 'eval "$TEXT" && unset TEXT && exec env -0'
    done = subprocess.run(
        ["/bin/sh", "-euc", script],
        env={"PATH": os.environ["PATH"], "TEXT": text, **inherited},
        capture_output=True,
        check=True,
    )
    pairs = (entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    return {name: value for name, value in pairs if name not in {"PATH", "PWD", "SHLVL", "_"}}


def npm(text: str) -> dict[str, str]:
    """The npm package dotenv: what wrangler reads `.dev.vars` with."""
    return dev_vars.parse(text)


def expanding(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The npm packages dotenv and dotenv-expand: what wrangler reads a file of `--secrets-file` with."""

    def expand(value: str) -> str:
        known = re.sub(r"(?<!\\)\$\{?([A-Za-z_]\w*)\}?", lambda found: environment.get(found[1], ""), value)
        return known.replace("\\$", "$")

    return {name: expand(value) for name, value in npm(text).items()}


def python(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The package python-dotenv, with its escapes and its `${NAME}`."""
    binding = re.compile(
        r"[^\S\r\n]*(?:export[^\S\r\n]+)?(?P<name>[^=\#\s]+)[^\S\r\n]*=[^\S\r\n]*"
        r"""(?:'(?P<single>(?:\\'|[^'])*)'|"(?P<double>(?:\\"|[^"])*)"|(?P<plain>[^\r\n]*))"""
        r"[^\S\r\n]*(?:\#[^\r\n]*)?(?:\r\n|\n|\r|\Z)"
    )
    found, position = {}, 0
    while position < len(text):
        match = binding.match(text, position)
        assert match, f"python-dotenv cannot read {text[position:]!r}"
        found[match["name"]] = re.sub(
            r"\$\{([^}:]*)(?::-([^}]*))?\}", lambda var: environment.get(var[1], var[2] or ""), _unquoted(match)
        )
        position = match.end()
    return found


def _unquoted(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return re.sub(r"\\([\\'])", r"\1", match["single"])
    if match["double"] is not None:
        escapes = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
        return re.sub(r"""\\([\\'"abfnrtv])""", lambda found: escapes.get(found[1], found[1]), match["double"])
    return re.sub(r"\s+#.*", "", match["plain"]).rstrip()


def env_file(text: str) -> dict[str, str]:
    """A container's `--env-file`: what stands behind the first `=`, as it is."""
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def runner(text: str) -> dict[str, str]:
    """The runner of GitHub Actions, reading GITHUB_OUTPUT line by line."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, heredoc, end = line.partition("<<")
        assert heredoc, f"the runner refuses {line!r}"
        inside = []
        for value in lines:
            if value == end:
                break
            inside.append(value)
        else:
            raise AssertionError(f"the runner finds no end of {name}")
        found[name] = "\n".join(inside)
    return found


def masked(text: str) -> set[str]:
    """What the runner masks from then on, of commands in a log: the whole, and each of its lines."""
    found = set()
    for line in text.split("\n")[:-1]:
        assert line.startswith("::add-mask::"), line
        value = line.removeprefix("::add-mask::")
        for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            value = value.replace(escape, character)
        found |= {value, *filter(None, re.split(r"[\r\n]+", value))}
    return found
