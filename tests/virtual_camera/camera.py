"""Moves a virtual camera over a still and returns its boxes on every frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from redact.evaluate.truth import DEFAULT_LABELS, Truth, TruthObject
from tests.virtual_camera.imaging import CAMERA_SETTINGS, Condition, Lens, Sensor
from tests.virtual_camera.path import CameraPath
from tests.virtual_camera.stills import Box

SURROUND = 0.2
"""Width of the blurred surround, in widths of the still."""
BLUR_STEP = 2.0
"""Pixels of motion between two instants of one exposure."""
MAX_INSTANTS = 9
BT709 = 1
LIMITED_RANGE = 1
"""FFmpeg's codes for both."""
X264_OPTIONS = {"crf": "23", "preset": "veryfast"}


@dataclass(frozen=True, slots=True)
class Counting:
    """Boxes that count: at least ``min_share`` of the area is inside the frame, with a minimum visible height."""

    min_share: float = 0.25
    min_height: Mapping[str, float] = field(default_factory=lambda: {"face": 16.0, "plate": 12.0, "text": 12.0})


@dataclass(frozen=True, slots=True)
class VisibleBox:
    """A box on a frame. ``hull``: upright and clipped to the frame; ``turned`` by ``angle`` degrees clockwise, whole.
    ``share``: how much of the whole hull's area is inside the frame."""

    frame: int
    hull: NDArray[np.float64]
    turned: NDArray[np.float64]
    angle: float
    share: float
    counted: bool


