"""Drafts of documents sent with a release: an MG6C entry, an FOI refusal notice, a letter to a data subject.

They are for the officer and not part of the pack. Every page is marked DRAFT. Facts from the log are filled in, and
gaps are marked for completion.
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

DRAFT = "Draft for an officer to check, complete and send. Not part of the release."


def mg6c_draft(log: ReleaseLog) -> bytes:
    """The entry for the schedule of non-sensitive unused material. Raises as
    :func:`redact.disclose.documents.typeset.pdf`."""
    return pdf(mg6c_document(log))


def foi_notice_draft(log: ReleaseLog) -> bytes:
    """The text of a refusal notice under FOIA s.17. Raises as :func:`redact.disclose.documents.typeset.pdf`."""
    return pdf(foi_notice_document(log))


def subject_access_draft(log: ReleaseLog) -> bytes:
    """The letter to a data subject that accompanies a copy.

    Raises:
        LogHoldsInternal: ``log`` contains a restriction that must not be disclosed to the data subject.
        TypesettingFailed: see :func:`redact.disclose.documents.typeset.pdf`.
    """
    return pdf(subject_access_document(log))


def mg6c_document(log: ReleaseLog) -> Document:
    """The content of :func:`mg6c_draft`."""
    section = log.section
    if not isinstance(section, CourtSection):
        raise ValueError("an MG6C entry is for a court release")
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
            para(strong("The log records this as used material. "), "Used material is not listed on this schedule.")
        )
    blocks.append(table(("Item", "Description and relevance", "Location", "Prosecutor"), (20, None, 40, 24), rows))
    blocks += [heading("Before you send this"), bullets(_mg6c_checks(section))]
    return _draft(log, "Entry for the MG6C", "Schedule of relevant non-sensitive unused material", blocks)


def _mg6c_description(log: ReleaseLog, output: OutputEntry) -> list[TextRun]:
    master = output.master
    number = log.outputs.index(output)
    masks = [m for m in log.masks if m.output == number]
    when = f", recorded from {moment(master.recorded_start)}" if master.recorded_start else ""
    worn = f" worn by {master.wearer}" if master.wearer else ""
    # Without the reasons: on a schedule served on the defence they could reveal what is hidden.
    hidden = f"Parts of the picture or sound are hidden in {len(masks)} places, listed in the log."
    return [
        strong(f"Body-worn video, exhibit {master.exhibit}: edited version"),
        f"Footage from a camera{worn}{when}, {master.clip_in} to {master.clip_out} of the recording. {hidden}",
        f"Log {log.identity.log_id}, version {log.identity.log_version}; file {output.file}.",
        todo("why it may be relevant, in enough detail for the prosecutor to decide"),
    ]


def _mg6c_checks(section: CourtSection) -> list[Cell]:
    checks: list[Cell] = [
        "The description must show why the material may be relevant without revealing what is hidden."
    ]
    if section.cpia.prompts_mg6e:
        checks.append(
            "The hidden content may meet the disclosure test, or has not been considered yet: report it on the MG6E "
            "and make the unedited recording available to the prosecutor."
        )
    checks.append("List sensitive material on its own schedule, and do not mention that schedule here.")
    return checks


def foi_notice_document(log: ReleaseLog) -> Document:
    """The content of :func:`foi_notice_draft`."""
    section = log.section
    if not isinstance(section, PublicSection):
        raise ValueError("an FOI notice is for a public release")
    used = {code for mask in log.masks for code in mask.codes}
    arguments = {exemption.code: exemption for exemption in section.exemptions}
    blocks: list[Block] = [
        facts(
            [
                ("Request", log.identity.request_reference or log.identity.case_reference),
                ("To", log.release.recipient.name),
                ("Received", day(section.received)),
                ("Response due", day(section.due)),
            ]
        ),
        para(
            f"Thank you for your request of {day(section.received)} under the Freedom of Information Act 2000. "
            "You asked for: ",
            todo("the request, in the requester's own words"),
        ),
        para(
            "We hold the footage you requested and enclose a copy. Parts of the picture and sound have been withheld. "
            "The enclosed log lists the times and the exemption that applies to each. This letter is our refusal "
            "notice under section 17 of the Act for the parts withheld."
        ),
    ]
    for code in log.codes:
        if code.code in used:
            blocks += _exemption_blocks(code, arguments.get(code.code, AppliedExemption(code=code.code)), section)
    for known in section.already_public:
        blocks += [
            heading("Accessible by other means: section 21"),
            para(
                f"{known.what} is reasonably accessible to you by other means, and so is exempt under section 21. This "
                f"is an absolute exemption. You can find it here: {known.where}"
            ),
        ]
    time = section.time_split
    blocks += [
        heading("Time spent"),
        para(
            f"We spent {time.counted_minutes} minutes locating, retrieving and extracting the footage, which counts "
            f"towards the cost limit under section 12. The {time.redacting_minutes} minutes spent on redaction do not."
        ),
        heading("If you are dissatisfied with our response"),
        para(section.review.internal_review),
        para(section.review.commissioner),
        para("Yours sincerely"),
        para(todo("name and job title of the signatory")),
    ]
    return _draft(
        log, "Response to a request for information", "Freedom of Information Act 2000, sections 1 and 17", blocks
    )


def _exemption_blocks(code: UsedCode, arguments: AppliedExemption, section: PublicSection) -> list[Block]:
    nature = {"absolute": "This is an absolute exemption.", "qualified": "This is a qualified exemption."}
    blocks = [
        heading(f"{code.title}: {code.code}"),
        para(f"{code.statute}. {code.legal_basis} {nature.get(code.exemption or '', '')}"),
    ]
    personal = section.personal_data
    if personal is not None and code.code.startswith("s40"):
        blocks.append(
            para(
                f"Legitimate interest: {personal.legitimate_interest} Necessity of disclosure: {personal.necessity} "
                f"Balance against the rights of the people concerned: {personal.balance} {personal.conclusion}"
            )
        )
    elif code.assessment:
        blocks.append(para(code.assessment))
    if arguments.prejudice or arguments.harm:
        prejudice = f"We have concluded that prejudice {arguments.prejudice} occur. " if arguments.prejudice else ""
        blocks.append(para(prejudice, arguments.harm or todo("what harm would occur, and how")))
    if code.exemption == "qualified":
        blocks += [
            para(strong("Factors in favour of disclosure")),
            bullets(list(arguments.factors_for) or [todo("factors in favour of disclosure")]),
            para(strong("Factors in favour of maintaining the exemption")),
            bullets(list(arguments.factors_against) or [todo("factors in favour of maintaining the exemption")]),
            para(
                strong("Balance of the public interest. "), arguments.balance or todo("where the balance lies, and why")
            ),
        ]
    return blocks


def subject_access_document(log: ReleaseLog) -> Document:
    """The content of :func:`subject_access_draft`."""
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
                ("Response due", day(section.due)),
            ]
        ),
        para(f"Thank you for your request of {day(section.received)} for your personal data under {right}."),
        *([para(f"We needed more than one month to respond: {section.extended}")] if section.extended else []),
        para(enclosed, *([] if section.supply == "copy" else [todo("place, date and what to bring")])),
        para(
            "You can be seen in it. Other parts of the picture and sound are hidden. The enclosed log lists the times."
        ),
    ]
    blocks += _restriction_blocks(section)
    blocks += [
        heading("Other information we must give you"),
        para(
            todo(
                "purposes, legal basis, categories of data, recipients, retention period and source, or a link to the "
                "privacy notice that gives them"
            )
        ),
        para(
            "You have the right to ask us to rectify or erase your personal data or to restrict its processing"
            + ("." if law_enforcement else ", and the right to object to it.")
        ),
        heading("If you are dissatisfied with our response"),
        *_complaint(law_enforcement),
        para("Yours sincerely"),
        para(todo("name and job title of the signatory; contact details of the data protection officer")),
    ]
    return _draft(log, "Response to your subject access request", "", blocks)


def _restriction_blocks(section: SubjectAccessSection) -> list[Block]:
    if not section.restrictions:
        return []
    items: list[Cell] = [
        [
            strong(r.code),
            r.ground,
            quiet(f"Necessity: {r.necessity} Proportionality: {r.proportionality}"),
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
