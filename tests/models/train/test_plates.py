"""Every layout draws a legible plate: text that contrasts with its background."""

import numpy as np
import pytest

from redact_models.train.plates import LAYOUTS, draw_plate


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_plate_layouts_have_print_on_ground(layout: str) -> None:
    for seed in range(12):
        pixels = LAYOUTS[layout](np.random.default_rng(seed)).pixels
        height, width = pixels.shape[:2]
        assert 48 <= height <= 120
        assert 1.0 < width / height < 5.2
        # The middle contains the registration: two distinct tones, and differing columns.
        middle = pixels[height // 4 : -height // 5, width // 6 : -width // 10].astype(np.float32).mean(axis=2)
        low, high = np.percentile(middle, (8, 92))
        assert high - low > 60
        assert middle.std(axis=1).max() > 20


def test_plates_have_many_layouts_and_repeat_with_seed() -> None:
    first = [draw_plate(np.random.default_rng(seed)) for seed in range(150)]
    again = [draw_plate(np.random.default_rng(seed)) for seed in range(150)]
    assert {plate.layout for plate in first} == set(LAYOUTS)
    for one, other in zip(first, again, strict=True):
        assert one.layout == other.layout
        assert np.array_equal(one.texture, other.texture)
        assert one.texture.shape[2] == 4
        # Only corners are transparent: a hole elsewhere would show the background as part of the plate.
        alpha = one.texture[..., 3]
        assert alpha[alpha.shape[0] // 2].min() == 255
        assert alpha[:, alpha.shape[1] // 2].min() == 255
