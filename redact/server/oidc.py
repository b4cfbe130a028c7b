"""Sign-in with a provider: the authorization code flow of OpenID Connect Core 1.0 (3.1) with PKCE (RFC 7636).

The state of a flow is kept in a sealed cookie in the browser that started it, so that starting many flows uses no
memory here. State, nonce and code verifier are derived from it with a key known only to this process.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2 import OAuth2Client as Urls
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from redact.errors import ProviderUnusable, SignInFailed
from redact.records.accounts import LONGEST_SUBJECT
from redact.server.gate import PROVIDER_RETURN
from redact.server.oidc_file import is_safe_url
from redact.server.settings import ProviderSettings
from redact.strict_toml import is_line

log = logging.getLogger(__name__)

FLOW_SECONDS = 600
"""Seconds within which the user has to return from the provider."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Public-key signatures only: with a shared-key algorithm, anyone who knows the public key could sign."""
LEEWAY = 60
"""Seconds by which the two clocks may differ."""
LONGEST_NEXT = 1024
"""Longer paths are dropped, because cookies are limited in size."""
_TIMEOUT = 10.0
"""Seconds for each step of a request to the provider."""
_MAX_REQUESTS = 8
"""Concurrent requests to the provider. If it hangs, threads must remain for password sign-in."""
_METADATA_SECONDS = 3600.0
"""Seconds for which the provider's metadata is cached."""
_Reply = TypeVar("_Reply")


@dataclass(frozen=True, slots=True)
class SignInFlow:
    """A sign-in in progress. ``next`` is the path to open afterwards, ``until`` the expiry as a Unix time."""

    id: str
    until: int
    next: str


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """The person the provider confirmed. ``admitted``: a member of the required group, if one is configured."""

    subject: str
    admitted: bool


@dataclass(frozen=True, slots=True)
class _ProviderMetadata:
    """The provider's metadata: its endpoints, methods and signing keys."""

    authorize: str
    token: str
    methods: tuple[str, ...]
    keys: KeySet
    at: float


