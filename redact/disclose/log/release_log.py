"""The log of a release: what was hidden, why, on whose authority, and the proof of it.

Three documents, each with a published JSON Schema in ``schemas/``:

- :class:`ReleaseLog`, ``log.json`` of court, subject-access and internal packs;
- :class:`PublishedLog`, ``log.json`` of a public pack, with nothing that identifies anyone;
- :class:`MaskSamples`, ``masks.json``, which lets a verifier look for the masks in the picture.

A fourth, :class:`FiledLog`, stays in the force's own store: a release log with the internal section.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, Field, ValidationError, model_validator

from redact.disclose.log.entries import (
    AuditHead,
    Effect,
    FileName,
    Frozen,
    HashedFile,
    Kind,
    Level,
    LogIdentity,
    MaskEntry,
    Name,
    NotRedacted,
    OutputEntry,
    OutputFacts,
    OutputSpan,
    ReasonCode,
    ReleaseSection,
    Reviewer,
    SpanKind,
    UsedCode,
    Versions,
    WatchedInterval,
    WholeNumber,
    mentions_internal,
)
from redact.disclose.log.sections import InternalSection, Section, SubjectAccessSection
from redact.errors import LogHoldsInternal, LogUnreadable

SCHEMA_VERSION: Literal["1"] = "1"
LOG_FILE, MASKS_FILE = "log.json", "masks.json"
"""File names in a pack."""
MAX_BYTES = 256 * 2**20
"""A larger file is refused unread."""
NEUTRAL_NAME = r"^video-[1-9][0-9]{0,3}\.mp4$"
"""File names for the public: an exhibit reference may reveal whose camera it was."""
_TODO = "Use an intact copy of the file, or ask for the pack again."


class ReleaseLog(Frozen):
    """The full log of a release, for the court, the data subject or the force."""

    document: Literal["release-log"] = "release-log"
    schema_version: Literal["1"] = SCHEMA_VERSION
    kind: Kind
    identity: LogIdentity
    outputs: Annotated[tuple[OutputEntry, ...], Field(min_length=1)]
    masks: tuple[MaskEntry, ...]
    not_redacted: tuple[NotRedacted, ...] = ()
    codes: tuple[UsedCode, ...]
    release: ReleaseSection
    section: Section | None = Field(default=None, discriminator="kind")
    versions: Versions
    policy: HashedFile
    codes_list: HashedFile
    audit_head: AuditHead

    @model_validator(mode="after")
    def _consistent(self) -> ReleaseLog:
        if (None if self.section is None else self.section.kind) != (None if self.kind == "internal" else self.kind):
            raise ValueError("the section must match the kind of release; an internal release has none")
        for span in (*self.masks, *self.not_redacted, *_watched(self.release)):
            _check_span(span, self.outputs)
        for names, what in (
            ([o.file.casefold() for o in self.outputs], "output files"),
            ([m.id for m in self.masks], "mask ids"),
            ([n.id for n in self.not_redacted], "ids of exceptions"),
            ([c.code for c in self.codes], "codes"),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} must be unique")
        known = {c.code for c in self.codes}
        for mask in self.masks:
            if not known.issuperset(mask.codes):
                raise ValueError(f"mask {mask.id}: every code must be defined in the list of codes")
            if not mask.codes and self.kind in ("court", "public"):
                raise ValueError(f"mask {mask.id}: a {self.kind} release needs a code for every mask")
        return self


class PublishedIdentity(Frozen):
    """Identifies the log and the request it answers."""

    log_id: Name
    log_version: Annotated[int, Field(ge=1)]
    organisation: Name
    case_reference: Name
    request_reference: Name | None = None
    created: AwareDatetime


class PublishedOutput(OutputFacts):
    """One released file under a neutral name."""

    file: Annotated[FileName, Field(pattern=NEUTRAL_NAME)]


class PublishedRange(OutputSpan):
    """A span in which something is hidden, for any number of subjects.

    Spans up to a second apart are merged, so up to a second *inside* a range may have nothing hidden. Its first and
    last frames always have something hidden.
    """

    kind: SpanKind
    effects: Annotated[tuple[Effect, ...], Field(min_length=1)]
    fills: tuple[tuple[Level, Level, Level], ...] = ()
    codes: Annotated[tuple[Name, ...], Field(min_length=1)]
    legal_basis: Annotated[tuple[Name, ...], Field(min_length=1)]


class PublishedCode(ReasonCode):
    """A reason code with the likelihood of prejudice, if the exemption has a prejudice test."""

    prejudice: Literal["would", "would be likely to"] | None = None


class PublishedLog(Frozen):
    """The published edition: files, time ranges and codes. The references are the only text typed for this release."""

    document: Literal["published-log"] = "published-log"
    schema_version: Literal["1"] = SCHEMA_VERSION
    kind: Literal["public"] = "public"
    identity: PublishedIdentity
    outputs: Annotated[tuple[PublishedOutput, ...], Field(min_length=1)]
    ranges: tuple[PublishedRange, ...]
    codes: tuple[PublishedCode, ...]
    software: Name
    policy: HashedFile
    codes_list: HashedFile
    audit_head: AuditHead

    @model_validator(mode="after")
    def _consistent(self) -> PublishedLog:
        known = {c.code for c in self.codes}
        for span in self.ranges:
            _check_span(span, self.outputs)
            if not known.issuperset(span.codes) or len(span.codes) != len(span.legal_basis):
                raise ValueError("every code of a range must have its legal basis and be defined in the list of codes")
        return self


class FiledLog(Frozen):
    """A release log as filed by the force, with the internal section that never leaves it."""

    document: Literal["filed-log"] = "filed-log"
    schema_version: Literal["1"] = SCHEMA_VERSION
    log: ReleaseLog
    internal: InternalSection = InternalSection()

    def for_release(self) -> ReleaseLog:
        """The log that may go into a pack.

        Leaves out the internal section, and every restriction that must be withheld from the data subject together
        with its code on any mask.

        Raises:
            LogHoldsInternal: a text in the log still mentions the sensitive schedule.
        """
        log = _without_withheld(self.log)
        reference = self.internal.mg6d_reference
        check_outward(log, (reference,) if reference and len(reference) >= 5 else ())
        return log


class MaskSample(Frozen):
    """One mask on one frame of an output; ``cx``, ``cy``, ``w``, ``h`` in pixels, ``angle`` in degrees clockwise."""

    output: WholeNumber
    frame: WholeNumber
    effect: Literal["solid", "mosaic", "blur"]
    fill: tuple[Level, Level, Level] | None = None
    form: Literal["ellipse", "rectangle", "full"]
    cx: float
    cy: float
    w: Annotated[float, Field(ge=0)]
    h: Annotated[float, Field(ge=0)]
    angle: float


class MaskSamples(Frozen):
    """Where to find masks: at most one frame in twelve, and the first and last frame of each mask."""

    schema_version: Literal["1"] = SCHEMA_VERSION
    samples: tuple[MaskSample, ...]


def dump(document: ReleaseLog | PublishedLog | MaskSamples) -> bytes:
    """The bytes for a pack: indented UTF-8 JSON, identical for identical logs.

    Raises:
        LogHoldsInternal: a release log contains something that must not leave the force.
    """
    if isinstance(document, ReleaseLog):
        check_outward(document)
    return _encode(document)


def dump_filed(document: FiledLog) -> bytes:
    """The bytes for the force's own store, and for nowhere else."""
    return _encode(document)


