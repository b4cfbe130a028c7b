"""Edit cases that the reviewer's JavaScript also replays (tests/frontend/edit_cases.test.mjs).

``cases/*.json``: ``footage`` has 25 frames a second. ``machine`` lists tracks whose box moves right by ``step`` pixels
a frame; a case uses those it names. ``expected`` is the result of the edits: lanes, sounds, settled items, edits
without effect, and ``[centre x, centre y, width, height, angle]`` of each track on the ``frames`` of the case.
``server_only`` names what the reviewer cannot know before the server's response, and why.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redact.frame_ranges import frame_ranges
from redact.mask.edits.edit_json import parse_edit
from redact.mask.edits.edited_tracks import apply_edits
from redact.mask.edits.result import TrackState
from redact.mask.edits.types import LoggedEdit
from redact.track.types import Track, TrackSet
from tests.track.factory import media, track

Json = dict[str, Any]
FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    name: str
    footage: Json
    machine: list[Json]
    edits: list[Json]
    frames: list[int]
    expected: Json


def all_cases() -> list[Case]:
    """The cases of all files, in order of file name."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        table = json.loads(path.read_text(encoding="utf-8"))
        for case in table["cases"]:
            machine = [one for one in table["machine"] if one["id"] in case["machine"]]
            name = f"{path.stem}: {case['name']}"
            found.append(Case(name, table["footage"], machine, case["edits"], case["frames"], case["expected"]))
    return found


def machine_of(footage: Json, machine: Sequence[Json]) -> TrackSet:
    """The machine tracks of a case."""
    ref = media(footage["frames"], footage["width"], footage["height"])
    return TrackSet(ref, tuple(_track(one) for one in machine))


def expected_of(footage: Json, machine: Sequence[Json], edits: Sequence[Json], frames: Sequence[int]) -> Json:
    """The Python result of a case, in the form of its ``expected``."""
    size = {"frame_count": footage["frames"], "width": footage["width"], "height": footage["height"]}
    log = [
        LoggedEdit(
            edit["id"],
            place,
            "anna",
            "2026-01-01T00:00:00Z",
            parse_edit({name: value for name, value in edit.items() if name != "id"}, **size),
        )
        for place, edit in enumerate(edits, start=1)
    ]
    edited = apply_edits(machine_of(footage, machine), log)
    shown = sorted([*edited.tracks.tracks, *edited.deleted.values()], key=lambda each: each.id)
    boxes = {frame: {t.id: _shape(t, frame) for t in edited.tracks.tracks if frame in t.frames} for frame in frames}
    return {
        "tracks": [_lane(each, edited.states[each.id]) for each in shown],
        "sounds": [
            {"id": id_, "start": float(span.start), "end": float(span.end), "effect": span.effect.value}
            for id_, span in edited.sounds.items()
        ],
        "settled": sorted(edited.settled),
        "skipped": [skipped.edit for skipped in edited.skipped],
        "boxes": {str(frame): {str(id_): shape for id_, shape in of.items()} for frame, of in boxes.items()},
    }


def _track(one: Json) -> Track:
    frames = [frame for first, last in one["spans"] for frame in range(first, last + 1)]
    left, top, right, bottom = one["box"]
    moved = [one["step"] * (frame - frames[0]) for frame in frames]
    return track(one["id"], one["label"], frames, [[left + by, top, right + by, bottom] for by in moved])


def _lane(each: Track, state: TrackState) -> Json:
    return {
        "id": each.id,
        "kind": state.kind.value,
        "label": state.label,
        "origin": state.origin.value,
        "subject": state.subject,
        "frames": [list(span) for span in frame_ranges(each.frames)],
        "keyframes": list(state.keyframes),
        "outsides": list(state.outsides),
        "deleted": state.deleted,
    }


def _shape(each: Track, frame: int) -> list[float]:
    place = int(each.frames.searchsorted(frame))
    left, top, right, bottom = (float(value) for value in each.boxes[place])
    shape = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top, float(each.angles[place])]
    return [round(value, 3) for value in shape]
