"""The clip generator: its truth must match the picture, or every figure would be meaningless."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from redact.evaluate.regions import region
from redact.evaluate.truth import Truth, read_truth
from tests.virtual_camera import (
    Box,
    Condition,
    Counting,
    VirtualCamera,
    drawn_scene,
    make_clip,
    require_shared_data,
)
from tests.virtual_camera.standard import standard_clips

SMALL = (320, 180)


def marked_still() -> tuple[NDArray[np.uint8], list[Box]]:
    """Grey with two saturated rectangles, to be located by colour."""
    still = np.full((300, 480, 3), 110, np.uint8)
    still[60:120, 90:190] = (250, 40, 40)
    still[180:250, 280:350] = (40, 40, 250)
    return still, [("plate", 90, 60, 190, 120), ("face", 280, 180, 350, 250)]


@pytest.mark.parametrize(
    ("condition", "slack"),
    [
        (Condition.DAY, 4.0),  # blur eats the thin corners of a rolled marker
        (Condition.LOW_LIGHT, 6.0),  # the shutter is open more than twice as long
        (Condition.WIDE_ANGLE, 4.0),
    ],
)
def test_truth_matches_clip(tmp_path: Path, condition: Condition, slack: float) -> None:
    still, boxes = marked_still()
    path = tmp_path / "clip.mp4"
    options = {"crf": "12", "preset": "ultrafast"}
    truth = make_clip(still, boxes, path, seed=3, condition=condition, size=SMALL, seconds=3, options=options)
    errors = []
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            picture = frame.to_ndarray(format="rgb24").astype(int)
            for thing, channel in zip(truth.objects, (0, 2), strict=True):
                row = np.nonzero(thing.frames == index)[0]
                # Halfway between marker and ground: blur is symmetric, so the edge stays in place.
                lead = picture[:, :, channel] - picture[:, :, 2 - channel]
                found = np.argwhere(lead > max(lead.max() / 2, 15))
                if not len(row) or not thing.counted[row[0]]:
                    continue
                top, left = found.min(axis=0)
                bottom, right = found.max(axis=0) + 1
                errors.append(thing.boxes[row[0]] - [left, top, right, bottom])
    assert len(errors) > 40
    assert np.abs(errors).max() <= slack
    assert np.abs(np.mean(errors, axis=0)).max() < 0.8


def test_objects_come_go_and_change_size() -> None:
    still, boxes = marked_still()
    shares: list[float] = []
    heights: list[float] = []
    for seed in range(8):
        for thing in VirtualCamera(still, boxes, seed=seed, size=SMALL).truth().objects:
            shares.append(len(thing.frames) / 150)
            heights.append(float(np.ptp(np.log(thing.boxes[thing.counted][:, 3] - thing.boxes[thing.counted][:, 1]))))
    assert np.mean(np.array(shares) < 1) > 0.3
    assert np.exp(np.median(heights)) > 1.4


def test_camera_stays_on_still() -> None:
    camera = VirtualCamera(np.full((300, 480, 3), 200, np.uint8), [], seed=5, size=SMALL, seconds=2)
    assert min(int(picture.min()) for picture in camera.frames()) > 150


def test_virtual_camera_is_deterministic() -> None:
    still, boxes = marked_still()

    def render(seed: int) -> tuple[NDArray[np.uint8], Truth]:
        camera = VirtualCamera(still, boxes, seed=seed, condition=Condition.LOW_LIGHT, size=SMALL, seconds=0.2)
        return np.stack(list(camera.frames())), camera.truth()

    first, again, other = render(1), render(1), render(2)
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1].objects[0].boxes, again[1].objects[0].boxes)
    assert not np.array_equal(first[0], other[0])


def test_low_light_clip_is_darker_and_noisier() -> None:
    still = np.full((300, 480, 3), 60, np.uint8)
    still[:, 240:] = 200
    figures = {}
    for condition in (Condition.DAY, Condition.LOW_LIGHT):
        camera = VirtualCamera(still, [], seed=1, condition=condition, size=SMALL, seconds=0.2)
        picture = next(camera.frames()).astype(float)
        dark, bright = picture < picture.mean(), picture > picture.mean()
        figures[condition] = (picture[bright].mean(), picture[dark].std(), picture[bright].std())
    day, night = figures[Condition.DAY], figures[Condition.LOW_LIGHT]
    assert night[0] < 0.8 * day[0]
    assert night[1] > 3 * day[1]


def test_truth_file_reads_back_and_ignores_small_parts(tmp_path: Path) -> None:
    still, boxes = marked_still()
    counting = Counting(min_share=0.25, min_height={"face": 40.0, "plate": 12.0})
    camera = VirtualCamera(still, boxes, seed=4, size=SMALL, counting=counting)
    camera.write_truth(tmp_path / "clip.txt")
    read, made = read_truth(tmp_path / "clip.txt"), camera.truth()
    rows = [line.split(",") for line in (tmp_path / "clip.txt").read_text().splitlines()]
    assert [(o.id, o.label) for o in read.objects] == [(1, "plate"), (2, "face")]
    for a, b in zip(read.objects, made.objects, strict=True):
        assert np.abs(a.boxes - b.boxes).max() < 0.02
        assert np.array_equal(a.frames, b.frames)
        assert np.array_equal(a.counted, b.counted)
    too_little = [row for row in rows if float(row[8]) < 0.25 or (row[7] == "1" and float(row[5]) < 40)]
    assert too_little
    assert {row[6] for row in too_little} == {"0"}
    assert {row[6] for row in rows} == {"0", "1"}


def test_truth_rotates_with_camera_roll() -> None:
    still, boxes = marked_still()
    camera = VirtualCamera(still, boxes, seed=2, size=SMALL)
    plate, hull = camera.exact_truth().objects[0], camera.truth().objects[0]
    whole = [i for i, box in enumerate(hull.boxes) if box.min() > 1 and box[2] < SMALL[0] - 1 and box[3] < SMALL[1] - 1]
    row = max(whole, key=lambda i: abs(plate.angles[i]))
    assert 2 < abs(plate.angles[row]) < 15
    picture = next(islice(camera.frames(), int(plate.frames[row]), None)).astype(int)
    shown = picture[:, :, 0] - picture[:, :, 2] > 100
    shares = []
    for angle in (plate.angles[row], -plate.angles[row]):
        found = region(plate.boxes[row], float(angle), *SMALL, ellipse=False)
        assert found is not None
        said = np.zeros_like(shown)
        said[found[0]] = found[1]
        shares.append(np.count_nonzero(said & shown) / np.count_nonzero(said | shown))
    assert shares[0] > 0.93
    assert shares[0] > shares[1] + 0.03


def test_drawn_scene_lies_within_picture() -> None:
    still, boxes = drawn_scene(1)
    again, _ = drawn_scene(1)
    assert np.array_equal(still, again)
    assert sorted(box[0] for box in boxes) == ["face", "plate", "plate", "plate", "plate", "text"]
    for label, x1, y1, x2, y2 in boxes:
        assert 0 <= x1 < x2 <= still.shape[1], label
        assert 0 <= y1 < y2 <= still.shape[0], label


def test_standard_clips_of_real_pictures() -> None:
    clips = standard_clips(require_shared_data())
    assert [sum(clip.name.startswith(kind) for clip in clips) for kind in ("faces", "plates_us", "plates_br")] == [
        8,
        20,
        20,
    ]
    assert len({clip.name for clip in clips}) == 48
    assert sum(len(clip.still.boxes) for clip in clips[:8]) == 36
