"""Every variable the source reads is declared in redact/environment.py, and every declared one is read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from redact import environment
from redact.environment import VARIABLES

ROOT = Path(__file__).parents[2]
DECLARED = {variable.name for variable in VARIABLES}
CONSTANTS = {name: value for name, value in vars(environment).items() if name.isupper() and isinstance(value, str)}
SOURCES = [
    path
    for folder in ("redact", "ui/redact_ui", "models/redact_models")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(environment.__file__)
]


def reads(tree: ast.AST) -> Iterator[ast.expr]:
    """The expression for the variable's name, wherever the environment is read: by subscript, call or membership
    test."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=name, ctx=ast.Load()):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get" | "setdefault")):
                yield node.args[0]
            case ast.Call(func=ast.Attribute(attr="getenv") | ast.Name(id="getenv")):
                yield node.args[0]
            case ast.Compare(left=name, comparators=[ast.Attribute(attr="environ")]):
                yield name
            case ast.keyword(arg="envvar", value=name):
                yield name


def test_variables_have_one_constant_each() -> None:
    assert sorted(CONSTANTS.values()) == sorted(variable.name for variable in VARIABLES)


def test_variables_are_read_through_their_constants() -> None:
    literal = {
        f"{path.relative_to(ROOT)}: {ast.unparse(name)}"
        for path in SOURCES
        for name in reads(ast.parse(path.read_text(encoding="utf-8")))
        if not isinstance(name, ast.Name | ast.Attribute)
    }
    assert literal <= {"redact/cli/shared/acting_user.py: f'{variable}_FILE'"}


def test_variables_named_in_texts_are_declared() -> None:
    named = {
        (name, str(path.relative_to(ROOT)))
        for path in SOURCES
        for name in re.findall(r"\bREDACT_[A-Z][A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))
    }
    assert {(name, path) for name, path in named if name not in DECLARED} == set()


def test_declared_variables_are_used() -> None:
    words = {word for path in SOURCES for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    # ``password_of`` adds the suffix itself.
    assert {name for name in CONSTANTS if name not in words} <= {"PASSWORD_FILE"}
