"""Pictures and sound of footage for the browser: the proxy in ranges, the strip, thumbnails of tracks, the waveform.

Nothing here gives out the master.
"""

from __future__ import annotations

import contextlib
import io
import math
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response
from numpy.typing import NDArray
from PIL import Image

from redact.errors import RecordMissing, StoreFull, StoreNotWritable
from redact.evidence import footage_records
from redact.evidence.store import PROXY, STRIP
from redact.media.sound_reader import SoundReader
from redact.schema.tables import Footage
from redact.server import footage_views
from redact.server.follow import proxy_frames
from redact.server.footage import found_tracks
from redact.server.services import Parts, Seeing, TheParts
from redact.track.types import Source, Track

router = APIRouter(prefix="/api/footage")

THUMB_HEIGHT, WIDEST = 96, 3
"""Pixels, and how many times as wide as high."""
AROUND = 0.35
"""Of a box's size, shown on each side of it."""
MOST_BUCKETS, LOUDEST = 20_000, 255
"""Of a waveform as it is kept beside the proxy: peaks of so many equal parts, as bytes."""
_PRIVATE = {"cache-control": "private, no-cache"}
"""A browser may keep it, and asks each time whether it may still show it."""


@router.api_route("/{footage_id}/proxy.mp4", methods=["GET", "HEAD"])
def proxy(footage_id: int, parts: TheParts, who: Seeing) -> FileResponse:
    """The small copy of the master that browsers play; in ranges where asked for."""
    return _file(parts, footage_id, PROXY, "video/mp4")


@router.get("/{footage_id}/strip.jpg")
def strip(footage_id: int, parts: TheParts, who: Seeing) -> FileResponse:
    """Thumbnails side by side; the record of the footage says of which frames."""
    return _file(parts, footage_id, STRIP, "image/jpeg")


@router.get("/{footage_id}/thumbs/{track_id}.jpg")
def thumb(footage_id: int, track_id: int, parts: TheParts, who: Seeing) -> Response:
    """A track where it is seen best."""
    with parts.db.reading() as session:
        footage = _held(footage_views.find_footage(session, footage_id))
        row = found_tracks(session, footage)
        edited = footage_views.edited_of(parts, session, row, footage.revision)
        every = {track.id: track for track in (*edited.tracks.tracks, *edited.deleted.values())}
        track = every.get(track_id)
        if track is None:
            raise RecordMissing("There is no such track.")
    place = _best(track)
    frame, box = int(track.frames[place]), track.boxes[place]
    key = ("thumb", footage.sha256, frame, *(round(float(v)) for v in box))
    data = parts.cache.get(key, lambda: _cut_out(parts, footage, frame, box), len)
    return Response(data, media_type="image/jpeg", headers=_PRIVATE)


@router.get("/{footage_id}/waveform")
def waveform(
    footage_id: int, parts: TheParts, who: Seeing, buckets: Annotated[int, Query(ge=1, le=MOST_BUCKETS)] = 2000
) -> dict[str, Any]:
    """The loudest sample of each of ``buckets`` equal parts of the footage, 0 to 1; of its first sound track."""
    with parts.db.reading() as session:
        footage = _held(footage_views.find_footage(session, footage_id))
    if not footage.media["sound"]:
        return {"buckets": 0, "peaks": []}
    whole = parts.cache.get(("waveform", footage.sha256), lambda: _kept_peaks(parts, footage), lambda made: made.nbytes)
    return {"buckets": buckets, "peaks": np.round(_reduced(whole, buckets) / LOUDEST, 3).tolist()}


def _file(parts: Parts, footage_id: int, name: str, media_type: str) -> FileResponse:
    with parts.db.reading() as session:
        footage = _held(footage_views.find_footage(session, footage_id))
    path = parts.store.derived(footage.sha256, name)
    return FileResponse(path, media_type=media_type, content_disposition_type="inline", headers=_PRIVATE)


def _held(footage: Footage) -> Footage:
    if footage.state != footage_records.FootageState.HELD:
        raise RecordMissing("The footage has been disposed of.")
    return footage


