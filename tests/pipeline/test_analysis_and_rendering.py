"""Analysis and rendering end to end on small clips, with a detector that finds the red square in them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray

from redact.detect.factory import Scheduled
from redact.detect.types import Detections, ModelRecord
from redact.errors import Cancelled, CorruptFrames, MasterChanged, RedactError, TracksMismatch
from redact.pipeline.analysis import Analyser, analyse
from redact.pipeline.rendering import RenderReport, render
from redact.settings import AnalyseSettings, DeviceChoice, OnCorrupt, RenderSettings
from redact.track.types import Source, TrackSet
from tests.media.clips import AudioSpec, index_picture, make_clip, read_index
from tests.media.test_reader import damage, wipe

SIZE = (320, 192)
SIDE = 16
FIND = AnalyseSettings(classes=("face",), device=DeviceChoice.CPU)
WRITE = RenderSettings(device=DeviceChoice.CPU)
Rgb = NDArray[np.uint8]


class RedSquares:
    """Finds saturated red. Exists for fast tests and refuses to run anywhere else."""

    labels = ("face",)
    record = ModelRecord("red-squares", "0" * 64, "none", "test")

    def __init__(self) -> None:
        if "PYTEST_CURRENT_TEST" not in os.environ:
            raise RuntimeError("this detector is a stand-in for tests: it finds no faces")
        self.batches: list[int] = []

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width // 2 * 2, height // 2 * 2

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        self.batches.append(len(frames))
        found = []
        for frame in frames.numpy().astype(np.int16):
            red = (frame[0] - np.maximum(frame[1], frame[2]) > 80).astype(np.uint8)
            _, _, stats, _ = cv2.connectedComponentsWithStats(red)
            boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, n in stats[1:] if n > 20], np.float32)
            n = len(boxes)
            found.append(
                Detections(boxes.reshape(n, 4), np.full(n, 0.95, np.float32), self.labels * n, np.zeros(n, np.float32))
            )
        return found


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> RedSquares:
    """Replaces the networks and runs on every frame."""
    stand_in = RedSquares()
    monkeypatch.setattr("redact.pipeline.analysis.make_detectors", lambda _settings: [Scheduled(stand_in, 0.0)])
    return stand_in


def place(index: int, size: tuple[int, int]) -> tuple[int, int]:
    """Left and top of the square: between two rows of cells, so that the frame number stays readable."""
    return 20 + 4 * index, round(size[1] / 3) - SIDE // 2


def scene(index: int, size: tuple[int, int]) -> Rgb:
    """The frame number, and a red square that moves right."""
    picture = index_picture(index, size)
    x, y = place(index, size)
    picture[y : y + SIDE, x : x + SIDE] = (220, 20, 20)
    return picture


def test_detectors_alternate_between_two_scales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide, narrow = RedSquares(), RedSquares()
    monkeypatch.setattr("redact.pipeline.analysis.make_detectors", lambda _settings: [Scheduled(wide, 0.08, narrow)])
    source = clip(tmp_path / "a.mp4", frames=24)
    (track,) = analyse(source, FIND).tracks
    # Frames 0, 4, 8 to 20 and the last; 2, 6 to 22.
    assert (len(wide.batches), len(narrow.batches)) == (7, 6)
    assert track.frames.size == 24
    Analyser(FIND).prepare(source)
    assert (len(wide.batches), len(narrow.batches)) == (8, 7)


def clip(path: Path, **options: Any) -> Path:
    return make_clip(path, **{"size": SIZE, "picture": scene, "options": {"crf": "10"}, **options})


def shown(path: Path) -> tuple[list[Rgb], list[Fraction]]:
    """Pictures and times of a file, read with PyAV directly."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        times = [Fraction(f.pts or 0) * (f.time_base or 0) for f in frames]
        return [np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in frames], times


def sound_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(audio=0) if p.size]


def is_red(picture: Rgb) -> int:
    r, g, b = (picture[..., i].astype(int) for i in range(3))
    return int(np.count_nonzero(r - np.maximum(g, b) > 60))


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def redact(source: Path, target: Path, settings: RenderSettings = WRITE) -> tuple[TrackSet, RenderReport]:
    tracks = analyse(source, replace(FIND, on_corrupt=settings.on_corrupt))
    return tracks, render(source, tracks, target, settings)


