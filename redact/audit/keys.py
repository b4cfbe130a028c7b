"""The installation's key, which signs statements, chain heads and the C2PA certificate.

One Ed25519 key identifies the installation: a recipient needs only its public half. C2PA requires a certificate from an
authority, so the installation's key *is* that authority's key, and the certificate it issues is for a second key
(ES256, which every C2PA tool supports) that signs only manifests. Anyone with the public key can tell who signed a
manifest.

A message signed for one purpose cannot pass for another: what :meth:`SigningKey.sign` signs starts with :data:`PREFIX`
and the name of the purpose, a DSSE pre-authentication encoding with ``DSSEv1``, and a certificate with an ASN.1
sequence.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID, ObjectIdentifier

from redact.errors import KeyExposed, KeyUnusable
from redact.home import PRIVATE

KEY_FILE = "installation.pem"
C2PA_FILE = "c2pa.pem"
PREFIX = b"redact-signature-1\n"
_DSSE = b"DSSEv1 "
_LARGEST = 1 << 16
"""Maximum size of a key file in bytes."""
_PRIVATE_FILE = 0o600

CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
"""c2pa-kp-claimSigning, from the C2PA specification; older readers look for document signing (RFC 9336)."""
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
_YEARS = 30
"""Validity of the certificate. Offline there is no timestamp authority, so a manifest can be checked only while its
certificate is valid: this is longer than any release is kept."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of an installation's key."""

    key: Ed25519PublicKey

    @classmethod
    def from_pem(cls, untrusted_pem: bytes) -> PublicKey:
        """Parse one Ed25519 public key. Raises :class:`~redact.errors.KeyUnusable` for anything else."""
        try:
            key = serialization.load_pem_public_key(untrusted_pem)
        except Exception as error:  # the library passes on any error of its parsers
            raise KeyUnusable("This is not a PEM public key.", "Use the public-key.pem from a pack.") from error
        if not isinstance(key, Ed25519PublicKey):
            raise KeyUnusable("This public key is not an Ed25519 key.", "Use the public-key.pem from a pack.")
        return cls(key)

    @property
    def pem(self) -> bytes:
        """The SubjectPublicKeyInfo as PEM text."""
        return self.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the DER SubjectPublicKeyInfo, 64 lower-case hex digits."""
        der = self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()

    def verify(self, domain: str, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` was made by this key over ``message`` for ``domain``."""
        return self._verifies(_with_domain(domain, message), signature)

    def verify_dsse(self, pae: bytes, signature: bytes) -> bool:
        """Whether ``signature`` was made by this key over ``pae``, a DSSE pre-authentication encoding."""
        return pae.startswith(_DSSE) and self._verifies(pae, signature)

    def _verifies(self, data: bytes, signature: bytes) -> bool:
        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """The installation's private key. It appears in no ``repr`` and cannot be pickled."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @property
    def public_pem(self) -> bytes:
        """See :attr:`PublicKey.pem`."""
        return self.public.pem

    @property
    def fingerprint(self) -> str:
        """See :attr:`PublicKey.fingerprint`."""
        return self.public.fingerprint

    def sign(self, domain: str, message: bytes) -> bytes:
        """The 64-byte signature over ``message`` for the purpose ``domain``, a short printable ASCII word."""
        return self._key.sign(_with_domain(domain, message))

    def sign_dsse(self, pae: bytes) -> bytes:
        """Sign a DSSE pre-authentication encoding, which includes its purpose."""
        if not pae.startswith(_DSSE):
            raise ValueError("not a DSSE pre-authentication encoding")
        return self._key.sign(pae)

    def certify(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Sign a certificate as the installation's own authority."""
        return builder.sign(self._key, None)

    def __repr__(self) -> str:
        return f"SigningKey({self.fingerprint[:16]})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key cannot be pickled")


@dataclass(frozen=True, slots=True, repr=False)
class C2paCredentials:
    """The private key that signs C2PA manifests (PKCS #8), its certificate and the authority's certificate, as PEM."""

    private_pem: bytes
    certificate_pem: bytes
    authority_pem: bytes

    @property
    def authority_der(self) -> bytes:
        """The authority's certificate as DER; its key is the installation's."""
        return x509.load_pem_x509_certificate(self.authority_pem).public_bytes(serialization.Encoding.DER)

    def __repr__(self) -> str:
        return "C2paCredentials()"


def load_or_create(folder: Path) -> SigningKey:
    """The installation's key in ``folder``, created there on first use, readable only by its owner.

    Raises :class:`~redact.errors.KeyUnusable` if the file cannot be created, read or parsed (an existing file is never
    replaced), :class:`~redact.errors.KeyExposed` if others may read it.
    """
    data = _read_or_create(folder, KEY_FILE, lambda: _pkcs8(Ed25519PrivateKey.generate()))
    return SigningKey(_ed25519(data, folder / KEY_FILE))


