"""The installation's key: only one, never replaced, never shown; each signature is valid for one purpose only."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from redact.audit.keys import (
    C2PA_FILE,
    CLAIM_SIGNING,
    KEY_FILE,
    PublicKey,
    c2pa_credentials,
    load_or_create,
    load_public,
)
from redact.errors import KeyExposed, KeyUnusable


def test_key_is_created_once_and_readable_by_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert load_public(folder) is None
    before = os.umask(0)
    try:
        key = load_or_create(folder)
        c2pa_credentials(folder, key)
    finally:
        os.umask(before)
    assert sorted(p.name for p in folder.iterdir()) == [C2PA_FILE, KEY_FILE]
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    public = load_public(folder)
    assert public is not None
    assert load_or_create(folder).fingerprint == key.fingerprint == public.fingerprint


def test_key_is_shared_by_processes_started_together(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from redact.audit.keys import load_or_create;"
        "print(load_or_create(Path(sys.argv[1])).fingerprint)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "keys")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    found = [process.communicate(timeout=60)[0] for process in running]
    assert len(found[0].strip()) == 64 and len(set(found)) == 1


def test_key_creation_killed_midway_leaves_no_key(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    half = tmp_path / f".{KEY_FILE}.new"
    half.write_bytes(b"-----BEGIN PRIV")
    assert load_public(tmp_path) is None
    assert load_or_create(tmp_path).fingerprint
    assert not half.exists()


def test_signature_is_valid_for_one_message_and_purpose(tmp_path: Path) -> None:
    key = load_or_create(tmp_path / "keys")
    public = PublicKey.from_pem(key.public_pem)
    signature = key.sign("purpose-1", b"message")
    assert public.verify("purpose-1", b"message", signature)
    assert not public.verify("purpose-2", b"message", signature)
    assert not public.verify("purpose-1", b"messagf", signature)
    # The boundary between the two is part of the signed bytes.
    assert not public.verify("purpose", b"-1\nmessage", signature)
    assert not public.verify_dsse(b"message", signature)
    assert not public.verify("purpose-1", b"message", b"")
    with pytest.raises(ValueError, match="DSSE"):
        key.sign_dsse(b"redact-signature-1\npurpose-1\nmessage")
    with pytest.raises(ValueError, match="domain"):
        key.sign("two\nlines", b"message")


def test_private_key_is_never_shown(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    key = load_or_create(folder)
    credentials = c2pa_credentials(folder, key)
    secret = folder.joinpath(KEY_FILE).read_text().splitlines()[1]
    for shown in (repr(key), str(key), repr(credentials), f"{credentials}"):
        assert secret not in shown and "PRIVATE" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(key)


@pytest.mark.parametrize("name", [KEY_FILE, C2PA_FILE])
def test_key_readable_by_others_is_refused(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    c2pa_credentials(folder, load_or_create(folder))
    folder.joinpath(name).chmod(0o640)
    with pytest.raises(KeyExposed):
        c2pa_credentials(folder, load_or_create(folder))
    folder.joinpath(name).chmod(0o600)
    folder.chmod(0o770)
    with pytest.raises(KeyExposed):
        c2pa_credentials(folder, load_or_create(folder))


@pytest.mark.parametrize("name", [KEY_FILE, C2PA_FILE])
@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", bytes(1 << 17)]
)
def test_damaged_key_is_never_replaced(name: str, content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    c2pa_credentials(folder, load_or_create(folder))
    folder.joinpath(name).write_bytes(content)
    with pytest.raises(KeyUnusable):
        c2pa_credentials(folder, load_or_create(folder))
    assert folder.joinpath(name).read_bytes() == content


def test_key_symlinks_are_not_followed(tmp_path: Path) -> None:
    load_or_create(tmp_path / "other")
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    folder.joinpath(KEY_FILE).symlink_to(tmp_path / "other" / KEY_FILE)
    with pytest.raises(KeyUnusable):
        load_or_create(folder)


def test_certificate_is_issued_by_installation_key(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    key = load_or_create(folder)
    credentials = c2pa_credentials(folder, key)
    assert c2pa_credentials(folder, key) == credentials
    certificate = x509.load_pem_x509_certificate(credentials.certificate_pem)
    authority = x509.load_pem_x509_certificate(credentials.authority_pem)
    certificate.verify_directly_issued_by(authority)
    assert authority.public_key() == key.public.key
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert CLAIM_SIGNING in purposes
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    # Certificates of another installation are not accepted.
    other = load_or_create(tmp_path / "other")
    with pytest.raises(KeyUnusable):
        c2pa_credentials(folder, other)


def test_public_key_must_be_ed25519(tmp_path: Path) -> None:
    key = load_or_create(tmp_path / "keys")
    elliptic = generate_private_key(SECP256R1()).public_key()
    pem = elliptic.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for wrong in (b"", pem, key.public_pem[:-30], tmp_path.joinpath("keys", KEY_FILE).read_bytes()):
        with pytest.raises(KeyUnusable):
            PublicKey.from_pem(wrong)
    assert PublicKey.from_pem(key.public_pem).fingerprint == key.fingerprint
