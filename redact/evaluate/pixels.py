"""Measures a finished copy by its pixels: for tools without tracks, and to check our own figures on actual output."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from redact.errors import FrameCountMismatch, NotMedia, NoVideo
from redact.evaluate.leaks import Report, Tally
from redact.evaluate.truth import Truth
from redact.media.containers import open_media
from redact.track.types import MediaRef

FILL_TOLERANCE = 48
"""Levels, of 255, by which an encoder may change a flat fill, including ringing at its edge."""
RIM = 8
"""Pixels around masks that are left out of the quality figure: an encoder spends its bits differently there."""


@dataclass(frozen=True, slots=True)
class PixelReport:
    """``psnr_outside``: luma PSNR between master and copy away from masks, in decibels; infinite if they are equal."""

    report: Report
    psnr_outside: float


def masked_pixels(
    copy: NDArray[np.uint8], fill: tuple[int, int, int], tolerance: int = FILL_TOLERANCE
) -> NDArray[np.bool_]:
    """Which pixels of a copy's frame are fill: bool (H, W) of ``copy``, (H, W, 3) RGB.

    This works only if the picture has nothing in the colour ``fill``: use a saturated green or magenta, not black.
    """
    low = tuple(max(level - tolerance, 0) for level in fill)
    high = tuple(min(level + tolerance, 255) for level in fill)
    return np.asarray(cv2.inRange(copy, low, high), np.uint8) > 0


def evaluate_pixels(master: Path, copy: Path, truth: Truth, media: MediaRef, fill: tuple[int, int, int]) -> PixelReport:
    """Figures for the pixels of ``copy`` that have the colour ``fill``. Frames are paired by index, as stored; neither
    file may have a rotation flag.

    Raises :class:`redact.errors.FrameCountMismatch` if the number of frames or the size differs,
    :class:`redact.errors.BadTruth`, and :class:`redact.errors.NotMedia` if one of them cannot be read.
    """
    tally = Tally(truth, media)
    squared, count = 0.0, 0
    near = np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)
    for frame, (before, after) in enumerate(zip_longest(_pictures(master), _pictures(copy))):
        if before is None or after is None or before.shape != after.shape or frame >= media.pts.size:
            raise FrameCountMismatch(
                f"{copy.name} and {master.name} differ in their number of frames or their size at frame {frame + 1}.",
                "Compare a master with its own copy.",
            )
        masked = masked_pixels(after, fill)
        tally.add(frame, masked)
        away = cv2.dilate(masked.astype(np.uint8), near) == 0
        difference = _luma(before)[away] - _luma(after)[away]
        squared += float(np.sum(np.square(difference, dtype=np.float64)))
        count += difference.size
    psnr = 10 * math.log10(255**2 * count / squared) if squared else math.inf
    return PixelReport(tally.report(), psnr)


def _luma(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    with open_media(path) as container:
        if not container.streams.video:
            raise NoVideo(f"{path.name} has no video track.", "Give a video file.")
        try:
            for frame in container.decode(video=0):
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        except FFmpegError as error:
            raise NotMedia(f"{path.name} cannot be decoded ({error.strerror}).", "Give a video file.") from error
