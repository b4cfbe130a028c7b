"""Does a pack, or a single copy, hold what it says? Asked without the records, and without the network.

Everything in the folder may have been made by somebody who wants to be believed. So the statement is read first and its
signature checked; each file is held against it; and what the statement and the log say of the copies is then looked for
in the copies themselves, by decoding every frame. A proof that cannot be had is told as absent, never as held.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from redact.audit.chain import HEAD_DOMAIN, SignedHead
from redact.audit.keys import PublicKey
from redact.disclose.log.entries import AuditHead, OutputFacts
from redact.disclose.log.release_log import (
    LOG_FILE,
    MASKS_FILE,
    MAX_BYTES,
    MaskSamples,
    PublishedLog,
    ReleaseLog,
    load,
    load_samples,
)
from redact.disclose.pack.statement import (
    MOST_BYTES,
    PUBLIC_KEY_FILE,
    STATEMENT_FILE,
    OutputClaim,
    SignedStatement,
    read,
)
from redact.disclose.verify import untrusted_copy
from redact.disclose.verify.findings import Check, CheckResult, Verdict, absent, broken, held
from redact.disclose.verify.untrusted_copy import (
    Expected,
    MaskChecker,
    RangeFillChecker,
    SampleMaskChecker,
    same_frames,
)
from redact.disclose.verify.untrusted_pack import PackFolder, is_file, list_pack_folder, small_file
from redact.errors import KeyUnusable, LogUnreadable, MasterChanged, NothingToVerify, RedactError, StatementInvalid
from redact.media.hashing import hash_file, unchanged
from redact.media.probe import probe
from redact.media.reader import scan
from redact.media.types import FrameTable
from redact.media.untrusted_file import file_size
from redact.progress import Progress, silent
from redact.settings import Interlaced, OnCorrupt

_KEY_BYTES = 1 << 14
_TOLD = 5


def verify(
    path: Path, *, master: Path | None = None, trusted: PublicKey | None = None, progress: Progress = silent
) -> Verdict:
    """Every proof of the pack in the folder ``path``, or of the copy ``path``.

    ``trusted``: the key that must have signed; without it the pack's own is taken, and the signer told as unchecked.
    ``master``: the file the copies were made from, to be held against what is said of it. Raises
    :class:`~redact.errors.NothingToVerify` where ``path`` is neither, InputMissing for a master that cannot be read,
    and whatever ``progress`` raises.
    """
    if master is not None:
        file_size(master)  # rather than after all the decoding
    if path.is_dir():
        return _PackVerifier(list_pack_folder(path), trusted, progress).verdict(master)
    if not path.is_file():
        raise NothingToVerify(f"{path} is not there.", "Give the folder of a pack, or a copy out of one.")
    if _is_archive(path):
        raise NothingToVerify(f"{path.name} is an archive.", "Unpack it with its password, and give the folder.")
    return _CopyVerifier(path.resolve(), trusted, progress).verdict(master)


def _is_archive(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise NothingToVerify(f"{path} cannot be read: {error.strerror}.", "Check the permissions.") from error


@dataclass(frozen=True, slots=True)
class _StatementCheck:
    """The statement, where it could be read; the key it is held against; and what was found on the way."""

    statement: SignedStatement | None
    key: PublicKey | None
    results: tuple[CheckResult, ...]


def _signed(statement: Path, pem: Path, trusted: PublicKey | None, *, pack: bool) -> _StatementCheck:
    """Who signed the statement? Every pack has one; beside a single copy there may be none."""
    own = _own_key(pem)
    key = trusted or own
    untrusted = small_file(statement, MOST_BYTES)
    if untrusted is None:
        text = f"There is no {STATEMENT_FILE} that could be read."
        if pack or os.path.lexists(statement):
            return _StatementCheck(None, key, (broken(Check.SIGNATURE, text), _signer(None, trusted, own)))
        return _StatementCheck(
            None, key, (absent(Check.SIGNATURE, text), absent(Check.SIGNER, "Nobody has signed a statement."))
        )
    try:
        signed = read(untrusted)
    except StatementInvalid as error:
        return _StatementCheck(None, key, (broken(Check.SIGNATURE, error.happened), _signer(None, trusted, own)))
    signer = next((k for k in (trusted, own) if k is not None and signed.signed_by(k)), None)
    if signer is None:
        text = "The statement was changed after it was signed, or is signed by a key that is not known here."
        return _StatementCheck(signed, key, (broken(Check.SIGNATURE, text), _signer(None, trusted, own)))
    text = f"The statement is as it was signed by the key {signer.fingerprint}."
    return _StatementCheck(signed, key, (held(Check.SIGNATURE, text), _signer(signer, trusted, own)))


def _own_key(pem: Path) -> PublicKey | None:
    data = small_file(pem, _KEY_BYTES)
    try:
        return PublicKey.from_pem(data) if data is not None else None
    except KeyUnusable:
        return None


def _signer(signer: PublicKey | None, trusted: PublicKey | None, own: PublicKey | None) -> CheckResult:
    if trusted is None:
        return absent(
            Check.SIGNER,
            "The signer was not checked: no key was given to hold the pack against. Ask the force for its key's "
            f"fingerprint; this pack's own key has {own.fingerprint if own else 'none'}.",
        )
    if signer is None:
        return broken(Check.SIGNER, f"The key that is trusted, {trusted.fingerprint}, has not signed this.")
    if signer.fingerprint != trusted.fingerprint:
        return broken(Check.SIGNER, f"It is signed by the key {signer.fingerprint}, which is not the one trusted.")
    if own is not None and own.fingerprint != trusted.fingerprint:
        return broken(Check.SIGNER, f"{PUBLIC_KEY_FILE} is another key than the one that signed.")
    return held(Check.SIGNER, "It is signed by the key that is trusted.")


class _PackVerifier:
    """A pack's folder."""

    def __init__(self, folder: PackFolder, trusted: PublicKey | None, progress: Progress) -> None:
        self._folder, self._progress = folder, progress
        here = folder.path
        self._signed = _signed(here / STATEMENT_FILE, here / PUBLIC_KEY_FILE, trusted, pack=True)
        self._statement = self._signed.statement.statement if self._signed.statement else None
        self._log: ReleaseLog | PublishedLog | None = None
        self._tables: dict[str, FrameTable] = {}

    def verdict(self, master: Path | None) -> Verdict:
        results = [*self._signed.results, self._files(), self._read_log(), self._audit_head()]
        samples = self._read_samples()
        for file in self._copies():
            results.extend(self._copy(file, samples))
        if master is not None:
            results.extend(self._master(master))
        key = self._signed.key
        return Verdict(self._folder.path, tuple(results), key.fingerprint if key else None)

    def _files(self) -> CheckResult:
        """Every file is the one that was signed, none is missing and none was added."""
        if self._statement is None:
            return absent(Check.FILES, "Without a statement there is nothing to hold the files against.")
        said, there = self._statement.files, self._folder.files
        wrong = list(self._folder.strange)
        wrong += [f"{name!r} is missing" for name in said if name not in there]
        wrong += [f"{name!r} was added" for name in there if name not in said and name != STATEMENT_FILE]
        for name in said.keys() & there.keys():
            try:
                if hash_file(there[name], self._progress) != said[name]:
                    wrong.append(f"{name!r} was changed")
            except RedactError as error:
                wrong.append(error.happened)
        if wrong:
            more = f" and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
            return broken(Check.FILES, f"{'; '.join(sorted(wrong)[:_TOLD])}{more}.")
        return held(Check.FILES, f"All {len(said)} files are the ones that were signed, and there are no others.")

    def _read_log(self) -> CheckResult:
        data = small_file(self._folder.path / LOG_FILE, MAX_BYTES)
        if data is None:
            return broken(Check.LOG, f"There is no {LOG_FILE} that could be read.")
        try:
            self._log = load(data)
        except LogUnreadable as error:
            return broken(Check.LOG, error.happened)
        if self._statement is None:
            return absent(Check.LOG, "The log is in order, but there is no statement to hold it against.")
        said, log = self._statement.predicate, self._log
        pairs: dict[str, tuple[object, object]] = {
            "the kind of release": (said.kind, log.kind),
            "the copies": (
                {(o.file, o.frames, o.pts_sha256) for o in said.outputs},
                {(o.file, o.frames, o.pts_sha256) for o in log.outputs},
            ),
            "the copies' hashes": (
                {o.file: self._statement.files[o.file] for o in said.outputs},
                {o.file: o.sha256 for o in log.outputs},
            ),
            "the policy": (said.policy, log.policy),
            "the codes": (said.codes, log.codes_list),
            "the audit head": (said.audit_head, log.audit_head),
        }
        if isinstance(log, ReleaseLog):
            pairs["the masters"] = (set(said.masters or ()), {o.master.sha256 for o in log.outputs})
        for what, (ours, theirs) in pairs.items():
            if ours != theirs:
                return broken(Check.LOG, f"Log and statement contradict each other on {what}.")
        return held(Check.LOG, "The log is in order and says what the statement says.")

    def _audit_head(self) -> CheckResult:
        source = self._statement.predicate if self._statement else self._log
        if source is None:
            return absent(Check.AUDIT_HEAD, "There is neither statement nor log to read the audit head from.")
        head, key = source.audit_head, self._signed.key
        if key is None:
            return absent(Check.AUDIT_HEAD, "There is no key to hold the audit head against.")
        if head.key_fingerprint != key.fingerprint or not _head_signed(head, key):
            return broken(Check.AUDIT_HEAD, "The head of the audit chain does not bear that key's signature.")
        return held(Check.AUDIT_HEAD, f"The head of the audit chain, {head.count} events, is signed by the same key.")

    def _read_samples(self) -> MaskSamples | None:
        data = small_file(self._folder.path / MASKS_FILE, MAX_BYTES)
        try:
            return load_samples(data) if data is not None else None
        except LogUnreadable:
            return None

    def _copies(self) -> list[str]:
        """Of the statement; without one those of the log; without both what is there."""
        if self._statement is not None:
            return [output.file for output in self._statement.predicate.outputs]
        if self._log is not None:
            return [output.file for output in self._log.outputs]
        return sorted(name for name in self._folder.files if name.lower().endswith(".mp4"))

    def _copy(self, file: str, samples: MaskSamples | None) -> list[CheckResult]:
        path = self._folder.files.get(file)
        if path is None:
            return [broken(Check.FRAMES, "The copy is missing.", file)]
        claim = (
            next((o for o in self._statement.predicate.outputs if o.file == file), None) if self._statement else None
        )
        index = next((i for i, o in enumerate(self._log.outputs) if o.file == file), None) if self._log else None
        facts = self._log.outputs[index] if self._log and index is not None else None
        expected = _expected(self._signed.statement, claim, facts)
        checker = self._mask_checker(index, samples)
        results, table = _look_at(path, file, self._signed.key, (expected, checker), self._progress)
        if table is not None:
            self._tables[file] = table
        if isinstance(checker, CheckResult):
            results.append(checker)
        return results

    def _mask_checker(self, index: int | None, samples: MaskSamples | None) -> MaskChecker | CheckResult:
        """What to look for in the picture of a copy, or why not."""
        log = self._log
        file = log.outputs[index].file if log and index is not None else ""
        if log is None or index is None:
            return absent(Check.MASKS, "No log says where its masks are.", file)
        if isinstance(log, PublishedLog):
            return RangeFillChecker(r for r in log.ranges if r.output == index)
        if samples is None and MASKS_FILE in self._folder.files:
            return broken(Check.MASKS, f"{MASKS_FILE} cannot be read.", file)
        if samples is None:
            return absent(Check.MASKS, f"The pack has no {MASKS_FILE} to say where its masks are.", file)
        masks = [m for m in log.masks if m.output == index and m.kind == "picture"]
        ends = {frame for mask in masks for frame in (mask.first_frame, mask.last_frame)}
        return SampleMaskChecker((s for s in samples.samples if s.output == index), ends)

    def _master(self, master: Path) -> Iterator[CheckResult]:
        sha256 = hash_file(master, self._progress)
        said = self._statement.predicate.masters if self._statement else None
        yield _is_master(sha256, said)
        if not isinstance(self._log, ReleaseLog):
            return
        made = [o for o in self._log.outputs if o.master.sha256 == sha256 and o.file in self._tables]
        if not made:
            return
        table = scan(probe(master), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.MASK, progress=self._progress)
        for output in made:
            clip = (output.master.clip_first_frame, output.master.clip_last_frame)
            if same_frames(self._tables[output.file], output.slate_frames, table, *clip):
                text = f"Its frames are the master's from {clip[0]} to {clip[1]}, at the same times."
                yield held(Check.MASTER_FRAMES, text, output.file)
            else:
                yield broken(Check.MASTER_FRAMES, "Its frames are not at the times of the master's.", output.file)


