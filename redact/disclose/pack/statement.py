"""The signed statement in a pack: the files of the pack, and what they were made from.

An in-toto Statement v1 (https://github.com/in-toto/attestation, ``spec/v1/statement.md``) in a DSSE envelope
(https://github.com/secure-systems-lab/dsse, ``protocol.md``): one Ed25519 signature over the pre-authentication
encoding of the statement's exact bytes, so that nothing needs to be parsed before the signature is checked. Any in-toto
tool can check it. ``schemas/statement-1.schema.json`` describes the predicate.
"""

from __future__ import annotations

import base64
import binascii
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, NoReturn

from google.protobuf import json_format
from in_toto_attestation.v1 import statement as in_toto
from in_toto_attestation.v1 import statement_pb2
from pydantic import AfterValidator, Field, ValidationError, model_validator
from securesystemslib.dsse import Envelope

from redact.audit.keys import PublicKey, SigningKey
from redact.canonical_json import canonical
from redact.disclose.log.entries import AuditHead, Frozen, HashedFile, Kind, Name, Sha256, WholeNumber
from redact.errors import StatementInvalid
from redact.evidence import pack_verification

STATEMENT_FILE = pack_verification.STATEMENT
PUBLIC_KEY_FILE = "public-key.pem"
PREDICATE_TYPE: Final = "urn:redact-workbench:release:1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
MOST_BYTES = 4 << 20
"""Largest size of a statement: far more than thousands of files need."""
_DEEPEST = 32
_NAME_BYTES, _LEVELS = 200, 4
_FORBIDDEN = frozenset('/\\:*?"<>|')


def checked_name(untrusted_name: str) -> str:
    """A valid file name in a pack: a relative path with ``/``, allowed on every operating system.

    Raises ``ValueError`` for anything that could lead out of the pack's folder, be hidden, or be confused with another
    name.
    """
    parts = untrusted_name.split("/")
    if len(parts) > _LEVELS or unicodedata.normalize("NFC", untrusted_name) != untrusted_name:
        raise ValueError("not a valid file name in a pack")
    for part in parts:
        printable = part.isprintable() and not _FORBIDDEN & set(part)
        if not part or part[0] in ". " or part[-1] in ". " or not printable or len(part.encode()) > _NAME_BYTES:
            raise ValueError("not a valid file name in a pack")
    return untrusted_name


def _checked_time(untrusted_time: str) -> str:
    if datetime.fromisoformat(untrusted_time).utcoffset() != timedelta(0):
        raise ValueError("not a time in UTC")
    return untrusted_time


PackName = Annotated[str, Field(max_length=1000), AfterValidator(checked_name)]


class Digest(Frozen):
    """The hash of one file."""

    sha256: Sha256


class Subject(Frozen):
    """One file of the pack."""

    name: PackName = Field(description="Path in the pack, with / as separator.")
    digest: Digest


class ModelRef(Frozen):
    """A detection model that was used."""

    name: Name
    sha256: Sha256 = Field(description="SHA-256 of its weights.")


class OutputClaim(Frozen):
    """Frames of one copy, so that a remuxed copy can still be compared."""

    file: PackName = Field(description="Path of the copy in the pack; one of the subjects.")
    frames: WholeNumber = Field(description="Frames of the copy, including the slate.")
    pts_sha256: Sha256 = Field(
        description="SHA-256 of the frames' times: for each frame the text 'numerator/denominator\\n' of its time in "
        "seconds since the first, in lowest terms."
    )


class Predicate(Frozen):
    """What a release was made from. For a public release it reveals nothing about masters, staff or cameras."""

    kind: Kind = Field(description="The audience of the release.")
    masters: tuple[Sha256, ...] | None = Field(
        default=None, description="SHA-256 of every master that a copy was made from; left out of public releases."
    )
    models: tuple[ModelRef, ...] = Field(description="The detection models that were used.")
    edit_head: Sha256 | None = Field(default=None, description="Hash of the last edit event that affected the masks.")
    policy: HashedFile = Field(description="The release policy.")
    codes: HashedFile = Field(description="The list of reason codes.")
    outputs: tuple[OutputClaim, ...]
    audit_head: AuditHead = Field(description="The audit chain head when the release was exported.")
    software: Name = Field(description="Program and version that made the release.")
    created: Annotated[str, Field(max_length=40), AfterValidator(_checked_time)] = Field(
        description="When the statement was made: ISO 8601, UTC."
    )

    @model_validator(mode="after")
    def _public_names_no_master(self) -> Predicate:
        if self.kind == "public" and self.masters is not None:
            raise ValueError("a public release must not name a master")
        return self


