"""Writing the log of a release: from its plan, the records and the finished copies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

import redact
from redact.audit import chain
from redact.canonical_json import canonical
from redact.disclose.log.entries import (
    Approval,
    AuditHead,
    Component,
    HashedFile,
    LogIdentity,
    MaskEntry,
    MasterEntry,
    NotRedacted,
    OutputEntry,
    Override,
    ReleaseSection,
    Reviewer,
    UsedCode,
    Versions,
    WatchedInterval,
)
from redact.disclose.log.release_log import FiledLog, MaskSample, MaskSamples, ReleaseLog
from redact.disclose.log.sections import ClippedPart, InternalSection
from redact.disclose.policy.reason_codes import Code
from redact.disclose.release import approval, details, releases, watching
from redact.disclose.release.plan import ReleasePlan
from redact.disclose.release.resolved import EditedClip, PictureMask, ResolvedClip, ShownSound, ShownTrack
from redact.errors import WrongState
from redact.evidence.store import PROXY
from redact.mask.mask_plan import MaskPlan
from redact.mask.types import Shape
from redact.media.timeline import timeline_digest
from redact.pipeline.rendering import RenderReport
from redact.schema.tables import Edit, Footage, Person, Release
from redact.settings import Effect, EffectSettings
from redact.timecode import timecode

SAMPLE_EVERY = 12
"""Frames between two samples of a mask."""
CODEC_NAMES = {"h264": "H.264", "hevc": "HEVC", "av1": "AV1"}


@dataclass(frozen=True, slots=True)
class RedactedCopy:
    """A finished copy under its final name, its manifest in it."""

    path: Path
    sha256: str
    report: RenderReport


def full_timecode(seconds: Fraction) -> str:
    """Two digits of hours at least, as the log's schema shows times."""
    return timecode(seconds).zfill(len("00:00:00.000"))


