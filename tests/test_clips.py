"""Clips of a master, with slate and watermark, checked by the frame numbers in the pictures."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from redact.errors import BadClip, BadSpan, Cancelled, CorruptFrames, TitleUnusable, TracksMismatch
from redact.media.decode_start import entry_before
from redact.media.probe import probe
from redact.media.reader import scan
from redact.media.timeline import timeline_digest
from redact.pipeline.rendering import render
from redact.settings import (
    AudioMode,
    DeviceChoice,
    Effect,
    EffectSettings,
    EncodeSettings,
    FrameSpan,
    Interlaced,
    OnCorrupt,
    RenderSettings,
    Slate,
    SoundEffect,
    SoundSpan,
    VideoCodec,
)
from redact.track.types import MediaRef, TrackSet
from tests.media.clips import AudioSpec, make_clip, read_index
from tests.media.copying import heard, leftovers, payloads
from tests.media.test_reader import damage, wipe
from tests.media.test_writer import add_sound
from tests.track.factory import track

WRITE = RenderSettings(device=DeviceChoice.CPU, encode=EncodeSettings(quality=10))
SLATE = Slate(("Redacted copy", "FOI 2026/417"), 0.4)
UNEVEN = [0, 40, 80, 81, 82, 120, 1520, 1533, 1600, 1640, 1680, 1720]
Rgb = NDArray[np.uint8]


def tracks_of(path: Path, boxes: dict[int, list[float]] | None = None) -> TrackSet:
    """Tracks as analysis would make them, with one object at ``boxes`` on these frames."""
    info = probe(path)
    table = scan(info, interlaced=Interlaced.DEINTERLACE, on_corrupt=OnCorrupt.MASK)
    media = MediaRef(
        hashlib.sha256(path.read_bytes()).hexdigest(),
        info.video.upright_width,
        info.video.upright_height,
        table.time_base,
        table.pts,
        table.last_duration,
    )
    found = (track(1, "plate", list(boxes), list(boxes.values())),) if boxes else ()
    return TrackSet(media, found)


def shown(path: Path) -> tuple[list[Rgb], list[Fraction]]:
    """Pictures and their times, read with PyAV directly."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        times = [Fraction(f.pts or 0) * (f.time_base or 0) for f in frames]
        return [np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in frames], times


@pytest.mark.parametrize(
    ("name", "options", "span"),
    [
        ("even.mp4", {"frames": 30, "bframes": 2, "gop": 8}, (0, 0)),  # the first frame alone
        ("even.mp4", {"frames": 30, "bframes": 2, "gop": 8}, (8, 15)),  # exactly from keyframe to keyframe
        ("even.mp4", {"frames": 30, "bframes": 2, "gop": 8}, (7, 29)),  # up to the end
        ("late.mp4", {"pts": [7 + n for n in range(20)], "time_base": Fraction(1, 25)}, (3, 12)),  # starts at 0.28 s
        ("late.mp4", {"pts": [7 + n for n in range(20)], "time_base": Fraction(1, 25)}, (0, 19)),  # whole clip: from 0
        ("uneven.mp4", {"pts": UNEVEN, "gop": 3}, (3, 5)),  # frames 1 ms apart; the last lasts 1.4 s
        ("uneven.mkv", {"pts": UNEVEN, "bframes": 2, "gop": 4}, (5, 9)),
        ("turned.mov", {"frames": 24, "rotation": 90, "size": (96, 160), "gop": 6}, (13, 20)),
        ("hevc.mp4", {"frames": 24, "codec": "libx265", "gop": 6, "bframes": 2}, (13, 20)),
    ],
)
@pytest.mark.parametrize("slate", [None, SLATE])
def test_clip_keeps_frames_and_intervals(
    tmp_path: Path, *, name: str, options: dict[str, Any], span: tuple[int, int], slate: Slate | None
) -> None:
    master = make_clip(tmp_path / name, options={"crf": "10"} if "codec" not in options else None, **options)
    times = shown(master)[1]
    target = tmp_path / "clip.mp4"
    report = render(master, tracks_of(master), target, replace(WRITE, clip=FrameSpan(*span), slate=slate))
    pictures, found = shown(target)
    slates, first, last = report.timeline.slate_frames, *span
    # 0.4 s: ten frames, or more if the master's usual frame is shorter.
    assert slates == (0 if slate is None else round(Fraction(4, 10) / (found[1] - found[0])))
    assert all(step == found[1] for step in np.diff(np.array(found[: slates + 1])))
    shift = (found[slates] if slate else 0) - times[first]
    assert found[slates:] == [time + shift for time in times[first : last + 1]]
    if last + 1 < len(times):
        table = report.timeline.table
        assert table.last_duration * table.time_base == times[last + 1] - times[last]
    assert [read_index(picture) for picture in pictures[slates:]] == list(range(first, last + 1))
    assert all(np.abs(picture.astype(int) - pictures[0]).max() < 24 for picture in pictures[:slates])
    assert (report.timeline.first, report.timeline.last) == span
    assert report.frames == len(pictures) == slates + last - first + 1
    assert list(report.timeline.times()) == found
    assert timeline_digest(report.timeline.times()) == timeline_digest(found)


