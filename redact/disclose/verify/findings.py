"""What verification found: one line for each thing that could prove, or disprove, that a pack is what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class CheckState(StrEnum):
    """How a proof came out."""

    HELD = "held"
    BROKEN = "broken"
    ABSENT = "absent"
    """Not there, or nothing is there to check it against."""


class Check(StrEnum):
    """What a proof is of."""

    SIGNATURE = "signature"
    SIGNER = "signer"
    FILES = "files"
    LOG = "log"
    AUDIT_HEAD = "audit head"
    MANIFEST = "C2PA manifest"
    CONTAINER = "boxes"
    FRAMES = "frames"
    MASKS = "masks"
    MASTER = "master"
    MASTER_FRAMES = "master's frames"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One proof: what of, about which file of the pack (empty: all of it), and a sentence for a reader."""

    check: Check
    state: CheckState
    text: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All results of a pack or copy. ``signer``: fingerprint of the key that everything was held against, if any."""

    path: Path
    results: tuple[CheckResult, ...]
    signer: str | None

    @property
    def broken(self) -> tuple[CheckResult, ...]:
        """Those that speak against it."""
        return tuple(result for result in self.results if result.state is CheckState.BROKEN)

    @property
    def sound(self) -> bool:
        """Whether something vouches for it and nothing speaks against it."""
        vouching = (Check.SIGNATURE, Check.MANIFEST)
        return not self.broken and any(p.check in vouching and p.state is CheckState.HELD for p in self.results)


def held(what: Check, text: str, file: str = "") -> CheckResult:
    """A proof that holds."""
    return CheckResult(what, CheckState.HELD, text, file)


def broken(what: Check, text: str, file: str = "") -> CheckResult:
    """A proof that speaks against the pack."""
    return CheckResult(what, CheckState.BROKEN, text, file)


def absent(what: Check, text: str, file: str = "") -> CheckResult:
    """A proof that could not be had."""
    return CheckResult(what, CheckState.ABSENT, text, file)
