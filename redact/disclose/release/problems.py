"""What prevents a release from being submitted: missing arguments and decisions that the law requires."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redact.disclose.policy.reason_codes import Code, ReleaseKind
from redact.disclose.release.decisions import Ground, RedactionDecision, ReleaseGrounds
from redact.disclose.release.pseudonyms import PERSON, noun
from redact.disclose.release.resolved import Problem, ProblemKind, ResolvedClip


def find_problems(
    kind: ReleaseKind,
    clips: Sequence[ResolvedClip],
    used: Sequence[Code],
    grounds: ReleaseGrounds,
    people: tuple[Sequence[str], Sequence[RedactionDecision]],
) -> tuple[Problem, ...]:
    """Problems of a release. ``used``: the codes in use. ``people``: the requester's pseudonyms, and all decisions."""
    problems: list[Problem] = []
    if not clips:
        problems.append(Problem(ProblemKind.NO_CLIPS, "", "The release has no clips."))
    for code in used:
        problems += _argument(code, grounds.by_code.get(code.id, Ground()))
    if kind is ReleaseKind.SUBJECT_ACCESS:
        problems += _subject_access(clips, grounds, *people)
    return tuple(problems)


def _argument(code: Code, ground: Ground) -> Iterator[Problem]:
    if code.limb and (ground.limb is None or not ground.harm.strip()):
        yield Problem(
            ProblemKind.LIMB,
            code.id,
            f'{code.id} needs the harm, and whether prejudice "would" or "would be likely to" follow.',
        )
    weighed = any(map(str.strip, ground.factors_for)) and any(map(str.strip, ground.factors_against))
    if code.balance and not (weighed and ground.balance.strip()):
        yield Problem(
            ProblemKind.BALANCE,
            code.id,
            f"{code.id} is a qualified exemption and needs the public interest factors for and against disclosure,"
            " and where the balance lies.",
        )
    if code.assessment is not None and not ground.assessment.strip():
        yield Problem(ProblemKind.ASSESSMENT, code.id, f"{code.id} needs an assessment. {code.assessment}")
    if code.reference is not None and not ground.reference.strip():
        yield Problem(ProblemKind.REFERENCE, code.id, f"{code.id} needs a reference. {code.reference}")


def _subject_access(
    clips: Sequence[ResolvedClip],
    grounds: ReleaseGrounds,
    requester: Sequence[str],
    decisions: Sequence[RedactionDecision],
) -> Iterator[Problem]:
    """The requester must be shown and everyone else hidden, unless a decision that names the subject shows them."""
    if grounds.requester is None:
        yield Problem(ProblemKind.REQUESTER, "", "The details do not say which subject is the requester.")
    elif not requester:
        yield Problem(ProblemKind.REQUESTER, "", "No track or sound in the clips is marked as the requester.")
    elif not _shown(clips) & set(requester):
        yield Problem(ProblemKind.REQUESTER, requester[0], "The requester is hidden in every clip.")
    others = [
        shown
        for clip in clips
        for shown in clip.shown_tracks
        if noun(shown.label) == PERSON and shown.subject not in requester
    ]
    named = {s.subject for s in others if s.decision is not None and decisions[s.decision].subject is not None}
    for subject in dict.fromkeys(shown.subject for shown in others if shown.subject not in named):
        yield Problem(
            ProblemKind.THIRD_PARTY,
            subject,
            f"{subject} is shown but is not the requester: no decision on this person alone says who they are.",
        )


def _shown(clips: Sequence[ResolvedClip]) -> set[str]:
    tracks = {shown.subject for clip in clips for shown in clip.shown_tracks}
    return tracks | {shown.subject for clip in clips for shown in clip.shown_sound}
