"""The audit trail page: search and verification."""

# ruff: noqa: PLR0917 - Gradio hands over what the fields hold in their order

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta

import gradio as gr
from sqlalchemy import select

from redact.audit import chain, heads
from redact.errors import RedactError
from redact.records import accounts
from redact.records.accounts import Right
from redact.schema.tables import Event, as_text
from redact_ui.formatting import EVENTS, WHY, failure, link, listing, moment, table, text
from redact_ui.page import QUIET, SLOW, Context, authorised, case_link, html, release_link, section, top_bar
from redact_ui.work_list_page import parse_day

PAGE = 100
LONGEST = 300
"""Longest value of an event shown in the list, in characters."""


class AuditPage:
    """The audit trail, newest events first. Handlers are plain methods that take the request last."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def top_bar(self, request: gr.Request) -> str:
        """The top bar."""
        return top_bar(self._context, request, "audit")

    def search(
        self, terms: str, kind: str, actor: str, since: str, until: str, before: int, request: gr.Request
    ) -> tuple[object, ...]:
        """Matching events before number ``before`` (0: from the newest), the number to continue from, and the states of
        the buttons for older and newest events."""
        try:
            first, last = parse_day(since, "first day"), parse_day(until, "last day")
            with authorised(self._context, request, Right.AUDIT) as (session, _):
                query = select(Event).order_by(Event.seq.desc())
                if before:
                    query = query.where(Event.seq < before)
                if kind:
                    query = query.where(Event.kind == kind)
                if (actor or "").strip():
                    query = query.where(Event.actor == actor.strip().lower())
                if first is not None:
                    query = query.where(Event.at >= as_text(_midnight(first)))
                if last is not None:
                    query = query.where(Event.at < as_text(_midnight(last + timedelta(1))))
                for word in (terms or "").split():
                    query = query.where(
                        Event.subject.icontains(word, autoescape=True) | Event.body.icontains(word, autoescape=True)
                    )
                events = list(session.scalars(query.limit(PAGE + 1)))
                head = chain.signed_head(session)
                names = {p.name: p.full_name for p in accounts.all_people(session)}
        except RedactError as error:
            return failure(error), 0, gr.update(interactive=False), gr.update(interactive=False)
        results, more = events[:PAGE], len(events) > PAGE
        rows = [_row(event, names) for event in results]
        heads = ("Number", "When", "Who", "Event", "About", "Reason or note")
        listed = table(heads, rows, caption="Audit trail, newest first", empty="No events match. Remove some filters.")
        if results:
            count = head.count if head else 0
            listed = f'<p class="quiet">Events {results[0].seq:,} to {results[-1].seq:,} of {count:,}</p>{listed}'
        return listed, results[-1].seq if more else 0, gr.update(interactive=more), gr.update(interactive=bool(before))

    def first(
        self, terms: str, kind: str, actor: str, since: str, until: str, request: gr.Request
    ) -> tuple[object, ...]:
        """Search from the newest event."""
        return self.search(terms, kind, actor, since, until, 0, request)

    def verify(self, request: gr.Request) -> str:
        """Verify the whole trail against every recorded chain head."""
        try:
            with authorised(self._context, request, Right.AUDIT) as (session, _):
                known = heads.known_heads(session)
                report = chain.verify(session, [self._context.db.key.public], known)
                if report.sound and report.head is not None:
                    heads.record_head(report.head)
        except RedactError as error:
            return failure(error)
        head = f" The hash of the last event is {text(report.head.hash)}." if report.head else ""
        if report.sound:
            return (
                f'<p class="said well" role="status">✓ {report.events:,} events checked. All are unchanged and none is'
                f" missing. Compared with {len(known)} recorded chain heads.{head}</p>"
            )
        faults = [text(fault.what) for fault in report.faults[:PAGE]]
        if len(report.faults) > PAGE:
            faults.append(f"and {len(report.faults) - PAGE:,} more; <code>redact audit verify</code> lists all of them")
        return (
            f'<div class="said bad" role="alert"><p>✕ {report.events:,} events checked, {len(report.faults):,} faults'
            f" found. Do not change the database, and tell its administrator.</p>{listing(faults)}</div>"
        )

    def build(self, blocks: gr.Blocks) -> None:
        """Put the page into ``blocks``."""
        line = html()
        html(
            '<h1>Audit trail</h1><p class="lead">Everything people did, in order. Changed or missing events are'
            " detected.</p>"
        )
        with section("Verify"):
            with gr.Row():
                html("<p>Every event is read and checked against the stored signatures.</p>")
                verify = gr.Button("Verify audit trail")
            message = html()
        with section("Search"):
            with gr.Row():
                terms = gr.Textbox(label="Search for", placeholder="Words in the subject or details", min_width=160)
                kinds = [("All events", ""), *sorted((name, kind) for kind, name in EVENTS.items())]
                kind = gr.Dropdown(kinds, value="", label="Event", interactive=True, min_width=160)
                actor = gr.Textbox(label="User name", min_width=120)
                since = gr.Textbox(label="From", placeholder="2026-05-01", min_width=120)
                until = gr.Textbox(label="To", placeholder="2026-05-31", min_width=120)
                search = gr.Button("Search", variant="primary")
            results, before = html(), gr.State(0)
            with gr.Row():
                newest, older = gr.Button("Newest events"), gr.Button("Older events")
        filters = [terms, kind, actor, since, until]
        outputs = [results, before, older, newest]
        blocks.load(self.top_bar, None, line, **QUIET)
        blocks.load(self.first, filters, outputs, **QUIET)
        for event in (search.click, newest.click, kind.input, *(part.submit for part in (terms, actor, since, until))):
            event(self.first, filters, outputs, **QUIET)
        older.click(self.search, [*filters, before], outputs, **QUIET)
        verify.click(self.verify, None, message, **SLOW)


def _midnight(day: date) -> datetime:
    """The start of a day in local time."""
    return datetime.combine(day, time()).astimezone()


def _row(event: Event, names: dict[str, str]) -> tuple[str, ...]:
    body = json.loads(event.body)
    remark = next((str(body[key]) for key in WHY if body.get(key)), "")
    pairs = "".join(f"<dt>{text(_named(key))}</dt><dd>{text(_short(value))}</dd>" for key, value in body.items())
    more = f"<details><summary>Details</summary><dl>{pairs}</dl></details>" if pairs else ""
    actor = names.get(event.actor, event.actor)
    login = f"<br><span class='quiet'>{text(event.actor)}</span>" if actor != event.actor else ""
    return (
        f"<span class='whole'>{event.seq:,}</span>",
        moment(event.at, seconds=True),
        f"<span class='whole'>{text(actor)}</span>{login}",
        f"<span class='whole'>{text(EVENTS.get(event.kind, event.kind))}</span>",
        _about(event.subject),
        (f"{text(remark)}<br>" if remark else "") + more,
    )


def _about(subject: str) -> str:
    kind, _, name = subject.partition(":")
    if kind == "case":
        return link(case_link(name), name)
    return link(release_link(name), name) if kind == "release" else f"<span class='long'>{text(name or subject)}</span>"


def _named(key: str) -> str:
    name = key.replace("_", " ")
    return "SHA-256" if key == "sha256" else name[:1].upper() + name[1:]


def _short(value: object) -> str:
    shortened = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return shortened if len(shortened) <= LONGEST else f"{shortened[:LONGEST]}…"
