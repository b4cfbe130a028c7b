"""COCO JSON for object detection, one image per frame.

Source: https://cocodataset.org/#format-data (``bbox`` is [x, y, width, height] in pixels counted from 0). COCO has no
tracks, rotated boxes or sources: these are stored in ``attributes``, under the names CVAT uses in its COCO files
(``track_id``, ``rotation``, ``occluded``, ``keyframe``; ``bbox`` is then the box before rotation), with ``source``
added. ``score`` is where COCO results have it.
"""

from __future__ import annotations

import json
import re

from redact.errors import TracksMismatch, TracksUnreadable
from redact.track.file import (
    MAX_ANGLE,
    MAX_COORDINATE,
    MAX_FRAMES,
    MAX_ID,
    MAX_SIDE,
    SOURCE_NAMES,
    check_label,
    exact_floats,
    integer,
    listing,
    parse_json,
    real,
    unreadable,
)
from redact.track.formats.common import TrackGatherer, corner_and_size, corners, frames_described, label_list
from redact.track.types import MediaRef, TrackSet

_SOURCES = {name: source for source, name in SOURCE_NAMES.items()}
_NAME = re.compile(r"(?:.*/)?frame_([0-9]{1,9})(?:\.[A-Za-z0-9]{1,5})?", re.DOTALL)
_DIGEST = "master_sha256"


def to_coco(tracks: TrackSet) -> bytes:
    """All frames as images and all boxes as annotations, track by track, one per line."""
    media = tracks.media
    labels = label_list(tuple(track.label for track in tracks.tracks))
    categories = [{"id": i, "name": label, "supercategory": ""} for i, label in enumerate(labels, start=1)]
    images = [
        {"id": i + 1, "width": media.width, "height": media.height, "file_name": f"frame_{i:06d}.PNG"}
        for i in range(media.pts.size)
    ]
    head = {"info": {"version": "1.0", "description": "Tracks of one video", _DIGEST: media.sha256}, "licenses": []}
    sections = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    for name, rows in (("categories", categories), ("images", images), ("annotations", _annotations(tracks))):
        sections.append(f'"{name}": [\n' + ",\n".join(json.dumps(row, allow_nan=False) for row in rows) + "\n]")
    return ("{\n" + ",\n".join(sections) + "\n}\n").encode()


def _annotations(tracks: TrackSet) -> list[dict[str, object]]:
    labels = label_list(tuple(track.label for track in tracks.tracks))
    rows: list[dict[str, object]] = []
    for track in tracks.tracks:
        category = labels.index(track.label) + 1
        for frame, box, angle, score, source in zip(
            track.frames.tolist(),
            corner_and_size(track.boxes),
            exact_floats(track.angles),
            exact_floats(track.scores),
            track.sources.tolist(),
            strict=True,
        ):
            attributes = {"track_id": track.id, "rotation": angle, "occluded": False, "keyframe": True}
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": frame + 1,
                    "category_id": category,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "segmentation": [],
                    "iscrowd": 0,
                    "score": score,
                    "attributes": {**attributes, "source": SOURCE_NAMES[source]},
                }
            )
    return rows


def from_coco(data: bytes, media: MediaRef) -> TrackSet:
    """Read COCO JSON.

    The frame of an image is its ``frame_index`` (from 0) or else the number in a name like ``frame_000012.png``; an
    image with neither is refused, because a guess could shift every mask. ``track_id`` is read from ``attributes`` or
    else from the annotation itself; an annotation without one becomes a track of one frame.

    Raises :class:`redact.errors.TracksUnreadable`, and :class:`redact.errors.TracksMismatch` if the size, length or
    hash shows that the annotations are of another video.
    """
    top = parse_json(data)
    if not isinstance(top, dict) or not all(name in top for name in ("images", "annotations", "categories")):
        raise TracksUnreadable(
            "The file is JSON, but not COCO: it lacks images, annotations or categories.",
            "Give a COCO instances file.",
        )
    info = top.get("info")
    if isinstance(info, dict) and info.get(_DIGEST, media.sha256) != media.sha256:
        raise TracksMismatch("The annotations name the hash of another file.", "Give the footage that was annotated.")
    labels = _categories(top["categories"])
    frames = _images(top["images"], media)
    rows = TrackGatherer(media)
    for i, item in enumerate(listing(top["annotations"], "annotations")):
        where = f"annotations[{i}]"
        annotation = _fields(item, where)
        _add(rows, annotation, frames, labels, where)
    order = sorted(frames.values())
    spread = frames_described(media, order[0], order[-1], len(order)) if order else frames_described(media, 0, 0, 0)
    return TrackSet(media, rows.tracks(), provenance={"imported": {"format": "coco", **spread}})


