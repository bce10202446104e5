"""Callback URLs: what is refused in every spelling, what is let through, and that all readers agree on it."""

import ipaddress
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from pydantic import AnyHttpUrl
from yarl import URL

from src.errors import ForbiddenCallbackUrl
from src.services.callback_guard import forbidden_reason
from src.services.callback_url import CallbackPolicy, CallbackUrl, parse_origin

STRICT = CallbackPolicy()
DEMO = "http://localhost:8000/api/callbacks/receive"

#: rule → spellings that must be refused because of it.
REFUSED = {
    "host": [
        # one address, many spellings: decimal, hexadecimal, octal, short, mixed, padded (inet_aton, WHATWG)
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0X7F000001/",
        "http://017700000001/",
        "http://0x7f.0x0.0x0.0x1/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://0177.0000.0000.0001/",
        "http://127.1/",
        "http://127.0.1/",
        "http://127.65537/",
        "http://127.000.000.001/",
        "http://0127.0.0.1/",
        "http://0x7f.1/",
        "http://0/",
        "http://0x0/",
        "http://00000000000/",
        "http://4294967295/",
        "http://4294967296/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://0xa9.0xfe.0xa9.0xfe/",
        "http://169.254.43518/",
        "http://167772161/",
        "http://10.1/",
        "http://0x0a000001/",
        "http://3232235521/",
        "http://192.168.257/",
        "http://134744072/",  # 8.8.8.8: a good address, but not plainly written
        "http://8.8.2056/",
        "http://0x08080808/",
        "http://127.0.0.1.5/",
        "http://256.256.256.256/",
        "http://1.2.3.4.5.6/",
        "http://999.1.1.1/",
        "http://name.0x7f/",
        "http://name.127/",
        "http://name.1/",
        "http://0xffffffffff/",
        "http://a.0/",
        # dots
        "http://127.0.0.1./",
        "http://127.0.0.1../",
        "http://2130706433./",
        "http://localhost./",
        "http://LOCALHOST./",
        "http://example.com./",
        "http://example.com../",
        "http://.example.com/",
        "http://a..example.com/",
        "http://../",
        "http://./",
        "http://.127.0.0.1/",
        # percent-encoded hosts
        "http://%31%32%37.0.0.1/",
        "http://127%2e0%2e0%2e1/",
        "http://%6c%6f%63%61%6c%68%6f%73%74/",
        "http://local%68ost/",
        "http://example.com%00.evil.example/",
        "http://example.com%2f@127.0.0.1%2f/".replace("@", ""),
        "http://127.0.0.1%23.example.com/",
        "http://%e2%91%a0%e2%91%a1%e2%91%a6.0.0.1/",
        "http://[%3a%3a1]/",
        # brackets and zone ids
        "http://[::1/",
        "http://::1]/",
        "http://::1/",
        "http://[]/",
        "http://[:]/",
        "http://[127.0.0.1]/",
        "http://[::1%lo]/",
        "http://[::1%25lo]/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[fe80::1%251]/",
        "http://[2606:4700:4700::1111%25eth0]/",
        "http://[v1.fe80::a]/",
        "http://[1:2:3:4:5:6:7:8:9]/",
        "http://[::ffff:0x7f.0.0.1]/",
        "http://[::ffff:127.1]/",
        "http://[::1].example.com/",
        "http://[::1]127.0.0.1/",
        # the host twice, or none
        "http://example.com,127.0.0.1/",
        "http://example.com;127.0.0.1/",
        "http://example.com&127.0.0.1/",
        "http://example.com=127.0.0.1/",
        "http://*.example.com/",
        "http://exam$ple.com/",
        "http://(127.0.0.1)/",
        "http://",
        "http:///",
        "http:////127.0.0.1/",
        "http:///127.0.0.1/",
        "http://?http://127.0.0.1/",
        "http://:80/",
        # too long names
        "http://" + "a" * 64 + ".example/",
        "http://" + ".".join(["a" * 49] * 6) + ".example/",
        # names that are no valid IDNA
        "http://xn--a.example/",
        "http://xn--0.example/",
    ],
    "characters": [
        "http://①②⑦.⓪.⓪.①/",  # circled digits: WHATWG readers see 127.0.0.1
        "http://127。0。0。1/",
        "http://\uff11\uff12\uff17.0.0.1/",  # full-width digits
        "http://127.0.0.1\uff0e/",
        "http://ⓛocalhost/",
        "http://loc\u00adalhost/",  # a soft hyphen vanishes in IDNA
        "http://localhost\u200b/",
        "http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54/",
        "http://bücher.example/",
        "http://example.com\u2044@127.0.0.1/",
        "http://example.com\uff0f127.0.0.1/",
        "http://examp\u0131e.com/",
        "http://example.com/\ud800",
        "http://١٢٧.0.0.1/",
        "http:\\\\127.0.0.1\\",
        "http://example.com\\@127.0.0.1/",
        "http://127.0.0.1\\.example.com/",
        "http://example.com\\.evil/",
        "http://example.com/a\\b",
        "http://example.com /",
        " http://example.com/",
        "http://example.com/ ",
        "http://example.com/\n",
        "http://example.com\n/",
        "http://example.com/\r\nHost: 127.0.0.1",
        "ht\ntp://127.0.0.1/",
        "http://127.0.0.1\t/",
        "http://1\t2\t7.0.0.1/",
        "\thttp://127.0.0.1/",
        "http://example.com/\x00",
        "http://127.0.0.1\x00.example.com/",
        "http://example.com/\x7f",
        'http://example.com/"',
        "http://example.com/\u00e9",
    ],
    "scheme": [
        "",
        "example.com",
        "//example.com/",
        "/hook",
        "http:example.com",
        "http:/example.com",
        "https:127.0.0.1",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "ftp://example.com/",
        "ws://example.com/",
        "unix:///var/run/docker.sock",
        "http+unix://%2fvar%2frun%2fdocker.sock/",
        "javascript://example.com/",
        "data:text/plain,x",
        "dict://127.0.0.1:11211/stat",
        "httpx://example.com/",
        "shttp://example.com/",
        "url:http://127.0.0.1/",
    ],
    "user-info": [
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://example.com@127.0.0.1/",
        "http://127.0.0.1@example.com/",
        "http://example.com:80@127.0.0.1/",
        "http://:@example.com/",
        "http://@example.com/",
        "http://a@b@example.com/",
        "http://user%40example.com@127.0.0.1/",
    ],
    "fragment": [
        "http://example.com/#",
        "http://example.com/#top",
        "http://example.com#@127.0.0.1/",
        "http://127.0.0.1#.example.com/",
        "http://example.com/?q#f",
    ],
    "length": [
        "http://example.com/" + "a" * 2030,
        "http://example.com/?" + "<" * 1500,
    ],
    "port": [
        "http://example.com:/",
        "http://example.com:0/",
        "http://example.com:00080/",
        "http://example.com:080/",
        "http://example.com:65536/",
        "http://example.com:99999/",
        "http://example.com:123456/",
        "http://example.com:-1/",
        "http://example.com:+80/",
        "http://example.com:8e1/",
        "http://example.com:0x50/",
        "http://example.com:http/",
        "http://example.com:80:80/",
        "http://example.com:80;127.0.0.1/",
        "http://[2606:4700:4700::1111]:/",
        *(
            f"http://example.com:{port}/"
            for port in (1, 7, 21, 22, 23, 25, 53, 79, 81, 110, 111, 143, 442, 444, 445, 587, 993, 1023)
        ),
    ],
    "local-name": [
        "http://localhost/",
        "http://LocalHost:8080/",
        "https://localhost/",
        "http://a.localhost/",
        "http://a.b.localhost:8080/",
        "http://printer.local/",
        "http://svc.cluster.local/",
        "http://db.internal/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://instance-data.ec2.internal/",
        "http://metadata/",
        "http://instance-data/latest/",
        "http://metadata.goog/",
        "http://METADATA.GOOG/",
        "http://kubernetes/",
        "http://intranet/",
        "http://postgres:5432/",
        "http://local/",
        "http://internal/",
        "http://ip6-localhost/",
    ],
    "this-network": [
        "http://0.0.0.0/",
        "http://0.0.0.0:8000/",
        "http://0.1.2.3/",
    ],
    "loopback": [
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "http://127.0.0.1:8000/api/callbacks/receive",
        "http://127.255.255.254/",
        "http://127.0.0.53/",
        "http://[::1]/",
        "http://[::1]:8000/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[0000::0001]/",
    ],
    "private": [
        "http://10.0.0.1/",
        "http://10.255.255.255/",
        "http://172.16.0.1/",
        "http://172.31.255.255/",
        "http://192.168.0.1/",
        "http://192.168.255.255:8443/",
    ],
    "shared": [
        "http://100.64.0.1/",
        "http://100.127.255.255/",
        "http://100.100.100.200/latest/meta-data/",
    ],
    "link-local": [
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.170.2/",
        "http://169.254.0.1/",
        "http://[fe80::1]/",
        "http://[febf::1]/",
        "http://[fe80::5efe:7f00:1]/",
    ],
    "cloud-platform": [
        "http://168.63.129.16/metadata",
    ],
    "protocol-assignment": [
        "http://192.0.0.1/",
        "http://192.0.0.192/",
        "http://192.0.0.170/",
        # Teredo: 127.0.0.1 as the server, and (inverted) as the client; benchmarking; ORCHIDv2
        "http://[2001:0:7f00:1::]/",
        "http://[2001::80ff:fffe]/",
        "http://[2001:2::1]/",
        "http://[2001:20::1]/",
    ],
    "documentation": [
        "http://192.0.2.1/",
        "http://198.51.100.7/",
        "http://203.0.113.9/",
        "http://[2001:db8::1]/",
        "http://[3fff::1]/",
    ],
    "as112": [
        "http://192.31.196.1/",
        "http://192.175.48.1/",
        "http://[2620:4f:8000::1]/",
    ],
    "amt": [
        "http://192.52.193.1/",
    ],
    "6to4-relay": [
        "http://192.88.99.1/",
    ],
    "benchmarking": [
        "http://198.18.0.1/",
        "http://198.19.255.255/",
    ],
    "multicast": [
        "http://224.0.0.1/",
        "http://239.255.255.250:1900/",
        "http://[ff02::1]/",
        "http://[ff0e::1]/",
    ],
    "reserved": [
        "http://240.0.0.1/",
        "http://255.255.255.255/",
    ],
    "unspecified": [
        "http://[::]/",
        "http://[0:0:0:0:0:0:0:0]:8000/",
    ],
    "ipv4-compatible": [
        "http://[::127.0.0.1]/",
        "http://[::7f00:1]/",
        "http://[::a9fe:a9fe]/",
        "http://[::8.8.8.8]/",
    ],
    "ipv4-mapped": [
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::FFFF:127.0.0.1]:8000/",
        "http://[0:0:0:0:0:ffff:127.0.0.1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:8.8.8.8]/",
        "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
        "http://[::ffff:10.0.0.1]/",
    ],
    "ipv4-translated": [
        "http://[::ffff:0:127.0.0.1]/",
        "http://[::ffff:0:7f00:1]/",
    ],
    "nat64": [
        "http://[64:ff9b::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[64:ff9b:1:fffe::10.0.0.1]/",
        "http://[64:ff9b::8.8.8.8]/",
    ],
    "6to4": [
        "http://[2002:7f00:1::]/",
        "http://[2002:a9fe:a9fe::1]/",
        "http://[2002:808:808::1]/",
    ],
    "isatap": [
        "http://[2a00:1450:4001::5efe:127.0.0.1]/",
        "http://[2a00:1450:4001::200:5efe:10.0.0.1]/",
    ],
    "unique-local": [
        "http://[fc00::1]/",
        "http://[fd00:ec2::254]/",
        "http://[fd20:ce::254]/",
        "http://[fdff:ffff::1]/",
    ],
    "site-local": [
        "http://[fec0::1]/",
        "http://[feff::1]/",
    ],
    "not-global-unicast": [
        "http://[100::1]/",
        "http://[5f00::1]/",
        "http://[4000::1]/",
        "http://[1::1]/",
        "http://[e000::1]/",
        "http://[200::1]/",
    ],
}

