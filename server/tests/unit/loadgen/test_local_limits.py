"""Whose fault a failure is: what the load generator's own machine lacks, it says of itself."""

import errno

import pytest

from src.loadgen.load.meter import GeneratorMeter
from src.loadgen.options.local_limits import lack_behind


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (OSError(errno.EMFILE, "x"), "file descriptors"),
        (OSError(errno.ENFILE, "x"), "file descriptors"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "port"),
        (OSError(errno.ENOBUFS, "x"), "network buffers"),
        (OSError(errno.ENOMEM, "x"), "memory"),
        (BlockingIOError(errno.EAGAIN, "x"), "threads"),
        (RuntimeError("can't start new thread"), "threads"),
    ],
)
def test_a_lack_of_this_machine_is_told_by_its_name(error: Exception, word: str) -> None:
    assert word in (lack_behind(error) or "")


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(errno.ECONNREFUSED, "x"), OSError("x"), RuntimeError("x"), TimeoutError()]
)
def test_what_others_do_is_no_lack_of_this_machine(error: Exception) -> None:
    assert lack_behind(error) is None


@pytest.mark.parametrize("p50_ms", [None, 5.0])
def test_requests_that_this_machine_could_not_send_make_it_the_limit(p50_ms: float | None) -> None:
    verdict = GeneratorMeter().verdict(p50_ms, p50_ms, 1_234)

    assert verdict["limited"]
    assert verdict["sentence"].startswith(
        "The generator, not the server, was the limit: 1,234 requests failed because it ran out of"
    )
    assert not GeneratorMeter().verdict(p50_ms, p50_ms)["limited"]
