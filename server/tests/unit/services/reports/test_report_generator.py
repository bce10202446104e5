"""What a report promises: the same bytes for the same parameters, exact totals, plain CSV, real-looking rows."""

import csv
import hashlib
import io
import json
import re
import tracemalloc
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.services.report_generator import (
    CHUNK_ROWS,
    PERIOD_DAYS_MAX,
    SEED_MAX,
    TRANSACTIONS_MAX,
    ReportParameters,
    Totals,
    _hashes,
    default_seed,
    generate,
)
from src.services.reports.catalogue import CATALOGUE, Line, lines
from src.services.reports.currencies import CURRENCIES, decimal_string
from src.services.reports.rows import date_table, line_table

HEADER = "Transaction ID,Date,Type,Category,Description,Amount,Currency"
JANUARY = ReportParameters(
    num_transactions=50,
    report_name="Monthly_Report",
    seed=default_seed("Monthly_Report"),
    period_start=date(2026, 1, 1),
    period_end=date(2026, 2, 1),
    currency="USD",
)


def report(parameters: ReportParameters, chunk_rows: int = CHUNK_ROWS) -> tuple[bytes, Totals]:
    chunks = list(generate(parameters, chunk_rows=chunk_rows))
    return b"".join(text for text, _ in chunks), sum((totals for _, totals in chunks), Totals())


def rows(parameters: ReportParameters) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report(parameters)[0].decode(), newline=""), strict=True))


@st.composite
def any_parameters(draw: st.DrawFn, rows_max: int = 300) -> ReportParameters:
    start = draw(st.dates(max_value=date.max - timedelta(days=1)))
    days_max = min(PERIOD_DAYS_MAX, (date.max - start).days)
    days = draw(st.integers(1, min(days_max, 400)) | st.just(days_max))
    return ReportParameters(
        num_transactions=draw(st.integers(1, rows_max)),
        report_name=draw(st.text(max_size=100)),
        seed=draw(st.integers(-SEED_MAX, SEED_MAX)),
        period_start=start,
        period_end=start + timedelta(days=days),
        currency=draw(st.sampled_from(sorted(CURRENCIES))),
    )


# A second writing of the same rules, a row at a time in plain Python integers.


@lru_cache
def reference_lines() -> tuple[Line, ...]:
    dealt = lines()
    return tuple(line for line in dealt if line.revenue) + tuple(line for line in dealt if not line.revenue)


def reference_mix(word: int) -> int:
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
    return word ^ word >> 31


def reference_rows(parameters: ReportParameters) -> Iterator[bytes]:
    stream = reference_mix(parameters.seed % 2**64)
    for number in range(1, parameters.num_transactions + 1):
        bits = reference_mix((stream + number * 0x9E3779B97F4A7C15) % 2**64)
        line = reference_lines()[bits >> 54]
        day = (bits >> 32 & 0x3FFFFF) * parameters.days >> 22
        amount = line.low + ((bits & 0xFFFFFFFF) * (line.high - line.low + 1) >> 32)
        when = parameters.period_start + timedelta(days=day)
        money = decimal_string(amount, parameters.currency)
        yield b"TXN-%07d,%s,%s%s,%s\r\n" % (
            number, when.isoformat().encode(), line.text, money.encode(), parameters.currency.encode()
        )  # fmt: skip


@given(any_parameters())
def test_every_row_is_what_a_second_writing_of_the_rules_gives(parameters: ReportParameters) -> None:
    expected = HEADER.encode() + b"\r\n" + b"".join(reference_rows(parameters))
    assert report(parameters)[0] == expected


@pytest.mark.parametrize("currency", ["JPY", "USD", "KWD", "CLF"])
def test_every_line_of_the_catalogue_comes_out_whole_with_any_number_of_decimals(currency: str) -> None:
    parameters = replace(JANUARY, num_transactions=12_000, currency=currency)
    assert report(parameters)[0].split(b"\r\n", 1)[1] == b"".join(reference_rows(parameters))


@given(any_parameters(), st.integers(1, 400))
def test_same_parameters_give_same_bytes_whatever_the_chunk_size(parameters: ReportParameters, chunk_rows: int) -> None:
    assert report(parameters, chunk_rows) == report(parameters)


@pytest.mark.parametrize("chunk_rows", [7, 999, 4095, 8192, 20_002, 10**9])
def test_chunks_of_any_size_join_to_the_same_long_report(chunk_rows: int) -> None:
    parameters = replace(JANUARY, num_transactions=20_001)
    assert report(parameters, chunk_rows) == report(parameters)


