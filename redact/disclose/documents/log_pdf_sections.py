"""PDF blocks of the log sections for one kind of release: court, public and subject access."""

from __future__ import annotations

from redact.disclose.documents.typeset import (
    Block,
    Cell,
    TextRun,
    bullets,
    day,
    facts,
    heading,
    moment,
    narrow,
    para,
    quiet,
    signature,
    strong,
    table,
)
from redact.disclose.log.sections import CourtSection, PublicSection, SubjectAccessSection

Facts = list[tuple[str, Cell | None]]

REGIMES = {"uk-gdpr": "UK GDPR", "dpa-part-3": "Data Protection Act 2018, Part 3"}


def court_facts(section: CourtSection) -> Facts:
    """Case details for the head of the log."""
    item = f", item {section.mg6c_item} of the MG6C" if section.mg6c_item else ""
    return [
        ("URN", section.urn),
        ("Defendant", ", ".join(section.defendants)),
        ("Offence", list(section.offences)),
        ("Officer in the case", section.officer_in_case),
        ("Disclosure officer", section.disclosure_officer),
        ("Material", f"{section.material.capitalize()} material{item}; {section.edition}"),
    ]


def court_blocks(section: CourtSection) -> list[Block]:
    """Parts left out, court orders, the disclosure test and the producing statement."""
    blocks = [heading("Left out as not relevant")]
    if section.clipped:
        rows: list[list[Cell]] = [
            [narrow(part.exhibit), f"{part.first_timecode} to {part.last_timecode}", part.reason]
            for part in section.clipped
        ]
        blocks.append(para("These parts of the masters are not in any copy. Times refer to the master."))
        blocks.append(table(("Exhibit", "From and to", "Reason"), (28, 44, None), rows))
    else:
        blocks.append(para("Nothing: each copy covers the whole of its master."))
    if section.orders:
        orders: list[list[Cell]] = [[order.court, day(order.made_on), order.terms] for order in section.orders]
        blocks += [heading("Court orders"), table(("Court", "Made on", "Terms"), (42, 32, None), orders)]
    blocks += [heading("Disclosure test"), para(*_test(section))]
    statement = section.producing_statement
    if statement is not None:
        who: Facts = [
            ("Produced by", f"{statement.name}, {statement.role}"),
            ("Exhibit", statement.exhibit),
            ("Statement made on", day(statement.made_on) if statement.made_on else None),
        ]
        blocks += [heading("Producing statement"), facts(who), para(statement.words)]
        blocks.append(signature(f"Signed: {statement.name}", "Date"))
    return blocks


def _test(section: CourtSection) -> list[TextRun]:
    cpia = section.cpia
    law = "the disclosure test in section 3 of the Criminal Procedure and Investigations Act 1996"
    if cpia.considered_by is None or cpia.considered_at is None:
        return [strong("Not yet considered:"), f" whether the hidden content may meet {law}."]
    verdict = "may" if cpia.hidden_may_meet_test else "does not"
    return [
        f"{cpia.considered_by} concluded on {moment(cpia.considered_at)} that the hidden content {verdict} meet {law}."
    ]


def public_facts(section: PublicSection) -> Facts:
    """Dates of the request for the head of the log."""
    return [("Received", day(section.received)), ("Response due", day(section.due))]


def public_blocks(section: PublicSection) -> list[Block]:
    """Exemptions with the public interest test, section 40 assessment, section 21, time spent and rights of review."""
    blocks: list[Block] = [heading("Exemptions")]
    for exemption in section.exemptions:
        prejudice = f"Disclosure {exemption.prejudice} cause the prejudice or danger." if exemption.prejudice else None
        arguments = facts(
            [
                ("Prejudice", prejudice),
                ("Harm", exemption.harm),
                ("For disclosure", list(exemption.factors_for)),
                ("Against disclosure", list(exemption.factors_against)),
                ("Balance", exemption.balance),
            ]
        )
        blocks += [
            heading(exemption.code, level=2),
            arguments if arguments["rows"] else para("No arguments were recorded."),
        ]
    personal = section.personal_data
    if personal is not None:
        blocks += [
            heading("Section 40 assessment"),
            facts(
                [
                    ("Condition", personal.condition),
                    ("Legitimate interest", personal.legitimate_interest),
                    ("Necessity", personal.necessity),
                    ("Balance", personal.balance),
                    ("Conclusion", personal.conclusion),
                ]
            ),
        ]
    if section.already_public:
        items: list[Cell] = [f"{known.what}: {known.where}" for known in section.already_public]
        blocks += [heading("Accessible by other means (section 21)"), bullets(items)]
    time = section.time_split
    blocks += [
        heading("Time spent"),
        facts(
            [
                ("Locating", f"{time.locating_minutes} minutes"),
                ("Retrieving", f"{time.retrieving_minutes} minutes"),
                ("Extracting", f"{time.extracting_minutes} minutes"),
                ("Counts towards section 12", strong(f"{time.counted_minutes} minutes")),
                ("Redaction (not counted)", f"{time.redacting_minutes} minutes"),
            ]
        ),
        heading("Internal review and complaint"),
        para(section.review.internal_review),
        para(section.review.commissioner),
    ]
    return blocks


def subject_facts(section: SubjectAccessSection) -> Facts:
    """The requester and the dates of the request for the head of the log."""
    return [
        ("Requester", section.requester),
        ("Legal regime", REGIMES[section.regime]),
        ("Received", day(section.received)),
        ("Response due", day(section.due)),
        ("Time limit extended", section.extended),
        (
            "Shown",
            f"{', '.join(section.requester_subjects)} (the requester); others are hidden unless listed as shown",
        ),
        ("Supplied as", "a copy" if section.supply == "copy" else "a viewing"),
    ]


def subject_blocks(section: SubjectAccessSection) -> list[Block]:
    """Identity check, third parties and restrictions."""
    check = section.identity_check
    blocks: list[Block] = [
        heading("Identity of the requester"),
        para(f"{check.how} Checked by {check.checked_by} on {day(check.checked_on)}."),
    ]
    if section.third_parties:
        rows: list[list[Cell]] = [
            [
                third.subject,
                "yes" if third.identifiable else "no",
                third.consent,
                "yes" if third.reasonable_to_disclose else "no",
                third.reason,
            ]
            for third in section.third_parties
        ]
        people = ("Person", "Identifiable", "Consent", "Reasonable to disclose", "Reason")
        blocks += [heading("Other people in the footage"), table(people, (24, 22, 22, 26, None), rows)]
    if section.restrictions:
        reasons: list[list[Cell]] = [
            [[strong(narrow(r.code)), quiet(r.ground)], r.necessity, r.proportionality] for r in section.restrictions
        ]
        header = ("Ground", "Why necessary", "Why proportionate")
        blocks += [heading("Restrictions"), table(header, (50, None, None), reasons)]
    return blocks
