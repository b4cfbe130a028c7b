"""Tracking on artificial motion, with exactly known movement of every cell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from redact.detect.types import Detections
from redact.track.motion import Motion
from redact.track.propagation import Propagator
from redact.track.tracker import FAINT_PAD_SECONDS, LOST_SECONDS, OTHER_TRUST, TRUST, Tracker, steady
from redact.track.types import Source, Track

WIDTH, HEIGHT, CELL = 640, 360, 8
FPS = 25
SURE = 0.95
Box = tuple[float, float, float, float]
ScoredBox = tuple[Box, float]


def grid() -> NDArray[np.float32]:
    xs, ys = np.meshgrid(np.arange(WIDTH // CELL), np.arange(HEIGHT // CELL))
    return ((np.stack([xs, ys], axis=2) + 0.5) * CELL).astype(np.float32)


def shift(dx: float, dy: float, *, cut: bool = False) -> Motion:
    flow = np.full((HEIGHT // CELL, WIDTH // CELL, 2), (dx, dy), np.float16)
    return Motion(flow, np.array([[1, 0, dx], [0, 1, dy]], np.float32), cut)


def detections(detected: Sequence[ScoredBox], label: str = "face") -> Detections:
    n = len(detected)
    return Detections(
        np.array([box for box, _ in detected], np.float32).reshape(n, 4),
        np.array([score for _, score in detected], np.float32),
        (label,) * n,
        np.zeros(n, np.float32),
    )


def follow(
    detected: Mapping[int, Sequence[ScoredBox]],
    count: int,
    *,
    moves: Sequence[tuple[float, float]] = (),
    cuts: Collection[int] = (),
    label: str = "face",
) -> tuple[Track, ...]:
    """Tracks of ``count`` frames at 25 a second. ``detected``: detections on the frames the detector runs on;
    ``moves``: how the whole picture moves onto each frame (the first is not used), still after its end."""
    tracker = Tracker(Propagator(grid(), WIDTH, HEIGHT))
    for frame in range(count):
        dx, dy = moves[frame] if frame < len(moves) else (0.0, 0.0)
        motion = shift(dx, dy, cut=frame in cuts) if frame else None
        found = [((label,), detections(detected[frame], label))] if frame in detected else []
        tracker.step(frame / FPS, motion, found)
    tracks = tracker.finish()
    assert tracker.cuts == list(cuts)
    return tracks


def box_at(track: Track, frame: int) -> NDArray[np.float32]:
    (row,) = np.flatnonzero(track.frames == frame)
    box: NDArray[np.float32] = track.boxes[row]
    return box


def covers(track: Track, frame: int, box: Box, slack: float = 1.0) -> bool:
    have = box_at(track, frame)
    return bool((have[:2] <= np.array(box[:2]) + slack).all() and (have[2:] >= np.array(box[2:]) - slack).all())


def moved(box: Box, dx: float, dy: float = 0.0) -> Box:
    return (box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy)


FACE: Box = (200, 120, 240, 172)


def test_track_begins_before_first_detection() -> None:
    detected = {n: [(moved(FACE, 2 * n), SURE)] for n in range(10, 30, 4)}
    (track,) = follow({0: [], 4: [], **detected}, 30, moves=[(2, 0)] * 30)
    assert track.frames.tolist() == list(range(30))
    assert all(covers(track, n, moved(FACE, 2 * n)) for n in range(30))
    sources = {Source(s): set(track.frames[track.sources == s].tolist()) for s in set(track.sources.tolist())}
    assert sources[Source.DETECTOR] == set(detected)
    assert set(range(10)) <= sources[Source.PROPAGATED]
    assert 12 in sources[Source.FILLED]
    assert track.scores[10] == pytest.approx(SURE)


def test_track_gaps_are_closed_with_hull() -> None:
    # The picture stands still, but the second detection lies 12 pixels further: either may be right in between.
    (track,) = follow({0: [(FACE, SURE)], 5: [], 10: [], 15: [], 20: [(moved(FACE, 12), SURE)]}, 21)
    assert track.frames.tolist() == list(range(21))
    for n in range(2, 19):
        assert covers(track, n, (FACE[0], FACE[1], FACE[2] + 12, FACE[3]), slack=0.01), n
    assert (track.sources[1:20] == Source.FILLED).all()


def test_track_ends_at_border_and_resumes_on_return() -> None:
    # 20 pixels a frame to the left for 15 frames, leaving the picture at frame 12; back again in the next 15.
    moves = [(-20.0, 0.0)] * 16 + [(20.0, 0.0)] * 15
    places = np.cumsum([0, *(dx for dx, _ in moves[1:])])
    detected = {n: [(moved(FACE, places[n]), SURE)] for n in (0, 3, 6, 27, 30)}
    (track,) = follow({**detected, 12: [], 15: [], 18: []}, 31, moves=moves)
    visible = [n for n in range(31) if FACE[2] + places[n] > 0]
    assert track.frames.tolist() == visible
    assert 12 not in visible
    assert all(covers(track, n, moved(FACE, places[n]), slack=2) for n in visible)


def test_track_waits_limited_time_for_lost_object() -> None:
    last = round(LOST_SECONDS * FPS)
    (track,) = follow({0: [(FACE, SURE)], 5: [(FACE, SURE)]}, last + 50)
    assert int(track.frames[-1]) == 5 + last
    # Detected again just in time it is the same track; later it is a new one that extends back as far.
    late = {0: [(FACE, SURE)], last - 1: [(FACE, SURE)]}
    assert len(follow(late, last)) == 1
    # In floating point, frame 214 is slightly more than 4 seconds after 114; 213 after 113 is not.
    for again in (213, 214):
        first, second = follow({0: [(FACE, SURE)], again: [(FACE, SURE)]}, 220)
        assert first.frames.tolist() == list(range(last + 1))
        assert second.frames.tolist() == list(range(again - last, 220))


def test_track_without_sure_detection_extends_less() -> None:
    faint = (TRUST["face"].sure + TRUST["face"].alone) / 2
    (track,) = follow({50: [(FACE, faint)]}, 100)
    pad = round(FAINT_PAD_SECONDS * FPS)
    assert track.frames.tolist() == list(range(50 - pad, 50 + pad + 1))


def test_track_never_crosses_cut() -> None:
    other: Box = (400, 60, 450, 125)
    detected = {0: [(FACE, SURE)], 6: [(FACE, SURE)], 13: [(other, SURE)], 16: [(FACE, SURE)]}
    first, second, third = follow(detected, 20, cuts=[10])
    assert first.frames.tolist() == list(range(10))
    assert (covers(second, 10, FACE), covers(third, 10, other)) in {(True, True), (False, False)}
    assert second.frames.tolist() == third.frames.tolist() == list(range(10, 20))


def test_tracks_of_crossing_objects_stay_apart() -> None:
    a, b = (100, 120, 140, 172), (300, 100, 340, 152)
    count = 50
    detected = {n: [(moved(a, 4 * n), SURE), (moved(b, -4 * n), SURE - 0.05)] for n in range(0, count, 2)}
    # The flow shows neither movement, which is the worst case.
    tracks = follow(detected, count)
    assert len(tracks) == 2
    for n in range(count):
        for true in (moved(a, 4 * n), moved(b, -4 * n)):
            # One on either side of a frame without detection may stand in for the other.
            assert any(covers(track, n, true, slack=4.5) for track in tracks), n


def test_track_covers_detections_of_both_detectors() -> None:
    """Both detect faces; on frame 0, one detects the left part and the other the right part."""
    left, right = (100.0, 100.0, 150.0, 160.0), (120.0, 110.0, 170.0, 170.0)
    tracker = Tracker(Propagator(grid(), WIDTH, HEIGHT))
    tracker.step(0.0, None, [(("face",), detections([(box, SURE)])) for box in (left, right)])
    (track,) = tracker.finish()
    assert box_at(track, 0).tolist() == [100, 100, 170, 170]


def test_tracks_of_different_classes_do_not_mix() -> None:
    tracker = Tracker(Propagator(grid(), WIDTH, HEIGHT))
    for frame in range(4):
        found = [((label,), detections([(FACE, SURE)], label)) for label in ("face", "plate")]
        tracker.step(frame / FPS, shift(0, 0) if frame else None, found)
    assert [(t.id, t.label, len(t)) for t in tracker.finish()] == [(1, "face", 4), (2, "plate", 4)]


@pytest.mark.parametrize("label", ["face", "plate"])
def test_tracks_are_kept_by_score_and_count(label: str) -> None:
    trust = TRUST.get(label, OTHER_TRUST)
    often = {4 * n: [(FACE, trust.alone - 0.1)] for n in range(trust.often)}
    fewer = {4 * n: [(FACE, trust.alone - 0.1)] for n in range(trust.often - 1)}
    for detected, kept in (
        ({3: [(FACE, trust.alone - 0.01)]}, trust.often <= 1),  # one low score
        ({3: [(FACE, trust.alone + 0.01)]}, True),  # once, with a high score
        (often, True),  # low scores, but often enough
        (fewer, False),
    ):
        assert bool(follow(detected, 20, label=label)) is kept


def test_track_covers_object_entering_at_border() -> None:
    # A face 60 pixels wide slides in from the left by 6 pixels a frame, half of it in the picture when first detected.
    whole: Box = (-30, 100, 30, 178)
    detected = {3: [((0, 100, 30, 178), SURE)]}
    (track,) = follow(detected, 12, moves=[(6, 0)] * 12)
    assert all(covers(track, n, moved(whole, 6 * (n - 3))) for n in range(12))


HALF: Box = (200, 120, 240, 146)


@pytest.mark.parametrize("sequence", [(FACE, FACE, HALF, FACE), (HALF, HALF, FACE, FACE), (FACE, HALF, HALF, HALF)])
def test_track_keeps_full_size_after_partial_detection(sequence: Sequence[Box]) -> None:
    (track,) = follow({5 * place: [(box, SURE)] for place, box in enumerate(sequence)}, 16)
    assert all(covers(track, frame, FACE) for frame in range(16))


def test_track_shrinks_when_object_stays_small() -> None:
    (track,) = follow({0: [(FACE, SURE)], **{frame: [(HALF, SURE)] for frame in range(5, 100, 5)}}, 96)
    assert covers(track, 10, FACE)
    low, high = np.split(box_at(track, 90), 2)
    assert (high - low <= np.array([41, 27])).all()
    (track,) = follow({**{frame: [(HALF, SURE)] for frame in range(0, 95, 5)}, 95: [(FACE, SURE)]}, 96)
    assert covers(track, 85, FACE) and not covers(track, 60, FACE)


def test_tracker_is_deterministic() -> None:
    rng = np.random.default_rng(5)
    starts = rng.uniform(20, 300, (6, 2))
    detected: dict[int, list[ScoredBox]] = {}
    for n in range(0, 40, 3):
        detected[n] = []
        for i in rng.permutation(6):
            x, y = starts[i] + rng.normal(0, 1, 2) + n
            if n >= 3 * i:
                detected[n].append(((x, y, x + 30, y + 40), float(rng.uniform(0.55, 1))))
    moves = [(1.0, 1.0)] * 40
    one, two = follow(detected, 40, moves=moves), follow(detected, 40, moves=moves)
    assert [t.id for t in one] == list(range(1, len(one) + 1))
    assert [int(t.frames[0]) for t in one] == sorted(int(t.frames[0]) for t in one)
    for a, b in zip(one, two, strict=True):
        assert (a.id, a.label) == (b.id, b.label)
        np.testing.assert_array_equal(a.frames, b.frames)
        np.testing.assert_array_equal(a.boxes, b.boxes)


def test_tracker_without_detections_gives_no_tracks() -> None:
    assert follow({0: [], 3: []}, 5) == ()
    assert Tracker(Propagator(grid(), WIDTH, HEIGHT)).finish() == ()


def test_steady_never_shrinks_boxes() -> None:
    rng = np.random.default_rng(2)
    for n in (1, 2, 3, 8, 40):
        corner = rng.uniform(0, 300, (n, 2))
        boxes = np.hstack([corner, corner + rng.uniform(5, 80, (n, 2))]).astype(np.float32)
        grown = steady(boxes)
        assert (grown[:, :2] <= boxes[:, :2] + 1e-3).all()
        assert (grown[:, 2:] >= boxes[:, 2:] - 1e-3).all()
    # A single small detection among large ones is enlarged about its centre.
    boxes = np.tile(np.array([100, 100, 160, 180], np.float32), (9, 1))
    boxes[4] = (120, 130, 140, 150)
    np.testing.assert_allclose(steady(boxes)[4], (100, 100, 160, 180))
