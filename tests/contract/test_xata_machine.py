"""The state machine, run for as many steps as it is asked for."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS_VARIABLE, SEED_VARIABLE = "INFRA_TEST_XATA_STEPS", "INFRA_TEST_XATA_SEED"
THOROUGH = bool(os.environ.get("INFRA_TEST_THOROUGH"))
LEAST_STEPS = 10_000 if THOROUGH else 1_000
FIRST_SEED = random.SystemRandom().randrange(2**32) if THOROUGH else 0
"""Thorough runs begin somewhere else each time; the others are to fail for what was changed alone."""
SHARDS = 4
LENGTH = 50


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_nothing_is_lost_whatever_happens(shard: int, record_property: Callable[[str, object], None]) -> None:
    """[D14] However faults, crashes and strangers come together, nothing is lost, doubled, spoilt or told."""
    steps = int(os.environ.get(STEPS_VARIABLE, LEAST_STEPS)) // SHARDS
    number = int(os.environ.get(SEED_VARIABLE) or FIRST_SEED) + shard
    record_property("said", f"state machine {shard}: {STEPS_VARIABLE}={steps} {SEED_VARIABLE}={number - shard}")

    class Counted(Machine):
        steps = 0

    while Counted.steps < steps:
        how = settings(
            max_examples=max(1, (steps - Counted.steps) // LENGTH + 1),
            stateful_step_count=LENGTH,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        )
        try:
            run_state_machine_as_test(seed(number)(Counted), settings=how)
        except BaseException as error:
            error.add_note(f"{SEED_VARIABLE}={number - shard} {STEPS_VARIABLE}={steps * SHARDS}: shard {shard}")
            raise
        number += SHARDS
    assert Counted.steps >= steps
