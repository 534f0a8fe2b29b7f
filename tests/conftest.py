"""What holds for every test."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

LOOPBACK = {"127.0.0.1", "::1", "localhost"}

# How long an example takes says more about the machine than about us: on a busy one a limit fails what is right.
settings.register_profile(
    "everyday", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("thorough", settings.get_profile("everyday"), max_examples=300)
settings.load_profile("thorough" if os.environ.get("INFRA_TEST_THOROUGH") else "everyday")


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """No test talks to another machine, not even by mistake; those marked `xata` are asked for by name."""
    if request.node.get_closest_marker("xata"):
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in LOOPBACK:
            raise AssertionError(f"a test connects to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: many tests wait for a process, and leave theirs idle meanwhile."""
    return max(2, len(os.sched_getaffinity(0)) * 3 // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what repeats others at greater length, unless it is asked for."""
    if os.environ.get("INFRA_TEST_THOROUGH"):
        return
    for item in items:
        if item.get_closest_marker("thorough"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; INFRA_TEST_THOROUGH=1 runs it"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have to say for whoever wants to repeat them, such as the seed of a random walk."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    said = sorted(value for report in reports for name, value in report.user_properties if name == "said")
    for line in said:
        terminalreporter.write_line(str(line))
