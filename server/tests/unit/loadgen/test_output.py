"""What the load generator shows: a table that fits, a bar, and a report that loads nothing and escapes everything."""

import hashlib
import json
import platform
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from src.config import SERVER_FOLDER
from src.loadgen.callbacks.ledger import Accepted, Arrival, Ledger
from src.loadgen.callbacks.receiver import Receiver, Receivers
from src.loadgen.callbacks.states import State
from src.loadgen.figures.recorder import Recorder
from src.loadgen.figures.summary import summarize_async, summarize_sync, whole_summary
from src.loadgen.http.connection import Response
from src.loadgen.load.meter import GeneratorMeter
from src.loadgen.load.modes import problem_of
from src.loadgen.options.faults import Fault
from src.loadgen.options.options import parse_options
from src.loadgen.options.thresholds import judge
from src.loadgen.show.progress import bar_line
from src.loadgen.show.report import html_report
from src.loadgen.show.table import table

KINDS = ["timeout", "connection", "bad_answer", "interrupted", "status_429", "status_503", "status_500", "timeout"]
SHOWN_WITH = SERVER_FOLDER / "src" / "loadgen" / "show" / "page"
HOSTILE = "<script>alert('x')</script>\"&\x1b[2J"


def recorded() -> Recorder:
    """Two seconds of requests, some of which failed."""
    now_s = 0.0
    recorder = Recorder(lambda: now_s)
    for number in range(400):
        now_s = number / 200
        recorder.started()
        recorder.finished(now_s - 0.01 * (1 + number % 7), now_s, KINDS[number // 50] if number % 50 == 0 else None)
        if number % 50 == 49:
            recorder.tick()
    recorder.close()
    return recorder


async def summary_of(*arguments: str) -> dict[str, Any]:
    """A summary with everything in it."""
    options = parse_options(["--mode", "both", "--fail-if", "p99>1ms,missing>0", *arguments], {})
    faults, origin = [Fault.PLAIN, Fault.DOUBLE], "http://127.0.0.1:9100"
    receivers = Receivers(faults, host="127.0.0.1")
    receivers.all = [Receiver(fault, f"{origin}/callback/{fault}", origin) for fault in faults]
    receivers.ledger = Ledger([origin, origin])
    for number in range(30):
        receivers.ledger.accept(Accepted(f"{HOSTILE}{number}", number / 100, number % 2, number))
        if number not in {3, 4}:
            arrival = Arrival(number / 50 + 1, number % 2, 30 - number)
            receivers.ledger.arrived(f"{HOSTILE}{number}", arrival, acknowledged=True)
            receivers.ledger.arrived(f"{HOSTILE}{number}", arrival, acknowledged=True)
    states = {f"{HOSTILE}{number}": State("COMPLETED", HOSTILE, 0.2, 0.05) for number in range(30)}
    sides = {"sync": summarize_sync(recorded()), "async": summarize_async(recorded(), receivers, states)}
    return whole_summary(
        options,
        sides,
        started_at=datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
        duration_s=5.0,
        interrupted=True,
        generator=GeneratorMeter().verdict(1.0, 2.0),
        thresholds=judge(list(options.thresholds), sides),
    )


@pytest.mark.parametrize("arguments", [(), ("--rate", "5:50", "--duration", "10s")])
async def test_the_table_fits_a_terminal_of_a_hundred_columns(arguments: tuple[str, ...]) -> None:
    printed = table(await summary_of(*arguments))

    assert max(map(len, printed.splitlines())) <= 100
    assert "\x1b" not in printed
    for words in ("Interrupted", "time to callback", "28 called back", "2 missing", "BROKEN", "p99"):
        assert words in printed
    assert re.search(r"speed.?up", printed) is None


async def test_sync_and_async_stand_side_by_side_only_when_nothing_broke_off_early() -> None:
    summary = await summary_of()
    whole = {mode: {**summary[mode], "failed": 0} for mode in ("sync", "async")}
    whole["async"]["callbacks_missing"] = 0

    assert "total time" not in table(summary)
    assert "total time" in table({**summary, **whole})
    assert data_of(html_report(summary))["side_by_side"] is False
    assert data_of(html_report({**summary, **whole}))["side_by_side"] is True


async def test_colours_are_for_a_terminal_alone() -> None:
    summary = await summary_of()

    assert re.sub(r"\x1b\[\d+m", "", table(summary, coloured=True)) == table(summary)


def data_of(page: str) -> dict[str, Any]:
    """What the page draws."""
    [data] = re.findall(r'<script type="application/json" id="run">(.*?)</script>', page)
    assert "<" not in data
    read: dict[str, Any] = json.loads(data)
    return read


async def test_the_report_holds_the_run_as_data_and_may_load_nothing() -> None:
    summary = await summary_of()
    page = html_report(summary)
    data = data_of(page)

    assert "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'" in page
    assert HOSTILE not in page
    assert f"{HOSTILE}3" in data["summary"]["async"]["account"]["missing_ids"]
    assert data["summary"]["sync"] == summary["sync"]
    assert data["summary"]["async"]["callback_curve"] == summary["async"]["callback_curve"]
    assert data["command"].startswith("python -m src.loadgen --mode both --transactions 50 --requests 1000")
    assert data["machine"]["cores"] >= 1


async def test_the_report_may_be_handed_on_it_names_no_machine_address_path_or_key() -> None:
    options = ("--url", "http://secret.example:8123/base", "--header", "Authorization: Bearer frg_hush")
    data = json.dumps(data_of(html_report(await summary_of(*options, "--json", "/home/somebody/run.json"))))

    for told in ("secret.example", "8123", "127.0.0.1", "9100", "hush", "somebody", platform.node()):
        assert told not in data


def test_what_is_drawn_with_is_what_the_pages_lock_names() -> None:
    recorded = json.loads((SHOWN_WITH / "uplot.lock.json").read_text())
    lock = json.loads((SERVER_FOLDER.parent / "client" / "package-lock.json").read_text())
    locked = lock["packages"]["node_modules/uplot"]

    assert {name: locked[name] for name in ("version", "integrity")} == recorded["package"]
    for name, digest in recorded["files"].items():
        assert hashlib.sha256((SHOWN_WITH / name).read_bytes()).hexdigest() == digest
    assert f"(v{locked['version']})" in (SHOWN_WITH / "uplot.min.js").read_text()


async def test_a_report_of_nothing_is_still_a_report() -> None:
    recorder = Recorder(lambda: 0.0)
    receivers = Receivers([Fault.PLAIN], host="127.0.0.1")
    sides = {"sync": summarize_sync(recorder), "async": summarize_async(recorder, receivers, {})}
    summary = await summary_of() | sides

    assert "Nothing was accepted" in table(summary)
    assert data_of(html_report(summary))["summary"]["sync"]["latency"]["histogram"] == []
    assert sides["sync"]["throughput_per_s"] is sides["async"]["p99_callback_ms"] is None


def test_the_bar_says_how_far_it_is() -> None:
    snapshot = {
        "mode": "sync",
        "phase": "sending",
        "planned": 1000,
        "done": 500,
        "successful": 498,
        "failed": 2,
        "throughput_per_s": 310.4,
        "p50_ms": 12.12,
        "p99_ms": 44.4,
        "callbacks_received": None,
    }

    assert bar_line(snapshot) == (
        "sync  sending [############------------] 500/1,000  310/s  p50 12.1 ms  p99 44.4 ms  2 failed"
    )
    waiting = snapshot | {"mode": "async", "phase": "waiting for callbacks", "callbacks_received": 249, "failed": 0}
    assert bar_line(waiting) == "async waiting for callbacks [############------------] 249/498"
    assert bar_line(snapshot | {"planned": None, "p50_ms": None, "failed": 0}) == "sync  sending 500  310/s"


def test_an_error_answer_is_quoted_as_far_as_it_can_be_read() -> None:
    body = (
        b'{"title": "Invalid", "detail": "Two things are wrong.", "errors": [{"pointer": "/a", "detail": "too much"}]}'
    )

    assert problem_of(Response(422, body, 0.0)) == "Two things are wrong. too much"
    for unreadable in (b"", b"[]", b"<html>", b'{"errors": 5}'):
        assert problem_of(Response(500, unreadable, 0.0)) in {"nothing readable.", "nothing."}
