"""An authentic pack passes every check; each forgery fails the checks it must."""

from __future__ import annotations

import base64
import json
import os
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest

from redact.audit.keys import c2pa_credentials, load_or_create
from redact.canonical_json import canonical
from redact.disclose.log.entries import AuditHead
from redact.disclose.log.release_log import ReleaseLog, dump, load
from redact.disclose.pack.c2pa_manifest import sign_copy
from redact.disclose.pack.statement import PUBLIC_KEY_FILE, STATEMENT_FILE
from redact.disclose.verify.findings import CheckOutcome, PackCheck, Verdict
from redact.disclose.verify.untrusted_copy import container
from redact.disclose.verify.verification import verify
from redact.errors import NothingToVerify
from redact.media.hashing import hash_file
from redact.settings import Effect, EffectSettings
from tests.disclose.packs import POLICY, Made, make_pack, signed_head
from tests.media.clips import make_clip

HELD, BROKEN, ABSENT = CheckOutcome.HELD, CheckOutcome.BROKEN, CheckOutcome.ABSENT


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packs")


@pytest.fixture(scope="module")
def authentic(home: Path) -> Made:
    return make_pack(home / "court", home / "keys")


@pytest.fixture(scope="module")
def public(home: Path) -> Made:
    return make_pack(home / "public", home / "keys", public=True)


@pytest.fixture
def pack(authentic: Made, tmp_path: Path) -> Made:
    """A pack to forge."""
    return replace(authentic, folder=Path(shutil.copytree(authentic.folder, tmp_path / "pack")))


def states(verdict: Verdict) -> dict[PackCheck, CheckOutcome]:
    return {result.check: result.state for result in verdict.results}


def broken(verdict: Verdict) -> set[PackCheck]:
    return {result.check for result in verdict.broken}


def checked(pack: Made) -> Verdict:
    return verify(pack.folder, trusted=pack.key.public)


def test_court_pack_passes_every_check(authentic: Made) -> None:
    verdict = verify(authentic.folder, master=authentic.master, trusted=authentic.key.public)
    assert states(verdict) == dict.fromkeys(PackCheck, HELD)
    assert verdict.sound and verdict.signer == authentic.key.fingerprint


def test_public_pack_names_no_master(public: Made) -> None:
    verdict = verify(public.folder, master=public.master, trusted=public.key.public)
    assert states(verdict) == {
        **dict.fromkeys(set(PackCheck) - {PackCheck.MASTER_FRAMES}, HELD),
        PackCheck.MASTER: ABSENT,
    }
    assert verdict.sound


def test_signer_is_unchecked_without_key(authentic: Made) -> None:
    verdict = verify(authentic.folder)
    assert states(verdict)[PackCheck.SIGNER] is ABSENT
    assert verdict.sound and verdict.signer == authentic.key.fingerprint


