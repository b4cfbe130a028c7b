"""A release: what it hides and shows and why, what is still missing, its preview, and its way to the pack."""

# ruff: noqa: PLR0917 - Gradio hands over what the fields hold in their order

from __future__ import annotations

import hashlib
import json
from typing import Any

import gradio as gr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from redact.disclose.release import approval, releases
from redact.disclose.release.releases import ClipRequest
from redact.errors import BadRecord, RecordMissing, RedactError
from redact.jobs import queue
from redact.jobs.handlers import request_second_pass
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.job_states import JobKind
from redact.records.release_state import ReleaseState, release_subject
from redact.schema.tables import Release, Watched
from redact_ui.formatting import text
from redact_ui.jobs_html import job_lines, jobs_about, signature
from redact_ui.page import (
    QUIET,
    Context,
    authorised,
    html,
    login,
    module,
    query,
    run_action,
    section,
    top_bar,
    try_action,
    unavailable,
)
from redact_ui.release_approval_html import open_html
from redact_ui.release_decisions import decision_content, decision_rows, sound_target, targets
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
    ("As the policy says", ""),
    ("Solid", "solid"),
    ("Mosaic", "mosaic"),
    ("Blur", "blur"),
    ("Mute (sound)", "mute"),
    ("Bleep (sound)", "bleep"),
    ("Disguise (sound)", "disguise"),
]
ACTIONS = [("Hide", "hide"), ("Show", "show"), ("As the policy says", "default")]
_CHOICES, _FRAMES = range(7, 10), slice(10, 12)
"""Places of targets, codes and exhibits, and of the exhibit's frames, in what :meth:`ReleasePage.show` gives."""
_POLLED = 5
"""Parts of the page that are looked at every two seconds, beside the work under way."""


