"""A server for the reviewer's tests: the review API over one clip, with the product's own parsing and replay of edits.

Only what stores and guards is left out. It can be told to fail, to lose its answers, and to let somebody else edit.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from redact.errors import EditInvalid
from redact.mask.edit_conflicts import conflicts
from redact.mask.edit_json import edit_json, parse_edit, parse_edit_id
from redact.mask.edit_result import Edited
from redact.mask.edit_types import Edit, LoggedEdit
from redact.mask.edits import apply_edits
from redact.track.types import MediaRef, Source, Track, TrackSet

STATIC = Path(__file__).parents[2] / "ui" / "static"
TOKEN = "the-token"
WEAK = 0.5
MARGIN = 1.2
# As strict as the real one may ever be: no markup and no script from data can do anything.
CSP = "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Review</title>
<link rel="stylesheet" href="/page.css"></head>
<body><main id="here"></main><script type="module" src="/page.js"></script></body></html>"""
SCRIPT = f"""import {{ mount }} from "/static/review/main.js";
window.review = mount({{ element: document.getElementById("here"), footage: 7, csrf: "{TOKEN}", release: null }});
"""


def moving(  # noqa: PLR0917
    number: int, label: str, first: int, last: int, box: Sequence[float], step: float = 0.0
) -> Track:
    """A machine track that goes ``step`` pixels to the right with each frame, seen by the detector throughout."""
    frames = np.arange(first, last + 1, dtype=np.int32)
    boxes = np.tile(np.array(box, np.float32), (frames.size, 1))
    boxes[:, [0, 2]] += (step * np.arange(frames.size, dtype=np.float32))[:, None]
    zeros = np.zeros(frames.size, np.float32)
    return Track(number, label, frames, boxes, zeros, zeros + 0.9, zeros.astype(np.uint8))


