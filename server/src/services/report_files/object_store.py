"""Reports in a bucket of S3 or a compatible store (R2, MinIO, SeaweedFS, …).

The client is obstore's, with its own connections: it only ever reaches the operator's endpoint. The module is only
imported if `STORAGE_URL` names a bucket.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PreconditionError
from obstore.store import S3Store

from src.errors import NotStarted
from src.services.report_files.object_store_faults import StorageAway, explain
from src.services.report_files.retry_gate import RetryGate
from src.services.report_files.storage import (
    CSV,
    CheckedReports,
    StorageState,
    StoredFile,
    attachment,
    file_name,
    not_stored,
    request_of,
)
from src.storage_url import Bucket

#: One part of a multipart upload, the smallest that S3 takes. A shorter report is one PUT.
PART_BYTES = 5 * 1024 * 1024
#: Parts uploaded concurrently: with the one being filled, 15 MiB of memory per report being written.
PARTS_AT_ONCE = 2
#: Size of one read, and so the memory per download.
READ_BYTES = 256 * 1024
#: Timeout of one HTTP exchange, seconds. A shutdown waits for the exchanges in flight, and has 15 s.
REQUEST_TIMEOUT_S = 6
CONNECT_TIMEOUT_S = 2
#: Only fast failures are retried here; after slower ones the caller retries.
RETRIES_MAX = 1
RETRIES_WITHIN_S = 2
#: A younger report is never listed as a possible orphan: its writer may not have checked yet whether the request
#: still exists.
SETTLED_AFTER_S = 60
#: Every probe of the store is a PUT and a DELETE, which cost money.
PROBED_EVERY_S = 5.0
PROBE_FOLDER = "probe"
PROBE = b"Financial Report Generator: whether reports can be kept here.\n"
PROBE_ABANDONED_AFTER_S = 3600

#: What the client raises; FileNotFoundError stands for a 404.
_FAULTS = (BaseError, FileNotFoundError)


@dataclass(frozen=True, slots=True)
class S3Access:
    """Endpoint and credentials of S3; empty fields are left to the environment (AWS_ROLE_ARN, instance roles, …)."""

    endpoint: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


class ObjectReport:
    """One verified version of an object, open for reading.

    Args:
        store: the bucket.
        request_id: identifies the object.
        etag: identifies its version.
    """

    def __init__(self, store: "ObjectStore", request_id: UUID, etag: str) -> None:
        self._store = store
        self._request_id = request_id
        self._etag = etag

    def chunks(self, first: int, length: int) -> Iterator[bytes]:
        """Read from exactly this version, in one request."""
        return self._store.read(self._request_id, self._etag, first, length)

    def link(self, valid_s: int) -> str | None:
        """Return a presigned URL for GET."""
        return self._store.sign(self._request_id, valid_s)

    def close(self) -> None:
        """Do nothing: no connection is held between reads."""


class ObjectStore:
    """A bucket of reports; the object of a request is `<prefix>/<request id>.csv`.

    Args:
        bucket: its name and the prefix of the objects.
        access: endpoint and credentials.
    """

    is_quick = False

    def __init__(self, bucket: Bucket, access: S3Access) -> None:
        self._bucket = bucket.name
        self._place = urlsplit(access.endpoint).netloc or f"S3 ({access.region or 'the default region'})"
        self._store = S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            client_options={
                "allow_http": access.endpoint.startswith("http:"),
                "timeout": timedelta(seconds=REQUEST_TIMEOUT_S),
                "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT_S),
            },
            retry_config={"max_retries": RETRIES_MAX, "retry_timeout": timedelta(seconds=RETRIES_WITHIN_S)},
            **_given(access),
        )
        self._gate = RetryGate(REQUEST_TIMEOUT_S)
        self._checked = CheckedReports()
        self._state: StorageState | None = None
        self._looked_at_s = 0.0

    def prepare(self) -> None:
        """Check that objects can be written, read, listed and deleted.

        Raises:
            NotStarted: they cannot; its message says what to fix.
        """
        probe = f"{PROBE_FOLDER}/{uuid4()}"
        try:
            with self._asking("write"):
                obstore.put(self._store, probe, PROBE)
            with self._asking("read"):
                is_same = obstore.get(self._store, probe).bytes().to_bytes() == PROBE
            with self._asking("list"):
                for _page in obstore.list(self._store, PROBE_FOLDER):
                    break
            with self._asking("delete"):
                obstore.delete(self._store, probe)
        except StorageAway as away:
            raise NotStarted(f"STORAGE_URL: {away.strerror}.") from away
        if not is_same:
            raise NotStarted(f"STORAGE_URL: {self._place} returns other bytes than were stored: do not use it.")

    def write(self, request_id: UUID, report_name: str, chunks: Iterable[bytes]) -> StoredFile:
        """Write a short report with one PUT, and a longer one as a multipart upload, which becomes visible as a whole.

        A short one is only created if it does not exist yet: a second writer would write the same bytes.
        """
        reading = _Reading(chunks)
        head = reading.until(PART_BYTES)
        attributes = {"Content-Type": CSV, "Content-Disposition": attachment(request_id, report_name)}
        with self._asking("write"):
            if reading.has_ended:
                written = self._put(request_id, b"".join(head), attributes, reading.file)
            else:
                written = obstore.put(
                    self._store,
                    file_name(request_id),
                    chain(head, reading),
                    attributes=attributes,
                    use_multipart=True,
                    chunk_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
        if written["e_tag"]:
            self._checked.add(request_id, (written["e_tag"], reading.file.sha256))
        return reading.file

    def _put(self, request_id: UUID, content: bytes, attributes: dict[Any, str], file: StoredFile) -> Any:
        name = file_name(request_id)
        try:
            return obstore.put(self._store, name, content, attributes=attributes, mode="create")
        except (AlreadyExistsError, PreconditionError):
            if etag := self._etag_of_intact(request_id, file):
                return {"e_tag": etag}
        except BaseError as error:
            if "status code: 501" not in str(error):  # a store without conditional requests responds with 501
                raise
        return obstore.put(self._store, name, content, attributes=attributes)

    def open(self, request_id: UUID, expected: StoredFile) -> ObjectReport | None:
        """Open an object if it is intact; its ETag shows whether it has changed since it was last verified."""
        with self._asking("read"):
            etag = self._etag_of_intact(request_id, expected)
        return ObjectReport(self, request_id, etag) if etag else None

    def _etag_of_intact(self, request_id: UUID, expected: StoredFile) -> str | None:
        try:
            found = obstore.head(self._store, file_name(request_id))
            etag = found["e_tag"]
            if found["size"] != expected.size_bytes or not etag:
                return None
            version = (etag, expected.sha256)
            if not self._checked.has(request_id, version):
                if self._sha256(request_id, etag) != expected.sha256:
                    return None
                self._checked.add(request_id, version)
        except (FileNotFoundError, NotFoundError, PreconditionError):  # deleted or replaced meanwhile
            return None
        return etag

    def _sha256(self, request_id: UUID, etag: str) -> str:
        digest = hashlib.sha256()
        for chunk in obstore.get(self._store, file_name(request_id), options={"if_match": etag}).stream(READ_BYTES):
            digest.update(chunk)
        return digest.hexdigest()

    def read(self, request_id: UUID, etag: str, first: int, length: int) -> Iterator[bytes]:
        """Yield `length` bytes of one version from the offset `first` on, in chunks.

        Raises:
            StorageAway: it cannot be read, or was replaced or deleted in the meantime.
        """
        with self._asking("read"):
            options: Any = {"if_match": etag, "range": (first, first + length)}
            left = length
            for chunk in obstore.get(self._store, file_name(request_id), options=options).stream(READ_BYTES):
                left -= len(chunk)
                yield bytes(chunk)
            if left:
                raise StorageAway(f"{self._place} truncated a report", answered=True)

    def sign(self, request_id: UUID, valid_s: int) -> str:
        """Return a presigned URL for GET, valid for `valid_s` seconds; sends no request."""
        with self._asking("read"):
            return obstore.sign(self._store, "GET", file_name(request_id), timedelta(seconds=valid_s))

    def holds(self, request_id: UUID, size_bytes: int) -> bool:
        """Whether an object of this size exists."""
        with self._asking("read"):
            try:
                return bool(obstore.head(self._store, file_name(request_id))["size"] == size_bytes)
            except FileNotFoundError:
                return False

    def delete(self, request_ids: Iterable[UUID]) -> None:
        """Delete objects, 1,000 per request; missing ones are ignored."""
        names = []
        for request_id in request_ids:
            self._checked.forget(request_id)
            names.append(file_name(request_id))
        if names:
            with self._asking("delete"):
                obstore.delete(self._store, names)

    def stored_ids(self, together: int) -> Iterator[list[UUID]]:
        settled_before = datetime.now(UTC) - timedelta(seconds=SETTLED_AFTER_S)
        with self._asking("list"):
            for page in obstore.list(self._store, chunk_size=together):
                settled = [entry["path"] for entry in page if entry["last_modified"] < settled_before]
                if found := [request_id for path in settled if (request_id := request_of(path))]:
                    yield found

    def clear_unfinished(self) -> None:
        """Delete probes of crashed processes; unfinished uploads are left to a lifecycle rule (see README)."""
        abandoned_before = datetime.now(UTC) - timedelta(seconds=PROBE_ABANDONED_AFTER_S)
        with self._asking("list"):
            for page in obstore.list(self._store, PROBE_FOLDER):
                if left := [entry["path"] for entry in page if entry["last_modified"] < abandoned_before]:
                    obstore.delete(self._store, left)

    def state(self) -> StorageState:
        """Write and delete a small object, at most once per `PROBED_EVERY_S` while that succeeds."""
        now_s = time.monotonic()
        if trouble := self._gate.trouble:
            return StorageState(writable=False, free_bytes=None, kind="s3", trouble=not_stored(trouble))
        if self._state is None or not self._state.writable or now_s - self._looked_at_s > PROBED_EVERY_S:
            self._state, self._looked_at_s = self._probed(), now_s
        return self._state

    def _probed(self) -> StorageState:
        probe = f"{PROBE_FOLDER}/{uuid4()}"
        try:
            with self._asking("write"):
                obstore.put(self._store, probe, PROBE)
        except StorageAway as away:
            return StorageState(writable=False, free_bytes=None, kind="s3", trouble=not_stored(away))
        with suppress(StorageAway), self._asking("delete"):
            obstore.delete(self._store, probe)
        return StorageState(writable=True, free_bytes=None, kind="s3", trouble=None)

    @contextmanager
    def _asking(self, action: str) -> Iterator[None]:
        """Translate the client's exceptions into StorageAway, and inform the circuit breaker."""
        with self._gate.passing():
            try:
                yield
            except _FAULTS as error:
                raise explain(error, place=self._place, bucket=self._bucket, action=action) from error


class _Reading:
    """An iterator over chunks that counts and hashes them as they pass."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self.has_ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self.has_ended = True
            raise
        self._digest.update(chunk)
        self._size_bytes += len(chunk)
        return chunk

    def until(self, size_bytes: int) -> list[bytes]:
        """Consume and return chunks until they exceed so many bytes or there are no more."""
        taken = []
        for chunk in self:
            taken.append(chunk)
            if self._size_bytes > size_bytes:
                break
        return taken

    @property
    def file(self) -> StoredFile:
        """Size and hash of what has been read so far."""
        return StoredFile(self._size_bytes, self._digest.hexdigest())


def _given(access: S3Access) -> dict[str, Any]:
    names = ("endpoint", "region", "access_key_id", "secret_access_key", "session_token")
    return {name: value for name in names if (value := getattr(access, name))}