class Statement(Frozen):
    """An in-toto Statement v1 of a release."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(default="https://in-toto.io/Statement/v1", alias="_type")
    subject: tuple[Subject, ...] = Field(min_length=1, description="Every file of the pack except this statement.")
    predicate_type: Literal["urn:redact-workbench:release:1"] = Field(default=PREDICATE_TYPE, alias="predicateType")
    predicate: Predicate

    @model_validator(mode="after")
    def _names_fit(self) -> Statement:
        names = [subject.name for subject in self.subject]
        # Two names that are equal on Windows or macOS would let one file pass for another.
        if len({name.casefold() for name in names}) != len(names) or STATEMENT_FILE in names:
            raise ValueError("the file names are not unique")
        outputs = [output.file for output in self.predicate.outputs]
        if not set(outputs) <= set(names) or len(set(outputs)) != len(outputs):
            raise ValueError("the copies are not among the files")
        return self

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 by name for every file except the statement."""
        return {subject.name: subject.digest.sha256 for subject in self.subject}


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement that was read. Its signature is unchecked until :meth:`signed_by` confirms it."""

    statement: Statement
    _envelope: Envelope

    def signed_by(self, key: PublicKey) -> bool:
        """Whether ``key`` signed exactly these bytes."""
        signature = self._envelope.signatures.get(key.fingerprint)
        return signature is not None and key.verify_dsse(self._envelope.pae(), bytes.fromhex(signature.signature))


def sign(files: Mapping[str, str], predicate: Predicate, key: SigningKey) -> bytes:
    """The signed envelope, as JSON, for ``files`` (SHA-256 by name for every file in the pack except the statement).

    Raises :class:`~redact.errors.StatementInvalid` for invalid names or an invalid predicate.
    """
    try:
        subjects = tuple(Subject(name=n, digest=Digest(sha256=h)) for n, h in sorted(files.items()))
        statement = Statement(subject=subjects, predicate=predicate)
    except ValidationError as error:
        raise _invalid(_first_fault(error)) from error
    payload = canonical(statement.model_dump(mode="json", by_alias=True, exclude_none=True))
    _check_in_toto(json.loads(payload))
    signature = key.sign_dsse(Envelope(payload, PAYLOAD_TYPE, {}).pae())
    entry = {"keyid": key.fingerprint, "sig": base64.b64encode(signature).decode()}
    outer = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [entry],
    }
    return canonical(outer) + b"\n"


def read(untrusted: bytes) -> SignedStatement:
    """Read an envelope from a pack. Does not check the signature.

    Raises :class:`~redact.errors.StatementInvalid` for anything that :func:`sign` would not write.
    """
    if len(untrusted) > MOST_BYTES:
        raise _invalid("it is too large")
    outer = strict_json(untrusted)
    try:
        if set(outer) != {"payload", "payloadType", "signatures"} or len(outer["signatures"]) != 1:
            raise _invalid("its envelope does not have exactly one signature")
        if outer["payloadType"] != PAYLOAD_TYPE or set(outer["signatures"][0]) != {"keyid", "sig"}:
            raise _invalid("its envelope is not for an in-toto statement")
        payload = _base64(outer["payload"])
        _base64(outer["signatures"][0]["sig"])
        if not isinstance(outer["signatures"][0]["keyid"], str):
            raise TypeError("not text")
    except (TypeError, KeyError, ValueError) as error:
        raise _invalid("its envelope is malformed") from error
    strict_json(payload)
    try:
        statement = Statement.model_validate_json(payload)
    except ValidationError as error:
        raise _invalid(_first_fault(error)) from error
    return SignedStatement(statement, Envelope.from_dict(outer))


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the statement in the envelope, as published in ``schemas/``."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": PREDICATE_TYPE}
    return head | Statement.model_json_schema(mode="serialization")


def strict_json(untrusted: bytes) -> dict[str, Any]:
    """A JSON object. Raises :class:`~redact.errors.StatementInvalid` for anything two parsers could read differently
    (duplicate keys, numbers that JSON does not have, invalid UTF-8), and for excessive nesting."""
    try:
        value = json.loads(
            untrusted.decode("utf-8"), object_pairs_hook=_reject_duplicates, parse_constant=_reject_constant
        )
    except (ValueError, RecursionError) as error:
        raise _invalid("it is not valid JSON") from error
    if not isinstance(value, dict):
        raise _invalid("it is not a JSON object")
    _check_depth(value, _DEEPEST)
    return value


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("a key is given twice")
    return unique


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        raise _invalid("it is nested too deeply")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, left - 1)


def _base64(untrusted: object) -> bytes:
    if not isinstance(untrusted, str):
        raise TypeError("not text")
    try:
        data = base64.b64decode(untrusted, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if base64.b64encode(data).decode() != untrusted:
        raise ValueError("base64 in a non-canonical form")
    return data


def _check_in_toto(statement: dict[str, Any]) -> None:
    """Check the statement with the reference library."""
    try:
        message = json_format.ParseDict(statement, statement_pb2.Statement())
        in_toto.Statement.copy_from_pb(message).validate()
    except (json_format.Error, ValueError) as error:
        raise _invalid("it is not an in-toto statement") from error


def _first_fault(error: ValidationError) -> str:
    # Report the location, not the value, which came from the file.
    fault = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"][:6])
    return f"{where or 'the top level'} is invalid"


def _invalid(what: str) -> StatementInvalid:
    return StatementInvalid(f"The statement is invalid: {what}.", "Ask for the pack again.")
