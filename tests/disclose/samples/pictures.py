"""Mask samples and stills for the sample logs."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from redact.disclose.log.release_log import MaskSample, MaskSamples, ReleaseLog


def mask_samples() -> MaskSamples:
    """Positions of two of the court log's masks."""
    return MaskSamples(
        samples=(
            MaskSample(
                output=0, frame=131, effect="solid", fill=(0, 0, 0), form="ellipse", cx=320.5, cy=180, w=60, h=81,
                angle=0,
            ),
            MaskSample(output=1, frame=2001, effect="blur", form="rectangle", cx=900, cy=400, w=200, h=90, angle=12.5),
        )
    )  # fmt: skip


def stills(log: ReleaseLog) -> dict[str, bytes]:
    """A small artificial still for each picture mask, with the mask drawn."""
    return {mask.id: _still(number) for number, mask in enumerate(log.masks) if mask.kind == "picture"}


def _still(number: int) -> bytes:
    picture = Image.new("RGB", (320, 180), (96 + 9 * number % 70, 120, 140))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 110, 320, 180), fill=(70, 74, 70))
    draw.rectangle((210, 40, 300, 110), fill=(150, 120, 100))
    draw.ellipse((60 + 13 * number, 50, 110 + 13 * number, 115), fill=(0, 0, 0))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=70)
    return out.getvalue()
