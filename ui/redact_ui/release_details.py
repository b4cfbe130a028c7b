"""The form for the details the law requires besides masks: common ones, and those of each kind of release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import gradio as gr

from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release import details, releases
from redact.errors import BadRecord, RedactError
from redact_ui.page import QUIET, Context, authorised, html, login, run_action, try_action
from redact_ui.release_detail_lists import DETAIL_LISTS, DetailList

YES_NO = (("Yes", "yes"), ("No", "no"))
NOT_SAID = ("–", "")


@dataclass(frozen=True, slots=True)
class DetailField:
    """One field of the form. ``key`` says where it is stored: ``part`` or ``part.name``. ``choices`` restricts the
    values; ``lines`` means a list, one entry per line."""

    key: str
    label: str
    info: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    lines: bool = False
    number: bool = False


def _internal(key: str, label: str, **more: Any) -> DetailField:
    return DetailField(f"internal.{key}", label, "Never disclosed outside the force", **more)


COMMON: tuple[DetailField, ...] = (
    DetailField("organisation", "Releasing organisation"),
    DetailField("request_reference", "Request reference"),
    DetailField("recipient.name", "Recipient"),
    DetailField("recipient.organisation", "Recipient's organisation"),
    DetailField("recipient.purpose", "Purpose of the disclosure"),
    DetailField("delivery.method", "Delivery method"),
    DetailField("delivery.encryption", "Encryption in transit"),
    DetailField("retention.rule", "Retention rule for the release"),
    DetailField("retention.keep_until", "Keep until", "For example 2028-12-01"),
    DetailField("retention.destroy_on", "Destroy on", "For example 2028-12-01"),
    _internal("notes", "Internal notes, one per line", lines=True),
)
OF_KIND: Mapping[ReleaseKind, tuple[DetailField, ...]] = {
    ReleaseKind.COURT: (
        DetailField("defendants", "Defendants, one per line", "If different from the case", lines=True),
        DetailField("offences", "Offences, one per line", "If different from the case", lines=True),
        DetailField("material", "Material", choices=(("Used", "used"), ("Unused", "unused"))),
        DetailField("mg6c_item", "MG6C item"),
        DetailField("clip_reason", "Why parts of the footage are left out"),
        DetailField("cpia.hidden_may_meet_test", "Hidden material may meet the disclosure test", choices=YES_NO),
        DetailField("cpia.considered_by", "Considered by"),
        DetailField("cpia.considered_at", "Considered on", "For example 2026-11-20 10:00"),
        DetailField("producing_statement.name", "Produced in evidence by"),
        DetailField("producing_statement.role", "Their role"),
        DetailField("producing_statement.exhibit", "Produced as exhibit"),
        DetailField("producing_statement.made_on", "Statement made on", "For example 2026-11-20"),
        DetailField("producing_statement.words", "Text of the statement"),
        _internal("mg6d_reference", "MG6D reference"),
        _internal("cpia_reasons", "Why it may or may not meet the test, for the MG6E"),
    ),
    ReleaseKind.PUBLIC: (
        DetailField(
            "personal_data.condition",
            "Section 40 condition",
            choices=tuple((word, word) for word in ("3A", "3B", "4A")),
        ),
        DetailField("personal_data.legitimate_interest", "Legitimate interest"),
        DetailField("personal_data.necessity", "Necessity"),
        DetailField("personal_data.balance", "Balance"),
        DetailField("personal_data.conclusion", "Conclusion"),
        DetailField("retrieving_minutes", "Minutes spent retrieving", "Counted towards the cost limit", number=True),
        DetailField("extracting_minutes", "Minutes spent extracting", "Counted towards the cost limit", number=True),
        DetailField("review.internal_review", "How to request an internal review", "Leave empty for the standard text"),
        DetailField("review.commissioner", "How to complain to the Commissioner", "Leave empty for the standard text"),
    ),
    ReleaseKind.SUBJECT_ACCESS: (
        DetailField("requester_subject", "Subject name of the requester in decisions"),
        DetailField("identity_check.how", "How identity was checked"),
        DetailField("identity_check.checked_by", "Checked by"),
        DetailField("identity_check.checked_on", "Checked on", "For example 2026-11-20"),
        DetailField("extended", "Reason for extending the time limit"),
        DetailField("supply", "Form of supply", choices=(("As a copy", "copy"), ("For viewing", "viewing"))),
    ),
    ReleaseKind.INTERNAL: (),
}
GROUND: tuple[tuple[str, str], ...] = (
    ("harm", "Harm that would result"),
    ("factors_for", "Factors for disclosure, one per line"),
    ("factors_against", "Factors against disclosure, one per line"),
    ("balance", "Balance of the public interest"),
    ("assessment", "Assessment"),
    ("reference", "Reference"),
)
LIMBS = [NOT_SAID, ("would", "would"), ("would be likely to", "would be likely to")]
_GROUND_LISTS = ("factors_for", "factors_against")
DETAIL_FIELDS: tuple[DetailField, ...] = (*COMMON, *(field for kind in ReleaseKind for field in OF_KIND[kind]))


@dataclass(frozen=True, slots=True)
class FormSnapshot:
    """What one browser page was last filled with: the value of each field, and the codes in use. Fields that differ
    from it were edited since; they are not overwritten, and not mistaken for stored values."""

    fields: tuple[str, ...] = ("",) * len(DETAIL_FIELDS)
    codes: tuple[str, ...] = ()


class DetailsForm:
    """The details form on the release page. After :meth:`build`, ``outputs`` are the components :meth:`show` fills, and
    ``snapshot`` is the state that holds what they were filled with."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lists = [DetailList(context, item) for item in DETAIL_LISTS]
        self.snapshot: Any = None
        self.outputs: list[Any] = []

    def show(self, reference: str, before: FormSnapshot, request: gr.Request) -> list[object]:
        """The new snapshot, then stored values that differ from ``before``, visibility of each kind's fields, and the
        codes in use."""
        try:
            with authorised(self._context, request) as (session, _):
                release = releases.find(session, reference)
                kind = releases.rules_of(release)[0].kind
                used = tuple(code.id for code in self._context.plan(session, release).resolved.codes)
                values = tuple(_as_text(_stored_value(release.details, field.key)) for field in DETAIL_FIELDS)
                fields = [gr.skip() if new == old else new for new, old in zip(values, before.fields, strict=True)]
                visible = [gr.update(visible=kind is item) for item in ReleaseKind]
                lists = [part for item in self._lists for part in item.render(release.details, kind)]
                return [FormSnapshot(values, used), *fields, *visible, _codes(used, before.codes), *lists]
        except RedactError:
            return [gr.skip() for _ in self.outputs]  # the page shows the error

    def save(self, reference: str, before: FormSnapshot, request: gr.Request, *values: str) -> tuple[str, FormSnapshot]:
        """Save the fields that were edited on this page; emptied ones are removed. Returns a message and the new
        snapshot."""
        typed = tuple((value or "").strip() for value in values)

        def work() -> str:
            actor = login(request)
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                kind, stored = releases.rules_of(release)[0].kind, dict(release.details)
            shown_fields = (*COMMON, *OF_KIND[kind])
            rows = zip(DETAIL_FIELDS, typed, before.fields, strict=True)
            edited = {field: value for field, value, old in rows if field in shown_fields and value != old}
            changes = details.check(kind, _changes(edited, stored))
            if not changes:
                raise BadRecord("Nothing has changed.", "Change a field first.")
            releases.set_details(self._context.db, actor, reference, changes)
            return "The details have been saved."

        message, saved = try_action(work)
        return message, replace(before, fields=typed) if saved else before

    def ground(self, reference: str, code: str, request: gr.Request) -> list[str]:
        """The saved argument for a reason code."""
        try:
            with authorised(self._context, request) as (session, _):
                release = releases.find(session, reference)
                entry = release.details.get("grounds", {}).get(code, {})
                return [entry.get("limb") or "", *(_as_text(entry.get(key)) for key, _ in GROUND)]
        except RedactError:
            return ["" for _ in ("limb", *GROUND)]

    def save_ground(self, reference: str, code: str, limb: str, request: gr.Request, *values: str) -> str:
        """Save the argument for a reason code."""

        def work() -> str:
            actor = login(request)
            if not code:
                raise BadRecord("No reason code was selected.", "Select the code that the argument is for.")
            entry: dict[str, object] = {"limb": limb} if limb else {}
            for (key, _), value in zip(GROUND, values, strict=True):
                lines = _lines(value or "")
                if lines:
                    entry[key] = lines if key in _GROUND_LISTS else value.strip()
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                kind, grounds = releases.rules_of(release)[0].kind, dict(release.details.get("grounds", {}))
            changes = details.check(kind, {"grounds": {**grounds, code: entry}})
            releases.set_details(self._context.db, actor, reference, changes)
            return "The argument has been saved."

        return run_action(work)

    def build(self, ref: gr.State) -> list[Any]:
        """Build the form; returns the events that change the page."""
        with gr.Accordion("Recipient, delivery and legal details", open=False):
            fields = _inputs(COMMON)
            groups = []
            for kind in ReleaseKind:
                with gr.Column(visible=False) as group:
                    fields += _inputs(OF_KIND[kind])
                groups.append(group)
            save, saved = gr.Button("Save details", variant="primary"), html()
        added = [event for item in self._lists for event in item.build(ref)]
        self.snapshot = gr.State(FormSnapshot())
        with gr.Accordion("Arguments for reason codes", open=False):
            code = gr.Dropdown([], label="Reason code", interactive=True)
            limb = gr.Dropdown(LIMBS, value="", label="Prejudice", interactive=True)
            argument_boxes = [gr.Textbox(label=label, lines=2) for _, label in GROUND]
            save_argument, message = gr.Button("Save argument", variant="primary"), html()
        self.outputs = [self.snapshot, *fields, *groups, code, *(part for item in self._lists for part in item.outputs)]
        code.change(self.ground, [ref, code], [limb, *argument_boxes], **QUIET)
        return [
            save.click(self.save, [ref, self.snapshot, *fields], [saved, self.snapshot], **QUIET),
            save_argument.click(self.save_ground, [ref, code, limb, *argument_boxes], message, **QUIET),
            *added,
        ]