class _CopyVerifier:
    """A copy by itself, with whatever lies beside it."""

    def __init__(self, path: Path, trusted: PublicKey | None, progress: Progress) -> None:
        self._path, self._progress = path, progress
        folder = path.parent
        self._signed = _signed(folder / STATEMENT_FILE, folder / PUBLIC_KEY_FILE, trusted, pack=False)

    def verdict(self, master: Path | None) -> Verdict:
        results = list(self._signed.results)
        signed = self._signed.statement
        claim = None
        if signed is not None:
            sha256 = hash_file(self._path, self._progress)
            name = next((n for n, h in signed.statement.files.items() if h == sha256), None)
            results.append(self._file(name, self._path.name in signed.statement.files))
            wanted = name or self._path.name
            claim = next((o for o in signed.statement.predicate.outputs if o.file == wanted), None)
        expected = _expected(signed, claim, None)
        masks = absent(Check.MASKS, "Where its masks are is only known to the whole pack.", self._path.name)
        found, _ = _look_at(self._path, self._path.name, self._signed.key, (expected, masks), self._progress)
        results += [*found, masks]
        if master is not None:
            said = signed.statement.predicate.masters if signed else None
            results.append(_is_master(hash_file(master, self._progress), said))
        key = self._signed.key
        return Verdict(self._path, tuple(results), key.fingerprint if key else None)

    def _file(self, name: str | None, named: bool) -> CheckResult:
        file = self._path.name
        if name is not None:
            return held(Check.FILES, f"It is the file that was signed as {name}.", file)
        if named:
            return broken(Check.FILES, "It was changed after it was signed.", file)
        return broken(Check.FILES, "The statement beside it is of other files.", file)


