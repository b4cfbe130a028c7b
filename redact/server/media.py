"""Media of footage for the browser: the review proxy, the thumbnail strip, track thumbnails and the waveform.

No route here serves the master.
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
from redact.server.footage import require_tracks
from redact.server.services import CaseViewer, Services, ServicesDep
from redact.track.types import Source, Track

router = APIRouter(prefix="/api/footage")

THUMB_HEIGHT, MAX_ASPECT = 96, 3
"""Height in pixels, and the greatest width as a multiple of it."""
MARGIN = 0.35
"""Margin shown on each side of a box, as a share of its size."""
MAX_BUCKETS, PEAK_SCALE = 20_000, 255
"""The stored waveform: number of equal time buckets, and the byte value of a full-scale peak."""
_PRIVATE = {"cache-control": "private, no-cache"}
"""The browser may cache the file but must revalidate it each time."""


@router.api_route("/{footage_id}/proxy.mp4", methods=["GET", "HEAD"])
def proxy(footage_id: int, services: ServicesDep, user: CaseViewer) -> FileResponse:
    """The review proxy, a small copy of the master; supports range requests."""
    return _file(services, footage_id, PROXY, "video/mp4")


@router.get("/{footage_id}/strip.jpg")
def strip(footage_id: int, services: ServicesDep, user: CaseViewer) -> FileResponse:
    """Thumbnails side by side; the footage record lists their frames."""
    return _file(services, footage_id, STRIP, "image/jpeg")


@router.get("/{footage_id}/thumbs/{track_id}.jpg")
def thumb(footage_id: int, track_id: int, services: ServicesDep, user: CaseViewer) -> Response:
    """A thumbnail of a track where it is most clearly visible."""
    with services.db.reading() as session:
        footage = _held_footage(footage_views.find_footage(session, footage_id))
        machine = require_tracks(session, footage)
        edited = footage_views.edited_of(services, session, machine, footage.revision)
        every = {track.id: track for track in (*edited.tracks.tracks, *edited.deleted.values())}
        track = every.get(track_id)
        if track is None:
            raise RecordMissing("This track does not exist.")
    row = _best_row(track)
    frame, box = int(track.frames[row]), track.boxes[row]
    key = ("thumb", footage.sha256, frame, *(round(float(v)) for v in box))
    data = services.cache.get(key, lambda: _crop(services, footage, frame, box), len)
    return Response(data, media_type="image/jpeg", headers=_PRIVATE)


@router.get("/{footage_id}/waveform")
def waveform(
    footage_id: int,
    services: ServicesDep,
    user: CaseViewer,
    buckets: Annotated[int, Query(ge=1, le=MAX_BUCKETS)] = 2000,
) -> dict[str, Any]:
    """Peak level, 0 to 1, in each of ``buckets`` equal parts of the footage; first sound track only."""
    with services.db.reading() as session:
        footage = _held_footage(footage_views.find_footage(session, footage_id))
    if not footage.media["sound"]:
        return {"buckets": 0, "peaks": []}
    whole = services.cache.get(
        ("waveform", footage.sha256), lambda: _stored_peaks(services, footage), lambda made: made.nbytes
    )
    return {"buckets": buckets, "peaks": np.round(_downsample(whole, buckets) / PEAK_SCALE, 3).tolist()}


def _file(services: Services, footage_id: int, name: str, media_type: str) -> FileResponse:
    with services.db.reading() as session:
        footage = _held_footage(footage_views.find_footage(session, footage_id))
    path = services.store.derived(footage.sha256, name)
    return FileResponse(path, media_type=media_type, content_disposition_type="inline", headers=_PRIVATE)


def _held_footage(footage: Footage) -> Footage:
    if footage.state != footage_records.FootageState.STORED:
        raise RecordMissing("The footage has been disposed of.")
    return footage


def _best_row(track: Track) -> int:
    """The row with the largest detected box among those scoring within 0.1 of the track's best score."""
    sides = track.boxes[:, 2:] - track.boxes[:, :2]
    area = sides.prod(1)
    sure = (track.sources == Source.DETECTOR) & (track.scores >= track.scores.max() - 0.1)
    return int(np.argmax(np.where(sure, area, -1))) if sure.any() else int(np.argmax(area))


