"""./infra setup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi.automation

from operations.engines import choice
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def test_setup_says_what_is_in_step(infra: Callable[..., Any]) -> None:
    """Without --pulumi nothing is downloaded."""
    answer = infra("setup")
    assert answer.code == ExitCode.SUCCESS
    assert "requirements.txt" in answer.err


def test_an_unreachable_download_site_is_a_sentence(infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Pulumi's site cannot be reached, the next step names it and the way without it."""

    def install() -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(pulumi.automation.PulumiCommand, "install", install)
    answer = infra("setup", "--pulumi")
    assert answer.code == ExitCode.MACHINE_NOT_READY
    assert "Name or service not known" in answer.err
    assert "get.pulumi.com" in answer.err
    assert "--engine embedded" in answer.err


def test_the_installed_cli_is_named(infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was installed is what `--engine auto` will find."""
    monkeypatch.setattr(pulumi.automation.PulumiCommand, "install", lambda: None)
    cli = choice.Cli(path=Path("/p/pulumi"), version=(3, 272, 0))
    monkeypatch.setattr(choice, "installed", lambda: (cli, []))
    assert "ready: Pulumi 3.272.0 (/p/pulumi)" in infra("setup", "--pulumi").err
