"""The demo of ``redact serve --demo``: people, two cases, footage, tracks and releases, created step by step.

All results are computed here. Two audit events enclose its creation: one before the first step, which is only recorded
where there are no accounts, and one after the last. So real cases are never touched, an interrupted run continues where
it stopped, and a complete demo is left as its users have changed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.demo.footage import write_footage
from redact.disclose.release import details, releases
from redact.errors import WrongState
from redact.evidence import footage_records, intake, machine_tracks
from redact.evidence.store import Store
from redact.progress import Progress
from redact.records import accounts, cases
from redact.records.accounts import Role
from redact.records.database import SYSTEM, Database
from redact.records.deadlines import CaseKind
from redact.schema.tables import Case, Event, Footage, MachineTracks, Person
from redact.settings import AnalyseSettings
from redact.track.types import Track

BEGUN, MADE = "demo.begun", "demo.made"
"""Event kinds, recorded on the first case."""
ADMIN, REVIEWER, APPROVER = "ada", "rita", "pat"
FOI, COURT = "DEMO-FOI-1", "DEMO-COURT-1"
EXHIBIT, FILE = "AB1", "bodycam-0417.mp4"
RECORDED_AGO, RECEIVED_AGO = 6, 4
"""Days ago: footage recorded, request received."""
TRIAL_IN = 5
"""Days from today."""


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person in the demo."""

    login: str
    full_name: str
    roles: tuple[Role, ...]
    duties: str


PEOPLE = (
    DemoPerson(REVIEWER, "Rita Shah", (Role.OFFICER, Role.REVIEWER), "adds footage, corrects masks, prepares releases"),
    DemoPerson(APPROVER, "Pat Morgan", (Role.APPROVER,), "watches and approves releases"),
    DemoPerson(ADMIN, "Ada Byrne", (Role.ADMINISTRATOR, Role.AUDITOR), "manages accounts, reads the audit trail"),
)

FOI_DETAILS: Mapping[str, object] = {
    "organisation": "Example Police",
    "request_reference": "RFI 17",
    "recipient": {"name": "A. Asker", "purpose": "Response to a request under the Freedom of Information Act 2000"},
    "delivery": {"method": "Download link", "encryption": "TLS; the archive is encrypted with AES-256"},
    "retention": {"rule": "Two years after the response"},
    "grounds": {
        "s40(2)-3A": {
            "assessment": "Passers-by are not involved in the events and do not expect to appear in published footage."
        }
    },
    "personal_data": {
        "condition": "3A",
        "legitimate_interest": "Transparency about how vehicles are stopped.",
        "necessity": "Faces and number plates are not needed for that.",
        "balance": "The interests of the people recorded outweigh it.",
        "conclusion": "Their personal data is withheld.",
    },
}
TO_TRY = (
    f"As {REVIEWER}, on the review page: the street sign beside the first person is masked like a number plate. "
    "Click that mask, press Delete and give a reason.",
    "Press Q to go to the next item in the review queue, and A if its mask is right. Press ? for all keys.",
    f"On the work list, open release {FOI}#1, render its preview and submit it. Then sign in as {APPROVER}, watch the "
    "preview and, once nothing is open, approve it.",
)
"""First steps for newcomers."""
REASON_TO_SHOW = "The vehicle named in the charge: its number plate is part of the evidence."


@dataclass(frozen=True, slots=True)
class Demo:
    """A complete demo. ``footage`` is its key in the records; everybody in ``people`` has the same password."""

    password: str
    footage: int
    people: tuple[DemoPerson, ...]
    to_try: tuple[str, ...] = TO_TRY


def is_demo(session: Session) -> bool:
    """Whether these records contain a demo, complete or not."""
    return _has_event(session, BEGUN)


def begin(db: Database) -> bool:
    """Mark these records as a demo. Returns whether the demo is already complete.

    Raises WrongState if the records have accounts and are not a demo.
    """
    with db.reading() as session:
        begun, complete = is_demo(session), _has_event(session, MADE)
        if not begun and accounts.all_people(session):
            raise WrongState(
                "These records already have accounts, and a demo must not be mixed with real cases.",
                "Use a separate folder for the demo: REDACT_HOME=~/redact-demo redact serve --demo"
                " (without REDACT_DATABASE_URL).",
            )
    if not begun:
        _record_event(db, BEGUN)
    return complete


def ensure(db: Database, store: Store, progress: Progress) -> Demo:
    """Create the demo, or complete it, and set a new password for its people, so that the last one need not be kept.
    Raises as :func:`begin`, and what the steps raise."""
    complete = begin(db)
    password = accounts.generate_password()
    people = _add_people(db, password)
    if not complete:
        _open_cases(db)
        _detect(db, store, _add_footage(db, store, progress), progress)
        _prepare(db, FOI, "public", FOI_DETAILS)
        _prepare(db, COURT, "court", _court_details())
        _decide(db, store)
        _record_event(db, MADE)
    with db.reading() as session:
        return Demo(password, footage_records.find(session, EXHIBIT, FOI).id, people)


def _has_event(session: Session, kind: str) -> bool:
    return session.scalars(select(Event.seq).where(Event.kind == kind).limit(1)).first() is not None


