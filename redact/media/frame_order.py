"""Works out the master's frames from the packets sent to the decoder and the frames it returns: which frames exist,
when they are shown, and which of them are damaged.

Decoders do not report loss: a packet that cannot be decoded gives no frame and, with several threads, no error that can
be attributed to it. So every packet is recorded when it is sent and ticked off when its frame comes back (each frame
carries its packet's number). A packet that is never ticked off was lost; it counts as a corrupt frame at its own time.

Nothing here touches FFmpeg; pictures are opaque.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from redact.errors import UnsupportedMedia

P = TypeVar("P")

PASSED = 4
"""A packet counts as lost when this many frames shown after it have come back. Decoders return frames in presentation
order; a few may be late because H.264 decoders guess their delay at the start of a stream."""
HELD = 20
"""The most pictures that wait for packets of unknown fate. H.264 and HEVC reorder at most 16."""
IN_FLIGHT = 256
"""More packets than any decoder buffers; beyond that, the oldest counts as lost."""
_TIME_LIMIT = 1 << 60
_BACKWARDS = 1
"""Seconds by which a timestamp may precede its predecessor's and still count as a small error."""


@dataclass(slots=True)
class Sent:
    """A packet given to the decoder. Times in the stream's time_base; ``pts`` may be missing."""

    seq: int
    pts: int | None
    dts: int | None
    duration: int
    keyframe: bool
    optional: bool = False
    """The packet may contain no picture: it is not a loss if no frame comes back."""
    shown: bool = True
    """False if it is decoded only because other frames refer to it: an edit list removes its own frame."""
    passed: int = 0


@dataclass(slots=True)
class Received(Generic[P]):
    """A frame the decoder returned. ``clean_start``: an intra picture after which decoding is free of errors again."""

    picture: P
    pts: int | None
    duration: int
    clean_start: bool
    corrupt: bool
    interlaced: bool


@dataclass(slots=True)
class Slot(Generic[P]):
    """One frame of the master, in presentation order."""

    pts: int
    duration: int
    keyframe: bool
    corrupt: bool
    picture: P | None


@dataclass(order=True, slots=True)
class _Waiting(Generic[P]):
    key: int
    """Place in presentation order: pts or, for containers without pts, the order in which frames came back."""
    seq: int
    duration: int = field(compare=False)
    keyframe: bool = field(compare=False)
    shown: bool = field(compare=False)
    picture: P | None = field(compare=False)


class _Damage:
    """Tracks damaged frames: a bad one, and all decoded after it up to the next undamaged intra picture.

    Pictures decoded after that intra picture but shown before it may still refer to the damage.
    """

    def __init__(self) -> None:
        # A stream may start anywhere: everything before its first intra picture is damaged.
        self._bad = [-1]
        self._starts: list[tuple[int, int]] = []

    def add(self, seq: int) -> None:
        at = bisect_left(self._bad, seq)
        if at == len(self._bad) or self._bad[at] != seq:
            self._bad.insert(at, seq)

    def start(self, seq: int, key: int) -> None:
        insort(self._starts, (seq, key))

    def touches(self, seq: int, key: int) -> bool:
        bad = self._bad[bisect_right(self._bad, seq) - 1]
        at = bisect_right(self._starts, (bad, _TIME_LIMIT))
        if bad == seq or at == len(self._starts):
            return True
        start_seq, start_key = self._starts[at]
        return start_seq > seq or key < start_key

    def forget_before(self, seq: int) -> None:
        """Drop entries that no frame from ``seq`` on needs, so that memory does not grow with the footage."""
        keep = bisect_right(self._bad, seq) - 1
        del self._bad[: max(0, keep)]
        first = bisect_right(self._starts, (self._bad[0], _TIME_LIMIT))
        # Frames are compared with the first clean start after the last damage; later ones are not needed.
        last = bisect_left(self._starts, (seq, -_TIME_LIMIT))
        del self._starts[first + 1 : last]
        del self._starts[:first]