class Provider:
    """One sign-in provider. Thread-safe."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self._key = secrets.token_bytes(32)
        self._slots = threading.BoundedSemaphore(_MAX_REQUESTS)
        self._cached: _ProviderMetadata | None = None
        self._used: dict[str, int] = {}

    def begin(self, next_path: str) -> tuple[str, str]:
        """Start a flow: the provider's URL to redirect to, and the cookie to set. Raises ProviderUnusable."""
        path = next_path if len(next_path) <= LONGEST_NEXT else "/"
        flow = SignInFlow(secrets.token_urlsafe(16), int(time.time()) + FLOW_SECONDS, path)
        scope = f"openid {self.settings.group.scope if self.settings.group else ''}".strip()
        client = Urls(None, self.settings.client_id, scope=scope, code_challenge_method="S256")
        url, _ = client.create_authorization_url(
            self._metadata().authorize,
            state=self._derive("state", flow.id),
            nonce=self._derive("nonce", flow.id),
            code_verifier=self._derive("verifier", flow.id),
            redirect_uri=f"{self.settings.address}{PROVIDER_RETURN}",
        )
        body = _base64(json.dumps([flow.id, flow.until, flow.next]).encode())
        return str(url), f"{body}.{self._derive('cookie', body)}"

    def resume(self, untrusted_cookie: str, untrusted_state: str, untrusted_issuer: str) -> SignInFlow:
        """The flow a browser returns from. Raises SignInFailed unless this browser started it, it has not expired, and
        it has not been used."""
        flow = self._unseal(untrusted_cookie)
        if (
            flow is None
            or not _equal(self._derive("state", flow.id), untrusted_state)
            or untrusted_issuer not in ("", self.settings.issuer)  # RFC 9207
            or flow.until < time.time()
            or flow.id in self._used
        ):
            raise SignInFailed(
                f"This sign-in with {self.settings.name} has expired, or was not started in this browser.",
                "Sign in again.",
            )
        return flow

    def identity(self, flow: SignInFlow, untrusted_code: str) -> ProviderIdentity:
        """The person the provider confirms for its code. Raises SignInFailed, ProviderUnusable."""
        metadata = self._metadata()
        token = self._request(lambda: self._token(metadata, flow, untrusted_code))
        claims = self._claims(metadata, flow, token)
        group = self.settings.group
        value = claims.get(group.claim) if group else None
        return ProviderIdentity(
            claims["sub"], group is None or group.value in (value if isinstance(value, list) else [value])
        )

    def finish(self, flow: SignInFlow) -> None:
        """Mark ``flow`` as used: it cannot sign anyone in again."""
        self._used[flow.id] = flow.until
        for old in [id for id, until in list(self._used.items()) if until < time.time()]:
            self._used.pop(old, None)

    def check(self) -> None:
        """Raise ProviderUnusable unless the provider's metadata can be read and is valid."""
        self._cached = None
        self._metadata()

    def _metadata(self, *, refresh: bool = False) -> _ProviderMetadata:
        """The provider's metadata (OpenID Connect Discovery 1.0, 4), cached."""
        last = self._cached
        if last is None or refresh or time.monotonic() - last.at > _METADATA_SECONDS:
            last = self._cached = self._request(self._discover)
        return last

    def _discover(self) -> _ProviderMetadata:
        with httpx2.Client(timeout=_TIMEOUT) as client:
            document = _json(client, f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            if document.get("issuer") != self.settings.issuer:
                raise ValueError("its metadata names another issuer")
            urls = [document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
            authorize, token, keys = [url if isinstance(url, str) and is_safe_url(url) else "" for url in urls]
            if not (authorize and token and keys):
                raise ValueError("its metadata lacks an endpoint, or names one that is not https")
            methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
            return _ProviderMetadata(authorize, token, tuple(methods), _keys(_json(client, keys)), time.monotonic())

    def _token(self, metadata: _ProviderMetadata, flow: SignInFlow, untrusted_code: str) -> Mapping[str, Any]:
        """The token response for a code (Core, 3.1.3)."""
        basic = "client_secret_basic" in metadata.methods or "client_secret_post" not in metadata.methods
        method = ("client_secret_basic" if basic else "client_secret_post") if self.settings.secret else "none"
        with OAuth2Client(
            self.settings.client_id,
            self.settings.secret or None,
            token_endpoint_auth_method=method,
            redirect_uri=f"{self.settings.address}{PROVIDER_RETURN}",
            timeout=_TIMEOUT,
        ) as client:
            token: Mapping[str, Any] = client.fetch_token(
                metadata.token,
                grant_type="authorization_code",
                code=untrusted_code,
                code_verifier=self._derive("verifier", flow.id),
            )
            return token

    def _claims(self, metadata: _ProviderMetadata, flow: SignInFlow, token: Mapping[str, Any]) -> Mapping[str, Any]:
        """The claims of a valid ID token (Core, 3.1.3.7). Raises SignInFailed."""
        untrusted, issuer, client_id = token.get("id_token"), self.settings.issuer, self.settings.client_id
        try:
            if not isinstance(untrusted, str):
                raise ValueError("there is no ID token")
            try:
                signed = _signed(untrusted, metadata.keys)
            except (InvalidKeyIdError, BadSignatureError):
                signed = _signed(untrusted, self._metadata(refresh=True).keys)  # providers rotate their keys
            claims = CodeIDToken(
                signed.claims,
                signed.header,
                {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
                {
                    "nonce": self._derive("nonce", flow.id),
                    "client_id": client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(leeway=LEEWAY)
            if not is_line(claims["sub"], LONGEST_SUBJECT):
                raise ValueError("the subject is not a single line of text")
        except (JoseError, ValueError, TypeError) as error:
            raise self._refusal(error) from error
        checked: Mapping[str, Any] = claims
        return checked

    def _request(self, request: Callable[[], _Reply]) -> _Reply:
        """Make a request to the provider. Raises SignInFailed if it refuses, and ProviderUnusable if it cannot be
        reached or its response is invalid."""
        with self._slot():
            try:
                return request()
            except AuthlibBaseError as error:
                raise self._refusal(error) from error
            except (httpx2.HTTPError, httpx2.InvalidURL, JoseError, ValueError, TypeError) as error:
                log.warning("the sign-in provider cannot be used: %s: %.200r", type(error).__name__, str(error))
                raise ProviderUnusable(
                    f"{self.settings.name} cannot be reached, or sent an invalid response.",
                    "Sign in with your password, or try again later.",
                ) from error

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(blocking=False):
            raise ProviderUnusable(
                f"Too many people are signing in with {self.settings.name} at the moment.",
                "Sign in with your password, or try again in a moment.",
            )
        try:
            yield
        finally:
            self._slots.release()

    def _refusal(self, error: Exception) -> SignInFailed:
        log.warning("a sign-in with the provider was refused: %s: %.200r", type(error).__name__, str(error))
        return SignInFailed(
            f"{self.settings.name} did not confirm your identity.",
            "Try again. If it fails again, ask an administrator: the reason is in the server log.",
        )

    def _unseal(self, untrusted_cookie: str) -> SignInFlow | None:
        body, _, seal = untrusted_cookie.partition(".")
        if not _equal(self._derive("cookie", body), seal):
            return None
        return SignInFlow(*json.loads(base64.urlsafe_b64decode(f"{body}==")))

    def _derive(self, use: str, text: str) -> str:
        """A 43-character URL-safe value that only this process can derive for this use of ``text``."""
        return _base64(hmac.digest(self._key, f"{use} {text}".encode("utf-8", "surrogatepass"), hashlib.sha256))


def _json(client: httpx2.Client, url: str) -> dict[str, Any]:
    response = client.get(url, headers={"accept": "application/json"})
    response.raise_for_status()
    document = response.json()
    if not isinstance(document, dict):
        raise ValueError("its response is not a JSON object")
    return document


def _keys(document: dict[str, Any]) -> KeySet:
    listed = document.get("keys")
    if not isinstance(listed, list) or not all(isinstance(key, dict) for key in listed):
        raise ValueError("its keys are not a list")
    return KeySet.import_key_set({"keys": listed})


def _signed(untrusted_token: str, keys: KeySet) -> jwt.Token:
    return jwt.decode(untrusted_token, keys, registry=JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False))


def _equal(text: str, untrusted: str) -> bool:
    return hmac.compare_digest(text.encode(), untrusted.encode("utf-8", "surrogatepass"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
