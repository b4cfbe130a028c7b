"""``redact batch`` from outside: output and exit codes. The batch logic is tested in tests/jobs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cli.runner import QUICK, finish, listing, redact, start
from tests.media.clips import make_clip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    masters = tmp_path / "in"
    (masters / "day 1").mkdir(parents=True)
    make_clip(masters / "day 1/a.mov", frames=8)
    make_clip(masters / "b.mkv", frames=8)
    (masters / "broken.mp4").write_text("no footage")
    (masters / "notes.txt").write_text("nothing to redact")
    return masters


def test_batch_prints_table_json_and_exit_code(folder: Path, tmp_path: Path) -> None:
    out, masters = tmp_path / "out", listing(folder)
    ended = redact("batch", folder, "-o", out, "--json", *QUICK)
    assert ended.code == 1
    assert ended.document["counts"] == {"done": 2, "skipped": 0, "failed": 1, "ignored": 1}
    assert [(f["file"], f["code"]) for f in ended.document["failed"]] == [("broken.mp4", "R202")]
    assert set(listing(out)) == {
        f"{name}{suffix}" for name in ("day 1/a", "b") for suffix in (".mp4", ".mp4.redact.json", ".tracks.json")
    }
    (folder / "broken.mp4").unlink()
    ended = redact("batch", folder, "-o", out, *QUICK)
    assert ended.code == 0
    assert "0 done, 2 skipped, 0 failed, 1 ignored" in ended.out
    assert [line.split()[0] for line in ended.out.splitlines()[1:4]] == ["skipped", "skipped", "ignored"]
    assert {name: masters[name] for name in listing(folder)} == listing(folder)


def test_batch_resumes_after_kill(tmp_path: Path) -> None:
    masters, out = tmp_path / "in", tmp_path / "out"
    masters.mkdir()
    make_clip(masters / "a.mp4", frames=8)
    make_clip(masters / "b.mp4", frames=250)
    process = start("batch", masters, "-o", out, *QUICK)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("[2/2] b.mp4 "):
            break
    time.sleep(0.2)
    process.kill()
    finish(process)
    assert (out / "a.mp4.redact.json").exists()
    assert not (out / "b.mp4").exists()
    ended = finish(start("batch", masters, "-o", out, "--json", *QUICK))
    assert ended.code == 0, ended.err
    assert ended.document["counts"] == {"done": 1, "skipped": 1, "failed": 0, "ignored": 0}
    assert not [name for name in listing(out) if name.rpartition("/")[2].startswith(".")]
