"""From packets sent and frames received to the list of a master's frames: which there are, when they are shown, which
of them can be trusted.

Decoders are silent about loss: a packet that cannot be decoded gives no frame and, with several threads, no error that
could be tied to it. So every packet is written down when it is sent, and crossed out when its frame comes back (each
frame carries its packet's number). What is never crossed out was lost, and is a corrupt frame at the packet's own time.

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
"""A packet is lost when this many frames that are shown after it have come back. Decoders give frames in order of
presentation; a few are allowed to be late because H.264 decoders guess their delay at the start of a stream."""
HELD = 20
"""At most so many pictures wait for packets of unknown fate. H.264 and HEVC reorder at most 16."""
IN_FLIGHT = 256
"""More packets than any decoder keeps to itself: beyond that the oldest is lost."""
_TIME_LIMIT = 1 << 60
_BACKWARDS = 1
"""Seconds a timestamp may lie before its predecessor's and still count as a slip."""


@dataclass(slots=True)
class Sent:
    """A packet given to the decoder. Times in the stream's time_base; ``pts`` may be missing."""

    seq: int
    pts: int | None
    dts: int | None
    duration: int
    keyframe: bool
    optional: bool = False
    """Cannot hold a picture of its own: no frame is missed if none comes."""
    shown: bool = True
    """False if it is decoded only for what others take from it: an edit list cuts its frame away."""
    passed: int = 0


@dataclass(slots=True)
class Received(Generic[P]):
    """A frame the decoder gave back. ``clean_start``: an intra picture after which decoding is sound again."""

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
    """Place in presentation order: pts, or for containers without pts the order in which frames came back."""
    seq: int
    duration: int = field(compare=False)
    keyframe: bool = field(compare=False)
    shown: bool = field(compare=False)
    picture: P | None = field(compare=False)


class _Damage:
    """Which frames cannot be trusted: a bad one, and all decoded after it up to the next sound intra picture.

    Pictures that are decoded after that intra picture but shown before it may still refer to the damage.
    """

    def __init__(self) -> None:
        # A stream may start anywhere: before its first intra picture everything is damaged.
        self._bad = [-1]
        self._starts: list[tuple[int, int]] = []

    def spoil(self, seq: int) -> None:
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
        """Drop what no frame from ``seq`` on needs, so that memory does not grow with the footage."""
        keep = bisect_right(self._bad, seq) - 1
        del self._bad[: max(0, keep)]
        first = bisect_right(self._starts, (self._bad[0], _TIME_LIMIT))
        # The first sound start after the last damage is what frames are measured against; later ones are not.
        last = bisect_left(self._starts, (seq, -_TIME_LIMIT))
        del self._starts[first + 1 : last]
        del self._starts[:first]


