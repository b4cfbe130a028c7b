"""The content of a release log, from a release plan, the records, and copies that were not rendered."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import redact
from redact.audit import chain
from redact.canonical_json import canonical
from redact.disclose.log.release_log import FiledLog, ReleaseLog
from redact.disclose.log.sections import CourtSection
from redact.disclose.pack.log_builder import LogBuilder
from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release import details, releases, watching
from redact.disclose.release.plan import plan_of
from redact.disclose.release.releases import ClipRequest
from redact.errors import WrongState
from redact.evidence import edit_log
from redact.evidence.edit_log import SentEdit
from redact.evidence.store import Store
from redact.mask.edits.types import AddSound, Box, Delete, Edit, Keyframe
from redact.records.database import Database
from redact.settings import SoundEffect
from tests.disclose import approved
from tests.disclose.approved import FRAMES, approve_with_nothing_open, copied_home, made_home
from tests.disclose.pack.rendered import unrendered
from tests.disclose.samples import MADE

RELEASE = "R-1#1"
FIRST, LAST, SLATE = 4, 21, 5
"""The clip, and frames of slate: frame n of the master is frame n + 1 of the copy."""
PLATE: dict[str, object] = {"track": 2}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a draft of frames 4 to 21: a face throughout, and a plate on frames 8 to 19."""
    folder = tmp_path_factory.mktemp("draft")

    def make(db: Database) -> None:
        approved.staff(db)
        approved.prepared(db, Store(), folder)
        releases.set_clips(db, "reviewer", RELEASE, [ClipRequest("AB/1", FIRST, LAST)])

    return made_home(folder, make)


