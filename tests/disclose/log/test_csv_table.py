"""CSV tables: what they contain, and that spreadsheets evaluate none of it."""

from __future__ import annotations

import csv
import io

import pytest

from redact.disclose.log.csv_table import COLUMNS, PUBLISHED_COLUMNS, cell, published_table, release_table
from redact.disclose.log.published_edition import published
from redact.errors import LogHoldsInternal
from tests.disclose.samples import court_log, foi_log, subject_access_log


def read(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\n") == data.count(b"\r\n")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_release_table_has_line_for_each_mask_and_exception() -> None:
    log = court_log()
    header, *lines = read(release_table(log))
    assert tuple(header) == COLUMNS
    assert len(lines) == len(log.masks) + len(log.not_redacted)
    third = dict(zip(header, lines[2], strict=True))
    assert third["decision"] == "redacted"
    assert (third["subject"], third["class"], third["effect"]) == ("Person 3", "face", "solid")
    assert (third["first frame"], third["from"], third["to"]) == ("166", "0:00:06.640", "0:00:18.200")
    assert third["codes"] == "TP; ORDER"
    last = dict(zip(header, lines[-1], strict=True))
    assert last["decision"] == "not redacted"
    assert last["reason"].startswith("The defendant.")


def test_published_table_has_ranges_only() -> None:
    log = published(foi_log())
    header, *lines = read(published_table(log))
    assert tuple(header) == PUBLISHED_COLUMNS
    assert [line[2:4] for line in lines] == [[str(r.first_frame), str(r.last_frame)] for r in log.ranges]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+44 20",
        "-2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",  # some readers trim first
        "＝1",  # full-width form, which East Asian settings treat as the plain sign
        "\u200b=1",  # an invisible character first
    ],
)
def test_cell_is_never_evaluated(text: str) -> None:
    log = court_log()
    harmful = log.model_copy(update={"not_redacted": (log.not_redacted[0].model_copy(update={"reason": text}),)})
    reason = read(release_table(harmful))[-1][-1]
    assert reason.startswith("'")


@pytest.mark.parametrize(
    ("text", "plain"),
    [("Person 1", "Person 1"), ('a "b", c', 'a "b", c'), ("a\x00b\x1bc\nd", "a b c d"), ("Wójcik", "Wójcik"), ("", "")],
)
def test_cell_keeps_ordinary_text(text: str, plain: str) -> None:
    assert cell(text) == plain


def test_release_table_refuses_log_that_must_not_leave() -> None:
    with pytest.raises(LogHoldsInternal):
        release_table(subject_access_log())