class LogBuilder:
    """One release's log. ``at`` is when it is written; ``copies`` go with the plan's clips."""

    def __init__(
        self, session: Session, plan: ReleasePlan, copies: Sequence[RedactedCopy], log_id: str, at: datetime
    ) -> None:
        self._session, self._plan, self._copies = session, plan, copies
        self._log_id, self._at = log_id, at
        self._times = [list(copy.report.timeline.times()) for copy in copies]
        self._release: Release = plan.release
        self._head = self._audit_head()

    def filed(self) -> FiledLog:
        """The full log, with what stays with the force. Raises BadRecord where details are missing."""
        plan, kind = self._plan, self._plan.policy.kind
        told = details.of(self._release)
        clipped = tuple(self._clipped()) if told.clip_reason else ()
        assert told.organisation is not None
        log = ReleaseLog(
            kind=kind.value,
            identity=LogIdentity(
                log_id=self._log_id,
                log_version=1,
                organisation=told.organisation,
                case_reference=self._release.case.reference,
                request_reference=told.request_reference,
                created=self._at,
            ),
            outputs=tuple(self._output(place) for place in range(len(self._copies))),
            masks=tuple(self._masks()),
            not_redacted=tuple(self._not_redacted()),
            codes=tuple(_used_code(code, told) for code in plan.resolved.codes),
            release=self._release_section(told),
            section=details.section(self._release, kind, requester_pseudonyms=plan.resolved.requester, clipped=clipped),
            versions=self._versions(),
            policy=HashedFile(name=plan.policy.name, version=plan.policy.version, sha256=plan.policy.sha256),
            codes_list=HashedFile(name=plan.codes.name, version=plan.codes.version, sha256=plan.codes.sha256),
            audit_head=self._head,
        )
        return FiledLog(log=log, internal=told.internal or InternalSection())

    def samples(self) -> MaskSamples:
        """Where a verifier finds the masks."""
        return MaskSamples(samples=tuple(self._samples()))

    @property
    def head(self) -> AuditHead:
        """The chain's signed end."""
        return self._head

    def _audit_head(self) -> AuditHead:
        head = chain.signed_head(self._session)
        if head is None:
            raise WrongState("The audit chain has no events yet.")
        return AuditHead(
            count=head.count,
            hash=head.hash,
            merkle_root=head.root,
            signature=head.signature,
            key_fingerprint=head.key,
        )

    def _output(self, place: int) -> OutputEntry:
        copy, clip = self._copies[place], self._plan.resolved.clips[place].clip
        report, times = copy.report, self._times[place]
        table = report.timeline.table
        duration = times[-1] + table.last_duration * table.time_base
        slate = report.timeline.slate_frames
        rate = (Fraction(len(times)) / duration if duration else Fraction(25)).limit_denominator(1001)
        made = report.copy
        return OutputEntry(
            file=copy.path.name,
            sha256=copy.sha256,
            size_bytes=copy.path.stat().st_size,
            codec=CODEC_NAMES[made.codec.value],
            width=made.width,
            height=made.height,
            frames=len(times),
            frame_rate=f"{rate.numerator}/{rate.denominator}",
            duration_seconds=round(float(duration), 6),
            slate_frames=slate,
            slate_seconds=round(float(times[slate]), 6),
            pts_sha256=timeline_digest(times),
            time_base=f"{made.time_base.numerator}/{made.time_base.denominator}",
            clip_in=full_timecode(times[slate]),
            clip_out=full_timecode(times[-1]),
            master=self._master(place, clip),
        )

    def _master(self, place: int, clip: EditedClip) -> MasterEntry:
        footage: Footage = self._release.clips[place].footage
        told, rules, media = footage.camera, self._plan.policy.log, footage.media
        rate = Fraction(str(media.get("rate") or "25/1"))
        serial = told.get("serial") if rules.camera_serial else None
        return MasterEntry(
            sha256=footage.sha256,
            working_copy_sha256=media["derived"][PROXY],
            original_name=footage.original_name if rules.original_name else None,
            exhibit=clip.footage,
            codec=str(media["codec"]),
            frames=int(media["frames"]),
            rate=f"{rate.numerator}/{rate.denominator}",
            duration=float(media["duration_seconds"]),
            clip_first_frame=clip.first_frame,
            clip_last_frame=clip.last_frame,
            clip_in=full_timecode(clip.seconds(clip.first_frame)),
            clip_out=full_timecode(clip.seconds(clip.last_frame)),
            camera_serial=str(serial) if serial else None,
            wearer=(footage.wearer or None) if rules.wearer else None,
            recorded_start=footage.recorded_start,
            recorded_end=footage.recorded_end,
            clock_offset_seconds=footage.clock_offset_seconds,
        )

    def _clipped(self) -> Iterator[ClippedPart]:
        reason = details.of(self._release).clip_reason
        assert reason is not None
        for resolved in self._plan.resolved.clips:
            clip = resolved.clip
            last = clip.tracks.media.pts.size - 1
            parts = [(0, clip.first_frame - 1), (clip.last_frame + 1, last)]
            for first, end in parts:
                if first <= end:
                    yield ClippedPart(
                        exhibit=clip.footage,
                        first_timecode=full_timecode(clip.seconds(first)),
                        last_timecode=full_timecode(clip.seconds(end)),
                        reason=reason,
                    )

    def _span(self, place: int, first: int, last: int) -> dict[str, Any]:
        """Of frames on the output."""
        times = self._times[place]
        return {
            "output": place,
            "first_frame": first,
            "last_frame": last,
            "first_timecode": full_timecode(times[first]),
            "last_timecode": full_timecode(times[last]),
        }

    def _shown_span(self, place: int, first: int, last: int) -> dict[str, Any]:
        """Of frames on the master."""
        clip, slate = self._plan.resolved.clips[place].clip, self._copies[place].report.timeline.slate_frames
        return self._span(place, first - clip.first_frame + slate, last - clip.first_frame + slate)

    def _heard_span(self, place: int, start: Fraction, end: Fraction) -> dict[str, Any]:
        """Of sound on the master, as the frames during which any of it is heard."""
        clip = self._plan.resolved.clips[place].clip
        frames = range(clip.first_frame, clip.last_frame + 1)
        times = [clip.seconds(frame) for frame in frames]
        first = max(int(np.searchsorted(np.array([float(t) for t in times]), float(start), "right")) - 1, 0)
        last = max(int(np.searchsorted(np.array([float(t) for t in times]), float(end), "left")) - 1, first)
        return self._shown_span(place, frames[first], frames[last])

    def _masks(self) -> Iterator[MaskEntry]:
        number = 0
        for place, resolved in enumerate(self._plan.resolved.clips):
            for mask in resolved.masks:
                for first, last in mask.runs:
                    number += 1
                    yield self._picture_entry(f"M{number}", place, mask, (first, last))
            for sound in resolved.sound:
                number += 1
                yield MaskEntry.model_validate(
                    {
                        "id": f"M{number}",
                        "subject": sound.subject,
                        "class": "sound",
                        "kind": "sound",
                        "effect": sound.effect.value,
                        "source": "machine" if sound.span_id is None else "manual",
                        **self._reasons(sound.codes),
                        **self._heard_span(place, sound.start, sound.end),
                    }
                )

    def _picture_entry(self, id_: str, place: int, mask: PictureMask, run: tuple[int, int]) -> MaskEntry:
        low, high = mask.confidence or (None, None)
        solid = mask.effect.effect is Effect.SOLID
        return MaskEntry.model_validate(
            {
                "id": id_,
                "subject": mask.subject,
                "class": mask.label,
                "kind": "picture",
                "effect": mask.effect.effect.value,
                "fill": mask.effect.fill if solid else None,
                "source": self._plan.edited[place].states[mask.track_id].origin.value,
                "confidence_low": None if low is None else round(min(max(low, 0.0), 1.0), 4),
                "confidence_high": None if high is None else round(min(max(high, 0.0), 1.0), 4),
                **self._reasons(mask.codes),
                **self._shown_span(place, *run),
            }
        )

    def _reasons(self, codes: tuple[str, ...]) -> dict[str, Any]:
        return {"codes": codes, "legal_basis": tuple(self._plan.codes.get(code).legal_basis for code in codes)}

    def _not_redacted(self) -> Iterator[NotRedacted]:
        number = 0
        for place, resolved in enumerate(self._plan.resolved.clips):
            rows: list[tuple[ShownTrack | ShownSound, str, str, dict[str, Any]]] = []
            for track in resolved.shown_tracks:
                rows += [(track, track.label, "picture", self._shown_span(place, *run)) for run in track.runs]
            for sound in resolved.shown_sound:
                rows.append((sound, "sound", "sound", self._heard_span(place, sound.start, sound.end)))
            for what, label, kind, span in rows:
                number += 1
                by, at = self._plan.decided_by[what.decision] if what.decision is not None else self._by_policy()
                told = {"id": f"N{number}", "subject": what.subject, "class": label, "kind": kind}
                more = {"reason": what.reason, "decided_by": by, "decided_at": datetime.fromisoformat(at)}
                yield NotRedacted.model_validate({**told, **more, **span})
            for entry in self._rejected(place, resolved, number):
                number += 1
                yield entry

    def _by_policy(self) -> tuple[str, str]:
        return f"policy {self._plan.policy.name}", self._release.created_at.isoformat()

    def _rejected(self, place: int, resolved: ResolvedClip, number: int) -> Iterator[NotRedacted]:
        """What the machine found and a person took out, within the clip."""
        clip, edited = resolved.clip, self._plan.edited[place]
        query = select(Edit.op_id, Person.full_name, Edit.at).join(Person, Person.id == Edit.person_id)
        rows = self._session.execute(query.where(Edit.tracks_id == self._release.clips[place].tracks_id))
        makers = {op: (name, at) for op, name, at in rows}
        for track_id, track in edited.deleted.items():
            inside = track.frames[(track.frames >= clip.first_frame) & (track.frames <= clip.last_frame)]
            state = edited.states[track_id]
            if not inside.size or state.deleted is None:
                continue
            number += 1
            by, at = makers[state.edits[-1]]
            told = {"id": f"N{number}", "subject": f"Rejected {track_id}", "class": state.label, "kind": "picture"}
            more = {"reason": state.deleted, "decided_by": by, "decided_at": at}
            span = self._shown_span(place, int(inside[0]), int(inside[-1]))
            yield NotRedacted.model_validate({**told, **more, **span})

    def _release_section(self, told: details.Details) -> ReleaseSection:
        assert told.recipient is not None and told.delivery is not None and told.retention is not None
        release = self._release
        if release.approved_by is None or release.approved_at is None:
            raise WrongState(f"Release {releases.reference(release)} has not been approved.")
        name = releases.full_names(self._session, [release.approved_by])[release.approved_by]
        return ReleaseSection(
            reviewers=tuple(self._reviewers()),
            approver=Approval(name=name, role="approver", approved_at=release.approved_at, override=self._override()),
            recipient=told.recipient,
            delivery=told.delivery,
            retention=told.retention,
        )

    def _override(self) -> Override | None:
        noted = approval.approval(self._session, self._release)
        if "override" not in noted:
            return None
        told = {key: noted[key] for key in ("unwatched", "unsettled", "second_look")}
        return Override(reason=noted["override"], **told)

    def _reviewers(self) -> Iterator[Reviewer]:
        rows = watching.watched(self._session, self._release, self._release.approved_content)
        names = releases.full_names(self._session, {row.person_id for row in rows})
        for person, name in sorted(names.items()):
            mine = [row for row in rows if row.person_id == person]
            intervals = []
            for place, copy in enumerate(self._copies):
                spans = sorted((w.first_frame, w.last_frame) for w in mine if w.position == place)
                slate = copy.report.timeline.slate_frames
                intervals += [
                    WatchedInterval(**self._span(place, first + slate, last + slate)) for first, last in _joined(spans)
                ]
            yield Reviewer(
                name=name,
                role="reviewer",
                started=min(row.at for row in mine),
                finished=max(row.at for row in mine),
                watched=tuple(intervals),
            )

    def _versions(self) -> Versions:
        told = [clip.clip.tracks.provenance for clip in self._plan.resolved.clips]
        models: dict[str, Component] = {}
        libraries: dict[str, str] = {}
        for provenance in told:
            for model in _mappings(provenance.get("models")):
                sha256 = str(model["sha256"])
                models[sha256] = Component(name=str(model["name"]), version=str(model["runtime"]), sha256=sha256)
            versions = provenance.get("versions")
            libraries |= {str(k): str(v) for k, v in versions.items()} if isinstance(versions, Mapping) else {}
        settings = [provenance.get("settings") for provenance in told]
        digest = hashlib.sha256(canonical(settings)).hexdigest()
        preset = next((s.get("preset") for s in settings if isinstance(s, Mapping)), None)
        return Versions(
            software=Component(name="redact-workbench", version=redact.__version__),
            models=tuple(models.values()),
            settings=Component(name=f"preset {preset or 'unknown'}", version="1", sha256=digest),
            libraries=tuple(Component(name=name, version=version) for name, version in sorted(libraries.items())),
        )

    def _samples(self) -> Iterator[MaskSample]:
        for place, resolved in enumerate(self._plan.resolved.clips):
            clip, slate = resolved.clip, self._copies[place].report.timeline.slate_frames
            runs = [run for mask in resolved.masks for run in mask.runs]
            frames = {frame for run in runs for frame in run}
            for first, last in runs:
                frames |= set(range(first + -first % SAMPLE_EVERY, last + 1, SAMPLE_EVERY))
            plans = [(MaskPlan(tracks), effect) for effect, tracks in resolved.layers().items()]
            # All masks of a frame or none: what lies under another mask looks like that one.
            for frame in sorted(frames):
                for plan, effect in plans:
                    for shape in plan.shapes(frame):
                        yield _sample(place, frame - clip.first_frame + slate, shape, effect)


def _sample(place: int, frame: int, shape: Shape, effect: EffectSettings) -> MaskSample:
    return MaskSample(
        output=place,
        frame=frame,
        effect=effect.effect.value,
        fill=effect.fill if effect.effect is Effect.SOLID else None,
        form=shape.form.value,
        cx=round(shape.cx, 2),
        cy=round(shape.cy, 2),
        w=round(shape.w, 2),
        h=round(shape.h, 2),
        angle=round(shape.angle, 2),
    )


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted spans, those that touch or overlap made one."""
    joined: list[tuple[int, int]] = []
    for first, last in spans:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def _used_code(code: Code, told: details.Details) -> UsedCode:
    ground = told.grounds.get(code.id)
    return UsedCode(
        code=code.id,
        title=code.title,
        statute=code.statute,
        legal_basis=code.legal_basis,
        exemption=code.exemption.value if code.exemption else None,
        assessment=ground.assessment if ground else None,
        reference=ground.reference if ground else None,
    )
