"""Writing a pack to its destination: complete or not at all, and never over other files unasked."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import pyzipper

from redact.disclose.pack.delivery import check_free, copy_folder, deliver, write_archive, writing_to
from redact.errors import DiskFull, OutputExists, OutputNotWritable


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "stored"
    folder.mkdir()
    (folder / "log.json").write_bytes(b"{}")
    (folder / "video-1.mp4").write_bytes(b"video")
    return folder


@pytest.mark.parametrize("taken", ["pack", "pack-drafts", "pack.zip"])
def test_existing_pack_drafts_and_archive_are_refused(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).touch()
    with pytest.raises(OutputExists, match=taken):
        check_free(tmp_path / "pack", archive=True, overwrite=False)
    check_free(tmp_path / "pack", archive=True, overwrite=True)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritable):
        check_free(tmp_path / "none" / "pack", archive=False, overwrite=True)


def test_delivery_replaces_older_pack_only_if_asked(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "pack"
    target.mkdir(parents=True)
    (target / "old").touch()
    with pytest.raises(OSError, match="pack"):
        deliver(target, lambda part: copy_folder(source, part), overwrite=False)
    assert [path.name for path in target.iterdir()] == ["old"]
    deliver(target, lambda part: copy_folder(source, part), overwrite=True)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"log.json": b"{}", "video-1.mp4": b"video"}
    assert [path.name for path in target.parent.iterdir()] == ["pack"]


def test_failed_delivery_leaves_older_pack_and_nothing_else(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "pack"
    copy_target = target.parent
    copy_target.mkdir()
    copy_folder(source, target)

    def fail(part: Path) -> None:
        copy_folder(source, part)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull), writing_to(target):
        deliver(target, fail, overwrite=True)
    assert [path.name for path in copy_target.iterdir()] == ["pack"]
    assert (target / "log.json").read_bytes() == b"{}"


def test_archive_needs_its_password(source: Path, tmp_path: Path) -> None:
    write_archive(source, tmp_path / "pack.zip", "pack", "a long password")
    with pyzipper.AESZipFile(tmp_path / "pack.zip") as archive:
        assert archive.namelist() == ["pack/log.json", "pack/video-1.mp4"]
        with pytest.raises(RuntimeError):
            archive.read("pack/log.json")
        archive.setpassword(b"a long password")
        assert archive.read("pack/video-1.mp4") == b"video"
