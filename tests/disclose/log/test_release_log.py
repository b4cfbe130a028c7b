"""The release log: exact round trips, published schemas, and details that must never leave the force."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from redact.disclose.log.entries import FreeText
from redact.disclose.log.published_edition import published
from redact.disclose.log.release_log import (
    FiledLog,
    MaskSamples,
    PublishedLog,
    ReleaseLog,
    dump,
    dump_filed,
    json_schema,
    load,
    load_filed,
    load_samples,
)
from redact.disclose.log.sections import InternalSection, SubjectAccessSection
from redact.errors import LogHoldsInternal, LogUnreadable
from tests.disclose.samples import (
    court_log,
    filed_court_log,
    foi_log,
    mask_samples,
    subject_access_log,
)

SCHEMAS: dict[type[ReleaseLog] | type[PublishedLog] | type[MaskSamples], str] = {
    ReleaseLog: "release-log-1",
    PublishedLog: "published-log-1",
    MaskSamples: "masks-1",
}


def schema(name: str) -> Any:
    return json.loads(resources.files("redact.disclose").joinpath("schemas", f"{name}.schema.json").read_text("utf-8"))


def subject_access_released() -> ReleaseLog:
    return FiledLog(log=subject_access_log()).for_release()


@pytest.mark.parametrize("model", SCHEMAS)
def test_schema_matches_model(
    model: type[ReleaseLog] | type[PublishedLog] | type[MaskSamples],
) -> None:
    assert schema(SCHEMAS[model]) == json_schema(model)


@pytest.mark.parametrize(
    "make", [court_log, foi_log, subject_access_released, lambda: published(foi_log())], ids=lambda make: make.__name__
)
def test_log_round_trip_is_exact_and_fits_schema(make: Callable[[], ReleaseLog | PublishedLog]) -> None:
    log = make()
    data = dump(log)
    assert load(data) == log
    assert dump(load(data)) == data
    jsonschema.Draft202012Validator(schema(SCHEMAS[type(log)])).validate(json.loads(data))


def test_mask_samples_round_trip() -> None:
    data = dump(mask_samples())
    assert load_samples(data) == mask_samples()
    jsonschema.Draft202012Validator(schema("masks-1")).validate(json.loads(data))
    assert json.loads(data)["samples"][0]["fill"] == [0, 0, 0]


def test_mask_entry_writes_label_as_class() -> None:
    assert json.loads(dump(court_log()))["masks"][0]["class"] == "face"


def test_internal_section_never_leaves() -> None:
    filed = filed_court_log()
    assert load_filed(dump_filed(filed)) == filed
    assert b"MG6D/33-18/4" in dump_filed(filed)
    released = dump(filed.for_release())
    for word in (b"MG6D", b"mg6d", b"internal", b"33-18", b"Covert source", b"Ask RA"):
        assert word not in released
    with pytest.raises(LogUnreadable):
        load(dump_filed(filed))
    # The outgoing log has no field for it either.
    with pytest.raises(ValidationError):
        ReleaseLog.model_validate({**dict(court_log()), "internal": filed.internal})


@pytest.mark.parametrize(
    "reason",
    [
        "See MG6D item 4.",
        "listed on the mg 6 d",
        "MG-6D",
        "Reference W/S/2291 applies.",  # the reference itself, without the name of the schedule
    ],
)
def test_log_refuses_text_about_sensitive_schedule(reason: FreeText) -> None:
    log = court_log()
    spoken = log.model_copy(update={"not_redacted": (log.not_redacted[0].model_copy(update={"reason": reason}),)})
    filed = FiledLog(log=spoken, internal=InternalSection(mg6d_reference="W/S/2291"))
    with pytest.raises(LogHoldsInternal):
        filed.for_release()
    if "W/S" not in reason:
        with pytest.raises(LogHoldsInternal):
            dump(spoken)


def test_log_accepts_short_reference_in_text() -> None:
    assert FiledLog(log=court_log(), internal=InternalSection(mg6d_reference="4")).for_release() == court_log()


def test_withheld_restriction_is_left_out_with_its_code() -> None:
    log = subject_access_log()
    with pytest.raises(LogHoldsInternal):
        dump(log)
    released = subject_access_released()
    data = dump(released)
    assert b"s45(4)(b)" not in data
    assert b"line of inquiry" not in data
    assert [mask.codes for mask in released.masks] == [("s45(4)(e)",), ("s45(4)(e)",), (), ("s45(4)(e)",)]
    # The masks themselves are kept: they are in the copy.
    assert [mask.id for mask in released.masks] == [mask.id for mask in log.masks]
    assert isinstance(released.section, SubjectAccessSection)
    assert len(released.section.restrictions) == 1


def _changed(log: ReleaseLog, change: Callable[[dict[str, Any]], object]) -> bytes:
    raw = json.loads(dump(log))
    change(raw)
    return json.dumps(raw).encode()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda raw: raw["masks"][0].update(last_frame=5625), "footage"),  # one frame past the end
        (lambda raw: raw["masks"][0].update(first_frame=124), "footage"),  # the last frame of the slate
        (lambda raw: raw["masks"][0].update(output=2), "output"),  # there are two
        (lambda raw: raw["masks"][0].update(codes=["TP", "NR"]), "basis"),
        (lambda raw: raw["masks"][0].update(codes=["XX"]), "defined in the list"),
        (lambda raw: raw["masks"][0].update(codes=[], legal_basis=[]), "needs a code"),
        (lambda raw: raw["masks"][0].update(effect="mute"), "effect"),
        (lambda raw: raw["masks"][0].update(confidence_high=None), "both ends"),
        (lambda raw: raw["masks"][0].update(confidence_low=0.98), "lowest confidence is above"),
        (lambda raw: raw["masks"][1].update(id="M0001"), "unique"),
        (lambda raw: raw["outputs"][0].update(frames=5626), "exactly the frames"),
        (lambda raw: raw["outputs"][0].update(file="../x.mp4"), "outputs.0.file"),
        (lambda raw: raw["outputs"][0].update(sha256="B1" * 32), "outputs.0.sha256"),
        (lambda raw: raw["outputs"][0]["master"].update(clip_last_frame=12_075), "inside the master"),
        (lambda raw: raw["outputs"][1].update(file="01-ab-1.MP4"), "unique"),  # the same file on Windows
        (lambda raw: raw["identity"].update(log_version=True), "identity.log_version"),
        (lambda raw: raw["identity"].update(created="2026-06-19T14:32:07"), "identity.created"),  # no time zone
        (lambda raw: raw.update(kind="public"), "section"),
        (lambda raw: raw.update(section=None), "section"),
        (lambda raw: raw.update(extra=1), "extra"),
        (lambda raw: raw["section"].update(edition="full version"), "edition"),
        (lambda raw: raw["section"]["cpia"].update(considered_by=None), "disclosure test"),
        (lambda raw: raw["release"]["reviewers"][0]["watched"][0].update(last_frame=5625), "footage"),
    ],
)
def test_load_refuses_contradictory_log(change: Callable[[dict[str, Any]], object], where: str) -> None:
    with pytest.raises(LogUnreadable, match=where):
        load(_changed(court_log(), change))


@pytest.mark.parametrize(
    "untrusted",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b"{}",
        b'{"schema_version": "2", "document": "release-log"}',
        b'{"schema_version": "1", "document": "something"}',
        b'{"schema_version": "1", "schema_version": "1"}',
    ],
    ids=["nothing", "not UTF-8", "a list", "deep", "no version", "newer", "other document", "twice"],
)
def test_load_refuses_other_files(untrusted: bytes) -> None:
    with pytest.raises(LogUnreadable):
        load(untrusted)


def test_load_refuses_numbers_json_lacks() -> None:
    data = dump(court_log()).replace(b'"clock_offset_seconds": -2.4', b'"clock_offset_seconds": NaN')
    with pytest.raises(LogUnreadable):
        load(data)
