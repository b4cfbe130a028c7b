"""Edits: properties that hold for any log, and each operation with values computed by hand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.mask.edits import types
from redact.mask.edits.edited_tracks import Replayed, apply_edits, replayed
from redact.mask.edits.layers import BLEND_SECONDS, LIFE_SECONDS, LINE_SECONDS
from redact.mask.edits.result import Edited, Origin, TrackKind
from redact.mask.edits.types import Box, Edit, LoggedEdit, PlacedBox
from redact.mask.mask_plan import MaskPlan
from redact.mask.raster import coverage
from redact.settings import SoundEffect
from redact.track.types import Source, Track, TrackSet
from tests.mask.edits.factory import FRAMES, PLAIN, logged, logs, machines
from tests.track.factory import an_hour, assert_same, media, track

BOX = Box(100, 100, 140, 160)


def still(number: int, first: int, last: int, box: Box = BOX, label: str = "face") -> Track:
    frames = list(range(first, last + 1))
    return track(number, label, frames, [list(box)] * len(frames))


def applied(*edits: Edit, tracks: Sequence[Track] = (), count: int = 300) -> Edited:
    """At 25 frames a second."""
    return apply_edits(TrackSet(media(count), tuple(tracks)), logged(*edits))


def shown(edited: Edited, number: int) -> dict[int, list[float]]:
    """Boxes by frame; empty if the track is visible nowhere."""
    for t in edited.tracks.tracks:
        if t.id == number:
            return {int(f): [float(v) for v in b] for f, b in zip(t.frames, t.boxes, strict=True)}
    return {}


def reasons(edited: Edited) -> list[tuple[str, str]]:
    return [(s.edit, s.reason) for s in edited.skipped]


def frames_of(edited: Edited, *numbers: int) -> set[int]:
    return {int(f) for t in edited.tracks.tracks if not numbers or t.id in numbers for f in t.frames}


def seconds(frames: float) -> float:
    return frames * 0.04


# ---- properties of any log


@settings(max_examples=100, deadline=None)
@given(machines(), logs())
def test_replay_of_any_log_is_valid_and_deterministic(machine: TrackSet, log: list[LoggedEdit]) -> None:
    # Track and TrackSet refuse boxes that are not finite or have no extent, and frames out of order or outside the
    # footage.
    edited = apply_edits(machine, log)
    again = apply_edits(machine, log)
    assert_same(edited.tracks, again.tracks)
    assert (edited.states, edited.skipped, edited.undone) == (again.states, again.skipped, again.undone)
    assert {s.edit for s in edited.skipped} <= {e.id for e in log}
    MaskPlan(edited.tracks)


@settings(max_examples=100, deadline=None)
@given(machines(), logs(), st.lists(st.integers(0, 12), max_size=4))
def test_replay_from_prefix_equals_full_replay(machine: TrackSet, log: list[LoggedEdit], ends: list[int]) -> None:
    before: list[Replayed] = []
    for end in [*ends, len(log)]:
        before.append(replayed(machine, log[:end], before))
        edited, alone = before[-1].edited, apply_edits(machine, log[:end])
        assert_same(edited.tracks, alone.tracks)
        assert edited.deleted.keys() == alone.deleted.keys()
        for part in ("states", "sounds", "settled", "undone", "skipped"):
            assert getattr(edited, part) == getattr(alone, part), part
    for earlier in before:  # and the earlier results are unchanged
        assert_same(earlier.edited.tracks, apply_edits(machine, earlier.log).tracks)
        assert earlier.edited.states == apply_edits(machine, earlier.log).states


@settings(max_examples=40, deadline=None)
@given(machines(), logs(undoing=False))
def test_undo_all_gives_machine_tracks_and_redo_all_edits(machine: TrackSet, log: list[LoggedEdit]) -> None:
    edits = [e.edit for e in log]
    undone = [types.Undo(e.id) for e in log]
    bare = apply_edits(machine, logged(*edits, *undone))
    assert_same(bare.tracks, machine)
    assert all(s.origin is Origin.MACHINE and s.subject == s.id for s in bare.states.values())
    assert not (bare.sounds or bare.settled or bare.skipped)
    redone = apply_edits(machine, logged(*edits, *undone, *(types.Redo(e.id) for e in reversed(log))))
    assert_same(redone.tracks, apply_edits(machine, log).tracks)


@settings(max_examples=60, deadline=None)
@given(machines(), logs(), st.integers(1, 3), st.dictionaries(FRAMES, st.integers(1, 300), min_size=1, max_size=6))
def test_keyframes_are_exact(machine: TrackSet, log: list[LoggedEdit], number: int, keys: dict[int, int]) -> None:
    edits: list[Edit] = [types.Keyframe(number, f, Box(0.1, 0.2, 1.3 + w, 2.7 * w), 12.5) for f, w in keys.items()]
    edited = apply_edits(machine, logged(*(e.edit for e in log), *edits))
    if {f"edit-{len(log) + 1:03}"} <= {s.edit for s in edited.skipped}:
        return
    boxes = shown(edited, number)
    for edit in edits:
        assert isinstance(edit, types.Keyframe)
        np.testing.assert_array_equal(boxes[edit.frame], np.array(edit.box, np.float32))


@settings(max_examples=60, deadline=None)
@given(machines(), logs(undoing=False), st.integers(1, 7), st.integers(1, 7))
def test_merge_never_reveals_hidden_pixels(machine: TrackSet, log: list[LoggedEdit], one: int, other: int) -> None:
    if one == other:
        return
    edits = [e.edit for e in log]
    before = apply_edits(machine, log)
    after = apply_edits(machine, logged(*edits, types.Merge(one, other)))
    if any(s.edit == f"edit-{len(edits) + 1:03}" for s in after.skipped):
        return
    merged = {t.id: t for t in after.tracks.tracks}.get(one)
    for t in before.tracks.tracks:
        if t.id in (one, other):
            assert merged is not None
            place = np.searchsorted(merged.frames, t.frames)
            np.testing.assert_array_equal(merged.frames[place], t.frames)
            upright = t.angles == merged.angles[place]
            tolerance = 1e-3
            assert np.all(merged.boxes[place, :2][upright] <= t.boxes[upright, :2] + tolerance)
            assert np.all(merged.boxes[place, 2:][upright] >= t.boxes[upright, 2:] - tolerance)


@settings(max_examples=60, deadline=None)
@given(machines(), logs(undoing=False), st.integers(1, 7), FRAMES)
def test_split_moves_no_mask(machine: TrackSet, log: list[LoggedEdit], number: int, frame: int) -> None:
    before = apply_edits(machine, log)
    after = apply_edits(machine, logged(*(e.edit for e in log), types.Split(number, frame, 99)))
    parts = shown(after, number) | shown(after, 99)
    if 99 in after.states:
        assert all(f < frame for f in shown(after, number))
        assert all(f >= frame for f in shown(after, 99))
    whole = shown(before, number)
    assert parts.keys() == whole.keys()
    for f, box in whole.items():
        assert parts[f] == pytest.approx(box, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(machines(), logs(undoing=False), st.integers(1, 7), FRAMES, FRAMES)
def test_set_span_reveals_nothing_within_span(
    machine: TrackSet, log: list[LoggedEdit], number: int, one: int, other: int
) -> None:
    first, last = min(one, other), max(one, other)
    before = shown(apply_edits(machine, log), number)
    after = shown(apply_edits(machine, logged(*(e.edit for e in log), types.SetSpan(number, first, last))), number)
    assert before.keys() & set(range(first, last + 1)) <= after.keys()
    if before:
        assert not after.keys() - set(range(first, last + 1))
        # Gaps in the middle stay; the track is visible out to both ends.
        assert {first, last} - set(range(min(before), max(before))) <= after.keys()


@settings(max_examples=40, deadline=None)
@given(machines(), logs(undoing=False), PLAIN)
def test_delete_lasts_until_restore(machine: TrackSet, log: list[LoggedEdit], edit: Edit) -> None:
    edits = [e.edit for e in log]
    before = apply_edits(machine, log)
    gone = apply_edits(machine, logged(*edits, types.Delete(1, "nobody"), edit))
    back = apply_edits(machine, logged(*edits, types.Delete(1, "nobody"), types.Restore(1)))
    assert before.states[1].deleted or not shown(gone, 1) or edit == types.Restore(1)
    if not before.states[1].deleted:
        assert shown(back, 1) == shown(before, 1)


# ---- keyframes


def moved(x: float, y: float = 0.0, box: Box = BOX) -> Box:
    return Box(box.left + x, box.top + y, box.right + x, box.bottom + y)


def test_keyframes_close_together_are_interpolated() -> None:
    machine = track(1, "face", list(range(100)), [[500, 300, 510, 310]] * 100)
    edited = applied(types.Keyframe(1, 20, BOX), types.Keyframe(1, 30, moved(40, 20)), tracks=[machine])
    boxes = shown(edited, 1)
    assert boxes[20] == list(BOX)
    assert boxes[25] == pytest.approx(list(moved(20, 10)), abs=1e-3)
    assert boxes[29] == pytest.approx(list(moved(36, 18)), abs=1e-3)


def test_keyframe_interpolation_is_linear_in_time() -> None:
    ref = replace(media(3), pts=np.array([0, 900, 3600], np.int64))
    machine = TrackSet(ref, (still(1, 0, 2),))
    edited = apply_edits(machine, logged(types.Keyframe(1, 0, BOX), types.Keyframe(1, 2, moved(40))))
    assert shown(edited, 1)[1] == pytest.approx(list(moved(10)), abs=1e-3)


def test_keyframes_far_apart_keep_machine_boxes_between() -> None:
    # 4 s apart: the boxes between may have been reviewed, and no keyframe contradicts them.
    edited = applied(types.Keyframe(1, 50, moved(30)), types.Keyframe(1, 150, moved(0, 20)), tracks=[still(1, 0, 299)])
    boxes = shown(edited, 1)
    assert boxes[50] == list(moved(30))
    # 5 frames are 0.2 s of the 0.5 s: three fifths remain.
    assert boxes[55] == pytest.approx(list(moved(18)), abs=1e-3)
    assert boxes[45] == pytest.approx(list(moved(18)), abs=1e-3)
    assert boxes[140] == pytest.approx(list(moved(0, 20 * (0.1 / BLEND_SECONDS))), abs=1e-3)
    assert {f for f, b in boxes.items() if b != list(BOX)} == {*range(38, 63), *range(138, 163)}


def test_keyframe_sizes_blend_as_factors() -> None:
    # Twice as wide at the keyframe; halfway out, one and a half times a box 4 wide.
    machine = track(1, "face", list(range(26)), [[0.0, 0, 100, 60]] * 5 + [[48.0, 0, 52, 60]] * 21)
    boxes = shown(applied(types.Keyframe(1, 4, Box(-50, 0, 150, 60)), tracks=[machine]), 1)
    left, _, right, _ = boxes[9]
    assert (left + right, right - left) == pytest.approx((100, 4 * 1.6), abs=1e-3)


def test_keyframe_rotation_goes_shorter_way() -> None:
    edited = applied(types.Keyframe(1, 0, BOX, 170), types.Keyframe(1, 10, BOX, -170), tracks=[still(1, 0, 20)])
    (made,) = edited.tracks.tracks
    assert float(made.angles[2]) % 180 == pytest.approx(174, abs=1e-3)
    assert (made.angles[0], made.angles[10]) == (170, -170)


def test_drawn_box_stands_still_until_keyframes() -> None:
    drawn = types.Draw(9, "face", 100, 175, BOX)
    assert shown(applied(drawn), 9) == {f: list(BOX) for f in range(100, 176)}
    # No machine boxes in between: a line at any distance, then it stays still.
    boxes = shown(applied(drawn, types.Keyframe(9, 150, moved(50))), 9)
    assert boxes[125] == pytest.approx(list(moved(25)), abs=1e-3)
    assert boxes[175] == list(moved(50))
    boxes = shown(applied(drawn, types.Keyframe(9, 250, moved(50))), 9)
    assert boxes[175] == pytest.approx(list(moved(25)), abs=1e-3)
    # Outside its lifetime it continues for three seconds.
    assert max(boxes) == 250 + round(LIFE_SECONDS * 25) - 26  # the footage ends at 299
    assert max(shown(applied(drawn, types.Keyframe(9, 200, BOX)), 9)) == 200 + round(LIFE_SECONDS * 25)


def test_keyframe_in_gap_bridges_to_near_rows() -> None:
    machine = still(1, 0, 50)
    boxes = shown(applied(types.Keyframe(1, 60, moved(100)), tracks=[machine]), 1)
    assert boxes[55] == [100, 100, 240, 160]  # the hull of both
    assert boxes[50] == list(BOX)
    assert max(boxes) == 135
    # More than three seconds after the end: visible there, for its own lifetime.
    assert set(shown(applied(types.Keyframe(1, 150, BOX), tracks=[machine]), 1)) == {*range(51), *range(150, 226)}


def test_outside_lasts_until_next_keyframe() -> None:
    edits: list[Edit] = [types.Outside(1, 20), types.Keyframe(1, 40, moved(10))]
    boxes = shown(applied(*edits, tracks=[still(1, 0, 59)]), 1)
    assert boxes.keys() == {*range(20), *range(40, 60)}
    # No line, blend or bridge crosses it.
    assert boxes[19] == list(BOX)
    near = applied(
        types.Keyframe(1, 10, BOX), types.Outside(1, 20), types.Keyframe(1, 25, BOX), tracks=[still(1, 0, 59)]
    )
    assert shown(near, 1).keys() == {*range(20), *range(25, 60)}
    ended = applied(types.Outside(1, 51), types.Keyframe(1, 60, BOX), tracks=[still(1, 0, 50)])
    assert shown(ended, 1).keys() == {*range(51), *range(60, 136)}
    assert shown(applied(*edits, types.RemoveKeyframe(1, 20), tracks=[still(1, 0, 59)]), 1).keys() == set(range(60))
    assert shown(applied(*edits, types.RemoveKeyframe(1, 40), tracks=[still(1, 0, 59)]), 1).keys() == set(range(20))


def test_retrack_boxes_replace_machine_but_not_keyframes() -> None:
    found = tuple(PlacedBox(f, *moved(2 * (f - 20)), 0.0) for f in range(20, 60))
    drifted = still(1, 0, 99, moved(300))
    edited = applied(types.Keyframe(1, 20, BOX), types.AddBoxes(1, found), tracks=[drifted])
    boxes = shown(edited, 1)
    # The keyframe's offset from the drifted box does not correct boxes tracked from the keyframe.
    assert [boxes[f] for f in (20, 21, 59)] == [list(moved(2 * (f - 20))) for f in (20, 21, 59)]
    assert boxes[60] == list(moved(300))
    without = applied(types.Keyframe(1, 20, BOX), types.AddBoxes(1, found[1:]), tracks=[drifted])
    assert shown(without, 1)[21] == list(moved(2))
    (made,) = edited.tracks.tracks
    assert set(made.sources[21:60]) == {Source.PROPAGATED}
    # A keyframe over tracked boxes bends them; later boxes on its frame change nothing.
    later = applied(
        types.Keyframe(1, 20, BOX),
        types.AddBoxes(1, found),
        types.Keyframe(1, 40, moved(60)),
        types.AddBoxes(1, tuple(r._replace(bottom=200.0) for r in found)),
        tracks=[drifted],
    )
    boxes = shown(later, 1)
    assert (boxes[20], boxes[40]) == (list(BOX), list(moved(60)))
    assert boxes[30][0] == pytest.approx(100 + 20 + 10, abs=1e-3)  # tracked, and half of the 20 missing at 40


@pytest.mark.parametrize(
    ("apart", "straight"),
    # At 25 frames a second.
    [(round(LINE_SECONDS * 25), True), (round(LINE_SECONDS * 25) + 1, False)],
)
def test_keyframe_interpolation_has_limited_reach(apart: int, straight: bool) -> None:
    edits = types.Keyframe(1, 10, moved(50)), types.Keyframe(1, 10 + apart, moved(50))
    boxes = shown(applied(*edits, tracks=[still(1, 0, 200)]), 1)
    assert (boxes[45] == list(moved(50))) is straight


# ---- merging, splitting, trimming, resizing


def test_merge_gives_hull_of_both_and_over_short_gap() -> None:
    edited = applied(types.Merge(1, 2), tracks=[still(1, 0, 30), still(2, 21, 40, moved(50), "plate")])
    boxes = shown(edited, 1)
    assert (boxes[20], boxes[40]) == (list(BOX), list(moved(50)))
    assert boxes[21] == boxes[30] == [100, 100, 190, 160]
    assert edited.states[2].merged_into == 1
    assert [t.label for t in edited.tracks.tracks] == ["face"]
    # 76 frames from end to start are more than three seconds; 75 are three.
    for first, filled in ((105, True), (106, False)):
        edited = applied(types.Merge(1, 2), tracks=[still(1, 0, 30), still(2, first, 120, moved(50))])
        boxes = shown(edited, 1)
        assert (boxes.get(60) == [100, 100, 190, 160]) is filled
        assert len(boxes) == (121 if filled else 31 + 121 - first)


def test_merge_keeps_long_gap_between_keyframes() -> None:
    edits: list[Edit] = [types.Keyframe(1, 30, BOX), types.Keyframe(2, 120, BOX), types.Merge(1, 2)]
    edited = applied(*edits, tracks=[still(1, 0, 30), still(2, 120, 150)])
    assert shown(edited, 1).keys() == {*range(31), *range(120, 151)}


def test_merge_does_not_bridge_trimmed_gap() -> None:
    edited = applied(types.Outside(1, 20), types.Merge(1, 2), tracks=[still(1, 0, 30), still(2, 40, 50)])
    assert shown(edited, 1).keys() == {*range(20), *range(40, 51)}


def test_merge_and_split_keep_standing_boxes_in_place() -> None:
    there: list[Edit] = [types.Keyframe(2, 120, moved(300)), types.Draw(9, "face", 121, 175, BOX)]
    edited = applied(*there, types.RemoveKeyframe(9, 121), types.Merge(2, 9), tracks=[still(2, 110, 120, moved(300))])
    assert shown(edited, 2) == {f: list(moved(300) if f <= 120 else BOX) for f in range(110, 176)}
    # The keyframe on frame 1 is set on the shrunk track; later frames were not shrunk and are larger.
    shrunk: list[Edit] = [types.Keyframe(1, 0, BOX), types.Resize(1, 0.5, 0, 1), types.Keyframe(1, 1, BOX)]
    whole = shown(applied(*shrunk, tracks=[still(1, 0, 0)]), 1)
    parts = applied(*shrunk, types.Split(1, 1, 8), tracks=[still(1, 0, 0)])
    assert shown(parts, 1) | shown(parts, 8) == whole


def test_hull_encloses_rotated_boxes() -> None:
    # 40 x 60 about (120, 130); after a quarter turn 60 x 40.
    turned = replace(still(2, 0, 9), angles=np.full(10, 90, np.float32))
    boxes = shown(applied(types.Merge(1, 2), tracks=[still(1, 0, 9), turned]), 1)
    assert boxes[5] == pytest.approx([90, 100, 150, 160], abs=1e-3)


def test_split_divides_track() -> None:
    edits: list[Edit] = [types.Link((1, 2)), types.Keyframe(1, 10, moved(10)), types.Split(1, 12, 8)]
    edited = applied(*edits, tracks=[still(1, 0, 30), still(2, 0, 5)])
    assert shown(edited, 1).keys() == set(range(12))
    assert shown(edited, 8).keys() == set(range(12, 31))
    # The blend continues in the new part, which has no subject yet.
    assert shown(edited, 8)[12][0] == pytest.approx(100 + 10 * (1 - 0.08 / BLEND_SECONDS), abs=1e-3)
    assert [edited.states[n].subject for n in (1, 2, 8)] == [1, 1, 8]


def test_split_keeps_trimmed_end_restorable() -> None:
    machine = still(1, 0, 60)
    edits: list[Edit] = [types.Outside(1, 40), types.Split(1, 20, 8)]
    assert shown(applied(*edits, tracks=[machine]), 8).keys() == set(range(20, 40))
    back = applied(*edits, types.RemoveKeyframe(8, 40), tracks=[machine])
    assert shown(back, 8).keys() == set(range(20, 61))
    hidden = applied(types.Outside(1, 40), types.Split(1, 50, 8), tracks=[machine])
    assert shown(hidden, 8) == {}
    assert shown(hidden, 1).keys() == set(range(40))


def test_set_span_keeps_interpolation_towards_trimmed_keyframe() -> None:
    edits: list[Edit] = [
        types.Draw(9, "face", 100, 110, BOX),
        types.Keyframe(9, 150, moved(50)),
        types.SetSpan(9, 100, 120),
    ]
    boxes = shown(applied(*edits), 9)
    assert boxes.keys() == set(range(100, 121))
    assert [boxes[f][0] for f in (115, 120)] == pytest.approx([115, 120], abs=1e-3)


def test_set_span_extends_past_manual_end() -> None:
    machine = still(1, 0, 60)
    moved_end = applied(types.Outside(1, 40), types.SetSpan(1, 10, 50), tracks=[machine])
    assert shown(moved_end, 1).keys() == set(range(10, 51))
    past = applied(types.Outside(1, 40), types.SetSpan(1, 45, 50), tracks=[machine])
    assert shown(past, 1).keys() == set(range(45, 51))
    # A gap in the middle is not an end.
    gap: list[Edit] = [types.Outside(1, 20), types.Keyframe(1, 30, BOX), types.SetSpan(1, 25, 50)]
    assert shown(applied(*gap, tracks=[machine]), 1).keys() == set(range(30, 51))


@pytest.mark.parametrize(
    ("spans", "frames"),
    [
        ([(30, 40)], range(30, 41)),
        # Outside the machine's span it stands still.
        ([(10, 90)], range(10, 91)),
        ([(0, 299)], range(300)),
        # The trimmed part is restored unchanged.
        ([(30, 40), (25, 45)], range(25, 46)),
        ([(30, 40), (0, 60)], range(61)),
        # Wholly before, and wholly after, the track itself.
        ([(0, 5)], range(6)),
        ([(100, 110)], range(100, 111)),
    ],
)
def test_set_span_trims_and_extends(spans: list[tuple[int, int]], frames: range) -> None:
    boxes = [[float(f), 0, f + 10.0, 10] for f in range(20, 61)]
    machine = track(1, "face", list(range(20, 61)), boxes)
    got = shown(applied(*(types.SetSpan(1, *s) for s in spans), tracks=[machine]), 1)
    assert got.keys() == set(frames)
    assert {f: b for f, b in got.items() if 20 <= f <= 60} == {
        f: [float(f), 0, f + 10.0, 10] for f in frames if 20 <= f <= 60
    }


def test_resize_scales_boxes() -> None:
    machine = still(1, 0, 50)
    grown = [80, 70, 160, 190]  # 40 x 60 about (120, 130), twice as large
    boxes = shown(applied(types.Resize(1, 2.0), types.Resize(1, 0.5, 20, 30), tracks=[machine]), 1)
    assert (boxes[19], boxes[20], boxes[30], boxes[31]) == (grown, list(BOX), list(BOX), grown)
    # Growing affects existing keyframes and the frames between them, but no later keyframe.
    edits: list[Edit] = [types.Keyframe(1, 10, moved(100)), types.Resize(1, 2.0), types.Keyframe(1, 20, moved(200))]
    boxes = shown(applied(*edits, tracks=[machine]), 1)
    assert boxes[10] == [180, 70, 260, 190]
    assert boxes[15] == pytest.approx([240, 85, 300, 175], abs=1e-3)  # 80 wide, then 40
    assert boxes[20] == list(moved(200))
    # Whatever the request, something stays hidden.
    boxes = shown(applied(*[types.Resize(1, 0.25)] * 50, tracks=[machine]), 1)
    assert boxes[0] == pytest.approx([118, 127, 122, 133], abs=1e-3)
    tiny = still(1, 0, 50, Box(20000, 20000, 20000.004, 20000.004))
    boxes = shown(applied(types.Resize(1, 0.25), tracks=[tiny]), 1)
    assert boxes[0] == pytest.approx([19999.5, 19999.5, 20000.5, 20000.5], abs=0.01)


def test_areas_and_whole_frames_are_tracks() -> None:
    area, whole = types.SetArea(8, "screen", 10, 20, BOX), types.HideFrames(9, 30, 40)
    edited = applied(area, whole, types.SetArea(8, "screen", 10, 25, moved(50)))
    assert shown(edited, 8) == {f: list(moved(50)) for f in range(10, 26)}
    assert [t.id for t in edited.of_kind(TrackKind.AREA)] == [8]
    assert [t.id for t in edited.of_kind(TrackKind.FRAME)] == [9]
    plan = MaskPlan(edited.tracks)
    assert [f for f in range(300) if plan.shapes(f)] == [*range(10, 26), *range(30, 41)]
    # Even if its class is face, whose masks are round.
    for label in ("frame", "face"):
        plan = MaskPlan(applied(whole, types.SetClass(9, label)).tracks)
        assert coverage(plan.shapes(30), 640, 480).all()
    # It has no outline to move, but it can be trimmed, split and deleted.
    edits: list[Edit] = [types.Keyframe(9, 30, BOX), types.Resize(9, 0.25), types.Merge(9, 8), types.SetSpan(9, 35, 50)]
    edited = applied(area, whole, *edits, types.Split(9, 40, 10), types.Delete(10, "not needed"))
    assert [s.edit for s in edited.skipped] == ["edit-003", "edit-004", "edit-005"]
    assert shown(edited, 9).keys() == set(range(35, 40))


def test_track_states_describe_tracks() -> None:
    machine = [still(n, 0, 20) for n in (1, 2, 3, 4)]
    edited = applied(
        types.Delete(1, "a poster"),
        types.SetClass(2, "plate"),
        types.Keyframe(3, 5, BOX),
        types.Outside(3, 8),
        types.Draw(9, "face", 0, 20, BOX),
        types.Merge(9, 4),
        types.Settle("gap-3", "seen"),
        types.AddSound(1, 2.0, 3.5, SoundEffect.BLEEP),
        types.AddSound(2, 5.0, 6.0, SoundEffect.MUTE),
        types.ChangeSound(1, 2.0, 4.0, SoundEffect.MUTE),
        types.RemoveSound(2, "nothing said"),
        types.AddSound(2, 5.0, 6.0, SoundEffect.MUTE),
        tracks=machine,
    )
    states = edited.states
    assert {n: s.origin for n, s in states.items()} == {
        1: Origin.MACHINE,
        2: Origin.CORRECTED,
        3: Origin.CORRECTED,
        4: Origin.MACHINE,
        9: Origin.CORRECTED,
    }
    assert (states[1].deleted, edited.deleted[1].frames.size) == ("a poster", 21)
    assert (states[3].keyframes, states[3].outsides, states[3].edits) == ((5,), (8,), ("edit-003", "edit-004"))
    assert {t.id: t.label for t in edited.tracks.tracks} == {2: "plate", 3: "face", 9: "face"}
    assert edited.settled["gap-3"].id == "edit-007"
    assert [(n, s.start, s.end, s.effect) for n, s in edited.sounds.items()] == [(1, 2.0, 4.0, SoundEffect.MUTE)]
    assert reasons(edited) == [("edit-012", "Sound span 2 already exists.")]


def test_links_group_tracks_and_merges_end_them() -> None:
    machine = [still(n, 0, 20) for n in (1, 2, 3, 4, 5)]

    def subjects(*edits: Edit) -> list[int]:
        return [applied(*edits, tracks=machine).states[n].subject for n in (1, 2, 3, 4, 5)]

    assert subjects(types.Link((3, 2)), types.Link((3, 5))) == [1, 2, 2, 4, 2]
    assert subjects(types.Link((2, 3, 5)), types.Unlink(2)) == [1, 2, 3, 4, 3]
    assert subjects(types.Link((2, 3)), types.Unlink(2)) == [1, 2, 3, 4, 5]
    # A release that shows one of two people must not show the other because their tracks were merged.
    assert subjects(types.Link((1, 2)), types.Link((3, 4)), types.Merge(1, 3)) == [1, 2, 3, 4, 5]
    # All tracks of a link must exist; otherwise none is linked.
    assert subjects(types.Delete(3, "nobody"), types.Link((1, 2, 3))) == [1, 2, 3, 4, 5]


# ---- the log


def test_undo_skips_dependent_edits_until_redo() -> None:
    machine = still(1, 0, 30)
    edits: list[Edit] = [types.Split(1, 10, 8), types.Delete(8, "a poster"), types.Keyframe(1, 5, BOX)]
    undone = applied(*edits, types.Undo("edit-001"), tracks=[machine])
    assert reasons(undone) == [("edit-002", "There is no track 8.")]
    assert undone.undone == {"edit-001"}
    assert shown(undone, 1).keys() == set(range(31))
    redone = applied(*edits, types.Undo("edit-001"), types.Redo("edit-001"), tracks=[machine])
    assert_same(redone.tracks, applied(*edits, tracks=[machine]).tracks)
    assert shown(redone, 1).keys() == set(range(10))


_KEY = types.Keyframe(1, 5, BOX)


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([types.Keyframe(7, 5, BOX)], "There is no track 7."),
        ([types.Delete(1, "x"), _KEY], "Track 1 was deleted."),
        ([types.Restore(1)], "Track 1 was not deleted."),
        ([types.Merge(2, 1), _KEY], "Track 1 was merged into track 2."),
        ([types.Draw(1, "face", 0, 5, BOX)], "Track 1 already exists."),
        ([types.SetArea(1, "face", 0, 5, BOX)], "Track 1 already exists."),
        ([types.Split(1, 5, 2)], "Track 2 already exists."),
        # The track is on frames 0 to 30: a part would be empty.
        ([types.Split(1, 0, 8)], "Track 1 is not visible on both sides of frame 0."),
        ([types.Split(1, 31, 8)], "Track 1 is not visible on both sides of frame 31."),
        ([types.RemoveKeyframe(1, 5)], "Track 1 has no keyframe on frame 5."),
        # Trimming left a mark there, but no keyframe.
        ([types.SetSpan(1, 5, 9), types.RemoveKeyframe(1, 5)], "Track 1 has no keyframe on frame 5."),
        ([types.Keyframe(1, 300, BOX)], "The footage has no frame 300."),
        ([types.Unlink(1)], "Track 1 is not linked."),
        ([types.RemoveSound(1, "x")], "There is no sound span 1."),
        ([types.Undo("edit-009")], "There is no such earlier edit."),
        ([types.Undo("edit-001")], "There is no such earlier edit."),
        ([_KEY, types.Undo("edit-001"), types.Undo("edit-001")], "The edit was already undone."),
        ([_KEY, types.Redo("edit-001")], "The edit is already in effect."),
        (
            [_KEY, types.Undo("edit-001"), types.Undo("edit-002")],
            "An undo is reversed by a redo, and a redo by an undo.",
        ),
    ],
)
def test_edits_without_effect_are_listed_with_reason(edits: list[Edit], reason: str) -> None:
    edited = applied(*edits, tracks=[still(1, 0, 30), still(2, 0, 30)])
    assert reasons(edited) == [(f"edit-{len(edits):03}", reason)]
    assert_same(edited.tracks, applied(*edits[:-1], tracks=[still(1, 0, 30), still(2, 0, 30)]).tracks)


def test_edit_logged_twice_counts_once() -> None:
    log = logged(types.Resize(1, 2.0), types.Resize(1, 2.0))
    edited = apply_edits(TrackSet(media(10), (still(1, 0, 5),)), [log[0], replace(log[1], id=log[0].id)])
    assert shown(edited, 1)[0] == [80, 70, 160, 190]
    assert reasons(edited) == [("edit-001", "The log already has an edit with this id.")]


def test_machine_tracks_are_unchanged_by_edits() -> None:
    machine = TrackSet(media(300), (still(1, 0, 100), still(2, 0, 100)))
    before = TrackSet(media(300), (still(1, 0, 100), still(2, 0, 100)))
    for column in (c for t in machine.tracks for c in (t.frames, t.boxes, t.angles, t.scores, t.sources)):
        column.flags.writeable = False
    edits: list[Edit] = [
        types.Keyframe(1, 5, moved(9)),
        types.Resize(1, 2.0),
        types.SetSpan(1, 3, 120),
        types.Merge(1, 2),
    ]
    edited = apply_edits(machine, logged(*edits, types.Split(1, 50, 8), types.AddBoxes(8, (PlacedBox(60, *BOX, 0),))))
    assert not edited.skipped
    assert_same(machine, before)
    # A track without edits is the same object.
    assert apply_edits(machine, logged(types.Keyframe(1, 5, BOX))).tracks.tracks[1] is machine.tracks[1]


def test_replay_of_two_thousand_edits_is_fast() -> None:
    machine = an_hour()
    rng = np.random.default_rng(3)
    edits: list[Edit] = []
    for i in range(2000):
        number = int(rng.integers(0, 100)) if i % 2 else int(rng.integers(0, 500))
        frame = int(rng.choice(machine.tracks[number].frames[1:]))
        x, y = (float(v) for v in rng.uniform(0, 900, 2))
        box = Box(x, y, x + 50, y + 60)
        edits.append(
            (
                types.Keyframe(number, frame, box),
                types.Keyframe(number, frame, box),
                types.Resize(number, 1.1),
                types.Split(number, frame, 1000 + i),
                types.AddBoxes(number, tuple(PlacedBox(frame + k, *box, 0.0) for k in range(75) if frame + k < 90000)),
                types.SetSpan(number, max(0, frame - 300), frame),
                types.Merge(number, (number + 1) % 500),
                types.Draw(1000 + i, "face", frame, min(89999, frame + 75), box),
            )[i % 8]
        )
    log = logged(*edits)
    started = time.process_time()
    edited = apply_edits(machine, log)
    took = time.process_time() - started
    assert len(edited.skipped) < 1500
    # CPU seconds, independent of other load; far above the usual, so that only another order of growth fails.
    assert took < 10, took
