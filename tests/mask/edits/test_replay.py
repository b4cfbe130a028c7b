"""The replay alone: what each operation does to the state, why it is skipped, and that a skip changes nothing."""

from __future__ import annotations

import pytest

from redact.mask.edits import types
from redact.mask.edits.replay import EditSkipped, Replay
from redact.mask.edits.result import Edited, Origin, TrackKind
from redact.mask.edits.types import Box, Edit, PlacedBox
from redact.settings import SoundEffect
from redact.track.types import TrackSet
from tests.mask.edits.factory import logged
from tests.track.factory import assert_same, media, track

FRAMES = 40
BOX = Box(100, 100, 140, 160)
OTHER = Box(300, 200, 340, 260)
MUTE = SoundEffect.MUTE


def replay(*edits: Edit) -> Replay:
    """Tracks 1 and 2 stand still on frames 0 to 19 and 5 to 24 of forty."""
    tracks = [
        track(number, "face", list(range(first, first + 20)), [list(BOX)] * 20) for number, first in ((1, 0), (2, 5))
    ]
    started = Replay(TrackSet(media(FRAMES), tuple(tracks)))
    for entry in logged(*edits):
        started.apply(entry)
    return started


def result(of: Replay) -> Edited:
    return of.result(frozenset(), ())


def frames(edited: Edited, number: int) -> list[int]:
    return next((t.frames.tolist() for t in edited.tracks.tracks if t.id == number), [])


SKIPPED: list[tuple[list[Edit], Edit, str]] = [
    ([], types.Draw(1, "face", 0, 5, BOX), "Track 1 already exists."),
    ([], types.Draw(7, "face", 0, 40, BOX), "The footage has no frame 40."),
    ([], types.SetArea(1, "text", 0, 5, BOX), "Track 1 already exists."),
    ([], types.SetArea(7, "text", 0, 40, BOX), "The footage has no frame 40."),
    ([types.SetArea(7, "text", 0, 5, BOX), types.Delete(7, "x")], types.SetArea(7, "t", 0, 5, BOX), "was deleted."),
    ([], types.HideFrames(2, 0, 5), "Track 2 already exists."),
    ([], types.HideFrames(7, 0, 40), "The footage has no frame 40."),
    ([], types.Keyframe(7, 5, BOX), "There is no track 7."),
    ([], types.Keyframe(1, 40, BOX), "The footage has no frame 40."),
    ([types.HideFrames(7, 0, 5)], types.Keyframe(7, 3, BOX), "Track 7 hides whole frames and has no outline."),
    ([], types.Outside(7, 5), "There is no track 7."),
    ([], types.Outside(1, 40), "The footage has no frame 40."),
    ([], types.RemoveKeyframe(1, 5), "Track 1 has no keyframe on frame 5."),
    ([types.SetSpan(1, 5, 9)], types.RemoveKeyframe(1, 5), "Track 1 has no keyframe on frame 5."),
    ([], types.Merge(1, 7), "There is no track 7."),
    ([types.Merge(1, 2)], types.Merge(1, 2), "Track 2 was merged into track 1."),
    ([types.HideFrames(7, 0, 5)], types.Merge(1, 7), "Track 7 hides whole frames and has no outline."),
    ([], types.Split(1, 5, 2), "Track 2 already exists."),
    ([], types.Split(1, 0, 7), "Track 1 is not visible on both sides of frame 0."),
    ([], types.Split(1, 20, 7), "Track 1 is not visible on both sides of frame 20."),
    ([types.Delete(1, "x")], types.Delete(1, "x"), "Track 1 was deleted."),
    ([], types.Restore(1), "Track 1 was not deleted."),
    ([], types.SetSpan(1, 0, 40), "The footage has no frame 40."),
    ([types.HideFrames(7, 0, 5)], types.Resize(7, 2.0), "Track 7 hides whole frames and has no outline."),
    ([types.Merge(1, 2)], types.Resize(2, 2.0), "Track 2 was merged into track 1."),
    ([], types.AddBoxes(1, (PlacedBox(40, *BOX, 0.0),)), "The footage has no frame 40."),
    ([types.Delete(1, "x")], types.SetClass(1, "plate"), "Track 1 was deleted."),
    ([], types.Link((1, 7)), "There is no track 7."),
    ([], types.Unlink(1), "Track 1 is not linked."),
    ([types.AddSound(1, 0, 1, MUTE)], types.AddSound(1, 2, 3, MUTE), "Sound span 1 already exists."),
    (
        [types.AddSound(1, 0, 1, MUTE), types.RemoveSound(1, "x")],
        types.AddSound(1, 2, 3, MUTE),
        "Sound span 1 already exists.",
    ),
    ([], types.ChangeSound(1, 2, 3, MUTE), "There is no sound span 1."),
    ([], types.RemoveSound(1, "x"), "There is no sound span 1."),
]


@pytest.mark.parametrize(("before", "edit", "reason"), SKIPPED, ids=[f"{type(e).__name__}: {r}" for _, e, r in SKIPPED])
def test_skipped_edit_says_why_and_changes_nothing(before: list[Edit], edit: Edit, reason: str) -> None:
    state, wanted = replay(*before), result(replay(*before))
    with pytest.raises(EditSkipped) as skipped:
        state.apply(logged(*before, edit)[-1])
    assert str(skipped.value).endswith(reason)
    unchanged = result(state)
    assert_same(unchanged.tracks, wanted.tracks)
    assert (unchanged.states, unchanged.sounds, unchanged.settled) == (wanted.states, wanted.sounds, wanted.settled)
    assert unchanged.deleted.keys() == wanted.deleted.keys()


