"""What goes into :mod:`redact.disclose.release.resolve`, and what comes out of it for renderer and log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction

from redact.disclose.policy.reason_codes import Code
from redact.errors import BadClip
from redact.settings import AudioMode, EffectSettings, SoundEffect, SoundSpan
from redact.track.types import TrackSet


@dataclass(frozen=True, slots=True)
class EditedClip:
    """Frames ``first_frame`` to ``last_frame`` (included) of one master, with the tracks as people edited them.

    ``footage`` is any key that tells the masters of a release apart. ``sound``: spans that the edits hide, by their
    ids. ``links``: groups of track ids that a reviewer marked as the same person or thing. Raises
    :class:`redact.errors.BadClip` for frames the master does not have.
    """

    footage: str
    tracks: TrackSet
    first_frame: int
    last_frame: int
    sound: Mapping[int, SoundSpan] = field(default_factory=dict)
    links: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        count = self.tracks.media.pts.size
        if not 0 <= self.first_frame <= self.last_frame < count:
            raise BadClip(
                f"The clip of {self.footage} from frame {self.first_frame} to {self.last_frame} is not within the"
                f" master's frames 0 to {count - 1}.",
                "Choose its first and last frame anew.",
            )

    def seconds(self, frame: int) -> Fraction:
        """When a frame appears, in seconds from the master's first; ``frame`` may be one past the last."""
        media = self.tracks.media
        pts = int(media.pts[-1]) + media.last_duration if frame == media.pts.size else int(media.pts[frame])
        return (pts - int(media.pts[0])) * media.time_base


@dataclass(frozen=True, slots=True)
class PictureMask:
    """One hidden track within a clip.

    ``runs``: first and last master frame of each unbroken stretch. ``confidence``: lowest and highest score a detector
    gave within the clip; None where it found nothing there itself. ``decision``: place of the decision that holds, in
    the decisions given; None where the policy alone decided.
    """

    track_id: int
    label: str
    subject: str
    runs: tuple[tuple[int, int], ...]
    effect: EffectSettings
    codes: tuple[str, ...]
    reason: str
    confidence: tuple[float, float] | None
    decision: int | None


@dataclass(frozen=True, slots=True)
class SoundMask:
    """Sound hidden within a clip: [start, end) in seconds from the master's first frame. ``span_id`` is None for what
    the policy mutes because nobody decided otherwise."""

    span_id: int | None
    subject: str
    start: Fraction
    end: Fraction
    effect: SoundEffect
    codes: tuple[str, ...]
    reason: str
    decision: int | None


@dataclass(frozen=True, slots=True)
class ShownTrack:
    """A track that is deliberately left as it is. See :class:`PictureMask`."""

    track_id: int
    label: str
    subject: str
    runs: tuple[tuple[int, int], ...]
    reason: str
    decision: int | None


@dataclass(frozen=True, slots=True)
class ShownSound:
    """Sound that is deliberately left as it is. See :class:`SoundMask`."""

    span_id: int
    subject: str
    start: Fraction
    end: Fraction
    reason: str
    decision: int


@dataclass(frozen=True, slots=True)
class ResolvedClip:
    """One clip, ready to render and to log.

    ``hidden`` are all tracks of the master that are hidden, inside the clip or not, and ``effects`` has an entry for
    each of them. ``audio`` and ``spans`` are for the renderer, in seconds from the master's first frame, and may reach
    past the clip. ``masks``, ``sound``, ``shown_tracks`` and ``shown_sound`` hold only what lies within the clip.
    """

    clip: EditedClip
    hidden: TrackSet
    effects: Mapping[int, EffectSettings]
    masks: tuple[PictureMask, ...]
    shown_tracks: tuple[ShownTrack, ...]
    audio: AudioMode
    spans: tuple[SoundSpan, ...]
    sound: tuple[SoundMask, ...]
    shown_sound: tuple[ShownSound, ...]

    def layers(self) -> dict[EffectSettings, TrackSet]:
        """The hidden tracks apart by effect, in the order in which effects first come up."""
        grouped = {settings: replace(self.hidden, tracks=()) for settings in self.effects.values()}
        for track in self.hidden.tracks:
            settings = self.effects[track.id]
            grouped[settings] = replace(grouped[settings], tracks=(*grouped[settings].tracks, track))
        return grouped


class ProblemKind(StrEnum):
    """What keeps a release from being submitted for review."""

    NO_CLIPS = "no-clips"
    LIMB = "limb"
    BALANCE = "balance"
    ASSESSMENT = "assessment"
    REFERENCE = "reference"
    REQUESTER = "requester"
    THIRD_PARTY = "third-party"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is missing. ``about`` is the code or the pseudonym; ``text`` says all of it in a sentence."""

    kind: ProblemKind
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class ResolvedRelease:
    """A whole release. It may be submitted only while there are no ``problems``."""

    clips: tuple[ResolvedClip, ...]
    codes: tuple[Code, ...]
    """Those in use, in the order of their list."""
    requester: tuple[str, ...]
    """Pseudonyms of whoever asked for its own data; empty for other releases."""
    problems: tuple[Problem, ...]
