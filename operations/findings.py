"""What `./infra doctor` says about one thing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found about one thing.

    Attributes:
        check: What was looked at.
        verdict: A warning does not keep the main job from working; a failure does.
        found: What was seen.
        next_step: What to do; empty when there is nothing to do.
    """

    check: str
    verdict: Verdict
    found: str
    next_step: str = ""
