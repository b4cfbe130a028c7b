from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from redact.errors import FrameCountMismatch, NotMedia
from redact.evaluate import evaluate, evaluate_pixels
from redact.mask.mask_plan import MaskPlan
from redact.mask.raster import coverage
from redact.track.types import TrackSet
from tests.evaluate.scenes import HEIGHT, TIGHT, WIDTH, media, tracks, truth

FILL = (255, 0, 255)
FRAMES = 6


def write_clip(path: Path, masks: TrackSet, frames: int = FRAMES) -> Path:
    """Soft noise with a dark half, and filled masks."""
    rng = np.random.default_rng(0)
    ground = rng.integers(60, 200, (HEIGHT // 4, WIDTH // 4, 3), dtype=np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    ground[:, : WIDTH // 2] //= 16
    plan = MaskPlan(masks, TIGHT)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "20"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            picture = ground.copy()
            picture[coverage(plan.shapes(index), WIDTH, HEIGHT)] = FILL
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_pixel_figures_match_track_figures(tmp_path: Path) -> None:
    dark, bright = (10.0, 20.0, 60.0, 70.0), (120.0, 30.0, 180.0, 60.0)
    masks = tracks(
        ("face", {f: dark for f in range(FRAMES) if f != 4}), ("plate", dict.fromkeys(range(FRAMES), bright)),
        ref=media(FRAMES),
    )  # fmt: skip
    wanted = truth(("face", dict.fromkeys(range(FRAMES), dark)), ("plate", {0: bright, 1: bright}))
    master = write_clip(tmp_path / "master.mp4", tracks(ref=media(FRAMES)))
    copy = write_clip(tmp_path / "copy.mp4", masks)
    measured = evaluate_pixels(master, copy, wanted, media(FRAMES), FILL)
    expected = evaluate(masks, wanted, TIGHT)
    assert measured.report.total == expected.total
    assert [leak.frame for leak in measured.report.leaks] == [4]
    assert measured.report.over_masking == pytest.approx(expected.over_masking, rel=0.1)
    assert 30 < measured.psnr_outside < 60


def test_pixel_figures_refuse_copy_of_other_length(tmp_path: Path) -> None:
    master = write_clip(tmp_path / "master.mp4", tracks(ref=media(FRAMES)))
    short = write_clip(tmp_path / "short.mp4", tracks(ref=media(FRAMES)), FRAMES - 1)
    with pytest.raises(FrameCountMismatch):
        evaluate_pixels(master, short, truth(), media(FRAMES), FILL)
    with pytest.raises(FrameCountMismatch):
        evaluate_pixels(short, master, truth(), media(FRAMES), FILL)
    (tmp_path / "no.mp4").write_text("no video")
    with pytest.raises(NotMedia):
        evaluate_pixels(master, tmp_path / "no.mp4", truth(), media(FRAMES), FILL)
