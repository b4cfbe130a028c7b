"""How quickly the reviewer responds on the real server: on short clips, with bounds that a busy machine meets.

With ``REDACT_FULL_SPEED=1``, on a quiet one: ten minutes of 1080p and an hour of 500 tracks, with the target figures.
"""

from __future__ import annotations

import os
import time
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from redact.track.types import TrackSet
from tests.browser.conftest import SCROLL
from tests.browser.fake import moving
from tests.browser.real import Workbench
from tests.browser.reviewing import Reviewing
from tests.media.clips import AudioSpec, make_clip

FULL = bool(os.environ.get("REDACT_FULL_SPEED"))
pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(3600 if FULL else 300)]

RATE = 25
PART = 100
"""Number of frames drawn; longer footage repeats them."""
STEPS = 100
# Milliseconds, but for READY in seconds and SCROLLING in pictures a second.
PAINT, WORST_PAINT, SAVED, READY, SCROLLING = (60, 250, 100, 3, 30) if FULL else (400, 4000, 1000, 20, 8)

PAINTED = """async (steps) => {
  const stage = document.querySelector(".rv-stage");
  const took = [];
  for (let i = 0; i < steps; i++) {
    const painted = new Promise((done) => {
      const watch = new MutationObserver(() => {
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(done));
      });
      watch.observe(stage, { attributes: true, attributeFilter: ["data-frame"] });
    });
    const start = performance.now();
    document.dispatchEvent(new KeyboardEvent("keydown", { key: i < steps * 0.6 ? "f" : "d", bubbles: true }));
    await painted;
    took.push(performance.now() - start);
  }
  return took;
}"""

KEPT = """async (edits) => {
  const saved = document.querySelector(".rv-saved");
  const stage = document.querySelector(".rv-stage");
  const changed = (element, name, wanted) => new Promise((done) => {
    const watch = new MutationObserver(() => {
      if (!wanted()) return;
      watch.disconnect();
      done();
    });
    watch.observe(element, { attributes: true, attributeFilter: [name] });
  });
  const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const took = [];
  for (let i = 0; i < edits; i++) {
    const moved = changed(stage, "data-frame", () => true);
    press("f");
    await moved;
    const kept = changed(saved, "data-state", () => saved.dataset.state === "saved");
    const start = performance.now();
    press("k");
    await kept;
    took.push(performance.now() - start);
    await new Promise((done) => setTimeout(done, 100));
  }
  return took;
}"""


def _street(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Detail that moves everywhere, as in body-worn video."""
    width, height = size
    small = np.random.default_rng(3).integers(20, 235, (height // 24, width // 24 + PART, 3), np.uint8)
    view = np.ascontiguousarray(small[:, index : index + width // 24])
    return np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _again(part: Path, target: Path, times: int) -> Path:
    """A clip that repeats the same packets ``times`` times."""
    with av.open(str(part)) as source, av.open(str(target), "w") as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        base = stream.time_base
        assert base is not None
        length = int(Fraction(len(packets), RATE) / base)
        held = [(bytes(packet), packet.pts or 0, packet.dts or 0, packet.is_keyframe) for packet in packets]
        for turn in range(times):
            for data, pts, dts, key in held:
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = copy, base, key
                packet.pts, packet.dts = pts + turn * length, dts + turn * length
                packet.duration = length // len(held)
                out.mux(packet)
    return target


def test_reviewer_paints_frames_and_saves_edits_quickly(
    workbench: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = make_clip(tmp_path / "part.mp4", size=(1920, 1080), frames=PART, rate=RATE, gop=50, picture=_street)
    clip = _again(part, tmp_path / "street.mp4", 10 * 60 * RATE // PART) if FULL else part
    footage = workbench.footage(clip, workbench.case())
    last = workbench.media(footage).pts.size - 1
    tracks = TrackSet(
        workbench.media(footage), (moving(1, "face", 0, last, (300, 300, 380, 400)),), (), {"made by": "a test"}
    )
    review = Reviewing(workbench, footage, workbench.detected(footage, tracks))
    if FULL:
        review.go(last // 2)
    review.loaded("frames", "tracks", "boxes", "shapes", "edits", "risks")
    took = review.page.evaluate(PAINTED, STEPS)
    review.select(1)
    kept = review.page.evaluate(KEPT, 30)
    with capsys.disabled():
        print(
            f"\nkey to paint, {STEPS} steps in {last + 1} frames: median {median(took):.0f}, worst {max(took):.0f} ms"
        )
        print(f"edit to saved, {len(kept)} edits: median {median(kept):.0f}, worst {max(kept):.0f} ms")
    assert len(review.log()) == len(kept) and not review.errors
    assert median(took) <= PAINT and max(took) <= WORST_PAINT
    assert median(kept) <= SAVED


def test_reviewer_opens_and_scrolls_hour_with_500_tracks(
    workbench: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Still an hour, but with fewer frames.
    rate = RATE if FULL else 1
    pts = [turn * 1000 // rate for turn in range(3600 * rate)]
    audio = [AudioSpec(layout="mono", rate=8000, codec="aac")] if FULL else []
    clip = make_clip(tmp_path / "hour.mp4", pts=pts, size=(64, 48), gop=50, audio=audio, picture=_plain)
    footage = workbench.footage(clip, workbench.case())
    media = workbench.media(footage)
    step = media.pts.size // 512
    tracks = [moving(i + 1, "face", i * step, i * step + 2 * step + 60, (20, 10, 30, 24)) for i in range(500)]
    made = workbench.detected(footage, TrackSet(media, tuple(tracks), (), {"made by": "a test"}))
    review = Reviewing(workbench, footage, made)
    begun = time.monotonic()
    review.load()
    ready = time.monotonic() - begun
    scrolling = review.page.evaluate(SCROLL)
    with capsys.disabled():
        print(f"\n500 tracks in {media.pts.size} frames: opened in {ready:.1f} s, {scrolling:.0f} pictures a second")
    assert review.page.locator(".rv-row").count() < 40, "only visible lanes are built"
    review.page.locator(".rv-scroller").evaluate("e => e.scrollTo(0, 1e6)")
    expect(review.page.get_by_role("option", name="face 500")).to_be_visible()
    assert not review.errors
    assert ready <= READY and scrolling >= SCROLLING


def _plain(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.full((size[1], size[0], 3), 40 + index % 160, np.uint8)