def test_each_chunk_has_whole_rows_and_their_totals() -> None:
    chunks = list(generate(replace(JANUARY, num_transactions=25), chunk_rows=10))
    assert [totals.transactions for _, totals in chunks] == [10, 10, 5]
    assert [text.count(b"\r\n") for text, _ in chunks] == [11, 10, 5]
    assert all(text.endswith(b",USD\r\n") for text, _ in chunks)


# These bytes are a promise to files that exist: if a hash changes, stored reports cannot be made again.
GOLDEN: list[tuple[dict[str, Any], str]] = [
    ({}, "1e8e209c2064dded10b292dc4e94a899f9c70c47877a77611a44ab2c4d3fa5a2"),
    ({"num_transactions": 1}, "dfc7b115a0cf36a4c4ddb1123148575a5e063f3083653be34c62665b35ef6927"),
    ({"num_transactions": 10_001, "seed": 0}, "cac2c974937ae05a5323deed0f9e63ac3a4fb06be7fc566d0b9f47e1743cad7e"),
    (
        {"num_transactions": 100_000, "seed": 42, "currency": "EUR"},
        "becb673808ee3615a48aca1d2e77ac09588e0a15e0843e9ebdf22443461eda35",
    ),
    (
        {"seed": -1, "currency": "JPY", "period_start": date(2024, 2, 28), "period_end": date(2024, 3, 1)},
        "6af298ac9edbbc4420bc0f9b07c7f87b07c9ef9ce329b98ff30874128c34f943",
    ),
    (
        {"seed": -SEED_MAX, "currency": "KWD", "period_end": date(2126, 3, 16)},
        "d4ac8435f70402f3fa3ee97a2f6df1457dd1f8fb4b1222d508c62e2c66152e84",
    ),
    (
        {"seed": SEED_MAX, "currency": "CLF", "period_start": date.min, "period_end": date(1, 1, 2)},
        "4352bdc15f84a9734ce4c8d48177643919fd661058a20220e8102a38d5cfad91",
    ),
    (
        {"seed": 7, "period_start": date(9999, 12, 30), "period_end": date.max},
        "0fb7b1c5e83b1c8a24cac8cae909359f3f2ebe88d25d3a9c519315685940b4f7",
    ),
]


@pytest.mark.parametrize(("changes", "sha256"), GOLDEN)
def test_bytes_are_the_ones_of_the_first_release(changes: dict[str, Any], sha256: str) -> None:
    assert hashlib.sha256(report(replace(JANUARY, **changes))[0]).hexdigest() == sha256


