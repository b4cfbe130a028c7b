"""Drafts of what an officer sends with a release: an MG6C line, a FOI refusal notice, a letter to a data subject.

They are for the officer, not for the pack: every page says DRAFT, gaps are marked, and what the log knows is filled in.
"""

from __future__ import annotations

from redact.disclose.documents.typeset import (
    Block,
    Cell,
    Document,
    TextRun,
    bullets,
    day,
    facts,
    heading,
    moment,
    para,
    pdf,
    quiet,
    strong,
    table,
    todo,
)
from redact.disclose.log.entries import OutputEntry, UsedCode
from redact.disclose.log.release_log import ReleaseLog, check_outward
from redact.disclose.log.sections import AppliedExemption, CourtSection, PublicSection, SubjectAccessSection

DRAFT = "Draft for an officer to check, complete and send as their own. Not part of the release."


def mg6c_draft(log: ReleaseLog) -> bytes:
    """The line for the schedule of non-sensitive unused material. Raises as
    :func:`redact.disclose.documents.typeset.pdf`."""
    return pdf(mg6c_document(log))


def foi_notice_draft(log: ReleaseLog) -> bytes:
    """Paragraphs of a notice under FOIA s.17. Raises as :func:`redact.disclose.documents.typeset.pdf`."""
    return pdf(foi_notice_document(log))


def subject_access_draft(log: ReleaseLog) -> bytes:
    """The letter that goes with a copy for a data subject.

    Raises:
        LogHoldsInternal: ``log`` names a restriction that the data subject may not be told of.
        TypesettingFailed: see :func:`redact.disclose.documents.typeset.pdf`.
    """
    return pdf(subject_access_document(log))


def mg6c_document(log: ReleaseLog) -> Document:
    """What :func:`mg6c_draft` sets."""
    section = log.section
    if not isinstance(section, CourtSection):
        raise ValueError("an MG6C line is for a court release")
    check_outward(log)
    item: TextRun = section.mg6c_item or todo("item number")
    rows: list[list[Cell]] = [
        [item, _mg6c_description(log, output), [todo("where the master is held")], ""] for output in log.outputs
    ]
    blocks: list[Block] = [
        facts(
            [("URN", section.urn), ("Defendant", ", ".join(section.defendants)), ("Case", log.identity.case_reference)]
        )
    ]
    if section.material == "used":
        blocks.append(
            para(strong("The log calls this used material. "), "A schedule of unused material has no line for it.")
        )
    blocks.append(table(("Item", "Description and relevance", "Location", "Prosecutor"), (20, None, 40, 24), rows))
    blocks += [heading("Before this is sent"), bullets(_mg6c_checks(section))]
    return _draft(log, "Line for the MG6C", "Schedule of relevant non-sensitive unused material", blocks)


def _mg6c_description(log: ReleaseLog, output: OutputEntry) -> list[TextRun]:
    master = output.master
    number = log.outputs.index(output)
    masks = [m for m in log.masks if m.output == number]
    when = f", recorded from {moment(master.recorded_start)}" if master.recorded_start else ""
    worn = f" worn by {master.wearer}" if master.wearer else ""
    # Without the reasons: a schedule the defence gets should not tell by them what is hidden.
    hidden = f"Parts of picture or sound are hidden in {len(masks)} places, which the log lists."
    return [
        strong(f"Body-worn video, exhibit {master.exhibit}: edited version"),
        f"Footage from a camera{worn}{when}, {master.clip_in} to {master.clip_out} of the recording. {hidden}",
        f"Log {log.identity.log_id}, version {log.identity.log_version}; file {output.file}.",
        todo("why it may be relevant, in enough detail for the prosecutor to decide"),
    ]


def _mg6c_checks(section: CourtSection) -> list[Cell]:
    checks: list[Cell] = [
        "The description shows why the material may be relevant and does not itself reveal what is hidden."
    ]
    if section.cpia.prompts_mg6e:
        checks.append(
            "The hidden content may meet the disclosure test, or nobody has considered it: report it on the MG6E, and "
            "let the prosecutor see the recording unedited."
        )
    checks.append("Sensitive material goes on its own schedule, which is not mentioned here.")
    return checks


def foi_notice_document(log: ReleaseLog) -> Document:
    """What :func:`foi_notice_draft` sets."""
    section = log.section
    if not isinstance(section, PublicSection):
        raise ValueError("a FOI notice is for a public release")
    used = {code for mask in log.masks for code in mask.codes}
    argued = {exemption.code: exemption for exemption in section.exemptions}
    blocks: list[Block] = [
        facts(
            [
                ("Request", log.identity.request_reference or log.identity.case_reference),
                ("To", log.release.recipient.name),
                ("Received", day(section.received)),
                ("Answer due", day(section.due)),
            ]
        ),
        para(
            f"Thank you for your request of {day(section.received)} under the Freedom of Information Act 2000. ",
            todo("what was asked for, in the requester's words"),
        ),
        para(
            "We hold the footage you asked for and enclose it. Some of the picture and sound is withheld. The log that "
            "comes with it lists the times, with the exemption that applies to each. This letter is our notice under "
            "section 17 of the Act for what is withheld."
        ),
    ]
    for code in log.codes:
        if code.code in used:
            blocks += _exemption_blocks(code, argued.get(code.code, AppliedExemption(code=code.code)), section)
    for known in section.already_public:
        blocks += [
            heading("Already accessible: section 21"),
            para(
                f"{known.what} is reasonably accessible to you elsewhere, so section 21 exempts it. The exemption is "
                f"absolute. You can find it here: {known.where}"
            ),
        ]
    spent = section.time_split
    blocks += [
        heading("Time"),
        para(
            f"We spent {spent.counted_minutes} minutes locating, retrieving and extracting the footage, which counts "
            f"towards the limit under section 12. The {spent.redacting_minutes} minutes of redacting do not."
        ),
        heading("If you are unhappy with this answer"),
        para(section.review.internal_review),
        para(section.review.commissioner),
        para("Yours sincerely"),
        para(todo("name and post of the person who signs")),
    ]
    return _draft(
        log, "Answer to a request for information", "Freedom of Information Act 2000, sections 1 and 17", blocks
    )


