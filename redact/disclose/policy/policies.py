"""Release policies: what is hidden by default for each audience, how it is hidden, and what the pack may reveal.

A policy is one TOML file: ``policies/court.toml`` and the others shipped with it, or a force's own in
``REDACT_HOME/policies/NAME.toml``. It never changes tracks or edits; :mod:`redact.disclose.release.resolve` applies it
to them. A file cannot switch off what the law requires of a release to the public or to a data subject.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from redact.disclose.policy.data_files import DataFile, DataFiles
from redact.disclose.policy.reason_codes import Code, Codes, Regime, ReleaseKind, load_codes, version_of
from redact.errors import CodeNotAllowed, CodesUnknown, CodeUnknown, PolicyInvalid, PolicyUnknown
from redact.settings import (
    ENCODE_DEFAULTS,
    SLATE_LINE_LENGTH,
    SLATE_LINES,
    SLATE_SECONDS,
    WATERMARK_LENGTH,
    AudioMode,
    Effect,
    EffectSettings,
    EncodeSettings,
    Slate,
    SoundEffect,
    VideoCodec,
)
from redact.strict_toml import Table, is_line, parse_table

FORMAT = 1
"""Version of the file format; ``version`` in the file is the version of the policy."""
POLICY_FILES = DataFiles("policies", "release policy", PolicyInvalid, PolicyUnknown)
GUARDED = (ReleaseKind.PUBLIC, ReleaseKind.SUBJECT_ACCESS)
"""Kinds of release that a second person must always check, watching all of the output."""

TEXT_PLACEHOLDERS = frozenset({"reference", "exhibit", "kind", "number"})
"""For slates and watermarks: case reference, exhibit reference, kind of release, and number of the clip from 1."""
FILE_PLACEHOLDERS = frozenset({"exhibit", "number", "nn"})
"""For file names. ``nn`` is the clip's number in two digits."""
NEUTRAL_PLACEHOLDERS = TEXT_PLACEHOLDERS - {"exhibit"}
NEUTRAL_FILE_NAME = "video-{number}"
"""For public releases, because an exhibit reference contains an officer's initials."""
_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_NUMBERED = re.compile(r"(^|[.-])\{(number|nn)\}($|[.-])")
LONGEST_FILE_NAME = 100


