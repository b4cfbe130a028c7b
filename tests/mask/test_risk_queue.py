from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from redact.mask.edits.edited_tracks import apply_edits, replayed
from redact.mask.edits.types import Box, Draw, Edit, HideFrames, Keyframe, LoggedEdit, Outside, Settle
from redact.mask.risk_queue import Risk, risk_queue, risks_by_track, unsettled
from redact.media.types import FrameTable
from redact.track.types import MediaRef, Source, Track, TrackSet

FRAMES, SIZE = 100, (640, 360)
"""At 25 frames a second."""


def track(id_: int, first: int, last: int, *, left: float = 300.0, step: float = 0.0, score: float = 0.9) -> Track:
    """A face of 40 x 50 pixels, detected on every frame."""
    frames = np.arange(first, last + 1, dtype=np.int32)
    x = left + step * (frames - first)
    boxes = np.column_stack([x, np.full(x.size, 100), x + 40, np.full(x.size, 150)]).astype(np.float32)
    sources = np.full(frames.size, Source.DETECTOR, np.uint8)
    return Track(id_, "face", frames, boxes, 0 * x.astype(np.float32), np.full(x.size, score, np.float32), sources)


def queue(tracks: list[Track], *edits: Edit, cuts: tuple[int, ...] = (), corrupt: tuple[int, ...] = ()) -> list[Risk]:
    pts = np.arange(FRAMES, dtype=np.int64)
    damaged = np.isin(np.arange(FRAMES), corrupt)
    table = FrameTable(pts, np.zeros(FRAMES, bool), damaged, Fraction(1, 25), 1)
    media = MediaRef("0" * 64, *SIZE, table.time_base, pts, 1)
    log = [LoggedEdit(f"edit-{n:04}", n, "rita", "2026-01-01T00:00:00Z", edit) for n, edit in enumerate(edits, 1)]
    return list(risk_queue(apply_edits(TrackSet(media, tuple(tracks), cuts), log), table))


def keys(risks: list[Risk]) -> list[str]:
    return sorted(risk.key for risk in risks)


@pytest.mark.parametrize(
    ("first", "last", "left", "expected"),
    [
        (0, 99, 300.0, []),  # present throughout
        (10, 80, 300.0, ["birth:1:10", "death:1:80"]),
        (10, 80, 4.0, []),  # both at the left border: within 12 % of its width
        (10, 80, 6.0, ["birth:1:10", "death:1:80"]),  # not quite
        (10, 80, 597.0, []),  # at the right one
        (30, 59, 300.0, []),  # from the first to the last frame of a shot
        (31, 59, 300.0, ["birth:1:31"]),
        (30, 58, 300.0, ["death:1:58"]),
    ],
)
def test_review_queue_lists_tracks_that_begin_or_end_mid_picture(
    first: int, last: int, left: float, expected: list[str]
) -> None:
    assert keys(queue([track(1, first, last, left=left)], cuts=(30, 60))) == expected


@pytest.mark.parametrize(("frames", "expected"), [(12, []), (14, ["gap:1:20"])])
def test_review_queue_lists_long_gaps(frames: int, expected: list[str]) -> None:
    one = track(1, 0, 99)
    one.sources[20 : 20 + frames] = Source.FILLED
    assert keys(queue([one])) == expected


def test_review_queue_lists_weak_spans() -> None:
    one = track(1, 0, 99)
    one.scores[40:60] = 0.4
    (risk,) = queue([one])
    assert (risk.key, risk.first, risk.last, risk.text) == (
        "weak:1:40", 40, 59, "The detector was unsure here (40% at its lowest)",
    )  # fmt: skip


def test_review_queue_lists_jumps_and_size_changes() -> None:
    assert queue([track(1, 0, 99, left=0, step=5)]) == []
    one = track(1, 0, 99)
    one.boxes[50:] += np.array([30, 0, 30, 0], np.float32)  # three quarters of its width
    two = track(2, 0, 99)
    two.boxes[70:, 2:] += 40
    found = queue([one, two])
    assert [(r.key, r.first, r.last) for r in found if r.track == 1] == [("jump:1:49", 49, 50)]
    assert next(r for r in found if r.track == 2).text.startswith("Changes its size")


def test_review_queue_lists_single_detections() -> None:
    one = track(1, 0, 99)
    one.sources[1:] = Source.PROPAGATED
    assert keys(queue([one])) == ["single:1:0"]


def test_review_queue_lists_damaged_frames() -> None:
    (one, other) = queue([], corrupt=(5, 6, 7, 50))
    assert {(r.track, r.first, r.last) for r in (one, other)} == {(None, 5, 7), (None, 50, 50)}
    assert one.key == "damaged:0:5" and one.score > other.score


def test_review_queue_omits_marked_and_settled_items() -> None:
    tracks = [track(1, 10, 80)]
    assert keys(queue(tracks, Keyframe(1, 10, Box(300, 100, 340, 150)))) == ["death:1:80"]
    assert keys(queue(tracks, Outside(1, 60))) == ["birth:1:10"]  # ended by a person
    assert keys(queue(tracks, Settle("birth:1:10", "a door"))) == ["death:1:80"]
    drawn: list[Edit] = [Draw(7, "face", 10, 20, Box(100, 100, 140, 150)), HideFrames(8, 40, 41)]
    assert queue([], *drawn) == []


def test_review_queue_is_ordered_by_score() -> None:
    weak = track(2, 0, 99)
    weak.scores[40:60] = 0.45
    big = track(1, 0, 50)
    big.boxes[:, 3] += 100
    scores = [(risk.kind.value, risk.score) for risk in queue([weak, big], corrupt=(3,))]
    assert [kind for kind, _ in scores] == ["death", "weak", "damaged"]
    assert [score for _, score in scores] == sorted((score for _, score in scores), reverse=True)
    assert all(0 <= score <= 1 for _, score in scores)


def test_review_queue_recomputes_only_changed_tracks() -> None:
    sound = np.zeros(FRAMES, bool)
    table = FrameTable(np.arange(FRAMES, dtype=np.int64), sound, sound, Fraction(1, 25), 1)
    media = MediaRef("0" * 64, *SIZE, table.time_base, table.pts, 1)
    machine = TrackSet(media, (track(1, 10, 80), track(2, 20, 70), track(3, 5, 6)))
    edits: list[Edit] = [Keyframe(1, 10, Box(300, 100, 340, 150)), Settle("death:2:70", "a door"), Outside(2, 60)]
    log = [LoggedEdit(f"edit-{n:04}", n, "rita", "2026-01-01T00:00:00Z", edit) for n, edit in enumerate(edits, 1)]
    made = replayed(machine, ())
    found = risks_by_track(made.edited, table, {})
    for stop, again in ((1, {1}), (2, set()), (3, {2})):
        made = replayed(machine, log[:stop], [made])
        now = risks_by_track(made.edited, table, found)
        assert {number for number in now if now[number] is not found[number]} == again
        assert unsettled(now, made.edited, table) == risk_queue(apply_edits(machine, log[:stop]), table) != ()
        found = now