#: raw → canonical
ACCEPTED = {
    "http://example.com": "http://example.com/",
    "https://example.com/": "https://example.com/",
    "HTTPS://Example.COM/Hook": "https://example.com/Hook",
    "http://example.com:80/": "http://example.com/",
    "https://example.com:443/a": "https://example.com/a",
    "http://example.com:443/": "http://example.com:443/",
    "http://example.com:1024/": "http://example.com:1024/",
    "https://example.com:65535/": "https://example.com:65535/",
    "https://hooks.example.com:8443/a/b?x=1&y=%2B+%20": "https://hooks.example.com:8443/a/b?x=1&y=%2B+%20",
    "https://example.com/a/../b/./c": "https://example.com/b/c",
    "https://example.com/?": "https://example.com/",
    "https://example.com/a??": "https://example.com/a??",
    "https://example.com?token=a:b@c": "https://example.com/?token=a:b@c",
    "https://example.com/%41%zz": "https://example.com/%41%zz",
    "https://example.com/a|b^{c}": "https://example.com/a|b^%7Bc%7D",
    "https://xn--bcher-kva.example/": "https://xn--bcher-kva.example/",
    "https://under_score.example/": "https://under_score.example/",
    "https://127.0.0.1.example.com/": "https://127.0.0.1.example.com/",
    "https://localhost.example.com/": "https://localhost.example.com/",
    "https://example.com/http://127.0.0.1/": "https://example.com/http://127.0.0.1/",
    "http://8.8.8.8/": "http://8.8.8.8/",
    "http://1.1.1.1:8080/": "http://1.1.1.1:8080/",
    "http://93.184.216.34/": "http://93.184.216.34/",
    "http://172.32.0.1/": "http://172.32.0.1/",
    "http://100.128.0.1/": "http://100.128.0.1/",
    "http://223.255.255.255/": "http://223.255.255.255/",
    "http://[2606:4700:4700::1111]/": "http://[2606:4700:4700::1111]/",
    "http://[2606:4700:4700:0:0:0:0:1111]:8443/": "http://[2606:4700:4700::1111]:8443/",
    "https://[2A00:1450:4001:080B::200E]/": "https://[2a00:1450:4001:80b::200e]/",
    "https://[2001:4860:4860::8888]/": "https://[2001:4860:4860::8888]/",
    "https://" + ".".join(["a" * 63] * 3) + ".example/": "https://" + ".".join(["a" * 63] * 3) + ".example/",
}


