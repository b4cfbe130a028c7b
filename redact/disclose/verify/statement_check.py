"""Checks who signed the statement of a pack, and the audit chain head in it."""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path

from redact.audit.chain import HEAD_DOMAIN, SignedHead
from redact.audit.keys import PublicKey
from redact.disclose.log.entries import AuditHead
from redact.disclose.pack.statement import MOST_BYTES, PUBLIC_KEY_FILE, STATEMENT_FILE, SignedStatement, read
from redact.disclose.verify.findings import CheckResult, PackCheck, absent, broken, held
from redact.disclose.verify.untrusted_pack import small_file
from redact.errors import KeyUnusable, StatementInvalid

_KEY_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class StatementCheck:
    """The statement, if it could be read; the key to check everything against; and the results so far."""

    statement: SignedStatement | None
    key: PublicKey | None
    results: tuple[CheckResult, ...]


def check_statement(folder: Path, trusted: PublicKey | None, *, pack: bool) -> StatementCheck:
    """Check the signature and signer of the statement in ``folder``.

    ``trusted``: the key that must have signed; None to use the key in the folder. ``pack``: every pack has a statement;
    a single copy need not have one beside it.
    """
    own = _own_key(folder / PUBLIC_KEY_FILE)
    key = trusted or own
    path = folder / STATEMENT_FILE
    untrusted = small_file(path, MOST_BYTES)
    if untrusted is None:
        text = f"{STATEMENT_FILE} is missing or cannot be read."
        if pack or os.path.lexists(path):
            return StatementCheck(None, key, (broken(PackCheck.SIGNATURE, text), _signer(None, trusted, own)))
        unsigned = absent(PackCheck.SIGNER, "There is no signed statement.")
        return StatementCheck(None, key, (absent(PackCheck.SIGNATURE, text), unsigned))
    try:
        signed = read(untrusted)
    except StatementInvalid as error:
        return StatementCheck(None, key, (broken(PackCheck.SIGNATURE, error.happened), _signer(None, trusted, own)))
    signer = next((k for k in (trusted, own) if k is not None and signed.signed_by(k)), None)
    if signer is None:
        text = "The statement was changed after it was signed, or was signed by an unknown key."
        return StatementCheck(signed, key, (broken(PackCheck.SIGNATURE, text), _signer(None, trusted, own)))
    text = f"The statement is unchanged since the key {signer.fingerprint} signed it."
    return StatementCheck(signed, key, (held(PackCheck.SIGNATURE, text), _signer(signer, trusted, own)))


def _own_key(pem: Path) -> PublicKey | None:
    data = small_file(pem, _KEY_BYTES)
    try:
        return PublicKey.from_pem(data) if data is not None else None
    except KeyUnusable:
        return None


def _signer(signer: PublicKey | None, trusted: PublicKey | None, own: PublicKey | None) -> CheckResult:
    if trusted is None:
        return absent(
            PackCheck.SIGNER,
            "The signer was not checked: no trusted key was given. Ask the force for the fingerprint of its key. The "
            f"fingerprint of the key in this pack is {own.fingerprint if own else 'missing'}.",
        )
    if signer is None:
        return broken(PackCheck.SIGNER, f"The trusted key, {trusted.fingerprint}, did not sign this statement.")
    if signer.fingerprint != trusted.fingerprint:
        return broken(PackCheck.SIGNER, f"It was signed by the key {signer.fingerprint}, which is not the trusted key.")
    if own is not None and own.fingerprint != trusted.fingerprint:
        return broken(PackCheck.SIGNER, f"{PUBLIC_KEY_FILE} is not the key that signed the statement.")
    return held(PackCheck.SIGNER, "It was signed by the trusted key.")


def check_audit_head(head: AuditHead | None, key: PublicKey | None) -> CheckResult:
    """Check the signature of the audit chain head from a statement or log."""
    if head is None:
        return absent(PackCheck.AUDIT_HEAD, "There is neither a statement nor a log with an audit chain head.")
    if key is None:
        return absent(PackCheck.AUDIT_HEAD, "There is no key to check the audit chain head against.")
    if head.key_fingerprint != key.fingerprint or not _head_signed(head, key):
        return broken(PackCheck.AUDIT_HEAD, "The audit chain head was not signed by that key.")
    return held(PackCheck.AUDIT_HEAD, f"The audit chain head, at {head.count} events, was signed by the same key.")


def _head_signed(head: AuditHead, key: PublicKey) -> bool:
    try:
        signature = base64.b64decode(head.signature, validate=True)
    except binascii.Error:
        return False
    message = SignedHead(head.count, head.hash, head.merkle_root, head.signature, head.key_fingerprint).message
    return key.verify(HEAD_DOMAIN, message, signature)
