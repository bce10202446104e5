"""Failpoints: named points at which a test may kill the process, as `kill -9` would.

`reached` does nothing here, and no setting can change that. The tests' launcher replaces this module before anything
is imported; in production a failpoint costs an empty call.
"""

from typing import Literal

Failpoint = Literal[
    "after_accept_commit",  # the request is durable, and nobody knows yet
    "after_batch_commit",  # all of a batch is durable, and nobody knows yet
    "before_202",  # the answer is written, but not sent
    "after_put",  # jobs are on the queue
    "after_take",  # jobs are off the queue, and nothing is begun
    "after_start_commit",  # PROCESSING, and nothing generated
    "mid_generate",  # a part of the file is written
    "after_file",  # the file has its name, and the result is nowhere
    "after_complete_commit",  # COMPLETED, and no callback sent
    "mid_attempt",  # the attempt has begun
    "after_answer_before_record",  # the receiver has answered, and nothing is recorded
    "after_record_commit",  # the attempt is recorded, and the lane has not gone on
    "after_election",  # this process leads, and has recovered nothing
    "mid_recovery",  # what had killed a process too often has failed, and the rest is not put back
    "after_sync_accept",  # a sync request is stored, and its report not begun
    "after_cancel_commit",  # CANCELLED, and the worker does not know it, nor does its caller
    "after_delete_commit",  # a request is deleted, and its file is there
    "after_file_delete",  # its file is deleted, and the note of it is there
    "after_sync_file",  # its file is there, and its result is not recorded
]


def reached(_name: Failpoint) -> None:
    """Pass a place where a test may let the process die."""
