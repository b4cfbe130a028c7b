"""Intake of footage: adding it to the store, the records and a case as an exhibit, completely or not at all."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.errors import FULL_ERRNOS, BadRecord, RecordExists, RedactError, StoreFull, WrongState
from redact.evidence import footage_records
from redact.evidence.camera_metadata import LONGEST_PRE_EVENT, read_camera, recorded_start, silent_start
from redact.evidence.footage_records import FootageState
from redact.evidence.frame_tables import save_table
from redact.evidence.store import DERIVED_FILES, FRAMES, PROXY, STRIP, CopiedFile, Staging, Store
from redact.frame_ranges import frame_ranges
from redact.media.probe import probe
from redact.media.proxy import make_proxy, thumbnail_strip
from redact.media.reader import scan
from redact.media.types import FrameTable, MediaInfo
from redact.progress import Progress, silent
from redact.records import accounts, cases
from redact.records.accounts import Right
from redact.records.database import Database, UnitOfWork
from redact.records.untrusted_text import clean
from redact.records.validation import checked
from redact.retention.rules import load_rules
from redact.schema.tables import Case, Exhibit, Footage, Json
from redact.settings import Interlaced, OnCorrupt

STRIP_PICTURES, STRIP_HEIGHT = 60, 90
"""The thumbnail strip: maximum number of thumbnails, and their height in pixels."""
LONGEST_NAME, LONGEST_WEARER = 255, 200
LARGEST_OFFSET = 100 * 366 * 86400.0
"""Seconds. The clock of a camera that lost power can be decades off."""
MAX_RANGES = 200
_EXHIBIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}")


@dataclass(frozen=True, slots=True)
class EnteredDetails:
    """Details of footage entered by a person; None for those not given. Raises BadRecord for invalid values."""

    wearer: str | None
    recorded_start: datetime | None
    clock_offset_seconds: float | None
    pre_event_seconds: float | None
    retention_class: str | None

    def __post_init__(self) -> None:
        if self.recorded_start is not None and self.recorded_start.tzinfo is None:
            raise BadRecord("The start of the recording has no time zone.", "Enter it as 2026-05-01T10:11:12Z.")
        if not _within(self.clock_offset_seconds, -LARGEST_OFFSET, LARGEST_OFFSET):
            raise BadRecord("The clock offset is not a number of seconds, or is too large.")
        if not _within(self.pre_event_seconds, 0, LONGEST_PRE_EVENT):
            raise BadRecord(f"The pre-event time must be from 0 to {LONGEST_PRE_EVENT:g} seconds.")
        classes = load_rules().classes
        if self.retention_class is not None and self.retention_class not in classes:
            raise BadRecord(
                f'There is no retention class "{self.retention_class[:40]}".', f"The classes are {', '.join(classes)}."
            )


@dataclass(frozen=True, slots=True)
class _IntakeRequest:
    """A file to be added: its case, exhibit reference, original name and entered details."""

    case: str
    exhibit: str | None
    name: str
    details: EnteredDetails

    def __post_init__(self) -> None:
        if self.exhibit is not None and not _EXHIBIT.fullmatch(self.exhibit):
            raise BadRecord(
                f'"{self.exhibit[:70]}" is not a valid exhibit reference.',
                "Use up to 64 letters, digits, spaces and . _ / - and start with a letter or digit.",
            )


@dataclass(frozen=True, slots=True)
class _Analysis:
    """Details read from the file: media and camera details, and the duration in seconds."""

    media: Json
    camera: Json
    seconds: float


def add_footage(
    db: Database,
    actor: str,
    path: Path,
    *,
    case: str,
    name: str | None = None,
    exhibit: str | None = None,
    wearer: str | None = None,
    recorded_start: datetime | None = None,
    clock_offset: float | None = None,
    pre_event: float | None = None,
    retention_class: str | None = None,
    progress: Progress = silent,
    store: Store | None = None,
) -> Footage:
    """Add the file at ``path`` to the store and, as an exhibit, to the case with the reference ``case``.

    ``name`` is the original file name, if it differs from ``path``. ``recorded_start`` is by the camera's clock;
    adding ``clock_offset`` seconds gives the true time. ``pre_event`` is in seconds, and is measured from the sound if
    not given. Footage already in the store only becomes another exhibit; any details given must then match its record.

    Raises the errors of reading, probing and decoding, SourceChanged, StoreFull, StoreNotWritable, BadRecord,
    NotAllowed, RecordMissing, RecordExists, and WrongState (closed case, disposed footage). Then nothing was added.
    """
    details = EnteredDetails(
        checked(wearer, "wearer's name", LONGEST_WEARER) if wearer is not None else None,
        recorded_start,
        clock_offset,
        pre_event,
        retention_class,
    )
    request = _IntakeRequest(case, exhibit, original_name(path if name is None else Path(name)), details)
    with db.reading() as session:
        accounts.require(accounts.find(session, actor), Right.INTAKE)
        _free_exhibit(_open_case(session, case), exhibit)
    store = store or Store()
    with store.staging() as staged:
        copied = staged.copy_in(path, progress)
        with db.reading() as session:
            known = _known_footage(session, copied.sha256, request)
        analysis = _analyse_staged(staged, request.name, progress) if known is None else None
        with store.publishing(lambda sha256: _is_recorded(db, sha256)) as publication, db.writing(actor) as work:
            accounts.authorise_actor(work, Right.INTAKE)
            footage = _known_footage(work.session, copied.sha256, request)
            kind = "footage.added" if footage is None else "exhibit.added"
            if footage is None:
                assert analysis is not None  # footage records are never removed, so it was unknown before, too
                publication.footage(staged, copied.sha256)
                footage = _record(work, copied, analysis, request)
            _add_exhibit(work, footage, request, kind)
            return footage_records.find(work.session, copied.sha256)


def original_name(path: Path) -> str:
    """The file's name, cleaned for the record."""
    return clean(os.fsencode(path.name).decode("utf-8", "replace"), LONGEST_NAME) or "unnamed"