def quiet(folder: Path, *kept: Path) -> None:
    """Check that no file and no thread is left behind."""
    assert sorted(folder.iterdir()) == sorted(kept)
    assert not [t for t in threading.enumerate() if t.name == "prefetch"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cfr.mp4", {"frames": 20, "bframes": 2}),
        # Milliseconds: a burst of 1 ms, a gap of 1.4 s, an odd tail.
        ("vfr.mp4", {"pts": [0, 40, 80, 81, 82, 120, 1520, 1533, 1600]}),
        ("vfr.mkv", {"pts": [0, 40, 80, 81, 82, 120, 1520, 1533, 1600], "bframes": 2}),
        ("turned.mov", {"frames": 12, "rotation": 90, "size": (192, 320)}),
        ("upside_down.mp4", {"frames": 12, "rotation": 180}),
        ("wide_pixels.mkv", {"frames": 12, "sar": Fraction(3, 2)}),
    ],
)
@pytest.mark.usefixtures("detector")
def test_copy_is_master_with_object_hidden(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    master = clip(tmp_path / name, **options)
    before = sha(master)
    target = tmp_path / "copy.mp4"
    tracks, report = redact(master, target)
    pictures, times = shown(target)
    assert times == shown(master)[1]
    assert [read_index(p) for p in pictures] == list(range(len(times)))
    assert all(p.shape == (SIZE[1], SIZE[0], 3) for p in pictures)
    for index, picture in enumerate(pictures):
        x, y = place(index, SIZE)
        assert is_red(picture) == 0
        assert picture[y : y + SIDE, x : x + SIDE].max() < 60
        # The mask is not much larger than the square; the rest is unchanged.
        away = np.ones(picture.shape[:2], bool)
        away[max(y - 24, 0) : y + SIDE + 24, max(x - 24, 0) : x + SIDE + 24] = False
        assert np.abs(picture.astype(int) - scene(index, SIZE))[away].mean() < 5
    assert (tracks.media.sha256, report.sha256, report.master_sha256) == (before, sha(target), before)
    assert (report.frames, report.masked_frames) == (len(times), len(times))
    assert sha(master) == before
    quiet(tmp_path, master, target)


@pytest.mark.usefixtures("detector")
def test_track_boxes_are_in_upright_pixels(tmp_path: Path) -> None:
    for name, options in (("a.mp4", {}), ("b.mp4", {"rotation": 270, "size": (192, 320)}), ("c.mkv", {"sar": 2})):
        tracks = analyse(clip(tmp_path / name, frames=8, **options), FIND)
        assert (tracks.media.width, tracks.media.height) == SIZE
        (track,) = tracks.tracks
        assert track.frames.tolist() == list(range(8))
        assert set(track.sources.tolist()) == {int(Source.DETECTOR)}
        for index, box in enumerate(track.boxes):
            x, y = place(index, SIZE)
            assert np.abs(box - [x, y, x + SIDE, y + SIDE]).max() <= 2
    assert tracks.provenance["models"] == [
        {"name": "red-squares", "sha256": "0" * 64, "licence": "none", "runtime": "test"}
    ]


@pytest.mark.usefixtures("detector")
def test_copy_keeps_sound(tmp_path: Path) -> None:
    master = clip(tmp_path / "a.mp4", frames=25, audio=[AudioSpec(layout="stereo")])
    redact(master, tmp_path / "b.mp4")
    assert sound_of(tmp_path / "b.mp4") == sound_of(master)


@pytest.mark.usefixtures("detector")
def test_copy_masks_damaged_frames(tmp_path: Path) -> None:
    # Key frames at 0 and 8; packet 11 is wiped: it and all frames that build on it, up to the next key frame, are
    # corrupt.
    master = clip(tmp_path / "a.mp4", frames=20, gop=8)
    damage(master, {11}, wipe)
    with pytest.raises(CorruptFrames):
        analyse(master, FIND)
    target = tmp_path / "b.mp4"
    tracks, report = redact(master, target, replace(WRITE, on_corrupt=OnCorrupt.MASK))
    pictures, times = shown(target)
    assert times == [Fraction(n, 25) for n in range(20)]
    for index, picture in enumerate(pictures):
        if 11 <= index < 16:
            assert picture.max() < 24
        else:
            assert read_index(picture) == index
            assert is_red(picture) == 0
    assert any("11, 12, 13, 14, 15" in note for note in report.notes)
    target.unlink()
    with pytest.raises(CorruptFrames):
        render(master, tracks, target, WRITE)
    quiet(tmp_path, master)


@pytest.mark.usefixtures("detector")
def test_render_refuses_tracks_of_another_file(tmp_path: Path) -> None:
    one, other = clip(tmp_path / "one.mp4", frames=10), clip(tmp_path / "other.mp4", frames=10, gop=5)
    tracks = analyse(one, FIND)
    assert tracks.tracks
    fewer = replace(tracks.media, pts=tracks.media.pts[:-1])
    later = replace(tracks.media, pts=tracks.media.pts + (np.arange(10) == 6))
    more = replace(tracks.media, pts=np.append(tracks.media.pts, tracks.media.pts[-1] + 512))
    for source, wrong in (
        (other, tracks),
        (one, replace(tracks, media=fewer, tracks=())),
        (one, replace(tracks, media=later)),
        (one, replace(tracks, media=more)),
    ):
        with pytest.raises(TracksMismatch):
            render(source, wrong, tmp_path / "copy.mp4", WRITE)
        quiet(tmp_path, one, other)


@pytest.mark.parametrize("at", ["find", "write"])
@pytest.mark.usefixtures("detector")
def test_cancelled_work_leaves_no_file(tmp_path: Path, at: str) -> None:
    master = clip(tmp_path / "a.mp4", frames=40)
    before = sha(master)
    reached = []

    def cancel(stage: str, done: int, total: int | None) -> None:
        if stage == at:
            reached.append((done, total))
            if done == 5:
                raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        render(master, analyse(master, FIND, progress=cancel), tmp_path / "b.mp4", WRITE, progress=cancel)
    assert reached == [(n, 40) for n in range(1, 6)]
    assert sha(master) == before
    quiet(tmp_path, master)


def touch(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(8))


def exchange(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize("change", [touch, lengthen, exchange, Path.unlink])
@pytest.mark.parametrize("at", ["find", "write"])
@pytest.mark.usefixtures("detector")
def test_master_that_changes_is_an_error(tmp_path: Path, at: str, change: Callable[[Path], None]) -> None:
    master = clip(tmp_path / "a.mp4", frames=12)

    def meddle(stage: str, done: int, total: int | None) -> None:
        if (stage, done) == (at, 6):
            change(master)

    with pytest.raises(MasterChanged):
        render(master, analyse(master, FIND, progress=meddle), tmp_path / "b.mp4", WRITE, progress=meddle)
    quiet(tmp_path, *([master] if change is not Path.unlink else []))


def test_detectors_see_both_ends_of_every_shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    greys = [cv2.resize(getattr(skimage.data, name)(), SIZE) for name in ("brick", "camera")]
    views = [np.repeat(grey[:, :, None], 3, axis=2) for grey in greys]

    def two_shots(index: int, size: tuple[int, int]) -> Rgb:
        picture = np.asarray(views[index >= 12], np.uint8).copy()
        if 10 <= index < 14:
            # On the last two frames of one shot and, elsewhere, on the first two of the next.
            x = 40 if index < 12 else 200
            picture[60:90, x : x + 24] = (230, 10, 10)
        return picture

    # Once in ten seconds: detection runs only at the ends of shots.
    stand_in = RedSquares()
    monkeypatch.setattr("redact.pipeline.analysis.make_detectors", lambda _settings: [Scheduled(stand_in, 10.0)])
    master = clip(tmp_path / "a.mp4", frames=24, picture=two_shots)
    tracks = analyse(master, FIND)
    assert tracks.cuts == (12,)
    assert sum(stand_in.batches) == 4
    first, second = tracks.tracks
    assert (int(first.frames[-1]), int(second.frames[0])) == (11, 12)
    assert {10, 11} <= set(first.frames.tolist())
    assert {12, 13} <= set(second.frames.tolist())


@pytest.mark.usefixtures("detector")
def test_analysis_and_rendering_are_deterministic(tmp_path: Path) -> None:
    master = clip(tmp_path / "a.mp4", frames=15)
    one, two = analyse(master, FIND), analyse(master, FIND)
    for a, b in zip(one.tracks, two.tracks, strict=True):
        assert (a.id, a.label) == (b.id, b.label)
        np.testing.assert_array_equal(a.frames, b.frames)
        np.testing.assert_array_equal(a.boxes, b.boxes)
    render(master, one, tmp_path / "b.mp4", WRITE)
    render(master, two, tmp_path / "c.mp4", WRITE)
    assert [p.tobytes() for p in shown(tmp_path / "b.mp4")[0]] == [p.tobytes() for p in shown(tmp_path / "c.mp4")[0]]


@pytest.mark.usefixtures("detector")
def test_detector_failure_leaves_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    master = clip(tmp_path / "a.mp4", frames=12)

    def fail(self: RedSquares, frames: torch.Tensor) -> list[Detections]:
        raise RedactError("Broken.")

    monkeypatch.setattr(RedSquares, "detect", fail)
    with pytest.raises(RedactError):
        analyse(master, FIND)
    quiet(tmp_path, master)


def test_stand_in_detector_refuses_real_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    with pytest.raises(RuntimeError):
        RedSquares()
