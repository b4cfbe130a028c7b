"""Results of verification: one for each check of a pack or copy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class CheckOutcome(StrEnum):
    """The result of a check."""

    HELD = "held"
    BROKEN = "broken"
    ABSENT = "absent"
    """Not possible: something to check, or to check it against, is missing."""


class PackCheck(StrEnum):
    """What is checked."""

    SIGNATURE = "signature"
    SIGNER = "signer"
    FILES = "files"
    LOG = "log"
    AUDIT_HEAD = "audit head"
    MANIFEST = "C2PA manifest"
    CONTAINER = "boxes"
    """Contents of the MP4 file beyond picture, sound and manifest."""
    FRAMES = "frames"
    MASKS = "masks"
    MASTER = "master"
    MASTER_FRAMES = "master's frames"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check, the file it concerns (empty: the whole pack), and a sentence for the reader."""

    check: PackCheck
    state: CheckOutcome
    text: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All results for a pack or copy. ``signer``: fingerprint of the key used for checking, if any."""

    path: Path
    results: tuple[CheckResult, ...]
    signer: str | None

    @property
    def broken(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if result.state is CheckOutcome.BROKEN)

    @property
    def sound(self) -> bool:
        """Whether a signature or manifest vouches for it and no check failed."""
        vouching = (PackCheck.SIGNATURE, PackCheck.MANIFEST)
        return not self.broken and any(r.check in vouching and r.state is CheckOutcome.HELD for r in self.results)


def held(check: PackCheck, text: str, file: str = "") -> CheckResult:
    """A check that passed."""
    return CheckResult(check, CheckOutcome.HELD, text, file)


def broken(check: PackCheck, text: str, file: str = "") -> CheckResult:
    """A check that failed."""
    return CheckResult(check, CheckOutcome.BROKEN, text, file)


def absent(check: PackCheck, text: str, file: str = "") -> CheckResult:
    """A check that was not possible."""
    return CheckResult(check, CheckOutcome.ABSENT, text, file)
