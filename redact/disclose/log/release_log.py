"""The log of a release: what was hidden, why, on whose authority, and what proves it.

Three documents, each with a published JSON Schema in ``schemas/``:

- :class:`ReleaseLog`, ``log.json`` of court, subject-access and internal packs;
- :class:`PublishedLog`, ``log.json`` of a public pack, which holds nothing that identifies anybody;
- :class:`MaskSamples`, ``masks.json``, so that a verifier can look for the masks in the picture.

A fourth, :class:`FiledLog`, stays in the force's own store: it is a release log with what must never leave.
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
    WholeNumber,
    mentions_internal,
)
from redact.disclose.log.sections import InternalSection, Section, SubjectAccessSection
from redact.errors import LogHoldsInternal, LogUnreadable

SCHEMA_VERSION: Literal["1"] = "1"
LOG_FILE, MASKS_FILE = "log.json", "masks.json"
"""In a pack."""
MAX_BYTES = 256 * 2**20
"""A file beyond this is refused unread."""
NEUTRAL_NAME = r"^video-[1-9][0-9]{0,3}\.mp4$"
"""Of files for the public: the exhibit's name may tell whose camera it was."""
_TODO = "Take an intact copy of the file, or ask for the pack again."


class ReleaseLog(Frozen):
    """Everything one release says of itself to the court, the data subject or the force."""

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
            raise ValueError("the section must be that of the kind of release; an internal release has none")
        for span in (*self.masks, *self.not_redacted, *_watched(self.release)):
            _check_span(span, self.outputs)
        for names, what in (
            ([o.file.casefold() for o in self.outputs], "output files"),
            ([m.id for m in self.masks], "mask ids"),
            ([n.id for n in self.not_redacted], "ids of what is not redacted"),
            ([c.code for c in self.codes], "codes"),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} must be unique")
        known = {c.code for c in self.codes}
        for mask in self.masks:
            if not known.issuperset(mask.codes):
                raise ValueError(f"mask {mask.id}: every code must be spelt out in the list of codes")
            if not mask.codes and self.kind in ("court", "public"):
                raise ValueError(f"mask {mask.id}: a {self.kind} release gives a code for every mask")
        return self


class PublishedIdentity(Frozen):
    """Which log this is, and which request it answers."""

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
    """A span in which something is hidden, however many subjects it takes.

    Spans less than a second apart are one, so up to a second *inside* a range may have nothing hidden; its first and
    last frame always do.
    """

    kind: SpanKind
    effects: Annotated[tuple[Effect, ...], Field(min_length=1)]
    fills: tuple[tuple[Level, Level, Level], ...] = ()
    codes: Annotated[tuple[Name, ...], Field(min_length=1)]
    legal_basis: Annotated[tuple[Name, ...], Field(min_length=1)]


class PublishedCode(ReasonCode):
    """A code with, where the exemption turns on prejudice, how likely it is."""

    prejudice: Literal["would", "would be likely to"] | None = None


class PublishedLog(Frozen):
    """The edition anybody may read: files, time ranges and codes. No text in it was typed for this one release but the
    references.
    """

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
                raise ValueError("every code of a range must have its basis and be spelt out in the list of codes")
        return self


class FiledLog(Frozen):
    """A release log as the force files it, with the part that never leaves."""

    document: Literal["filed-log"] = "filed-log"
    schema_version: Literal["1"] = SCHEMA_VERSION
    log: ReleaseLog
    internal: InternalSection = InternalSection()

    def for_release(self) -> ReleaseLog:
        """The log that may go into a pack.

        The internal section is left behind. So is every restriction the data subject may not be told of, with its code
        wherever a mask carries it.

        Raises:
            LogHoldsInternal: some text of the log still speaks of the sensitive schedule.
        """
        log = _without_untold(self.log)
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
    """Where to look for masks: at most one frame in twelve, and the first and last of each mask."""

    schema_version: Literal["1"] = SCHEMA_VERSION
    samples: tuple[MaskSample, ...]


def dump(document: ReleaseLog | PublishedLog | MaskSamples) -> bytes:
    """The bytes that go into a pack: indented UTF-8 JSON, the same for the same log.

    Raises:
        LogHoldsInternal: a release log that must not leave the force as it is.
    """
    if isinstance(document, ReleaseLog):
        check_outward(document)
    return _encode(document)


def dump_filed(document: FiledLog) -> bytes:
    """The bytes for the force's own store. They go nowhere else."""
    return _encode(document)


