"""A release in the reviewer on the real server: decisions, and masks copied within the case."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import expect

from redact.disclose.release import releases
from redact.mask.edits.result import Origin
from redact.track.types import TrackSet
from tests.browser.fake import moving
from tests.browser.real import Workbench
from tests.browser.reviewing import Reviewing
from tests.media.clips import make_clip

FRAMES = 50


def test_decisions_and_mask_copies_are_recorded(workbench: Workbench, tmp_path: Path) -> None:
    case = workbench.case()
    clips = [
        make_clip(tmp_path / f"{n}.mp4", frames=FRAMES, size=size) for n, size in enumerate([(320, 192), (640, 384)])
    ]
    near, far = (workbench.footage(clip, case, exhibit=f"AB{n}") for n, clip in enumerate(clips, start=1))
    tracks = (moving(1, "face", 0, 49, (40, 40, 80, 90), 0.5), moving(2, "plate", 0, 49, (200, 100, 260, 130)))
    tracks_id = workbench.detected(near, TrackSet(workbench.media(near), tracks))
    workbench.detected(far, TrackSet(workbench.media(far), ()))
    name = releases.reference(releases.create(workbench.db, "rita", case, policy_name="public"))
    review = Reviewing(workbench, near, tracks_id, release=quote(name, safe=""))
    page, chosen = review.page, review.page.get_by_role("region", name="Selection")
    page.get_by_role("option", name="face 1,").click(position={"x": 60, "y": 10})
    expect(chosen).to_contain_text("by the policy")
    page.keyboard.press("h")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Show", exact=True).check()
    dialog.get_by_label("Reason, recorded in the release log").fill("The officer who asked for it")
    if folder := os.environ.get("REDACT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "real-decide.png")
    page.keyboard.press("Enter")
    expect(chosen).to_contain_text("by an individual decision, Rita")
    with workbench.db.reading() as session:
        release = releases.find(session, name)
        (row,) = releases.decisions_of(session, release)
        assert row.footage_id == near
        expected = {"target": {"track": 1}, "action": "show", "reason": "The officer who asked for it"}
        assert json.loads(row.content) == expected
    page.get_by_role("option", name="plate 2,").click(position={"x": 60, "y": 10})
    page.keyboard.press("y")
    page.get_by_role("dialog").get_by_role("button", name="Copy").click()
    expect(page.get_by_text("1 mask copied to 1.mp4")).to_be_visible()
    there = Reviewing(workbench, far, tracks_id + 1)
    (copied,) = there.edited().tracks.tracks
    assert there.edited().states[copied.id].origin is Origin.MANUAL and len(copied) == FRAMES
    assert copied.boxes[7].tolist() == [400, 200, 520, 260], "in a picture twice as large"
    page.get_by_role("button", name="Undo the copy").click()
    expect(page.get_by_text("The copy in 1.mp4 was undone")).to_be_visible()
    assert not there.edited().tracks.tracks
    if folder:
        page.screenshot(path=Path(folder) / "real-release.png")
    assert not review.errors + there.errors
