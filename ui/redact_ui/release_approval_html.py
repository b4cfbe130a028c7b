"""What stands between a release and its approval, as HTML: what was watched by whom, the second look, open items."""

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
"""In the table; the reviewer has them all."""
_SECOND_PASS: Mapping[SecondPassState, tuple[str, str, str, str]] = {
    SecondPassState.NONE: (
        "○", "not yet", "warn",
        "Detectors have not looked at the copy as it is. They do so by themselves once the preview is rendered.",
    ),
    SecondPassState.WAITS: ("…", "waiting", "plain", "It starts when the jobs before it are done."),
    SecondPassState.RUNS: ("▸", "under way", "warn", "Detectors are looking at the copy."),
    SecondPassState.FAILED: ("✕", "failed", "bad", "The second look failed. Ask for it again beside the preview."),
    SecondPassState.DONE: ("✓", "done", "well", "Detectors have looked at the copy as it is."),
}  # fmt: skip


def open_html(context: Context, session: Session, plan: ReleasePlan) -> str:
    """All of it, and in a sentence what is left to do."""
    if not plan.policy.watch_all:
        return empty_state("The policy asks nobody to look at the copy before it is approved.")
    items = approval.open_items(session, context.store, plan)
    sign, label, colour, explanation = _SECOND_PASS[items.second_pass]
    remark = f" <span class='quiet'>{text(items.second_pass_error)}</span>" if items.second_pass_error else ""
    values = {
        "Watched": _watched(session, plan, items),
        "Second look": f"{chip(sign, label, colour)} {text(explanation)}{remark}",
        "Open items": _count(len(items.items)),
    }
    return f"{_summary(items)}{facts(values)}{_outdated_notice(session, plan)}{_items(plan, items)}"


def _summary(items: OpenItems) -> str:
    remaining = [
        "parts of it have not been watched" if any(items.unwatched) else "",
        "items are open" if items.items else "",
        "" if items.second_pass is SecondPassState.DONE else "detectors have not had their second look",
    ]
    remaining = [one for one in remaining if one]
    if not remaining:
        return '<p class="said well">Nothing is open: the release can be approved.</p>'
    return f'<p class="said">Still to be seen to: {text("; ".join(remaining))}.</p>'


def _count(items: int) -> str:
    if not items:
        return chip("✓", "none", "well")
    return chip("!", f"{items} to look at", "warn")


def _watched(session: Session, plan: ReleasePlan, items: OpenItems) -> str:
    shares = watching.watched_by(session, plan.release, plan.content)
    names = releases.full_names(session, {person for share in shares for person in share})
    lines = []
    for exhibit, clip, gaps, share in zip(plan.exhibits, plan.release.clips, items.unwatched, shares, strict=True):
        frames = clip.last_frame - clip.first_frame + 1
        watched_frames = frames - sum(last - first + 1 for first, last in gaps)
        state = (
            chip("✓", "all of it", "well")
            if watched_frames == frames
            else chip("◔", _share(watched_frames, frames), "warn")
        )
        by = ", ".join(f"{text(names[who])} {_share(count, frames)}" for who, count in sorted(share.items()))
        lines.append(f"{text(exhibit)} {state} <span class='quiet'>{by or 'by nobody yet'}</span>")
    return "<br>".join(lines)


def _share(part: int, whole: int) -> str:
    return "all of it" if part == whole else f"{100 * part // whole}%"


def _outdated_notice(session: Session, plan: ReleasePlan) -> str:
    """Footage that was looked through again since the clips were chosen: the reviewer shows the newer tracks."""
    stale = []
    for exhibit, clip in zip(plan.exhibits, plan.release.clips, strict=True):
        newest = machine_tracks.newest(session, clip.footage)
        if newest is not None and newest.id != clip.tracks_id:
            stale.append(exhibit)
    if not stale:
        return ""
    names = text(", ".join(dict.fromkeys(stale)))
    return (
        f'<p class="said">{names} was looked through again after this release was begun, and the release still has '
        "what was found before. Choose its frames anew to take over what is known now.</p>"
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
    rest = f"<p class='quiet'>And {more} more, in the reviewer.</p>" if more > 0 else ""
    shown = table(
        ("Look at it", "Why", "About", "Frames"),
        [row(item) for item in items.items[:MAX_ITEMS]],
        caption="Open items",
        empty="There are none.",
    )
    return (
        f"<p>Each is seen to in the reviewer: correct the masks, or settle it where they are in order.</p>{shown}{rest}"
    )
