"""Routes of what was made: files of a project, and the quality report."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel

from kinemacolor.web.api.dependencies import OwnProject
from kinemacolor.web.api.files import make_file_response
from kinemacolor.web.api.routes import ApiRoute
from kinemacolor.web.made_from import is_outdated
from kinemacolor.web.project import Project
from kinemacolor.web.response_headers import make_report_policy
from kinemacolor.web.storage import NotFoundError

PUBLIC_PATHS = ("results", "report", "survey", "look", "thumbs", "references", "stills", "compare.mp4", "try.mp4")
router = APIRouter(route_class=ApiRoute)


class FaultMeaning(BaseModel):
    """What a fault of a shot means, and from which amount on a shot wants a look."""

    unit: str
    meaning: str
    limit: float


class AdviceView(BaseModel):
    """A frame that would help most as a reference: at ``seconds``, it takes away ``share`` of all doubt, 0..1."""

    frame: int
    seconds: float
    share: float
    shots: list[int]


class ReportShot(BaseModel):
    """A shot of a report: ``verdict`` is "pass" or "look", ``need`` its worst fault as a multiple of the limit.

    ``reasons``: a sentence about each fault that reaches its limit. ``picture``: a file beside the report.
    """

    number: int
    first: int
    last: int
    seconds: float
    references: list[str]
    least_sure: int
    picture: str
    measures: dict[str, Any]
    verdict: str
    need: float
    reasons: dict[str, str]
    faults: dict[str, float | None]


class ReportView(BaseModel):
    """The quality report as it was written, and whether something was changed since.

    ``faults``: what each means; ``references``: the picture of each, a file beside the report. ``per_frame``: a number
    for each frame, by the name of what was measured.
    """

    is_outdated: bool
    report: int
    kinemacolor: str
    film: str
    model: str
    frames: int
    mean_confidence: float | None
    filled: float | None = None
    faults: dict[str, FaultMeaning]
    advice: list[AdviceView]
    shots: list[ReportShot]
    references: dict[str, str]
    per_frame: dict[str, list[float | None]]


@router.get("/projects/{project}/report", response_model=ReportView)
def get_report(own_project: OwnProject) -> Response:
    """Get the quality report of what was rendered last: which shots want a look, and why."""
    file = own_project.report_folder / "report.json"
    if not file.is_file():
        raise NotFoundError("there is no report yet: render the film first")
    old = "true" if is_outdated(own_project, own_project.rendered_plan_file) else "false"
    text = file.read_text(encoding="utf-8").lstrip()
    return Response(f'{{"is_outdated": {old}, {text[1:]}', media_type="application/json")


@router.get("/projects/{project}/files/{path:path}", response_class=FileResponse)
def get_file(own_project: OwnProject, path: str) -> FileResponse:
    """Get a file of the project: results, the report, small pictures."""
    found = _find_public_file(own_project, path)
    response = make_file_response(found, download=path.startswith("results/"))
    if found.suffix == ".html":
        response.headers["Content-Security-Policy"] = make_report_policy(found.read_bytes())
    return response


def _find_public_file(own_project: Project, path: str) -> Path:
    """Return a file of the project that its user may read. Raises NotFoundError for all others."""
    try:
        wanted = (own_project.folder / path).resolve()
        root = own_project.folder.resolve()
        if any(wanted.is_relative_to(root / name) for name in PUBLIC_PATHS) and wanted.is_file():
            return wanted
    except (OSError, ValueError):
        pass
    raise NotFoundError(f"there is no file {path[:60]!r}")
