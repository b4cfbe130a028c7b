"""Defaults and limits of the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8642
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Throttle:
    """Failed sign-ins allowed within ``window``; after that, the next has to wait until one of them is older."""

    window: timedelta = timedelta(minutes=15)
    of_name_from_source: int = 5
    of_source: int = 30
    of_name: int = 50
    """From all sources together. High, so that a few requests cannot lock another person out."""


@dataclass(frozen=True, slots=True)
class Group:
    """The group required for sign-in: ID tokens with ``value`` in ``claim``. ``scope`` requests the claim."""

    claim: str
    value: str
    scope: str


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A sign-in provider (OpenID Connect). ``name`` is shown to people; ``address`` is the workbench's own URL, without
    a trailing slash."""

    name: str
    issuer: str
    client_id: str
    address: str
    secret: str = field(default="", repr=False)
    """Empty for a public client."""
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``names`` are additional host names that browsers may use for the server, besides its address and the machine's
    own name.

    Sizes are in bytes. A session ends ``session_idle_timeout`` after its last
    request and ``session_max_age`` after its first.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    tls_cert: Path | None = None
    tls_key: Path | None = None
    names: tuple[str, ...] = ()
    session_idle_timeout: timedelta = timedelta(minutes=30)
    session_max_age: timedelta = timedelta(hours=12)
    last_seen_interval: timedelta = timedelta(seconds=60)
    """How often the time of the last request is saved: each save is a database write."""
    throttle: Throttle = field(default_factory=Throttle)
    largest_body: int = MEBIBYTE
    largest_edits: int = 32 * MEBIBYTE
    largest_chunk: int = 64 * MEBIBYTE
    largest_upload: int = 256 * 1024 * MEBIBYTE
    spare_disk: int = 2 * 1024 * MEBIBYTE
    """Disk space that uploads leave free."""
    max_uploads: int = 20
    """Concurrent uploads per person."""
    upload_kept: timedelta = timedelta(days=7)
    """How long an unfinished upload is kept after its last chunk."""
    cache_bytes: int = 512 * MEBIBYTE
    """Memory for tracks, frame tables and thumbnails."""
    provider: ProviderSettings | None = None
    """The sign-in provider that people may use instead of passwords."""

    @property
    def tls(self) -> bool:
        """Whether the server itself serves HTTPS."""
        return self.tls_cert is not None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK
