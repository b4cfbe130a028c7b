"""What routes work with: the records, the store, caches, and who is asking."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from redact.cases.db import Database
from redact.cases.people import Right
from redact.cases.store import Store
from redact.errors import NotSignedIn
from redact.server.cache import Cache
from redact.server.provider import Provider
from redact.server.sessions import Sessions, SignedIn
from redact.server.settings import ServerSettings

DECODERS = 2
"""Requests that decode footage at the same time; more of them wait."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One server's."""

    db: Database
    store: Store
    settings: ServerSettings
    sessions: Sessions
    cache: Cache
    provider: Provider | None
    decoding: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(DECODERS))


# None of these waits for anything. What is not "async" would be sent to another thread, and each of these ways costs a
# busy server more than the work itself.
async def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


async def _who(request: Request) -> SignedIn:
    """Whoever came through the gate. A route that asks for it is safe even where the gate was left out."""
    signed_in = getattr(request.state, "signed_in", None)
    if not isinstance(signed_in, SignedIn):
        raise NotSignedIn("You are not signed in.", "Sign in.")
    return signed_in


async def _seeing(who: Annotated[SignedIn, Depends(_who)]) -> SignedIn:
    """Every role that may see cases sees all of them: a small unit's people stand in for each other, and the audit
    trail says who did what. This is the one place that decides it."""
    who.require(Right.SEE)
    return who


TheParts = Annotated[Parts, Depends(_parts)]
Who = Annotated[SignedIn, Depends(_who)]
Seeing = Annotated[SignedIn, Depends(_seeing)]
