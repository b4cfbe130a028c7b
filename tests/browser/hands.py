"""What people's hands do on the workbench's pages, and what must never happen while they do it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Page, Request

from tests.browser.real import PATIENCE, Workbench


def sign_in(page: Page, name: str, password: str = Workbench.password) -> None:
    """On the sign-in page."""
    page.get_by_label("User name").fill(name)
    page.locator("input[name=password]").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def choose(page: Page, label: str, option: str) -> None:
    """From a list."""
    box = page.get_by_role("combobox", name=label, exact=True).filter(visible=True)
    box.click()
    page.get_by_role("option", name=option).click()


def case_page(page: Page, bench: Workbench, case: str) -> None:
    page.goto(f"{bench.address}/work/case?case={case}")
    page.get_by_role("heading", name=f"{case}:").wait_for()


def reviewer(page: Page, bench: Workbench, footage: int) -> None:
    """The reviewer, with its boxes there."""
    with page.expect_response("**/boxes?*"):
        page.goto(f"{bench.address}/review/{footage}")
    page.locator(".rv[data-ready=true]").wait_for()


def saved(page: Page, words: str = "All saved") -> None:
    """Until the reviewer says so."""
    page.locator(".rv-saved", has_text=words).wait_for()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        # What the key opens or moves is there before the next one is pressed.
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
"""From the button to the end of the film, which may have come by the time that the button is looked for."""


def watch_all(page: Page) -> None:
    """Play the preview of a release until all of it counts. A busy machine leaves pictures out, which is to be played
    again."""
    words = page.locator(".coverage-words", has_text="watched")
    words.wait_for()
    page.locator("video.copy").scroll_into_view_if_needed()
    until = time.monotonic() + 4 * PATIENCE
    while ALL not in words.inner_text():
        assert time.monotonic() < until, words.inner_text()
        page.get_by_role("button", name=NEXT, include_hidden=True).evaluate(PLAY, ALL)


@contextlib.contextmanager
def inert(page: Page, bench: Workbench) -> Iterator[None]:
    """While this lasts, no script but ours runs, none fails, and nothing is asked of anybody but the workbench."""
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
