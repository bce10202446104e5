"""Ids are random, none comes twice, and the system is seldom asked."""

import os
import threading

from src.random_ids import RandomBytes, new_hex, new_uuid


def test_no_bytes_are_given_out_twice_by_any_thread() -> None:
    random, taken = RandomBytes(), list[bytes]()
    threads = [threading.Thread(target=lambda: taken.extend(random.take(16) for _ in range(5_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(taken)) == len(taken) == 20_000
    assert {len(each) for each in taken} == {16}


def test_forks_have_ids_of_their_own() -> None:
    new_uuid()
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.write(writes, new_hex(16).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reads, 32).decode() != new_hex(16)


def test_a_uuid_says_that_it_is_random() -> None:
    made = new_uuid()

    assert (made.version, made.variant) == (4, "specified in RFC 4122")
