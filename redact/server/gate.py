"""The access gate: every request, for any route or mounted application, passes here first and is refused by default.

Only the sign-in page, its style sheet and icon, and the health check are open to everyone. Everything else needs a
session. Requests that could change something must come from the workbench's own pages, as shown by Origin,
Sec-Fetch-Site and a token in a header that only these pages know (OWASP, "Cross-Site Request Forgery Prevention").
"""

from __future__ import annotations

import functools
import hmac
import ipaddress
import re
import socket
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redact.errors import NotAllowed, NotSignedIn, RecordMissing, RedactError, RequestRefused, RequestTooLarge
from redact.server.error_responses import error_response
from redact.server.sessions import Sessions, SignedInUser
from redact.server.settings import ServerSettings

SIGN_IN, SIGN_OUT, PASSWORD, HEALTH = "/sign-in", "/sign-out", "/password", "/healthz"
PROVIDER, PROVIDER_RETURN = "/sign-in/provider", "/sign-in/provider/return"
PUBLIC_FILES, ICON = "/static/public/", "/favicon.ico"
PAGES = "/work"
SESSION_LOOKUPS = 2
"""Threads reserved for session look-ups, which every request needs, so that they never wait for other work."""
API = "/api/"
TOKEN_HEADER = "x-csrf-token"  # noqa: S105 - the name of a header
AUTOMATIC_HEADER = "x-by-itself"
_SAFE = frozenset({"GET", "HEAD"})
_OPEN_PATHS = frozenset({PROVIDER, PROVIDER_RETURN, ICON})
"""Open to everyone, for safe methods."""
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FORM_PATHS = frozenset({SIGN_OUT, PASSWORD})
"""Forms that carry the token in a field; these routes check it with :func:`is_session_token`."""
_PAGE_PATHS = re.compile(
    r"/work|/work/(?:(?:case|release|audit|admin)/?)?|/work/(?:assets|static)/.+|/work/theme\.css"
    r"|/work/gradio_api/(?:queue/(?:join|data)|heartbeat/[^/]+|app_id)"
)
"""The Gradio paths that are let through: our pages and what they need. Gradio's other routes do not check rights."""
_CHUNK_PATH = re.compile(r"/api/uploads/[0-9a-f-]{1,64}")
_EDITS_PATH = re.compile(r"/api/footage/[0-9]{1,18}/ops")
_AUTOMATIC_PATHS = re.compile(
    r"/api/footage/[0-9]+/edits|/api/jobs(?:/[^/]*)?|/work/gradio_api/(?:heartbeat/.*|queue/data|app_id)"
)
"""Polling by open pages, which does not keep a session alive. If the path alone does not show it, the page says so in
:data:`AUTOMATIC_HEADER`."""
_AMBIGUOUS = re.compile(r"//|\\|\x00|/\.{1,2}(?:/|$)")
"""Path sequences that two parsers could read differently."""

_CSP = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'; script-src 'self'"
)
_PAGES_CSP = f"{_CSP} 'unsafe-inline' 'unsafe-eval'; worker-src 'self' blob:"
"""Gradio's pages need the unsafe sources. All text in them is escaped first."""
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def cookie_name(settings: ServerSettings) -> str:
    """With TLS, a name that no other host and no unencrypted page can set (RFC 6265bis, 4.1.3.2)."""
    return "__Host-redact" if settings.tls else "redact"


def is_session_token(signed_in: SignedInUser, untrusted: str) -> bool:
    """Whether ``untrusted`` is the token of this session."""
    return hmac.compare_digest(signed_in.csrf.encode(), untrusted.encode("utf-8", "surrogatepass"))


