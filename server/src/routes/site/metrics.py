"""`GET /metrics`, in the format of Prometheus or OpenMetrics."""

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client.exposition import choose_encoder

from src.controllers import metrics_controller
from src.routes.http.dependencies import PartsDependency
from src.routes.http.strict_query import PlainRoute
from src.services.metrics.exposition import encode
from src.services.metrics.metrics import Metrics
from src.services.metrics.snapshot import SnapshotCollector

_TEXT = {"text/plain": {"schema": {"type": "string"}, "example": "frg_leader 1.0\n"}}
_FORMATS = {**_TEXT, "application/openmetrics-text": {"schema": {"type": "string"}}}


def install(app: FastAPI, metrics: Metrics) -> None:
    """Add the operation.

    Args:
        app: the application.
        metrics: what is counted.
    """
    router = APIRouter(route_class=PlainRoute, tags=["Health"])
    snapshots = SnapshotCollector()
    metrics.registry.register(snapshots)

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"description": "The samples.", "content": _FORMATS}},
    )
    async def get_metrics(request: Request, parts: PartsDependency) -> Response:
        """Read what this process counted, for Prometheus; OpenMetrics where `Accept` asks for it.

        Where `METRICS_TOKEN` is set it, or a key with the scope `admin`, has to be sent as a bearer. What comes
        from the database is told by the server that leads, and is up to 5 s old.
        """
        snapshots.snapshot = await metrics_controller.take_snapshot(parts)
        _, content_type = choose_encoder(request.headers.get("accept", ""))
        is_open = content_type.startswith("application/openmetrics-text")
        return Response(encode(metrics.registry.collect(), open_metrics=is_open), media_type=content_type)

    app.router.routes.extend(router.routes)
