"""``log.pdf``: the log as a readable document, in full or as the published edition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from redact.disclose.documents.log_pdf_closing import audit_blocks, recipient_line, release_blocks, versions_table
from redact.disclose.documents.log_pdf_sections import (
    Facts,
    court_blocks,
    court_facts,
    public_blocks,
    public_facts,
    subject_blocks,
    subject_facts,
)
from redact.disclose.documents.typeset import (
    Block,
    Cell,
    Document,
    TextRun,
    facts,
    heading,
    moment,
    mono,
    narrow,
    note,
    para,
    pdf,
    quiet,
    still,
    strong,
    table,
)
from redact.disclose.log.entries import (
    MaskEntry,
    MasterEntry,
    NotRedacted,
    OutputEntry,
    OutputFacts,
    OutputSpan,
    UsedCode,
)
from redact.disclose.log.release_log import PublishedCode, PublishedLog, ReleaseLog, check_outward
from redact.disclose.log.sections import CourtSection, PublicSection, SubjectAccessSection

EFFECTS = {
    "solid": "solid colour",
    "mosaic": "mosaic",
    "blur": "blurred",
    "mute": "muted",
    "bleep": "covered by a tone",
    "disguise": "voice disguised",
}
SUBTITLES = {
    "court": "Release for court: edited version",
    "public": "Release under the Freedom of Information Act 2000: full log, not for publication",
    "subject-access": "Release to a data subject",
    "internal": "Internal release",
}


def release_log(log: ReleaseLog, stills: Mapping[str, bytes] | None = None) -> bytes:
    """``log.pdf`` of a court, subject-access or internal release, or the force's own full log of a public one.

    ``stills``: for court releases only, a JPEG or PNG still of the *redacted* copy for each mask id.

    Raises:
        LogHoldsInternal: the log contains something that must not leave the force.
        TypesettingFailed: Typst failed, or a still is not a valid picture.
    """
    return pdf(release_document(log, stills))


def release_document(log: ReleaseLog, stills: Mapping[str, bytes] | None = None) -> Document:
    """The content of :func:`release_log`."""
    check_outward(log)
    stills = stills or {}
    if stills and log.kind != "court":
        raise ValueError("only a court release has stills")
    shown = [mask.id for mask in log.masks if mask.id in stills]
    still_index = {mask_id: number for number, mask_id in enumerate(shown)}
    identity = log.identity
    head: Facts = [
        ("Log", f"{identity.log_id}, version {identity.log_version}, made on {moment(identity.created)}"),
        ("Case", identity.case_reference),
        ("Request", identity.request_reference),
        *_section_facts(log),
        ("Recipient", recipient_line(log.release)),
    ]
    blocks: list[Block] = [facts(head), note(*_summary(log)), heading("Copies and masters")]
    for number, output in enumerate(log.outputs, 1):
        blocks += _copy_blocks(number, output)
    blocks.append(heading("What is hidden"))
    for number, output in enumerate(log.outputs):
        blocks += _mask_blocks(log, number, output, still_index)
    blocks += _not_redacted_blocks(log)
    blocks += [heading("Reason codes"), _codes_table(log.codes)]
    blocks += _section_blocks(log)
    blocks += release_blocks(log.release, log.outputs)
    blocks += [heading("How the copies were made"), versions_table(log.versions, log.policy, log.codes_list)]
    blocks += audit_blocks(log.audit_head)
    return Document(
        title="Log of redactions",
        subtitle=SUBTITLES[log.kind],
        organisation=identity.organisation,
        footer=f"{identity.case_reference} · log {identity.log_id}, version {identity.log_version}",
        date=identity.created,
        blocks=blocks,
        images=[still(stills[mask_id]) for mask_id in shown],
    )


def published_log(log: PublishedLog) -> bytes:
    """``log.pdf`` of a public pack. Raises :class:`TypesettingFailed`."""
    return pdf(published_document(log))


def published_document(log: PublishedLog) -> Document:
    """The content of :func:`published_log`."""
    identity = log.identity
    head: Facts = [
        ("Log", f"{identity.log_id}, version {identity.log_version}, made on {moment(identity.created)}"),
        ("Case", identity.case_reference),
        ("Request", identity.request_reference),
    ]
    blocks: list[Block] = [
        facts(head),
        note(
            "This log lists the times at which picture or sound is withheld in the accompanying footage, and the "
            "exemption that applies. Parts that overlap, or are no more than a second apart, are listed as one."
        ),
        heading("Footage released"),
    ]
    for number, output in enumerate(log.outputs, 1):
        blocks += [heading(f"{number}. {output.file}", level=2), facts(_output_facts(output))]
    blocks.append(heading("What is withheld"))
    for number, output in enumerate(log.outputs):
        rows: list[list[Cell]] = [
            [
                f"{r.first_timecode} to {r.last_timecode}",
                "Picture" if r.kind == "picture" else "Sound",
                ", ".join(EFFECTS[effect] for effect in r.effects),
                _codes(r.codes, r.legal_basis),
            ]
            for r in log.ranges
            if r.output == number
        ]
        blocks += [heading(output.file, level=2), *_or_nothing(("Time", "Withheld", "How", "Exemption"), rows)]
    blocks += [heading("Exemptions"), _published_codes(log.codes)]
    blocks += [heading("How the copies were made"), facts(_made(log))]
    blocks += audit_blocks(log.audit_head)
    return Document(
        title="Log of redactions",
        subtitle="Release under the Freedom of Information Act 2000",
        organisation=identity.organisation,
        footer=f"{identity.case_reference} · log {identity.log_id}, version {identity.log_version}",
        date=identity.created,
        blocks=blocks,
    )


def _made(log: PublishedLog) -> Facts:
    return [
        ("Software", log.software),
        ("Policy", [f"{log.policy.name} {log.policy.version}", mono(log.policy.sha256)]),
        ("Reason codes", [f"{log.codes_list.name} {log.codes_list.version}", mono(log.codes_list.sha256)]),
    ]


def _or_nothing(header: tuple[str, ...], rows: list[list[Cell]]) -> list[Block]:
    if not rows:
        return [para("Nothing.")]
    return [table(header, (46, 20, 34, None), rows)]


def _section_facts(log: ReleaseLog) -> Facts:
    match log.section:
        case CourtSection() as section:
            return court_facts(section)
        case PublicSection() as section:
            return public_facts(section)
        case SubjectAccessSection() as section:
            return subject_facts(section)
    return []


def _section_blocks(log: ReleaseLog) -> list[Block]:
    match log.section:
        case CourtSection() as section:
            return court_blocks(section)
        case PublicSection() as section:
            return public_blocks(section)
        case SubjectAccessSection() as section:
            return subject_blocks(section)
    return []


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _summary(log: ReleaseLog) -> list[TextRun]:
    pictures = [m for m in log.masks if m.kind == "picture"]
    sounds = [m for m in log.masks if m.kind == "sound"]
    copies = _counted(len(log.outputs), "redacted copy", "redacted copies")
    return [
        f"This log accompanies {copies}. Hidden in the picture: "
        f"{_counted(len({m.subject for m in pictures}), 'subject')} in {_counted(len(pictures), 'span')}. "
        f"Hidden in the sound: {_counted(len(sounds), 'span')}. The master recordings are unchanged. Frames and times "
        "refer to the copies and count from 0; a span includes its first and last frame."
    ]


def _output_facts(output: OutputFacts) -> Facts:
    slate = (
        f", including a slate of {output.slate_frames} frames ({output.slate_seconds:.2f} s)"
        if output.slate_frames
        else ""
    )
    return [
        ("SHA-256", mono(output.sha256)),
        ("Picture", f"{output.width} x {output.height} pixels, {output.codec}, {_rate(output.frame_rate)}"),
        ("Length", f"{output.duration_seconds:.3f} s, {output.frames} frames{slate}"),
        ("Size", f"{output.size_bytes:,} bytes"),
        ("SHA-256 of frame times", mono(output.pts_sha256)),
    ]


def _rate(ratio: str) -> str:
    rate = Fraction(ratio)
    return f"{rate} frames per second" if rate.denominator == 1 else f"{float(rate):.3f} ({rate}) frames per second"


def _copy_blocks(number: int, output: OutputEntry) -> list[Block]:
    master = output.master
    clip = f"frames {master.clip_first_frame} to {master.clip_last_frame}"
    whole = master.clip_last_frame - master.clip_first_frame + 1 == master.frames
    return [
        heading(f"{number}. {output.file}, from exhibit {master.exhibit}", level=2),
        facts(
            [
                *_output_facts(output),
                ("Footage in the copy", f"{output.clip_in} to {output.clip_out}"),
                ("Part of the master", f"{master.clip_in} to {master.clip_out}, {clip}{' (all)' if whole else ''}"),
                *_master_facts(master),
            ]
        ),
    ]


def _master_facts(master: MasterEntry) -> Facts:
    offset = master.clock_offset_seconds
    clock = "by the camera's clock"
    if offset:
        clock += f", which is {abs(offset):.1f} s {'slow' if offset > 0 else 'fast'}"
    recorded = None
    if master.recorded_start is not None:
        end = f" to {moment(master.recorded_end)}" if master.recorded_end is not None else ""
        recorded = f"{moment(master.recorded_start)}{end} ({clock})"
    return [
        ("SHA-256 of master", mono(master.sha256)),
        ("SHA-256 of working copy", mono(master.working_copy_sha256) if master.working_copy_sha256 else None),
        (
            "Master",
            f"{master.duration:.3f} s, {master.frames} frames, {master.codec}, {_rate(master.rate)}",
        ),
        ("Original file name", master.original_name),
        ("Camera", f"serial number {master.camera_serial}" if master.camera_serial else None),
        ("Worn by", master.wearer),
        ("Recorded", recorded),
    ]


def _codes(codes: Iterable[str], bases: Iterable[str]) -> list[TextRun]:
    return [run for code, basis in zip(codes, bases, strict=True) for run in (strong(narrow(code)), quiet(basis))]


def _times(span: OutputSpan) -> list[TextRun]:
    return [f"{span.first_timecode} to", span.last_timecode, quiet(f"frames {span.first_frame} to {span.last_frame}")]


def _mask_blocks(log: ReleaseLog, number: int, output: OutputEntry, still_index: Mapping[str, int]) -> list[Block]:
    masks = sorted((m for m in log.masks if m.output == number), key=lambda m: (m.first_frame, m.last_frame, m.id))
    blocks = [heading(f"{number + 1}. {output.file}", level=2)]
    if not masks:
        return [*blocks, para("Nothing.")]
    header, widths = ["Mask", "From and to", "Effect", "Reason"], [24.0, 34.0, 31.0, None]
    if still_index:
        header, widths = [*header, "Still of the copy"], [*widths, 33.0]
    return [*blocks, table(header, widths, (_mask_row(mask, output, still_index) for mask in masks))]


def _mask_row(mask: MaskEntry, output: OutputEntry, still_index: Mapping[str, int]) -> list[Cell]:
    confidence = None
    if mask.confidence_low is not None and mask.confidence_high is not None:
        confidence = quiet(f"confidence {mask.confidence_low:.2f} to {mask.confidence_high:.2f}")
    source = {"machine": "detected", "manual": "drawn by hand", "corrected": "detected, corrected by hand"}
    row: list[Cell] = [
        [strong(narrow(mask.id)), narrow(mask.subject), quiet(_label(mask))],
        _times(mask),
        [EFFECTS[mask.effect], quiet(source[mask.source]), *([confidence] if confidence else [])],
        _codes(mask.codes, mask.legal_basis) or "no reason given",
    ]
    if not still_index:
        return row
    if mask.id not in still_index:
        return [*row, quiet("sound" if mask.kind == "sound" else "no still")]
    alt = f"Still of {output.file} with {mask.subject} hidden, within {mask.first_timecode} to {mask.last_timecode}"
    return [*row, {"image": still_index[mask.id], "alt": alt}]


def _label(entry: MaskEntry | NotRedacted) -> str:
    return entry.kind if entry.label == entry.kind else f"{narrow(entry.label)}, {entry.kind}"


def _not_redacted_blocks(log: ReleaseLog) -> list[Block]:
    blocks = [heading("What was deliberately shown")]
    if not log.not_redacted:
        return [*blocks, para("There are no decisions to show anything that the policy would hide.")]
    rows: list[list[Cell]] = [
        [
            [strong(narrow(n.id)), narrow(n.subject), quiet(_label(n))],
            [quiet(log.outputs[n.output].file), *_times(n)],
            n.reason,
            [n.decided_by, quiet(moment(n.decided_at))],
        ]
        for n in log.not_redacted
    ]
    return [*blocks, table(("Subject", "From and to", "Reason", "Decided by"), (26, 36, None, 40), rows)]


def _codes_table(codes: Iterable[UsedCode]) -> Block:
    rows: list[list[Cell]] = []
    for code in codes:
        what: list[TextRun] = [strong(code.title), code.legal_basis]
        what += [f"Assessment: {code.assessment}"] if code.assessment else []
        what += [f"Reference: {code.reference}"] if code.reference else []
        nature = [quiet(f"{code.exemption} exemption")] if code.exemption else []
        rows.append([strong(narrow(code.code)), [code.statute, *nature], what])
    return table(("Code", "Legal basis", "Meaning"), (26, 56, None), rows)


def _published_codes(codes: Iterable[PublishedCode]) -> Block:
    rows: list[list[Cell]] = []
    for code in codes:
        nature = f"{code.exemption} exemption" if code.exemption else ""
        prejudice = f"prejudice: {code.prejudice}" if code.prejudice else ""
        notes = "; ".join(filter(None, (nature, prejudice)))
        rows.append(
            [
                strong(narrow(code.code)),
                [code.statute, *([quiet(notes)] if notes else [])],
                [strong(code.title), code.legal_basis],
            ]
        )
    return table(("Code", "Legal basis", "Meaning"), (26, 56, None), rows)
