"""The edition of a log that anybody may read: when something is hidden, and under which law. Nothing else.

Spans of one output are merged across subjects, so that neither heads nor voices can be counted: overlapping ones, and
those less than :data:`CLOSEST` apart, become one range with the codes of all of them.
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
from redact.errors import PublishedLogTells

CLOSEST = 1000
"""Milliseconds: spans with no more than this between them are told as one."""


def published(log: ReleaseLog) -> PublishedLog:
    """What of ``log``, the full log of a public release, may be published.

    Raises:
        PublishedLogTells: a reference or file name, the only things in it that people choose, holds a name, a serial
            number or another text that the full log knows as identifying; or a file has no neutral name.
    """
    if not isinstance(log.section, PublicSection):
        raise ValueError("only a public release has a published edition")
    _check_chosen(log)
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
    """Ranges of time in order of output, kind and start; no two of one output and kind touch."""

    def where(mask: MaskEntry) -> tuple[int, str]:
        return mask.output, mask.kind

    for _, group in groupby(sorted(masks, key=lambda m: (*where(m), m.first_frame, m.last_frame)), key=where):
        together: list[MaskEntry] = []
        for mask in group:
            if together and not _touches(together, mask):
                yield _range(together)
                together = []
            together.append(mask)
        yield _range(together)


def _touches(together: list[MaskEntry], mask: MaskEntry) -> bool:
    last = max(together, key=lambda m: m.last_frame)
    gap = milliseconds(mask.first_timecode) - milliseconds(last.last_timecode)
    return mask.first_frame <= last.last_frame + 1 or gap <= CLOSEST


def _range(together: list[MaskEntry]) -> PublishedRange:
    last = max(together, key=lambda m: m.last_frame)
    basis = {code: basis for m in together for code, basis in zip(m.codes, m.legal_basis, strict=True)}
    codes = tuple(sorted(basis))
    return PublishedRange(
        output=together[0].output,
        first_frame=together[0].first_frame,
        last_frame=last.last_frame,
        first_timecode=together[0].first_timecode,
        last_timecode=last.last_timecode,
        kind=together[0].kind,
        effects=tuple(sorted({m.effect for m in together})),
        fills=tuple(sorted({m.fill for m in together if m.fill is not None})),
        codes=codes,
        legal_basis=tuple(basis[code] for code in codes),
    )


def _check_chosen(log: ReleaseLog) -> None:
    """People choose references and file names; see that they do not carry what the edition is there to leave out."""
    for output in log.outputs:
        if re.fullmatch(NEUTRAL_NAME, output.file) is None:
            raise PublishedLogTells(
                f'"{output.file}" is no neutral name.', "Files for the public are called video-1.mp4."
            )
    identity = log.identity
    whole, words = _identifying(log)
    for text in (identity.case_reference, identity.request_reference or "", identity.log_id):
        folded = text.casefold()
        found = {w for w in whole if w in folded} | (words & set(re.findall(r"[^\W\d_]+", folded)))
        if found:
            raise PublishedLogTells(
                f'"{text}" would be published, and it holds "{min(found)}", which the full log gives as a person, '
                "a camera or a recording.",
                "Give the case or request a neutral reference.",
            )


def _identifying(log: ReleaseLog) -> tuple[set[str], set[str]]:
    """What the full log says of people, cameras and recordings, folded: whole texts, and the words of people's names.

    Short ones are left out, and so are bare numbers: a reference that ends in 4471 does not point at the officer of
    that number.
    """
    masters = [output.master for output in log.outputs]
    release = log.release
    second = () if release.second_reviewer is None else (release.second_reviewer,)
    names = [person.name for person in (*release.reviewers, *second, release.approver, release.recipient)]
    names += [m.wearer for m in masters if m.wearer] + [n.decided_by for n in log.not_redacted]
    things = [text for m in masters for text in (m.original_name, m.exhibit, m.camera_serial) if text]
    words = {word for name in names for word in re.findall(r"[^\W\d_]+", name.casefold())}
    return {t.casefold() for t in (*names, *things) if len(t) >= 4}, {word for word in words if len(word) >= 4}
