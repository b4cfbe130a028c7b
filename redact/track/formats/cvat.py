"""CVAT for video XML 1.1.

Source: https://docs.cvat.ai/docs/other/xml_format ("Interpolation"), and CVAT's own behaviour where that is silent:
``frame`` counts from 0 over the whole video, whatever ``start_frame`` and ``frame_filter`` leave out; between two
keyframes a box moves in a straight line and rotates the shorter way; ``outside`` hides it until the next keyframe; a
track whose last keyframe is not ``outside`` stays in place to the end of the task.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from numpy.typing import NDArray

from redact.errors import TracksMismatch, TracksUnreadable
from redact.track.file import (
    MAX_ANGLE,
    MAX_FRAMES,
    MAX_ID,
    MAX_SIDE,
    SOURCE_NAMES,
    check_label,
    exact_floats,
    unreadable,
)
from redact.track.formats.common import (
    MAX_BOXES,
    Columns,
    build_track,
    frames_described,
    integer_text,
    label_list,
    real_text,
    too_many,
    turn_within_half,
)
from redact.track.types import MediaRef, Source, Track, TrackSet

SCORE, SOURCE = "score", "box_source"
"""Attributes for values that CVAT has no field for. CVAT's own ``source`` says how a track was drawn: manual or
auto."""

_SOURCES = {name: source for source, name in SOURCE_NAMES.items()}
_MAX_DEPTH = 12
_CHECK = "Export the task from CVAT as 'CVAT for video 1.1'."


def to_cvat(tracks: TrackSet) -> bytes:
    """Every box as a keyframe, every end and gap as an ``outside`` keyframe, so that readers need not interpolate."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<annotations>",
        "  <version>1.1</version>",
        *_meta_lines(tracks),
    ]
    for track in tracks.tracks:
        lines.append(f'  <track id="{track.id}" label={quoteattr(track.label)} source="auto">')
        lines.extend(_box_lines(track, tracks.media.pts.size))
        lines.append("  </track>")
    return ("\n".join([*lines, "</annotations>"]) + "\n").encode("utf-8")


def _meta_lines(tracks: TrackSet) -> Iterator[str]:
    count = tracks.media.pts.size
    # The master's hash is the name of the task, so that the file cannot be mistaken for that of another video.
    yield f"  <meta><task><name>{tracks.media.sha256}</name><size>{count}</size><mode>interpolation</mode>"
    yield "    <overlap>0</overlap><bugtracker></bugtracker><flipped>False</flipped><start_frame>0</start_frame>"
    yield f"    <stop_frame>{count - 1}</stop_frame><frame_filter></frame_filter><labels>"
    for label in label_list(tuple(track.label for track in tracks.tracks)):
        yield f"      <label><name>{escape(label)}</name><type>any</type><attributes>"
        yield (
            f"        <attribute><name>{SCORE}</name><mutable>True</mutable><input_type>text</input_type>"
            "<default_value>1.0</default_value><values></values></attribute>"
        )
        yield (
            f"        <attribute><name>{SOURCE}</name><mutable>True</mutable><input_type>select</input_type>"
            f"<default_value>detector</default_value><values>{chr(10).join(_SOURCES)}</values></attribute>"
        )
        yield "      </attributes></label>"
    size = f"<width>{tracks.media.width}</width><height>{tracks.media.height}</height>"
    yield f"    </labels><original_size>{size}</original_size></task></meta>"


def _box_lines(track: Track, count: int) -> Iterator[str]:
    frames = track.frames.tolist()
    followers = [*frames[1:], count]
    columns = zip(
        frames,
        followers,
        *(exact_floats(track.boxes[:, i]) for i in range(4)),
        exact_floats(track.angles),
        exact_floats(track.scores),
        track.sources.tolist(),
        strict=True,
    )
    for frame, follower, left, top, right, bottom, angle, score, source in columns:
        sides = f'occluded="0" xtl="{left!r}" ytl="{top!r}" xbr="{right!r}" ybr="{bottom!r}"'
        # CVAT accepts only 0 to 360.
        rotation = f' rotation="{angle % 360.0!r}"' if angle else ""
        origin = f'<attribute name="{SOURCE}">{SOURCE_NAMES[source]}</attribute>'
        place = f'{sides}{rotation} z_order="0"><attribute name="{SCORE}">{score!r}</attribute>{origin}</box>'
        yield f'    <box frame="{frame}" keyframe="1" outside="0" {place}'
        if frame + 1 < follower:
            yield f'    <box frame="{frame + 1}" keyframe="1" outside="1" {place}'


