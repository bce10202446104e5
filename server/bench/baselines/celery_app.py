"""What the front and the worker of the Celery baseline share: the broker, how tasks are run, the one task's name.

The front sends the task by its name: it need not import what the worker works with.
"""

import os

from celery import Celery

TASK = "produce_and_deliver"

app = Celery("bench", broker=os.environ.get("BENCH_REDIS_URL", ""))
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,  # a worker that dies leaves its task to the next one, as ours does
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)
