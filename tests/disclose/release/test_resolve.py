"""Resolving policy, tracks and decisions: which decision applies, what is refused, what is hidden by default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given as with_random
from hypothesis import strategies as st

from redact.disclose.policy.policies import Action, ClassRule, Policy, SoundRule, load_policy
from redact.disclose.policy.reason_codes import Codes, load_codes
from redact.disclose.release.decisions import (
    ClassTarget,
    Ground,
    Limb,
    RedactionDecision,
    ReleaseGrounds,
    SoundTarget,
    Target,
    TrackTarget,
)
from redact.disclose.release.resolve import resolve
from redact.disclose.release.resolved import EditedClip, ProblemKind, ResolvedClip, ResolvedRelease
from redact.errors import BadClip, BadSpan, CodeNotAllowed, CodeUnknown, DecisionInvalid
from redact.settings import AudioMode, Effect, EffectSettings, SoundEffect, SoundSpan
from redact.track.types import Source, Track, TrackSet
from tests.track import factory

BLACK = EffectSettings()
GREY = EffectSettings(Effect.SOLID, (90, 90, 90))
MOSAIC = EffectSettings(Effect.MOSAIC)
HIDE, SHOW, DEFAULT = Action.HIDE, Action.SHOW, Action.DEFAULT
A = "a"
FRAMES = 100
"""At 25 a second: four seconds."""
ARGUED = Ground(Limb.LIKELY, "harm", ("openness",), ("safety",), "withhold", "assessed", "named")


@pytest.fixture(scope="module", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDACT_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def codes() -> Codes:
    return load_codes()


@pytest.fixture(scope="module")
def court() -> Policy:
    return load_policy("court")


@pytest.fixture(scope="module")
def public() -> Policy:
    return load_policy("public")


def a_track(number: int, label: str = "face", first: int = 0, last: int = 9) -> Track:
    frames = list(range(first, last + 1))
    return factory.track(number, label, frames, [[10, 10, 20, 20]] * len(frames))


def a_clip(
    *tracks: Track, footage: str = A, first: int = 0, last: int = FRAMES - 1, sha: str = factory.SHA
) -> EditedClip:
    return EditedClip(footage, TrackSet(replace(factory.media(FRAMES), sha256=sha), tracks), first, last)


def on(target: Target | int | str, action: Action, **more: object) -> RedactionDecision:
    if isinstance(target, int):
        target = TrackTarget(A, target)
    elif isinstance(target, str):
        target = ClassTarget(target)
    if action is SHOW:
        more = {"reason": "seen by all", **more}
    return RedactionDecision(target, action, **more)  # type: ignore[arg-type]


def only(resolved: ResolvedRelease) -> ResolvedClip:
    (clip,) = resolved.clips
    return clip


def hidden(resolved: ResolvedRelease) -> set[int]:
    return set(only(resolved).effects)


# Which decision applies


@pytest.mark.parametrize(
    ("decisions", "shown"),
    [
        ([], set()),
        ([on(1, SHOW)], {1}),
        ([on("face", SHOW)], {1, 2}),
        # The track overrides the class, whichever came later.
        ([on("face", SHOW), on(1, HIDE)], {2}),
        ([on(1, HIDE), on("face", SHOW)], {2}),
        ([on(1, SHOW), on("face", HIDE)], {1}),
        # Of two decisions on one target, the later applies.
        ([on(1, SHOW), on(1, HIDE)], set()),
        ([on(1, HIDE), on(1, SHOW)], {1}),
        ([on("face", SHOW), on("face", HIDE)], set()),
        # After withdrawal the class or the policy decides.
        ([on("face", SHOW), on(1, HIDE), on(1, DEFAULT)], {1, 2}),
        ([on("face", SHOW), on(1, SHOW), on("face", DEFAULT)], {1}),
        ([on(1, SHOW), on(1, DEFAULT)], set()),
        # A track with that number in other footage, or another class.
        ([on(TrackTarget("b", 1), SHOW)], set()),
        ([on("plate", SHOW)], {3}),
    ],
)
def test_latest_decision_on_narrowest_target_applies(
    court: Policy, codes: Codes, decisions: list[RedactionDecision], shown: set[int]
) -> None:
    clip = a_clip(a_track(1), a_track(2), a_track(3, "plate"), a_track(4, "tattoo"))
    other = a_clip(a_track(1), footage="b", sha="b" * 64)
    resolved = resolve(court, codes, [clip, other], decisions, ReleaseGrounds())
    first = resolved.clips[0]
    assert {track.track_id for track in first.shown_tracks} == shown
    assert set(first.effects) == {track.id for track in first.hidden.tracks} == {1, 2, 3, 4} - shown
    assert {mask.track_id for mask in first.masks} == {1, 2, 3, 4} - shown


def test_class_without_rule_is_hidden(court: Policy, codes: Codes) -> None:
    policy = replace(court, classes={"face": ClassRule(SHOW, BLACK, (), "by order")})
    resolved = resolve(
        policy, codes, [a_clip(a_track(1), a_track(2, "plate"), a_track(3, "frame"))], [], ReleaseGrounds()
    )
    assert hidden(resolved) == {2, 3}
    (shown,) = only(resolved).shown_tracks
    assert (shown.reason, shown.decision) == ("by order", None)


TARGETS = [1, 2, 3, "face", "plate"]


@with_random(
    drawn=st.lists(st.tuples(st.sampled_from(TARGETS), st.sampled_from(list(Action)), st.booleans()), max_size=8),
    cut=st.integers(0, FRAMES - 1),
)
def test_track_is_hidden_once_or_shown_for_reason(
    court: Policy, codes: Codes, drawn: list[tuple[int | str, Action, bool]], cut: int
) -> None:
    decisions = [on(t, a, **({"effect": MOSAIC} if e and a is HIDE else {})) for t, a, e in drawn]
    tracks = (a_track(1, last=60), a_track(2, first=50, last=80), a_track(3, "plate"), a_track(4, "other", 90, 99))
    clip = only(resolve(court, codes, [a_clip(*tracks, last=cut)], decisions, ReleaseGrounds()))
    layers = clip.layers()
    drawn_ids = [track.id for layer in layers.values() for track in layer.tracks]
    assert sorted(drawn_ids) == sorted(clip.effects) == sorted(track.id for track in clip.hidden.tracks)
    assert all(clip.effects[track.id] == settings for settings, layer in layers.items() for track in layer.tracks)
    for shown in clip.shown_tracks:
        assert shown.reason
        assert shown.track_id not in clip.effects
    # Anything not hidden was decided by a person; the fourth track never was.
    assert 4 in clip.effects
    for track in tracks:
        about = (TrackTarget(A, track.id), ClassTarget(track.label))
        assert track.id in clip.effects or any(d.action is SHOW and d.target in about for d in decisions)


# How it is hidden


@pytest.mark.parametrize(
    ("decisions", "effect", "named"),
    [
        ([], BLACK, ("TP",)),
        ([on("face", HIDE, effect=GREY, codes=("SENS",))], GREY, ("SENS",)),
        ([on("face", HIDE, effect=GREY, codes=("SENS",)), on(1, HIDE)], GREY, ("SENS",)),
        ([on("face", HIDE, effect=GREY, codes=("SENS",)), on(1, HIDE, effect=MOSAIC)], MOSAIC, ("SENS",)),
        ([on("face", HIDE, effect=GREY), on(1, HIDE, codes=("LPP", "NR"))], GREY, ("LPP", "NR")),
        # A shown class has no effect and codes of its own: the policy's apply.
        ([on("face", SHOW), on(1, HIDE)], BLACK, ("TP",)),
        # Earlier and withdrawn decisions have no effect.
        ([on(1, HIDE, effect=MOSAIC, codes=("LPP",)), on(1, HIDE)], BLACK, ("TP",)),
        ([on("face", HIDE, effect=GREY), on("face", DEFAULT)], BLACK, ("TP",)),
    ],
)
def test_effect_and_codes_come_from_narrowest_decision(
    court: Policy, codes: Codes, decisions: list[RedactionDecision], effect: EffectSettings, named: tuple[str, ...]
) -> None:
    resolved = resolve(court, codes, [a_clip(a_track(1))], decisions, ReleaseGrounds())
    (mask,) = only(resolved).masks
    assert (mask.effect, mask.codes) == (effect, named)
    assert only(resolved).effects == {1: effect}
    assert tuple(code.id for code in resolved.codes) == tuple(id_ for id_ in codes.by_id if id_ in named)


def test_hidden_track_of_shown_class_follows_rule_for_others(court: Policy, codes: Codes) -> None:
    policy = replace(
        court, classes={"face": ClassRule(SHOW, BLACK, (), "by order")}, other=ClassRule(HIDE, GREY, ("NR",))
    )
    (mask,) = only(resolve(policy, codes, [a_clip(a_track(1))], [on(1, HIDE)], ReleaseGrounds())).masks
    assert (mask.effect, mask.codes) == (GREY, ("NR",))


# What is refused


@pytest.mark.parametrize(
    ("decision", "error", "why"),
    [
        (on(1, SHOW, reason=""), DecisionInvalid, "show track 1 of a has no reason"),
        (on(1, SHOW, reason=" \n"), DecisionInvalid, "no reason"),
        (on("face", SHOW, reason=""), DecisionInvalid, "show the class face has no reason"),
        (on(SoundTarget(A, 1, 0, 1), SHOW, reason=""), DecisionInvalid, "sound span 1 of a has no reason"),
        (on(2, SHOW), DecisionInvalid, "track 2 of a, which is not in the release"),
        (on(2, HIDE), DecisionInvalid, "track 2 of a"),
        (on(TrackTarget("b", 1), HIDE), DecisionInvalid, "track 1 of b"),
        (on(SoundTarget("b", 1, 0, 1), HIDE), DecisionInvalid, "sound span 1 of b"),
        # Hiding "fcae" would hide nothing.
        (on("fcae", HIDE), DecisionInvalid, "the class fcae"),
        (on(1, HIDE, codes=("s99",)), CodeUnknown, "'s99'"),
        (on(1, HIDE, codes=("TP", "s40(2)-3A")), CodeNotAllowed, "is not for court releases"),
        (on(1, HIDE, codes=("TP", "TP")), DecisionInvalid, "twice"),
        (on(1, SHOW, codes=("TP",)), DecisionInvalid, "hides nothing"),
        (on(1, SHOW, effect=GREY), DecisionInvalid, "hides nothing"),
        (on(1, DEFAULT, effect=GREY), DecisionInvalid, "hides nothing"),
        (on(1, HIDE, effect=SoundEffect.MUTE), DecisionInvalid, "an effect for sound"),
        (on(SoundTarget(A, 1, 0, 1), HIDE, effect=GREY), DecisionInvalid, "an effect for the picture"),
        (on(1, HIDE, subject=" "), DecisionInvalid, "subject"),
        (on("face", HIDE, subject="someone"), DecisionInvalid, "subject"),
        (on(SoundTarget(A, 1, 1, 1), HIDE), BadSpan, "seconds is not valid"),
        (on(SoundTarget(A, 1, -1, 1), HIDE), BadSpan, "seconds is not valid"),
        # The footage is four seconds long.
        (on(SoundTarget(A, 1, 4, 5), HIDE), BadSpan, "starts after the end of the footage"),
    ],
)
def test_invalid_decision_is_refused(
    court: Policy, codes: Codes, decision: RedactionDecision, error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        resolve(court, codes, [a_clip(a_track(1))], [decision], ReleaseGrounds())


def test_withdrawn_decision_is_no_error(court: Policy, codes: Codes) -> None:
    decisions = [on(7, SHOW), on(TrackTarget("b", 1), HIDE), on(1, HIDE, codes=("s99",))]
    decisions += [on(7, DEFAULT), on(TrackTarget("b", 1), DEFAULT), on(1, HIDE)]
    assert hidden(resolve(court, codes, [a_clip(a_track(1))], decisions, ReleaseGrounds())) == {1}


def test_resolve_refuses_codes_of_another_list(court: Policy, codes: Codes) -> None:
    with pytest.raises(ValueError, match="england-wales"):
        resolve(court, replace(codes, name="ours"), [a_clip()], [], ReleaseGrounds())
    without_tp = {id_: code for id_, code in codes.by_id.items() if id_ != "TP"}
    with pytest.raises(CodeUnknown):
        resolve(court, replace(codes, by_id=without_tp), [a_clip(a_track(1))], [], ReleaseGrounds())
    with pytest.raises(CodeUnknown):
        resolve(court, codes, [a_clip()], [], ReleaseGrounds({"s99": Ground()}))


def test_masters_cannot_share_a_key(court: Policy, codes: Codes) -> None:
    with pytest.raises(ValueError, match="share one key"):
        resolve(court, codes, [a_clip(a_track(1)), a_clip(a_track(1), sha="b" * 64)], [], ReleaseGrounds())


@pytest.mark.parametrize(("first", "last"), [(-1, 5), (6, 5), (0, FRAMES)])
def test_clip_must_lie_within_master(first: int, last: int) -> None:
    with pytest.raises(BadClip):
        a_clip(first=first, last=last)


# Clips, runs, confidence


def test_masks_are_limited_to_clip_but_hidden_tracks_are_not(court: Policy, codes: Codes) -> None:
    broken = factory.track(1, "face", [3, 4, 5, 8, 9, 20, 21], [[0, 0, 9, 9]] * 7)
    tracks = (broken, a_track(2, first=0, last=4), a_track(3, first=10, last=11), a_track(4, first=12, last=12))
    clip = only(resolve(court, codes, [a_clip(*tracks, first=5, last=11)], [on(4, SHOW)], ReleaseGrounds()))
    assert [(mask.track_id, mask.runs) for mask in clip.masks] == [(1, ((5, 5), (8, 9))), (3, ((10, 11),))]
    assert [track.id for track in clip.hidden.tracks] == [1, 2, 3]
    assert clip.shown_tracks == ()


def test_confidence_is_from_detections_within_clip(court: Policy, codes: Codes) -> None:
    found, filled = Source.DETECTOR, Source.FILLED
    seen = factory.track(1, "face", [0, 1, 2, 3], [[0, 0, 9, 9]] * 4, sources=[found, found, filled, found])
    seen.scores[:] = [0.1, 0.5, 0.2, 0.75]
    drawn = factory.track(2, "face", [1], [[0, 0, 9, 9]], sources=[filled])
    masks = only(resolve(court, codes, [a_clip(seen, drawn, first=1)], [], ReleaseGrounds())).masks
    assert [mask.confidence for mask in masks] == [(0.5, 0.75), None]


def test_mask_and_exception_name_their_decision(court: Policy, codes: Codes) -> None:
    decisions = [on(1, SHOW), on("plate", HIDE, reason="by order"), on(1, SHOW, reason="the accused")]
    clip = only(
        resolve(court, codes, [a_clip(a_track(1), a_track(2, "plate"), a_track(3))], decisions, ReleaseGrounds())
    )
    assert [(shown.reason, shown.decision) for shown in clip.shown_tracks] == [("the accused", 2)]
    assert [(mask.reason, mask.decision) for mask in clip.masks] == [("by order", 1), ("", None)]


# Pseudonyms


def test_pseudonyms_follow_first_appearance(court: Policy, codes: Codes) -> None:
    one = a_clip(a_track(1, first=50, last=60), a_track(2, first=30, last=40), a_track(3, "plate"), a_track(4, "cow"))
    two = a_clip(a_track(1), a_track(9, first=5), footage="b", sha="b" * 64)
    # A person seen only before the clip gets no number, which would reveal them.
    clips = [replace(one, first_frame=10), two, one]
    resolved = resolve(court, codes, clips, [on(TrackTarget("b", 1), SHOW)], ReleaseGrounds())
    names = [{m.track_id: m.subject for m in c.masks} for c in resolved.clips]
    assert resolved.clips[1].shown_tracks[0].subject == "Person 3"
    assert names == [
        {2: "Person 1", 1: "Person 2"},
        {9: "Person 4"},
        {2: "Person 1", 1: "Person 2", 3: "Vehicle 1", 4: "Object 1"},
    ]


def test_linked_tracks_share_a_pseudonym(court: Policy, codes: Codes) -> None:
    one = a_clip(*(a_track(n, first=n, last=9) for n in range(1, 6)), a_track(6, "plate"))
    one = replace(one, links=((2, 4), (4, 5)))
    two = a_clip(a_track(1), a_track(2), footage="b", sha="b" * 64)
    secret = "PC 1234 Jones"
    decisions = [
        on(5, HIDE, subject=secret),
        on(TrackTarget("b", 2), SHOW, subject=f" {secret} "),
        on(6, HIDE, subject=secret),
        # A link alone, without a decision.
        on(3, DEFAULT, subject="another"),
        on(1, HIDE, subject="another"),
        on(SoundTarget(A, 1, 1, 2), HIDE, subject=secret),
        on(SoundTarget(A, 2, 0, 1), HIDE),
    ]
    resolved = resolve(court, codes, [one, two], decisions, ReleaseGrounds())
    first, second = resolved.clips
    assert {m.track_id: m.subject for m in first.masks} == {
        1: "Person 1",
        3: "Person 1",
        2: "Person 2",
        4: "Person 2",
        5: "Person 2",
        6: "Vehicle 1",
    }
    assert [m.subject for m in second.masks] == ["Person 3"]
    assert [s.subject for s in second.shown_tracks] == ["Person 2"]
    assert {m.span_id: m.subject for m in first.sound} == {1: "Person 2", 2: "Sound 1"}
    assert "Jones" not in repr([(clip.masks, clip.sound, clip.shown_tracks) for clip in resolved.clips])


# Sound


def audio_changes(clip: ResolvedClip) -> list[tuple[float, float, SoundEffect]]:
    """What the renderer changes, in order."""
    if clip.audio is AudioMode.MUTE:
        return [(0, float("inf"), SoundEffect.MUTE)]
    return [(span.start, span.end, span.effect) for span in clip.spans]


def sound_masks(clip: ResolvedClip) -> list[tuple[int | None, float, float, SoundEffect]]:
    return [(mask.span_id, float(mask.start), float(mask.end), mask.effect) for mask in clip.sound]


FOREVER = 100 * 3600.0
HALF = Fraction(1, 2)
MUTE, BLEEP, DISGUISE = SoundEffect.MUTE, SoundEffect.BLEEP, SoundEffect.DISGUISE


def test_kept_sound_is_hidden_in_spans(court: Policy, codes: Codes) -> None:
    clip = replace(a_clip(), sound={5: SoundSpan(3, 3.5, DISGUISE), 6: SoundSpan(0.5, 1, BLEEP)})
    decisions = [
        on(SoundTarget(A, 1, 1, 2), HIDE),
        on(SoundTarget(A, 2, 1.5, 1.75), SHOW),
        on(SoundTarget(A, 6, 0.5, 1), SHOW),
        on(SoundTarget(A, 3, 2, 3), HIDE),
        on(SoundTarget(A, 3, 2, 2.5), HIDE, effect=BLEEP, codes=("SENS",)),
    ]
    only_clip = only(resolve(court, codes, [clip], decisions, ReleaseGrounds()))
    assert audio_changes(only_clip) == [(1, 2, MUTE), (2, 2.5, BLEEP), (3, 3.5, DISGUISE)]
    assert [(m.span_id, m.codes) for m in only_clip.sound] == [(1, ("TP",)), (3, ("SENS",)), (5, ("TP",))]
    # Sound hidden by another span is not listed as shown.
    assert [(s.span_id, s.start, s.end, s.decision) for s in only_clip.shown_sound] == [(6, HALF, Fraction(1), 2)]


def test_muted_sound_has_no_disguise(public: Policy, codes: Codes) -> None:
    # The disguise in the edits would leave speech audible: the policy overrides it.
    clip = replace(a_clip(), sound={5: SoundSpan(1, 2, DISGUISE)})
    only_clip = only(resolve(public, codes, [clip], [], ReleaseGrounds()))
    assert only_clip.audio is AudioMode.MUTE
    assert sound_masks(only_clip) == [(None, 0, 1, MUTE), (5, 1, 2, MUTE), (None, 2, 4, MUTE)]
    assert {mask.codes for mask in only_clip.sound} == {("s40(2)-3A",)}


def test_muted_sound_is_heard_in_shown_spans(public: Policy, codes: Codes) -> None:
    clip = replace(a_clip(first=25), sound={5: SoundSpan(1.5, 1.75, DISGUISE)})
    decisions = [
        on(SoundTarget(A, 1, 1.25, 2.5), SHOW),
        on(SoundTarget(A, 2, 2, 2.25), HIDE, effect=BLEEP),
        on(SoundTarget(A, 3, 3, 3.5), HIDE, effect=DISGUISE, reason="agreed with the requester"),
    ]
    only_clip = only(resolve(public, codes, [clip], decisions, ReleaseGrounds()))
    assert audio_changes(only_clip) == [
        (0, 1.25, MUTE),
        (1.5, 1.75, MUTE),
        (2, 2.25, BLEEP),
        (2.5, 3, MUTE),
        (3, 3.5, DISGUISE),
        (3.5, FOREVER, MUTE),
    ]
    assert [entry[:3] for entry in sound_masks(only_clip)] == [
        (None, 1, 1.25),
        (5, 1.5, 1.75),
        (2, 2, 2.25),
        (None, 2.5, 3),
        (3, 3, 3.5),
        (None, 3.5, 4),
    ]
    assert [(float(s.start), float(s.end)) for s in only_clip.shown_sound] == [(1.25, 1.5), (1.75, 2), (2.25, 2.5)]


def test_sound_beyond_picture_stays_muted(public: Policy, codes: Codes) -> None:
    only_clip = only(resolve(public, codes, [a_clip()], [on(SoundTarget(A, 1, 0, 4), SHOW)], ReleaseGrounds()))
    ((start, end, effect),) = audio_changes(only_clip)
    assert (end, effect) == (FOREVER, MUTE)
    assert 3.99 < start < 4
    assert only_clip.sound == ()


def test_disguise_under_muting_policy_needs_reason(public: Policy, court: Policy, codes: Codes) -> None:
    disguise = on(SoundTarget(A, 1, 0, 1), HIDE, effect=DISGUISE)
    assert audio_changes(only(resolve(court, codes, [a_clip()], [disguise], ReleaseGrounds()))) == [(0, 1, DISGUISE)]
    with pytest.raises(DecisionInvalid, match="makes speech audible"):
        resolve(public, codes, [a_clip()], [disguise], ReleaseGrounds())


@pytest.mark.parametrize(("mode", "effect"), [(AudioMode.KEEP, DISGUISE), (AudioMode.MUTE, BLEEP)])
def test_edited_span_is_hidden_where_edits_put_it(
    court: Policy, codes: Codes, mode: AudioMode, effect: SoundEffect
) -> None:
    policy = replace(court, sound=SoundRule(mode, BLEEP, ("TP",)))
    clip = replace(a_clip(), sound={5: SoundSpan(1, 3, DISGUISE)})
    resolved = resolve(policy, codes, [clip], [on(SoundTarget(A, 5, 1, 2), HIDE)], ReleaseGrounds())
    # Hidden without a named effect: as in the edits, unless the policy mutes.
    assert (5, 1, 3, effect) in sound_masks(only(resolved))


def test_shown_span_that_moved_is_refused(court: Policy, codes: Codes) -> None:
    clip = replace(a_clip(), sound={5: SoundSpan(1, 3, MUTE)})
    with pytest.raises(DecisionInvalid, match="now runs from 1 to 3"):
        resolve(court, codes, [clip], [on(SoundTarget(A, 5, 1, 2), SHOW)], ReleaseGrounds())


# What is still missing


def problems(resolved: ResolvedRelease) -> list[tuple[ProblemKind, str]]:
    return [(problem.kind, problem.about) for problem in resolved.problems]


def test_court_release_needs_no_arguments(court: Policy, codes: Codes) -> None:
    assert problems(resolve(court, codes, [a_clip(a_track(1))], [], ReleaseGrounds())) == []
    assert problems(resolve(court, codes, [], [], ReleaseGrounds())) == [(ProblemKind.NO_CLIPS, "")]


LIMB, BALANCE = ProblemKind.LIMB, ProblemKind.BALANCE
ASSESSMENT, REFERENCE = ProblemKind.ASSESSMENT, ProblemKind.REFERENCE


@pytest.mark.parametrize(
    ("code", "ground", "missing"),
    [
        ("s31(1)(a)", None, [LIMB, BALANCE]),
        ("s31(1)(a)", ARGUED, []),
        ("s31(1)(a)", replace(ARGUED, limb=None), [LIMB]),
        ("s31(1)(a)", replace(ARGUED, harm=" "), [LIMB]),
        ("s31(1)(a)", replace(ARGUED, factors_for=()), [BALANCE]),
        ("s31(1)(a)", replace(ARGUED, factors_against=(" ",)), [BALANCE]),
        ("s31(1)(a)", replace(ARGUED, balance=""), [BALANCE]),
        # Qualified without a prejudice test.
        ("s30(1)(a)", Ground(), [BALANCE]),
        # Absolute: no public interest test, but section 40 needs an assessment.
        ("s40(2)-3A", Ground(), [ASSESSMENT]),
        ("s40(2)-3A", Ground(assessment="unfair to the passer-by"), []),
        ("s40(2)-3B", Ground(), [BALANCE, ASSESSMENT]),
        ("s23", None, []),
        ("s44", None, [REFERENCE]),
        ("s44", Ground(reference="an Act"), []),
    ],
)
def test_exemption_needs_its_arguments(
    public: Policy, codes: Codes, code: str, ground: Ground | None, missing: list[ProblemKind]
) -> None:
    grounds = {"s40(2)-3A": ARGUED} | ({} if ground is None else {code: ground})
    decisions = [on(1, HIDE, codes=(code,))]
    resolved = resolve(public, codes, [a_clip(a_track(1))], decisions, ReleaseGrounds(grounds))
    assert problems(resolved) == [(kind, code) for kind in missing]


def test_codes_not_in_use_need_no_arguments(public: Policy, codes: Codes) -> None:
    clip = a_clip(a_track(1, first=90, last=99), last=50)
    decisions = [on(1, HIDE, codes=("s30(1)(a)",))]
    resolved = resolve(public, codes, [clip], decisions, ReleaseGrounds())
    assert problems(resolved) == [(ASSESSMENT, "s40(2)-3A")]
    resolved = resolve(public, codes, [replace(clip, last_frame=95)], decisions, ReleaseGrounds())
    assert (BALANCE, "s30(1)(a)") in problems(resolved)


REQUESTER, THIRD_PARTY = ProblemKind.REQUESTER, ProblemKind.THIRD_PARTY
ME = "the requester"


@pytest.mark.parametrize(
    ("requester", "decisions", "missing"),
    [
        (None, [on(1, SHOW, subject=ME)], [(REQUESTER, "")]),
        (ME, [], [(REQUESTER, "")]),
        (ME, [on(1, HIDE, subject=ME)], [(REQUESTER, "Person 1")]),
        (ME, [on(1, SHOW, subject=ME)], []),
        (ME, [on(SoundTarget(A, 1, 0, 1), SHOW, subject=ME)], []),
        # Another person, shown by a decision that names no subject.
        (ME, [on(1, SHOW, subject=ME), on(2, SHOW)], [(THIRD_PARTY, "Person 2")]),
        (ME, [on(1, SHOW, subject=ME), on("face", SHOW)], [(THIRD_PARTY, "Person 2")]),
        (ME, [on("face", SHOW), on(1, DEFAULT, subject=ME)], [(THIRD_PARTY, "Person 2")]),
        # Another person, with a subject and a reason such as consent.
        (ME, [on(1, SHOW, subject=ME), on(2, SHOW, subject="the sister")], []),
        (ME, [on(1, SHOW, subject=ME), on("plate", SHOW)], []),
    ],
)
def test_requester_must_be_shown_and_others_hidden(
    codes: Codes, requester: str | None, decisions: list[RedactionDecision], missing: list[tuple[ProblemKind, str]]
) -> None:
    clip = a_clip(a_track(1), a_track(2), a_track(3, "plate"))
    given = ReleaseGrounds({"s45(4)(e)": ARGUED}, requester)
    resolved = resolve(load_policy("subject-access"), codes, [clip], decisions, given)
    assert problems(resolved) == missing


def test_requester_has_pseudonyms(codes: Codes) -> None:
    clip = a_clip(a_track(1), a_track(2, first=5), a_track(3, "plate"))
    decisions = [on(2, SHOW, subject=ME), on(3, SHOW, subject=ME)]
    resolved = resolve(load_policy("subject-access"), codes, [clip], decisions, ReleaseGrounds(requester=ME))
    assert set(resolved.requester) == {"Person 2", "Vehicle 1"}
