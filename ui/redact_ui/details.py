"""The form of what the law asks to be written down beside masks: for all releases, and for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import gradio as gr

from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release import details, releases
from redact.errors import BadRecord, RedactError
from redact_ui.detail_lists import LISTS, DetailList
from redact_ui.page import QUIET, Context, answered, attempted, html, login, seeing

YES_NO = (("Yes", "yes"), ("No", "no"))
NOT_SAID = ("–", "")


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to note. ``key`` is where it is kept: a part, or a part and a name in it. With ``choices`` one of
    them; ``lines``: several, one a line."""

    key: str
    label: str
    info: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    lines: bool = False
    number: bool = False


def _internal(key: str, label: str, **more: Any) -> Field:
    return Field(f"internal.{key}", label, "Never leaves the force", **more)


COMMON: tuple[Field, ...] = (
    Field("organisation", "Organisation that releases"),
    Field("request_reference", "Reference of the request"),
    Field("recipient.name", "Recipient"),
    Field("recipient.organisation", "Recipient's organisation"),
    Field("recipient.purpose", "What they get it for"),
    Field("delivery.method", "How it is delivered"),
    Field("delivery.encryption", "How it is kept closed on the way"),
    Field("retention.rule", "How long the release is kept"),
    Field("retention.keep_until", "Kept until", "As 2028-12-01"),
    Field("retention.destroy_on", "Destroyed on", "As 2028-12-01"),
    _internal("notes", "Internal notes, one a line", lines=True),
)
OF_KIND: Mapping[ReleaseKind, tuple[Field, ...]] = {
    ReleaseKind.COURT: (
        Field("defendants", "Defendants, one a line", "Where they are others than the case's", lines=True),
        Field("offences", "Offences, one a line", "Where they are others than the case's", lines=True),
        Field("material", "Material", choices=(("Used", "used"), ("Unused", "unused"))),
        Field("mg6c_item", "Item on the MG6C"),
        Field("clip_reason", "Why parts of the footage stay out"),
        Field("cpia.hidden_may_meet_test", "What is hidden may meet the disclosure test", choices=YES_NO),
        Field("cpia.considered_by", "Considered by"),
        Field("cpia.considered_at", "Considered on", "As 2026-11-20 10:00"),
        Field("producing_statement.name", "Produced in evidence by"),
        Field("producing_statement.role", "Their role"),
        Field("producing_statement.exhibit", "Exhibit it is produced as"),
        Field("producing_statement.made_on", "Statement made on", "As 2026-11-20"),
        Field("producing_statement.words", "Words of the statement"),
        _internal("mg6d_reference", "Reference on the MG6D"),
        _internal("cpia_reasons", "Why it may or may not meet the test, for the MG6E"),
    ),
    ReleaseKind.PUBLIC: (
        Field(
            "personal_data.condition",
            "Section 40 condition",
            choices=tuple((word, word) for word in ("3A", "3B", "4A")),
        ),
        Field("personal_data.legitimate_interest", "Legitimate interest"),
        Field("personal_data.necessity", "Necessity"),
        Field("personal_data.balance", "Balance"),
        Field("personal_data.conclusion", "Conclusion"),
        Field("retrieving_minutes", "Minutes spent retrieving", "Counted towards the cost limit", number=True),
        Field("extracting_minutes", "Minutes spent extracting", "Counted towards the cost limit", number=True),
        Field("review.internal_review", "How to ask for a review", "Empty: the usual words"),
        Field("review.commissioner", "How to complain to the Commissioner", "Empty: the usual words"),
    ),
    ReleaseKind.SUBJECT_ACCESS: (
        Field("requester_subject", "Who the requester is, as decisions name them"),
        Field("identity_check.how", "How their identity was checked"),
        Field("identity_check.checked_by", "Checked by"),
        Field("identity_check.checked_on", "Checked on", "As 2026-11-20"),
        Field("extended", "If the time was extended: why"),
        Field("supply", "How it is supplied", choices=(("As a copy", "copy"), ("For viewing", "viewing"))),
    ),
    ReleaseKind.INTERNAL: (),
}
GROUND: tuple[tuple[str, str], ...] = (
    ("harm", "Harm that would follow"),
    ("factors_for", "For disclosing, one a line"),
    ("factors_against", "Against disclosing, one a line"),
    ("balance", "Where the public interest lies, and why"),
    ("assessment", "Assessment"),
    ("reference", "Reference"),
)
LIMBS = [NOT_SAID, ("would", "would"), ("would be likely to", "would be likely to")]
_GROUND_LISTS = ("factors_for", "factors_against")
FIELDS: tuple[Field, ...] = (*COMMON, *(field for kind in ReleaseKind for field in OF_KIND[kind]))


