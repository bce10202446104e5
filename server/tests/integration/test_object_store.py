"""Reports in a bucket of a real S3 server: whole or not there, checked; one sentence for each thing that is wrong."""

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import obstore
import pytest
from obstore.store import S3Store

from src.errors import NotStarted
from src.services.report_files.object_store import PART_BYTES, ObjectStore, S3Access
from src.services.report_files.object_store_faults import StorageAway
from src.services.report_files.storage import StoredFile, attachment, file_name
from src.storage_url import Bucket
from tests.support.s3 import BUCKET, REGION, S3Server

NAME = 'Anual "2026"; für uns'


def access(s3: S3Server, user: str = "writer") -> S3Access:
    return S3Access(s3.endpoint, REGION, user, f"{user}-secret")


@pytest.fixture
def prefix() -> str:
    return f"tests/{uuid4()}"


@pytest.fixture
def store(s3: S3Server, prefix: str) -> ObjectStore:
    return ObjectStore(Bucket(BUCKET, prefix), access(s3))


@pytest.fixture
def bucket(s3: S3Server, prefix: str) -> S3Store:
    return s3.client(prefix)


def long_report(parts: int = 3) -> list[bytes]:
    return [os.urandom(300_000) for _ in range(parts * PART_BYTES // 300_000)]


def read(store: ObjectStore, request_id: UUID, file: StoredFile) -> bytes:
    report = store.open(request_id, file)
    assert report is not None
    return b"".join(report.chunks(0, file.size_bytes))


def test_a_start_tries_whether_reports_can_be_written_read_listed_and_deleted(
    store: ObjectStore, bucket: S3Store
) -> None:
    store.prepare()

    assert [entry["path"] for page in obstore.list(bucket) for entry in page] == []


@pytest.mark.parametrize("chunks", [[b"a,b\r\n", b"1,2\r\n"], long_report()], ids=["short", "by parts"])
def test_a_report_comes_back_as_it_was_written(store: ObjectStore, s3: S3Server, chunks: list[bytes]) -> None:
    request_id, content = uuid4(), b"".join(chunks)
    file = store.write(request_id, NAME, iter(chunks))
    report = store.open(request_id, file)
    assert report is not None
    link = report.link(60)
    assert link is not None
    linked, part = httpx.get(link), httpx.get(link, headers={"range": "bytes=5-8"})

    assert file == StoredFile(len(content), hashlib.sha256(content).hexdigest())
    assert read(store, request_id, file) == linked.content == content
    assert b"".join(report.chunks(3, 5)) == content[3:8]
    assert (part.status_code, part.content) == (206, content[5:9])
    assert linked.headers["content-type"] == "text/csv; charset=utf-8"
    assert linked.headers["content-disposition"] == attachment(request_id, NAME)
    assert s3.parts_left() == 0


@pytest.mark.parametrize("change", ["expired", "other report", "other signature", "none"])
def test_an_address_is_good_for_its_report_and_its_time_alone(store: ObjectStore, change: str) -> None:
    request_id, other = uuid4(), uuid4()
    report = store.open(request_id, store.write(request_id, NAME, [b"a"]))
    store.write(other, NAME, [b"b"])
    assert report is not None
    link = report.link(60) or ""
    bare, _, query = link.partition("?")
    tampered = {
        "expired": link.replace("X-Amz-Expires=60", "X-Amz-Expires=61"),
        "other report": link.replace(str(request_id), str(other)),
        "other signature": f"{link[:-1]}{'0' if link[-1] != '0' else '1'}",
        "none": bare,
    }[change]

    assert query
    assert httpx.get(tampered).status_code == 403


def test_a_report_whose_generation_fails_leaves_neither_an_object_nor_a_part(store: ObjectStore, s3: S3Server) -> None:
    def breaking() -> Iterator[bytes]:
        yield from long_report()
        raise ValueError("no more")

    request_id = uuid4()
    with pytest.raises(ValueError, match="no more"):
        store.write(request_id, NAME, breaking())

    assert store.open(request_id, StoredFile(1, "0" * 64)) is None
    assert s3.parts_left() == 0


@pytest.mark.parametrize("chunks", [[b"a,b\r\n"] * 100, long_report(2)], ids=["short", "by parts"])
def test_two_writers_of_one_report_leave_one_object_with_its_bytes(
    s3: S3Server, prefix: str, bucket: S3Store, chunks: list[bytes]
) -> None:
    request_id = uuid4()
    barrier = threading.Barrier(2)

    def write() -> StoredFile:
        store = ObjectStore(Bucket(BUCKET, prefix), access(s3))
        barrier.wait()
        return store.write(request_id, NAME, iter(chunks))

    with ThreadPoolExecutor(2) as threads:
        one, other = [future.result() for future in [threads.submit(write), threads.submit(write)]]

    assert one == other
    assert read(ObjectStore(Bucket(BUCKET, prefix), access(s3)), request_id, one) == b"".join(chunks)
    assert [entry["path"] for page in obstore.list(bucket) for entry in page] == [file_name(request_id)]


def test_who_comes_second_does_not_write_again(store: ObjectStore, bucket: S3Store) -> None:
    request_id = uuid4()
    store.write(request_id, NAME, [b"a,b\r\n"])
    before = obstore.head(bucket, file_name(request_id))
    store.write(request_id, "Another name", [b"a,b\r\n"])
    attributes = obstore.get(bucket, file_name(request_id)).attributes

    assert obstore.head(bucket, file_name(request_id)) == before
    assert attributes["Content-Disposition"] == attachment(request_id, NAME)


@pytest.mark.parametrize("content", [b"a,b\r", b"a,x\r\n", b""], ids=["cut off", "changed", "empty"])
def test_what_is_not_what_was_stored_is_not_opened_and_can_be_written_again(
    store: ObjectStore, bucket: S3Store, content: bytes
) -> None:
    request_id = uuid4()
    file = store.write(request_id, NAME, [b"a,b\r\n"])
    obstore.put(bucket, file_name(request_id), content)
    opened = store.open(request_id, file)
    again = store.write(request_id, NAME, [b"a,b\r\n"])

    assert opened is None
    assert again == file
    assert read(store, request_id, file) == b"a,b\r\n"


def test_a_report_that_is_replaced_while_it_is_read_is_not_mixed(store: ObjectStore, bucket: S3Store) -> None:
    request_id, content = uuid4(), b"".join(long_report(1))
    report = store.open(request_id, store.write(request_id, NAME, [content]))
    assert report is not None
    obstore.put(bucket, file_name(request_id), bytes(len(content)))
    with pytest.raises(StorageAway):
        b"".join(report.chunks(0, len(content)))


def test_deleted_reports_are_gone_and_deleting_them_again_is_nothing(store: ObjectStore) -> None:
    kept, *gone = [uuid4() for _ in range(4)]
    file, *_ = [store.write(request_id, NAME, [b"a"]) for request_id in (kept, *gone)]
    store.delete(gone)
    store.delete([*gone, uuid4()])

    assert [store.open(request_id, file) is not None for request_id in (kept, *gone)] == [True, False, False, False]


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wrong(s3: S3Server, what: str) -> ObjectStore:
    good, bucket = access(s3), Bucket(BUCKET, "tests")
    return {
        "bucket": lambda: ObjectStore(Bucket("no-such-bucket", ""), good),
        "key": lambda: ObjectStore(bucket, replace(good, access_key_id="stranger")),
        "secret": lambda: ObjectStore(bucket, replace(good, secret_access_key="wrong")),
        "right": lambda: ObjectStore(bucket, access(s3, "reader")),
        "port": lambda: ObjectStore(bucket, replace(good, endpoint=f"http://127.0.0.1:{closed_port()}")),
        "name": lambda: ObjectStore(bucket, replace(good, endpoint="http://no-such-host.invalid")),
        "tls": lambda: ObjectStore(bucket, replace(good, endpoint=good.endpoint.replace("http:", "https:"))),
    }[what]()


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("bucket", "there is no bucket no-such-bucket at 127.0.0.1:{port}: make it, or correct its name"),
        ("key", "does not know the key: correct AWS_ACCESS_KEY_ID"),
        ("secret", "refuses the signature: correct AWS_SECRET_ACCESS_KEY"),
        ("right", "the key may not write in the bucket reports at 127.0.0.1:{port}: give it s3:PutObject"),
        ("port", "check AWS_ENDPOINT_URL, and whether the store runs"),
        ("name", "the host of no-such-host.invalid is not known: check AWS_ENDPOINT_URL"),
        ("tls", "does not speak TLS: write http:// in AWS_ENDPOINT_URL"),
    ],
)
def test_a_start_says_in_one_sentence_what_is_wrong(s3: S3Server, what: str, sentence: str) -> None:
    with pytest.raises(NotStarted) as refused:
        wrong(s3, what).prepare()
    said = refused.value.detail

    assert said.startswith("STORAGE_URL: ")
    assert sentence.format(port=s3.ports["s3.port"]) in said
    assert said.count(".") == said.count("127.0.0.1") * 3 + said.count("no-such-host.invalid") + 1
    assert not any(secret in said for secret in ("writer-secret", "reader-secret", "wrong:"))


def test_the_state_of_a_store_is_found_out_by_writing(s3: S3Server, store: ObjectStore) -> None:
    able, unable = store.state(), wrong(s3, "right").state()

    assert (able.writable, able.kind, able.trouble) == (True, "s3", None)
    assert not unable.writable
    assert unable.trouble is not None
    assert unable.trouble.startswith("Reports cannot be stored: the key may not write")
