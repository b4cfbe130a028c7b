"""Replays the edit log: the state of all tracks, and what each operation does to it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from redact.mask.edits.layers import BoxRows, EditMark, EditMarkKind, Layers, resolve
from redact.mask.edits.result import Edited, Origin, Skipped, TrackKind, TrackState
from redact.mask.edits.track_operations import cut, merged, trimmed, with_retracked
from redact.mask.edits.types import (
    WHOLE_FRAME_LABEL,
    AddBoxes,
    AddSound,
    ChangeSound,
    Delete,
    Draw,
    HideFrames,
    Keyframe,
    Link,
    LoggedEdit,
    Merge,
    Outside,
    RemoveKeyframe,
    RemoveSound,
    Resize,
    Restore,
    SetArea,
    SetClass,
    SetSpan,
    Settle,
    Split,
    Unlink,
)
from redact.settings import SoundSpan
from redact.track.types import Track, TrackSet


class EditSkipped(Exception):  # noqa: N818 - not an error: the edit is listed and the replay continues
    """An edit has no effect; the text says why."""


@dataclass(slots=True)
class _TrackUnderEdit:
    """One track. ``machine`` is the machine track as long as no edit moved it. ``layers`` are replaced, never modified,
    so the cached result ``resolved`` is valid as long as it belongs to the same layers."""

    id: int
    label: str
    kind: TrackKind
    origin: Origin
    layers: Layers
    machine: Track | None = None
    deleted: str | None = None
    merged_into: int | None = None
    edits: list[str] = field(default_factory=list)
    resolved: tuple[Layers, Track | None] | None = None

    def reshape(self, layers: Layers) -> None:
        """Replace the layers: the machine track no longer applies."""
        self.layers = layers
        self.machine = None
        if self.origin is Origin.MACHINE:
            self.origin = Origin.CORRECTED

    def frames(self, kind: EditMarkKind) -> tuple[int, ...]:
        return tuple(sorted(f for f, mark in self.layers.marks.items() if mark.kind is kind))


class Replay:
    """Call :meth:`apply` with each effective edit in order, then :meth:`result`."""

    def __init__(self, machine: TrackSet) -> None:
        media = machine.media
        self._machine = machine
        self._seconds = (media.pts - media.pts[0]) * float(media.time_base)
        self._states = {
            t.id: _TrackUnderEdit(t.id, t.label, TrackKind.OBJECT, Origin.MACHINE, Layers(BoxRows.of(t)), t)
            for t in machine.tracks
        }
        self._groups: dict[int, set[int]] = {}
        """Groups of linked tracks by track id; all tracks of a group share one set."""
        self._sounds: dict[int, SoundSpan] = {}
        self._removed: set[int] = set()
        self._settled: dict[str, LoggedEdit] = {}

    def copied(self) -> Replay:
        """An independent copy that continues from here and keeps the cached results of tracks."""
        other = copy(self)
        other._states = {number: replace(state, edits=list(state.edits)) for number, state in self._states.items()}
        groups = {id(group): set(group) for group in self._groups.values()}
        other._groups = {number: groups[id(group)] for number, group in self._groups.items()}
        other._sounds, other._removed, other._settled = dict(self._sounds), set(self._removed), dict(self._settled)
        return other

    def apply(self, logged: LoggedEdit) -> None:
        """Apply one edit. If it raises :class:`EditSkipped`, nothing was changed."""
        match logged.edit:
            case Draw() | SetArea() | HideFrames() as edit:
                touched = self._new(edit)
            case Keyframe() | Outside() | RemoveKeyframe() as edit:
                touched = self._mark(edit)
            case Merge() as edit:
                touched = self._merge(edit)
            case Split() as edit:
                touched = self._split(edit)
            case SetSpan() | Resize() | AddBoxes() as edit:
                touched = self._reshape(edit)
            case Delete() | Restore() as edit:
                touched = self._delete(edit)
            case SetClass() as edit:
                touched = self._set_class(edit)
            case Link() | Unlink() as edit:
                touched = self._link(edit)
            case AddSound() | ChangeSound() | RemoveSound() as edit:
                touched = self._sound(edit)
            case Settle() as edit:
                touched = []
                self._settled[edit.key] = logged
            case _:
                raise TypeError(f"{type(logged.edit).__name__} is not replayed")
        for state in touched:
            state.edits.append(logged.id)

    def result(self, undone: frozenset[str], skipped: tuple[Skipped, ...]) -> Edited:
        """The current tracks: machine tracks in their order, then the others in the order of their creation."""
        shown, deleted = [], {}
        for state in self._states.values():
            if state.merged_into is None and (track := self._track(state)) is not None:
                if state.deleted is None:
                    shown.append(track)
                else:
                    deleted[track.id] = track
        machine = self._machine
        return Edited(
            TrackSet(machine.media, tuple(shown), machine.cuts, machine.provenance),
            MappingProxyType({state.id: self._public(state) for state in self._states.values()}),
            MappingProxyType(deleted),
            MappingProxyType(dict(sorted(self._sounds.items()))),
            MappingProxyType(self._settled),
            undone,
            skipped,
        )

    def _track(self, state: _TrackUnderEdit) -> Track | None:
        if state.machine is not None:
            return state.machine if state.label == state.machine.label else replace(state.machine, label=state.label)
        if state.resolved is None or state.resolved[0] is not state.layers:
            state.resolved = (state.layers, self._resolved(state))
        track = state.resolved[1]
        return track if track is None or track.label == state.label else replace(track, label=state.label)

    def _resolved(self, state: _TrackUnderEdit) -> Track | None:
        rows = resolve(state.layers, self._seconds)
        if not len(rows):
            return None
        return Track(state.id, state.label, rows.frames, rows.boxes, rows.angles, rows.scores, rows.sources)

    def _public(self, state: _TrackUnderEdit) -> TrackState:
        return TrackState(
            id=state.id,
            kind=state.kind,
            origin=state.origin,
            label=state.label,
            subject=min(self._groups.get(state.id, {state.id})),
            keyframes=state.frames(EditMarkKind.KEY),
            outsides=state.frames(EditMarkKind.OUT),
            edits=tuple(state.edits),
            deleted=state.deleted,
            merged_into=state.merged_into,
        )

    def _get(self, number: int, *, deleted: bool = False) -> _TrackUnderEdit:
        state = self._states.get(number)
        if state is None:
            raise EditSkipped(f"There is no track {number}.")
        if state.merged_into is not None:
            raise EditSkipped(f"Track {number} was merged into track {state.merged_into}.")
        if deleted != (state.deleted is not None):
            raise EditSkipped(f"Track {number} was {'not ' if deleted else ''}deleted.")
        return state

    def _object(self, number: int) -> _TrackUnderEdit:
        state = self._get(number)
        if state.kind is TrackKind.FRAME:
            raise EditSkipped(f"Track {number} hides whole frames and has no outline.")
        return state

    def _check_frame(self, frame: int) -> None:
        if frame >= self._seconds.size:
            raise EditSkipped(f"The footage has no frame {frame}.")

    def _new(self, edit: Draw | SetArea | HideFrames) -> list[_TrackUnderEdit]:
        self._check_frame(edit.last)
        kind, label = TrackKind.FRAME, WHOLE_FRAME_LABEL
        box = np.array([0, 0, self._machine.media.width, self._machine.media.height], np.float64)
        angle, marks = 0.0, {}
        first = edit.frame if isinstance(edit, Draw) else edit.first
        if isinstance(edit, Draw | SetArea):
            kind = TrackKind.OBJECT if isinstance(edit, Draw) else TrackKind.AREA
            label, box, angle = edit.label, np.array(edit.box), edit.angle
            marks = {first: EditMark(EditMarkKind.KEY, edit.box, angle)}
        before = self._states.get(edit.track)
        if before is not None:
            if not isinstance(edit, SetArea) or before.kind is not TrackKind.AREA:
                raise EditSkipped(f"Track {edit.track} already exists.")
            self._get(edit.track)
        edits = before.edits if before is not None else []
        layers = Layers(BoxRows.standing(first, edit.last, box.astype(np.float32), angle), marks)
        state = _TrackUnderEdit(edit.track, label, kind, Origin.MANUAL, layers, edits=edits)
        self._states[edit.track] = state
        return [state]

    def _mark(self, edit: Keyframe | Outside | RemoveKeyframe) -> list[_TrackUnderEdit]:
        state = self._get(edit.track) if isinstance(edit, Outside | RemoveKeyframe) else self._object(edit.track)
        self._check_frame(edit.frame)
        layers = replace(state.layers, marks=dict(state.layers.marks))
        marks = layers.marks
        match edit:
            case Keyframe():
                layers.set_key(edit.frame, edit.box, edit.angle)
            case Outside():
                marks[edit.frame] = EditMark(EditMarkKind.OUT)
            case RemoveKeyframe():
                if edit.frame not in marks or marks[edit.frame].kind is EditMarkKind.IN:
                    raise EditSkipped(f"Track {edit.track} has no keyframe on frame {edit.frame}.")
                del marks[edit.frame]
        state.reshape(layers)
        return [state]

    def _merge(self, edit: Merge) -> list[_TrackUnderEdit]:
        state, other = self._object(edit.track), self._object(edit.other)
        if (origins := {state.origin, other.origin}) != {Origin.MANUAL}:
            state.origin = Origin.CORRECTED if Origin.MANUAL in origins else state.origin
        state.reshape(merged(state.layers, other.layers, self._seconds))
        other.merged_into = edit.track
        # The merged track could be either of two people: a release that shows one of them must not show the other.
        group, joined = self._groups.get(edit.track), self._groups.get(edit.other)
        if group is not None and joined is not None and group is not joined:
            self._unlink(edit.track)
        self._unlink(edit.other)
        return [state, other]

    def _split(self, edit: Split) -> list[_TrackUnderEdit]:
        state = self._get(edit.track)
        if edit.new in self._states:
            raise EditSkipped(f"Track {edit.new} already exists.")
        left, right = cut(state.layers, edit.frame, self._seconds)
        if not len(left.rows) or not len(right.rows):
            raise EditSkipped(f"Track {edit.track} is not visible on both sides of frame {edit.frame}.")
        state.reshape(left)
        # The new track has no links: tracks are split where two people were taken for one.
        new = _TrackUnderEdit(edit.new, state.label, state.kind, state.origin, right, edits=list(state.edits))
        self._states[edit.new] = new
        return [state, new]

    def _reshape(self, edit: SetSpan | Resize | AddBoxes) -> list[_TrackUnderEdit]:
        state = self._get(edit.track) if isinstance(edit, SetSpan) else self._object(edit.track)
        layers = state.layers
        match edit:
            case SetSpan():
                self._check_frame(edit.last)
                layers = trimmed(layers, edit.first, edit.last, self._seconds)
            case Resize():
                layers = replace(layers, scale=layers.scale.times(edit.factor, edit.first or 0, edit.last))
            case AddBoxes():
                self._check_frame(edit.rows[-1].frame)
                layers = replace(layers, rows=with_retracked(layers.rows, edit.rows))
        state.reshape(layers)
        return [state]

    def _delete(self, edit: Delete | Restore) -> list[_TrackUnderEdit]:
        state = self._get(edit.track, deleted=isinstance(edit, Restore))
        state.deleted = edit.reason if isinstance(edit, Delete) else None
        return [state]

    def _set_class(self, edit: SetClass) -> list[_TrackUnderEdit]:
        state = self._get(edit.track)
        state.label = edit.label
        if state.origin is Origin.MACHINE:
            state.origin = Origin.CORRECTED
        return [state]

    def _link(self, edit: Link | Unlink) -> list[_TrackUnderEdit]:
        if isinstance(edit, Unlink):
            state = self._get(edit.track)
            if edit.track not in self._groups:
                raise EditSkipped(f"Track {edit.track} is not linked.")
            self._unlink(edit.track)
            return [state]
        # All or nothing, because a release may show all tracks of one person.
        states = [self._get(number) for number in edit.tracks]
        group = set().union(*(self._groups.get(number, {number}) for number in edit.tracks))
        for number in group:
            self._groups[number] = group
        return states

    def _unlink(self, number: int) -> None:
        group = self._groups.pop(number, set())
        group.discard(number)
        if len(group) == 1:
            self._groups.pop(group.pop())

    def _sound(self, edit: AddSound | ChangeSound | RemoveSound) -> list[_TrackUnderEdit]:
        known = edit.span in self._sounds
        if isinstance(edit, AddSound) and not isinstance(edit, ChangeSound):
            if known or edit.span in self._removed:
                raise EditSkipped(f"Sound span {edit.span} already exists.")
        elif not known:
            raise EditSkipped(f"There is no sound span {edit.span}.")
        if isinstance(edit, RemoveSound):
            del self._sounds[edit.span]
            self._removed.add(edit.span)
        else:
            self._sounds[edit.span] = SoundSpan(edit.start, edit.end, edit.effect)
        return []
