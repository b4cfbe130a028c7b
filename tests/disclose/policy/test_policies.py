"""Release policies: those shipped, invalid files, and what a file cannot switch off."""

from __future__ import annotations

import hashlib
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from redact.disclose.policy.policies import Action, Policy, fill_in, list_policies, load_policy, parse_policy
from redact.disclose.policy.reason_codes import Codes, Regime, ReleaseKind, load_codes, parse_codes
from redact.errors import CodesUnknown, PolicyInvalid, PolicyUnknown
from redact.home import home
from redact.settings import AudioMode, Effect, EffectSettings, EncodeSettings, SoundEffect, VideoCodec

FOLDER = Path(__file__).parents[3] / "redact/disclose/policy/policies"
SHIPPED = ("court", "public", "subject-access", "subject-access-uk-gdpr")
FACE = '[class.face]\naction = "hide"'


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.toml").read_text("utf-8")


def changed(name: str, old: str, new: str) -> str:
    text = text_of(name)
    assert old in text
    return text.replace(old, new, 1)


def parsed(text: str) -> Policy:
    return parse_policy(text.encode(), "own", "own.toml", load_codes)


def put(name: str, text: str, folder: str = "policies") -> Path:
    path = home() / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_shipped_policies_hide_everything_by_default() -> None:
    assert list_policies() == SHIPPED
    for name in SHIPPED:
        policy = load_policy(name)
        assert policy.raw == (FOLDER / f"{name}.toml").read_bytes()
        assert policy.sha256 == hashlib.sha256(policy.raw).hexdigest()
        assert (policy.four_eyes, policy.watch_all) == (True, True)
        # No person is shown without a decision, and the effect leaves nothing visible.
        for label in ("face", "plate", "text", "a class of a network of one's own"):
            rule = policy.rule(label)
            assert (rule.action, rule.effect) == (Action.HIDE, EffectSettings(Effect.SOLID))
            assert rule.codes
        with pytest.raises(FrozenInstanceError):
            policy.four_eyes = False  # type: ignore[misc]


def test_shipped_policies_suit_their_audience() -> None:
    court, public, subject, uk_gdpr = map(load_policy, SHIPPED)
    assert (court.kind, court.sound.mode, court.log.stills) == (ReleaseKind.COURT, AudioMode.KEEP, True)
    assert (public.kind, public.sound.mode) == (ReleaseKind.PUBLIC, AudioMode.MUTE)
    assert public.log.published_edition
    fields = (
        public.log.stills,
        public.log.samples,
        public.log.original_name,
        public.log.camera_serial,
        public.log.wearer,
    )
    assert not any(fields)
    assert (subject.kind, subject.regime, uk_gdpr.regime) == (
        ReleaseKind.SUBJECT_ACCESS,
        Regime.DPA_PART_3,
        Regime.UK_GDPR,
    )
    assert (subject.sound.mode, subject.log.stills) == (AudioMode.MUTE, False)
    assert court.slate is not None
    assert "EDITED VERSION" in court.slate.lines