def test_the_table_holds_at_least_150_spellings() -> None:
    spellings = [url for urls in REFUSED.values() for url in urls]
    assert len(spellings) == len(set(spellings)) > 150


@pytest.mark.parametrize(
    ("raw", "rule"), [pytest.param(url, rule, id=ascii(url)[:60]) for rule, urls in REFUSED.items() for url in urls]
)
def test_what_is_not_plainly_public_is_refused_and_the_rule_is_named(raw: str, rule: str) -> None:
    with pytest.raises(ForbiddenCallbackUrl) as refused:
        STRICT.check(raw)
    assert refused.value.rule == rule
    assert refused.value.detail.endswith(".")
    assert refused.value.detail.isascii()


@pytest.mark.parametrize(("raw", "canonical"), ACCEPTED.items())
def test_a_plain_public_url_is_accepted_in_its_canonical_form(raw: str, canonical: str) -> None:
    url = STRICT.check(raw)
    assert url.url == canonical
    assert not url.exempt
    assert STRICT.check(url.url) == url


@pytest.mark.parametrize(
    ("raw", "receiver"),
    [
        ("http://Example.com/a?b", "http://example.com:80"),
        ("https://example.com", "https://example.com:443"),
        ("http://example.com:443", "http://example.com:443"),
        ("https://[2606:4700:4700::1111]/x", "https://[2606:4700:4700::1111]:443"),
    ],
)
def test_a_receiver_is_scheme_host_and_port_with_the_port_always_given(raw: str, receiver: str) -> None:
    assert STRICT.check(raw).receiver == receiver


