"""Signing in, with a password or by a provider; signing out; choosing a password."""

from __future__ import annotations

import threading
from html import escape
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from redact.errors import (
    BadRecord,
    ProviderUnusable,
    RecordMissing,
    RedactError,
    RequestRefused,
    SignInFailed,
    SignInThrottled,
)
from redact.records import accounts
from redact.records.accounts import SHORTEST_PASSWORD
from redact.schema.tables import Person
from redact.server.error_responses import status_of
from redact.server.gate import (
    PASSWORD,
    PROVIDER,
    PROVIDER_RETURN,
    SIGN_IN,
    SIGN_OUT,
    cookie_name,
    is_token,
    local_path,
)
from redact.server.oidc import PATIENCE, Flow, Provider
from redact.server.pages import card, field, hidden, problem
from redact.server.services import Parts, TheParts, Who
from redact.server.sessions import SignedIn

router = APIRouter()

LONGEST_FIELD = 4096
AT_ONCE = 2
"""Each check of a password takes 64 MiB and a core for a moment: strangers must not take all of either."""
_checking = threading.BoundedSemaphore(AT_ONCE)
Field = Annotated[str, Form(max_length=LONGEST_FIELD)]
Told = Annotated[str, Query(max_length=LONGEST_FIELD)]
LEFT = "provider"
"""Of ``left`` in the address of the sign-in page: the session that has just ended had begun by the provider."""


@router.get(SIGN_IN)
def sign_in_page(request: Request, parts: TheParts, next: str = "/", left: str = "") -> Response:
    """The form; whoever is signed in already goes on."""
    if request.state.signed_in is not None:
        return RedirectResponse(local_path(next), 303)
    return _sign_in_form(parts, next, left=left == LEFT)


@router.post(SIGN_IN)
def sign_in(request: Request, parts: TheParts, name: Field, password: Field, next: Field = "/") -> Response:
    """Begin a session with a password."""
    try:
        attempt = parts.sessions.attempt(name, _source(request))
        person = _authenticated(parts, name, password)
    except (SignInFailed, SignInThrottled) as error:
        return _sign_in_form(parts, next, _text(error), status_of(error))
    parts.sessions.succeeded(attempt)
    return _begun(request, parts, person, next)


@router.get(PROVIDER)
def ask_provider(request: Request, parts: TheParts, next: str = "/") -> Response:
    """Go to the provider. Only from a page of ours: no other site begins a sign-in that goes through unseen."""
    provider = _provider(parts)
    if request.state.signed_in is not None:
        return RedirectResponse(local_path(next), 303)
    name, address = provider.settings.name, provider.settings.address
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return _sign_in_form(parts, next, f"To sign in with {name}, begin here.")
    if request.headers["host"].lower() != urlsplit(address).netloc:
        return _sign_in_form(parts, next, f"You can sign in with {name} at {address} only: open that address.")
    try:
        url, cookie = provider.begin(local_path(next))
    except ProviderUnusable as error:
        return _sign_in_form(parts, next, _text(error), status_of(error))
    response = RedirectResponse(url, 303)
    _set_cookie(parts, response, _flow_cookie(parts), cookie, PATIENCE)
    return response


@router.get(PROVIDER_RETURN)
def provider_answered(request: Request, parts: TheParts, state: Told = "", code: Told = "", iss: Told = "") -> Response:
    """Begin a session for whom the provider confirms. What it says in words of a failure is not shown: anybody could
    have put it into the address."""
    provider, next = _provider(parts), "/"
    response: Response
    try:
        flow = provider.resumed(request.cookies.get(_flow_cookie(parts), ""), state, iss)
        next = flow.next
        person = _confirmed(parts, provider, flow, code, _source(request))
    except (SignInFailed, ProviderUnusable) as error:
        response = _sign_in_form(parts, next, _text(error), status_of(error))
        if request.state.signed_in is not None:  # who came back by the browser's history
            response = RedirectResponse(local_path(next), 303)
    else:
        response = _begun(request, parts, person, next, provider.settings.issuer)
    _drop_cookie(parts, response, _flow_cookie(parts))
    return response


@router.post(SIGN_OUT)
def sign_out(parts: TheParts, who: Who, csrf: Field) -> Response:
    """End the session."""
    _check_token(who, csrf)
    parts.sessions.end(who)
    return _signed_out(parts, f"{SIGN_IN}?left={LEFT}" if who.issuer is not None else SIGN_IN)


@router.get(PASSWORD)
def password_page(who: Who) -> Response:
    """The form to choose another password."""
    return _password_form(who)


@router.post(PASSWORD)
def change_password(
    request: Request, parts: TheParts, who: Who, *, csrf: Field, current: Field, new: Field, again: Field
) -> Response:
    """Another password. All sessions end with the old one, and the person signs in with the new one."""
    _check_token(who, csrf)
    try:
        attempt = parts.sessions.attempt(who.name, _source(request))
        _authenticated(parts, who.name, current)
        parts.sessions.succeeded(attempt)
        if new != again:
            raise BadRecord("The two new passwords differ.", "Type the same one twice.")
        accounts.set_password(parts.db, who.name, who.name, new)
    except SignInFailed:
        return _password_form(who, "The current password is another one.", HTTPStatus.UNAUTHORIZED)
    except RedactError as error:
        return _password_form(who, _text(error), status_of(error))
    return _signed_out(parts, SIGN_IN)


