"""The C2PA manifest: what it states and withholds, and that changes and foreign authorities are found."""

from __future__ import annotations

import base64
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from redact.audit.keys import C2paCredentials, SigningKey, c2pa_credentials, load_or_create
from redact.disclose.pack import c2pa_manifest
from redact.disclose.pack.c2pa_manifest import HiddenRange, SoundRange, read, sign_copy
from redact.errors import KeyUnusable, ManifestFailed, OutputExists
from tests.media.clips import AudioSpec, make_clip

POLICY, MASTER = "90" * 32, "1c" * 32
HIDDEN = HiddenRange(3, 8, Fraction(3, 25), Fraction(9, 25), (40.0, 30.0, 60.0, 50.0))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c2pa") / "keys"


@pytest.fixture(scope="module")
def key(keys: Path) -> SigningKey:
    return load_or_create(keys)


@pytest.fixture(scope="module")
def credentials(keys: Path, key: SigningKey) -> C2paCredentials:
    return c2pa_credentials(keys, key)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "AXON-4471-secret.mp4", audio=[AudioSpec()])


@pytest.fixture
def copy(clip: Path, credentials: C2paCredentials) -> Path:
    return signed(clip, clip.with_name("copy.mp4"), credentials)


def signed(clip: Path, target: Path, credentials: C2paCredentials, **other: Any) -> Path:
    fields = {"policy_sha256": POLICY, "master_sha256": MASTER, "hidden": [HIDDEN]}
    sign_copy(clip, target, credentials, **{**fields, **other})
    return target


def manifest_of(copy: Path) -> dict[str, Any]:
    """What any C2PA tool reads from the file."""
    with copy.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        report = json.loads(reader.json())
    (manifest,) = report["manifests"].values()
    assert isinstance(manifest, dict)
    return manifest