def test_the_parts_of_an_address_come_without_brackets() -> None:
    url = STRICT.check("https://[2606:4700:4700::1111]:8443/")
    assert (url.scheme, url.host, url.port) == ("https", "2606:4700:4700::1111", 8443)


def test_a_refusal_never_repeats_the_url() -> None:
    for raw in (
        "http://secret-host.internal/tok3n",
        "http://u:tok3n@secret-host.example/",
        "http://tok3n..secret-host/",
    ):
        with pytest.raises(ForbiddenCallbackUrl) as refused:
            STRICT.check(raw)
        assert "tok3n" not in refused.value.detail
        assert "secret-host" not in refused.value.detail


@pytest.mark.parametrize(
    "raw", ["http://127.0.0.1/", "http://localhost/", "http://example.com:22/", "http://[fd00::1]/"]
)
def test_a_refusal_that_a_setting_could_lift_names_the_setting(raw: str) -> None:
    with pytest.raises(ForbiddenCallbackUrl, match="CALLBACK_ALLOWED_ORIGINS"):
        STRICT.check(raw)


@pytest.mark.parametrize("raw", ["http://127.1/", "ftp://example.com/", "http://a@b.example/", "http://a..b.example/"])
def test_a_refusal_that_no_setting_lifts_names_none(raw: str) -> None:
    with pytest.raises(ForbiddenCallbackUrl) as refused:
        STRICT.check(raw)
    assert "CALLBACK_ALLOWED_ORIGINS" not in refused.value.detail


