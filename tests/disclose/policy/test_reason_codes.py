"""Lists of reason codes: the one shipped, and invalid files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from redact.disclose.policy.reason_codes import (
    Codes,
    Exemption,
    Regime,
    ReleaseKind,
    Use,
    list_codes,
    load_codes,
    parse_codes,
)
from redact.errors import CodeNotAllowed, CodesInvalid, CodesUnknown, CodeUnknown
from redact.home import home
from redact.strict_toml import LARGEST_FILE

HEAD = 'format = 1\nversion = "1"\ntitle = "Own"\n'
ENTRY = """
[code.X1]
title = "T"
statute = "S"
legal_basis = "B"
kinds = ["court"]
use = "redaction"
"""
EXPECTED_CODES = (
    "s12 s14(1) s21 s23 s24 s30(1)(a) s30(1)(b) s30(1)(c) s30(2) s31(1)(a) s31(1)(b) s31(1)(c) s31(1)(d) s31(1)(e)"
    " s31(1)(f) s31(1)(g) s32 s38(1)(a) s38(1)(b) s40(2)-3A s40(2)-3B s40(2)-4A s40(5) s41 s42 s44"
    " s45(4)(a) s45(4)(b) s45(4)(c) s45(4)(d) s45(4)(e) s45(5) s53 Art15(4) Sch2-2 Sch2-5 Sch2-16 Sch2-19"
    " NR TP SENS PII LPP ORDER ANON"
)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))


def parsed(text: str) -> Codes:
    return parse_codes(text.encode(), "own", "own.toml")


def test_shipped_codes_are_complete_and_hashed() -> None:
    codes = load_codes()
    assert " ".join(codes.by_id) == EXPECTED_CODES
    raw = (Path(__file__).parents[3] / "redact/disclose/policy/codes/england-wales.toml").read_bytes()
    assert codes.raw == raw
    assert codes.sha256 == hashlib.sha256(raw).hexdigest()


def test_exemptions_are_absolute_or_have_limbs_as_in_the_act() -> None:
    codes = [code for code in load_codes().by_id.values() if code.exemption]
    # Section 2(3) of the Act lists these, and of section 40(2) only the first condition.
    assert {c.id for c in codes if c.exemption is Exemption.ABSOLUTE} == {
        "s21",
        "s23",
        "s32",
        "s40(2)-3A",
        "s41",
        "s44",
    }
    # "would, or would be likely to": sections 31 and 38, and no other of the list.
    assert {c.id for c in codes if c.limb} == {f"s31(1)({x})" for x in "abcdefg"} | {"s38(1)(a)", "s38(1)(b)"}
    assert all(code.balance is (code.exemption is Exemption.QUALIFIED) for code in codes)


@pytest.mark.parametrize(
    ("id_", "kind", "regime"),
    [
        ("s40(2)-3A", ReleaseKind.PUBLIC, None),
        ("TP", ReleaseKind.COURT, None),
        ("TP", ReleaseKind.INTERNAL, None),
        ("s45(4)(e)", ReleaseKind.SUBJECT_ACCESS, Regime.DPA_PART_3),
        ("Sch2-16", ReleaseKind.SUBJECT_ACCESS, Regime.UK_GDPR),
    ],
)
def test_code_is_allowed_for_its_kind_and_regime(id_: str, kind: ReleaseKind, regime: Regime | None) -> None:
    assert load_codes().for_hiding(id_, kind, regime).id == id_


@pytest.mark.parametrize(
    ("id_", "kind", "regime", "why"),
    [
        ("TP", ReleaseKind.PUBLIC, None, "is not for public releases"),
        ("s40(2)-3A", ReleaseKind.COURT, None, "is not for court releases"),
        ("PII", ReleaseKind.INTERNAL, None, "is not for internal releases"),
        # A ground of the other regime.
        ("s45(4)(e)", ReleaseKind.SUBJECT_ACCESS, Regime.UK_GDPR, "dpa-part-3"),
        ("Art15(4)", ReleaseKind.SUBJECT_ACCESS, Regime.DPA_PART_3, "uk-gdpr"),
        # Reasons to refuse a request cannot justify a redaction.
        ("s12", ReleaseKind.PUBLIC, None, "as a whole"),
        ("s40(5)", ReleaseKind.PUBLIC, None, "as a whole"),
        ("s53", ReleaseKind.SUBJECT_ACCESS, Regime.DPA_PART_3, "as a whole"),
    ],
)
def test_code_is_refused_for_other_kind_or_regime(id_: str, kind: ReleaseKind, regime: Regime | None, why: str) -> None:
    with pytest.raises(CodeNotAllowed, match=why):
        load_codes().for_hiding(id_, kind, regime)


def test_unknown_code_is_refused() -> None:
    with pytest.raises(CodeUnknown, match="'s40'"):
        load_codes().get("s40")


def test_valid_code_list_is_read() -> None:
    codes = parsed(HEAD + ENTRY)
    assert codes.by_id["X1"].use is Use.REDACTION
    assert codes.by_id["X1"].kinds == (ReleaseKind.COURT,)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (HEAD, "lists no codes"),
        (HEAD.replace("format = 1", "format = 2") + ENTRY, "top of the file format is 2"),
        (HEAD.replace("format = 1", "format = true") + ENTRY, "format is not a number"),
        (HEAD.replace('version = "1"', 'version = "1 b"') + ENTRY, "version"),
        (HEAD + 'note = "x"\n' + ENTRY, "top of the file has unknown keys: 'note'"),
        (HEAD + ENTRY + "limbs = true", r"\[code.X1\] has unknown keys: 'limbs'"),
        (HEAD + ENTRY.replace('statute = "S"\n', ""), r"\[code.X1\] lacks statute"),
        (HEAD + ENTRY.replace('"T"', '"T\\u001b[31m"'), r"\[code.X1\] title is not a line"),
        (HEAD + ENTRY.replace('"T"', '" "'), r"\[code.X1\] title is not a line"),
        (HEAD + ENTRY.replace('["court"]', "[]"), r"\[code.X1\] kinds"),
        (HEAD + ENTRY.replace('["court"]', '["courts"]'), r"\[code.X1\] kinds is 'courts'"),
        (HEAD + ENTRY.replace('["court"]', '["court", "court"]'), r"\[code.X1\] kinds lists an item twice"),
        (HEAD + ENTRY.replace("code.X1", 'code."X 1"'), "is not a valid code"),
        (HEAD + ENTRY.replace("code.X1", 'code."X,1"'), "is not a valid code"),
        (HEAD + ENTRY + ENTRY.replace("code.X1", "code.x1"), "differ only in case"),
        (HEAD + ENTRY + ENTRY, "not TOML"),
        (HEAD + "code = 3", r"\[code\] is not a table"),
        # Without the exemption, officers would never be asked for the public interest test.
        (HEAD + ENTRY.replace('"court"', '"public"'), "absolute or qualified"),
        (HEAD + ENTRY + 'exemption = "qualified"', "only codes for public releases"),
        (HEAD + ENTRY.replace('"court"', '"public"') + 'exemption = "absolute"\nlimb = true', "has limb = true"),
        (HEAD + ENTRY.replace('"court"', '"public"') + 'exemption = "qualified"\nlimb = "yes"', "limb is neither"),
        (HEAD + ENTRY.replace('"court"', '"subject-access"'), "regime"),
        (HEAD + ENTRY + 'regime = "uk-gdpr"', "regime"),
        (HEAD + ENTRY + "x = " + "[" * 5000 + "]" * 5000, "."),
    ],
)
def test_invalid_code_list_is_refused_with_its_place(text: str, where: str) -> None:
    with pytest.raises(CodesInvalid, match=where) as error:
        parsed(text)
    assert "own.toml" in error.value.text
    assert "No record was changed." in error.value.text


@pytest.mark.parametrize("raw", [b"\xff", b"#" * (LARGEST_FILE + 1)])
def test_code_list_refuses_other_bytes(raw: bytes) -> None:
    with pytest.raises(CodesInvalid):
        parse_codes(raw, "own", "own.toml")


def put(name: str, text: str) -> Path:
    path = home() / "codes" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_own_code_list_stands_beside_shipped_one() -> None:
    put("our-force.toml", HEAD + ENTRY)
    put("our-force.toml~", "an editor's copy")
    assert list_codes() == ("england-wales", "our-force")
    assert load_codes("our-force").by_id.keys() == {"X1"}
    # It does not change the shipped list.
    assert "X1" not in load_codes().by_id


@pytest.mark.parametrize("name", ["england-wales.toml", "Our Force.toml"])
def test_own_code_list_needs_valid_name(name: str) -> None:
    put(name, HEAD + ENTRY)
    with pytest.raises(CodesInvalid, match=name):
        load_codes()


@pytest.mark.parametrize("name", ["none", "../codes/own", "", "england-wales.toml"])
def test_unknown_code_list_is_refused(name: str) -> None:
    put("own.toml", HEAD + ENTRY)
    with pytest.raises(CodesUnknown, match="Available: england-wales, own"):
        load_codes(name)


def test_broken_own_code_list_is_named() -> None:
    path = put("own.toml", HEAD)
    with pytest.raises(CodesInvalid, match=str(path)):
        load_codes("own")