@pytest.mark.parametrize(
    ("name", "old", "new", "where"),
    [
        # Anything not understood is refused.
        ("court", "format = 1", "format = 2", "top of the file format is 2"),
        ("court", "format = 1", "format = 1\nstrict = false", "top of the file has unknown keys: 'strict'"),
        ("court", FACE, FACE + "\nfil = 1", r"\[class.face\] has unknown keys: 'fil'"),
        ("court", "[approval]", "[approval]\nsix_eyes = true", r"\[approval\] has unknown keys: 'six_eyes'"),
        ("court", "[log]", "[logs]\n[log]", "top of the file has unknown keys: 'logs'"),
        ("court", 'kind = "court"', 'kind = "press"', "kind is 'press'"),
        # Nothing is left to defaults.
        ("court", "[other]", "[class.more]", r"\[class.more\] lacks action"),
        ("court", '[other]                         # every class not named above: always hidden\neffect = "solid"',
         '[other]\naction = "show"\neffect = "solid"', r"\[other\] has unknown keys: 'action'"),
        ("court", FACE, '[class.face]\naction = "default"', "must be hide or show"),
        ("court", FACE, '[class.face]\naction = "show"', r"\[class.face\] lacks reason"),
        ("court", 'codes = ["TP"]', "codes = []", r"\[class.face\] codes"),
        ("court", 'codes = ["TP"]', 'codes = ["TP", "TP"]', r"\[class.face\] codes lists an item twice"),
        ("court", "stills = true", "stills = 1", "stills is neither true nor false"),
        ("court", "stills = true\n", "", r"\[log\] lacks stills"),
        ("court", "four_eyes = true\n", "", r"\[approval\] lacks four_eyes"),
        # Effects and colours.
        ("court", 'effect = "solid" ', 'effect = "pixels" ', r"\[class.face\] effect is 'pixels'"),
        ("court", 'effect = "solid" ', 'effect = "blur" ', r"\[class.face\] has unknown keys: 'fill'"),
        ("court", 'fill = "#000000"', 'fill = "black"', r"\[class.face\] fill is not a colour"),
        ("court", 'fill = "#000000"', 'fill = "#0000000"', r"\[class.face\] fill is not a colour"),
        # Codes must exist, and be for this kind of release.
        ("court", 'codes = "england-wales"', 'codes = "wales"', "names a list of codes that does not exist"),
        ("court", 'codes = ["TP"]', 'codes = ["XX"]', r"\[class.face\] has a code .* 'XX'"),
        ("court", 'codes = ["TP"]', 'codes = ["s40(2)-3A"]', r"\[class.face\] has a code .* is not for court releases"),
        ("public", '[sound]\ndefault = "mute"\neffect = "mute"\ncodes = ["s40(2)-3A"]',
         '[sound]\ndefault = "mute"\neffect = "mute"\ncodes = ["s12"]', r"\[sound\] has a code .* as a whole"),
        ("subject-access", 'regime = "dpa-part-3"', 'regime = "uk-gdpr"', r"\[class.face\] has a code .* dpa-part-3"),
        ("subject-access", 'regime = "dpa-part-3"\n', "", "regime for subject access"),
        ("court", 'kind = "court"', 'kind = "court"\nregime = "uk-gdpr"', "regime for subject access"),
        # A disguise leaves speech audible.
        ("public", 'default = "mute"\neffect = "mute"', 'default = "mute"\neffect = "disguise"', "cannot be disguise"),
        # Templates.
        ("court", "Exhibit {exhibit}", "Exhibit {wearer}", r"\[slate\] has a placeholder"),
        ("court", "Exhibit {exhibit}", "Exhibit {exhibit.__class__}", r"\[slate\] has a brace"),
        ("court", "Exhibit {exhibit}", "Exhibit {}", r"\[slate\] has a brace"),
        ("court", "Exhibit {exhibit}", "Exhibit {exhibit", r"\[slate\] has a brace"),
        ("court", "Exhibit {exhibit}", "Exhibit {{exhibit}}", r"\[slate\] has a brace"),
        ("court", "[slate] ", 'watermark = "{exhibit!r}"\n[slate] ', r"\[sound\] has unknown keys: 'watermark'"),
        ("court", "format = 1", 'format = 1\nwatermark = "{exhibit!r}"', "has a brace"),
        ("court", "format = 1", f'format = 1\nwatermark = "{"w" * 101}"', "more than 100 characters"),
        ("court", "seconds = 5", "seconds = 0", r"\[slate\] seconds is 0"),
        ("court", "seconds = 5", "seconds = nan", r"\[slate\] seconds is not a number"),
        # Output.
        ("court", "quality = 20", "quality = 52", r"\[output\] quality is 52"),
        ("court", "quality = 20", "quality = 20.0", r"\[output\] quality is not a whole number"),
        ("court", 'codec = "h264"', 'codec = "copy"', r"\[output\] codec is 'copy'"),
        ("court", '"{nn}-{exhibit}"', '"{exhibit}"', "no two clips may share a name"),
        # Clip 1 of exhibit 1A and clip 11 of exhibit A would be one file.
        ("court", '"{nn}-{exhibit}"', '"{number}{exhibit}"', "no two clips may share a name"),
        ("court", '"{nn}-{exhibit}"', '"../{nn}"', "file_name"),
        ("court", '"{nn}-{exhibit}"', '"-{nn}"', "file_name must consist of"),
        ("court", '"{nn}-{exhibit}"', '"{nn}-{reference}"', "placeholder"),
    ],
)  # fmt: skip
def test_invalid_policy_is_refused_with_its_place(name: str, old: str, new: str, where: str) -> None:
    with pytest.raises(PolicyInvalid, match=where) as error:
        parsed(changed(name, old, new))
    assert "own.toml" in error.value.text


@pytest.mark.parametrize("name", ["public", "subject-access", "subject-access-uk-gdpr"])
@pytest.mark.parametrize("key", ["four_eyes", "watch_all"])
def test_four_eyes_rule_cannot_be_switched_off(name: str, key: str) -> None:
    with pytest.raises(PolicyInvalid, match=rf"\[approval\] must have .*{name[:6]}"):
        parsed(changed(name, f"{key} = true", f"{key} = false"))