@pytest.mark.parametrize(
    ("origin", "raw"),
    [
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001/hook?x=1"),
        ("http://localhost:9001", "http://LOCALHOST:9001/any/path"),
        ("http://localhost", "http://localhost/"),
        ("http://[::1]:9001", "http://[0:0:0:0:0:0:0:1]:9001/"),
        ("https://receiver:8443", "https://receiver:8443/"),
        ("http://10.0.0.7:25", "http://10.0.0.7:25/"),
        ("http://hooks.internal", "http://hooks.internal:80/"),
    ],
)
def test_an_allowed_origin_is_let_through_wherever_it_leads(origin: str, raw: str) -> None:
    assert CallbackPolicy(frozenset({parse_origin(origin)})).check(raw).exempt


@pytest.mark.parametrize(
    "raw",
    [
        "https://127.0.0.1:9001/",
        "http://127.0.0.1:9002/",
        "http://127.0.0.1/",
        "http://127.0.0.2:9001/",
        "http://localhost:9001/",
        "http://[::1]:9001/",
        "http://127.1:9001/",
        "http://2130706433:9001/",
        "http://127.0.0.1.:9001/",
        "http://user@127.0.0.1:9001/",
        "http://127.0.0.1:9001@127.0.0.2/",
        "http://127.0.0.2/?http://127.0.0.1:9001",
        "http://127.0.0.2/http://127.0.0.1:9001/",
        "http://127.0.0.1:9001#@127.0.0.2/",
    ],
)
def test_an_allowed_origin_opens_nothing_but_itself(raw: str) -> None:
    policy = CallbackPolicy(frozenset({"http://127.0.0.1:9001"}))
    with pytest.raises(ForbiddenCallbackUrl):
        policy.check(raw)