def _best(track: Track) -> int:
    """The row with the largest box a detector saw, of those it was nearly as sure of as of its surest."""
    sides = track.boxes[:, 2:] - track.boxes[:, :2]
    area = sides.prod(1)
    seen = (track.sources == Source.DETECTOR) & (track.scores >= track.scores.max() - 0.1)
    return int(np.argmax(np.where(seen, area, -1))) if seen.any() else int(np.argmax(area))


def _cut_out(parts: Parts, footage: Footage, frame: int, box: NDArray[np.float32]) -> bytes:
    info, master = footage_views.proxy_of(parts, footage), footage_views.master_of(parts, footage)
    table = footage_views.table_of(parts, footage)
    with parts.decoding, proxy_frames(info, master, table, frame) as frames:
        picture = next(frames).rgb()
        scale = np.array([info.video.width / footage.media["width"], info.video.height / footage.media["height"]])
        reach = (box[2:] - box[:2]) * AROUND
        limit = np.array([info.video.width, info.video.height])
        low = np.clip(np.floor((box[:2] - reach) * scale), 0, limit - 2).astype(int)
        high = np.clip(np.ceil((box[2:] + reach) * scale), low + 2, limit).astype(int)
        image = Image.fromarray(np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0]]))
    width = round(THUMB_HEIGHT * image.width / image.height)
    out = io.BytesIO()
    image.resize((max(8, min(width, WIDEST * THUMB_HEIGHT)), THUMB_HEIGHT)).save(out, "JPEG", quality=80)
    return out.getvalue()


def _kept_peaks(parts: Parts, footage: Footage) -> NDArray[np.uint8]:
    """(MOST_BUCKETS,) the peaks as they were kept when they were first asked for: decoding an hour takes its time."""
    place = parts.store.waveform_path(footage.sha256)
    with contextlib.suppress(OSError, ValueError):
        kept: NDArray[np.uint8] = np.load(place, allow_pickle=False)
        if kept.shape == (MOST_BUCKETS,) and kept.dtype == np.uint8:
            return kept
    made = np.ceil(_peaks(parts, footage, MOST_BUCKETS) * LOUDEST).astype(np.uint8)
    # Where there is no room for it, it is made again the next time.
    with contextlib.suppress(OSError, StoreFull, StoreNotWritable), parts.store.staging() as staged:
        np.save(staged.folder / place.name, made)
        staged.seal(place.name)
        with parts.store.locked(), parts.db.reading() as session:
            footage_records.require_held(footage_records.find(session, footage.sha256))
            (staged.folder / place.name).replace(place)
    return made


def _reduced(peaks: NDArray[np.uint8], buckets: int) -> NDArray[np.uint8]:
    """(buckets,) the largest of all that each bucket has a part of."""
    edges = np.arange(buckets + 1) * peaks.size
    starts, ends = edges[:-1] // buckets, -(-edges[1:] // buckets)
    largest: NDArray[np.uint8] = np.maximum.reduceat(np.append(peaks, 0), np.column_stack([starts, ends]).ravel())[::2]
    return largest


def _peaks(parts: Parts, footage: Footage, buckets: int) -> NDArray[np.float32]:
    """(buckets,) float32."""
    master, table = footage_views.master_of(parts, footage), footage_views.table_of(parts, footage)
    track, start = master.audio[0], table.seconds(0)
    end = table.seconds(len(table) - 1) + table.last_duration * table.time_base
    peaks = np.zeros(buckets, np.float32)
    # Samples from the first frame on, and samples in a bucket.
    skipped = math.floor((start - track.start) * track.sample_rate)
    each = float((end - start) * track.sample_rate) / buckets
    with parts.decoding:
        reader = SoundReader(master.path, track, end, end)
        blocks = reader.blocks()
        try:
            for block in blocks:
                first = reader.position - block.shape[1] - skipped
                places = ((np.arange(block.shape[1]) + first) / each).astype(np.int64)
                heard = (np.arange(block.shape[1]) + first >= 0) & (places < buckets)
                np.maximum.at(peaks, places[heard], np.abs(block).max(0)[heard])
        finally:
            blocks.close()
            reader.close()
    return np.clip(np.nan_to_num(peaks), 0, 1)
