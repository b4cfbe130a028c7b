"""Safety of the real workbench against hostile names and forgotten pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import select, update

from redact.disclose.release import releases
from redact.records import accounts, cases
from redact.records.accounts import Role
from redact.records.deadlines import CaseKind
from redact.schema.tables import Footage, Person, SignIn
from redact.track.types import TrackSet
from tests.browser.page_actions import case_page, inert, press, reviewer, saved
from tests.browser.real import Workbench
from tests.media.clips import make_clip
from tests.track.factory import track

pytestmark = pytest.mark.slow

HOSTILE = (
    "<script>window.hit=1</script><img src=x onerror=window.hit=2>\"'><svg onload=window.hit=3> ${window.hit=4} "
    "{{window.hit=5}} `+(window.hit=7)+` <!-- &lt;b&gt; \\"
)
LABEL = "<img src=x onerror=window.hit=9> ${window.hit=10}"
PASSED = timedelta(minutes=20)
PAST = datetime(2000, 1, 1, tzinfo=UTC)


def shown(page: Page, words: str) -> None:
    """Wait until the page shows exactly this text, and check that none of it ran."""
    page.wait_for_function("words => document.body.innerText.includes(words)", arg=words)
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit === undefined")


def test_hostile_names_are_only_shown(workbench: Workbench, tmp_path: Path) -> None:
    accounts.add(
        workbench.db, "ada", "mallory", workbench.password, full_name=HOSTILE, roles=list(Role), must_change=False
    )
    cases.open_case(
        workbench.db, "mallory", "EVIL", kind=CaseKind.FOI, title=HOSTILE, received=datetime.now(UTC).date(),
        details={"requester": HOSTILE},
    )  # fmt: skip
    page = workbench.page("mallory")
    with inert(page, workbench):
        # A long file name with a right-to-left override, as a browser sends it.
        case_page(page, workbench, "EVIL")
        shown(page, HOSTILE)
        clip = make_clip(tmp_path / "clip.mp4", frames=20, size=(160, 96)).read_bytes()
        file = HOSTILE.replace("/", "").replace("\\", "")
        name = f"\u202egpj.{file}{'A' * 300}.mp4"
        files = [{"name": name, "mimeType": "video/mp4", "buffer": clip}]
        page.get_by_label("Exhibit reference").fill("AB1")
        page.locator(".upload input[type=file]").set_input_files(files)  # type: ignore[arg-type]
        page.locator("img.strip").wait_for()
        with workbench.db.reading() as session:
            footage = session.scalars(select(Footage).order_by(Footage.id.desc())).first()
        assert footage is not None
        kept = footage.original_name
        assert len(kept) == 255 and kept.startswith("\ufffdgpj.<script>") and "${window.hit=4}" in kept
        shown(page, kept)

        every = list(range(20))
        row = track(1, LABEL, every, [[20.0, 20, 50, 60]] * 20)
        workbench.detected(footage.id, TrackSet(workbench.media(footage.id), (row,), (), {"made by": HOSTILE}))
        reviewer(page, workbench, footage.id)
        shown(page, kept)
        press(page, "ArrowDown", "k")
        saved(page)
        shown(page, LABEL)

        release = releases.reference(releases.create(workbench.db, "mallory", "EVIL", policy_name="public"))
        content = {"target": {"track": 1}, "action": "show", "reason": HOSTILE, "subject": HOSTILE}
        releases.decide(workbench.db, "mallory", release, content, "AB1")
        page.goto(f"{workbench.address}/work/release?release={release.replace('#', '%23')}")
        shown(page, LABEL)
        shown(page, HOSTILE)
        for path, words in (("", HOSTILE), ("audit", HOSTILE[:100]), ("admin", HOSTILE)):
            page.goto(f"{workbench.address}/work/{path}")
            shown(page, words)
        # The same in URLs.
        for path in ("case?case=", "release?release=", "audit?case="):
            page.goto(
                f"{workbench.address}/work/{path}%3Cimg%20src%3Dx%20onerror%3Dwindow.hit%3D1%3E$%7Bwindow.hit=2%7D"
            )
            page.locator(".top").wait_for()
            page.wait_for_timeout(200)
            assert page.evaluate("window.hit === undefined")


def test_open_page_does_not_keep_session_alive(workbench: Workbench) -> None:
    page = workbench.page("olga")
    case_page(page, workbench, workbench.case())
    with workbench.db.reading() as session:
        person = session.scalars(select(Person.id).where(Person.name == "olga")).one()
    mine = SignIn.person_id == person

    def last_used() -> datetime:
        with workbench.db.reading() as session:
            return session.scalars(select(SignIn.seen_at).where(mine).order_by(SignIn.seen_at.desc())).first() or PAST

    long_ago = last_used() - PASSED
    with workbench.db.bookkeeping() as session:
        # To the page, too, the last user activity now seems long ago.
        session.execute(update(SignIn).where(mine).values(seen_at=long_ago))
        page.evaluate("() => { const now = Date.now; Date.now = () => now() + 61_000; }")
    for _ in range(2):  # the page keeps polling
        with page.expect_response("**/queue/join?*"):
            pass
    assert last_used() == long_ago
    page.mouse.wheel(0, 10)  # the user is back
    for _ in range(2):
        with page.expect_response("**/queue/join?*"):
            pass
    assert last_used() > long_ago
