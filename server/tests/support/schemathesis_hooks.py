"""Hooks of `st run` before each request: generated callbacks go to an existing receiver, and so on.

Without it nearly every generated `callback_url` would be refused, and what lies behind it not be reached.
"""

import os
import time
from typing import Any

import schemathesis

from src.services.delivery.signing import Signer

RECEIVER_URL = os.environ["RECEIVER_URL"]
REPORT_FILE = os.environ["REPORT_FILE"]
SIGNER = Signer([os.environ["WEBHOOK_SECRET"]])
URL_CHARS_MAX = 2_048
BENCHMARK_REQUESTS_MAX = 3
MEASURING = {f"/api/benchmark/{mode}" for mode in ("sync", "async", "both")}


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """Replace generated values by existing ones."""
    body = case.body
    if isinstance(body, dict) and isinstance(url := body.get("callback_url"), str) and len(url) <= URL_CHARS_MAX:
        body["callback_url"] = RECEIVER_URL
    if case.path in MEASURING and case.method == "POST":
        _keep_short(case)
    if case.path == "/api/reports/{file}" and len(str(case.path_parameters.get("file"))) % 2:
        case.path_parameters["file"] = REPORT_FILE
    if case.path == "/api/callbacks/simulate-failures" and _is_true(case, "hang"):
        case.query["hang"] = "false"  # the request after it would only wait for its end
    if case.path == "/api/callbacks/receive" and case.method == "POST" and not case.headers:
        case.headers = SIGNER.headers("msg_generated", int(time.time()), b"")


def _keep_short(case: Any) -> None:
    """Make a benchmark small and asynchronous; invalid values stay invalid."""
    if isinstance(case.body, dict) and type(requests := case.body.get("requests")) is int and requests > 0:
        case.body["requests"] = requests if requests > 5_000 else min(requests, BENCHMARK_REQUESTS_MAX)
    if "wait" not in (case.query or {}) or _is_true(case, "wait"):
        case.query = {**(case.query or {}), "wait": "false"}


def _is_true(case: Any, name: str) -> bool:
    return (case.query or {}).get(name) in (True, "true")