@dataclass
class Fake:
    """Footage number 7. ``size`` is the upright picture's, ``display`` the one to show it in, both (width, height)."""

    clip: Path
    pts: Sequence[int]
    time_base: Fraction
    tracks: Sequence[Track]
    size: tuple[int, int] = (160, 96)
    display: tuple[int, int] = (160, 96)
    risks: list[dict[str, Any]] = field(default_factory=list)
    sound: bool = True
    name: str = "bodycam.mp4"
    log: list[LoggedEdit] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of all POST ops that were understood, those that failed among them."""
    failing: bool = False
    losing: bool = False
    """Edits are recorded, but the answer never arrives."""
    signed_out: bool = False
    follows: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine = TrackSet(
            MediaRef("0" * 64, *self.size, self.time_base, np.array(self.pts, np.int64)), tuple(self.tracks)
        )
        self.lock = threading.Lock()
        self.known: tuple[int, Edited] | None = None

    @property
    def revision(self) -> int:
        return len(self.log)

    @property
    def edited(self) -> Edited:
        if self.known is None or self.known[0] != self.revision:
            self.known = (self.revision, apply_edits(self.machine, self.log))
        return self.known[1]

    def ops(self, name: str | None = None) -> list[dict[str, Any]]:
        """The recorded edits of the page's person, or those of one operation."""
        mine = [{"id": e.id} | edit_json(e.edit) for e in self.log if e.actor == "rita"]
        return [op for op in mine if name in (None, op["op"])]

    def foreign(self, body: dict[str, Any], actor: str = "sam") -> str:
        """Somebody else, or another window, makes an edit."""
        with self.lock:
            name = f"{actor}edit{self.revision:04d}"
            self._record(name, self._parsed(body), actor)
            return name

    def app(self) -> Starlette:
        at = "/api/footage/7"
        return Starlette(
            routes=[
                Route("/review", lambda _: HTMLResponse(PAGE, headers={"Content-Security-Policy": CSP})),
                Route("/page.js", lambda _: Response(SCRIPT, media_type="text/javascript")),
                Route("/page.css", lambda _: Response("body { margin: 0 }", media_type="text/css")),
                Route("/favicon.ico", lambda _: Response(status_code=204)),
                Route(at, self.info),
                Route(f"{at}/frames", self.frames),
                Route(f"{at}/tracks", self.track_list),
                Route(f"{at}/boxes", self.boxes),
                Route(f"{at}/shapes", self.boxes),
                Route(f"{at}/risks", self.risk_list),
                Route(f"{at}/edits", self.edits),
                Route(f"{at}/ops", self.post_ops, methods=["POST"]),
                Route(f"{at}/follow", self.follow, methods=["POST"]),
                Route(f"{at}/waveform", self.waveform),
                Route(f"{at}/thumbs/{{track:int}}.jpg", self.thumb),
                Route(f"{at}/proxy.mp4", lambda _: FileResponse(self.clip, content_disposition_type="inline")),
                Mount("/static", StaticFiles(directory=STATIC)),
            ],
            exception_handlers={HTTPException: _refused, EditInvalid: _invalid},
        )

    # What is asked.
    def info(self, request: Request) -> Response:
        return JSONResponse(
            {
                "id": 7, "sha256": "0" * 64, "exhibits": [{"case": "FOI-1", "reference": "AB1"}], "name": self.name,
                "width": self.size[0], "height": self.size[1],
                "proxy_width": self.display[0], "proxy_height": self.display[1],
                "frames": len(self.pts), "time_base": [self.time_base.numerator, self.time_base.denominator],
                "tracks_id": 3, "revision": self.revision, "cuts": [], "sound": self.sound,
                "recorded_start": "2026-03-01T20:15:00+00:00",
                "user": "rita", "may_edit": True, "csrf": TOKEN,
            }
        )  # fmt: skip

    def frames(self, request: Request) -> Response:
        start, count = _number(request, "from"), min(_number(request, "count"), 20_000)
        return JSONResponse({"from": start, "pts": list(self.pts[start : start + count])})

    def track_list(self, request: Request) -> Response:
        edited = self.edited
        shown = [*edited.tracks.tracks, *edited.deleted.values()]
        sounds = [
            {"id": i, "start": float(s.start), "end": float(s.end), "effect": s.effect}
            for i, s in edited.sounds.items()
        ]
        skipped = [{"edit": s.edit, "reason": s.reason} for s in edited.skipped]
        rows = [self._track(track, edited) for track in shown]
        return JSONResponse({"revision": self.revision, "tracks": rows, "sounds": sounds, "skipped": skipped})

    def _track(self, track: Track, edited: Edited) -> dict[str, Any]:
        state = edited.states[track.id]
        return {
            "id": track.id, "kind": state.kind, "label": state.label, "origin": state.origin, "subject": state.subject,
            "first": int(track.frames[0]), "last": int(track.frames[-1]),
            "runs": _runs(track.frames), "filled": _runs(track.frames[track.sources == Source.FILLED]),
            "weak": _runs(track.frames[track.scores < WEAK]), "keyframes": list(state.keyframes),
            "outsides": list(state.outsides), "deleted": state.deleted,
        }  # fmt: skip

    def boxes(self, request: Request) -> Response:
        start, count = _number(request, "from"), _number(request, "count")
        masks = request.url.path.endswith("shapes")
        frames: list[list[list[Any]]] = [[] for _ in range(min(count, len(self.pts) - start))]
        edited = self.edited
        for track in edited.tracks.tracks:
            low, high = np.searchsorted(track.frames, [start, start + len(frames)])
            for i in range(low, high):
                left, top, right, bottom = map(float, track.boxes[i])
                row: list[Any] = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
                if masks:
                    row = [row[0], row[1], row[2] * MARGIN, row[3] * MARGIN]
                row = [track.id, *(["ellipse"] if masks else []), *row, float(track.angles[i])]
                frames[int(track.frames[i]) - start].append([*row, "mosaic"] if masks else row)
        return JSONResponse({"revision": self.revision, "from": start, "frames": frames})

    def risk_list(self, request: Request) -> Response:
        left = [item for item in self.risks if item["key"] not in self.edited.settled]
        return JSONResponse({"revision": self.revision, "items": left})

    def edits(self, request: Request) -> Response:
        after = _number(request, "after")
        rows = [
            {"id": e.id, "revision": e.revision, "actor": e.actor, "at": e.at, "edit": edit_json(e.edit)}
            for e in self.log[after:]
        ]
        return JSONResponse({"revision": self.revision, "edits": rows})

    def waveform(self, request: Request) -> Response:
        buckets = _number(request, "buckets")
        peaks = [abs(math.sin(i / 40) * math.sin(i / 7)) for i in range(buckets)]
        return JSONResponse({"buckets": buckets, "peaks": peaks})

    def thumb(self, request: Request) -> Response:
        raise HTTPException(404)

    # What is sent.
    async def post_ops(self, request: Request) -> Response:
        _guard(request)
        if self.signed_out:
            raise HTTPException(401)
        if self.failing:
            raise HTTPException(503)
        body = await request.json()
        with self.lock:
            self.batches.append(body)
            if body["tracks_id"] != 3 or not 0 <= body["base_revision"] <= self.revision:
                raise EditInvalid("No such revision.", "Reload the page.")
            sent = [
                (parse_edit_id(op["id"]), self._parsed({k: v for k, v in op.items() if k != "id"}))
                for op in body["ops"]
            ]
            held = {e.id: e.edit for e in self.log}
            since = [e for e in self.log[body["base_revision"] :] if e.id not in {name for name, _ in sent}]
            new = [(name, edit) for name, edit in sent if name not in held]
            found = [c.id for _, edit in new for c in conflicts(edit, since, held | dict(sent))]
            if found:
                text = "Somebody else changed this mask since."
                answer = {"code": "R520", "text": text, "revision": self.revision, "conflicts": found}
                return JSONResponse(answer, status_code=409)
            for name, edit in new:
                self._record(name, edit, "rita")
            if self.losing:
                raise HTTPException(502)
            return JSONResponse({"revision": self.revision, "edits": [name for name, _ in sent]})

    async def follow(self, request: Request) -> Response:
        _guard(request)
        body = await request.json()
        self.follows.append(body)
        step = 1 if body["direction"] == "on" else -1
        frames = sorted(body["frame"] + step * i for i in range(1, 26))
        rows = [[f, *body["box"], 0.0] for f in frames if 0 <= f < len(self.pts)]
        return JSONResponse({"rows": rows})

    def _parsed(self, body: dict[str, Any]) -> Edit:
        return parse_edit(body, frame_count=len(self.pts), width=self.size[0], height=self.size[1])

    def _record(self, name: str, edit: Edit, actor: str) -> None:
        self.log.append(LoggedEdit(name, self.revision + 1, actor, "2026-01-01T00:00:00Z", edit))


def _guard(request: Request) -> None:
    if request.headers.get("x-csrf-token") != TOKEN or request.headers.get("sec-fetch-site") != "same-origin":
        raise HTTPException(403)


def _number(request: Request, name: str) -> int:
    return int(request.query_params[name])


def _runs(frames: np.ndarray[Any, np.dtype[np.int32]]) -> list[list[int]]:
    if not frames.size:
        return []
    parts = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return [[int(part[0]), int(part[-1])] for part in parts]


def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"code": "R710", "text": f"The test server refused it ({status})."}, status_code=status)


def _invalid(request: Request, error: Exception) -> Response:
    return JSONResponse({"code": "R521", "text": str(error)}, status_code=400)


@contextlib.contextmanager
def serving(fake: Fake) -> Iterator[str]:
    """Its address while it serves."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        server = uvicorn.Server(uvicorn.Config(fake.app(), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
