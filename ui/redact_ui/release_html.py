"""The facts of a release, what is missing from it, its preview and its pack, as HTML."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.disclose.policy.policies import Action, ClassRule
from redact.disclose.release import releases
from redact.disclose.release.plan import ReleasePlan
from redact.records.release_state import ReleaseState, release_subject
from redact.schema.tables import Event, Export, Release
from redact.settings import AudioMode
from redact.timecode import timecode
from redact_ui.formatting import empty_state, facts, link, listing, moment, state, table, text
from redact_ui.page import Context, case_link, review_link


def release_facts(session: Session, plan: ReleasePlan) -> str:
    """The heading and the facts of a release."""
    release = plan.release
    name = releases.reference(release)
    names = releases.full_names(session, [p for p in (release.submitted_by, release.approved_by) if p])
    clips = ", ".join(
        f"{text(exhibit)} {timecode(clip.clip.seconds(clip.clip.first_frame))} to"
        f" {timecode(clip.clip.seconds(clip.clip.last_frame + 1))}"
        f" (frames {clip.clip.first_frame} to {clip.clip.last_frame})"
        for exhibit, clip in zip(plan.exhibits, plan.resolved.clips, strict=True)
    )
    values = {
        "State": state(release.state),
        "Case": link(case_link(release.case.reference), release.case.reference),
        "Policy": f"{text(plan.policy.title)} <span class='quiet'>version {text(plan.policy.version)}</span>",
        "Clips": clips,
        "Submitted": _by(names, release.submitted_by, release.submitted_at),
        "Approved": _by(names, release.approved_by, release.approved_at),
        "All other sound": text(plan.policy.sound.mode.value),
    }
    footage_ids = {e: c.footage_id for e, c in zip(plan.exhibits, release.clips, strict=True)}
    values["Masks"] = ", ".join(
        link(review_link(id_, name), f"Review {exhibit}") for exhibit, id_ in footage_ids.items()
    )
    return f'<h1>Release {text(name)}</h1>{_sent_back(session, release)}<div class="panel">{facts(values)}</div>'


def clip_frames(plan: ReleasePlan, exhibit: str) -> tuple[int, int]:
    """First and last frame of the first clip of an exhibit; (0, 0) if it has none."""
    clips = zip(plan.exhibits, plan.release.clips, strict=True)
    return next(((clip.first_frame, clip.last_frame) for name, clip in clips if name == exhibit), (0, 0))


def _by(names: dict[int, str], person: int | None, at: Any) -> str:
    return f"{moment(at)} by {text(names.get(person, ''))}" if person else "not yet"


def exportable(release: Release) -> bool:
    """Whether its state allows an export; changes since the approval are checked separately."""
    return release.state in (ReleaseState.APPROVED, ReleaseState.EXPORTED)


def pack_html(session: Session, release: Release) -> str:
    """The download link of the pack, or what has to happen first."""
    if not exportable(release):
        return empty_state("The pack can be exported once the release is approved.")
    if not _packed(session, release):
        return empty_state("The pack has not been exported yet.")
    address = f"/api/releases/{quote(releases.reference(release), safe='')}/pack.zip"
    return (
        f"<p>{link(address, 'Download pack')} <span class='quiet'>Downloads are recorded in the audit trail.</span></p>"
    )


def _packed(session: Session, release: Release) -> bool:
    made = select(Export.id).where(Export.release_id == release.id, Export.content == release.approved_content)
    return session.scalars(made.limit(1)).first() is not None


def _sent_back(session: Session, release: Release) -> str:
    if release.state != ReleaseState.DRAFT:
        return ""
    kinds = ("release.sent-back", "release.submitted")
    query_ = select(Event).where(Event.subject == release_subject(release), Event.kind.in_(kinds))
    newest = session.scalars(query_.order_by(Event.seq.desc()).limit(1)).first()
    if newest is None or newest.kind != "release.sent-back":
        return ""
    note = json.loads(newest.body)["note"]
    return f'<p class="said bad">Sent back by {text(newest.actor)} on {moment(newest.at)}: {text(note)}</p>'


def missing_html(plan: ReleasePlan) -> str:
    """What prevents a draft from being submitted."""
    if plan.release.state != ReleaseState.DRAFT:
        return ""
    if not plan.problems:
        return '<p class="said well">Nothing is missing. The release can be submitted.</p>'
    return f'<div class="panel"><h2>Still missing</h2>{listing(text(problem) for problem in plan.problems)}</div>'


def usable_codes(plan: ReleasePlan) -> list[tuple[str, str]]:
    """Reason codes for hiding something, as labels and ids."""
    codes = plan.codes.hiding(plan.policy.kind, plan.policy.regime)
    return [(f"{code.id}: {code.title}", code.id) for code in codes]


def policy_html(plan: ReleasePlan) -> str:
    """What the policy does where there is no decision, and what it requires before approval."""
    policy = plan.policy

    def row(name: str, rule: ClassRule) -> tuple[str, str, str, str]:
        if rule.action is Action.SHOW:
            return text(name), "shown", "", text(rule.reason)
        return text(name), f"hidden: {rule.effect.effect.value}", text(", ".join(rule.codes)), ""

    rows = [
        *(row(label.capitalize(), rule) for label, rule in policy.classes.items()),
        row("Everything else", policy.other),
    ]
    hidden = policy.sound.mode is not AudioMode.KEEP
    sound = f"hidden: {policy.sound.effect.value}" if hidden else "heard"
    rows.append(("Sound", sound, text(", ".join(policy.sound.codes)) if hidden else "", ""))
    conditions = [
        "Four-eyes rule: people who worked on the release cannot approve it." if policy.four_eyes else "",
        "Before approval: watch the whole preview, settle every open item, run the second detection pass."
        * policy.watch_all,
    ]
    rules = table(("Class", "Treatment", "Codes", "Reason"), rows, caption="Policy rules", empty="")
    return f"{rules}<p>{text(' '.join(filter(None, conditions)))}</p>"


def preview_html(context: Context, plan: ReleasePlan) -> str:
    """Every clip side by side with its original footage. The HTML only changes when the release or its rendered copies
    do, so that viewing is not interrupted."""
    release, name = plan.release, releases.reference(plan.release)
    sections = []
    for number, (clip, exhibit) in enumerate(zip(release.clips, plan.exhibits, strict=True), start=1):
        rendered = context.store.preview_path(clip.footage.sha256, plan.content, number).is_file()
        title = f"<h3>{text(exhibit)}</h3>"
        if not rendered:
            sections.append(f"{title}{empty_state('There is no preview of the current version. Render it below.')}")
            continue
        start = float(plan.resolved.clips[number - 1].clip.seconds(clip.first_frame))
        source = f"/api/releases/{quote(name, safe='')}/preview/{number}.mp4?content={plan.content}"
        sections.append(
            f'<section class="watch" aria-label="Preview of {text(exhibit)}" data-release="{text(name)}"'
            f' data-output="{number}" data-content="{plan.content}" data-footage="{clip.footage_id}"'
            f' data-first="{clip.first_frame}" data-last="{clip.last_frame}">{title}'
            f'<div class="side"><figure><video class="master" muted playsinline preload="auto"'
            f' src="/api/footage/{clip.footage_id}/proxy.mp4#t={start:.3f}"></video>'
            f"<figcaption>Original footage, unmasked. Follows the redacted copy</figcaption></figure>"
            f'<figure><video class="copy" controls playsinline preload="auto" src="{source}"></video>'
            f"<figcaption>Redacted copy for release. Watch this one</figcaption></figure></div>"
            f'<canvas class="coverage" height="18" role="img" aria-label="Which parts were watched"></canvas>'
            f'<p class="quiet coverage-words" aria-live="polite"></p></section>'
        )
    return "".join(sections)
