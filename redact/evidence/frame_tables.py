"""The frame table of a master, stored beside it so that its frames are known without decoding it."""

from __future__ import annotations

import zipfile
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np

from redact.errors import StoreDamaged
from redact.evidence.store import FRAMES, Store
from redact.media.types import FrameTable
from redact.schema.tables import Footage

_SHAPES = {"pts": np.int64, "keyframe": np.bool_, "corrupt": np.bool_, "time_base": np.int64, "last_duration": np.int64}


def save_table(table: FrameTable, path: Path) -> None:
    """Write the table to a new file. Equal tables give equal bytes. Raises ``OSError``."""
    with path.open("xb") as file:
        np.savez_compressed(
            file,
            pts=table.pts,
            keyframe=table.keyframe,
            corrupt=table.corrupt,
            time_base=np.array([table.time_base.numerator, table.time_base.denominator], np.int64),
            last_duration=np.array([table.last_duration], np.int64),
        )


def load_table(path: Path) -> FrameTable:
    """Read a file written by :func:`save_table`. Raises StoreDamaged for any other file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = {name: file[name] for name in _SHAPES}
        if any(columns[name].dtype != kind for name, kind in _SHAPES.items()):
            raise ValueError("a column of another type")
        numerator, denominator = columns["time_base"].tolist()
        (last_duration,) = columns["last_duration"].tolist()
        return FrameTable(
            columns["pts"],
            columns["keyframe"],
            columns["corrupt"],
            Fraction(numerator, denominator),
            last_duration,
        )
    except (OSError, ValueError, KeyError, ZeroDivisionError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise StoreDamaged(f"The frame table {path} cannot be read.", "Restore it from a backup.") from error


def frame_table(store: Store, footage: Footage) -> FrameTable:
    """The frame table of footage in the store. Raises StoreDamaged."""
    return load_table(store.derived(footage.sha256, FRAMES))
