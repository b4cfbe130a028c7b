"""Options shared by the commands, and the settings they become. All checks here run before any footage is processed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from redact.errors import BadUsage, OutputExists, OutputNotWritable, SameFile, UnknownClass
from redact.settings import (
    ENCODE_DEFAULTS,
    AnalyseSettings,
    AudioMode,
    DeviceChoice,
    Effect,
    EffectSettings,
    EncodeSettings,
    Interlaced,
    OnCorrupt,
    Preset,
    RenderSettings,
    SoundEffect,
    SoundSpan,
    VideoCodec,
)

Footage = Annotated[Path, typer.Argument(metavar="IN", help="Footage to read. It is never changed.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing output files.")]

FIND = "Detection"
HIDE = "Masking"
SOUND = "Sound"
WRITE = "Output"

DEFAULT_CLASSES = ",".join(AnalyseSettings().classes)
Classes = Annotated[
    str, typer.Option("--classes", metavar="NAMES", help="Comma-separated: face, plate, text.", rich_help_panel=FIND)
]
PresetOption = Annotated[Preset, typer.Option("--preset", help="Trade speed for thoroughness.", rich_help_panel=FIND)]
Device = Annotated[
    DeviceChoice, typer.Option("--device", help="Where the models run. auto reports its choice.", rich_help_panel=FIND)
]
Models = Annotated[
    list[Path] | None,
    typer.Option(
        "--model", metavar="FILE.onnx", help="A YOLO model to use for this run only. Repeatable.", rich_help_panel=FIND
    ),
]
EffectOption = Annotated[Effect, typer.Option("--effect", help="How masks are drawn.", rich_help_panel=HIDE)]
Fill = Annotated[
    str, typer.Option("--fill", metavar="#RRGGBB", help="Colour for the solid effect.", rich_help_panel=HIDE)
]
Audio = Annotated[AudioMode, typer.Option("--audio", help="Sound outside the spans below.", rich_help_panel=SOUND)]
Mute = Annotated[
    list[str] | None,
    typer.Option(
        "--mute", metavar="SPAN", help="Silence a span, such as 00:10.0-00:14.5. Repeatable.", rich_help_panel=SOUND
    ),
]
Bleep = Annotated[
    list[str] | None,
    typer.Option("--bleep", metavar="SPAN", help="Replace a span with a tone. Repeatable.", rich_help_panel=SOUND),
]
Disguise = Annotated[
    list[str] | None,
    typer.Option(
        "--disguise",
        metavar="SPAN",
        help="Distort the voices in a span beyond recognition. Repeatable.",
        rich_help_panel=SOUND,
    ),
]
Codec = Annotated[VideoCodec, typer.Option("--codec", help="Video codec of the copy.", rich_help_panel=WRITE)]
Quality = Annotated[
    int | None,
    typer.Option(
        "--quality",
        metavar="N",
        help="Constant rate factor, lower is better: "
        + ", ".join(
            f"{c} {d.quality_range[0]}-{d.quality_range[1]} (default {d.quality})" for c, d in ENCODE_DEFAULTS.items()
        )
        + ".",
        rich_help_panel=WRITE,
    ),
]
EncoderPreset = Annotated[
    str | None,
    typer.Option(
        "--encoder-preset",
        metavar="NAME",
        help="Encoder speed: "
        + ", ".join(
            f"{c} {d.presets[0]} to {d.presets[-1]} (default {d.preset}, or {d.fast} with --preset fast)"
            for c, d in ENCODE_DEFAULTS.items()
        )
        + ".",
        rich_help_panel=WRITE,
    ),
]
InterlacedOption = Annotated[
    Interlaced, typer.Option("--interlaced", help="How to handle interlaced footage.", rich_help_panel=WRITE)
]
OnCorruptOption = Annotated[
    OnCorrupt,
    typer.Option(
        "--on-corrupt", help="For frames that cannot be decoded: stop, or mask the whole frame.", rich_help_panel=WRITE
    ),
]


def analyse_settings(
    classes: str,
    *,
    preset: Preset,
    device: DeviceChoice,
    models: list[Path] | None,
    interlaced: Interlaced,
    on_corrupt: OnCorrupt,
) -> AnalyseSettings:
    """Raises :class:`UnknownClass` or :class:`BadUsage`."""
    return AnalyseSettings(
        classes=parse_classes(classes, closed=not models),
        preset=preset,
        device=device,
        models=tuple(str(path) for path in models or ()),
        interlaced=interlaced,
        on_corrupt=on_corrupt,
    )


def parse_classes(untrusted_text: str, *, closed: bool) -> tuple[str, ...]:
    """Class names without duplicates, in the order given. If ``closed``, only classes of registered models are valid.

    Raises :class:`UnknownClass`, :class:`redact.errors.RegistryInvalid` or, for an empty list, :class:`BadUsage`.
    """
    from redact.detect.registry import all_models

    names = tuple(dict.fromkeys(name.strip() for name in untrusted_text.split(",") if name.strip()))
    if not names:
        raise BadUsage("--classes is empty.", "Name at least one class, as in --classes face,plate.")
    known = sorted({label for model in all_models().models for label in model.classes})
    for name in names:
        if closed and name not in known:
            raise UnknownClass(f"No model detects the class {name!r}.", f"The classes are {', '.join(known)}.")
    return names


def parse_fill(untrusted_text: str) -> tuple[int, int, int]:
    """``#RRGGBB`` as an sRGB triple."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", untrusted_text):
        raise BadUsage(
            f"{untrusted_text!r} is not a colour.", 'Give red, green and blue in hex, as in --fill "#000000".'
        )
    return (int(untrusted_text[1:3], 16), int(untrusted_text[3:5], 16), int(untrusted_text[5:7], 16))


