"""The environment of a pull request: its life, its place below the cap, and its Worker."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.errors import ConfigurationError
from components.xata.branches.ownership import last_day, mark
from stacks import preview, worker_plan
from stacks.config import read
from stacks.settings import PreviewSettings
from tests.stacks.declared import ACCOUNT, declare

TODAY = date(2026, 11, 28)
APP = {"infra:appPath": "examples/health-worker"}


def _settings(stack: str = "pr-7", **values: str) -> PreviewSettings:
    settings = read(stack, {f"infra:{key}": value for key, value in values.items()})
    assert isinstance(settings, PreviewSettings)
    return settings


def test_the_last_day_stands_behind_the_mark_and_is_moved_by_every_up() -> None:
    """Counted from today; on the same day it is the same, on another one it is later."""
    description = mark("pr-7", preview.temporary(_settings(), TODAY).until)
    assert description == "infra stack pr-7 until 2026-12-05"
    assert last_day(description) == date(2026, 12, 5)
    later = preview.temporary(_settings(lifeDays="30"), TODAY + timedelta(days=1)).until
    assert last_day(mark("pr-7", later)) == date(2026, 12, 29)


def test_a_life_without_end_has_no_last_day() -> None:
    """0 days: the mark stands alone; the longest one has room for a day."""
    assert preview.temporary(_settings(lifeDays="0"), TODAY).until == ""
    assert len(mark("pr-999999999", preview.temporary(_settings(), TODAY).until)) <= 50


def test_what_is_declared_of_a_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unprotected, with its cap, a password and a Worker of its own, and settings that are declared and read back."""
    monkeypatch.setenv("XATA_ORGANIZATION_ID", "sand01")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "t" * 20)
    config = {**{f"infra:{key}": str(value) for key, value in PreviewSettings.defaults.items()}, **APP}
    made = declare("pr-7", {**config, "infra:cloudflareAccount": ACCOUNT, "infra:protect": "false"})
    branch = made.inputs("database-branch")
    assert (branch["name"], branch["stack"], branch["parent"], branch["mostPreviews"]) == (
        "pr-7",
        "pr-7",
        "staging",
        50,
    )
    assert "insteadOf" not in branch
    assert made.requests["database-branch"]["ignoreChanges"] == ["parent", "region"]
    assert not any(request.get("protect") for request in made.requests.values())
    settings = made.inputs("database-settings")
    assert (settings["backupRetentionDays"], settings["scaleToZeroEnabled"]) == (2, True)
    assert last_day(settings["description"]) == datetime.now(tz=UTC).date() + timedelta(days=7)
    assert made.inputs("database-connection")["ownPassword"] is True
    assert (made.inputs("worker-secrets")["script"], made.inputs("worker-secrets")["owner"]) == (
        "health-worker-pr-7",
        "pr-7",
    )
    check: dict[str, Any] = made.inputs("worker-check")
    assert (check["environment"], check["branch"]) == ("preview", "pr-7")
    file = made.inputs("wrangler-config")
    assert (file["stack"], file["environment"], file["branch"], file["expectedName"]) == ("preview", "preview", "", "")


@pytest.mark.parametrize(
    ("values", "there", "name"),
    [
        ({}, True, "health-worker-pr-7"),
        ({"app": "Acme Shop"}, False, "acme-shop-pr-7"),
        ({"workerName": "shop"}, True, "shop-pr-7"),
    ],
)
def test_the_worker_bears_the_apps_name_and_the_branchs(
    values: dict[str, str],
    there: bool,  # noqa: FBT001 - a parameter of the table
    name: str,
    tmp_path: Path,
) -> None:
    """As the top level of the app's file has it; never as the block that all previews share."""
    example = Path(__file__).resolve().parents[2] / "examples" / "health-worker" / "wrangler.jsonc"
    assert worker_plan.script(_settings(**values), example if there else tmp_path / "wrangler.jsonc") == name


def test_a_name_that_is_too_long_for_a_worker_is_refused(tmp_path: Path) -> None:
    """63 characters are allowed, the branch's name among them; the next step is a command that there is."""
    file = tmp_path / "wrangler.jsonc"
    file.write_text(f'{{"name": "{"a" * 60}"}}')
    with pytest.raises(ConfigurationError, match=r"65 characters.*\n.*\./infra wrangler check pr-7") as caught:
        worker_plan.script(_settings(), file)
    assert re.search(r"infra:workerName", str(caught.value))