def test_master_with_other_frame_times_fails(pack: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has the right master hash, but the copy is of other frames."""
    log = load(pack.at("log.json").read_bytes())
    assert isinstance(log, ReleaseLog)
    entry = log.outputs[0].master
    uneven = make_clip(
        pack.folder.with_name("uneven.mp4"), size=(320, 192), pts=[*range(0, 1200, 40), *range(1210, 1610, 40)]
    )
    monkeypatch.setattr(
        "redact.disclose.verify.verification.hash_file",
        lambda path, _=None: entry.sha256 if path == uneven else hash_file(path),
    )
    assert broken(verify(pack.folder, master=uneven, trusted=pack.key.public)) == {PackCheck.MASTER_FRAMES}


def test_other_master_fails(authentic: Made, public: Made) -> None:
    other = public.master.with_name("other.mp4")
    other.write_bytes(public.master.read_bytes() + struct.pack(">I4s", 8, b"free"))
    verdict = verify(authentic.folder, master=other, trusted=authentic.key.public)
    assert broken(verdict) == {PackCheck.MASTER}


def byte_flipped(pack: Made) -> None:
    data = bytearray(pack.at(pack.copy).read_bytes())
    data[data.index(b"mdat") + 500] ^= 1
    pack.at(pack.copy).write_bytes(data)


def frame_dropped(pack: Made) -> None:
    """Re-encoded without one frame."""
    path = pack.at(pack.copy)
    kept = path.with_suffix(".new")
    with av.open(str(path)) as old, av.open(str(kept), "w", format="mp4") as new:
        source = old.streams.video[0]
        stream = new.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = source.width, source.height, "yuv420p"
        assert source.time_base is not None
        stream.codec_context.time_base = source.time_base
        for number, frame in enumerate(old.decode(video=0)):
            if number != 20:
                new.mux(stream.encode(frame.reformat(format="yuv420p")))
        new.mux(stream.encode())
    kept.replace(path)


def frame_dropped_and_signed_again(pack: Made) -> None:
    frame_dropped(pack)
    pack.sign_again()


def log_line_changed(pack: Made) -> None:
    log = pack.at("log.json")
    log.write_bytes(log.read_bytes().replace(b"Priya Raman", b"Primo Raman"))


def log_of_another_release(pack: Made) -> None:
    log = load(pack.at("log.json").read_bytes())
    assert isinstance(log, ReleaseLog)
    other = log.outputs[0].model_copy(update={"pts_sha256": "ab" * 32})
    pack.at("log.json").write_bytes(dump(log.model_copy(update={"outputs": (other,)})))
    pack.sign_again()


def times_of_another_copy(pack: Made) -> None:
    """Log and statement agree with each other, but not with the copy."""
    log_of_another_release(pack)
    (claim,) = pack.predicate.outputs
    other = claim.model_copy(update={"pts_sha256": "ab" * 32})
    pack.sign_again(predicate=pack.predicate.model_copy(update={"outputs": (other,)}))


def master_in_a_free_box(pack: Made) -> None:
    master = pack.master.read_bytes()
    with pack.at(pack.copy).open("ab") as file:
        file.write(struct.pack(">I4s", 8 + len(master), b"free") + master)


def master_in_a_free_box_and_signed_again(pack: Made) -> None:
    master_in_a_free_box(pack)
    pack.sign_again()


def foreign(pack: Made) -> Made:
    """A foreign key in place of the pack's."""
    key = load_or_create(pack.folder.with_name("foreign"))
    pack.at(PUBLIC_KEY_FILE).write_bytes(key.public_pem)
    return replace(pack, key=key)


def statement_signed_by_another(pack: Made) -> None:
    foreign(pack).sign_again()


def all_signed_by_another(pack: Made) -> None:
    """Statement, manifest, audit chain head and key: consistent, but from the wrong signer."""
    other = foreign(pack)
    replace_manifest(pack, "foreign", POLICY, pack.predicate.masters)
    other.sign_again(predicate=pack.predicate.model_copy(update={"audit_head": signed_head(other.key)}))


def manifest_of_another_policy(pack: Made) -> None:
    replace_manifest(pack, "keys", "77" * 32, pack.predicate.masters)
    pack.sign_again()


def manifest_of_another_master(pack: Made) -> None:
    replace_manifest(pack, "keys", POLICY, ("77" * 32,))
    pack.sign_again()


def replace_manifest(pack: Made, keys: str, policy: str, masters: tuple[str, ...] | None) -> None:
    """Replace the manifest by one signed with the key in the folder ``keys``."""
    folder = pack.folder.with_name(keys) if keys == "foreign" else pack.master.with_name(keys)
    path, bare = pack.at(pack.copy), pack.folder.with_name("bare.mp4")
    remux(path, bare)
    path.unlink()
    credentials = c2pa_credentials(folder, load_or_create(folder))
    sign_copy(bare, path, credentials, policy_sha256=policy, master_sha256=masters[0] if masters else None, hidden=[])


def remux(source: Path, target: Path) -> None:
    with av.open(str(source)) as old, av.open(str(target), "w", format="mp4") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)