def test_skip_reasons_cover_every_operation() -> None:
    """Undo and redo are resolved before the replay, and settling is always possible."""
    everything = set(types.Edit.__args__) - {types.Undo, types.Redo, types.Settle}
    assert {type(edit) for _, edit, _ in SKIPPED} == everything


def test_untouched_track_is_the_machine_track_itself() -> None:
    machine = TrackSet(media(FRAMES), (track(1, "face", [0, 1], [list(BOX)] * 2),))
    assert result(Replay(machine)).tracks.tracks[0] is machine.tracks[0]


def test_new_tracks_are_of_their_kind() -> None:
    edited = result(
        replay(types.Draw(7, "face", 2, 5, BOX), types.SetArea(8, "text", 0, 39, OTHER), types.HideFrames(9, 10, 12))
    )
    assert [edited.states[n].kind for n in (1, 7, 8, 9)] == [
        TrackKind.OBJECT,
        TrackKind.OBJECT,
        TrackKind.AREA,
        TrackKind.FRAME,
    ]
    assert {edited.states[n].origin for n in (7, 8, 9)} == {Origin.MANUAL}
    assert (frames(edited, 7), frames(edited, 9)) == ([2, 3, 4, 5], [10, 11, 12])
    whole = next(t for t in edited.tracks.tracks if t.id == 9)
    assert whole.boxes[0].tolist() == [0, 0, 640, 480]


def test_marks_change_visibility_and_origin() -> None:
    edited = result(replay(types.Keyframe(1, 10, OTHER), types.Outside(2, 15)))
    first = next(t for t in edited.tracks.tracks if t.id == 1)
    assert first.boxes[10].tolist() == list(OTHER)
    assert frames(edited, 2) == list(range(5, 15))
    assert (edited.states[1].keyframes, edited.states[2].outsides) == ((10,), (15,))
    assert {edited.states[n].origin for n in (1, 2)} == {Origin.CORRECTED}
    removed = result(replay(types.Outside(2, 15), types.RemoveKeyframe(2, 15)))
    assert frames(removed, 2) == list(range(5, 25))


def test_merge_and_split_record_edits_on_both_tracks() -> None:
    merged = result(replay(types.Merge(1, 2)))
    assert [t.id for t in merged.tracks.tracks] == [1]
    assert (frames(merged, 1), merged.states[2].merged_into) == (list(range(25)), 1)
    assert merged.states[1].edits == merged.states[2].edits == ("edit-001",)
    split = result(replay(types.Split(1, 8, 7)))
    assert (frames(split, 1), frames(split, 7)) == (list(range(8)), list(range(8, 20)))


def test_delete_and_restore_move_track_between_shown_and_deleted() -> None:
    gone = result(replay(types.Delete(1, "no person")))
    assert ([t.id for t in gone.tracks.tracks], list(gone.deleted)) == ([2], [1])
    assert gone.states[1].deleted == "no person"
    back = result(replay(types.Delete(1, "no person"), types.Restore(1)))
    assert ([t.id for t in back.tracks.tracks], dict(back.deleted)) == ([1, 2], {})


def test_class_change_keeps_boxes() -> None:
    edited = result(replay(types.SetClass(1, "plate")))
    assert [t.label for t in edited.tracks.tracks] == ["plate", "face"]
    assert frames(edited, 1) == list(range(20))


def test_links_share_the_smallest_id_until_unlinked() -> None:
    linked: list[Edit] = [types.Draw(7, "face", 0, 3, BOX), types.Link((7, 2)), types.Link((2, 1))]
    assert [result(replay(*linked)).states[n].subject for n in (1, 2, 7)] == [1, 1, 1]
    assert [result(replay(*linked, types.Unlink(1))).states[n].subject for n in (1, 2, 7)] == [1, 2, 2]


def test_sounds_are_added_changed_and_removed() -> None:
    edits: list[Edit] = [types.AddSound(2, 0, 1, MUTE), types.AddSound(1, 3, 4, MUTE)]
    assert list(result(replay(*edits)).sounds) == [1, 2]
    changed = result(replay(*edits, types.ChangeSound(2, 1, 2, SoundEffect.BLEEP), types.RemoveSound(1, "x"))).sounds
    assert [(n, s.start, s.end, s.effect) for n, s in changed.items()] == [(2, 1, 2, SoundEffect.BLEEP)]


def test_settled_item_names_its_edit() -> None:
    assert result(replay(types.Settle("gap:1:5", "checked"))).settled["gap:1:5"].id == "edit-001"


def test_copy_continues_without_affecting_the_original() -> None:
    original = replay(types.Keyframe(1, 10, OTHER), types.Link((1, 2)))
    wanted = result(original)
    copy = original.copied()
    for entry in logged(
        types.Delete(1, "x"),
        types.Unlink(2),
        types.AddSound(1, 0, 1, MUTE),
        types.Settle("k", ""),
        types.Resize(2, 2.0),
    ):
        copy.apply(entry)
    after = result(original)
    assert_same(after.tracks, wanted.tracks)
    assert (after.states, after.sounds, after.settled) == (wanted.states, wanted.sounds, wanted.settled)
    assert [t.id for t in result(copy).tracks.tracks] == [2]


def test_result_reuses_resolved_tracks_that_did_not_change() -> None:
    state = replay(types.Keyframe(1, 10, OTHER))
    first = result(state).tracks.tracks[0]
    state.apply(logged(types.Keyframe(2, 10, OTHER))[0])
    assert result(state).tracks.tracks[0] is first


def test_undo_cannot_be_replayed() -> None:
    with pytest.raises(TypeError, match="Undo is not replayed"):
        replay(types.Undo("edit-001"))
