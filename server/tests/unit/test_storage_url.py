"""Where reports are kept, as it is written in a setting."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.storage_url import Bucket, Folder, check_endpoint, read_storage_url


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("file:///srv/reports", Folder(Path("/srv/reports"))),
        ("file:///srv/my%20reports/", Folder(Path("/srv/my reports"))),
        ("s3://my-reports", Bucket("my-reports", "")),
        ("s3://my-reports/", Bucket("my-reports", "")),
        ("s3://my.reports/a/b_c-1.d", Bucket("my.reports", "a/b_c-1.d")),
    ],
)
def test_a_folder_or_a_bucket_is_read(url: str, place: Folder | Bucket) -> None:
    assert read_storage_url(url) == place


@pytest.mark.parametrize(
    "url",
    [
        *("reports", "/srv/reports", "https://my-reports", "S3", "s3:", "file:srv", "http://[::1"),
        *("file://srv/reports", "file:///", "file:///a%00b", "file://localhost/srv"),
        *("s3://", "s3://ab", "s3://My-Reports", "s3://1.2.3.4", "s3://a..b", "s3://-ab", "s3://my_reports"),
        *("s3://key:hush@my-reports", "s3://my-reports:9000", "s3://my-reports?x=1", "s3://my-reports#x"),
        *("s3://my-reports/a//b", "s3://my-reports/../b", "s3://my-reports/a%2Fb", "s3://my-reports/ü"),
        f"s3://my-reports/{'a' * 513}",
    ],
)
def test_anything_else_is_refused_in_a_sentence_that_repeats_none_of_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z].*") as refused:
        read_storage_url(url)

    assert "hush" not in str(refused.value)


@given(st.text(max_size=40))
def test_no_text_is_read_into_a_place_outside(text: str) -> None:
    try:
        place = read_storage_url(f"s3://my-reports/{text}")
    except ValueError:
        return

    assert isinstance(place, Bucket)
    assert place.name == "my-reports"
    assert not {"", ".", ".."} & set(place.prefix.split("/")) or place.prefix == ""


@pytest.mark.parametrize("url", ["https://s3.example.com", "http://127.0.0.1:8333", "http://[::1]:8333/"])
def test_an_endpoint_is_scheme_host_and_port(url: str) -> None:
    assert check_endpoint(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["s3.example.com", "ftp://a", "https://a/b", "https://k:s@a", "http://a:0", "http://a:99999", ""]
)
def test_another_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="write scheme, host"):
        check_endpoint(url)