def _codes(used: tuple[str, ...], before: tuple[str, ...]) -> object:
    """Update the choices. The selection is kept if possible, because selecting a code loads its argument."""
    if used == before:
        return gr.skip()
    if before and set(before) <= set(used):
        return gr.update(choices=list(used))
    return gr.update(choices=list(used), value=used[0] if used else None)


def _inputs(fields: Sequence[DetailField]) -> list[Any]:
    """The inputs, two per row."""
    made = []
    for place in range(0, len(fields), 2):
        with gr.Row():
            made += [_input(field) for field in fields[place : place + 2]]
    return made


def _input(field: DetailField) -> Any:
    info = field.info or None
    if field.choices:
        return gr.Dropdown([NOT_SAID, *field.choices], value="", label=field.label, info=info, interactive=True)
    return gr.Textbox(label=field.label, info=info, lines=3 if field.lines else 1)


def _stored_value(stored: Mapping[str, Any], key: str) -> object:
    part, _, inner = key.partition(".")
    value = stored.get(part)
    return value.get(inner) if inner and isinstance(value, Mapping) else None if inner else value


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)


def _lines(value: str) -> list[str]:
    return [line.strip() for line in value.splitlines() if line.strip()]


def _changes(edited: Mapping[DetailField, str], stored: Mapping[str, Any]) -> dict[str, object]:
    """The parts that differ from the stored ones; a part that is now empty is None."""
    parts: dict[str, dict[str, object]] = {}
    plain: dict[str, object] = {}
    for field, untrusted in edited.items():
        part, _, inner = field.key.partition(".")
        value = _parse(field, untrusted)
        if not inner:
            plain[part] = value
        else:
            parts.setdefault(part, dict(stored.get(part) or {}))
            if value is None:
                parts[part].pop(inner, None)
            else:
                parts[part][inner] = value
    if "cpia" in parts:
        # "Not considered yet" is a valid value: it has neither a person nor a time.
        parts["cpia"].setdefault("hidden_may_meet_test", None)
        if parts["cpia"] == {"hidden_may_meet_test": None} and "cpia" not in stored:
            parts["cpia"] = {}
    changes = plain | {part: values or None for part, values in parts.items()}
    return {part: value for part, value in changes.items() if value != stored.get(part)}


def _parse(field: DetailField, value: str) -> object:
    if not value:
        return None
    if field.choices is YES_NO:
        return value == "yes"
    if field.lines:
        return _lines(value)
    if field.number:
        if not value.isdecimal():
            raise BadRecord(f'"{field.label}" must be a whole number.', "Enter it as 45.")
        return int(value)
    if field.key == "cpia.considered_at":
        try:
            at = datetime.fromisoformat(value)
        except ValueError as error:
            raise BadRecord("The time under “Considered on” is not valid.", "Enter it as 2026-11-20 10:00.") from error
        return at.astimezone().isoformat()
    return value
