"""The application: settings in, ASGI out. `fastapi dev src/app.py` and `python -m src` both serve `app`."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from operator import attrgetter

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from src import __version__
from src.assembly.live import Views
from src.assembly.rules import callback_policy, check_rules
from src.assembly.running import running_parts
from src.config import SERVER_FOLDER, Settings
from src.controllers.async_controller import ASYNC_ROUTE
from src.controllers.batch_controller import BATCH_ROUTE
from src.controllers.redeliveries_controller import REDELIVERIES_ROUTE
from src.controllers.sync_controller import SYNC_ROUTE
from src.routes import (
    accounts,
    api_routes,
    batches,
    benchmark,
    callback_checks,
    events,
    health,
    keys,
    queue_routes,
    redeliveries,
    reports,
    webhook_secrets,
    webhook_test,
)
from src.routes.http import problems
from src.routes.http.methods import HeadMiddleware
from src.routes.middleware.body_limit import BodyLimitMiddleware
from src.routes.middleware.call_ids import CallIdMiddleware
from src.routes.middleware.compression import CompressionMiddleware
from src.routes.middleware.cors import cross_origin
from src.routes.middleware.identity import IdentityMiddleware
from src.routes.middleware.measure import MeasureMiddleware
from src.routes.middleware.rate_limits import RateLimitMiddleware, RateLimits
from src.routes.middleware.same_origin import SameOriginMiddleware
from src.routes.middleware.security_headers import SecurityHeadersMiddleware
from src.routes.middleware.tracing import TracingMiddleware
from src.routes.site import docs_pages, openapi, page
from src.routes.site import metrics as metrics_page
from src.routes.wire import views
from src.routes.wire.batches import batch_event
from src.services.benchmarks.gate import TOKEN_HEADER, BenchmarkGate
from src.services.identity.callback_policies import CallbackPolicies
from src.services.metrics.metrics import Metrics
from src.services.outbound.transport import Network
from src.services.requests.observers import Observers
from src.services.tracing.protocol import Tracing

#: No path: what refused credentials are counted as, by address.
FAILED_CREDENTIALS = "credentials"
#: What makes the service send something, and so counts like an async submission.
LIKE_A_SUBMISSION = (
    BATCH_ROUTE,
    "/api/requests/{request_id}/redeliver",
    "/api/batches/{batch_id}/redeliver",
    REDELIVERIES_ROUTE,
    "/api/receivers/{origin:path}/resume",
    "/api/receivers/{origin:path}/probe",
)
#: The limits that an account may have of its own.
OWN_LIMITS = {SYNC_ROUTE: attrgetter("rate_limit_sync"), ASYNC_ROUTE: attrgetter("rate_limit_async")}


class Application(FastAPI):
    """FastAPI, with middleware around what Starlette puts outermost: its answer to an error nobody foresaw."""

    outermost: Sequence[Middleware] = ()

    def build_middleware_stack(self) -> ASGIApp:
        """Wrap Starlette's stack."""
        stack = super().build_middleware_stack()
        for middleware, arguments, options in reversed(self.outermost):
            stack = middleware(stack, *arguments, **options)
        return stack


def create_app(settings: Settings, network: Network | None = None) -> FastAPI:
    """Build the application; nothing is started and nothing connected before its lifespan begins.

    Args:
        settings: how.
        network: the ways to receivers; this machine's when missing.

    Raises:
        ValueError: a setting that only its part understands is wrong.
    """
    # Now, in a sentence, rather than when the first callback is due.
    check_rules(settings)

    policies = CallbackPolicies(callback_policy(settings))
    benchmarks = BenchmarkGate()
    rate_limits = _rate_limits(settings)
    metrics, tracing = Metrics(__version__), _tracing(settings)
    app = Application(
        lifespan=_lifespan(settings, network or Network(), policies, benchmarks, rate_limits, metrics, tracing),
        openapi_url=None,  # ours is written once, not for each request
        docs_url=None,  # FastAPI's pages load from elsewhere; ours do not
        redoc_url=None,
        redirect_slashes=False,  # a redirect would go wherever the Host header says
        middleware=_inner_middleware(settings, policies, benchmarks, rate_limits),
    )
    app.state.rate_limits = rate_limits
    app.state.pending_per_caller_max = settings.max_pending_per_caller
    app.outermost = _outer_middleware(settings, metrics, tracing, app.router.routes)
    problems.install(app)
    limited = [SYNC_ROUTE, ASYNC_ROUTE, callback_checks.CHECK_ROUTE, events.TICKETS_ROUTE, *LIKE_A_SUBMISSION]
    openapi.install(app, settings, limited)
    _install_routes(app, settings, metrics)
    return app


