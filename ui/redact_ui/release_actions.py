"""What the buttons of the release page do."""

# ruff: noqa: PLR0917 - Gradio passes the field values as positional arguments

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from redact.disclose.release import approval, releases
from redact.disclose.release.releases import ClipRequest
from redact.errors import BadRecord, RedactError
from redact.jobs import queue
from redact.jobs.handlers import request_second_pass
from redact.records.accounts import Right
from redact.records.job_states import JobKind
from redact.records.release_state import release_subject
from redact.schema.tables import Release
from redact_ui.formatting import text
from redact_ui.page import (
    Context,
    authorised,
    login,
    run_action,
    try_action,
)
from redact_ui.release_decisions import decision_content, sound_target
from redact_ui.release_html import (
    clip_frames,
)


class ReleaseActions:
    """Handlers of the release page: plain methods that take the release reference first and the request last, and
    return a message."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def decide(
        self,
        reference: str,
        chosen: list[str],
        action: str,
        effect: str,
        codes: list[str],
        subject: str,
        reason: str,
        request: gr.Request,
    ) -> tuple[str, object, object]:
        """Record the same decision for each selected target, then clear the selection."""

        def work() -> str:
            if not chosen:
                raise BadRecord("Nothing was selected.", "Select the tracks, classes or sounds to decide on.")
            decision = decision_content(action, effect, codes, subject, reason)
            for item in chosen:
                about = json.loads(item)
                content = {"target": about["target"], **decision}
                releases.decide(self._context.db, login(request), reference, content, about["exhibit"])
            return f"{len(chosen)} decision{'' if len(chosen) == 1 else 's'} recorded."

        message, recorded = try_action(work)
        return (message, [], []) if recorded else (message, gr.skip(), gr.skip())

    def decide_sound(
        self,
        reference: str,
        exhibit: str,
        start: str,
        end: str,
        action: str,
        effect: str,
        codes: list[str],
        subject: str,
        reason: str,
        request: gr.Request,
    ) -> str:
        """Record a decision about a span of sound that has not been marked."""

        def work() -> str:
            actor = login(request)
            with self._context.db.reading() as session:
                plan = self._context.plan(session, releases.find(session, reference))
            content = {
                "target": sound_target(plan, exhibit, start, end),
                **decision_content(action, effect, codes, subject, reason),
            }
            releases.decide(self._context.db, actor, reference, content, exhibit)
            return "The decision about this sound has been recorded."

        return run_action(work)

    def frames(self, reference: str, exhibit: str, request: gr.Request) -> tuple[object, object]:
        """First and last frame of an exhibit in the release."""
        try:
            with authorised(self._context, request) as (session, _):
                return clip_frames(self._context.plan(session, releases.find(session, reference)), exhibit)
        except RedactError:
            return gr.skip(), gr.skip()  # the page shows the error

    def set_clip(self, reference: str, exhibit: str, first: float, last: float, request: gr.Request) -> str:
        """Change the first and last frame of the clips of one exhibit."""

        def work() -> str:
            actor = login(request)
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                clips = [
                    ClipRequest(releases.exhibit_of(release, c.footage_id), c.first_frame, c.last_frame)
                    for c in release.clips
                ]
            given = None if last is None else int(last)
            clips = [w if w.exhibit != exhibit else ClipRequest(exhibit, int(first or 0), given) for w in clips]
            releases.set_clips(self._context.db, actor, reference, clips)
            return f"The release now contains only these frames of {text(exhibit)}."

        return run_action(work)

    def submit(self, reference: str, request: gr.Request) -> str:
        """Submit the draft for approval."""

        def work() -> str:
            with authorised(self._context, request, Right.RELEASE) as (session, person):
                problems = self._context.plan(session, releases.find(session, reference)).problems
            releases.submit(self._context.db, person.name, reference, problems)
            return "The release is in review and can now be approved."

        return run_action(work)

    def approve(self, reference: str, content: str, request: gr.Request) -> str:
        """Approve the release; ``content`` is the digest of the version on the page."""
        return self.override(reference, content, "", request)

    def override(self, reference: str, content: str, reason: str, request: gr.Request) -> str:
        """Approve the release with open items, for ``reason``."""

        def work() -> str:
            context, actor = self._context, login(request)
            approval.approve(
                context.db, context.store, actor, reference, override=reason or "", content=content or None
            )
            return "The release is approved. Its pack can now be exported."

        return run_action(work)

    def send_back(self, reference: str, note: str, request: gr.Request) -> str:
        """Return the release to draft."""

        def work() -> str:
            releases.send_back(self._context.db, login(request), reference, note or "")
            return "The release has been returned to draft, with your note."

        return run_action(work)

    def withdraw(self, reference: str, reason: str, request: gr.Request) -> str:
        """Withdraw the release for good."""

        def work() -> str:
            releases.withdraw(self._context.db, login(request), reference, reason or "")
            return "The release has been withdrawn."

        return run_action(work)

    def preview(self, reference: str, request: gr.Request) -> str:
        """Start rendering the preview."""
        return self._work(reference, JobKind.PREVIEW, "Rendering has started.", request)

    def second_pass(self, reference: str, request: gr.Request) -> str:
        """Start the second detection pass on the rendered copies."""

        def work() -> str:
            actor = login(request)
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                name, digest = releases.reference(release), releases.content_digest(session, release)
            request_second_pass(self._context.db, actor, name, digest)
            return "The second detection pass has started. You can leave this page."

        return run_action(work)

    def export(self, reference: str, request: gr.Request) -> str:
        """Start exporting the pack."""

        def check(session: Session, release: Release) -> None:
            releases.check_exportable(session, release)

        return self._work(reference, JobKind.EXPORT, "The export has started.", request, check)

    def _work(self, reference: str, kind: JobKind, message: str, request: gr.Request, check: Any = None) -> str:
        def work() -> str:
            actor = login(request)
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                if check is not None:
                    check(session, release)
                digest = releases.content_digest(session, release)
            name = releases.reference(release)
            queue.enqueue(
                self._context.db,
                actor,
                kind,
                release_subject(release),
                {"release": name},
                unique_key=f"{kind}:{name}:{digest}",
            )
            return f"{message} You can leave this page."

        return run_action(work)
