"""Sign-in with a password or a provider, sign-out, and changing the password."""

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
    is_session_token,
    local_path,
)
from redact.server.html_pages import card, field, hidden, problem
from redact.server.oidc import FLOW_SECONDS, Provider, SignInFlow
from redact.server.services import CurrentUser, Services, ServicesDep
from redact.server.sessions import SignedInUser

router = APIRouter()

LONGEST_FIELD = 4096
MAX_PASSWORD_CHECKS = 2
"""Each password check uses 64 MiB and a core for a moment: strangers must not exhaust either."""
_password_checks = threading.BoundedSemaphore(MAX_PASSWORD_CHECKS)
FormField = Annotated[str, Form(max_length=LONGEST_FIELD)]
QueryText = Annotated[str, Query(max_length=LONGEST_FIELD)]
LEFT_PROVIDER = "provider"
"""Value of ``left`` in the sign-in URL: the session that has just ended was started through the provider."""


@router.get(SIGN_IN)
def sign_in_page(request: Request, services: ServicesDep, next: str = "/", left: str = "") -> Response:
    """The sign-in form. Signed-in users are redirected."""
    if request.state.signed_in is not None:
        return RedirectResponse(local_path(next), 303)
    return _sign_in_form(services, next, left=left == LEFT_PROVIDER)


@router.post(SIGN_IN)
def sign_in(
    request: Request, services: ServicesDep, name: FormField, password: FormField, next: FormField = "/"
) -> Response:
    """Start a session with a password."""
    try:
        attempt = services.sessions.attempt(name, _source(request))
        person = _authenticate(services, name, password)
    except (SignInFailed, SignInThrottled) as error:
        return _sign_in_form(services, next, _text(error), status_of(error))
    services.sessions.succeeded(attempt)
    return _start_session(request, services, person, next)


@router.get(PROVIDER)
def begin_provider_sign_in(request: Request, services: ServicesDep, next: str = "/") -> Response:
    """Redirect to the provider. Only from our own pages: no other site may start a silent sign-in."""
    provider = _provider(services)
    if request.state.signed_in is not None:
        return RedirectResponse(local_path(next), 303)
    name, address = provider.settings.name, provider.settings.address
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return _sign_in_form(services, next, f"To sign in with {name}, start here.")
    if request.headers["host"].lower() != urlsplit(address).netloc:
        return _sign_in_form(services, next, f"You can only sign in with {name} at {address}. Open that address.")
    try:
        url, cookie = provider.begin(local_path(next))
    except ProviderUnusable as error:
        return _sign_in_form(services, next, _text(error), status_of(error))
    response = RedirectResponse(url, 303)
    _set_cookie(services, response, _flow_cookie(services), cookie, FLOW_SECONDS)
    return response


@router.get(PROVIDER_RETURN)
def finish_provider_sign_in(
    request: Request, services: ServicesDep, state: QueryText = "", code: QueryText = "", iss: QueryText = ""
) -> Response:
    """Start a session for the person the provider confirms. Its error descriptions are not shown, because anyone could
    have put them into the URL."""
    provider, next = _provider(services), "/"
    response: Response
    try:
        flow = provider.resume(request.cookies.get(_flow_cookie(services), ""), state, iss)
        next = flow.next
        person = _confirmed_person(services, provider, flow, code, _source(request))
    except (SignInFailed, ProviderUnusable) as error:
        response = _sign_in_form(services, next, _text(error), status_of(error))
        if request.state.signed_in is not None:  # returned through the browser history
            response = RedirectResponse(local_path(next), 303)
    else:
        response = _start_session(request, services, person, next, provider.settings.issuer)
    _drop_cookie(services, response, _flow_cookie(services))
    return response


@router.post(SIGN_OUT)
def sign_out(services: ServicesDep, user: CurrentUser, csrf: FormField) -> Response:
    """End the session."""
    _check_token(user, csrf)
    services.sessions.end(user)
    return _sign_out_response(services, f"{SIGN_IN}?left={LEFT_PROVIDER}" if user.issuer is not None else SIGN_IN)


@router.get(PASSWORD)
def password_page(user: CurrentUser) -> Response:
    """The form to change the password."""
    return _password_form(user)


@router.post(PASSWORD)
def change_password(
    request: Request,
    services: ServicesDep,
    user: CurrentUser,
    *,
    csrf: FormField,
    current: FormField,
    new: FormField,
    again: FormField,
) -> Response:
    """Change the password. All sessions end, and the person signs in again with the new one."""
    _check_token(user, csrf)
    try:
        attempt = services.sessions.attempt(user.name, _source(request))
        _authenticate(services, user.name, current)
        services.sessions.succeeded(attempt)
        if new != again:
            raise BadRecord("The two new passwords do not match.", "Enter the same password twice.")
        accounts.set_password(services.db, user.name, user.name, new)
    except SignInFailed:
        return _password_form(user, "The current password is wrong.", HTTPStatus.UNAUTHORIZED)
    except RedactError as error:
        return _password_form(user, _text(error), status_of(error))
    return _sign_out_response(services, SIGN_IN)