def load(untrusted_data: bytes) -> ReleaseLog | PublishedLog:
    """Read ``log.json`` of a pack. Raises :class:`LogUnreadable` for anything that :func:`dump` has not written."""
    untrusted = _object(untrusted_data)
    untrusted_document = untrusted.get("document")
    if untrusted_document == "release-log":
        return _read(ReleaseLog, untrusted, untrusted_data)
    if untrusted_document == "published-log":
        return _read(PublishedLog, untrusted, untrusted_data)
    raise LogUnreadable("The file is not the log of a release.", _TODO)


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
    """The JSON Schema (draft 2020-12) of what :func:`dump` writes for ``model``."""
    name = {ReleaseLog: "release-log", PublishedLog: "published-log", MaskSamples: "masks"}[model]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:redact-workbench:{name}:{SCHEMA_VERSION}",
    }
    return head | model.model_json_schema(mode="serialization")


def check_outward(log: ReleaseLog, forbidden: tuple[str, ...] = ()) -> None:
    """Raise :class:`LogHoldsInternal` if ``log`` tells what may not leave the force, or a text of ``forbidden``."""
    if isinstance(log.section, SubjectAccessSection) and not all(r.may_be_told for r in log.section.restrictions):
        raise LogHoldsInternal(
            "The log names a restriction that the data subject may not be told of.",
            "Make the log for release from the filed log; it leaves such restrictions out.",
        )
    for text in texts(log.model_dump(mode="json")):
        if mentions_internal(text) or any(word in text for word in forbidden):
            raise LogHoldsInternal(
                "A text in the log refers to the schedule of sensitive material: "
                f'"{text if len(text) <= 80 else text[:80] + "..."}".',
                "Take the reference out of that text; it belongs in the internal section only.",
            )


def texts(value: object) -> Iterator[str]:
    """Every string value, at any depth, of a JSON-ready ``value``; names of fields are not among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def _without_untold(log: ReleaseLog) -> ReleaseLog:
    section = log.section
    if not isinstance(section, SubjectAccessSection):
        return log
    told = tuple(r for r in section.restrictions if r.may_be_told)
    gone = {r.code for r in section.restrictions if not r.may_be_told} - {r.code for r in told}
    return log.model_copy(
        update={
            "section": section.model_copy(update={"restrictions": told}),
            "codes": tuple(c for c in log.codes if c.code not in gone),
            "masks": tuple(_without_codes(mask, gone) for mask in log.masks),
        }
    )


def _without_codes(mask: MaskEntry, gone: set[str]) -> MaskEntry:
    kept = [(code, basis) for code, basis in zip(mask.codes, mask.legal_basis, strict=True) if code not in gone]
    return mask.model_copy(update={"codes": tuple(c for c, _ in kept), "legal_basis": tuple(b for _, b in kept)})


def _watched(release: ReleaseSection) -> tuple[OutputSpan, ...]:
    people: tuple[Reviewer, ...] = release.reviewers
    if release.second_reviewer is not None:
        people += (release.second_reviewer,)
    return tuple(span for person in people for span in person.watched)


def _check_span(span: OutputSpan, outputs: tuple[OutputFacts, ...]) -> None:
    if span.output >= len(outputs):
        raise ValueError("a span names an output that there is not")
    output = outputs[span.output]
    first = 0 if type(span).__name__ == "WatchedInterval" else output.slate_frames
    if not first <= span.first_frame <= span.last_frame < output.frames:
        raise ValueError(f"a span of {output.file} lies outside its footage")


def _encode(document: BaseModel) -> bytes:
    return document.model_dump_json(indent=2).encode() + b"\n"


class _TwiceError(ValueError):
    """A key that comes twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise _TwiceError
    return dict(pairs)


def _object(untrusted_data: bytes) -> dict[str, Any]:
    if len(untrusted_data) > MAX_BYTES:
        raise LogUnreadable(f"The file is larger than {MAX_BYTES // 2**20} MiB, which no log is.", _TODO)
    try:
        untrusted = json.loads(untrusted_data.decode("utf-8"), object_pairs_hook=_once)
    except _TwiceError as error:
        raise LogUnreadable("The file gives the same entry twice.", _TODO) from error
    except (ValueError, RecursionError) as error:
        raise LogUnreadable("The file is not JSON text.", _TODO) from error
    if not isinstance(untrusted, dict):
        raise LogUnreadable("The file is not the log of a release.", _TODO)
    untrusted_version = untrusted.get("schema_version")
    if untrusted_version != SCHEMA_VERSION:
        raise LogUnreadable(
            "The file is of a version that this workbench does not know.",
            "Use the version of the workbench that wrote it, or a newer one.",
        )
    return untrusted


_Document = TypeVar("_Document", ReleaseLog, PublishedLog, FiledLog, MaskSamples)


def _read(model: type[_Document], untrusted: dict[str, Any], untrusted_data: bytes) -> _Document:
    missing = [name for name in ("document", "schema_version") if name in model.model_fields and name not in untrusted]
    if missing:
        raise LogUnreadable(f"The file lacks {missing[0]}.", _TODO)
    try:
        return model.model_validate_json(untrusted_data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"]) or "the whole"
        raise LogUnreadable(f"The log contradicts its schema at {where}: {first['msg']}.", _TODO) from error
