"""The load generator's figures: histograms, the recorder, the schedule of an open loop, the verdict on itself."""

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.loadgen.figures.histogram import BINS_MAX, CURVE_POINTS_MAX, LatencyHistogram
from src.loadgen.figures.recorder import TIMELINE_POINTS_MAX, Recorder
from src.loadgen.load.loops import ClosedLoop, OpenLoop
from src.loadgen.load.meter import GeneratorMeter
from src.loadgen.options.quantities import Rate
from src.loadgen.options.schedule import Schedule, schedule

latencies = st.lists(st.floats(min_value=2e-6, max_value=3000), min_size=1, max_size=200)


def counted(values: list[float]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    return histogram


@settings(max_examples=50, deadline=None)
@given(latencies)
def test_a_percentile_is_what_so_many_percent_did_not_exceed(values: list[float]) -> None:
    histogram, ranked = counted(values), sorted(values)

    for percentile, found_ms in zip((50, 90, 99, 100), histogram.percentiles_ms((50, 90, 99, 100)), strict=True):
        true_ms = ranked[max(int(percentile / 100 * len(values) + 0.5), 1) - 1] * 1e3
        assert found_ms is not None
        assert abs(found_ms - true_ms) <= 0.0015 * true_ms + 0.0015
    assert histogram.max_ms == round(max(values) * 1e3, 3)
    assert histogram.min_ms == round(min(values) * 1e3, 3)


@settings(max_examples=25, deadline=None)
@given(latencies)
def test_curve_and_bins_are_bounded_and_hold_every_latency_once(values: list[float]) -> None:
    histogram = counted(values)
    curve, bins = histogram.curve(), histogram.bins()

    assert len(curve) <= CURVE_POINTS_MAX
    assert curve == sorted(curve)
    assert [value for _, value in curve] == sorted(value for _, value in curve if value is not None)
    assert 1 <= len(bins) <= BINS_MAX
    assert sum(count for *_, count in bins) == len(values)
    assert all(low < high for low, high, _ in bins)


def test_nothing_counted_is_not_zero() -> None:
    histogram = LatencyHistogram()

    assert histogram.percentiles_ms((50,)) == [None]
    assert histogram.curve() == histogram.bins() == []
    assert histogram.stats()["p99_ms"] is histogram.stats()["avg_ms"] is None


def test_a_failure_enters_no_latency_but_the_time_callers_waited() -> None:
    recorder = Recorder(lambda: 0.0)
    for began_s, ended_s, failure in ((0.0, 0.1, None), (0.0, 30.0, "timeout"), (0.1, 0.2, "status_503")):
        recorder.started()
        recorder.finished(began_s, ended_s, failure)

    assert (recorder.successful, recorder.failed, recorder.done) == (1, 2, 3)
    assert recorder.latencies.max_ms == 100
    assert round(recorder.waited_s, 6) == 30.2
    assert recorder.last_result_s == 30


def test_a_long_timeline_becomes_coarser_and_loses_nothing() -> None:
    now_s = 0.0
    recorder = Recorder(lambda: now_s)
    for _ in range(5 * TIMELINE_POINTS_MAX + 7):
        recorder.started()
        recorder.finished(now_s, now_s + 0.01, None)
        now_s += 0.25
        recorder.tick()
    timeline = recorder.timeline()

    assert TIMELINE_POINTS_MAX / 4 < len(timeline) < TIMELINE_POINTS_MAX
    assert sum(point["done"] for point in timeline) == recorder.done
    assert [point["t_ms"] for point in timeline] == sorted({point["t_ms"] for point in timeline})
    assert {round(point["p99_ms"]) for point in timeline} == {10}


def test_rolling_figures_forget_what_is_older_than_five_seconds() -> None:
    now_s = 0.0
    recorder = Recorder(lambda: now_s)
    for latency_s in [1.0] * 40 + [0.1] * 20:
        recorder.finished(now_s - latency_s, now_s, None)
        now_s += 0.25
        recorder.tick()

    assert recorder.rolling()["throughput_per_s"] == 4
    assert round(recorder.rolling()["p99_ms"] or 0, -1) == 100


rates = st.floats(min_value=0.1, max_value=5000)


@settings(max_examples=50, deadline=None)
@given(rates, rates, st.integers(min_value=1, max_value=500))
def test_a_schedule_sends_as_many_by_each_moment_as_its_rate_says(begin: float, end: float, count: int) -> None:
    ramp_s = 2 * count / (begin + end)
    moments = [Schedule(Rate(begin, end), ramp_s, count).offset_s(number) for number in range(count)]

    assert moments == sorted(moments)
    assert moments[-1] <= ramp_s
    for number, moment_s in enumerate(moments):
        due = begin * moment_s + (end - begin) * moment_s**2 / (2 * ramp_s)
        assert math.isclose(due, number, rel_tol=1e-6, abs_tol=1e-6)


def test_the_first_of_requests_and_duration_ends_a_schedule() -> None:
    assert schedule(Rate(100, 100), 50, 10.0).count == 50
    assert schedule(Rate(100, 100), 5000, 10.0).count == 1000
    assert schedule(Rate(100, 100), None, 0.001).count == 1
    assert schedule(Rate(0, 10), 100, None).ramp_s == 20
    assert Schedule(Rate(100, 100), 1.0, 30).due(0.095, 0) == 10


async def test_in_open_loop_waiting_for_a_connection_counts() -> None:
    began: list[float] = []
    released, under_way, most = asyncio.Event(), 0, 0

    async def send(began_s: float) -> None:
        nonlocal under_way, most
        began.append(began_s)
        under_way += 1
        most = max(most, under_way)
        if under_way == 3:
            asyncio.get_running_loop().call_later(0.05, released.set)
        await released.wait()
        under_way -= 1

    meter, plan = GeneratorMeter(), Schedule(Rate(1000, 1000), 0.02, 20)
    await OpenLoop(send, plan, 3, meter).run()

    assert most == 3
    assert meter.held_up == 17
    offsets = [round(began_s - began[0], 9) for began_s in began]
    assert offsets == [round(plan.offset_s(number), 9) for number in range(20)]


async def test_an_open_loop_that_breaks_says_so() -> None:
    async def send(_began_s: float) -> None:
        raise RuntimeError("a mistake of ours")

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        await OpenLoop(send, Schedule(Rate(1000, 1000), 1.0, 5), 10, GeneratorMeter()).run()


async def test_a_closed_loop_sends_no_more_than_asked_for_and_nothing_after_its_time() -> None:
    now_s, sent = 0.0, 0

    async def send(_began_s: float) -> None:
        nonlocal now_s, sent
        sent += 1
        now_s += 1
        await asyncio.sleep(0)

    await ClosedLoop(send, 4, 10, None, lambda: now_s).run()
    assert sent == 10
    await ClosedLoop(send, 4, None, 5.0, lambda: now_s).run()
    assert sent == 15
    await ClosedLoop(send, 4, 3, 5.0, lambda: now_s).run()
    assert sent == 18


def test_the_generator_says_when_it_is_the_limit_and_why() -> None:
    def verdict(cpu_s: float = 0.2, without_cpu_s: float = 0.0, lag_s: float = 1e-5, late_s: float = 1e-5) -> str:
        meter = GeneratorMeter()
        meter.add(cpu_s, without_cpu_s, 1.0)
        meter.lagged(lag_s)
        meter.lateness.record(late_s)
        found = meter.verdict(10.0, 20.0)
        assert found["limited"] == ("The figures are the server's" not in found["sentence"])
        sentence: str = found["sentence"]
        return sentence

    limit = "The generator, not the server, was the limit: "
    assert "The figures are the server's" in verdict()
    assert verdict(cpu_s=0.95).startswith(f"{limit}it had no CPU to spare")
    assert verdict(cpu_s=0.6, without_cpu_s=0.38).startswith(f"{limit}it had no CPU to spare")
    assert verdict(late_s=0.5).startswith(f"{limit}it could not keep up with the rate")
    assert "not only the server's: delays of the generator are a significant part of the median" in verdict(lag_s=0.003)
