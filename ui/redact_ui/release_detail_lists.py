"""Details a release can have several of: court orders, third parties, restrictions, public material."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release import details, releases
from redact.errors import BadRecord
from redact_ui.formatting import table, text
from redact_ui.page import QUIET, Context, html, login, run_action

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class EntryColumn:
    """One value of an entry: its key and label. ``choices`` restricts the values; a ``flag`` is yes or no."""

    name: str
    label: str
    info: str = ""
    choices: tuple[str, ...] = ()
    flag: bool = False


@dataclass(frozen=True, slots=True)
class DetailListSpec:
    """A list among the details of one kind of release. ``part`` is its key, ``noun`` names one entry."""

    part: str
    kind: ReleaseKind
    title: str
    noun: str
    columns: tuple[EntryColumn, ...]


DETAIL_LISTS: tuple[DetailListSpec, ...] = (
    DetailListSpec(
        "orders", ReleaseKind.COURT, "Court orders", "order",
        (
            EntryColumn("court", "Court"),
            EntryColumn("made_on", "Made on", "For example 2026-11-20"),
            EntryColumn("terms", "Terms", "What may be shown, and to whom"),
        ),
    ),
    DetailListSpec(
        "already_public", ReleaseKind.PUBLIC, "Already public", "entry",
        (EntryColumn("what", "Material"), EntryColumn("where", "Where it was published")),
    ),
    DetailListSpec(
        "third_parties", ReleaseKind.SUBJECT_ACCESS, "Third parties in the footage", "person",
        (
            EntryColumn("subject", "Subject name in decisions"),
            EntryColumn("identifiable", "Identifiable", flag=True),
            EntryColumn("consent", "Consent", choices=("given", "refused", "not sought")),
            EntryColumn("reasonable_to_disclose", "Reasonable to disclose without consent", flag=True),
            EntryColumn("reason", "Reason"),
        ),
    ),
    DetailListSpec(
        "restrictions", ReleaseKind.SUBJECT_ACCESS, "Restrictions", "restriction",
        (
            EntryColumn("code", "Reason code"),
            EntryColumn("ground", "Ground"),
            EntryColumn("necessity", "Why it is necessary"),
            EntryColumn("proportionality", "Why it is proportionate"),
            EntryColumn("may_be_told", "The requester may be told", flag=True),
        ),
    ),
)  # fmt: skip
_FLAGS = (("Yes", "yes"), ("No", "no"))


class DetailList:
    """One list on the page: its entries, a form to add one, and a way to remove one."""

    def __init__(self, context: Context, spec: DetailListSpec) -> None:
        self._context, self._spec = context, spec
        self.outputs: list[Any] = []

    def render(self, stored: Mapping[str, Any], kind: ReleaseKind) -> list[object]:
        """Values for :attr:`outputs`: visibility, the table of entries, and the entries that can be removed."""
        entries = stored.get(self._spec.part) or []
        heads = [column.label for column in self._spec.columns]
        rows = [[text(_as_text(entry.get(c.name))) for c in self._spec.columns] for entry in entries]
        entries_table = table(heads, rows, caption=self._spec.title, empty="There are none yet. Add one below.")
        choices = [
            (f"{place}. {_as_text(entry.get(self._spec.columns[0].name))}", json.dumps(entry))
            for place, entry in enumerate(entries, start=1)
        ]
        return [gr.update(visible=kind is self._spec.kind), entries_table, gr.update(choices=choices, value=None)]

    def add(self, reference: str, request: gr.Request, *values: str) -> str:
        """Add an entry."""

        def work() -> str:
            entry: Json = {}
            for column, untrusted in zip(self._spec.columns, values, strict=True):
                value = (untrusted or "").strip()
                if not value:
                    raise BadRecord(f'"{column.label}" is empty.', "Fill it in.")
                entry[column.name] = value == "yes" if column.flag else value
            self._set(reference, request, lambda entries: [*entries, entry])
            return f"The {self._spec.noun} has been added."

        return run_action(work)

    def remove(self, reference: str, chosen: str, request: gr.Request) -> str:
        """Remove an entry."""

        def work() -> str:
            if not chosen:
                raise BadRecord(f"No {self._spec.noun} was selected.", "Select the one to remove.")

            def without(entries: list[Json]) -> list[Json]:
                entry = json.loads(chosen)
                if entry not in entries:
                    raise BadRecord(f"This {self._spec.noun} no longer exists.", "Reload the page.")
                place = entries.index(entry)
                return [*entries[:place], *entries[place + 1 :]]

            self._set(reference, request, without)
            return f"The {self._spec.noun} has been removed."

        return run_action(work)

    def _set(self, reference: str, request: gr.Request, change: Any) -> None:
        actor = login(request)
        with self._context.db.reading() as session:
            release = releases.find(session, reference)
            kind, entries = releases.rules_of(release)[0].kind, list(release.details.get(self._spec.part) or [])
        changes = details.check(kind, {self._spec.part: change(entries) or None})
        releases.set_details(self._context.db, actor, reference, changes)

    def build(self, ref: gr.State) -> list[Any]:
        """Build the list and its form; returns the events that change the page."""
        spec = self._spec
        with gr.Accordion(spec.title, open=False, visible=False) as accordion:
            listed = html()
            inputs = [_input(column) for column in spec.columns]
            add = gr.Button(f"Add {spec.noun}", variant="primary")
            with gr.Row():
                chosen = gr.Dropdown([], label=f"{spec.noun.capitalize()} to remove", interactive=True)
                remove = gr.Button(f"Remove {spec.noun}")
            message = html()
        self.outputs = [accordion, listed, chosen]
        return [
            add.click(self.add, [ref, *inputs], message, **QUIET),
            remove.click(self.remove, [ref, chosen], message, **QUIET),
        ]


def _input(column: EntryColumn) -> Any:
    info = column.info or None
    if column.flag or column.choices:
        choices = _FLAGS if column.flag else tuple((word.capitalize(), word) for word in column.choices)
        return gr.Dropdown([("–", ""), *choices], value="", label=column.label, info=info, interactive=True)
    return gr.Textbox(label=column.label, info=info)


def _as_text(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value or "")
