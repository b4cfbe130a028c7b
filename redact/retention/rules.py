"""Retention rules: the built-in ones, or the force's own in ``REDACT_HOME/retention.toml``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from redact.errors import RetentionInvalid
from redact.home import home
from redact.records.deadlines import CaseKind
from redact.strict_toml import LARGEST_FILE, Table, parse_table

FILE = "retention.toml"
LONGEST_DAYS = 36_525
"""Longest retention in days: a hundred years."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Footage of the class ``name`` is kept for ``days`` from its recording; ``note`` gives the reason."""

    name: str
    days: int
    note: str


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """The rules from one file; ``sha256`` is the hash of its bytes."""

    origin: str
    sha256: str
    default: str
    classes: Mapping[str, RetentionRule]
    after_case: Mapping[CaseKind, int]
    """Days for which footage is kept after its case is closed, by kind of case."""


def load_rules() -> RetentionRules:
    """The rules in force. Raises RetentionInvalid: nothing is disposed of under rules that cannot be parsed."""
    own = home() / FILE
    try:
        with own.open("rb") as file:
            return parse(file.read(LARGEST_FILE + 1), f'"{own}"')
    except FileNotFoundError:
        return parse(resources.files("redact.retention").joinpath(FILE).read_bytes(), "the built-in file")
    except OSError as error:
        raise RetentionInvalid(f'"{own}" cannot be read: {error.strerror}.', "Correct or remove the file.") from error


def parse(untrusted_raw: bytes, origin: str) -> RetentionRules:
    """Parse the bytes of a rules file. Raises RetentionInvalid."""

    def refusal(why: str) -> RetentionInvalid:
        return RetentionInvalid(f"The retention rules in {origin} cannot be used: {why}.", "Correct the file.")

    top = parse_table(untrusted_raw, refusal)
    top.whole("version", 1, 1)
    default = top.text("default")
    classes = {name: _rule(name, table) for name, table in top.tables("class")}
    if default not in classes:
        top.refuse(f"has the default {default!r}, but no [class.{default}]")
    after = top.table("after-case")
    after_case = {kind: after.whole(kind.value, 0, LONGEST_DAYS) for kind in CaseKind}
    after.done()
    top.done()
    return RetentionRules(origin, hashlib.sha256(untrusted_raw).hexdigest(), default, classes, after_case)


def _rule(name: str, table: Table) -> RetentionRule:
    if not _NAME.fullmatch(name):
        table.refuse("is not a valid class name: use lower-case letters, digits and -")
    rule = RetentionRule(name, table.whole("days", 1, LONGEST_DAYS), table.text("note", _LONGEST_NOTE))
    table.done()
    return rule
