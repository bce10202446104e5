"""Reports: download one, or make a link for somebody who has no key."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from src.controllers import downloads_controller
from src.errors import NotFound
from src.routes.http.dependencies import CallerDependency, PartsDependency, caller_of, request_id_in
from src.routes.http.downloads import DOWNLOADED, judge_download, stored_report
from src.routes.http.file_response import ReportResponse
from src.routes.http.links import LinkedRoute, carries_link
from src.routes.http.problems import responses
from src.routes.http.strict_json import OptionalBodyRoute
from src.routes.wire.links import LinkAnswer, LinkRequest
from src.services.identity.caller import EVERYTHING
from src.services.report_files.storage import CSV, REPORT_SUFFIX, file_name

File = Annotated[str, Path(description="The id of a request, and `.csv`.")]

router = APIRouter(prefix="/api", tags=["Requests"], route_class=LinkedRoute)
linking = APIRouter(prefix="/api", tags=["Requests"], route_class=OptionalBodyRoute)


@router.head("/reports/{file}", include_in_schema=False)
@router.get(
    "/reports/{file}",
    response_class=Response,
    responses={**DOWNLOADED, **responses(403, 404, 412, 416, 503)},
)
async def download_report(
    file: File,
    request: Request,
    parts: PartsDependency,
    redirect: Annotated[
        bool, Query(description="`false`: the bytes come from this server, wherever the report is kept.")
    ] = True,
    # Judged by the route, as they were sent.
    _expires: Annotated[
        str | None, Query(alias="expires", description="When a signed link ends, seconds since 1970.")
    ] = None,
    _signature: Annotated[
        str | None, Query(alias="signature", description="That of a signed link: 64 hex digits.")
    ] = None,
) -> Response:
    """Download a report. A file that was lost or damaged is made again and checked against its SHA-256.

    All preconditions of RFC 9110, section 13.1, are evaluated, and one range is served (of several none). HEAD is
    always answered here. A signed link is good without credentials; where one is sent it alone decides.
    """
    request_id = request_id_in(file.removesuffix(REPORT_SUFFIX))
    if request_id is None or not file.endswith(REPORT_SUFFIX):
        raise NotFound(downloads_controller.NO_REPORT)
    view = EVERYTHING if carries_link(request.scope) else caller_of(request).view
    row = await downloads_controller.get_report(parts.downloads, view, request_id)
    download = judge_download(request, stored_report(row), parts.now())
    if isinstance(download, Response):
        return download
    report = await downloads_controller.open_report(parts.downloads, row)
    if redirect and download.may_redirect and (link := await downloads_controller.link_of(parts.downloads, report)):
        return Response(status_code=302, headers={"location": link, "cache-control": "no-store"})
    return ReportResponse(report, download.part, download.status, download.headers, CSV)


@linking.post(
    "/reports/{file}/link",
    status_code=201,
    response_model=LinkAnswer,
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}, "description": "The link."}}},
        **responses(400, 404, 413, 415, 422, 503),
    },
)
async def create_report_link(
    file: File,
    response: Response,
    caller: CallerDependency,
    parts: PartsDependency,
    body: LinkRequest | None = None,
) -> LinkAnswer:
    """Make a link to a report that is good for a while without credentials. It outlives your key.

    To end it earlier, delete the request. Whatever is changed in it makes it 403 `link-invalid`, and its end 403
    `link-expired`.
    """
    request_id = request_id_in(file.removesuffix(REPORT_SUFFIX))
    if request_id is None or not file.endswith(REPORT_SUFFIX):
        raise NotFound(downloads_controller.NO_REPORT)
    await downloads_controller.get_report(parts.downloads, caller.view, request_id)
    end = int(parts.now().timestamp()) + (body or LinkRequest()).expires_in_s
    url = parts.links.signed(file_name(request_id), end)
    response.headers["location"] = url
    return LinkAnswer(url=url, expires_at=datetime.fromtimestamp(end, UTC))
