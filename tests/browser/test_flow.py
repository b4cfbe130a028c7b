"""From sign-in to a verified pack on the real workbench, with mouse and keyboard as people would use it."""

from __future__ import annotations

import hashlib
import json
import signal
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, Route
from sqlalchemy import select, update

from redact.demo import scene
from redact.records import accounts
from redact.records.accounts import Role
from redact.schema.tables import Edit, Footage, Job, MachineTracks, Person, Upload
from redact.track.types import TrackSet
from tests.browser.page_actions import case_page, choose, inert, press, reviewer, saved, sign_in, watch_all
from tests.browser.real import PATIENCE, Workbench
from tests.cli.runner import redact
from tests.evidence.factory import padded_copy
from tests.media.clips import AudioSpec, make_clip
from tests.track.factory import track

pytestmark = pytest.mark.slow
LONG = 3000 * PATIENCE
"""Milliseconds, for jobs that run networks on a busy machine."""


def street(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A face and two number plates."""
    picture = cv2.resize(scene.frame(0.2 + index / 12), size, interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.uint8)


def add_person(bench: Workbench, login: str, *roles: Role) -> None:
    accounts.add(bench.db, "ada", login, bench.password, full_name=login.title(), roles=roles, must_change=False)


def edits_of(bench: Workbench, footage: int) -> list[tuple[str, str, int | None, int | None]]:
    """Recorded edits in order: person, operation, track, frame."""
    with bench.db.reading() as session:
        query = select(Edit.payload, Person.name).join(Person, Edit.person_id == Person.id)
        rows = session.execute(query.where(Edit.footage_id == footage).order_by(Edit.revision)).all()
    recorded = [(name, json.loads(payload)) for payload, name in rows]
    return [(name, edit["op"], edit.get("track"), edit.get("frame")) for name, edit in recorded]


# Sign-in and sign-out.


def test_one_time_password_must_be_changed(workbench: Workbench) -> None:
    ada = workbench.page("ada")
    ada.goto(f"{workbench.address}/work/admin")
    ada.get_by_role("button", name="Add a person").click()
    ada.get_by_label("User name").fill("nina")
    ada.get_by_label("Full name").fill("Nina New")
    ada.get_by_label("Reviewer", exact=True).check()
    ada.get_by_role("button", name="Add person").click()
    once = ada.locator(".secret").inner_text()
    assert len(once) > 15
    page = workbench.page("ada")
    page.context.clear_cookies()
    case = workbench.case()
    wanted = f"{workbench.address}/work/case?case={case}"
    page.goto(wanted)
    sign_in(page, "nina", "not this one at all")
    assert "Wrong user name or password" in page.get_by_role("alert").inner_text()
    sign_in(page, "nina", once)
    page.get_by_role("heading", name="Choose a password").wait_for()
    page.goto(wanted)
    assert page.url.endswith("/password")
    for new, again, words in (
        ("too short", "too short", "10 to 1024 characters"),
        ("a password of my own", "a password of mine", "do not match"),
        (once, once, "the same as the current one"),
        ("a password of my own", "a password of my own", ""),
    ):
        page.get_by_label("Current password").fill(once)
        page.locator("input[name=new]").fill(new)
        page.locator("input[name=again]").fill(again)
        page.get_by_role("button", name="Change password").click()
        if words:
            assert words in page.get_by_role("alert").inner_text()
    page.wait_for_url("**/sign-in")
    sign_in(page, "nina", once)
    assert "Wrong user name or password" in page.get_by_role("alert").inner_text()
    # The next sign-in leads straight to the requested page.
    page.goto(wanted)
    sign_in(page, "nina", "a password of my own")
    page.get_by_role("heading", name=f"{case}:").wait_for()
    assert page.url == wanted


def test_sign_in_page_explains_throttling(workbench: Workbench) -> None:
    add_person(workbench, "gus", Role.REVIEWER)
    page = workbench.page("gus")
    page.context.clear_cookies()
    page.goto(f"{workbench.address}/sign-in")
    for _ in range(5):
        sign_in(page, "gus", "a wrong guess")
        assert "Wrong user name or password" in page.get_by_role("alert").inner_text()
    sign_in(page, "gus")
    assert "too many sign-in attempts. Wait 15 minutes" in page.get_by_role("alert").inner_text()


def test_sign_out_ends_session_in_every_tab(workbench: Workbench) -> None:
    case = workbench.case()
    page = workbench.page("rita")
    case_page(page, workbench, case)
    other = page.context.new_page()
    other.goto(f"{workbench.address}/work/")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/sign-in")
    other.go_back()
    assert other.get_by_text("Your tasks").count() == 0
    other.goto(f"{workbench.address}/review/1")
    assert "/sign-in?next=" in other.url
    away = page.locator(".away")
    away.wait_for()
    assert "signed out" in away.inner_text()
    away.get_by_role("link", name="Sign in again").click()
    sign_in(page, "rita")
    page.get_by_role("heading", name=f"{case}:").wait_for()
    assert page.locator(".away").count() == 0


# Uploads.


def test_large_upload_resumes_after_interruption(workbench: Workbench, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    size = 27_000_000 - clip.stat().st_size
    padding = np.random.default_rng(1).integers(0, 256, size - 8, np.uint8).tobytes()
    clip.write_bytes(clip.read_bytes() + size.to_bytes(4, "big") + b"free" + padding)
    case = workbench.case()
    page = workbench.page("rita")
    context = page.context
    case_page(page, workbench, case)
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 3_000_000}
    line.send("Network.emulateNetworkConditions", slow)
    words = page.locator(".upload .file")
    page.locator(".upload input[type=file]").set_input_files(clip)
    words.filter(has_text="8.4 of 27 MB").wait_for()  # the first of four chunks has arrived
    line.send("Network.emulateNetworkConditions", {**slow, "offline": True})
    words.filter(has_text="Nothing sent so far is lost").wait_for()
    page.close()
    with workbench.db.reading() as session:
        upload = session.scalars(select(Upload).order_by(Upload.created_at.desc())).first()
    assert upload is not None and upload.state == "receiving" and 8_000_000 < upload.received < upload.size
    page = context.new_page()
    case_page(page, workbench, case)
    sent: list[int] = []
    page.on("request", lambda r: sent.append(int(r.url.partition("offset=")[2])) if r.method == "PATCH" else None)
    context.set_offline(True)
    page.locator(".upload input[type=file]").set_input_files(clip)
    page.get_by_text("The server cannot be reached. Retrying").wait_for()
    context.set_offline(False)  # it resumes by itself
    page.locator("img.strip").wait_for()
    assert min(sent) >= upload.received
    with workbench.db.reading() as session:
        sha256 = session.scalars(select(Footage.sha256).order_by(Footage.id.desc())).first()
    assert sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()


def test_upload_explains_why_file_is_refused(workbench: Workbench) -> None:
    page = workbench.page("rita")
    case_page(page, workbench, workbench.case())
    files = [
        {"name": "notes.mp4", "mimeType": "video/mp4", "buffer": b"These are notes, not video. " * 99},
        {"name": "empty.mp4", "mimeType": "video/mp4", "buffer": b""},
    ]
    page.locator(".upload input[type=file]").set_input_files(files)  # type: ignore[arg-type]
    lines = page.locator(".upload .file .problem")
    lines.nth(1).wait_for()
    assert "cannot be read as footage." in lines.nth(0).inner_text()
    assert "The file is empty." in lines.nth(1).inner_text()
    assert page.locator("img.strip").count() == 0


# Jobs.


def test_job_survives_page_server_and_worker_and_runs_once(workbench: Workbench, tmp_path: Path) -> None:
    case = workbench.case()
    footage = workbench.footage(make_clip(tmp_path / "long.mp4", size=(640, 360), frames=80), case, exhibit="AB1")
    page = workbench.page("rita")
    context = page.context
    case_page(page, workbench, case)
    choose(page, "Thoroughness", "Quick")
    page.get_by_role("button", name="Detect faces and plates").click()
    page.locator(".job progress").wait_for()  # it has started
    workbench.stop_worker(signal.SIGKILL)
    page.close()
    workbench.stop_server()
    with workbench.db.bookkeeping() as session:
        job = session.scalars(select(Job).order_by(Job.created_at.desc())).first()
        assert job is not None and job.kind == "detect" and job.state == "running"
        # Make the heartbeat look old: a job with a recent one is left to its worker.
        session.execute(
            update(Job).where(Job.id == job.id).values(heartbeat_at=datetime.now(UTC) - timedelta(minutes=1))
        )
    workbench.start_server()
    workbench.start_worker()
    page = context.new_page()
    case_page(page, workbench, case)
    page.locator(".job", has_text="Detecting faces and plates").wait_for()
    page.get_by_role("link", name="Review masks of AB1").wait_for(timeout=LONG)
    with workbench.db.reading() as session:
        rows = session.scalars(select(MachineTracks).where(MachineTracks.footage_id == footage)).all()
        assert [row.provenance["job"] for row in rows] == [job.id]
        again = session.get_one(Job, job.id)
        assert (again.state, again.attempts) == ("done", 2)
        assert len(session.scalars(select(Job).where(Job.subject == job.subject, Job.kind == "detect")).all()) == 1


# Edits.


@pytest.fixture
def prepared(workbench: Workbench, tmp_path: Path) -> int:
    """Footage with two tracks."""
    clip = padded_copy(make_clip(tmp_path / "clip.mp4", frames=50), len(list(tmp_path.parent.iterdir())))
    footage = workbench.footage(clip, workbench.case(), exhibit="AB1")
    every = list(range(50))
    tracks = (
        track(1, "face", every, [[20.0 + f, 20, 50 + f, 60] for f in every]),
        track(2, "plate", every, [[90.0, 70, 130, 85] for _ in every]),
    )
    workbench.detected(footage, TrackSet(workbench.media(footage), tracks, (), {"made by": "a test"}))
    return footage


def keyframes(page: Page, track: int, *frames: int) -> None:
    """Set keyframes by keyboard, from the first frame on; frames are multiples of ten."""
    press(page, "Escape", *["ArrowDown"] * track, "Home")
    at = 0
    for frame in frames:
        press(page, *["v"] * ((frame - at) // 10), "k")
        at = frame


def test_edits_made_offline_are_recorded_once(workbench: Workbench, prepared: int) -> None:
    page = workbench.page("rita")
    context = page.context
    reviewer(page, workbench, prepared)

    def lost(route: Route) -> None:
        route.fetch()
        route.abort()

    # The edit arrives, but its acknowledgement is lost.
    page.route("**/ops", lost, times=1)
    keyframes(page, 1, 10)
    saved(page)
    context.set_offline(True)
    keyframes(page, 1, 20, 30)
    saved(page, "No connection. 2 edits kept in this browser")
    workbench.stop_server()
    context.set_offline(False)
    keyframes(page, 2, 10)
    saved(page, "3 edits kept in this browser")
    page.close()  # and nothing can send them
    workbench.start_server()
    page = context.new_page()
    reviewer(page, workbench, prepared)
    saved(page)
    assert edits_of(workbench, prepared) == [
        ("rita", "keyframe", 1, 10),
        ("rita", "keyframe", 1, 20),
        ("rita", "keyframe", 1, 30),
        ("rita", "keyframe", 2, 10),
    ]
    press(page, "Control+z")
    saved(page)
    page.wait_for_function("() => document.querySelector('.rv-status').textContent === 'Undone.'")
    page.reload()
    page.locator(".rv[data-ready=true]").wait_for()
    assert edits_of(workbench, prepared)[-1][:2] == ("rita", "undo")


def test_edits_in_two_tabs_are_shared_and_kept(workbench: Workbench, prepared: int) -> None:
    one = workbench.page("rita")
    other = one.context.new_page()
    reviewer(one, workbench, prepared)
    reviewer(other, workbench, prepared)
    one.bring_to_front()
    keyframes(one, 1, 10)
    saved(one)
    other.bring_to_front()
    other.get_by_text("rita made 1 edit to this footage.").wait_for()
    # An edit of another track, and of the same track in its current state.
    keyframes(other, 2, 10)
    keyframes(other, 1, 10)
    saved(other)
    one.bring_to_front()
    one.locator(".rv-status", has_text="rita made").wait_for()
    keyframes(one, 2, 10)
    saved(one)
    assert edits_of(workbench, prepared) == [("rita", "keyframe", n, 10) for n in (1, 2, 1, 2)]


def test_conflicting_edits_are_resolved_by_people(workbench: Workbench, prepared: int) -> None:
    rita, olga = workbench.page("rita"), workbench.page("olga")
    reviewer(rita, workbench, prepared)
    reviewer(olga, workbench, prepared)
    made = []
    for words, mine in (("Keep theirs", False), ("Apply mine again", True)):
        olga.context.set_offline(True)
        keyframes(olga, 1, 10)
        keyframes(olga, 2, 20)  # no conflict
        saved(olga, "2 edits kept in this browser")
        keyframes(rita, 1, 10)
        saved(rita)
        olga.context.set_offline(False)
        card = olga.locator(".rv-aside")
        card.get_by_role("heading", name="rita changed the same mask").wait_for()
        made += [("rita", "keyframe", 1, 10), ("olga", "keyframe", 2, 20)]
        saved(olga, "1 edit needs your decision")
        assert edits_of(workbench, prepared) == made
        card.get_by_role("button", name=words).click()
        card.wait_for(state="detached")
        saved(olga)
        made += [("olga", "keyframe", 1, 10)] if mine else []
        assert edits_of(workbench, prepared) == made


# The whole process.

DETAILS = {
    "Releasing organisation": "Example Police",
    "Request reference": "RFI 2026/17",
    "Recipient": "A. Asker",
    "Purpose of the disclosure": "Response to a request under the Freedom of Information Act 2000",
    "Delivery method": "Download link",
    "Encryption in transit": "TLS",
    "Retention rule for the release": "Two years after the response",
    "Legitimate interest": "Transparency about how arrests are made.",
    "Necessity": "Faces and number plates are not needed for that.",
    "Balance": "The interests of the people recorded outweigh it.",
    "Conclusion": "Their personal data is withheld.",
}


def test_release_from_upload_to_verified_pack(workbench: Workbench, tmp_path: Path) -> None:
    add_person(workbench, "max", Role.REVIEWER, Role.APPROVER)
    clip = tmp_path / "arrest.mp4"
    make_clip(clip, size=(640, 360), frames=12, rate=12, picture=street, audio=[AudioSpec()])
    page = workbench.page("rita")
    with inert(page, workbench):
        case = _open_case(page, workbench)
        page.get_by_label("Exhibit reference").fill("AB1")
        page.locator(".upload input[type=file]").set_input_files(clip)
        page.locator("img.strip").wait_for()
        choose(page, "Footage", "AB1")
        choose(page, "Thoroughness", "Quick")
        page.get_by_role("button", name="Detect faces and plates").click()
        page.get_by_role("link", name="Review masks of AB1").wait_for()
        with workbench.db.reading() as session:
            footage = session.scalars(select(Footage.id).order_by(Footage.id.desc())).first()
        assert footage is not None

        # Max corrects a mask and therefore cannot approve.
        max_page = workbench.page("max")
        reviewer(max_page, workbench, footage)
        keyframes(max_page, 1, 10)
        saved(max_page)
        assert edits_of(workbench, footage) == [("max", "keyframe", 1, 10)]

        release = _begin_release(page, case)
        _fill_in(page)
        page.get_by_text("Nothing is missing").wait_for()
        page.get_by_role("button", name="Render preview").click()
        page.get_by_text("It has run on the current copy.").wait_for(timeout=LONG)
        _settle(page)
        page.get_by_role("button", name="Submit for approval").click()
        page.get_by_text("The release is in review").wait_for()
        assert page.get_by_role("button", name="Approve", exact=True).filter(visible=True).count() == 0

    for name, words in (("max", "has worked on release"), ("pat", "The release is approved.")):
        page = workbench.page(name)
        with inert(page, workbench):
            page.goto(f"{workbench.address}/work/")
            if name == "pat":
                page.get_by_text("is waiting for approval").wait_for()
            page.goto(f"{workbench.address}/work/release?release={release.replace('#', '%23')}")
            if name == "pat":
                watch_all(page)
            page.get_by_role("button", name="Approve", exact=True).click()
            page.locator(".said", has_text=words).wait_for()
    with inert(page, workbench):
        page.get_by_role("button", name="Export pack").click()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download pack").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(tmp_path)
        pack = tmp_path / Path(archive.namelist()[0]).parts[0]
    assert {"video-1.mp4", "log.pdf", "statement.dsse.json"} <= {path.name for path in pack.iterdir()}
    ended = redact("verify", pack, "--json")
    assert ended.code == 0, ended.out + ended.err
    held = {proof["proof"] for proof in ended.document["proofs"] if proof["state"] == "held"}
    assert held >= {"signature", "C2PA manifest", "masks"}


def _open_case(page: Page, bench: Workbench) -> str:
    page.goto(f"{bench.address}/work/")
    page.get_by_role("button", name="New case").click()
    page.get_by_label("Reference").fill("FOI-26-17")
    page.get_by_label("Title").fill("Arrest in Mill Lane")
    page.get_by_role("button", name="Open case").click()
    page.locator(".said").get_by_role("link", name="FOI-26-17").click()
    page.locator(".upload").wait_for()
    return "FOI-26-17"


def _begin_release(page: Page, case: str) -> str:
    choose(page, "Policy", "Public: release")
    page.get_by_label("AB1", exact=True).check()
    page.get_by_role("button", name="Create release").click()
    page.locator(".said").get_by_role("link", name=f"{case}#1").click()
    page.get_by_role("heading", name=f"Release {case}#1").wait_for()
    return f"{case}#1"


def _fill_in(page: Page) -> None:
    page.get_by_role("button", name="Recipient, delivery").click()
    for label, value in DETAILS.items():
        page.get_by_role("textbox", name=label, exact=True).filter(visible=True).fill(value)
    choose(page, "Section 40 condition", "3A")
    page.get_by_role("button", name="Save details").click()
    page.get_by_text("The details have been saved.").wait_for()
    # The page refreshes a little later and keeps what is typed in the meantime.
    page.get_by_role("button", name="Arguments for reason codes").click()
    page.get_by_label("Assessment", exact=True).fill("Passers-by are not involved.")
    page.get_by_role("button", name="Save argument").click()
    page.get_by_text("The argument has been saved.").wait_for()


def _settle(page: Page) -> None:
    """Settle every item of the review queue."""
    address = page.url
    page.get_by_role("link", name="Review AB1").first.click()
    page.locator(".rv[data-ready=true]").wait_for()
    page.locator(".rv-riskcard").get_by_text("The review queue is empty").or_(
        page.locator(".rv-risks button").first
    ).wait_for()
    for _ in range(20):
        press(page, "q")
        if page.locator(".rv-status", has_text="The review queue is empty").count():
            break
        press(page, "a")
        saved(page)
    page.goto(address)
    page.locator("dl.facts", has_text="Open items").get_by_text("none").wait_for()
