"""Measuring this server from the page and from curl: the load generator, over real HTTP, one run at a time."""

import csv
import io
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response
from sqlalchemy import Row

from src.controllers import benchmark_controller
from src.errors import NotFound
from src.routes.http.dependencies import (
    CallerDependency,
    ListedViewDependency,
    PartsDependency,
    ViewDependency,
    parse_request_id,
)
from src.routes.http.problems import responses
from src.routes.http.strict_json import StrictRoute
from src.routes.wire.benchmarks import (
    BenchmarkAnswer,
    BenchmarkComparison,
    BenchmarkRequest,
    BenchmarkRun,
    BenchmarkRunDetail,
    BenchmarkRuns,
    BenchmarkStarted,
    ComparedMeasure,
    RunDeleted,
    RunFigures,
)
from src.services.benchmarks.process import LoadOrder
from src.services.identity.caller import Caller
from src.services.parts import Parts

router = APIRouter(prefix="/api/benchmark", tags=["Benchmark"], route_class=StrictRoute)

STARTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": BenchmarkStarted,
        "description": "With `wait=false`: the run is under way.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Where the run is."}},
    }
}
REFUSED = responses(400, 409, 413, 415, 422, 503)

Wait = Annotated[bool, Query(description="Answer when everything is measured (or with 202 at once).")]


async def _run_id(run_id: Annotated[str, Path(description="The id of a benchmark run.")]) -> UUID:
    try:
        return parse_request_id(run_id)
    except NotFound:
        raise NotFound("There is no benchmark run with this id.") from None


RunId = Annotated[UUID, Depends(_run_id)]


@router.post("/sync", response_model=BenchmarkAnswer, responses={**STARTED, **REFUSED})
async def benchmark_sync(
    body: BenchmarkRequest, caller: CallerDependency, parts: PartsDependency, wait: Wait = True
) -> Response:
    """Measure sync requests against this server."""
    return await _measure(parts, caller, "sync", body, wait=wait)


@router.post("/async", response_model=BenchmarkAnswer, responses={**STARTED, **REFUSED})
async def benchmark_async(
    body: BenchmarkRequest, caller: CallerDependency, parts: PartsDependency, wait: Wait = True
) -> Response:
    """Measure async requests against this server, up to their callbacks."""
    return await _measure(parts, caller, "async", body, wait=wait)


@router.post("/both", response_model=BenchmarkAnswer, responses={**STARTED, **REFUSED})
async def benchmark_both(
    body: BenchmarkRequest, caller: CallerDependency, parts: PartsDependency, wait: Wait = True
) -> Response:
    """Measure sync requests, and then async ones."""
    return await _measure(parts, caller, "both", body, wait=wait)


async def _measure(parts: Parts, caller: Caller, mode: str, body: BenchmarkRequest, *, wait: bool) -> Response:
    run_id = await benchmark_controller.begin(
        parts.benchmarks,
        LoadOrder(mode=mode, **body.model_dump()),
        caller.owner,
        sync_transactions_max=parts.sync_max_transactions,
    )
    if wait:
        return _json(await benchmark_controller.finish(parts.benchmarks, parts.benchmark_store, caller.view, run_id))
    status_url = f"{router.prefix}/runs/{run_id}"
    started = BenchmarkStarted(run_id=run_id, status="RUNNING", status_url=status_url)
    return _json(started.model_dump(mode="json"), 202, {"location": status_url})


@router.get("/runs", response_model=BenchmarkRuns, responses=responses(503))
async def list_benchmark_runs(parts: PartsDependency, view: ListedViewDependency) -> BenchmarkRuns:
    """List the runs that are kept, newest first."""
    return BenchmarkRuns(
        runs=[
            _item(row, row.sync, row.async_)
            for row in await benchmark_controller.list_runs(parts.benchmark_store, view, parts.now())
        ]
    )


@router.get("/runs/{run_id}", response_model=BenchmarkRunDetail, responses=responses(404, 503))
async def get_benchmark_run(run_id: RunId, parts: PartsDependency, view: ViewDependency) -> Response:
    """Read everything that a run measured."""
    return _json(_detail(parts, await benchmark_controller.get(parts.benchmark_store, view, run_id)))


