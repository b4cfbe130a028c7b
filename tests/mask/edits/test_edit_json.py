"""Edits to JSON and back, conflicts between edits, and copies to other footage."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redact.canonical_json import canonical
from redact.errors import EditInvalid
from redact.mask.edits import types
from redact.mask.edits.conflicts import conflicts
from redact.mask.edits.copying import copy_track
from redact.mask.edits.edit_json import OPERATIONS, edit_json, parse_edit, parse_edit_id
from redact.mask.edits.edited_tracks import apply_edits
from redact.mask.edits.types import Box, Edit, PlacedBox
from redact.settings import SoundEffect
from redact.track.types import MediaRef, TrackSet
from tests.mask.edits.factory import COUNT, HEIGHT, PLAIN, WIDTH, logged
from tests.track.factory import media, track

BOX = Box(100, 100, 140, 160)


def parsed(untrusted: object) -> Edit:
    return parse_edit(untrusted, frame_count=COUNT, width=WIDTH, height=HEIGHT)


# ---- JSON


@given(PLAIN | st.sampled_from([types.Undo("edit-001"), types.Redo("edit-001")]))
def test_edit_json_round_trips(edit: Edit) -> None:
    assert parsed(json.loads(canonical(edit_json(edit)))) == edit


def test_edit_operations_all_have_names() -> None:
    operations = set(types.Edit.__args__)
    assert set(OPERATIONS.values()) == operations


def test_edit_json_accepts_defaults_and_names() -> None:
    assert parsed({"op": "keyframe", "track": 1, "frame": 2, "box": [1, 2, 3, 4]}) == types.Keyframe(
        1, 2, Box(1.0, 2.0, 3.0, 4.0)
    )
    named = {"op": "delete", "track": 1, "reason": "\u0646\u0627\u0645\u200c\u0647\u0627"}
    assert parsed(named) == types.Delete(1, "\u0646\u0627\u0645\u200c\u0647\u0627")
    assert parsed({"op": "resize", "track": 1, "factor": 1.5, "first": None}) == types.Resize(1, 1.5)


_KEYFRAME: dict[str, Any] = {"op": "keyframe", "track": 1, "frame": 2, "box": [1, 2, 3, 4], "angle": 0}


@pytest.mark.parametrize(
    ("untrusted", "fault"),
    [
        (None, "edit"),
        ([], "edit"),
        ({}, "op"),
        ({"op": ["keyframe"]}, "op"),
        ({"op": "__class__"}, "op"),
        (_KEYFRAME | {"also": 1}, "also"),
        ({k: v for k, v in _KEYFRAME.items() if k != "box"}, "box"),
        (_KEYFRAME | {"track": True}, "track"),
        (_KEYFRAME | {"track": -1}, "track"),
        (_KEYFRAME | {"track": 2**53}, "track"),
        (_KEYFRAME | {"frame": 1.0}, "frame"),
        # The footage has 60 frames.
        (_KEYFRAME | {"frame": 60}, "frame"),
        (_KEYFRAME | {"box": [1, 2, 3]}, "box"),
        (_KEYFRAME | {"box": [1, 2, 3, "4"]}, "box"),
        (_KEYFRAME | {"box": [1, 2, 3, float("nan")]}, "box"),
        (_KEYFRAME | {"box": [1, 2, 3, float("inf")]}, "box"),
        # Thinner than a pixel; the wrong way round; further out than the picture is wide (640).
        (_KEYFRAME | {"box": [1, 2, 1.9, 4]}, "box"),
        (_KEYFRAME | {"box": [3, 2, 1, 4]}, "box"),
        (_KEYFRAME | {"box": [-641, 2, 3, 4]}, "box"),
        (_KEYFRAME | {"box": [1, 2, 1281, 4]}, "box"),
        (_KEYFRAME | {"angle": 361}, "angle"),
        (_KEYFRAME | {"angle": None}, "angle"),
        ({"op": "delete", "track": 1, "reason": ""}, "reason"),
        ({"op": "delete", "track": 1, "reason": "  "}, "reason"),
        ({"op": "delete", "track": 1, "reason": "a\nb"}, "reason"),
        ({"op": "delete", "track": 1, "reason": "\ud800"}, "reason"),
        ({"op": "delete", "track": 1, "reason": "x" * 1001}, "reason"),
        ({"op": "set-class", "track": 1, "label": " face"}, "label"),
        ({"op": "set-class", "track": 1, "label": ""}, "label"),
        ({"op": "set-span", "track": 1, "first": 5, "last": 4}, "ends before it starts"),
        ({"op": "resize", "track": 1, "factor": 0}, "factor"),
        ({"op": "resize", "track": 1, "factor": 4.01}, "factor"),
        ({"op": "resize", "track": 1, "factor": 2, "first": 5}, "both ends"),
        ({"op": "merge", "track": 1, "other": 1}, "itself"),
        ({"op": "split", "track": 1, "frame": 1, "new": 1}, "another id"),
        ({"op": "link", "tracks": [1]}, "two or more"),
        ({"op": "link", "tracks": [1, 1]}, "two or more"),
        ({"op": "link", "tracks": [1, "2"]}, "tracks[1]"),
        ({"op": "add-boxes", "track": 1, "rows": []}, "rows"),
        ({"op": "add-boxes", "track": 1, "rows": [[0, 1, 2, 3, 4]]}, "rows[0]"),
        ({"op": "add-boxes", "track": 1, "rows": [[2, 1, 2, 3, 4, 0], [2, 1, 2, 3, 4, 0]]}, "in order"),
        ({"op": "add-sound", "span": 1, "start": 2, "end": 2, "effect": "mute"}, "after it starts"),
        ({"op": "add-sound", "span": 1, "start": -1, "end": 2, "effect": "mute"}, "start"),
        ({"op": "add-sound", "span": 1, "start": 1, "end": 2, "effect": "whisper"}, "effect"),
        ({"op": "add-sound", "span": 1, "start": 1, "end": 2, "effect": ["mute"]}, "effect"),
        ({"op": "undo", "edit": "a b c d e f"}, "edit"),
    ],
)
def test_edit_json_with_fault_is_refused_with_its_place(untrusted: object, fault: str) -> None:
    with pytest.raises(EditInvalid) as caught:
        parsed(untrusted)
    assert fault in caught.value.happened


@pytest.mark.parametrize("untrusted", [None, 12345678, "short12", "x" * 65, "edit 0001", "édit-0001", "edit-0001\n"])
def test_edit_ids_are_plain(untrusted: object) -> None:
    with pytest.raises(EditInvalid):
        parse_edit_id(untrusted)


# ---- conflicts

_ROWS = tuple(PlacedBox(f, *BOX, 0.0) for f in (10, 12))


@pytest.mark.parametrize(
    ("mine", "theirs", "stands_in_the_way"),
    [
        (types.Keyframe(1, 5, BOX), types.Keyframe(1, 5, BOX), True),
        (types.Keyframe(1, 5, BOX), types.Keyframe(1, 6, BOX), False),
        (types.Keyframe(1, 5, BOX), types.Keyframe(2, 5, BOX), False),
        # Up to the next mark.
        (types.Keyframe(1, 5, BOX), types.Outside(1, 5), True),
        (types.Keyframe(1, 5, BOX), types.Outside(1, 4), True),
        (types.Keyframe(1, 5, BOX), types.Outside(1, 6), False),
        (types.Resize(1, 2, 5, 9), types.AddBoxes(1, _ROWS), False),
        (types.Resize(1, 2, 5, 10), types.AddBoxes(1, _ROWS), True),
        (types.Resize(1, 2, 12, 20), types.AddBoxes(1, _ROWS), True),
        (types.Resize(1, 2, 13, 20), types.AddBoxes(1, _ROWS), False),
        (types.Resize(1, 2), types.AddBoxes(1, _ROWS), True),
        (types.SetSpan(1, 0, 5), types.Keyframe(1, 50, BOX), True),
        # Class and subject do not conflict with position; deletion does.
        (types.SetClass(1, "plate"), types.Keyframe(1, 5, BOX), False),
        (types.SetClass(1, "plate"), types.SetClass(1, "text"), True),
        (types.Link((1, 2)), types.Unlink(2), True),
        (types.Link((1, 2)), types.SetClass(2, "text"), False),
        (types.Delete(1, "x"), types.Keyframe(1, 5, BOX), True),
        (types.Link((1, 2)), types.Delete(2, "x"), True),
        (types.Merge(1, 2), types.Keyframe(2, 5, BOX), True),
        (types.Split(1, 5, 8), types.Draw(8, "face", 0, 1, BOX), True),
        (types.Draw(8, "face", 0, 1, BOX), types.Draw(8, "face", 50, 51, BOX), True),
        (types.ChangeSound(1, 0, 1, SoundEffect.MUTE), types.RemoveSound(1, "x"), True),
        (types.ChangeSound(1, 0, 1, SoundEffect.MUTE), types.RemoveSound(2, "x"), False),
        # A sound and a track with the same number.
        (types.RemoveSound(1, "x"), types.Delete(1, "x"), False),
        (types.Settle("gap-1", ""), types.Settle("gap-1", ""), False),
        # The undone edit counts.
        (types.Undo("earlier1"), types.Keyframe(1, 7, BOX), True),
        (types.Undo("earlier1"), types.Keyframe(1, 8, BOX), False),
        (types.Undo("unknown1"), types.Keyframe(1, 7, BOX), False),
        (types.Undo("earlier1"), types.Redo("earlier1"), True),
    ],
)
def test_conflicts_are_found(mine: Edit, theirs: Edit, stands_in_the_way: bool) -> None:
    earlier: dict[str, Edit] = {"earlier1": types.Keyframe(1, 7, BOX)}
    others = logged(types.Keyframe(77, 0, BOX), theirs)
    assert conflicts(mine, others, earlier) == (others[1:] if stands_in_the_way else [])
    assert bool(conflicts(theirs, logged(mine), earlier)) is stands_in_the_way


# ---- copies


def copied(source: TrackSet, target: MediaRef, *edits: Edit, number: int = 1, shift: float = 0.0) -> dict[int, Any]:
    """The boxes of the copy in the target by frame, after a round trip through JSON."""
    edited = apply_edits(source, logged(*edits))
    made = copy_track(edited, number, target, new=5, shift_seconds=shift)
    size = {"frame_count": target.pts.size, "width": target.width, "height": target.height}
    again = [parse_edit(json.loads(canonical(edit_json(e))), **size) for e in made]
    got = apply_edits(TrackSet(target, ()), logged(*again))
    assert not got.skipped
    return {int(f): b.tolist() for t in got.tracks.tracks for f, b in zip(t.frames, t.boxes, strict=True)}


def test_copy_track_follows_time_and_size() -> None:
    boxes = [[10.0 * f, 0, 10.0 * f + 20, 20] for f in range(5)]
    source = TrackSet(media(10), (track(1, "face", [0, 1, 2, 3, 4], boxes),))
    assert copied(source, media(10), shift=0.08) == {f + 2: b for f, b in enumerate(boxes)}
    # Half the size.
    half = copied(source, media(10, 320, 240))
    assert half[4] == [20, 0, 30, 10]
    # Frames half as far apart: those in between get the hull of both neighbours. After the end, nothing.
    target = replace(media(20), pts=np.arange(20, dtype=np.int64), time_base=Fraction(1, 50))
    twice = copied(source, target)
    assert twice[2] == boxes[1]
    assert twice[3] == [10, 0, 40, 20]
    assert max(twice) == 9  # half a frame after its last visible frame
    late = TrackSet(media(10), (track(1, "face", [2, 3], boxes[2:4]),))
    assert copied(late, target).keys() == set(range(3, 8))
    # Only the part that lies within the target.
    assert copied(source, media(3)).keys() == {0, 1, 2}
    assert copied(source, media(10), shift=-0.12).keys() == {0, 1}
    assert copied(source, media(10), shift=5.0) == {}


def test_copy_track_is_clipped_to_valid_edits() -> None:
    # An edit may reach one picture size outside the picture, which is 320 x 240 here.
    boxes = [[-5000.0, 0, 20, 20], [1279, 0, 1279.5, 20]]
    source = TrackSet(media(2), (track(1, "face", [0, 1], boxes),))
    assert copied(source, media(2, 320, 240)) == {0: [-320, 0, 10, 10], 1: [639, 0, 640, 10]}


def test_copy_track_keeps_gaps() -> None:
    boxes = [[0.0, 0, 20, 20]] * 4
    source = TrackSet(media(200), (track(1, "face", [0, 1, 100, 101], boxes),))
    assert copied(source, media(200)).keys() == {0, 1, 100, 101}


def test_copy_track_keeps_areas_and_whole_frames() -> None:
    source = TrackSet(media(20), ())
    area, whole = types.SetArea(1, "screen", 2, 5, BOX), types.HideFrames(2, 3, 9)
    edited = apply_edits(source, logged(area, whole))
    assert copy_track(edited, 1, media(20), new=8) == (replace(area, track=8),)
    assert copy_track(edited, 2, media(8), new=9) == (types.HideFrames(9, 3, 7),)
