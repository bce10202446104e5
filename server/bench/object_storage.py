"""Rows per second of a large report into S3, compared with a folder and with uploading the same bytes alone."""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from uuid import uuid4

import obstore

from bench.figures import Goal, Row, at_least
from bench.generation import parameters
from bench.harness import Bench, interleave
from src.services.report_files.local_folder import LocalFolder
from src.services.report_files.object_store import PART_BYTES, PARTS_AT_ONCE, ObjectStore, S3Access
from src.services.report_files.production import produce
from src.services.report_files.storage import ReportStorage
from src.services.report_generator import ReportParameters, generate
from src.storage_url import Bucket
from tests.support.s3 import BUCKET, REGION, S3Server, running_s3

WE = "one report by parts to SeaweedFS on the same two cores: rows from the seed, totals, SHA-256, 15 MiB at most"


def measure(bench: Bench) -> Sequence[Row]:
    """Run all sides alternately, in this process."""
    folder = bench.folder / "object-storage"
    with running_s3(folder / "s3") as s3:
        return _measure(bench, LocalFolder(folder / "reports"), s3)


def _measure(bench: Bench, local: LocalFolder, s3: S3Server) -> Sequence[Row]:
    many = bench.sizes.many_rows
    report = parameters(many)
    local.prepare()
    store = ObjectStore(Bucket(BUCKET, "bench"), S3Access(s3.endpoint, REGION, "writer", "writer-secret"))
    chunks = [chunk for chunk, _ in generate(report)]
    sides = {
        "s3": partial(_produced_s, report, store),
        "folder": partial(_produced_s, report, local),
        "raw": partial(_seconds, partial(_put, chunks, s3)),
    }
    took_s = interleave(sides, bench.sizes.rounds)
    per_s = {name: [many / one for one in all_of_it] for name, all_of_it in took_s.items()}

    def row(than: str, side: str, goal: Goal, they: str, same_work: str) -> Row:
        return Row(
            measure=f"rows/s at {many:,} rows into S3, by {than}",
            unit="/s",
            ours=per_s["s3"],
            baseline=per_s[side],
            goal=goal,
            we=WE,
            they=they,
            same_work=same_work,
        )

    return [
        row("a raw put", "raw", at_least(0.5), "the same bytes, made before, put by parts", "no: a bound, not a rival"),
        row("a folder", "folder", at_least(0.5), "the same report into a folder, without fsync", "yes"),
    ]


def _produced_s(report: ReportParameters, storage: ReportStorage) -> float:
    request_id = uuid4()
    took_s = _seconds(lambda: produce(request_id, report, storage))
    storage.delete([request_id])
    return took_s


def _put(chunks: Sequence[bytes], s3: S3Server) -> None:
    store = s3.client("bench")
    obstore.put(store, "raw", iter(chunks), use_multipart=True, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
    store.delete("raw")


def _seconds(work: Callable[[], object]) -> float:
    started_s = perf_counter()
    work()
    return perf_counter() - started_s
