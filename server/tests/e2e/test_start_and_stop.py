"""`python -m src` as its users meet it: one line when it answers, one sentence when it cannot, and it stops whole."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped] # ships no types
import pytest

from src.config import SERVER_FOLDER
from tests.support.local_http import local_http
from tests.support.ports import free_port
from tests.support.processes import failed_start

TIMEOUT_S = 30
#: More than the server has connections to the database.
INTERRUPTED = 40
STOPS_WITHIN_S = 15


class Terminal:
    """Starts the service with settings of the test's own and shows what a user would see."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *options: str, **settings: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "src", *options],
            cwd=SERVER_FOLDER,
            env={"DATA_DIR": str(self.data_dir), "PORT": str(self.port), **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, *options: str, **settings: str) -> tuple[int, str]:
        """Run to the end; exit status and what went to stderr."""
        process = self.start(*options, **settings)
        _, said = process.communicate(timeout=TIMEOUT_S)
        return process.returncode, said

    def ready_line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def postgres_pid(self) -> int:
        return int((self.data_dir / "postgres" / "cluster" / "postmaster.pid").read_text().split("\n")[0])


@pytest.fixture
def terminal(data_dir: Path) -> Iterator[Terminal]:
    terminal = Terminal(data_dir)
    yield terminal
    for process in terminal.processes:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_says_when_it_answers_and_a_signal_stops_all_of_it(terminal: Terminal, how: signal.Signals) -> None:
    process = terminal.start()
    ready = terminal.ready_line(process)
    answer = local_http.get(f"http://127.0.0.1:{terminal.port}/api/health/live")
    postgres = terminal.postgres_pid()

    process.send_signal(how)
    _, said = process.communicate(timeout=TIMEOUT_S)

    assert ready == f"Ready on http://localhost:{terminal.port} (docs: /docs)"
    assert answer.status_code == 200
    assert process.returncode == 0
    assert "Traceback" not in said
    assert not is_alive(postgres)


def test_impatience_does_not_leave_the_database_running(terminal: Terminal) -> None:
    process = terminal.start()
    terminal.ready_line(process)
    postgres = terminal.postgres_pid()

    for how in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        process.send_signal(how)
    _, said = process.communicate(timeout=TIMEOUT_S)

    assert (process.returncode, said.count("Traceback")) == (0, 0)
    assert not is_alive(postgres)


def test_a_taken_port_is_named_in_one_sentence(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", terminal.port)):
        status, said = failed_start(DATA_DIR=str(terminal.data_dir), PORT=str(terminal.port))

    assert status == 3
    assert said == f"Port {terminal.port} is in use; choose another with `make run PORT=9000`.\n"


def test_an_unreachable_database_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    status, said = failed_start(
        DATA_DIR=str(tmp_path), DATABASE_URL="postgresql+asyncpg://user:secret@127.0.0.1:1/reports"
    )

    assert status == 3
    assert said.count("\n") == 1
    assert "secret" not in said


def test_wrong_settings_are_one_sentence_each_without_their_values(terminal: Terminal) -> None:
    status, said = terminal.run(PORT="70000", DATABASE_URL="mysql://user:secret@host/x")

    assert status == 2
    assert [line.split(" ")[0] for line in said.splitlines()] == ["DATABASE_URL", "PORT"]
    assert "secret" not in said


def test_a_data_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    status, said = failed_start(DATA_DIR=str(tmp_path / "file"))

    assert (status, said.count("\n"), "Traceback" in said) == (3, 1, False)


def test_options_win_over_the_environment(terminal: Terminal) -> None:
    port = free_port()
    process = terminal.start("--port", str(port), PORT="1")

    assert terminal.ready_line(process) == f"Ready on http://localhost:{port} (docs: /docs)"


def test_settings_that_only_their_part_understands_are_one_sentence_too(tmp_path: Path) -> None:
    bad = {
        "WEBHOOK_SIGNING_SECRETS": "abc",
        "SECRETS_KEY": "abc",
        "CALLBACK_ALLOWED_ORIGINS": "foo",
        "BOOTSTRAP_ADMIN_KEY": "frg_ABCDEFGH_" + "1" * 49,
        "SSL_CERT_FILE": __file__,
        "SSL_CERT_DIR": "/nowhere",
    }
    said = {name: failed_start(**{"DATA_DIR": str(tmp_path), name: value}) for name, value in bad.items()}

    for name, (status, sentence) in said.items():
        assert status == 2
        assert sentence.startswith(name)
        assert sentence.count("\n") == 1


def test_a_sync_report_that_the_stop_interrupts_is_answered_as_unavailable(terminal: Terminal) -> None:
    process = terminal.start(SIMULATED_MAX_SECONDS="60", SIMULATED_MS_PER_TRANSACTION="1000")
    terminal.ready_line(process)
    answers: list[httpx.Response] = []
    url = f"http://127.0.0.1:{terminal.port}/api/sync"
    asking = threading.Thread(target=lambda: answers.append(local_http.post(url, json={}, timeout=TIMEOUT_S)))
    asking.start()
    listing = f"http://127.0.0.1:{terminal.port}/api/requests"
    deadline_s = time.monotonic() + TIMEOUT_S
    while not local_http.get(listing).json()["requests"] and time.monotonic() < deadline_s:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=TIMEOUT_S)
    asking.join(TIMEOUT_S)

    assert answers[0].status_code == 503
    assert int(answers[0].headers["retry-after"]) > 0
    assert process.returncode == 0
    assert "Traceback" not in said


