"""Chromium without a window, told by a pipe what to do: pages, what they ask for and what goes wrong in them."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
WITHOUT_WINDOW = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
PATIENCE = 120  # seconds, as machines are busy
WRONG = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


@contextlib.contextmanager
def browser():
    """A page of a new browser, which is ended and leaves nothing behind."""
    (read, told), (heard, write) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        shell = f'exec "$@" 3<&{read} 4>&{write}'  # where it reads and writes
        options = [*WITHOUT_WINDOW, f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", shell, "bash", CHROMIUM, *options],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read), os.close(write)
        with open(told, "wb", buffering=0) as to, open(heard, "rb", buffering=0) as back:
            try:
                yield Page(to, back)
            finally:
                process.kill()
                process.wait(30)


class Page:
    """A page, the addresses that it asked for (`requests`) and the complaints of its console (`complaints`)."""

    def __init__(self, to, back):
        self._to, self._back, self._number, self._session = to, back, 0, None
        self.requests, self.complaints, self._loaded = [], [], False
        target = self.ask("Target.createTarget", url="about:blank")
        attached = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for part in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{part}.enable")

    def ask(self, method, **parameters):
        """Send a command, and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._to.write(json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self):
        """The next message of the browser; what a page asks for and complains of is kept, and that it is loaded."""
        message = json.loads(b"".join(iter(self._byte, b"\0")))
        self._loaded |= message.get("method") == "Page.loadEventFired"
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") in WRONG:
            self.complaints.append(message["params"])
        return message

    def _byte(self):
        assert select.select([self._back], [], [], PATIENCE)[0], f"the browser has said nothing for {PATIENCE} seconds"
        byte = self._back.read(1)
        assert byte, "the browser has ended"
        return byte

    def open(self, address, *, width=1000, height=900, dark=False, media="screen"):
        """Load an address in a window of some size, or as it is printed."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self._loaded = False
        self.ask("Page.navigate", url=address)
        while not self._loaded:
            self._next()

    def run(self, script):
        """The value of a line of JavaScript."""
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"]["value"]

    def picture(self):
        """The whole page as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def pdf(self):
        """The page as it is printed."""
        return base64.b64decode(self.ask("Page.printToPDF", printBackground=True)["data"])
