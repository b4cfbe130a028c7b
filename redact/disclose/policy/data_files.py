"""Policy and reason-code files: those shipped with the workbench, and a force's own in ``REDACT_HOME``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from redact.errors import BadUsage, RedactError
from redact.home import home
from redact.strict_toml import LARGEST_FILE

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class DataFile:
    """The unchecked bytes of one file. ``origin`` names it in error messages."""

    name: str
    origin: str
    untrusted_raw: bytes


@dataclass(frozen=True, slots=True)
class DataFiles:
    """All files of one kind. ``folder`` is the folder's name, both in the package and in :func:`redact.home.home`.

    A force's file never overrides a shipped one: a shipped name in a log always means the shipped file.
    """

    folder: str
    kind: str
    """For error messages, such as ``release policy``."""
    invalid: type[RedactError]
    unknown: type[BadUsage]

    def shipped(self) -> tuple[str, ...]:
        """Names of the shipped files."""
        files = resources.files("redact.disclose.policy").joinpath(self.folder).iterdir()
        return tuple(sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX)))

    def own(self) -> tuple[str, ...]:
        """Names of the files in the force's own folder. Raises ``invalid`` if one of them has an invalid name."""
        folder = home() / self.folder
        try:
            names = sorted(path.name.removesuffix(SUFFIX) for path in folder.iterdir() if path.suffix == SUFFIX)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self.invalid(f'The folder "{folder}" cannot be read: {error.strerror}.') from error
        for name in names:
            if not NAME.fullmatch(name):
                raise self.invalid(
                    f'"{folder / (name + SUFFIX)}" is not a valid name for a {self.kind}.',
                    "Rename it: use only lower-case letters, digits, - and _.",
                )
            if name in self.shipped():
                raise self.invalid(
                    f'"{folder / (name + SUFFIX)}" has the same name as a {self.kind} shipped with the workbench.',
                    "Rename it.",
                )
        return tuple(names)

    def names(self) -> tuple[str, ...]:
        """Names of the shipped files, then of the force's own. Raises ``invalid``."""
        return self.shipped() + self.own()

    def read(self, untrusted_name: str) -> DataFile:
        """The file with this name. Raises ``unknown`` if there is none and ``invalid`` if it cannot be read."""
        names = self.names()
        if untrusted_name not in names:
            raise self.unknown(f"There is no {self.kind} called {untrusted_name!r}.", f"Available: {', '.join(names)}.")
        if untrusted_name in self.shipped():
            shipped = resources.files("redact.disclose.policy").joinpath(self.folder, untrusted_name + SUFFIX)
            return DataFile(untrusted_name, f"{untrusted_name!r} (shipped with the workbench)", shipped.read_bytes())
        return self.read_path(home() / self.folder / (untrusted_name + SUFFIX))

    def read_path(self, path: Path) -> DataFile:
        """A file at any path, known by its own file name. Raises ``invalid``."""
        name = path.name.removesuffix(SUFFIX)
        if path.suffix != SUFFIX or not NAME.fullmatch(name):
            raise self.invalid(
                f'"{path}" is not a valid file name for a {self.kind}.',
                f"Rename it NAME{SUFFIX}, where NAME has only lower-case letters, digits, - and _.",
            )
        try:
            with path.open("rb") as file:
                raw = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise self.invalid(f'"{path}" cannot be read: {error.strerror}.', "Check the path.") from error
        return DataFile(name, f'"{path}"', raw)