def _analyse_staged(staged: Staging, name: str, progress: Progress) -> _Analysis:
    """Read all frames and create the derived files. Errors refer to the file by its original ``name``."""
    try:
        return _analyse(staged, progress)
    except RedactError as error:
        raise type(error)(error.happened.replace(staged.token, name), error.todo) from error


def _analyse(staged: Staging, progress: Progress) -> _Analysis:
    info = probe(staged.master)
    # Damaged frames are no reason to refuse evidence: they are recorded, and handled at export.
    table = scan(info, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.MASK, progress=progress)
    camera = read_camera(info)
    camera["silent_start_seconds"] = silent_start(info, table.seconds(0))
    try:
        save_table(table, staged.folder / FRAMES)
        make_proxy(staged.master, staged.folder / PROXY, table=table, progress=progress)
        strip_frames = thumbnail_strip(staged.master, table, staged.folder / STRIP, STRIP_PICTURES, STRIP_HEIGHT)
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise StoreFull("The store's disk is full.", "Free some space, then add the footage again.") from error
        raise
    seconds = (int(table.pts[-1] - table.pts[0]) + table.last_duration) * table.time_base
    media = _media(info, table, seconds)
    media["strip"] = {"frames": list(strip_frames), "height": STRIP_HEIGHT}
    media["derived"] = {name: staged.seal(name) for name in DERIVED_FILES}
    return _Analysis(media, camera, float(seconds))


def _media(info: MediaInfo, table: FrameTable, seconds: Fraction) -> Json:
    video = info.video
    rate = (video.average_rate or len(table) / seconds).limit_denominator(100_000)
    damaged = np.flatnonzero(table.corrupt)
    return {
        "container": info.container,
        "codec": video.codec,
        "width": video.upright_width,
        "height": video.upright_height,
        "rotation": video.rotation,
        "sample_aspect": _ratio(video.sample_aspect),
        "pix_fmt": video.pix_fmt,
        "bit_depth": video.bit_depth,
        "scan": video.scan.value,
        "frames": len(table),
        "keyframes": int(table.keyframe.sum()),
        "rate": _ratio(rate),
        "time_base": _ratio(video.time_base),
        "duration_seconds": round(float(seconds), 6),
        "damaged_frames": int(damaged.size),
        "damaged_ranges": [list(span) for span in frame_ranges(damaged)[:MAX_RANGES]],
        "sound": [
            {"index": s.index, "codec": s.codec, "rate": s.sample_rate, "channels": s.channels, "layout": s.layout}
            for s in info.audio
        ],
        "not_carried_over": list(info.dropped),
    }