@pytest.fixture
def db(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return copied_home(template, tmp_path, monkeypatch)


def edit(db: Database, *edits: Edit) -> None:
    with db.reading() as session:
        clip = releases.find(session, RELEASE).clips[0]
        revision, tracks_id = clip.footage.revision, clip.tracks_id
    sent = [SentEdit(f"edit-{n:04}", made) for n, made in enumerate(edits)]
    edit_log.record(db, "reviewer", tracks_id, sent, base_revision=revision)


def decide(db: Database, target: dict[str, object], action: str, **more: Any) -> None:
    releases.decide(db, "reviewer", RELEASE, {"target": target, "action": action, **more}, "AB/1")


def approve(db: Database) -> None:
    releases.submit(db, "reviewer", RELEASE, [])
    watch(db, "approver", (0, LAST - FIRST))
    approve_with_nothing_open(db, "approver", RELEASE)


def watch(db: Database, login: str, *spans: tuple[int, int]) -> None:
    with db.reading() as session:
        content = releases.content_digest(session, releases.find(session, RELEASE))
    watching.record_watched(db, login, RELEASE, 0, spans=spans, content=content)


def filed(db: Database, folder: Path) -> FiledLog:
    with db.reading() as session:
        plan = plan_of(session, Store(), releases.find(session, RELEASE))
        copy = unrendered(plan.resolved.clips[0].clip, folder / "01-AB-1.mp4", SLATE)
        return LogBuilder(session, plan, [copy], "L1", MADE).build()


def built(db: Database, folder: Path) -> ReleaseLog:
    approve(db)
    return filed(db, folder).log


def frames(entry: Any) -> tuple[int, int]:
    return entry.first_frame, entry.last_frame


def test_masks_follow_tracks_within_the_clip(db: Database, tmp_path: Path) -> None:
    face, plate = built(db, tmp_path).masks
    assert (face.id, face.subject, face.label, frames(face)) == ("M1", "Person 1", "face", (5, 22))
    assert (plate.id, plate.subject, plate.label, frames(plate)) == ("M2", "Vehicle 1", "plate", (9, 20))
    assert (plate.first_timecode, plate.last_timecode) == ("00:00:00.360", "00:00:00.800")
    assert (face.effect, face.fill, face.source, face.codes) == ("solid", (0, 0, 0), "machine", ("TP",))
    assert (face.confidence_low, face.confidence_high) == (1.0, 1.0)
    assert len(face.legal_basis) == 1 and "not a party to the proceedings" in face.legal_basis[0]


def test_edited_mask_is_a_correction_with_the_effect_that_was_decided(db: Database, tmp_path: Path) -> None:
    edit(db, Keyframe(2, 10, Box(150, 118, 230, 142)))
    decide(db, PLATE, "hide", effect="mosaic", codes=["NR", "SENS"])
    log = built(db, tmp_path)
    plate = log.masks[1]
    assert (plate.source, plate.effect, plate.fill, plate.codes) == ("corrected", "mosaic", None, ("NR", "SENS"))
    assert {code.code for code in log.codes} == {"TP", "NR", "SENS"}


def test_hidden_sound_is_a_mask_on_the_frames_it_is_heard_in(db: Database, tmp_path: Path) -> None:
    edit(db, AddSound(1, 0.4, 0.6, SoundEffect.BLEEP))
    *_, sound = built(db, tmp_path).masks
    assert (sound.kind, sound.label, sound.effect, sound.source) == ("sound", "sound", "bleep", "manual")
    assert (sound.subject, frames(sound), sound.confidence_low) == ("Sound 1", (11, 15), None)


def test_exception_names_reason_and_officer(db: Database, tmp_path: Path) -> None:
    decide(db, PLATE, "show", reason="The police vehicle.")
    log = built(db, tmp_path)
    (shown,) = log.not_redacted
    assert [mask.label for mask in log.masks] == ["face"]
    assert (shown.id, shown.subject, shown.kind, frames(shown)) == ("N1", "Vehicle 1", "picture", (9, 20))
    assert (shown.reason, shown.decided_by) == ("The police vehicle.", "Reviewer")


def test_rejected_track_is_an_exception_of_whoever_rejected_it(db: Database, tmp_path: Path) -> None:
    edit(db, Delete(2, "A shop sign."))
    log = built(db, tmp_path)
    (rejected,) = log.not_redacted
    assert [mask.label for mask in log.masks] == ["face"]
    assert (rejected.subject, rejected.label, frames(rejected)) == ("Rejected track 2", "plate", (9, 20))
    assert (rejected.reason, rejected.decided_by) == ("A shop sign.", "Reviewer")


def test_output_and_master_are_described_as_the_policy_allows(db: Database, tmp_path: Path) -> None:
    log = built(db, tmp_path)
    (output,) = log.outputs
    assert (output.file, output.codec, output.frames, output.slate_frames) == ("01-AB-1.mp4", "H.264", 23, SLATE)
    assert (output.slate_seconds, output.clip_in, output.clip_out) == (0.2, "00:00:00.200", "00:00:00.880")
    assert (output.duration_seconds, output.frame_rate) == (0.92, "25/1")
    master = output.master
    assert (master.exhibit, master.original_name, master.frames) == ("AB/1", "master.mp4", FRAMES)
    assert (master.clip_first_frame, master.clip_last_frame, master.clip_out) == (FIRST, LAST, "00:00:00.840")


def test_parts_left_out_are_listed_with_the_reason(db: Database, tmp_path: Path) -> None:
    section = built(db, tmp_path).section
    assert isinstance(section, CourtSection)
    parts = [(part.exhibit, part.first_timecode, part.last_timecode) for part in section.clipped]
    assert parts == [("AB/1", "00:00:00.000", "00:00:00.120"), ("AB/1", "00:00:00.880", "00:00:00.920")]
    assert {part.reason for part in section.clipped} == {"Not about the events."}


def test_reviewers_have_their_spans_merged_and_shifted_by_the_slate(db: Database, tmp_path: Path) -> None:
    releases.submit(db, "reviewer", RELEASE, [])
    watch(db, "reviewer", (4, 9), (0, 3), (12, 17))
    watch(db, "approver", (0, 17))
    approve_with_nothing_open(db, "approver", RELEASE)
    release = filed(db, tmp_path).log.release
    watched = {person.name: [frames(span) for span in person.watched] for person in release.reviewers}
    assert watched == {"Reviewer": [(5, 14), (17, 22)], "Approver": [(5, 22)]}
    assert (release.approver.name, release.approver.override) == ("Approver", None)


def test_versions_name_models_libraries_and_the_digest_of_the_settings(db: Database, tmp_path: Path) -> None:
    versions = built(db, tmp_path).versions
    assert (versions.software.name, versions.software.version) == ("redact-workbench", redact.__version__)
    assert [(model.name, model.sha256) for model in versions.models] == [("test", "0" * 64)]
    assert [(library.name, library.version) for library in versions.libraries] == [("av", "1")]
    settings = hashlib.sha256(canonical([{"preset": "fast"}])).hexdigest()
    assert (versions.settings.name, versions.settings.sha256) == ("preset fast", settings)


def test_log_is_bound_to_the_audit_chain_and_the_rules_of_the_release(db: Database, tmp_path: Path) -> None:
    log = built(db, tmp_path)
    assert (log.identity.log_id, log.identity.created, log.identity.organisation) == ("L1", MADE, "Example Police")
    with db.reading() as session:
        head, release = chain.signed_head(session), releases.find(session, RELEASE)
        assert head is not None
        assert (log.audit_head.count, log.audit_head.hash, log.audit_head.merkle_root) == (
            head.count,
            head.hash,
            head.root,
        )
        assert (log.policy.sha256, log.codes_list.sha256) == (release.policy_sha256, release.codes_sha256)


def test_internal_section_is_filed_beside_the_log(db: Database, tmp_path: Path) -> None:
    given = details.check(ReleaseKind.COURT, {"internal": {"mg6d_reference": "MG6D/33-18/4"}})
    releases.set_details(db, "reviewer", RELEASE, given)
    approve(db)
    log = filed(db, tmp_path)
    assert log.internal.mg6d_reference == "MG6D/33-18/4"
    assert "33-18" not in log.log.model_dump_json()


def test_release_without_approval_has_no_log(db: Database, tmp_path: Path) -> None:
    with pytest.raises(WrongState, match="has not been approved"):
        filed(db, tmp_path)
