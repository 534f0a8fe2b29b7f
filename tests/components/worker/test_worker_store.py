"""What Cloudflare's own provider is told, as far as it is decided here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.filterwarnings("ignore:cloudflare.index:DeprecationWarning")  # at the import of its package


@pytest.mark.parametrize("script", ["shop-staging", "my_shop-production", "1shop"])
def test_a_secrets_name_in_the_store_says_whose_it_is(script: str) -> None:
    """Different Workers get different names, of characters that are allowed everywhere."""
    from components.worker.secrets_store import secret_name  # noqa: PLC0415 - its package is large

    name = secret_name(script, "DATABASE_URL")
    assert re.fullmatch(r"[A-Z0-9_]+_DATABASE_URL", name)
    assert name.startswith(script.upper().replace("-", "_"))


@pytest.mark.parametrize("module", ["stacks.production", "stacks.worker", "components.worker.secrets"])
def test_other_modules_do_not_load_the_package(module: str) -> None:
    """Only those that declare what its provider makes."""
    code = f"import sys, {module}; sys.exit('pulumi_cloudflare' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
