"""Records in words and HTML. Whatever was not written here goes through :func:`text`."""

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
"""Days before it is due that a clock is pressing."""
_INERT = {ord(c): f"&#{ord(c)};" for c in "${}`\\"}
"""What Gradio's templates and scripts read as code. Only the browser's parser makes these characters of it again."""

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
    "held": ("✓", "In the store", "well"),
    "disposing": ("✕", "Being disposed of", "bad"),
    "disposed": ("✕", "Disposed of", "bad"),
    "queued": ("…", "Waiting", "plain"),
    "running": ("▸", "Under way", "warn"),
    "done": ("✓", "Done", "well"),
    "failed": ("✕", "Failed", "bad"),
    "cancelled": ("–", "Cancelled", "plain"),
    "ok": ("✓", "In order", "well"),
    "note": ("!", "To note", "warn"),
    "bad": ("✕", "Wrong", "bad"),
}
"""Sign, word and colour: colour never says it alone."""
JOBS = {
    "intake": "Taking in footage",
    "detect": "Looking for faces and plates",
    "preview": "Rendering the preview",
    "second-look": "Second look at the rendered copy",
    "export": "Making the pack",
}
EVENTS = {
    "audit.exported": "Audit trail exported",
    "case.changed": "Case changed",
    "case.closed": "Case closed",
    "case.reopened": "Case opened again",
    "case.member-added": "Member added",
    "case.opened": "Case opened",
    "case.time-noted": "Working time noted",
    "demo.begun": "Demo begun",
    "demo.made": "Demo made",
    "edit.made": "Mask corrected",
    "footage.added": "Footage added",
    "exhibit.added": "Footage joined to the case",
    "footage.changed": "What is noted of footage changed",
    "footage.mark-placed": "Footage held",
    "footage.mark-lifted": "Hold lifted",
    "footage.disposal-begun": "Disposal begun",
    "footage.disposed": "Footage disposed of",
    "key.registered": "Signing key registered",
    "person.added": "Person added",
    "person.disabled": "Person disabled",
    "person.roles-set": "Roles changed",
    "person.linked": "Linked with the sign-in provider",
    "person.password-set": "Password set",
    "person.sessions-ended": "Signed out by an administrator",
    "person.sign-in-failed": "Sign-ins failed",
    "person.signed-in": "Signed in",
    "person.signed-out": "Signed out",
    "person.unlinked": "Link with the sign-in provider undone",
    "release.approved": "Release approved",
    "release.clips-set": "Clips chosen",
    "release.created": "Release begun",
    "release.decided": "Decision noted",
    "release.delivered": "Pack handed out",
    "release.details-set": "Details noted",
    "release.exported": "Pack made",
    "release.reopened": "Release is a draft again",
    "release.sent-back": "Release sent back",
    "release.submitted": "Release submitted",
    "release.watched": "Preview watched",
    "release.withdrawn": "Release withdrawn",
    "sign-in.failed": "Sign-ins under unknown names failed",
    "store.cleaned": "Store cleaned of what nothing needs",
    "tracks.made": "Faces and plates looked for",
}
WHY = ("reason", "note", "why", "override")
"""What of an event a person said."""


def text(value: object) -> str:
    """Any text as HTML that shows just that text, in an element or a quoted attribute, wherever Gradio puts it."""
    return escape(str(value)).translate(_INERT)


def chip(sign: str, label: str, colour: str) -> str:
    """A state: sign and words, in a colour."""
    return f'<span class="chip {colour}"><span aria-hidden="true">{sign}</span> {text(label)}</span>'


def state(name: str) -> str:
    """A state of :data:`STATES`."""
    return chip(*STATES.get(name, ("○", name.replace("-", " "), "plain")))


def pressing(case: Case, today: date) -> bool:
    """Whether an answer is due soon, or overdue."""
    return case.state != CLOSED and case.due_on is not None and (case.due_on - today).days <= SOON


def clock(case: Case, today: date) -> str:
    """When an answer is due."""
    if case.state == CLOSED:
        return state("closed")
    label = describe_due(case.due_on, today).capitalize()
    if case.due_on is None:
        return chip("–", label, "plain")
    if case.due_on < today:
        return chip("⚠", label, "bad")
    return chip("◔", label, "warn") if pressing(case, today) else chip("○", label, "plain")


def day(value: date | None) -> str:
    """A day, as 2 November 2026."""
    return f"{value.day} {value:%B %Y}" if value else "–"


def moment(value: datetime | str | None, *, seconds: bool = False) -> str:
    """A time on this place's clock."""
    if value is None:
        return "–"
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = at.astimezone()
    clock_ = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return f'<time datetime="{at.isoformat()}">{local.day} {local:%b %Y}, {clock_}</time>'


def size(count: int) -> str:
    """Bytes in a unit that people read."""
    value, unit = float(count), "bytes"
    for unit in ("bytes", "KB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def time_left(seconds: float | None) -> str:
    """How long something will still take, roughly."""
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
    """A link; ``address`` is one of ours."""
    return f'<a href="{text(address)}">{text(label)}</a>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, empty: str) -> str:
    """A table of cells that are HTML already; ``empty`` says what to do where there is nothing yet."""
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
    """Names and values; the values are HTML already."""
    rows = "".join(f"<div><dt>{text(name)}</dt><dd>{value}</dd></div>" for name, value in pairs.items())
    return f'<dl class="facts">{rows}</dl>'


def empty_state(label: str) -> str:
    """There is nothing yet, and what to do."""
    return f'<p class="nothing">{text(label)}</p>'


def listing(items: Iterable[str]) -> str:
    """A list of items that are HTML already."""
    return f'<ul class="items">{"".join(f"<li>{item}</li>" for item in items)}</ul>'


def success(label: str) -> str:
    """Something was done; ``words`` are HTML already."""
    return f'<p class="said well" role="status"><span aria-hidden="true">✓</span> {label}</p>' if label else ""


def failure(error: RedactError) -> str:
    """Something was not done, and why."""
    return (
        f'<p class="said bad" role="alert"><span aria-hidden="true">✕</span> {text(text_of(error))}'
        f' <span class="code">{text(error.code)}</span></p>'
    )
