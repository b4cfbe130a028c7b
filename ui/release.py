"""A release: what it hides and shows and why, what is still missing, its preview, and its way to the pack."""

# ruff: noqa: PLR0917 - Gradio hands over what the fields hold in their order

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from redact.cases import people
from redact.cases.people import Right
from redact.cases.reopening import ReleaseState, release_subject
from redact.cases.schema import Release
from redact.disclose import releases
from redact.disclose.releases import ClipWish
from redact.errors import BadRecord, RecordMissing, RedactError
from redact.jobs import queue
from redact.jobs.kinds import JobKind
from ui.base import QUIET, Context, answered, html, login, module, query, seeing, top
from ui.decisions import decision_rows, sound_target, targets, what_is_told
from ui.details import DetailsForm
from ui.jobs import job_lines, jobs_about, signature
from ui.release_parts import clip_frames, exportable, preview_html, release_facts, usable_codes, what_is_missing
from ui.words import failed, text

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
_PARTS = 14
"""Outputs of a look at the page."""


class ReleasePage:
    """One release. Handlers are plain methods: the release's reference first, the request last."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._details = DetailsForm(context)

    def show(self, reference: str, request: gr.Request) -> tuple[object, ...]:
        """Reference, top line, facts, what is missing, decisions, choices of targets, codes and exhibits, the digest of
        what is on show, the preview, and the groups of buttons that one may use."""
        line = top(self._context, request, "release")
        try:
            with seeing(self._context, request) as (session, person):
                if not reference:
                    raise RecordMissing("No release was chosen.", "Choose one on the work list, or in its case.")
                release = releases.find(session, reference)
                plan = self._context.plan(session, release)
                exhibits = list(dict.fromkeys(plan.exhibits))
                changeable = release.state in (ReleaseState.DRAFT, ReleaseState.IN_REVIEW, ReleaseState.APPROVED)
                prepares = changeable and people.may(person, Right.RELEASE)
                return (
                    releases.reference(release),
                    line,
                    release_facts(session, plan),
                    what_is_missing(plan),
                    decision_rows(plan),
                    gr.update(choices=targets(plan), value=[]),
                    gr.update(choices=usable_codes(plan), value=[]),
                    gr.update(choices=exhibits, value=exhibits[0] if exhibits else None),
                    *clip_frames(plan, exhibits[0] if exhibits else ""),
                    preview_html(self._context, session, plan),
                    gr.update(visible=prepares),
                    gr.update(visible=people.may(person, Right.APPROVE) and release.state != ReleaseState.WITHDRAWN),
                    gr.update(visible=exportable(release) and people.may(person, Right.EXPORT)),
                )
        except RedactError as error:
            skipped = [gr.skip()] * 5
            hidden = [gr.update(visible=False)] * 3
            return (reference, line, failed(error), "", "", *skipped, "", *hidden)

    def poll(self, reference: str, seen: str, request: gr.Request) -> tuple[object, ...]:
        """What is under way; where something has ended since ``seen``, facts and preview anew."""
        try:
            with seeing(self._context, request) as (session, _):
                release = releases.find(session, reference)
                found = jobs_about(session, [release_subject(release)])
                now = signature(found)
                lines = job_lines(found, "Nothing is under way.")
                if now == seen:
                    return lines, now, gr.skip(), gr.skip()
                plan = self._context.plan(session, release)
                return lines, now, release_facts(session, plan), preview_html(self._context, session, plan)
        except RedactError:
            # The page itself says what is wrong; every two seconds again would help nobody.
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()

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
    ) -> str:
        """The same decision about each thing that was chosen."""

        def work() -> str:
            if not chosen:
                raise BadRecord("Nothing was chosen.", "Choose the tracks, classes or sounds that it is about.")
            told = what_is_told(action, effect, codes, subject, reason)
            for one in chosen:
                about = json.loads(one)
                content = {"target": about["target"], **told}
                releases.decide(self._context.db, login(request), reference, content, about["exhibit"])
            return f"{len(chosen)} decision{'' if len(chosen) == 1 else 's'} noted."

        return answered(work)

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
                **what_is_told(action, effect, codes, subject, reason),
            }
            releases.decide(self._context.db, actor, reference, content, exhibit)
            return "The decision about this sound is noted."

        return answered(work)

    def frames(self, reference: str, exhibit: str, request: gr.Request) -> tuple[object, object]:
        """First and last frame of an exhibit in the release."""
        try:
            with seeing(self._context, request) as (session, _):
                return clip_frames(self._context.plan(session, releases.find(session, reference)), exhibit)
        except RedactError:
            return gr.skip(), gr.skip()  # the page says what is wrong

    def set_clip(self, reference: str, exhibit: str, first: float, last: float, request: gr.Request) -> str:
        """Another first and last frame for the clips of one exhibit."""

        def work() -> str:
            actor = login(request)
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                wishes = [
                    ClipWish(releases.exhibit_of(release, c.footage_id), c.first_frame, c.last_frame)
                    for c in release.clips
                ]
            given = None if last is None else int(last)
            wishes = [w if w.exhibit != exhibit else ClipWish(exhibit, int(first or 0), given) for w in wishes]
            releases.set_clips(self._context.db, actor, reference, wishes)
            return f"{text(exhibit)} is cut to these frames."

        return answered(work)

    def submit(self, reference: str, request: gr.Request) -> str:
        """Hand the draft to those who approve."""

        def work() -> str:
            with seeing(self._context, request, Right.RELEASE) as (session, person):
                problems = self._context.plan(session, releases.find(session, reference)).problems
            releases.submit(self._context.db, person.name, reference, problems)
            return "The release is in review. Somebody else approves it."

        return answered(work)

    def approve(self, reference: str, override: str, request: gr.Request) -> str:
        """Approve it."""

        def work() -> str:
            releases.approve(self._context.db, login(request), reference, override=override or "")
            return "The release is approved. Its pack can be made now."

        return answered(work)

    def send_back(self, reference: str, note: str, request: gr.Request) -> str:
        """Back to those who prepare it."""

        def work() -> str:
            releases.send_back(self._context.db, login(request), reference, note or "")
            return "The release is a draft again, with your note."

        return answered(work)

    def withdraw(self, reference: str, reason: str, request: gr.Request) -> str:
        """For good."""

        def work() -> str:
            releases.withdraw(self._context.db, login(request), reference, reason or "")
            return "The release is withdrawn."

        return answered(work)

    def preview(self, reference: str, request: gr.Request) -> str:
        """Have it rendered."""
        return self._work(reference, JobKind.PREVIEW, "The preview is being rendered.", request)

    def second_look(self, reference: str, request: gr.Request) -> str:
        """Have detectors look at what was rendered."""
        return self._work(reference, JobKind.SECOND_LOOK, "Detectors look at the rendered copy.", request)

    def export(self, reference: str, request: gr.Request) -> str:
        """Have the pack made."""

        def check(session: Session, release: Release) -> None:
            releases.check_exportable(session, release)

        return self._work(reference, JobKind.EXPORT, "The pack is being made.", request, check)

    def _work(self, reference: str, kind: JobKind, words: str, request: gr.Request, check: Any = None) -> str:
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
            return f"{words} You can leave this page meanwhile."

        return answered(work)

    def build(self, blocks: gr.Blocks) -> None:
        """Put the page into ``blocks``."""
        ref, seen = gr.State(""), gr.State("")
        address = gr.Textbox(visible=False)
        line, about, missing = html(), html(), html()
        html("<h2>What is hidden and shown</h2>")
        decided = html()
        with gr.Column(visible=False) as preparing:
            chosen, codes, exhibit, frames, decisions = self._decide_form(ref)
            changes = [*decisions, *self._details.build(blocks, ref, about)]
            submit, submitted = gr.Button("Submit for approval", variant="primary"), html()
        html("<h2>Preview</h2>")
        shown = html()
        module("watch.js", "watch-place")
        with gr.Row():
            render, look = gr.Button("Render the preview"), gr.Button("Have detectors look at it")
        asked = html()
        html("<h2>Under way</h2>")
        running = html()
        with gr.Column(visible=False) as approving:
            note = gr.Textbox(
                label="Note or reason",
                info="Needed to send back, to withdraw, and to approve what was not watched in full",
            )
            with gr.Row():
                approve = gr.Button("Approve", variant="primary")
                back, withdraw = gr.Button("Send back"), gr.Button("Withdraw for good", variant="stop")
            judged = html()
        with gr.Column(visible=False) as exporting:
            export, exported = gr.Button("Make the pack", variant="primary"), html()
        outputs = [
            ref, line, about, missing, decided, chosen, codes, exhibit, *frames, shown, preparing, approving, exporting,
        ]  # fmt: skip
        assert len(outputs) == _PARTS
        polled = [running, seen, about, shown]
        loaded = blocks.load(self.show, address, outputs, js=query("release"), **QUIET)
        loaded.then(self.poll, [ref, seen], polled, **QUIET)
        loaded.then(self._details.show, ref, self._details.outputs, **QUIET)
        gr.Timer(2).tick(self.poll, [ref, seen], polled, **QUIET)
        for event in (
            render.click(self.preview, ref, asked, **QUIET),
            look.click(self.second_look, ref, asked, **QUIET),
            export.click(self.export, ref, exported, **QUIET),
        ):
            event.then(self.poll, [ref, seen], polled, **QUIET)
        changes += [
            submit.click(self.submit, ref, submitted, **QUIET),
            approve.click(self.approve, [ref, note], judged, **QUIET),
            back.click(self.send_back, [ref, note], judged, **QUIET),
            withdraw.click(self.withdraw, [ref, note], judged, **QUIET),
        ]
        for event in changes:
            event.then(self.show, ref, outputs, **QUIET)

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
            html("<h2>A span of sound, or a clip</h2>")
            with gr.Row():
                exhibit = gr.Dropdown([], label="Footage", interactive=True)
                start, end = gr.Textbox(label="From", info="As 0:01:30.5"), gr.Textbox(label="To", info="As 0:01:42")
                decide_sound = gr.Button("Note it about this sound")
            with gr.Row():
                first = gr.Number(label="First frame", value=0, precision=0, minimum=0)
                last = gr.Number(label="Last frame", value=None, precision=0, minimum=0)
                cut = gr.Button("Release only these frames")
            said = html()
        exhibit.input(self.frames, [ref, exhibit], [first, last], **QUIET)
        how = [action, effect, codes, subject, reason]
        return (
            chosen,
            codes,
            exhibit,
            [first, last],
            [
                decide.click(self.decide, [ref, chosen, *how], said, **QUIET),
                decide_sound.click(self.decide_sound, [ref, exhibit, start, end, *how], said, **QUIET),
                cut.click(self.set_clip, [ref, exhibit, first, last], said, **QUIET),
            ],
        )
