"""A test client that behaves like a browser: it keeps cookies, names its origin and sends the page's token."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

PASSWORD = "correct horse battery"
HERE = "http://localhost"


class Browser:
    """One browser, signed out at first."""

    def __init__(self, app: FastAPI, host: str = HERE) -> None:
        self.client = TestClient(app, base_url=host, follow_redirects=False, raise_server_exceptions=False)
        self.csrf = ""

    def form(self, path: str, fields: dict[str, str], **headers: str) -> Response:
        """Submit a form."""
        return self.client.post(path, data=fields, headers={"origin": HERE, **headers})

    def sign_in(self, login: str, password: str = PASSWORD) -> Response:
        """Sign in, and read the session token from a page."""
        answer = self.form("/sign-in", {"name": login, "password": password})
        if answer.status_code == 303:
            found = re.search(r'name="csrf" value="([^"]+)"', self.client.get("/password").text)
            assert found is not None
            self.csrf = found[1]
        return answer

    def get(self, path: str, **headers: str) -> Response:
        """Get a page or an API resource."""
        return self.client.get(path, headers=headers)

    def send(self, method: str, path: str, json: Any = None, content: bytes | None = None) -> Response:
        """Send what a page's script sends."""
        headers = {"origin": HERE, "sec-fetch-site": "same-origin", "x-csrf-token": self.csrf}
        return self.client.request(method, path, json=json, content=content, headers=headers)

    def post(self, path: str, json: Any = None) -> Response:
        """Post JSON, as a page's script does."""
        return self.send("POST", path, {} if json is None else json)