def remuxed(pack: Made) -> None:
    plain = pack.at(pack.copy).with_suffix(".new")
    remux(pack.at(pack.copy), plain)
    plain.replace(pack.at(pack.copy))


def file_added(pack: Made) -> None:
    pack.at("readme.txt").write_text("nothing to see")


def file_missing(pack: Made) -> None:
    pack.at("log.csv").unlink()


def link_added(pack: Made) -> None:
    pack.at("notes.txt").symlink_to("/etc/hostname")


def link_in_place_of_a_file(pack: Made) -> None:
    """A link to the signed bytes: it could be redirected later."""
    moved = pack.at("log.csv").replace(pack.folder.with_name("log.csv"))
    pack.at("log.csv").symlink_to(moved)


def pipe_added(pack: Made) -> None:
    os.mkfifo(pack.at("pipe"))


def key_replaced(pack: Made) -> None:
    foreign(pack)


def head_of_another_chain(pack: Made) -> None:
    """An audit chain head that differs from the signed one."""
    head_fields = pack.predicate.audit_head.model_dump() | {"count": 16}
    head = AuditHead.model_validate(head_fields)
    log = load(pack.at("log.json").read_bytes())
    assert isinstance(log, ReleaseLog)
    pack.at("log.json").write_bytes(dump(log.model_copy(update={"audit_head": head})))
    pack.sign_again(predicate=pack.predicate.model_copy(update={"audit_head": head}))


def samples_left_out(pack: Made) -> None:
    pack.at("masks.json").write_bytes(b'{"schema_version": "1", "samples": []}')
    pack.sign_again()


def statement_removed(pack: Made) -> None:
    pack.at(STATEMENT_FILE).unlink()


def name_leads_out(pack: Made) -> None:
    """A statement signed by the right key that lists a file outside the folder."""
    outer = json.loads(pack.at(STATEMENT_FILE).read_bytes())
    payload = base64.b64decode(outer["payload"]).replace(b'"name":"log.csv"', b'"name":"../log.csv"')
    pae = b"DSSEv1 %d %b %d %b" % (28, b"application/vnd.in-toto+json", len(payload), payload)
    outer["payload"] = base64.b64encode(payload).decode()
    outer["signatures"][0]["sig"] = base64.b64encode(pack.key.sign_dsse(pae)).decode()
    pack.at("log.csv").replace(pack.folder.with_name("log.csv"))
    pack.at(STATEMENT_FILE).write_bytes(canonical(outer))


FORGERIES: list[tuple[Callable[[Made], None], set[PackCheck], PackCheck | None]] = [
    # forgery, checks that must fail, check that must be absent
    (byte_flipped, {PackCheck.FILES, PackCheck.MANIFEST}, None),
    (frame_dropped, {PackCheck.FILES, PackCheck.FRAMES, PackCheck.CONTAINER}, PackCheck.MANIFEST),
    (frame_dropped_and_signed_again, {PackCheck.LOG, PackCheck.FRAMES, PackCheck.CONTAINER}, PackCheck.MANIFEST),
    (log_line_changed, {PackCheck.FILES}, None),
    (log_of_another_release, {PackCheck.LOG}, None),
    (times_of_another_copy, {PackCheck.FRAMES}, None),
    (master_in_a_free_box, {PackCheck.FILES, PackCheck.MANIFEST, PackCheck.CONTAINER}, None),
    (master_in_a_free_box_and_signed_again, {PackCheck.LOG, PackCheck.MANIFEST, PackCheck.CONTAINER}, None),
    (statement_signed_by_another, {PackCheck.SIGNER}, None),
    (all_signed_by_another, {PackCheck.SIGNER, PackCheck.MANIFEST, PackCheck.AUDIT_HEAD}, None),
    (manifest_of_another_policy, {PackCheck.LOG, PackCheck.MANIFEST}, None),
    (manifest_of_another_master, {PackCheck.LOG, PackCheck.MANIFEST}, None),
    (remuxed, {PackCheck.FILES}, PackCheck.MANIFEST),
    (file_added, {PackCheck.FILES}, None),
    (file_missing, {PackCheck.FILES}, None),
    (link_added, {PackCheck.FILES}, None),
    (link_in_place_of_a_file, {PackCheck.FILES}, None),
    (pipe_added, {PackCheck.FILES}, None),
    (key_replaced, {PackCheck.FILES, PackCheck.SIGNER}, None),
    (head_of_another_chain, {PackCheck.AUDIT_HEAD}, None),
    (samples_left_out, {PackCheck.MASKS}, None),
    (statement_removed, {PackCheck.SIGNATURE, PackCheck.SIGNER}, PackCheck.FILES),
    (name_leads_out, {PackCheck.SIGNATURE, PackCheck.SIGNER}, PackCheck.FILES),
]