@pytest.mark.parametrize("key", ["four_eyes", "watch_all"])
def test_four_eyes_rule_can_be_switched_off_for_court(key: str) -> None:
    assert getattr(parsed(changed("court", f"{key} = true", f"{key} = false")), key) is False


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("published_edition = true", "published_edition = false", "the public receives no other log"),
        ("stills = false", "stills = true", "stills"),
        ("samples = false", "samples = true", "samples"),
        ("original_name = false", "original_name = true", "original_name"),
        ("camera_serial = false", "camera_serial = true", "camera_serial"),
        ("wearer = false", "wearer = true", "wearer"),
        # An exhibit reference contains an officer's initials.
        ("Reference {reference}", "Exhibit {exhibit}", "placeholder"),
        ('"video-{number}"', '"{nn}-{exhibit}"', "whose camera"),
        ('"video-{number}"', '"video-{nn}"', "whose camera"),
    ],
)
def test_public_policy_reveals_no_more(old: str, new: str, why: str) -> None:
    with pytest.raises(PolicyInvalid, match=why):
        parsed(changed("public", old, new))


def test_shown_class_has_reason() -> None:
    text = changed("court", "[class.plate]", '[class.badge]\naction = "show"\nreason = "Staff on duty"\n[class.plate]')
    rule = parsed(text).rule("badge")
    assert (rule.action, rule.reason, rule.codes) == (Action.SHOW, "Staff on duty", ())


def test_policy_values_are_all_read() -> None:
    text = (
        changed("court", 'effect = "solid" ', 'effect = "mosaic" ')
        .replace('fill = "#000000"\n', "", 1)
        .replace('fill = "#000000"', 'fill = "#0a10FF"', 1)
        .replace('effect = "mute"', 'effect = "bleep"')
        .replace('"h264"', '"av1"')
        .replace("quality = 20", "quality = 63")
        .replace("format = 1", 'format = 1\nwatermark = "{kind} {number}"')
    )
    policy = parsed(text)
    assert policy.rule("face").effect == EffectSettings(Effect.MOSAIC)
    assert policy.rule("plate").effect == EffectSettings(Effect.SOLID, (10, 16, 255))
    assert (policy.sound.mode, policy.sound.effect) == (AudioMode.KEEP, SoundEffect.BLEEP)
    assert policy.encode == EncodeSettings(VideoCodec.AV1, 63)
    assert policy.watermark == "{kind} {number}"


def test_policy_snapshot_is_checked_against_its_codes() -> None:
    def snapshot(name: str) -> Codes:
        if name != "england-wales":
            raise CodesUnknown(f"no {name}")
        return parse_codes(load_codes().raw.replace(b'[code."TP"]', b'[code."TP2"]'), name, "snapshot")

    with pytest.raises(PolicyInvalid, match="'TP'"):
        parse_policy(text_of("court").encode(), "court", "snapshot", snapshot)


def test_placeholders_are_filled_in_once_on_one_line() -> None:
    values = {"reference": "{exhibit}", "exhibit": "AB/1\nPC Secret", "kind": "court", "number": "1"}
    assert fill_in("{reference}: {exhibit} {kind}", values) == "{exhibit}: AB/1 PC Secret court"


@pytest.mark.parametrize(
    ("name", "number", "exhibit", "file"),
    [
        ("court", 3, "AB/1", "03-AB-1.mp4"),
        ("court", 100, "AB1", "100-AB1.mp4"),
        ("court", 1, "../../etc/x", "01-etc-x.mp4"),
        ("court", 1, "{nn}", "01-nn.mp4"),
        ("court", 1, "///", "01-x.mp4"),
        ("court", 1, "a" * 300, "01-" + "a" * 40 + ".mp4"),
        ("public", 12, "AB/1", "video-12.mp4"),
    ],
)
def test_output_names_are_plain_and_neutral_for_public(name: str, number: int, exhibit: str, file: str) -> None:
    assert load_policy(name).output_name(number, exhibit) == file


def test_own_policy_is_listed_and_loaded() -> None:
    put("our-court.toml", text_of("court"))
    assert list_policies() == (*SHIPPED, "our-court")
    assert load_policy("our-court").sha256 == load_policy("court").sha256


def test_own_policy_uses_own_codes() -> None:
    raw = load_codes().raw.decode().replace('[code."TP"]', '[code."THIRD"]')
    put("ours.toml", raw, "codes")
    put("our-court.toml", text_of("court").replace('"TP"', '"THIRD"').replace('"england-wales"', '"ours"'))
    assert load_policy("our-court").rule("face").codes == ("THIRD",)


def test_own_policy_cannot_take_shipped_name() -> None:
    path = put("public.toml", text_of("court"))
    with pytest.raises(PolicyInvalid, match=str(path)):
        load_policy("public")


@pytest.mark.parametrize("name", ["press", "../policies/court", "court.toml", ""])
def test_unknown_policy_is_refused(name: str) -> None:
    with pytest.raises(PolicyUnknown, match="Available: court, public"):
        load_policy(name)
