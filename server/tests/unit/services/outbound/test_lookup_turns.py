"""Threads for lookups: shared by zone, with a part kept for names that answer."""

import asyncio
from collections.abc import Callable

import pytest

from src.services.outbound.lookup_turns import (
    LOOKUPS_MAX,
    LOOKUPS_PER_ZONE_MAX,
    LOOKUPS_UNPROVEN_MAX,
    PROMPT_NAMES_MAX,
    LookupTurns,
    zone_of,
)


async def begin_all(turns: LookupTurns, *hosts: str) -> tuple[list[Callable[[], None]], list[asyncio.Task[object]]]:
    """Begin lookups; those that have their turn, and those that wait."""
    tasks = [asyncio.create_task(turns.begin(host)) for host in hosts]
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.result() for task in tasks if task.done()], [task for task in tasks if not task.done()]


@pytest.mark.parametrize(
    ("host", "zone"),
    [
        ("example.com", "example.com"),
        ("a.b.c.example.com", "example.com"),
        ("Example.COM.", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("example.co.uk", "example.co.uk"),
        ("x.example.de", "example.de"),
        ("single", "single"),
    ],
)
def test_the_names_of_one_owner_are_one_zone(host: str, zone: str) -> None:
    assert zone_of(host) == zone


async def test_a_zone_has_few_turns_and_a_name_that_was_prompt_finds_one_beside_all_others() -> None:
    turns = LookupTurns()
    turns.judge("good.example", prompt=True)
    _, waiting_in_zone = await begin_all(turns, *(f"n{number}.evil.example" for number in range(100)))
    assert len(waiting_in_zone) == 100 - LOOKUPS_PER_ZONE_MAX

    begun, waiting = await begin_all(turns, *(f"z{number}.example" for number in range(100)))
    assert len(begun) == LOOKUPS_UNPROVEN_MAX - LOOKUPS_PER_ZONE_MAX

    [end_turn], _ = await begin_all(turns, "good.example")
    end_turn()
    for task in waiting_in_zone + waiting:
        task.cancel()
    await asyncio.gather(*waiting_in_zone, *waiting, return_exceptions=True)


async def test_a_name_that_hung_is_as_good_as_unknown() -> None:
    turns = LookupTurns()
    turns.judge("was-good.example", prompt=True)
    turns.judge("was-good.example", prompt=False)
    await begin_all(turns, *(f"z{number}.example" for number in range(LOOKUPS_UNPROVEN_MAX)))
    _, [waiting] = await begin_all(turns, "was-good.example")

    waiting.cancel()


async def test_every_turn_comes_back_also_from_those_who_gave_up() -> None:
    turns = LookupTurns()
    for _ in range(3):
        begun, waiting = await begin_all(turns, *(f"z{number}.example" for number in range(2 * LOOKUPS_MAX)))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for end_turn in begun:
            end_turn()

        assert len(begun) == LOOKUPS_UNPROVEN_MAX


async def test_nothing_is_kept_of_zones_that_nobody_looks_into() -> None:
    turns = LookupTurns()
    for number in range(100):
        (await turns.begin(f"z{number}.example"))()

    assert len(turns._zones) == 0


async def test_memory_is_bounded() -> None:
    turns = LookupTurns()
    for number in range(PROMPT_NAMES_MAX + 100):
        turns.judge(f"n{number}.example", prompt=True)

    assert len(turns._prompt) == PROMPT_NAMES_MAX
