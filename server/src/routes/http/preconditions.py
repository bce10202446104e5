"""Conditional requests (RFC 9110, section 13) for resources with a strong ETag and a modification time.

Pure functions: header values and validators in, a verdict out.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

from starlette.types import Scope

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_NAMES = frozenset({b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range"})

# Section 8.8.3: an opaque-tag may contain commas, and `W/` is case-sensitive.
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_TAG_LIST = re.compile(rf"[ \t,]*(?:{_ENTITY_TAG.pattern}[ \t]*(?:,[ \t,]*|$))+", re.ASCII)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
#: Section 5.6.7: IMF-fixdate, and the two obsolete formats that must be accepted.
_DATES = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"{_DAY}, (?P<day>\d{{2}}) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
        rf"{_LONG_DAY}, (?P<day>\d{{2}})-{_MONTH}-(?P<year>\d{{2}}) {_TIME} GMT",
        rf"{_DAY} {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)


class Verdict(Enum):
    """The outcome of evaluating the preconditions of a request."""

    #: Perform the method, honoring `Range`.
    PERFORM = auto()
    #: Perform the method, ignoring `Range` (section 13.1.5).
    PERFORM_WHOLE = auto()
    #: Respond with 304 (section 15.4.5).
    NOT_MODIFIED = auto()
    #: Respond with 412 (section 15.5.13).
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators of the selected representation.

    Args:
        etag: its opaque-tag, without quotes; strong.
        last_modified: with a resolution of one second, aware.
    """

    etag: str
    last_modified: datetime


def conditional_headers(scope: Scope) -> dict[str, str]:
    """Extract the headers evaluated here; multiple lines of a field are joined to one list (section 5.3)."""
    read: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name in _NAMES:
            text = value.decode("latin-1").strip(" \t")
            known = name.decode("ascii")
            read[known] = f"{read[known]}, {text}" if known in read else text
    return read


def names_version(headers: dict[str, str]) -> bool:
    """Whether a request is for one version alone, by a validator of ours, which another server would not know."""
    return not headers.keys().isdisjoint({"if-match", "if-unmodified-since", "if-range"})


def judge(method: str, headers: dict[str, str], now_is: Validators, now: datetime) -> Verdict:
    """Evaluate preconditions in the order of section 13.2.2. A field with an invalid date is ignored.

    Args:
        method: the request's method.
        headers: values by lower-case name; multiple lines of a field joined with commas.
        now_is: the validators of the current representation, which must exist.
        now: the time, aware; determines the century of two-digit years.
    """
    if (if_match := headers.get("if-match")) is not None:
        if not _matches(if_match, now_is.etag, weakly=False):  # 13.1.1
            return Verdict.FAILED
    elif (since := _date(headers.get("if-unmodified-since"), now)) and now_is.last_modified > since:  # 13.1.4
        return Verdict.FAILED
    if (if_none_match := headers.get("if-none-match")) is not None:
        if _matches(if_none_match, now_is.etag, weakly=True):  # 13.1.2
            return Verdict.NOT_MODIFIED if method in _SAFE_METHODS else Verdict.FAILED
    elif method in _SAFE_METHODS and not _is_modified_since(headers.get("if-modified-since"), now_is, now):  # 13.1.3
        return Verdict.NOT_MODIFIED
    if_range = headers.get("if-range")
    if if_range is not None and "range" in headers and not _is_same(if_range, now_is, now):
        return Verdict.PERFORM_WHOLE
    return Verdict.PERFORM


def _is_modified_since(field: str | None, now_is: Validators, now: datetime) -> bool:
    since = _date(field, now)
    return since is None or now_is.last_modified > since


def _matches(field: str, etag: str, *, weakly: bool) -> bool:
    """Return whether a list of entity tags, or `*`, matches the tag. A malformed list matches nothing."""
    if field == "*":
        return True
    return any(opaque == etag and (weakly or not weak) for weak, opaque in _tags(field))


def _tags(field: str) -> list[tuple[str, str]]:
    """Split a list into (`W/` or nothing, opaque-tag)."""
    return _ENTITY_TAG.findall(field) if _TAG_LIST.fullmatch(field) else []


def _is_same(if_range: str, now_is: Validators, now: datetime) -> bool:
    """Evaluate `If-Range` (section 13.1.5): strong comparison of tags, or the exact date.

    The date is a strong validator here (section 8.8.2.2): a report never changes within a second, or at all.
    """
    if tag := _ENTITY_TAG.fullmatch(if_range):
        return tag.groups() == (None, now_is.etag)
    return _date(if_range, now) == now_is.last_modified


def _date(field: str | None, now: datetime) -> datetime | None:
    """Parse an HTTP-date; None for anything else."""
    found = next((match for form in _DATES if field and (match := form.fullmatch(field))), None)
    if found is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:  # more than 50 years in the future means the past (section 5.6.7)
        year += now.year - now.year % 100
        year -= 100 if year > now.year + 50 else 0
    month, second = _MONTHS.index(found["month"]) + 1, int(found["second"])
    time = int(found["hour"]), int(found["minute"]), 59 if second == 60 else second  # a leap second is valid
    try:
        return datetime(year, month, int(found["day"]), *time, tzinfo=UTC)
    except ValueError:
        return None