def _authenticate(services: Services, name: str, password: str) -> Person:
    with _password_checks:
        return accounts.authenticate(services.db, name, password)


def _confirmed_person(
    services: Services, provider: Provider, flow: SignInFlow, untrusted_code: str, source: str
) -> Person:
    """The person linked to the confirmed identity. Raises SignInFailed, ProviderUnusable."""
    name, issuer = provider.settings.name, provider.settings.issuer
    if not untrusted_code:
        raise SignInFailed(f"{name} did not sign you in.", "Try again, or sign in with your password.")
    try:
        identity = provider.identity(flow, untrusted_code)
    except SignInFailed:
        services.sessions.refused(None, source)
        raise
    with services.db.reading() as session:
        person = accounts.linked_person(session, issuer, identity.subject)
    if person is not None and person.disabled_at is None and identity.admitted:
        provider.finish(flow)
        return person
    services.sessions.refused(person, source)
    if not identity.admitted:
        raise SignInFailed(
            f"You are not in the {name} group that may use the workbench.", f"Ask the administrators of {name}."
        )
    if person is None:
        raise SignInFailed(
            f"{name} knows you as “{identity.subject}”, which is not linked to an account here.",
            "Send this message to a workbench administrator, who can link your account.",
        )
    raise SignInFailed(f"Your account {person.name} is disabled.", "Ask an administrator.")


def _start_session(
    request: Request, services: Services, person: Person, next: str, issuer: str | None = None
) -> Response:
    """Start a session, ending any the browser already had: others might know its token."""
    if isinstance(request.state.signed_in, SignedInUser):
        services.sessions.end(request.state.signed_in)
    token = services.sessions.begin(person, _source(request), issuer)
    response = RedirectResponse(PASSWORD if person.must_change else local_path(next), 303)
    _set_cookie(
        services,
        response,
        cookie_name(services.settings),
        token,
        int(services.settings.session_max_age.total_seconds()),
    )
    return response


def _provider(services: Services) -> Provider:
    if services.provider is None:
        raise RecordMissing("This page does not exist.")
    return services.provider


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


def _text(error: RedactError) -> str:
    return f"{error.happened} {error.todo}"


def _flow_cookie(services: Services) -> str:
    return f"{cookie_name(services.settings)}-provider"


def _set_cookie(services: Services, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, httponly=True, secure=services.settings.tls, samesite="lax")


def _drop_cookie(services: Services, response: Response, name: str) -> None:
    response.delete_cookie(name, httponly=True, secure=services.settings.tls, samesite="lax")


def _check_token(user: SignedInUser, untrusted_csrf: str) -> None:
    if not is_session_token(user, untrusted_csrf):
        raise RequestRefused("This request did not come from your session.", "Go back and reload the page.")


def _sign_out_response(services: Services, path: str) -> Response:
    response = RedirectResponse(path, 303)
    _drop_cookie(services, response, cookie_name(services.settings))
    response.headers["clear-site-data"] = '"cache"'
    return response


def _sign_in_form(
    services: Services, untrusted_next: str, text: str = "", status: HTTPStatus = HTTPStatus.OK, *, left: bool = False
) -> HTMLResponse:
    path = local_path(untrusted_next)
    other = note = ""
    if services.provider is not None:
        name = escape(services.provider.settings.name)
        # A link, not a form: the CSP's form-action would have to list every page the provider redirects through.
        other = f'<a class="button quiet" href="{PROVIDER}?next={quote(path)}">Sign in with {name}</a>'
        if left:
            note = (
                f'<p role="status">You are signed out of the workbench. You may still be signed in to {name} on this '
                "computer: sign out there too if others use it.</p>"
            )
    form = (
        f'{note}<form method="post" action="{SIGN_IN}">{problem(text)}'
        + field("name", "User name", complete="username", focus=True)
        + field("password", "Password", kind="password", complete="current-password")
        + hidden("next", path)
        + f'<button type="submit">Sign in</button></form>{other}'
    )
    return card("Sign in", form, status=status)


def _password_form(user: SignedInUser, text: str = "", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    why = "<p>You signed in with a one-time password. Choose your own password to continue.</p>"
    hint = f"{SHORTEST_PASSWORD} characters or more. Several words are easy to remember."
    form = (
        f'{why if user.person.must_change else ""}<form method="post" action="{PASSWORD}">{problem(text)}'
        f'<input type="hidden" name="username" autocomplete="username" value="{user.name}">'
        + field("current", "Current password", kind="password", complete="current-password", focus=True)
        + field("new", "New password", kind="password", complete="new-password", hint=hint)
        + field("again", "Confirm new password", kind="password", complete="new-password")
        + hidden("csrf", user.csrf)
        + '<button type="submit">Change password</button></form>'
        + f'<form method="post" action="{SIGN_OUT}">{hidden("csrf", user.csrf)}'
        '<button type="submit" class="quiet">Sign out</button></form>'
    )
    return card("Choose a password", form, status=status)
