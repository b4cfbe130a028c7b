"""An approved release of a tiny clip, made through the records, for tests of what follows approval."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release import approval, details, releases, watching
from redact.disclose.release.approval import OpenItems
from redact.disclose.release.second_pass import SecondPassState
from redact.evidence.intake import add_footage
from redact.evidence.machine_tracks import add_machine_tracks
from redact.evidence.store import Store
from redact.media.probe import probe
from redact.media.reader import scan
from redact.records import accounts, cases
from redact.records.accounts import Role
from redact.records.database import Database
from redact.records.deadlines import CaseKind
from redact.schema.tables import Release
from redact.settings import Interlaced, OnCorrupt
from redact.track.types import MediaRef, TrackSet
from tests.media.clips import AudioSpec, make_clip
from tests.track.factory import track

FRAMES = 24
PASSWORD = "correct horse battery"
DETAILS: dict[str, Any] = {
    "organisation": "Example Police",
    "recipient": {"name": "CPS", "purpose": "Service on the defence"},
    "delivery": {"method": "Digital Case System", "encryption": "TLS"},
    "retention": {"rule": "As the case file"},
    "material": "used",
    "clip_reason": "Not about the events.",
    "cpia": {"hidden_may_meet_test": None},
}
CASE = {"urn": "01AB1234526", "officer_in_case": "DC Ames", "disclosure_officer": "DS Birch"}


def staff(db: Database) -> None:
    """One person for each role, with the role as login."""
    for role in (Role.ADMINISTRATOR, Role.OFFICER, Role.REVIEWER, Role.APPROVER):
        name = role.value
        accounts.add(db, "administrator", name, PASSWORD, full_name=name.title(), roles=[role], must_change=False)


def found(path: Path, sha256: str) -> TrackSet:
    """Machine tracks: a face on the left throughout, and a plate that appears later."""
    info = probe(path)
    table = scan(info, interlaced=Interlaced.DEINTERLACE, on_corrupt=OnCorrupt.MASK)
    video = info.video
    media = MediaRef(sha256, video.upright_width, video.upright_height, table.time_base, table.pts, table.last_duration)
    face = {n: [20.0 + n, 30.0, 60.0 + n, 80.0] for n in range(FRAMES)}
    plate = {n: [160.0, 120.0, 220.0, 140.0] for n in range(8, 20)}
    rows = [track(1, "face", list(face), list(face.values())), track(2, "plate", list(plate), list(plate.values()))]
    provenance = {"models": [{"name": "test", "sha256": "0" * 64, "licence": "none", "runtime": "test"}]}
    return TrackSet(media, tuple(rows), (), {**provenance, "settings": {"preset": "fast"}, "versions": {"av": "1"}})


def prepared(db: Database, store: Store, folder: Path) -> str:
    """A draft ``R-1#1`` for court."""
    master = make_clip(
        folder / "master.mp4", size=(256, 160), frames=FRAMES, audio=[AudioSpec(seconds=Fraction(FRAMES, 25))]
    )
    cases.open_case(
        db, "officer", "R-1", kind=CaseKind.COURT, title="R v Doe", received=date(2026, 11, 2), details=CASE
    )
    footage = add_footage(db, "officer", master, case="R-1", exhibit="AB/1", store=store)
    add_machine_tracks(db, "officer", footage, found(master, footage.sha256), store=store)
    releases.create(db, "reviewer", "R-1", policy_name="court")
    releases.set_details(db, "reviewer", "R-1#1", details.check(ReleaseKind.COURT, DETAILS))
    return "R-1#1"


def submitted(db: Database, store: Store, folder: Path) -> str:
    """The same release, in review, with its people."""
    staff(db)
    name = prepared(db, store, folder)
    releases.submit(db, "reviewer", name, [])
    return name


def approved(db: Database, store: Store, folder: Path) -> str:
    """The same release, approved by ``approver``."""
    name = submitted(db, store, folder)
    with db.reading() as session:
        content = releases.content_digest(session, releases.find(session, name))
    watching.record_watched(db, "approver", name, 0, spans=[(0, FRAMES - 1)], content=content)
    approve_with_nothing_open(db, "approver", name)
    return name


def approve_with_nothing_open(db: Database, actor: str, name: str, *, override: str = "") -> None:
    """Approve as if the review queue were empty and a second pass had run: for tests of the rest of the rule."""

    def nothing(session: Session, _store: Store, release: Release) -> OpenItems:
        return OpenItems(releases.content_digest(session, release), (), (), SecondPassState.DONE)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(approval, "plan_of", lambda _session, _store, release: release)
        patch.setattr(approval, "open_items", nothing)
        approval.approve(db, Store(), actor, name, override=override)


def luma(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The luma of every frame of a file."""
    import av

    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])


def made_home(folder: Path, make: Callable[[Database], object]) -> Path:
    """``folder`` with a home to copy, its records and store filled by ``make``."""
    with pytest.MonkeyPatch.context() as patch:
        _live_in(folder, patch)
        db = Database()
        make(db)
        db.close()
    return folder


def copied_home(template: Path, folder: Path, patch: pytest.MonkeyPatch) -> Database:
    """Copy a home made by :func:`made_home` to ``folder``, make it the current home and open its records."""
    shutil.copytree(template / "home", folder / "home")
    _live_in(folder, patch)
    return Database()


def _live_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("REDACT_HOME", str(folder / "home"))
    patch.delenv("REDACT_DATABASE_URL", raising=False)
