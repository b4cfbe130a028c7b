"""Random edits for tests, many of which contradict others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from redact.mask.edits import types
from redact.mask.edits.types import Box, Edit, LoggedEdit, PlacedBox
from redact.settings import SoundEffect
from redact.track.types import Track, TrackSet
from tests.track.factory import media, track

COUNT = 60
WIDTH, HEIGHT = 640, 480
IDS = st.integers(1, 7)
FRAMES = st.integers(0, COUNT - 1)
RANGES = st.tuples(FRAMES, FRAMES).map(lambda r: (min(r), max(r)))
REASONS = st.sampled_from(["no person", "wrong"])
LABELS = st.sampled_from(["face", "plate"])
ANGLES = st.sampled_from([0.0, 0.0, 30.0, -170.0])


@st.composite
def box(draw: st.DrawFn) -> Box:
    x, y = draw(st.integers(-100, 700)), draw(st.integers(-100, 500))
    return Box(x, y, x + draw(st.integers(1, 200)) + 0.1, y + draw(st.integers(1, 200)) + 0.1)


@st.composite
def rows(draw: st.DrawFn) -> tuple[PlacedBox, ...]:
    first, last = draw(RANGES)
    angle = draw(ANGLES)
    return tuple(PlacedBox(f, *draw(box()), angle) for f in range(first, min(last, first + 5) + 1))


def _ranged(make: Any, *before: st.SearchStrategy[Any], after: tuple[st.SearchStrategy[Any], ...] = ()) -> Any:
    return st.tuples(*before, RANGES, *after).map(
        lambda v: make(*v[: len(before)], *v[len(before)], *v[len(before) + 1 :])
    )


_SECONDS = st.tuples(st.integers(0, 50), st.integers(1, 50)).map(lambda s: (float(s[0]), float(s[0] + s[1])))
KEYFRAMES = st.builds(types.Keyframe, IDS, FRAMES, box(), ANGLES)
PLAIN: st.SearchStrategy[Edit] = st.one_of(
    KEYFRAMES,
    KEYFRAMES,
    _ranged(types.Draw, IDS, LABELS, after=(box(), ANGLES)),
    _ranged(types.SetArea, IDS, LABELS, after=(box(), ANGLES)),
    _ranged(types.HideFrames, IDS),
    st.builds(types.Outside, IDS, FRAMES),
    st.builds(types.RemoveKeyframe, IDS, FRAMES),
    st.tuples(IDS, IDS).filter(lambda p: p[0] != p[1]).map(lambda p: types.Merge(*p)),
    st.tuples(IDS, FRAMES, IDS).filter(lambda p: p[0] != p[2]).map(lambda p: types.Split(*p)),
    st.builds(types.Delete, IDS, REASONS),
    st.builds(types.Restore, IDS),
    _ranged(types.SetSpan, IDS),
    st.builds(types.Resize, IDS, st.sampled_from([0.25, 0.9, 1.1, 4.0])),
    _ranged(types.Resize, IDS, st.sampled_from([0.5, 1.25])),
    st.builds(types.SetClass, IDS, LABELS),
    st.lists(IDS, min_size=2, max_size=3, unique=True).map(lambda ids: types.Link(tuple(ids))),
    st.builds(types.Unlink, IDS),
    st.builds(types.AddBoxes, IDS, rows()),
    st.tuples(IDS, _SECONDS, st.sampled_from(SoundEffect)).map(lambda v: types.AddSound(v[0], *v[1], v[2])),
    st.tuples(IDS, _SECONDS, st.sampled_from(SoundEffect)).map(lambda v: types.ChangeSound(v[0], *v[1], v[2])),
    st.builds(types.RemoveSound, IDS, REASONS),
    st.builds(types.Settle, st.sampled_from(["gap-3", "jump-1"]), st.just("")),
)


def logged(*edits: Edit, actor: str = "anna") -> list[LoggedEdit]:
    """An edit log with the ids ``edit-001`` and so on."""
    return [LoggedEdit(f"edit-{i:03}", i, actor, "2026-01-01T00:00:00Z", e) for i, e in enumerate(edits, start=1)]


@st.composite
def logs(draw: st.DrawFn, *, undoing: bool = True, most: int = 12) -> list[LoggedEdit]:
    meant = st.integers(1, most).map(lambda n: f"edit-{n:03}")
    some = st.builds(types.Undo, meant) | st.builds(types.Redo, meant) if undoing else st.nothing()
    return logged(*draw(st.lists(PLAIN | some, max_size=most)))


@st.composite
def machine_track(draw: st.DrawFn, number: int) -> Track:
    frames = sorted(draw(st.sets(FRAMES, min_size=1, max_size=4)))
    if draw(st.booleans()):  # most tracks have no gaps
        frames = list(range(frames[0], frames[-1] + 1))
    start = np.array(draw(box()))
    moved = [list(start + 3.3 * i) for i in range(len(frames))]
    return track(number, draw(LABELS), frames, moved, [draw(ANGLES)] * len(frames))


@st.composite
def machines(draw: st.DrawFn) -> TrackSet:
    """Three tracks with the ids 1 to 3. Frames are 0.04, 0.25 or 2 seconds apart: keyframes are near, or far."""
    ref = media(COUNT, WIDTH, HEIGHT)
    ref = replace(ref, pts=ref.pts * draw(st.sampled_from([4, 25, 200])) // 4)
    return TrackSet(ref, tuple(draw(machine_track(n)) for n in (1, 2, 3)))
