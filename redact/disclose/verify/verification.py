"""Verifies that a pack, or a single copy, is what it claims to be. Needs neither the records nor the network.

Everything in the folder may be forged. So the statement is read first and its signature checked, then each file is
compared with the statement, and the claims of statement and log about the copies are checked by decoding every frame.
A check that is not possible is reported as absent, never as held.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from redact.audit.keys import PublicKey
from redact.disclose.log.entries import OutputFacts
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
from redact.disclose.pack.statement import STATEMENT_FILE, OutputClaim, SignedStatement
from redact.disclose.verify import untrusted_copy
from redact.disclose.verify.findings import CheckResult, PackCheck, Verdict, absent, broken, held
from redact.disclose.verify.statement_check import check_audit_head, check_statement
from redact.disclose.verify.untrusted_copy import (
    Expected,
    MaskChecker,
    RangeFillChecker,
    SampleMaskChecker,
    same_frames,
)
from redact.disclose.verify.untrusted_pack import PackFolder, is_file, list_pack_folder, small_file
from redact.errors import LogUnreadable, MasterChanged, NothingToVerify, RedactError
from redact.media.containers import file_size
from redact.media.hashing import hash_file, unchanged
from redact.media.probe import probe
from redact.media.reader import scan
from redact.media.types import FrameTable
from redact.progress import Progress, silent
from redact.settings import Interlaced, OnCorrupt

_LISTED = 5
"""Differences listed in a message; the rest are counted."""


def verify(
    path: Path, *, master: Path | None = None, trusted: PublicKey | None = None, progress: Progress = silent
) -> Verdict:
    """Run all checks on the pack in the folder ``path``, or on the copy ``path``.

    ``trusted``: the key that must have signed; without it the pack's own key is used, and the signer reported as not
    checked. ``master``: the master to compare the copies with. Raises :class:`~redact.errors.NothingToVerify` if
    ``path`` is neither a pack nor a copy, InputMissing for an unreadable master, and whatever ``progress`` raises.
    """
    if master is not None:
        file_size(master)  # fail before all the decoding
    if path.is_dir():
        return _PackVerifier(list_pack_folder(path), trusted, progress).verdict(master)
    if not path.is_file():
        raise NothingToVerify(f"{path} does not exist.", "Give the folder of a pack, or a copy from one.")
    if _is_archive(path):
        raise NothingToVerify(f"{path.name} is an archive.", "Unpack it with its password and give the folder.")
    return _CopyVerifier(path.resolve(), trusted, progress).verdict(master)


def _is_archive(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise NothingToVerify(f"{path} cannot be read: {error.strerror}.", "Check the permissions.") from error


class _PackVerifier:
    """Verifies the folder of a pack."""

    def __init__(self, folder: PackFolder, trusted: PublicKey | None, progress: Progress) -> None:
        self._folder, self._progress = folder, progress
        self._signed = check_statement(folder.path, trusted, pack=True)
        self._statement = self._signed.statement.statement if self._signed.statement else None
        self._log: ReleaseLog | PublishedLog | None = None
        self._tables: dict[str, FrameTable] = {}

    def verdict(self, master: Path | None) -> Verdict:
        results = [*self._signed.results, self._check_files(), self._read_log(), self._check_audit_head()]
        samples = self._read_samples()
        for file in self._copies():
            results.extend(self._check_copy(file, samples))
        if master is not None:
            results.extend(self._check_master(master))
        key = self._signed.key
        return Verdict(self._folder.path, tuple(results), key.fingerprint if key else None)

    def _check_files(self) -> CheckResult:
        """Check that every file is the one that was signed, none is missing and none was added."""
        if self._statement is None:
            return absent(PackCheck.FILES, "Without a statement there is nothing to compare the files with.")
        signed, present = self._statement.files, self._folder.files
        wrong = list(self._folder.unexpected)
        wrong += [f"{name!r} is missing" for name in signed if name not in present]
        wrong += [f"{name!r} was added" for name in present if name not in signed and name != STATEMENT_FILE]
        for name in signed.keys() & present.keys():
            try:
                if hash_file(present[name], self._progress) != signed[name]:
                    wrong.append(f"{name!r} was changed")
            except RedactError as error:
                wrong.append(error.happened)
        if wrong:
            more = f" and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
            return broken(PackCheck.FILES, f"{'; '.join(sorted(wrong)[:_LISTED])}{more}.")
        return held(PackCheck.FILES, f"All {len(signed)} files are the ones that were signed, and there are no others.")

    def _read_log(self) -> CheckResult:
        data = small_file(self._folder.path / LOG_FILE, MAX_BYTES)
        if data is None:
            return broken(PackCheck.LOG, f"{LOG_FILE} is missing or cannot be read.")
        try:
            self._log = load(data)
        except LogUnreadable as error:
            return broken(PackCheck.LOG, error.happened)
        if self._statement is None:
            return absent(PackCheck.LOG, "The log is valid, but there is no statement to compare it with.")
        predicate, log = self._statement.predicate, self._log
        pairs: dict[str, tuple[object, object]] = {
            "the kind of release": (predicate.kind, log.kind),
            "the copies": (
                {(o.file, o.frames, o.pts_sha256) for o in predicate.outputs},
                {(o.file, o.frames, o.pts_sha256) for o in log.outputs},
            ),
            "the copies' hashes": (
                {o.file: self._statement.files[o.file] for o in predicate.outputs},
                {o.file: o.sha256 for o in log.outputs},
            ),
            "the policy": (predicate.policy, log.policy),
            "the codes": (predicate.codes, log.codes_list),
            "the audit chain head": (predicate.audit_head, log.audit_head),
        }
        if isinstance(log, ReleaseLog):
            pairs["the masters"] = (set(predicate.masters or ()), {o.master.sha256 for o in log.outputs})
        for subject, (stated, logged) in pairs.items():
            if stated != logged:
                return broken(PackCheck.LOG, f"Log and statement disagree on {subject}.")
        return held(PackCheck.LOG, "The log is valid and agrees with the statement.")

    def _check_audit_head(self) -> CheckResult:
        source = self._statement.predicate if self._statement else self._log
        return check_audit_head(source.audit_head if source else None, self._signed.key)

    def _read_samples(self) -> MaskSamples | None:
        data = small_file(self._folder.path / MASKS_FILE, MAX_BYTES)
        try:
            return load_samples(data) if data is not None else None
        except LogUnreadable:
            return None

    def _copies(self) -> list[str]:
        """Names of the copies from the statement, else from the log, else from the folder."""
        if self._statement is not None:
            return [output.file for output in self._statement.predicate.outputs]
        if self._log is not None:
            return [output.file for output in self._log.outputs]
        return sorted(name for name in self._folder.files if name.lower().endswith(".mp4"))

    def _check_copy(self, file: str, samples: MaskSamples | None) -> list[CheckResult]:
        path = self._folder.files.get(file)
        if path is None:
            return [broken(PackCheck.FRAMES, "The copy is missing.", file)]
        claim = (
            next((o for o in self._statement.predicate.outputs if o.file == file), None) if self._statement else None
        )
        index = next((i for i, o in enumerate(self._log.outputs) if o.file == file), None) if self._log else None
        facts = self._log.outputs[index] if self._log and index is not None else None
        expected = _expected(self._signed.statement, claim, facts)
        found = self._mask_checker(index, samples)
        checker = None if isinstance(found, CheckResult) else found
        results, table = _check_content(
            path, file, self._signed.key, expected, checker=checker, progress=self._progress
        )
        if table is not None:
            self._tables[file] = table
        return [*results, found] if isinstance(found, CheckResult) else results

    def _mask_checker(self, index: int | None, samples: MaskSamples | None) -> MaskChecker | CheckResult:
        """A checker for the masks of a copy, or the reason there is none."""
        log = self._log
        file = log.outputs[index].file if log and index is not None else ""
        if log is None or index is None:
            return absent(PackCheck.MASKS, "There is no log of its masks.", file)
        if isinstance(log, PublishedLog):
            return RangeFillChecker(r for r in log.ranges if r.output == index)
        if samples is None and MASKS_FILE in self._folder.files:
            return broken(PackCheck.MASKS, f"{MASKS_FILE} cannot be read.", file)
        if samples is None:
            return absent(PackCheck.MASKS, f"The pack has no {MASKS_FILE} with the positions of its masks.", file)
        masks = [m for m in log.masks if m.output == index and m.kind == "picture"]
        ends = {frame for mask in masks for frame in (mask.first_frame, mask.last_frame)}
        return SampleMaskChecker((s for s in samples.samples if s.output == index), ends)

    def _check_master(self, master: Path) -> Iterator[CheckResult]:
        sha256 = hash_file(master, self._progress)
        stated = self._statement.predicate.masters if self._statement else None
        yield _check_master_hash(sha256, stated)
        if not isinstance(self._log, ReleaseLog):
            return
        copies = [o for o in self._log.outputs if o.master.sha256 == sha256 and o.file in self._tables]
        if not copies:
            return
        table = scan(probe(master), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.MASK, progress=self._progress)
        for output in copies:
            clip = (output.master.clip_first_frame, output.master.clip_last_frame)
            if same_frames(self._tables[output.file], output.slate_frames, table, *clip):
                text = f"Its frames are frames {clip[0]} to {clip[1]} of the master, at the same times."
                yield held(PackCheck.MASTER_FRAMES, text, output.file)
            else:
                yield broken(PackCheck.MASTER_FRAMES, "The times of its frames differ from the master's.", output.file)


class _CopyVerifier:
    """Verifies a single copy, with a statement and key beside it if there are any."""

    def __init__(self, path: Path, trusted: PublicKey | None, progress: Progress) -> None:
        self._path, self._progress = path, progress
        self._signed = check_statement(path.parent, trusted, pack=False)

    def verdict(self, master: Path | None) -> Verdict:
        results = list(self._signed.results)
        signed = self._signed.statement
        claim = None
        if signed is not None:
            sha256 = hash_file(self._path, self._progress)
            name = next((n for n, h in signed.statement.files.items() if h == sha256), None)
            results.append(self._check_file(name, self._path.name in signed.statement.files))
            wanted = name or self._path.name
            claim = next((o for o in signed.statement.predicate.outputs if o.file == wanted), None)
        expected = _expected(signed, claim, None)
        masks = absent(PackCheck.MASKS, "Masks can only be checked in the whole pack.", self._path.name)
        found, _ = _check_content(
            self._path, self._path.name, self._signed.key, expected, checker=None, progress=self._progress
        )
        results += [*found, masks]
        if master is not None:
            stated = signed.statement.predicate.masters if signed else None
            results.append(_check_master_hash(hash_file(master, self._progress), stated))
        key = self._signed.key
        return Verdict(self._path, tuple(results), key.fingerprint if key else None)

    def _check_file(self, name: str | None, named: bool) -> CheckResult:
        file = self._path.name
        if name is not None:
            return held(PackCheck.FILES, f"It is the file that was signed as {name}.", file)
        if named:
            return broken(PackCheck.FILES, "It was changed after it was signed.", file)
        return broken(PackCheck.FILES, "The statement beside it lists other files.", file)


def _check_content(
    path: Path,
    file: str,
    key: PublicKey | None,
    expected: Expected,
    *,
    checker: MaskChecker | None,
    progress: Progress,
) -> tuple[list[CheckResult], FrameTable | None]:
    """Check container, manifest, frames and masks of a copy; also returns its frame table if it could be decoded."""
    if not is_file(path):
        return [broken(PackCheck.FRAMES, "It is a link, not a file.", file)], None
    try:
        with unchanged(path):
            results = [
                untrusted_copy.manifest(path, file, key, expected),
                untrusted_copy.container(path, file),
            ]
            more, table = untrusted_copy.frames(path, file, expected, checker, progress)
    except MasterChanged as error:
        return [broken(PackCheck.FRAMES, error.happened, file)], None
    return [*results, *more], table


def _expected(signed: SignedStatement | None, claim: OutputClaim | None, facts: OutputFacts | None) -> Expected:
    stated = claim or facts
    predicate = signed.statement.predicate if signed else None
    return Expected(
        frames=stated.frames if stated else None,
        pts_sha256=stated.pts_sha256 if stated else None,
        size=(facts.width, facts.height) if facts else None,
        policy_sha256=predicate.policy.sha256 if predicate else None,
        masters=frozenset(predicate.masters or ()) if predicate else None,
    )


def _check_master_hash(sha256: str, stated: tuple[str, ...] | None) -> CheckResult:
    if stated is None:
        text = f"Nothing states which master it was made from. The SHA-256 of the file given is {sha256}."
        return absent(PackCheck.MASTER, text)
    if sha256 not in stated:
        return broken(PackCheck.MASTER, f"It was not made from the file given, whose SHA-256 is {sha256}.")
    return held(PackCheck.MASTER, "It was made from the file given.")
