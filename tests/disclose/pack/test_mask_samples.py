"""Which masks on which frames go into ``masks.json``."""

from __future__ import annotations

from pathlib import Path

import pytest

from redact.disclose.pack.mask_samples import SAMPLE_EVERY, mask_samples
from redact.disclose.policy.policies import Action, load_policy
from redact.disclose.policy.reason_codes import load_codes
from redact.disclose.release.decisions import RedactionDecision, ReleaseGrounds, TrackTarget
from redact.disclose.release.resolve import resolve
from redact.disclose.release.resolved import EditedClip
from redact.settings import Effect, EffectSettings
from redact.track.types import Track, TrackSet
from tests.disclose.pack.rendered import unrendered
from tests.track import factory

FIRST, LAST, SLATE = 10, 69, 5


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))


def track(number: int, first: int, last: int, left: float) -> Track:
    frames = list(range(first, last + 1))
    return factory.track(number, "face", frames, [[left, 60, left + 50, 120]] * len(frames))


def test_samples_have_all_masks_on_every_twelfth_frame_and_at_the_ends_of_each(tmp_path: Path) -> None:
    long, short = track(1, 0, 79, 40), track(2, 30, 40, 300)
    clip = EditedClip("AB/1", TrackSet(factory.media(80), (long, short)), FIRST, LAST)
    mosaic = RedactionDecision(TrackTarget("AB/1", 2), Action.HIDE, EffectSettings(Effect.MOSAIC))
    resolved = resolve(load_policy("court"), load_codes(), [clip], [mosaic], ReleaseGrounds())
    samples = mask_samples(resolved.clips, [unrendered(clip, tmp_path / "1.mp4", SLATE)]).samples

    frames = sorted({sample.frame + FIRST - SLATE for sample in samples})
    assert frames == sorted({*range(12, LAST + 1, SAMPLE_EVERY), FIRST, LAST, 30, 40})
    by_effect = {effect: [s for s in samples if s.effect == effect] for effect in ("solid", "mosaic")}
    assert len(by_effect["solid"]) == len(frames)
    assert {s.fill for s in by_effect["solid"]} == {(0, 0, 0)} and {s.fill for s in by_effect["mosaic"]} == {None}
    assert [s.frame + FIRST - SLATE for s in by_effect["mosaic"]] == [30, 36, 40]
    assert all(s.cx == 325 for s in by_effect["mosaic"])


def test_shown_track_has_no_samples(tmp_path: Path) -> None:
    clip = EditedClip("AB/1", TrackSet(factory.media(80), (track(1, 0, 79, 40),)), FIRST, LAST)
    show = RedactionDecision(TrackTarget("AB/1", 1), Action.SHOW, reason="the defendant")
    resolved = resolve(load_policy("court"), load_codes(), [clip], [show], ReleaseGrounds())
    assert mask_samples(resolved.clips, [unrendered(clip, tmp_path / "1.mp4", SLATE)]).samples == ()
