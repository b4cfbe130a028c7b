"""Simulated reviewers, in a process of their own so that they take no time of the server's: many browsers at once, each
doing what the reviewer's page does, at a person's pace.

``python -m tests.server.reviewers`` reads a :class:`Plan` as JSON from its input and prints what they saw.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.server.browser import PASSWORD

Json = dict[str, Any]
PIECE = 250
"""Frames of boxes and masks in one request."""
PAUSE = (1.0, 2.0)
"""Seconds from one edit to the next."""
OTHERS_EVERY, RISKS_AFTER = 5.0, 0.7
RETRY = 0.2
LOST = 0.03
"""Share of edits whose answer never arrives."""
SHARED = 0.1
"""Share of edits of a track that others work on at the same time."""


@dataclass(frozen=True)
class Reviewer:
    """``login`` works on ``footage``, at most on the machine's tracks ``own``, at times on ``shared``."""

    login: str
    footage: int
    own: list[int]
    shared: list[int]
    stretch: tuple[int, int]
    """Track n lies on the second number of frames from n times the first on."""


@dataclass(frozen=True)
class Plan:
    """Who does what, where and for how long."""

    address: str
    seconds: float
    reviewers: list[Reviewer]


@dataclass
class Seen:
    """``made``: every edit that was thought of, by id, with its footage; ``acknowledged``: ids the server answered for,
    one entry for each answer; ``posts`` and ``reads``: seconds; ``lost``: answers nobody heard; ``broken``: connections
    that ended on the server's side; ``wrong``: answers that should not have been."""

    made: dict[str, tuple[int, Json]] = field(default_factory=dict)
    acknowledged: list[str] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    reads: dict[str, list[float]] = field(default_factory=dict)
    conflicts: int = 0
    lost: int = 0
    broken: int = 0
    wrong: list[str] = field(default_factory=list)


