"""What all pages share: their context, the signed-in user, the top bar, links, and HTML helpers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol
from urllib.parse import quote

import gradio as gr
from sqlalchemy.orm import Session

from redact.disclose.release.plan import ReleasePlan
from redact.errors import NotSignedIn, RedactError
from redact.evidence.store import Store
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database
from redact.schema.tables import Person, Release
from redact_ui.formatting import failure, success, text

ROOT = "/work"
"""Where the pages are mounted, as in :data:`redact.server.gate.PAGES`."""


class HealthLine(Protocol):
    """One result of ``redact doctor``. ``state`` is ok, note or bad."""

    @property
    def what(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def found(self) -> str: ...  # noqa: D102
    @property
    def remedy(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Context:
    """What pages work with. ``plan`` resolves a release in its current state, cached if possible; ``health`` runs the
    health checks. Pages reach footage only through these and the server's routes."""

    db: Database
    store: Store
    plan: Callable[[Session, Release], ReleasePlan]
    health: Callable[[], Iterable[HealthLine]]


def login(request: gr.Request) -> str:
    """The login of the signed-in user, as set by the access gate. Raises NotSignedIn."""
    name = getattr(request, "username", None)
    if not isinstance(name, str) or not name:
        raise NotSignedIn("You are not signed in, or your session has timed out.", "Reload the page and sign in again.")
    return name


@contextmanager
def authorised(context: Context, request: gr.Request, right: Right = Right.SEE) -> Iterator[tuple[Session, Person]]:
    """A read transaction and the person, if they have ``right``. Raises NotSignedIn, NotAllowed."""
    name = login(request)
    with context.db.reading() as session:
        yield session, accounts.authorise(session, name, right)


def run_action(work: Callable[[], str]) -> str:
    """Run an action: its success message, or the error, as HTML."""
    return try_action(work)[0]


def try_action(work: Callable[[], str]) -> tuple[str, bool]:
    """Like :func:`run_action`, and whether it succeeded."""
    try:
        return success(work()), True
    except RedactError as error:
        return failure(error), False


def unavailable(error: RedactError) -> str:
    """Shown instead of a page's content: the error, and a link back. The rest of the page is hidden."""
    return f'<div class="lost">{failure(error)}<p><a href="{ROOT}/">Go to the work list</a></p></div>'


def case_link(reference: str) -> str:
    """The address of a case's page."""
    return f"{ROOT}/case?case={quote(reference, safe='')}"


def release_link(reference: str) -> str:
    """The address of a release's page."""
    return f"{ROOT}/release?release={quote(reference, safe='')}"


def review_link(footage_id: int, release: str = "") -> str:
    """The address of the reviewer."""
    return f"/review/{footage_id}" + (f"?release={quote(release, safe='')}" if release else "")


_PLACES = (("", "Work list", Right.SEE), ("audit", "Audit", Right.AUDIT), ("admin", "Admin", Right.ADMINISTER))


def top_bar(context: Context, request: gr.Request, here: str) -> str:
    """The top bar: navigation, the user's name, and sign-out."""
    try:
        with authorised(context, request) as (_, person):
            links = [
                f'<a href="{ROOT}/{path}"{" aria-current=page" if path == here else ""}>{name}</a>'
                for path, name, right in _PLACES
                if accounts.may(person, right)
            ]
            who = person.full_name
    except RedactError as error:
        return failure(error)
    csrf = escape(_csrf(request))
    return (
        f'<div class="top"><strong class="brand">Redaction workbench</strong>'
        f'<nav aria-label="Pages">{"".join(links)}</nav><span class="who">{text(who)}</span>'
        f'<a href="/password">Change password</a><form class="leave" method="post" action="/sign-out">'
        f'<input type="hidden" name="csrf" value="{csrf}"><button type="submit">Sign out</button></form></div>'
    )


def _csrf(request: gr.Request) -> str:
    """The CSRF token of the session, for the sign-out form and for scripts."""
    state = getattr(getattr(request, "request", None), "state", None)
    return str(getattr(getattr(state, "signed_in", None), "csrf", ""))


def html(value: str = "", **more: Any) -> gr.HTML:
    """A component for HTML from :mod:`redact_ui.formatting`. Gradio does not handle clicks in it."""
    return gr.HTML(value, js_on_load=None, apply_default_css=False, **more)


@contextmanager
def section(title: str, **more: Any) -> Iterator[gr.Column]:
    """A section of a page with its own heading."""
    with gr.Column(elem_classes="section", **more) as part:
        html(f"<h2>{title}</h2>")
        yield part


def module(path: str, elem_class: str) -> gr.HTML:
    """A placeholder that one of our scripts fills. Its HTML is fixed and contains no text from elsewhere."""
    load = f"import('/static/{path}').then(m => m.mount(element))"
    return gr.HTML("", html_template=f'<div class="{elem_class}"></div>', js_on_load=load, apply_default_css=False)


QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Event options: no progress overlay, and no public API."""
SLOW: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private"}


def query(name: str) -> str:
    """JavaScript that passes a query parameter of the page to a handler."""
    return f"() => new URLSearchParams(location.search).get('{name}') || ''"
