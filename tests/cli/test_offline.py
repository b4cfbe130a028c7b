"""`redact run` with network access blocked, and a home folder that shows what is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.runner import ROOT, finish, listing, start
from tests.media.clips import AudioSpec, make_clip

# An audit hook sees every socket call made from Python, in any library, and cannot be removed.
GUARD = r"""
import socket, sys
def forbid(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"):
        if event == "socket.connect" and args[0].family == socket.AF_UNIX:
            return
        with open({log!r}, "a") as log:
            log.write(f"{{event}} {{args}}\n")
        raise OSError("no network in this test")
sys.addaudithook(forbid)
"""


def _guarded(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    log, site, home = tmp_path / "log.txt", tmp_path / "site", tmp_path / "home"
    site.mkdir()
    home.mkdir()
    (site / "sitecustomize.py").write_text(GUARD.format(log=str(log)))
    folders = {f"XDG_{kind}_HOME": str(home / f".{kind.lower()}") for kind in ("CACHE", "CONFIG", "DATA")}
    # Some libraries stay silent when they detect continuous integration.
    return log, {**os.environ, **folders, "HOME": str(home), "PYTHONPATH": f"{site}:{ROOT}", "CI": "false"}


def test_network_guard_blocks_connections(tmp_path: Path) -> None:
    log, env = _guarded(tmp_path)
    script = "import urllib.request as u; u.urlopen('http://127.0.0.1:9/')"
    ended = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, check=False)
    assert ended.returncode != 0
    assert log.exists()


def test_run_makes_no_network_calls(tmp_path: Path) -> None:
    log, env = _guarded(tmp_path)
    master = make_clip(tmp_path / "in.mp4", frames=12, audio=[AudioSpec()])
    args = ("--classes", "face,plate,text", "--disguise", "0-0.3", "--json")
    ended = finish(start("run", master, "-o", tmp_path / "out.mp4", *args, env=env))
    assert ended.code == 0, ended.err
    assert not log.exists(), log.read_text()
    assert all(name.startswith(".cache/redact/") for name in listing(tmp_path / "home"))


def test_imported_libraries_make_no_network_calls(tmp_path: Path) -> None:
    log, env = _guarded(tmp_path)
    script = (
        "import redact, openvino, onnxruntime, ultralytics, ultralytics.trackers, moviepy, skimage.data\n"
        "from ultralytics.utils import AUTOINSTALL, ONLINE\n"
        "assert not AUTOINSTALL and not ONLINE"
    )
    subprocess.run([sys.executable, "-c", script], env=env, cwd=ROOT, check=True)
    assert not log.exists(), log.read_text()
