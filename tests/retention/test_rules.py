from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from redact.errors import RetentionInvalid
from redact.records.database import Database
from redact.records.deadlines import CaseKind
from redact.retention import rules
from tests.retention.factory import (
    OLD,
    add,
    dispose,
    status_of,
)

GOOD = """
version = 1
default = "standard"
[class.standard]
days = 31
note = "n"
[class.use-of-force]
days = 183
note = "n"
[after-case]
court = 1
foi = 2
subject-access = 3
complaint = 4
internal = 0
"""


def own_rules(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / rules.FILE).write_text(text)


def test_own_rules_replace_built_in_ones(db: Database, home: Path) -> None:
    own_rules(home, GOOD.replace("days = 31", "days = 40"))
    sha256, long = add(db, "a"), add(db, "b", retention_class="use-of-force")
    assert status_of(db, sha256).runs_out == OLD + timedelta(40)
    assert status_of(db, long).runs_out == OLD + timedelta(183)
    assert [c["sha256"] for c in dispose(db, now=OLD + timedelta(40)).certificates] == [sha256]


# Faults in a rules file, as replacements in a good one.
WRONG = [
    ("days = 31", "days = 0"),
    ("days = 31", "days = 31.5"),
    ("days = 31", "days = true"),
    ("days = 31", 'days = "31"'),
    ("days = 31", "days = 36526"),
    ("days = 31", ""),
    ("days = 31", "days = 31\nhours = 1"),
    ('note = "n"', 'note = ""'),
    ("version = 1", "version = 2"),
    ("version = 1", ""),
    ('default = "standard"', 'default = "other"'),
    ("[class.standard]", "[class.Standard]"),
    ("court = 1", "court = -1"),
    ("court = 1", ""),
    ("court = 1", "court = 1\ncivil = 3"),
    ("[after-case]", "[after_case]"),
    ("version", "verson"),
]


@pytest.mark.parametrize(("good", "wrong"), WRONG)
def test_invalid_rules_are_refused(home: Path, good: str, wrong: str) -> None:
    rules.parse(GOOD.encode(), "the file")
    own_rules(home, GOOD.replace(good, wrong, 1))
    with pytest.raises(RetentionInvalid, match=r"retention\.toml"):
        rules.load_rules()


def test_built_in_rules_are_valid(home: Path) -> None:
    shipped = rules.load_rules()
    assert shipped.classes[shipped.default].days == 31
    assert shipped.after_case[CaseKind.FOI] >= 56 + 42  # internal review, then the Commissioner
