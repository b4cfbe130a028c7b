"""Fills in what the site takes from elsewhere: reference tables from the source, and pages that live beside the code.

Links in pages name files of the repository, so that they also work where the repository is browsed. Here they become
links of the site.
"""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from redact import errors  # noqa: E402 - of this checkout
from redact.environment import VARIABLES  # noqa: E402

ELSEWHERE = {
    "redact/track/FORMAT.md": "tracks-file.md",
    "models/README.md": "model-registry.md",
    "ui/README.md": "front-end.md",
    "models/redact_models/weights/plates.md": "plate-detector.md",
    "models/redact_models/weights/plates.curve.png": "plates.curve.png",
    "models/redact_models/weights/plates.worst.jpg": "plates.worst.jpg",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "RELEASING.md": "releasing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files outside of docs/, and what they are called on the site."""
GROUPS = {
    "R0": "Base",
    "R1": "Usage and output",
    "R2": "Footage",
    "R3": "The copy",
    "R4": "Devices and models",
    "R5": "Tracks, edits and training",
    "R6": "Records, releases, packs and keys",
    "R7": "Server and jobs",
    "R9": "Stopped and unexpected",
}
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
_ROLE = re.compile(r":[a-z]+:`~?([^`]+)`|``([^`]+)``")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from outside of docs/."""
    for source, page in ELSEWHERE.items():
        if (ROOT / source).exists():
            files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put in the tables, and make links those of the site."""
    markdown = markdown.replace("<!-- table: errors -->", "\n".join(error_table()))
    markdown = markdown.replace("<!-- table: environment -->", "\n".join(variable_table()))
    name = page.file.src_uri
    repository = next((source for source, page in ELSEWHERE.items() if page == name), f"docs/{name}")

    def on_site(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(repository), match[1]))
        uri = ELSEWHERE.get(target) or target.removeprefix("docs/")
        return os.path.relpath(uri, posixpath.dirname(name) or ".") if uri != target else match[1]

    return _LINK.sub(on_site, markdown)


def error_table() -> Iterator[str]:
    """Every error class, by code."""
    classes = sorted(
        (item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.RedactError)),
        key=lambda item: item.code,
    )
    group = ""
    for item in classes:
        if item is errors.RedactError:
            continue
        if item.code[:2] != group:
            group = item.code[:2]
            yield from ("", f"## {GROUPS[group]}", "", "| Code | What happened | What is unharmed | Exit |")
            yield "|---|---|---|---|"
        yield (
            f'| <a id="{item.code.lower()}"></a>**{item.code}**<br>{item.__name__} | {_plain(item.__doc__ or "")} '
            f"| {item.unharmed or '–'} | {item.exit_code} |"
        )


def variable_table() -> Iterator[str]:
    """Every environment variable."""
    yield from ("| Variable | Purpose | If not set |", "|---|---|---|")
    for variable in VARIABLES:
        yield f"| `{variable.name}` | {variable.meaning} | {variable.unset} |"


def _plain(docstring: str) -> str:
    """A docstring in one line of Markdown."""
    return _ROLE.sub(lambda match: f"`{match[1] or match[2]}`", " ".join(docstring.split())).replace("|", "\\|")
