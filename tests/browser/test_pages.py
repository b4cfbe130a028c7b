"""Accessibility of every page: keyboard, screen reader, light and dark. Also takes screenshots.

axe-core comes from npm (see the Makefile). REDACT_SCREENSHOTS names a folder for the pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from redact.disclose.release import releases
from redact.jobs import queue
from redact.records import cases
from redact.records.deadlines import CaseKind
from redact.records.job_states import JobKind
from redact.track.types import TrackSet
from tests.browser.real import Workbench
from tests.media.clips import make_clip
from tests.track.factory import track

pytestmark = pytest.mark.slow

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PATIENCE = 30_000  # ms
FRAMES = 24


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.is_file():
        reason = "axe-core is missing: make test fetches it if npm is installed"
        if os.environ.get("REDACT_REQUIRE_NODE"):
            pytest.fail(reason)
        pytest.skip(reason)
    return AXE.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Filled:
    """A workbench with content on every page."""

    bench: Workbench
    case: str
    footage: int

    def address(self, name: str) -> str:
        paths = {
            "work": "/work/",
            "case": f"/work/case?case={self.case}",
            "release": f"/work/release?release={self.case}%231",
            "audit": "/work/audit",
            "admin": "/work/admin",
            "review": f"/review/{self.footage}?release={self.case}%231",
            "password": "/password",
            "sign-in": "/sign-in",
        }
        return self.bench.address + paths[name]


@pytest.fixture(scope="module")
def filled(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    case = workbench.case()
    db = workbench.db
    for name, role in (("rita", "reviewer"), ("pat", "approver")):
        cases.add_member(db, "rita", case, name, role)
    long_ago = date.today() - timedelta(60)
    cases.open_case(db, "rita", f"LATE-{case}", kind=CaseKind.FOI, title="An old request", received=long_ago)
    clip = make_clip(tmp_path_factory.mktemp("pages") / "bodycam.mp4", size=(256, 160), frames=FRAMES)
    footage = workbench.footage(clip, case, exhibit="AB1", wearer="PC 4711")
    rows = {n: [20.0 + n, 30.0, 60.0 + n, 80.0] for n in range(FRAMES)}
    found = [track(1, "face", list(rows), list(rows.values()))]
    workbench.detected(footage, TrackSet(workbench.media(footage), tuple(found), (), {"settings": {}}))
    releases.create(db, "rita", case, policy_name="public")
    # A cancelled job has a retry button.
    subject = f"case:{case}"
    job = queue.enqueue(db, "rita", JobKind.INTAKE, subject, {"upload": "x", "name": "a.mp4", "case": case})
    queue.cancel(db, "rita", job.id)
    return Filled(workbench, case, footage)


PAGES = {
    "work": "rita",
    "case": "rita",
    "release": "rita",
    "review": "rita",
    "audit": "ada",
    "admin": "ada",
    "password": "rita",
}


@contextmanager
def opened(filled: Filled, name: str, browser: Browser) -> Iterator[Page]:
    """The page, signed in if needed."""
    if name in PAGES:
        yield filled.bench.page(PAGES[name])
        return
    page = browser.new_page()
    yield page
    page.close()


def shown(page: Page, filled: Filled, name: str, scheme: Literal["light", "dark"] = "light") -> None:
    """Load the page, wait for its content, and open all its sections."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(filled.address(name))
    if name == "review":
        page.wait_for_selector(".rv[data-ready=true]", timeout=PATIENCE)
        return
    if name in ("sign-in", "password"):
        return
    page.locator(".top .who").wait_for(timeout=PATIENCE)
    page.locator("table.records").first.wait_for(timeout=PATIENCE)
    folded = page.locator("button.label-wrap:not(.open):visible")
    while folded.count():
        folded.first.click()


def violations(page: Page, axe: str) -> list[str]:
    """The violations that axe-core finds."""
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("(tags) => axe.run(document, {runOnly: tags})", TAGS)
    return [
        f"{one['id']}: {node['target']} {node['html'][:160]} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("REDACT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("name", [*PAGES, "sign-in"])
def test_pages_are_accessible(filled: Filled, axe: str, browser: Browser, name: str) -> None:
    with opened(filled, name, browser) as page:
        shown(page, filled, name, "dark")
        for scheme in ("dark", "light"):
            if scheme == "light":  # as the page itself goes over to it
                page.emulate_media(color_scheme="light", reduced_motion="reduce")
                page.evaluate("() => document.body.classList.remove('dark')")
            found = violations(page, axe)
            if (name, scheme) == ("admin", "light"):
                for tab in page.get_by_role("tab").all()[1:]:
                    tab.click()
                    found += violations(page, axe)
                page.get_by_role("tab").first.click()
            picture(page, f"page-{name}-{scheme}")
            assert not found, "\n".join(found)


FOCUSED = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const label = element.labels?.[0]?.textContent ?? "";
  const words = element.getAttribute("aria-label") || label || element.textContent || "";
  const box = element.getBoundingClientRect();
  const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.height > 0;
  return [words.replace(/\\s+/g, " ").trim(), seen, element === document.body];
}"""
REACHED = {
    "work": [
        "Work list",
        "Change password",
        "Sign out",
        "Find a case",
        "Kind of case",
        "Only overdue",
        "Open case",
    ],
    "case": ["Review masks", "Choose files", "Detect faces", "Retry", "Create release", "Place hold", "History"],
    "release": ["Record decision", "Submit for approval", "Render preview"],
    "audit": ["Verify audit trail", "Search for", "Search", "Details"],
    "admin": ["People", "Add a person", "Add person", "Change roles", "Reset password", "Disable account"],
    "sign-in": ["User name", "Password", "Sign in"],
}
MOST = 120
"""Most tab stops of a page; more would mean a keyboard trap."""


@pytest.mark.parametrize("name", REACHED)
def test_pages_are_usable_by_keyboard(filled: Filled, browser: Browser, name: str) -> None:
    with opened(filled, name, browser) as page:
        shown(page, filled, name)
        page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); }")
        stops: list[str] = []
        for _ in range(MOST):
            page.keyboard.press("Tab")
            words, seen, back = page.evaluate(FOCUSED)
            if back or (stops and words == stops[0] and len(stops) > 3):
                break
            assert seen, f"the focus is not visible at {words!r}"
            stops.append(words)
        missing = [wanted for wanted in REACHED[name] if not any(stop.startswith(wanted) for stop in stops)]
        assert not missing, f"{missing} not among {stops}"


def test_case_page_retries_stopped_job(filled: Filled) -> None:
    page = filled.bench.page("rita")
    page.goto(filled.address("case"))
    page.get_by_role("button", name="Retry: Adding footage").click()
    page.get_by_text("The job will be retried.").wait_for(timeout=PATIENCE)
    known = queue.listed(filled.bench.db, "rita", subject=f"case:{filled.case}")
    assert len(known) == 2 and known[0].arguments == known[1].arguments