def _crop(services: Services, footage: Footage, frame: int, box: NDArray[np.float32]) -> bytes:
    info, master = footage_views.proxy_of(services, footage), footage_views.master_of(services, footage)
    table = footage_views.table_of(services, footage)
    with services.decode_slots, proxy_frames(info, master, table, frame) as frames:
        picture = next(frames).rgb()
        scale = np.array([info.video.width / footage.media["width"], info.video.height / footage.media["height"]])
        reach = (box[2:] - box[:2]) * MARGIN
        limit = np.array([info.video.width, info.video.height])
        low = np.clip(np.floor((box[:2] - reach) * scale), 0, limit - 2).astype(int)
        high = np.clip(np.ceil((box[2:] + reach) * scale), low + 2, limit).astype(int)
        image = Image.fromarray(np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0]]))
    width = round(THUMB_HEIGHT * image.width / image.height)
    out = io.BytesIO()
    image.resize((max(8, min(width, MAX_ASPECT * THUMB_HEIGHT)), THUMB_HEIGHT)).save(out, "JPEG", quality=80)
    return out.getvalue()


def _stored_peaks(services: Services, footage: Footage) -> NDArray[np.uint8]:
    """(MAX_BUCKETS,) uint8 peaks, stored when first requested because decoding an hour of sound is slow."""
    path = services.store.waveform_path(footage.sha256)
    with contextlib.suppress(OSError, ValueError):
        stored: NDArray[np.uint8] = np.load(path, allow_pickle=False)
        if stored.shape == (MAX_BUCKETS,) and stored.dtype == np.uint8:
            return stored
    peaks = np.ceil(_peaks(services, footage, MAX_BUCKETS) * PEAK_SCALE).astype(np.uint8)
    # If there is no room to store them, they are computed again next time.
    with contextlib.suppress(OSError, StoreFull, StoreNotWritable), services.store.staging() as staged:
        np.save(staged.folder / path.name, peaks)
        staged.seal(path.name)
        with services.store.locked(), services.db.reading() as session:
            footage_records.require_stored(footage_records.find(session, footage.sha256))
            (staged.folder / path.name).replace(path)
    return peaks


def _downsample(peaks: NDArray[np.uint8], buckets: int) -> NDArray[np.uint8]:
    """(buckets,) the maximum of all stored peaks that overlap each bucket."""
    edges = np.arange(buckets + 1) * peaks.size
    starts, ends = edges[:-1] // buckets, -(-edges[1:] // buckets)
    largest: NDArray[np.uint8] = np.maximum.reduceat(np.append(peaks, 0), np.column_stack([starts, ends]).ravel())[::2]
    return largest


def _peaks(services: Services, footage: Footage, buckets: int) -> NDArray[np.float32]:
    """(buckets,) float32 peaks, 0 to 1."""
    master, table = footage_views.master_of(services, footage), footage_views.table_of(services, footage)
    track, start = master.audio[0], table.seconds(0)
    end = table.seconds(len(table) - 1) + table.last_duration * table.time_base
    peaks = np.zeros(buckets, np.float32)
    # Samples before the first frame, and samples per bucket.
    skipped = math.floor((start - track.start) * track.sample_rate)
    each = float((end - start) * track.sample_rate) / buckets
    with services.decode_slots:
        reader = SoundReader(master.path, track, end, end)
        blocks = reader.blocks()
        try:
            for block in blocks:
                first = reader.position - block.shape[1] - skipped
                buckets_hit = ((np.arange(block.shape[1]) + first) / each).astype(np.int64)
                inside = (np.arange(block.shape[1]) + first >= 0) & (buckets_hit < buckets)
                np.maximum.at(peaks, buckets_hit[inside], np.abs(block).max(0)[inside])
        finally:
            blocks.close()
            reader.close()
    return np.clip(np.nan_to_num(peaks), 0, 1)
