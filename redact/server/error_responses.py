"""Error responses: every failure becomes ``{"code": "R654", "text": "..."}`` with an HTTP status."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from redact.errors import (
    DiskFull,
    EditConflict,
    NotAllowed,
    NotSignedIn,
    ProviderUnusable,
    RecordMissing,
    RecordsUnavailable,
    RedactError,
    RequestRefused,
    RequestTooLarge,
    SignInFailed,
    SignInThrottled,
    StoreDamaged,
    StoreFull,
    StoreNotWritable,
    Unexpected,
    UploadOffsetMismatch,
)

log = logging.getLogger(__name__)

_STATUS: dict[type[RedactError], HTTPStatus] = {
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    SignInFailed: HTTPStatus.UNAUTHORIZED,
    NotAllowed: HTTPStatus.FORBIDDEN,
    RequestRefused: HTTPStatus.FORBIDDEN,
    RecordMissing: HTTPStatus.NOT_FOUND,
    EditConflict: HTTPStatus.CONFLICT,
    UploadOffsetMismatch: HTTPStatus.CONFLICT,
    RequestTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    SignInThrottled: HTTPStatus.TOO_MANY_REQUESTS,
    ProviderUnusable: HTTPStatus.SERVICE_UNAVAILABLE,
    RecordsUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreDamaged: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreNotWritable: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreFull: HTTPStatus.INSUFFICIENT_STORAGE,
    DiskFull: HTTPStatus.INSUFFICIENT_STORAGE,
    Unexpected: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Every other error is a bad request: 400."""


def status_of(error: RedactError) -> HTTPStatus:
    """The status of the nearest base class listed in ``_STATUS``."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), HTTPStatus.BAD_REQUEST)


def text_of(error: RedactError) -> str:
    """The error text for a page, without advice that names a command."""
    todo = "" if "`redact " in error.todo else error.todo
    return " ".join(part for part in (error.happened, error.unharmed, todo) if part)


def error_response(error: RedactError) -> JSONResponse:
    """The response for an error, with whatever the client needs to recover."""
    body: dict[str, Any] = {"code": error.code, "text": text_of(error)}
    if isinstance(error, EditConflict):
        body |= {"revision": error.revision, "conflicts": list(error.conflicts)}
    if isinstance(error, UploadOffsetMismatch):
        body["received"] = error.received
    return JSONResponse(body, status_of(error))


def install_handlers(app: FastAPI) -> None:
    """Handle all errors of ``app`` this way."""

    @app.exception_handler(RedactError)
    def _expected(_request: Request, error: RedactError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    def _malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        # Field names only: values may be passwords, and the sender chose them.
        fields = ", ".join(sorted({".".join(map(str, e["loc"][1:]))[:60] for e in error.errors()})) or "body"
        return JSONResponse({"code": "R400", "text": f"The request is not valid. Check: {fields}."}, 400)

    @app.exception_handler(HTTPException)
    def _http(_request: Request, error: HTTPException) -> JSONResponse:
        try:
            phrase = HTTPStatus(error.status_code).phrase
        except ValueError:
            phrase = "Error"
        body = {"code": f"R{error.status_code}", "text": f"{phrase}."}
        return JSONResponse(body, error.status_code, headers=dict(error.headers or {}))

    @app.exception_handler(Exception)
    def _unexpected(_request: Request, error: Exception) -> JSONResponse:
        log.error("a request failed", exc_info=error)
        return error_response(Unexpected("Unexpected error.", "Details are in the server log."))
