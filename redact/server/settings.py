"""Defaults and limits of the server, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8642
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Throttle:
    """Failed attempts within ``window`` after which the next one has to wait until one of them is older than that."""

    window: timedelta = timedelta(minutes=15)
    of_name_from_source: int = 5
    of_source: int = 30
    of_name: int = 50
    """From everywhere: high, so that nobody can keep somebody else out for long with a few requests."""


@dataclass(frozen=True, slots=True)
class Group:
    """Whom the provider lets in: those whose ID token has ``value`` in ``claim``; ``scope`` is what it is asked for."""

    claim: str
    value: str
    scope: str


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A sign-in provider (OpenID Connect). ``name`` is what people call it, ``address`` where browsers find the
    workbench, without a slash at the end."""

    name: str
    issuer: str
    client_id: str
    address: str
    secret: str = field(default="", repr=False)
    """Empty for a client without one."""
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``names`` are hosts by which browsers may call the server, beside its address and this machine's own name.

    Sizes are in bytes. A session ends ``idle`` after its last request and ``absolute`` after its first.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    tls_cert: Path | None = None
    tls_key: Path | None = None
    names: tuple[str, ...] = ()
    idle: timedelta = timedelta(minutes=30)
    absolute: timedelta = timedelta(hours=12)
    seen_every: timedelta = timedelta(seconds=60)
    """How exactly the time of the last request is kept: each note of it is a write."""
    throttle: Throttle = field(default_factory=Throttle)
    largest_body: int = MEBIBYTE
    largest_edits: int = 32 * MEBIBYTE
    largest_chunk: int = 64 * MEBIBYTE
    largest_upload: int = 256 * 1024 * MEBIBYTE
    spare_disk: int = 2 * 1024 * MEBIBYTE
    """Left free by uploads."""
    max_uploads: int = 20
    """Under way at once, of one person."""
    upload_kept: timedelta = timedelta(days=7)
    """After its last piece, an upload that was never finished."""
    cache_bytes: int = 512 * MEBIBYTE
    """For tracks, tables and thumbnails in memory."""
    provider: ProviderSettings | None = None
    """By which people may sign in beside their passwords."""

    @property
    def tls(self) -> bool:
        """Whether the server speaks HTTPS itself."""
        return self.tls_cert is not None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK
