"""Drives a page in headless Chromium by the DevTools protocol, over a pipe: no port, no driver, no library."""

import base64
import fcntl
import io
import json
import os
import select
import subprocess
import time

import numpy as np

from M3DTestSupport.Chromium import SOFTWARE_GRAPHICS, browserCommand

_SECONDS = 90
_KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "Tab": 9, "+": 187, "-": 189}


def _moved(descriptor):
    """A file descriptor under a number of 10 or more."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


class ChromiumPage:
    """One page, open as long as the ``with`` block lasts.

    :ivar console: what the page wrote to the console and the errors it met.
    :ivar requests: addresses of all requests but those for the page itself and data in it.
    """

    def __init__(self, file, folder, *, width=1280, height=900, webGl=True, scripts=True):
        self.file, self.folder, self.size = file, folder, (width, height)
        self.console, self.requests, self._number, self._buffer = [], [], 0, b""
        self._scripts = scripts
        self._graphics = SOFTWARE_GRAPHICS if webGl else ("--disable-gpu", "--disable-3d-apis")

    def __enter__(self):
        # Above the numbers that the browser expects its two pipes at.
        (toBrowser, self._write), (self._read, fromBrowser) = (map(_moved, os.pipe()) for _ in range(2))
        command = [
            *browserCommand(self.folder),
            "--hide-scrollbars",
            "--remote-debugging-pipe",
            *self._graphics,
        ]
        # The protocol is spoken over the file descriptors 3 and 4; the shell puts the pipes there.
        shell = f'exec "$@" 3<&{toBrowser} 4>&{fromBrowser}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *command],
            pass_fds=(toBrowser, fromBrowser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(toBrowser)
        os.close(fromBrowser)
        try:
            self._session = None
            target = self.send("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.send(f"{domain}.enable")
            self.resize(*self.size)
            if not self._scripts:
                self.send("Emulation.setScriptExecutionDisabled", value=True)
            self.send("Page.navigate", url=self.file.as_uri())
            self.waitFor("document.readyState === 'complete'")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(timeout=_SECONDS)
        os.close(self._write)
        os.close(self._read)

    def send(self, method, **parameters):
        """Ask the browser for something; its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)

    def _next(self):
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], _SECONDS)[0]:
                raise TimeoutError("Chromium does not answer.")
            content = os.read(self._read, 1 << 20)
            if not content:
                raise RuntimeError("Chromium has ended.")
            self._buffer += content
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        parameters = event.get("params", {})
        if event.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.console.append(json.dumps(parameters))
        elif event.get("method") == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            if not url.startswith(("data:", self.file.as_uri())):
                self.requests.append(url)

    def evaluate(self, expression):
        """The value of a JavaScript expression."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def waitFor(self, condition):
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + _SECONDS
        while not self.evaluate(condition):
            if time.monotonic() > end:
                raise TimeoutError(f"It never became true: {condition}")
            time.sleep(0.05)

    def settle(self):
        """Wait until what was asked for is drawn."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def resize(self, width, height, mobile=False):
        """The size of the window, in CSS pixels."""
        settings = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.send("Emulation.setDeviceMetricsOverride", **settings)

    def box(self, selector):
        """x, y, width and height of an element in the window, after scrolling to it."""
        return self.evaluate(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            " found.scrollIntoView({block: 'center'});"
            " const box = found.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; })()"
        )

    def mouse(self, kind, x, y, **more):
        """A mouse event ("mouseMoved", "mousePressed", "mouseReleased")."""
        button = {} if kind == "mouseMoved" and not more else {"button": "left", "clickCount": 1}
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button, **more)
        self.settle()

    def touch(self, kind, *points):
        """A touch event ("touchStart", "touchMove", "touchEnd") with fingers at places of the window."""
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.send("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)
        self.settle()

    def press(self, key, shift=False):
        """A key, down and up."""
        more = {"text": key} if len(key) == 1 else {}
        settings = {"key": key, "windowsVirtualKeyCode": _KEYS[key], "modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown", **settings, **more)
        self.send("Input.dispatchKeyEvent", type="keyUp", **settings)
        self.settle()

    def picture(self, selector=None, whole=False):
        """A screenshot, uint8 (height, width, 3): of the window, of an element, or of the whole page."""
        from PIL import Image

        settings = {"captureBeyondViewport": whole}
        if selector:
            x, y, width, height = self.box(selector)
            left, top = self.evaluate("[scrollX, scrollY]")
            settings["clip"] = {"x": x + left, "y": y + top, "width": width, "height": height, "scale": 1}
        elif whole:
            width, height = self.evaluate("[document.documentElement.scrollWidth, document.body.scrollHeight + 40]")
            settings["clip"] = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        self.settle()
        content = base64.b64decode(self.send("Page.captureScreenshot", format="png", **settings)["data"])
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))

    def media(self, kind="", dark=False):
        """Show the page as on paper ("print") or in dark colors."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", media=kind, features=features)
        self.settle()

    def pdf(self):
        """The page as it would be printed."""
        return base64.b64decode(self.send("Page.printToPDF", preferCSSPageSize=True)["data"])
