"""`STORAGE_URL`: where reports are kept, read into a folder or a bucket."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

PREFIX_CHARS_MAX = 512

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; MinIO and SeaweedFS know the same.
_BUCKET = re.compile(r"(?!\d+(\.\d+){3}$)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
# What no signature and no proxy reads in two ways.
_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]+", re.ASCII)
_ENDPOINT = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>\d{1,5}))?/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Folder:
    """Reports in a folder."""

    path: Path


@dataclass(frozen=True, slots=True)
class Bucket:
    """Reports in a bucket, below a prefix (empty: at its top)."""

    name: str
    prefix: str


def read_storage_url(url: str) -> Folder | Bucket:
    """Read `file:///folder` or `s3://bucket/prefix`.

    Raises:
        ValueError: it is neither; the sentence says what to write and repeats nothing of the URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in {"file", "s3"}:
        raise ValueError("write file:///folder or s3://bucket/prefix")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("write it without ? and #; what else there is to say of S3 is said by the variables AWS_…")
    return _folder(parts) if parts.scheme == "file" else _bucket(parts)


def check_endpoint(url: str) -> str:
    """Refuse an `AWS_ENDPOINT_URL` that is none.

    Raises:
        ValueError: it is not scheme, host and port.
    """
    match = _ENDPOINT.fullmatch(url)
    if match is None or not 0 < int(match["port"] or 443) < 65_536:
        raise ValueError(
            "write scheme, host and, where it is not the scheme's own, port, such as https://s3.example.com"
        )
    return url.rstrip("/")


def _folder(parts: SplitResult) -> Folder:
    if parts.netloc:
        raise ValueError("a folder is written with three slashes: file:///srv/reports")
    path = unquote(parts.path)
    if "\0" in path or not path.startswith("/") or path.strip("/") == "":
        raise ValueError("name a folder from the root on: file:///srv/reports")
    return Folder(Path(path))


def _bucket(parts: SplitResult) -> Bucket:
    if "@" in parts.netloc:
        raise ValueError("keys do not belong into the URL: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError(
            "the bucket's name has 3 to 63 small letters, digits, hyphens and dots, as in s3://my-reports/prefix"
        )
    prefix = parts.path.strip("/")
    if len(prefix) > PREFIX_CHARS_MAX or not all(_SEGMENT.fullmatch(part) for part in prefix.split("/") if prefix):
        raise ValueError(
            f"the prefix has letters, digits, . _ - and single slashes, up to {PREFIX_CHARS_MAX} characters,"
            " as in s3://my-reports/prefix"
        )
    return Bucket(parts.netloc, prefix)
