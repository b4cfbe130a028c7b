"""Ctrl-C and kill -9 at different moments: nothing that looks like a finished copy, and an unchanged master."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.runner import QUICK, ROOT, finish, listing, start
from tests.media.clips import AudioSpec, make_clip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Takes about a second to analyse, and another to write with :data:`SLOWLY`."""
    path = make_clip(tmp_path_factory.mktemp("long") / "in.mp4", frames=200, audio=[AudioSpec()])
    return path.read_bytes()


SLOWLY = (*QUICK, "--codec", "hevc", "--encoder-preset", "slower")


def _wait_for(process: subprocess.Popen[str], stage: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(stage):
            return
    pytest.fail(f"ended before {stage!r} began")


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        # Until the program has installed its handler, each signal has its own effect.
        ("imports", signal.SIGINT),
        ("imports", signal.SIGTERM),
        ("find", signal.SIGINT),
        ("write", signal.SIGTERM),
    ],
)
def test_run_leaves_no_output_when_stopped(
    tmp_path: Path, long_clip: bytes, moment: str, number: signal.Signals
) -> None:
    (tmp_path / "in.mp4").write_bytes(long_clip)
    before = listing(tmp_path)
    process = start(
        "run", tmp_path / "in.mp4", "-o", tmp_path / "out.mp4", "--tracks", tmp_path / "t.json", "--json", *SLOWLY
    )
    if moment == "imports":
        time.sleep(0.6)
    else:
        _wait_for(process, moment)
    process.send_signal(number)
    ended = finish(process)
    # Until the program has installed its handler, Python itself ends it.
    if moment != "imports" or ended.code != -number:
        assert ended.code == 130
        assert "Traceback" not in ended.err
    if moment != "imports":
        assert [failure["code"] for failure in ended.document["failed"]] == ["R900"]
    assert listing(tmp_path) == before


def test_second_signal_stops_at_once(tmp_path: Path, long_clip: bytes) -> None:
    (tmp_path / "in.mp4").write_bytes(long_clip)
    before = listing(tmp_path)
    process = start("run", tmp_path / "in.mp4", "-o", tmp_path / "out.mp4", *QUICK)
    _wait_for(process, "find")
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert finish(process).code in (130, -signal.SIGINT)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("moment", ["find", "write"])
def test_run_succeeds_after_kill(tmp_path: Path, long_clip: bytes, moment: str) -> None:
    (tmp_path / "in.mp4").write_bytes(long_clip)
    args = ("run", tmp_path / "in.mp4", "-o", tmp_path / "out.mp4", "--tracks", tmp_path / "t.json", *SLOWLY)
    before = listing(tmp_path)
    process = start(*args)
    _wait_for(process, moment)
    process.kill()
    finish(process)
    left = set(listing(tmp_path)) - set(before)
    assert all(name.startswith(".") and name.endswith("part") for name in left)
    assert listing(tmp_path)["in.mp4"] == before["in.mp4"]
    ended = finish(start(*args))
    assert ended.code == 0, ended.err
    assert set(listing(tmp_path)) == {"in.mp4", "out.mp4", "t.json"}


def test_ctrl_c_inside_exec_exits_with_130() -> None:
    """Python ends with SIGINT after a Ctrl-C inside ``exec``, as when dataclasses are imported, caught or not."""
    program = (
        "import redact.cli.main as m\n"
        "def stopped():\n"
        "    try: exec('raise KeyboardInterrupt')\n"
        "    except KeyboardInterrupt: return 130\n"
        "m._run = stopped\n"
        "m.main()\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 130
