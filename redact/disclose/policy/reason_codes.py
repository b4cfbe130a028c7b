"""Reason codes: why something may be hidden, under which law, and what an officer must argue for it.

A list is one TOML file: ``codes/england-wales.toml`` or a force's own in ``REDACT_HOME/codes/NAME.toml``. A release
stores the bytes and hash of one whole list, so no other file can change what its codes mean.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from redact.disclose.policy.data_files import DataFiles
from redact.errors import CodeNotAllowed, CodesInvalid, CodesUnknown, CodeUnknown
from redact.strict_toml import LONGEST_PARAGRAPH, Refusal, Table, parse_table

FORMAT = 1
"""Version of the file format; ``version`` in the file is the version of the list."""
DEFAULT_LIST = "england-wales"
CODE_FILES = DataFiles("codes", "list of reason codes", CodesInvalid, CodesUnknown)
# No comma, semicolon or space: logs put several codes in one cell.
_CODE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9()./_-]{0,31}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,31}")


class ReleaseKind(StrEnum):
    """The audience of a release."""

    COURT = "court"
    PUBLIC = "public"
    SUBJECT_ACCESS = "subject-access"
    INTERNAL = "internal"


class Regime(StrEnum):
    """The law under which a subject access request is answered. Each has grounds of its own."""

    UK_GDPR = "uk-gdpr"
    DPA_PART_3 = "dpa-part-3"


class Use(StrEnum):
    """What a code can justify: hiding part of the footage, or answering a request as a whole."""

    REDACTION = "redaction"
    REQUEST = "request"


class Exemption(StrEnum):
    """A FOIA exemption is absolute, or qualified and so subject to the public interest test (section 2)."""

    ABSOLUTE = "absolute"
    QUALIFIED = "qualified"


@dataclass(frozen=True, slots=True)
class Code:
    """One reason code. ``assessment`` and ``reference`` say what an officer must write for it; None for nothing."""

    id: str
    title: str
    statute: str
    legal_basis: str
    kinds: tuple[ReleaseKind, ...]
    use: Use
    exemption: Exemption | None = None
    limb: bool = False
    """Whether the officer must say if prejudice *would* or *would be likely to* follow."""
    regime: Regime | None = None
    """None if the code is not for subject access."""
    assessment: str | None = None
    reference: str | None = None

    @property
    def balance(self) -> bool:
        """Whether the public interest test applies."""
        return self.exemption is Exemption.QUALIFIED


@dataclass(frozen=True, slots=True)
class Codes:
    """A list of reason codes. ``raw`` holds the bytes of its file and ``sha256`` their hash."""

    name: str
    version: str
    title: str
    by_id: Mapping[str, Code]
    sha256: str
    raw: bytes = field(repr=False)

    def get(self, untrusted_id: str) -> Code:
        """The code with this id. Raises :class:`CodeUnknown`."""
        if untrusted_id not in self.by_id:
            raise CodeUnknown(
                f"The list {self.name} has no reason code {untrusted_id!r}.",
                "`redact codes list` shows all codes.",
            )
        return self.by_id[untrusted_id]

    def for_hiding(self, untrusted_id: str, kind: ReleaseKind, regime: Regime | None) -> Code:
        """A code that can justify hiding something in a release of this kind and regime.

        Raises :class:`CodeUnknown` or :class:`CodeNotAllowed`.
        """
        code = self.get(untrusted_id)
        why = _why_not(code, kind, regime)
        if why:
            raise CodeNotAllowed(
                f"The reason code {code.id} {why}.", "`redact codes list` shows where each code applies."
            )
        return code

    def hiding(self, kind: ReleaseKind, regime: Regime | None) -> tuple[Code, ...]:
        """Every code that :meth:`for_hiding` accepts, in the order of the list."""
        return tuple(code for code in self.by_id.values() if not _why_not(code, kind, regime))


def _why_not(code: Code, kind: ReleaseKind, regime: Regime | None) -> str:
    """Why a code cannot justify hiding something in such a release; empty if it can."""
    if code.use is not Use.REDACTION:
        return "answers a request as a whole and cannot justify hiding part of the footage"
    if kind not in code.kinds:
        return f"is not for {kind} releases"
    if kind is ReleaseKind.SUBJECT_ACCESS and code.regime is not regime:
        return f"is a ground under {code.regime}, but this release is answered under {regime}"
    return ""


def load_codes(untrusted_name: str = DEFAULT_LIST) -> Codes:
    """The list with this name. Raises :class:`CodesUnknown` and :class:`CodesInvalid`."""
    file = CODE_FILES.read(untrusted_name)
    return parse_codes(file.untrusted_raw, file.name, file.origin)


def list_codes() -> tuple[str, ...]:
    """Names of all lists, shipped ones first. Raises :class:`CodesInvalid`."""
    return CODE_FILES.names()


def parse_codes(untrusted_raw: bytes, name: str, origin: str) -> Codes:
    """A list from the bytes of its file, or of a snapshot of that file. ``origin`` names it in error messages.

    Raises :class:`CodesInvalid`.
    """

    def refusal(why: str) -> CodesInvalid:
        return CodesInvalid(f"In the list of reason codes {origin}, {why}.", "Correct the file.")

    table = parse_table(untrusted_raw, refusal)
    table.whole("format", FORMAT, FORMAT)
    version, title = version_of(table), table.text("title")
    codes = {id_: _code(id_, entry) for id_, entry in table.tables("code")}
    if not codes:
        table.refuse("lists no codes")
    table.done()
    _check_case(codes, refusal)
    return Codes(name, version, title, codes, hashlib.sha256(untrusted_raw).hexdigest(), untrusted_raw)


def version_of(table: Table) -> str:
    """The version stated in a file."""
    version = table.text("version")
    if not _VERSION.fullmatch(version):
        table.refuse("has a version with characters other than letters, digits, dots and hyphens")
    return version


def _check_case(codes: Mapping[str, Code], refusal: Refusal) -> None:
    """Refuse ids that differ only in case: readers would take s40(2)-3a and s40(2)-3A for the same code."""
    seen: dict[str, str] = {}
    for id_ in codes:
        other = seen.setdefault(id_.casefold(), id_)
        if other != id_:
            raise refusal(f"[code.{id_}] and [code.{other}] differ only in case")


def _code(id_: str, table: Table) -> Code:
    if not _CODE_ID.fullmatch(id_):
        table.refuse("is not a valid code: use at most 32 letters, digits and ( ) . / _ -")
    code = Code(
        id_,
        table.text("title"),
        table.text("statute"),
        table.text("legal_basis", LONGEST_PARAGRAPH),
        table.members("kinds", ReleaseKind),
        table.member("use", Use),
        table.member("exemption", Exemption) if "exemption" in table else None,
        table.flag("limb") if "limb" in table else False,
        table.member("regime", Regime) if "regime" in table else None,
        table.text("assessment", LONGEST_PARAGRAPH) if "assessment" in table else None,
        table.text("reference", LONGEST_PARAGRAPH) if "reference" in table else None,
    )
    table.done()
    if (code.regime is not None) != (ReleaseKind.SUBJECT_ACCESS in code.kinds):
        table.refuse("must name a regime for subject access, and for no other kind of release")
    if code.limb and not code.balance:
        table.refuse("has limb = true but is not qualified: every exemption with a prejudice test is qualified")
    if code.exemption is not None and code.kinds != (ReleaseKind.PUBLIC,):
        table.refuse("has an exemption, which only codes for public releases can have")
    if code.use is Use.REDACTION and ReleaseKind.PUBLIC in code.kinds and code.exemption is None:
        # Without it, officers would never be asked for the public interest test.
        table.refuse("must say whether the exemption is absolute or qualified")
    return code
