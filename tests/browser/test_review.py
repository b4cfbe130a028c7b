"""The mask reviewer in a real browser with a fake API: each action is sent as the intended edit."""

from __future__ import annotations

import functools
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from tests.browser.conftest import FRAMES, RATE, SCROLL, Open, usual
from tests.browser.fake import RELEASE, Fake, moving
from tests.media.clips import make_clip

pytestmark = pytest.mark.slow

BY_KEY = {"f": 1, "d": -1, "v": 10, "c": -10}


def _about(box: list[float], *expected: float, within: float = 1.0) -> bool:
    return all(abs(a - b) <= within for a, b in zip(box, expected, strict=True))


# Frames.


def _variable(tmp_path: Path) -> Fake:
    # Gaps of 20 to 100 ms that do not repeat with the groups of 12.
    gaps = [20, 40, 33, 100, 47, 20, 61]
    pts = [0]
    for i in range(89):
        pts.append(pts[-1] + gaps[i % len(gaps)])
    clip = make_clip(tmp_path / "vfr.mp4", pts=pts, container_options={"movflags": "faststart"})
    return Fake(clip, pts, Fraction(1, 1000), [moving(1, "face", 0, 89, (20, 20, 44, 50))], sound=False)


@pytest.mark.parametrize("rate", ["constant", "variable"])
def test_keys_show_the_frame_they_name(opened: Open, tmp_path: Path, rate: str) -> None:
    review = opened(_variable(tmp_path) if rate == "variable" else None)
    last = len(review.fake.pts) - 1
    frame = 0
    for key in "ffvfdcvvdff":
        review.press(key)
        frame = min(max(frame + BY_KEY[key], 0), last)
        review.page.wait_for_function("f => window.review.player.frame === f", arg=frame)
        assert review.frame() == frame
    for frame in (last, 0, last - 1, last // 2):
        review.go(frame)
        assert review.frame() == frame


def test_paused_picture_matches_frame_number(opened: Open) -> None:
    review = opened()
    review.go(10)
    review.press("Space")
    review.page.wait_for_function("() => window.review.player.frame > 25")
    review.press("Space")
    review.page.wait_for_function("() => !document.querySelector('video').seeking")
    shown = review.page.evaluate("window.review.player.frame")
    review.page.wait_for_timeout(200)
    assert review.page.evaluate("window.review.player.frame") == shown == review.frame() > 25


def test_speed_ranges_from_quarter_to_eightfold(opened: Open) -> None:
    review = opened()
    speeds = []
    review.press(*",,,")
    for _ in range(6):
        speeds.append(review.page.evaluate("document.querySelector('video').playbackRate"))
        review.press(".")
    assert speeds == [0.25, 0.5, 1, 2, 4, 8]


# Edits with the mouse.


@pytest.mark.parametrize("display", [(160, 96), (240, 96)], ids=["square", "anamorphic"])
def test_drawn_box_lasts_three_seconds_and_is_followed(opened: Open, clip: Path, display: tuple[int, int]) -> None:
    review = opened(usual(clip, display=display))
    review.go(50)
    review.press("n")
    review.drag((90, 30), (120, 70))
    op = review.op("draw")
    assert _about(op["box"], 90, 30, 120, 70) and op["label"] == "face"
    assert (op["frame"], op["last"]) == (50, 50 + 3 * RATE)
    review.page.wait_for_function("() => window.review.model.revision === 2")
    rows = review.op("add-boxes")
    assert rows["track"] == op["track"] and len(rows["rows"]) == 25
    assert review.fake.follows[0] == {
        "track": op["track"], "frame": 50, "box": op["box"], "angle": 0, "direction": "on", "seconds": 3,
    }  # fmt: skip
    # Drawing and following are one act: they are undone together.
    review.press("Control+z")
    review.saved()
    assert [u["edit"] for u in review.fake.ops("undo")] == [rows["id"], op["id"]]
    assert op["track"] not in review.fake.edited.states or not review.fake.edited.tracks.tracks[2:]


def test_mouse_edits_of_mask_make_keyframes(opened: Open) -> None:
    review = opened()
    review.select(2)
    review.go(120)
    review.drag((115, 68), (105, 48))
    op = review.op("keyframe")
    assert (op["track"], op["frame"], op["angle"]) == (2, 120, 0) and _about(op["box"], 90, 40, 120, 56)
    review.drag((120, 56), (130, 66))
    assert _about(review.op("keyframe")["box"], 90, 40, 130, 66)
    knob = review.page.evaluate("() => document.querySelector('.rv-overlay').clientWidth / 160")
    review.drag((110, 40 - 26 / knob), (150, 53))
    op = review.op("keyframe")
    assert _about(op["box"], 90, 40, 130, 66) and abs(op["angle"] - 90) < 2
    assert len(review.fake.ops()) == 3


def test_click_on_mask_only_selects_it(opened: Open) -> None:
    review = opened()
    review.go(0)
    review.page.mouse.click(*review.at(32, 35))
    expect(review.page.get_by_role("heading", name="face 1")).to_be_visible()
    review.page.mouse.click(*review.at(140, 20))
    expect(review.page.get_by_role("heading", name="Nothing selected")).to_be_visible()
    assert not review.fake.batches


def test_mask_held_during_playback_follows_mouse(opened: Open) -> None:
    review = opened()
    review.select(1)
    review.go(20)
    review.press(",", "Space")
    mouse = review.page.mouse
    mouse.move(*review.at(37, 35))
    mouse.down()
    for x in range(40, 100, 4):
        mouse.move(*review.at(x, 45))
        review.page.wait_for_timeout(40)
    mouse.up()
    review.press("Space")
    op = review.op("add-boxes")
    frames = [row[0] for row in op["rows"]]
    assert len(frames) > 3 and frames == list(range(frames[0], frames[-1] + 1)), "a frame without its place"
    ends = review.op("keyframe")
    assert ends["frame"] == frames[-1] and ends["box"][0] > op["rows"][0][1] + 20


# Edits by key.


def test_keys_make_named_edits(opened: Open) -> None:
    review = opened()
    review.select(1)
    review.go(40)
    review.press("k")
    op = review.op("keyframe")
    assert (op["track"], op["frame"]) == (1, 40) and _about(op["box"], 28, 20, 52, 50)
    review.go(60)
    review.press("o")
    assert review.op("outside")["frame"] == 60
    review.press("Shift+K")
    assert review.op("remove-keyframe")["frame"] == 60
    review.press("w", "w", "w", "s")
    grown = review.op("resize")
    assert grown["factor"] == pytest.approx(1.21, abs=1e-3) and grown["first"] is None
    assert len(review.fake.ops("resize")) == 1, "presses in a row are one edit"
    review.press("t")
    review.page.wait_for_function("() => window.review.model.revision === 5")
    assert review.op("add-boxes")["track"] == 1
    review.press("Shift+T")
    review.page.wait_for_function("() => window.review.model.revision === 6")
    assert [f["direction"] for f in review.fake.follows] == ["on", "back"]
    review.press("e")
    review.page.wait_for_function("() => window.review.player.frame === 40")
    review.press("End")
    review.page.wait_for_function(f"() => window.review.player.frame === {FRAMES - 1}")


def test_split_merge_undo_and_redo_survive_reload(opened: Open) -> None:
    review = opened()
    review.select(1)
    review.go(150)
    review.press("Alt+m")
    split = review.op("split")
    assert (split["track"], split["frame"]) == (1, 150)
    assert split["new"] in review.fake.edited.states
    review.select(1)
    review.press("m")
    review.page.get_by_role("option", name=f"face {split['new']}").click(position={"x": 60, "y": 10})
    assert review.op("merge")["track"] == 1 and review.op("merge")["other"] == split["new"]
    review.page.reload()
    review.page.wait_for_selector(".rv[data-ready=true]")
    review.page.wait_for_function("() => window.review.history.done.length === 2")
    review.press("Control+z", "Control+z")
    review.saved()
    assert [u["edit"] for u in review.fake.ops("undo")] == [review.op("merge")["id"], split["id"]]
    assert split["new"] not in review.fake.edited.states
    review.press("Control+Shift+Z")
    assert review.op("redo")["edit"] == split["id"]
    assert split["new"] in review.fake.edited.states


def test_rejected_mask_keeps_reason_and_can_be_restored(opened: Open) -> None:
    review = opened()
    review.select(2)
    review.press("Delete")
    expect(review.page.get_by_role("dialog")).to_be_visible()
    review.shot("review-reason")
    review.press("Escape")
    review.press("Delete", "Enter")
    assert review.op("delete")["reason"] == "Not personal data"
    review.button("Restore").click()
    assert review.op("restore")["track"] == 2


def test_areas_whole_pictures_classes_and_links_are_recorded(opened: Open) -> None:
    review = opened()
    review.go(30)
    review.button("Draw area").click()
    review.drag((100, 10), (150, 30))
    area = review.op("set-area")
    assert (area["first"], area["last"]) == (0, FRAMES - 1) and _about(area["box"], 100, 10, 150, 30)
    review.button("Hide picture").click()
    hidden = review.op("hide-frames")
    assert (hidden["first"], hidden["last"]) == (30, 30 + 3 * RATE)
    review.go(40)
    review.button("End here").click()
    assert (review.op("set-span")["first"], review.op("set-span")["last"]) == (30, 40)
    review.select(1)
    review.page.get_by_label("Class", exact=True).select_option("person")
    assert review.op("set-class")["label"] == "person"
    review.page.get_by_role("option", name="plate 2").click(position={"x": 60, "y": 10}, modifiers=["Control"])
    review.button("Link as same person").click()
    assert review.op("link")["tracks"] == [1, 2]
    assert review.fake.edited.states[2].subject == 1


def test_sound_span_is_hidden_trimmed_and_removed(opened: Open) -> None:
    review = opened()
    box = review.page.locator(".rv-sound").bounding_box()
    assert box is not None
    left, width, y = box["x"], box["width"], box["y"] + box["height"] / 2
    mouse = review.page.mouse

    def drag(start: float, end: float) -> None:
        mouse.move(left + width * start / 12, y)
        mouse.down()
        mouse.move(left + width * (start + end) / 24, y)
        mouse.move(left + width * end / 12, y)
        mouse.up()

    drag(2, 4)
    op = review.op("add-sound")
    assert _about([op["start"], op["end"]], 2, 4, within=0.05) and op["effect"] == "mute"
    drag(4, 6)
    assert _about([review.op("change-sound")["end"]], 6, within=0.05)
    review.page.get_by_label("Effect").select_option("bleep")
    assert review.op("change-sound")["effect"] == "bleep"
    # In a list, Delete would act on the list.
    review.page.evaluate("() => document.activeElement.blur()")
    review.press("Delete")
    review.page.wait_for_selector("dialog[open]")
    review.press("Enter")
    assert review.op("remove-sound")["span"] == op["span"]


def test_review_queue_is_settled_by_keys(opened: Open, clip: Path) -> None:
    review = opened(usual(clip, risks=_risks()))
    review.press("q")
    review.page.wait_for_function("() => window.review.player.frame === 101")
    assert review.page.evaluate("window.review.selection.main") == 2, "the most likely first"
    review.press("a")
    assert review.op("settle")["key"] == "gap:2:101"
    review.page.wait_for_function("() => window.review.player.frame === 7")
    review.press("Delete", "Enter")
    assert review.op("delete")["track"] == 1
    # The other item concerned the same mask. Both return with it.
    expect(review.page.get_by_text("The review queue is empty. Play")).to_be_visible()
    review.press("Control+z")
    expect(review.page.get_by_role("heading", name="Review queue: 2 items")).to_be_visible()


def _risk(*values: Any) -> dict[str, Any]:
    item = dict(zip(("kind", "track", "first", "last", "score", "text"), values, strict=True))
    return item | {"key": f"{item['kind']}:{item['track']}:{item['first']}"}


def _risks() -> list[dict[str, Any]]:
    return [
        _risk("jump", 1, 7, 8, 0.4, "The mask jumps"),
        _risk("gap", 2, 101, 129, 0.9, "29 frames were filled in"),
        _risk("birth", 1, 0, 0, 0.1, "Begins away from the edge"),
    ]


def _suspect() -> dict[str, Any]:
    item = {"key": "suspect:face:40:60:1:3", "kind": "suspect", "track": None, "label": "face", "score": 0.97}
    return item | {"first": 40, "last": 60, "frame": 50, "box": [60, 30, 80, 60], "text": "A face that is not masked"}


def test_suspect_is_masked_or_settled(opened: Open, clip: Path) -> None:
    review = opened(usual(clip, risks=[*_risks(), _suspect()], release=RELEASE))
    review.press("q")
    review.page.wait_for_function("() => window.review.player.frame === 50")
    review.shot("review-suspect")
    review.press("Enter")
    drawn = review.op("draw")
    assert (drawn["frame"], drawn["last"], drawn["label"]) == (50, 60, "face") and drawn["box"] == [60, 30, 80, 60]
    review.page.wait_for_function("() => window.review.model.revision === 4")
    assert (review.op("set-span")["first"], review.op("set-span")["last"]) == (40, 60)
    assert [(f["direction"], round(f["seconds"], 3)) for f in review.fake.follows] == [("back", 0.4), ("on", 0.4)]
    expect(review.page.get_by_role("heading", name="Review queue: 3 items")).to_be_visible()
    # This is all one act; undoing it restores the item.
    review.press("Control+z")
    review.saved()
    assert len(review.fake.ops("undo")) == 4 and len(review.fake.edited.tracks.tracks) == 2
    expect(review.page.get_by_role("heading", name="Review queue: 4 items")).to_be_visible()
    review.press("Escape", "Delete")
    review.page.get_by_role("dialog").get_by_label("Not a face or plate").check()
    review.press("Enter")
    settled = review.op("settle")
    assert (settled["key"], settled["reason"]) == ("suspect:face:40:60:1:3", "Not a face or plate")


def test_edit_reloads_only_affected_chunks(opened: Open, clip: Path) -> None:
    pts = range(0, 512 * 900, 512)
    near, far = moving(1, "face", 20, 60, (20, 20, 44, 50)), moving(2, "plate", 550, 700, (90, 40, 130, 60))
    review = opened(Fake(clip, pts, Fraction(1, 12800), [near, far]))
    page = review.page
    each = "['boxes', 'shapes'].every((kind) => [0, 1].every((n) => !window.review.model.isStale(kind, n)))"
    page.wait_for_function(f"() => {each}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    review.select(1)
    review.go(30)
    review.press("w")  # grows
    review.op("resize")
    page.wait_for_function(f"() => window.review.model.revision === 1 && {each}")
    requested = sorted(url.split("/")[-1] for url in asked if "/boxes?" in url or "/shapes?" in url)
    assert requested == ["boxes?revision=1&from=0&count=250", "shapes?revision=1&from=0&count=250"]
    assert page.evaluate("() => window.review.model.boxOf(1, 30)[2]") > 24


# In a release.

MASKED = "() => window.review.model.shapesAt(120).map((row) => row[0]).sort().join()"


def test_release_decisions_need_reasons(opened: Open, clip: Path) -> None:
    review = opened(usual(clip, release=RELEASE))
    page, chosen = review.page, review.page.get_by_role("region", name="Selection")
    review.select(2)
    review.go(120)
    page.wait_for_function(f"() => ({MASKED})() === '1'")
    expect(chosen).to_contain_text("Shown")
    expect(chosen).to_contain_text("by the policy")
    review.press("h")
    dialog = page.get_by_role("dialog", name=f"plate 2 in {RELEASE}")
    dialog.get_by_label("Hide", exact=True).check()
    dialog.get_by_label("Effect").select_option("mosaic")
    dialog.get_by_label("s40(2)").check()
    dialog.get_by_label("All tracks of the class").check()
    review.shot("review-decide")
    dialog.get_by_role("button", name="Save decision").click()
    page.wait_for_function(f"() => ({MASKED})() === '1,2'")
    target = {"target": {"class": "plate"}, "action": "hide", "effect": "mosaic", "codes": ["s40(2)"]}
    assert review.fake.decided == [{"decision": target, "exhibit": "AB1"}]
    expect(chosen).to_contain_text("Hidden: mosaic for s40(2)")
    # A dialog returns the focus, although the element has been replaced meanwhile.
    review.button("Hide or show…").focus()
    review.press("Enter")
    page.evaluate("window.review.inspector.draw()")
    review.press("Escape")
    expect(review.button("Hide or show…")).to_be_focused()
    # For the whole selection; a reason is required, and the form keeps its values.
    page.evaluate("window.review.selection.set([1, 2])")
    review.press("h")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Show", exact=True).check()
    review.press("Enter")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Reason, recorded in the release log").fill("Both agreed")
    review.press("Enter")
    page.wait_for_function(f"() => ({MASKED})() === ''")
    assert [body["decision"]["target"] for body in review.fake.decided[1:]] == [{"track": 1}, {"track": 2}]
    assert review.fake.decided[1]["decision"]["reason"] == "Both agreed"
    page.get_by_label("Release").select_option("")
    page.wait_for_function(f"() => ({MASKED})() === '1,2'")


def test_masks_are_copied_to_other_footage_and_undone(opened: Open) -> None:
    review = opened()
    review.page.evaluate("window.review.selection.set([1, 2])")
    review.press("y")
    dialog = review.page.get_by_role("dialog", name="Copy 2 masks to other footage")
    expect(dialog.get_by_label("To")).to_contain_text("AB2: other.mp4")
    review.shot("review-copy")
    dialog.get_by_role("button", name="Copy").click()
    expect(review.page.get_by_text("2 masks copied to other.mp4")).to_be_visible()
    assert [(c["track"], c["to"], c["shift_seconds"]) for c in review.fake.copies] == [(1, 8, -1.5), (2, 8, -1.5)]
    review.button("Undo the copy").click()
    expect(review.page.get_by_text("The copy in other.mp4 was undone")).to_be_visible()
    (undone,) = review.fake.undone
    assert (undone["tracks_id"], undone["base_revision"]) == (5, 2)
    names = [copy["id"] for copy in review.fake.copies]
    assert [op["edit"] for op in undone["ops"]] == [f"{n}_{i}" for n in reversed(names) for i in (1, 0)]


# Without a mouse.


def test_keys_draw_move_and_turn_boxes(opened: Open) -> None:
    review = opened()
    review.go(50)
    review.press("n", *["ArrowLeft"] * 5, *["Shift+ArrowDown"] * 3, "Alt+ArrowRight", "Enter")
    op = review.op("draw")
    left, top, right, bottom = op["box"]
    assert op["angle"] == 1 and bottom - top == pytest.approx(right - left + 3, abs=0.1)
    assert (left + right) / 2 == pytest.approx(75, abs=0.5)
    review.page.wait_for_function("() => window.review.model.revision === 2")
    review.select(2)
    review.go(120)
    # Lanes do not scroll while a mask is grabbed; cancelling changes nothing.
    review.press("g", "ArrowDown", "ArrowDown", "Escape")
    review.page.wait_for_timeout(100)
    assert not review.fake.ops("keyframe") and review.page.evaluate("window.review.selection.main") == 2
    review.press("g", "ArrowDown", "ArrowDown", "Shift+ArrowRight", "Enter")
    op = review.op("keyframe")
    assert (op["track"], op["frame"]) == (2, 120) and _about(op["box"], 100, 62, 131, 78, within=0.1)


def test_keys_move_through_lanes_and_edit_sound(opened: Open) -> None:
    review = opened()
    review.go(50)
    review.press("ArrowDown", "Shift+ArrowDown")
    assert review.page.evaluate("window.review.selection.ids") == [1, 2]
    review.press("Escape", "ArrowDown", "Control+ArrowDown", "Control+Space")
    assert review.page.evaluate("window.review.selection.ids") == [1, 2]
    review.press("Control+a")
    assert review.page.evaluate("window.review.selection.size") == 2
    review.go(50)
    review.press("b")
    assert _about([review.op("add-sound")["start"], review.op("add-sound")["end"]], 2, 5, within=0.05)
    review.go(100)
    review.press("]")
    assert _about([review.op("change-sound")["end"]], 4, within=0.05)
    review.press("g", "ArrowRight", "Shift+ArrowRight", "Alt+ArrowLeft", "Enter")
    op = review.op("change-sound")
    assert _about([op["start"], op["end"]], 2, 4.2, within=0.05)
    review.press("Escape", "j", "Delete", "Enter")
    assert review.op("remove-sound")["span"] == op["span"]
    whole = review.page.evaluate("window.review.timeline.last - window.review.timeline.first")
    review.press("+", "+", "PageDown")
    assert review.page.evaluate("window.review.timeline.last - window.review.timeline.first") == whole / 4
    assert review.page.evaluate("window.review.timeline.first") > 0


def test_commands_apply_to_whole_selection(opened: Open, clip: Path) -> None:
    review = opened(usual(clip, risks=_risks()))
    link = {"op": "link", "tracks": [1, 2]}
    review.fake.foreign(link)
    review.page.evaluate("window.dispatchEvent(new Event('focus'))")
    review.page.wait_for_function("() => window.review.model.tracks().get(2).subject === 1")
    review.select(2)
    review.press("l", "w")
    review.saved()
    assert sorted(op["track"] for op in review.fake.ops("resize")) == [1, 2]
    review.page.get_by_label("Class", exact=True).select_option("screen")
    review.saved()
    assert {op["label"] for op in review.fake.ops("set-class")} == {"screen"} and len(review.fake.ops("set-class")) == 2
    review.page.evaluate("() => document.activeElement.blur()")
    review.press("a")
    review.saved()
    assert len(review.fake.ops("settle")) == 3
    review.page.evaluate("window.review.selection.set([1, 2])")
    review.press("Delete", "Enter")
    review.saved()
    assert sorted(op["track"] for op in review.fake.ops("delete")) == [1, 2]


# Nothing is lost.


def test_offline_edits_survive_reload_and_are_sent_once(opened: Open) -> None:
    review = opened()
    review.fake.failing = True
    review.select(1)
    review.go(40)
    review.press("k")
    expect(review.page.locator(".rv-saved")).to_contain_text("1 edit kept in this browser")
    review.shot("review-offline")
    review.page.reload()
    review.page.wait_for_selector(".rv[data-ready=true]")
    expect(review.page.locator(".rv-saved")).to_contain_text("1 edit kept in this browser")
    # The mask's new keyframe is shown, although the server has not received it.
    assert review.page.evaluate("window.review.model.tracks().get(1).keyframes") == [40]
    assert not review.fake.ops()
    review.fake.failing, review.fake.losing = False, True
    review.page.wait_for_timeout(2500)
    review.fake.losing = False
    review.saved()
    assert [op["op"] for op in review.fake.ops()] == ["keyframe"], "the response was lost, the edit is recorded once"
    assert review.page.evaluate("localStorage.length") == 0
    expect(review.page.locator(".rv-saved")).to_have_text("All saved")


def test_lost_and_restored_connection_is_shown(opened: Open) -> None:
    review = opened()
    review.select(1)
    review.page.context.set_offline(True)
    review.press("k", "f", "f")
    review.press("k")
    expect(review.page.locator(".rv-saved")).to_contain_text("2 edits kept in this browser")
    review.page.context.set_offline(False)
    review.saved()
    assert [op["frame"] for op in review.fake.ops("keyframe")] == [0, 2]


@pytest.mark.parametrize("choice", ["Keep theirs", "Apply mine again"])
def test_conflict_waits_for_decision(opened: Open, choice: str) -> None:
    review = opened()
    review.fake.foreign({"op": "delete", "track": 1, "reason": "not a face"})
    review.select(1)
    review.press("k")
    card = review.page.get_by_role("alert")
    expect(card).to_contain_text("sam changed the same mask")
    review.shot("review-conflict")
    assert not review.fake.ops()
    # Edits of other tracks are not held back.
    review.select(2)
    review.go(120)
    review.press("o")
    review.page.wait_for_function("() => window.review.queue.waiting.length === 0")
    assert [op["op"] for op in review.fake.ops()] == ["outside"]
    review.button(choice).click()
    review.saved()
    expect(card).to_have_count(0)
    assert [op["op"] for op in review.fake.ops()] == ["outside", "keyframe"][: 1 if choice == "Keep theirs" else 2]


def test_two_windows_of_one_person_share_edits(opened: Open) -> None:
    review = opened()
    other = review.page.context.new_page()
    other.goto(f"{review.address}/review")
    other.wait_for_selector(".rv[data-ready=true]")
    review.page.bring_to_front()
    review.select(1)
    review.press("k")
    review.saved()
    other.bring_to_front()
    other.wait_for_function("() => window.review.model.tracks().get(1).keyframes.length === 1", timeout=15000)
    other.evaluate("() => { window.review.selection.set([1]); }")
    other.keyboard.press("o")
    other.wait_for_function("() => window.review.queue.unsaved === 0")
    assert [op["op"] for op in review.fake.ops()] == ["keyframe", "outside"]


def test_ended_session_loses_no_edits(opened: Open) -> None:
    review = opened()
    review.fake.signed_out = True
    review.select(1)
    review.press("k")
    expect(review.page.locator(".rv-saved")).to_contain_text("signed out")
    link = review.page.get_by_role("alert").get_by_role("link", name="Sign in in a new tab")
    assert (link.get_attribute("href"), link.get_attribute("target")) == ("/sign-in", "_blank")
    review.shot("review-signed-out")
    review.fake.signed_out = False
    review.saved()
    expect(link).to_have_count(0)
    assert len(review.fake.ops("keyframe")) == 1


@pytest.mark.parametrize("status", [403, 404, 410])
def test_refused_edit_is_reported_and_kept(opened: Open, status: int) -> None:
    review = opened()
    review.fake.refusing = status
    review.select(1)
    review.press("k")
    card = review.page.get_by_role("alert")
    expect(card).to_contain_text(f"refused it ({status})", timeout=10_000)
    expect(review.page.locator(".rv-saved")).to_have_text("Not saved. 1 edit kept in this browser.")
    review.fake.refusing = 0
    review.button("Try again").click()
    review.saved()
    expect(card).to_have_count(0)
    assert len(review.fake.ops("keyframe")) == 1


# Hostile text, typing, help.


def test_hostile_text_is_only_shown(opened: Open, clip: Path) -> None:
    hostile = "<img src=x onerror='window.hit=1'>${window.hit=1}"
    tracks = [moving(1, hostile, 0, FRAMES - 1, (20, 20, 44, 50)), moving(2, "</script>", 0, 9, (60, 20, 80, 40))]
    risks = [{**_risks()[0], "text": hostile, "kind": hostile}]
    review = opened(usual(clip, tracks=tracks, name=hostile, risks=risks))
    review.fake.foreign({"op": "delete", "track": 2, "reason": hostile}, actor=hostile[:20])
    review.page.evaluate("window.review.player.dispatchEvent(new Event('nothing'))")
    review.select(1)
    review.press("q")
    review.select(2)
    review.press("k")
    expect(review.page.get_by_role("alert")).to_be_visible()
    expect(review.page.get_by_role("heading", name=hostile).first).to_be_visible()
    assert review.page.evaluate("window.hit") is None
    assert review.page.locator("img[src=x]").count() == 0


def test_keys_are_inactive_in_text_fields_and_dialogs(opened: Open) -> None:
    review = opened()
    review.select(1)
    review.page.get_by_label("Class", exact=True).select_option("…")
    field = review.page.get_by_role("dialog").get_by_role("textbox")
    field.press_sequentially("knot wam? ")
    expect(field).to_have_value("knot wam? ")
    review.press("Escape")
    review.page.get_by_label("Speed").focus()
    review.press("k")
    review.press("?")
    assert not review.fake.batches
    expect(review.page.get_by_role("dialog")).to_have_count(0)


def test_help_lists_every_key(opened: Open) -> None:
    review = opened()
    review.press("?")
    dialog = review.page.get_by_role("dialog", name="Keys and mouse")
    for words in ("Play or pause", "Split here", "Track backwards from here", "Go to the next item", "Redo"):
        expect(dialog).to_contain_text(words)
    review.shot("review-help")
    review.press("k")
    assert not review.fake.batches
    review.press("Escape")
    expect(dialog).to_have_count(0)


# Appearance.


@functools.cache
def _houses(size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    fall = (60 * np.arange(height) / height)[:, None, None]
    rgb = np.broadcast_to(np.array([70, 82, 105]) + fall, (height, width, 3)).copy()
    rgb[y > height * 0.7] = (62, 62, 66)
    for left, wide, shade in ((0.02, 0.2, 95), (0.25, 0.16, 120), (0.45, 0.22, 84), (0.72, 0.26, 108)):
        house = (x > left * width) & (x < (left + wide) * width) & (y > height * 0.12) & (y < height * 0.7)
        rgb[house] = (shade, shade - 8, shade - 14)
        rgb[house & (x % 26 < 12) & (y % 34 < 18)] = (shade + 50, shade + 46, shade + 20)
    return rgb.astype(np.uint8)


def _street(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A street in the evening with two people and a car, for screenshots."""
    rgb = _houses(size).copy()
    y, x = np.mgrid[-23:23, -17:17]
    head = (x / 17) ** 2 + (y / 23) ** 2 < 1
    for centre, colour in ((160 + index * 0.6, (60, 90, 140)), (415 - index * 0.5, (140, 70, 60))):
        at = round(centre)
        rgb[150:300, at - 24 : at + 24] = colour
        rgb[105:151, at - 17 : at + 17][head] = (214, 172, 146)
        rgb[122:127, [at - 8, at - 7, at + 7, at + 8]] = (50, 40, 40)
    rgb[262:318, 230:410] = (150, 30, 34)
    rgb[292:306, 290:350] = (235, 232, 200)
    return rgb


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_reviewer_page_fits_screen(opened: Open, tmp_path: Path, scheme: str) -> None:
    clip = make_clip(
        tmp_path / "street.mp4",
        size=(640, 360),
        frames=150,
        picture=_street,
        container_options={"movflags": "faststart"},
    )
    first, second = (
        moving(1, "face", 0, 149, (142, 104, 178, 152), 0.6),
        moving(2, "face", 10, 149, (398, 104, 432, 152), -0.5),
    )
    first.sources[60:75] = 2
    second.scores[40:70] = 0.3
    car, sign = moving(3, "plate", 0, 120, (290, 292, 350, 306)), moving(4, "plate", 30, 34, (560, 120, 590, 140))
    risks = [
        _risk("gap", 1, 60, 74, 0.9, "15 frames were filled in between two sightings"),
        _risk("weak", 2, 50, 79, 0.6, "The detector was unsure for 30 frames"),
        _risk("single", 4, 30, 34, 0.4, "Seen on 5 frames only"),
    ]
    fake = Fake(clip, range(150), Fraction(1, 25), [first, second, car, sign], (640, 360), (640, 360), risks=risks)
    fake.foreign({"op": "keyframe", "track": 2, "frame": 90, "box": [355, 104, 391, 152], "angle": 0}, actor="rita")
    fake.foreign({"op": "add-sound", "span": 9, "start": 1.2, "end": 2.4, "effect": "bleep"}, actor="rita")
    review = opened(fake, scheme=scheme)
    review.press("q")
    review.page.wait_for_function("() => window.review.player.frame === 60")
    review.page.evaluate("window.review.timeline.whole()")
    review.page.wait_for_timeout(300)
    review.shot(f"review-{scheme}")
    # Everything fits: nothing is cut off or scrolls the page sideways.
    wide = review.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    tall = review.page.evaluate("document.documentElement.scrollHeight - document.documentElement.clientHeight")
    assert (wide, tall) == (0, 0)


# Speed.

LATENCY = """async () => {
  const took = [];
  for (let i = 0; i < 100; i++) {
    const painted = new Promise((done) => {
      const seen = () => requestAnimationFrame(() => setTimeout(done));
      window.review.player.addEventListener("frame", seen, { once: true });
    });
    const start = performance.now();
    document.dispatchEvent(new KeyboardEvent("keydown", { key: i < 60 ? "f" : "d", bubbles: true }));
    await painted;
    took.push(performance.now() - start);
  }
  return took;
}"""


SAVING = """async () => {
  const took = [];
  for (let i = 0; i < 30; i++) {
    const saved = new Promise((done) => window.review.queue.addEventListener("saved", done, { once: true }));
    const start = performance.now();
    window.review.commands.masks.placed({ track: 1, frame: i, box: [20, 20, 40, 50], angle: 0 });
    await saved;
    took.push(performance.now() - start);
  }
  return took;
}"""


def test_page_paints_and_saves_within_limits(opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    review = opened()
    took = review.page.evaluate(LATENCY)
    with capsys.disabled():
        print(f"\nkey to paint, 100 steps: median {median(took):.0f} ms, worst {max(took):.0f} ms")
    review.select(1)
    saving = review.page.evaluate(SAVING)
    with capsys.disabled():
        print(f"edit to saved, 30 edits: median {median(saving):.0f} ms, worst {max(saving):.0f} ms")
    assert len(review.fake.ops("keyframe")) == 30
    # Far above the target, which a busy machine cannot guarantee.
    assert median(took) < 250


def test_page_handles_500_tracks_over_an_hour(opened: Open, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = 60 * 60 * RATE
    tracks = [moving(i + 1, "face", i * 170, i * 170 + 400, (20, 20, 44, 50)) for i in range(500)]
    review = opened(Fake(clip, range(frames), Fraction(1, RATE), tracks))
    ready = review.page.evaluate("performance.measure('x', { start: 0, end: performance.now() }).duration")
    rate = review.page.evaluate(SCROLL)
    rows = review.page.locator(".rv-row").count()
    with capsys.disabled():
        print(f"\n500 tracks, 60 min: ready in {ready:.0f} ms at most, scrolling at {rate:.0f} frames a second")
    assert rows < 40, "only visible lanes are built"
    assert [asked[0] for asked in review.fake.lanes_asked] == [0, 250], "in chunks"
    review.page.evaluate(
        "window.review.commands.masks.placed({ track: 7, frame: 1200, box: [20, 20, 40, 50], angle: 0 })"
    )
    review.saved()
    assert review.fake.lanes_asked[-1][2] == 1, "only changes after an edit"
    review.page.locator(".rv-scroller").evaluate("e => e.scrollTo(0, 1e6)")
    expect(review.page.get_by_role("option", name="face 500")).to_be_visible()
    review.shot("review-500")
    assert rate > 10


def _tab_stops(page: Page) -> set[str]:
    names = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        names.add(
            page.evaluate(
                "() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
            )
        )
    return names


def test_reviewer_controls_are_reachable_by_keyboard(opened: Open) -> None:
    review = opened()
    review.select(1)
    names = _tab_stops(review.page)
    assert {"Play", "Draw box", "Tracks", "Speed", "Show all keys", "Set keyframe", "Reject…", "Undo"} <= names
    review.page.get_by_role("listbox").focus()
    review.press("ArrowDown")
    assert review.page.evaluate("window.review.selection.main") == 2
    row = review.page.get_by_role("option", name="plate 2")
    expect(row).to_have_attribute("aria-selected", "true")
    expect(review.page.get_by_role("listbox")).to_have_attribute("aria-activedescendant", "rv-track-2")
