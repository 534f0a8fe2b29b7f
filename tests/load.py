"""Requests to a Worker, 20 a second, while something else happens."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import httpx

PER_SECOND = 20
WELL = "200"


class Load:
    """Asks a Worker all the time; what was answered how often, and when a request was begun that failed.

    Args:
        url: Of the Worker's health.
    """

    def __init__(self, url: str) -> None:
        self.answers: Counter[str] = Counter()
        self.failed: list[float] = []
        self._url, self._over = url, threading.Event()
        self._pool = ThreadPoolExecutor(40)
        self._thread = threading.Thread(target=self._go, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._pool.shutdown()

    @property
    def window(self) -> float:
        """Seconds from the first request that failed to the last."""
        return max(self.failed) - min(self.failed) if self.failed else 0.0

    def _go(self) -> None:
        turn = time.monotonic()
        while not self._over.wait(max(0.0, turn - time.monotonic())):
            self._pool.submit(self._ask)
            turn += 1 / PER_SECOND

    def _ask(self) -> None:
        begun = time.monotonic()
        try:
            answer = str(httpx.get(self._url, trust_env=False, timeout=60).status_code)
        except httpx.HTTPError as error:
            answer = type(error).__name__
        self.answers[answer] += 1
        if answer != WELL:
            self.failed.append(begun)

    def require_no_failure(self) -> None:
        """Every request was answered well, and there were some."""
        assert set(self.answers) == {WELL}, self.answers
        assert self.answers[WELL] >= PER_SECOND
