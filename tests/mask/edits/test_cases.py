"""Replays the cases that the reviewer's JavaScript also replays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from redact.mask.edits.conflicts import conflicts
from redact.mask.edits.edit_json import OPERATIONS, parse_edit
from redact.mask.edits.types import LoggedEdit
from tests.mask.edits.case_files import Case, all_cases, expected_of

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_replay_gives_what_the_case_expects(case: Case) -> None:
    got = expected_of(case.footage, case.machine, case.edits, case.frames)
    boxes, expected = got.pop("boxes"), dict(case.expected)
    expected_boxes = expected.pop("boxes")
    assert got == expected
    assert boxes.keys() == expected_boxes.keys()
    for frame, of in expected_boxes.items():
        assert boxes[frame].keys() == of.keys(), frame
        for track, shape in of.items():
            assert boxes[frame][track] == pytest.approx(shape, abs=0.01), (frame, track)


def test_cases_cover_every_operation_with_and_without_effect() -> None:
    done: set[str] = set()
    skipped: set[str] = set()
    for case in CASES:
        for edit in case.edits:
            (skipped if edit["id"] in case.expected["skipped"] else done).add(edit["op"])
    assert done == set(OPERATIONS)
    assert skipped >= set(OPERATIONS) - {"settle"}, set(OPERATIONS) - skipped


TABLE = json.loads((Path(__file__).parent / "conflict_cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_conflicts_are_those_of_the_case(case: dict[str, Any]) -> None:
    size = {"frame_count": 200, "width": 640, "height": 480}
    earlier = {name: parse_edit(edit, **size) for name, edit in TABLE["earlier"].items()}
    theirs = LoggedEdit("their-edit", 1, "sam", "2026-01-01T00:00:00Z", parse_edit(case["theirs"], **size))
    found = conflicts(parse_edit(case["mine"], **size), [theirs], earlier)
    assert found == ([theirs] if case["conflict"] else [])
