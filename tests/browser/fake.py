"""A server for tests of the reviewer: the review API for one clip, with the product's own parsing and replay of edits.

It has no store and no access control. It can fail, lose its responses, and add another person's edits.
"""

from __future__ import annotations

import contextlib
import json
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
from redact.mask.edits.conflicts import conflicts
from redact.mask.edits.edit_json import edit_json, parse_edit, parse_edit_id
from redact.mask.edits.edited_tracks import apply_edits
from redact.mask.edits.result import Edited
from redact.mask.edits.types import Edit, LoggedEdit
from redact.track.types import MediaRef, Source, Track, TrackSet

STATIC = Path(__file__).parents[2] / "ui" / "redact_ui" / "static"
TOKEN = "the-token"
RELEASE = "FOI/1#2"
WEAK = 0.5
MARGIN = 1.2
# As strict as possible: neither markup nor scripts from data have any effect.
CSP = "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Review</title>
<link rel="stylesheet" href="/page.css"></head>
<body><main id="here"></main><script type="module" src="/page.js"></script></body></html>"""
SCRIPT = f"""import {{ mount }} from "/static/review/main.js";
const page = mount({{ element: document.getElementById("here"), footage: 7, csrf: "{TOKEN}", release: RELEASE }});
window.review = await page.opened;
"""


def moving(  # noqa: PLR0917
    number: int, label: str, first: int, last: int, box: Sequence[float], step: float = 0.0
) -> Track:
    """A machine track that moves right by ``step`` pixels a frame, detected throughout."""
    frames = np.arange(first, last + 1, dtype=np.int32)
    boxes = np.tile(np.array(box, np.float32), (frames.size, 1))
    boxes[:, [0, 2]] += (step * np.arange(frames.size, dtype=np.float32))[:, None]
    zeros = np.zeros(frames.size, np.float32)
    return Track(number, label, frames, boxes, zeros, zeros + 0.9, zeros.astype(np.uint8))


@dataclass
class Fake:
    """Footage number 7. ``size``: of the upright picture; ``display``: as shown; both (width, height)."""

    clip: Path
    pts: Sequence[int]
    time_base: Fraction
    tracks: Sequence[Track]
    size: tuple[int, int] = (160, 96)
    display: tuple[int, int] = (160, 96)
    risks: list[dict[str, Any]] = field(default_factory=list)
    sound: bool = True
    name: str = "bodycam.mp4"
    release: str | None = None
    """The release named when the page is opened."""
    log: list[LoggedEdit] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of all valid POST ops, including those that failed."""
    failing: bool = False
    losing: bool = False
    """Edits are recorded, but the response never arrives."""
    signed_out: bool = False
    follows: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lanes_asked: list[tuple[int, int, int]] = field(default_factory=list)
    """First lane requested, number requested, and number returned."""
    refusing: int = 0
    """HTTP status for refusing edits; 0 to accept them."""
    decided: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the decisions received, in order."""
    copies: list[dict[str, Any]] = field(default_factory=list)
    undone: list[dict[str, Any]] = field(default_factory=list)
    """Undo requests for the footage that masks were copied to."""

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
        """Record an edit by another person or window."""
        with self.lock:
            name = f"{actor}edit{self.revision:04d}"
            self._record(name, self._parsed(body), actor)
            return name

    def app(self) -> Starlette:
        at = "/api/footage/7"
        return Starlette(
            routes=[
                Route("/review", lambda _: HTMLResponse(PAGE, headers={"Content-Security-Policy": CSP})),
                Route("/page.js", self.script),
                Route("/page.css", lambda _: Response("body { margin: 0 }", media_type="text/css")),
                Route("/favicon.ico", lambda _: Response(status_code=204)),
                Route(at, self.info),
                Route(f"{at}/frames", self.frames),
                Route(f"{at}/tracks", self.track_list),
                Route(f"{at}/boxes", self.boxes),
                Route(f"{at}/shapes", self.boxes),
                Route(f"{at}/risks", self.risk_list),
                Route(f"{at}/releases", self.releases),
                Route(f"{at}/decisions", self.decisions),
                Route(f"{at}/others", self.others),
                Route(f"{at}/copy", self.copy, methods=["POST"]),
                Route("/api/footage/8/ops", self.undo_copy, methods=["POST"]),
                Route("/api/releases/{reference:path}/decide", self.decide, methods=["POST"]),
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

    def script(self, request: Request) -> Response:
        return Response(SCRIPT.replace("RELEASE", json.dumps(self.release)), media_type="text/javascript")

    # Reading.
    def info(self, request: Request) -> Response:
        return JSONResponse(
            {
                "id": 7, "sha256": "0" * 64, "exhibits": [{"case": "FOI-1", "reference": "AB1"}], "name": self.name,
                "width": self.size[0], "height": self.size[1],
                "proxy_width": self.display[0], "proxy_height": self.display[1],
                "frames": len(self.pts), "time_base": [self.time_base.numerator, self.time_base.denominator],
                "start": 0,
                "tracks_id": 3, "revision": self.revision, "cuts": [], "sound": self.sound,
                "recorded_start": "2026-03-01T20:15:00+00:00",
                "user": "rita", "may_edit": True, "csrf": TOKEN,
            }
        )  # fmt: skip

    def frames(self, request: Request) -> Response:
        start, count = _number(request, "from"), min(_number(request, "count"), 20_000)
        return JSONResponse({"from": start, "pts": list(self.pts[start : start + count])})

    def track_list(self, request: Request) -> Response:
        asked = request.query_params
        now = self.edited
        before = apply_edits(self.machine, self.log[: int(asked["after"])]) if "after" in asked else None
        rows, then = self._lanes(now), self._lanes(before) if before is not None else {}
        edits = [{id_: state.edits for id_, state in each.states.items()} for each in (now, before or now)]
        other = sorted(
            id_ for id_ in rows.keys() | then.keys()
            if rows.get(id_) != then.get(id_) or edits[0].get(id_) != edits[1].get(id_)
        )  # fmt: skip
        listed = [rows[id_] for id_ in other if id_ in rows]
        ends = [[row for row in (rows.get(id_), then.get(id_)) if row is not None] for id_ in other]
        first, count = int(asked.get("from", 0)), int(asked.get("count", 5000))
        self.lanes_asked.append((first, count, len(listed)))
        sounds = [
            {"id": i, "start": float(s.start), "end": float(s.end), "effect": s.effect}
            for i, s in self.edited.sounds.items()
        ]
        return JSONResponse(
            {
                "revision": self.revision, "after": int(asked["after"]) if "after" in asked else None, "tracks_id": 3,
                "total": len(listed), "from": first, "tracks": listed[first : first + count],
                "gone": sorted(then.keys() - rows.keys()), "sounds": sounds,
                "changed": [[min(row["first"] for row in of), max(row["last"] for row in of)] for of in ends],
                "skipped": [{"edit": s.edit, "reason": s.reason} for s in self.edited.skipped],
            }
        )  # fmt: skip

    def _lanes(self, edited: Edited) -> dict[int, dict[str, Any]]:
        return {track.id: self._track(track, edited) for track in (*edited.tracks.tracks, *edited.deleted.values())}

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
        release = request.query_params.get("release")
        frames: list[list[list[Any]]] = [[] for _ in range(min(count, len(self.pts) - start))]
        edited = self.edited
        for track in edited.tracks.tracks:
            if release is not None and not self._outcome(track.id)["hidden"]:
                continue
            low, high = np.searchsorted(track.frames, [start, start + len(frames)])
            for i in range(low, high):
                left, top, right, bottom = map(float, track.boxes[i])
                row: list[Any] = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
                if masks:
                    row = [row[0], row[1], row[2] * MARGIN, row[3] * MARGIN]
                row = [track.id, *row, float(track.angles[i])]
                frames[int(track.frames[i]) - start].append([*row, 1, 0] if masks else row)
        names = {"forms": ["full", "ellipse"], "effects": ["mosaic"]} if masks else {}
        return JSONResponse({"revision": self.revision, "from": start, **names, "frames": frames})

    def risk_list(self, request: Request) -> Response:
        left = [item for item in self.risks if item["key"] not in self.edited.settled]
        if "release" not in request.query_params:
            left = [item for item in left if item["kind"] != "suspect"]
        return JSONResponse({"revision": self.revision, "items": left})

    def releases(self, request: Request) -> Response:
        return JSONResponse({"releases": [{"release": RELEASE, "state": "draft", "policy": "public"}]})

    def decisions(self, request: Request) -> Response:
        """The policy hides faces and shows plates; the latest decision on each target applies."""
        assert request.query_params["release"] == RELEASE
        return JSONResponse(
            {
                "release": RELEASE, "state": "draft", "policy": "For the public", "may_decide": True,
                "content": f"{self.revision}.{len(self.decided)}", "exhibit": "AB1", "same_tracks": True,
                "clips": [[0, len(self.pts) - 1]],
                "codes": [{"id": "s40(2)", "title": "Personal information"}, {"id": "s31", "title": "Law enforcement"}],
                "tracks": [{"id": t.id, **self._outcome(t.id)} for t in self.edited.tracks.tracks], "sounds": [],
                "classes": [
                    {"label": label, "policy": {"hidden": label == "face", "effect": "solid", "codes": []}}
                    for label in {state.label for state in self.edited.states.values()}
                ],
            }
        )  # fmt: skip

    def _outcome(self, track: int) -> dict[str, Any]:
        label = self.edited.states[track].label
        outcome = {"hidden": label == "face", "effect": "solid", "codes": [], "reason": "", "by": "policy"}
        outcome |= {"subject": f"Person {track}", "who": None, "at": None}
        for by, target in (("class", {"class": label}), ("own", {"track": track})):
            for body in self.decided:
                decision = body["decision"]
                if decision["target"] == target:
                    outcome |= {
                        "hidden": decision["action"] == "hide", "effect": decision.get("effect", "solid"), "by": by,
                        "codes": decision.get("codes", []), "reason": decision.get("reason", ""), "who": "Rita",
                        "at": "2026-01-01T10:00:00Z",
                    }  # fmt: skip
        return outcome

    def others(self, request: Request) -> Response:
        exhibits = [{"case": "FOI-1", "reference": "AB2"}]
        other = {"id": 8, "name": "other.mp4", "exhibits": exhibits, "duration": 12.0, "searched": True}
        return JSONResponse({"footage": [{**other, "clock_shift": -1.5}]})

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

    # Writing.
    async def post_ops(self, request: Request) -> Response:
        _guard(request)
        if self.signed_out:
            raise HTTPException(401)
        if self.failing:
            raise HTTPException(503)
        if self.refusing:
            raise HTTPException(self.refusing)
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
                text = "Another person has changed this mask since."
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

    async def decide(self, request: Request) -> Response:
        _guard(request)
        body = await request.json()
        decision = body["decision"]
        if decision["action"] == "show" and not decision.get("reason"):
            raise EditInvalid("The decision has no reason.", "Say why.")
        self.decided.append(body)
        return JSONResponse({"release": RELEASE, "state": "draft", "content": str(len(self.decided))})

    async def copy(self, request: Request) -> Response:
        _guard(request)
        self.copies.append(await request.json())
        copied = {"footage": 8, "name": "other.mp4", "track": 400_000, "tracks_id": 5, "revision": len(self.copies)}
        return JSONResponse({**copied, "edits": [f"{self.copies[-1]['id']}_0", f"{self.copies[-1]['id']}_1"]})

    async def undo_copy(self, request: Request) -> Response:
        _guard(request)
        self.undone.append(await request.json())
        return JSONResponse({"revision": 9, "edits": []})

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
    """Its address while it is running."""
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
