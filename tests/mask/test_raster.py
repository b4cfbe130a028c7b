"""Coverage of shapes, against independent rasterisers and by the definition itself."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redact.mask.raster import coverage, rasterise, spans
from redact.mask.shapes import Shape, ShapeKind

WIDTH, HEIGHT = 61, 37
"""Odd, so that the last row and column share no chroma sample with a neighbour."""

shapes = st.builds(
    Shape,
    st.sampled_from([ShapeKind.ELLIPSE, ShapeKind.RECTANGLE]),
    cx=st.floats(-20, WIDTH + 20),
    cy=st.floats(-20, HEIGHT + 20),
    w=st.floats(0.01, 90),
    h=st.floats(0.01, 90),
    angle=st.one_of(st.sampled_from([0.0, 90.0, -90.0, 180.0, 1e-7, 89.9999999]), st.floats(-400, 400)),
)


def points_inside(shape: Shape, count: int = 4000) -> NDArray[np.float64]:
    """(n, 2) points x, y of the ideal shape, many of them at its rim, by the definition of :class:`Shape`."""
    rng = np.random.default_rng(7)
    rim = np.where(rng.random(count) < 0.5, 1 - 1e-6, rng.random(count))
    if shape.form is ShapeKind.ELLIPSE:
        turn = rng.uniform(0, 2 * math.pi, count)
        u, v = rim * np.cos(turn), rim * np.sin(turn)
    else:
        u, v = rng.uniform(-1, 1, (2, count))
        side = rng.random(count) < 0.5
        u, v = np.where(side, np.sign(u) * rim, u), np.where(side, v, np.sign(v) * rim)
    u, v = u * shape.w / 2, v * shape.h / 2
    cos, sin = math.cos(math.radians(shape.angle)), math.sin(math.radians(shape.angle))
    # y points down, so this turns (1, 0) towards (0, 1): clockwise on the screen.
    return np.stack([shape.cx + u * cos - v * sin, shape.cy + u * sin + v * cos], axis=1)


def pixels_inside(shape: Shape) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of picture pixels that contain a sampled point of the ideal shape."""
    x, y = np.floor(points_inside(shape)).astype(np.int64).T
    inside = (x >= 0) & (x < WIDTH) & (y >= 0) & (y < HEIGHT)
    return y[inside], x[inside]


