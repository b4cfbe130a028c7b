"""The API page names everything that is public, and its example runs."""

from __future__ import annotations

import dataclasses
import enum
import re
from pathlib import Path

import pytest

import redact
from tests.docs.test_pages import example, page
from tests.media.clips import make_clip


def test_public_names_are_documented() -> None:
    words = set(re.findall(r"\w+", page("api.md")))
    assert [name for name in redact.__all__ if name not in words] == []


def test_settings_are_documented() -> None:
    words = set(re.findall(r"\w+", page("api.md")))
    for name in redact.__all__:
        item = getattr(redact, name)
        if isinstance(item, enum.EnumMeta):
            assert [member for member in item.__members__ if member not in words] == [], name
        elif isinstance(item, type) and name.endswith("Settings"):
            assert [field.name for field in dataclasses.fields(item) if field.name not in words] == [], name


def test_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(tmp_path / "bodycam.mp4", frames=6)
    monkeypatch.chdir(tmp_path)
    exec(compile(example(page("api.md"), "example.py"), "example.py", "exec"), {"__name__": "example"})
    assert capsys.readouterr().out.splitlines()[-1].startswith("bodycam.redacted.mp4 6 ")
    assert {path.name for path in tmp_path.iterdir()} == {"bodycam.mp4", "bodycam.redacted.mp4", "bodycam.tracks.json"}
