"""Packages of optional servers are imported only where a setting names them; missing ones are named at the start."""

import os
import subprocess
import sys

from src.config import SERVER_FOLDER
from tests.support.ports import free_port

ENDPOINT = "http://127.0.0.1:4318"


def python(program: str, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, cwd=SERVER_FOLDER, env={**inherited, **settings}, capture_output=True, text=True, check=False
    )


def test_what_exports_traces_is_imported_only_where_the_setting_asks_for_it() -> None:
    program = "import sys, src.app; print(*sorted({'opentelemetry.sdk', 'google.protobuf'} & set(sys.modules)))"
    ended = python(program)

    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, [], "")


def test_a_server_without_these_packages_does_not_start_when_the_setting_asks_for_them() -> None:
    program = "import sys; sys.modules['opentelemetry.sdk'] = None; from src.__main__ import main; sys.exit(main([]))"
    ended = python(program, OTEL_EXPORTER_OTLP_ENDPOINT=ENDPOINT, PORT=str(free_port()))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert "requirements-otel.txt" in ended.stderr


def test_what_checks_tokens_is_imported_only_where_an_issuer_is_set() -> None:
    program = "import sys, src.app; print('joserfc' in sys.modules)"
    assert python(program).stdout.strip() == "False"