def test_rows_are_drawn_from_the_published_splitmix64_stream() -> None:
    # The first outputs for seed 1234567, as many implementations print them in their tests.
    assert _hashes(np.array([1234567], np.uint64), np.arange(1, 6)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@pytest.mark.parametrize("currency", ["USD", "JPY", "KWD", "CLF"])
@pytest.mark.parametrize("num_transactions", [1, 50, 99_999])
def test_totals_recomputed_from_the_file_equal_the_summary(num_transactions: int, currency: str) -> None:
    assert_totals_match(replace(JANUARY, num_transactions=num_transactions, currency=currency))


def test_totals_of_a_million_rows_are_exact() -> None:
    assert_totals_match(replace(JANUARY, num_transactions=1_000_000))


def assert_totals_match(parameters: ReportParameters) -> None:
    text, totals = report(parameters)
    reader = csv.reader(io.StringIO(text.decode(), newline=""), strict=True)
    assert next(reader) == HEADER.split(",")
    count, sums = 0, {"Revenue": Decimal(0), "Expense": Decimal(0)}
    for row in reader:
        count += 1
        sums[row[2]] += Decimal(row[5])
    summary = totals.summary(parameters.currency)
    assert summary["total_transactions"] == count == parameters.num_transactions
    assert Decimal(str(summary["total_revenue"])) == sums["Revenue"]
    assert Decimal(str(summary["total_expenses"])) == sums["Expense"]
    assert Decimal(str(summary["net_income"])) == sums["Revenue"] - sums["Expense"]


@given(st.integers(0, 10**16), st.integers(0, 10**16), st.sampled_from(["JPY", "USD", "KWD", "CLF"]))
@example(0, 5, "USD")
def test_a_summary_states_money_exactly_in_the_decimals_of_its_currency(
    revenue: int, expenses: int, currency: str
) -> None:
    summary = Totals(3, revenue, expenses).summary(currency)
    unit = Decimal(1).scaleb(-CURRENCIES[currency])
    assert summary == {
        "total_transactions": 3,
        "total_revenue": f"{revenue * unit:f}",
        "total_expenses": f"{expenses * unit:f}",
        "net_income": f"{(revenue - expenses) * unit:f}",
        "currency": currency,
    }


def test_a_summary_reads_as_people_write_money() -> None:
    totals = Totals(transactions=2, revenue=5, expenses=100_010)
    money = {code: list(totals.summary(code).values())[1:4] for code in ("JPY", "USD", "KWD", "CLF")}
    assert money == {
        "JPY": ["5", "100010", "-100005"],
        "USD": ["0.05", "1000.10", "-1000.05"],
        "KWD": ["0.005", "100.010", "-100.005"],
        "CLF": ["0.0005", "10.0010", "-10.0005"],
    }


def test_the_file_is_plain_rfc_4180() -> None:
    text, _ = report(replace(JANUARY, num_transactions=2000))
    records = text.decode("ascii").split("\r\n")
    assert records[0] == HEADER
    assert records.pop() == ""
    assert not any("\r" in record or "\n" in record or "\0" in record for record in records)
    assert {len(fields) for fields in csv.reader(records, strict=True)} == {7}
    assert any('"' in record for record in records)  # a text with a comma is among them


def test_ids_are_in_order_without_a_gap() -> None:
    ids = [row["Transaction ID"] for row in rows(replace(JANUARY, num_transactions=100_001))]
    assert ids == [f"TXN-{number:07d}" for number in range(1, 100_002)]


def test_the_longest_report_ends_with_the_last_number_of_seven_digits() -> None:
    chunks = generate(replace(JANUARY, num_transactions=TRANSACTIONS_MAX), chunk_rows=16_384)
    last, _ = deque(chunks, maxlen=1).pop()
    assert last.splitlines()[-1].startswith(b"TXN-9999999,2026-01-")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2026, 1, 1), date(2026, 1, 2)),
        (date(2024, 2, 28), date(2024, 3, 2)),
        (date(2000, 2, 29), date(2000, 3, 1)),
        (date(1900, 2, 27), date(1900, 3, 3)),
        (date.min, date(1, 1, 8)),
        (date(1969, 12, 30), date(1970, 1, 3)),
        (date(9999, 12, 1), date.max),
    ],
)
def test_every_day_of_the_period_occurs_and_no_other(start: date, end: date) -> None:
    days = {start + timedelta(days=day) for day in range((end - start).days)}
    dates = {row["Date"] for row in rows(replace(JANUARY, num_transactions=2000, period_start=start, period_end=end))}
    assert dates == {day.isoformat() for day in days}


def test_a_period_of_a_century_is_used_evenly() -> None:
    start = date(1926, 1, 1)
    parameters = replace(
        JANUARY,
        num_transactions=100_000,
        period_start=start,
        period_end=start + timedelta(days=PERIOD_DAYS_MAX),
    )
    decades = Counter(row["Date"][:3] for row in rows(parameters))
    assert decades.keys() == {str(decade) for decade in range(192, 203)}
    assert all(9_500 < decades[str(decade)] < 10_500 for decade in range(193, 202))


def test_six_of_ten_rows_are_revenue() -> None:
    kinds = Counter(row["Type"] for row in rows(replace(JANUARY, num_transactions=100_000)))
    assert kinds.keys() == {"Revenue", "Expense"}
    assert 0.59 < kinds["Revenue"] / 100_000 < 0.61


def test_rows_show_every_category_with_its_texts_its_share_and_amounts_in_its_range() -> None:
    drawn = rows(replace(JANUARY, num_transactions=100_000, currency="JPY"))
    for category in CATALOGUE:
        own = [row for row in drawn if row["Category"] == category.name]
        amounts = [int(row["Amount"]) for row in own]
        assert {row["Type"] for row in own} == {category.kind}
        assert {row["Description"] for row in own} == set(category.descriptions)
        assert category.low <= min(amounts) < max(amounts) <= category.high
        assert abs(len(own) / 100_000 - category.shares / 1024) < 0.005