def _record_event(db: Database, kind: str) -> None:
    with db.writing(SYSTEM) as work:
        work.event(kind, f"case:{FOI}", {})


def _add_people(db: Database, password: str) -> tuple[DemoPerson, ...]:
    """Add the people, or set their new password. Returns those who can sign in, without disabled accounts. The
    administrator is added first, as the others need one."""
    with db.reading() as session:
        existing: dict[str, Person] = {person.name: person for person in accounts.all_people(session)}
    active = []
    for person in sorted(PEOPLE, key=lambda person: person.login != ADMIN):
        account = existing.get(person.login)
        if account is None:
            accounts.add(
                db, ADMIN, person.login, password, full_name=person.full_name, roles=person.roles, must_change=False
            )
        elif account.disabled_at is None:
            accounts.set_password(db, person.login, person.login, password)
        else:
            continue
        active.append(person)
    return tuple(person for person in PEOPLE if person in active)


def _open_cases(db: Database) -> None:
    today = date.today()
    received = today - timedelta(RECEIVED_AGO)
    with db.reading() as session:
        existing = {case.reference: case for case in cases.list_cases(session, closed=True)}
    if FOI not in existing:
        request = {"requester": "A. Asker", "request": "Body-worn video of the traffic stop in High Street."}
        cases.open_case(
            db, REVIEWER, FOI, kind=CaseKind.FOI, title="Demo: stop in High Street", received=received, details=request
        )
    if COURT not in existing:
        proceedings = {
            "urn": "01AB0000126",
            "court": "Mallow Magistrates' Court",
            "defendant": "J. Doe",
            "offence": "Using a motor vehicle without insurance",
            "officer_in_case": "DC Ames",
            "disclosure_officer": "DS Birch",
        }
        due = today + timedelta(TRIAL_IN)
        cases.open_case(
            db,
            REVIEWER,
            COURT,
            kind=CaseKind.COURT,
            title="Demo: R v Doe",
            received=received,
            due=due,
            details=proceedings,
        )
    for reference in (FOI, COURT):
        members = _members(existing.get(reference))
        for login, role in ((REVIEWER, "reviewer"), (APPROVER, "approver")):
            if login not in members:
                cases.add_member(db, REVIEWER, reference, login, role)


def _members(case: Case | None) -> set[str]:
    return {member.person.name for member in case.members} if case else set()


def _add_footage(db: Database, store: Store, progress: Progress) -> Footage:
    """Add the footage to the store and to both cases."""
    with db.reading() as session:
        held = {reference: footage_records.list_footage(session, reference) for reference in (FOI, COURT)}
    if not held[FOI]:
        started = datetime.combine(date.today() - timedelta(RECORDED_AGO), time(14, 32, 8), UTC)
        with store.staging() as staged:
            path = staged.folder / FILE
            write_footage(path, progress=progress)
            intake.add_footage(
                db,
                REVIEWER,
                path,
                case=FOI,
                exhibit=EXHIBIT,
                wearer="PC 4711",
                recorded_start=started,
                progress=progress,
                store=store,
            )
    with db.reading() as session:
        footage = footage_records.find(session, EXHIBIT, FOI)
    if not held[COURT]:
        master = store.master(footage.sha256)
        intake.add_footage(db, REVIEWER, master, case=COURT, name=FILE, exhibit=EXHIBIT, store=store)
    return footage


def _detect(db: Database, store: Store, footage: Footage, progress: Progress) -> None:
    with db.reading() as session:
        found = machine_tracks.newest(session, footage)
    if found is None:
        machine_tracks.detect_footage(db, REVIEWER, footage, AnalyseSettings(), progress=progress, store=store)


def _prepare(db: Database, case: str, policy: str, log_details: Mapping[str, object]) -> None:
    """Create a draft release that is ready to submit."""
    with db.reading() as session:
        drafts = releases.listed(session, cases.find(session, case))
    release = drafts[0] if drafts else releases.create(db, REVIEWER, case, policy_name=policy)
    if not release.details:
        kind = releases.rules_of(release)[0].kind
        releases.set_details(db, REVIEWER, releases.reference(release), details.check(kind, log_details))


def _court_details() -> Mapping[str, object]:
    cpia = {
        "hidden_may_meet_test": False,
        "considered_by": "DS Birch",
        "considered_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {
        "organisation": "Example Police",
        "recipient": {"name": "Crown Prosecution Service", "purpose": "Service on the defence"},
        "delivery": {"method": "Digital Case System", "encryption": "TLS"},
        "retention": {"rule": "As the case file"},
        "material": "used",
        "cpia": cpia,
    }


def _decide(db: Database, store: Store) -> None:
    """Show one plate to the court: the one detected with the highest score."""
    with db.reading() as session:
        release = releases.listed(session, cases.find(session, COURT))[0]
        decisions = releases.decisions_of(session, release)
        row = session.get_one(MachineTracks, release.clips[0].tracks_id)
        plates = [track for track in machine_tracks.load_tracks(session, store, row).tracks if track.label == "plate"]
    if plates and not decisions:
        content = {"target": {"track": max(plates, key=_best_score).id}, "action": "show", "reason": REASON_TO_SHOW}
        releases.decide(db, REVIEWER, releases.reference(release), content, EXHIBIT)


def _best_score(track: Track) -> float:
    return float(track.scores.max())
