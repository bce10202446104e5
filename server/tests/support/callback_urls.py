"""Callback URLs and addresses that must be refused, by the rule, those that must not be, and generated ones."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st

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

#: why it is forbidden → addresses
FORBIDDEN_ADDRESSES = {
    "this-network": "0.0.0.0 0.0.0.1 0.255.255.255",
    "private": "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255",
    "shared": "100.64.0.0 100.100.100.200 100.127.255.255",
    "loopback": "127.0.0.0 127.0.0.1 127.0.0.53 127.255.255.255 ::1",
    "cloud-platform": "168.63.129.16",
    "link-local": "169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255 fe80:: fe80::1 febf:ffff::1",
    "protocol-assignment": "192.0.0.0 192.0.0.8 192.0.0.170 192.0.0.192 192.0.0.255 "
    "2001:: 2001:0:7f00:1:: 2001::80ff:fffe 2001:1::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::",
    "documentation": "192.0.2.0 198.51.100.0 203.0.113.255 2001:db8:: 2001:db8:ffff::1 3fff:: 3fff:fff::1",
    "as112": "192.31.196.1 192.175.48.1 2620:4f:8000::1",
    "amt": "192.52.193.1",
    "6to4-relay": "192.88.99.1 192.88.99.255",
    "benchmarking": "198.18.0.0 198.19.255.255",
    "multicast": "224.0.0.0 224.0.0.251 239.255.255.250 ff00:: ff02::1 ff05::1:3 ff0e::1",
    "reserved": "240.0.0.0 250.1.2.3 255.255.255.255",
    "unspecified": "::",
    "ipv4-compatible": "::2 ::127.0.0.1 ::8.8.8.8 ::ffff:ffff",
    "ipv4-mapped": "::ffff:0.0.0.0 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8",
    "ipv4-translated": "::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8",
    "nat64": "64:ff9b:: 64:ff9b::127.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::1 64:ff9b:1:ffff::a00:1",
    "6to4": "2002:: 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:808:808::1",
    "isatap": "2a00:1450::5efe:127.0.0.1 2a00:1450::200:5efe:8.8.8.8",
    "unique-local": "fc00:: fd00:ec2::254 fd20:ce::254 fdff:ffff::1",
    "site-local": "fec0:: fec0::1 feff:ffff::1",
    "zone-id": "fe80::1%eth0 ::1%lo 2606:4700:4700::1111%1",
    "not-global-unicast": "1:: 64:ff9a::1 64:ff9b:2::1 100:: 100:0:0:1:: 1fff:ffff:: 4000:: 5f00::1 8000:: e000::",
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
URLS = st.one_of(
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


# One address in many spellings: what one reader takes for a name is 127.0.0.1 to the next.
_FULL_WIDTH = {ord(character): ord(character) + 0xFEE0 for character in "0123456789."}
_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_V4_SPELLINGS: list[Callable[[IPv4Address], str]] = [
    str,
    lambda address: str(int(address)),
    lambda address: hex(int(address)),
    lambda address: f"0{int(address):o}",
    lambda address: ".".join(f"0{byte:o}" for byte in address.packed),
    lambda address: ".".join(f"{byte:#X}" for byte in address.packed),
    lambda address: ".".join(f"{byte:03d}" for byte in address.packed),
    lambda address: "{}.{}.{}".format(*address.packed[:2], int.from_bytes(address.packed[2:])),
    lambda address: f"{address.packed[0]}.{int.from_bytes(address.packed[1:])}",
    lambda address: f"{address}.",
    lambda address: str(address).translate(_FULL_WIDTH),
    lambda address: str(address).translate(_CIRCLED),
    lambda address: str(address).replace(".", "。"),
    lambda address: "".join(f"%{ord(character):02x}" for character in str(address)),
    lambda address: f"[{address}]",
]
#: An IPv4 address as a number → an IPv6 address that leads to it.
EMBEDDINGS: list[Callable[[int], int]] = [
    lambda inner: inner,  # compatible
    lambda inner: 0xFFFF << 32 | inner,  # mapped
    lambda inner: 0xFFFF << 48 | inner,  # SIIT
    lambda inner: 0x64_FF9B << 96 | inner,  # NAT64
    lambda inner: 0x64_FF9B_0001 << 80 | inner,  # NAT64, local use
    lambda inner: 0x2002 << 112 | inner << 80,  # 6to4
    lambda inner: 0x2001 << 112 | inner << 64,  # Teredo: the server
    lambda inner: 0x2001 << 112 | inner ^ 0xFFFF_FFFF,  # Teredo: the client
    lambda inner: 0x2A00 << 112 | 0x5EFE << 32 | inner,  # ISATAP
]
_V6_SPELLINGS: list[Callable[[IPv6Address], str]] = [
    lambda address: f"[{address}]",
    lambda address: f"[{address.exploded}]",
    lambda address: f"[{str(address).upper()}]",
    lambda address: f"[{IPv6Address(int(address) >> 32 << 32)}{IPv4Address(int(address) & 0xFFFF_FFFF)}]",
    lambda address: f"[{address}%25lo]",
    lambda address: f"[{address}%lo]",
    str,
]
_ANY_V4 = st.one_of(
    st.sampled_from(["127.0.0.1", "127.255.255.254", "10.0.0.1", "169.254.169.254", "8.8.8.8"]).map(IPv4Address),
    st.integers(0, 2**32 - 1).map(IPv4Address),
)
_ANY_V6 = st.one_of(
    st.builds(lambda embed, inner: IPv6Address(embed(int(inner))), st.sampled_from(EMBEDDINGS), _ANY_V4),
    st.integers(0x2000 << 112, (0x4000 << 112) - 1).map(IPv6Address),
    st.integers(0, 2**128 - 1).map(IPv6Address),
)
ADDRESSES = st.one_of(_ANY_V4, _ANY_V6)
_HOSTS = st.one_of(
    st.builds(lambda spell, address: spell(address), st.sampled_from(_V4_SPELLINGS), _ANY_V4),
    st.builds(lambda spell, address: spell(address), st.sampled_from(_V6_SPELLINGS), _ANY_V6),
    _GOOD_HOSTS,
    _ODD_HOSTS,
    st.text(st.characters(), min_size=1, max_size=12),
)
_SPELLED_URLS = st.builds(
    "{}{}{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTPS://", "http:/", "http:\\\\", "ftp://", "//", ""]),
    st.sampled_from(["", "", "", "user@", "user:secret@", "example.com\\@", "8.8.8.8#@", "%40@"]),
    _HOSTS,
    st.sampled_from(["", ":80", ":443", ":8080", ":9001", ":65535", ":0", ":080", ":65536", ":22", ":"]),
    st.sampled_from(["", "/", "?", "#", "\\", "/%2e%2e/", "/%2F..%5c", "\t", "\n"]),
    _TAILS,
)
_PLAIN_URLS = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https"]),
    st.one_of(_ANY_V4.map(str), _ANY_V6.map(lambda address: f"[{address}]"), _GOOD_HOSTS, st.just("localhost")),
    st.sampled_from(["", "/", ":9001/hook", ":8080/a?b=c", ":443/"]),
)
#: All of it: plain and odd, of every address.
ANY_URLS = st.one_of(URLS, _SPELLED_URLS, _PLAIN_URLS)
