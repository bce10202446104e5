"""The servers of tests that run at the same time never get in each other's way."""

import subprocess
import sys

from src.config import SERVER_FOLDER

PROCESSES = 4
PORTS = 450  # more than a block has
SCRIPT = f"from tests.support.ports import free_port; print(*[free_port() for _ in range({PORTS})]); input()"


def test_no_port_is_given_to_two_processes_of_tests() -> None:
    command = [sys.executable, "-c", SCRIPT]
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(command, cwd=SERVER_FOLDER, text=True, stdin=pipe, stdout=pipe) for _ in range(PROCESSES)
    ]
    try:
        given = [set(process.stdout.readline().split()) for process in running if process.stdout]
        assert all(len(ports) > 300 for ports in given)
        assert len(set.union(*given)) == sum(map(len, given))
    finally:
        for process in running:
            process.communicate("\n")
