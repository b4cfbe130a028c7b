"""PDFs: their text and tags, and that no text is ever read as markup."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import Image

from redact.disclose.documents import audit_report as report_module
from redact.disclose.documents.audit_report import TrailEvent, audit_report
from redact.disclose.documents.disposal_certificate import DisposalFacts, DisposedItem, disposal_certificate
from redact.disclose.documents.drafts import foi_notice_draft, mg6c_draft, subject_access_draft
from redact.disclose.documents.log_pdf import published_log, release_log
from redact.disclose.documents.typeset import (
    SHOWN,
    Document,
    bullets,
    facts,
    heading,
    mono,
    narrow,
    note,
    para,
    pdf,
    printable,
    quiet,
    signature,
    still,
    strong,
    table,
)
from redact.disclose.documents.verification_guide import verification_guide
from redact.disclose.log.published_edition import published
from redact.disclose.log.release_log import FiledLog, ReleaseLog
from redact.disclose.log.sections import CourtSection
from redact.errors import LogHoldsInternal, TypesettingFailed
from tests.disclose.samples import AUDIT_HEAD, MADE, court_log, foi_log, sha, stills, subject_access_log

FORCE = "Wessex and Mendip Constabulary"


def reader(data: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(data))


def title(data: bytes) -> str:
    return str(dict(reader(data).metadata or {})["/Title"])


def pages(data: bytes) -> list[str]:
    return [page.extract_text() for page in reader(data).pages]


def text_of(data: bytes) -> str:
    """All text of a PDF on one line, without the zero-width spaces that let long runs break."""
    return re.sub(r"\s+", " ", " ".join(pages(data)).replace("\u200b\n", "").replace("\u200b", ""))


def tags(data: bytes) -> Counter[str]:
    """Structure elements by role."""
    found: Counter[str] = Counter()

    def walk(element: Any) -> None:
        element = element.get_object() if hasattr(element, "get_object") else element
        if isinstance(element, list):
            for item in element:
                walk(item)
        elif isinstance(element, dict):
            found[str(element.get("/S", ""))] += 1
            walk(element.get("/K"))

    root: Any = reader(data).trailer["/Root"]
    walk(root["/StructTreeRoot"]["/K"])
    return found


def released() -> ReleaseLog:
    return FiledLog(log=subject_access_log()).for_release()


def trail(count: int) -> Iterator[TrailEvent]:
    for seq in range(1, count + 1):
        body = json.dumps({"track": seq, "reason": "third party"})
        yield TrailEvent(seq, "2026-06-02T10:01:01.123456Z", "e.firth", "edit.hide", "footage/1", body, sha(f"{seq:x}"))


def disposal() -> bytes:
    item = DisposedItem("AB/1", "AXON_1.mp4", sha("1c"), 48_000, MADE, MADE - timedelta(days=40), "non-evidential")
    return disposal_certificate(
        DisposalFacts(
            number="DC-2026-0007",
            organisation=FORCE,
            case_references=("WM/2026/03318",),
            items=(item,),
            rule="31 days from the recording",
            disposed_by="Eleanor Firth",
            authorised_by=None,
            disposed_at=MADE,
            method="Deleted from the store.",
            kept="The record.",
            event_number=4190,
            event_hash=sha("ab"),
        )
    )


def one_trail() -> bytes:
    return next(audit_report(trail(3), count=3, head=AUDIT_HEAD, organisation=FORCE, made=MADE)).pdf


DOCUMENTS: dict[str, tuple[Callable[[], bytes], str, tuple[str, ...]]] = {
    "court": (
        lambda: release_log(court_log(), stills(court_log())),
        "Log of redactions",
        (
            "52WM0331826", "Daniel Marsh", "section 47", "DC 3308 Ruth Adeyemi", "Unused material, item 17 of the MG6C",
            "edited version", "PC 4471 Alice Bowen", "AX-3119-77", "2.4 s fast", sha("1c"), sha("01c"), sha("b1"),
            "0:00:30.000 to 0:04:09.960", "M0003 Person 3", "0:00:06.640 to 0:00:18.200", "frames 166 to 455",
            "solid colour", "detected, corrected by hand", "confidence 0.41 to 0.97", "The defendant.",
            "Silent pre-event recording", "Crown Court at Wells", "does not meet the disclosure test", "exhibit EF/1",
            "Tomasz Wójcik", "Priya Raman", "AES-256", "31 July 2032", "plates-yolo26n", sha("71a7e5"),
            sha("90"), sha("c0de5"), "4,182", sha("3e41c"), sha("f16e"), "(all)",
        ),
    ),
    "subject access": (
        lambda: release_log(released()),
        "Log of redactions",
        ("Niamh O’Sullivan", "Passport", "Data Protection Act 2018, Part 3", "Person 1 (the requester)", "refused"),
    ),
    "public, full": (
        lambda: release_log(foi_log()),
        "Log of redactions",
        ("not for publication", "would be likely to", "90 minutes", "540 minutes", "Legitimate interest", "press st"),
    ),
    "public": (
        lambda: published_log(published(foi_log())),
        "Log of redactions",
        ("FOI-2026-0142", "video-1.mp4", "0:00:05.000 to 0:00:36.000", "section 38(1)(b)", "absolute exemption"),
    ),
    "check": (
        lambda: verification_guide(court_log(), sha("f16e")),
        "How to check this release",
        ("redact verify FOLDER", "Get-FileHash", sha("b1"), sha("b2"), sha("f16e")),
    ),
    "disposal": (disposal, "Certificate of disposal", ("DC-2026-0007", sha("1c"), "AXON_1.mp4", "4,190", "31 days")),
    "trail": (one_trail, "Audit trail", ("entries 1 to 3", "edit.hide", "track: 2; reason: third party", sha("a0d17"))),
    "MG6C": (lambda: mg6c_draft(court_log()), "Entry for the MG6C", ("edited version", "CD/4", "[To be completed:")),
    "FOI notice": (
        lambda: foi_notice_draft(foi_log()),
        "Response to a request for information",
        ("section 17", "s31(1)(a)", "would be likely to occur", "outweighs", "Information Commissioner", "90 minutes"),
    ),
    "letter": (
        lambda: subject_access_draft(released()),
        "Response to your subject access request",
        ("section 45", "section 167", "The faces and voices of others.", "Information Commissioner"),
    ),
}  # fmt: skip
DRAFTS = ("MG6C", "FOI notice", "letter")


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return {name: make() for name, (make, _, _) in DOCUMENTS.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_has_required_text_and_tags(made: dict[str, bytes], name: str) -> None:
    data, (_, wanted, phrases) = made[name], DOCUMENTS[name]
    text = text_of(data)
    for phrase in phrases:
        assert phrase in text
    root: Any = reader(data).trailer["/Root"]
    assert root["/Lang"] == "en-GB"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    assert title(data) == wanted
    all_pages = pages(data)
    for number, page in enumerate(all_pages, 1):
        assert f"Page {number} of {len(all_pages)}" in page
        assert (name in DRAFTS) == ("DRAFT" in page)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_metadata_names_no_person_or_path(made: dict[str, bytes], name: str) -> None:
    data = made[name]
    metadata = dict(reader(data).metadata or {})
    assert set(metadata) == {"/Title", "/Creator", "/CreationDate", "/ModDate"}
    assert re.fullmatch(r"Typst 0\.\d+\.\d+", str(metadata["/Creator"]))
    assert {str(metadata["/CreationDate"]), str(metadata["/ModDate"])} == {"D:20260619143207Z"}
    root: Any = reader(data).trailer["/Root"]
    for word in (b"dc:creator", str(Path.home()).encode() + b"/", str(Path.cwd()).encode()):
        assert word not in data
        assert word not in root["/Metadata"].get_data()


def test_pdf_is_identical_for_same_log(made: dict[str, bytes]) -> None:
    assert release_log(court_log(), stills(court_log())) == made["court"]


def test_court_log_is_structured(made: dict[str, bytes]) -> None:
    found = tags(made["court"])
    log = court_log()
    pictures = sum(mask.kind == "picture" for mask in log.masks)
    assert found["/Title"] == 1
    assert found["/Figure"] == pictures
    assert found["/Table"] >= 6
    assert found["/TH"] > 20
    assert found["/H1"] > 6
    assert found["/H2"] >= 4


def test_stills_have_alternative_text(made: dict[str, bytes]) -> None:
    data, wanted = made["court"], "Still of 01-AB-1.mp4 with Person 3 hidden"
    opened = reader(data)
    objects = (opened.get_object(number) for number in range(1, int(str(opened.trailer["/Size"]))))
    assert any(isinstance(o, dict) and str(o.get("/Alt", "")).startswith(wanted) for o in objects)


def test_stills_are_for_court_only() -> None:
    with pytest.raises(ValueError, match="court"):
        release_log(released(), {"M0001": b""})


def test_stills_lose_their_metadata() -> None:
    out = io.BytesIO()
    picture = Image.new("RGB", (2000, 900), (10, 20, 30))
    exif = Image.Exif()
    exif[0x010E] = "PC 4471 Alice Bowen"
    picture.save(out, "JPEG", exif=exif, comment=b"AX-3119-77")
    assert b"Bowen" in out.getvalue()
    clean = still(out.getvalue())
    assert b"Bowen" not in clean
    assert b"3119" not in clean
    with Image.open(io.BytesIO(clean)) as small:
        assert small.size == (480, 216)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff\xe0 cut", b"%PDF-1.7"])
def test_still_refuses_other_files(data: bytes) -> None:
    with pytest.raises(TypesettingFailed):
        still(data)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('#import "@preview/x:1.0": *', '#import "@preview/x:1.0": *'),
        ("$x^2$ *b* _i_ `c` <l> @r [a] #{1+1}", "$x^2$ *b* _i_ `c` <l> @r [a] #{1+1}"),
        (
            "= heading - list + enum / term: x // gone /* gone */",
            "= heading - list + enum / term: x // gone /* gone */",
        ),
        ("\\u{41} \\#pagebreak()", "\\u{41} \\#pagebreak()"),
        ("W" * 90, "W" * 90),
        ("\U0001f600 名", "[U+1F600] [U+540D]"),
        ("a\u202eb\x00c\x1bd\ud800", "a[U+202E]b[U+0000]c[U+001B]d[U+D800]"),
        ("\ufeff\u2028\u00ad", "[U+FEFF][U+2028][U+00AD]"),
        ("e\u0301 q\u0301", "é q[U+0301]"),  # composed if there is a single character
        ("Łódź Çağlar Nguyễn Ωμέγα Жуков", "Łódź Çağlar Nguyễn Ωμέγα Жуков"),
    ],
)
def test_text_is_never_markup(text: str, shown: str) -> None:
    blocks = [heading(text), note(text), para(strong(text)), bullets([text]), facts([(text, quiet(text))])]
    blocks += [table((text, "b"), (40, None), [[narrow(text), text]]), signature(text)]
    document = Document(text, text, text, text, MADE, blocks, draft=text)
    data = pdf(document)
    found = text_of(data).replace(" ", "")
    assert found.count(shown.replace(" ", "")) >= 10
    assert title(data).replace("\u200b", "") == shown


def test_long_word_is_broken_and_digest_is_not() -> None:
    rows = [[narrow("W" * 90), sha("d1")]]
    lines = "".join(pages(pdf(Document("T", "", "", "", MADE, [table(("a", "b"), (30, None), rows)])))).splitlines()
    assert max(line.count("W") for line in lines) < 15
    assert any(sha("d1") in line for line in lines)


def test_right_to_left_text_is_set() -> None:
    text = "שלום"
    assert text in printable(text)
    found = text_of(pdf(Document("T", "", "", "", MADE, [para(text)])))
    assert set(text) <= set(found)


@pytest.mark.parametrize("style", [str, strong, quiet, mono], ids=lambda style: style.__name__)
def test_fonts_have_every_printable_character(style: Callable[[str], Any]) -> None:
    letters = " ".join(chr(c) for first, last in SHOWN for c in range(first, last + 1))
    pdf(Document("T", "", "", "", MADE, [para(style(letters))]))


def test_row_longer_than_page_is_broken_not_lost() -> None:
    text = " ".join(f"word{n}" for n in range(2000))
    data = pdf(Document("T", "", "", "", MADE, [table(("a",), (None,), [[text]])]))
    assert len(pages(data)) > 2
    assert "word1999" in text_of(data)


def test_long_reference_stays_on_page() -> None:
    data = pdf(Document("T", "", "", "x" * 5000, MADE, [para("y")]))
    assert "[...]" in text_of(data)
    assert text_of(data).count("x") < 200


def test_pdf_refuses_log_that_must_not_leave() -> None:
    with pytest.raises(LogHoldsInternal):
        release_log(subject_access_log())
    with pytest.raises(LogHoldsInternal):
        subject_access_draft(subject_access_log())


def test_letter_and_log_omit_withheld_restriction(made: dict[str, bytes]) -> None:
    for name in ("letter", "subject access"):
        assert "s45(4)(b)" not in text_of(made[name])
        assert "inquiry" not in text_of(made[name])


def test_disclosure_test_not_considered_prompts_the_mg6e() -> None:
    log = court_log()
    assert isinstance(log.section, CourtSection)
    open_question = log.section.cpia.model_copy(
        update={"hidden_may_meet_test": None, "considered_by": None, "considered_at": None}
    )
    undecided = log.model_copy(update={"section": log.section.model_copy(update={"cpia": open_question})})
    assert "MG6E" in text_of(mg6c_draft(undecided))
    assert "MG6E" not in text_of(mg6c_draft(log))


def test_drafts_are_for_one_kind_of_release() -> None:
    for draft, log in ((mg6c_draft, foi_log()), (foi_notice_draft, court_log()), (subject_access_draft, court_log())):
        with pytest.raises(ValueError, match="is for a"):
            draft(log)


def test_verification_guide_fits_one_page() -> None:
    log = court_log()
    outputs = tuple(
        log.outputs[0].model_copy(update={"file": f"{n:02}-{'exhibit-' * 8}{n}.mp4", "sha256": sha(f"{n:x}")})
        for n in range(1, 20)
    )
    data = verification_guide(log.model_copy(update={"outputs": outputs, "masks": ()}), sha("f16e"))
    assert len(pages(data)) == 1
    assert "log.pdf lists the other 13." in text_of(data)


def test_audit_report_parts_name_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_module, "EVENTS_PER_PART", 4)
    parts = list(audit_report(trail(9), count=9, head=AUDIT_HEAD, organisation=FORCE, made=MADE))
    assert [(p.number, p.first, p.last) for p in parts] == [(1, 1, 4), (2, 5, 8), (3, 9, 9)]
    second = text_of(parts[1].pdf)
    assert "Part 2 of 3: entries 5 to 8" in second
    assert sha("4") in second  # the last hash of the part before
    assert "the trail starts here" in text_of(parts[0].pdf)


def test_audit_report_is_generated_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand events must never be in memory at once."""
    monkeypatch.setattr(report_module, "EVENTS_PER_PART", 2)
    taken: list[int] = []

    def counted() -> Iterator[TrailEvent]:
        for event in trail(100):
            taken.append(event.seq)
            yield event

    next(audit_report(counted(), count=100, head=AUDIT_HEAD, organisation=FORCE, made=MADE))
    assert len(taken) == 2


def test_audit_report_of_no_events_and_odd_bodies() -> None:
    (only,) = audit_report(iter(()), count=0, head=AUDIT_HEAD, organisation=FORCE, made=MADE)
    assert "no entries" in text_of(only.pdf)
    odd = TrailEvent(1, "now", "", "k", "s", '{"a": [{"b": "x"}, "#y"], "long": "' + "z" * 1000 + '"}', sha("a"))
    (part,) = audit_report([odd], count=1, head=AUDIT_HEAD, organisation="", made=datetime(2026, 1, 1, tzinfo=UTC))
    text = text_of(part.pdf)
    assert "a 1.b: x; a 2: #y" in text
    assert "[...]" in text