class Order(Generic[P]):
    """Puts frames into presentation order and names the lost ones.

    Timestamps, by rule and identically on every pass:

    - a frame is shown at its own pts; without one, at its predecessor's end;
    - a frame that is not after its predecessor is moved to one tick after it; a step back of a second or more is
      refused, because no table could be right;
    - where the container stores no pts at all (``by_dts``: AVI, some ASF), frames are shown in the order in which the
      decoder gives them, at the packets' dts, ``delay`` packets late, as FFmpeg presents them.

    ``field_time`` is the longest time in ticks between two packets that hold the two fields of one picture.
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
        """A packet is about to be decoded. Numbers must rise by one."""
        for time in (packet.pts, packet.dts):
            if time is not None and abs(time) >= _TIME_LIMIT:
                raise UnsupportedMedia("The footage has a timestamp beyond all measure.", "Remux it to MKV first.")
        self._pending[packet.seq] = packet
        if self._by_dts and not packet.optional:
            insort(self._clock, self._dts_of(packet))
        if len(self._pending) > IN_FLIGHT:
            self._lose(next(iter(self._pending.values())))

    def spoiled(self, seq: int) -> None:
        """Packet ``seq`` is known to be damaged, whether or not a frame comes of it."""
        self._damage.spoil(seq)
        packet = self._pending.get(seq)
        if packet is not None and packet.optional:
            self._expect(packet)  # what it was before the damage nobody knows

    def received(self, seq: int, frame: Received[P]) -> None:
        """The decoder gave back a frame made from packet ``seq``."""
        note = self._pending.pop(seq, None) or self._fields.pop(seq, None)
        if note is None and seq in self._lost:
            return  # too late: it already is a corrupt frame
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
            self._damage.spoil(seq)
        elif frame.clean_start and note is not None and note.keyframe:
            self._damage.start(seq, key)
            self._first_start = self._first_start or (seq, key)
        keyframe = frame.clean_start and note is not None and note.keyframe
        insort(self._held, _Waiting(key, seq, duration, keyframe, note is None or note.shown, frame.picture))
        if frame.interlaced and note is not None:
            self._take_second_field(note)
        self._pass_by(seq, key, keyframe)

    def ready(self) -> Iterator[Slot[P]]:
        """Frames whose place and state are settled."""
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
        """All frames have come back: whatever is still missing is lost."""
        for packet in list(self._pending.values()):
            self._lose(packet)
        while self._held:
            yield from self._release(self._held.pop(0))

    def _expect(self, packet: Sent) -> None:
        """A packet that need not hold a picture is found to hold one, and so takes up time."""
        packet.optional = False
        if self._by_dts:
            insort(self._clock, self._dts_of(packet))

    def _dts_of(self, packet: Sent) -> int:
        time = packet.dts if packet.dts is not None else packet.pts
        if time is None:
            time = self._clock[-1] + max(1, packet.duration) if self._clock else 0
        return time

    def _take_second_field(self, first: Sent) -> None:
        """Interlaced H.264 in a transport stream may send a picture's two fields as two packets."""
        second = self._pending.get(first.seq + 1)
        if second is None:
            return
        near = first.pts is None or second.pts is None or 0 <= second.pts - first.pts <= self._field_time
        if near and not self._by_dts:
            self._fields = {second.seq: self._pending.pop(second.seq)}

    def _pass_by(self, seq: int, key: int, keyframe: bool) -> None:
        """Count, for every packet still out, the frames that came back although they are shown after it."""
        gone = []
        for packet in self._pending.values():
            if self._by_dts:
                # All that is decoded before a keyframe is shown before it.
                packet.passed += PASSED if keyframe and packet.seq < seq else 0
            elif packet.pts is not None and packet.pts < key:
                packet.passed += 1
            if packet.passed >= PASSED:
                gone.append(packet)
        for packet in gone:
            self._lose(packet)

    def _blockers(self, head: _Waiting[P]) -> list[Sent]:
        """Packets whose fate decides whether ``head`` is next, and whether it can be trusted."""
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
        self._damage.spoil(packet.seq)
        if self._by_dts:
            later = [w.key for w in self._held if w.seq > packet.seq]
            key = min(later) if later else self._arrived
        elif packet.pts is None:
            raise UnsupportedMedia("A damaged frame has no timestamp.", "Remux the footage to MKV first.")
        else:
            key = packet.pts
        insort(self._held, _Waiting(key, packet.seq, packet.duration, False, packet.shown, None))

    def _leads_the_stream(self, packet: Sent) -> bool:
        """Pictures decoded after the very first keyframe but shown before it refer to footage that was never there;
        no decoder shows them (HEVC's RASL pictures), so they are no frames of the master."""
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
        """The dts ``delay`` packets on; past the last packet, time goes on by the frame's duration."""
        while self._delay and len(self._clock) > 1:
            self._clock.pop(0)
            self._delay -= 1
        if len(self._clock) > 0 and not self._delay:
            return self._clock.pop(0)
        return (self._last_stamp if self._last_stamp is not None else self._clock[-1]) + max(1, duration)
