"""Detection with built-in models at default settings, compared with exact truth. `tests.measure` gives full figures."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from redact.evaluate import Report, Truth, evaluate
from redact.mask.mask_plan import MaskPlan
from redact.mask.raster import coverage
from redact.pipeline.analysis import analyse
from redact.settings import AnalyseSettings, DeviceChoice
from redact.track.types import TrackSet
from tests.virtual_camera import Condition, Still, drawn_scene, make_clip, require_shared_data, shared_stills

pytestmark = pytest.mark.slow


def figures(tracks: TrackSet, truth: Truth, *labels: str) -> Report:
    """Figures for the requested classes."""
    return evaluate(tracks, Truth(tuple(thing for thing in truth.objects if thing.label in labels)))


def hidden(report: Report, over_masking: float) -> None:
    assert report.total.boxes >= 40, "a clip that shows nothing proves nothing"
    assert [(leak.object_id, leak.timecode, round(leak.covered, 2)) for leak in report.leaks] == []
    assert report.total.exposed == 0
    assert report.over_masking <= over_masking


@pytest.mark.parametrize(
    ("condition", "seed", "over_masking"),
    [
        # The street sign is text and is hidden with the plates, which counts as over-masking here.
        (Condition.DAY, 11, 0.05),
        (Condition.LOW_LIGHT, 12, 0.1),
    ],
)
def test_quality_of_street_with_face_and_plates(
    tmp_path: Path, condition: Condition, seed: int, over_masking: float
) -> None:
    still, boxes = drawn_scene(seed)
    truth = make_clip(still, boxes, tmp_path / "a.mp4", seed=seed, condition=condition, seconds=2)
    tracks = analyse(tmp_path / "a.mp4", AnalyseSettings(device=DeviceChoice.CPU))
    report = figures(tracks, truth, "face", "plate")
    hidden(report, over_masking)
    assert {figure.label for figure in report.classes} == {"face", "plate"}


def filmed(still: Still, path: Path, seed: int, *labels: str) -> tuple[TrackSet, Truth]:
    truth = make_clip(still.picture, still.boxes, path, seed=seed, seconds=2)
    return analyse(path, AnalyseSettings(classes=labels, device=DeviceChoice.CPU)), truth


def test_quality_of_real_faces(tmp_path: Path) -> None:
    still = shared_stills(require_shared_data(), "faces", "face")[0]
    tracks, truth = filmed(still, tmp_path / "a.mp4", 100, "face")
    hidden(figures(tracks, truth, "face"), over_masking=0.08)


def test_quality_of_real_plate(tmp_path: Path) -> None:
    still = shared_stills(require_shared_data(), "plates_us", "plate", 20)[4]
    tracks, truth = filmed(still, tmp_path / "a.mp4", 204, "plate")
    hidden(figures(tracks, truth, "plate"), over_masking=0.06)


def test_quality_of_body_camera_wearer(tmp_path: Path) -> None:
    """No truth, but one large face in every frame: the first hundred frames must have a mask of its size."""
    source = next(iter(sorted((require_shared_data() / "wearable").glob("*.mp4"))))
    path = tmp_path / "a.mp4"
    with av.open(str(source)) as master, av.open(str(path), "w") as out:
        inward = master.streams.video[0]
        stream = out.add_stream_from_template(inward)
        for packet in master.demux(inward):
            if packet.dts is None or (packet.pts or 0) * (inward.time_base or 0) >= 100 / 30:
                continue
            packet.stream = stream
            out.mux(packet)
    tracks = analyse(path, AnalyseSettings(classes=("face",), device=DeviceChoice.CPU))
    media = tracks.media
    assert media.pts.size >= 90
    plan = MaskPlan(tracks)
    shares = [coverage(plan.shapes(n), media.width, media.height).mean() for n in range(media.pts.size)]
    assert min(shares) > 0.01
    assert np.median(shares) < 0.35
