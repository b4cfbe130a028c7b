"""The audit trail: searched, and checked."""

# ruff: noqa: PLR0917 - Gradio hands over what the fields hold in their order

from __future__ import annotations

import json

import gradio as gr
from sqlalchemy import select

from redact.cases import chain, witness
from redact.cases.people import Right
from redact.cases.schema import Event
from redact.errors import RedactError
from ui.base import QUIET, SLOW, Context, html, seeing, top
from ui.words import EVENTS, failed, listing, moment, table, text
from ui.work_list import parse_day

PAGE = 100
LONGEST = 300
"""Characters of what an event says, in the list."""


class AuditPage:
    """The trail, the newest first. Handlers are plain methods, the request last."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def top(self, request: gr.Request) -> str:
        """The line at the top."""
        return top(self._context, request, "audit")

    def search(self, words: str, kind: str, who: str, since: str, before: int, request: gr.Request) -> tuple[str, int]:
        """Events that fit, from the one before number ``before`` (0: from the newest), and where to go on."""
        try:
            day = parse_day(since, "first day")
            with seeing(self._context, request, Right.AUDIT) as (session, _):
                query = select(Event).order_by(Event.seq.desc())
                if before:
                    query = query.where(Event.seq < before)
                if kind:
                    query = query.where(Event.kind == kind)
                if (who or "").strip():
                    query = query.where(Event.actor == who.strip().lower())
                if day is not None:
                    query = query.where(Event.at >= day.isoformat())
                for word in (words or "").split():
                    query = query.where(
                        Event.subject.icontains(word, autoescape=True) | Event.body.icontains(word, autoescape=True)
                    )
                found = list(session.scalars(query.limit(PAGE + 1)))
        except RedactError as error:
            return failed(error), 0
        rows = [_row(event) for event in found[:PAGE]]
        heads = ("Number", "When", "Who", "What", "About", "Said")
        shown = table(heads, rows, caption="Audit trail, the newest first", empty="No event fits. Search for less.")
        return shown, found[PAGE - 1].seq if len(found) > PAGE else 0

    def first(self, words: str, kind: str, who: str, since: str, request: gr.Request) -> tuple[str, int]:
        """From the newest on."""
        return self.search(words, kind, who, since, 0, request)

    def verify(self, request: gr.Request) -> str:
        """Read the whole trail, and compare it with every head that was noted."""
        try:
            with seeing(self._context, request, Right.AUDIT) as (session, _):
                known = witness.known_heads(session)
                report = chain.verify(session, [self._context.db.key.public], known)
                if report.sound and report.head is not None:
                    witness.note_head(report.head)
        except RedactError as error:
            return failed(error)
        head = f" The last one's hash is {text(report.head.hash)}." if report.head else ""
        if report.sound:
            return (
                f'<p class="said well" role="status">✓ {report.events} events: all are what was written, and none is'
                f" missing. Compared with {len(known)} heads that were noted before.{head}</p>"
            )
        faults = listing(text(fault.what) for fault in report.faults)
        return (
            f'<div class="said bad" role="alert"><p>✕ {report.events} events, and {len(report.faults)} faults. Keep the'
            f" database as it is, and tell whoever looks after it.</p>{faults}</div>"
        )

    def build(self, blocks: gr.Blocks) -> None:
        """Put the page into ``blocks``."""
        line = html()
        html("<h1>Audit trail</h1>")
        with gr.Row():
            words = gr.Textbox(label="Words", info="In what it is about, and in what it says")
            kinds = [("Everything", ""), *((name, kind) for kind, name in EVENTS.items())]
            kind = gr.Dropdown(kinds, value="", label="What happened", interactive=True)
            who = gr.Textbox(label="Login of who did it")
            since = gr.Textbox(label="From this day on", info="As 2026-05-01")
        with gr.Row():
            search = gr.Button("Search", variant="primary")
            older, verify = gr.Button("Older ones"), gr.Button("Check the whole trail")
        said, shown, before = html(), html(), gr.State(0)
        wish = [words, kind, who, since]
        blocks.load(self.top, None, line, **QUIET)
        blocks.load(self.first, wish, [shown, before], **QUIET)
        for event in (search.click, words.submit, who.submit, since.submit):
            event(self.first, wish, [shown, before], **QUIET)
        older.click(self.search, [*wish, before], [shown, before], **QUIET)
        verify.click(self.verify, None, said, **SLOW)


def _row(event: Event) -> tuple[str, ...]:
    return (
        str(event.seq),
        moment(event.at),
        text(event.actor),
        text(EVENTS.get(event.kind, event.kind)),
        text(event.subject.partition(":")[2] or event.subject),
        text(_told(event)),
    )


def _told(event: Event) -> str:
    body = json.loads(event.body)
    told = "; ".join(f"{key.replace('_', ' ')}: {_short(value)}" for key, value in body.items())
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"


def _short(value: object) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
