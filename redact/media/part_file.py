"""The temporary file beside a target into which output is written until it is complete and, for a copy, verified.

It is named ``.<target name>.<process id>-<random>.redact-part``, which cannot be mistaken for a finished copy. A
running export holds a lock on its part file; files left by a killed export are removed by the next export to the same
target.
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
"""File systems allow names of 255 bytes; the rest is for our prefix and suffix."""
_PROBE = 4096


class PartFile:
    """A new, empty, locked part file beside ``target``.

    ``raw`` is unbuffered, so every write error appears where it happens. It is a plain :class:`io.FileIO` because PyAV
    swallows a KeyboardInterrupt raised inside a ``write`` written in Python, and the bytes with it.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.parent / f"{_prefix(target)}{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"
        try:
            self.raw = io.FileIO(str(self.path), "xb")
        except OSError as error:
            raise _not_writable(target, error) from error
        # On a file system without locks, only the clean-up after a killed export is lost.
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
        """Flush everything written to the disk. Raises DiskFull or OutputNotWritable."""
        try:
            # A short write raises nothing, only the next write does. This one follows the last.
            end = self.raw.seek(0, os.SEEK_END)
            if self.raw.write(bytes(_PROBE)) != _PROBE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.raw.truncate(end)
            os.fsync(self.raw.fileno())
        except OSError as error:
            raise self._refused(error) from error

    def publish(self, *, overwrite: bool) -> None:
        """Rename the file to the target in one step. Without ``overwrite``, an existing file is never replaced.

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
            # No hard links here (FAT, some shares): checking first is the best we can do.
            if os.path.lexists(self._target):
                raise FileExistsError(errno.EEXIST, "exists", str(self._target)) from None
            self.path.replace(self._target)
        else:
            self.path.unlink()

    def discard(self) -> None:
        """Remove the file, whatever its state."""
        # Close first: PyAV writes an index when a container is garbage-collected while its file is still open.
        self.raw.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def write_whole(target: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a file beside ``target`` and rename it once it is on the disk. On failure ``target`` is unchanged.

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
    """Remove part files beside ``target`` that dead exports to it left; those of running exports stay."""
    pattern = re.compile(re.escape(_prefix(target)) + r"(\d{1,10})-[0-9a-f]{12}" + re.escape(SUFFIX))
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        stale = [Path(e.path) for e in entries if (m := pattern.fullmatch(e.name)) and not _alive(int(m[1]))]
        for path in stale:
            with contextlib.suppress(OSError):
                _remove_unlocked(path)


def write_error(target: Path, error: BaseException) -> RedactError:
    """The error to report for ``error``, raised while writing ``target``."""
    if getattr(error, "errno", None) in FULL_ERRNOS:
        return DiskFull(f'The disk became full while "{target.name}" was written.', "Free some space and run it again.")
    return EncodeFailed(f'"{target.name}" could not be written: {error}.')


def _remove_unlocked(path: Path) -> None:
    # Process ids do not cover other machines or containers that write to the same share; the lock does.
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
    # The copy is complete and in place by now. Some file systems cannot sync folders; that does not invalidate it.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
