"""The page handlers, called as Gradio calls them, and the HTML they return."""

from __future__ import annotations

import os
import re
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release import details, releases
from redact.jobs import queue
from redact.records import accounts, cases
from redact.records.deadlines import CaseKind
from redact_ui.admin_page import AdminPage
from redact_ui.audit_page import AuditPage
from redact_ui.case_page import CasePage
from redact_ui.formatting import text
from redact_ui.mount import build_pages
from redact_ui.page import Context
from redact_ui.release_decisions import seconds, targets
from redact_ui.release_detail_lists import DETAIL_LISTS, DetailList
from redact_ui.release_details import DETAIL_FIELDS, DetailsForm, FormSnapshot
from redact_ui.release_page import ReleasePage
from redact_ui.theme import colours
from redact_ui.work_list_page import ANY, WorkListPage, _fields
from tests.disclose.approved import DETAILS, PASSWORD
from tests.ui.conftest import request_from

HOSTILE = "<img src=x onerror=alert(1)>\"' ${7*7} {{7*7}} `x`"
NOBODY = "not signed in"


class _Tags(HTMLParser):
    """Image sources, event attributes, and the visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.handlers: list[str] = []
        self.visible = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name == "src"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.visible += data


def whole(parts: Any) -> str:
    """All HTML that a handler returns."""
    return "".join(part for part in parts if isinstance(part, str))


def listing(
    work: WorkListPage,
    me: Any,
    *,
    mine: bool = False,
    overdue: bool = False,
    closed: bool = False,
    find: str = "",
    who: str = "",
    stage: str = ANY,
) -> tuple[Any, ...]:
    """The work list with these filters."""
    return work.show(ANY, mine, overdue, closed, find, who, stage, me)


def choices(context: Context, name: str = "R-1#1") -> list[tuple[str, str]]:
    with context.db.reading() as session:
        return targets(context.plan(session, releases.find(session, name)))


def state_of(context: Context, name: str = "R-1#1") -> str:
    with context.db.reading() as session:
        return releases.find(session, name).state


@pytest.mark.parametrize("records", ["context", "filled"])
def test_pages_are_built(records: str, request: pytest.FixtureRequest) -> None:
    blocks = build_pages(request.getfixturevalue(records))
    assert [path for path, _, _ in blocks.pages] == ["", "case", "release", "audit", "admin"]
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_empty_pages_say_what_to_do(context: Context) -> None:
    accounts.add(context.db, "admin", "admin", PASSWORD, full_name="A", roles=list(accounts.Role), must_change=False)
    me = request_from("admin")
    listed = whole(listing(WorkListPage(context), me))
    assert "Open the first one" in listed and "You have no tasks" in listed
    cases.open_case(context.db, "admin", "F-1", kind=CaseKind.FOI, title="t", received=date.today())
    assert "Add a file below" in whole(CasePage(context).show("F-1", me))
    assert "There is no footage" in whole(AdminPage(context).show(me))


def test_pages_show_nothing_without_sign_in(filled: Context) -> None:
    work, case, release = WorkListPage(filled), CasePage(filled), ReleasePage(filled)
    for shown in (
        listing(work, request_from(None)),
        case.show("R-1", request_from(None)),
        release.show("R-1#1", request_from(None)),
        AuditPage(filled).first("", "", "", "", "", request_from(None)),
        AdminPage(filled).show(request_from(None)),
    ):
        assert NOBODY in whole(shown)
        assert "v Doe" not in whole(shown) and "officer" not in whole(shown)
    assert "v Doe" in whole(case.show("R-1", request_from("reviewer")))


def test_handlers_check_rights(filled: Context) -> None:
    release, admin, audit = ReleasePage(filled), AdminPage(filled), AuditPage(filled)
    assert "R654" in release.approve("R-1#1", "", request_from("officer"))
    assert "R654" in release.submit("R-1#1", request_from("approver"))
    assert "R654" in admin.add("eve", "Eve", ["administrator"], request_from("officer"))
    assert "R654" in admin.check_store(request_from("officer")) and "R654" in admin.check_health(
        request_from("officer")
    )
    assert "R654" in whole(admin.show(request_from("approver")))
    assert "R654" in audit.verify(request_from("reviewer"))
    assert "R654" in whole(audit.first("", "", "", "", "", request_from("reviewer")))
    assert "R654" in CasePage(filled).detect("R-1", "AB/1", "fast", request_from("approver"))
    assert "R654" in WorkListPage(filled).open_case(request_from("reviewer"), *new_case("F-9"))
    with filled.db.reading() as session:
        assert {p.name for p in accounts.all_people(session)} == {
            "administrator", "approver", "auditor", "officer", "reviewer",
        }  # fmt: skip
    assert state_of(filled) == "draft"


def new_case(reference: str, **values: str) -> list[str]:
    return [reference, "foi", "A title", "", "england-and-wales", "", *(values.get(key, "") for _, key in _fields())]


def test_pages_escape_hostile_text(filled: Context) -> None:
    work = WorkListPage(filled)
    values = new_case("F-2", requester=HOSTILE)
    values[2] = HOSTILE
    assert "is open" in work.open_case(request_from("officer"), *values)
    cases.add_member(filled.db, "officer", "F-2", "officer", "officer in the case")
    cases.set_closed(filled.db, "officer", "F-2", closed=True, reason=HOSTILE)
    pages = (
        whole(listing(work, request_from("officer"), closed=True)),
        whole(CasePage(filled).show("F-2", request_from("officer"))),
        whole(AuditPage(filled).first("F-2", "", "", "", "", request_from("auditor"))),
    )
    for page in pages:
        parsed = _Tags(page)
        assert not parsed.handlers and "x" not in parsed.sources
        assert HOSTILE in parsed.visible or "onerror" in parsed.visible
        assert "${" not in page and "{{" not in page  # which Gradio's templates would run
    assert HOSTILE in _Tags(pages[1]).visible
    # An error message repeats the input.
    refused = work.open_case(request_from("officer"), *[HOSTILE, *new_case("x")[1:]])
    assert "R653" in refused and "<img" not in refused and "${" not in refused
    assert "<" not in text(HOSTILE) and '"' not in text(HOSTILE)


def test_work_list_shows_overdue_cases_and_filters(filled: Context) -> None:
    long_ago = date.today() - timedelta(90)
    cases.open_case(filled.db, "officer", "OLD", kind=CaseKind.FOI, title="t", received=long_ago)
    assert "No one is assigned" in listing(WorkListPage(filled), request_from("officer"))[1]
    cases.add_member(filled.db, "officer", "OLD", "approver", "approver")
    work, me = WorkListPage(filled), request_from("officer")
    _, _, overdue, *_ = listing(work, me, overdue=True)
    assert "OLD" in overdue and "R-1" not in overdue and "Overdue by" in overdue
    _, needs, mine, *_ = listing(work, me, mine=True)
    assert "No cases match" in mine and "OLD" not in needs
    cases.add_member(filled.db, "officer", "OLD", "officer", "officer in the case")
    assert "OLD" in listing(work, me, mine=True)[1]


def test_release_page_takes_release_from_draft_to_approved(filled: Context) -> None:
    page, work = ReleasePage(filled), WorkListPage(filled)
    rita, anna = request_from("reviewer"), request_from("approver")
    assert "is a draft" in listing(work, rita)[1]
    face = next(key for label, key in choices(filled) if "track 1" in label)
    assert "R602" in page.decide("R-1#1", [face], "show", "", [], "", "", rita)[0]
    said, *left = page.decide("R-1#1", [face], "show", "", [], "", HOSTILE, rita)
    assert "1 decision recorded" in said and left == [[], []]
    shown = whole(page.show("R-1#1", rita))
    assert HOSTILE in _Tags(shown).visible and "Missing: urn" not in shown and "shown" in shown
    assert "is in review" in page.submit("R-1#1", rita)
    assert "is waiting for approval" in listing(work, anna)[1]
    parts = page.show("R-1#1", anna)
    assert "Still to do: some parts have not been watched; some items are open" in whole(parts)
    content = parts.content
    assert "R657" in page.approve("R-1#1", content, anna)  # not watched yet
    assert "returned to draft" in page.send_back("R-1#1", "the plate is in sight", anna)
    assert "the plate is in sight" in whole(page.show("R-1#1", rita))
    page.submit("R-1#1", rita)
    assert "R654" in page.override("R-1#1", content, "watched on another screen", anna)
    with filled.db.writing("administrator") as work_:
        accounts.find(work_.session, "approver").roles = ["supervisor"]
        work_.event("test.prepared", "person:approver", {})
    assert "R657" in page.override(
        "R-1#1", "0" * 64, "watched on another screen", anna
    )  # another version was on the page
    assert "approved" in page.override("R-1#1", content, "watched on another screen", anna)
    assert state_of(filled) == "approved"
    assert "can be exported" in listing(work, anna)[1]
    assert "export has started" in page.export("R-1#1", anna)


def test_release_page_decides_on_unmarked_sound(filled: Context) -> None:
    page, rita = ReleasePage(filled), request_from("reviewer")
    message = page.decide_sound("R-1#1", "AB/1", "0:00:00.2", "0.6", "hide", "bleep", [], "", "", rita)
    assert "recorded" in message, message
    assert any("sound 1" in label for label, _ in choices(filled))
    assert "R653" in page.decide_sound("R-1#1", "AB/1", "soon", "0.6", "hide", "", [], "", "", rita)


def test_details_form_saves_only_edited_fields(filled: Context) -> None:
    form, rita = DetailsForm(filled), request_from("reviewer")
    keys = [field.key for field in DETAIL_FIELDS]
    before = form.show("R-1#1", FormSnapshot(), rita)[0]
    assert isinstance(before, FormSnapshot)
    values = list(before.fields)
    assert values[keys.index("recipient.name")] == "CPS"
    assert "R653" in form.save("R-1#1", before, rita, *values)[0]  # no changes
    for key, value in (
        ("cpia.hidden_may_meet_test", "no"),
        ("cpia.considered_by", "DS Birch"),
        ("cpia.considered_at", "2026-11-20 10:00"),
        ("clip_reason", ""),
    ):
        values[keys.index(key)] = value
    said, after = form.save("R-1#1", before, rita, *values)
    assert "have been saved" in said
    with filled.db.reading() as session:
        held = releases.find(session, "R-1#1").details
    assert held["cpia"]["hidden_may_meet_test"] is False and "clip_reason" not in held
    assert held["recipient"] == DETAILS["recipient"]
    assert datetime.fromisoformat(held["cpia"]["considered_at"]).tzinfo is not None
    # Only values stored in another form than typed are filled in; later input stays.
    filled_in = form.show("R-1#1", after, rita)[1 : 1 + len(keys)]
    others = [key for key, value in zip(keys, filled_in, strict=True) if isinstance(value, str)]
    assert others == ["cpia.considered_at"]
    # A page that still shows an old value does not undo what was saved on another page.
    values[keys.index("delivery.method")] = "By hand"
    values[keys.index("cpia.considered_by")] = before.fields[keys.index("cpia.considered_by")]
    assert "have been saved" in form.save("R-1#1", before, rita, *values)[0]
    with filled.db.reading() as session:
        held = releases.find(session, "R-1#1").details
    assert held["cpia"]["considered_by"] == "DS Birch" and held["delivery"]["method"] == "By hand"


def test_detail_list_adds_and_removes_entries(filled: Context) -> None:
    orders, rita = DetailList(filled, DETAIL_LISTS[0]), request_from("reviewer")
    assert "R653" in orders.add("R-1#1", rita, "Crown Court", "", "Only the face of D")
    assert "R653" in orders.add("R-1#1", rita, "Crown Court", "soon", "Only the face of D")
    assert "has been added" in orders.add("R-1#1", rita, HOSTILE, "2026-11-20", "Only the face of D")
    assert "has been added" in orders.add("R-1#1", rita, "High Court", "2026-11-21", "All")

    def entries() -> list[tuple[str, str]]:
        with filled.db.reading() as session:
            _, listed, chosen = orders.render(releases.find(session, "R-1#1").details, ReleaseKind.COURT)
        assert "<img" not in str(listed)
        return chosen["choices"]  # type: ignore[index, no-any-return]

    first, second = entries()
    assert "has been removed" in orders.remove("R-1#1", first[1], rita)
    assert "R653" in orders.remove("R-1#1", first[1], rita)  # already removed
    assert [key for _, key in entries()] == [second[1]]


def test_case_page_shows_and_stops_jobs(filled: Context) -> None:
    page, rita = CasePage(filled), request_from("reviewer")
    assert "Detection has started for" in page.detect("R-1", "AB/1", "fast", rita)
    lines, before, *_ = page.poll("R-1", "", rita)
    assert "Detecting faces and plates" in str(lines) and "Waiting" in str(lines)
    assert "0 B" not in str(lines)
    # Only people who may stop the job see the button.
    job = re.search(r'data-job="([^"]+)" data-act="cancel"', str(lines))
    assert job is not None
    assert "data-job" not in str(page.poll("R-1", "", request_from("officer"))[0])
    assert "data-job" in str(page.poll("R-1", "", request_from("administrator"))[0])
    queue.cancel(filled.db, "reviewer", job[1])
    lines, now, *_ = page.poll("R-1", str(before), rita)
    assert "Cancelled" in str(lines) and now != before
    assert f'data-job="{job[1]}" data-act="retry"' in str(lines)


def test_audit_page_verifies_and_searches(filled: Context) -> None:
    page, me = AuditPage(filled), request_from("auditor")
    assert "All are unchanged" in page.verify(me)
    found = str(page.first("R-1", "case.opened", "", "", "", me)[0])
    assert "Case opened" in found and "Footage added" not in found
    assert "R653" in str(page.first("", "", "", "yesterday", "", me)[0])
    assert "No events match" in str(page.first("", "", "nobody", "", "", me)[0])


def test_audit_page_has_older_events_on_next_page(filled: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redact_ui.audit_page.PAGE", 2)
    page, me = AuditPage(filled), request_from("auditor")
    found, before, older, newest = page.first("", "", "", "", "", me)
    assert older["interactive"] and not newest["interactive"]  # type: ignore[index]
    further, *_ = page.search("", "", "", "", "", int(str(before)), me)
    numbers = [[int(n) for n in re.findall(r"<td><span class='whole'>(\d+)", str(part))] for part in (found, further)]
    assert numbers[0] == [numbers[1][0] + 2, numbers[1][0] + 1] and len(numbers[1]) == 2


def test_work_list_filters_by_words_person_and_state(filled: Context) -> None:
    cases.open_case(filled.db, "officer", "F-7", kind=CaseKind.FOI, title="Mill Lane", received=date.today())
    cases.add_member(filled.db, "officer", "F-7", "approver", "approver")
    work, me = WorkListPage(filled), request_from("officer")
    for filters, there, not_there in (
        ({"find": "mill 7"}, "F-7", "R-1"),
        ({"who": "approver"}, "F-7", "R-1"),
        ({"who": "-"}, "R-1", "F-7"),  # no one is assigned
        ({"stage": "empty"}, "F-7", "R-1"),
        ({"stage": "draft"}, "R-1", "F-7"),
    ):
        found = listing(work, me, **filters)[2]  # type: ignore[arg-type]
        assert there in found and not_there not in found, filters


def test_case_page_changes_footage_details(filled: Context) -> None:
    page, officer = CasePage(filled), request_from("officer")
    assert "R654" in page.note("R-1", "AB/1", "PC 1", "", "", "typo", request_from("reviewer"))
    assert "R653" in page.note("R-1", "AB/1", "", "", "", "typo", officer)  # no changes
    assert "R653" in page.note("R-1", "AB/1", "", "at noon", "", "typo", officer)
    assert "have been changed" in page.note("R-1", "AB/1", "PC 4711", "2026-05-01 14:30", "", "typo", officer)
    shown = whole(page.show("R-1", officer))
    assert "PC 4711" in shown and "1 May 2026, 14:30" in shown


def test_admin_page_confirms_disposal(filled: Context) -> None:
    page, admin = AdminPage(filled), request_from("administrator")
    assert "R653" in page.dispose(False, "", admin)
    assert "R654" in page.dispose(True, "", request_from("officer"))
    assert "No footage is due" in page.dispose(True, "", admin)


def test_admin_page_changes_roles(filled: Context) -> None:
    page, admin = AdminPage(filled), request_from("administrator")
    assert "R654" in page.set_roles("reviewer", ["officer"], "new post", request_from("officer"))
    assert "is now approver, officer" in page.set_roles("reviewer", ["officer", "approver"], "new post", admin)
    assert page.roles_of("reviewer", admin) == {"value": ["approver", "officer"], "__type__": "update"}
    assert "R653" in page.set_roles("administrator", ["officer"], "new post", admin)  # the last one


def test_admin_page_shows_one_time_password_once(filled: Context) -> None:
    page, admin = AdminPage(filled), request_from("administrator")
    said = page.add("nina", "Nina", ["reviewer"], admin)
    password = re.search(r'class="secret">([a-z0-9-]+)<', said)
    assert password is not None
    assert accounts.authenticate(filled.db, "nina", password[1]).must_change
    shown = whole(page.show(admin))
    assert "Nina" in shown and password[1] not in shown
    assert "R653" in page.reset("administrator", admin)  # one's own account
    assert "disabled" in page.disable("nina", "left the force", admin)


def test_theme_has_every_colour() -> None:
    light, dark = colours()
    assert set(light) == set(dark) and {"ground", "text", "accent", "problem"} <= set(light)


@pytest.mark.parametrize(
    ("written", "right"),
    [("3.5", 3.5), ("2:03", 123), ("1:02:03.25", 3723.25), ("90", 90)],
)
def test_seconds_reads_times(written: str, right: float) -> None:
    assert float(seconds(written)) == right


def test_details_form_has_field_for_every_detail() -> None:
    for kind in ReleaseKind:
        from redact_ui.release_details import COMMON, OF_KIND

        parts = {field.key.partition(".")[0] for field in (*COMMON, *OF_KIND[kind])}
        parts |= {one.part for one in DETAIL_LISTS if one.kind is kind}
        # Arguments for reason codes have a form of their own.
        assert parts | {"grounds"} == {*details.COMMON, *details.OF_KIND[kind]}
