"""The site builds without dead links, and loads nothing from elsewhere."""

from __future__ import annotations

import html.parser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from redact import errors
from redact.environment import VARIABLES

ROOT = Path(__file__).parents[2]
LOADS = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Loaded(html.parser.HTMLParser):
    """URLs that a browser fetches when it shows the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(LOADS.get(tag, ""))
        if address:
            self.addresses.append(address)


def test_site_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    loaded = {address for page in pages for address in Loaded(page.read_text(encoding="utf-8")).addresses}
    assert len(loaded) > 5
    assert [address for address in loaded if address.startswith(("http:", "https:", "//"))] == []
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert "url(http" not in text and "url(//" not in text and "@import" not in text, style


def test_error_page_has_every_class(site: Path) -> None:
    text = (site / "errors.html").read_text(encoding="utf-8")
    kinds = [item for item in vars(errors).values() if isinstance(item, type)]
    classes = {item for item in kinds if issubclass(item, errors.RedactError)}
    codes = [item.code for item in classes]
    assert len(set(codes)) == len(codes) > 70
    assert [c.__name__ for c in classes - {errors.RedactError} if f">{c.__name__}<" not in text] == []


def test_environment_page_has_every_variable(site: Path) -> None:
    text = (site / "environment.html").read_text(encoding="utf-8")
    assert [variable.name for variable in VARIABLES if f">{variable.name}<" not in text] == []