class VirtualCamera:
    """One clip's camera. Deterministic: equal arguments give equal frames and truth."""

    def __init__(
        self,
        still: NDArray[np.uint8],
        boxes: list[Box],
        *,
        seed: int,
        condition: Condition = Condition.DAY,
        size: tuple[int, int] = (1280, 720),
        fps: int = 25,
        seconds: float = 6.0,
        counting: Counting | None = None,
    ) -> None:
        """``still``: (H, W, 3) RGB; ``size``: (width, height) of the clip in pixels."""
        self.size, self.fps, self.frame_count = size, fps, round(fps * seconds)
        self._counting = counting or Counting()
        self._settings = CAMERA_SETTINGS[condition]
        self._lens = Lens(self._settings.focal, size)
        height, width = still.shape[:2]
        # Scaled once to just fill the frame: later warps stay near 1:1, for which bilinear is good enough.
        fill = max(size[0] / width, size[1] / height)
        scaled_size = (round(width * fill), round(height * fill))
        scaled = cv2.resize(still, scaled_size, interpolation=cv2.INTER_CUBIC if fill > 1 else cv2.INTER_AREA)
        self._pad = round(SURROUND * scaled_size[0])
        self._canvas = _with_surround(np.asarray(scaled, np.uint8), self._pad)
        scale = np.array([scaled_size[0] / width, scaled_size[1] / height] * 2)
        self._boxes = [(box[0], np.array(box[1:]) * scale) for box in boxes]
        rng = np.random.default_rng(seed)
        self._path = CameraPath(scaled_size, size, self._lens.ideal_size[0] / size[0], rng)
        self._sensor = Sensor(self._settings, size, rng)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Every frame, (H, W, 3) RGB. Iterate only once, as the noise generator continues."""
        for index in range(self.frame_count):
            yield self._sensor.expose(self._lens.bend_picture(self._average(index / self.fps)))

    def _average(self, t: float) -> NDArray[np.float32]:
        """The mean over the exposure, whose middle is ``t``."""
        open_for = self._settings.exposure / self.fps
        ends = [self._corners(t - open_for / 2), self._corners(t + open_for / 2)]
        motion = float(np.abs(ends[1] - ends[0]).max())
        count = int(np.clip(np.ceil(motion / BLUR_STEP), 1, MAX_INSTANTS))
        instants = t + open_for * ((np.arange(count) + 0.5) / count - 0.5)
        total = np.zeros((self._lens.ideal_size[1], self._lens.ideal_size[0], 3), np.float32)
        # OpenCV puts pixel centres at whole numbers, we put them at halves.
        half, unhalf, unpad = np.eye(3), np.eye(3), np.eye(3)
        half[:2, 2], unhalf[:2, 2], unpad[:2, 2] = 0.5, -0.5, -self._pad
        for instant in instants:
            frame_from_still = self._path.frame_from_still(float(instant))
            matrix = unhalf @ self._lens.ideal_from_frame() @ frame_from_still @ unpad @ half
            warped = cv2.warpPerspective(
                self._canvas, matrix, self._lens.ideal_size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            cv2.accumulate(warped, total)
        return total / np.float32(count)

    def _corners(self, t: float) -> NDArray[np.float64]:
        width, height = self.size
        still = np.linalg.inv(self._path.frame_from_still(0.0)) @ np.array(
            [[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64
        )
        return _project(self._path.frame_from_still(t), (still[:2] / still[2]).T)

    def truth(self) -> Truth:
        """Truth in MOTChallenge terms: the upright hull of each box, clipped to the frame."""
        return self._truth(lambda visible: (visible.hull, 0.0))

    def exact_truth(self) -> Truth:
        """Truth as rotated boxes that may extend past the frame. Counts the same boxes as :meth:`truth`."""
        return self._truth(lambda visible: (visible.turned, visible.angle))

    def _truth(self, form: Callable[[VisibleBox], tuple[NDArray[np.float64], float]]) -> Truth:
        objects = []
        for number, (label, box) in enumerate(self._boxes, start=1):
            everywhere = self._visible(label, box)
            if not everywhere:
                continue
            forms = [form(visible) for visible in everywhere]
            objects.append(
                TruthObject(
                    id=number,
                    label=label,
                    frames=np.array([visible.frame for visible in everywhere], np.int32),
                    boxes=np.array([f[0] for f in forms]),
                    angles=np.array([f[1] for f in forms]),
                    counted=np.array([visible.counted for visible in everywhere], np.bool_),
                )
            )
        return Truth(tuple(objects))

    def _visible(self, label: str, box: NDArray[np.float64]) -> list[VisibleBox]:
        found = []
        for index in range(self.frame_count):
            outline = self._lens.bend_points(_project(self._path.frame_from_still(index / self.fps), _outline(box)))
            whole = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
            hull = np.clip(whole, 0, [*self.size, *self.size])
            if np.any(hull[2:] - hull[:2] < 1):
                continue
            turned, angle = _turned(outline)
            share = _area(hull) / _area(whole)
            high = min(hull[3] - hull[1], turned[3] - turned[1])
            counted = share >= self._counting.min_share and high >= self._counting.min_height[label]
            found.append(VisibleBox(index, hull, turned, angle, share, counted))
        return found

    def write_truth(self, path: Path) -> None:
        """:meth:`truth` as MOTChallenge text of ten columns, with ``labels.txt`` beside it."""
        lines = []
        for number, (label, box) in enumerate(self._boxes, start=1):
            for visible in self._visible(label, box):
                x1, y1, x2, y2 = visible.hull
                place = f"{x1 + 1:.2f},{y1 + 1:.2f},{x2 - x1:.2f},{y2 - y1:.2f}"
                marks = f"{int(visible.counted)},{DEFAULT_LABELS.index(label) + 1},{visible.share:.3f},-1"
                lines.append(f"{visible.frame + 1},{number},{place},{marks}\n")
        path.write_text("".join(lines))
        path.with_name("labels.txt").write_text("".join(f"{label}\n" for label in DEFAULT_LABELS))


def make_clip(
    still: NDArray[np.uint8],
    boxes: list[Box],
    path: Path,
    *,
    seed: int,
    condition: Condition = Condition.DAY,
    size: tuple[int, int] = (1280, 720),
    fps: int = 25,
    seconds: float = 6.0,
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
) -> Truth:
    """Write a clip of ``still`` to ``path``, with its truth as MOTChallenge text beside it."""
    camera = VirtualCamera(still, boxes, seed=seed, condition=condition, size=size, fps=fps, seconds=seconds)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(fps), options=dict(options or X264_OPTIONS))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        for picture in camera.frames():
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        container.mux(stream.encode(None))
    camera.write_truth(path.with_suffix(".txt"))
    return camera.truth()


def _with_surround(still: NDArray[np.uint8], pad: int) -> NDArray[np.uint8]:
    """The still with its border continued softly: nothing black, and no mirrored content without truth."""
    border = cv2.copyMakeBorder(still, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    canvas = np.asarray(cv2.GaussianBlur(border, (0, 0), pad / 12), np.uint8)
    canvas[pad:-pad, pad:-pad] = still
    return canvas


def _project(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    mapped = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:], np.float64)


def _outline(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """(32, 2) points round the box, eight a side from its top left corner: a lens bends its sides."""
    x1, y1, x2, y2 = box
    steps = np.arange(8)[:, None] / 8
    corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]])
    return np.concatenate([a + (b - a) * steps for a, b in pairwise(corners)])


def _turned(outline: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The smallest box along the outline's top and bottom sides, before rotation, and its angle."""
    along = outline[8] - outline[0] + outline[16] - outline[24]
    angle = np.arctan2(along[1], along[0])
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    straight = outline @ back.T
    low, high = straight.min(axis=0), straight.max(axis=0)
    centre = (low + high) / 2 @ back
    half = (high - low) / 2
    return np.concatenate([centre - half, centre + half]), float(np.degrees(angle))


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
