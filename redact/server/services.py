"""What routes work with: the records, the store, caches, and who is asking."""

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
"""Requests that decode footage at the same time; more of them wait."""
READERS = 2
"""Threads that say what the reviewer is to show."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Services:
    """One server's."""

    db: Database
    store: Store
    settings: ServerSettings
    sessions: Sessions
    cache: Cache
    provider: Provider | None
    read_limiter: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(READERS))
    edit_limiter: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    decode_slots: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(DECODERS))


# None of these waits for anything. What is not "async" would be sent to another thread, and each of these ways costs a
# busy server more than the work itself.
async def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


async def _current_user(request: Request) -> SignedInUser:
    """Whoever came through the gate. A route that asks for it is safe even where the gate was left out."""
    signed_in = getattr(request.state, "signed_in", None)
    if not isinstance(signed_in, SignedInUser):
        raise NotSignedIn("You are not signed in.", "Sign in.")
    return signed_in


async def _case_viewer(user: Annotated[SignedInUser, Depends(_current_user)]) -> SignedInUser:
    """Every role that may see cases sees all of them: a small unit's people stand in for each other, and the audit
    trail says who did what. This is the one place that decides it."""
    user.require(Right.SEE)
    return user


def _queued(
    limiter: Callable[[Services], CapacityLimiter],
) -> Callable[[Callable[P, R]], Callable[P, Awaitable[R]]]:
    # Python runs one thread at a time. Dozens that want to, as routes have by default, spend most of it on handing
    # over, and an edit is one of the dozens at each of its thirty steps.
    def decorate(route: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(route)
        async def in_turn(*args: P.args, **kwargs: P.kwargs) -> R:
            services = kwargs["services"]
            assert isinstance(services, Services)
            return await to_thread.run_sync(functools.partial(route, *args, **kwargs), limiter=limiter(services))

        return in_turn

    return decorate


limited_read = _queued(lambda services: services.read_limiter)
"""Decorates routes with ``parts`` that many ask at once: few are answered at a time, the others wait in order."""
limited_edit = _queued(lambda services: services.edit_limiter)
"""The same for what is recorded one after the other in any case, and never waits for those who read."""

ServicesDep = Annotated[Services, Depends(_services)]
CurrentUser = Annotated[SignedInUser, Depends(_current_user)]
CaseViewer = Annotated[SignedInUser, Depends(_case_viewer)]