def assertion(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    (found,) = (a["data"] for a in manifest["assertions"] if a["label"] == label)
    assert isinstance(found, dict)
    return found


def test_manifest_states_edits_and_is_valid(copy: Path, clip: Path, key: SigningKey) -> None:
    before = clip.read_bytes()
    found = read(copy)
    assert found is not None and found.key is not None and found.release is not None
    assert found.problems == ()
    assert found.key.fingerprint == key.fingerprint
    assert (found.release.policy_sha256, found.release.master_sha256) == (POLICY, MASTER)
    manifest = manifest_of(copy)
    opened, edited = assertion(manifest, "c2pa.actions.v2")["actions"]
    assert opened["action"] == "c2pa.opened"
    assert (edited["action"], edited["reason"]) == ("c2pa.edited", "c2pa.PII.present")
    frame, time, place = edited["changes"][0]["region"]
    assert frame["frame"] == {"start": 3, "end": 8}
    assert time["time"] == {"type": "npt", "start": "0.120", "end": "0.360"}
    assert place["shape"]["origin"] == {"x": 40.0, "y": 30.0}
    # Its parent is a separate file, not the copy.
    (parent,) = manifest["ingredients"]
    assert parent["relationship"] == "parentOf" and parent["instance_id"] != manifest["instance_id"]
    assert clip.read_bytes() == before


def test_manifest_calls_changed_sound_dubbed(clip: Path, credentials: C2paCredentials) -> None:
    target = signed(clip, clip.with_name("b.mp4"), credentials, hidden=[], sound=[SoundRange(Fraction(1), Fraction(2))])
    actions = assertion(manifest_of(target), "c2pa.actions.v2")["actions"]
    assert [a["action"] for a in actions] == ["c2pa.opened", "c2pa.dubbed"]


def test_signing_keeps_picture_and_sound_bytes(clip: Path, copy: Path) -> None:
    packets = []
    for path in (clip, copy):
        with av.open(str(path)) as container:
            packets.append([(p.stream.index, p.pts, bytes(p)) for p in container.demux() if p.size])
    assert packets[0] == packets[1] and packets[0]


def test_manifest_of_public_release_names_no_master(clip: Path, credentials: C2paCredentials) -> None:
    public = replace(HIDDEN, box=None)
    target = signed(clip, clip.with_name("video-1.mp4"), credentials, master_sha256=None, hidden=[public])
    data = target.read_bytes()
    manifest = data[data.index(b"uuid") : data.index(b"mdat")]
    for secret in (b"AXON", b"4471", MASTER.encode(), str(clip.parent).encode(), socket.gethostname().encode()):
        assert secret not in manifest
    for picture in (b"\xff\xd8\xff", b"\x89PNG", b"JFIF", b"c2pa.thumbnail", b"origin"):
        assert picture not in manifest
    assert "master_sha256" not in assertion(manifest_of(target), "redact.release")


def test_signing_and_reading_open_no_socket(
    clip: Path, credentials: C2paCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's own settings matter too: it does not use Python's sockets."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("went to the network")

    monkeypatch.setattr(socket, "socket", refuse)
    assert read(signed(clip, clip.with_name("c.mp4"), credentials)) is not None
    settings = c2pa_manifest._SETTINGS
    assert settings["core"]["allowed_network_hosts"] == []
    assert not settings["verify"]["remote_manifest_fetch"] and not settings["verify"]["ocsp_fetch"]


def in_media(data: bytes) -> bytes:
    return flipped(data, data.index(b"mdat") + 300)


def in_index(data: bytes) -> bytes:
    return flipped(data, data.index(b"mvhd") + 20)


def in_assertion(data: bytes) -> bytes:
    return flipped(data, data.index(POLICY.encode()))


def in_range(data: bytes) -> bytes:
    return flipped(data, data.index(b"0.360"))


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def free_box(data: bytes) -> bytes:
    return data + struct.pack(">I4s", 8 + 5000, b"free") + bytes(range(250)) * 20


def skip_box(data: bytes) -> bytes:
    return data + struct.pack(">I4s", 8 + 5000, b"skip") + bytes(range(250)) * 20


@pytest.mark.parametrize("change", [in_media, in_index, in_assertion, in_range, free_box, skip_box])
def test_manifest_check_finds_every_change(change: Callable[[bytes], bytes], copy: Path) -> None:
    copy.write_bytes(change(copy.read_bytes()))
    found = read(copy)
    assert found is not None and found.problems


def test_unsigned_file_has_no_manifest(clip: Path) -> None:
    assert read(clip) is None


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\x00\x00\x00\x18ftypisom" + bytes(12)])
def test_unreadable_file_is_a_problem_or_has_no_manifest(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    found = read(path)
    assert found is None or found.problems


def test_authority_of_other_installation_is_refused(clip: Path, credentials: C2paCredentials, tmp_path: Path) -> None:
    """A foreign signature under the installation's own authority, which anyone can take from any copy."""
    stranger = c2pa_credentials(tmp_path / "stranger", load_or_create(tmp_path / "stranger"))
    mixed = replace(stranger, authority_pem=credentials.authority_pem)
    with pytest.raises(ManifestFailed):
        signed(clip, clip.with_name("d.mp4"), mixed)
    # Without our own final check:
    target = clip.with_name("e.mp4")
    target.write_bytes(b"")
    release = c2pa_manifest.ReleaseAssertion(
        policy_sha256=POLICY, authority=base64.b64encode(credentials.authority_der).decode()
    )
    c2pa_manifest._write(clip, target, stranger, c2pa_manifest._definition(release, [HIDDEN], []))
    found = read(target)
    assert found is not None and "signingCredential.untrusted" in found.problems


def test_forged_authority_is_refused(clip: Path, key: SigningKey, tmp_path: Path) -> None:
    """The installation's public key in a certificate with a foreign signature."""
    stranger = load_or_create(tmp_path / "stranger")
    credentials = c2pa_credentials(tmp_path / "stranger", stranger)
    real = x509.load_pem_x509_certificate(credentials.authority_pem)
    forged = stranger.certify(
        x509.CertificateBuilder(real.issuer, real.subject, key.public.key, real.serial_number)
        .not_valid_before(real.not_valid_before_utc)
        .not_valid_after(real.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
    ).public_bytes(serialization.Encoding.DER)
    target = clip.with_name("f.mp4")
    target.write_bytes(b"")
    release = c2pa_manifest.ReleaseAssertion(policy_sha256=POLICY, authority=base64.b64encode(forged).decode())
    c2pa_manifest._write(clip, target, credentials, c2pa_manifest._definition(release, [HIDDEN], []))
    found = read(target)
    assert found is not None and found.problems and found.key is None


def test_signing_never_overwrites_unasked(copy: Path, clip: Path, credentials: C2paCredentials) -> None:
    before = copy.read_bytes()
    with pytest.raises(OutputExists):
        signed(clip, copy, credentials)
    assert copy.read_bytes() == before
    assert sorted(p.name for p in copy.parent.iterdir()) == sorted([clip.name, copy.name])


def test_failed_signing_leaves_no_file(tmp_path: Path, credentials: C2paCredentials) -> None:
    source = tmp_path / "broken.mp4"
    source.write_bytes(b"not a video")
    with pytest.raises(ManifestFailed):
        signed(source, tmp_path / "out.mp4", credentials)
    assert [p.name for p in tmp_path.iterdir()] == ["broken.mp4"]


def test_expired_certificate_is_refused(keys: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redact.audit.keys._YEARS", 0)
    old = keys.with_name("old")
    with pytest.raises(KeyUnusable, match="not valid"):
        c2pa_credentials(old, load_or_create(old))