def _fields(untrusted: object, where: str) -> dict[str, object]:
    """``untrusted`` as an object with any members: COCO files often have extra ones."""
    if not isinstance(untrusted, dict):
        raise unreadable(where, "is not an object")
    return untrusted


def _categories(untrusted: object) -> dict[int, str]:
    labels: dict[int, str] = {}
    for i, item in enumerate(listing(untrusted, "categories")):
        category = _fields(item, f"categories[{i}]")
        number = integer(category.get("id"), f"categories[{i}].id", 0, MAX_ID)
        if number in labels:
            raise unreadable(f"categories[{i}].id", f"is {number}, the id of an earlier category")
        labels[number] = check_label(category.get("name"), f"categories[{i}].name")
    return labels


def _images(untrusted: object, media: MediaRef) -> dict[int, int]:
    """Frame index by image id."""
    frames: dict[int, int] = {}
    for i, item in enumerate(listing(untrusted, "images")):
        where = f"images[{i}]"
        image = _fields(item, where)
        number = integer(image.get("id"), f"{where}.id", 0, MAX_ID)
        width = integer(image.get("width", media.width), f"{where}.width", 1, MAX_SIDE)
        height = integer(image.get("height", media.height), f"{where}.height", 1, MAX_SIDE)
        if (width, height) != (media.width, media.height):
            raise TracksMismatch(
                f"{where} has {width}x{height} pixels, the footage {media.width}x{media.height}.",
                "Give the footage that was annotated.",
            )
        frame = _frame(image, where)
        if frame >= media.pts.size:
            raise TracksMismatch(
                f"{where} is frame {frame} (counted from 0), but the footage has {media.pts.size} frames.",
                "Give the footage that was annotated.",
            )
        if number in frames:
            raise unreadable(f"{where}.id", f"is {number}, the id of an earlier image")
        frames[number] = frame
    if len(set(frames.values())) != len(frames):
        raise unreadable("images", "has two images of the same frame")
    return frames


def _frame(image: dict[str, object], where: str) -> int:
    if "frame_index" in image:
        return integer(image["frame_index"], f"{where}.frame_index", 0, MAX_FRAMES)
    name = image.get("file_name")
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    if not found:
        raise unreadable(where, "does not say which frame it is: neither frame_index nor a name like frame_000012.png")
    return int(found[1])


def _add(
    rows: TrackGatherer, annotation: dict[str, object], frames: dict[int, int], labels: dict[int, str], where: str
) -> None:
    attributes = _fields(annotation.get("attributes", {}), f"{where}.attributes")
    number = attributes.get("track_id", annotation.get("track_id"))
    image = integer(annotation.get("image_id"), f"{where}.image_id", 0, MAX_ID)
    category = integer(annotation.get("category_id"), f"{where}.category_id", 0, MAX_ID)
    if image not in frames or category not in labels:
        raise unreadable(where, "refers to an image or a category that the file does not have")
    sides = listing(annotation.get("bbox"), f"{where}.bbox")
    if len(sides) != 4:
        raise unreadable(f"{where}.bbox", "is not [x, y, width, height]")
    x, y, width, height = (real(side, f"{where}.bbox[{i}]", MAX_COORDINATE) for i, side in enumerate(sides))
    source = attributes.get("source", "detector")
    if not isinstance(source, str) or source not in _SOURCES:
        raise unreadable(f"{where}.attributes.source", f"is not one of {', '.join(_SOURCES)}")
    rows.add(
        None if number is None else integer(number, f"{where} track_id", 0, MAX_ID),
        labels[category],
        frames[image],
        where,
        box=corners(x, y, width, height),
        angle=real(attributes.get("rotation", 0.0), f"{where}.attributes.rotation", MAX_ANGLE),
        score=real(annotation.get("score", 1.0), f"{where}.score", MAX_COORDINATE),
        source=_SOURCES[source],
    )
