"""Reports in a folder: whole or not there, checked, and tried by writing."""

import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from src.services.report_files.local_folder import PROBE_BYTES, READ_BYTES, LocalFolder
from src.services.report_files.storage import StoredFile, attachment


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    storage = LocalFolder(tmp_path / "reports")
    storage.prepare()
    return storage


def test_a_report_that_could_not_be_written_whole_leaves_nothing(storage: LocalFolder, tmp_path: Path) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"half"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        storage.write(uuid4(), "Annual", breaking())

    assert list((tmp_path / "reports").iterdir()) == []


def test_a_file_is_intact_only_while_it_is_what_was_stored(storage: LocalFolder) -> None:
    request_id = uuid4()
    stored = storage.write(request_id, "Annual", [b"a,b\r\n", b"1,2\r\n"])

    file = storage.open(request_id, stored)

    assert stored.size_bytes == 10
    assert file is not None
    file.close()
    assert storage.open(request_id, StoredFile(10, "0" * 64)) is None
    assert storage.open(uuid4(), stored) is None


def test_the_state_of_the_storage_is_found_out_by_writing(tmp_path: Path) -> None:
    storage = LocalFolder(tmp_path / "reports")
    missing = storage.state()
    storage = LocalFolder(tmp_path / "reports")
    storage.prepare()
    there = storage.state()

    assert (missing.writable, missing.free_bytes) == (False, 0)
    assert there.writable
    assert there.free_bytes
    assert list((tmp_path / "reports").iterdir()) == []


def test_a_disk_without_room_is_not_writable_whatever_the_permissions_say(tmp_path: Path) -> None:
    storage = LocalFolder(tmp_path / "reports")
    storage.prepare()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (PROBE_BYTES // 2, limits[1]))
        state = storage.state()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)

    assert not state.writable
    assert list((tmp_path / "reports").iterdir()) == []


def test_any_bytes_of_a_report_are_read_from_the_open_file_whatever_becomes_of_its_name(storage: LocalFolder) -> None:
    content = bytes(range(256)) * 4_096
    request_id = uuid4()
    report = storage.open(request_id, storage.write(request_id, "Annual", [content]))
    assert report is not None
    storage.delete([request_id])
    pieces = list(report.chunks(1_000, 900_000))
    report.close()

    assert b"".join(pieces) == content[1_000:901_000]
    assert max(map(len, pieces)) <= READ_BYTES


def test_a_file_that_is_cut_off_while_it_is_read_is_an_error_and_no_end(storage: LocalFolder, tmp_path: Path) -> None:
    request_id = uuid4()
    report = storage.open(request_id, storage.write(request_id, "Annual", [bytes(READ_BYTES * 2)]))
    assert report is not None
    chunks = report.chunks(0, READ_BYTES * 2)
    next(chunks)
    with (tmp_path / "reports" / f"{request_id}.csv").open("r+b") as file:
        file.truncate(READ_BYTES)
    with pytest.raises(OSError, match="truncated"):
        next(chunks)
    report.close()


def test_a_report_is_saved_under_the_name_that_its_caller_gave_it() -> None:
    request_id = uuid4()

    assert attachment(request_id, 'a"b;ü/') == (
        f"attachment; filename=\"{request_id}.csv\"; filename*=UTF-8''a%22b%3B%C3%BC%2F.csv"
    )
