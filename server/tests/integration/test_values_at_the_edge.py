"""Values at the edges of their types: whatever is taken is worked on to its end, and nothing overflows on the way."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from src.services.report_generator import SEED_MAX
from src.services.reports.currencies import CURRENCIES
from tests.support.databases import create_database, folder_for_postgres
from tests.support.service import Service, running_service

FIRST_AND_LAST = (
    {"period_start": "0001-01-01", "period_end": "0001-01-02"},
    {
        "period_start": "9999-12-30",
        "period_end": "9999-12-31",
    },
)
NEAR_AN_EDGE = st.one_of(
    st.integers(0, 40).map(lambda days: date.min + timedelta(days=days)),
    st.integers(0, 40).map(lambda days: date.max - timedelta(days=days)),
    st.dates(),
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "num_transactions": st.one_of(st.integers(1, 3), st.integers(), st.sampled_from([2**63, 2**64, 10**300])),
        "seed": st.one_of(st.sampled_from([SEED_MAX, -SEED_MAX, SEED_MAX + 1]), st.integers()),
        "period_start": NEAR_AN_EDGE.map(str),
        "period_end": NEAR_AN_EDGE.map(str),
        "currency": st.sampled_from(sorted(CURRENCIES)),
        "report_name": st.text(max_size=101),
    },
)


@pytest.fixture(scope="module")
async def service(postgres: str) -> AsyncIterator[Service]:
    """Run one service for all of these tests."""
    with folder_for_postgres() as folder:
        async with running_service(await create_database(postgres), folder) as service:
            yield service


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
@example(body=FIRST_AND_LAST[0])
@example(body=FIRST_AND_LAST[1])
async def test_no_value_is_a_500(service: Service, body: dict[str, Any]) -> None:
    answer = await service.client.post("/api/sync", json=body)

    assert answer.status_code in {200, 422}, answer.text
    if answer.status_code == 200:
        assert (await service.client.get(answer.json()["download_url"])).status_code == 200
        assert (await service.detail(answer.json()["request_id"]))["report_name"] == answer.json()["report_name"]


@pytest.mark.parametrize("period", FIRST_AND_LAST)
async def test_the_first_and_the_last_day_there_is_can_be_reported(service: Service, period: dict[str, str]) -> None:
    assert (await service.client.post("/api/sync", json=period)).status_code == 200
