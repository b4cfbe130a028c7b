"""The C2PA manifest in a copy: provenance that other tools can read.

Written offline with ``c2pa-python`` to C2PA specification 2.2. It states that the copy was made by editing another
file, what was hidden and when, and under which policy. That file is an explicit parent; of the master only the hash is
included, if the release allows it. An assertion of our own contains the authority's certificate: its key is the
installation's key, so a reader who knows that key needs no certificate store.

Hiding personal data is ``c2pa.edited`` with the reason ``c2pa.PII.present``; ``c2pa.redacted`` would mean assertions
removed from a manifest. There are no thumbnails, as one of the master would show what the copy hides.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import redact
from redact.audit.keys import CLAIM_SIGNING, C2paCredentials, PublicKey
from redact.disclose.log.entries import Frozen, Sha256
from redact.errors import ManifestFailed
from redact.media.part_file import PartFile, remove_stale_parts

LABEL = "redact.release"
"""Label of our own assertion, :class:`ReleaseAssertion`."""
REASON = "c2pa.PII.present"
_MP4 = "video/mp4"
_PARENT = "master"
_SETTINGS: dict[str, Any] = {
    "version": 1,
    "core": {"allowed_network_hosts": [], "backing_store_memory_threshold_in_mb": 16},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {
        "thumbnail": {"enabled": False},
        # By default the hash excludes free and skip boxes, and a whole master appended in one would go unnoticed.
        "bmff_hash_exclude_free_and_skip_boxes": False,
    },
}


@dataclass(frozen=True, slots=True)
class HiddenRange:
    """Output frames ``first`` to ``last`` (inclusive), ``start`` up to ``end`` seconds, in which something is hidden.
    ``box``: left, top, width and height in pixels, if the release may reveal the position."""

    first: int
    last: int
    start: Fraction
    end: Fraction
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class SoundRange:
    """A range of the output's timeline, in seconds, in which the sound was changed."""

    start: Fraction
    end: Fraction


class ReleaseAssertion(Frozen):
    """The assertion ``redact.release``."""

    policy_sha256: Sha256
    master_sha256: Sha256 | None = None
    """Left out of public releases."""
    authority: str
    """Base64 of the DER certificate of the installation's authority, whose key is the installation's key."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of a copy's manifest, and whether it is valid.

    ``problems``: C2PA failure codes. If empty, the manifest is intact, bound to the bytes of this file and signed under
    the authority of ``key``. The caller decides whether to trust ``key``.
    """

    problems: tuple[str, ...]
    key: PublicKey | None
    release: ReleaseAssertion | None


def sign_copy(
    source: Path,
    target: Path,
    credentials: C2paCredentials,
    *,
    policy_sha256: str,
    master_sha256: str | None,
    hidden: Sequence[HiddenRange],
    sound: Sequence[SoundRange] = (),
    overwrite: bool = False,
) -> None:
    """Write the MP4 ``source`` to ``target`` with a manifest, which is read back before the file gets its name.

    Raises :class:`~redact.errors.ManifestFailed`, and what writing a file raises (OutputExists, OutputNotWritable,
    DiskFull). ``source`` is not changed.
    """
    release = ReleaseAssertion(
        policy_sha256=policy_sha256,
        master_sha256=master_sha256,
        authority=base64.b64encode(credentials.authority_der).decode(),
    )
    remove_stale_parts(target)
    part = PartFile(target)
    try:
        try:
            _write(source, part.path, credentials, _definition(release, hidden, sound))
            found = read(part.path)
        except c2pa.C2paError as error:
            part.sync()  # raises if the disk was the cause
            raise ManifestFailed(f"The C2PA manifest could not be added to {source.name}: {_code(error)}.") from error
        if found is None or found.problems or found.release != release:
            problem = ", ".join(found.problems) if found and found.problems else "its content differs"
            raise ManifestFailed(f"The C2PA manifest of {target.name} does not read back as written: {problem}.")
        part.sync()
        part.publish(overwrite=overwrite)
    finally:
        part.discard()


def read(path: Path) -> Manifest | None:
    """The manifest in the MP4 at ``path``, checked against the file; None if there is none.

    Never uses the network. Anything unreadable is reported as a problem, not raised.
    """
    try:
        report = _report(path, {"verify": {**_SETTINGS["verify"], "verify_after_reading": False}})
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        return Manifest((_code(error),), None, None)
    release, authority = _release(report)
    if release is None or authority is None:
        return Manifest(("the manifest was not made by this program",), None, release)
    public_key = authority.public_key()
    key = PublicKey(public_key) if isinstance(public_key, Ed25519PublicKey) else None
    pem = authority.public_bytes(serialization.Encoding.PEM).decode()
    trust = {"user_anchors": pem, "trust_config": f"{CLAIM_SIGNING.dotted_string}\n"}
    try:
        return Manifest(_problems(_report(path, {"trust": trust})), key, release)
    except c2pa.C2paError as error:
        return Manifest((_code(error),), key, release)


