"""Slates that are readable at any size, watermarks that reveal nothing, and untrusted text."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redact.errors import TitleUnusable
from redact.mask.compositor import Compositor
from redact.mask.shapes import Shape, ShapeKind
from redact.mask.titles import Format, Watermark, check_slate, check_watermark, draw_slate
from redact.media.types import ColourTags
from redact.settings import Effect, EffectSettings, Slate
from tests.devices import DEVICES
from tests.mask.test_compositor import FACE, GREEN, MOSAIC, noise, picture

LINES = ("Redacted copy", "FOI 2026/00417", "Personal data hidden: s.40(2)")
BT709 = ColourTags(1, 1, 1)


def form(width: int, height: int, aspect: Fraction | int = 1, depth: int = 8) -> Format:
    return Format(width, height, Fraction(aspect), depth, BT709)


def slate(form: Format, lines: tuple[str, ...] = LINES) -> tuple[NDArray[np.integer], bool]:
    image, fits = draw_slate(check_slate(Slate(lines, 1)), form)
    assert (image.width, image.height, image.bit_depth) == (form.width, form.height, form.bit_depth)
    neutral = 1 << (form.bit_depth - 1)
    for plane in image.planes[1:]:
        assert plane.shape == ((form.height + 1) // 2, (form.width + 1) // 2)
        assert plane.eq(neutral).all()
    return image.planes[0].numpy(), fits


@pytest.mark.parametrize(
    ("width", "height", "aspect", "whole"),
    [
        (160, 96, 1, True),
        (96, 160, 1, True),
        (161, 97, 1, True),
        (1280, 720, 1, True),
        (720, 1280, 1, True),
        (3840, 2160, 1, True),
        (720, 576, Fraction(16, 11), True),
        (2048, 64, 1, True),  # a strip
        (64, 48, 1, False),  # some of it
        (16, 16, 1, False),  # the smallest picture there is
    ],
)
def test_slate_is_readable_at_any_size(width: int, height: int, aspect: Fraction | int, *, whole: bool) -> None:
    luma, fits = slate(form(width, height, aspect))
    assert fits == whole
    ink = luma > 100
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    assert luma.max() > 150  # on a ground of less than 40
    assert np.median(luma) < 40
    # Nothing touches the border, and letters are at least seven pixels high.
    assert 0 < rows[0] < rows[-1] < height - 1
    assert 0 < columns[0] < columns[-1] < width - 1
    assert rows[-1] - rows[0] >= (4 if height == 16 else 30)


def test_slate_uses_available_space() -> None:
    for size in (96, 360, 720, 1440):
        luma, _ = slate(form(size * 16 // 9, size))
        rows = np.flatnonzero((luma > 100).any(axis=1))
        assert 0.25 * size < rows[-1] - rows[0] < 0.9 * size


def test_slate_has_levels_of_copy() -> None:
    narrow, _ = slate(form(320, 192))
    deep, _ = slate(form(320, 192, depth=10))
    full, _ = draw_slate(check_slate(Slate(LINES)), Format(320, 192, Fraction(1), 8, ColourTags(1, 1, 1, True)))
    assert np.abs(deep.astype(int) - 4 * narrow.astype(int)).max() <= 2
    # 20 of 255 in both ranges.
    assert (int(np.median(narrow)), int(full.planes[0].numpy().min())) == (33, 20)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=120), max_size=6), st.sampled_from([(160, 96), (40, 200), (16, 16)]))
def test_titles_survive_any_text(lines: list[str], size: tuple[int, int]) -> None:
    target = form(*size)
    try:
        plain = check_slate(Slate(tuple(lines), 1))
    except TitleUnusable:
        return
    assert all(line.isprintable() for line in plain.lines)
    draw_slate(plain, target)
    Watermark(check_watermark(plain.lines[0][:100]), target, "cpu")


@pytest.mark.parametrize(
    ("untrusted", "drawn"),
    [
        ("a\nb\0c\td", "a b c d"),  # control characters are spaces
        ("abc\u202edef\u200b\u2066\ufeff", "abcdef"),  # marks that reverse the direction of writing, or are invisible
        ("  Heddlu  De   Cymru — ŵ ŷ £ § ½ ", "Heddlu De Cymru — ŵ ŷ £ § ½"),
        ("e\u0301", "é"),
    ],
)
def test_titles_contain_only_visible_characters(untrusted: str, drawn: str) -> None:
    assert check_watermark(untrusted) == drawn
    assert check_slate(Slate(("", untrusted, ""), 1)).lines == (drawn,)


@pytest.mark.parametrize("untrusted", ["\ud800", "漢", "🙂", "مرحبا", "x" * 101, "q\u0301\u0302\u0303", "\ue000"])
def test_titles_that_cannot_be_drawn_are_refused(untrusted: str) -> None:
    with pytest.raises(TitleUnusable):
        check_watermark(untrusted)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("depth", [8, 10])
def test_watermark_is_visible_on_black_and_white(device: str, depth: int) -> None:
    target, unit = form(320, 192, depth=depth), 1 << (depth - 8)
    watermark = Watermark("Not for onward use", target, device)
    for grey in (16, 128, 235):
        image = picture(np.full((192, 320), grey * unit), depth=depth, device=device)
        chroma = [plane.clone() for plane in image.planes[1:]]
        watermark.draw(image)
        luma = image.planes[0].cpu().numpy() / unit
        changed = np.abs(luma - grey) > 20
        # A small share of the picture, but in all four quarters.
        assert 0.01 < changed.mean() < 0.12
        assert all(quarter.any() for half in np.split(changed, 2) for quarter in np.split(half, 2, axis=1))
        assert luma.min() >= 16
        assert luma.max() <= 235
        assert all(bool(a.eq(b).all()) for a, b in zip(chroma, image.planes[1:], strict=True))


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("device", DEVICES)
def test_watermark_keeps_masks_visible(device: str, depth: int) -> None:
    size = noise(depth=depth).shape
    target = form(size[1], size[0], depth=depth)
    watermark = Watermark("Not for onward use", target, device)
    compositor = Compositor(size[1], size[0], device)
    masks = [
        (FACE, MOSAIC),
        (Shape(ShapeKind.RECTANGLE, 30, 20, 60, 40), EffectSettings(Effect.BLUR)),
        (Shape(ShapeKind.RECTANGLE, 60, 50, 80, 20), GREEN),
    ]
    plain, marked = (picture(noise(depth=depth), depth=depth, device=device) for _ in range(2))
    compositor.draw(plain, masks)
    filled = plain.planes[0].clone()
    compositor.draw(marked, masks, watermark)
    watermark.draw(plain)
    # Only the masked picture is marked; pixels under a fill are exactly the fill.
    fill = np.zeros(size, bool)
    fill[40:60, 20:100] = True
    after, expected, before = (plane.cpu().numpy() for plane in (marked.planes[0], plain.planes[0], filled))
    assert np.array_equal(after[~fill], expected[~fill])
    assert np.array_equal(after[fill], before[fill])
    assert not np.array_equal(after, before)
