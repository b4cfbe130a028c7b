"""The facts, footage, releases and history of a case, as HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.disclose.release import releases
from redact.evidence import footage_records, machine_tracks
from redact.evidence.footage_records import FootageState
from redact.records import cases
from redact.records.release_state import release_subject
from redact.retention.clock import active_marks
from redact.schema.tables import Case, Event, Exhibit, Person
from redact.timecode import timecode
from redact_ui.formatting import (
    EVENTS,
    KINDS,
    WHY,
    chip,
    clock,
    day,
    empty_state,
    facts,
    link,
    moment,
    size,
    state,
    table,
    text,
)  # fmt: skip
from redact_ui.page import (
    release_link,
    review_link,
)  # fmt: skip
from redact_ui.work_list_page import LABELS, NATIONS

HISTORY = 200


def case_facts(case: Case) -> str:
    """The heading and the facts of a case."""
    values = {
        "Due": f"{day(case.due_on)}<br><span class='quiet'>{text(_rule(case))}</span>",
        "Received": day(case.received_on),
        "Assigned to": "<br>".join(f"{text(m.person.full_name)} <span class='quiet'>{text(m.role)}</span>"
                                   for m in case.members) or "no one yet",
        "Working time": f"{case.minutes_locating} minutes locating<br>{case.minutes_redacting} minutes redacting",
    }  # fmt: skip
    values |= {LABELS.get(key, key.replace("_", " ")): text(value) for key, value in case.details.items()}
    kind = text(KINDS.get(case.kind, case.kind))
    # The clock of a closed case already says that it is closed.
    marks = clock(case, date.today()) + (state(case.state) if case.state != cases.CLOSED else "")
    return (
        f'<div class="title"><h1>{text(case.reference)}: {text(case.title)}</h1><p>{kind} {marks}</p></div>'
        f'<div class="panel">{facts(values)}</div>'
    )


def _rule(case: Case) -> str:
    """The rule behind the due date, in words."""
    return case.due_rule.replace(case.nation, NATIONS.get(case.nation, case.nation))


def footage_html(session: Session, case: Case) -> str:
    """The footage of a case, each with a strip of thumbnails."""
    if not case.exhibits:
        return empty_state("There is no footage yet. Add a file below, if your role allows it.")
    return "".join(_clip(session, exhibit) for exhibit in case.exhibits)


def _clip(session: Session, exhibit: Exhibit) -> str:
    footage = exhibit.footage
    held = footage.state == FootageState.STORED
    row = machine_tracks.newest(session, footage)
    media = footage.media
    strip = (
        f'<div class="film" role="group" tabindex="0" aria-label="Thumbnails of {text(exhibit.reference)}">'
        f'<img class="strip" src="/api/footage/{footage.id}/strip.jpg" loading="lazy"'
        f' alt="{text(exhibit.reference)} from start to end"></div>'
        if held
        else ""
    )
    detection = (
        f"{_count(row.tracks, 'track')} found on {moment(row.made_at)}; {_count(footage.revision, 'correction')}"
        if row
        else "Faces and plates have not been detected yet."
    )
    facts_ = [
        timecode(float(media["duration_seconds"])),
        f"{media['width']} × {media['height']}",
        size(footage.size),
        f"recorded {moment(footage.recorded_start)}" if footage.recorded_start else "recording time unknown",
        *([f"worn by {text(footage.wearer)}"] if footage.wearer else []),
    ]
    chips = [
        *([] if held else [state(footage.state)]),
        *(
            chip("⚑", f"{mark.kind.replace('-', ' ').capitalize()}: {mark.reason}", "warn")
            for mark in active_marks(footage)
        ),
        *([chip("⚠", f"{media['damaged_frames']} damaged frames", "warn")] if media.get("damaged_frames") else []),
    ]
    review_button = (
        f'<a class="button" href="{text(review_link(footage.id))}">Review masks of {text(exhibit.reference)}</a>'
        if held and row
        else ""
    )
    return (
        f'<div class="clip">{strip}<div class="line"><div class="words">'
        f"<span><strong>{text(exhibit.reference)}</strong> {text(footage.original_name)} {' '.join(chips)}</span>"
        f'<span class="quiet">{" · ".join(facts_)}</span><span class="quiet">{detection}</span></div>'
        f"{review_button}</div></div>"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def release_table(session: Session, case: Case) -> str:
    """The releases of a case."""
    rows = [
        (
            link(release_link(releases.reference(r)), releases.reference(r)),
            text(releases.rules_of(r)[0].title),
            state(r.state),
            text(len(r.clips)),
            moment(r.created_at),
        )
        for r in releases.listed(session, case)
    ]
    empty = "There are no releases yet. Create one below once detection has been run."
    return table(("Release", "Policy", "State", "Clips", "Created"), rows, caption="Releases", empty=empty)


def subjects_of(session: Session, case: Case) -> list[str]:
    """The subjects that events and jobs use for the case, its footage and its releases."""
    return [
        cases.subject(case),
        *exhibit_names(case),
        *(release_subject(release) for release in releases.listed(session, case)),
    ]


def exhibit_names(case: Case) -> dict[str, str]:
    """Exhibit references of the footage in the case, by the subject that events and jobs use."""
    return {footage_records.subject(exhibit.footage.sha256): exhibit.reference for exhibit in case.exhibits}


def history_table(session: Session, case: Case) -> str:
    """Events about the case, its footage and its releases, newest first."""
    query_ = select(Event).where(Event.subject.in_(subjects_of(session, case)))
    events = list(session.scalars(query_.order_by(Event.seq.desc()).limit(HISTORY)))
    names = {p.name: p.full_name for p in session.scalars(select(Person))}
    exhibits = exhibit_names(case)
    heads = ("When", "Who", "Event", "About", "Reason or note")
    return table(heads, _history_rows(events, names, exhibits), caption="History", empty="There are no events yet.")


def _history_rows(events: list[Event], names: dict[str, str], exhibits: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for event in events:
        body = json.loads(event.body)
        remark = next((str(body[key]) for key in WHY if body.get(key)), "")
        about = exhibits.get(event.subject) or event.subject.partition(":")[2]
        yield (
            moment(event.at),
            text(names.get(event.actor, event.actor)),
            text(EVENTS.get(event.kind, event.kind)),
            text(about),
            text(remark),
        )
