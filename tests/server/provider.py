"""A local sign-in provider: as strict as a real one, and able to misbehave as a test requires."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI, Form, Header
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "redact", "a client's secret"
Claims = dict[str, Any]


def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, auto_kid=False)


def compact(header: dict[str, str], claims: Claims, secret: bytes = b"") -> str:
    """A hand-made token: unsigned, or signed with HS256."""
    signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_base64(hmac.digest(secret, signed.encode(), 'sha256')) if secret else ''}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class LocalProvider:
    """Signs everyone in as ``subject``. ``change`` may modify the claims; ``sign`` may create the token itself."""

    issuer: str = ""
    subject: str = "4f1c-99a2"
    extra: Claims = field(default_factory=dict)
    change: Callable[[Claims], object] | None = None
    sign: Callable[[Claims], str] | None = None
    refuse: str = ""
    says_issuer: str = ""
    key: RSAKey = field(default_factory=rsa)
    asked: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> FastAPI:
        app = FastAPI()
        app.get("/.well-known/openid-configuration")(self.discovery)
        app.get("/keys")(self.keys)
        app.get("/authorize")(self.authorize)
        app.post("/token")(self.token)
        return app

    def discovery(self) -> Claims:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.says_issuer or self.issuer} | {k: f"{self.issuer}/{v}" for k, v in names.items()}

    def keys(self) -> Claims:
        return {"keys": [{"kty": "from the future"}, self.key.as_dict(private=False)]}

    def authorize(
        self,
        *,
        response_type: str,
        client_id: str,
        redirect_uri: str,
        scope: str,
        state: str,
        nonce: str,
        code_challenge: str,
        code_challenge_method: str,
    ) -> Response:
        assert (response_type, client_id, code_challenge_method) == ("code", CLIENT, "S256")
        assert "openid" in scope.split() and min(len(state), len(nonce), len(code_challenge)) > 40
        assert len({state, nonce, code_challenge}) == 3
        if self.refuse:
            return RedirectResponse(f"{redirect_uri}?{urlencode({'error': self.refuse, 'state': state})}", 303)
        code = secrets.token_urlsafe()
        self._codes[code] = {"nonce": nonce, "challenge": code_challenge, "redirect_uri": redirect_uri}
        self.asked.append({"state": state, "scope": scope, "redirect_uri": redirect_uri})
        query = urlencode({"code": code, "state": state, "iss": self.issuer})
        return RedirectResponse(f"{redirect_uri}?{query}", 303)

    def token(
        self,
        grant_type: Annotated[str, Form()],
        code: Annotated[str, Form()],
        redirect_uri: Annotated[str, Form()],
        code_verifier: Annotated[str, Form()],
        authorization: Annotated[str, Header()],
    ) -> Response:
        if base64.b64decode(authorization.removeprefix("Basic ")).decode() != f"{CLIENT}:{SECRET}":
            return JSONResponse({"error": "invalid_client"}, 401)
        begun = self._codes.pop(code, None)
        challenge = _base64(hashlib.sha256(code_verifier.encode()).digest())
        expected = {"challenge": challenge, "redirect_uri": redirect_uri}
        if grant_type != "authorization_code" or begun is None or begun != {**expected, "nonce": begun["nonce"]}:
            return JSONResponse({"error": "invalid_grant", "error_description": "<b>no</b>"}, 400)
        return JSONResponse(
            {"access_token": "x", "token_type": "Bearer", "id_token": self._id_token(begun["nonce"])},
            headers={"cache-control": "no-store"},
        )

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": self.subject, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce}
        claims |= self.extra
        if self.change is not None:
            self.change(claims)
        return (self.sign or self.signed)(claims)

    def signed(self, claims: Claims, key: RSAKey | None = None) -> str:
        """A properly signed token; ``key`` replaces the key but not its id."""
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, key or self.key)


@contextmanager
def answering(app: FastAPI, listening: socket.socket) -> Iterator[None]:
    """Serve ``app`` on ``listening``."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def local_provider() -> Iterator[LocalProvider]:
    """A provider on a local port."""
    provider = LocalProvider()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        provider.issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with answering(provider.app(), listening):
            yield provider
