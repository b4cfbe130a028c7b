"""A user's own weights: what is accepted, what is refused, and that a refusal leaves no files behind."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from redact.detect import checkpoint as conversion
from redact.detect import registry
from redact.detect.entries import Family, RegisteredModel
from redact.detect.factory import make_detectors
from redact.detect.model_import import ImportOptions, add
from redact.detect.yolo import YoloDetector
from redact.errors import BadUsage, InputMissing, ModelExists, ModelNotTrusted, ModelUnusable, RedactError
from redact.home import home
from redact.settings import AnalyseSettings, DeviceChoice, Preset
from tests.cli.runner import listing
from tests.detect.contract import CPU
from tests.detect.test_yolo import NAMES, checkpoint, spot_network

NOISE = torch.from_numpy(np.random.default_rng(5).integers(0, 256, (1, 3, 160, 224), np.uint8))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._mark}",)


@pytest.mark.parametrize("name", ["evil.pt", "evil.onnx"])
@pytest.mark.parametrize("container", ["zip", "bare"])
@pytest.mark.parametrize("trust", [False, True])
def test_checkpoint_never_runs_its_program(tmp_path: Path, name: str, container: str, *, trust: bool) -> None:
    path, mark = tmp_path / name, tmp_path / "it_ran"
    payload = {"model": Bomb(mark), "train_args": {}}
    if container == "zip":
        torch.save(payload, path)
    else:
        path.write_bytes(pickle.dumps(payload, protocol=2))
    with pytest.raises(ModelUnusable if trust else ModelNotTrusted):
        add(path, ImportOptions(trust=trust))
    assert not mark.exists()
    assert not home().exists() or not listing(home())
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists(), "the pickle must really run code"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RegisteredModel]:
    """A checkpoint, and the model it was registered as."""
    folder = tmp_path_factory.mktemp("pair")
    path = checkpoint(folder / "Own Plates.v2.pt", kind="yolo11n.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDACT_HOME", str(folder / "home"))
        options = ImportOptions(trust=True, licence='"Own"\\ ☂', classes={"plate": "plate", "cat": "badge"})
        return path, add(path, options)


def test_checkpoint_conversion_gives_same_boxes(pair: tuple[Path, RegisteredModel]) -> None:
    path, model = pair
    (found,) = YoloDetector(model, ("badge",), 0.9, CPU).detect(NOISE)
    assert set(found.labels) == {"badge"}
    # The network itself: its boxes are cells, identified by middle and size.
    original = torch.load(path, weights_only=False)["model"].float()
    with torch.inference_mode():
        answer = original(NOISE.float() / 255)[0][0].numpy()
    sure = answer[:4, answer[4] > 0.9].T
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    apart = np.abs(np.hstack([middles, found.boxes[:, 2:] - found.boxes[:, :2]])[:, None] - sure[None]).max(2)
    assert len(found) > 10
    # OpenVINO may compute in half precision.
    assert (apart.min(1) < 1).mean() > 0.9


def test_checkpoint_runs_after_conversion(pair: tuple[Path, RegisteredModel], monkeypatch: pytest.MonkeyPatch) -> None:
    path, model = pair
    monkeypatch.setenv("REDACT_HOME", str(path.parent / "home"))
    assert registry.added().models == (model,)
    assert (model.name, model.licence, model.classes) == ("own-plates-v2", '"Own"\\ ☂', ("plate", "badge"))
    made = make_detectors(AnalyseSettings(classes=("badge",), device=DeviceChoice.CPU))
    assert [scheduled.detector.record.name for scheduled in made] == ["own-plates-v2"]
    with pytest.raises(ModelExists, match="own-plates-v2"):
        add(path, ImportOptions(trust=True, name="other"))


def test_checkpoint_conversion_with_other_results_is_refused(
    pair: tuple[Path, RegisteredModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, registered = pair
    model = onnx.load_model_from_string(registered.verified_bytes())
    last = next(tensor for tensor in model.graph.initializer if "cv3.2.2.bias" in tensor.name)
    last.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(last) + 0.5, last.name))
    monkeypatch.setattr(conversion, "_exported", lambda _network: model.SerializeToString())
    with pytest.raises(ModelUnusable, match="other results after conversion"):
        add(path, ImportOptions(trust=True))
    assert not home().exists()


def test_export_is_added_unchanged_and_only_once(tmp_path: Path) -> None:
    path = spot_network(tmp_path / "a.onnx")
    (home() / registry.FOLDER).mkdir(parents=True)
    (home() / registry.FOLDER / registry.FILE).write_text("# mine\n")
    (home() / registry.FOLDER / "a.onnx").write_bytes(b"left by an adding that was killed")
    add(path, ImportOptions(presets=(Preset.FAST,)))
    add(spot_network(tmp_path / "b.onnx", names=str(["x", "face", "y"])), ImportOptions(classes={"face": "face"}))
    known = registry.all_models()
    assert [model.name for model in known.models] == ["a", "b", "centerface", "plates", "ppocr-text"]
    assert known.models[0].verified_bytes() == path.read_bytes()
    assert [known.found_by(known.models[0], preset) for preset in Preset] == [NAMES, (), ()]
    assert (home() / registry.FOLDER / registry.FILE).read_text().startswith("# mine\n")
    before = listing(home())
    for name, file in (("a", spot_network(tmp_path / "c.onnx", names="['x', 'y', 'z']")), ("c", path)):
        with pytest.raises(ModelExists):
            add(file, ImportOptions(name=name))
    assert listing(home()) == before


def test_models_folder_is_accessible_to_owner_only(tmp_path: Path) -> None:
    add(spot_network(tmp_path / "a.onnx"), ImportOptions())
    assert [folder.stat().st_mode & 0o777 for folder in (home(), home() / registry.FOLDER)] == [0o700, 0o700]


@pytest.mark.parametrize(
    ("content", "options", "error"),
    [
        (None, ImportOptions(), InputMissing),
        (b"", ImportOptions(), ModelUnusable),
        (b"no model", ImportOptions(trust=True), ModelUnusable),
        (b"\x80\x02}.", ImportOptions(trust=True), ModelUnusable),  # a pickle of something else
        ("classifier", ImportOptions(), ModelUnusable),  # loads, but its output is not a detector's
        ("dense", ImportOptions(name="../up"), BadUsage),
        ("dense", ImportOptions(licence="MIT\n[model.x]"), BadUsage),
        ("dense", ImportOptions(classes={"dog": "plate"}), BadUsage),
        ("dense", ImportOptions(classes={"cat": "a,b"}), ModelUnusable),
        ("dense", ImportOptions(name="centerface"), ModelExists),
    ],
)
def test_model_import_refusal_leaves_no_files(
    tmp_path: Path, content: bytes | str | None, options: ImportOptions, error: type[RedactError]
) -> None:
    path = tmp_path / "a.onnx"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        spot_network(path, layout=content)
    with pytest.raises(error):
        add(path, options)
    assert not home().exists() or not listing(home())


def test_plate_network_of_recipe_keeps_its_family(tmp_path: Path) -> None:
    content = onnx.load_model_from_string(registry.builtin_model("plates").verified_bytes())
    content.doc_string = "tuned"
    path = tmp_path / "tuned.onnx"
    onnx.save(content, path)
    with pytest.raises(BadUsage):
        add(path, ImportOptions(classes={"plate": "face"}))
    assert add(path, ImportOptions()).family is Family.PLATES
    made = make_detectors(AnalyseSettings(classes=("plate",), device=DeviceChoice.CPU))
    assert [scheduled.detector.record.name for scheduled in made] == ["tuned", "plates"]
