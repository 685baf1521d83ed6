"""Debian's Firefox over WebDriver BiDi, which it serves itself: the few commands these tests need.

BiDi is JSON over a WebSocket: ``{"id", "method", "params"}`` one way, ``{"id", "type", "result"}`` back, events between
them.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websocket import WebSocket

from tests.running import wait_for

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
NO_FIREFOX = "needs Firefox (Debian: apt-get install firefox-esr)"

#: No request of its own, no page of its own, and no shutdown that outlives the test.
PREFERENCES: dict[str, Any] = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.usage.uploadEnabled": False,
    "extensions.systemAddon.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.server": "data:,",
}


class Firefox:
    """One headless Firefox with one tab."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.call("session.new", capabilities={})
        (tree,) = self.call("browsingContext.getTree")["contexts"][:1]
        self._context = tree["context"]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its result; events in between are passed over."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                assert answer["type"] == "success", f"{method}: {answer}"
                return answer["result"]  # type: ignore[no-any-return]

    def get(self, url: str, wait: str = "complete") -> None:
        """Go to a page and wait until it is loaded (`wait`: none, interactive, complete)."""
        self.call("browsingContext.navigate", context=self._context, url=url, wait=wait)

    def execute_script(self, body: str) -> Any:
        """Run the body of a function in the page; return what it returns, a plain value."""
        answer = self.call(
            "script.evaluate",
            expression=f"(() => {{ {body} }})()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    def resize(self, width: int, height: int) -> None:
        """Give the page so many CSS pixels."""
        size = {"width": width, "height": height}
        self.call("browsingContext.setViewport", context=self._context, viewport=size)


@contextmanager
def open_firefox(folder: Path, **preferences: Any) -> Iterator[Firefox]:
    """Run Firefox on a profile of its own for the length of the body; `preferences`, ``_`` for the dot, go first."""
    chosen = PREFERENCES | {name.replace("_", "."): value for name, value in preferences.items()}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in chosen.items()]
    (folder / "user.js").write_text("\n".join(lines))
    log = folder / "firefox.log"
    with log.open("wb") as stderr:
        child = subprocess.Popen(
            [str(FIREFOX), "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", "0"],
            stdout=stderr, stderr=stderr,
        )  # fmt: skip
        try:
            said = r"WebDriver BiDi listening on (ws://\S+)"
            found = wait_for(lambda: re.search(said, log.read_text(errors="replace")), 60, "Firefox to listen")
            socket = WebSocket()
            # Firefox refuses a socket that names an origin.
            socket.connect(f"{found[1]}/session", suppress_origin=True, timeout=60)
            try:
                yield Firefox(socket)
            finally:
                socket.close()
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