def test_the_demo_receiver_is_allowed_at_its_one_url() -> None:
    url = CallbackPolicy(demo_url=DEMO).check(DEMO)
    assert url.exempt
    assert url.receiver == "http://localhost:8000"


@pytest.mark.parametrize(
    "raw",
    [
        "http://localhost:8000/",
        "http://localhost:8000/api/requests",
        DEMO + "/",
        DEMO + "?x=1",
        DEMO + "/../../requests",
        DEMO + "%2f",
        "http://localhost:8001/api/callbacks/receive",
        "https://localhost:8000/api/callbacks/receive",
        "http://127.0.0.1:8000/api/callbacks/receive",
        "http://localhost:8000/API/callbacks/receive",
    ],
)
def test_every_other_url_of_this_server_is_refused(raw: str) -> None:
    with pytest.raises(ForbiddenCallbackUrl):
        CallbackPolicy(demo_url=DEMO).check(raw)


def test_a_public_server_may_not_be_told_to_call_itself_elsewhere() -> None:
    policy = CallbackPolicy(demo_url="https://reports.example.com/api/callbacks/receive")
    with pytest.raises(ForbiddenCallbackUrl) as refused:
        policy.check("https://reports.example.com/api/requests")
    assert refused.value.rule == "demo-receiver"
    assert not policy.check("https://other.example.com/api/requests").exempt


def test_without_demo_tools_its_url_is_like_any_other() -> None:
    with pytest.raises(ForbiddenCallbackUrl):
        STRICT.check(DEMO)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001"),
        ("HTTP://LocalHost:9001", "http://localhost:9001"),
        ("https://example.com", "https://example.com:443"),
        ("https://example.com:443", "https://example.com:443"),
        ("http://[0:0::1]:9001", "http://[::1]:9001"),
        ("http://receiver", "http://receiver:80"),
    ],
)
def test_an_origin_of_the_setting_has_one_canonical_form(text: str, origin: str) -> None:
    assert parse_origin(text) == origin
    assert parse_origin(origin) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "http://*",
        "http://*.example.com",
        "http://127.0.0.1:*",
        "http://127.0.0.1:9001/",
        "http://127.0.0.1:9001/hook",
        "http://127.0.0.1:9001?x",
        "http://127.0.0.1:9001#x",
        "http://user@127.0.0.1:9001",
        "127.0.0.1:9001",
        "localhost",
        "ftp://127.0.0.1",
        "http://127.1:9001",
        "http://127.0.0.0/8",
        "http://localhost.:9001",
        "http://127.0.0.1:0",
        "http://127.0.0.1:70000",
        "http://a, http://b",
        " http://127.0.0.1:9001",
        "http://bücher.example",
        "null",
    ],
)
def test_what_is_not_exactly_an_origin_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"an allowed origin .* write it like http://127\.0\.0\.1:9001"):
        parse_origin(text)


def test_a_policy_takes_only_canonical_origins_and_a_real_demo_url() -> None:
    with pytest.raises(ValueError, match="as parse_origin returns them"):
        CallbackPolicy(frozenset({"https://example.com"}))
    with pytest.raises(ValueError, match="demo receiver"):
        CallbackPolicy(demo_url="http://127.1/")


