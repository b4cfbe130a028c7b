"""The published edition of a log: when something is hidden and under which law, and no more.

Spans of one output are merged across subjects, so that people and voices cannot be counted: spans that overlap, or lie
no more than :data:`CLOSEST` apart, become one range with the codes of all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from redact.disclose.log.entries import MaskEntry, OutputFacts, ReasonCode, milliseconds
from redact.disclose.log.release_log import (
    NEUTRAL_NAME,
    PublishedCode,
    PublishedIdentity,
    PublishedLog,
    PublishedOutput,
    PublishedRange,
    ReleaseLog,
)
from redact.disclose.log.sections import PublicSection
from redact.errors import EditionNotNeutral

CLOSEST = 1000
"""Milliseconds: spans with no more than this between them are merged."""


def published(log: ReleaseLog) -> PublishedLog:
    """The published edition of ``log``, the full log of a public release.

    Raises:
        EditionNotNeutral: a reference, the only free text in the edition, contains a name, a serial number or another
            text that identifies someone in the full log; or a file does not have a neutral name.
    """
    if not isinstance(log.section, PublicSection):
        raise ValueError("only a public release has a published edition")
    _check_chosen_texts(log)
    used = {code for mask in log.masks for code in mask.codes}
    prejudice = {e.code: e.prejudice for e in log.section.exemptions}
    identity = log.identity
    return PublishedLog(
        identity=PublishedIdentity(
            log_id=identity.log_id,
            log_version=identity.log_version,
            organisation=identity.organisation,
            case_reference=identity.case_reference,
            request_reference=identity.request_reference,
            created=identity.created,
        ),
        outputs=tuple(
            PublishedOutput(**{name: getattr(output, name) for name in OutputFacts.model_fields})
            for output in log.outputs
        ),
        ranges=tuple(merged(log.masks)),
        codes=tuple(
            PublishedCode(
                **{name: getattr(code, name) for name in ReasonCode.model_fields}, prejudice=prejudice.get(code.code)
            )
            for code in log.codes
            if code.code in used
        ),
        software=f"{log.versions.software.name} {log.versions.software.version}",
        policy=log.policy,
        codes_list=log.codes_list,
        audit_head=log.audit_head,
    )


def merged(masks: Iterable[MaskEntry]) -> Iterator[PublishedRange]:
    """Time ranges by output, kind and start; no two of the same output and kind touch."""

    def where(mask: MaskEntry) -> tuple[int, str]:
        return mask.output, mask.kind

    for _, masks_here in groupby(sorted(masks, key=lambda m: (*where(m), m.first_frame, m.last_frame)), key=where):
        group: list[MaskEntry] = []
        for mask in masks_here:
            if group and not _touches(group, mask):
                yield _range(group)
                group = []
            group.append(mask)
        yield _range(group)


def _touches(group: list[MaskEntry], mask: MaskEntry) -> bool:
    last = max(group, key=lambda m: m.last_frame)
    gap = milliseconds(mask.first_timecode) - milliseconds(last.last_timecode)
    return mask.first_frame <= last.last_frame + 1 or gap <= CLOSEST


def _range(group: list[MaskEntry]) -> PublishedRange:
    last = max(group, key=lambda m: m.last_frame)
    basis = {code: basis for m in group for code, basis in zip(m.codes, m.legal_basis, strict=True)}
    codes = tuple(sorted(basis))
    return PublishedRange(
        output=group[0].output,
        first_frame=group[0].first_frame,
        last_frame=last.last_frame,
        first_timecode=group[0].first_timecode,
        last_timecode=last.last_timecode,
        kind=group[0].kind,
        effects=tuple(sorted({m.effect for m in group})),
        fills=tuple(sorted({m.fill for m in group if m.fill is not None})),
        codes=codes,
        legal_basis=tuple(basis[code] for code in codes),
    )


def _check_chosen_texts(log: ReleaseLog) -> None:
    """Check that references and file names, which people choose, contain nothing that the edition must leave out."""
    for output in log.outputs:
        if re.fullmatch(NEUTRAL_NAME, output.file) is None:
            raise EditionNotNeutral(
                f'"{output.file}" is not a neutral file name.',
                "Name files for the public video-1.mp4, video-2.mp4 and so on.",
            )
    identity = log.identity
    identifying, name_words = _identifying(log)
    for text in (identity.case_reference, identity.request_reference or "", identity.log_id):
        folded = text.casefold()
        found = {known for known in identifying if known in folded} | (
            name_words & set(re.findall(r"[^\W\d_]+", folded))
        )
        if found:
            raise EditionNotNeutral(
                f'"{text}" would be published, and it contains "{min(found)}", which identifies a person, a camera or '
                "a recording in the full log.",
                "Give the case or request a neutral reference.",
            )


def _identifying(log: ReleaseLog) -> tuple[set[str], set[str]]:
    """Identifying texts in the full log, case-folded: whole texts about people, cameras and recordings, and the words
    of people's names.

    Short texts and bare numbers are left out: a reference ending in 4471 does not identify an officer with that number.
    """
    masters = [output.master for output in log.outputs]
    release = log.release
    second = () if release.second_reviewer is None else (release.second_reviewer,)
    names = [person.name for person in (*release.reviewers, *second, release.approver, release.recipient)]
    names += [m.wearer for m in masters if m.wearer] + [n.decided_by for n in log.not_redacted]
    things = [text for m in masters for text in (m.original_name, m.exhibit, m.camera_serial) if text]
    words = {word for name in names for word in re.findall(r"[^\W\d_]+", name.casefold())}
    return {t.casefold() for t in (*names, *things) if len(t) >= 4}, {word for word in words if len(word) >= 4}
