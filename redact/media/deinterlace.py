"""Turns each interlaced frame into one progressive frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Generic, TypeVar

import av
from av.filter import Graph
from av.video.frame import VideoFrame

from redact.errors import UnsupportedMedia

T = TypeVar("T")


class Deinterlacer(Generic[T]):
    """FFmpeg's bwdif filter in ``send_frame`` mode: one frame out for each frame in, one frame late.

    The filter replaces timestamps with its own, so each picture's ``tag`` is kept in a queue here. Every frame is
    treated as interlaced: in a partly interlaced stream, softened frames are safer than combed ones.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._waiting: deque[tuple[T, bool]] = deque()
        self._count = 0

    def push(self, picture: VideoFrame | None, tag: T) -> Iterator[tuple[VideoFrame | None, T]]:
        """Add the next frame, with or without a picture; yield the finished ones, in the same order."""
        self._waiting.append((tag, picture is not None))
        if picture is not None:
            if self._graph is None:
                self._graph = _graph(picture)
            picture.pts, picture.time_base = self._count, Fraction(1, 25)
            self._count += 1
            self._graph.vpush(picture)
        yield from self._pull()

    def finish(self) -> Iterator[tuple[VideoFrame | None, T]]:
        """Yield the frames still in the filter."""
        if self._graph is not None:
            self._graph.vpush(None)
        yield from self._pull()
        if self._waiting:
            raise UnsupportedMedia(
                "The interlaced frames of this footage cannot be deinterlaced one for one.",
                "Run again with --interlaced keep.",
            )

    def _pull(self) -> Iterator[tuple[VideoFrame | None, T]]:
        while self._waiting:
            tag, has_picture = self._waiting[0]
            picture = None
            if has_picture:
                try:
                    assert self._graph is not None
                    picture = self._graph.vpull()
                except (av.BlockingIOError, av.EOFError):
                    return
            self._waiting.popleft()
            yield picture, tag


def _graph(picture: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 25)
    )
    graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:deint=all"), graph.add("buffersink")).configure()
    return graph
