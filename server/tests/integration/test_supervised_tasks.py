"""No task dies unseen: each one that never ends is named in health while it is down, and begins again."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

TASKS = {
    *("database", "feed", "janitor", "change notifier", "change listener", "live events", "queue events"),
    *("heartbeat", "worker", "delivery", "removal of reports", "event loop lag", "completions", "queue depths"),
    *("redeliveries", "last hour", "batch events", "account events", "sessions", "last use of keys", "webhook secrets"),
}


async def test_every_task_that_fails_is_seen_in_health_and_comes_back(
    run_service: Callable[..., AbstractAsyncContextManager[Service]], receiver: Receiver
) -> None:
    async with run_service(callback_allowed_origins=(receiver.origin,)) as service:

        async def health() -> dict[str, Any]:
            found: dict[str, Any] = (await service.client.get("/api/health")).json()
            return found

        async def down() -> set[str]:
            return {task["name"] for task in (await health())["tasks"] if task["state"] == "down"}

        async def all_run() -> bool:
            found = await health()
            return found["status"] == "healthy" and {task["name"] for task in found["tasks"]} == TASKS

        await eventually(all_run)
        fell: set[str] = set()

        async def all_fell() -> bool:
            fell.update(await down())
            return fell >= names

        # The worker last and by itself: its end takes the delivery's along.
        for names in (TASKS - {"worker"}, {"worker"}):
            for name in names:
                service.parts.tasks.fail(name, ValueError("hush"))
            await eventually(all_fell, within_s=5)
            while_down = await service.client.get("/api/health")
            await eventually(all_run, within_s=10)
        accepted = await service.submit(receiver.url)
        ended = await service.callback_ended(accepted["request_id"])
        after = await health()

    assert fell == TASKS
    assert while_down.status_code == 503
    assert while_down.json()["status"] == "unhealthy"
    [worker] = [task for task in while_down.json()["tasks"] if task["name"] == "worker"]
    assert worker["trouble"] == "It failed (ValueError)."
    assert "hush" not in while_down.text
    assert ended["callback_status"] == "SUCCESS"
    assert {task["trouble"] for task in after["tasks"]} == {None}
    # The delivery's task is a new one with each term of the worker.
    assert {task["name"] for task in after["tasks"] if not task["restarts"]} <= {"delivery"}
