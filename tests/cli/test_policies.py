"""``redact policies`` and ``redact codes``: lists, the file as it is, and the place of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from redact.disclose.policy.policies import load_policy
from redact.home import home
from tests.cli.runner import redact


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("command", ["policies list", "policies show", "policies check", "codes list"])
def test_policies_help_has_an_example(command: str) -> None:
    ended = redact(*command.split(), "--help")
    assert ended.code == 0
    assert f"Example: redact {command}" in ended.out


def test_policies_show_check_and_list(tmp_path: Path) -> None:
    shown = redact("policies", "show", "court")
    assert shown.out.encode() == load_policy("court").raw
    own = tmp_path / "our-court.toml"
    own.write_text(shown.out.replace('"mute"', '"bleep"'))
    checked = redact("policies", "check", own, "--json")
    assert checked.document["policy"]["kind"] == "court"

    (home() / "policies").mkdir(parents=True)
    own.rename(home() / "policies" / own.name)
    listed = redact("policies", "list", "--json").document["policies"]
    assert [policy["name"] for policy in listed][-1] == "our-court"
    assert listed[-1]["sha256"] == checked.document["policy"]["sha256"] != listed[0]["sha256"]


def test_policies_check_names_place_of_mistake(tmp_path: Path) -> None:
    folder = home() / "policies"
    folder.mkdir(parents=True)
    own = folder / "ours.toml"
    own.write_text(load_policy("public").raw.decode().replace("four_eyes = true", "four_eyes = false"))
    for args in (("policies", "check", own), ("policies", "show", "ours")):
        ended = redact(*args)
        assert ended.code == 1
        assert f'R600 In the release policy "{own}", [approval] must have four_eyes = true' in ended.err
    ended = redact("policies", "list")
    assert ended.code == 1
    assert "[approval]" in ended.out
    # The other policies still work.
    assert "subject-access" in ended.out
    assert redact("policies", "show", "none").code == 2
    assert redact("policies", "check", tmp_path / "none.toml").code == 1


def test_codes_list_shows_every_code() -> None:
    ended = redact("codes", "list")
    assert ended.code == 0
    for expected in ("england-wales", "s31(1)(a)", "limb, balance", "s40(2)-3A", "responses only"):
        assert expected in ended.out
    (known,) = redact("codes", "list", "--list", "england-wales", "--json").document["lists"]
    (code,) = [code for code in known["codes"] if code["id"] == "s30(2)"]
    assert (code["exemption"], code["balance"], code["limb"]) == ("qualified", True, False)
    assert redact("codes", "list", "--list", "none").code == 2
