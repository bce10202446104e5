"""What each operation asks of its caller: none is forgotten."""

import pytest
from starlette.routing import Route, WebSocketRoute

from src.app import create_app
from src.config import Settings
from src.routes.http.scopes import ACCESS, ANYBODY_KNOWN, PUBLIC, access_to
from src.services.identity.caller import OPEN_SCOPES, Scope
from tests.support.openapi import document

APP = create_app(Settings(_env_file=None))
#: The page, the documents and what they load.
SITE = {"/", "/docs", "/redoc", "/openapi.json"}


def test_every_operation_of_the_document_names_who_may_call_it() -> None:
    named = {name.replace(":path}", "}") for name in ACCESS}
    operations = {f"{method.upper()} {path}" for path, described in document()["paths"].items() for method in described}

    assert operations - named == set(), "add it to ACCESS in src/routes/http/scopes.py"


def test_every_route_below_api_names_who_may_call_it() -> None:
    routes = [
        f"{method} {route.path}"
        for route in APP.routes
        if isinstance(route, Route) and route.path.startswith("/api/")
        for method in (route.methods or set()) - {"HEAD"}
    ]
    routes += [f"WS {route.path}" for route in APP.routes if isinstance(route, WebSocketRoute)]

    assert [route for route in routes if route not in ACCESS] == []


@pytest.mark.parametrize("name", sorted(ACCESS))
def test_the_table_is_found_by_the_path_of_a_call(name: str) -> None:
    method, template = name.split(" ", 1)
    path = template.replace("{origin:path}", "http://127.0.0.1:9001").replace("{", "").replace("}", "")

    assert access_to(method, path) is ACCESS[name]
    if method == "GET":
        assert access_to("HEAD", path) is ACCESS[name]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/"),
        ("GET", "/api/nothing"),
        ("GET", "/api//requests"),
        ("GET", "/api/requests/"),
        ("GET", "/api/requests/a/b"),
        ("PUT", "/api/sync"),
        ("OPTIONS", "/api/sync"),
        ("get", "/api/health/live"),
        ("GET", "/api/health/live/"),
        ("GET", "/api/health/LIVE"),
        ("WS", "/api/nothing"),
    ],
)
def test_below_api_what_is_no_operation_is_not_public(method: str, path: str) -> None:
    assert access_to(method, path) is ANYBODY_KNOWN


@pytest.mark.parametrize("path", [*sorted(SITE), "/assets/x.js", "/no-page"])
def test_the_page_is_public(path: str) -> None:
    assert access_to("GET", path) is PUBLIC


def test_what_the_open_mode_allows_is_what_its_callers_have_or_a_demo_tool() -> None:
    asked = {access.scope for access in ACCESS.values() if access.in_open_mode and access is not PUBLIC}

    assert asked - {None, Scope.ADMIN, Scope.MANAGE} <= OPEN_SCOPES


@pytest.mark.parametrize(("required", "ways"), [(True, 2), (False, 3)])
def test_the_document_says_how_to_authenticate(*, required: bool, ways: int) -> None:
    described = document(auth_required=True) if required else document()
    submit = described["paths"]["/api/async"]["post"]

    assert set(described["components"]["securitySchemes"]) == {"bearer", "apiKey", "ticket"}
    assert submit["security"][:2] == [{"bearer": []}, {"apiKey": []}]
    assert submit["x-scopes"] == ["submit"]
    assert len(submit["security"]) == ways
    assert {"ticket": []} in described["paths"]["/api/events"]["get"]["security"]
    assert {"401", "403", "429"} <= set(submit["responses"])
    assert "WWW-Authenticate" in submit["responses"]["401"]["headers"]
    assert described["paths"]["/api/health/live"]["get"]["security"] == []