class Browser:
    """HTTP/1.1 on a few connections that are kept open."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port, self._origin = parts.hostname, parts.port, address
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._most = asyncio.Semaphore(6)  # as browsers have it
        self.cookie = self.csrf = ""
        self.broken = 0

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, form: bool = False, unheard: bool = False
    ) -> tuple[int, str, bytes]:
        """Status, headers and body; of an ``unheard`` request the connection breaks before the answer. Asked again
        where the server let go of the connection or is not there, as the page does."""
        async with self._most:
            while True:
                try:
                    return await self._asked(method, path, body, form, unheard)
                except (ConnectionError, asyncio.IncompleteReadError):
                    self.broken += 1
                    await asyncio.sleep(RETRY if self.broken % 2 == 0 else 0)

    async def _asked(self, method: str, path: str, body: bytes, form: bool, unheard: bool) -> tuple[int, str, bytes]:
        reader, writer = await self._connection()
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        told = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}", f"Cookie: {self.cookie}",
                f"Origin: {self._origin}", f"X-CSRF-Token: {self.csrf}", f"Content-Length: {len(body)}",
                f"Content-Type: {kind}"]  # fmt: skip
        writer.write("\r\n".join([*told, "", ""]).encode() + body)
        await writer.drain()
        if unheard:
            writer.close()
            return 0, "", b""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"(?im)^content-length: (\d+)", head)
        assert length is not None, head
        content = await reader.readexactly(int(length[1]))
        if re.search(r"(?im)^connection: close", head):
            writer.close()
        else:
            self._free.append((reader, writer))
        return int(head.split(" ", 2)[1]), head, content

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():  # the server lets go of those that are not used
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    async def sign_in(self, login: str) -> None:
        fields = urlencode({"name": login, "password": PASSWORD}).encode()
        status, head, _ = await self.ask("POST", "/sign-in", fields, form=True)
        cookie = re.search(r"(?im)^set-cookie: ([^;]+)", head)
        assert status == 303 and cookie is not None, (status, head)
        self.cookie = cookie[1]


class Session:
    """One reviewer's page."""

    def __init__(self, plan: Plan, who: Reviewer, seen: Seen) -> None:
        self.who, self.seen, self.seconds = who, seen, plan.seconds
        self.random = random.Random(who.login)
        self.browser = Browser(plan.address)
        self.base = 0
        self.shown: int | None = None
        self.here = 0
        self.held: dict[tuple[str, int], int] = {}
        self.about: Json = {}
        self.risks: list[Json] = []
        self.undoable: list[str] = []
        self._refreshing: set[asyncio.Task[None]] = set()

    async def get(self, what: str) -> Any:
        name = what.partition("?")[0]
        begun = time.perf_counter()
        status, _, body = await self.browser.ask("GET", f"/api/footage/{self.who.footage}{what}")
        self.seen.reads.setdefault(name, []).append(time.perf_counter() - begun)
        if status != 200:
            self.seen.wrong.append(f"{what}: {status} {body[:200]!r}")
            return None
        return json.loads(body)

    async def open(self) -> None:
        await self.browser.sign_in(self.who.login)
        self.about = await self.get("")
        self.browser.csrf, self.base = self.about["csrf"], self.about["revision"]
        await self.get("/frames?from=0&count=20000")
        await self.get("/edits?after=0")
        await self.refresh()

    async def work(self) -> None:
        until = time.monotonic() + self.seconds
        others = asyncio.create_task(self._others(until))
        await asyncio.sleep(self.random.uniform(0, PAUSE[1]))
        while time.monotonic() < until:
            await self._edit()
            await asyncio.sleep(self.random.uniform(*PAUSE))
        await others
        await asyncio.gather(*self._refreshing)

    async def refresh(self) -> None:
        """What the page asks for once it knows of a new revision."""
        revision, after = self.base, self.shown
        answer = await self.get(f"/tracks?revision={revision}" + ("" if after is None else f"&after={after}"))
        if answer is not None:
            self.shown = revision
            for piece, known in self.held.items():
                first, last = piece[1] * PIECE, (piece[1] + 1) * PIECE - 1
                if (
                    after is not None
                    and known >= after
                    and not any(a <= last and b >= first for a, b in answer["changed"])
                ):
                    self.held[piece] = revision
        await asyncio.gather(*(self._piece(kind, n, revision) for n in self._near() for kind in ("boxes", "shapes")))
        if answer is not None:
            await asyncio.sleep(RISKS_AFTER)
            told = await self.get("/risks")
            self.risks = told["items"] if told else []

    def _near(self) -> list[int]:
        here, last = self.here // PIECE, (self.about["frames"] - 1) // PIECE
        return [n for n in (here, here + 1, here - 1) if 0 <= n <= last]

    async def _piece(self, kind: str, number: int, revision: int) -> None:
        asked = f"/{kind}?revision={revision}&from={number * PIECE}&count={PIECE}"
        if self.held.get((kind, number), -1) < revision and await self.get(asked):
            self.held[kind, number] = revision

    def _refresh_soon(self) -> None:
        if not self._refreshing:  # one at a time, as on the page
            task = asyncio.create_task(self.refresh())
            self._refreshing.add(task)
            task.add_done_callback(self._refreshing.discard)

    async def _others(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(OTHERS_EVERY)
            told = await self.get(f"/edits?after={self.base}")
            if told and told["revision"] > self.base:
                self.base = told["revision"]
                self._refresh_soon()

    def _op(self) -> Json:
        pick, frames = self.random, self.about["frames"]
        if pick.random() < SHARED:  # all of it, so that others' boxes are in the way
            return {"op": "resize", "track": pick.choice(self.who.shared), "factor": 1.02, "first": None, "last": None}
        track = pick.choice(self.who.own)
        left, top = pick.uniform(0, self.about["width"] - 30), pick.uniform(0, self.about["height"] - 30)
        box = [round(left, 1), round(top, 1), round(left + 25, 1), round(top + 28, 1)]
        first, length = self.who.stretch
        frame = self.here = pick.randrange(first * track, min(frames, first * track + length))
        turn = pick.random()
        if turn < 0.55:
            return {"op": "keyframe", "track": track, "frame": frame, "box": box, "angle": 0}
        if turn < 0.7:
            new = pick.getrandbits(50)
            return {"op": "draw", "track": new, "label": "face", "frame": frame, "last": min(frame + 75, frames - 1),
                    "box": box, "angle": 0}  # fmt: skip
        if turn < 0.9 and self.risks:
            return {"op": "settle", "key": pick.choice(self.risks)["key"], "reason": "looked at"}
        if turn < 0.95 and self.undoable:
            return {"op": "undo", "edit": self.undoable.pop()}
        return {"op": "outside", "track": track, "frame": frame}

    async def _edit(self) -> None:
        id_ = f"{self.who.login}-{self.random.getrandbits(60):015x}"
        op = self._op()
        self.seen.made[id_] = (self.who.footage, op)
        unheard = self.random.random() < LOST
        while True:
            body = {"tracks_id": self.about["tracks_id"], "base_revision": self.base, "ops": [{"id": id_, **op}]}
            begun = time.perf_counter()
            status, _, content = await self.browser.ask(
                "POST", f"/api/footage/{self.who.footage}/ops", json.dumps(body).encode(), unheard=unheard
            )
            if unheard:  # and sent again
                unheard = False
                self.seen.lost += 1
                await asyncio.sleep(0.2)
                continue
            self.seen.posts.append(time.perf_counter() - begun)
            answer = json.loads(content)
            if status == 409:  # "make mine again", once the others' edits were seen
                self.seen.conflicts += 1
                await self.get(f"/edits?after={self.base}")
                self.base = max(self.base, answer["revision"])
                continue
            if status != 200:
                self.seen.wrong.append(f"ops: {status} {content[:300]!r} {op}")
                return
            self.seen.acknowledged += answer["edits"]
            if op["op"] != "undo":
                self.undoable.append(id_)
            # Others' edits that came between are not known yet: the base stays where this page has seen everything.
            if answer["revision"] == self.base + 1:
                self.base = answer["revision"]
            else:
                told = await self.get(f"/edits?after={self.base}")
                self.base = max(self.base, told["revision"] if told else 0)
            self._refresh_soon()
            return


async def main(plan: Plan) -> Seen:
    """All of them at once."""
    seen = Seen()
    sessions = [Session(plan, who, seen) for who in plan.reviewers]
    for session in sessions:
        await session.open()
    seen.reads.clear()
    await asyncio.gather(*(session.work() for session in sessions))
    seen.broken = sum(session.browser.broken for session in sessions)
    return seen


if __name__ == "__main__":
    told = json.load(sys.stdin)
    given = Plan(told["address"], told["seconds"], [Reviewer(**one) for one in told["reviewers"]])
    json.dump(asdict(asyncio.run(main(given))), sys.stdout)