def load(untrusted_data: bytes) -> ReleaseLog | PublishedLog:
    """Read ``log.json`` of a pack. Raises :class:`LogUnreadable` for anything that :func:`dump` would not write."""
    untrusted = _object(untrusted_data)
    untrusted_document = untrusted.get("document")
    if untrusted_document == "release-log":
        return _read(ReleaseLog, untrusted, untrusted_data)
    if untrusted_document == "published-log":
        return _read(PublishedLog, untrusted, untrusted_data)
    raise LogUnreadable("The file is not a release log.", _TODO)


def load_filed(untrusted_data: bytes) -> FiledLog:
    """Read a log from the force's own store. Raises :class:`LogUnreadable`."""
    untrusted = _object(untrusted_data)
    if untrusted.get("document") != "filed-log":
        raise LogUnreadable("The file is not a filed log.", _TODO)
    return _read(FiledLog, untrusted, untrusted_data)


def load_samples(untrusted_data: bytes) -> MaskSamples:
    """Read ``masks.json`` of a pack. Raises :class:`LogUnreadable`."""
    return _read(MaskSamples, _object(untrusted_data), untrusted_data)


def json_schema(model: type[ReleaseLog] | type[PublishedLog] | type[MaskSamples]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the output of :func:`dump` for ``model``."""
    name = {ReleaseLog: "release-log", PublishedLog: "published-log", MaskSamples: "masks"}[model]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:redact-workbench:{name}:{SCHEMA_VERSION}",
    }
    return head | model.model_json_schema(mode="serialization")


def check_outward(log: ReleaseLog, forbidden: tuple[str, ...] = ()) -> None:
    """Raise :class:`LogHoldsInternal` if ``log`` contains internal information or any text of ``forbidden``."""
    if isinstance(log.section, SubjectAccessSection) and not all(r.may_be_told for r in log.section.restrictions):
        raise LogHoldsInternal(
            "The log contains a restriction that must not be disclosed to the data subject.",
            "Create the log for release from the filed log, which leaves such restrictions out.",
        )
    for text in texts(log.model_dump(mode="json")):
        if mentions_internal(text) or any(word in text for word in forbidden):
            raise LogHoldsInternal(
                "A text in the log mentions the schedule of sensitive material: "
                f'"{text if len(text) <= 80 else text[:80] + "..."}".',
                "Remove the reference from that text; it belongs only in the internal section.",
            )


def texts(value: object) -> Iterator[str]:
    """Every string value in a JSON-ready ``value``, at any depth; field names are not included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def _without_withheld(log: ReleaseLog) -> ReleaseLog:
    section = log.section
    if not isinstance(section, SubjectAccessSection):
        return log
    disclosed = tuple(r for r in section.restrictions if r.may_be_told)
    withheld = {r.code for r in section.restrictions if not r.may_be_told} - {r.code for r in disclosed}
    return log.model_copy(
        update={
            "section": section.model_copy(update={"restrictions": disclosed}),
            "codes": tuple(c for c in log.codes if c.code not in withheld),
            "masks": tuple(_without_codes(mask, withheld) for mask in log.masks),
        }
    )


def _without_codes(mask: MaskEntry, withheld: set[str]) -> MaskEntry:
    kept = [(code, basis) for code, basis in zip(mask.codes, mask.legal_basis, strict=True) if code not in withheld]
    return mask.model_copy(update={"codes": tuple(c for c, _ in kept), "legal_basis": tuple(b for _, b in kept)})


def _watched(release: ReleaseSection) -> tuple[OutputSpan, ...]:
    people: tuple[Reviewer, ...] = release.reviewers
    if release.second_reviewer is not None:
        people += (release.second_reviewer,)
    return tuple(span for person in people for span in person.watched)


def _check_span(span: OutputSpan, outputs: tuple[OutputFacts, ...]) -> None:
    if span.output >= len(outputs):
        raise ValueError("a span refers to an output that does not exist")
    output = outputs[span.output]
    first = 0 if isinstance(span, WatchedInterval) else output.slate_frames
    if not first <= span.first_frame <= span.last_frame < output.frames:
        raise ValueError(f"a span of {output.file} is outside its footage")


def _encode(document: BaseModel) -> bytes:
    return document.model_dump_json(indent=2).encode() + b"\n"


class _DuplicateKeyError(ValueError):
    """A key that occurs twice in one object."""


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise _DuplicateKeyError
    return dict(pairs)


def _object(untrusted_data: bytes) -> dict[str, Any]:
    if len(untrusted_data) > MAX_BYTES:
        raise LogUnreadable(f"The file is larger than {MAX_BYTES // 2**20} MiB, the limit for a log.", _TODO)
    try:
        untrusted = json.loads(untrusted_data.decode("utf-8"), object_pairs_hook=_reject_duplicates)
    except _DuplicateKeyError as error:
        raise LogUnreadable("The file contains a duplicate key.", _TODO) from error
    except (ValueError, RecursionError) as error:
        raise LogUnreadable("The file is not JSON text.", _TODO) from error
    if not isinstance(untrusted, dict):
        raise LogUnreadable("The file is not a release log.", _TODO)
    untrusted_version = untrusted.get("schema_version")
    if untrusted_version != SCHEMA_VERSION:
        raise LogUnreadable(
            "This workbench does not support the version of the file.",
            "Use the version of the workbench that wrote the file, or a newer one.",
        )
    return untrusted


_Document = TypeVar("_Document", ReleaseLog, PublishedLog, FiledLog, MaskSamples)


def _read(model: type[_Document], untrusted: dict[str, Any], untrusted_data: bytes) -> _Document:
    missing = [name for name in ("document", "schema_version") if name in model.model_fields and name not in untrusted]
    if missing:
        raise LogUnreadable(f"The file has no {missing[0]}.", _TODO)
    try:
        return model.model_validate_json(untrusted_data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"]) or "the top level"
        raise LogUnreadable(f"The log does not match its schema at {where}: {first['msg']}.", _TODO) from error