class ReleasePage:
    """One release. Handlers are plain methods: the release's reference first, the request last."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._details = DetailsForm(context)

    def show(self, reference: str, request: gr.Request) -> tuple[object, ...]:
        """Reference, digest of what is on show, top line, facts, what is missing, decisions, policy, choices of
        targets, codes and exhibits with its frames, preview, what is open, pack, and the parts that one may use."""
        line = top_bar(self._context, request, "release")
        try:
            with authorised(self._context, request) as (session, person):
                if not reference:
                    raise RecordMissing("No release was chosen.", "Choose one on the work list, or in its case.")
                release = releases.find(session, reference)
                plan = self._context.plan(session, release)
                exhibits = list(dict.fromkeys(plan.exhibits))
                changeable = release.state in (ReleaseState.DRAFT, ReleaseState.IN_REVIEW, ReleaseState.APPROVED)
                prepares = changeable and accounts.may(person, Right.RELEASE)
                waits = release.state == ReleaseState.IN_REVIEW
                return (
                    releases.reference(release),
                    plan.content,
                    line,
                    release_facts(session, plan),
                    missing_html(plan),
                    decision_rows(plan),
                    policy_html(plan),
                    gr.update(choices=targets(plan), value=[]),
                    gr.update(choices=usable_codes(plan), value=[]),
                    gr.update(choices=exhibits, value=exhibits[0] if exhibits else None),
                    *clip_frames(plan, exhibits[0] if exhibits else ""),
                    preview_html(self._context, plan),
                    open_html(self._context, session, plan),
                    pack_html(session, release),
                    gr.update(visible=prepares),
                    gr.update(visible=prepares and release.state == ReleaseState.DRAFT),
                    gr.update(visible=accounts.may(person, Right.APPROVE) and release.state != ReleaseState.WITHDRAWN),
                    gr.update(visible=waits),
                    gr.update(visible=release.state in (ReleaseState.IN_REVIEW, ReleaseState.APPROVED)),
                    gr.update(visible=waits and accounts.may(person, Right.OVERRIDE)),
                    gr.update(visible=exportable(release) and accounts.may(person, Right.EXPORT)),
                )
        except RedactError as error:
            texts: list[object] = ["", "", "", *[gr.skip()] * 5, "", "", ""]
            hidden = [gr.update(visible=False)] * 7
            return (reference, "", line, unavailable(error), *texts, *hidden)

    def again(self, reference: str, request: gr.Request) -> tuple[object, ...]:
        """The same after a change: what somebody has begun to choose in the meantime stays chosen."""
        changed = list(self.show(reference, request))
        for place in _CHOICES:
            if isinstance(update := changed[place], dict):
                update.pop("value", None)
        changed[_FRAMES] = [gr.skip()] * 2
        return tuple(changed)

    def poll(self, reference: str, known_state: str, request: gr.Request) -> tuple[object, ...]:
        """What is under way; where anything has changed since ``seen``, facts, preview, what is open, pack, and the
        digest of what is on show: each only where it is another one, so that no film is taken from under one's eyes."""
        try:
            with authorised(self._context, request) as (session, person):
                release = releases.find(session, reference)
                found = jobs_about(session, [release_subject(release)])
                lines = job_lines(found, "Nothing is under way.", person)
                before = json.loads(known_state) if known_state else {}
                now = _standing(session, release, signature(found))
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
            # The page itself says what is wrong; every two seconds again would help nobody.
            return tuple([gr.skip()] * (_POLLED + 2))

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
        """The same decision about each thing that was chosen; then nothing is chosen any more."""

        def work() -> str:
            if not chosen:
                raise BadRecord("Nothing was chosen.", "Choose the tracks, classes or sounds that it is about.")
            decision = decision_content(action, effect, codes, subject, reason)
            for item in chosen:
                about = json.loads(item)
                content = {"target": about["target"], **decision}
                releases.decide(self._context.db, login(request), reference, content, about["exhibit"])
            return f"{len(chosen)} decision{'' if len(chosen) == 1 else 's'} noted."

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
        """A decision about a span of sound that nobody has marked yet."""

        def work() -> str:
            actor = login(request)
            with self._context.db.reading() as session:
                plan = self._context.plan(session, releases.find(session, reference))
            content = {
                "target": sound_target(plan, exhibit, start, end),
                **decision_content(action, effect, codes, subject, reason),
            }
            releases.decide(self._context.db, actor, reference, content, exhibit)
            return "The decision about this sound is noted."

        return run_action(work)

    def frames(self, reference: str, exhibit: str, request: gr.Request) -> tuple[object, object]:
        """First and last frame of an exhibit in the release."""
        try:
            with authorised(self._context, request) as (session, _):
                return clip_frames(self._context.plan(session, releases.find(session, reference)), exhibit)
        except RedactError:
            return gr.skip(), gr.skip()  # the page says what is wrong

    def set_clip(self, reference: str, exhibit: str, first: float, last: float, request: gr.Request) -> str:
        """Another first and last frame for the clips of one exhibit."""

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
            return f"{text(exhibit)} is cut to these frames."

        return run_action(work)

    def submit(self, reference: str, request: gr.Request) -> str:
        """Hand the draft to those who approve."""

        def work() -> str:
            with authorised(self._context, request, Right.RELEASE) as (session, person):
                problems = self._context.plan(session, releases.find(session, reference)).problems
            releases.submit(self._context.db, person.name, reference, problems)
            return "The release is in review. Somebody else approves it."

        return run_action(work)

    def approve(self, reference: str, content: str, request: gr.Request) -> str:
        """Approve it; ``content`` is the digest of what was on show."""
        return self.override(reference, content, "", request)

    def override(self, reference: str, content: str, reason: str, request: gr.Request) -> str:
        """Approve it although something is open."""

        def work() -> str:
            context, actor = self._context, login(request)
            approval.approve(
                context.db, context.store, actor, reference, override=reason or "", content=content or None
            )
            return "The release is approved. Its pack can be made now."

        return run_action(work)

    def send_back(self, reference: str, note: str, request: gr.Request) -> str:
        """Back to those who prepare it."""

        def work() -> str:
            releases.send_back(self._context.db, login(request), reference, note or "")
            return "The release is a draft again, with your note."

        return run_action(work)

    def withdraw(self, reference: str, reason: str, request: gr.Request) -> str:
        """For good."""

        def work() -> str:
            releases.withdraw(self._context.db, login(request), reference, reason or "")
            return "The release is withdrawn."

        return run_action(work)

    def preview(self, reference: str, request: gr.Request) -> str:
        """Have it rendered."""
        return self._work(reference, JobKind.PREVIEW, "The preview was asked for.", request)

    def second_look(self, reference: str, request: gr.Request) -> str:
        """Have detectors look at what was rendered."""

        def work() -> str:
            actor = login(request)
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                name, digest = releases.reference(release), releases.content_digest(session, release)
            request_second_pass(self._context.db, actor, name, digest)
            return "A second look at the rendered copy was asked for. You can leave this page meanwhile."

        return run_action(work)

    def export(self, reference: str, request: gr.Request) -> str:
        """Have the pack made."""

        def check(session: Session, release: Release) -> None:
            releases.check_exportable(session, release)

        return self._work(reference, JobKind.EXPORT, "The pack was asked for.", request, check)

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
            return f"{message} You can leave this page meanwhile."

        return run_action(work)

    def build(self, blocks: gr.Blocks) -> None:
        """Put the page into ``blocks``."""
        ref, on_show, known_state = gr.State(""), gr.State(""), gr.State("")
        address = gr.Textbox(visible=False)
        line, about, missing = html(), html(), html()
        with section("What is hidden and shown"):
            decisions = html()
            with gr.Accordion("What the policy says where nobody decides otherwise", open=False):
                policy = html()
        with section("Prepare it", visible=False) as preparing:
            chosen, codes, exhibit, frames, changes = self._decide_form(ref)
            changes += self._details.build(ref)
            submit, submitted = gr.Button("Submit for approval", variant="primary"), html()
        with section("Preview"):
            shown = html()
            module("pages/preview.js", "watch-place")
            with gr.Row():
                render, second_pass_button = gr.Button("Render the preview"), gr.Button("Have detectors look at it")
            asked = html()
        with section("Before it can be approved"):
            still_open = html()
        with section("Under way"):
            running = html()
            module("pages/job_buttons.js", "jobs-acts")
        with section("Approve or send back", visible=False) as approving:
            approve = gr.Button("Approve", variant="primary")
            with gr.Accordion("Approve although something is open", open=False) as overriding:
                why = gr.Textbox(label="Reason for approving all the same", info="The log of the pack holds it")
                override = gr.Button("Approve all the same", variant="stop")
            note = gr.Textbox(label="Note or reason", info="Needed to send back and to withdraw")
            with gr.Row():
                back, withdraw = gr.Button("Send back"), gr.Button("Withdraw for good", variant="stop")
            outcome = html()
        with section("Pack"):
            pack = html()
            export, exported = gr.Button("Make the pack", variant="primary", visible=False), html()
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
            second_pass_button.click(self.second_look, ref, asked, **QUIET),
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
            shown_again = event.then(self.again, ref, outputs, **QUIET)
            shown_again.then(self._details.show, filled, self._details.outputs, **QUIET)

    def _decide_form(self, ref: gr.State) -> tuple[Any, ...]:
        with gr.Accordion("Decide", open=True):
            chosen = gr.Dropdown(
                [], multiselect=True, label="About", info="Tracks, classes and sounds; several at once"
            )
            with gr.Row():
                action = gr.Radio(ACTIONS, value="hide", label="What happens")
                effect = gr.Dropdown(EFFECTS, value="", label="How it is hidden", interactive=True)
            codes = gr.Dropdown([], multiselect=True, label="Reason codes", info="For hiding; empty: the policy's")
            with gr.Row():
                subject = gr.Textbox(label="Who or what it is", info="The same for all of theirs; never told outside")
                reason = gr.Textbox(label="Reason", info="Needed to show; the log holds it")
            decide = gr.Button("Note the decision", variant="primary")
        with gr.Accordion("A span of sound that nobody has marked yet, or other frames", open=False):
            exhibit = gr.Dropdown([], label="Footage", interactive=True)
            with gr.Row():
                start, end = gr.Textbox(label="From", info="As 0:01:30.5"), gr.Textbox(label="To", info="As 0:01:42")
                decide_sound = gr.Button("Note the decision above about this sound")
            with gr.Row():
                first = gr.Number(label="First frame", value=0, precision=0, minimum=0)
                last = gr.Number(label="Last frame", value=None, precision=0, minimum=0)
                cut = gr.Button("Release only these frames")
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


def _standing(session: Session, release: Release, jobs: str) -> list[object]:
    """All that what is shown of a release depends on, at little cost."""
    watched = session.scalar(select(func.max(Watched.id)).where(Watched.release_id == release.id))
    revisions = [clip.footage.revision for clip in release.clips]
    return [jobs, releases.content_digest(session, release), release.state, watched, revisions]
