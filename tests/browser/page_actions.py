"""User actions on the workbench pages, and checks that must hold during them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Page, Request

from tests.browser.real import PATIENCE, Workbench


def sign_in(page: Page, name: str, password: str = Workbench.password) -> None:
    """Fill in and submit the sign-in form."""
    page.get_by_label("User name").fill(name)
    page.locator("input[name=password]").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def choose(page: Page, label: str, option: str) -> None:
    """Select an option from a dropdown."""
    box = page.get_by_role("combobox", name=label, exact=True).filter(visible=True)
    box.click()
    page.get_by_role("option", name=option).click()


def case_page(page: Page, bench: Workbench, case: str) -> None:
    page.goto(f"{bench.address}/work/case?case={case}")
    page.get_by_role("heading", name=f"{case}:").wait_for()


def reviewer(page: Page, bench: Workbench, footage: int) -> None:
    """Open the reviewer and wait for its boxes."""
    with page.expect_response("**/boxes?*"):
        page.goto(f"{bench.address}/review/{footage}")
    page.locator(".rv[data-ready=true]").wait_for()


def saved(page: Page, words: str = "All saved") -> None:
    """Wait until the reviewer shows that everything is saved."""
    page.locator(".rv-saved", has_text=words).wait_for()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        # Let the effect of the key appear before the next one.
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 30)))")


ALL = "All of the preview has been watched."
NEXT = "Play next unwatched part"
PLAY = """(next, all) => new Promise((done) => {
  const section = next.closest("section.watch");
  const there = () => section.querySelector(".coverage-words").textContent.includes(all);
  const looking = setInterval(() => there() && ended(), 100);
  const ended = () => (clearInterval(looking), setTimeout(done, 300));
  section.querySelector("video.copy").addEventListener("ended", ended, { once: true });
  next.click();
})"""
"""Click the button and wait for the end of the video, which may already have been reached."""


def watch_all(page: Page) -> None:
    """Play the preview of a release until all of it is watched. A busy machine drops frames, which are then
    played again."""
    words = page.locator(".coverage-words", has_text="watched")
    words.wait_for()
    page.locator("video.copy").scroll_into_view_if_needed()
    until = time.monotonic() + 4 * PATIENCE
    while ALL not in words.inner_text():
        assert time.monotonic() < until, words.inner_text()
        page.get_by_role("button", name=NEXT, include_hidden=True).evaluate(PLAY, ALL)


@contextlib.contextmanager
def inert(page: Page, bench: Workbench) -> Iterator[None]:
    """Check that only our scripts run, none fails, and all requests go to the workbench."""
    wrong: list[str] = []
    here = urlsplit(bench.address).netloc

    def asked(dialog: Dialog) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def called(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != here:
            wrong.append(request.url)

    page.on("dialog", asked)
    page.on("request", called)
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    yield
    assert not wrong, wrong
