"""No cell of a report is a formula to a spreadsheet (OWASP ASVS 5.0, 1.2.10), whatever the report is called.

The name is the only text of a caller's own. It decides the rows when no seed is given, and is never written.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from src.routes.wire.requests import ReportRequest
from src.services.report_generator import ReportParameters, generate
from src.services.reports.currencies import CURRENCIES

NAMES_GENERATED = 10_000
NAMES_AT_A_TIME = 20
TODAY = date(2026, 1, 31)
HEADER = ["Transaction ID", "Date", "Type", "Category", "Description", "Amount", "Currency"]
#: What spreadsheets take for the beginning of a formula, also in full width; after spaces as well.
FORMULA_STARTS = "=+-@\t\r\n\0＝＋－＠"  # noqa: RUF001  meant
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
TRICKS = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://127.0.0.1/?"&A1,"x")',
    "+1",
    "-1+1|cmd",
    "@SUM(A1)",
    "  =1",
    "＝１＋１",  # noqa: RUF001  meant
    'a",=1,"',
    "a,=1",
    '"\n=1',
    "\t=1",
    "\r\n=1,=2",
    "\ufeff=1",
    "\u200b=1",
    "%0A=1",
)
_ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_GOOD_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12)
NAMES = st.one_of(
    st.sampled_from(TRICKS),
    st.builds("{}{}{}".format, st.sampled_from(["", "", " ", '"', "a,"]), st.sampled_from("=+-@＝"), _GOOD_TEXT),  # noqa: RUF001
    st.builds("{}{}".format, st.sampled_from(FORMULA_STARTS), _GOOD_TEXT),
    _ANY_TEXT,
)


def cells(parameters: ReportParameters) -> list[list[str]]:
    """The report as Python's csv reader sees it."""
    report = b"".join(chunk for chunk, _ in generate(parameters))
    return list(csv.reader(io.StringIO(report.decode(), newline="")))


def is_formula(cell: str) -> bool:
    return bool(cell) and cell.lstrip(" \xa0")[:1] in FORMULA_STARTS


def parameters_of(request: ReportRequest, seed: int | None = None) -> ReportParameters:
    parameters = ReportParameters.of(request, TODAY)
    return parameters if seed is None else replace(parameters, seed=seed)


@pytest.mark.chaos
def test_no_name_gets_into_a_cell(
    in_every_run: Callable[[int], int], record_property: Callable[[str, object], None]
) -> None:
    names = in_every_run(NAMES_GENERATED)
    seen: Counter[str] = Counter()
    plain = b"".join(chunk for chunk, _ in generate(parameters_of(ReportRequest(num_transactions=2), seed=1)))

    def stays_out(name: str) -> None:
        seen["generated"] += 1
        try:
            request = ReportRequest(num_transactions=2, report_name=name)
        except ValidationError:
            seen["refused"] += 1
            assert not name or any(category(character) in {"Cc", "Zl", "Zp"} for character in name)
            return
        rows = cells(parameters_of(request))
        assert rows[0] == HEADER
        assert [len(row) for row in rows] == [len(HEADER)] * 3
        assert [cell for row in rows for cell in row if is_formula(cell)] == []
        assert b"".join(chunk for chunk, _ in generate(parameters_of(request, seed=1))) == plain

    # Several at a time: what an example costs is more than what a name costs.
    @settings(max_examples=names // NAMES_AT_A_TIME, deadline=None)
    @given(st.lists(NAMES, min_size=NAMES_AT_A_TIME, max_size=NAMES_AT_A_TIME))
    def all_stay_out(names: list[str]) -> None:
        for name in names:
            stays_out(name)

    all_stay_out()
    assert seen["generated"] >= names
    assert 0 < seen["refused"] < seen["generated"] / 2
    record_property(
        "figure",
        f"report names generated: {seen['generated']:,}, of them with control characters and refused: "
        f"{seen['refused']:,}, cells that are formulas: 0, bytes of a name in its report: 0",
    )


@pytest.mark.parametrize("currency", CURRENCIES)
def test_no_cell_of_our_own_is_a_formula(currency: str) -> None:
    request = ReportRequest(num_transactions=2_000, currency=currency)
    header, *rows = cells(parameters_of(request, seed=7))
    columns = [set(column) for column in zip(*rows, strict=True)]

    assert header == HEADER
    assert [cell for column in columns for cell in column if is_formula(cell)] == []
    assert all(NUMBER.fullmatch(amount) for amount in columns[HEADER.index("Amount")])


@pytest.mark.parametrize("cell", ["=1", "  =1", "\xa0@x", "-5", "+", "\t1", "＝1"])  # noqa: RUF001  meant
def test_what_would_be_a_formula_is_noticed(cell: str) -> None:
    assert is_formula(cell)
