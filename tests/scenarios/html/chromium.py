"""A headless Chromium that opens a file, runs expressions in it, takes pictures, and notes whatever it complains of.

It is spoken to over two pipes in the DevTools protocol (https://chromedevtools.github.io/devtools-protocol): JSON, each
message ended by NUL. So no package is needed for it but the browser.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE_S: Final = 30.0


def find_browser() -> str | None:
    """Return where a browser is; None where there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


class Chromium:
    """One page. What the page logs, throws, asks for or is refused is in `complaints` and `requests`."""

    def __init__(self, browser: str, profile: Path, *, dark: bool = False) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._number, self._rest, self._session = 0, b"", ""
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--disable-extensions"]
        flags += ["--disable-background-networking", "--no-first-run", f"--user-data-dir={profile}"]
        # The browser reads at descriptor 3 and writes at 4.
        shell = f'exec 3<&{to_read} 4>&{to_write} && exec "$@"'
        command = ["bash", "-c", shell, "bash", browser, *flags, "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(to_write)
        targets = self._ask("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self._ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._ask("Emulation.setEmulatedMedia", features=scheme)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def open(self, page: Path, width: int = 1280, height: int = 1600) -> None:
        """Open a file and wait until its parts are there."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._ask("Page.navigate", url=page.absolute().as_uri())
        self.wait_for("document.readyState === 'complete'")

    def run(self, expression: str) -> Any:
        """Return the value of an expression, awaited."""
        got = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise AssertionError(got["exceptionDetails"]["exception"]["description"])
        return got["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true: the browser is another process, and says no moment before."""
        poll = f"new Promise((go) => {{ const look = () => ({expression}) ? go(true) : setTimeout(look, 10); look();"
        poll += f" setTimeout(() => go(false), {1000 * _PATIENCE_S:.0f}); }})"
        if not self.run(poll):
            raise AssertionError(f"never true: {expression}; {self.complaints}")

    def show(self, selector: str) -> None:
        """Scroll to an element and wait until the parts in it are filled."""
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView()")
        part = f"document.querySelector({json.dumps(selector + ' [data-part]')})"
        self.wait_for(f"!{part} || {part}.dataset.done")

    def key(self, key: str) -> None:
        """Press a key where the focus is."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if len(key) == 1 and kind == "keyDown" else {}
            codes = {"Enter": 13, "Tab": 9, " ": 32}
            extra = {"windowsVirtualKeyCode": codes[key]} if key in codes else {}
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else text
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, **extra, **text)

    def picture(self, file: Path, selector: str = "") -> bytes:
        """Take a picture of an element, or of what is in the window, and return it as PNG."""
        clip = {}
        if selector:  # the list of sections would lie over it
            self.run("document.querySelectorAll('nav').forEach((one) => { one.style.position = 'static'; })")
            box = self.run(
                f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
                " return {x: b.x + scrollX, y: b.y + scrollY, width: b.width, height: b.height}; })()"
            )
            clip = {"clip": {**box, "scale": 1}, "captureBeyondViewport": True}
        png = base64.b64decode(self._ask("Page.captureScreenshot", format="png", **clip)["data"])
        file.write_bytes(png)
        return png

    def _ask(self, method: str, **about: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": about}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            got = self._hear()
            if got.get("id") == self._number:
                if "error" in got:
                    raise AssertionError(f"{method}: {got['error']}")
                return got["result"]
            self._note(got)

    def _note(self, got: dict[str, Any]) -> None:
        method, about = got.get("method"), got.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"].get("exception", about["exceptionDetails"])))
        elif method == "Log.entryAdded":
            self.complaints.append(about["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(about["args"]))
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialog: {about['message']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], _PATIENCE_S)
            if not ready:
                raise AssertionError("the browser says nothing any more")
            self._rest += os.read(self._in, 1 << 20)
        message, _, self._rest = self._rest.partition(b"\0")
        got: dict[str, Any] = json.loads(message)
        return got
