"""Bad input of every kind: one error with its code, no traceback, an unchanged master, and no output."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from tests.cli.runner import QUICK, Ended, listing, redact
from tests.media.clips import AudioSpec, make_clip, read_index


def _clip(path: Path, *, faststart: bool = False) -> Path:
    options = {"movflags": "+faststart"} if faststart else {}
    return make_clip(path, frames=30, gop=10, audio=[AudioSpec()], container_options=options)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("Minutes of the meeting.\n" * 100)


def _sound(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as out:
        track = out.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        out.mux(track.encode(frame))
        out.mux(track.encode(None))


def _cut(path: Path) -> None:
    _clip(path, faststart=True)
    os.truncate(path, path.stat().st_size * 2 // 3)


def _no_index(path: Path) -> None:
    _clip(path)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])


def _broken_frames(path: Path) -> None:
    """Frames 10 to 19 depend on a keyframe whose first NAL unit claims more bytes than it has."""
    _clip(path)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert packets[10].is_keyframe
    assert packets[10].pos is not None
    with path.open("rb+") as file:
        file.seek(packets[10].pos)
        file.write(b"\xff" * packets[10].size)


def _assert_failed(ended: Ended, code: str, exit_code: int = 1) -> None:
    assert ended.code == exit_code
    assert ended.err.splitlines()[-1 if exit_code != 2 else -2].startswith(f"{code} ")
    assert "Traceback" not in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("command", ["run", "detect"])
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_empty, "R201"),
        (_text, "R202"),
        (_sound, "R203"),
        (_cut, "R205"),
        (_no_index, "R202"),
        (_broken_frames, "R206"),
    ],
)
def test_unreadable_footage_is_refused(tmp_path: Path, command: str, make: Callable[[Path], None], code: str) -> None:
    master = tmp_path / "in.mp4"
    make(master)
    before = listing(tmp_path)
    ended = redact(command, master, "-o", tmp_path / {"run": "out.mp4", "detect": "out.json"}[command], *QUICK)
    _assert_failed(ended, code)
    assert listing(tmp_path) == before


def test_on_corrupt_mask_hides_broken_frames(tmp_path: Path) -> None:
    master, copy = tmp_path / "in.mp4", tmp_path / "out.mp4"
    _broken_frames(master)
    ended = redact("run", master, "-o", copy, "--on-corrupt", "mask", "--json", *QUICK)
    assert ended.code == 0, ended.err
    assert any("damaged frames were masked" in note for note in ended.document["notes"])
    with av.open(str(copy)) as container:
        pictures = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]
    assert len(pictures) == 30
    assert [read_index(picture) for picture in (*pictures[:10], *pictures[20:])] == [*range(10), *range(20, 30)]
    # Black, apart from the rounding of the encoder.
    assert max(int(picture.max()) for picture in pictures[10:20]) < 16


def test_missing_footage_is_refused(tmp_path: Path) -> None:
    _assert_failed(redact("run", tmp_path / "none.mp4", "-o", tmp_path / "out.mp4"), "R200")
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_output_linked_to_master_is_refused(tmp_path: Path, link: Callable[[Path, Path], None]) -> None:
    master = _clip(tmp_path / "in.mp4")
    link(master, tmp_path / "out.mp4")
    before = listing(tmp_path)
    _assert_failed(redact("run", master, "-o", tmp_path / "out.mp4", "--overwrite"), "R102", 2)
    assert listing(tmp_path) == before


def test_existing_output_is_kept(tmp_path: Path) -> None:
    master = _clip(tmp_path / "in.mp4")
    (tmp_path / "in.redacted.mp4").write_text("precious")
    before = listing(tmp_path)
    _assert_failed(redact("run", master), "R110")
    assert listing(tmp_path) == before
    (tmp_path / "t.json").write_text("precious")
    _assert_failed(redact("run", master, "-o", tmp_path / "out.mp4", "--tracks", tmp_path / "t.json"), "R110")
    assert not (tmp_path / "out.mp4").exists()


@contextmanager
def _as_nobody() -> Iterator[Path]:
    """A folder that this process cannot write to. Drops root for the duration of the block."""
    folder = Path(tempfile.mkdtemp())
    root = os.getuid() == 0
    try:
        folder.chmod(0o555)
        if root:
            os.setresuid(65534, 65534, 0)
        yield folder
    finally:
        if root:
            os.setresuid(0, 0, 0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_read_only_output_folder_is_refused() -> None:
    with tempfile.TemporaryDirectory() as masters:
        Path(masters).chmod(0o755)
        master = _clip(Path(masters) / "in.mp4")
        with _as_nobody() as folder:
            _assert_failed(redact("run", master, "-o", folder / "out.mp4"), "R111")
            assert listing(folder) == {}


def test_output_in_proc_is_refused(tmp_path: Path) -> None:
    master = _clip(tmp_path / "in.mp4")
    before = listing(tmp_path)
    _assert_failed(redact("run", master, "-o", "/proc/out.mp4", *QUICK), "R111")
    assert listing(tmp_path) == before


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root and permission to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def _small_files(folder: Path) -> Iterator[None]:
    """Limit files to 12 kB: the same error by another route, without root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _noise(index: int, size: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(index).integers(0, 255, (size[1], size[0], 3), np.uint8)


@pytest.mark.parametrize("limit", [_small_disk, _small_files])
def test_full_disk_leaves_no_output(tmp_path: Path, limit: Callable[[Path], Iterator[None]]) -> None:
    master = make_clip(tmp_path / "in.mp4", frames=30, picture=_noise)
    out = tmp_path / "out"
    out.mkdir()
    with limit(out):  # type: ignore[attr-defined]
        before = listing(tmp_path)
        ended = redact("run", master, "-o", out / "out.mp4", "--tracks", tmp_path / "t.json", *QUICK)
        _assert_failed(ended, "R112")
        assert listing(tmp_path) == before


def test_tracks_of_another_master_are_refused(tmp_path: Path) -> None:
    master, other = _clip(tmp_path / "in.mp4"), make_clip(tmp_path / "other.mp4", frames=30, rate=30)
    tracks = tmp_path / "other.json"
    assert redact("detect", other, "-o", tracks, *QUICK).code == 0
    before = listing(tmp_path)
    _assert_failed(redact("apply", master, tracks, "-o", tmp_path / "out.mp4"), "R501")
    assert listing(tmp_path) == before


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"format": "redact-tracks/99"}), "[" * 100_000])
def test_invalid_tracks_file_is_refused(tmp_path: Path, content: str) -> None:
    master, tracks = _clip(tmp_path / "in.mp4"), tmp_path / "t.json"
    tracks.write_text(content)
    before = listing(tmp_path)
    _assert_failed(redact("apply", master, tracks, "-o", tmp_path / "out.mp4"), "R500")
    assert listing(tmp_path) == before


def test_missing_cuda_device_is_refused(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    master = _clip(tmp_path / "in.mp4")
    before = listing(tmp_path)
    _assert_failed(redact("run", master, "-o", tmp_path / "out.mp4", "--device", "cuda"), "R400")
    assert listing(tmp_path) == before


def test_invalid_weights_are_refused(tmp_path: Path) -> None:
    master, weights = _clip(tmp_path / "in.mp4"), tmp_path / "own.pt"
    weights.write_bytes(b"not weights")
    before = listing(tmp_path)
    _assert_failed(redact("run", master, "-o", tmp_path / "out.mp4", "--model", weights), "R403")
    assert listing(tmp_path) == before
