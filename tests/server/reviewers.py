"""Simulated reviewers, in a separate process so as not to slow the server: many browsers at once, each doing what the
reviewer page does, at a person's pace.

``python -m tests.server.reviewers`` reads a :class:`Plan` as JSON from stdin and prints the results.
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
CHUNK = 250
"""Frames of boxes and masks in one request."""
PAUSE = (1.0, 2.0)
"""Seconds between edits."""
OTHERS_EVERY, RISKS_AFTER = 5.0, 0.7
RETRY = 0.2
LOST = 0.03
"""Share of edits whose response is lost."""
SHARED = 0.1
"""Share of edits to a track that others are editing too."""


@dataclass(frozen=True)
class Reviewer:
    """``login`` edits ``footage``: mostly the machine tracks ``own``, sometimes ``shared`` ones."""

    login: str
    footage: int
    own: list[int]
    shared: list[int]
    track_frames: tuple[int, int]
    """(step, length): track n covers ``length`` frames from frame n * ``step`` on."""


@dataclass(frozen=True)
class Plan:
    """The reviewers, the server address and the duration."""

    address: str
    seconds: float
    reviewers: list[Reviewer]


@dataclass
class Results:
    """``made``: every attempted edit by id, with its footage; ``acknowledged``: ids the server acknowledged, once per
    response; ``posts`` and ``reads``: seconds; ``lost``: responses not received; ``broken``: connections closed by the
    server; ``wrong``: unexpected responses."""

    made: dict[str, tuple[int, Json]] = field(default_factory=dict)
    acknowledged: list[str] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    reads: dict[str, list[float]] = field(default_factory=dict)
    conflicts: int = 0
    lost: int = 0
    broken: int = 0
    wrong: list[str] = field(default_factory=list)


class Browser:
    """HTTP/1.1 over a few persistent connections."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port, self._origin = parts.hostname, parts.port, address
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._most = asyncio.Semaphore(6)  # as in browsers
        self.cookie = self.csrf = ""
        self.broken = 0

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, form: bool = False, unheard: bool = False
    ) -> tuple[int, str, bytes]:
        """Status, headers and body. With ``unheard``, the connection is closed before the response. Retries if the
        server closed the connection or is down, as the page does."""
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
        headers = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}", f"Cookie: {self.cookie}",
                f"Origin: {self._origin}", f"X-CSRF-Token: {self.csrf}", f"Content-Length: {len(body)}",
                f"Content-Type: {kind}"]  # fmt: skip
        writer.write("\r\n".join([*headers, "", ""]).encode() + body)
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
            if not reader.at_eof():  # the server closes unused connections
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
    """One reviewer page."""

    def __init__(self, plan: Plan, who: Reviewer, results: Results) -> None:
        self.who, self.results, self.seconds = who, results, plan.seconds
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
        self.results.reads.setdefault(name, []).append(time.perf_counter() - begun)
        if status != 200:
            self.results.wrong.append(f"{what}: {status} {body[:200]!r}")
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
        """What the page requests after a new revision."""
        revision, after = self.base, self.shown
        answer = await self.get(f"/tracks?revision={revision}" + ("" if after is None else f"&after={after}"))
        if answer is not None:
            self.shown = revision
            for chunk, known in self.held.items():
                first, last = chunk[1] * CHUNK, (chunk[1] + 1) * CHUNK - 1
                if (
                    after is not None
                    and known >= after
                    and not any(a <= last and b >= first for a, b in answer["changed"])
                ):
                    self.held[chunk] = revision
        await asyncio.gather(*(self._piece(kind, n, revision) for n in self._near() for kind in ("boxes", "shapes")))
        if answer is not None:
            await asyncio.sleep(RISKS_AFTER)
            answer = await self.get("/risks")
            self.risks = answer["items"] if answer else []

    def _near(self) -> list[int]:
        here, last = self.here // CHUNK, (self.about["frames"] - 1) // CHUNK
        return [n for n in (here, here + 1, here - 1) if 0 <= n <= last]

    async def _piece(self, kind: str, number: int, revision: int) -> None:
        asked = f"/{kind}?revision={revision}&from={number * CHUNK}&count={CHUNK}"
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
            answer = await self.get(f"/edits?after={self.base}")
            if answer and answer["revision"] > self.base:
                self.base = answer["revision"]
                self._refresh_soon()

    def _op(self) -> Json:
        pick, frames = self.random, self.about["frames"]
        if pick.random() < SHARED:  # the whole track, to conflict with others
            return {"op": "resize", "track": pick.choice(self.who.shared), "factor": 1.02, "first": None, "last": None}
        track = pick.choice(self.who.own)
        left, top = pick.uniform(0, self.about["width"] - 30), pick.uniform(0, self.about["height"] - 30)
        box = [round(left, 1), round(top, 1), round(left + 25, 1), round(top + 28, 1)]
        first, length = self.who.track_frames
        frame = self.here = pick.randrange(first * track, min(frames, first * track + length))
        turn = pick.random()
        if turn < 0.55:
            return {"op": "keyframe", "track": track, "frame": frame, "box": box, "angle": 0}
        if turn < 0.7:
            new = pick.getrandbits(50)
            return {"op": "draw", "track": new, "label": "face", "frame": frame, "last": min(frame + 75, frames - 1),
                    "box": box, "angle": 0}  # fmt: skip
        if turn < 0.9 and self.risks:
            return {"op": "settle", "key": pick.choice(self.risks)["key"], "reason": "checked"}
        if turn < 0.95 and self.undoable:
            return {"op": "undo", "edit": self.undoable.pop()}
        return {"op": "outside", "track": track, "frame": frame}

    async def _edit(self) -> None:
        id_ = f"{self.who.login}-{self.random.getrandbits(60):015x}"
        op = self._op()
        self.results.made[id_] = (self.who.footage, op)
        unheard = self.random.random() < LOST
        while True:
            body = {"tracks_id": self.about["tracks_id"], "base_revision": self.base, "ops": [{"id": id_, **op}]}
            begun = time.perf_counter()
            status, _, content = await self.browser.ask(
                "POST", f"/api/footage/{self.who.footage}/ops", json.dumps(body).encode(), unheard=unheard
            )
            if unheard:  # and send it again
                unheard = False
                self.results.lost += 1
                await asyncio.sleep(0.2)
                continue
            self.results.posts.append(time.perf_counter() - begun)
            answer = json.loads(content)
            if status == 409:  # apply the edit again after reading the others' edits
                self.results.conflicts += 1
                await self.get(f"/edits?after={self.base}")
                self.base = max(self.base, answer["revision"])
                continue
            if status != 200:
                self.results.wrong.append(f"ops: {status} {content[:300]!r} {op}")
                return
            self.results.acknowledged += answer["edits"]
            if op["op"] != "undo":
                self.undoable.append(id_)
            # Edits by others in between are not known yet, so the base stays at the last revision results in full.
            if answer["revision"] == self.base + 1:
                self.base = answer["revision"]
            else:
                answer = await self.get(f"/edits?after={self.base}")
                self.base = max(self.base, answer["revision"] if answer else 0)
            self._refresh_soon()
            return


async def main(plan: Plan) -> Results:
    """Run all reviewers at once."""
    results = Results()
    sessions = [Session(plan, who, results) for who in plan.reviewers]
    for session in sessions:
        await session.open()
    results.reads.clear()
    await asyncio.gather(*(session.work() for session in sessions))
    results.broken = sum(session.browser.broken for session in sessions)
    return results


if __name__ == "__main__":
    plan = json.load(sys.stdin)
    given = Plan(plan["address"], plan["seconds"], [Reviewer(**one) for one in plan["reviewers"]])
    json.dump(asdict(asyncio.run(main(given))), sys.stdout)
