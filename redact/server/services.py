"""Dependencies of the routes: records, store, caches, and the signed-in user."""

from __future__ import annotations

import functools
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from redact.errors import NotSignedIn
from redact.evidence.store import Store
from redact.records.accounts import Right
from redact.records.database import Database
from redact.server.cache import Cache
from redact.server.oidc import Provider
from redact.server.sessions import Sessions, SignedInUser
from redact.server.settings import ServerSettings

DECODERS = 2
"""Requests that may decode footage at once; others wait."""
READERS = 2
"""Threads for the requests that open reviewers make all the time."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Services:
    """What one server process works with."""

    db: Database
    store: Store
    settings: ServerSettings
    sessions: Sessions
    cache: Cache
    provider: Provider | None
    read_limiter: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(READERS))
    edit_limiter: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    decode_slots: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(DECODERS))


# These never block. FastAPI would run plain functions in a thread, and on a busy server the hand-over costs more than
# the work itself.
async def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


async def _current_user(request: Request) -> SignedInUser:
    """The user the gate let in. A route that requires it is safe even if the gate is missing."""
    signed_in = getattr(request.state, "signed_in", None)
    if not isinstance(signed_in, SignedInUser):
        raise NotSignedIn("You are not signed in.", "Sign in.")
    return signed_in


async def _case_viewer(user: Annotated[SignedInUser, Depends(_current_user)]) -> SignedInUser:
    """A user who may see cases. Every such role sees all cases: in a small unit people stand in for each other, and the
    audit trail records who did what. This is the only place that decides it."""
    user.require(Right.SEE)
    return user


def _queued(
    limiter: Callable[[Services], CapacityLimiter],
) -> Callable[[Callable[P, R]], Callable[P, Awaitable[R]]]:
    # Python runs one thread at a time. With the dozens of threads that FastAPI uses by default, most of the time goes
    # into switching, and an edit would queue behind the others at each of its thirty steps.
    def decorate(route: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(route)
        async def in_turn(*args: P.args, **kwargs: P.kwargs) -> R:
            services = kwargs["services"]
            assert isinstance(services, Services)
            return await to_thread.run_sync(functools.partial(route, *args, **kwargs), limiter=limiter(services))

        return in_turn

    return decorate


limited_read = _queued(lambda services: services.read_limiter)
"""Decorates routes that many browsers call at once: a few run at a time, the others wait in order."""
limited_edit = _queued(lambda services: services.edit_limiter)
"""The same for recording edits: one at a time, and never waiting for readers."""

ServicesDep = Annotated[Services, Depends(_services)]
CurrentUser = Annotated[SignedInUser, Depends(_current_user)]
CaseViewer = Annotated[SignedInUser, Depends(_case_viewer)]
