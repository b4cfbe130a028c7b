"""The form of what the law asks to be written down beside masks: for all releases, and for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import gradio as gr

from redact.disclose import details, releases
from redact.disclose.codes import ReleaseKind
from redact.errors import BadRecord, RedactError
from ui.base import QUIET, Context, answered, html, login, seeing

COMMON: tuple[tuple[str, str], ...] = (
    ("organisation", "Organisation that releases"),
    ("request_reference", "Reference of the request"),
    ("recipient.name", "Recipient"),
    ("recipient.organisation", "Recipient's organisation"),
    ("recipient.purpose", "What they get it for"),
    ("delivery.method", "How it is delivered"),
    ("delivery.encryption", "How it is kept closed on the way"),
    ("retention.rule", "How long the release is kept"),
    ("retention.destroy_on", "Destroyed on (as 2028-12-01)"),
)
OF_KIND: Mapping[ReleaseKind, tuple[tuple[str, str], ...]] = {
    ReleaseKind.COURT: (
        ("material", "Material (used or unused)"),
        ("mg6c_item", "Item on the MG6C"),
        ("clip_reason", "Why parts of the footage stay out"),
        ("cpia.hidden_may_meet_test", "What is hidden may meet the disclosure test (yes or no)"),
        ("cpia.considered_by", "Considered by"),
        ("cpia.considered_at", "Considered on (as 2026-11-20 10:00)"),
    ),
    ReleaseKind.PUBLIC: (
        ("personal_data.condition", "Section 40 condition (3A, 3B or 4A)"),
        ("personal_data.legitimate_interest", "Legitimate interest"),
        ("personal_data.necessity", "Necessity"),
        ("personal_data.balance", "Balance"),
        ("personal_data.conclusion", "Conclusion"),
    ),
    ReleaseKind.SUBJECT_ACCESS: (
        ("requester_subject", "Who the requester is, as decisions name them"),
        ("identity_check.how", "How their identity was checked"),
        ("identity_check.checked_by", "Checked by"),
        ("identity_check.checked_on", "Checked on (as 2026-11-20)"),
        ("extended", "If the time was extended: why"),
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
LIMBS = [("–", ""), ("would", "would"), ("would be likely to", "would be likely to")]
_LISTS = ("factors_for", "factors_against")
_FIELDS = [*COMMON, *(pair for kind in ReleaseKind for pair in OF_KIND[kind])]


class DetailsForm:
    """Part of the page of a release. ``outputs`` is what :meth:`show` fills, once :meth:`build` was called."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.outputs: list[Any] = []

    def show(self, reference: str, request: gr.Request) -> list[object]:
        """What is noted already, which kind's fields there are, and the codes in use."""
        try:
            with seeing(self._context, request) as (session, _):
                release = releases.find(session, reference)
                kind = releases.rules_of(release)[0].kind
                used = [code.id for code in self._context.plan(session, release).resolved.codes]
                told = [_shown(_held(release.details, key)) for key, _ in _FIELDS]
                visible = [gr.update(visible=kind is one) for one in ReleaseKind]
                return [*told, *visible, gr.update(choices=used, value=used[0] if used else None)]
        except RedactError:
            return [gr.skip() for _ in (*_FIELDS, *ReleaseKind, "codes")]  # the page says what is wrong

    def save(self, reference: str, request: gr.Request, *values: str) -> str:
        """Note what was filled in; what was emptied is taken away."""

        def work() -> str:
            actor = login(request)
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                kind, held = releases.rules_of(release)[0].kind, dict(release.details)
            mine = {key for key, _ in (*COMMON, *OF_KIND[kind])}
            given = {key: value for (key, _), value in zip(_FIELDS, values, strict=True) if key in mine}
            told = details.check(kind, _changed(given, held))
            if not told:
                raise BadRecord("Nothing was changed.", "Fill in a field first.")
            releases.set_details(self._context.db, actor, reference, told)
            return "The details are noted."

        return answered(work)

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
                lines = [line.strip() for line in (value or "").splitlines() if line.strip()]
                if lines:
                    entry[key] = lines if key in _LISTS else value.strip()
            with self._context.db.reading() as session:
                release = releases.find(session, reference)
                kind, grounds = releases.rules_of(release)[0].kind, dict(release.details.get("grounds", {}))
            told = details.check(kind, {"grounds": {**grounds, code: entry}})
            releases.set_details(self._context.db, actor, reference, told)
            return "The argument is noted."

        return answered(work)

    def build(self, _blocks: gr.Blocks, ref: gr.State, _about: gr.HTML) -> list[Any]:
        """Put the form here; gives the events after which the page has changed."""
        with gr.Accordion("Recipient, delivery, and what the law asks for", open=False):
            fields = [*_boxes(COMMON)]
            groups = []
            for kind in ReleaseKind:
                with gr.Group(visible=False) as group:
                    fields += _boxes(OF_KIND[kind])
                groups.append(group)
            save, saved = gr.Button("Note these details", variant="primary"), html()
        with gr.Accordion("Arguments for reason codes", open=False):
            code = gr.Dropdown([], label="Reason code in use", interactive=True)
            limb = gr.Dropdown(LIMBS, value="", label="Prejudice", interactive=True)
            argued = [gr.Textbox(label=label, lines=2) for _, label in GROUND]
            argue, said = gr.Button("Note the argument", variant="primary"), html()
        self.outputs = [*fields, *groups, code]
        code.change(self.ground, [ref, code], [limb, *argued], **QUIET)
        return [
            save.click(self.save, [ref, *fields], saved, **QUIET),
            argue.click(self.save_ground, [ref, code, limb, *argued], said, **QUIET),
        ]


def _boxes(pairs: Sequence[tuple[str, str]]) -> list[gr.Textbox]:
    return [gr.Textbox(label=label) for _, label in pairs]


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


def _changed(given: Mapping[str, str], held: Mapping[str, Any]) -> dict[str, object]:
    """The parts that differ from what is held; a part of which nothing is left is None."""
    parts: dict[str, dict[str, object]] = {}
    plain: dict[str, object] = {}
    for key, untrusted in given.items():
        part, _, inner = key.partition(".")
        value = _read(key, (untrusted or "").strip())
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


def _read(key: str, value: str) -> object:
    if not value:
        return None
    if key == "cpia.hidden_may_meet_test":
        if value.lower() not in ("yes", "no"):
            raise BadRecord("Whether what is hidden may meet the test is not said.", "Write yes or no.")
        return value.lower() == "yes"
    if key == "cpia.considered_at":
        try:
            at = datetime.fromisoformat(value)
        except ValueError as error:
            raise BadRecord("The time it was considered at cannot be read.", "Write it as 2026-11-20 10:00.") from error
        return at.astimezone().isoformat()
    return value
