"""The server application: the access gate first, then the routes, the static files and the workbench pages."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.cors import CORSMiddleware

from redact.evidence.store import Store
from redact.records.database import Database
from redact.server import (
    error_responses,
    footage,
    footage_in_release,
    jobs,
    mask_copying,
    media,
    releases,
    review,
    sign_in,
    uploads,
)
from redact.server.cache import Cache
from redact.server.gate import ICON, PAGES, Gate
from redact.server.oidc import Provider
from redact.server.services import Services
from redact.server.sessions import Sessions
from redact.server.settings import ServerSettings

STATIC = Path(str(resources.files("redact_ui"))) / "static"
"""Style sheets and scripts. ``public`` is open to everyone, the rest to signed-in users."""

MountPages = Callable[[FastAPI], object]


def create_app(
    db: Database, store: Store, settings: ServerSettings, *, mount_pages: MountPages | None = None
) -> FastAPI:
    """The workbench as an ASGI application.

    ``mount_pages`` mounts the pages at :data:`redact.server.gate.PAGES`. They are behind the gate like every other
    route, and read the login from ``request.state.user``.
    """
    app = FastAPI(title="Redaction workbench", docs_url=None, redoc_url=None, openapi_url=None)
    sessions = Sessions(db, settings)
    provider = Provider(settings.provider) if settings.provider is not None else None
    app.state.services = Services(db, store, settings, sessions, Cache(settings.cache_bytes), provider)
    uploads.remove_abandoned(app.state.services)
    error_responses.install_handlers(app)
    for module in (sign_in, footage, review, footage_in_release, mask_copying, media, jobs, uploads, releases):
        app.include_router(module.router)

    @app.get("/")
    def to_pages() -> RedirectResponse:
        return RedirectResponse(f"{PAGES}/", 303)

    @app.get(ICON)
    def icon() -> FileResponse:
        # Browsers request this path when a page names no icon of its own.
        return FileResponse(STATIC / "public" / "icon.svg", media_type="image/svg+xml")

    app.mount("/static", StaticFiles(directory=STATIC))
    if mount_pages is not None:
        mount_pages(app)
    # By default Gradio allows every origin, with credentials. An empty list here, ahead of it, allows none.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(Gate, sessions=sessions, settings=settings)
    return app
