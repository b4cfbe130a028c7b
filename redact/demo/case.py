"""The demo of ``redact serve --demo``: people, two cases, footage, tracks and releases, made as people would make them.

Nothing in it is canned. Two events of the audit chain stand around it: one before the first step, which only records
that hold nobody get, and one after the last. So a home of real cases is never touched, a run that was broken off is
taken up where it ended, and a demo that is whole is left as its people have it by now.
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
"""Events about the first case."""
ADMIN, REVIEWER, APPROVER = "ada", "rita", "pat"
FOI, COURT = "DEMO-FOI-1", "DEMO-COURT-1"
EXHIBIT, FILE = "AB1", "bodycam-0417.mp4"
RECORDED_AGO, RECEIVED_AGO = 6, 4
"""Days: the camera filmed, then somebody asked for it."""
TRIAL_IN = 5
"""Days from today."""


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody in the demo."""

    login: str
    full_name: str
    roles: tuple[Role, ...]
    duties: str


PEOPLE = (
    DemoPerson(REVIEWER, "Rita Shah", (Role.OFFICER, Role.REVIEWER), "adds footage, corrects masks, prepares releases"),
    DemoPerson(APPROVER, "Pat Morgan", (Role.APPROVER,), "watches what is to go out, and approves it"),
    DemoPerson(ADMIN, "Ada Byrne", (Role.ADMINISTRATOR, Role.AUDITOR), "looks after people, reads the audit trail"),
)

FOI_DETAILS: Mapping[str, object] = {
    "organisation": "Example Police",
    "request_reference": "RFI 17",
    "recipient": {"name": "A. Asker", "purpose": "Answer to a request under the Freedom of Information Act 2000"},
    "delivery": {"method": "Download link", "encryption": "TLS; the archive is encrypted with AES-256"},
    "retention": {"rule": "Two years after the answer"},
    "grounds": {
        "s40(2)-3A": {"assessment": "Passers-by have no part in the events and do not expect to be published."}
    },
    "personal_data": {
        "condition": "3A",
        "legitimate_interest": "Openness about how vehicles are stopped.",
        "necessity": "Faces and number plates add nothing to that.",
        "balance": "The interests of those filmed prevail.",
        "conclusion": "Their personal data is withheld.",
    },
}
TO_TRY = (
    f"As {REVIEWER}, in the review: the street sign beside the first person is masked as if it were a number plate. "
    "Click that mask, press Delete, and say why.",
    "Press Q to go from one doubtful spot to the next, and A where the mask is right. The key ? shows all keys.",
    f"On the work list, open the release {FOI}#1, have its preview rendered, and submit it. Then sign in as "
    f"{APPROVER}, watch the preview and, once nothing is open, approve it.",
)
"""By newcomers."""
SHOWN = "The vehicle named in the charge: its number plate is part of the evidence."


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is whole. ``footage`` is its key in the records; the password is that of all in ``people``."""

    password: str
    footage: int
    people: tuple[DemoPerson, ...]
    to_try: tuple[str, ...] = TO_TRY


def is_demo(session: Session) -> bool:
    """Whether these records were begun as a demo."""
    return _has_event(session, BEGUN)


def begin(db: Database) -> bool:
    """Have these records be a demo's. Says whether the demo was made to its end.

    Raises WrongState where the records hold somebody and are no demo.
    """
    with db.reading() as session:
        begun, whole = is_demo(session), _has_event(session, MADE)
        if not begun and accounts.all_people(session):
            raise WrongState(
                "There are people in these records already, and a demo does not belong among real cases.",
                "Give the demo a folder of its own: REDACT_HOME=~/redact-demo redact serve --demo"
                " (and no REDACT_DATABASE_URL).",
            )
    if not begun:
        _record_event(db, BEGUN)
    return whole


def ensure(db: Database, store: Store, progress: Progress) -> Demo:
    """Make the demo, or what is missing of it, and give its people another password: nobody has to have kept the last
    one. Raises as :func:`begin`, and what the steps raise."""
    whole = begin(db)
    password = accounts.generate_password()
    people = _add_people(db, password)
    if not whole:
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
    """Those who may sign in, which an administrator may have ended meanwhile. The administrator comes first: nobody
    else can be added before."""
    with db.reading() as session:
        there: dict[str, Person] = {person.name: person for person in accounts.all_people(session)}
    signed = []
    for person in sorted(PEOPLE, key=lambda person: person.login != ADMIN):
        known = there.get(person.login)
        if known is None:
            accounts.add(
                db, ADMIN, person.login, password, full_name=person.full_name, roles=person.roles, must_change=False
            )
        elif known.disabled_at is None:
            accounts.set_password(db, person.login, person.login, password)
        else:
            continue
        signed.append(person)
    return tuple(person for person in PEOPLE if person in signed)


def _open_cases(db: Database) -> None:
    today = date.today()
    received = today - timedelta(RECEIVED_AGO)
    with db.reading() as session:
        there = {case.reference: case for case in cases.list_cases(session, closed=True)}
    if FOI not in there:
        asked = {"requester": "A. Asker", "request": "Body-worn video of the traffic stop in High Street."}
        cases.open_case(
            db, REVIEWER, FOI, kind=CaseKind.FOI, title="Demo: stop in High Street", received=received, details=asked
        )
    if COURT not in there:
        told = {
            "urn": "01AB0000126",
            "court": "Mallow Magistrates' Court",
            "defendant": "J. Doe",
            "offence": "Using a motor vehicle without insurance",
            "officer_in_case": "DC Ames",
            "disclosure_officer": "DS Birch",
        }
        due = today + timedelta(TRIAL_IN)
        cases.open_case(
            db, REVIEWER, COURT, kind=CaseKind.COURT, title="Demo: R v Doe", received=received, due=due, details=told
        )
    for reference in (FOI, COURT):
        members = _members(there.get(reference))
        for login, role in ((REVIEWER, "reviewer"), (APPROVER, "approver")):
            if login not in members:
                cases.add_member(db, REVIEWER, reference, login, role)


def _members(case: Case | None) -> set[str]:
    return {member.person.name for member in case.members} if case else set()


def _add_footage(db: Database, store: Store, progress: Progress) -> Footage:
    """The film in the store, and in both cases."""
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


def _prepare(db: Database, case: str, policy: str, told: Mapping[str, object]) -> None:
    """A draft that lacks nothing but somebody's look."""
    with db.reading() as session:
        drafts = releases.listed(session, cases.find(session, case))
    release = drafts[0] if drafts else releases.create(db, REVIEWER, case, policy_name=policy)
    if not release.details:
        kind = releases.rules_of(release)[0].kind
        releases.set_details(db, REVIEWER, releases.reference(release), details.check(kind, told))


def _court_details() -> Mapping[str, object]:
    considered = {
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
        "cpia": considered,
    }


def _decide(db: Database, store: Store) -> None:
    """One plate is shown to the court: the one the detector was surest of."""
    with db.reading() as session:
        release = releases.listed(session, cases.find(session, COURT))[0]
        decided = releases.decisions_of(session, release)
        row = session.get_one(MachineTracks, release.clips[0].tracks_id)
        plates = [track for track in machine_tracks.load_tracks(session, store, row).tracks if track.label == "plate"]
    if plates and not decided:
        content = {"target": {"track": max(plates, key=_surest).id}, "action": "show", "reason": SHOWN}
        releases.decide(db, REVIEWER, releases.reference(release), content, EXHIBIT)


def _surest(track: Track) -> float:
    return float(track.scores.max())