def _record(work: UnitOfWork, copied: CopiedFile, analysis: _Analysis, request: _IntakeRequest) -> Footage:
    details = request.details
    start = details.recorded_start or recorded_start(analysis.camera)
    measured = float(analysis.camera["silent_start_seconds"])
    footage = Footage(
        sha256=copied.sha256,
        size=copied.size,
        original_name=request.name,
        added_at=work.at,
        media=analysis.media,
        camera=analysis.camera,
        wearer=details.wearer or "",
        recorded_start=start,
        recorded_end=start + timedelta(seconds=analysis.seconds) if start else None,
        clock_offset_seconds=details.clock_offset_seconds or 0.0,
        pre_event_seconds=measured if details.pre_event_seconds is None else details.pre_event_seconds,
        retention_class=details.retention_class or load_rules().default,
        state=FootageState.STORED.value,
        revision=0,
    )
    work.session.add(footage)
    return footage


def audited_details(footage: Footage) -> Json:
    """The details that retention and release logs depend on. Events record them, so that every change is visible."""
    return {
        "wearer": footage.wearer,
        "recorded_start": footage.recorded_start.isoformat() if footage.recorded_start else None,
        "recorded_end": footage.recorded_end.isoformat() if footage.recorded_end else None,
        "clock_offset_seconds": footage.clock_offset_seconds,
        "pre_event_seconds": footage.pre_event_seconds,
        "retention_class": footage.retention_class,
    }


def _add_exhibit(work: UnitOfWork, footage: Footage, request: _IntakeRequest, kind: str) -> None:
    """Make ``footage`` an exhibit, recorded by an event of this ``kind``."""
    case = _open_case(work.session, request.case)
    exhibit = Exhibit(case_id=case.id, reference=_free_exhibit(case, request.exhibit))
    footage.exhibits.append(exhibit)
    body: Json = {
        "sha256": footage.sha256,
        "size": footage.size,
        "name": request.name,
        "case": case.reference,
        "exhibit": exhibit.reference,
    }
    work.event(
        kind,
        footage_records.subject(footage.sha256),
        body | (audited_details(footage) if kind == "footage.added" else {}),
    )
    work.session.expire(footage)


def _open_case(session: Session, reference: str) -> Case:
    case = cases.find(session, reference)
    if case.state == cases.CLOSED:
        raise WrongState(f"Case {case.reference} is closed.", "Reopen it first.")
    return case


def _free_exhibit(case: Case, wanted: str | None) -> str:
    """``wanted``, or the next free number if it is None. Raises RecordExists if ``wanted`` is in use in the case."""
    used = {exhibit.reference for exhibit in case.exhibits}
    if wanted in used:
        raise RecordExists(f'Case {case.reference} already has an exhibit "{wanted}".', "Use another reference.")
    return wanted or next(name for n in range(1, len(used) + 2) if (name := f"BWV-{n}") not in used)


def _find_by_hash(session: Session, sha256: str) -> Footage | None:
    return session.scalars(select(Footage).where(Footage.sha256 == sha256)).first()


def _is_recorded(db: Database, sha256: str) -> bool:
    with db.reading() as session:
        return _find_by_hash(session, sha256) is not None


def _known_footage(session: Session, sha256: str, request: _IntakeRequest) -> Footage | None:
    """The footage if it is already recorded. Raises RecordExists, BadRecord or WrongState if it cannot be added to the
    case."""
    case, footage = _open_case(session, request.case), _find_by_hash(session, sha256)
    if footage is None:
        return None
    footage_records.require_stored(footage)
    for exhibit in case.exhibits:
        if exhibit.footage_id == footage.id:
            raise RecordExists(
                f"This footage is already in case {case.reference}, as exhibit {exhibit.reference}.",
                "See `redact footage show`.",
            )
    for field in ("wearer", "recorded_start", "clock_offset_seconds", "pre_event_seconds", "retention_class"):
        given, recorded = getattr(request.details, field), getattr(footage, field)
        if given is not None and given != recorded:
            what = field.replace("_", " ")
            raise BadRecord(
                f"This footage is already in the store, with {recorded or 'no value'} as its {what}, not {given}.",
                "Leave that detail out to add the footage to the case as recorded.",
            )
    return footage


def _within(value: float | None, low: float, high: float) -> bool:
    return value is None or (math.isfinite(value) and low <= value <= high)


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
