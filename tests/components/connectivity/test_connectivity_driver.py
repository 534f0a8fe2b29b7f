"""The driver's side: what it answers and how long it took, and that its own texts stay inside."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from components.connectivity.driver import DriverRefusedError, ask
from components.connectivity.report import Layer

if TYPE_CHECKING:
    from components.connection import Connection


def test_answer_times_the_layers_that_waited(postgres: Connection) -> None:
    """Version and comment come back, with times for what the driver waited for."""
    answer = ask(postgres, "127.0.0.1", seconds=20, clock=time.monotonic)
    assert answer.version_number // 10000 == 18
    assert answer.comment == "ours\ninfra.branch=dev"
    assert answer.encrypted is False
    assert answer.milliseconds.keys() >= {Layer.AUTHENTICATION, Layer.IDENTITY}
    assert Layer.TLS not in answer.milliseconds


@pytest.mark.parametrize("changes", [{"password": "hunter2"}, {"sslmode": "nonsense"}, {"database": "hunter2"}])
def test_refusal_carries_nothing_of_the_drivers_text(postgres: Connection, changes: dict[str, str]) -> None:
    """What libpq says and the connection string stay inside, in the traceback too."""
    with pytest.raises(DriverRefusedError) as caught:
        ask(replace(postgres, **changes), "127.0.0.1", seconds=20, clock=time.monotonic)  # type: ignore[arg-type] # texts
    text = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in text
    assert postgres.password not in text
