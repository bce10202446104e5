"""`GET /metrics`, in the format of Prometheus or OpenMetrics."""

from hmac import compare_digest

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client.exposition import choose_encoder
from pydantic import SecretStr

from src.controllers import metrics_controller
from src.routes.http.dependencies import PartsDependency
from src.routes.http.problems import instance_of, problem, responses
from src.routes.http.strict_query import PlainRoute
from src.services.metrics.exposition import encode
from src.services.metrics.metrics import Metrics
from src.services.metrics.snapshot import SnapshotCollector

CHALLENGE = 'Bearer realm="financial-report-generator"'
_TEXT = {"text/plain": {"schema": {"type": "string"}, "example": "frg_leader 1.0\n"}}
_FORMATS = {**_TEXT, "application/openmetrics-text": {"schema": {"type": "string"}}}


def install(app: FastAPI, metrics: Metrics, token: SecretStr) -> None:
    """Add the operation.

    Args:
        app: the application.
        metrics: what is counted.
        token: who asks has to bear it; empty: anybody may ask.
    """
    router = APIRouter(route_class=PlainRoute, tags=["Health"])
    snapshots = SnapshotCollector()
    metrics.registry.register(snapshots)
    secret = token.get_secret_value().encode()

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"description": "The samples.", "content": _FORMATS}, **responses(401)},
    )
    async def get_metrics(request: Request, parts: PartsDependency) -> Response:
        """Read what this process counted, for Prometheus; OpenMetrics where `Accept` asks for it.

        Where `METRICS_TOKEN` is set it has to be sent as a bearer. What comes from the database is told by the server
        that leads, and is up to 5 s old.
        """
        given = request.headers.get("authorization", "")
        if secret and not _bears(given, secret):
            return _refusal(request, given)
        snapshots.snapshot = await metrics_controller.take_snapshot(parts)
        _, content_type = choose_encoder(request.headers.get("accept", ""))
        is_open = content_type.startswith("application/openmetrics-text")
        return Response(encode(metrics.registry.collect(), open_metrics=is_open), media_type=content_type)

    app.router.routes.extend(router.routes)


def _refusal(request: Request, given: str) -> Response:
    detail = "Send METRICS_TOKEN of the server's settings: Authorization: Bearer …"
    where = instance_of(request.scope)
    if given:
        challenge = {"www-authenticate": f'{CHALLENGE}, error="invalid_token"'}
        return problem(401, "token-invalid", detail, where, headers=challenge)
    return problem(401, "key-missing", detail, where, headers={"www-authenticate": CHALLENGE})


def _bears(authorization: str, secret: bytes) -> bool:
    scheme, _, token = authorization.partition(" ")
    return scheme.lower() == "bearer" and compare_digest(token.strip().encode("latin-1", "replace"), secret)
