"""The load generator's command line: what is understood, and one sentence for what is not."""

import pytest

from src.loadgen.errors import CannotRun, printable
from src.loadgen.options.faults import Fault, Mixer, parse_faults
from src.loadgen.options.options import parse_options
from src.loadgen.options.quantities import Rate, parse_duration, parse_rate
from src.loadgen.options.target import parse_target
from src.loadgen.options.thresholds import judge, parse_thresholds

SIDE = {"p99_ms": 120.0, "p50_ms": None, "failed": 3, "total_requests": 200, "throughput_per_s": 80.0}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rate", "fast"], "is not a rate"),
        (["--rate", "0"], "is not more than 0"),
        (["--rate", "1:2:3"], "is not a rate"),
        (["--duration", "soon"], "is not a time"),
        (["--duration", "0s"], "is not more than 0"),
        (["--requests", "-1"], "is not a whole number"),
        (["--requests", "0"], "is not a whole number"),
        (["--concurrency", "\u0661"], "is not a whole number"),
        (["--transactions", "1000001"], "is not a whole number"),
        (["--url", "127.0.0.1:8000"], "is not a base URL"),
        (["--url", "ftp://127.0.0.1"], "is not a base URL"),
        (["--url", "http://user@127.0.0.1"], "must not have a user"),
        (["--url", "http://127.0.0.1:99999"], "is not a URL"),
        (["--header", "Name"], "is not a header"),
        (["--header", "Na me: x"], "is not a header"),
        (["--header", "Name: a\r\nB: c"], "is not a header"),
        (["--header", "Host: elsewhere"], "is set by this program"),
        (["--callback-host", "localhost"], "is not an IP address"),
        (["--receiver-faults", "fail=10"], "is not a fault and its share"),
        (["--receiver-faults", "plain=10%"], "is not a fault and its share"),
        (["--receiver-faults", "fail=1%,fail=2%"], "is not a fault and its share"),
        (["--receiver-faults", "fail=60%,hang=41%"], "exceed 100%"),
        (["--fail-if", "p99"], "is not a threshold"),
        (["--fail-if", "p98>1ms"], "is not a metric"),
        (["--fail-if", "p99>500"], "needs us or ms or s"),
        (["--fail-if", "missing>1%"], "needs no unit"),
        (["--mode", "sync", "--fail-if", "missing>0"], "not measured with --mode sync"),
        (["--mode", "async", "--fail-if", "sync:p99>1ms"], "not measured with --mode async"),
        (["--mode", "batch"], "invalid choice"),
        (["--surprise"], "Unrecognized arguments: --surprise"),
        (["--req", "5"], "Unrecognized arguments"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CannotRun) as refused:
        parse_options(arguments, {})

    assert sentence in refused.value.sentence
    assert "\n" not in refused.value.sentence


@pytest.mark.parametrize("name", ["LOADGEN_RECEIVER_FD", "LOADGEN_PARENT_FD"])
@pytest.mark.parametrize("value", ["x", "-1", "9999", "9" * 30])
def test_a_descriptor_that_is_not_open_is_refused(name: str, value: str) -> None:
    with pytest.raises(CannotRun, match=name):
        parse_options([], {name: value})


def test_what_is_not_given_has_a_default() -> None:
    options = parse_options([], {})

    assert (options.modes, options.requests, options.concurrency, options.warm_up) == (("sync",), 1000, 10, 10)
    assert options.loop == "closed"
    assert parse_options(["--duration", "10s"], {}).requests is None
    assert parse_options(["--concurrency", "3"], {}).warm_up == 3
    assert parse_options(["--mode", "both"], {}).modes == ("sync", "async")


def test_rate_and_duration_give_the_number_of_requests() -> None:
    assert parse_options(["--rate", "50", "--duration", "10s"], {}).requests == 500
    assert parse_options(["--rate", "0:100", "--duration", "10s"], {}).requests == 500
    assert parse_options(["--rate", "50", "--duration", "10s", "--requests", "20"], {}).requests == 20


def test_secrets_come_from_the_environment_alone() -> None:
    environment = {"LOADGEN_TOKEN": "abc", "LOADGEN_SIGNING_SECRETS": "whsec_a, whsec_b,"}
    options = parse_options(["--header", "X-Trace:  1 "], environment)

    assert options.headers == {"X-Trace": "1", "X-Benchmark-Token": "abc"}
    assert options.signing_secrets == ("whsec_a", "whsec_b")
    with pytest.raises(CannotRun, match="LOADGEN_TOKEN"):
        parse_options([], {"LOADGEN_TOKEN": "a\nb"})


def test_quantities_are_read_with_their_units() -> None:
    assert [parse_duration(text) for text in ("30s", "500ms", "2m", "1h", "1.5")] == [30, 0.5, 120, 3600, 1.5]
    assert parse_rate("12.5") == Rate(12.5, 12.5)
    assert parse_rate("5:50") == Rate(5, 50)
    assert str(parse_rate("5:50")) == "5:50"
    assert str(parse_rate("100")) == "100"


def test_a_base_url_may_have_a_path_and_an_ipv6_address() -> None:
    assert parse_target("http://[::1]:8000/reports/").url == "http://[::1]:8000/reports"
    assert parse_target("https://reports.example").port == 443
    assert parse_target("http://reports.example:80").authority == "reports.example"


def test_thresholds_are_held_against_each_side_that_has_the_metric() -> None:
    thresholds = parse_thresholds("p99>100ms, failed>=1.5%,sync:throughput<80/s , p50>1s,missing>0,async:p99<1us")

    judged = judge(thresholds, {"sync": SIDE})

    assert [(one["expression"], one["value"], one["broken"]) for one in judged] == [
        ("p99>100ms", 120.0, True),
        ("failed>=1.5%", 1.5, True),
        ("sync:throughput<80/s", 80.0, False),
        ("p50>1s", None, True),
    ]
    assert [one["value_ms"] for one in judged] == [120.0, None, None, None]
    assert judge(parse_thresholds("missing>0"), {"async": {"callbacks_missing": 0}})[0]["broken"] is False
    assert judge(parse_thresholds("p99<=0.12s"), {"sync": SIDE})[0]["broken"] is True


def test_a_share_of_faults_is_spread_evenly() -> None:
    mixer = Mixer(parse_faults("fail=10%, drop=2.5%"))
    given = [mixer.faults[mixer.next()] for _ in range(400)]

    assert {fault: given.count(fault) for fault in mixer.faults} == {Fault.PLAIN: 350, Fault.FAIL: 40, Fault.DROP: 10}
    for first in range(0, 400, 100):
        assert 9 <= given[first : first + 100].count(Fault.FAIL) <= 11


def test_text_of_the_other_side_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\nc") == "a [2Jb  c"
    assert len(printable("x" * 1000)) == 300
