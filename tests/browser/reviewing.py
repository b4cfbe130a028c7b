"""The reviewer on the real server, as a person uses it: the page, and the records behind it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, Request, expect

from redact.evidence.edit_log import edited_tracks, logged_edits
from redact.mask.edits.result import Edited
from redact.mask.edits.types import Edit, LoggedEdit
from redact.schema.tables import Footage
from tests.browser.conftest import READ
from tests.browser.real import PATIENCE, Workbench
from tests.media.clips import read_index

E = TypeVar("E", bound=Edit)
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
Point = tuple[float, float]


class Reviewing:
    """The review page of footage, opened for one person."""

    def __init__(self, bench: Workbench, footage: int, tracks: int, *, name: str = "rita", release: str = "") -> None:
        self.bench, self.footage, self.tracks = bench, footage, tracks
        with bench.db.reading() as session:
            media = session.get_one(Footage, footage).media
        self.size: tuple[int, int] = media["width"], media["height"]
        self.frames: int = media["frames"]
        self.page: Page = bench.page(name)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self._asked: set[Request] = set()
        self.page.on("request", self._asks)
        self.page.on("requestfinished", self._heard)
        self.page.on("requestfailed", self._heard)
        self._last_revision = 0
        self._path = f"{bench.address}/review/{footage}" + (f"?release={release}" if release else "")
        self.load()

    def load(self) -> None:
        """Open or reload the page."""
        with self.page.expect_response(lambda answer: "/shapes?" in answer.url):
            self.page.goto(self._path)
        self.page.wait_for_selector(".rv[data-ready=true]")
        self.page.wait_for_function("() => document.querySelector('video').readyState >= 2")
        self.page.evaluate(SETTLED)

    def _asks(self, request: Request) -> None:
        self._asked.add(request)

    def _heard(self, request: Request) -> None:
        self._asked.discard(request)

    def loaded(self, *of: str) -> None:
        """Wait until all pending requests of these kinds, such as ``risks``, are complete."""
        for _ in range(round(PATIENCE / 0.05)):
            self.page.wait_for_timeout(50)
            if not any(urlsplit(asked.url).path.endswith(f"/{kind}") for asked in self._asked for kind in of):
                break
        else:
            raise AssertionError(f"{of} did not load")
        self.page.evaluate(SETTLED)

    # The page.

    @property
    def frame(self) -> int:
        """The frame number shown by the reviewer, in two places that must agree."""
        on_stage, clock = self.page.evaluate(
            "() => [document.querySelector('.rv-stage').dataset.frame, document.querySelector('.rv-clock').textContent]"
        )
        assert clock.endswith(f"frame {int(on_stage) + 1} of {self.frames}"), (on_stage, clock)
        return int(on_stage)

    @property
    def burned_in(self) -> int:
        """The frame number in the current picture of the video element."""
        width, height, grey = self.page.evaluate(READ)
        return read_index(np.array(grey, np.uint8).reshape(height, width))

    def arrived(self, frame: int) -> None:
        """Wait until the reviewer shows this frame."""
        self.page.wait_for_selector(f".rv-stage[data-frame='{frame}']")

    def stage(self) -> NDArray[np.uint8]:
        """(height, width, 3): the picture with its masks as on the screen, in page pixels."""
        self.page.evaluate(SETTLED)
        shot = self.page.locator(".rv-stage").screenshot()
        return np.asarray(Image.open(BytesIO(shot)).convert("RGB"))

    # Actions.

    def press(self, *keys: str) -> None:
        """Press keys in turn, letting the effect of each appear."""
        for key in keys:
            self.page.keyboard.press(key)
            self.page.evaluate(SETTLED)

    def at(self, x: float, y: float) -> Point:
        """Page position of a pixel of the upright picture."""
        box = self.page.locator(".rv-overlay").bounding_box()
        assert box is not None
        width, height = self.size
        return box["x"] + x * box["width"] / width, box["y"] + y * box["height"] / height

    def drag(self, start: Point, end: Point) -> None:
        """Drag between two points of the upright picture."""
        self.drag_on_page(self.at(*start), self.at(*end))

    def drag_on_page(self, start: Point, end: Point) -> None:
        """Drag between two points of the page."""
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        mouse.move(*end)
        mouse.up()

    def on_ruler(self, frame: float, *, first: float = 0, last: float | None = None) -> Point:
        """Page position of a frame's middle on the ruler, which shows frames ``first`` up to ``last`` (exclusive)."""
        box = self.page.locator(".rv-ruler").bounding_box()
        assert box is not None
        last = max(self.frames, 12) if last is None else last
        # A mouse moves by whole pixels.
        x = round(box["x"] + (frame + 0.5 - first) / (last - first) * box["width"])
        return x, box["y"] + box["height"] / 2

    def go(self, frame: int) -> None:
        """Go to a frame by ruler and then by keys, as a person would."""
        self.page.get_by_role("button", name="Show whole clip").click()
        self.page.mouse.click(*self.on_ruler(frame))
        self.page.evaluate(SETTLED)
        self.page.wait_for_function("() => !document.querySelector('video').seeking")
        self.page.evaluate(SETTLED)
        while (away := frame - self.frame) != 0:
            assert abs(away) < 20, away
            reached = self.frame + int(math.copysign(1, away))
            self.page.keyboard.press("f" if away > 0 else "d")
            self.arrived(reached)

    def select(self, track: int) -> None:
        """Select a track by the name of its lane."""
        self.page.locator(f"#rv-track-{track}").click(position={"x": 60, "y": 10})

    def button(self, name: str) -> None:
        """Click the button with this name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def shot(self, name: str) -> None:
        """Save a screenshot if REDACT_SCREENSHOTS names a folder."""
        if folder := os.environ.get("REDACT_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    # The records.

    def log(self) -> tuple[LoggedEdit, ...]:
        """All edits in the records."""
        with self.bench.db.reading() as session:
            return logged_edits(session, self.tracks)

    def edited(self) -> Edited:
        """The machine tracks with the recorded edits applied."""
        with self.bench.db.reading() as session:
            return edited_tracks(session, self.bench.store, self.tracks)

    def saved(self) -> None:
        """Wait until the page shows that everything is saved."""
        self.page.evaluate(SETTLED)
        expect(self.page.locator(".rv-saved")).to_have_text("All saved", timeout=30_000)

    def recorded(self, kind: type[E]) -> E:
        """The next edit of a kind in the records, after the one returned last."""
        for _ in range(200):
            self.saved()
            for entry in self.log():
                if entry.revision > self._last_revision and isinstance(entry.edit, kind):
                    self._last_revision = entry.revision
                    return cast(E, entry.edit)
            self.page.wait_for_timeout(50)
        raise AssertionError(f"no {kind.__name__} after {self._last_revision} among {self.log()}")


def about(box: Sequence[float], expected: Sequence[float], within: float = 1.5) -> bool:
    """Whether two boxes are equal, within the precision of mouse work."""
    return bool(np.allclose(box, expected, rtol=0, atol=within))
