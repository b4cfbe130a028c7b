"""Runs the documented walkthrough, command by command, and checks its results."""

from __future__ import annotations

import base64
import json
import re
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pypdf
import pytest
import pyzipper
import skimage.data
from numpy.typing import NDArray

from tests.cli.runner import Ended, redact
from tests.media.clips import AudioSpec, make_clip

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[1] / "docs" / "walkthrough.md"
PASSWORD, ARCHIVE = "correct horse battery", "a password for the archive"
FRAMES, RATE, SIZE = 40, 5, (480, 240)
SECOND_FACE = 26
"""First frame with the second face, which is masked from four seconds earlier."""
MUST_HOLD = {"signature", "C2PA manifest", "masks"}
SHORT = ("4711", "Doe", "AB1")
SECRETS = (*SHORT, "rita", "Rita", "ahmed", "Ahmed", "olive", "Olive", "bodycam", "agreed in writing")


def passers_by(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Two faces that move slightly in front of a wall; the second appears out of it."""
    face = cv2.resize(skimage.data.astronaut()[20:220, 120:320], (140, 140), interpolation=cv2.INTER_AREA)
    picture = np.full((size[1], size[0], 3), 120, np.uint8)
    picture[50:190, 20 + index : 160 + index] = face
    if index >= SECOND_FACE:
        picture[60:200, 320 - index : 460 - index] = face[:, ::-1]
    return picture


def commands() -> list[list[str]]:
    """Every command on the page, in order."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert all(line.startswith("$ redact ") for line in lines)
    return [shlex.split(line.removeprefix("$ redact ")) for line in lines]


def files() -> dict[str, str]:
    """The files shown on the page, by name."""
    return dict(re.findall(r"```json (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Ended]]:
    """The folder after the last command, and the result of each command."""
    folder = tmp_path_factory.mktemp("walk")
    sound = [AudioSpec("aac", 32000)]
    make_clip(folder / "bodycam.mp4", size=SIZE, frames=FRAMES, rate=RATE, picture=passers_by, audio=sound)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "previews").mkdir()
    ended: dict[str, Ended] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("REDACT_HOME", str(folder / "home"))
        patch.delenv("REDACT_DATABASE_URL", raising=False)
        for name, value in {"PASSWORD": PASSWORD, "NEW_PASSWORD": PASSWORD, "ARCHIVE_PASSWORD": ARCHIVE}.items():
            patch.setenv(f"REDACT_{name}", value)
        known: dict[str, list[str]] = {}
        for arguments in commands():
            if known.get("KEY") == [] and "KEY" in arguments:
                continue  # no open items to settle
            passwd = arguments[:2] == ["user", "passwd"]
            patch.setenv("REDACT_NEW_PASSWORD", f"{PASSWORD} 2" if passwd else PASSWORD)
            patch.setenv("REDACT_PASSWORD", PASSWORD if passwd or arguments[-1] == "admin" else f"{PASSWORD} 2")
            line = " ".join(arguments)
            ended[line] = redact(
                *(value for argument in arguments for value in known.get(argument, [argument])), "--json"
            )
            assert ended[line].code == 0, f"{line}\n{ended[line].out}\n{ended[line].err}"
            if arguments[:2] == ["release", "show"]:
                known["TRACK"] = [str(ended[line].document["tracks"][0]["track"])]
            if arguments[:2] == ["release", "open"]:
                known["KEY"] = [item["key"] for item in ended[line].document["items"]]
    return folder, ended


def one(ended: dict[str, Ended], start: str) -> dict[str, Any]:
    return next(e.document for line, e in ended.items() if line.startswith(start))


def pdf_text(path: Path) -> str:
    reader = pypdf.PdfReader(path)
    return "\n".join(page.extract_text() for page in reader.pages) + str(reader.metadata)


def test_public_pack_contains_no_names(walked: tuple[Path, dict[str, Ended]]) -> None:
    folder, _ = walked
    pack = folder / "public-pack"
    assert sorted(p.name for p in pack.iterdir()) == [
        "how-to-check.pdf", "log.csv", "log.json", "log.pdf", "public-key.pem", "statement.dsse.json", "video-1.mp4",
    ]  # fmt: skip
    for path in pack.iterdir():
        content = path.read_bytes()
        texts = [content.decode("latin-1"), content.decode("utf-16-le", "ignore")]
        if path.suffix == ".pdf":
            texts.append(pdf_text(path))
        if path.name == "statement.dsse.json":
            texts.append(base64.b64decode(json.loads(content)["payload"]).decode())
        for secret in (*SECRETS, str(folder)):
            # Hashes, offsets and Base64 hold three or four such characters by chance: those count as whole words.
            pattern = rf"(?<![\w+/]){secret}(?![\w+/])" if secret in SHORT else re.escape(secret)
            assert not any(re.search(pattern, text) for text in texts), (path.name, secret)
    log = json.loads((pack / "log.json").read_bytes())
    assert log["document"] == "published-log"
    assert {code for span in log["ranges"] for code in span["codes"]} == {"s40(2)-3A"}
    assert "masks" not in log


def test_open_items_are_listed_and_settled(walked: tuple[Path, dict[str, Ended]]) -> None:
    folder, ended = walked
    shown = one(ended, "release open")
    assert (shown["second_look"], shown["unwatched"]) == ("done", [[[0, FRAMES - 1]]])
    (born,) = (item["key"] for item in shown["items"] if item["kind"] == "birth")
    trail = (folder / "trail.jsonl").read_text(encoding="utf-8")
    assert born in trail and "override" not in trail


def test_court_pack_log_is_complete_without_internal_details(walked: tuple[Path, dict[str, Ended]]) -> None:
    folder, _ = walked
    pack = folder / "court-pack"
    log = json.loads((pack / "log.json").read_bytes())
    assert log["section"]["urn"] == "01AB1234526"
    assert log["outputs"][0]["master"]["clip_first_frame"] == 5
    assert log["outputs"][0]["master"]["original_name"] == "bodycam.mp4"
    assert {m["class"] for m in log["masks"]} == {"face"}
    assert all(m["codes"] == ["TP"] for m in log["masks"])
    assert "edited version" in pdf_text(pack / "log.pdf").lower()
    for path in pack.iterdir():
        assert b"MG6D" not in path.read_bytes()
        assert path.suffix != ".pdf" or "MG6D" not in pdf_text(path)
    drafts = folder / "court-pack-drafts"
    assert "DRAFT" in pdf_text(drafts / "draft-mg6c.pdf")


def test_packs_verify_until_changed(walked: tuple[Path, dict[str, Ended]]) -> None:
    folder, ended = walked
    for line in ("verify public-pack", "verify court-pack"):
        states = {(p["proof"], p["state"]) for p in one(ended, line)["proofs"]}
        assert {state for _, state in states} <= {"held", "absent"}, states
        assert {proof for proof, state in states if state == "held"} >= MUST_HOLD, states
    video = folder / "public-pack" / "video-1.mp4"
    content = bytearray(video.read_bytes())
    content[len(content) // 2] ^= 1
    video.write_bytes(content)
    assert redact("verify", folder / "public-pack").code == 1


def test_archive_opens_only_with_its_password(walked: tuple[Path, dict[str, Ended]]) -> None:
    folder, _ = walked
    with pyzipper.AESZipFile(folder / "public-pack.zip") as archive:
        names = archive.namelist()
        assert all(info.flag_bits & 1 for info in archive.infolist())
        with pytest.raises(RuntimeError):
            archive.read(names[0], pwd=b"another")
        content = archive.read("public-pack/log.json", pwd=ARCHIVE.encode())
    assert content == (folder / "public-pack" / "log.json").read_bytes()


def test_master_is_unchanged_and_held(walked: tuple[Path, dict[str, Ended]]) -> None:
    _, ended = walked
    assert one(ended, "audit verify")["ok"]
    assert one(ended, "store verify")["ok"]
    added, again = (e.document for line, e in ended.items() if line.startswith("footage add"))
    assert added["footage"][0]["sha256"] == again["footage"][0]["sha256"]