def test_timeline_digest_matches_documented_value() -> None:
    lines = b"0/1\n1/25\n2/25\n"
    times = [Fraction(n, 12800) for n in (512, 1024, 1536)]
    assert timeline_digest(times) == hashlib.sha256(lines).hexdigest()


RADL = "log-level=none:scenecut=0:bframes=3:keyint=8:min-keyint=8:radl=2:open-gop=0"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bframes": 2},
        {"interlaced": True},  # pictures are blended from neighbouring frames
        {
            "codec": "libx265",
            "options": {"preset": "ultrafast", "x265-params": RADL},
        },  # shown before the IDR, sent after
    ],
)
def test_decoding_start_does_not_change_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    master = make_clip(tmp_path / "m.mp4", **{"frames": 40, "gop": 8, "options": {"crf": "10"}, **options})
    tracks = tracks_of(master, {n: [2.0 * n, 40, 2.0 * n + 20, 60] for n in range(40)})
    settings = replace(WRITE, clip=FrameSpan(24, 30))
    skipped: list[int] = []

    def watch(stage: str, done: int, total: int | None) -> None:
        if stage == "skip":
            skipped.append(done)

    near = render(master, tracks, tmp_path / "near.mp4", settings, progress=watch)
    assert skipped == list(range(17, 25))
    monkeypatch.setattr("redact.pipeline.rendering.entry_before", lambda *_: None)
    far = render(master, tracks, tmp_path / "far.mp4", settings, progress=watch)
    assert skipped[8:] == list(range(1, 25))
    assert near.sha256 == far.sha256


@pytest.mark.parametrize(
    ("name", "options", "places"),
    [
        ("a.mp4", {}, {8, 16}),
        ("a.mkv", {}, set()),  # the index of an MKV does not list frames
        ("open.mp4", {"bframes": 2, "options": {"x264-params": "scenecut=0:open-gop=1"}}, set()),
        ("refresh.mp4", {"options": {"x264-params": "scenecut=0:intra-refresh=1"}}, set()),
        ("mpeg4.mp4", {"codec": "mpeg4"}, set()),
    ],
)
def test_decoding_starts_only_at_idr_pictures(
    tmp_path: Path, name: str, options: dict[str, Any], places: set[int]
) -> None:
    master = make_clip(tmp_path / name, frames=24, gop=8, **options)
    pts = tracks_of(master).media.pts
    info = probe(master)
    entries = [entry_before(info, pts, index) for index in range(24)]
    assert {entry.index for entry in entries if entry} == places
    assert all(entry.index <= index < entry.index + 8 for index, entry in enumerate(entries) if entry)


