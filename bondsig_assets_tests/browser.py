"""A real browser for tests: Chromium without a window, driven over its own protocol.

Belongs here: opening pages, asking them, what they loaded and complained of. Not here: tests.

A library for this would bring a browser of its own, or a runtime of 160 MB; four commands of the
protocol are all that tests need.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_SECONDS = 60.0


class Browser:
    """A browser with one tab; a context that ends it."""

    def __init__(self) -> None:
        assert CHROMIUM is not None, "no Chromium is installed"
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update"),
                *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0"),
                *(f"--user-data-dir={self._folder.name}", "about:blank"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._socket = connect(self._address(), max_size=None, open_timeout=_SECONDS)
        self._number, self._session = 0, ""
        self._events: list[dict[str, Any]] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        found = self._send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def open(self, address: str, width: int = 1280, *, is_dark: bool = False) -> None:
        """Open a page, of that many pixels, and wait until it is loaded."""
        self._events.clear()
        self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = "dark" if is_dark else "light"
        self._send(
            "Emulation.setEmulatedMedia",
            media="screen",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self._send("Page.navigate", url=address)
        self._wait("Page.loadEventFired")

    def ask(self, expression: str) -> Any:
        """What a JavaScript expression, or what it promises, is in the page."""
        found = self._send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key; `text` is what it types."""
        of = {"key": key, "windowsVirtualKeyCode": code}
        self._send("Input.dispatchKeyEvent", type="keyDown", text=text, **of)
        self._send("Input.dispatchKeyEvent", type="keyUp", **of)

    def complaints(self) -> list[str]:
        """Errors and warnings of the console and of the page since it was opened."""
        self.ask("new Promise(done => setTimeout(done, 50))")
        said = []
        for event in self._events:
            of = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                said.append(str(of["exceptionDetails"].get("exception", {}).get("description")))
            if event["method"] == "Log.entryAdded" and of["entry"]["level"] in ("error", "warning"):
                said.append(of["entry"]["text"])
            if event["method"] == "Runtime.consoleAPICalled" and of["type"] in ("error", "warning"):
                said.append(str(of["args"]))
        return said

    def requests(self) -> list[str]:
        """Addresses the page asked for since it was opened."""
        return [
            event["params"]["request"]["url"]
            for event in self._events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def picture(self, path: Path, height: int = 0) -> None:
        """Save the page, of its whole height or the first pixels of it, as PNG."""
        size = self._send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "scale": 1, **size, "height": height or size["height"]}
        found = self._send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(found["data"]))

    def paper(self, path: Path) -> None:
        """Save the page as it is printed, as PDF."""
        found = self._send("Page.printToPDF", printBackground=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def _address(self) -> str:
        told = Path(self._folder.name) / "DevToolsActivePort"
        until = time.monotonic() + _SECONDS
        while not (told.exists() and len(told.read_text().split()) == 2):
            assert self._process.poll() is None and time.monotonic() < until, "no Chromium"
            time.sleep(0.05)
        port, path = told.read_text().split()
        return f"ws://127.0.0.1:{port}{path}"

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def _wait(self, method: str) -> None:
        while not any(event["method"] == method for event in self._events):
            self._receive()

    def _receive(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._socket.recv(timeout=_SECONDS))
        if "method" in answer:
            self._events.append(answer)
        return answer
