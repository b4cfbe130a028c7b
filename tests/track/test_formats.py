"""Exchange formats: exact round trips, the formats' own documented examples, and hostile input."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given, settings

import redact.track.formats.cvat as cvat_module
from redact.errors import OutputExists, TracksMismatch, TracksUnreadable
from redact.track.formats import (
    Kind,
    common,
    export,
    from_coco,
    from_cvat,
    from_mot,
    import_,
    to_coco,
    to_cvat,
    to_mot,
)
from redact.track.formats.common import hulls
from redact.track.formats.mot import mot_labels, read_labels, write_labels
from redact.track.types import MediaRef, Source, Track, TrackSet
from tests.track.factory import SHA, an_hour, assert_same, media, track, track_sets


def rows(tracks: TrackSet) -> dict[int, list[tuple[Any, ...]]]:
    """id -> [(frame, left, top, right, bottom, angle, source letter)], rounded for reading."""
    return {
        t.id: [
            (int(f), *(round(float(v), 3) for v in b), round(float(a), 3), "dpf"[s])
            for f, b, a, s in zip(t.frames, t.boxes, t.angles, t.sources, strict=True)
        ]
        for t in tracks.tracks
    }


# Round trips


@given(track_sets())
@settings(max_examples=100, deadline=None)
def test_cvat_round_trip_is_exact(tracks: TrackSet) -> None:
    data = to_cvat(tracks)
    again = from_cvat(data, tracks.media)
    for a, b in zip(tracks.tracks, again.tracks, strict=True):
        # Angles below zero are written 360 degrees larger, which costs digits far below a pixel.
        np.testing.assert_allclose(a.angles, b.angles, rtol=0, atol=1e-9)
    assert_same(_angles_of(tracks, again), again, tracks_only=True)
    assert to_cvat(tracks) == data


@given(track_sets())
@settings(max_examples=100, deadline=None)
def test_coco_round_trip_is_exact(tracks: TrackSet) -> None:
    assert_same(tracks, from_coco(to_coco(tracks), tracks.media), tracks_only=True)


@given(track_sets(turned=False))
@settings(max_examples=100, deadline=None)
def test_mot_round_trip_keeps_all_but_sources(tracks: TrackSet) -> None:
    labels = read_labels(write_labels(mot_labels(tracks)))
    again = from_mot(to_mot(tracks), tracks.media, labels)
    assert_same(_as_detected(tracks), again, tracks_only=True)


def _angles_of(tracks: TrackSet, other: TrackSet) -> TrackSet:
    made = (
        Track(t.id, t.label, t.frames, t.boxes, o.angles, t.scores, t.sources)
        for t, o in zip(tracks.tracks, other.tracks, strict=True)
    )
    return TrackSet(tracks.media, tuple(made))


def _as_detected(tracks: TrackSet) -> TrackSet:
    made = (Track(t.id, t.label, t.frames, t.boxes, t.angles, t.scores, t.sources * 0) for t in tracks.tracks)
    return TrackSet(tracks.media, tuple(made))


@pytest.mark.parametrize("kind", ["mot", "cvat", "coco"])
def test_exchange_files_round_trip_and_are_not_overwritten(tmp_path: Path, kind: Kind) -> None:
    tracks = TrackSet(
        media(10), (track(3, "plate", [2, 3, 7], [[1, 2, 3, 4]] * 3), track(9, "face", [0], [[0, 0, 5, 5]]))
    )
    path = tmp_path / "out"
    export(tracks, kind, path, overwrite=False)
    assert_same(tracks, import_(path, kind, tracks.media), tracks_only=True)
    with pytest.raises(OutputExists):
        export(tracks, kind, path, overwrite=False)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(TracksUnreadable, match="out"):
        import_(path, kind, tracks.media)


@pytest.mark.parametrize("kind", ["mot", "cvat", "coco"])
def test_exchange_formats_convert_an_hour_in_seconds(tmp_path: Path, kind: Kind) -> None:
    tracks, path = an_hour(40), tmp_path / "out"
    start = time.process_time()
    export(tracks, kind, path, overwrite=False)
    again = import_(path, kind, tracks.media)
    assert time.process_time() - start < 10  # about 1 s of processor time
    assert sum(map(len, again.tracks)) == 40 * 540


# CVAT

DOCUMENTED = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>5</id><name>interpolation</name><size>16</size><mode>interpolation</mode><overlap>5</overlap>
      <bugtracker></bugtracker><flipped>False</flipped>
      <labels><label><name>person</name><attributes></attributes></label></labels>
      <segments><segment><id>5</id><start>0</start><stop>15</stop><url>http://localhost:8080/?id=5</url></segment></segments>
      <original_size><width>640</width><height>480</height></original_size>
    </task>
    <dumped>2018-09-25 16:05:07.134046+03:00</dumped>
  </meta>
  <track id="0" label="car">
    <polygon frame="0" points="324.79,213.16;323.74,227.90;347.42,237.37;371.11,217.37;350.05,190.00;318.47,191.58" outside="0" occluded="0" keyframe="1">
    </polygon>
    <polygon frame="1" points="324.79,213.16;323.74,227.90;347.42,237.37;371.11,217.37;350.05,190.00;318.47,191.58" outside="1" occluded="0" keyframe="1">
    </polygon>
    <polygon frame="6" points="305.32,237.90;312.16,207.90;352.69,206.32;355.32,233.16;331.11,254.74" outside="0" occluded="0" keyframe="1">
    </polygon>
    <polygon frame="7" points="305.32,237.90;312.16,207.90;352.69,206.32;355.32,233.16;331.11,254.74" outside="1" occluded="0" keyframe="1">
    </polygon>
    <polygon frame="13" points="313.74,233.16;331.11,220.00;359.53,243.16;333.21,283.16;287.95,274.74" outside="0" occluded="0" keyframe="1">
    </polygon>
    <polygon frame="14" points="313.74,233.16;331.11,220.00;359.53,243.16;333.21,283.16;287.95,274.74" outside="1" occluded="0" keyframe="1">
    </polygon>
  </track>
</annotations>
"""  # noqa: E501 - the interpolation example of CVAT's XML documentation, its 4620 frames cut to 16


