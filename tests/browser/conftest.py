"""One Chromium for all browser tests, and clips whose frames show their numbers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.browser.fake import Fake, moving, serving
from tests.browser.real import pages_of_one_test, workbench  # noqa: F401
from tests.media.clips import make_clip, read_index

CHROMIUM = [Path("/usr/bin/chromium"), Path("/usr/bin/chromium-browser"), Path("/usr/bin/google-chrome")]
# No sandbox: tests may run as root. The rest keeps it off the network.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
FRAMES = 300
TIMEOUT = 15_000  # ms
RATE = 25
READ = """() => {
  const video = document.querySelector("video");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const grey = [];
  for (let i = 0; i < data.length; i += 4) grey.push(data[i + 1]);
  return [canvas.width, canvas.height, grey];
}"""
SCROLL = """async () => {
  const box = document.querySelector(".rv-scroller");
  const start = performance.now();
  let frames = 0;
  while (performance.now() - start < 2000) {
    box.scrollTop += 37;
    if (box.scrollTop + box.clientHeight >= box.scrollHeight - 1) box.scrollTop = 0;
    await new Promise(requestAnimationFrame);
    frames++;
  }
  return (frames * 1000) / (performance.now() - start);
}"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next((path for path in CHROMIUM if path.exists()), None)
    if found is None:
        reason = "there is no Chromium: apt-get install --no-install-recommends chromium fonts-dejavu-core"
        if os.environ.get("REDACT_REQUIRE_CHROMIUM"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=str(found), headless=True, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds at a constant rate, like a review proxy: H.264, short groups, no B-frames."""
    return make_clip(
        tmp_path_factory.mktemp("clips") / "proxy.mp4",
        frames=FRAMES,
        rate=RATE,
        container_options={"movflags": "faststart"},
    )


@dataclass
class Opened:
    """The review page over a fake server."""

    page: Page
    fake: Fake
    address: str

    def frame(self) -> int:
        """The frame number in the current picture of the video element."""
        width, height, grey = self.page.evaluate(READ)
        return read_index(np.array(grey, np.uint8).reshape(height, width))

    def go(self, frame: int) -> None:
        self.page.evaluate("f => window.review.player.show(f)", frame)
        self.page.wait_for_function("f => window.review.player.frame === f", arg=frame)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Page position of a pixel of the upright picture."""
        box = self.page.locator(".rv-overlay").bounding_box()
        assert box is not None
        width, height = self.fake.size
        return box["x"] + x * box["width"] / width, box["y"] + y * box["height"] / height

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag between two points, both in pixels of the upright picture."""
        mouse = self.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        mouse.move(*self.at(*((a + b) / 2 for a, b in zip(start, end, strict=True))))
        mouse.move(*self.at(*end))
        mouse.up()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            # Let the effect of the key appear before the next one.
            self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 30)))")

    def select(self, track: int) -> None:
        self.page.evaluate("id => window.review.selection.set([id])", track)

    def saved(self) -> None:
        """Wait until the server has all edits."""
        self.page.wait_for_function(
            "() => window.review.queue.unsaved === 0 && window.review.model.draft === null"
            " && window.review.model.server.revision === window.review.model.revision"
        )

    def op(self, name: str) -> dict[str, Any]:
        """The last recorded edit with that operation."""
        for _ in range(40):  # the edit may not have reached the queue yet
            self.saved()
            found = self.fake.ops(name)
            if found:
                break
            self.page.wait_for_timeout(50)
        assert found, f"no {name} among {[op['op'] for op in self.fake.ops()]}"
        return found[-1]

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def shot(self, name: str) -> None:
        """Save a screenshot if REDACT_SCREENSHOTS names a folder."""
        if folder := os.environ.get("REDACT_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")


Open = Callable[..., Opened]


@pytest.fixture
def opened(browser: Browser, clip: Path) -> Iterator[Open]:
    """Opens the page of ``Fake(...)``; without arguments, with the usual clip and two tracks."""
    with contextlib.ExitStack() as stack:

        def open_it(fake: Fake | None = None, *, scheme: str = "light") -> Opened:
            fake = fake or usual(clip)
            address = stack.enter_context(serving(fake))
            context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
            stack.enter_context(_closing(context.close))
            context.set_default_timeout(TIMEOUT)
            page = context.new_page()
            page.on("pageerror", lambda error: fake.errors.append(str(error)))
            page.on("console", lambda m: fake.errors.append(m.text) if "Content Security" in m.text else None)
            page.goto(f"{address}/review")
            page.wait_for_selector(".rv[data-ready=true]")
            page.wait_for_function("() => document.querySelector('video').readyState >= 2")
            page.wait_for_function("() => window.review.model.boxesAt(0) !== null")
            stack.enter_context(_closing(lambda: _no_errors(fake)))
            return Opened(page, fake, address)

        yield open_it


@contextlib.contextmanager
def _closing(close: Callable[[], None]) -> Iterator[None]:
    yield
    close()


def _no_errors(fake: Fake) -> None:
    assert not fake.errors, fake.errors


def usual(clip: Path, **changes: Any) -> Fake:
    """Two tracks: 1 moves right throughout the clip, 2 stands still on frames 100 to 199."""
    tracks = changes.pop("tracks", None) or [
        moving(1, "face", 0, FRAMES - 1, (20, 20, 44, 50), 0.2),
        moving(2, "plate", 100, 199, (100, 60, 130, 76)),
    ]
    return Fake(clip, list(range(FRAMES)), Fraction(1, RATE), tracks, **changes)