def load_public(folder: Path) -> PublicKey | None:
    """The public half of the key in ``folder``, or None if there is none yet. Raises the same errors as
    :func:`load_or_create`."""
    data = _read(folder / KEY_FILE)
    return None if data is None else SigningKey(_ed25519(data, folder / KEY_FILE)).public


def c2pa_credentials(folder: Path, key: SigningKey) -> C2paCredentials:
    """The credentials that sign C2PA manifests for the installation with ``key``, created in ``folder`` on first use.

    Raises the same errors as :func:`load_or_create`, and :class:`~redact.errors.KeyUnusable` if the certificates were
    not issued by ``key`` or have expired.
    """
    path = folder / C2PA_FILE
    data = _read_or_create(folder, C2PA_FILE, lambda: _new_credentials(key))
    try:
        private = serialization.load_pem_private_key(data, None)
        if not isinstance(private, EllipticCurvePrivateKey):
            raise TypeError("not an elliptic-curve key")
        certificate, authority = x509.load_pem_x509_certificates(data)
        certificate.verify_directly_issued_by(authority)
        authority.verify_directly_issued_by(authority)
        sound = private.public_key() == certificate.public_key() and certified_by(authority, key.public)
    except Exception as error:
        raise _unusable(path, "is damaged") from error
    if not sound:
        raise _unusable(path, "does not belong to the installation's key")
    now = datetime.datetime.now(datetime.UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise _unusable(path, "contains a certificate that is not valid at this computer's current date and time")
    pems = (c.public_bytes(serialization.Encoding.PEM) for c in (certificate, authority))
    return C2paCredentials(_pkcs8(private), *pems)


def certified_by(authority: x509.Certificate, key: PublicKey) -> bool:
    """Whether ``authority`` is a certificate for ``key`` itself."""
    certified = authority.public_key()
    return isinstance(certified, Ed25519PublicKey) and PublicKey(certified).fingerprint == key.fingerprint


def _with_domain(domain: str, message: bytes) -> bytes:
    if not (domain.isascii() and domain.isprintable() and domain):
        raise ValueError("a domain is a printable ASCII word")
    return PREFIX + domain.encode() + b"\n" + message


def _new_credentials(key: SigningKey) -> bytes:
    private = generate_private_key(SECP256R1())
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)  # clocks differ

    def certificate(name: str, public: EllipticCurvePrivateKey | None) -> x509.CertificateBuilder:
        holder = public.public_key() if public else key.public.key
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name, key))
            .issuer_name(_name("authority", key))
            .public_key(holder)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=365 * _YEARS))
            .add_extension(x509.BasicConstraints(public is None, 0 if public is None else None), critical=True)
            .add_extension(_usage(authority=public is None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(holder), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public.key), critical=False)
        )

    purposes = x509.ExtendedKeyUsage([CLAIM_SIGNING, DOCUMENT_SIGNING])
    pems = (
        key.certify(certificate("manifest signer", private).add_extension(purposes, critical=False)),
        key.certify(certificate("authority", None)),
    )
    return _pkcs8(private) + b"".join(c.public_bytes(serialization.Encoding.PEM) for c in pems)


def _name(role: str, key: SigningKey) -> x509.Name:
    # This goes into public files, so it must not identify the force, the computer or a person.
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "redact-workbench"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"redact-workbench {role} {key.fingerprint[:16]}"),
        ]
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pkcs8(key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _ed25519(data: bytes, path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(data, None)
    except Exception as error:  # the library passes on any error of its parsers
        raise _unusable(path, "is damaged") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(path, "does not contain an Ed25519 key")
    return key


def _read_or_create(folder: Path, name: str, create: Callable[[], bytes]) -> bytes:
    """The bytes of the file. If it is missing, one process creates it atomically."""
    path = folder / name
    data = _read(path)
    if data is not None:
        return data
    try:
        folder.mkdir(mode=PRIVATE, exist_ok=True)
        with _folder_lock(folder):
            data = _read(path)
            if data is None:
                data = create()
                _write_new(path, data)
    except OSError as error:
        raise KeyUnusable(
            f'"{path}" cannot be created: {error.strerror}.', "Set REDACT_HOME to a folder that you can write to."
        ) from error
    return data


def _read(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise _unusable(path, "is not a key file")
        # Anyone who can write to the folder can replace the key.
        open_folder = path.parent.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or open_folder:
            raise KeyExposed(
                f'"{path}" or its folder is accessible to other users of this computer.',
                "Remove their access (chmod go-rwx). If anyone may have read the key, inform those who rely on it.",
            )
        return file.read()


@contextlib.contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of ``folder``: only one process at a time creates keys in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.new")
    part.unlink(missing_ok=True)  # left by a killed process; never renamed, so nothing was signed with it
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    part.replace(path)


def _unusable(path: Path, what: str) -> KeyUnusable:
    return KeyUnusable(
        f'"{path}" {what}.',
        "Restore it from your backup. A new one is created only if the file does not exist."
        if path.name == KEY_FILE
        else "Move it elsewhere, and a new one is created from the installation's key.",
    )
