"""What keeps a release from being submitted: what the law asks for and nobody has given yet."""

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
    given: ReleaseGrounds,
    people: tuple[Sequence[str], Sequence[RedactionDecision]],
) -> tuple[Problem, ...]:
    """``used`` are the codes in use; ``people``: the requester's pseudonyms, and all decisions."""
    problems: list[Problem] = []
    if not clips:
        problems.append(Problem(ProblemKind.NO_CLIPS, "", "The release has no clips."))
    for code in used:
        problems += _argument(code, given.grounds.get(code.id, Ground()))
    if kind is ReleaseKind.SUBJECT_ACCESS:
        problems += _subject_access(clips, given, *people)
    return tuple(problems)


def _argument(code: Code, ground: Ground) -> Iterator[Problem]:
    if code.limb and (ground.limb is None or not ground.harm.strip()):
        yield Problem(
            ProblemKind.LIMB,
            code.id,
            f'{code.id} lacks the harm, and whether it "would" or "would be likely to" follow.',
        )
    weighed = any(map(str.strip, ground.factors_for)) and any(map(str.strip, ground.factors_against))
    if code.balance and not (weighed and ground.balance.strip()):
        yield Problem(
            ProblemKind.BALANCE,
            code.id,
            f"{code.id} is a qualified exemption and lacks the public interest for and against disclosure, or the"
            " balance of the two.",
        )
    if code.assessment is not None and not ground.assessment.strip():
        yield Problem(ProblemKind.ASSESSMENT, code.id, f"{code.id} lacks its assessment. {code.assessment}")
    if code.reference is not None and not ground.reference.strip():
        yield Problem(ProblemKind.REFERENCE, code.id, f"{code.id} lacks its reference. {code.reference}")


def _subject_access(
    clips: Sequence[ResolvedClip],
    given: ReleaseGrounds,
    requester: Sequence[str],
    decisions: Sequence[RedactionDecision],
) -> Iterator[Problem]:
    """The requester is shown and all others are hidden; whoever else is shown is so by a decision that says who."""
    if given.requester is None:
        yield Problem(ProblemKind.REQUESTER, "", "It is not said which subject is the requester.")
    elif not requester:
        yield Problem(ProblemKind.REQUESTER, "", "No track or sound in the clips is marked as the requester.")
    elif not _shown(clips) & set(requester):
        yield Problem(ProblemKind.REQUESTER, requester[0], "The requester is hidden in all of the clips.")
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
            f"{subject} is shown, is not the requester, and no decision about this person alone says who it is.",
        )


def _shown(clips: Sequence[ResolvedClip]) -> set[str]:
    tracks = {shown.subject for clip in clips for shown in clip.shown_tracks}
    return tracks | {shown.subject for clip in clips for shown in clip.shown_sound}