def encode_settings(
    codec: VideoCodec, quality: int | None, preset: str | None, effort: Preset = Preset.BALANCED
) -> EncodeSettings:
    """Check quality and preset against the codec's limits. Without a ``preset``, fast ``effort`` selects a fast one."""
    allowed = ENCODE_DEFAULTS[codec]
    low, high = allowed.quality_range
    if quality is not None and not low <= quality <= high:
        raise BadUsage(f"Quality {quality} is out of range.", f"For {codec} it is from {low} to {high}.")
    if preset is not None and preset not in allowed.presets:
        raise BadUsage(f"{codec} has no encoder preset {preset!r}.", f"Its presets are {', '.join(allowed.presets)}.")
    return EncodeSettings(codec, quality, preset or (allowed.fast if effort is Preset.FAST else None))


def sound_spans(mute: list[str] | None, bleep: list[str] | None, disguise: list[str] | None) -> tuple[SoundSpan, ...]:
    """All spans in time order. Raises :class:`redact.errors.BadSpan`."""
    from redact.audio.spans import parse_span

    given = ((SoundEffect.MUTE, mute), (SoundEffect.BLEEP, bleep), (SoundEffect.DISGUISE, disguise))
    spans = [parse_span(text, effect) for effect, texts in given for text in texts or ()]
    return tuple(sorted(spans, key=lambda span: (span.start, span.end, span.effect)))


def render_settings(
    effect: Effect,
    fill: str,
    *,
    encode: EncodeSettings,
    audio: AudioMode,
    spans: tuple[SoundSpan, ...],
    interlaced: Interlaced,
    on_corrupt: OnCorrupt,
    device: DeviceChoice,
    overwrite: bool,
) -> RenderSettings:
    """Raises :class:`BadUsage` for an invalid colour."""
    return RenderSettings(
        effect=EffectSettings(effect, parse_fill(fill)),
        encode=encode,
        audio=audio,
        spans=spans,
        interlaced=interlaced,
        on_corrupt=on_corrupt,
        device=device,
        overwrite=overwrite,
    )


def check_side_file(target: Path, *, overwrite: bool, others: tuple[Path, ...]) -> None:
    """Check, before any work, that a file other than a copy (tracks, a picture) can be written at ``target``.

    ``others`` are the master and the other outputs of the same command. Raises :class:`SameFile`,
    :class:`OutputNotWritable` or :class:`OutputExists`.
    """
    for other in others:
        if target.resolve() == other.resolve() or (target.exists() and other.exists() and target.samefile(other)):
            raise SameFile(f"{target} is given for two different files.", "Give each output its own name.")
    if not target.parent.is_dir():
        raise OutputNotWritable(f"There is no folder {target.parent}.", "Create it first, or write to another folder.")
    if target.is_dir():
        raise OutputNotWritable(f"{target} is a folder.", "Give the name of a file.")
    if target.exists() and not overwrite:
        raise OutputExists(f"{target} already exists.", "Use --overwrite to replace it, or choose another name.")
    if not os.access(target.parent, os.W_OK):
        raise OutputNotWritable(f"{target.parent} cannot be written to.", "Write to another folder.")
