"""Small real packs: a synthetic master rendered with known tracks, with manifest, log and statement as exported."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redact.audit.chain import HEAD_DOMAIN, SignedHead
from redact.audit.keys import SigningKey, c2pa_credentials, load_or_create
from redact.disclose.log.entries import AuditHead, MaskEntry, MasterEntry, OutputEntry
from redact.disclose.log.published_edition import published
from redact.disclose.log.release_log import MaskSample, MaskSamples, PublishedLog, ReleaseLog, dump
from redact.disclose.pack.c2pa_manifest import HiddenRange, SoundRange, sign_copy
from redact.disclose.pack.statement import (
    PUBLIC_KEY_FILE,
    STATEMENT_FILE,
    ModelRef,
    OutputClaim,
    Predicate,
    sign,
)
from redact.mask.mask_plan import MaskPlan
from redact.media.hashing import hash_file
from redact.media.probe import probe
from redact.media.reader import scan
from redact.media.timeline import timeline_digest
from redact.pipeline.rendering import RenderReport, render
from redact.settings import (
    DeviceChoice,
    Effect,
    EffectSettings,
    FrameSpan,
    Interlaced,
    OnCorrupt,
    RenderSettings,
    Slate,
)
from redact.track.types import MediaRef, Source, Track, TrackSet
from tests.disclose import samples
from tests.media.clips import AudioSpec, make_clip

SIZE = (320, 192)
FRAMES = 40
CLIP = FrameSpan(2, 37)
HIDDEN_FRAMES = (5, 33)
"""First and last frame of the master with something to hide."""
POLICY, CODES, WEIGHTS = "90" * 32, "c0" * 32, "ce" * 32


@dataclass(frozen=True)
class Made:
    """A pack with its master and key."""

    folder: Path
    master: Path
    key: SigningKey
    predicate: Predicate
    copy: str
    """Name of the only copy in it."""

    def at(self, name: str) -> Path:
        return self.folder / name

    def sign_again(self, key: SigningKey | None = None, predicate: Predicate | None = None) -> None:
        """Sign a new statement of the files as they are now, as a forger with a key would."""
        state(self.folder, predicate or self.predicate, key or self.key)


def detailed(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A moving picture with detail everywhere, none of it black."""
    width, height = size
    noise = np.random.default_rng(7).integers(60, 230, (height // 4 + 20, width // 4 + 20, 3))
    still = noise.repeat(4, axis=0).repeat(4, axis=1)
    return still[index : index + height, index : index + width].astype(np.uint8)


def make_master(path: Path) -> Path:
    return make_clip(path, size=SIZE, frames=FRAMES, audio=[AudioSpec()], picture=detailed)


def tracks_of(master: Path) -> TrackSet:
    """A face moving to the right, and a still plate."""
    table = scan(probe(master), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP)
    media = MediaRef(hash_file(master), *SIZE, table.time_base, table.pts, table.last_duration)
    frames = np.arange(HIDDEN_FRAMES[0], HIDDEN_FRAMES[1] + 1, dtype=np.int32)
    face = np.array([[40 + 2 * f, 60, 90 + 2 * f, 120] for f in frames], np.float32)
    plate = np.tile(np.array([[200, 140, 260, 165]], np.float32), (len(frames), 1))
    return TrackSet(media, (_track(1, "face", frames, face), _track(2, "plate", frames, plate)))


def _track(number: int, label: str, frames: NDArray[np.int32], boxes: NDArray[np.float32]) -> Track:
    n = len(frames)
    ones = np.ones(n, np.float32)
    return Track(number, label, frames, boxes, ones * 0, ones, np.full(n, Source.DETECTOR, np.uint8))


def make_pack(
    folder: Path,
    keys: Path,
    *,
    public: bool = False,
    effect: EffectSettings | None = None,
    masked: bool = True,
) -> Made:
    """A court or public pack in ``folder``, its master beside it. ``masked=False``: an export without masks that is
    otherwise correct."""
    folder.mkdir(parents=True)
    key = load_or_create(keys)
    effect = effect or EffectSettings()
    master = make_master(folder.with_name(f"{folder.name}-master.mp4"))
    tracks = tracks_of(master)
    name = "video-1.mp4" if public else "01-AB-1.mp4"
    bare = folder.with_name(f"{folder.name}-unsigned.mp4")
    settings = RenderSettings(
        effect=effect, device=DeviceChoice.CPU, clip=CLIP, slate=Slate(("For the court",), seconds=0.2)
    )
    report = render(master, tracks if masked else replace(tracks, tracks=()), bare, settings)
    first, last = (frame - CLIP.first + report.timeline.slate_frames for frame in HIDDEN_FRAMES)
    sign_copy(
        bare,
        folder / name,
        c2pa_credentials(keys, key),
        policy_sha256=POLICY,
        master_sha256=None if public else report.master_sha256,
        hidden=[HiddenRange(first, last, Fraction(first, 25), Fraction(last + 1, 25))],
        sound=[SoundRange(Fraction(0), Fraction(1, 5))],
    )
    log = _log(report, folder / name, key, (first, last), effect, public=public)
    (folder / "log.json").write_bytes(dump(log))
    if not public:
        (folder / "masks.json").write_bytes(dump(_samples(tracks, report, effect)))
    (folder / "log.csv").write_text("id,subject\n")
    (folder / "log.pdf").write_bytes(b"%PDF-1.7\n%%EOF\n")
    (folder / "how-to-check.pdf").write_bytes(b"%PDF-1.7\n%%EOF\n")
    (folder / PUBLIC_KEY_FILE).write_bytes(key.public_pem)
    made = Made(folder, master, key, _predicate(log, report.master_sha256), name)
    made.sign_again()
    return made


def state(folder: Path, predicate: Predicate, key: SigningKey, more: Mapping[str, str] | None = None) -> None:
    """Write the statement of all files in ``folder``; ``more``: listed files that do not exist."""
    files = {p.name: hash_file(p) for p in folder.iterdir() if p.name != STATEMENT_FILE}
    (folder / STATEMENT_FILE).write_bytes(sign({**files, **(more or {})}, predicate, key))


def signed_head(key: SigningKey) -> AuditHead:
    head = SignedHead(17, "a1" * 32, "b2" * 32, "", key.fingerprint)
    signature = base64.b64encode(key.sign(HEAD_DOMAIN, head.message)).decode()
    return AuditHead(
        count=17, hash=head.hash, merkle_root=head.root, signature=signature, key_fingerprint=key.fingerprint
    )


def _log(
    report: RenderReport, copy: Path, key: SigningKey, span: tuple[int, int], effect: EffectSettings, *, public: bool
) -> ReleaseLog | PublishedLog:
    log = samples.foi_log() if public else samples.court_log()
    count, slate = report.frames, report.timeline.slate_frames
    output = OutputEntry(
        file=copy.name,
        sha256=hash_file(copy),
        size_bytes=copy.stat().st_size,
        codec="h264",
        width=report.copy.width,
        height=report.copy.height,
        frames=count,
        frame_rate="25/1",
        duration_seconds=count / 25,
        slate_frames=slate,
        slate_seconds=slate / 25,
        pts_sha256=timeline_digest(report.timeline.times()),
        time_base="1/12800",
        clip_in=samples.at(slate),
        clip_out=samples.at(count - 1),
        master=_master(log.outputs[0].master, report.master_sha256),
    )
    codes = (log.codes[0].code,)
    rows = [
        samples.Hidden(0, who, label, *span, codes) for who, label in (("Person 1", "face"), ("Vehicle 1", "plate"))
    ]
    fill = effect.fill if effect.effect is Effect.SOLID else None
    masks: tuple[MaskEntry, ...] = tuple(
        m.model_copy(update={"effect": effect.effect.value, "fill": fill}) for m in samples.masks(rows)
    )
    log = log.model_copy(
        update={
            "outputs": (output,),
            "masks": masks,
            "not_redacted": (),
            "release": samples.release((output,), log.release.recipient, ("A", "B", "C")),
            "policy": log.policy.model_copy(update={"sha256": POLICY}),
            "codes_list": log.codes_list.model_copy(update={"sha256": CODES}),
            "audit_head": signed_head(key),
        }
    )
    log = ReleaseLog.model_validate(log.model_dump())
    return published(log) if public else log


def _master(entry: MasterEntry, sha256: str) -> MasterEntry:
    return entry.model_copy(
        update={
            "sha256": sha256,
            "frames": FRAMES,
            "duration": FRAMES / 25,
            "clip_first_frame": CLIP.first,
            "clip_last_frame": CLIP.last,
            "clip_in": samples.at(CLIP.first),
            "clip_out": samples.at(CLIP.last),
        }
    )


def _samples(tracks: TrackSet, report: RenderReport, effect: EffectSettings) -> MaskSamples:
    plan = MaskPlan(tracks)
    shift = report.timeline.slate_frames - CLIP.first
    fill = effect.fill if effect.effect is Effect.SOLID else None
    found = [
        MaskSample(
            output=0,
            frame=frame + shift,
            effect=effect.effect.value,
            fill=fill,
            form=shape.form.value,
            cx=shape.cx,
            cy=shape.cy,
            w=shape.w,
            h=shape.h,
            angle=shape.angle,
        )
        for frame in sorted({*range(HIDDEN_FRAMES[0], HIDDEN_FRAMES[1], 12), HIDDEN_FRAMES[1]})
        for shape in plan.shapes(frame)
    ]
    return MaskSamples(samples=tuple(found))


def _predicate(log: ReleaseLog | PublishedLog, master: str) -> Predicate:
    return Predicate(
        kind=log.kind,
        masters=None if isinstance(log, PublishedLog) else (master,),
        models=(ModelRef(name="centerface", sha256=WEIGHTS),),
        edit_head="ed" * 32,
        policy=log.policy,
        codes=log.codes_list,
        outputs=tuple(OutputClaim(file=o.file, frames=o.frames, pts_sha256=o.pts_sha256) for o in log.outputs),
        audit_head=log.audit_head,
        software="redact-workbench 0.1.0",
        created="2026-06-19T14:32:07+00:00",
    )
