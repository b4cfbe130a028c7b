"""A scripted expert corrects a prepared two-minute clip; its key presses and mouse actions are counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from redact.evaluate.leaks import evaluate
from redact.evaluate.truth import Truth, TruthObject
from redact.mask.edits.result import Origin
from redact.track.types import Track, TrackSet
from tests.browser.real import Workbench
from tests.browser.reviewing import Point, Reviewing
from tests.media.clips import make_clip

RATE, FRAMES, SIZE = 15, 1800, (480, 272)
MOST_ACTS = 25
LATE, MISSED, DRIFTING, ONE, OTHER, RIGHT, PLATE, FALSE = range(1, 9)
MISSED_SPAN = (600, 639)
DRIFT = (860, 900)
CROSSING = 1300
FOUND_LATE = 225


def _straight(  # noqa: PLR0917
    left: float, top: float, step: float, wide: int, high: int, at: int = 0
) -> Callable[[int], tuple[float, float, float, float]]:
    """A box that moves right by ``step`` pixels a frame and is at ``left`` on frame ``at``."""

    def box(frame: int) -> tuple[float, float, float, float]:
        x = left + step * (frame - at)
        return (x, top, x + wide, top + high)

    return box


# The truth: each subject's box, first frame and last frame.
SCENE = {
    LATE: ("face", _straight(-40, 11, 3, 40, 52, 200), 205, 365),
    MISSED: ("face", _straight(300, 66, 3, 40, 52, 600), *MISSED_SPAN),
    DRIFTING: ("face", _straight(40, 200, 0.1, 44, 56), 0, FRAMES - 1),
    ONE: ("face", _straight(200, 66, 0.12, 40, 52, CROSSING), 0, FRAMES - 1),
    OTHER: ("face", _straight(200, 126, -0.12, 40, 52, CROSSING), 0, FRAMES - 1),
    RIGHT: ("face", _straight(420, 190, 0, 44, 56), 0, FRAMES - 1),
    PLATE: ("plate", _straight(300, 240, 0, 60, 20), 0, FRAMES - 1),
}


def _boxes(who: int, first: int, last: int) -> NDArray[np.float32]:
    return np.array([SCENE[who][1](frame) for frame in range(first, last + 1)], np.float32)


def _picture() -> Callable[[int, tuple[int, int]], NDArray[np.uint8]]:
    wall = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 1, SIZE[::-1]).astype(np.float32), (0, 0), 3)
    grey = (120 + 14 * wall / wall.std()).clip(0, 255).astype(np.uint8)
    scene = np.repeat(grey[:, :, None], 3, axis=2)
    person = skimage.data.astronaut()[20:220, 145:295]
    sprites = {}
    for who, (label, box, _, _) in SCENE.items():
        left, top, right, bottom = (round(v) for v in box(0))
        size = (right - left, bottom - top)
        if label == "plate":
            sprites[who] = np.full((size[1], size[0], 3), (225, 215, 90), np.uint8)
            cv2.putText(sprites[who], "AB12", (3, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (20, 20, 20), 2)
        else:
            tinted = np.roll(person, who, axis=2) if who % 2 else person[:, ::-1]
            sprites[who] = cv2.resize(np.ascontiguousarray(tinted), size, interpolation=cv2.INTER_AREA)

    def picture(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        rgb = scene.copy()
        for who, (_, box, first, last) in SCENE.items():
            # A subject at the border is drawn for as long as any of it is visible.
            if first - 10 <= index <= last + 10 and (who == LATE or first <= index <= last):
                left, top = round(box(index)[0]), round(box(index)[1])
                sprite = sprites[who]
                low, high = max(left, 0), min(left + sprite.shape[1], size[0])
                if low < high:
                    rgb[top : top + sprite.shape[0], low:high] = sprite[:, low - left : high - left]
        return rgb

    return picture


def _track(number: int, label: str, first: int, boxes: NDArray[np.float32]) -> Track:
    frames = np.arange(first, first + len(boxes), dtype=np.int32)
    zeros = np.zeros(len(boxes), np.float32)
    return Track(number, label, frames, boxes, zeros, zeros + 0.9, zeros.astype(np.uint8))


def _machine() -> tuple[Track, ...]:
    """Plausible detector output with six mistakes, two of which are the swapped tracks."""
    drifting = _boxes(DRIFTING, 0, FRAMES - 1)
    frames = np.arange(DRIFT[0], DRIFT[1] + 1)
    drifting[frames, 0::2] += (1.5 * (frames - DRIFT[0]))[:, None]
    one, other = _boxes(ONE, 0, FRAMES - 1), _boxes(OTHER, 0, FRAMES - 1)
    one[CROSSING:], other[CROSSING:] = other[CROSSING:].copy(), one[CROSSING:].copy()
    return (
        _track(LATE, "face", FOUND_LATE, _boxes(LATE, FOUND_LATE, SCENE[LATE][3])),
        _track(DRIFTING, "face", 0, drifting),
        _track(ONE, "face", 0, one),
        _track(OTHER, "face", 0, other),
        _track(RIGHT, "face", 0, _boxes(RIGHT, 0, FRAMES - 1)),
        _track(PLATE, "plate", 0, _boxes(PLATE, 0, FRAMES - 1)),
        _track(FALSE, "plate", 1500, np.tile(np.array([[250, 184, 290, 198]], np.float32), (61, 1))),
    )


def _truth() -> Truth:
    things = []
    for who, (label, _, first, last) in SCENE.items():
        frames = np.arange(first, last + 1, dtype=np.int32)
        boxes = _boxes(who, first, last).astype(np.float64)
        things.append(TruthObject(who, label, frames, boxes, np.zeros(len(frames)), np.ones(len(frames), bool)))
    return Truth(tuple(things))


class Expert:
    """Counts key presses and mouse actions. Reading the page is free."""

    def __init__(self, review: Reviewing) -> None:
        self.review, self.acts = review, 0

    def key(self, name: str) -> None:
        self.acts += 1
        self.review.press(name)

    def click(self, place: Point) -> None:
        self.acts += 1
        self.review.page.mouse.click(*place)

    def drag(self, start: Point, end: Point) -> None:
        self.acts += 1
        self.review.drag(start, end)

    def go(self, frame: int, shown: tuple[float, float]) -> None:
        """Go to a frame by ruler, then by keys. ``shown``: first frame on the ruler, and the one after the last."""
        self.click(self.review.on_ruler(frame, first=shown[0], last=shown[1]))
        self.settle()
        while self.review.frame != frame:
            self.key("f" if self.review.frame < frame else "d")
            self.settle()

    def settle(self) -> None:
        self.review.page.wait_for_function("() => !document.querySelector('video').seeking")
        self.review.page.wait_for_timeout(50)

    def next_risk(self) -> tuple[str, int]:
        """Kind and track of the next item, after the queue has been reloaded."""
        self.review.saved()
        self.review.page.wait_for_timeout(900)
        self.review.loaded("tracks", "boxes", "shapes", "risks")
        self.key("q")
        return self.at()

    def at(self) -> tuple[str, int]:
        """Kind and track of the current item."""
        self.settle()
        kind = self.review.page.locator("[aria-current] strong").inner_text()
        return kind, int(self.review.page.locator(".rv-inspector h2").inner_text().split()[-1])

    def middle(self, who: int, frame: int) -> Point:
        left, top, right, bottom = SCENE[who][1](frame)
        return self.review.at((left + right) / 2, (top + bottom) / 2)


def _mend(expert: Expert) -> None:
    review, whole = expert.review, (0, FRAMES)
    # The missed person: drawn once, followed by the tracker, trimmed.
    expert.go(MISSED_SPAN[0], whole)
    left, top, right, bottom = SCENE[MISSED][1](MISSED_SPAN[0])
    expert.key("n")
    expert.drag((left, top), (right, bottom))
    review.page.wait_for_selector(".rv-status:has-text('Tracked for')")
    expert.go(MISSED_SPAN[1], whole)
    expert.key("]")
    # The queue leads to the other five.
    for _ in range(4):
        kind, track = expert.next_risk()
        if track == FALSE:
            expert.key("Delete")
            expert.key("Enter")
        elif track == LATE:
            assert kind == "Appears suddenly"
            expert.key("Shift+T")
            review.page.wait_for_selector(".rv-status:has-text('Tracked for')")
        elif track == DRIFTING:
            assert (kind, review.frame) == ("Jump", DRIFT[1])
            # The ruler shows a little more than five seconds before and after the jump's two frames.
            middle, half = DRIFT[1] + 1, (10 * RATE + 2) * 1.3 / 2
            expert.go(DRIFT[0], (middle - half, middle + half))
            expert.key("t")
            review.page.wait_for_selector(".rv-status:has-text('Tracked for')")
        else:
            assert track in (ONE, OTHER) and review.frame == CROSSING - 1
            expert.key("f")
            expert.settle()
            expert.key("x")
            # The other track's mask is on the face that belongs to this track from here.
            expert.click(expert.middle(track, CROSSING))
    review.saved()


@pytest.mark.slow
def test_expert_corrects_six_mistakes_in_25_acts(
    workbench: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path / "two minutes.mp4", size=SIZE, frames=FRAMES, rate=RATE, picture=_picture(), gop=150)
    footage = workbench.footage(clip, workbench.case())
    machine = TrackSet(workbench.media(footage), _machine(), (), {"made by": "a test"})
    review = Reviewing(workbench, footage, workbench.detected(footage, machine))
    review.loaded("edits", "risks")
    review.shot("expert-before")
    expert = Expert(review)
    _mend(expert)
    review.shot("expert-after")
    edited = review.edited()
    with capsys.disabled():
        print(f"\nscripted expert: 6 mistakes in 2 minutes, {expert.acts} key presses and mouse actions")
    assert expert.acts <= MOST_ACTS
    assert not edited.skipped and not review.errors

    report = evaluate(edited.tracks, _truth())
    assert not report.leaks, report.leaks[:3]
    assert report.over_masking < 0.01
    assert set(edited.deleted) == {FALSE}
    tracks = {track.id: track for track in edited.tracks.tracks}
    (new,) = set(tracks) - set(SCENE)
    assert edited.states[new].origin is Origin.MANUAL and tracks[new].label == "face"
    assert (tracks[new].frames[0], tracks[new].frames[-1]) == MISSED_SPAN
    # Each subject has one track throughout.
    for who, (_, box, first, last) in SCENE.items():
        track = tracks[new if who == MISSED else who]
        assert set(range(first, last + 1)) <= set(track.frames.tolist()), who
        for frame, (left, top, right, bottom) in zip(track.frames.tolist(), track.boxes.tolist(), strict=True):
            if first <= frame <= last:
                truth, x, y = box(frame), (left + right) / 2, (top + bottom) / 2
                assert truth[0] < x < truth[2] and truth[1] < y < truth[3], (who, frame)
    # Correct tracks are unchanged.
    for was in machine.tracks:
        if was.id in (FALSE, ONE, OTHER):
            continue
        now = tracks[was.id]
        same = np.isin(now.frames, was.frames) & ~((now.frames >= DRIFT[0]) & (now.frames <= DRIFT[0] + 3 * RATE))
        kept = was.boxes[np.searchsorted(was.frames, now.frames[same])]
        np.testing.assert_array_equal(now.boxes[same], kept)
    for who in (ONE, OTHER):
        np.testing.assert_allclose(tracks[who].boxes, _boxes(who, 0, FRAMES - 1), atol=1e-3)