def _authenticated(parts: Parts, name: str, password: str) -> Person:
    with _checking:
        return accounts.authenticate(parts.db, name, password)


def _confirmed(parts: Parts, provider: Provider, flow: Flow, untrusted_code: str, source: str) -> Person:
    """Who the provider says it is, if an account here is linked with that. Raises SignInFailed, ProviderUnusable."""
    name, issuer = provider.settings.name, provider.settings.issuer
    if not untrusted_code:
        raise SignInFailed(f"{name} did not sign you in.", "Try again, or sign in with your password.")
    try:
        identity = provider.identity(flow, untrusted_code)
    except SignInFailed:
        parts.sessions.refused(None, source)
        raise
    with parts.db.reading() as session:
        person = accounts.linked_person(session, issuer, identity.subject)
    if person is not None and person.disabled_at is None and identity.admitted:
        provider.finished(flow)
        return person
    parts.sessions.refused(person, source)
    if not identity.admitted:
        raise SignInFailed(
            f"{name} knows you, but not as one of those who may use the workbench.", f"Ask those who run {name}."
        )
    if person is None:
        raise SignInFailed(
            f"{name} knows you as “{identity.subject}”, and no account here is linked with that.",
            "Send this line to an administrator of the workbench, who can link yours.",
        )
    raise SignInFailed(f"Your account {person.name} is disabled.", "Ask an administrator.")


def _begun(request: Request, parts: Parts, person: Person, next: str, issuer: str | None = None) -> Response:
    """A session. One that the browser had is ended: nobody goes on in one that others may know."""
    if isinstance(request.state.signed_in, SignedIn):
        parts.sessions.end(request.state.signed_in)
    token = parts.sessions.begin(person, _source(request), issuer)
    response = RedirectResponse(PASSWORD if person.must_change else local_path(next), 303)
    _set_cookie(parts, response, cookie_name(parts.settings), token, int(parts.settings.absolute.total_seconds()))
    return response


def _provider(parts: Parts) -> Provider:
    if parts.provider is None:
        raise RecordMissing("There is nothing here.")
    return parts.provider


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


def _text(error: RedactError) -> str:
    return f"{error.happened} {error.todo}"


def _flow_cookie(parts: Parts) -> str:
    return f"{cookie_name(parts.settings)}-provider"


def _set_cookie(parts: Parts, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, httponly=True, secure=parts.settings.tls, samesite="lax")


def _drop_cookie(parts: Parts, response: Response, name: str) -> None:
    response.delete_cookie(name, httponly=True, secure=parts.settings.tls, samesite="lax")


def _check_token(who: SignedIn, untrusted_csrf: str) -> None:
    if not is_token(who, untrusted_csrf):
        raise RequestRefused("This request did not come from a page of yours.", "Go back and reload the page.")


def _signed_out(parts: Parts, path: str) -> Response:
    response = RedirectResponse(path, 303)
    _drop_cookie(parts, response, cookie_name(parts.settings))
    response.headers["clear-site-data"] = '"cache"'
    return response


def _sign_in_form(
    parts: Parts, untrusted_next: str, text: str = "", status: HTTPStatus = HTTPStatus.OK, *, left: bool = False
) -> HTMLResponse:
    path = local_path(untrusted_next)
    other = note = ""
    if parts.provider is not None:
        name = escape(parts.provider.settings.name)
        # A link and no form: the policy for forms would have to list every page the provider leads through.
        other = f'<a class="button quiet" href="{PROVIDER}?next={quote(path)}">Sign in with {name}</a>'
        if left:
            note = (
                f'<p role="status">You are signed out here. {name} may still know you on this computer: '
                "sign out there too if others use it.</p>"
            )
    form = (
        f'{note}<form method="post" action="{SIGN_IN}">{problem(text)}'
        + field("name", "Login", complete="username", focus=True)
        + field("password", "Password", kind="password", complete="current-password")
        + hidden("next", path)
        + f'<button type="submit">Sign in</button></form>{other}'
    )
    return card("Sign in", form, status=status)


def _password_form(who: SignedIn, text: str = "", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    why = "<p>You have the password that was given out. Choose your own before you go on.</p>"
    hint = f"{SHORTEST_PASSWORD} characters or more. Several words are easy to keep."
    form = (
        f'{why if who.person.must_change else ""}<form method="post" action="{PASSWORD}">{problem(text)}'
        f'<input type="hidden" name="username" autocomplete="username" value="{who.name}">'
        + field("current", "Current password", kind="password", complete="current-password", focus=True)
        + field("new", "New password", kind="password", complete="new-password", hint=hint)
        + field("again", "New password again", kind="password", complete="new-password")
        + hidden("csrf", who.csrf)
        + '<button type="submit">Change password</button></form>'
        + f'<form method="post" action="{SIGN_OUT}">{hidden("csrf", who.csrf)}'
        '<button type="submit" class="quiet">Sign out</button></form>'
    )
    return card("Choose a password", form, status=status)