@router.post("/runs/{run_id}/stop", response_model=BenchmarkRunDetail, responses=responses(404, 409, 503))
async def stop_benchmark_run(run_id: RunId, parts: PartsDependency, view: ViewDependency) -> Response:
    """End a run early; what it has measured is kept."""
    return _json(_detail(parts, await benchmark_controller.stop(parts.benchmarks, parts.benchmark_store, view, run_id)))


@router.delete("/runs/{run_id}", response_model=RunDeleted, responses=responses(404, 409, 503))
async def delete_benchmark_run(run_id: RunId, parts: PartsDependency, view: ViewDependency) -> RunDeleted:
    """Delete a run that has ended."""
    await benchmark_controller.delete(parts.benchmark_store, view, run_id)
    return RunDeleted(deleted=True, run_id=run_id)


@router.get(
    "/runs/{run_id}/export",
    response_class=Response,
    responses={
        200: {
            "content": {"application/json": {"schema": {"type": "object"}}, "text/csv": {"schema": {"type": "string"}}},
            "description": "The summary, as a file.",
            "headers": {"Content-Disposition": {"schema": {"type": "string"}, "description": "The name of the file."}},
        },
        **responses(404, 409, 422, 503),
    },
)
async def export_benchmark_run(
    run_id: RunId,
    parts: PartsDependency,
    view: ViewDependency,
    format: Annotated[Literal["json", "csv"], Query(description="`csv` has one line for each figure.")] = "json",  # noqa: A002  the parameter's name
) -> Response:
    """Download what a run measured."""
    summary = await benchmark_controller.result(parts.benchmark_store, view, run_id)
    content = orjson.dumps(summary, option=orjson.OPT_INDENT_2) if format == "json" else _csv(summary)
    headers = {"content-disposition": f'attachment; filename="benchmark-{run_id}.{format}"'}
    return Response(content, 200, headers, {"json": "application/json", "csv": "text/csv; charset=utf-8"}[format])


@router.get("/comparison", response_model=BenchmarkComparison, responses=responses(404, 409, 422, 503))
async def compare_benchmark_runs(
    parts: PartsDependency,
    view: ViewDependency,
    a: Annotated[UUID, Query(description="The run to compare with.")],
    b: Annotated[UUID, Query(description="The run that is compared.")],
) -> BenchmarkComparison:
    """Put two runs side by side, figure by figure."""
    first, second, measures = await benchmark_controller.compare(parts.benchmark_store, view, a, b)
    return BenchmarkComparison(
        a=_item(first, first.summary["sync"], first.summary["async"]),
        b=_item(second, second.summary["sync"], second.summary["async"]),
        measures=[ComparedMeasure.model_validate(one) for one in measures],
    )


def _item(row: Row[Any], sync: dict[str, Any] | None, async_: dict[str, Any] | None) -> BenchmarkRun:
    return BenchmarkRun(
        run_id=row.id,
        mode=row.mode,
        status=row.status,
        config=row.config,
        failure_reason=row.failure_reason,
        created_at=row.created_at,
        ended_at=row.ended_at,
        sync=RunFigures(**sync) if sync else None,
        async_=RunFigures(**async_) if async_ else None,
    )


def _detail(parts: Parts, row: Row[Any]) -> dict[str, Any]:
    return {
        "run_id": str(row.id),
        "mode": row.mode,
        "status": row.status,
        "config": row.config,
        "failure_reason": row.failure_reason,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
        "progress": parts.benchmarks.progress_of(row.id),
        "summary": row.summary,
    }


def _csv(summary: dict[str, Any]) -> str:
    """One line for each figure; what is a list or a table is in the JSON."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["mode", "measure", "value"])
    for mode in benchmark_controller.MODES:
        for measure, value in (summary[mode] or {}).items():
            if measure != "mode" and not isinstance(value, list | dict):
                writer.writerow([mode, measure, value])
    return text.getvalue()


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    # Built here, or written by our own load generator: there is nothing that a model could still check.
    return Response(orjson.dumps(content, option=orjson.OPT_UTC_Z), status, headers, "application/json")