@pytest.mark.parametrize(
    ("rate", "start"),
    [
        (48000, Fraction(0)),
        (44100, Fraction(1, 2)),  # begins within the clip
        (8000, Fraction(1, 4)),  # raised to 32000 Hz
    ],
)
@pytest.mark.parametrize("seconds", [0.0, 0.4])
def test_clip_sound_is_cut_to_the_sample(tmp_path: Path, rate: int, start: Fraction, seconds: float) -> None:
    # A tone that peaks wherever a frame begins: one sample too many or too few shows.
    period = {48000: 96, 44100: 98, 8000: 16}[rate]
    wave = 0.5 * np.cos(2 * np.pi * np.arange(2 * rate) / period)[None].astype(np.float32)
    master = add_sound(tmp_path / "m.mov", "pcm_s16le", rate, start, wave)
    slate = Slate(("Title",), seconds) if seconds else None
    target = tmp_path / "c.mp4"
    report = render(master, tracks_of(master), target, replace(WRITE, clip=FrameSpan(10, 29), slate=slate))
    samples, rate_after = heard(target)
    samples = samples[:: rate_after // rate]
    frame = rate // 25
    before = report.timeline.slate_frames * frame
    expected = np.zeros(before + 20 * frame)
    late = max(0, round(start * rate) - 10 * frame)
    expected[before + late :] = wave[0, : 20 * frame - late]
    assert abs(samples.size - expected.size) <= 1024 * rate // 32000 + 1024
    error = np.abs(samples[: expected.size] - expected)
    assert error.max() < 0.2
    assert np.sqrt(np.mean(error**2)) < 0.01
    assert np.abs(samples[expected.size + 2 :]).max(initial=0) < 0.2
    assert "cut with the picture" in report.notes[0]


def test_clip_keeps_every_sound_track(tmp_path: Path) -> None:
    audio = [
        AudioSpec("pcm_s16le", frequency=300, seconds=Fraction(1)),  # ends before the clip
        AudioSpec("aac", frequency=500, language="deu"),
        AudioSpec("aac", frequency=700, start=Fraction(5), seconds=Fraction(1)),  # starts after it
    ]
    master = make_clip(tmp_path / "m.mkv", frames=100, audio=audio)
    target = tmp_path / "c.mp4"
    report = render(master, tracks_of(master), target, replace(WRITE, clip=FrameSpan(50, 74), slate=SLATE))
    begin = report.timeline.slate_frames
    for number, loud in enumerate((False, True, False)):
        samples, rate = heard(target, number)
        # 0.4 s of slate and one second of clip.
        assert samples.size == pytest.approx(1.4 * rate, abs=1100)
        assert np.abs(samples[: begin * rate // 25 - 1024]).max() < 0.01
        assert (np.abs(samples[begin * rate // 25 + 1024 :]).max() > 0.1) == loud
    with av.open(str(target)) as copy:
        assert copy.streams.audio[1].language == "deu"


def test_clip_sound_spans_stay_on_master_time(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4", frames=50, audio=[AudioSpec()])
    spans = (SoundSpan(1.0, 1.2, SoundEffect.MUTE), SoundSpan(0.0, 0.7, SoundEffect.BLEEP))
    target = tmp_path / "c.mp4"
    settings = replace(WRITE, clip=FrameSpan(15, 44), slate=SLATE, spans=spans)
    report = render(master, tracks_of(master), target, settings)
    samples, rate = heard(target)
    at = report.timeline.slate_frames * rate // 25

    def loudest(start: float, end: float) -> float:
        """The dominant frequency in Hz in this part of the master."""
        part = samples[at + round((start - 0.6) * rate) : at + round((end - 0.6) * rate)]
        assert np.abs(part).max() > 0.05
        return float(np.argmax(np.abs(np.fft.rfft(part))) * rate / part.size)

    assert loudest(0.61, 0.69) == pytest.approx(1000, abs=20)
    assert loudest(0.75, 0.95) == pytest.approx(440, abs=10)
    assert loudest(1.25, 1.75) == pytest.approx(440, abs=10)
    silent = samples[at + round(0.43 * rate) : at + round(0.57 * rate)]
    assert np.abs(silent).max() < 0.01


def test_clip_sound_is_copied_only_without_cut(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4", frames=30, audio=[AudioSpec()])
    tracks = tracks_of(master)
    for number, (settings, copied) in enumerate(
        [
            (replace(WRITE, clip=FrameSpan(0, 29)), True),  # all of it
            (replace(WRITE, watermark="Copy"), True),
            (replace(WRITE, clip=FrameSpan(0, 28)), False),
            (replace(WRITE, slate=SLATE), False),
            (replace(WRITE, slate=SLATE, audio=AudioMode.MUTE), False),
        ]
    ):
        target = tmp_path / f"{number}.mp4"
        report = render(master, tracks, target, settings)
        assert (payloads(target) == payloads(master)) == copied
        assert (report.timeline.cut is None) == copied


@pytest.mark.parametrize(
    "settings",
    [
        replace(WRITE, clip=FrameSpan(-1, 5)),
        replace(WRITE, clip=FrameSpan(6, 5)),
        replace(WRITE, clip=FrameSpan(0, 12)),  # one past the last
        replace(WRITE, slate=Slate((), 1)),
        replace(WRITE, slate=Slate((" \n", "\u202e\u200b"), 1)),  # nothing visible
        replace(WRITE, slate=Slate(("x" * 301,), 1)),
        replace(WRITE, slate=Slate(("a",) * 25, 1)),
        replace(WRITE, slate=Slate(("中",), 1)),  # not in the font
        replace(WRITE, slate=Slate(("שלום",), 1)),  # from right to left
        replace(WRITE, slate=Slate(("\ud800",), 1)),  # no characters
        replace(WRITE, slate=Slate(("a",), 0)),
        replace(WRITE, slate=Slate(("a",), 61)),
        replace(WRITE, slate=Slate(("a",), float("nan"))),
        replace(WRITE, watermark=" \t"),
        replace(WRITE, watermark="x" * 101),
    ],
)
def test_clip_failure_leaves_no_file(tmp_path: Path, settings: RenderSettings) -> None:
    master = make_clip(tmp_path / "m.mp4", frames=12)
    with pytest.raises((BadClip, TitleUnusable)):
        render(master, tracks_of(master), tmp_path / "c.mp4", settings)
    assert list(tmp_path.iterdir()) == [master]


def test_clip_spans_count_from_master_start(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4", frames=25, audio=[AudioSpec()])
    late = replace(WRITE, clip=FrameSpan(0, 9), spans=(SoundSpan(0.5, 0.7, SoundEffect.MUTE),))
    render(master, tracks_of(master), tmp_path / "c.mp4", late)
    with pytest.raises(BadSpan):
        render(master, tracks_of(master), tmp_path / "d.mp4", replace(late, spans=(SoundSpan(1, 2, SoundEffect.MUTE),)))


def test_clip_ignores_damage_outside(tmp_path: Path) -> None:
    # Keyframes at 0, 8, 16 and 24; packet 11 is wiped, so 11 to 15 cannot be trusted.
    master = make_clip(tmp_path / "m.mp4", frames=32, gop=8, options={"crf": "10"})
    damage(master, {11}, wipe)
    tracks = tracks_of(master)
    target = tmp_path / "c.mp4"
    for span, broken in (((2, 10), []), ((18, 30), []), ((13, 20), [13, 14, 15])):
        settings = replace(WRITE, clip=FrameSpan(*span), slate=SLATE, overwrite=True)
        report = render(master, tracks, target, replace(settings, on_corrupt=OnCorrupt.MASK))
        for index, picture in enumerate(shown(target)[0][report.timeline.slate_frames :], start=span[0]):
            if index in broken:
                assert picture.max() < 24
            else:
                assert read_index(picture) == index
        notes = [note for note in report.notes if "damaged frames" in note]
        assert notes == (["3 damaged frames were masked completely: 13, 14, 15."] if broken else [])
        if broken:
            with pytest.raises(CorruptFrames, match=r"frame 11, 0:00:00\.440"):
                render(master, tracks, target, settings)
        else:
            render(master, tracks, target, settings)


def test_clip_checks_frames_before_it(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4", frames=20, gop=8)
    tracks = tracks_of(master)
    moved = replace(tracks.media, pts=tracks.media.pts + (np.arange(20) == 10))
    with pytest.raises(TracksMismatch):
        render(master, replace(tracks, media=moved), tmp_path / "c.mp4", replace(WRITE, clip=FrameSpan(14, 16)))
    assert list(tmp_path.iterdir()) == [master]


@pytest.mark.parametrize("at", ["skip", "write"])
def test_clip_can_be_cancelled_while_skipping(tmp_path: Path, at: str) -> None:
    master = make_clip(tmp_path / "m.mp4", frames=40)

    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == at and done >= 3:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        render(
            master,
            tracks_of(master),
            tmp_path / "c.mp4",
            replace(WRITE, clip=FrameSpan(9, 30), slate=SLATE),
            progress=stop,
        )
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("codec", [VideoCodec.HEVC, VideoCodec.AV1])
@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv444p10le"])
def test_slate_and_watermark_work_at_ten_bits_and_in_other_codecs(
    tmp_path: Path, codec: VideoCodec, pix_fmt: str
) -> None:
    master = make_clip(
        tmp_path / "m.mp4", codec="libx265", pix_fmt=pix_fmt, frames=12, size=(161, 97), colour=(9, 16, 9, 1)
    )
    settings = replace(
        WRITE, clip=FrameSpan(2, 8), slate=SLATE, watermark="FOI 417", encode=EncodeSettings(codec, preset=None)
    )
    report = render(master, tracks_of(master), tmp_path / "c.mp4", settings)
    pictures, _ = shown(tmp_path / "c.mp4")
    assert len(pictures) == report.timeline.slate_frames + 7
    title = pictures[0].astype(int)
    assert np.ptp(title, axis=2).max() < 24  # grey
    assert np.median(title) < 60
    assert title.max() > 150
    for index, picture in enumerate(pictures[report.timeline.slate_frames :], start=2):
        assert read_index(picture[:97, :161]) == index


def test_watermark_never_reveals_masked_pixels(tmp_path: Path) -> None:
    def noise(index: int, size: tuple[int, int]) -> Rgb:
        rows = np.random.default_rng(index).integers(0, 255, (size[1] // 8, size[0] // 8, 3), np.uint8)
        return np.kron(rows, np.ones((8, 8, 1), np.uint8)).astype(np.uint8)

    master = make_clip(tmp_path / "m.mp4", frames=12, picture=noise, size=(320, 192), options={"crf": "10"})
    # The first row of the watermark goes through it.
    box = [80.0, 8.0, 240.0, 44.0]
    tracks = tracks_of(master, dict.fromkeys(range(12), box))
    plain = replace(WRITE, effect=EffectSettings(Effect.SOLID, (255, 255, 0)))
    for name, watermark in (("plain", ""), ("marked", "Not for onward use")):
        render(master, tracks, tmp_path / f"{name}.mp4", replace(plain, watermark=watermark))
    inside = np.zeros((192, 320), bool)
    inside[8:44, 80:240] = True
    for before, after in zip(shown(tmp_path / "plain.mp4")[0], shown(tmp_path / "marked.mp4")[0], strict=True):
        changed = np.abs(before.astype(int) - after).max(axis=2)
        assert np.count_nonzero(changed[~inside] > 40) > 500
        assert np.abs(after[inside].astype(int) - (255, 255, 0)).max() < 24


def test_tracks_have_their_own_effects(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "a.mp4", size=(320, 192), frames=4)
    box = {n: [100.0, 60.0, 180.0, 120.0] for n in range(4)}
    white = EffectSettings(fill=(255, 255, 255))
    found = tracks_of(master, box)
    render(master, found, tmp_path / "b.mp4", replace(WRITE, effects={1: white}))
    render(master, found, tmp_path / "c.mp4", replace(WRITE, effects={2: white}))
    lit, dark = (shown(tmp_path / name)[0][2][90, 140] for name in ("b.mp4", "c.mp4"))
    assert lit.min() > 240
    assert dark.max() < 20
