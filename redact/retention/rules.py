"""How long footage is kept: the rules that ship, or the force's own in ``REDACT_HOME/retention.toml``."""

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
"""A hundred years."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Footage of the class ``name`` is kept ``days`` from its recording; ``note`` says why."""

    name: str
    days: int
    note: str


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """One file of rules. ``sha256`` is of its bytes."""

    origin: str
    sha256: str
    default: str
    classes: Mapping[str, RetentionRule]
    after_case: Mapping[CaseKind, int]
    """Days for which footage is kept after its case was closed."""


def load_rules() -> RetentionRules:
    """The rules that hold here. Raises RetentionInvalid: rules that are not understood dispose of nothing."""
    own = home() / FILE
    try:
        with own.open("rb") as file:
            return parse(file.read(LARGEST_FILE + 1), f'"{own}"')
    except FileNotFoundError:
        return parse(resources.files("redact.retention").joinpath(FILE).read_bytes(), "the rules of the workbench")
    except OSError as error:
        raise RetentionInvalid(f'"{own}" cannot be read: {error.strerror}.', "Mend or remove it.") from error


def parse(untrusted_raw: bytes, origin: str) -> RetentionRules:
    """Rules from the bytes of their file. Raises RetentionInvalid."""

    def refusal(why: str) -> RetentionInvalid:
        return RetentionInvalid(f"The retention rules in {origin} cannot be used: {why}.", "Mend the file.")

    top = parse_table(untrusted_raw, refusal)
    top.whole("version", 1, 1)
    default = top.text("default")
    classes = {name: _rule(name, table) for name, table in top.tables("class")}
    if default not in classes:
        top.refuse(f"has the default {default!r}, for which there is no [class.{default}]")
    after = top.table("after-case")
    after_case = {kind: after.whole(kind.value, 0, LONGEST_DAYS) for kind in CaseKind}
    after.done()
    top.done()
    return RetentionRules(origin, hashlib.sha256(untrusted_raw).hexdigest(), default, classes, after_case)


def _rule(name: str, table: Table) -> RetentionRule:
    if not _NAME.fullmatch(name):
        table.refuse("cannot be the name of a class: use lower-case letters, digits and -")
    rule = RetentionRule(name, table.whole("days", 1, LONGEST_DAYS), table.text("note", _LONGEST_NOTE))
    table.done()
    return rule