@pytest.mark.parametrize(
    ("currency", "pattern"),
    [("JPY", r"[1-9]\d*"), ("USD", r"[1-9]\d*\.\d\d"), ("KWD", r"[1-9]\d*\.\d{3}"),
     ("CLF", r"(0|[1-9]\d*)\.\d{4}"), ("UYW", r"(0|[1-9]\d*)\.\d{4}")],
)  # fmt: skip
def test_amounts_are_positive_with_the_decimals_of_the_currency(currency: str, pattern: str) -> None:
    for row in rows(replace(JANUARY, num_transactions=5000, currency=currency)):
        assert re.fullmatch(pattern, row["Amount"])
        assert Decimal(row["Amount"]) > 0
        assert row["Currency"] == currency


def test_a_shorter_report_is_the_beginning_of_a_longer_one() -> None:
    longer, _ = report(replace(JANUARY, num_transactions=5000))
    assert longer.startswith(report(replace(JANUARY, num_transactions=4097))[0])


def test_every_seed_gives_rows_of_its_own() -> None:
    step = 0x9E3779B97F4A7C15  # seeds one step of the counter apart must not share rows
    seeds = [0, 1, -1, 2, -2, 2**31, 2**32, SEED_MAX, -SEED_MAX, step % 2**53]
    cells = [line[12:] for seed in seeds for line in report(replace(JANUARY, seed=seed))[0].splitlines()[1:]]
    assert len(set(cells)) == len(cells)


def test_the_name_picks_the_default_seed_and_nothing_else() -> None:
    assert report(replace(JANUARY, report_name="=cmd|' /C calc'!A0")) == report(JANUARY)
    assert default_seed("Monthly_Report") == 2503810513521876
    assert default_seed("Größe 📈") == 3521716079816677


@given(st.text(max_size=100))
def test_default_seeds_are_allowed_seeds(report_name: str) -> None:
    assert 0 <= default_seed(report_name) <= SEED_MAX


@given(any_parameters())
def test_parameters_survive_being_stored_as_json(parameters: ReportParameters) -> None:
    stored = json.loads(json.dumps(parameters.to_json()))
    assert ReportParameters.from_json(stored | {"added_later": 1}) == parameters


def test_stored_parameters_must_be_complete() -> None:
    stored = JANUARY.to_json()
    del stored["seed"]
    with pytest.raises(KeyError, match="seed"):
        ReportParameters.from_json(stored)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"num_transactions": 0}, "num_transactions"),
        ({"num_transactions": TRANSACTIONS_MAX + 1}, "num_transactions"),
        ({"seed": SEED_MAX + 1}, "seed"),
        ({"seed": -SEED_MAX - 1}, "seed"),
        ({"period_end": JANUARY.period_start}, "period"),
        ({"period_end": JANUARY.period_start + timedelta(days=PERIOD_DAYS_MAX + 1)}, "period"),
        ({"currency": "usd"}, "currency"),
        ({"currency": "XXX"}, "currency"),
    ],
)
def test_parameters_out_of_bounds_cannot_exist(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        replace(JANUARY, **changes)


def test_a_chunk_has_at_least_one_row() -> None:
    with pytest.raises(ValueError, match="chunk_rows"):
        next(generate(JANUARY, chunk_rows=0))


def test_threads_at_the_same_time_make_the_same_bytes_as_one_after_the_other() -> None:
    jobs = [
        replace(JANUARY, num_transactions=30_000, seed=seed, currency=currency)
        for seed in (-3, 5)
        for currency in ("USD", "JPY", "KWD", "CLF")
    ]
    expected = [report(job) for job in jobs]
    date_table.cache_clear()
    line_table.cache_clear()
    with ThreadPoolExecutor(len(jobs)) as pool:
        assert list(pool.map(report, jobs)) == expected


def test_reports_made_by_turns_do_not_disturb_each_other() -> None:
    other = replace(JANUARY, seed=9, currency="KWD")
    turns = list(zip(generate(JANUARY, chunk_rows=7), generate(other, chunk_rows=7), strict=True))
    assert b"".join(mine for (mine, _), _ in turns) == report(JANUARY)[0]
    assert b"".join(theirs for _, (theirs, _) in turns) == report(other)[0]


def test_memory_does_not_grow_with_the_number_of_rows() -> None:
    tracemalloc.start()
    try:
        for _ in generate(replace(JANUARY, num_transactions=200_000)):
            pass
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4_000_000  # the file has 16 MB