class Action(StrEnum):
    """What happens to a track or sound. ``default`` withdraws an earlier decision."""

    HIDE = "hide"
    SHOW = "show"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ClassRule:
    """What happens to tracks of a class: hidden with an effect under reason codes, or shown for a reason."""

    action: Action
    effect: EffectSettings
    codes: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SoundRule:
    """``mode`` applies to all sound without a decision; ``effect`` and ``codes`` to hidden spans that name none."""

    mode: AudioMode
    effect: SoundEffect
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogRule:
    """What the pack reveals. ``samples`` is the file of mask shapes; ``stills`` are pictures in the PDF."""

    published_edition: bool
    stills: bool
    samples: bool
    original_name: bool
    camera_serial: bool
    wearer: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for one audience. ``raw`` holds the bytes of its file and ``sha256`` their hash."""

    name: str
    version: str
    title: str
    kind: ReleaseKind
    regime: Regime | None
    """For a subject access release; None for every other kind."""
    codes: str
    """Name of the list of reason codes."""
    classes: Mapping[str, ClassRule]
    other: ClassRule
    """For every class not named in the policy: always hidden."""
    sound: SoundRule
    slate: Slate | None
    """Its lines may contain :data:`TEXT_PLACEHOLDERS`, which :func:`fill_in` replaces."""
    watermark: str
    """May contain the same placeholders as the slate; empty for no watermark."""
    encode: EncodeSettings
    file_name: str
    log: LogRule
    four_eyes: bool
    """Whether the approver must be someone who had no part in making the release."""
    watch_all: bool
    """Whether approval requires that all of the output was watched, every item of the review queue was settled, and a
    second detection pass was run."""
    sha256: str
    raw: bytes = field(repr=False)

    def rule(self, label: str) -> ClassRule:
        """What happens to tracks of a class."""
        return self.classes.get(label, self.other)

    def output_name(self, number: int, exhibit: str) -> str:
        """The file name, without a path, of the copy made from clip ``number`` (from 1)."""
        values = {"exhibit": exhibit, "number": str(number), "nn": f"{number:02d}"}
        safe = {key: re.sub(r"[^A-Za-z0-9]+", "-", value).strip("-")[:40] or "x" for key, value in values.items()}
        return fill_in(self.file_name, safe) + ".mp4"


def fill_in(template: str, values: Mapping[str, str]) -> str:
    """``template`` with its placeholders replaced once: placeholders inside a value are left as they are.

    Each value is collapsed to one line. Raises ``KeyError`` for a placeholder without a value.
    """
    return _PLACEHOLDER.sub(lambda match: " ".join(values[match[1]].split()), template)


def list_policies() -> tuple[str, ...]:
    """Names of all policies, shipped ones first. Raises :class:`PolicyInvalid` for an invalid name; reads no file."""
    return POLICY_FILES.names()


def load_policy(untrusted_name: str) -> Policy:
    """The policy with this name, checked against its list of reason codes.

    Raises :class:`PolicyUnknown`, :class:`PolicyInvalid` and :class:`redact.errors.CodesInvalid`.
    """
    return checked_policy(POLICY_FILES.read(untrusted_name))


def checked_policy(file: DataFile) -> Policy:
    """The policy in a file, checked against its list of reason codes. Raises as :func:`load_policy`."""
    return parse_policy(file.untrusted_raw, file.name, file.origin, load_codes)


def parse_policy(untrusted_raw: bytes, name: str, origin: str, codes_named: Callable[[str], Codes]) -> Policy:
    """A policy from the bytes of its file, or of a snapshot of that file.

    ``origin`` names it in error messages; ``codes_named`` returns the list of codes with a given name or raises
    :class:`CodesUnknown`.
    Raises :class:`PolicyInvalid`, and whatever else ``codes_named`` raises.
    """

    def refusal(why: str) -> PolicyInvalid:
        return PolicyInvalid(
            f"In the release policy {origin}, {why}.",
            "Correct the file. `redact policies show court` prints a valid policy.",
        )

    table = parse_table(untrusted_raw, refusal)
    table.whole("format", FORMAT, FORMAT)
    version, title, kind = version_of(table), table.text("title"), table.member("kind", ReleaseKind)
    regime = table.member("regime", Regime) if "regime" in table else None
    if (regime is not None) != (kind is ReleaseKind.SUBJECT_ACCESS):
        table.refuse("must name a regime for subject access, and for no other kind of release")
    reader = _PolicyReader(kind, regime, _codes(table, codes_named))
    policy = Policy(
        name,
        version,
        title,
        kind,
        regime,
        reader.codes.name,
        {label: reader.class_rule(entry) for label, entry in table.tables("class")},
        reader.hidden(table.table("other")),
        reader.sound(table.table("sound")),
        reader.slate(table.table("slate")) if "slate" in table else None,
        reader.template(table, "watermark", WATERMARK_LENGTH) if "watermark" in table else "",
        *reader.output(table.table("output")),
        reader.log(table.table("log")),
        *reader.approval(table.table("approval")),
        hashlib.sha256(untrusted_raw).hexdigest(),
        untrusted_raw,
    )
    for label in policy.classes:
        if not is_line(label):
            table.refuse("has a class whose name is not a single line of text")
    table.done()
    return policy


def _codes(table: Table, codes_named: Callable[[str], Codes]) -> Codes:
    name = table.text("codes")
    try:
        return codes_named(name)
    except CodesUnknown as error:
        table.refuse(f"names a list of codes that does not exist: {error.happened}")


@dataclass(frozen=True, slots=True)
class _PolicyReader:
    """Reads the tables of a policy for one kind of release."""

    kind: ReleaseKind
    regime: Regime | None
    codes: Codes

    def class_rule(self, table: Table) -> ClassRule:
        action = table.member("action", Action)
        if action is Action.HIDE:
            return self.hidden(table)
        if action is not Action.SHOW:
            table.refuse("action must be hide or show")
        rule = ClassRule(Action.SHOW, EffectSettings(), (), table.text("reason"))
        table.done()
        return rule

    def hidden(self, table: Table) -> ClassRule:
        effect = table.member("effect", Effect)
        # Only a solid mask has a colour: a fill given for a mosaic is a mistake.
        settings = EffectSettings(effect, _fill(table)) if effect is Effect.SOLID else EffectSettings(effect)
        rule = ClassRule(Action.HIDE, settings, self.hiding_codes(table))
        table.done()
        return rule

    def hiding_codes(self, table: Table) -> tuple[str, ...]:
        return tuple(self._code(table, id_).id for id_ in table.texts("codes"))

    def _code(self, table: Table, untrusted_id: str) -> Code:
        try:
            return self.codes.for_hiding(untrusted_id, self.kind, self.regime)
        except (CodeUnknown, CodeNotAllowed) as error:
            table.refuse(f"has a code that is not allowed here. {error.happened.rstrip('.')}")

    def sound(self, table: Table) -> SoundRule:
        rule = SoundRule(
            table.member("default", AudioMode), table.member("effect", SoundEffect), self.hiding_codes(table)
        )
        if (rule.mode, rule.effect) == (AudioMode.MUTE, SoundEffect.DISGUISE):
            table.refuse(
                "mutes all sound by default, so effect cannot be disguise: speech would be audible in hidden spans"
            )
        table.done()
        return rule

    def slate(self, table: Table) -> Slate:
        lines = table.texts("lines")
        if len(lines) > SLATE_LINES:
            table.refuse(f"has {len(lines)} lines, and only {SLATE_LINES} fit")
        for line in lines:
            self._check_template(table, line, SLATE_LINE_LENGTH)
        slate = Slate(lines, table.number("seconds", *SLATE_SECONDS))
        table.done()
        return slate

    def template(self, table: Table, key: str, longest: int) -> str:
        """A text that may contain placeholders."""
        return self._check_template(table, table.text(key), longest)

    def _check_template(self, table: Table, template: str, longest: int) -> str:
        if len(template) > longest:
            table.refuse(f"has a text of more than {longest} characters")
        allowed = NEUTRAL_PLACEHOLDERS if self.kind is ReleaseKind.PUBLIC else TEXT_PLACEHOLDERS
        _placeholders(table, template, allowed)
        return template

    def output(self, table: Table) -> tuple[EncodeSettings, str]:
        codec = table.member("codec", VideoCodec)
        encode = EncodeSettings(codec, table.whole("quality", *ENCODE_DEFAULTS[codec].quality_range))
        name = table.text("file_name", LONGEST_FILE_NAME)
        if self.kind is ReleaseKind.PUBLIC and name != NEUTRAL_FILE_NAME:
            table.refuse(
                f"file_name must be {NEUTRAL_FILE_NAME!r} for the public: any other may reveal whose camera it was"
            )
        _placeholders(table, name, FILE_PLACEHOLDERS)
        if not _NUMBERED.search(name):
            table.refuse("file_name must contain {number} or {nn}, set apart by . or -: no two clips may share a name")
        if not _FILE_NAME.fullmatch(_PLACEHOLDER.sub("x", name)):
            table.refuse("file_name must consist of letters, digits, . and -, and start with a letter or digit")
        table.done()
        return encode, name

    def log(self, table: Table) -> LogRule:
        public = self.kind is ReleaseKind.PUBLIC
        rule = LogRule(
            **{
                key: table.flag(key)
                for key in ("published_edition", "stills", "samples", "original_name", "camera_serial", "wearer")
            }
        )
        if public and not rule.published_edition:
            table.refuse("must have published_edition = true: the public receives no other log")
        if rule.published_edition:
            # The published edition consists of time ranges and codes: it has no place for any of these.
            for key in ("stills", "samples", "original_name", "camera_serial", "wearer"):
                if getattr(rule, key):
                    table.refuse(f"cannot have {key} = true in a published edition")
        table.done()
        return rule

    def approval(self, table: Table) -> tuple[bool, bool]:
        four_eyes, watch_all = table.flag("four_eyes"), table.flag("watch_all")
        if self.kind in GUARDED and not (four_eyes and watch_all):
            table.refuse(f"must have four_eyes = true and watch_all = true for a release of the kind {self.kind}")
        table.done()
        return four_eyes, watch_all


def _fill(table: Table) -> tuple[int, int, int]:
    colour = table.text("fill")
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        table.refuse('fill is not a colour as in "#000000"')
    return (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))


def _placeholders(table: Table, template: str, allowed: frozenset[str]) -> set[str]:
    """Names of the placeholders in ``template``. Refuses any brace that is not part of an ``allowed`` placeholder."""
    names = set(_PLACEHOLDER.findall(template))
    listed = ", ".join(f"{{{name}}}" for name in sorted(allowed))
    if not names <= allowed:
        table.refuse(f"has a placeholder that is not allowed in {template!r}; available here: {listed}")
    if set(_PLACEHOLDER.sub("", template)) & {"{", "}"}:
        table.refuse(f"has a brace outside a placeholder in {template!r}; available here: {listed}")
    return names