# What the readers are fed: plausible parts, hostile parts, and any text at all.
_GOOD_HOSTS = st.one_of(
    st.sampled_from(["example.com", "a.b.example", "xn--bcher-kva.example", "93.184.216.34", "[2606:4700::1111]"]),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6, network="2000::/3").map(lambda address: f"[{address}]"),
)
_ODD_HOSTS = st.one_of(
    st.sampled_from(["localhost", "127.1", "0x7f.1", "1.2.3.4.5", "2130706433", "a@example.com", "example.com."]),
    st.ip_addresses(v=6).map(lambda address: f"[{address.exploded}]"),
    st.ip_addresses(v=4, network="127.0.0.0/8").map(lambda address: f"[::ffff:{address}]"),
    st.text("abcdefxn019-_.%:@[]\\", min_size=1, max_size=20),
)
_TAILS = st.one_of(
    st.text("abc019/.%?&=+~'|^{}<>[]();:@!$*,-_`", max_size=30),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7F), max_size=30),
)
_URLS = st.one_of(
    st.builds(
        "{}://{}{}{}{}".format,
        st.sampled_from(["http", "https", "HTTP", "http"]),
        _GOOD_HOSTS,
        st.sampled_from(["", ":80", ":443", ":8080", ":65535"]),
        st.sampled_from(["/", "?", "/a/../", "//", "/%2e%2e/"]),
        _TAILS,
    ),
    st.builds(
        "{}://{}{}".format, st.sampled_from(["http", "https"]), _GOOD_HOSTS, st.sampled_from(["", ":80", ":9001"])
    ),
    st.builds(
        "{}://{}{}{}".format,
        st.sampled_from(["http", "https", "ftp"]),
        st.one_of(_GOOD_HOSTS, _ODD_HOSTS),
        st.sampled_from(["", ":80", ":22", ":0", ":65536", ":", "?", "\\", "#"]),
        _TAILS,
    ),
    st.text(max_size=60).map(lambda text: "http://" + text),
)


def test_the_generated_urls_are_not_refused_all() -> None:
    find(_URLS, lambda raw: (url := _accepted(raw)) is not None and "?" in url.url and url.port == 8080)
    find(_URLS, lambda raw: (url := _accepted(raw)) is not None and ":" in url.host)


def _accepted(raw: str) -> CallbackUrl | None:
    try:
        return STRICT.check(raw)
    except ForbiddenCallbackUrl:
        return None


@given(_URLS)
def test_whatever_is_accepted_means_the_same_to_every_reader(raw: str) -> None:
    url = _accepted(raw)
    if url is None:
        return
    whatwg, ours, dialled, standard = (
        AnyHttpUrl(url.url),
        httpx.URL(url.url),
        URL(url.url, encoded=True),
        urlsplit(url.url),
    )
    default = {"http": 80, "https": 443}[url.scheme]
    assert url.url == str(whatwg) == str(ours) == str(dialled) == standard.geturl()
    assert url.scheme == whatwg.scheme == ours.scheme == dialled.scheme == standard.scheme
    assert (
        url.host == (whatwg.host or "").strip("[]") == ours.raw_host.decode() == dialled.raw_host == standard.hostname
    )
    assert url.port == whatwg.port == (ours.port or default) == dialled.port == (standard.port or default)
    assert dialled.raw_path_qs.encode() == ours.raw_path


@given(_URLS)
def test_no_accepted_address_would_be_refused_when_it_is_dialled(raw: str) -> None:
    url = _accepted(raw)
    if url is None:
        return
    try:
        address = ipaddress.ip_address(url.host)
    except ValueError:
        assert not url.host.rpartition(".")[2].isdigit()
    else:
        assert forbidden_reason(address) is None


@given(_URLS)
def test_the_canonical_form_is_a_fixed_point(raw: str) -> None:
    url = _accepted(raw)
    if url is not None:
        assert _accepted(url.url) == url
        assert len(url.url) <= 2048
        assert url.url.isascii()


@given(_URLS)
def test_an_origin_is_never_more_than_scheme_host_and_port(text: str) -> None:
    try:
        origin = parse_origin(text)
    except ValueError:
        return
    assert parse_origin(origin) == origin
    assert not set(text.partition("://")[2]) & set("/?#@\\*%")
    assert CallbackPolicy(frozenset({origin})).check(origin).receiver == origin
