"""The load generator as a child process: it ends when it is told to, or it is ended."""

import asyncio
import os
import signal
import sys

from src.services.benchmarks.process import LoadGenerator

DEAF = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(60)"


async def test_one_that_does_not_stop_is_killed() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", DEAF, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()  # from now on it does not hear
    generator = LoadGenerator(process, os.open(os.devnull, os.O_RDONLY))
    await generator.stop(timeout_s=0.05)

    assert await asyncio.wait_for(process.wait(), 10) == -signal.SIGKILL
    await generator.aclose()