def _exemption_blocks(code: UsedCode, argued: AppliedExemption, section: PublicSection) -> list[Block]:
    nature = f"The exemption is {code.exemption}." if code.exemption else ""
    blocks = [heading(f"{code.title}: {code.code}"), para(f"{code.statute}. {code.legal_basis} {nature}")]
    personal = section.personal_data
    if personal is not None and code.code.startswith("s40"):
        blocks.append(
            para(
                f"The legitimate interest: {personal.legitimate_interest} Whether disclosing is necessary for it: "
                f"{personal.necessity} How the rights of those concerned weigh against it: {personal.balance} "
                f"{personal.conclusion}"
            )
        )
    elif code.assessment:
        blocks.append(para(code.assessment))
    if argued.prejudice or argued.harm:
        prejudice = f"We find that the prejudice {argued.prejudice} follow. " if argued.prejudice else ""
        blocks.append(para(prejudice, argued.harm or todo("what harm would follow, and how")))
    if code.exemption == "qualified":
        blocks += [
            para(strong("In favour of disclosing")),
            bullets(list(argued.factors_for) or [todo("factors in favour of disclosing")]),
            para(strong("In favour of withholding")),
            bullets(list(argued.factors_against) or [todo("factors in favour of withholding")]),
            para(strong("Where the public interest lies. "), argued.balance or todo("the balance, and why")),
        ]
    return blocks


def subject_access_document(log: ReleaseLog) -> Document:
    """What :func:`subject_access_draft` sets."""
    section = log.section
    if not isinstance(section, SubjectAccessSection):
        raise ValueError("a subject-access letter is for a subject-access release")
    check_outward(log)
    law_enforcement = section.regime == "dpa-part-3"
    right = "section 45 of the Data Protection Act 2018" if law_enforcement else "Article 15 of the UK GDPR"
    enclosed = (
        "We enclose a copy of the footage in which you appear."
        if section.supply == "copy"
        else "We invite you to view the footage in which you appear. "
    )
    blocks: list[Block] = [
        facts(
            [
                ("To", section.requester),
                ("Reference", log.identity.request_reference or log.identity.case_reference),
                ("Received", day(section.received)),
                ("Answer due", day(section.due)),
            ]
        ),
        para(f"Thank you for your request of {day(section.received)} for your personal data under {right}."),
        *([para(f"We needed longer than one month: {section.extended}")] if section.extended else []),
        para(enclosed, *([] if section.supply == "copy" else [todo("place, date and what to bring")])),
        para(
            "You are shown in it. Other parts of picture and sound are hidden. The log that comes with it lists the "
            "times."
        ),
    ]
    blocks += _restriction_blocks(section)
    blocks += [
        heading("What else we must tell you"),
        para(
            todo(
                "purposes, legal basis, categories of data, recipients, how long it is kept and its source, or the "
                "privacy notice that says so"
            )
        ),
        para(
            "You may ask us to rectify or erase your personal data or to restrict what we do with it"
            + ("." if law_enforcement else ", and you may object to it.")
        ),
        heading("If you are unhappy with this answer"),
        *_complaint(law_enforcement),
        para("Yours sincerely"),
        para(todo("name and post of the person who signs; contact of the data protection officer")),
    ]
    return _draft(log, "Answer to your subject access request", "", blocks)


def _restriction_blocks(section: SubjectAccessSection) -> list[Block]:
    if not section.restrictions:
        return []
    items: list[Cell] = [
        [
            strong(r.code),
            r.ground,
            quiet(f"Necessary because: {r.necessity} Proportionate because: {r.proportionality}"),
        ]
        for r in section.restrictions
    ]
    return [heading("Why parts are hidden"), bullets(items)]


def _complaint(law_enforcement: bool) -> list[Block]:
    to_commissioner = (
        "You may complain to the Information Commissioner (ico.org.uk, Wycliffe House, Water Lane, Wilmslow, Cheshire "
        "SK9 5AF)"
    )
    if law_enforcement:
        return [
            para(
                f"{to_commissioner}, ask the Commissioner under section 51 of the Act to check that a restriction is "
                "lawful, and apply to a court under section 167."
            )
        ]
    return [para(f"{to_commissioner}, and apply to a court under section 167 of the Data Protection Act 2018.")]


def _draft(log: ReleaseLog, title: str, subtitle: str, blocks: list[Block]) -> Document:
    identity = log.identity
    return Document(
        title=title,
        subtitle=subtitle,
        organisation=identity.organisation,
        footer=f"{identity.case_reference} · log {identity.log_id}, version {identity.log_version}",
        date=identity.created,
        blocks=blocks,
        draft=DRAFT,
    )
