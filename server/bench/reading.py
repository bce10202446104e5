"""GET requests alternately to two servers: one with many rows in its table, one with few."""

import asyncio
import base64
import http.client
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from bench.harness import Sizes, interleave
from tests.support.database_state import fetch

PAGE_ROWS = 50
#: Each filter, with the condition it stands for. Those of `false` have no deep page.
FILTERS = {
    "": "true",
    "mode=sync": "mode = 'sync'",
    "mode=async": "mode = 'async'",
    "status=COMPLETED": "status = 'COMPLETED'",
    "status=FAILED": "status = 'FAILED'",
    "callback_status=SUCCESS": "callback_status = 'SUCCESS'",
    "callback_status=FAILED": "callback_status = 'FAILED'",
    "mode=async&status=COMPLETED&callback_status=SUCCESS": "status = 'COMPLETED' AND callback_status = 'SUCCESS'",
    "receiver=https://hooks-3.example.com:443&limit=10": "receiver = 'https://hooks-3.example.com:443'",
    "receiver=https://hooks-3.example.com:443&status=PENDING": "false",
    "q=https://hooks-3.example.com/web&limit=10": "receiver = 'https://hooks-3.example.com:443'",
    "q=https://hooks-1": "receiver LIKE 'https://hooks-1%'",
    "q=order-333": "false",
    "error_code=bad_status": "callback_error_code = 'bad_status'",
    "error_code=timeout": "false",
    "status=PENDING": "false",
    "status=PROCESSING": "false",
    "callback_status=PENDING": "false",
}
SEARCH = "q=Report_7"
FIRST = "GET /requests, first page"
DEEP = "GET /requests, deep page"
SEARCHED = "GET /requests?q="
COUNTED = "GET /requests/counts"
ONE = "GET /requests/{id}"
#: What is read, by kind.
PAGES = {
    FIRST: f"each of {len(FILTERS)} filters",
    DEEP: "the last full page of each filter that finds anything",
    COUNTED: "the same filters; more is counted where more is, up to 10,000 of each state",
    SEARCHED: "the first page of names that contain a text, one in nine does",
    ONE: "requests anywhere in the table",
}
LAST_FULL_PAGE = """
SELECT created_at, id FROM requests WHERE {condition} ORDER BY created_at, id OFFSET {rows} LIMIT 1
"""
ANYWHERE = "SELECT id FROM requests ORDER BY md5(id::text) LIMIT 500"

#: Milliseconds with many and with few rows, one of each for each round; by case, by kind.
Took = Mapping[str, Mapping[str, tuple[list[float], list[float]]]]


class Table:
    """A filled table, the server in front of it, and one connection to that."""

    def __init__(self, database_url: str, base_url: str) -> None:
        self._database_url = database_url
        self._connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def cases(self) -> Mapping[tuple[str, str], Sequence[str]]:
        """The paths to read, by kind and case."""
        found = {(FIRST, case or "no filter"): [f"/api/requests?{case}"] for case in FILTERS}
        for case, condition in FILTERS.items():
            if condition != "false":
                found[DEEP, case or "no filter"] = [f"/api/requests?{case}&cursor={self._deep_cursor(case, condition)}"]
        found |= {(COUNTED, case or "no filter"): [f"/api/requests/counts?{_unlimited(case)}"] for case in FILTERS}
        found[SEARCHED, SEARCH] = [f"/api/requests?{SEARCH}"]
        found[ONE, "by id"] = [f"/api/requests/{one['id']}" for one in asyncio.run(fetch(self._database_url, ANYWHERE))]
        return found

    def _deep_cursor(self, case: str, condition: str) -> str:
        """Compute the cursor of the last full page: walking there would take thousands of requests."""
        statement = LAST_FULL_PAGE.format(
            condition=condition, rows=int(dict(parse_qsl(case)).get("limit", PAGE_ROWS)) + 1
        )
        [row] = asyncio.run(fetch(self._database_url, statement))
        return base64.urlsafe_b64encode(f"{row['created_at'].isoformat()} {row['id']}".encode()).decode().rstrip("=")

    def get(self, path: str) -> bytes:
        """Read.

        Raises:
            RuntimeError: the answer is not 200.
        """
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body!r}")
        return body

    def took_ms(self, path: str) -> float:
        """Time one request."""
        started_s = time.perf_counter()
        self.get(path)
        return (time.perf_counter() - started_s) * 1000


def _unlimited(case: str) -> str:
    return "&".join(one for one in case.split("&") if not one.startswith("limit="))


def read(many: Table, few: Table, sizes: Sizes) -> Took:
    """Read every case from both servers alternately; a round covers all cases."""
    took: dict[str, dict[str, tuple[list[float], list[float]]]] = defaultdict(lambda: defaultdict(lambda: ([], [])))
    paths_of_few = few.cases()
    pairs = {key: (paths, paths_of_few[key]) for key, paths in many.cases().items()}
    for (kind, _), paths in pairs.items():
        _check_same_page(kind, many.get(paths[0][0]), few.get(paths[1][0]))
    for _ in range(sizes.rounds):
        for (kind, case), paths in pairs.items():
            for side, ms in zip(took[kind][case], _p50s_ms(many, few, paths, sizes.reads), strict=True):
                side.append(ms)
    return took


def _check_same_page(kind: str, many: bytes, few: bytes) -> None:
    rows = [len(json.loads(page).get("requests", ())) for page in (many, few)]
    assert rows[0] == rows[1], f"{kind}: pages of {rows} rows cannot be compared"


def _p50s_ms(many: Table, few: Table, paths: tuple[Sequence[str], Sequence[str]], reads: int) -> tuple[float, float]:
    """Request one path from each server alternately."""
    paths_of_many, paths_of_few = cycle(paths[0]), cycle(paths[1])
    sides = {
        "many": lambda: many.took_ms(next(paths_of_many)),
        "few": lambda: few.took_ms(next(paths_of_few)),
    }
    took_ms = interleave(sides, reads)
    return statistics.median(took_ms["many"]), statistics.median(took_ms["few"])
