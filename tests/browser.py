"""A headless Chromium, told what to do over its own protocol, without any library.

Source: https://chromedevtools.github.io/devtools-protocol, over the two pipes of `--remote-debugging-pipe`: each
message is a JSON object and a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
HOW_TO_GET: Final = "there is no chromium on the PATH: apt-get install chromium"
OPTIONS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage")
MOST_SECONDS: Final = 60.0
END: Final = b"\0"


@dataclass(kw_only=True)
class Browser:
    """One page of it.

    Attributes:
        folder: Where pages lie that are shown.
        session: The page's own channel.
        asked: The addresses that were asked for since the page was opened.
    """

    folder: Path
    reading: int
    writing: int
    session: str = ""
    asked: list[str] = field(default_factory=list)
    _number: int = 0
    _buffer: bytes = b""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command; its result."""
        self._number += 1
        told = {"id": self._number, "method": method, "params": parameters}
        os.write(
            self.writing, json.dumps({**told, **({"sessionId": self.session} if self.session else {})}).encode() + END
        )
        while True:
            message = self._message()
            if message.get("id") == self._number:
                assert "error" not in message, message
                found: dict[str, Any] = message["result"]
                return found

    def show(self, text: str, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Open a page from a file, as wide as a device is; pages narrower than a tablet are shown as on a phone."""
        file = self.folder / "page.html"
        file.write_text(text, encoding="utf-8")
        self.asked.clear()
        narrow = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            screenWidth=width,
            screenHeight=height,
            deviceScaleFactor=1,
            mobile=narrow,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=file.as_uri())
        while self._message().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, expression: str) -> Any:
        """What JavaScript comes to in the page."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def screenshot(self) -> bytes:
        """The page as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _message(self) -> dict[str, Any]:
        until = time.monotonic() + MOST_SECONDS
        while END not in self._buffer:
            assert select.select([self.reading], [], [], max(until - time.monotonic(), 0))[0], "the browser is silent"
            read = os.read(self.reading, 1 << 20)
            assert read, "the browser has ended"
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(END)
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.asked.append(message["params"]["request"]["url"])
        return message


@contextmanager
def opened() -> Iterator[Browser]:
    """A browser with an empty page; it ends with the context, and leaves nothing behind."""
    (commands, writing), (reading, answers) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # The protocol wants the descriptors 3 and 4, which a shell can give it.
        script = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'
        options = [*OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={folder}/profile", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", script, PROGRAM, *options],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        try:
            browser = Browser(folder=Path(folder), reading=reading, writing=writing)
            target = browser.call("Target.createTarget", url="about:blank")["targetId"]
            browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            browser.call("Page.enable")
            browser.call("Network.enable")
            yield browser
        finally:
            os.close(writing)  # which ends it
            os.close(reading)
            process.wait(MOST_SECONDS)
