"""The signed statement: round trip, other tools, and refusal of every manipulation."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

from redact.audit.keys import SigningKey, load_or_create
from redact.canonical_json import canonical
from redact.disclose.log.entries import AuditHead, HashedFile
from redact.disclose.pack import statement
from redact.disclose.pack.statement import ModelRef, OutputClaim, Predicate, checked_name, read, sign
from redact.errors import StatementInvalid

SHA = "ab" * 32
FILES = {"01-AB-1.mp4": SHA, "log.json": "cd" * 32}
SCHEMA = Path(statement.__file__).parents[1] / "schemas" / "statement-1.schema.json"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return load_or_create(tmp_path_factory.mktemp("statement") / "keys")


def predicate(**other: Any) -> Predicate:
    fields = {
        "kind": "court",
        "masters": (SHA,),
        "models": (ModelRef(name="centerface", sha256=SHA),),
        "edit_head": SHA,
        "policy": HashedFile(name="court", version="1", sha256=SHA),
        "codes": HashedFile(name="england-wales", version="1", sha256=SHA),
        "outputs": (OutputClaim(file="01-AB-1.mp4", frames=41, pts_sha256=SHA),),
        "audit_head": AuditHead(count=3, hash=SHA, merkle_root=SHA, signature="AAAA", key_fingerprint=SHA),
        "software": "redact-workbench 0.1.0",
        "created": "2026-06-19T14:32:07+00:00",
    }
    return Predicate(**{**fields, **other})


def test_statement_round_trip(key: SigningKey) -> None:
    signed = read(sign(FILES, predicate(), key))
    assert signed.signed_by(key.public)
    assert signed.statement.files == FILES
    assert signed.statement.predicate == predicate()
    # Equal input gives equal output: it contains nothing random and no clock time.
    assert sign(FILES, predicate(), key) == sign(dict(reversed(FILES.items())), predicate(), key)


def test_signature_is_accepted_by_other_tools(key: SigningKey) -> None:
    envelope = Envelope.from_dict(json.loads(sign(FILES, predicate(), key)))
    assert envelope.verify([SSlibKey.from_crypto(key.public.key, key.fingerprint)], 1)
    # Exactly as in the DSSE protocol.
    payload = envelope.payload
    assert envelope.pae() == b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)


def test_statement_schema_matches_model(key: SigningKey) -> None:
    published = json.loads(SCHEMA.read_text())
    assert published == statement.json_schema()
    for stated in (predicate(), predicate(kind="public", masters=None, edit_head=None)):
        payload = base64.b64decode(json.loads(sign(FILES, stated, key))["payload"])
        jsonschema.Draft202012Validator(published).validate(json.loads(payload))


def test_foreign_key_did_not_sign(key: SigningKey, tmp_path: Path) -> None:
    other = load_or_create(tmp_path / "other")
    data = sign(FILES, predicate(), other)
    assert not read(data).signed_by(key.public)
    # Nor if it claims the key id of the right key.
    renamed = data.replace(other.fingerprint.encode(), key.fingerprint.encode())
    assert not read(renamed).signed_by(key.public)


def test_changed_payload_is_not_signed(key: SigningKey) -> None:
    outer = json.loads(sign(FILES, predicate(), key))
    payload = base64.b64decode(outer["payload"])
    for at in range(0, len(payload), 7):
        changed = payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]
        outer["payload"] = base64.b64encode(changed).decode()
        try:
            signed = read(canonical(outer))
        except StatementInvalid:
            continue
        assert not signed.signed_by(key.public), at


def signed_anyhow(payload: bytes, key: SigningKey) -> bytes:
    """A valid signature over any ``payload``."""
    kind = "application/vnd.in-toto+json"
    signature = key.sign_dsse(Envelope(payload, kind, {}).pae())
    signed = {"keyid": key.fingerprint, "sig": base64.b64encode(signature).decode()}
    outer = {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": [signed]}
    return canonical(outer)


BENT: dict[str, Callable[[bytes], bytes]] = {
    "a name that leads out": lambda p: p.replace(b'"name":"log.json"', b'"name":"../log.json"'),
    "an absolute name": lambda p: p.replace(b'"name":"log.json"', b'"name":"/log.json"'),
    "two names alike on Windows": lambda p: p.replace(b'"name":"log.json"', b'"name":"01-ab-1.MP4"'),
    "the statement itself": lambda p: p.replace(b'"name":"log.json"', b'"name":"statement.dsse.json"'),
    "no file": lambda p: p[: p.index(b'"subject":')] + b'"subject":[]}',
    "a hash of another kind": lambda p: p.replace(b'{"sha256":"cdcd', b'{"md5":"cdcd'),
    "a hash in capitals": lambda p: p.replace(b"cdcdcd", b"CDCDCD"),
    "a copy that is no file": lambda p: p.replace(b'"file":"01-AB-1.mp4"', b'"file":"02-AB-1.mp4"'),
    "an unknown field": lambda p: p.replace(b'"kind":"court"', b'"kind":"court","more":1'),
    "a field given twice": lambda p: p.replace(b'"kind":"court"', b'"kind":"internal","kind":"court"'),
    "a number that is text": lambda p: p.replace(b'"frames":41', b'"frames":"41"'),
    "a number that is none": lambda p: p.replace(b'"frames":41', b'"frames":NaN'),
    "a public release with a master": lambda p: p.replace(b'"kind":"court"', b'"kind":"public"'),
    "another predicate": lambda p: p.replace(b"release:1", b"release:2"),
    "another statement": lambda p: p.replace(b"Statement/v1", b"Statement/v2"),
    "a time without a zone": lambda p: p.replace(b"14:32:07+00:00", b"14:32:07"),
    "no JSON": lambda _: b"nonsense",
    "no object": lambda _: b"[]",
    "far too deep": lambda _: b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "broken text": lambda p: p.replace(b"england", b"engl\xffnd"),
}


@pytest.mark.parametrize("bend", BENT.values(), ids=BENT.keys())
def test_invalid_statement_is_refused_though_signed(bend: Callable[[bytes], bytes], key: SigningKey) -> None:
    payload = base64.b64decode(json.loads(sign(FILES, predicate(), key))["payload"])
    assert read(signed_anyhow(payload, key)).signed_by(key.public)
    bent = bend(payload)
    assert bent != payload
    with pytest.raises(StatementInvalid):
        read(signed_anyhow(bent, key))


@pytest.mark.parametrize(
    "change",
    [
        {"payloadType": "application/json"},
        {"signatures": []},
        {"signatures": "none"},
        {"more": 1},
        {"payload": 5},
        {"payload": "e30"},  # no padding
        {"payload": "e3 0="},
        {"signatures": [{"keyid": "x", "sig": "AA==", "cert": ""}]},
        {"signatures": [{"keyid": 5, "sig": "AA=="}]},
        {"signatures": [{"keyid": "x", "sig": "AB=="}]},  # bits beyond the last byte: a non-canonical form
    ],
    ids=str,
)
def test_invalid_envelope_is_refused(change: dict[str, object], key: SigningKey) -> None:
    outer = json.loads(sign(FILES, predicate(), key))
    with pytest.raises(StatementInvalid):
        read(canonical({**outer, **change}))


def test_huge_statement_is_refused_unread(key: SigningKey) -> None:
    with pytest.raises(StatementInvalid, match="large"):
        read(sign(FILES, predicate(), key) + b" " * statement.MOST_BYTES)


def test_invalid_statement_is_never_signed(key: SigningKey) -> None:
    for files in ({}, {"../01-AB-1.mp4": SHA}, {"01-AB-1.mp4": "short"}, {"log.json": SHA}):
        with pytest.raises(StatementInvalid):
            sign(files, predicate(), key)
    with pytest.raises(ValidationError):
        predicate(kind="public")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../a", "a/../b", "/a", "a//b", "a/", "C:a", "a\\b", ".hidden", "a\n", "end.", "end ", "a\u202eb",
     "e\u0301", "x" * 201, "a/b/c/d/e", "nul\0", "what?"],
)  # fmt: skip
def test_unsafe_file_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        checked_name(name)


def test_pack_file_names_are_accepted() -> None:
    for name in ("01-AB-1.mp4", "log.json", "how-to-check.pdf", "drafts/mg6c line.txt", "é.pdf"):
        assert checked_name(name) == name
