"""The content of the source distribution."""

from __future__ import annotations

import subprocess
import tarfile

import pytest

from tests.cli.runner import ROOT
from tests.packaging.conftest import Built

pytestmark = pytest.mark.slow


def test_sdist_contains_tests_and_release_files(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        ".ci/run",
        ".pre-commit-config.yaml",
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "RELEASING.md",
        "docs/walkthrough.md",
        "requirements/dev.txt",
        "requirements/install_torch.py",
        "requirements/run.txt",
        "tests/packaging/test_sdist.py",
    ):
        assert name in names, name


def test_sdist_holds_every_tracked_file_and_no_environment(built: Built) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    on_disk = {name for name in listed.split("\0") if name and (ROOT / name).exists()}
    assert on_disk <= names
    assert not [name for name in names if name.startswith((".venv", ".git/", "demo/", "build/", "dist/"))]