def within(shape: Shape, slack: float) -> NDArray[np.bool_]:
    """Pixels whose centre lies within the shape after each half side has grown by ``slack`` pixels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    cos, sin = math.cos(math.radians(shape.angle)), math.sin(math.radians(shape.angle))
    u = ((x - shape.cx) * cos + (y - shape.cy) * sin) / (shape.w / 2 + slack)
    v = ((y - shape.cy) * cos - (x - shape.cx) * sin) / (shape.h / 2 + slack)
    inside: NDArray[np.bool_] = u**2 + v**2 <= 1 if shape.form is ShapeKind.ELLIPSE else np.maximum(abs(u), abs(v)) <= 1
    return inside


@settings(max_examples=400, deadline=None)
@given(shapes)
def test_raster_covers_every_touched_pixel(shape: Shape) -> None:
    covered = coverage([shape], WIDTH, HEIGHT)
    assert covered[pixels_inside(shape)].all()
    if shape.form is ShapeKind.RECTANGLE:
        # The centre of a pixel that is touched is at most half a diagonal away; a pixel side more for shapes that grew.
        least = 0.0 if min(shape.w, shape.h) >= 1 else 0.5
        assert not covered[~within(shape, math.sqrt(0.5) + least + 0.02)].any()


@pytest.mark.parametrize("angle", [3.0, 30.0, 45.0, -75.0, 100.0])
def test_raster_of_rotated_rectangle_adds_at_most_edge(angle: float) -> None:
    shape = Shape(ShapeKind.RECTANGLE, 30.3, 18.1, 40.0, 11.0, angle)
    covered = coverage([shape], WIDTH, HEIGHT)
    polygon = np.zeros((HEIGHT, WIDTH), np.uint8)
    corners = cv2.boxPoints(((shape.cx, shape.cy), (shape.w, shape.h), shape.angle))
    # OpenCV has pixel centres at integers, and five bits after the point. It draws the outline too.
    cv2.fillConvexPoly(polygon, np.round((corners - 0.5) * 32).astype(np.int32), 1, cv2.LINE_8, 5)
    missed = (polygon > 0) & ~covered
    assert not (missed & within(shape, 0.0)).any()
    assert (covered & (polygon == 0)).sum() <= 2 * (shape.w + shape.h)
    assert missed.sum() <= 4, "OpenCV's own rounding at the corners"


@pytest.mark.parametrize("angle", [0.0, 20.0, 90.0])
def test_raster_of_ellipse_adds_at_most_edge(angle: float) -> None:
    covered = coverage([Shape(ShapeKind.ELLIPSE, 100.0, 100.0, 90.0, 60.0, angle)], 200, 200)
    area, rim = math.pi * 45 * 30, math.pi * (45 + 30)
    assert area < covered.sum() < area + 1.1 * rim


@pytest.mark.parametrize("form", [ShapeKind.ELLIPSE, ShapeKind.RECTANGLE])
@pytest.mark.parametrize(
    ("cx", "cy", "row", "column"),
    [
        (0.0, 18.0, 18, 0),  # half over the left border
        (WIDTH, 18.0, 18, WIDTH - 1),  # half over the right one
        (30.0, 0.0, 0, 30),  # half over the top
        (30.0, HEIGHT, HEIGHT - 1, 30),  # half over the bottom
        (WIDTH - 8.0, 18.0, 18, WIDTH - 1),  # touching the right border from inside
        (30.0, HEIGHT - 8.0, HEIGHT - 1, 30),  # touching the bottom from inside
        (WIDTH + 7.999, 18.0, 18, WIDTH - 1),  # only a thousandth of a pixel is inside
        (30.0, HEIGHT + 7.999, HEIGHT - 1, 30),
        (-7.999, 18.0, 18, 0),
        (30.0, -7.999, 0, 30),
    ],
)
def test_raster_covers_first_and_last_rows_and_columns(
    form: ShapeKind, cx: float, cy: float, row: int, column: int
) -> None:
    assert coverage([Shape(form, cx, cy, 16.0, 16.0)], WIDTH, HEIGHT)[row, column]


@pytest.mark.parametrize("angle", [0.0, 180.0, -360.0])
def test_raster_of_aligned_rectangle_is_exact(angle: float) -> None:
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[5:15, 10:40] = True
    assert np.array_equal(
        coverage([Shape(ShapeKind.RECTANGLE, 25.0, 10.0, 30.0, 10.0, angle)], WIDTH, HEIGHT), expected
    )
    turned = coverage([Shape(ShapeKind.RECTANGLE, 25.0, 10.0, 10.0, 30.0, angle + 90)], WIDTH, HEIGHT)
    assert np.array_equal(turned, expected)


def test_raster_rotates_clockwise() -> None:
    covered = coverage([Shape(ShapeKind.RECTANGLE, 30.0, 18.0, 30.0, 2.0, 30.0)], WIDTH, HEIGHT)
    assert covered[24, 40]
    assert not covered[12, 40]


@pytest.mark.parametrize(
    "shape",
    [
        Shape(ShapeKind.FULL),
        Shape(ShapeKind.ELLIPSE, 9.0, 9.0, 0.0, 5.0),  # no width
        Shape(ShapeKind.RECTANGLE, 9.0, 9.0, 5.0, -1.0),  # corners swapped
        Shape(ShapeKind.ELLIPSE, math.nan, 9.0, 5.0, 5.0),
        Shape(ShapeKind.RECTANGLE, 9.0, 9.0, 5.0, math.inf),
        Shape(ShapeKind.RECTANGLE, 9.0, 9.0, 5.0, 5.0, math.nan),
        Shape(ShapeKind.ELLIPSE, 1e300, 9.0, 5.0, 5.0),  # finite, but outside any picture
        Shape(ShapeKind.ELLIPSE, 9.0, 9.0, 9e6, 9e6, 33.0),  # valid, and larger than the picture on all sides
    ],
)
def test_raster_of_invalid_shape_covers_everything(shape: Shape) -> None:
    assert coverage([shape], WIDTH, HEIGHT).all()


@pytest.mark.parametrize("size", [1e-300, 1e-9, 0.3])
@pytest.mark.parametrize("form", [ShapeKind.ELLIPSE, ShapeKind.RECTANGLE])
def test_raster_of_tiny_shape_covers_its_pixel(form: ShapeKind, size: float) -> None:
    assert coverage([Shape(form, 20.0, 10.0, size, size, 45.0)], WIDTH, HEIGHT)[10, 20]
    assert coverage([Shape(form, WIDTH - 0.01, HEIGHT - 0.01, size, size)], WIDTH, HEIGHT)[-1, -1]


@pytest.mark.parametrize(("cx", "cy"), [(-8.0, 18.0), (WIDTH + 8.0, 18.0), (30.0, -8.0), (30.0, 900.0)])
def test_raster_of_shape_outside_covers_nothing(cx: float, cy: float) -> None:
    rows, columns, mask = rasterise(Shape(ShapeKind.RECTANGLE, cx, cy, 16.0, 16.0), WIDTH, HEIGHT, "cpu")
    assert (rows, columns, tuple(mask.shape)) == (slice(0, 0), slice(0, 0), (0, 0))


def test_raster_coverage_is_union() -> None:
    one, two = Shape(ShapeKind.ELLIPSE, 10.0, 10.0, 9.0, 9.0), Shape(ShapeKind.RECTANGLE, 14.0, 12.0, 9.0, 5.0, 20.0)
    both = coverage([one, two], WIDTH, HEIGHT)
    assert np.array_equal(both, coverage([one], WIDTH, HEIGHT) | coverage([two], WIDTH, HEIGHT))
    assert not coverage([], WIDTH, HEIGHT).any()


@settings(max_examples=200, deadline=None)
@given(shapes, st.sampled_from([(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 2)]))
def test_raster_chroma_covers_every_shared_sample(shape: Shape, subsampling: tuple[int, int]) -> None:
    sx, sy = subsampling
    y, x = np.nonzero(coverage([shape], WIDTH, HEIGHT))
    expected = np.zeros((-(-HEIGHT >> sy), -(-WIDTH >> sx)), bool)
    expected[y >> sy, x >> sx] = True
    rows, columns, mask = spans(shape, WIDTH, HEIGHT).shared(sx, sy).mask(torch.device("cpu"))
    shared = np.zeros_like(expected)
    shared[rows, columns] = mask.numpy()
    assert np.array_equal(shared, expected)
