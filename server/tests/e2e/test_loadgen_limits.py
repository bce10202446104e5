"""What the load generator's own machine lacks is never blamed on the server."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from tests.support.fake_service import FakeService, faking
from tests.support.loadgen import ENDS_WITHIN_S, SERVER_FOLDER, Outcome, loadgen

#: Runs the load generator with so many open files, soft and hard, at most.
LIMITED = """
import resource, sys
from src.loadgen.__main__ import main
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
sys.exit(main(sys.argv[3:]))
"""
#: The same past the look ahead: as if others on the machine had taken the files meanwhile.
OUT_OF_FILES = """
import os, resource, sys
from src.loadgen import __main__ as program
options = program.parse_options(sys.argv[1:])
most = len(os.listdir("/dev/fd")) + 16
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
sys.exit(program._run(options))
"""


async def run(program: str, *arguments: str) -> Outcome:
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program, *arguments],
        cwd=SERVER_FOLDER,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    return Outcome(ran.returncode, ran.stdout, ran.stderr)


async def test_a_run_that_needs_more_files_than_it_may_have_is_refused_before_it_begins(tmp_path: Path) -> None:
    service = FakeService()
    kept = tmp_path / "figures.json"
    async with faking(service):
        arguments = ("--url", service.url, "--requests", "400", "--concurrency", "200", "--json", str(kept))
        sync = await run(LIMITED, "64", "64", "--mode", "sync", *arguments)
        both = await run(LIMITED, "300", "300", "--mode", "both", *arguments)

    assert (sync.status, both.status) == (2, 2)
    assert sync.errors == (
        "200 connections need 264 open files, and the limit is 64: raise it (ulimit -n), or use fewer connections.\n"
    )
    assert "200 connections need 464 open files" in both.errors
    assert not kept.exists()


async def test_a_low_soft_limit_is_raised_and_no_reason_to_refuse() -> None:
    service = FakeService()
    async with faking(service):
        outcome = await run(
            LIMITED, "64", "1024", "--url", service.url, "--mode", "sync", "--requests", "300", "--concurrency", "200"
        )

    assert outcome.status == 0, outcome.errors
    assert "failures" not in outcome.output


async def test_an_open_loop_has_as_many_connections_as_fit_unless_it_was_asked_for_more() -> None:
    service = FakeService()
    rate = ("--mode", "sync", "--rate", "100", "--duration", "0.2s", "--progress", "json")
    async with faking(service):
        fitting = await run(LIMITED, "300", "300", "--url", service.url, *rate)
        refused = await run(LIMITED, "300", "300", "--url", service.url, *rate, "--connections", "500")

    assert fitting.summary["config"]["connections"] == 300 - 64
    assert json.loads(refused.output)["detail"].startswith("500 connections need 564 open files")


async def test_running_out_of_files_is_a_failure_of_its_own_kind_and_the_generators_limit(tmp_path: Path) -> None:
    service = FakeService()
    kept, page = tmp_path / "figures.json", tmp_path / "report.html"
    async with faking(service):
        outcome = await run(
            OUT_OF_FILES,
            *("--url", service.url, "--mode", "sync", "--requests", "400", "--concurrency", "100"),
            *("--json", str(kept), "--html", str(page), "--fail-if", "failed>0"),
        )

    summary = json.loads(kept.read_text())
    failures = summary["sync"]["failures_by_kind"]
    assert outcome.status == 2, outcome.output + outcome.errors
    assert list(failures) == ["local_resources"]
    assert failures["local_resources"] == summary["sync"]["failed"] > 0
    assert summary["generator"]["limited"]
    count = f"{failures['local_resources']:,}"
    words = f"The generator, not the server, was the limit: {count} requests failed because it ran out of"
    for shown in (summary["generator"]["sentence"], " ".join(outcome.output.split()), page.read_text()):
        assert words in shown
    assert "this machine had no file, port or memory left" in outcome.output
    assert "this machine had no file, port or memory left" in page.read_text()


async def test_a_run_that_measured_nothing_leaves_no_file_behind(tmp_path: Path) -> None:
    kept, page, older = tmp_path / "figures.json", tmp_path / "report.html", tmp_path / "older.json"
    older.write_text("{}")
    nobody = ("--mode", "sync", "--timeout", "1s")
    assert (await loadgen("http://127.0.0.1:1", *nobody, "--json", str(kept), "--html", str(page))).status == 2
    assert (await loadgen("http://127.0.0.1:1", *nobody, "--json", str(older))).status == 2

    assert files_in(tmp_path) == [older]
    assert older.read_text() == "{}"


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())
