"""The release page: what is hidden and shown and why, what is missing, the preview, approval, and the pack."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

import gradio as gr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from redact.disclose.release import releases
from redact.errors import RecordMissing, RedactError
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.release_state import ReleaseState, release_subject
from redact.schema.tables import Release, Watched
from redact_ui.jobs_html import job_lines, jobs_about, signature
from redact_ui.page import (
    QUIET,
    Context,
    authorised,
    html,
    module,
    query,
    section,
    top_bar,
    unavailable,
)
from redact_ui.release_actions import ReleaseActions
from redact_ui.release_approval_html import open_html
from redact_ui.release_decisions import decision_rows, targets
from redact_ui.release_details import DetailsForm
from redact_ui.release_html import (
    clip_frames,
    exportable,
    missing_html,
    pack_html,
    policy_html,
    preview_html,
    release_facts,
    usable_codes,
)

EFFECTS = [
    ("Policy default", ""),
    ("Solid", "solid"),
    ("Mosaic", "mosaic"),
    ("Blur", "blur"),
    ("Mute (sound)", "mute"),
    ("Bleep (sound)", "bleep"),
    ("Disguise (sound)", "disguise"),
]
ACTIONS = [("Hide", "hide"), ("Show", "show"), ("Policy default", "default")]
_POLLED = 5
"""Parts of the page that are refreshed by the poll, besides the jobs."""


class ReleaseView(NamedTuple):
    """What :meth:`ReleasePage.show` gives, in the order of the page's outputs: texts are HTML, the rest Gradio updates.
    From ``preparing`` on, whether a section or button is visible to the user."""

    reference: str
    content: str
    top: str
    facts: str
    missing: str
    decisions: str
    policy: object
    targets: object
    codes: object
    exhibits: object
    first_frame: object
    last_frame: object
    preview: str
    open_items: str
    pack: str
    preparing: object
    submit: object
    approving: object
    approve: object
    send_back: object
    overriding: object
    export: object


class ReleasePage(ReleaseActions):
    """The release page. Handlers are plain methods that take the release reference first and the request last."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._details = DetailsForm(context)

    def show(self, reference: str, request: gr.Request) -> ReleaseView:
        """The whole page, or the error in place of the facts."""
        line = top_bar(self._context, request, "release")
        try:
            with authorised(self._context, request) as (session, person):
                if not reference:
                    raise RecordMissing("No release was selected.", "Select one on the work list, or in its case.")
                release = releases.find(session, reference)
                plan = self._context.plan(session, release)
                exhibits = list(dict.fromkeys(plan.exhibits))
                first_frame, last_frame = clip_frames(plan, exhibits[0] if exhibits else "")
                changeable = release.state in (ReleaseState.DRAFT, ReleaseState.IN_REVIEW, ReleaseState.APPROVED)
                prepares = changeable and accounts.may(person, Right.RELEASE)
                in_review = release.state == ReleaseState.IN_REVIEW
                approves = accounts.may(person, Right.APPROVE) and release.state != ReleaseState.WITHDRAWN
                exports = exportable(release) and accounts.may(person, Right.EXPORT)
                return ReleaseView(
                    reference=releases.reference(release),
                    content=plan.content,
                    top=line,
                    facts=release_facts(session, plan),
                    missing=missing_html(plan),
                    decisions=decision_rows(plan),
                    policy=policy_html(plan),
                    targets=gr.update(choices=targets(plan), value=[]),
                    codes=gr.update(choices=usable_codes(plan), value=[]),
                    exhibits=gr.update(choices=exhibits, value=exhibits[0] if exhibits else None),
                    first_frame=first_frame,
                    last_frame=last_frame,
                    preview=preview_html(self._context, plan),
                    open_items=open_html(self._context, session, plan),
                    pack=pack_html(session, release),
                    preparing=gr.update(visible=prepares),
                    submit=gr.update(visible=prepares and release.state == ReleaseState.DRAFT),
                    approving=gr.update(visible=approves),
                    approve=gr.update(visible=in_review),
                    send_back=gr.update(visible=in_review or release.state == ReleaseState.APPROVED),
                    overriding=gr.update(visible=in_review and accounts.may(person, Right.OVERRIDE)),
                    export=gr.update(visible=exports),
                )
        except RedactError as error:
            return _unavailable(reference, line, error)

    def refresh(self, reference: str, request: gr.Request) -> ReleaseView:
        """The page after a change, leaving alone whatever the user has selected in the meantime."""
        view = self.show(reference, request)
        return view._replace(
            targets=_without_value(view.targets),
            codes=_without_value(view.codes),
            exhibits=_without_value(view.exhibits),
            first_frame=gr.skip(),
            last_frame=gr.skip(),
        )

    def poll(self, reference: str, known_state: str, request: gr.Request) -> tuple[object, ...]:
        """The jobs; if anything has changed since ``known_state``, also facts, preview, open items, pack and content
        digest. Unchanged parts are skipped, so that a preview being watched is not reloaded."""
        try:
            with authorised(self._context, request) as (session, person):
                release = releases.find(session, reference)
                found = jobs_about(session, [release_subject(release)])
                lines = job_lines(found, "No jobs are running.", person)
                before = json.loads(known_state) if known_state else {}
                now = _fingerprint(session, release, signature(found))
                if now == before.get("now"):
                    return lines, known_state, *[gr.skip()] * _POLLED
                plan = self._context.plan(session, release)
                current = (
                    release_facts(session, plan),
                    preview_html(self._context, plan),
                    open_html(self._context, session, plan),
                    pack_html(session, release),
                    plan.content,
                )
                marks = [hashlib.sha256(part.encode()).hexdigest() for part in current]
                known = before.get("marks") or [""] * _POLLED
                changed = [
                    part if mark != old else gr.skip() for part, mark, old in zip(current, marks, known, strict=True)
                ]
                return lines, json.dumps({"now": now, "marks": marks}), *changed
        except RedactError:
            # The page itself shows the error; repeating it every two seconds would not help.
            return tuple([gr.skip()] * (_POLLED + 2))

    def build(self, blocks: gr.Blocks) -> None:
        """Put the page into ``blocks``."""
        ref, on_show, known_state = gr.State(""), gr.State(""), gr.State("")
        address = gr.Textbox(visible=False)
        line, about, missing = html(), html(), html()
        with section("What is hidden and shown"):
            decisions = html()
            with gr.Accordion("Policy rules", open=False):
                policy = html()
        with section("Prepare the release", visible=False) as preparing:
            chosen, codes, exhibit, frames, changes = self._decide_form(ref)
            changes += self._details.build(ref)
            submit, submitted = gr.Button("Submit for approval", variant="primary"), html()
        with section("Preview"):
            shown = html()
            module("pages/preview.js", "watch-place")
            with gr.Row():
                render, second_pass_button = gr.Button("Render preview"), gr.Button("Run second detection pass")
            asked = html()
        with section("Before approval"):
            still_open = html()
        with section("Jobs"):
            running = html()
            module("pages/job_buttons.js", "jobs-acts")
        with section("Approve or send back", visible=False) as approving:
            approve = gr.Button("Approve", variant="primary")
            with gr.Accordion("Override open items", open=False) as overriding:
                why = gr.Textbox(label="Reason for approving with open items", info="Recorded in the release log")
                override = gr.Button("Approve with open items", variant="stop")
            note = gr.Textbox(label="Note or reason", info="Required to send back or withdraw")
            with gr.Row():
                back, withdraw = gr.Button("Send back"), gr.Button("Withdraw release", variant="stop")
            outcome = html()
        with section("Pack"):
            pack = html()
            export, exported = gr.Button("Export pack", variant="primary", visible=False), html()
        outputs = [
            ref, on_show, line, about, missing, decisions, policy, chosen, codes, exhibit, *frames,
            shown, still_open, pack, preparing, submit, approving, approve, back, overriding, export,
        ]  # fmt: skip
        polled = [running, known_state, about, shown, still_open, pack, on_show]
        loaded = blocks.load(self.show, address, outputs, js=query("release"), **QUIET)
        loaded.then(self.poll, [ref, known_state], polled, **QUIET)
        filled = [ref, self._details.snapshot]
        loaded.then(self._details.show, filled, self._details.outputs, **QUIET)
        gr.Timer(2).tick(self.poll, [ref, known_state], polled, **QUIET)
        for event in (
            render.click(self.preview, ref, asked, **QUIET),
            second_pass_button.click(self.second_pass, ref, asked, **QUIET),
            export.click(self.export, ref, exported, **QUIET),
        ):
            event.then(self.poll, [ref, known_state], polled, **QUIET)
        changes += [
            submit.click(self.submit, ref, submitted, **QUIET),
            approve.click(self.approve, [ref, on_show], outcome, **QUIET),
            override.click(self.override, [ref, on_show, why], outcome, **QUIET),
            back.click(self.send_back, [ref, note], outcome, **QUIET),
            withdraw.click(self.withdraw, [ref, note], outcome, **QUIET),
        ]
        for event in changes:
            refreshed = event.then(self.refresh, ref, outputs, **QUIET)
            refreshed.then(self._details.show, filled, self._details.outputs, **QUIET)

    def _decide_form(self, ref: gr.State) -> tuple[Any, ...]:
        with gr.Accordion("Decisions", open=True):
            chosen = gr.Dropdown(
                [], multiselect=True, label="Applies to", info="Select one or more tracks, classes or sounds"
            )
            with gr.Row():
                action = gr.Radio(ACTIONS, value="hide", label="Action")
                effect = gr.Dropdown(EFFECTS, value="", label="Effect", interactive=True)
            codes = gr.Dropdown(
                [],
                multiselect=True,
                label="Reason codes",
                info="For hiding. Leave empty to use the codes of the policy",
            )
            with gr.Row():
                subject = gr.Textbox(
                    label="Subject", info="The same for all tracks and sounds of one person. Never disclosed"
                )
                reason = gr.Textbox(label="Reason", info="Required to show something. Recorded in the release log")
            decide = gr.Button("Record decision", variant="primary")
        with gr.Accordion("Decide on unmarked sound, or change frames", open=False):
            exhibit = gr.Dropdown([], label="Footage", interactive=True)
            with gr.Row():
                start, end = (
                    gr.Textbox(label="From", info="For example 0:01:30.5"),
                    gr.Textbox(label="To", info="For example 0:01:42"),
                )
                decide_sound = gr.Button("Record the decision above for this sound")
            with gr.Row():
                first = gr.Number(label="First frame", value=0, precision=0, minimum=0)
                last = gr.Number(label="Last frame", value=None, precision=0, minimum=0)
                cut = gr.Button("Set frames")
        message = html()
        exhibit.input(self.frames, [ref, exhibit], [first, last], **QUIET)
        how = [action, effect, codes, subject, reason]
        return (
            chosen,
            codes,
            exhibit,
            [first, last],
            [
                decide.click(self.decide, [ref, chosen, *how], [message, chosen, codes], **QUIET),
                decide_sound.click(self.decide_sound, [ref, exhibit, start, end, *how], message, **QUIET),
                cut.click(self.set_clip, [ref, exhibit, first, last], message, **QUIET),
            ],
        )


def _unavailable(reference: str, line: str, error: RedactError) -> ReleaseView:
    texts: list[Any] = ["", "", *[gr.skip()] * 6, "", "", ""]
    hidden = [gr.update(visible=False)] * 7
    return ReleaseView(reference, "", line, unavailable(error), *texts, *hidden)


def _without_value(update: object) -> object:
    """A Gradio update that leaves the value as it is."""
    return {key: new for key, new in update.items() if key != "value"} if isinstance(update, dict) else update


def _fingerprint(session: Session, release: Release, jobs: str) -> list[object]:
    """A cheap summary of everything the page depends on, to detect changes."""
    watched = session.scalar(select(func.max(Watched.id)).where(Watched.release_id == release.id))
    revisions = [clip.footage.revision for clip in release.clips]
    return [jobs, releases.content_digest(session, release), release.state, watched, revisions]
