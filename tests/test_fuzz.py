"""Small valid files, mutated a few hundred times: no crash, hang, unmasked frame or leftover file may result.

Cases are numbered, and a number always gives the same mutation. They run one after another in a separate process, so
that a crash or a hang there is a failure here. ``python -m tests.test_fuzz 17 203`` runs these cases in the foreground;
``REDACT_FUZZ_SECONDS`` is the time budget (a hang or a crash prints where each thread was).
"""

from __future__ import annotations

import faulthandler
import hashlib
import multiprocessing
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from redact.detect.factory import Scheduled
from redact.detect.types import Detections, ModelRecord
from redact.errors import RedactError, Unexpected
from redact.media.probe import probe
from redact.media.reader import scan
from redact.media.types import FrameTable, MediaInfo
from redact.pipeline import analysis, rendering
from redact.settings import (
    AnalyseSettings,
    DeviceChoice,
    EffectSettings,
    EncodeSettings,
    Interlaced,
    OnCorrupt,
    Preset,
    RenderSettings,
)
from tests.media.clips import AudioSpec, make_clip
from tests.media.copying import times

SECONDS = float(os.environ.get("REDACT_FUZZ_SECONDS", "20"))
LEAST_CASES = 200
CASE_SECONDS = 20.0
"""A case takes a tenth of a second or so."""
BATCH = 100
"""Cases that share a process."""
BOX = (0.25, 0.3, 0.7, 0.65)
"""The box of the stand-in detector on every frame: left, top, right, bottom, as shares of the picture.
"""
WHITE = 215
"""Luma from which a pixel of the copy counts as masked: masks are white, and the clips' pictures at most 180."""
KINDS = ("mp4", "mkv", "avi", "ts")

Mutation = Callable[[random.Random, bytearray], bytearray]


class BoxEverywhere:
    """A detector that finds the same box on every frame."""

    labels = ("plate",)
    record = ModelRecord("stand-in", "0" * 64, "none", "none")

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return (64, 64)

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        height, width = frames.shape[2:]
        box = np.array([BOX], np.float32) * np.array([width, height] * 2, np.float32)
        found = Detections(box, np.array([0.9], np.float32), ("plate",), np.zeros(1, np.float32))
        return [found] * frames.shape[0]


def stand_in(settings: AnalyseSettings) -> list[Scheduled]:
    """Replaces :func:`redact.detect.factory.make_detectors` in processes that tests start."""
    return [Scheduled(BoxEverywhere(), 0.0)]


# Mutations. Positions are anywhere, or near either end, where containers keep their structure.


def _place(rng: random.Random, size: int) -> int:
    low, high = rng.choice(((0, size), (0, min(size, 600)), (max(0, size - 3000), size)))
    return rng.randrange(low, max(high, low + 1))


def _flip(rng: random.Random, data: bytearray) -> bytearray:
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        data[_place(rng, len(data))] ^= 1 << rng.randrange(8)
    return data


def _overwrite(rng: random.Random, data: bytearray) -> bytearray:
    at, length = _place(rng, len(data)), rng.choice((1, 4, 8, 50, 400))
    value = rng.choice((b"\x00", b"\xff", None))
    end = min(at + length, len(data))
    data[at:end] = value * (end - at) if value else rng.randbytes(end - at)
    return data


def _lie(rng: random.Random, data: bytearray) -> bytearray:
    """Replace a 32-bit number at a random place by an extreme one."""
    at = _place(rng, len(data))
    number = rng.choice((0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, len(data), rng.getrandbits(32)))
    data[at : at + 4] = number.to_bytes(4, rng.choice(("big", "little")))
    return data


def _truncate(rng: random.Random, data: bytearray) -> bytearray:
    return data[: rng.randrange(1, len(data))]


def _drop(rng: random.Random, data: bytearray) -> bytearray:
    at, length = _place(rng, len(data)), _length(rng, data)
    del data[at : at + length]
    return data