@pytest.mark.parametrize("row", FORGERIES, ids=lambda row: row[0].__name__)
def test_forgery_fails_expected_checks(
    row: tuple[Callable[[Made], None], set[PackCheck], PackCheck | None], pack: Made
) -> None:
    forge, must_break, must_lack = row
    forge(pack)
    verdict = checked(pack)
    assert must_break <= broken(verdict)
    assert not verdict.sound
    assert must_lack is None or states(verdict)[must_lack] is ABSENT


def test_added_file_fails_only_file_check(pack: Made) -> None:
    """Otherwise a reader could not distinguish a lost file from a forged one."""
    file_added(pack)
    assert broken(checked(pack)) == {PackCheck.FILES}


def test_statement_of_other_pack_fails(pack: Made, public: Made) -> None:
    shutil.copy(public.at(STATEMENT_FILE), pack.at(STATEMENT_FILE))
    assert {PackCheck.FILES, PackCheck.LOG, PackCheck.FRAMES} <= broken(checked(pack))


def test_pack_of_other_key_passes_only_without_trusted_key(pack: Made) -> None:
    """A trusted key is needed: without one, such a pack passes."""
    all_signed_by_another(pack)
    verdict = verify(pack.folder)
    assert states(verdict)[PackCheck.SIGNER] is ABSENT
    assert PackCheck.MANIFEST not in broken(verdict)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(4) + b"manifest\0" + bytes(8)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + box(b"uuid", bytes(range(16)) + b"a master, perhaps"),
        lambda data: data + box(b"uuid", C2PA_BOX + box(b"jumb", b"")),  # a second manifest
        lambda data: data.replace(b"manifest\0", b"anything\0"),
        lambda data: data[:32] + box(b"uuid", C2PA_BOX + box(b"jumb", b"") + b"more") + without_manifest(data),
        lambda data: box(b"ftyp", data[8:32] + b"hidden in the brands" * 4) + data[32:],
        lambda data: data + box(b"free", bytes(65)),
        lambda data: data + box(b"free", b"\x01"),
        lambda data: data + box(b"moof", b""),
        lambda data: data + b"trailing",
    ],
)
def test_container_check_finds_hidden_content(change: Callable[[bytes], bytes], pack: Made) -> None:
    data = pack.at(pack.copy).read_bytes()
    assert data[4:8] == b"ftyp" and data[:4] == bytes([0, 0, 0, 32]) and data[36:40] == b"uuid"
    pack.at(pack.copy).write_bytes(change(data))
    assert container(pack.at(pack.copy), "").state is BROKEN


def without_manifest(data: bytes) -> bytes:
    return data[32 + int.from_bytes(data[32:36], "big") :]


@pytest.mark.parametrize("effect", [Effect.SOLID, Effect.MOSAIC, Effect.BLUR])
def test_mask_check_finds_missing_masks(effect: Effect, tmp_path: Path, home: Path) -> None:
    """Everything is consistent and signed by the right key; only the picture lacks its masks."""
    bare = make_pack(tmp_path / "bare", home / "keys", effect=EffectSettings(effect), masked=False)
    assert broken(checked(bare)) == {PackCheck.MASKS}


