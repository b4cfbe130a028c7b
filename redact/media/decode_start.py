"""Finds places in a file, other than its beginning, where decoding can start and give exactly the same frames.

These are IDR pictures of H.264 or HEVC in an MP4 or MOV. The container's index identifies each packet, and by
definition nothing after an IDR picture refers to anything before it (ITU-T H.264, 3.69; H.265, 3.63). In other files, a
"keyframe" may be a picture from which decoding recovers only gradually.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from redact.media.containers import open_media, packets_of
from redact.media.types import MediaInfo

_TRIES = 4
"""Keyframes tried, each earlier than the last, before decoding starts at the beginning of the file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Frame ``index``, at ``pts``, of a file that starts at ``origin``; ``seek`` is the timestamp to seek to."""

    index: int
    pts: int
    origin: int
    seek: int


def entry_before(info: MediaInfo, pts: NDArray[np.int64], index: int) -> Entry | None:
    """The nearest place at or before frame ``index`` where decoding can start; None for the beginning of the file.

    ``pts``: (frames,) int64, the timestamps of the file's frames. Raises what
    :func:`redact.media.containers.open_media` raises.
    """
    if index == 0 or not info.container.startswith("mov") or info.video.codec not in ("h264", "hevc"):
        return None
    with open_media(info.path) as container:
        target = int(pts[index])
        for _ in range(_TRIES):
            packet = _keyframe_before(container, info.video.index, target)
            if packet is None or packet.pts is None or packet.dts is None:
                return None
            place = int(np.searchsorted(pts, packet.pts))
            known = place <= index and int(pts[place]) == packet.pts
            if known and _is_idr(packet, container.streams[info.video.index], info.video.codec):
                return Entry(place, packet.pts, int(pts[0]), target) if place else None
            target = packet.dts - 1
    return None


def _keyframe_before(container: InputContainer, stream: int, target: int) -> Packet[Stream] | None:
    video = container.streams[stream]
    try:
        container.seek(target, stream=video)
        packets = packets_of(container, video)
        packet = next((packet for packet in packets if packet.size), None)
        packets.close()
    except av.FFmpegError:
        return None
    return packet if packet is not None and packet.is_keyframe and not packet.is_discard else None


def _is_idr(packet: Packet[Stream], stream: Stream, codec: str) -> bool:
    """Whether all slices in the packet belong to an IDR picture."""
    settings = getattr(stream.codec_context, "extradata", None) or b""
    at = 4 if codec == "h264" else 21
    if len(settings) <= at or settings[0] != 1:
        return False  # not the "avcC" or "hvcC" record that gives the size of the length fields
    kinds = list(_unit_kinds(bytes(packet), (settings[at] & 3) + 1, codec))
    slices, idr = (range(1, 6), (5,)) if codec == "h264" else (range(32), (19, 20))
    found = [kind for kind in kinds if kind in slices]
    return bool(found) and all(kind in idr for kind in found)


def _unit_kinds(data: bytes, length_size: int, codec: str) -> Iterator[int]:
    """The types of the NAL units in a packet."""
    at = 0
    while at + length_size < len(data):
        length = int.from_bytes(data[at : at + length_size], "big")
        head = data[at + length_size]
        yield head & 0x1F if codec == "h264" else head >> 1 & 0x3F
        at += length_size + length
