"""What is still open before a release can be approved, as HTML: viewing, second detection pass, open items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from redact.disclose.release import approval, releases, watching
from redact.disclose.release.approval import OpenItems
from redact.disclose.release.plan import ReleasePlan
from redact.disclose.release.second_pass import SecondPassState
from redact.evidence import machine_tracks
from redact.timecode import timecode
from redact_ui.formatting import chip, empty_state, facts, link, table, text
from redact_ui.page import Context, review_link

MAX_ITEMS = 50
"""Most items listed here; the reviewer shows all of them."""
_SECOND_PASS: Mapping[SecondPassState, tuple[str, str, str, str]] = {
    SecondPassState.NONE: (
        "○", "not yet", "warn",
        "It has not run on the current copy. It starts automatically once the preview is rendered.",
    ),
    SecondPassState.QUEUED: ("…", "waiting", "plain", "It starts when the jobs before it have finished."),
    SecondPassState.RUNNING: ("▸", "running", "warn", "It is running on the current copy."),
    SecondPassState.FAILED: ("✕", "failed", "bad", "It failed. Run it again in the Preview section."),
    SecondPassState.DONE: ("✓", "done", "well", "It has run on the current copy."),
}  # fmt: skip


def open_html(context: Context, session: Session, plan: ReleasePlan) -> str:
    """The whole section, led by a sentence on what is left to do."""
    if not plan.policy.watch_all:
        return empty_state("The policy does not require anyone to watch the copy before approval.")
    items = approval.open_items(session, context.store, plan)
    sign, label, colour, explanation = _SECOND_PASS[items.second_pass]
    remark = f" <span class='quiet'>{text(items.second_pass_error)}</span>" if items.second_pass_error else ""
    values = {
        "Watched": _watched(session, plan, items),
        "Second detection pass": f"{chip(sign, label, colour)} {text(explanation)}{remark}",
        "Open items": _count(len(items.items)),
    }
    return f"{_summary(items)}{facts(values)}{_outdated_notice(session, plan)}{_items(plan, items)}"


def _summary(items: OpenItems) -> str:
    remaining = [
        "some parts have not been watched" if any(items.unwatched) else "",
        "some items are open" if items.items else "",
        "" if items.second_pass is SecondPassState.DONE else "the second detection pass is not complete",
    ]
    remaining = [one for one in remaining if one]
    if not remaining:
        return '<p class="said well">Nothing is open: the release can be approved.</p>'
    return f'<p class="said">Still to do: {text("; ".join(remaining))}.</p>'


def _count(items: int) -> str:
    if not items:
        return chip("✓", "none", "well")
    return chip("!", f"{items} to check", "warn")


def _watched(session: Session, plan: ReleasePlan, items: OpenItems) -> str:
    shares = watching.watched_by(session, plan.release, plan.content)
    names = releases.full_names(session, {person for share in shares for person in share})
    lines = []
    for exhibit, clip, gaps, share in zip(plan.exhibits, plan.release.clips, items.unwatched, shares, strict=True):
        frames = clip.last_frame - clip.first_frame + 1
        watched_frames = frames - sum(last - first + 1 for first, last in gaps)
        share_watched = _share(watched_frames, frames)
        state = chip("✓", share_watched, "well") if watched_frames == frames else chip("◔", share_watched, "warn")
        by = ", ".join(f"{text(names[person])} ({_share(count, frames)})" for person, count in sorted(share.items()))
        lines.append(f"{text(exhibit)} {state} <span class='quiet'>{f'by {by}' if by else 'by no one yet'}</span>")
    return "<br>".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part // whole}%"


def _outdated_notice(session: Session, plan: ReleasePlan) -> str:
    """A notice about footage detected again since the clips were chosen: the reviewer shows the newer tracks."""
    stale = []
    for exhibit, clip in zip(plan.exhibits, plan.release.clips, strict=True):
        newest = machine_tracks.newest(session, clip.footage)
        if newest is not None and newest.id != clip.tracks_id:
            stale.append(exhibit)
    if not stale:
        return ""
    names = text(", ".join(dict.fromkeys(stale)))
    return (
        f'<p class="said">Detection was run again on {names} after this release was created. The release still uses '
        "the earlier tracks. Select its frames again to use the new ones.</p>"
    )


def _items(plan: ReleasePlan, items: OpenItems) -> str:
    if not items.items:
        return ""
    name = releases.reference(plan.release)
    clips = dict(zip(plan.exhibits, (one.clip for one in plan.resolved.clips), strict=True))

    def row(item: Mapping[str, Any]) -> tuple[str, str, str, str]:
        at = timecode(clips[item["exhibit"]].seconds(item.get("frame", item["first"])))
        about = "no track" if item["track"] is None else f"track {item['track']}"
        return (
            link(review_link(item["footage"], name), f"{item['exhibit']} at {at}"),
            text(item["text"]),
            text(about),
            f"{item['first']} to {item['last']}",
        )

    more = len(items.items) - MAX_ITEMS
    rest = f"<p class='quiet'>The reviewer shows {more} more.</p>" if more > 0 else ""
    shown = table(
        ("Place", "Reason", "About", "Frames"),
        [row(item) for item in items.items[:MAX_ITEMS]],
        caption="Open items",
        empty="There are no open items.",
    )
    advice = "Resolve each item in the reviewer: correct the masks, or settle the item if they are right."
    return f"<p>{advice}</p>{shown}{rest}"