def _duplicate(rng: random.Random, data: bytearray) -> bytearray:
    at, to, length = _place(rng, len(data)), _place(rng, len(data)), _length(rng, data)
    data[to:to] = data[at : at + length]
    return data


def _swap(rng: random.Random, data: bytearray) -> bytearray:
    length = _length(rng, data)
    first, second = sorted(rng.randrange(max(1, len(data) - length)) for _ in range(2))
    if second - first >= length:
        one, other = data[first : first + length], data[second : second + length]
        data[first : first + length], data[second : second + length] = other, one
    return data


def _length(rng: random.Random, data: bytearray) -> int:
    # 188: a packet of a transport stream.
    return rng.choice((1, 4, 16, 188, 188 * 3, 1000, len(data) // 3))


@dataclass(frozen=True)
class Atom:
    """An atom of an MP4: the position of its length field, and its end."""

    start: int
    end: int
    kind: bytes


def atoms(data: bytes | bytearray, start: int, end: int) -> list[Atom]:
    """The atoms from ``start`` to ``end``, and those inside them."""
    found = []
    while start + 8 <= end:
        size, kind = int.from_bytes(data[start : start + 4], "big"), bytes(data[start + 4 : start + 8])
        if not 8 <= size <= end - start:
            break
        found.append(Atom(start, start + size, kind))
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"dinf"):
            found += atoms(data, start + 8, start + size)
        start += size
    return found


def _cut_atom(rng: random.Random, data: bytearray) -> bytearray:
    """Remove an atom; those around it shrink or keep their old lengths."""
    every = atoms(data, 0, len(data))
    gone = rng.choice(every)
    if rng.random() < 0.5:
        for outer in every:
            if outer.start < gone.start and gone.end <= outer.end:
                size = outer.end - outer.start - (gone.end - gone.start)
                data[outer.start : outer.start + 4] = size.to_bytes(4, "big")
    del data[gone.start : gone.end]
    return data


def _change_atom(rng: random.Random, data: bytearray) -> bytearray:
    """Change an atom's length, or a number in one of the tables of picture positions and times."""
    every = atoms(data, 0, len(data))
    atom = rng.choice([b for b in every if b.kind != b"mdat"])
    words = (atom.end - atom.start) // 4
    word = 0 if rng.random() < 0.3 else rng.randrange(words)
    old = int.from_bytes(data[atom.start + 4 * word : atom.start + 4 * word + 4], "big")
    number = rng.choice((0, 1, old + 1, old - 1, old * 2, old // 2, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32)))
    data[atom.start + 4 * word : atom.start + 4 * word + 4] = (number % 2**32).to_bytes(4, "big")
    return data


EVERYWHERE: tuple[Mutation, ...] = (_flip, _overwrite, _lie, _truncate, _drop, _duplicate, _swap)


def mutate(seed: int, data: bytes, kind: str) -> bytes:
    """Usually one mutation, sometimes up to three."""
    rng = random.Random(seed)
    choices = (*EVERYWHERE, *((_cut_atom, _change_atom) * 3 if kind == "mp4" else ()))
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        try:
            changed = rng.choice(choices)(rng, changed)
        except (IndexError, ValueError):  # an earlier mutation left too little
            break
    return bytes(changed)


# Cases.


def make_bases(folder: Path) -> dict[str, bytes]:
    """One valid clip of each kind with 12 frames, dark enough not to look masked."""
    sound = [AudioSpec()]
    h264 = {"gop": 6, "bframes": 2, "frames": 12, "size": (96, 64), "picture": _picture}
    made = {
        "mp4": make_clip(folder / "base.mp4", audio=sound, **h264),  # type: ignore[arg-type]
        "mkv": make_clip(folder / "base.mkv", audio=sound, **h264),  # type: ignore[arg-type]
        "ts": make_clip(folder / "base.ts", audio=sound, **h264),  # type: ignore[arg-type]
        "avi": make_clip(
            folder / "base.avi",
            codec="mpeg4",
            audio=[AudioSpec(codec="pcm_s16le")],
            gop=6,
            frames=12,
            size=(96, 64),
            picture=_picture,
        ),
    }
    return {kind: path.read_bytes() for kind, path in made.items()}


def _picture(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    grey = 90 + 35 * np.sin((x + 2 * index) / 7) + 35 * np.sin((y - index) / 5)
    return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)


@dataclass(frozen=True)
class Outcome:
    """``how``: the code of the error that ended the case, or ``copy``, or ``masked`` for a copy with corrupt frames;
    ``problem``: the fault found, if any."""

    seed: int
    how: str
    problem: str = ""


def run_case(seed: int, bases: dict[str, bytes], folder: Path) -> Outcome:
    """Mutate, probe, analyse, render, and check the result. ``folder`` is empty before and after."""
    kind = KINDS[seed % len(KINDS)]
    on_corrupt = OnCorrupt.MASK if seed // len(KINDS) % 2 else OnCorrupt.STOP
    master, copy = folder / f"in.{kind}", folder / "out.mp4"
    content = mutate(seed, bases[kind], kind)
    master.write_bytes(content)
    problem = ""
    try:
        info = probe(master)
        table = _redact(master, copy, on_corrupt)
        how = "masked" if table.corrupt.any() else "copy"
        problem = check_copy(copy, info, table)
        if on_corrupt is OnCorrupt.STOP and table.corrupt.any():
            problem = "corrupt frames were accepted"
    except RedactError as error:
        how = error.code
        problem = "an unexpected error" if isinstance(error, Unexpected) else ""
        problem = problem or ("a copy despite an error" if copy.exists() else "")
    except Exception:
        how, problem = "error", traceback.format_exc()
    if hashlib.sha256(master.read_bytes()).digest() != hashlib.sha256(content).digest():
        problem = problem or "the master was changed"
    extra = sorted({p.name for p in folder.iterdir()} - {master.name, copy.name})
    problem = problem or (f"left behind: {extra}" if extra else "")
    for path in folder.iterdir():
        path.unlink()
    return Outcome(seed, how, problem)


def _redact(master: Path, copy: Path, on_corrupt: OnCorrupt) -> FrameTable:
    """Analyse and render; returns the frame table of a separate pass."""
    find = AnalyseSettings(("plate",), Preset.FAST, DeviceChoice.CPU, on_corrupt=on_corrupt)
    tracks = analysis.analyse(master, find)
    hide = RenderSettings(
        effect=EffectSettings(fill=(255, 255, 255)),
        encode=EncodeSettings(quality=10, preset="ultrafast"),
        on_corrupt=on_corrupt,
        device=DeviceChoice.CPU,
    )
    rendering.render(master, tracks, copy, hide)
    return scan(probe(master), interlaced=Interlaced.DEINTERLACE, on_corrupt=OnCorrupt.MASK)


def check_copy(copy: Path, info: MediaInfo, table: FrameTable) -> str:
    """The fault of a finished copy; empty if there is none."""
    shown = times(copy)
    wanted = [table.seconds(index) for index in range(len(table))]
    shift = shown[0] - wanted[0] if shown else 0
    if [time - shift for time in shown] != wanted or (shift and wanted[0] >= 0):
        return f"frames at {[float(t) for t in shown]}, not at {[float(t) for t in wanted]}"
    width, height = info.video.upright_width, info.video.upright_height
    x1, x2 = int(BOX[0] * width) + 1, int(BOX[2] * width)
    y1, y2 = int(BOX[1] * height) + 1, int(BOX[3] * height)
    with av.open(str(copy)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            plane = frame.planes[0]
            luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:height, :width]
            part = luma if table.corrupt[index] else luma[y1:y2, x1:x2]
            if part.size and part.min() < WHITE:
                whole = "corrupt and " if table.corrupt[index] else ""
                return f"frame {index} is {whole}not masked: luma {part.min()} at {np.argwhere(part < WHITE)[0]}"
    return ""


def _work(first: int, count: int, bases: dict[str, bytes], folder: Path, pipe: Connection) -> None:
    faulthandler.enable()
    patch("redact.pipeline.analysis.make_detectors", stand_in).start()
    av.logging.set_level(av.logging.PANIC)
    for seed in range(first, first + count):
        # Reports where each thread hangs, and ends the process, even when Python itself is stuck.
        faulthandler.dump_traceback_later(CASE_SECONDS, exit=True)
        pipe.send(run_case(seed, bases, folder))
    faulthandler.cancel_dump_traceback_later()


def fuzz(seconds: float) -> list[Outcome]:
    """Run cases from number 0 on until the time is up, or up to four times as long if there are too few by then."""
    outcomes: list[Outcome] = []
    started = time.monotonic()

    def over() -> bool:
        spent = time.monotonic() - started
        return spent >= seconds and (len(outcomes) >= LEAST_CASES or spent >= 4 * seconds)

    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as scratch:
        bases = make_bases(Path(scratch))
        while not over():
            folder = Path(tempfile.mkdtemp(dir=scratch))
            here, there = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(len(outcomes), BATCH, bases, folder, there), daemon=True)
            worker.start()
            there.close()
            try:
                for _ in range(BATCH):
                    if over():
                        break
                    # The first also waits for the libraries to load.
                    if not here.poll(3 * CASE_SECONDS):
                        outcomes.append(Outcome(len(outcomes), "hang", "the process stopped responding"))
                        break
                    outcomes.append(here.recv())
            except EOFError:
                worker.join(CASE_SECONDS)
                outcomes.append(Outcome(len(outcomes), "dead", f"the process ended with {worker.exitcode}"))
            finally:
                worker.kill()
                worker.join()
                here.close()
    return outcomes


@pytest.mark.slow
def test_mutated_files_do_no_harm() -> None:
    outcomes = fuzz(SECONDS)
    counts = Counter(outcome.how for outcome in outcomes)
    print(f"{len(outcomes)} cases: {dict(counts.most_common())}")
    problems = [f"case {o.seed} ({o.how}): {o.problem}" for o in outcomes if o.problem]
    assert not problems, "\n".join(problems)
    assert len(outcomes) >= LEAST_CASES, f"only {len(outcomes)} cases in {SECONDS} s"
    # Mutations that all fail at once, or all have no effect, would test little.
    assert min(counts["copy"], counts["masked"]) >= len(outcomes) / 50, counts
    assert len(counts) >= 5, counts


@pytest.mark.parametrize("fault", ["frame not masked", "frame too few"])
def test_fuzz_checks_detect_violations(tmp_path: Path, fault: str) -> None:
    """Faulty copies, made without the workbench."""
    white = np.full((64, 96, 3), 255, np.uint8)

    def picture(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        return _picture(index, size) if fault == "frame not masked" and index == 7 else white

    frames = 11 if fault == "frame too few" else 12
    master = make_clip(tmp_path / "in.mp4", size=(96, 64), picture=_picture)
    good = make_clip(tmp_path / "good.mp4", size=(96, 64), picture=lambda index, size: white)
    bad = make_clip(tmp_path / "bad.mp4", size=(96, 64), frames=frames, picture=picture)
    info = probe(master)
    table = scan(info, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP)
    assert check_copy(good, info, table) == ""
    assert check_copy(bad, info, table) != ""


if __name__ == "__main__":
    patch("redact.pipeline.analysis.make_detectors", stand_in).start()
    with tempfile.TemporaryDirectory() as folder:
        clips = make_bases(Path(folder))
        empty = Path(tempfile.mkdtemp(dir=folder))
        for number in sys.argv[1:]:
            print(run_case(int(number), clips, empty))