def cvat(shapes: str, task: str = "", track_attributes: str = 'id="1" label="face"') -> bytes:
    meta = f"<meta><task>{task}</task></meta>" if task else ""
    text = f"<annotations><version>1.1</version>{meta}<track {track_attributes}>{shapes}</track></annotations>"
    return text.encode()


def box(frame: int, left: float = 0, outside: int = 0, extra: str = "", keyframe: int = 1) -> str:
    """A box of 10 x 10 pixels at (left, 20)."""
    return (
        f'<box frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="0" '
        f'xtl="{left}" ytl="20" xbr="{left + 10}" ybr="30" {extra}/>'
    )


def test_cvat_documented_example() -> None:
    tracks = from_cvat(DOCUMENTED.encode(), media(16))
    assert tracks.tracks[0].label == "car"
    assert rows(tracks) == {
        0: [
            (0, 318.47, 190.0, 371.11, 237.37, 0.0, "d"),
            (6, 305.32, 206.32, 355.32, 254.74, 0.0, "d"),
            (13, 287.95, 220.0, 359.53, 283.16, 0.0, "d"),
        ]
    }
    with pytest.raises(TracksMismatch, match="0 to 15"):
        from_cvat(DOCUMENTED.encode(), media(17))
    with pytest.raises(TracksMismatch, match="640x480"):
        from_cvat(DOCUMENTED.encode(), media(16, width=641))


def test_cvat_interpolates_between_keyframes_until_outside() -> None:
    # Keyframes at 1, 3 and 6; outside at 8; back at 9 and then to the end of 12 frames.
    shapes = box(1, 0) + box(3, 20) + box(6, 20) + box(8, 40, outside=1) + box(9, 100)
    assert [row[:2] + row[-1:] for row in rows(from_cvat(cvat(shapes), media(12)))[1]] == [
        (1, 0, "d"),
        (2, 10, "f"),
        (3, 20, "d"),
        (4, 20, "f"),
        (5, 20, "f"),
        (6, 20, "d"),
        (7, 30, "f"),  # half-way to where it leaves
        (9, 100, "d"),
        (10, 100, "f"),
        (11, 100, "f"),
    ]


