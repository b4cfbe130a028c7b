"""Builds the log of a release from its plan, the records and the finished copies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

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
from redact.disclose.log.release_log import FiledLog, ReleaseLog
from redact.disclose.log.sections import ClippedPart, InternalSection
from redact.disclose.pack.output_spans import OutputSpans, full_timecode
from redact.disclose.pack.redacted_copies import RedactedCopy
from redact.disclose.policy.reason_codes import Code
from redact.disclose.release import approval, details, releases, watching
from redact.disclose.release.plan import ReleasePlan
from redact.disclose.release.resolved import EditedClip, PictureMask, ResolvedClip, ShownSound, ShownTrack
from redact.errors import WrongState
from redact.evidence.store import PROXY
from redact.media.timeline import timeline_digest
from redact.schema.tables import Edit, Footage, Person, Release
from redact.settings import Effect

CODEC_NAMES = {"h264": "H.264", "hevc": "HEVC", "av1": "AV1"}


class LogBuilder:
    """Builds the log of one release. ``copies`` match the clips of the plan; ``created``: time stated in the log."""

    def __init__(
        self, session: Session, plan: ReleasePlan, copies: Sequence[RedactedCopy], log_id: str, created: datetime
    ) -> None:
        self._session, self._plan, self._copies = session, plan, copies
        self._log_id, self._created = log_id, created
        self._spans = OutputSpans([resolved.clip for resolved in plan.resolved.clips], copies)
        self._release: Release = plan.release

    def build(self) -> FiledLog:
        """The full log with the internal section. Raises BadRecord for missing details, WrongState before approval."""
        plan, kind = self._plan, self._plan.policy.kind
        given = details.of(self._release)
        clipped = tuple(self._clipped()) if given.clip_reason else ()
        assert given.organisation is not None
        log = ReleaseLog(
            kind=kind.value,
            identity=LogIdentity(
                log_id=self._log_id,
                log_version=1,
                organisation=given.organisation,
                case_reference=self._release.case.reference,
                request_reference=given.request_reference,
                created=self._created,
            ),
            outputs=tuple(self._output(output) for output in range(len(self._copies))),
            masks=tuple(self._masks()),
            not_redacted=tuple(self._not_redacted()),
            codes=tuple(_used_code(code, given) for code in plan.resolved.codes),
            release=self._release_section(given),
            section=details.section(self._release, kind, requester_pseudonyms=plan.resolved.requester, clipped=clipped),
            versions=self._versions(),
            policy=HashedFile(name=plan.policy.name, version=plan.policy.version, sha256=plan.policy.sha256),
            codes_list=HashedFile(name=plan.codes.name, version=plan.codes.version, sha256=plan.codes.sha256),
            audit_head=self._audit_head(),
        )
        return FiledLog(log=log, internal=given.internal or InternalSection())

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

    def _output(self, output: int) -> OutputEntry:
        copy, clip = self._copies[output], self._plan.resolved.clips[output].clip
        report, times = copy.report, self._spans.times[output]
        table = report.timeline.table
        duration = times[-1] + table.last_duration * table.time_base
        slate = report.timeline.slate_frames
        rate = (Fraction(len(times)) / duration if duration else Fraction(25)).limit_denominator(1001)
        video = report.copy
        return OutputEntry(
            file=copy.path.name,
            sha256=copy.sha256,
            size_bytes=copy.path.stat().st_size,
            codec=CODEC_NAMES[video.codec.value],
            width=video.width,
            height=video.height,
            frames=len(times),
            frame_rate=f"{rate.numerator}/{rate.denominator}",
            duration_seconds=round(float(duration), 6),
            slate_frames=slate,
            slate_seconds=round(float(times[slate]), 6),
            pts_sha256=timeline_digest(times),
            time_base=f"{video.time_base.numerator}/{video.time_base.denominator}",
            clip_in=full_timecode(times[slate]),
            clip_out=full_timecode(times[-1]),
            master=self._master(output, clip),
        )

    def _master(self, output: int, clip: EditedClip) -> MasterEntry:
        footage: Footage = self._release.clips[output].footage
        camera, rules, media = footage.camera, self._plan.policy.log, footage.media
        rate = Fraction(str(media.get("rate") or "25/1"))
        serial = camera.get("serial") if rules.camera_serial else None
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

    def _masks(self) -> Iterator[MaskEntry]:
        number = 0
        for output, resolved in enumerate(self._plan.resolved.clips):
            for mask in resolved.masks:
                for first, last in mask.runs:
                    number += 1
                    yield self._picture_entry(f"M{number}", output, mask, (first, last))
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
                        **self._spans.of_sound(output, sound.start, sound.end),
                    }
                )

    def _picture_entry(self, id_: str, output: int, mask: PictureMask, run: tuple[int, int]) -> MaskEntry:
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
                "source": self._plan.edited[output].states[mask.track_id].origin.value,
                "confidence_low": None if low is None else round(min(max(low, 0.0), 1.0), 4),
                "confidence_high": None if high is None else round(min(max(high, 0.0), 1.0), 4),
                **self._reasons(mask.codes),
                **self._spans.of_master(output, *run),
            }
        )

    def _reasons(self, codes: tuple[str, ...]) -> dict[str, Any]:
        return {"codes": codes, "legal_basis": tuple(self._plan.codes.get(code).legal_basis for code in codes)}

    def _not_redacted(self) -> Iterator[NotRedacted]:
        number = 0
        for output, resolved in enumerate(self._plan.resolved.clips):
            rows: list[tuple[ShownTrack | ShownSound, str, str, dict[str, Any]]] = []
            for track in resolved.shown_tracks:
                rows += [(track, track.label, "picture", self._spans.of_master(output, *run)) for run in track.runs]
            for sound in resolved.shown_sound:
                rows.append((sound, "sound", "sound", self._spans.of_sound(output, sound.start, sound.end)))
            for shown, label, kind, span in rows:
                number += 1
                by, at = self._plan.decided_by[shown.decision] if shown.decision is not None else self._by_policy()
                subject = {"id": f"N{number}", "subject": shown.subject, "class": label, "kind": kind}
                decision = {"reason": shown.reason, "decided_by": by, "decided_at": datetime.fromisoformat(at)}
                yield NotRedacted.model_validate({**subject, **decision, **span})
            for entry in self._rejected(output, resolved, number):
                number += 1
                yield entry

    def _by_policy(self) -> tuple[str, str]:
        return f"policy {self._plan.policy.name}", self._release.created_at.isoformat()

    def _rejected(self, output: int, resolved: ResolvedClip, number: int) -> Iterator[NotRedacted]:
        """Detected tracks within the clip that a person rejected."""
        clip, edited = resolved.clip, self._plan.edited[output]
        query = select(Edit.op_id, Person.full_name, Edit.at).join(Person, Person.id == Edit.person_id)
        rows = self._session.execute(query.where(Edit.tracks_id == self._release.clips[output].tracks_id))
        rejected_by = {op: (name, at) for op, name, at in rows}
        for track_id, track in edited.deleted.items():
            inside = track.frames[(track.frames >= clip.first_frame) & (track.frames <= clip.last_frame)]
            state = edited.states[track_id]
            if not inside.size or state.deleted is None:
                continue
            number += 1
            by, at = rejected_by[state.edits[-1]]
            subject = {"id": f"N{number}", "subject": f"Rejected track {track_id}", "class": state.label}
            decision = {"kind": "picture", "reason": state.deleted, "decided_by": by, "decided_at": at}
            span = self._spans.of_master(output, int(inside[0]), int(inside[-1]))
            yield NotRedacted.model_validate({**subject, **decision, **span})

    def _release_section(self, given: details.Details) -> ReleaseSection:
        assert given.recipient is not None and given.delivery is not None and given.retention is not None
        release = self._release
        if release.approved_by is None or release.approved_at is None:
            raise WrongState(f"Release {releases.reference(release)} has not been approved.")
        name = releases.full_names(self._session, [release.approved_by])[release.approved_by]
        return ReleaseSection(
            reviewers=tuple(self._reviewers()),
            approver=Approval(name=name, role="approver", approved_at=release.approved_at, override=self._override()),
            recipient=given.recipient,
            delivery=given.delivery,
            retention=given.retention,
        )

    def _override(self) -> Override | None:
        record = approval.approval(self._session, self._release)
        if "override" not in record:
            return None
        still_open = {key: record[key] for key in ("unwatched", "unsettled", "second_look")}
        return Override(reason=record["override"], **still_open)

    def _reviewers(self) -> Iterator[Reviewer]:
        rows = watching.watched(self._session, self._release, self._release.approved_content)
        names = releases.full_names(self._session, {row.person_id for row in rows})
        for person, name in sorted(names.items()):
            own_rows = [row for row in rows if row.person_id == person]
            intervals = []
            for output in range(len(self._copies)):
                spans = sorted((w.first_frame, w.last_frame) for w in own_rows if w.position == output)
                intervals += [WatchedInterval(**self._spans.of_clip(output, *span)) for span in _joined(spans)]
            yield Reviewer(
                name=name,
                role="reviewer",
                started=min(row.at for row in own_rows),
                finished=max(row.at for row in own_rows),
                watched=tuple(intervals),
            )

    def _versions(self) -> Versions:
        provenances = [clip.clip.tracks.provenance for clip in self._plan.resolved.clips]
        models: dict[str, Component] = {}
        libraries: dict[str, str] = {}
        for provenance in provenances:
            for model in _mappings(provenance.get("models")):
                sha256 = str(model["sha256"])
                models[sha256] = Component(name=str(model["name"]), version=str(model["runtime"]), sha256=sha256)
            versions = provenance.get("versions")
            libraries |= {str(k): str(v) for k, v in versions.items()} if isinstance(versions, Mapping) else {}
        settings = [provenance.get("settings") for provenance in provenances]
        digest = hashlib.sha256(canonical(settings)).hexdigest()
        preset = next((s.get("preset") for s in settings if isinstance(s, Mapping)), None)
        return Versions(
            software=Component(name="redact-workbench", version=redact.__version__),
            models=tuple(models.values()),
            settings=Component(name=f"preset {preset or 'unknown'}", version="1", sha256=digest),
            libraries=tuple(Component(name=name, version=version) for name, version in sorted(libraries.items())),
        )


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted spans, with touching and overlapping ones merged."""
    joined: list[tuple[int, int]] = []
    for first, last in spans:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def _used_code(code: Code, given: details.Details) -> UsedCode:
    ground = given.grounds.get(code.id)
    return UsedCode(
        code=code.id,
        title=code.title,
        statute=code.statute,
        legal_basis=code.legal_basis,
        exemption=code.exemption.value if code.exemption else None,
        assessment=ground.assessment if ground else None,
        reference=ground.reference if ground else None,
    )
