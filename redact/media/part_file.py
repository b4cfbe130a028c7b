"""The file an output is written into, beside its target, until it is whole and, for a copy, has been verified.

Named ``.<target name>.<process id>-<random>.redact-part``, which no one takes for a finished copy. While an export runs
it holds a lock on its part file; what a killed export left is cleaned up by the next export of the same target.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import os
import re
import secrets
from pathlib import Path

from redact.errors import FULL_ERRNOS, DiskFull, EncodeFailed, OutputExists, OutputNotWritable, RedactError

SUFFIX = ".redact-part"
_NAME_BYTES = 200
"""File systems take names of 255 bytes; the rest is ours."""
_PROBE = 4096


class PartFile:
    """A new, empty, locked part file beside ``target``.

    ``raw`` is unbuffered, so every write error is seen where it happens; it is a plain :class:`io.FileIO` because PyAV
    swallows a KeyboardInterrupt that strikes inside a Python-coded ``write`` (and with it the bytes).
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.parent / f"{_prefix(target)}{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"
        try:
            self.raw = io.FileIO(str(self.path), "xb")
        except OSError as error:
            raise _not_writable(target, error) from error
        # A file system without locks only loses the cleaning up after a kill.
        with contextlib.suppress(OSError):
            fcntl.flock(self.raw.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, data: bytes) -> None:
        """Append all of ``data``. Raises DiskFull or OutputNotWritable."""
        left = memoryview(data)
        try:
            while left:
                left = left[self.raw.write(left) :]
        except OSError as error:
            raise self._refused(error) from error

    def sync(self) -> None:
        """Have all that was written on the disk. Raises DiskFull or OutputNotWritable."""
        try:
            # A write that the disk took only half of raises nothing, the next one does. This is the last one's next.
            end = self.raw.seek(0, os.SEEK_END)
            if self.raw.write(bytes(_PROBE)) != _PROBE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.raw.truncate(end)
            os.fsync(self.raw.fileno())
        except OSError as error:
            raise self._refused(error) from error

    def publish(self, *, overwrite: bool) -> None:
        """Give the file the target's name in one step. Without ``overwrite`` a file of that name is never replaced.

        Raises OutputExists, OutputNotWritable, DiskFull.
        """
        try:
            if overwrite:
                self.path.replace(self._target)
            else:
                self._publish_new()
        except FileExistsError as error:
            raise OutputExists(
                f'"{self._target}" appeared while the copy was being written.', "Choose another name or --overwrite."
            ) from error
        except OSError as error:
            raise self._refused(error) from error
        _sync_folder(self._target.parent)
        self.raw.close()

    def _refused(self, error: OSError) -> RedactError:
        full = error.errno in FULL_ERRNOS
        return write_error(self._target, error) if full else _not_writable(self._target, error)

    def _publish_new(self) -> None:
        try:
            os.link(self.path, self._target)
        except FileExistsError:
            raise
        except OSError:
            # No hard links here (FAT, some shares): looking first is the best there is.
            if os.path.lexists(self._target):
                raise FileExistsError(errno.EEXIST, "exists", str(self._target)) from None
            self.path.replace(self._target)
        else:
            self.path.unlink()

    def discard(self) -> None:
        """Remove the file, whatever state it is in."""
        # Closed first: PyAV writes an index into a container that is collected while its file is still open.
        self.raw.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def write_whole(target: Path, data: bytes, *, overwrite: bool) -> None:
    """Write beside ``target``, and put it in place in one step once it is on the disk; else ``target`` is as it was.

    Raises OutputExists, OutputNotWritable, DiskFull.
    """
    remove_stale_parts(target)
    part = PartFile(target)
    try:
        part.write(data)
        part.sync()
        part.publish(overwrite=overwrite)
    finally:
        part.discard()


def remove_stale_parts(target: Path) -> None:
    """Remove the part files that dead exports of this very ``target`` left beside it; those of live ones stay."""
    pattern = re.compile(re.escape(_prefix(target)) + r"(\d{1,10})-[0-9a-f]{12}" + re.escape(SUFFIX))
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        stale = [Path(e.path) for e in entries if (m := pattern.fullmatch(e.name)) and not _alive(int(m[1]))]
        for path in stale:
            with contextlib.suppress(OSError):
                _remove_unlocked(path)


def write_error(target: Path, error: BaseException) -> RedactError:
    """What to tell about ``error``, raised while writing the copy of ``target``."""
    if getattr(error, "errno", None) in FULL_ERRNOS:
        return DiskFull(f'The disk ran full while "{target.name}" was being written.', "Make room and run it again.")
    return EncodeFailed(f'"{target.name}" could not be written: {error}.')


def _remove_unlocked(path: Path) -> None:
    # The lock decides where process ids do not: another machine or container writing to the same share.
    with path.open("rb+") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _prefix(target: Path) -> str:
    name = target.name
    if len(os.fsencode(name)) > _NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}."


def _not_writable(target: Path, error: OSError) -> OutputNotWritable:
    return OutputNotWritable(
        f'"{target}" cannot be written: {error.strerror}.', "Choose a folder that exists and that you may write to."
    )


def _sync_folder(folder: Path) -> None:
    # The copy is whole and has its name by now; some file systems cannot sync folders, which is no reason to disown it.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