def test_every_sync_report_that_the_stop_interrupts_is_told_so_and_its_key_is_free_after_it(terminal: Terminal) -> None:
    process = terminal.start(SIMULATED_MAX_SECONDS="60", SIMULATED_MS_PER_TRANSACTION="1000", RATE_LIMIT_SYNC="off")
    terminal.ready_line(process)
    base_url = f"http://127.0.0.1:{terminal.port}"

    def ask(number: int) -> httpx.Response:
        key = {"X-Idempotency-Key": f"key-{number}"}
        return local_http.post(f"{base_url}/api/sync", json={"num_transactions": 1_000}, headers=key, timeout=TIMEOUT_S)

    with ThreadPoolExecutor(INTERRUPTED) as callers:
        interrupted = [callers.submit(ask, number) for number in range(INTERRUPTED)]
        listing = f"{base_url}/api/requests?limit={INTERRUPTED}"
        deadline_s = time.monotonic() + TIMEOUT_S
        while len(local_http.get(listing).json()["requests"]) < INTERRUPTED and time.monotonic() < deadline_s:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        stopping_at_s = time.monotonic()
        _, said = process.communicate(timeout=TIMEOUT_S)
        took_s = time.monotonic() - stopping_at_s
        answers = [each.result() for each in interrupted]

    terminal.ready_line(terminal.start(SIMULATED_MS_PER_TRANSACTION="0", RATE_LIMIT_SYNC="off"))
    rows = local_http.get(listing).json()["requests"]

    assert {(one.status_code, one.json()["detail"]) for one in answers} == {(503, "The server is stopping; try again.")}
    assert all(int(one.headers["retry-after"]) > 0 for one in answers)
    assert (process.returncode, "Traceback" in said, took_s < STOPS_WITHIN_S) == (0, False, True)
    assert [row["status"] for row in rows] == ["FAILED"] * INTERRUPTED
    assert {ask(number).status_code for number in range(INTERRUPTED)} == {200}


def test_a_stop_answers_the_calls_that_wait_for_reports_as_if_their_time_were_up(terminal: Terminal) -> None:
    process = terminal.start(SIMULATED_MAX_SECONDS="60", SIMULATED_MS_PER_TRANSACTION="1000")
    terminal.ready_line(process)
    base_url = f"http://127.0.0.1:{terminal.port}"
    order = {
        "payload": {"num_transactions": 60},
        "callback_url": f"http://localhost:{terminal.port}/api/callbacks/receive",
    }
    waits = {"prefer": "wait=50"}
    status_url = local_http.post(f"{base_url}/api/async", json=order).json()["status_url"]

    with ThreadPoolExecutor(3) as callers:
        # A stream of events ends by itself, and is read to its end.
        following = callers.submit(local_http.get, f"{base_url}/api/events", timeout=TIMEOUT_S)
        polling = callers.submit(local_http.get, f"{base_url}{status_url}", headers=waits, timeout=TIMEOUT_S)
        posting = callers.submit(local_http.post, f"{base_url}/api/async", json=order, headers=waits, timeout=TIMEOUT_S)
        deadline_s = time.monotonic() + TIMEOUT_S
        while len(local_http.get(f"{base_url}/api/requests").json()["requests"]) < 2 and time.monotonic() < deadline_s:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        stopping_at_s = time.monotonic()
        _, said = process.communicate(timeout=TIMEOUT_S)
        took_s = time.monotonic() - stopping_at_s

    assert (polling.result().status_code, posting.result().status_code) == (200, 202)
    assert polling.result().json()["status"] in {"PENDING", "PROCESSING"}
    assert posting.result().json()["status"] == "pending"
    assert following.result().text.startswith("retry: ")
    assert (process.returncode, "Traceback" in said, took_s < STOPS_WITHIN_S) == (0, False, True)


def test_bodies_that_never_end_do_not_hold_up_the_stop_and_are_no_fault_in_the_log(terminal: Terminal) -> None:
    process = terminal.start()
    terminal.ready_line(process)
    heads = [
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        for path in ("/api/sync", "/api/async", "/api/callbacks/receive", "/api/benchmark/sync")
    ]
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", terminal.port), TIMEOUT_S)) for _ in heads
        ]
        for connection, head in zip(connections, heads, strict=True):
            connection.sendall(head.encode())
        local_http.get(f"http://127.0.0.1:{terminal.port}/api/health/live")
        process.send_signal(signal.SIGTERM)
        answers = [connection.recv(65_536) for connection in connections]
    _, said = process.communicate(timeout=TIMEOUT_S)

    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 503 Service Unavailable"] * len(heads)
    assert (process.returncode, [line for line in said.splitlines() if "ERROR" in line]) == (0, [])


def test_an_embedded_database_that_dies_is_started_again(terminal: Terminal) -> None:
    process = terminal.start()
    terminal.ready_line(process)
    os.kill(terminal.postgres_pid(), signal.SIGKILL)
    url = f"http://127.0.0.1:{terminal.port}/api/sync"
    deadline_s = time.monotonic() + TIMEOUT_S
    status = 0
    while status != 200 and time.monotonic() < deadline_s:
        status = local_http.post(url, json={"num_transactions": 1}, timeout=TIMEOUT_S).status_code
        assert status in {200, 503}
        time.sleep(0.5)

    assert status == 200
