"""What verification found: one line for each thing that could prove, or disprove, that a pack is what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class State(StrEnum):
    """How a proof came out."""

    HELD = "held"
    BROKEN = "broken"
    ABSENT = "absent"
    """Not there, or nothing is there to check it against."""


class What(StrEnum):
    """What a proof is of."""

    SIGNATURE = "signature"
    SIGNER = "signer"
    FILES = "files"
    LOG = "log"
    AUDIT_HEAD = "audit head"
    MANIFEST = "C2PA manifest"
    BOXES = "boxes"
    FRAMES = "frames"
    MASKS = "masks"
    MASTER = "master"
    MASTER_FRAMES = "master's frames"


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof: what of, about which file of the pack (empty: all of it), and a sentence for a reader."""

    what: What
    state: State
    text: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All proofs of a pack or copy. ``signer``: fingerprint of the key that everything was held against, if any."""

    path: Path
    proofs: tuple[Proof, ...]
    signer: str | None

    @property
    def broken(self) -> tuple[Proof, ...]:
        """Those that speak against it."""
        return tuple(proof for proof in self.proofs if proof.state is State.BROKEN)

    @property
    def sound(self) -> bool:
        """Whether something vouches for it and nothing speaks against it."""
        vouching = (What.SIGNATURE, What.MANIFEST)
        return not self.broken and any(p.what in vouching and p.state is State.HELD for p in self.proofs)


def held(what: What, text: str, file: str = "") -> Proof:
    """A proof that holds."""
    return Proof(what, State.HELD, text, file)


def broken(what: What, text: str, file: str = "") -> Proof:
    """A proof that speaks against the pack."""
    return Proof(what, State.BROKEN, text, file)


def absent(what: What, text: str, file: str = "") -> Proof:
    """A proof that could not be had."""
    return Proof(what, State.ABSENT, text, file)
