"""What remains of the picture under masks: nothing under a fill, a few coarse values under mosaic and blur."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.typing import NDArray
from PIL import Image

from redact.errors import OutputNotWritable
from redact.mask.compositor import Compositor
from redact.mask.contact_sheet import contact_sheet
from redact.mask.effects import LEAST_CELL, LUMA_STEP, MOST_CELLS, cell_grid, fill_colour
from redact.mask.raster import coverage
from redact.mask.shapes import Shape, ShapeKind
from redact.media.types import ColourTags, PlanarImage
from redact.settings import Effect, EffectSettings
from tests.devices import DEVICES, needs_cuda
from tests.mask.test_raster import HEIGHT, WIDTH, pixels_inside, shapes

SUBSAMPLINGS = [(1, 1), (1, 0), (0, 0), (0, 1)]
SOLID, MOSAIC, BLUR = (EffectSettings(effect) for effect in Effect)
GREEN = EffectSettings(Effect.SOLID, (0, 255, 0))
FACE = Shape(ShapeKind.ELLIPSE, 60.0, 50.0, 80.0, 96.0)


def picture(
    luma: NDArray[np.integer], subsampling: tuple[int, int] = (1, 1), depth: int = 8, device: str = "cpu", seed: int = 5
) -> PlanarImage:
    """``luma`` (levels of ``depth``) with noise as chroma."""
    sx, sy = subsampling
    sample = np.uint8 if depth == 8 else np.int16
    size = (-(-luma.shape[0] >> sy), -(-luma.shape[1] >> sx))
    chroma = np.random.default_rng(seed).integers(0, 1 << depth, (2, *size)).astype(sample)
    y, u, v = (torch.from_numpy(plane.copy()).to(device) for plane in (luma.astype(sample), *chroma))
    return PlanarImage((y, u, v), depth, subsampling)


def noise(width: int = WIDTH, height: int = HEIGHT, depth: int = 8, seed: int = 3) -> NDArray[np.integer]:
    return np.random.default_rng(seed).integers(0, 1 << depth, (height, width))


def draw(image: PlanarImage, *masks: tuple[Shape, EffectSettings]) -> list[NDArray[np.integer]]:
    Compositor(image.width, image.height, image.planes[0].device).draw(image, masks)
    return [plane.cpu().numpy() for plane in image.planes]


@settings(max_examples=150, deadline=None)
@given(shapes)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_solid_fill_changes_exactly_the_mask(subsampling: tuple[int, int], shape: Shape) -> None:
    sx, sy = subsampling
    image = picture(noise(), subsampling)
    before = [plane.numpy().copy() for plane in image.planes]
    after = draw(image, (shape, GREEN))
    levels = fill_colour(GREEN.fill, image.colour, 8, HEIGHT)
    y, x = pixels_inside(shape)
    assert (after[0][y, x] == levels[0]).all()
    assert (after[1][y >> sy, x >> sx] == levels[1]).all()
    assert (after[2][y >> sy, x >> sx] == levels[2]).all()
    covered = coverage([shape], WIDTH, HEIGHT)
    assert np.array_equal(after[0][~covered], before[0][~covered])
    shared = np.zeros(before[1].shape, bool)
    y, x = np.nonzero(covered)
    shared[y >> sy, x >> sx] = True
    for index in (1, 2):
        assert np.array_equal(after[index][~shared], before[index][~shared])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("effect", list(Effect))
@pytest.mark.parametrize("depth", [8, 10])
def test_effects_cover_mask_exactly_to_its_edge(device: str, effect: Effect, depth: int) -> None:
    # A picture of one odd value: a pixel that an effect wrote to has another (31 is not a multiple of any step).
    image = picture(np.full((HEIGHT, WIDTH), 31 << (depth - 8)), depth=depth, device=device)
    shape = Shape(ShapeKind.RECTANGLE, WIDTH - 8.0, HEIGHT - 8.0, 30.0, 20.0, 10.0)
    after = draw(image, (shape, EffectSettings(effect)))
    assert np.array_equal(after[0] != 31 << (depth - 8), coverage([shape], WIDTH, HEIGHT))


@needs_cuda
@pytest.mark.parametrize("effect", list(Effect))
@pytest.mark.parametrize("depth", [8, 10])
def test_compositor_on_card_matches_cpu(effect: Effect, depth: int) -> None:
    masks = [(FACE, EffectSettings(effect)), (Shape(ShapeKind.RECTANGLE, 20.0, 80.0, 50.0, 30.0, 20.0), SOLID)]
    before = [plane.numpy() for plane in picture(noise(120, 100, depth), depth=depth).planes]
    one, two = (draw(picture(noise(120, 100, depth), depth=depth, device=name), *masks) for name in ("cpu", "cuda"))
    covered = coverage([shape for shape, _ in masks], 120, 100)
    assert np.array_equal(one[0][~covered], before[0][~covered])
    assert np.array_equal(two[0][~covered], before[0][~covered])
    for here, there in zip(one, two, strict=True):
        # Means that lie between two levels may be rounded to either.
        step = 0 if effect is Effect.SOLID else LUMA_STEP << (depth - 8)
        assert np.abs(here.astype(int) - there).max() <= step


@pytest.mark.parametrize(
    ("fill", "colour", "depth", "height", "expected"),
    [
        ((0, 0, 0), ColourTags(), 8, 1080, (16, 128, 128)),
        ((255, 255, 255), ColourTags(), 8, 1080, (235, 128, 128)),
        ((255, 0, 0), ColourTags(matrix=1), 8, 1080, (63, 102, 240)),  # BT.709 by hand: 16 + 219 * 0.2126
        ((255, 0, 0), ColourTags(matrix=6), 8, 1080, (81, 90, 240)),  # BT.601 by hand: 16 + 219 * 0.299
        ((255, 0, 0), ColourTags(matrix=5), 8, 1080, (81, 90, 240)),  # the 625-line twin
        ((255, 0, 0), ColourTags(matrix=9), 8, 1080, (74, 97, 240)),  # BT.2020: 16 + 219 * 0.2627
        ((0, 0, 255), ColourTags(matrix=1), 8, 1080, (32, 240, 118)),
        ((255, 0, 0), ColourTags(), 8, 720, (63, 102, 240)),  # untagged: HD is BT.709
        ((255, 0, 0), ColourTags(), 8, 719, (81, 90, 240)),  # and less is BT.601
        ((0, 0, 0), ColourTags(full_range=True), 8, 1080, (0, 128, 128)),
        ((255, 255, 255), ColourTags(full_range=True), 8, 1080, (255, 128, 128)),
        ((255, 0, 0), ColourTags(matrix=6, full_range=True), 8, 1080, (76, 85, 255)),  # JFIF red; V is cut at 255
        ((0, 0, 0), ColourTags(), 10, 1080, (64, 512, 512)),
        ((255, 255, 255), ColourTags(), 10, 1080, (940, 512, 512)),
        ((255, 255, 255), ColourTags(full_range=True), 10, 1080, (1023, 512, 512)),
        ((255, 0, 0), ColourTags(matrix=1), 10, 1080, (250, 409, 960)),
    ],
)
def test_fill_colours_match_hand_computed_values(
    fill: tuple[int, int, int], colour: ColourTags, depth: int, height: int, expected: tuple[int, int, int]
) -> None:
    assert fill_colour(fill, colour, depth, height) == expected


def test_solid_fill_uses_colour_tags() -> None:
    image = picture(noise(depth=10), depth=10)
    image.colour = ColourTags(matrix=1, full_range=True)
    assert [int(plane[0, 0]) for plane in draw(image, (Shape(ShapeKind.FULL), GREEN))] == [732, 118, 47]


@pytest.mark.parametrize("effect", [Effect.MOSAIC, Effect.BLUR])
@pytest.mark.parametrize("depth", [8, 10])
def test_mosaic_depends_only_on_coarse_means(effect: Effect, depth: int) -> None:
    """Two easily distinguished patterns, hidden in cells of 24 x 20 pixels."""
    y, x = np.mgrid[:100, :120]
    upright = picture(np.where(x // 2 % 2, 200, 40) << (depth - 8), depth=depth)
    level = picture(np.where(y // 2 % 2, 200, 40) << (depth - 8), depth=depth)
    box = Shape(ShapeKind.RECTANGLE, 60.0, 50.0, 96.0, 80.0)
    one, two = (draw(image, (box, EffectSettings(effect)))[0] for image in (upright, level))
    covered = coverage([box], 120, 100)
    assert np.array_equal(one[covered], two[covered])
    assert not np.array_equal(one, two)


@pytest.mark.parametrize(
    "shape",
    [
        FACE,
        Shape(ShapeKind.RECTANGLE, 60.0, 50.0, 100.0, 25.0),  # a plate
        Shape(ShapeKind.RECTANGLE, 60.0, 50.0, 70.0, 70.0, 45.0),  # its upright box is wider than itself
        Shape(ShapeKind.ELLIPSE, 60.0, 50.0, 14.0, 17.0),  # a far face
        Shape(ShapeKind.ELLIPSE, 118.0, 98.0, 80.0, 96.0),  # all but a corner is outside the picture
        Shape(ShapeKind.FULL),
    ],
)
def test_mosaic_is_a_few_coarse_numbers(shape: Shape) -> None:
    image = picture(noise(120, 100) // 2 + np.mgrid[:100, :120][1])
    after, u, v = draw(image, (shape, MOSAIC))
    covered = coverage([shape], 120, 100)
    # A change of level from one covered pixel to the next is a border of cells.
    down = ((np.diff(after.astype(int), axis=0) != 0) & covered[1:] & covered[:-1]).any(axis=1).sum()
    across = ((np.diff(after.astype(int), axis=1) != 0) & covered[:, 1:] & covered[:, :-1]).any(axis=0).sum()
    assert down < MOST_CELLS
    assert across < MOST_CELLS
    assert len(np.unique(u[np.nonzero(covered)[0] // 2, np.nonzero(covered)[1] // 2])) == 1
    assert len(np.unique(v[np.nonzero(covered)[0] // 2, np.nonzero(covered)[1] // 2])) == 1
    assert set(np.unique(after[covered])) <= {16, 235, *range(LUMA_STEP, 235, LUMA_STEP)}


def test_blur_is_made_from_mosaic_cells_only() -> None:
    """Blurring the mosaic instead of the picture gives the same blur."""
    box = Shape(ShapeKind.RECTANGLE, 60.0, 50.0, 96.0, 72.0)
    original = noise(120, 100)
    cells = draw(picture(original), (box, MOSAIC))
    blurred = draw(picture(original), (box, BLUR))
    again = draw(picture(cells[0]), (box, BLUR))
    assert np.array_equal(blurred[0], again[0])
    assert len(np.unique(blurred[0])) > len(np.unique(cells[0][14:86, 12:108]))


@pytest.mark.parametrize(
    ("extent", "width", "height", "grid"),
    [
        (100.0, 77, 100, (4, 3)),  # a whole face
        (200.0, 200, 50, (1, 4)),  # a whole plate
        (100.0, 25, 100, (4, 1)),  # what is left of a face at the border is one cell wide,
        (100.0, 24, 100, (3, 1)),  # and from then on has fewer
        (100.0, 1, 100, (1, 1)),
        (32.0, 32, 32, (4, 4)),  # the least cell
        (31.0, 31, 31, (3, 3)),
        (10.0, 10, 10, (1, 1)),
    ],
)
def test_mosaic_cells_depend_on_whole_mask(extent: float, width: int, height: int, grid: tuple[int, int]) -> None:
    assert LEAST_CELL == 8
    assert cell_grid(extent, width, height) == grid


@pytest.mark.parametrize("veil", [MOSAIC, BLUR])
@pytest.mark.parametrize("fill_is_first", [True, False])
def test_mosaic_reveals_nothing_under_fill(veil: EffectSettings, fill_is_first: bool) -> None:
    plate = Shape(ShapeKind.RECTANGLE, 80.0, 60.0, 50.0, 30.0)
    masks = [(plate, GREEN), (FACE, veil)] if fill_is_first else [(FACE, veil), (plate, GREEN)]
    dark, bright = noise(120, 100), noise(120, 100)
    covered = coverage([plate], 120, 100)
    dark[covered], bright[covered] = 0, 255
    one, two = draw(picture(dark), *masks), draw(picture(bright), *masks)
    assert np.array_equal(one[0], two[0])
    assert (one[0][covered] == fill_colour(GREEN.fill, ColourTags(), 8, 100)[0]).all()


@pytest.mark.parametrize("large_is_first", [True, False])
def test_mosaics_overlap_through_larger_cells(large_is_first: bool) -> None:
    large = Shape(ShapeKind.RECTANGLE, 80.0, 70.0, 128.0, 128.0)  # cells of 32: one spans columns 112 to 143
    small = Shape(
        ShapeKind.RECTANGLE, 141.0, 70.0, 34.0, 34.0
    )  # cells of 8.5: one spans 141 to 149, half outside of large
    masks = [(large, MOSAIC), (small, MOSAIC)] if large_is_first else [(small, MOSAIC), (large, MOSAIC)]
    light_left, light_right = np.full((2, 140, 170), 100)
    light_left[:, 112:128], light_left[:, 128:144] = 235, 16
    light_right[:, 112:128], light_right[:, 128:144] = 16, 235
    one, two = draw(picture(light_left), *masks), draw(picture(light_right), *masks)
    inside = slice(6, 134)
    assert np.array_equal(one[0][inside], two[0][inside])


def test_compositor_draws_into_inference_mode_pictures() -> None:
    with torch.inference_mode():
        image = picture(noise())
        image.planes = tuple(plane.clone() for plane in image.planes)  # type: ignore[assignment]
    assert (draw(image, (Shape(ShapeKind.FULL), SOLID))[0] == 16).all()


@pytest.mark.parametrize(
    "image",
    [
        picture(noise(WIDTH + 1)),  # another size: the masks are for another picture
        PlanarImage(picture(noise(), (0, 0)).planes, 8, (1, 1)),  # chroma of another subsampling
        PlanarImage(picture(noise()).planes, 10, (1, 1)),  # 8-bit samples said to be 10-bit ones
    ],
)
def test_compositor_refuses_picture_of_wrong_size(image: PlanarImage) -> None:
    with pytest.raises(ValueError, match="planes"):
        Compositor(WIDTH, HEIGHT, "cpu").draw(image, [(Shape(ShapeKind.FULL), SOLID)])


def test_contact_sheet_shows_all_pairs_side_by_side(tmp_path: Path) -> None:
    before, after = (np.full((90, 160, 3), colour, np.uint8) for colour in ((200, 30, 30), (30, 30, 200)))
    contact_sheet([(f"frame {n} " * (1 + 20 * n), before, after) for n in range(3)], tmp_path / "sheet.png", columns=2)
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    red, blue = ((abs(pixels - colour).sum(axis=2) < 30).sum() for colour in ((200, 30, 30), (30, 30, 200)))
    assert red == blue == 3 * 320 * 180
    with pytest.raises(OutputNotWritable):
        contact_sheet([("a", before, after)], tmp_path / "missing" / "sheet.png", columns=1)
