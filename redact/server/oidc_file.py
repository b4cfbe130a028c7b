"""Reads the sign-in provider from ``REDACT_HOME/oidc.toml``, if that file exists.

Anyone who can change the file can sign in as anyone, and anyone who can read the secret can impersonate the workbench.
The file is therefore refused if other users of the computer can write it, and the secret if they can read it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from redact.errors import ProviderMisconfigured, RedactError
from redact.home import home
from redact.server.settings import LOOPBACK, Group, ProviderSettings
from redact.strict_toml import LARGEST_FILE, Table, is_line, parse_table

FILE = "oidc.toml"
_LONGEST_NAME = 60
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH
_ANY = stat.S_IRWXG | stat.S_IRWXO


def load_provider() -> ProviderSettings | None:
    """The provider, or None if there is no file. Raises ProviderMisconfigured.

    Top level: ``version = 1``, ``name``, ``issuer``, ``client_id``, ``address``, and ``secret_file`` (a path, relative
    to the home folder) unless the client has no secret. Optional ``[group]``, to admit only members of a group:
    ``claim``, ``value``, and ``scope`` if the claim has to be requested.
    """
    path = home() / FILE
    if not path.exists():
        return None

    def refusal(why: str) -> RedactError:
        return ProviderMisconfigured(f'"{path}" cannot be used: {why}.', "Correct the file, or remove it.")

    top = parse_table(_read(path, _WRITABLE, refusal), refusal)
    top.whole("version", 1, 1)
    name, issuer, client_id = top.text("name", _LONGEST_NAME), top.text("issuer"), top.text("client_id")
    if not is_safe_url(issuer) or urlsplit(issuer).query:
        top.refuse("has an issuer that is not an https address")
    address = _address(top)
    secret = _secret(path.parent / top.text("secret_file"), refusal) if "secret_file" in top else ""
    group = _group(top.table("group")) if "group" in top else None
    top.done()
    return ProviderSettings(name, issuer, client_id, address, secret, group)


def is_safe_url(untrusted: str) -> bool:
    """Whether secrets may be sent to this web address: it uses TLS, or is on this machine."""
    try:
        parts = urlsplit(untrusted)
        _ = parts.port
    except ValueError:
        return False
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    plain = untrusted.isascii() and untrusted.isprintable() and not set(' "<>\\^`{|}') & set(untrusted)
    return safe and plain and bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment


def _address(top: Table) -> str:
    address = top.text("address")
    parts = urlsplit(address) if is_safe_url(address) else None
    if parts is None or parts.path not in ("", "/") or parts.query:
        top.refuse("has an address that is not https://HOST or https://HOST:PORT")
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(_DEFAULT_PORTS[parts.scheme])}"


def _group(table: Table) -> Group:
    group = Group(table.text("claim"), table.text("value"), table.text("scope") if "scope" in table else "")
    table.done()
    return group


def _secret(path: Path, refusal: Callable[[str], RedactError]) -> str:
    try:
        secret = _read(path, _ANY, refusal).decode().removesuffix("\n")
    except UnicodeDecodeError:
        secret = ""
    if not is_line(secret, 1000):
        raise refusal("its secret_file does not hold one line of text")
    return secret


def _read(path: Path, rights: int, refusal: Callable[[str], RedactError]) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & rights:
                raise refusal(f'other users of this computer can read or change "{path}" (run chmod go-rwx)')
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise refusal(f'"{path}" cannot be read ({error.strerror})') from error
