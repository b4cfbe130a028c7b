"""The pages of the workbench, put together, and put into the server's application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import gradio as gr
from fastapi import FastAPI, Request
from sqlalchemy.orm import Session

from redact.disclose.release.plan import ReleasePlan
from redact.schema.tables import Release
from redact.server import footage_views
from redact.server.services import Parts
from redact_ui.admin import AdminPage
from redact_ui.audit import AuditPage
from redact_ui.case import CasePage
from redact_ui.page import ROOT, Context, HealthLine
from redact_ui.release import ReleasePage
from redact_ui.theme import head, theme
from redact_ui.work_list import WorkList

TITLE = "Redaction workbench"


class _Page(Protocol):
    def build(self, blocks: gr.Blocks) -> None: ...


def build(context: Context) -> gr.Blocks:
    """All pages: the work list, and by address a case, a release, the audit trail and administration."""
    blocks = gr.Blocks(analytics_enabled=False, title=TITLE, fill_width=True)
    with blocks:
        WorkList(context).build(blocks)
    pages: tuple[tuple[str, str, _Page], ...] = (
        ("case", "Case", CasePage(context)),
        ("release", "Release", ReleasePage(context)),
        ("audit", "Audit", AuditPage(context)),
        ("admin", "Admin", AdminPage(context)),
    )
    for path, name, page in pages:
        # The line at the top of each page leads to the others: a case or release has to be chosen first.
        with blocks.route(name, path, show_in_navbar=False):
            page.build(blocks)
    return blocks


def mount(app: FastAPI, health: Callable[[], Iterable[HealthLine]]) -> None:
    """Put the pages into an application of :func:`redact.server.app.create_app`, whose gate is before them.

    Gradio's own sign-in, sharing, monitoring, run history and error texts are off; who asks is whom the gate let in.
    """
    parts = app.state.parts
    assert isinstance(parts, Parts)

    def plan(session: Session, release: Release) -> ReleasePlan:
        return footage_views.plan_in(parts, session, release)

    gr.mount_gradio_app(
        app,
        build(Context(parts.db, parts.store, plan, health)),
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
