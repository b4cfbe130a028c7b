"""What docs/workbench.md says that somebody could change elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

from redact.records.accounts import Role

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/workbench.md").read_text(encoding="utf-8")


def rows(head: str) -> list[tuple[str, str]]:
    """Of the table that begins with this line."""
    _, _, after = PAGE.partition(f"{head}\n|---|---|\n")
    table, _, _ = after.partition("\n\n")
    return re.findall(r"^\| (.+) \| (.+) \|$", table, re.MULTILINE)


def test_roles_are_those_there_are() -> None:
    assert [name for name, _ in rows("| Role | May |")] == [role.value for role in Role]


def test_keys_do_what_the_page_says() -> None:
    script = (ROOT / "ui/redact_ui/static/review/commands/keys.js").read_text(encoding="utf-8")
    does = {key: what.lower() for key, what in re.findall(r'^  \["([^"]+)", "[^"]+", "([^"]+)"', script, re.MULTILINE)}
    told = rows("| Key | What it does |")
    assert len(told) > 8
    for keys, what in told:
        assert ", ".join(does[key] for key in keys.split(", ")) == what.lower()
