"""The demo footage: the drawn scene, encoded as by a camera."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from redact.demo import scene
from redact.media.part_file import PartFile
from redact.prefetch import prefetched
from redact.progress import Progress

RATE = 25
AHEAD_FRAMES = 4
"""Frames drawn ahead of the encoder."""
SOUND_RATE = 48000


def write_footage(path: Path, *, progress: Progress) -> None:
    """Write the scene to an MP4: H.264, encoded sideways with a rotation flag as by phones and some body cameras, with
    AAC sound."""

    def sideways() -> Generator[scene.Picture, None, None]:
        for index in range(count):
            yield np.ascontiguousarray(np.rot90(scene.frame(index / RATE), -1))

    count = round(scene.SECONDS * RATE)
    part = PartFile(path)
    try:
        with av.open(part.raw, "w", format="mp4") as container, prefetched(sideways(), AHEAD_FRAMES) as pictures:
            video = container.add_stream("libx264", rate=RATE, options={"crf": "21", "preset": "veryfast"})
            video.width, video.height, video.pix_fmt = scene.HEIGHT, scene.WIDTH, "yuv420p"
            video.set_display_rotation(90)
            audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
            sound = av.AudioFrame.from_ndarray(scene.speech(SOUND_RATE)[None], format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
            container.mux(audio.encode(sound))
            container.mux(audio.encode(None))
            for index, drawn in enumerate(pictures):
                progress("footage", index, count)
                picture = av.VideoFrame.from_ndarray(drawn, format="rgb24")
                picture.pts, picture.time_base = index, Fraction(1, RATE)
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
            progress("footage", count, count)
        part.sync()
        part.publish(overwrite=True)
    finally:
        part.discard()
