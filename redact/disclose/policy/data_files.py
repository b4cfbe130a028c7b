"""Data files by name: those that come with the workbench, and those that a force laid into its own folder."""

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
    """The bytes of a file, unchecked. ``origin`` names it in errors."""

    name: str
    origin: str
    untrusted_raw: bytes


@dataclass(frozen=True, slots=True)
class DataFiles:
    """The files of one kind. ``folder`` is its name both in the package and in :func:`redact.home.home`.

    A force's file never takes the place of one of the workbench's: what a log calls by a shipped name is what shipped.
    """

    folder: str
    what: str
    """As in ``release policy``, for errors."""
    invalid: type[RedactError]
    unknown: type[BadUsage]

    def shipped(self) -> tuple[str, ...]:
        """Names of what comes with the workbench."""
        files = resources.files("redact.disclose.policy").joinpath(self.folder).iterdir()
        return tuple(sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX)))

    def own(self) -> tuple[str, ...]:
        """Names of what lies in the force's folder. Raises ``invalid`` for a name that cannot be one."""
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
                    f'"{folder / (name + SUFFIX)}" cannot be the name of a {self.what}.',
                    "Call it by lower-case letters, digits, - and _.",
                )
            if name in self.shipped():
                raise self.invalid(
                    f'"{folder / (name + SUFFIX)}" has the name of a {self.what} of the workbench.', "Rename it."
                )
        return tuple(names)

    def names(self) -> tuple[str, ...]:
        """Those of the workbench, then the force's. Raises ``invalid``."""
        return self.shipped() + self.own()

    def read(self, untrusted_name: str) -> DataFile:
        """The file of this name. Raises ``unknown`` where there is none and ``invalid`` where it cannot be read."""
        names = self.names()
        if untrusted_name not in names:
            raise self.unknown(f"There is no {self.what} {untrusted_name!r}.", f"What there is: {', '.join(names)}.")
        if untrusted_name in self.shipped():
            place = resources.files("redact.disclose.policy").joinpath(self.folder, untrusted_name + SUFFIX)
            return DataFile(untrusted_name, f"{untrusted_name!r} of the workbench", place.read_bytes())
        return self.read_path(home() / self.folder / (untrusted_name + SUFFIX))

    def read_path(self, path: Path) -> DataFile:
        """A file anywhere, called by its own name. Raises ``invalid``."""
        name = path.name.removesuffix(SUFFIX)
        if path.suffix != SUFFIX or not NAME.fullmatch(name):
            raise self.invalid(
                f'"{path}" cannot be a {self.what}.', f"Call it NAME{SUFFIX}, of lower-case letters, digits, - and _."
            )
        try:
            with path.open("rb") as file:
                raw = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise self.invalid(f'"{path}" cannot be read: {error.strerror}.', "Check the path.") from error
        return DataFile(name, f'"{path}"', raw)
