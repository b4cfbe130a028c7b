"""Input and output types of :mod:`redact.disclose.release.resolve`; the output is for renderer and log."""

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
    """Frames ``first_frame`` to ``last_frame`` (inclusive) of one master, with its edited tracks.

    ``footage``: a key unique to the master within the release. ``sound``: spans hidden in the edit log, by id.
    ``links``: groups of track ids that a reviewer marked as the same person or thing. Raises
    :class:`redact.errors.BadClip` for frames outside the master.
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
                f"The clip of {self.footage} from frame {self.first_frame} to {self.last_frame} is outside the"
                f" master's frames, 0 to {count - 1}.",
                "Choose another first and last frame.",
            )

    def seconds(self, frame: int) -> Fraction:
        """Time of a frame, in seconds from the master's first frame; ``frame`` may be one past the last."""
        media = self.tracks.media
        pts = int(media.pts[-1]) + media.last_duration if frame == media.pts.size else int(media.pts[frame])
        return (pts - int(media.pts[0])) * media.time_base


@dataclass(frozen=True, slots=True)
class PictureMask:
    """One hidden track within a clip.

    ``runs``: first and last master frame of each unbroken run. ``confidence``: lowest and highest detector score within
    the clip; None without detections there. ``decision``: index of the decision that applies; None if the policy alone
    hides the track.
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
    """Sound hidden within a clip: [start, end) in seconds from the master's first frame. ``span_id`` is None for sound
    that the policy mutes by default."""

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
    """A track that is deliberately shown. See :class:`PictureMask`."""

    track_id: int
    label: str
    subject: str
    runs: tuple[tuple[int, int], ...]
    reason: str
    decision: int | None


@dataclass(frozen=True, slots=True)
class ShownSound:
    """Sound that is deliberately kept audible. See :class:`SoundMask`."""

    span_id: int
    subject: str
    start: Fraction
    end: Fraction
    reason: str
    decision: int


@dataclass(frozen=True, slots=True)
class ResolvedClip:
    """One clip, ready to render and to log.

    ``hidden``: all hidden tracks of the master, inside the clip or not; ``effects`` has an entry for each. ``audio``
    and ``spans`` are for the renderer, in seconds from the master's first frame, and may extend beyond the clip.
    ``masks``, ``sound``, ``shown_tracks`` and ``shown_sound`` are limited to the clip.
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
        """The hidden tracks grouped by effect, in order of each effect's first use."""
        grouped = {settings: replace(self.hidden, tracks=()) for settings in self.effects.values()}
        for track in self.hidden.tracks:
            settings = self.effects[track.id]
            grouped[settings] = replace(grouped[settings], tracks=(*grouped[settings].tracks, track))
        return grouped


class ProblemKind(StrEnum):
    """Kinds of problem that prevent a release from being submitted."""

    NO_CLIPS = "no-clips"
    LIMB = "limb"
    BALANCE = "balance"
    ASSESSMENT = "assessment"
    REFERENCE = "reference"
    REQUESTER = "requester"
    THIRD_PARTY = "third-party"


@dataclass(frozen=True, slots=True)
class Problem:
    """One missing item. ``about``: the code or pseudonym concerned. ``text``: the whole problem in a sentence."""

    kind: ProblemKind
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class ResolvedRelease:
    """A resolved release. It can be submitted only if there are no ``problems``."""

    clips: tuple[ResolvedClip, ...]
    codes: tuple[Code, ...]
    """The codes in use, in the order of their list."""
    requester: tuple[str, ...]
    """Pseudonyms of the data subject who made the request; empty for other releases."""
    problems: tuple[Problem, ...]