def _look_at(
    path: Path, file: str, key: PublicKey | None, said: tuple[Expected, MaskChecker | CheckResult], progress: Progress
) -> tuple[list[CheckResult], FrameTable | None]:
    expected, look = said
    if not is_file(path):
        return [broken(Check.FRAMES, "It is a link, not a file.", file)], None
    try:
        with unchanged(path):
            results = [
                untrusted_copy.manifest(path, file, key, expected),
                untrusted_copy.container(path, file),
            ]
            more, table = untrusted_copy.frames(
                path, file, expected, None if isinstance(look, CheckResult) else look, progress
            )
    except MasterChanged as error:
        return [broken(Check.FRAMES, error.happened, file)], None
    return [*results, *more], table


def _expected(signed: SignedStatement | None, claim: OutputClaim | None, facts: OutputFacts | None) -> Expected:
    said = claim or facts
    predicate = signed.statement.predicate if signed else None
    return Expected(
        frames=said.frames if said else None,
        pts_sha256=said.pts_sha256 if said else None,
        size=(facts.width, facts.height) if facts else None,
        policy_sha256=predicate.policy.sha256 if predicate else None,
        masters=frozenset(predicate.masters or ()) if predicate else None,
    )


def _is_master(sha256: str, said: tuple[str, ...] | None) -> CheckResult:
    if said is None:
        return absent(Check.MASTER, f"Nothing here says which master it was made from. The one given has {sha256}.")
    if sha256 not in said:
        return broken(Check.MASTER, f"It was made from another file than the one given, which has {sha256}.")
    return held(Check.MASTER, "The file given is a master it was made from.")


def _head_signed(head: AuditHead, key: PublicKey) -> bool:
    try:
        signature = base64.b64decode(head.signature, validate=True)
    except binascii.Error:
        return False
    message = SignedHead(head.count, head.hash, head.merkle_root, head.signature, head.key_fingerprint).message
    return key.verify(HEAD_DOMAIN, message, signature)