def _write(source: Path, target: Path, credentials: C2paCredentials, definition: dict[str, Any]) -> None:
    chain = credentials.certificate_pem + credentials.authority_pem
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain, credentials.private_pem, None)
    with (
        c2pa.Context.from_dict(_SETTINGS) as context,
        c2pa.Signer.from_info(info) as signer,
        c2pa.Builder(definition, context=context) as builder,
        source.open("rb") as plain,
        target.open("r+b") as signed,
    ):
        builder.sign(signer, _MP4, plain, signed)


def _definition(
    release: ReleaseAssertion, hidden: Sequence[HiddenRange], sound: Sequence[SoundRange]
) -> dict[str, Any]:
    actions: list[dict[str, Any]] = [{"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT]}}]
    if hidden:
        changes = [{"description": "hidden", "region": _regions(r)} for r in hidden]
        actions.append({"action": "c2pa.edited", "reason": REASON, "changes": changes})
    if sound:
        changes = [{"description": "sound changed", "region": [_time(r.start, r.end)]} for r in sound]
        actions.append({"action": "c2pa.dubbed", "reason": REASON, "changes": changes})
    return {
        "claim_generator_info": [{"name": "redact-workbench", "version": redact.__version__}],
        "title": "redacted copy",
        "format": _MP4,
        # Given without the master's bytes, from which the library would copy a manifest written by the camera.
        "ingredients": [
            {
                "label": _PARENT,
                "title": _PARENT,
                "format": _MP4,
                "relationship": "parentOf",
                "instance_id": f"xmp:iid:{uuid.uuid4()}",
            }
        ],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": LABEL, "data": release.model_dump(mode="json", exclude_none=True)},
        ],
    }


def _regions(hidden: HiddenRange) -> list[dict[str, Any]]:
    regions: list[dict[str, Any]] = [
        {"type": "frame", "frame": {"start": hidden.first, "end": hidden.last}},
        _time(hidden.start, hidden.end),
    ]
    if hidden.box is not None:
        x, y, width, height = (float(v) for v in hidden.box)
        place = {"origin": {"x": x, "y": y}, "width": width, "height": height}
        regions.append({"type": "spatial", "shape": {"type": "rectangle", "unit": "pixel", **place}})
    return regions


def _time(start: Fraction, end: Fraction) -> dict[str, Any]:
    # "npt": seconds since the start, as in RFC 2326.
    return {"type": "temporal", "time": {"type": "npt", "start": f"{float(start):.3f}", "end": f"{float(end):.3f}"}}


def _report(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    with (
        c2pa.Context.from_dict({**_SETTINGS, **settings}) as context,
        path.open("rb") as file,
        c2pa.Reader(_MP4, file, context=context) as reader,
    ):
        report = json.loads(reader.json())
    if not isinstance(report, dict):
        raise c2pa.C2paError("no report")
    return report


def _release(report: dict[str, Any]) -> tuple[ReleaseAssertion | None, x509.Certificate | None]:
    """Our assertion in the only manifest, and its certificate; None for anything not in the form we write."""
    try:
        ((label, untrusted_manifest),) = report["manifests"].items()
        if label != report["active_manifest"]:
            return None, None
        (untrusted,) = (a["data"] for a in untrusted_manifest["assertions"] if a["label"] == LABEL)
        release = ReleaseAssertion.model_validate_json(json.dumps(untrusted))
        authority = x509.load_der_x509_certificate(base64.b64decode(release.authority, validate=True))
        # Otherwise anyone could put the key of another installation into a certificate.
        authority.verify_directly_issued_by(authority)
        return release, authority
    except (KeyError, TypeError, ValueError, AttributeError, InvalidSignature):
        return None, None


def _problems(report: dict[str, Any]) -> tuple[str, ...]:
    """Failure codes; one of our own if the reader reports neither success nor a failure."""
    codes = [str(status.get("code")) for status in report.get("validation_status") or ()]
    if not codes and report.get("validation_state") != "Trusted":
        codes = [f"its validation state is {report.get('validation_state')}"]
    (manifest,) = report["manifests"].values()
    # A picture of the master, or a manifest written by a camera, must not be here.
    if manifest.get("thumbnail") or any(set(i) & {"thumbnail", "manifest_data"} for i in manifest["ingredients"]):
        codes.append("it contains a picture or another manifest")
    return tuple(dict.fromkeys(codes))


def _code(error: c2pa.C2paError) -> str:
    # The library's message may contain text from the file: keep printable ASCII only, and limit its length.
    return "".join(c for c in str(error) if c.isascii() and c.isprintable())[:200] or type(error).__name__
