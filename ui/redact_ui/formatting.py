"""Records as text and HTML. Any text from elsewhere goes through :func:`text`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from html import escape

from redact.errors import RedactError
from redact.records.cases import CLOSED
from redact.records.deadlines import describe_due
from redact.schema.tables import Case
from redact.server.error_responses import text_of

SOON = 5
"""Cases due within this many days count as due soon."""
_INERT = {ord(c): f"&#{ord(c)};" for c in "${}`\\"}
"""Characters that Gradio's templates and scripts could read as code, as entities that only the HTML parser decodes."""

KINDS = {
    "court": "Court",
    "foi": "Freedom of information",
    "subject-access": "Subject access",
    "complaint": "Complaint",
    "internal": "Internal",
}
STATES = {
    "draft": ("✎", "Draft", "plain"),
    "in-review": ("◔", "In review", "warn"),
    "approved": ("✓", "Approved", "well"),
    "exported": ("⇩", "Exported", "well"),
    "withdrawn": ("✕", "Withdrawn", "bad"),
    "open": ("○", "Open", "plain"),
    "closed": ("✓", "Closed", "well"),
    "held": ("✓", "Stored", "well"),
    "disposing": ("✕", "Being disposed of", "bad"),
    "disposed": ("✕", "Disposed of", "bad"),
    "queued": ("…", "Waiting", "plain"),
    "running": ("▸", "Running", "warn"),
    "done": ("✓", "Done", "well"),
    "failed": ("✕", "Failed", "bad"),
    "cancelled": ("–", "Cancelled", "plain"),
    "ok": ("✓", "OK", "well"),
    "note": ("!", "Note", "warn"),
    "bad": ("✕", "Problem", "bad"),
}
"""Sign, label and colour: colour is never the only cue."""
JOBS = {
    "intake": "Adding footage",
    "detect": "Detecting faces and plates",
    "preview": "Rendering preview",
    "second-look": "Second detection pass",
    "export": "Exporting pack",
}
EVENTS = {
    "audit.exported": "Audit trail exported",
    "case.changed": "Case changed",
    "case.closed": "Case closed",
    "case.reopened": "Case reopened",
    "case.member-added": "Member added",
    "case.opened": "Case opened",
    "case.time-noted": "Working time recorded",
    "demo.begun": "Demo started",
    "demo.made": "Demo created",
    "edit.made": "Mask corrected",
    "footage.added": "Footage added",
    "exhibit.added": "Footage added to case",
    "footage.changed": "Footage details changed",
    "footage.mark-placed": "Hold placed",
    "footage.mark-lifted": "Hold lifted",
    "footage.disposal-begun": "Disposal started",
    "footage.disposed": "Footage disposed of",
    "key.registered": "Signing key registered",
    "person.added": "Person added",
    "person.disabled": "Person disabled",
    "person.roles-set": "Roles changed",
    "person.linked": "Linked to sign-in provider",
    "person.password-set": "Password set",
    "person.sessions-ended": "Signed out by an administrator",
    "person.sign-in-failed": "Sign-in failed",
    "person.signed-in": "Signed in",
    "person.signed-out": "Signed out",
    "person.unlinked": "Unlinked from sign-in provider",
    "release.approved": "Release approved",
    "release.clips-set": "Clips selected",
    "release.created": "Release created",
    "release.decided": "Decision recorded",
    "release.delivered": "Pack downloaded",
    "release.details-set": "Details recorded",
    "release.exported": "Pack exported",
    "release.reopened": "Release returned to draft",
    "release.sent-back": "Release sent back",
    "release.submitted": "Release submitted",
    "release.watched": "Preview watched",
    "release.withdrawn": "Release withdrawn",
    "sign-in.failed": "Sign-in with unknown user name failed",
    "store.cleaned": "Unused files removed from store",
    "tracks.made": "Faces and plates detected",
}
WHY = ("reason", "note", "why", "override")
"""Keys of an event that hold a person's own words."""


def text(value: object) -> str:
    """Escape text for HTML elements and quoted attributes, so that Gradio shows exactly that text."""
    return escape(str(value)).translate(_INERT)


def chip(sign: str, label: str, colour: str) -> str:
    """A coloured label with a sign."""
    return f'<span class="chip {colour}"><span aria-hidden="true">{sign}</span> {text(label)}</span>'


def state(name: str) -> str:
    """The label of a state in :data:`STATES`."""
    return chip(*STATES.get(name, ("○", name.replace("-", " "), "plain")))


def pressing(case: Case, today: date) -> bool:
    """Whether a case is overdue or due soon."""
    return case.state != CLOSED and case.due_on is not None and (case.due_on - today).days <= SOON


def clock(case: Case, today: date) -> str:
    """A label that says when a case is due."""
    if case.state == CLOSED:
        return state("closed")
    label = describe_due(case.due_on, today).capitalize()
    if case.due_on is None:
        return chip("–", label, "plain")
    if case.due_on < today:
        return chip("⚠", label, "bad")
    return chip("◔", label, "warn") if pressing(case, today) else chip("○", label, "plain")


def day(value: date | None) -> str:
    """A date, such as 2 November 2026."""
    return f"{value.day} {value:%B %Y}" if value else "–"


def moment(value: datetime | str | None, *, seconds: bool = False) -> str:
    """A time in the local time zone."""
    if value is None:
        return "–"
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = at.astimezone()
    clock_ = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return f'<time datetime="{at.isoformat()}">{local.day} {local:%b %Y}, {clock_}</time>'


def size(count: int) -> str:
    """A size in bytes, in a readable unit."""
    value, unit = float(count), "bytes"
    for unit in ("bytes", "KB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def time_left(seconds: float | None) -> str:
    """The approximate remaining time, in words; empty if unknown."""
    if seconds is None:
        return ""
    if seconds < 60:
        return "less than a minute left"
    minutes = round(seconds / 60)
    return (
        f"about {minutes} minute{'' if minutes == 1 else 's'} left"
        if minutes < 90
        else (f"about {minutes / 60:.1f} hours left")
    )


def link(address: str, label: object) -> str:
    """A link; ``address`` is an address of the workbench."""
    return f'<a href="{text(address)}">{text(label)}</a>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, empty: str) -> str:
    """A table whose cells are already HTML; ``empty`` is the text shown if there are no rows."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return empty_state(empty)
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in heads)
    return (
        f'<div class="scroll" role="region" aria-label="{text(caption)}" tabindex="0"><table class="records">'
        f'<caption class="unseen">{text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )


def facts(pairs: Mapping[str, str]) -> str:
    """A list of names and values; the values are already HTML."""
    rows = "".join(f"<div><dt>{text(name)}</dt><dd>{value}</dd></div>" for name, value in pairs.items())
    return f'<dl class="facts">{rows}</dl>'


def empty_state(label: str) -> str:
    """A message shown where there is nothing yet, usually with what to do."""
    return f'<p class="nothing">{text(label)}</p>'


def listing(items: Iterable[str]) -> str:
    """A bullet list; the items are already HTML."""
    return f'<ul class="items">{"".join(f"<li>{item}</li>" for item in items)}</ul>'


def success(label: str) -> str:
    """A success message; ``label`` is already HTML."""
    return f'<p class="said well" role="status"><span aria-hidden="true">✓</span> {label}</p>' if label else ""


def failure(error: RedactError) -> str:
    """An error message with its code."""
    return (
        f'<p class="said bad" role="alert"><span aria-hidden="true">✕</span> {text(text_of(error))}'
        f' <span class="code">{text(error.code)}</span></p>'
    )