@dataclass(frozen=True, slots=True)
class _CvatShape:
    frame: int
    outside: bool
    keyframe: bool
    box: tuple[float, float, float, float]
    angle: float
    score: float | None
    source: Source | None
    stays: bool
    """A mask: CVAT does not move it between keyframes."""


@dataclass(frozen=True, slots=True)
class _CvatTrack:
    number: int
    label: str
    shapes: list[_CvatShape]
    """The track's shapes, in order of frames."""


@dataclass(frozen=True, slots=True)
class _CvatTask:
    """The frames of the footage in the task: ``first``, then every ``step``-th up to ``last``."""

    first: int
    last: int
    step: int


def from_cvat(data: bytes, media: MediaRef) -> TrackSet:
    """Read CVAT for video XML.

    Boxes keep their rotation; an ellipse, polygon or mask is replaced by its bounding box; other shapes do not enclose
    an area and are refused, as are annotations of single images. Keyframes have the source in the attribute
    ``box_source``, else *detector*; frames between keyframes are *filled*. So are frames that a task left out
    (``frame_filter``); those just before a first keyframe get its box, because they were not annotated.

    Raises :class:`redact.errors.TracksUnreadable`, and :class:`redact.errors.TracksMismatch` if the size, length or
    hash shows that the annotations are of another video.
    """
    task = _CvatTask(0, media.pts.size - 1, 1)
    found: list[_CvatTrack] = []
    for element in _children(data):
        if element.tag == "meta":
            task = _task(element, media)
        elif element.tag == "track":
            found.append(_track_shapes(element, f"track {len(found) + 1} of the file"))
        elif element.tag == "version" and not re.fullmatch(r"\s*1\.[01]\s*", element.text or ""):
            raise TracksUnreadable(f"The file has CVAT XML version {(element.text or '')[:20]!r}, not 1.1.", _CHECK)
    if len({item.number for item in found}) != len(found):
        raise unreadable("a track id", "is used by two tracks")
    tracks: list[Track] = []
    total = 0
    for item in found:
        track = _spread(item, task, media, MAX_BOXES - total)
        if track is not None:
            tracks.append(track)
            total += len(track)
    shown = len(range(task.first, task.last + 1, task.step))
    imported: dict[str, object] = {"format": "cvat", **frames_described(media, task.first, task.last, shown)}
    return TrackSet(media, tuple(tracks), provenance={"imported": imported})


def _children(untrusted: bytes) -> Iterator[Element]:
    """The complete children of the root, each freed after use. Entities, DTDs and deep nesting are refused."""
    stack: list[Element] = []
    try:
        for event, element in iterparse(BytesIO(untrusted), ("start", "end"), forbid_dtd=True):
            if event == "start":
                stack.append(element)
                _check_place(element.tag, len(stack))
                continue
            stack.pop()
            if len(stack) == 1:
                yield element
                stack[0].clear()
    except ParseError as error:
        raise TracksUnreadable(f"The file is not valid XML: {error}.", _CHECK) from error
    except DefusedXmlException as error:
        raise TracksUnreadable(
            "The file declares a document type or entities, which CVAT exports never do.", _CHECK
        ) from error
    except (LookupError, ValueError) as error:
        raise TracksUnreadable(f"The file's text encoding cannot be read: {error}.", _CHECK) from error


