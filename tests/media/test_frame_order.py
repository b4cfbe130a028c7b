"""The rules that turn packets and frames into a frame table, on artificial streams with one letter per packet."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from redact.errors import UnsupportedMedia
from redact.media.frame_order import HELD, IN_FLIGHT, Order, Received, Sent, Slot


@dataclass
class Packet:
    """One packet in decode order. ``out``: its frame comes back, at once."""

    pts: int | None
    key: bool = False
    out: bool = True
    corrupt: bool = False
    interlaced: bool = False
    optional: bool = False
    dts: int | None = None


def play(packets: list[Packet], *, by_dts: bool = False, delay: int = 0) -> list[tuple[int, bool, bool]]:
    """Send all packets and return frames in order of pts, like a decoder with enough delay: (pts, has picture,
    corrupt)."""
    order: Order[int] = Order(by_dts=by_dts, delay=delay, field_time=6, second=1000)
    slots: list[Slot[int]] = []
    for seq, p in enumerate(packets):
        order.sent(Sent(seq, p.pts, p.dts, 10, p.key, p.optional))
        slots += order.ready()
    shown = [(seq, p) for seq, p in enumerate(packets) if p.out]
    if not by_dts:
        shown.sort(key=lambda item: item[1].pts if item[1].pts is not None else 10 * item[0])
    for seq, p in shown:
        order.received(seq, Received(seq, p.pts, 10, p.key and not p.corrupt, p.corrupt, p.interlaced))
        slots += order.ready()
    slots += order.finish()
    return [(s.pts, s.picture is not None, s.corrupt) for s in slots]


def test_order_marks_frames_shown_before_lost_reference() -> None:
    # I0 P30 b10 b20 | P30 is lost: both b refer to it although they are shown first; I40 is intact again.
    slots = play([Packet(0, key=True), Packet(30, out=False), Packet(10), Packet(20), Packet(40, key=True), Packet(50)])
    assert slots == [
        (0, True, False),
        (10, True, True),
        (20, True, True),
        (30, False, True),
        (40, True, False),
        (50, True, False),
    ]


def test_order_marks_pictures_shown_before_keyframe() -> None:
    # Open GOP: I40 is followed by b30, which also refers to the damaged P20.
    slots = play([Packet(0, key=True), Packet(10), Packet(20, corrupt=True), Packet(40, key=True), Packet(30)])
    assert [(pts, corrupt) for pts, _, corrupt in slots] == [(0, 0), (10, 0), (20, 1), (30, 1), (40, 0)]


def test_order_marks_frames_before_first_keyframe() -> None:
    slots = play([Packet(0, out=False), Packet(10), Packet(20, key=True), Packet(30)])
    assert [(pts, corrupt) for pts, _, corrupt in slots] == [(0, 1), (10, 1), (20, 0), (30, 0)]


def test_order_drops_leading_pictures_of_first_keyframe() -> None:
    slots = play([Packet(30, key=True), Packet(10, out=False), Packet(20, out=False), Packet(40)])
    assert slots == [(30, True, False), (40, True, False)]


def test_order_counts_no_second_fields_or_markers() -> None:
    fields = [
        Packet(0, key=True, interlaced=True),
        Packet(5, out=False),
        Packet(10, interlaced=True),
        Packet(None, out=False),
    ]
    assert play(fields) == [(0, True, False), (10, True, False)]
    marker = [Packet(0, key=True), Packet(10, out=False, optional=True), Packet(20)]
    assert play(marker) == [(0, True, False), (20, True, False)]


def test_order_distinguishes_lost_interlaced_frame_from_second_field() -> None:
    slots = play([Packet(0, key=True, interlaced=True), Packet(10, out=False), Packet(20, interlaced=True)])
    assert slots == [(0, True, False), (10, False, True), (20, True, True)]


def test_order_moves_repeated_and_missing_timestamps() -> None:
    slots = play([Packet(0, key=True), Packet(10), Packet(10), Packet(11), Packet(None)])
    # The repeated 10 moves by one tick and pushes 11; the last is shown when its predecessor ends.
    assert [pts for pts, _, _ in slots] == [0, 10, 11, 12, 21]


def test_order_refuses_jump_back() -> None:
    order: Order[int] = Order(by_dts=False, delay=0, field_time=6, second=1000)
    out: list[Slot[int]] = []
    with pytest.raises(UnsupportedMedia, match="backwards"):
        for seq, pts in enumerate([5000, 5010, 5020, 4020]):
            order.sent(Sent(seq, pts, pts, 10, True))
            order.received(seq, Received(seq, pts, 10, True, False, False))
            out += order.ready()
    assert [slot.pts for slot in out] == [5000, 5010, 5020]


def test_order_refuses_huge_timestamp() -> None:
    with pytest.raises(UnsupportedMedia):
        play([Packet(1 << 62, key=True)])


def test_order_without_pts_uses_packet_times() -> None:
    # As in an AVI: dts only, two packets of delay; presentation times continue past the last packet.
    packets = [Packet(None, key=n == 0, dts=n * 10) for n in range(4)]
    assert [pts for pts, _, _ in play(packets, by_dts=True, delay=2)] == [20, 30, 40, 50]


def test_order_without_pts_keeps_place_of_lost_frame() -> None:
    packets = [Packet(None, key=n in (0, 4), dts=n * 10, out=n != 2) for n in range(6)]
    assert play(packets, by_dts=True) == [
        (0, True, False),
        (10, True, False),
        (20, False, True),
        (30, True, True),
        (40, True, False),
        (50, True, False),
    ]


def test_order_holds_bounded_number_of_pictures() -> None:
    order: Order[int] = Order(by_dts=False, delay=0, field_time=6, second=1000)
    given, most = 0, 0
    for seq in range(100):
        # Packet 1 has no time, so its loss cannot be detected.
        order.sent(Sent(seq, None if seq == 1 else seq * 10, None, 10, seq == 0, optional=seq == 1))
        if seq != 1:
            order.received(seq, Received(seq, seq * 10, 10, seq == 0, False, False))
            given += 1 - len(list(order.ready()))
            most = max(most, given)
    assert (most, given) == (HELD, 0)


def test_order_memory_is_bounded_under_damage() -> None:
    order: Order[int] = Order(by_dts=False, delay=0, field_time=6, second=1000)
    count = 0
    for seq in range(5000):
        order.sent(Sent(seq, seq * 10, None, 10, True))
        order.received(seq, Received(seq, seq * 10, 10, seq % 2 == 0, seq % 2 == 1, False))
        count += len(list(order.ready()))
    assert count == 5000
    assert len(order._damage._bad) + len(order._damage._starts) + len(order._lost) < 200


def test_order_reports_undecodable_stream_while_reading() -> None:
    order: Order[int] = Order(by_dts=False, delay=0, field_time=6, second=1000)
    slots: list[Slot[int]] = []
    for seq in range(1000):
        order.sent(Sent(seq, seq * 10, None, 10, seq == 0))
        slots += order.ready()
    assert len(slots) == 1000 - IN_FLIGHT
    slots += order.finish()
    assert [s.pts for s in slots] == list(range(0, 10_000, 10))
    assert all(s.corrupt and s.picture is None for s in slots)
