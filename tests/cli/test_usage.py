"""Rules for every command: help, exit codes, one JSON document on stdout, escaped text, and a quick start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from redact.cli.shared.output import inert
from tests.cli.runner import ROOT, finish, redact, start

COMMANDS = ("run", "detect", "apply", "convert", "evaluate", "bench", "batch", "demo", "doctor")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    ended = redact(command, "--help")
    assert ended.code == 0
    assert f"Example: redact {command}" in ended.out


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import atexit, sys; sys.argv = ['redact', '--help']\n"
        "atexit.register(lambda: print(*sys.modules))\n"
        "from redact.cli.main import main\n"
        "main()"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = {name.split(".")[0] for name in ended.stdout.splitlines()[-1].split()}
    assert "redact" in loaded
    assert not loaded & {"torch", "av", "ultralytics", "openvino", "onnxruntime", "cv2", "moviepy", "numpy"}


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("nonsense",),
        ("run",),
        ("run", "in.mp4", "--effect", "sparkle"),
        ("run", "in.mp4", "--classes", "face,dog"),
        ("run", "in.mp4", "--classes", ","),
        ("run", "in.mp4", "--fill", "black"),
        ("run", "in.mp4", "--fill", "#00000"),
        ("run", "in.mp4", "--quality", "52"),
        ("run", "in.mp4", "--quality", "-1"),
        ("run", "in.mp4", "--codec", "av1", "--encoder-preset", "fast"),
        ("run", "in.mp4", "--mute", "10"),
        ("run", "in.mp4", "--bleep", "5-4"),
        ("run", "in.mp4", "-o", "out.avi"),
        ("run", "in.mp4", "-o", "in.mp4"),
        ("run", "in.mp4", "--tracks", "in.mp4"),
        ("run", "in.mp4", "-o", "out.mp4", "--tracks", "out.mp4"),
        ("convert", "a.json", "-o", "b.xml"),
        ("convert", "a.json", "-o", "b.xml", "--to", "cvat", "--from", "cvat"),
        ("convert", "a.xml", "-o", "b.json", "--from", "cvat"),
        ("batch", ".", "-o", "."),
    ],
)
def test_usage_error_exits_with_2(args: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.mp4").write_bytes(b"not even looked at")
    ended = redact(*args)
    assert ended.code == 2
    assert ended.out + ended.err
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_json_error_is_the_only_output_on_stdout(tmp_path: Path) -> None:
    ended = redact("run", tmp_path / "none.mp4", "--json")
    assert ended.code == 1
    assert ended.document["ok"] is False
    assert [failure["code"] for failure in ended.document["failed"]] == ["R200"]
    assert ended.document["failed"][0]["text"] in " ".join(ended.err.split())


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_file_names_are_escaped(tmp_path: Path, extra: tuple[str, ...]) -> None:
    # Rich markup, an escape sequence, a line break, and a mark that reverses the reading direction.
    ended = redact("run", tmp_path / "[red]x[red]\x1b[31m\n\u202egpj.mp4", *extra)
    assert ended.code == 1
    assert "[red]x[red]\\x1b[31m\\x0a\\u202egpj.mp4" in ended.err
    for sign in ("\x1b", "\u202e"):
        assert sign not in ended.out + ended.err


def test_inert_keeps_ordinary_names() -> None:
    assert inert("Überwachung 7 – café ‘x’ 東京.mp4") == "Überwachung 7 – café ‘x’ 東京.mp4"
    assert inert(b"\xff.mp4".decode("utf-8", "surrogateescape")) == "\\udcff.mp4"


@pytest.mark.parametrize(("debug", "traced"), [("0", False), ("1", True)])
def test_unexpected_error_has_code_and_no_traceback(tmp_path: Path, debug: str, traced: bool) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import redact.cli.doctor as d\nd.all_checks = lambda: 1 / 0\n")
    env = {"PYTHONPATH": f"{site}:{ROOT}", "REDACT_DEBUG": debug}
    ended = finish(start("doctor", "--json", env=env))
    assert ended.code == 1
    assert [failure["code"] for failure in ended.document["failed"]] == ["R999"]
    assert "ZeroDivisionError" in ended.err
    assert ("Traceback" in ended.err) is traced
