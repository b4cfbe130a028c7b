"""A case's facts, footage, releases and history, as HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from redact.cases import cases, footage, tracks
from redact.cases.footage import FootageState
from redact.cases.reopening import release_subject
from redact.cases.retention_clock import standing
from redact.cases.schema import Case, Event, Exhibit, Person
from redact.disclose import releases
from redact.timecode import timecode
from ui.base import (
    release_link,
    review_link,
)  # fmt: skip
from ui.words import (
    EVENTS,
    KINDS,
    chip,
    clock,
    day,
    facts,
    link,
    moment,
    nothing,
    size,
    state,
    table,
    text,
)  # fmt: skip
from ui.work_list import LABELS

HISTORY = 200


def case_facts(case: Case) -> str:
    """What is noted of it."""
    told = {
        "Kind": text(KINDS.get(case.kind, case.kind)),
        "State": state(case.state),
        "Clock": clock(case, date.today()),
        "Due": f"{day(case.due_on)} <span class='quiet'>{text(case.due_rule)}</span>",
        "Received": day(case.received_on),
        "Working time": f"{case.minutes_locating} minutes locating, {case.minutes_redacting} redacting",
        "Members": ", ".join(f"{text(m.person.full_name)} ({text(m.role)})" for m in case.members) or "nobody yet",
    }
    told |= {LABELS.get(key, key.replace("_", " ")): text(value) for key, value in case.details.items()}
    return f"<h1>{text(case.reference)}: {text(case.title)}</h1>{facts(told)}"


def footage_html(session: Session, case: Case) -> str:
    """Its footage, each with a strip of pictures."""
    if not case.exhibits:
        return nothing("There is no footage yet. Add a file below; whoever may add footage sees the form.")
    return "".join(_clip(session, exhibit) for exhibit in case.exhibits)


def _clip(session: Session, exhibit: Exhibit) -> str:
    film = exhibit.footage
    held = film.state == FootageState.HELD
    row = tracks.newest(session, film)
    media = film.media
    strip = (
        f'<img class="strip" src="/api/footage/{film.id}/strip.jpg" loading="lazy"'
        f' alt="Pictures from {text(exhibit.reference)}, from its beginning to its end">'
        if held
        else ""
    )
    looked = (
        f"{row.tracks} tracks found on {moment(row.made_at)}; {film.revision} corrections"
        if row
        else "Nobody has looked for faces and plates yet."
    )
    parts = [
        f"<strong>{text(exhibit.reference)}</strong>",
        text(film.original_name),
        f"{timecode(float(media['duration_seconds']))}, {media['width']} × {media['height']}, {size(film.size)}",
        f"recorded {moment(film.recorded_start)}" if film.recorded_start else "when it was recorded is not known",
        *([] if held else [state(film.state)]),
        *(chip("⚑", f"{mark.kind.replace('-', ' ')}: {mark.reason}", "warn") for mark in standing(film)),
        *([chip("⚠", f"{media['damaged_frames']} damaged frames", "warn")] if media.get("damaged_frames") else []),
        f'<span class="quiet">{looked}</span>',
    ]
    if held and row:
        parts.append(link(review_link(film.id), f"Review the masks of {exhibit.reference}"))
    return f'<div class="clip">{strip}<div class="line">{"".join(f"<span>{part}</span>" for part in parts)}</div></div>'


def release_table(session: Session, case: Case) -> str:
    """Its releases."""
    rows = [
        (
            link(release_link(releases.reference(r)), releases.reference(r)),
            text(r.policy_name),
            state(r.state),
            text(len(r.clips)),
            moment(r.created_at),
        )
        for r in releases.listed(session, case)
    ]
    empty = "There is no release yet. Once faces and plates were looked for, begin one below."
    return table(("Release", "Policy", "State", "Clips", "Begun"), rows, caption="Releases", empty=empty)


def subjects_of(session: Session, case: Case) -> list[str]:
    """How events and jobs name the case, its footage and its releases."""
    return [
        cases.subject(case),
        *(footage.subject(exhibit.footage.sha256) for exhibit in case.exhibits),
        *(release_subject(release) for release in releases.listed(session, case)),
    ]


def history_table(session: Session, case: Case) -> str:
    """What has happened to any of it, the newest first."""
    query_ = select(Event).where(or_(Event.subject.in_(subjects_of(session, case))))
    found = list(session.scalars(query_.order_by(Event.seq.desc()).limit(HISTORY)))
    names = {p.name: p.full_name for p in session.scalars(select(Person))}
    return table(("When", "Who", "What", "About", "Said"), _told(found, names), caption="History", empty="Nothing yet.")


def _told(events: list[Event], names: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for event in events:
        body = json.loads(event.body)
        said = next((str(body[key]) for key in ("reason", "note", "why", "override") if body.get(key)), "")
        about = event.subject.partition(":")[2]
        yield (
            moment(event.at),
            text(names.get(event.actor, event.actor)),
            text(EVENTS.get(event.kind, event.kind)),
            text(about),
            text(said),
        )
