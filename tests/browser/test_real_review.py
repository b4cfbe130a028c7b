"""The reviewer on the real server: every frame has the number shown, and every edit is recorded as intended."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from redact.mask.edits.result import Origin, TrackKind
from redact.mask.edits.types import (
    AddBoxes,
    AddSound,
    ChangeSound,
    Delete,
    Draw,
    HideFrames,
    Keyframe,
    Merge,
    Outside,
    Redo,
    RemoveKeyframe,
    RemoveSound,
    Resize,
    SetArea,
    SetSpan,
    Split,
    Undo,
)
from redact.settings import SoundEffect
from redact.track.types import TrackSet
from tests.browser.fake import moving
from tests.browser.real import Workbench
from tests.browser.reviewing import Reviewing, about
from tests.evidence.factory import padded_copy
from tests.media.clips import AudioSpec, make_clip

pytestmark = pytest.mark.slow

FRAMES, RATE = 120, 25
BY_KEY = {"f": 1, "d": -1, "v": 10, "c": -10}
RED = (220, 30, 30)


def _uneven() -> list[int]:
    """Milliseconds; the gaps do not repeat with the groups of 12. The first frame is late."""
    gaps = [20, 40, 33, 100, 47, 20, 61]
    return [700 + sum(gaps[j % len(gaps)] for j in range(i)) for i in range(FRAMES)]


MASTERS: dict[str, dict[str, Any]] = {
    "variable": {"pts": _uneven()},
    "rotated": {"rotation": 90},
    "anamorphic": {"sar": Fraction(3, 2)},
    "constant, long groups": {"gop": 250, "bframes": 3},
    "sound first": {"pts": [900 + 40 * i for i in range(FRAMES)], "audio": [AudioSpec(seconds=Fraction(6))]},
}


def opened(bench: Workbench, clip: Path, *tracks: Any) -> Reviewing:
    """Add the clip with these machine tracks and open its review page."""
    footage = bench.footage(clip, bench.case())
    made = TrackSet(bench.media(footage), tracks, (), {"made by": "a test"})
    return Reviewing(bench, footage, bench.detected(footage, made))


@pytest.mark.parametrize("master", MASTERS)
def test_picture_matches_frame_number(workbench: Workbench, tmp_path: Path, master: str) -> None:
    clip = make_clip(tmp_path / "master.mp4", **{"frames": FRAMES, "rate": RATE, **MASTERS[master]})
    review = opened(workbench, clip, moving(1, "face", 0, FRAMES - 1, (20, 20, 44, 50)))
    assert (review.frame, review.burned_in) == (0, 0)
    wanted = 0
    for key in "ffdvvfcdv":
        review.page.keyboard.press(key)
        wanted = min(max(wanted + BY_KEY[key], 0), FRAMES - 1)
        review.arrived(wanted)
        assert review.burned_in == wanted, key
    for wanted in (FRAMES - 1, 0, 61, FRAMES - 2):
        review.page.mouse.click(*review.on_ruler(wanted))
        review.arrived(wanted)
        assert review.burned_in == wanted
    for speed in ("1", "2"):
        review.go(5)
        review.page.get_by_label("Speed").select_option(speed)
        review.page.evaluate("() => document.activeElement.blur()")
        review.page.keyboard.press("Space")
        review.page.wait_for_function("() => Number(document.querySelector('.rv-stage').dataset.frame) > 20")
        review.page.keyboard.press("Space")
        review.page.wait_for_function("() => !document.querySelector('video').seeking")
        stopped = review.frame
        assert stopped == review.burned_in > 20, f"paused at {speed} times"
        review.page.wait_for_timeout(150)
        assert (review.frame, review.burned_in) == (stopped, stopped)
        review.page.keyboard.press("f")
        review.arrived(stopped + 1)
        assert review.burned_in == stopped + 1
    assert not review.errors


# Positions of masks.


def _marked(box: tuple[int, int, int, int]) -> Callable[[int, tuple[int, int]], NDArray[np.uint8]]:
    """A grey picture with a red area; ``box`` in upright pixels."""

    def picture(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        rgb = np.full((size[1], size[0], 3), 110, np.uint8)
        left, top, right, bottom = box
        rgb[top:bottom, left:right] = RED
        return rgb

    return picture


def _red(shown: NDArray[np.uint8]) -> NDArray[np.bool_]:
    values = shown.astype(np.int16)
    return (values[..., 0] > 150) & (values[..., 1] < 100) & (values[..., 2] < 100)


@pytest.mark.parametrize(
    "master",
    [{"rotation": 90}, {"rotation": 270}, {"sar": Fraction(3, 2)}, {"sar": Fraction(2, 3), "rotation": 90}],
    ids=["turned left", "turned right", "anamorphic", "turned and anamorphic"],
)
def test_masks_cover_objects_in_every_orientation(workbench: Workbench, tmp_path: Path, master: dict[str, Any]) -> None:
    wide, high = (160, 240) if master.get("rotation") else (240, 160)
    box = (24, 100, 64, 130)
    clip = make_clip(tmp_path / "master.mp4", size=(240, 160), frames=13, picture=_marked(box), **master)
    # The other track is elsewhere, so that the first mask is visibly moved off it.
    review = opened(workbench, clip, moving(1, "plate", 0, 5, box), moving(2, "plate", 6, 12, (100, 20, 130, 40)))
    assert review.size == (wide, high)
    review.page.get_by_label("Mask display").select_option("solid")
    review.page.evaluate("() => document.activeElement.blur()")
    assert not _red(review.stage()).any(), "the mask is elsewhere"
    review.press("v")
    review.arrived(10)
    red = np.argwhere(_red(review.stage()))
    assert red.size, "the mask is where the track is not"
    corner = review.page.locator(".rv-stage").bounding_box()
    assert corner is not None
    (top, left), (bottom, right) = red.min(0), red.max(0) + 1
    # The box drawn on the screen has the same place in the master.
    review.press("n")
    places = np.array([[left, top], [right, bottom]]) + np.array([corner["x"], corner["y"]])
    review.drag_on_page(*(tuple(place) for place in places.tolist()))
    drawn = review.recorded(Draw)
    assert about(drawn.box, box, within=2) and drawn.frame == 10
    review.recorded(AddBoxes)  # was followed as well
    assert not review.errors


# Edits.


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that the tracker can follow, moving right in front of a wall."""
    face = cv2.resize(skimage.data.astronaut()[20:220, 145:295], (36, 48), interpolation=cv2.INTER_AREA)

    def picture(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        rgb = np.full((size[1], size[0], 3), 120, np.uint8)
        left = 40 + 2 * index
        rgb[60:108, left : left + 36] = face[:, : size[0] - left] if left < size[0] else 120
        return rgb

    folder = tmp_path_factory.mktemp("street")
    return make_clip(folder / "street.mp4", size=(320, 192), frames=150, picture=picture, audio=[AudioSpec()])


STREET = iter(range(1000))


def walked(bench: Workbench, street: Path) -> Reviewing:
    """The street with two machine tracks: 1 stands still throughout, 2 from frame 60 to 109."""
    clip = padded_copy(street, next(STREET))
    still = moving(1, "face", 0, 149, (220, 40, 250, 80))
    return opened(bench, clip, still, moving(2, "plate", 60, 109, (230, 120, 280, 150)))


def test_drawn_box_is_followed_and_can_be_reshaped(workbench: Workbench, street: Path) -> None:
    review = walked(workbench, street)
    review.go(20)
    review.press("n")
    review.drag((80, 60), (116, 108))
    drawn = review.recorded(Draw)
    assert about(drawn.box, (80, 60, 116, 108)) and drawn.label == "face"
    assert (drawn.frame, drawn.last) == (20, 20 + 3 * RATE)
    found = review.recorded(AddBoxes)
    assert found.track == drawn.track and found.rows[0].frame == 20
    end = found.rows[-1]
    assert end.frame >= 20 + 3 * RATE - 1
    assert abs(end.left - (40 + 2 * end.frame)) < 8, "followed the face in the drawn box"
    assert review.edited().states[drawn.track].origin is Origin.MANUAL

    # Moved, resized and turned, each on its own frame.
    review.select(1)
    review.go(50)
    review.drag((235, 60), (215, 70))
    moved = review.recorded(Keyframe)
    assert (moved.track, moved.frame, moved.angle) == (1, 50, 0) and about(moved.box, (200, 50, 230, 90))
    review.drag((230, 90), (240, 100))
    resized = review.recorded(Keyframe)
    assert (resized.track, resized.frame) == (1, 50) and about(resized.box, (200, 50, 240, 100))
    wide = review.page.locator(".rv-overlay").bounding_box()
    assert wide is not None
    knob = 26 * review.size[0] / wide["width"]
    review.drag((220, 50 - knob), (270, 75))
    turned = review.recorded(Keyframe)
    assert about(turned.box, (200, 50, 240, 100)) and abs(turned.angle - 90) < 2
    track = next(t for t in review.edited().tracks.tracks if t.id == 1)
    assert about(track.boxes[50], turned.box, within=0.01) and track.angles[50] == pytest.approx(turned.angle, abs=0.01)
    assert about(track.boxes[0], (220, 40, 250, 80), within=0.01), "far away nothing has moved"
    assert not review.errors


def test_marks_spans_and_sizes_are_recorded_as_set(workbench: Workbench, street: Path) -> None:
    review = walked(workbench, street)
    review.select(2)
    review.go(80)
    review.press("k")
    key = review.recorded(Keyframe)
    assert (key.track, key.frame) == (2, 80) and about(key.box, (230, 120, 280, 150), within=0.01)
    review.go(90)
    review.press("o")
    gone = review.recorded(Outside)
    assert (gone.track, gone.frame) == (2, 90)
    assert next(t for t in review.edited().tracks.tracks if t.id == 2).frames[-1] == 89
    review.press("Shift+K")
    back = review.recorded(RemoveKeyframe)
    assert (back.track, back.frame) == (2, 90)
    assert next(t for t in review.edited().tracks.tracks if t.id == 2).frames[-1] == 109
    review.press("w", "w", "s")
    grown = review.recorded(Resize)
    assert (grown.track, grown.first, grown.last) == (2, None, None) and grown.factor == pytest.approx(1.1, abs=1e-3)
    review.press("s", "s")
    assert review.recorded(Resize).factor == pytest.approx(1 / 1.21, abs=1e-3)
    review.go(70)
    review.button("Start here")
    span = review.recorded(SetSpan)
    assert (span.track, span.first, span.last) == (2, 70, 109)
    review.go(100)
    review.button("End here")
    span = review.recorded(SetSpan)
    assert (span.first, span.last) == (70, 100)
    assert next(t for t in review.edited().tracks.tracks if t.id == 2).frames.tolist() == list(range(70, 101))
    assert not review.errors


def test_split_merge_delete_and_undo_survive_reload(workbench: Workbench, street: Path) -> None:
    review = walked(workbench, street)
    review.select(1)
    review.go(75)
    review.press("Alt+m")
    split = review.recorded(Split)
    assert (split.track, split.frame) == (1, 75)
    ids = {track.id: track for track in review.edited().tracks.tracks}
    assert (ids[1].frames[-1], ids[split.new].frames[0]) == (74, 75)
    review.select(1)
    review.press("m")
    review.select(split.new)
    merged = review.recorded(Merge)
    assert (merged.track, merged.other) == (1, split.new)
    assert {track.id for track in review.edited().tracks.tracks} == {1, 2}
    review.select(2)
    review.press("Delete")
    review.page.get_by_role("dialog").get_by_label("Not a face or plate").check()
    review.press("Enter")
    deleted = review.recorded(Delete)
    assert (deleted.track, deleted.reason) == (2, "Not a face or plate")
    assert set(review.edited().deleted) == {2}

    review.load()
    review.loaded("edits")  # earlier edits are requested last
    names = [entry.id for entry in review.log()]
    review.press("Control+z", "Control+z", "Control+z")
    assert [review.recorded(Undo).edit for _ in range(3)] == names[::-1]
    assert {track.id for track in review.edited().tracks.tracks} == {1, 2}
    review.press("Control+Shift+Z")
    assert review.recorded(Redo).edit == names[0]
    review.load()
    review.loaded("edits")
    review.press("Control+Shift+Z")
    assert review.recorded(Redo).edit == names[1]
    review.press("Control+z", "Control+z")
    assert [review.recorded(Undo).edit for _ in range(2)] == [names[1], names[0]]
    assert {track.id for track in review.edited().tracks.tracks} == {1, 2}
    assert not review.errors


def test_areas_whole_pictures_and_sound_are_recorded(workbench: Workbench, street: Path) -> None:
    review = walked(workbench, street)
    review.page.get_by_label("Class of new masks").select_option("screen")
    review.button("Draw area")
    review.drag((10, 12), (90, 48))
    area = review.recorded(SetArea)
    assert about(area.box, (10, 12, 90, 48)) and (area.first, area.last, area.label) == (0, 149, "screen")
    review.go(30)
    review.button("Hide picture")
    hidden = review.recorded(HideFrames)
    assert (hidden.first, hidden.last) == (30, 30 + 3 * RATE)
    review.go(40)
    review.button("End here")
    assert (span := review.recorded(SetSpan)).track == hidden.track and (span.first, span.last) == (30, 40)
    edited = review.edited()
    assert [t.id for t in edited.of_kind(TrackKind.AREA)] == [area.track]
    whole = edited.of_kind(TrackKind.FRAME)[0]
    assert (whole.frames[0], whole.frames[-1]) == (30, 40) and about(whole.boxes[0], (0, 0, *review.size), within=0.01)

    lane = review.page.locator(".rv-sound").bounding_box()
    assert lane is not None
    review.button("Show whole clip")

    def second(value: float) -> tuple[float, float]:
        return lane["x"] + lane["width"] * value / 6, lane["y"] + lane["height"] / 2

    review.drag_on_page(second(1), second(2.5))
    sound = review.recorded(AddSound)
    assert type(sound) is AddSound and sound.effect is SoundEffect.MUTE
    assert about((sound.start, sound.end), (1, 2.5), within=0.03)
    review.drag_on_page(second(2.5), second(4))
    changed = review.recorded(ChangeSound)
    assert changed.span == sound.span and about((changed.start, changed.end), (1, 4), within=0.03)
    review.page.get_by_label("Effect").select_option("bleep")
    assert review.recorded(ChangeSound).effect is SoundEffect.BLEEP
    assert set(review.edited().sounds) == {sound.span}
    review.button("Remove…")
    review.press("Enter")
    assert review.recorded(RemoveSound).span == sound.span
    assert not review.edited().sounds
    assert not review.errors
