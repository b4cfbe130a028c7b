"""The rule of the folder redact/cli: one file per command group, named after the group."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from typer.main import get_command

from redact.cli.app import app

COMMANDS = getattr(get_command(app), "commands")  # noqa: B009 - Typer types it as a plain command


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_command_group_has_a_module_of_its_name(name: str) -> None:
    assert find_spec(f"redact.cli.{name}") is not None


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_commands_live_in_modules_named_after_their_group(name: str) -> None:
    group = COMMANDS[name]
    for command in getattr(group, "commands", {name: group}).values():
        module = command.callback.__module__.removeprefix("redact.cli.")
        assert module == name or module.startswith(f"{name}_"), (command.name, module)
