"""Random tracks for tests: hypothesis strategies, and one large set for speed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from redact.track.types import COLUMNS, MediaRef, Source, Track, TrackSet

SHA = "0123456789abcdef" * 4


def media(count: int = 10, width: int = 640, height: int = 480) -> MediaRef:
    return MediaRef(SHA, width, height, Fraction(1, 90000), np.arange(count, dtype=np.int64) * 3600, 3600)


def track(  # noqa: PLR0917 - the columns in their order
    number: int,
    label: str,
    frames: list[int],
    boxes: list[list[float]],
    angles: list[float] | None = None,
    sources: list[Source] | None = None,
) -> Track:
    n = len(frames)
    return Track(
        number,
        label,
        np.array(frames, np.int32),
        np.array(boxes, np.float32).reshape(n, 4),
        np.array(angles or [0.0] * n, np.float32),
        np.ones(n, np.float32),
        np.array(sources or [Source.DETECTOR] * n, np.uint8),
    )


def assert_same(a: TrackSet, b: TrackSet, *, tracks_only: bool = False) -> None:
    """Bitwise equal, including dtypes."""
    if not tracks_only:
        assert (a.cuts, dict(a.provenance)) == (b.cuts, dict(b.provenance))
    assert (a.media.sha256, a.media.width, a.media.height) == (b.media.sha256, b.media.width, b.media.height)
    assert (a.media.time_base, a.media.last_duration) == (b.media.time_base, b.media.last_duration)
    np.testing.assert_array_equal(a.media.pts, b.media.pts)
    assert [(t.id, t.label) for t in a.tracks] == [(t.id, t.label) for t in b.tracks]
    for s, t in zip(a.tracks, b.tracks, strict=True):
        for name in COLUMNS:
            x, y = getattr(s, name), getattr(t, name)
            assert x.dtype == y.dtype, name
            np.testing.assert_array_equal(x, y, err_msg=f"track {s.id}: {name}")


LABELS = st.sampled_from(["face", "plate", "text"]) | st.text(min_size=1, max_size=20).filter(
    lambda s: s.isprintable() and s == s.strip()
)
# Below 1/4096 of a pixel, a corner and a size in double precision cannot carry every float32 of the other corner.
COORDINATES = st.floats(-20000, 20000, width=32).filter(lambda v: v == 0 or abs(v) >= 2**-12)


@st.composite
def boxes(draw: st.DrawFn) -> list[float]:
    x = draw(st.lists(COORDINATES, min_size=2, max_size=2, unique=True))
    y = draw(st.lists(COORDINATES, min_size=2, max_size=2, unique=True))
    return [min(x), min(y), max(x), max(y)]


@st.composite
def tracks(draw: st.DrawFn, number: int, count: int, angles: st.SearchStrategy[float]) -> Track:
    frames = sorted(draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=8)))
    n = len(frames)

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    return Track(
        number,
        draw(LABELS),
        np.array(frames, np.int32),
        np.array(column(boxes()), np.float32).reshape(n, 4),
        np.array(column(angles), np.float32),
        np.array(column(st.floats(2**-19, 1, width=32)), np.float32),
        np.array(column(st.sampled_from(list(Source))), np.uint8),
    )


@st.composite
def track_sets(draw: st.DrawFn, turned: bool = True) -> TrackSet:
    """``turned`` allows angles within (-180, 180] that are not 0."""
    count = draw(st.integers(1, 30))
    steps = draw(st.lists(st.integers(1, 2**33), min_size=count - 1, max_size=count - 1))
    pts = np.cumsum(np.array([draw(st.integers(-(2**40), 2**40)), *steps], np.int64))
    base = Fraction(draw(st.integers(1, 1001)), draw(st.integers(1, 90000)))
    ref = MediaRef(draw(st.text("0123456789abcdef", min_size=64, max_size=64)), 1280, 721, base, pts)
    some = st.floats(-180, 180, width=32, exclude_min=True).filter(lambda v: abs(v) >= 2**-20)
    angles = st.just(0.0) | some if turned else st.just(0.0)
    ids = draw(st.lists(st.integers(0, 2**53 - 1), max_size=4, unique=True))
    return TrackSet(
        ref,
        tuple(draw(tracks(number, count, angles)) for number in ids),
        tuple(sorted(draw(st.sets(st.integers(1, count - 1), max_size=3)))) if count > 1 else (),
        draw(st.dictionaries(st.text(max_size=5), st.none() | st.integers(-9, 9) | st.text(max_size=5), max_size=3)),
    )


def an_hour(track_count: int = 500, boxes_each: int = 540) -> TrackSet:
    """An hour at 25 frames a second with three objects always visible."""
    rng = np.random.default_rng(7)
    count = 90000
    made = []
    for number in range(track_count):
        first = int(rng.integers(0, count - boxes_each))
        corner = rng.uniform(0, 1800, (boxes_each, 2))
        made.append(
            Track(
                number,
                ("face", "plate")[number % 2],
                np.arange(first, first + boxes_each, dtype=np.int32),
                np.concatenate([corner, corner + rng.uniform(5, 90, (boxes_each, 2))], axis=1).astype(np.float32),
                np.zeros(boxes_each, np.float32),
                rng.uniform(0, 1, boxes_each).astype(np.float32),
                rng.integers(0, 3, boxes_each).astype(np.uint8),
            )
        )
    return TrackSet(media(count, 1920, 1080), tuple(made))
