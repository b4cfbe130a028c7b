"""The public Python interface: complete, lazy, and enough for the whole job."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import redact
from redact import AnalyseSettings, RenderSettings, analyse, errors, read_tracks, render, write_tracks
from redact.errors import RedactError
from tests.media.clips import make_clip


def test_public_names_all_resolve() -> None:
    for name in redact.__all__:
        assert getattr(redact, name) is not None
    assert sorted(redact.__all__) == dir(redact)


def test_public_module_imports_no_heavy_library() -> None:
    code = "import sys, redact; sys.exit(any(name in sys.modules for name in ('torch', 'av', 'cv2', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_api_runs_the_whole_job(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "master.mp4", frames=6)
    tracks = analyse(master, AnalyseSettings(classes=("face",)))
    write_tracks(tracks, tmp_path / "tracks.json")
    again = read_tracks(tmp_path / "tracks.json")
    assert again.media.sha256 == tracks.media.sha256
    report = render(master, again, tmp_path / "copy.mp4", RenderSettings())
    assert report.frames == 6 and report.target.is_file()
    assert issubclass(errors.TracksMismatch, RedactError)