@dataclass(frozen=True, slots=True)
class Shown:
    """What one page was filled with last: the value of each field, and the codes in use. What differs from it was
    typed since, and is neither filled over nor taken for what is noted."""

    fields: tuple[str, ...] = ("",) * len(FIELDS)
    codes: tuple[str, ...] = ()


class DetailsForm:
    """Part of the page of a release. Once :meth:`build` was called, ``outputs`` is what :meth:`show` fills, and
    ``shown`` what it was filled with."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lists = [DetailList(context, one) for one in LISTS]
        self.shown: Any = None
        self.outputs: list[Any] = []

    def show(self, reference: str, before: Shown, request: gr.Request) -> list[object]:
        """What is on show now, then what is noted where that is not what was on show ``before``, which kind's fields
        there are, and the codes in use."""
        try:
            with seeing(self._context, request) as (session, _):
                release = releases.find(session, reference)
                kind = releases.rules_of(release)[0].kind
                used = tuple(code.id for code in self._context.plan(session, release).resolved.codes)
                told = tuple(_shown(_held(release.details, field.key)) for field in FIELDS)
                fields = [gr.skip() if new == old else new for new, old in zip(told, before.fields, strict=True)]
                visible = [gr.update(visible=kind is one) for one in ReleaseKind]
                lists = [part for one in self._lists for part in one.shown(release.details, kind)]
                return [Shown(told, used), *fields, *visible, _codes(used, before.codes), *lists]
        except RedactError:
            return [gr.skip() for _ in self.outputs]  # the page says what is wrong

    def save(self, reference: str, before: Shown, request: gr.Request, *values: str) -> tuple[str, Shown]:
        """Note what was filled in; what was emptied is taken away, and what nobody touched here stays as it is. Says
        what is on show with that."""
        typed = tuple((value or "").strip() for value in values)

        def work() -> str:
            actor = login(request)
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                kind, held = releases.rules_of(release)[0].kind, dict(release.details)
            mine = (*COMMON, *OF_KIND[kind])
            rows = zip(FIELDS, typed, before.fields, strict=True)
            given = {field: value for field, value, old in rows if field in mine and value != old}
            told = details.check(kind, _changed(given, held))
            if not told:
                raise BadRecord("Nothing was changed.", "Fill in a field first.")
            releases.set_details(self._context.db, actor, reference, told)
            return "The details are noted."

        said, noted = attempted(work)
        return said, replace(before, fields=typed) if noted else before

    def ground(self, reference: str, code: str, request: gr.Request) -> list[str]:
        """What was argued for a code so far."""
        try:
            with seeing(self._context, request) as (session, _):
                release = releases.find(session, reference)
                entry = release.details.get("grounds", {}).get(code, {})
                return [entry.get("limb") or "", *(_shown(entry.get(key)) for key, _ in GROUND)]
        except RedactError:
            return ["" for _ in ("limb", *GROUND)]

    def save_ground(self, reference: str, code: str, limb: str, request: gr.Request, *values: str) -> str:
        """Note what is argued for a code."""

        def work() -> str:
            actor = login(request)
            if not code:
                raise BadRecord("No reason code was chosen.", "Choose the one that this is argued for.")
            entry: dict[str, object] = {"limb": limb} if limb else {}
            for (key, _), value in zip(GROUND, values, strict=True):
                lines = _lines(value or "")
                if lines:
                    entry[key] = lines if key in _GROUND_LISTS else value.strip()
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                kind, grounds = releases.rules_of(release)[0].kind, dict(release.details.get("grounds", {}))
            told = details.check(kind, {"grounds": {**grounds, code: entry}})
            releases.set_details(self._context.db, actor, reference, told)
            return "The argument is noted."

        return answered(work)

    def build(self, ref: gr.State) -> list[Any]:
        """Put the form here; gives the events after which the page has changed."""
        with gr.Accordion("Recipient, delivery, and what the law asks for", open=False):
            fields = _boxes(COMMON)
            groups = []
            for kind in ReleaseKind:
                with gr.Column(visible=False) as group:
                    fields += _boxes(OF_KIND[kind])
                groups.append(group)
            save, saved = gr.Button("Note these details", variant="primary"), html()
        added = [event for one in self._lists for event in one.build(ref)]
        self.shown = gr.State(Shown())
        with gr.Accordion("Arguments for reason codes", open=False):
            code = gr.Dropdown([], label="Reason code in use", interactive=True)
            limb = gr.Dropdown(LIMBS, value="", label="Prejudice", interactive=True)
            argued = [gr.Textbox(label=label, lines=2) for _, label in GROUND]
            argue, said = gr.Button("Note the argument", variant="primary"), html()
        self.outputs = [self.shown, *fields, *groups, code, *(part for one in self._lists for part in one.outputs)]
        code.change(self.ground, [ref, code], [limb, *argued], **QUIET)
        return [
            save.click(self.save, [ref, self.shown, *fields], [saved, self.shown], **QUIET),
            argue.click(self.save_ground, [ref, code, limb, *argued], said, **QUIET),
            *added,
        ]


def _codes(used: tuple[str, ...], before: tuple[str, ...]) -> object:
    """Choosing one fills in what was argued for it, so the choice stays as long as it can."""
    if used == before:
        return gr.skip()
    if before and set(before) <= set(used):
        return gr.update(choices=list(used))
    return gr.update(choices=list(used), value=used[0] if used else None)


def _boxes(fields: Sequence[Field]) -> list[Any]:
    """Two in a row."""
    made = []
    for place in range(0, len(fields), 2):
        with gr.Row():
            made += [_box(field) for field in fields[place : place + 2]]
    return made


def _box(field: Field) -> Any:
    info = field.info or None
    if field.choices:
        return gr.Dropdown([NOT_SAID, *field.choices], value="", label=field.label, info=info, interactive=True)
    return gr.Textbox(label=field.label, info=info, lines=3 if field.lines else 1)


def _held(held: Mapping[str, Any], key: str) -> object:
    part, _, inner = key.partition(".")
    value = held.get(part)
    return value.get(inner) if inner and isinstance(value, Mapping) else None if inner else value


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)


def _lines(value: str) -> list[str]:
    return [line.strip() for line in value.splitlines() if line.strip()]


def _changed(given: Mapping[Field, str], held: Mapping[str, Any]) -> dict[str, object]:
    """The parts that differ from what is held; a part of which nothing is left is None."""
    parts: dict[str, dict[str, object]] = {}
    plain: dict[str, object] = {}
    for field, untrusted in given.items():
        part, _, inner = field.key.partition(".")
        value = _read(field, untrusted)
        if not inner:
            plain[part] = value
        else:
            parts.setdefault(part, dict(held.get(part) or {}))
            if value is None:
                parts[part].pop(inner, None)
            else:
                parts[part][inner] = value
    if "cpia" in parts:
        # Nobody has considered it yet is an answer, too: it has neither person nor time.
        parts["cpia"].setdefault("hidden_may_meet_test", None)
        if parts["cpia"] == {"hidden_may_meet_test": None} and "cpia" not in held:
            parts["cpia"] = {}
    told = plain | {part: values or None for part, values in parts.items()}
    return {part: value for part, value in told.items() if value != held.get(part)}


def _read(field: Field, value: str) -> object:
    if not value:
        return None
    if field.choices is YES_NO:
        return value == "yes"
    if field.lines:
        return _lines(value)
    if field.number:
        if not value.isdecimal():
            raise BadRecord(f'"{field.label}" is no whole number.', "Write it as 45.")
        return int(value)
    if field.key == "cpia.considered_at":
        try:
            at = datetime.fromisoformat(value)
        except ValueError as error:
            raise BadRecord("The time it was considered at cannot be read.", "Write it as 2026-11-20 10:00.") from error
        return at.astimezone().isoformat()
    return value