def _install_routes(app: FastAPI, settings: Settings, metrics: Metrics) -> None:
    submitting = [api_routes.submitting, batches.submitting, callback_checks.router]
    managing = [api_routes.managing, api_routes.cancelling, batches.router, batches.cancelling, redeliveries.router]
    routers = [*submitting, *managing, queue_routes.router, events.router, health.router]
    routers += [reports.router, reports.linking, keys.router, keys.rotating, accounts.router]
    routers += [webhook_secrets.router, webhook_secrets.rotating]
    demo_routers = [api_routes.demo_managing, webhook_test.router, benchmark.router]
    for router in routers + (demo_routers if settings.demo_tools else []):
        # Their routes as they are: one that is included is looked for twice, which takes a tenth of an accept.
        app.router.routes.extend(router.routes)
    metrics_page.install(app, metrics)
    docs_pages.install(app)
    page.install(app, SERVER_FOLDER.parent / "client" / "dist")


def _lifespan(
    settings: Settings,
    network: Network,
    policies: CallbackPolicies,
    benchmarks: BenchmarkGate,
    rate_limits: RateLimits,
    metrics: Metrics,
    tracing: Tracing | None,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    public_settings = queue_routes.PublicSettings.of(settings)
    shown = Views(request=views.item_event, attempt=views.attempt_event, batch=batch_event)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            _exporting(tracing) as traces,
            running_parts(
                settings, network, views=shown, policies=policies, gate=benchmarks, metrics=metrics, traces=traces
            ) as parts,
        ):
            app.state.parts = parts
            app.state.public_settings = public_settings
            yield
        await rate_limits.close()

    return lifespan


def _tracing(settings: Settings) -> Tracing | None:
    """Create what exports traces, where a setting asks for them.

    Raises:
        ValueError: its packages are not installed.
    """
    if not settings.otel_exporter_otlp_endpoint:
        return None
    try:
        # Optional packages, which take a quarter of a second to import.
        from src.services.tracing.otlp import OtlpTracing  # noqa: PLC0415
    except ImportError:
        raise ValueError(
            "OTEL_EXPORTER_OTLP_ENDPOINT needs packages that are not installed: pip install -r requirements-otel.txt."
        ) from None
    return OtlpTracing(settings.otel_exporter_otlp_endpoint, __version__)


@asynccontextmanager
async def _exporting(tracing: Tracing | None) -> AsyncIterator[Observers]:
    """Export traces for as long as the service runs, and what its end adds to them."""
    if tracing is None:
        yield Observers()
        return
    tracing.start()
    try:
        yield tracing.observers()
    finally:
        await tracing.aclose()


def _inner_middleware(
    settings: Settings, policies: CallbackPolicies, benchmarks: BenchmarkGate, rate_limits: RateLimits
) -> list[Middleware]:
    return [
        Middleware(
            IdentityMiddleware,
            trusted_proxies=settings.trusted_proxies,
            callback_policy=policies.of_accounts,
            required=settings.auth_required,
            run_header=TOKEN_HEADER,
            run_of=benchmarks.check,
            metrics_token=settings.metrics_token.get_secret_value().encode(),
            count_failure=partial(rate_limits.count, FAILED_CREDENTIALS),
        ),
        Middleware(RateLimitMiddleware, limits=rate_limits),
        Middleware(BodyLimitMiddleware, larger={BATCH_ROUTE: settings.batch_max_body_kb * 1024}),
        Middleware(HeadMiddleware),
        Middleware(CompressionMiddleware),
    ]


def _outer_middleware(
    settings: Settings, metrics: Metrics, tracing: Tracing | None, routes: list[BaseRoute]
) -> list[Middleware]:
    return [
        Middleware(MeasureMiddleware, metrics=metrics.http, routes=routes),
        *([Middleware(TracingMiddleware, tracing=tracing)] if tracing else []),
        Middleware(CallIdMiddleware),
        Middleware(SecurityHeadersMiddleware),
        Middleware(
            SameOriginMiddleware,
            names=settings.host_names,
            origins=(settings.public_origin, *settings.cors_allowed_origins),
        ),
        *cross_origin(settings.cors_allowed_origins),
    ]


def _rate_limits(settings: Settings) -> RateLimits:
    limits = {
        SYNC_ROUTE: settings.rate_limit_sync,
        ASYNC_ROUTE: settings.rate_limit_async,
        callback_checks.CHECK_ROUTE: callback_checks.CHECKS_RATE,
        events.TICKETS_ROUTE: events.TICKETS_RATE,
        FAILED_CREDENTIALS: settings.auth_failure_rate,
    }
    alike = dict.fromkeys(LIKE_A_SUBMISSION, ASYNC_ROUTE)
    storage_url = settings.rate_limit_storage_url.get_secret_value()
    if not storage_url:
        return RateLimits(limits, alike, OWN_LIMITS)
    # A client of Redis takes 60 ms to import, and few need one.
    from src.routes.middleware.shared_rate_limits import SharedRateLimits  # noqa: PLC0415

    return SharedRateLimits(limits, alike, OWN_LIMITS, storage_url=storage_url)


app = create_app(Settings())