@pytest.mark.parametrize(
    "effect", [EffectSettings(Effect.MOSAIC), EffectSettings(Effect.BLUR), EffectSettings(fill=(200, 30, 40))]
)
def test_mask_check_recognises_every_effect(effect: EffectSettings, tmp_path: Path, home: Path) -> None:
    made = make_pack(tmp_path / "pack", home / "keys", effect=effect)
    assert states(checked(made))[PackCheck.MASKS] is HELD


def test_mask_check_finds_missing_masks_of_public_pack(tmp_path: Path, home: Path) -> None:
    bare = make_pack(tmp_path / "bare", home / "keys", public=True, masked=False)
    assert broken(checked(bare)) == {PackCheck.MASKS}


def test_copy_alone_is_verified_by_manifest(authentic: Made, tmp_path: Path) -> None:
    alone = Path(shutil.copy(authentic.at(authentic.copy), tmp_path / "renamed.mp4"))
    verdict = verify(alone, master=authentic.master, trusted=authentic.key.public)
    assert states(verdict)[PackCheck.MANIFEST] is HELD and verdict.sound
    assert {states(verdict)[w] for w in (PackCheck.SIGNATURE, PackCheck.FRAMES, PackCheck.MASKS, PackCheck.MASTER)} == {
        ABSENT
    }
    # Without a trusted key, a manifest alone proves integrity but not the signer.
    assert states(verify(alone))[PackCheck.SIGNER] is ABSENT


def test_copy_beside_statement_is_checked_against_it(authentic: Made, tmp_path: Path) -> None:
    for name in (authentic.copy, STATEMENT_FILE, PUBLIC_KEY_FILE):
        shutil.copy(authentic.at(name), tmp_path / name)
    copy = tmp_path / authentic.copy
    verdict = verify(copy, master=authentic.master, trusted=authentic.key.public)
    assert states(verdict) == {
        **dict.fromkeys(set(PackCheck) - {PackCheck.LOG, PackCheck.AUDIT_HEAD, PackCheck.MASTER_FRAMES}, HELD),
        PackCheck.MASKS: ABSENT,
    }
    byte_flipped(replace(authentic, folder=tmp_path))
    assert {PackCheck.FILES, PackCheck.MANIFEST} <= broken(verify(copy, trusted=authentic.key.public))
    shutil.copy(authentic.master, tmp_path / "else.mp4")
    assert PackCheck.FILES in broken(verify(tmp_path / "else.mp4", trusted=authentic.key.public))


def test_unsigned_file_is_not_sound(authentic: Made, tmp_path: Path) -> None:
    alone = Path(shutil.copy(authentic.master, tmp_path / "bare.mp4"))
    verdict = verify(alone)
    assert not verdict.sound


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"#EXTM3U\nhttp://127.0.0.1/x.ts\n", b'{"payload":'])
def test_invalid_copy_fails_without_crash(content: bytes, pack: Made) -> None:
    pack.at(pack.copy).write_bytes(content)
    assert {PackCheck.FILES, PackCheck.CONTAINER, PackCheck.FRAMES} <= broken(checked(pack))


@pytest.mark.parametrize("name", ["log.json", "masks.json", STATEMENT_FILE, PUBLIC_KEY_FILE])
@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b'{"schema_version":"1","schema_version":"1"}', b"\xff\xfe"])
def test_invalid_documents_fail_without_crash(name: str, content: bytes, pack: Made) -> None:
    pack.at(name).write_bytes(content)
    assert not checked(pack).sound


def test_verify_refuses_archive_and_missing_path(tmp_path: Path) -> None:
    archive = tmp_path / "pack.zip"
    archive.write_bytes(b"PK\x03\x04" + bytes(30))
    for path in (archive, tmp_path / "nowhere"):
        with pytest.raises(NothingToVerify):
            verify(path)
