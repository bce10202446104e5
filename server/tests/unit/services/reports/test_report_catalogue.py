"""Text cells are safe and read back, the catalogue fits the layout of a row, currencies have their decimals."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.services.reports.catalogue import CATALOGUE, Category, csv_cell
from src.services.reports.currencies import CURRENCIES
from src.services.reports.rows import line_table

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
RISKY = st.text(st.sampled_from([*FORMULA_STARTS, " ", '"', ",", "'", "a", "é"]), max_size=12)


def read_cell(cell: bytes) -> str:
    records = list(csv.reader(io.StringIO((b"x," + cell + b",y\r\n").decode(), newline=""), strict=True))
    assert len(records) == 1
    before, text, after = records[0]
    assert (before, after) == ("x", "y")
    return text


@given(st.text() | RISKY)
def test_a_text_cell_reads_back_as_the_text_but_never_as_a_formula(text: str) -> None:
    read = read_cell(csv_cell(text))
    risky = text.lstrip(" ").startswith(FORMULA_STARTS)
    assert read == ("'" + text if risky else text)
    assert not read.lstrip(" ").startswith(FORMULA_STARTS)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Rent", b"Rent"),
        ("", b""),
        ("Train ticket, return", b'"Train ticket, return"'),
        ('12" monitor', b'"12"" monitor"'),
        ("=1+1", b"'=1+1"),
        ("  @SUM(A1)", b"'  @SUM(A1)"),
        ("-2, -3", b'"\'-2, -3"'),
        ("a\nb", b'"a\nb"'),
        ("\uff1dA1", b"'\xef\xbc\x9dA1"),
    ],
)
def test_text_cells_are_quoted_and_defused_where_needed_only(text: str, cell: bytes) -> None:
    assert csv_cell(text) == cell


def catalogue_of(name: str, description: str, low: int = 10_00, high: int = 99_99) -> tuple[Category, ...]:
    return (Category("Expense", name, 1024, low, high, (description,)),)


@pytest.mark.parametrize("size", [19, 38])
@pytest.mark.parametrize("decimals", [0, 2, 3, 4])
def test_texts_from_the_shortest_to_the_longest_fit_with_every_amount(size: int, decimals: int) -> None:
    line_table(decimals, catalogue_of("Rent", "x" * (size - 4), 10_00, 99_999_99))


@pytest.mark.parametrize(
    ("catalogue", "reason"),
    [
        (CATALOGUE[1:], "shares"),
        (catalogue_of("Rent", "x" * 13), "does not fit"),
        (catalogue_of("Rent", "x" * 35, high=99_999_99), "does not fit"),
        (catalogue_of("Rent", "x" * 20, high=100_000_00), "does not fit"),
    ],
)
def test_a_catalogue_that_breaks_the_layout_is_refused(catalogue: tuple[Category, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        line_table(2, catalogue)


def test_currencies_are_iso_4217_with_their_own_decimals() -> None:
    assert len(CURRENCIES) == 165
    assert all(re.fullmatch("[A-Z]{3}", code) for code in CURRENCIES)
    known = {"USD": 2, "EUR": 2, "JPY": 0, "KRW": 0, "ISK": 0, "KWD": 3, "TND": 3, "CLF": 4, "HUF": 2}
    assert {code: CURRENCIES[code] for code in known} == known