class Gate:
    """The outermost ASGI middleware. Stores the session in ``scope["state"]`` as ``signed_in``, and the login as
    ``user``."""

    def __init__(self, app: ASGIApp, sessions: Sessions, settings: ServerSettings) -> None:
        self._app, self._sessions, self._settings = app, sessions, settings
        self._names = _own_names(settings)
        self._lookup_limiter = CapacityLimiter(SESSION_LOOKUPS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            send = self._with_headers(scope, send)
            response: Response | None
            try:
                response = await self._refuse(scope)
            except RedactError as error:
                response = error_response(error)
            if response is not None:
                await response(scope, receive, send)
            else:
                await self._app(scope, self._limit_body(scope, receive), send)
        elif scope["type"] == "websocket":
            # The workbench uses no WebSockets.
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _refuse(self, scope: Scope) -> Response | None:
        """None if the request may proceed; otherwise the response to send instead. Raises RedactError to refuse it."""
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        self._check_host(headers)
        is_page = path == PAGES or path.startswith(f"{PAGES}/")
        if _AMBIGUOUS.search(path) or (is_page and not _PAGE_PATHS.fullmatch(path)):
            raise RecordMissing("This page does not exist.")
        if method not in _SAFE:
            if method not in _UNSAFE:
                raise RequestRefused(f"The method {method[:16]} is not supported.")
            self._check_source(headers, scope)
        self._check_length(headers, path)
        if path == HEALTH:
            return PlainTextResponse("ok")
        automatic = AUTOMATIC_HEADER in headers or (method in _SAFE and _AUTOMATIC_PATHS.fullmatch(path) is not None)
        signed_in = await self._signed_in(headers, in_use=not automatic)
        scope["state"] = {**scope.get("state", {}), "signed_in": signed_in, "user": signed_in and signed_in.name}
        if path == SIGN_IN or (method in _SAFE and (path in _OPEN_PATHS or path.startswith(PUBLIC_FILES))):
            return None
        if signed_in is None:
            if _wants_page(scope, headers):
                query = scope.get("query_string", b"").decode("latin-1")
                return RedirectResponse(f"{SIGN_IN}?next={quote(f'{path}?{query}' if query else path)}", 303)
            raise NotSignedIn("You are not signed in, or your session has timed out.", "Sign in again.")
        if method in _UNSAFE and path not in _FORM_PATHS:
            self._check_token(signed_in, headers, path)
        if signed_in.person.must_change and path not in _FORM_PATHS:
            if _wants_page(scope, headers):
                return RedirectResponse(PASSWORD, 303)
            raise NotAllowed("You are still using a one-time password.", "Choose your own password first.")
        return None

    async def _signed_in(self, headers: Headers, *, in_use: bool) -> SignedInUser | None:
        token = cookie_parser(headers.get("cookie", "")).get(cookie_name(self._settings), "")
        if not 0 < len(token) <= 128:
            return None
        find = functools.partial(self._sessions.find, token, in_use=in_use)
        return await to_thread.run_sync(find, limiter=self._lookup_limiter)

    def _check_host(self, headers: Headers) -> None:
        """Refuse host names that are not ours: another site could point its own name at this server (DNS rebinding)."""
        hosts = headers.getlist("host")
        name = _hostname(hosts[0]) if len(hosts) == 1 else None
        if name is None or not (name in self._names or (not self._settings.loopback and _is_address(name))):
            raise RequestRefused(
                "The workbench does not answer to this host name.", "Start it with --name and this host name."
            )

    def _check_source(self, headers: Headers, scope: Scope) -> None:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None and site != "same-origin":
            raise RequestRefused("This request came from another site.")
        if origin is not None:
            parts = urlsplit(origin)
            same_scheme = parts.scheme == "https" if self._settings.tls else parts.scheme in ("http", "https")
            if not same_scheme or parts.netloc.lower() != headers["host"].lower():
                raise RequestRefused("This request came from another site.")
        if scope["path"].startswith(f"{PAGES}/") and site is None and origin is None:
            raise RequestRefused("This request does not name its origin.")

    def _check_token(self, signed_in: SignedInUser, headers: Headers, path: str) -> None:
        # Gradio's pages cannot send the header. _check_source has already checked that they name our origin.
        if not path.startswith(f"{PAGES}/") and not is_session_token(signed_in, headers.get(TOKEN_HEADER, "")):
            raise RequestRefused("This request did not come from your session.", "Reload the page.")

    def _limit(self, path: str) -> int:
        if _CHUNK_PATH.fullmatch(path):
            return self._settings.largest_chunk
        return self._settings.largest_edits if _EDITS_PATH.fullmatch(path) else self._settings.largest_body

    def _check_length(self, headers: Headers, path: str) -> None:
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal() and len(length) < 19):
            raise RequestRefused("The request has no valid Content-Length.")
        if int(length) > self._limit(path):
            raise RequestTooLarge("The request is too large.")

    def _limit_body(self, scope: Scope, receive: Receive) -> Receive:
        """Enforce the limit on requests that do not state their length."""
        left = self._limit(scope["path"])

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413)
            return message

        return limited

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        path = scope["path"]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                pages = path == PAGES or path.startswith(f"{PAGES}/")
                headers["content-security-policy"] = _PAGES_CSP if pages else _CSP
                if self._settings.tls:
                    headers["strict-transport-security"] = "max-age=31536000"
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-cache" if path.startswith("/static/") else "no-store"
            await send(message)

        return with_headers


def local_path(untrusted: str) -> str:
    """A path on this server to redirect to, or its first page; never another host."""
    fits = untrusted.startswith("/") and untrusted.isprintable() and not _AMBIGUOUS.search(untrusted)
    return untrusted if fits and not untrusted.startswith((SIGN_IN, SIGN_OUT, PASSWORD)) else "/"


def _wants_page(scope: Scope, headers: Headers) -> bool:
    api = scope["path"].startswith((API, "/static/"))
    return scope["method"] in _SAFE and not api and "text/html" in headers.get("accept", "")


def _own_names(settings: ServerSettings) -> frozenset[str]:
    names: Sequence[str] = ["localhost", "127.0.0.1", "::1", settings.host, *settings.names]
    if not settings.loopback:
        names = [*names, socket.gethostname(), socket.getfqdn()]
    if settings.provider is not None:
        names = [*names, _hostname(urlsplit(settings.provider.address).netloc) or ""]
    return frozenset(name.lower() for name in names)


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
