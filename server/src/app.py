"""The application: settings in, ASGI out. `fastapi dev src/app.py` and `python -m src` both serve `app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from src.assembly import callback_policy, running_parts
from src.config import Settings
from src.controllers.async_controller import ASYNC_ROUTE
from src.controllers.sync_controller import SYNC_ROUTE
from src.routes import api_routes, health, openapi, problems, webhook_test
from src.routes.body_limit import BodyLimitMiddleware
from src.routes.rate_limits import RateLimitMiddleware, RateLimits


def create_app(settings: Settings) -> FastAPI:
    """Build the application; nothing is started and nothing connected before its lifespan begins.

    Raises:
        ValueError: a setting that only its part understands is wrong.
    """
    callback_policy(settings)  # now rather than when the first callback is due

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running_parts(settings) as parts:
            app.state.parts = parts
            yield

    limits = RateLimits({SYNC_ROUTE: settings.rate_limit_sync, ASYNC_ROUTE: settings.rate_limit_async})
    app = FastAPI(
        lifespan=lifespan,
        middleware=[
            Middleware(RateLimitMiddleware, limits=limits, trusted_proxies=settings.trusted_proxies),
            Middleware(BodyLimitMiddleware),
        ],
    )
    problems.install(app)
    openapi.install(app)
    routers = [api_routes.submitting, api_routes.managing, health.router]
    demo_routers = [api_routes.demo_managing, webhook_test.router]
    for router in routers + (demo_routers if settings.demo_tools else []):
        app.include_router(router)
    return app


app = create_app(Settings())
