"""The published edition: merged ranges, and nothing that identifies anyone."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redact.disclose.documents.log_pdf import published_log
from redact.disclose.documents.verification_guide import verification_guide
from redact.disclose.log.csv_table import published_table
from redact.disclose.log.entries import MaskEntry, milliseconds
from redact.disclose.log.published_edition import CLOSEST, merged, published
from redact.disclose.log.release_log import ReleaseLog, dump
from redact.errors import EditionNotNeutral
from tests.disclose.samples import CODES, SECRETS, Hidden, court_log, foi_log, masks, sha

S40, S31 = "s40(2)-3A", "s31(1)(a)"


def spans(*rows: Hidden) -> list[tuple[int, int, tuple[str, ...]]]:
    return [(r.first_frame, r.last_frame, r.codes) for r in merged(masks(list(rows)))]


def face(first: int, last: int, code: str = S40, subject: str = "Person 1", output: int = 0) -> Hidden:
    return Hidden(output, subject, "face", first, last, (code,))


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (face(50, 60, subject="Person 2"), [(0, 100, (S40,))]),  # inside
        (face(100, 140, subject="Person 2"), [(0, 140, (S40,))]),  # overlap by one frame
        (face(101, 140), [(0, 140, (S40,))]),  # the next frame
        (face(125, 140), [(0, 140, (S40,))]),  # one second from last to first frame, at 25 a second
        (face(126, 140), [(0, 100, (S40,)), (126, 140, (S40,))]),  # one frame more
        (face(110, 140, S31), [(0, 140, (S31, S40))]),  # another code: one range with both
    ],
)
def test_spans_up_to_a_second_apart_are_merged(second: Hidden, expected: list[tuple[object, ...]]) -> None:
    assert spans(face(0, 100), second) == expected
    assert spans(second, face(0, 100)) == expected


def test_long_span_is_not_cut_by_short_one_within() -> None:
    assert spans(face(0, 500), face(10, 20), face(510, 600)) == [(0, 600, (S40,))]


def test_ranges_keep_picture_sound_and_outputs_apart() -> None:
    sound = Hidden(0, "Sound 1", "sound", 0, 100, (S40,), effect="mute")
    ranges = list(merged(masks([face(0, 100, output=1), sound, face(0, 100)])))
    assert [(r.output, r.kind) for r in ranges] == [(0, "picture"), (0, "sound"), (1, "picture")]


rows = st.lists(
    st.builds(
        lambda first, length, code, sound: Hidden(
            0, "Person 1", "face", first, first + length, (code,), effect="mute" if sound else "solid"
        ),
        st.integers(0, 1000),
        st.integers(0, 200),
        st.sampled_from([S40, S31]),
        st.booleans(),
    ),
    max_size=25,
)


@given(rows)
def test_ranges_cover_the_masks_and_stay_apart(hidden: list[Hidden]) -> None:
    entries: tuple[MaskEntry, ...] = masks(hidden)
    ranges = list(merged(entries))
    for entry in entries:
        cover = [r for r in ranges if r.kind == entry.kind and r.first_frame <= entry.first_frame <= r.last_frame]
        assert len(cover) == 1
        assert cover[0].last_frame >= entry.last_frame
        assert set(entry.codes) <= set(cover[0].codes)
    for kind in ("picture", "sound"):
        for one, other in pairwise(r for r in ranges if r.kind == kind):
            assert milliseconds(other.first_timecode) - milliseconds(one.last_timecode) > CLOSEST


def test_ranges_have_codes_with_legal_basis() -> None:
    for span in published(foi_log()).ranges:
        assert span.legal_basis == tuple(CODES[code].statute for code in span.codes)


def streams(pdf: bytes) -> Iterator[bytes]:
    """Every stream of a PDF, decompressed where possible."""
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        yield match[1]
        try:
            yield zlib.decompressobj().decompress(match[1])
        except zlib.error:
            continue


def everything(pdf: bytes) -> Iterator[bytes]:
    """Everything in a PDF: bytes, streams, text with and without line breaks, metadata and strings."""
    yield pdf
    yield from streams(pdf)
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    text = "\n".join(page.extract_text() for page in reader.pages)
    yield text.encode()
    yield re.sub(r"[\s\u200b]+", "", text).encode()
    yield re.sub(r"[\s\u200b]+", " ", text).encode()
    yield repr(reader.metadata).encode()
    for number in range(1, int(str(reader.trailer["/Size"]))):
        yield repr(reader.get_object(number)).encode()


def forms(secret: str) -> set[bytes]:
    """A secret as bytes, in the encodings of PDF and JSON, and without its spaces."""
    plain = {
        secret,
        secret.casefold(),
        secret.upper(),
        secret.replace(" ", ""),
        secret.encode("unicode_escape").decode(),
    }
    found = {form.encode() for form in plain} | {form.encode("utf-16-be") for form in plain}
    return found | {form.encode("utf-16-be").hex().encode() for form in plain}


PARTS: dict[str, Callable[[ReleaseLog], Iterator[bytes]]] = {
    "log.json": lambda log: iter([dump(published(log))]),
    "log.csv": lambda log: iter([published_table(published(log))]),
    "log.pdf": lambda log: everything(published_log(published(log))),
    "how-to-check.pdf": lambda log: everything(verification_guide(published(log), sha("f16e"))),
}


@pytest.mark.parametrize("part", PARTS)
def test_published_edition_holds_no_planted_secret(part: str) -> None:
    held = dump(foi_log()).decode()
    for secret in SECRETS:
        assert secret in held, "planted"
    for data in PARTS[part](foi_log()):
        for secret in SECRETS:
            # Any hash or internal number of a PDF may contain these four digits: look for them as a word only.
            for form in forms(secret):
                if re.fullmatch(rb"[0-9]{4}", form):
                    assert (
                        not re.search(rb"(?<![0-9a-fA-F])" + form + rb"(?![0-9a-fA-F])", data) or data[:5] == b"%PDF-"
                    )
                else:
                    assert form not in data, secret


def test_secret_search_finds_secrets_in_full_log() -> None:
    """The search above must be able to find something."""
    log = foi_log()
    edition = published(log).model_copy(
        update={"identity": published(log).identity.model_copy(update={"case_reference": "PC 4471 Alice Bowen"})}
    )
    found = list(everything(published_log(edition)))
    assert any(b"PC 4471 Alice Bowen" in data for data in found)
    assert any(b"PC4471AliceBowen" in data for data in found)


@pytest.mark.parametrize(
    "reference",
    [
        "FOI Bowen 2026",
        "foi-bowen",  # case-folded
        "AX-3119-77",  # a camera
        "FOI/BWV-AB-1",  # an exhibit
        "Complaint by S. Khan-Whitlock",
    ],
)
def test_identifying_reference_is_refused(reference: str) -> None:
    log = foi_log()
    identifying = log.model_copy(update={"identity": log.identity.model_copy(update={"case_reference": reference})})
    with pytest.raises(EditionNotNeutral):
        published(identifying)


def test_bare_number_is_not_identifying() -> None:
    log = foi_log()
    same = log.model_copy(update={"identity": log.identity.model_copy(update={"case_reference": "FOI-2026-4471"})})
    assert published(same).identity.case_reference == "FOI-2026-4471"


@pytest.mark.parametrize("name", ["01-AB-1.mp4", "video-0.mp4", "video-1.MP4", "Video-1.mp4", "video-1-Bowen.mp4"])
def test_published_edition_refuses_other_file_names(name: str) -> None:
    log = foi_log()
    named = log.model_copy(update={"outputs": (log.outputs[0].model_copy(update={"file": name}),)})
    with pytest.raises(EditionNotNeutral):
        published(named)


def test_published_edition_is_for_public_releases_only() -> None:
    with pytest.raises(ValueError, match="public"):
        published(court_log())
