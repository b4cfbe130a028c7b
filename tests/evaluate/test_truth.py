from __future__ import annotations

from pathlib import Path

import pytest

from redact.errors import BadTruth
from redact.evaluate import read_truth

GOOD = "1,7,11,21,30,40,1,2,0.5,-1\n3,7,12,21,30,40,0,2,0.1,-1\n1,8,1,1,5,5,1,1,1,-1\n"


def write(folder: Path, text: str | bytes, labels: str | None = None) -> Path:
    path = folder / "truth.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if labels is not None:
        (folder / "labels.txt").write_text(labels)
    return path


def test_truth_file_counts_from_one(tmp_path: Path) -> None:
    plate, face = read_truth(write(tmp_path, GOOD)).objects
    assert (plate.id, plate.label, plate.frames.tolist(), plate.counted.tolist()) == (7, "plate", [0, 2], [True, False])
    assert plate.boxes.tolist() == [[10, 20, 40, 60], [11, 20, 41, 60]]
    assert (face.label, face.boxes.tolist()) == ("face", [[0, 0, 5, 5]])


def test_truth_labels_are_found_beside_file_or_given(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, "car\nbadge\n")
    given = tmp_path / "given.txt"
    given.write_text("a\nb\n")
    assert [o.label for o in read_truth(path).objects] == ["badge", "car"]
    assert [o.label for o in read_truth(path, given).objects] == ["b", "a"]


@pytest.mark.parametrize(
    "line",
    [
        "1,7,11,21,30,40",  # six columns: neither flag nor class
        "1, 7, 11, 21, 30, 40, -1, -1, -1, -1",  # MOT15: class and world coordinates unknown
    ],
)
def test_truth_rows_without_class_are_objects(tmp_path: Path, line: str) -> None:
    (thing,) = read_truth(write(tmp_path, line)).objects
    assert (thing.label, thing.counted.tolist()) == ("object", [True])


@pytest.mark.parametrize(
    "untrusted",
    [
        "0,7,11,21,30,40,1,2,1\n",  # frames begin at 1
        "1.5,7,11,21,30,40,1,2,1\n",
        "1,7,11,21,0,40,1,2,1\n",  # no width
        "1,7,nan,21,30,40,1,2,1\n",
        "1,7,11,21,inf,40,1,2,1\n",
        "1,7,11,21,30,1e300,1,2,1\n",
        "1,7,11,21,30,40,1,4,1\n",  # labels are 1 to 3
        "1,7,11,21,30,40,1,0,1\n",
        "1,7,11,21,30\n",  # five columns
        "1,7,11,21,30,40,1,2,1,-1,-1\n",  # eleven
        "1,-1,11,21,30,40,1,2,1\n",  # no identity: no object could be counted as exposed
        "frame,id,x,y,w,h\n",
        "1,7,11,21,30,40,1,2,1\n1,7,12,21,30,40,1,2,1\n",  # two boxes of one object on a frame
        "1,7,11,21,30,40,1,2,1\n2,7,12,21,30,40,1,1,1\n",  # the object changes its class
        b"\x00\xff\xfe\x81",
    ],
)
def test_truth_file_with_fault_is_refused(tmp_path: Path, untrusted: str | bytes) -> None:
    with pytest.raises(BadTruth):
        read_truth(write(tmp_path, untrusted))


def test_truth_files_missing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTruth):
        read_truth(tmp_path / "none.txt")
    with pytest.raises(BadTruth):
        read_truth(write(tmp_path, GOOD), tmp_path / "none.labels.txt")
    with pytest.raises(BadTruth):
        read_truth(write(tmp_path, GOOD, "\n\n"))
