"""Signing in and out, and choosing a password."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from redact.cases import people
from redact.cases.people import LEAST_PASSWORD
from redact.cases.schema import Person
from redact.errors import BadRecord, RedactError, RequestRefused, SignInFailed, SignInThrottled
from redact.server.answers import status_of
from redact.server.gate import PASSWORD, SIGN_IN, SIGN_OUT, cookie_name, is_token, local_path
from redact.server.pages import card, field, hidden, problem
from redact.server.parts import Parts, TheParts, Who
from redact.server.sessions import SignedIn

router = APIRouter()

LONGEST_FIELD = 4096
AT_ONCE = 2
"""Each check of a password takes 64 MiB and a core for a moment: strangers must not take all of either."""
_checking = threading.BoundedSemaphore(AT_ONCE)
Field = Annotated[str, Form(max_length=LONGEST_FIELD)]


@router.get(SIGN_IN)
def sign_in_page(request: Request, next: str = "/") -> Response:
    """The form; whoever is signed in already goes on."""
    if request.state.signed_in is not None:
        return RedirectResponse(local_path(next), 303)
    return _sign_in_form(next)


@router.post(SIGN_IN)
def sign_in(request: Request, parts: TheParts, name: Field, password: Field, next: Field = "/") -> Response:
    """Begin a session. A session that the browser had is ended: nobody goes on in one that others may know."""
    source = request.client.host if request.client else ""
    try:
        parts.sessions.attempt(name, source)
        person = _authenticated(parts, name, password)
    except (SignInFailed, SignInThrottled) as error:
        return _sign_in_form(next, f"{error.happened} {error.todo}", status_of(error))
    parts.sessions.succeeded(name, source)
    if isinstance(request.state.signed_in, SignedIn):
        parts.sessions.end(request.state.signed_in)
    token = parts.sessions.begin(person)
    response = RedirectResponse(PASSWORD if person.must_change else local_path(next), 303)
    settings = parts.settings
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=int(settings.absolute.total_seconds()),
        httponly=True,
        secure=settings.tls,
        samesite="lax",
    )
    return response


@router.post(SIGN_OUT)
def sign_out(parts: TheParts, who: Who, csrf: Field) -> Response:
    """End the session."""
    _check_token(who, csrf)
    parts.sessions.end(who)
    return _signed_out(parts)


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
    source = request.client.host if request.client else ""
    try:
        parts.sessions.attempt(who.name, source)
        _authenticated(parts, who.name, current)
        if new != again:
            raise BadRecord("The two new passwords differ.", "Type the same one twice.")
        people.set_password(parts.db, who.name, who.name, new)
    except SignInFailed:
        return _password_form(who, "The current password is another one.", HTTPStatus.UNAUTHORIZED)
    except RedactError as error:
        return _password_form(who, f"{error.happened} {error.todo}", status_of(error))
    parts.sessions.succeeded(who.name, source)
    parts.sessions.end_all(who.person)
    return _signed_out(parts)


def _authenticated(parts: Parts, name: str, password: str) -> Person:
    with _checking:
        return people.authenticate(parts.db, name, password)


def _check_token(who: SignedIn, untrusted_csrf: str) -> None:
    if not is_token(who, untrusted_csrf):
        raise RequestRefused("This request did not come from a page of yours.", "Go back and reload the page.")


def _signed_out(parts: Parts) -> Response:
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(cookie_name(parts.settings), httponly=True, secure=parts.settings.tls, samesite="lax")
    response.headers["clear-site-data"] = '"cache"'
    return response


def _sign_in_form(untrusted_next: str, text: str = "", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    form = (
        f'<form method="post" action="{SIGN_IN}">{problem(text)}'
        + field("name", "Login", complete="username", focus=True)
        + field("password", "Password", kind="password", complete="current-password")
        + hidden("next", local_path(untrusted_next))
        + '<button type="submit">Sign in</button></form>'
    )
    return card("Sign in", form, status=status)


def _password_form(who: SignedIn, text: str = "", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    why = "<p>You have the password that was given out. Choose your own before you go on.</p>"
    hint = f"{LEAST_PASSWORD} characters or more. Several words are easy to keep."
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
