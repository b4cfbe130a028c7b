"""Fixtures: an application with people, one case, and one clip with machine tracks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import argon2
import numpy as np
import pytest
from fastapi import FastAPI

from redact.evidence import footage_records
from redact.evidence.frame_tables import frame_table
from redact.evidence.intake import add_footage
from redact.evidence.machine_tracks import add_machine_tracks
from redact.evidence.store import Store
from redact.records import accounts
from redact.records.accounts import Role
from redact.records.database import Database
from redact.server.app import create_app
from redact.server.settings import ServerSettings
from redact.track.types import MediaRef, Source, Track, TrackSet
from tests.evidence.factory import open_case
from tests.media.clips import AudioSpec, make_clip
from tests.server.browser import PASSWORD, Browser

FRAMES, SIZE = 50, (160, 96)
STAFF = {
    "admin": Role.ADMINISTRATOR,
    "officer": Role.OFFICER,
    "rita": Role.REVIEWER,
    "ben": Role.REVIEWER,
    "approver": Role.APPROVER,
    "auditor": Role.AUDITOR,
}


def machine_tracks(db: Database, store: Store) -> None:
    """A face that starts and ends mid-picture, with a filled gap; and one at the left border."""
    with db.reading() as session:
        footage = footage_records.list_footage(session)[0]
    table = frame_table(store, footage)
    frames = np.arange(5, 45, dtype=np.int32)
    boxes = np.array([[60 + f / 10, 30, 80 + f / 10, 55] for f in frames], np.float32)
    sources = np.where((frames >= 15) & (frames <= 34), Source.FILLED, Source.DETECTOR).astype(np.uint8)
    scores = np.where(sources == Source.DETECTOR, 0.9, 0).astype(np.float32)
    one = Track(1, "face", frames, boxes, np.zeros(40, np.float32), scores, sources)
    every = np.arange(FRAMES, dtype=np.int32)
    still = np.tile(np.array([[0, 10, 14, 30]], np.float32), (FRAMES, 1))
    zeros = np.zeros(FRAMES, np.float32)
    two = Track(2, "face", every, still, zeros, zeros + 0.9, np.zeros(FRAMES, np.uint8))
    media = MediaRef(footage.sha256, *SIZE, table.time_base, table.pts, table.last_duration)
    add_machine_tracks(db, "rita", footage, TrackSet(media, (one, two), (), {"made by": "a test"}), store=store)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with this content, to copy from."""
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDACT_HOME", str(folder / "home"))
        patch.delenv("REDACT_DATABASE_URL", raising=False)
        patch.setattr(accounts, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        db, store = Database(), Store()
        for login, role in STAFF.items():
            accounts.add(db, "admin", login, PASSWORD, full_name=login.title(), roles=[role], must_change=False)
        clip = make_clip(folder / "clip.mp4", frames=FRAMES, size=SIZE, audio=[AudioSpec()])
        add_footage(db, "officer", clip, case=open_case(db, "FOI/26 1"), exhibit="AB1", store=store)
        machine_tracks(db, store)
        db.close()
    return folder / "home"


@pytest.fixture
def home(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder for this test alone."""
    shutil.copytree(template, tmp_path / "home")
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REDACT_DATABASE_URL", raising=False)
    monkeypatch.setattr(accounts, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    return tmp_path / "home"


@pytest.fixture
def db(home: Path) -> Iterator[Database]:
    """The records of that home folder."""
    database = Database()
    yield database
    database.close()


@pytest.fixture
def app(db: Database) -> FastAPI:
    """The application, with small limits."""
    return create_app(db, Store(), ServerSettings(largest_chunk=50_000, largest_upload=200_000, spare_disk=0))


@pytest.fixture
def browser(app: FastAPI) -> Callable[..., Browser]:
    """A function that returns a new browser, signed in if a login is given."""

    def new(login: str | None = None) -> Browser:
        made = Browser(app)
        if login is not None:
            made.sign_in(login)
        return made

    return new
