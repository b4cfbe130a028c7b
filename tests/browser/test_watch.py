"""Which frames of a rendered preview count as watched: the rule itself, and a video played on the release page."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from redact.disclose.release import releases, watching
from redact.jobs import queue
from redact.records.job_states import ACTIVE
from redact.track.types import TrackSet
from tests.browser.page_actions import watch_all
from tests.browser.real import PATIENCE, Workbench
from tests.media.clips import make_clip
from tests.track.factory import track

FRAMES, RATE = 75, 25
RUN = """async (acts) => {
  const { Coverage } = await import("/static/pages/coverage.js");
  const coverage = new Coverage(Array.from({ length: 100 }, (_, frame) => frame / 25));
  for (const [act, ...values] of acts) coverage[act](...values);
  return coverage.taken(500);
}"""


def shown(frames: range, every: float, *, speed: float = 1, start: float = 10, pictures: int = 1) -> list[Any]:
    """Frames presented one every ``every`` seconds of wall-clock time."""
    return [
        ["presented", frame, start + place * every, 1 + place * pictures, speed] for place, frame in enumerate(frames)
    ]


RULE: dict[str, tuple[list[Any], list[list[int]]]] = {
    "played frame by frame": (shown(range(10, 40), 0.04), [[10, 39]]),
    "from a still picture, with a slow start": ([["stands", 0], *shown(range(3, 30), 0.04)], [[0, 29]]),
    "a picture alone": (shown(range(10, 11), 0.04), []),
    "two pictures dropped": ([*shown(range(0, 5), 0.04), *shown(range(7, 10), 0.04, start=10.26)], [[0, 9]]),
    "the screen froze": ([*shown(range(0, 5), 0.04), *shown(range(9, 12), 0.04, start=10.36)], [[0, 4], [9, 11]]),
    "speed 8 on a screen of 60": (shown(range(0, 96, 3), 1 / 60, speed=8), [[0, 93]]),
    "speed 8 with six pictures a quarter second": (shown(range(0, 96, 8), 0.04, speed=8), []),
    "the page was busy, the screen was not": (shown(range(0, 60, 6), 0.24, pictures=6), [[0, 54]]),
    "faster than the clock": ([*shown(range(0, 3), 0.04), ["presented", 8, 10.09, 4, 1]], [[0, 2]]),
    "back": ([*shown(range(20, 25), 0.04), *shown(range(10, 13), 0.04, start=10.2)], [[20, 24], [10, 12]]),
    "a seek ahead": ([*shown(range(0, 5), 0.04), ["broken"], *shown(range(6, 9), 0.04, start=10.2)], [[0, 4], [6, 8]]),
    "seeks one after the other": ([act for f in range(9) for act in (["broken"], *shown(range(f, f + 1), 0.04))], []),
    "to the end": ([*shown(range(90, 96), 0.04), ["ended"]], [[90, 99]]),
    "a seek to the end": ([["broken"], ["presented", 99, 10, 1, 1], ["ended"]], []),
}  # fmt: skip


def test_coverage_counts_only_played_frames(workbench: Workbench) -> None:
    page = workbench.page("pat")
    page.goto(f"{workbench.address}/password")
    results = {name: page.evaluate(RUN, acts) for name, (acts, _) in RULE.items()}
    assert results == {name: spans for name, (_, spans) in RULE.items()}


@pytest.fixture
def release(workbench: Workbench, tmp_path: Path) -> str:
    """A draft release with a rendered preview."""
    case = workbench.case()
    footage = workbench.footage(make_clip(tmp_path / "a.mp4", frames=FRAMES, rate=RATE), case)
    face = track(1, "face", list(range(FRAMES)), [[20.0, 20.0, 44.0, 50.0]] * FRAMES)
    workbench.detected(footage, TrackSet(workbench.media(footage), (face,), (), {"models": []}))
    name = releases.reference(releases.create(workbench.db, "rita", case, policy_name="public"))
    asked = queue.enqueue(workbench.db, "rita", "preview", f"release:{name}", {"release": name})
    until = time.monotonic() + PATIENCE
    while queue.find(workbench.db, asked.id).state in ACTIVE:
        assert time.monotonic() < until
        time.sleep(0.1)
    return name


def left(workbench: Workbench, name: str) -> list[list[tuple[int, int]]]:
    with workbench.db.reading() as session:
        found = releases.find(session, name)
        return watching.unwatched(session, found, releases.content_digest(session, found))


@pytest.mark.slow
@pytest.mark.alone
def test_preview_records_only_what_was_played(workbench: Workbench, release: str) -> None:
    page = workbench.page("pat", viewport=(1440, 2000))
    page.goto(f"{workbench.address}/work/release?release={quote(release, safe='')}")
    copy = page.locator("video.copy")
    copy.wait_for()
    page.get_by_text("0% watched").wait_for()
    # Seeking alone never counts as watching.
    for second in (1.0, 2.0, 2.9, 0.5):
        copy.evaluate(
            "(video, at) => new Promise((done) => { video.onseeked = done; video.currentTime = at; })", second
        )
    page.wait_for_timeout(300)
    assert left(workbench, release) == [[(0, FRAMES - 1)]]
    watch_all(page)
    assert page.locator(".coverage-words").inner_text() == "All of the preview has been watched. Watched by Pat (100%)."
    assert left(workbench, release) == [[]]
    apart = page.evaluate(
        """() => {
          const [master, copy] = ["master", "copy"].map((name) => document.querySelector(`video.${name}`));
          return Math.abs(master.currentTime - copy.currentTime);
        }"""
    )
    assert apart < 1.5 / RATE  # both ended at the same place
    page.locator("dl.facts", has_text="Watched").get_by_text("100%").first.wait_for()
    if folder := os.environ.get("REDACT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "release-watched.png", full_page=True)
