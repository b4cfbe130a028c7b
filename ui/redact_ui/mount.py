"""Builds the workbench pages and mounts them in the server application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import gradio as gr
from fastapi import FastAPI, Request
from sqlalchemy.orm import Session

from redact.disclose.release.plan import ReleasePlan
from redact.schema.tables import Release
from redact.server import footage_views
from redact.server.services import Services
from redact_ui.admin_page import AdminPage
from redact_ui.audit_page import AuditPage
from redact_ui.case_page import CasePage
from redact_ui.page import ROOT, Context, HealthLine
from redact_ui.release_page import ReleasePage
from redact_ui.theme import head, theme
from redact_ui.work_list_page import WorkListPage

TITLE = "Redaction workbench"


class _Page(Protocol):
    def build(self, blocks: gr.Blocks) -> None: ...


def build_pages(context: Context) -> gr.Blocks:
    """All pages: the work list, and on routes of their own the case, release, audit and admin pages."""
    blocks = gr.Blocks(analytics_enabled=False, title=TITLE, fill_width=True)
    with blocks:
        WorkListPage(context).build(blocks)
    pages: tuple[tuple[str, str, _Page], ...] = (
        ("case", "Case", CasePage(context)),
        ("release", "Release", ReleasePage(context)),
        ("audit", "Audit", AuditPage(context)),
        ("admin", "Admin", AdminPage(context)),
    )
    for path, name, page in pages:
        # Not in Gradio's navigation: the top bar links the pages, and a case or release has to be chosen first.
        with blocks.route(name, path, show_in_navbar=False):
            page.build(blocks)
    return blocks


def mount_pages(app: FastAPI, health: Callable[[], Iterable[HealthLine]]) -> None:
    """Mount the pages in an application from :func:`redact.server.app.create_app`, behind its access gate.

    Gradio's own sign-in, sharing, monitoring, run history and error texts are off; users come from the gate.
    """
    services = app.state.services
    assert isinstance(services, Services)

    def plan(session: Session, release: Release) -> ReleasePlan:
        return footage_views.cached_plan(services, session, release)

    gr.mount_gradio_app(
        app,
        build_pages(Context(services.db, services.store, plan, health)),
        path=ROOT,
        auth_dependency=_user,
        show_error=False,
        ssr_mode=False,
        run_history=False,
        footer_links=[],
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        blocked_paths=["/"],
        theme=theme(),
        head=head(),
    )


def _user(request: Request) -> str | None:
    return getattr(request.state, "user", None)
