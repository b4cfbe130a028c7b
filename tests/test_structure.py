"""Rules that keep code easy to find: unique class names, no import cycles, no oversized folder or module."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PACKAGES = (ROOT / "redact", ROOT / "ui" / "redact_ui", ROOT / "models" / "redact_models")
MAX_FILES = 26
MAX_LINES = 440


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in package.rglob("*.py")]


def test_class_names_are_unique() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_imports_have_no_cycles() -> None:
    graph = grimp.build_graph("redact", "redact_ui", "redact_models", exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    # Modules without imports are removed repeatedly; any that remain are in a cycle or lead into one.
    while free := {module for module, needed in imports.items() if not needed}:
        imports = {module: needed - free for module, needed in imports.items() if module not in free}
    assert imports == {}


def test_folders_hold_about_two_dozen_files_at_most() -> None:
    folders = {path.parent for package in PACKAGES for path in package.rglob("*.*") if "__pycache__" not in path.parts}
    counts = {folder: sum(path.is_file() for path in folder.iterdir()) for folder in folders}
    assert {str(folder.relative_to(ROOT)): n for folder, n in counts.items() if n > MAX_FILES} == {}


def test_modules_stay_near_400_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > MAX_LINES} == {}
