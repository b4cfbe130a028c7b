"""Masks drawn by the compositor are recognised, and missing masks reported."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch

from redact.disclose.log.release_log import PublishedRange
from redact.disclose.verify.findings import CheckOutcome
from redact.disclose.verify.mask_check import Sample, exposed, has_area
from redact.disclose.verify.untrusted_copy import RangeFillChecker
from redact.mask.compositor import Compositor
from redact.mask.shapes import Shape, ShapeKind
from redact.media.types import PlanarImage
from redact.settings import Effect, EffectSettings
from tests.disclose.samples import at

WIDTH, HEIGHT = 320, 180
BLACK, RED = EffectSettings(), EffectSettings(fill=(200, 30, 40))
MOSAIC, BLUR = EffectSettings(Effect.MOSAIC), EffectSettings(Effect.BLUR)


def footage(bits: int = 8) -> PlanarImage:
    """Detail everywhere, and nothing dark."""
    random = np.random.default_rng(3)

    def plane(height: int, width: int) -> torch.Tensor:
        levels = random.integers(70, 220, (height // 4 + 1, width // 4 + 1)).repeat(4, 0).repeat(4, 1)
        scaled = levels[:height, :width] << (bits - 8)
        return torch.from_numpy(scaled.astype(np.uint8 if bits == 8 else np.int16))

    return PlanarImage((plane(HEIGHT, WIDTH), plane(90, 160), plane(90, 160)), bits, (1, 1))


def drawn(masks: Sequence[tuple[Shape, EffectSettings]], bits: int = 8) -> PlanarImage:
    image = footage(bits)
    Compositor(WIDTH, HEIGHT, "cpu").draw(image, masks)
    return image


def samples(masks: Sequence[tuple[Shape, EffectSettings]]) -> list[Sample]:
    return [Sample(0, shape, settings) for shape, settings in masks]


SHAPES = [
    Shape(ShapeKind.ELLIPSE, 100.3, 80.2, 60, 75, 0),
    Shape(ShapeKind.RECTANGLE, 200, 90, 80, 24, 17),
    Shape(ShapeKind.ELLIPSE, 4, 170, 50, 60, 0),  # extends beyond the picture
    Shape(ShapeKind.RECTANGLE, 150, 90, 6, 5, 0),  # smaller than its rims
    Shape(ShapeKind.FULL),
]


@pytest.mark.parametrize("settings", [BLACK, RED, MOSAIC, BLUR], ids=["black", "red", "mosaic", "blur"])
@pytest.mark.parametrize("bits", [8, 10])
def test_drawn_mask_is_found(settings: EffectSettings, bits: int) -> None:
    for shape in SHAPES:
        assert exposed(drawn([(shape, settings)], bits), samples([(shape, settings)])) == [], shape


@pytest.mark.parametrize("settings", [BLACK, RED, MOSAIC, BLUR], ids=["black", "red", "mosaic", "blur"])
@pytest.mark.parametrize("bits", [8, 10])
def test_missing_mask_is_reported(settings: EffectSettings, bits: int) -> None:
    for shape in SHAPES[:3]:
        (missing,) = exposed(footage(bits), samples([(shape, settings)]))
        assert missing.shape == shape


def test_mask_elsewhere_is_reported() -> None:
    shape = SHAPES[0]
    beside = Shape(shape.form, shape.cx + 12, shape.cy, shape.w, shape.h)
    for settings in (BLACK, MOSAIC):
        assert exposed(drawn([(beside, settings)]), samples([(shape, settings)]))


def test_translucent_mask_is_reported() -> None:
    """A translucent mask does not hide anything."""
    image, hidden = footage(), drawn([(SHAPES[0], BLACK)])
    y = ((image.planes[0].int() + hidden.planes[0].int()) // 2).to(torch.uint8)
    mixed = PlanarImage((y, *hidden.planes[1:]), 8, (1, 1))
    assert exposed(mixed, samples([(SHAPES[0], BLACK)]))


def test_chroma_alone_is_reported() -> None:
    """A fill with the right brightness but the colours of the footage."""
    image = drawn([(SHAPES[0], BLACK)])
    recoloured = PlanarImage((image.planes[0], *footage().planes[1:]), 8, (1, 1))
    assert exposed(recoloured, samples([(SHAPES[0], BLACK)]))


def test_overlapping_masks_are_all_found() -> None:
    big, small = Shape(ShapeKind.ELLIPSE, 120, 90, 90, 100), Shape(ShapeKind.ELLIPSE, 150, 95, 60, 70)
    bar = Shape(ShapeKind.RECTANGLE, 120, 90, 40, 90)
    for masks in (
        [(big, MOSAIC), (small, MOSAIC)],
        [(small, BLUR), (big, MOSAIC)],
        [(big, MOSAIC), (bar, RED)],
        [(big, BLACK), (bar, RED)],
        [(bar, BLACK), (Shape(ShapeKind.ELLIPSE, 140, 90, 50, 60), BLACK)],
        [(big, MOSAIC), (big, MOSAIC)],
    ):
        assert exposed(drawn(masks), samples(masks)) == [], masks
    # A missing one is still reported beside the others.
    assert [s.shape for s in exposed(drawn([(bar, RED)]), samples([(big, MOSAIC), (bar, RED)]))] == [big]


def test_mask_outside_picture_is_ignored() -> None:
    assert exposed(footage(), samples([(Shape(ShapeKind.ELLIPSE, -200, 50, 40, 40), BLACK)])) == []


def test_fill_area_is_found_anywhere() -> None:
    small = Shape(ShapeKind.ELLIPSE, 210, 30, 14, 16)
    assert has_area(drawn([(small, RED)]), [(0, 0, 0), (200, 30, 40)])
    assert not has_area(drawn([(small, RED)]), [(0, 0, 0)])
    assert not has_area(footage(), [(0, 0, 0)])
    # A line is not a mask.
    assert not has_area(drawn([(Shape(ShapeKind.RECTANGLE, 100, 60, 120, 3), BLACK)]), [(0, 0, 0)])


def ranged(first: int, last: int, effects: tuple[str, ...] = ("solid",)) -> PublishedRange:
    return PublishedRange.model_validate(
        {
            "output": 0,
            "first_frame": first,
            "last_frame": last,
            "first_timecode": at(first),
            "last_timecode": at(last),
            "kind": "picture",
            "effects": effects,
            "fills": ((0, 0, 0),),
            "codes": ("TP",),
            "legal_basis": ("",) if not effects else ("an Act",),
        }
    )


@pytest.mark.parametrize(
    ("hidden", "effects", "state"),
    [
        (range(10, 101), ("solid",), CheckOutcome.HELD),
        ([*range(10, 40), *range(64, 101)], ("solid",), CheckOutcome.HELD),  # 24 frames of a gap: under a second
        (
            [*range(10, 30), *range(90, 101)],
            ("solid",),
            CheckOutcome.BROKEN,
        ),  # over two seconds: too long to be one range
        (range(11, 101), ("solid",), CheckOutcome.BROKEN),  # not on its first frame
        (range(10, 100), ("solid",), CheckOutcome.BROKEN),  # not on its last
        ([], ("solid",), CheckOutcome.BROKEN),
        ([30, 34], ("mosaic", "solid"), CheckOutcome.HELD),  # the positions of mosaics are unknown
        ([], ("mosaic", "solid"), CheckOutcome.BROKEN),
    ],
)
def test_published_range_needs_fill_from_end_to_end(
    hidden: Sequence[int], effects: tuple[str, ...], state: CheckOutcome
) -> None:
    checker = RangeFillChecker([ranged(10, 100, effects)])
    with_fill, without = drawn([(SHAPES[0], BLACK)]), footage()
    for frame in range(120):
        if checker.wants(frame):
            checker.examine(frame, Fraction(frame, 25), with_fill if frame in hidden else without)
    assert checker.result("video-1.mp4").state is state


def test_published_log_without_fills_is_not_checked() -> None:
    checker = RangeFillChecker([])
    assert not checker.wants(0)
    assert checker.result("video-1.mp4").state is CheckOutcome.ABSENT