def test_cvat_import_uses_written_frames_between_keyframes() -> None:
    # CVAT writes interpolated shapes too, with keyframe="0"; order in the file does not matter.
    shapes = box(2, 40) + box(1, 19, keyframe=0) + box(0, 0) + box(3, 40, outside=1)
    assert [row[:2] + row[-1:] for row in rows(from_cvat(cvat(shapes), media(9)))[1]] == [
        (0, 0, "d"),
        (1, 19, "f"),
        (2, 40, "d"),
    ]


@pytest.mark.parametrize(
    ("first", "last", "between"),
    [
        (10, 50, 30),
        (350, 10, 0),  # through 0, not back through 180
        (10, 350, 0),
        (100, 260, 180),
        (260, 100, 180),
        (0, 0, 0),
    ],
)
def test_cvat_rotation_turns_the_shorter_way(first: float, last: float, between: float) -> None:
    shapes = box(0, extra=f'rotation="{first}"') + box(2, extra=f'rotation="{last}"') + box(3, outside=1)
    angles = from_cvat(cvat(shapes), media(9)).tracks[0].angles
    np.testing.assert_allclose(np.mod(angles - [first, between, last] + 180, 360) - 180, 0, atol=1e-4)


def test_cvat_frame_filter_leaves_no_frame_unmasked() -> None:
    # The task showed frames 2, 5, 8 and 11 of 13. Present at 5 and 8, absent at 11: 3 and 4 were not annotated.
    task = "<size>4</size><start_frame>2</start_frame><stop_frame>11</stop_frame><frame_filter>step=3</frame_filter>"
    tracks = from_cvat(cvat(box(5, 0) + box(8, 30) + box(11, 30, outside=1), task), media(13))
    assert [row[:2] for row in rows(tracks)[1]] == [
        (3, 0),
        (4, 0),
        (5, 0),
        (6, 10),
        (7, 20),
        (8, 30),
        (9, 30),
        (10, 30),
    ]
    assert tracks.provenance["imported"] == {
        "format": "cvat",
        "frames_described": {"first": 2, "last": 11, "count": 4, "of": 13},
    }
    # Still present at the last frame shown; frame 12 was not annotated either.
    assert rows(from_cvat(cvat(box(11), task), media(13)))[1][-1][0] == 12
    # An earlier outside frame applies: an absent object stays absent.
    shapes = box(2) + box(6, outside=1) + box(7)
    assert [row[0] for row in rows(from_cvat(cvat(shapes, task), media(13)))[1]] == [*range(6), *range(7, 13)]


def test_cvat_stop_frame_ends_open_tracks() -> None:
    task = "<size>4</size><start_frame>2</start_frame><stop_frame>5</stop_frame>"
    assert [row[0] for row in rows(from_cvat(cvat(box(3), task), media(13)))[1]] == [3, 4, 5]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        # An ellipse is the one inscribed in the box, turned with it.
        ('<ellipse frame="0" cx="10" cy="20" rx="4" ry="2" rotation="30"/>', (0, 6.0, 18.0, 14.0, 22.0, 30.0, "d")),
        ('<mask frame="0" rle="1, 2" left="5" top="6" width="7" height="8"/>', (0, 5.0, 6.0, 12.0, 14.0, 0.0, "d")),
        ('<polygon frame="0" points="1,2;9,0;4,8"/>', (0, 1.0, 0.0, 9.0, 8.0, 0.0, "d")),
    ],
)
def test_cvat_outlines_become_bounding_boxes(shape: str, expected: tuple[Any, ...]) -> None:
    assert rows(from_cvat(cvat(shape), media(1)))[1] == [expected]


def test_cvat_masks_are_joined_by_their_hull() -> None:
    mask = '<mask frame="{}" rle="1" left="{}" top="0" width="5" height="5" outside="{}"/>'
    shapes = mask.format(0, 0, 0) + mask.format(2, 50, 0) + mask.format(3, 50, 1)
    assert [row[:5] for row in rows(from_cvat(cvat(shapes), media(9)))[1]] == [
        (0, 0, 0, 5, 5),
        (1, 0, 0, 55, 5),
        (2, 50, 0, 55, 5),
    ]