class Order(Generic[P]):
    """Puts frames into presentation order and identifies the lost ones.

    Timestamps follow fixed rules and are the same on every pass:

    - a frame is shown at its own pts or, without one, at its predecessor's end;
    - a frame that is not later than its predecessor is moved to one tick after it; a step back of a second or more is
      refused, because no frame table could be right;
    - if the container stores no pts (``by_dts``: AVI, some ASF), frames are shown in the order the decoder returns
      them, at the packets' dts, ``delay`` packets late, as FFmpeg presents them.

    ``field_time`` is the longest time, in ticks, between two packets with the two fields of one picture. ``second`` is
    the number of ticks in a second.
    """

    def __init__(self, *, by_dts: bool, delay: int, field_time: int, second: int) -> None:
        self._by_dts, self._delay, self._field_time, self._second = by_dts, delay, field_time, second
        self._pending: dict[int, Sent] = {}
        self._fields: dict[int, Sent] = {}
        self._lost: set[int] = set()
        self._held: list[_Waiting[P]] = []
        self._damage = _Damage()
        self._clock: list[int] = []
        self._out = 0
        self._arrived = 0
        self._previous_end: int | None = None
        self._last_stamp: int | None = None
        self._first_start: tuple[int, int] | None = None

    def sent(self, packet: Sent) -> None:
        """Record a packet that is about to be decoded. Numbers must rise by one."""
        for time in (packet.pts, packet.dts):
            if time is not None and abs(time) >= _TIME_LIMIT:
                raise UnsupportedMedia("The footage has an impossibly large timestamp.", "Remux it to MKV first.")
        self._pending[packet.seq] = packet
        if self._by_dts and not packet.optional:
            insort(self._clock, self._dts_of(packet))
        if len(self._pending) > IN_FLIGHT:
            self._lose(next(iter(self._pending.values())))

    def mark_damaged(self, seq: int) -> None:
        """Mark packet ``seq`` as damaged, whether or not it gives a frame."""
        self._damage.add(seq)
        packet = self._pending.get(seq)
        if packet is not None and packet.optional:
            self._expect(packet)  # what it contained before the damage is unknown

    def received(self, seq: int, frame: Received[P]) -> None:
        """Take a frame that the decoder made from packet ``seq``."""
        note = self._pending.pop(seq, None) or self._fields.pop(seq, None)
        if note is None and seq in self._lost:
            return  # too late: it already counts as a corrupt frame
        if note is not None and note.optional:
            self._expect(note)
        if self._by_dts:
            key = self._arrived
        elif frame.pts is not None:
            key = frame.pts
        else:
            key = self._previous_end if self._previous_end is not None else 0
        self._arrived += 1
        duration = frame.duration or (note.duration if note else 0)
        self._previous_end = key + max(1, duration)
        if frame.corrupt:
            self._damage.add(seq)
        elif frame.clean_start and note is not None and note.keyframe:
            self._damage.start(seq, key)
            self._first_start = self._first_start or (seq, key)
        keyframe = frame.clean_start and note is not None and note.keyframe
        insort(self._held, _Waiting(key, seq, duration, keyframe, note is None or note.shown, frame.picture))
        if frame.interlaced and note is not None:
            self._take_second_field(note)
        self._pass_by(seq, key, keyframe)

    def ready(self) -> Iterator[Slot[P]]:
        """Yield the frames whose place and state are certain."""
        while self._held:
            head = self._held[0]
            blockers = self._blockers(head)
            if blockers and len(self._held) <= HELD:
                return
            for packet in blockers:
                self._lose(packet)
            if not blockers:
                yield from self._release(self._held.pop(0))

    def finish(self) -> Iterator[Slot[P]]:
        """Yield the remaining frames after the decoder has returned its last; whatever is still missing is lost."""
        for packet in list(self._pending.values()):
            self._lose(packet)
        while self._held:
            yield from self._release(self._held.pop(0))

    def _expect(self, packet: Sent) -> None:
        """Treat an optional packet as one that contains a picture, which takes up time."""
        packet.optional = False
        if self._by_dts:
            insort(self._clock, self._dts_of(packet))

    def _dts_of(self, packet: Sent) -> int:
        time = packet.dts if packet.dts is not None else packet.pts
        if time is None:
            time = self._clock[-1] + max(1, packet.duration) if self._clock else 0
        return time

    def _take_second_field(self, first: Sent) -> None:
        """Handle interlaced H.264 in a transport stream, which may send the two fields of a picture as two packets."""
        second = self._pending.get(first.seq + 1)
        if second is None:
            return
        near = first.pts is None or second.pts is None or 0 <= second.pts - first.pts <= self._field_time
        if near and not self._by_dts:
            self._fields = {second.seq: self._pending.pop(second.seq)}

    def _pass_by(self, seq: int, key: int, keyframe: bool) -> None:
        """Count, for every pending packet, the frames that came back although they are shown after it."""
        gone = []
        for packet in self._pending.values():
            if self._by_dts:
                # Everything decoded before a keyframe is shown before it.
                packet.passed += PASSED if keyframe and packet.seq < seq else 0
            elif packet.pts is not None and packet.pts < key:
                packet.passed += 1
            if packet.passed >= PASSED:
                gone.append(packet)
        for packet in gone:
            self._lose(packet)

    def _blockers(self, head: _Waiting[P]) -> list[Sent]:
        """Packets whose fate decides whether ``head`` is next and whether it is damaged."""
        return [
            p
            for p in self._pending.values()
            if p.seq < head.seq or (not self._by_dts and p.pts is not None and p.pts < head.key)
        ]

    def _lose(self, packet: Sent) -> None:
        del self._pending[packet.seq]
        self._lost.add(packet.seq)
        if packet.optional or self._leads_the_stream(packet):
            return
        self._damage.add(packet.seq)
        if self._by_dts:
            later = [w.key for w in self._held if w.seq > packet.seq]
            key = min(later) if later else self._arrived
        elif packet.pts is None:
            raise UnsupportedMedia("A damaged frame has no timestamp.", "Remux the footage to MKV first.")
        else:
            key = packet.pts
        insort(self._held, _Waiting(key, packet.seq, packet.duration, False, packet.shown, None))

    def _leads_the_stream(self, packet: Sent) -> bool:
        """Whether a packet is decoded after the very first keyframe but shown before it (HEVC's RASL pictures).

        Such pictures refer to footage before the start of the file. No decoder shows them, so they are not frames of
        the master."""
        if self._first_start is None or packet.pts is None or self._by_dts:
            return False
        seq, key = self._first_start
        return packet.seq > seq and packet.pts < key

    def _release(self, waiting: _Waiting[P]) -> Iterator[Slot[P]]:
        if not waiting.shown:
            return
        corrupt = self._damage.touches(waiting.seq, waiting.key) or waiting.picture is None
        stamp = self._stamp(waiting)
        self._out += 1
        self._last_stamp = stamp
        yield Slot(stamp, waiting.duration, waiting.keyframe and not corrupt, corrupt, waiting.picture)
        if self._out % 64 == 0:
            unsettled = [*self._pending, *(w.seq for w in self._held), waiting.seq]
            low = min(unsettled)
            self._damage.forget_before(low)
            self._lost = {seq for seq in self._lost if seq > low - 4 * HELD}

    def _stamp(self, waiting: _Waiting[P]) -> int:
        stamp = waiting.key
        if self._by_dts:
            stamp = self._next_dts(waiting.duration)
        if self._last_stamp is None or stamp > self._last_stamp:
            return stamp
        if self._last_stamp - stamp >= self._second * _BACKWARDS:
            raise UnsupportedMedia("The footage's timestamps jump backwards.", "Split it at the jump, or remux it.")
        return self._last_stamp + 1

    def _next_dts(self, duration: int) -> int:
        """The dts ``delay`` packets later; after the last packet, time advances by the frame's duration."""
        while self._delay and len(self._clock) > 1:
            self._clock.pop(0)
            self._delay -= 1
        if len(self._clock) > 0 and not self._delay:
            return self._clock.pop(0)
        return (self._last_stamp if self._last_stamp is not None else self._clock[-1]) + max(1, duration)
