"""Contact sheets: frames of a master beside those of its copy, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from redact.errors import OutputNotWritable

PICTURE = (320, 240)
"""Largest width and height of one picture on the sheet, in pixels."""

MARGIN, GUTTER, SEAM = 32, 24, 4
"""Pixels around the sheet, between pairs, and between the two pictures of a pair."""

TITLE_SIZE, NOTE_SIZE, CAPTION_SIZE = 26, 15, 14
PAPER, INK, FAINT = (250, 250, 248), (28, 28, 30), (110, 110, 114)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def contact_sheet(
    pairs: Sequence[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]],
    path: Path,
    columns: int,
    title: str = "Before and after",
) -> None:
    """Write a PNG of ``pairs`` to ``path``, with ``columns`` pairs per row and a caption below each.

    A pair is a caption and two RGB pictures of shape (h, w, 3): the master's frame and the copy's. The sheet shows what
    the copy hides and carries a note that says so. Raises :class:`redact.errors.OutputNotWritable` if it cannot be
    written, ``ValueError`` if there are no pairs or columns.
    """
    if not pairs or columns < 1:
        raise ValueError("a contact sheet needs at least one pair and one column")
    columns = min(columns, len(pairs))
    thumbs = [(caption, _thumb(before), _thumb(after)) for caption, before, after in pairs]
    box = tuple(max(picture.size[axis] for _, *both in thumbs for picture in both) for axis in (0, 1))
    cell = (2 * box[0] + SEAM, box[1] + 2 * CAPTION_SIZE)
    head = MARGIN + TITLE_SIZE + 2 * NOTE_SIZE + GUTTER
    rows = -(-len(thumbs) // columns)
    size = (
        2 * MARGIN + columns * cell[0] + (columns - 1) * GUTTER,
        head + rows * cell[1] + (rows - 1) * GUTTER + MARGIN,
    )
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    _head(draw, title, size[0] - 2 * MARGIN)
    font = ImageFont.load_default(CAPTION_SIZE)
    for index, (caption, before, after) in enumerate(thumbs):
        left = MARGIN + (index % columns) * (cell[0] + GUTTER)
        top = head + (index // columns) * (cell[1] + GUTTER)
        # Aligned left and down: the pictures of a pair are adjacent, and each pair is directly above its caption.
        for picture, start in ((before, left), (after, left + before.width + SEAM)):
            sheet.paste(picture, (start, top + box[1] - picture.height))
        draw.text((left, top + box[1] + CAPTION_SIZE // 2), _fit(draw, caption, font, cell[0]), INK, font)
    try:
        sheet.save(path, "PNG")
    except OSError as error:
        raise OutputNotWritable(
            f"The contact sheet {path} could not be written ({error}).", "Choose a writable folder."
        ) from error


def _thumb(picture: NDArray[np.uint8]) -> Image.Image:
    return ImageOps.contain(Image.fromarray(picture), PICTURE, Image.Resampling.LANCZOS)


def _head(draw: ImageDraw.ImageDraw, title: str, width: int) -> None:
    large, small = ImageFont.load_default(TITLE_SIZE), ImageFont.load_default(NOTE_SIZE)
    draw.text((MARGIN, MARGIN), _fit(draw, title, large, width), INK, large)
    note = "Left: master. Right: copy. Shows what the copy hides: not for release."
    draw.text((MARGIN, MARGIN + TITLE_SIZE + NOTE_SIZE), _fit(draw, note, small, width), FAINT, small)


def _fit(draw: ImageDraw.ImageDraw, text: str, font: Font, width: int) -> str:
    """``text``, or as much of its beginning as fits into ``width`` pixels, with an ellipsis."""
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "…", font) > width:
        text = text[:-1]
    return text.rstrip() + "…"