def test_cvat_written_as_documented() -> None:
    # Present on 0, 1 and 3 of 5 frames: outside at 2 and 4; no outside is needed after the last frame.
    a = track(5, 'fa"<ce', [0, 1, 3], [[1, 2, 3, 4]] * 3, [0, -90, 30], [Source.FILLED] * 3)
    root = fromstring(to_cvat(TrackSet(media(5), (a, track(6, "plate", [4], [[0, 0, 1, 1]])))))
    assert [child.tag for child in root] == ["version", "meta", "track", "track"]
    (task,) = root.findall("meta/task")
    assert task.findtext("size") == "5"
    assert (task.findtext("start_frame"), task.findtext("stop_frame")) == ("0", "4")
    assert task.findtext("original_size/width") == "640"
    assert [label.findtext("name") for label in task.findall("labels/label")] == ['fa"<ce', "plate"]
    first, second = root.findall("track")
    assert first.attrib == {"id": "5", "label": 'fa"<ce', "source": "auto"}
    shapes = [(b.get("frame"), b.get("outside"), b.get("keyframe"), b.get("rotation")) for b in first]
    assert shapes == [
        ("0", "0", "1", None),
        ("1", "0", "1", "270.0"),  # CVAT takes no negative angles
        ("2", "1", "1", "270.0"),
        ("3", "0", "1", "30.0"),
        ("4", "1", "1", "30.0"),
    ]
    assert [first[0].get(k) for k in ("xtl", "ytl", "xbr", "ybr", "occluded", "z_order")] == [
        "1.0",
        "2.0",
        "3.0",
        "4.0",
        "0",
        "0",
    ]
    assert {a.get("name"): a.text for a in first[0]} == {"score": "1.0", "box_source": "filled"}
    assert [b.get("outside") for b in second] == ["0"]


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;">]>
<annotations><version>&lol2;</version></annotations>"""
OUTSIDE_FILE = (
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations><version>&x;</version></annotations>'
)
BAD_CVAT: list[tuple[bytes, str]] = [
    (b"", "not valid XML"),
    (b"hello", "not valid XML"),
    (cvat(box(0))[:-20], "not valid XML"),
    (BOMB, "document type"),
    (OUTSIDE_FILE, "document type"),
    (b"<!DOCTYPE annotations><annotations/>", "document type"),
    (b'<?xml version="1.0" encoding="nonsense"?><annotations/>', "encoding"),
    (b"<annotations>" + b"<meta>" * 100_000, "nested too deeply"),
    (b"<html></html>", "not CVAT"),
    (b'<annotations><image id="0" name="a.jpg" width="9" height="9"/></annotations>', "single images"),
    (b"<annotations><version>2.0</version></annotations>", "not 1.1"),
    (b"<annotations><tag/></annotations>", "<tag>"),
    (b"<annotations><meta><project><tasks/></project></meta></annotations>", "one by one"),
    # shapes that outline nothing are not dropped
    (cvat('<points frame="0" points="1,2;3,4"/>'), "<points>"),
    (cvat('<polyline frame="0" points="1,2;3,4"/>'), "<polyline>"),
    (cvat('<skeleton frame="0"/>'), "<skeleton>"),
    (cvat('<cuboid frame="0"/>'), "<cuboid>"),
    (cvat('<polygon frame="0" points="1,2;3"/>'), "points"),
    (cvat('<polygon frame="0" points=""/>'), "points"),
    (cvat('<polygon frame="0" points="1,2;1,5"/>'), "without width or height"),
    # numbers
    (cvat(box(-1)), "frame"),
    (cvat(box(0).replace('frame="0"', 'frame="1_0"')), "frame"),
    (cvat(box(0).replace('frame="0"', "")), "frame"),
    (cvat(box(0).replace('xtl="0"', 'xtl="nan"')), "xtl"),
    (cvat(box(0).replace('xtl="0"', 'xtl="-1e7"')), "xtl"),
    (cvat(box(0).replace('xtl="0"', "")), "xtl"),
    (cvat(box(0).replace('xtl="0"', 'xtl="10"')), "without width or height"),
    (cvat(box(0).replace('xtl="0"', 'xtl="11"')), "without width or height"),
    (cvat(box(0).replace('outside="0"', 'outside="yes"')), "outside"),
    (cvat(box(0, extra='rotation="inf"')), "rotation"),
    (cvat(box(0) + box(0)), "two shapes on frame 0"),
    # our attributes
    (cvat(box(0).replace("/>", '><attribute name="score">high</attribute></box>')), "score"),
    (cvat(box(0).replace("/>", '><attribute name="box_source">x</attribute></box>')), "box_source"),
    # tracks
    (cvat(box(0), track_attributes='label="face"'), "id"),
    (cvat(box(0), track_attributes='id="1"'), "label"),
    (cvat(box(0) + '</track><track id="1" label="face">' + box(2)), "two tracks"),
    # tasks
    (cvat(box(0), "<frame_filter>every third</frame_filter>"), "frame_filter"),
    (cvat(box(0), "<start_frame>-1</start_frame>"), "start_frame"),
]


@pytest.mark.parametrize(("data", "where"), BAD_CVAT)
def test_cvat_file_with_fault_is_refused(data: bytes, where: str) -> None:
    with pytest.raises(TracksUnreadable) as caught:
        from_cvat(data, media(9))
    assert where in caught.value.text


@pytest.mark.parametrize(
    "data",
    [
        cvat(box(9)),  # one past the last of 9 frames
        cvat(box(0), "<size>10</size>"),
        cvat(box(0), "<size>8</size>"),  # shorter, without saying that it covers only a part
        cvat(box(0), "<size>9</size><start_frame>1</start_frame>"),
        cvat(box(0), "<start_frame>0</start_frame><stop_frame>9</stop_frame>"),
        cvat(box(0), "<original_size><width>480</width><height>640</height></original_size>"),
        cvat(box(0), f"<name>{'f' * 64}</name>"),
    ],
)
def test_cvat_of_another_video_is_refused(data: bytes) -> None:
    with pytest.raises(TracksMismatch):
        from_cvat(data, media(9))


def test_cvat_import_bounds_number_of_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    # A few bytes, but open tracks over a long video: each alone is fine, together they are not.
    shapes = "".join(f'<track id="{i}" label="face">{box(0)}</track>' for i in range(3))
    data = f"<annotations>{shapes}</annotations>".encode()
    monkeypatch.setattr(cvat_module, "MAX_BOXES", 27)
    assert len(from_cvat(data, media(9)).tracks) == 3
    monkeypatch.setattr(cvat_module, "MAX_BOXES", 26)
    with pytest.raises(TracksUnreadable, match="more than"):
        from_cvat(data, media(9))


# MOTChallenge


def test_mot_documented_example() -> None:
    # Lines of motchallenge.net/instructions: ids and boxes count from 1, no class, confidence -1 marks a valid row.
    text = (
        "1, 3, 794.27, 247.59, 71.245, 174.88, -1, -1, -1, -1\n1, 6, 1648.1, 119.61, 66.504, 163.24, -1, -1, -1, -1\n"
    )
    tracks = from_mot(text, media(3, 1920, 1080), ["pedestrian"])
    assert rows(tracks) == {
        3: [(0, 793.27, 246.59, 864.515, 421.47, 0.0, "d")],
        6: [(0, 1647.1, 118.61, 1713.604, 281.85, 0.0, "d")],
    }
    assert tracks.tracks[0].scores.tolist() == [1.0]
    with pytest.raises(TracksUnreadable, match="has no class"):
        from_mot(text, media(3))


def test_mot16_ground_truth_line() -> None:
    # The line of CVAT's and MOT16's descriptions; class 1 of the official list. A row of confidence 0 is kept.
    tracks = from_mot("1,1,1363,569,103,241,1,1,0.86014\n3,2,1,1,10,10,0,3,1", media(3, 1920, 1080))
    assert [t.label for t in tracks.tracks] == ["pedestrian", "car"]
    assert rows(tracks) == {1: [(0, 1362, 568, 1465, 809, 0, "d")], 2: [(2, 0, 0, 10, 10, 0, "d")]}


def test_mot_written_as_documented() -> None:
    tracks = TrackSet(
        media(5), (track(4, "plate", [0, 3], [[0, 10, 20, 40]] * 2), track(2, "face", [1], [[5, 5, 6, 6]]))
    )
    assert to_mot(tracks) == (
        "1,4,1.0,11.0,20.0,30.0,1,1,1\n"  # frame and corner count from 1; class 1 is the first of labels.txt
        "4,4,1.0,11.0,20.0,30.0,1,1,1\n"
        "2,2,6.0,6.0,1.0,1.0,1,2,1\n"
    )
    assert write_labels(mot_labels(tracks)) == "plate\nface\n"


def test_mot_export_writes_hulls_and_positive_scores() -> None:
    # 40 x 20 about (30, 20), turned by 90 degrees: 20 x 40 about the same point.
    turned = track(1, "plate", [0, 1], [[10, 10, 50, 30]] * 2, [90, 0])
    turned.scores[:] = 0
    again = from_mot(to_mot(TrackSet(media(5), (turned,))), media(5), ["plate"])
    np.testing.assert_allclose(again.tracks[0].boxes, [[20, 0, 40, 40], [10, 10, 50, 30]], atol=1e-4)
    np.testing.assert_allclose(again.tracks[0].scores, 1e-6)
    np.testing.assert_allclose(
        hulls(np.array([[-1, -1, 1, 1]], np.float32), np.array([45], np.float32)),
        [[-(2**0.5), -(2**0.5), 2**0.5, 2**0.5]],
        rtol=1e-6,
    )


def test_mot_detections_without_id_are_single_tracks() -> None:
    # First row of the MOT16 det.txt description, twice on one frame; id 7 is taken by a track.
    text = "2,7,5,5,9,9,1\n15,-1,794,247,71,174,0.82,-1,-1\n15,-1,800,247,71,174,0.5,-1,-1\n"
    tracks = from_mot(text, media(15), ["person"])
    assert [(t.id, t.frames.tolist()) for t in tracks.tracks] == [(7, [1]), (8, [14]), (9, [14])]
    assert [round(float(t.scores[0]), 2) for t in tracks.tracks] == [1.0, 0.82, 0.5]


def test_mot_labels_are_kept(tmp_path: Path) -> None:
    ref = media(5)
    faces = TrackSet(ref, (track(1, "face", [0], [[0, 0, 1, 1]]),))
    plates = TrackSet(ref, (track(1, "plate", [0], [[0, 0, 1, 1]]),))
    export(faces, "mot", tmp_path / "a.txt", overwrite=False)
    with pytest.raises(OutputExists, match=r"labels\.txt"):  # a.txt would then describe plates
        export(plates, "mot", tmp_path / "b.txt", overwrite=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "labels.txt"]
    export(faces, "mot", tmp_path / "b.txt", overwrite=False)
    (tmp_path / "labels.txt").unlink()
    with pytest.raises(OutputExists, match=r"b\.txt"):
        export(faces, "mot", tmp_path / "b.txt", overwrite=False)
    assert not (tmp_path / "labels.txt").exists()
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfnumber plate\r\n")  # as a Windows editor leaves it
    assert import_(tmp_path / "b.txt", "mot", ref).tracks[0].label == "number plate"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("hello", "Line 1"),
        ("1,1,2,3,4,5", "Line 1"),  # six values: no confidence
        ("1,1,2,3,4,5,1,1,1,1,1", "Line 1"),  # eleven
        ("1,1,2,3,4,5,1,1\n0,1,2,3,4,5,1,1", "line 2 column 1"),  # frames count from 1
        ("1.5,1,2,3,4,5,1,1", "column 1"),
        ("1,-2,2,3,4,5,1,1", "column 2"),
        ("1,1e3,2,3,4,5,1,1", "column 2"),
        ("1,1,nan,3,4,5,1,1", "column 3"),
        ("1,1,2,inf,4,5,1,1", "column 4"),
        ("1,1,2,3,1e999,5,1,1", "column 5"),
        ("1,1,2,3,4,٥,1,1", "column 6"),  # a digit, but not ASCII
        ("1,1,2,3,4,5,x,1", "column 7"),
        ("1,1,2,3,4,5,1,3", "column 8"),  # class 3 of 2
        ("1,1,2,3,4,5,1,0", "has no class"),
        ("1,1,2,3,4,5,1", "has no class"),
        ("1,1,2,3,0,5,1,1", "without width or height"),
        ("1,1,2,3,4,-5,1,1", "without width or height"),
        ("1,1,2,3,4,5,1,1\n1,1,2,3,4,5,1,1", "two boxes on frame 0"),
        ("1,1,2,3,4,5,1,1\n2,1,2,3,4,5,1,2", "which was 'face' before"),
    ],
)
def test_mot_file_with_fault_is_refused(text: str, where: str) -> None:
    with pytest.raises(TracksUnreadable) as caught:
        from_mot(text, media(9), ["face", "plate"])
    assert where in caught.value.text


def test_mot_of_a_longer_video_is_refused() -> None:
    assert len(from_mot("9,1,2,3,4,5,1,1", media(9)).tracks) == 1
    with pytest.raises(TracksMismatch):
        from_mot("10,1,2,3,4,5,1,1", media(9))


@pytest.mark.parametrize("text", ["face\n\nplate\n", "face\nfa\x00ce\n", "x" * 101])
def test_mot_labels_with_fault_are_refused(text: str) -> None:
    with pytest.raises(TracksUnreadable, match=r"labels\.txt, line"):
        read_labels(text)


def test_imports_bound_number_of_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "MAX_BOXES", 1)
    with pytest.raises(TracksUnreadable, match="more than 1 boxes"):
        from_mot("1,1,2,3,4,5,1,1\n2,1,2,3,4,5,1,1", media(9))


# COCO


def coco(**changes: Any) -> bytes:
    """The structures of cocodataset.org/#format-data with one annotation and the given changes."""
    image = {"id": 3, "width": 640, "height": 480, "file_name": "frame_000002.PNG", "license": 0, "flickr_url": ""}
    annotation = {
        "id": 1,
        "image_id": 3,
        "category_id": 5,
        "segmentation": [],
        "area": 12.0,
        "bbox": [10.5, 20, 4, 3],
        "iscrowd": 0,
    }
    top: dict[str, Any] = {
        "info": {"year": 2017, "version": "1.0"},
        "licenses": [],
        "images": [image | changes.pop("image", {})],
        "annotations": [annotation | changes.pop("annotation", {})],
        "categories": [{"id": 5, "name": "face", "supercategory": "person"}],
    }
    return json.dumps(top | changes).encode()


