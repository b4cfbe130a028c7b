"""``redact serve`` as a separate process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx2
import pytest

from redact.records.accounts import all_people
from redact.records.database import Database
from tests.cli.runner import hear_ctrl_c


@contextmanager
def served(
    home: Path, *options: str, program: Sequence[str] = ("-m", "redact")
) -> Iterator[tuple[str, list[str], subprocess.Popen[str]]]:
    """The address, the printed lines, and the process, which is stopped as by Ctrl-C. ``program``: arguments for
    Python."""
    command = [sys.executable, *program, "serve", "--port", "0", *options]
    environment = {**os.environ, "REDACT_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509
    )
    lines: list[str] = []
    ready = threading.Event()

    def read(stream: IO[str]) -> None:
        for line in stream:
            lines.append(line)
            if "The workbench is at" in line:
                ready.set()
        ready.set()

    assert process.stdout is not None
    reader = threading.Thread(target=read, args=(process.stdout,))
    reader.start()
    try:
        assert ready.wait(300)
        found = re.search(r"is at (http\S+)/", "".join(lines))
        assert found is not None, lines
        yield found[1], lines, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        reader.join()


def wait_for(client: httpx2.Client) -> None:
    """Wait until the server responds."""
    for _ in range(200):
        try:
            assert client.get("/healthz").text == "ok"
            return
        except httpx2.TransportError:
            threading.Event().wait(0.1)
    pytest.fail("the server does not answer")


@pytest.mark.slow
def test_serve_creates_administrator_in_empty_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with served(home) as (address, lines, process), httpx2.Client(base_url=address) as client:
        wait_for(client)
        said = "".join(lines)
        found = re.search(r"one-time password (\S+)", said)
        assert found is not None and said.count(found[1]) == 1 and "Warning" not in said
        origin = {"origin": address}
        answer = client.post("/sign-in", data={"name": "admin", "password": found[1]}, headers=origin)
        assert answer.headers["location"] == "/password" and "server" not in answer.headers
    assert process.returncode == 130
    with served(home, "--host", "0.0.0.0", "--no-worker") as (address, lines, process):
        assert "one-time" not in "".join(lines) and "Warning: other machines" in "".join(lines)
        # A request still open when the server stops, such as a video being watched, is dropped silently.
        host = address.removeprefix("http://").replace("0.0.0.0", "127.0.0.1")
        open_still = socket.create_connection(host.split(":"))  # type: ignore[arg-type]
        form = f"POST /sign-in HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Length: 99\r\n"
        open_still.sendall(f"{form}Content-Type: application/x-www-form-urlencoded\r\n\r\nname=".encode())
        time.sleep(0.5)
    open_still.close()
    assert process.returncode == 130 and "Traceback" not in "".join(lines)


def test_serve_reports_port_in_use(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "redact", "serve", "--port", port, "--no-worker"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 1 and "R715" in ended.stderr and "password" not in ended.stdout
    db = Database()
    with db.reading() as session:
        assert len(all_people(session)) == 6
    db.close()


SHORT = "from redact.cli import main; from redact.demo import scene; scene.SECONDS = 2; main.main()"
"""The command with a demo clip of only two seconds."""


@pytest.mark.slow
def test_serve_demo_leads_to_review(tmp_path: Path) -> None:
    begun = served(tmp_path / "home", "--demo", program=("-c", SHORT))
    with begun as (address, lines, _), httpx2.Client(base_url=address) as client:
        wait_for(client)
        said = "".join(lines)
        review, password = (
            said_by(said, r"demo footage is at http://[^/]+(/\S+)"),
            said_by(said, r"password (\S+) \(new"),
        )
        there = {"accept": "text/html"}
        led = client.get(review, headers=there).headers["location"]
        assert led == f"/sign-in?next={review}"
        sent = {"name": "rita", "password": password, "next": review}
        answer = client.post("/sign-in", data=sent, headers={"origin": address})
        assert answer.headers["location"] == review
        assert client.get(review, headers=there).status_code == 200
        api = f"/api/footage/{review.rpartition('/')[2]}"
        about = client.get(api).json()
        assert about["may_edit"] and about["frames"] == 50 and about["recorded_start"]
        tracks = client.get(f"{api}/tracks").json()["tracks"]
        assert {track["label"] for track in tracks} == {"face", "plate"}
        assert client.get(f"{api}/risks").json()["items"]
        for name, kind in (
            ("proxy.mp4", "video/mp4"),
            ("strip.jpg", "image/jpeg"),
            (f"thumbs/{tracks[0]['id']}.jpg", "image/jpeg"),
        ):
            got = client.get(f"{api}/{name}")
            assert got.status_code == 200 and got.headers["content-type"] == kind and len(got.content) > 500
        assert client.get("/work/release?release=DEMO-FOI-1%231", headers=there).status_code == 200


def said_by(text: str, pattern: str) -> str:
    """The group of ``pattern`` in the printed text."""
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]