def _check_place(tag: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise TracksUnreadable("The file is nested too deeply.", _CHECK)
    if depth == 1 and tag != "annotations":
        raise TracksUnreadable(f"The file is XML, but not CVAT: it starts with <{tag[:40]}>.", _CHECK)
    if depth == 2 and tag == "image":
        raise TracksUnreadable("The annotations are of single images, without tracks.", _CHECK)
    if depth == 2 and tag not in ("version", "meta", "track"):
        raise unreadable("the root", f"contains <{tag[:40]}>, which is not part of CVAT for video 1.1")


def _task(meta: Element, media: MediaRef) -> _CvatTask:
    untrusted = meta.find("task") if meta.find("task") is not None else meta.find("job")
    if untrusted is None:
        raise unreadable("meta", "describes neither a task nor a job; a project's tasks must be exported one by one")

    def number(name: str, low: int, high: int) -> int | None:
        text = (untrusted.findtext(name) or "").strip()
        return integer_text(text, f"meta {name}", low, high) if text else None

    width, height = number("original_size/width", 1, MAX_SIDE), number("original_size/height", 1, MAX_SIDE)
    if (width or media.width, height or media.height) != (media.width, media.height):
        raise TracksMismatch(
            f"The annotations are for {width}x{height} pixels, but the footage has {media.width}x{media.height}.",
            "Give the footage that was annotated.",
        )
    name = (untrusted.findtext("name") or "").strip()
    if re.fullmatch("[0-9a-f]{64}", name) and name != media.sha256:
        raise TracksMismatch("The annotations name the hash of another file.", "Give the footage that was annotated.")
    rule = (untrusted.findtext("frame_filter") or "").strip()
    filtered = re.fullmatch(r"step\s*=\s*([0-9]{1,8})", rule)
    if rule and not filtered:
        raise unreadable("meta frame_filter", f"is {rule[:40]!r} where step=N was expected")
    step = max(int(filtered[1]), 1) if filtered else 1
    first = number("start_frame", 0, MAX_FRAMES) or 0
    last, size = number("stop_frame", 0, MAX_FRAMES), number("size", 0, MAX_FRAMES)
    if last is None:
        last = media.pts.size - 1 if size is None else first + (size - 1) * step
        # The file does not say that it covers only part of the video, so another length means another video.
        whole = first > 0 or step > 1 or last == media.pts.size - 1
    else:
        whole = True
    if not whole or not first <= last < media.pts.size:
        raise TracksMismatch(
            f"The annotations are for frames {first} to {last}, but the footage has {media.pts.size} frames.",
            "Give the footage that was annotated.",
        )
    return _CvatTask(first, last, step)


def _track_shapes(untrusted: Element, where: str) -> _CvatTrack:
    number = integer_text(untrusted.get("id", ""), f"{where}, id,", 0, MAX_ID)
    label = check_label(untrusted.get("label"), f"{where}, label,")
    shapes = [_shape(child, f"{where}, shape {i},") for i, child in enumerate(untrusted, start=1)]
    shapes.sort(key=lambda shape: shape.frame)
    for a, b in pairwise(shapes):
        if a.frame == b.frame:
            raise unreadable(where, f"has two shapes on frame {a.frame}")
    return _CvatTrack(number, label, shapes)


def _shape(untrusted: Element, where: str) -> _CvatShape:
    attributes = {str(a.get("name")): (a.text or "").strip() for a in untrusted.findall("attribute")}
    source = attributes.get(SOURCE)
    if source is not None and source not in _SOURCES:
        raise unreadable(where, f"has the attribute {SOURCE} with the unknown value {source[:40]!r}")
    score = attributes.get(SCORE)
    return _CvatShape(
        frame=integer_text(untrusted.get("frame", ""), f"{where} frame", 0, MAX_FRAMES),
        outside=_flag(untrusted, "outside", where, absent=False),
        keyframe=_flag(untrusted, "keyframe", where, absent=True),
        box=_outline(untrusted, where),
        angle=turn_within_half(real_text(untrusted.get("rotation", "0"), f"{where} rotation", MAX_ANGLE)),
        score=None if score is None else real_text(score, f"{where} {SCORE}"),
        source=None if source is None else _SOURCES[source],
        stays=untrusted.tag == "mask",
    )


def _flag(untrusted: Element, name: str, where: str, *, absent: bool) -> bool:
    text = untrusted.get(name)
    if text is None:
        return absent
    if text not in ("0", "1"):
        raise unreadable(f"{where} {name}", f"is neither 0 nor 1: {text[:40]!r}")
    return text == "1"


def _outline(untrusted: Element, where: str) -> tuple[float, float, float, float]:
    """The box, before rotation, of a shape that encloses an object."""

    def numbers(*names: str) -> list[float]:
        return [real_text(untrusted.get(name, ""), f"{where} {name}") for name in names]

    if untrusted.tag == "box":
        left, top, right, bottom = numbers("xtl", "ytl", "xbr", "ybr")
        return left, top, right, bottom
    if untrusted.tag == "ellipse":
        x, y, rx, ry = numbers("cx", "cy", "rx", "ry")
        return x - rx, y - ry, x + rx, y + ry
    if untrusted.tag == "mask":
        left, top, width, height = numbers("left", "top", "width", "height")
        return left, top, left + width, top + height
    if untrusted.tag == "polygon":
        pairs = [pair.split(",") for pair in untrusted.get("points", "").split(";")]
        if any(len(pair) != 2 for pair in pairs):
            raise unreadable(f"{where} points", "is not a list x,y;x,y;...")
        xs, ys = ([real_text(pair[i], f"{where} points") for pair in pairs] for i in (0, 1))
        return min(xs), min(ys), max(xs), max(ys)
    raise unreadable(where, f"is a <{untrusted.tag[:40]}>, which encloses no area that could be masked")


def _spread(found: _CvatTrack, task: _CvatTask, media: MediaRef, room: int) -> Track | None:
    """The track with a box on every frame on which the object is visible; None if there is no such frame."""
    shapes = found.shapes
    runs: list[list[_CvatShape]] = []
    floors: list[int] = []
    for i, shape in enumerate(shapes):
        if i and not shapes[i - 1].outside:
            runs[-1].append(shape)
        elif not shape.outside:
            runs.append([shape])
            floors.append(shapes[i - 1].frame + 1 if i else 0)
    per_run = []
    for run, floor in zip(runs, floors, strict=True):
        start = max(floor, run[0].frame - task.step + 1)
        end = run[-1].frame if run[-1].outside else max(run[-1].frame + 1, min(task.last + task.step, media.pts.size))
        room -= end - start
        if room < 0:
            raise too_many()
        per_run.append(_fill(run, np.arange(start, end, dtype=np.int64)))
    if not per_run:
        return None
    columns = Columns(
        np.concatenate([columns.frames for columns in per_run]),
        np.concatenate([columns.boxes for columns in per_run]),
        np.concatenate([columns.angles for columns in per_run]),
        np.concatenate([columns.scores for columns in per_run]),
        np.concatenate([columns.sources for columns in per_run]),
    )
    return build_track(media, found.number, found.label, columns)


def _fill(run: list[_CvatShape], frames: NDArray[np.int64]) -> Columns:
    """Boxes on ``frames`` from one run's shapes: interpolated between them, constant before the first and after the
    last."""
    keys = np.array([shape.frame for shape in run], np.int64)
    given = np.array([shape.box for shape in run], np.float64)
    boxes = np.stack([np.interp(frames, keys, given[:, i]) for i in range(4)], axis=1)
    before = np.clip(np.searchsorted(keys, frames, side="right") - 1, 0, None)
    after = np.minimum(before + 1, len(run) - 1)
    stays = np.array([shape.stays for shape in run])
    # A mask jumps at an unknown moment between two keyframes; the hull of both covers either place.
    still = (stays[before] | stays[after]) & (frames > keys[before])
    low, high = np.minimum(given[before], given[after])[:, :2], np.maximum(given[before], given[after])[:, 2:]
    boxes[still] = np.concatenate([low, high], axis=1)[still]
    turns = np.interp(frames, keys, np.unwrap(np.array([shape.angle for shape in run]), period=360.0))
    angles = np.array([turn_within_half(turn) for turn in turns.tolist()])
    stated = frames == keys[before]
    sources = np.full(frames.size, Source.FILLED, np.uint8)
    own = [shape.source if shape.source is not None else _implied(shape) for shape in run]
    sources[stated] = np.array(own, np.uint8)[before[stated]]
    scores = np.array(_filled_scores([shape.score for shape in run]))[before]
    return Columns(frames, boxes, angles, scores, sources)


def _implied(shape: _CvatShape) -> Source:
    return Source.DETECTOR if shape.keyframe else Source.FILLED


def _filled_scores(scores: list[float | None]) -> list[float]:
    """Scores with gaps filled as CVAT fills attributes: a shape without a score has that of the shape before it."""
    value, filled = 1.0, []
    for score in scores:
        value = value if score is None else score
        filled.append(value)
    return filled
