"""Composes scenes: flat textures are rotated in space and pasted into a picture with the light and blur of their
place."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from redact_models.train.degrade import noise_patch


class SceneCanvas:
    """An unfinished scene: pixels, the outlines of its plates, and the occupied places."""

    def __init__(self, image: NDArray[np.uint8], softness: float) -> None:
        self.image = image
        self.softness = softness
        """Blur of the background, in pixels."""
        self.torch: float | None = None
        """Strength of a lamp at the camera, which lights pasted objects; 1 gives paper white."""
        self.outlines: list[NDArray[np.float64]] = []
        self.taken: list[NDArray[np.float64]] = []

    def free(self, box: NDArray[np.float64]) -> bool:
        """Whether a box overlaps no occupied place."""
        return all(
            box[2] <= other[0] or box[0] >= other[2] or box[3] <= other[1] or box[1] >= other[3] for other in self.taken
        )

    def add_plate(self, outline: NDArray[np.float64]) -> None:
        """Record the four corners of a plate in the picture."""
        self.outlines.append(outline)
        self.taken.append(hull(outline))


def hull(outline: NDArray[np.float64]) -> NDArray[np.float64]:
    """x1, y1, x2, y2 of the bounding box of the points (n, 2)."""
    return np.concatenate([outline.min(axis=0), outline.max(axis=0)])


def box_outline(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners clockwise from the top left."""
    x1, y1, x2, y2 = box
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64)


def in_space(rng: np.random.Generator, aspect: float, height: float, tilt: float = 1.0) -> NDArray[np.float64]:
    """Corners of a rectangle with this aspect ratio and height in pixels, rotated in space about the origin.

    They are in clockwise order from the top left; ``tilt`` scales the angles.
    """
    yaw = float(np.deg2rad(rng.triangular(-60, 0, 60))) * tilt
    pitch = float(np.deg2rad(rng.triangular(-30, 0, 30))) * tilt
    roll = float(np.deg2rad(rng.triangular(-14, 0, 14))) * tilt
    flat = np.array([[-aspect, -1, 0], [aspect, -1, 0], [aspect, 1, 0], [-aspect, 1, 0]]) * (height / 2)
    turned = flat @ np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turned = turned @ np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    turned = turned @ np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    distance = aspect * height * float(rng.uniform(2.5, 8))
    projected = turned[:, :2] * (distance / (distance + turned[:, 2:]))
    return np.asarray(projected - (projected.min(axis=0) + projected.max(axis=0)) / 2, np.float64)


def paste(
    rng: np.random.Generator,
    canvas: SceneCanvas,
    texture: NDArray[np.uint8],
    outline: NDArray[np.float64],
    *,
    reflects: bool = False,
) -> None:
    """Warp a texture (H, W, 4) onto four corners, with the light, blur and grain of the place and soft edges.

    ``reflects``: whether it reflects light back to the lamp, as plates do and car bodies do not.
    """
    image = canvas.image
    around = hull(outline)
    pad = 3
    x1, y1 = (int(max(np.floor(v) - pad, 0)) for v in around[:2])
    x2, y2 = int(min(np.ceil(around[2]) + pad, image.shape[1])), int(min(np.ceil(around[3]) + pad, image.shape[0]))
    if x2 - x1 < 2 or y2 - y1 < 2:
        return
    sides = np.linalg.norm(outline - np.roll(outline, -1, axis=0), axis=1)
    share = max(sides[0] + sides[2], 2.0) / 2 / texture.shape[1], max(sides[1] + sides[3], 2.0) / 2 / texture.shape[0]
    if min(share) < 0.75:  # shrink first, as the warp would otherwise skip pixels of the texture
        shape = tuple(max(3, round(texture.shape[1 - i] * min(share[i], 1.0))) for i in range(2))
        texture = cv2.resize(texture, shape, interpolation=cv2.INTER_AREA)
    rows, columns = texture.shape[:2]
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32) - 0.5
    onto = cv2.getPerspectiveTransform(corners, (outline - [x1, y1] - 0.5).astype(np.float32))
    # The texture's mean surrounds the outline, so that blurring the edge adds no black.
    outside = (*cv2.mean(texture)[:3], 0)
    patch = cv2.warpPerspective(texture, onto, (x2 - x1, y2 - y1), flags=cv2.INTER_LINEAR, borderValue=outside)
    red, green, blue, alpha = cv2.split(patch)
    place = image[y1:y2, x1:x2]
    lit = cv2.multiply(cv2.merge([red, green, blue]), _light(rng, canvas, place, reflects), dtype=cv2.CV_32F)
    if rng.random() < 0.5:
        lit += noise_patch(rng, y2 - y1, x2 - x1)[..., :1] * np.float32(rng.uniform(1, 5))
    cover = alpha.astype(np.float32) * np.float32(1 / 255)
    most = 0.1 * (around[3] - around[1]) + 0.2
    blur = float(np.clip(canvas.softness * rng.uniform(0.6, 1.3) + rng.uniform(0.0, 0.6), 0, most))
    if blur > 0.3:
        lit = cv2.GaussianBlur(lit, (0, 0), blur)
        cover = cv2.GaussianBlur(cover, (0, 0), min(blur, 1.2))
    ground = place.astype(np.float32)
    lit -= ground
    lit *= cover[..., None]
    image[y1:y2, x1:x2] = cv2.add(ground, lit, dtype=cv2.CV_8U)


def _light(
    rng: np.random.Generator, canvas: SceneCanvas, place: NDArray[np.uint8], reflects: bool
) -> NDArray[np.float32]:
    """Factors (h, w, 3): the level and tint of the place, a gradient across it, and sometimes the edge of a shadow.

    Retroreflective objects are sometimes brighter than their place, and always so under a torch.
    """
    height, width = place.shape[:2]
    means = np.maximum(np.array(cv2.mean(place)[:3]), 4.0)
    level = float(means.mean())
    tint = (means / level) ** rng.uniform(0.1, 0.6)
    strength = float(np.clip(level * rng.uniform(1.1, 2.8) / 190, 0.15, 1.15))
    if canvas.torch is not None:
        tint, strength = np.ones(3), canvas.torch * float(rng.uniform(0.7, 1.3) if reflects else rng.uniform(0.15, 0.8))
    elif reflects and rng.random() < 0.08:
        strength = float(rng.uniform(1.2, 1.9))
    direction = rng.uniform(0, 2 * np.pi)
    x = (np.arange(width, dtype=np.float32) / width - np.float32(0.5)) * np.float32(np.cos(direction))
    y = (np.arange(height, dtype=np.float32) / height - np.float32(0.5)) * np.float32(np.sin(direction))
    along = x[None, :] + y[:, None]
    factor = 1 + along * np.float32(rng.uniform(-0.5, 0.5))
    if rng.random() < 0.2:
        edge = np.clip(
            (along - np.float32(rng.uniform(-0.4, 0.4))) * np.float32(rng.uniform(4, 30)) + np.float32(0.5), 0, 1
        )
        factor *= 1 - edge * np.float32(rng.uniform(0.3, 0.65))
    return np.asarray(cv2.merge([factor * np.float32(t * strength) for t in tint]), np.float32)
