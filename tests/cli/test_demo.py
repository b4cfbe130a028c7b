"""The demo from generated footage to contact sheet, cut to one second, and the properties of the footage."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from redact.cli import demo
from redact.demo import scene
from redact.track import file
from tests.cli.runner import listing, redact


@pytest.mark.slow
def test_demo_writes_footage_copy_tracks_and_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "SECONDS", 1.2)
    monkeypatch.setattr(demo, "SHEET_SECONDS", (0.2, 1.0))
    monkeypatch.setattr(demo, "BLEEP", "0.2-0.4")
    ended = redact("demo", "-o", tmp_path / "demo", "--json")
    assert ended.code == 0, ended.err
    files = {"footage.mp4", "footage.redacted.mp4", "footage.tracks.json", "contact-sheet.png"}
    assert set(listing(tmp_path / "demo")) == files
    with av.open(str(tmp_path / "demo/footage.mp4")) as footage:
        assert (footage.streams.video[0].width, footage.streams.video[0].height) == (720, 1280)
        assert next(footage.decode(video=0)).rotation == 90
    with av.open(str(tmp_path / "demo/footage.redacted.mp4")) as copy:
        assert sum(1 for _ in copy.decode(video=0)) == 30
        assert len(copy.streams.audio) == 1
    tracks = file.load(tmp_path / "demo/footage.tracks.json")
    face = next(track for track in tracks.tracks if track.label == "face")
    assert face.frames[0] == 0
    assert {track.label for track in tracks.tracks} == {"face", "plate"}
    assert Image.open(tmp_path / "demo/contact-sheet.png").width > 640
    again = redact("demo", "-o", tmp_path / "demo")
    assert (again.code, again.err[:4]) == (1, "R110")


def test_demo_sound_has_voice_and_pauses() -> None:
    sound = scene.speech(8000)
    assert sound.size == scene.SECONDS * 8000
    level = np.array([part.std() for part in np.array_split(sound, 70)])
    assert level.max() > 8 * level.min()
    assert 0.3 < (level > 0.25 * level.max()).mean() < 0.95