def test_coco_documented_structure() -> None:
    tracks = from_coco(coco(), media(9))
    assert rows(tracks) == {0: [(2, 10.5, 20, 14.5, 23, 0, "d")]}
    assert tracks.tracks[0].label == "face"
    assert tracks.tracks[0].scores.tolist() == [1.0]
    assert tracks.provenance["imported"] == {
        "format": "coco",
        "frames_described": {"first": 2, "last": 2, "count": 1, "of": 9},
    }


def test_coco_attributes_as_cvat_writes_them() -> None:
    attributes = {"occluded": True, "rotation": 350.0, "track_id": 4, "keyframe": False}
    assert rows(from_coco(coco(annotation={"attributes": attributes}), media(9))) == {
        4: [(2, 10.5, 20, 14.5, 23, 350, "d")]
    }
    assert list(rows(from_coco(coco(annotation={"track_id": 8}), media(9)))) == [8]
    # A separate frame number takes precedence over the one in the name.
    assert rows(from_coco(coco(image={"frame_index": 7}), media(9)))[0][0][0] == 7


def test_coco_written_as_documented() -> None:
    one = track(4, "plate", [1], [[1, 2, 4, 8]], [30], [Source.PROPAGATED])
    data = json.loads(to_coco(TrackSet(media(2), (one,))))
    assert data["info"]["master_sha256"] == SHA
    assert data["images"] == [
        {"id": 1, "width": 640, "height": 480, "file_name": "frame_000000.PNG"},
        {"id": 2, "width": 640, "height": 480, "file_name": "frame_000001.PNG"},
    ]
    assert data["categories"] == [{"id": 1, "name": "plate", "supercategory": ""}]
    attributes = {"track_id": 4, "rotation": 30.0, "occluded": False, "keyframe": True, "source": "propagated"}
    assert data["annotations"] == [
        {
            "id": 1,
            "image_id": 2,
            "category_id": 1,
            "bbox": [1.0, 2.0, 3.0, 6.0],
            "area": 18.0,
            "segmentation": [],
            "iscrowd": 0,
            "score": 1.0,
            "attributes": attributes,
        }
    ]


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "is not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[]", "not COCO"),
        (b'{"images": []}', "not COCO"),
        (coco(images={}), "images is not a list"),
        (coco(images=[None]), "images[0] is not an object"),
        (coco(image={"id": "3"}), "images[0].id"),
        (coco(image={"file_name": "000002.jpg"}), "which frame it is"),  # from 0 or 1? A guess may shift all masks
        (coco(image={"file_name": None}), "which frame it is"),
        (coco(image={"frame_index": -1}), "frame_index"),
        (coco(images=[{"id": i, "frame_index": 0} for i in (1, 2)]), "two images of the same frame"),
        (coco(images=[{"id": 1, "frame_index": i} for i in (1, 2)]), "images[1].id"),
        (coco(categories=[{"id": 5, "name": ""}]), "categories[0].name"),
        (coco(categories=[{"id": 5, "name": "a"}, {"id": 5, "name": "b"}]), "categories[1].id"),
        (coco(annotation={"image_id": 4}), "annotations[0] refers"),
        (coco(annotation={"category_id": 4}), "annotations[0] refers"),
        (coco(annotation={"bbox": [1, 2, 3]}), "annotations[0].bbox"),
        (coco(annotation={"bbox": None}), "annotations[0].bbox"),
        (coco(annotation={"bbox": [1, 2, "3", 4]}), "annotations[0].bbox[2]"),
        (coco(annotation={"bbox": [1, 2, 3, True]}), "annotations[0].bbox[3]"),
        (coco(annotation={"bbox": [1, 2, 3, float("nan")]}), "NaN"),
        (coco(annotation={"bbox": [1, 2, 3, 1e7]}), "annotations[0].bbox[3]"),
        (coco(annotation={"bbox": [1, 2, 0, 4]}), "without width or height"),
        (coco(annotation={"score": "high"}), "annotations[0].score"),
        (coco(annotation={"attributes": []}), "annotations[0].attributes"),
        (coco(annotation={"attributes": {"track_id": 1.0}}), "track_id"),
        (coco(annotation={"attributes": {"rotation": None}}), "rotation"),
        (coco(annotation={"attributes": {"source": "x"}}), "source"),
    ],
)
def test_coco_file_with_fault_is_refused(data: bytes, where: str) -> None:
    with pytest.raises(TracksUnreadable) as caught:
        from_coco(data, media(9))
    assert where in caught.value.text


@pytest.mark.parametrize(
    "data",
    [
        coco(image={"file_name": "frame_000009.PNG"}),  # one past the last of 9 frames
        coco(image={"width": 480, "height": 640}),
        coco(info={"master_sha256": "f" * 64}),
    ],
)
def test_coco_of_another_video_is_refused(data: bytes) -> None:
    with pytest.raises(TracksMismatch):
        from_coco(data, media(9))


def test_imports_take_frame_times_from_footage() -> None:
    ref = MediaRef(SHA, 640, 480, media().time_base, np.array([0, 5, 900], np.int64))
    for tracks in (from_cvat(cvat(box(0)), ref), from_coco(coco(), ref), from_mot("1,1,2,3,4,5,1,1", ref)):
        assert tracks.media is ref
