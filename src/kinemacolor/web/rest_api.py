"""The HTTP interface for programs, which the page's own pictures come from too. Described at ``/api/openapi.json``."""

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from kinemacolor.errors import KinemacolorError, ResourceError
from kinemacolor.plan.document import Plan
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.web.job import JobView
from kinemacolor.web.project import Project
from kinemacolor.web.requests import Task
from kinemacolor.web.service import Desk, ProjectView, Suggested, suggestions
from kinemacolor.web.storage import Missing

PIECE = 1 << 20  # bytes of an upload in memory
POLL_SECONDS = 0.3
KEEP_ALIVE_SECONDS = 15
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
ACTIVE = ("queued", "running")
PUBLIC = ("results", "report", "survey", "look", "references", "stills", "compare.mp4", "try.mp4")


class Problem(BaseModel):
    """What went wrong, in words for a person, and the exit code that the command line has for it."""

    error: str
    exit_code: int = 2


class FilmInFolder(BaseModel):
    """A film of the server's folder."""

    model_config = ConfigDict(extra="forbid")
    film: str = Field(max_length=4096)


class Jobs(BaseModel):
    """Jobs of a user, and how many of others run or wait."""

    jobs: list[JobView]
    others: int


Show = Literal["gray", "picture", "color", "confidence"]
ProjectId = Annotated[str, Query(max_length=64)]
PROBLEMS = {
    400: "What was asked for cannot be done",
    401: "A name and a password are needed",
    403: "A page of another site asked for this",
    404: "There is no such thing, or it is somebody else's",
    413: "What was sent is larger than the server takes",
    421: "The server was asked under a name that is not its own",
    422: "What was sent is not what is wanted",
    507: "The server is out of memory or disk space",
}
RESPONSES: dict[int | str, dict[str, Any]] = {  # JSON also where a route gives pictures or events
    status: {"description": text, "content": {"application/json": {"schema": Problem.model_json_schema()}}}
    for status, text in PROBLEMS.items()
}


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _user(request: Request) -> str:
    return str(request.state.user)


TheDesk = Annotated[Desk, Depends(_desk)]
User = Annotated[str, Depends(_user)]


def _project(desk: TheDesk, user: User, project: str) -> Project:
    return desk.project(user, project)


def _job(desk: TheDesk, user: User, job: str) -> JobView:
    return desk.queue.view(user, job)


Own = Annotated[Project, Depends(_project)]
OwnJob = Annotated[JobView, Depends(_job)]
api = APIRouter(prefix="/api", responses=RESPONSES)


@api.get("/films")
def films(desk: TheDesk) -> list[str]:
    """Films in the folder that the server was started with."""
    return desk.home.known_films()


@api.get("/projects")
def projects(desk: TheDesk, user: User) -> list[ProjectView]:
    """Your projects, the latest first."""
    return [desk.view(project) for project in desk.projects(user)]


@api.post("/projects", status_code=201)
async def upload(desk: TheDesk, user: User, files: Annotated[list[UploadFile], File()]) -> ProjectView:
    """Begin a project with a film or photograph, or with the numbered pictures of one film."""
    async with _stored(desk, files) as arrived:
        project = await run_in_threadpool(desk.upload, user, arrived)
    return await run_in_threadpool(desk.view, project)


@api.post("/projects/open", status_code=201)
def open_film(desk: TheDesk, user: User, wanted: FilmInFolder) -> ProjectView:
    """Begin a project with a film of the server's folder."""
    return desk.view(desk.open(user, wanted.film))


@api.get("/projects/{project}")
def project(desk: TheDesk, own: Own) -> ProjectView:
    """One of your projects."""
    return desk.view(own)


@api.delete("/projects/{project}", status_code=204)
def remove(desk: TheDesk, user: User, own: Own) -> None:
    """Remove a project with all that is in it."""
    desk.remove(user, own)


@api.post("/projects/{project}/references", status_code=201)
async def add_reference(
    desk: TheDesk,
    own: Own,
    file: Annotated[UploadFile, File()],
    frame: Annotated[int | None, Form(ge=0, le=10**9)] = None,
) -> ProjectView:
    """Give a colour picture or film; ``frame``: the picture is one of this frame of the film."""
    async with _stored(desk, [file]) as ((name, path),):
        await run_in_threadpool(own.add_reference, name, path, frame)
    return await run_in_threadpool(desk.view, own)


@api.delete("/projects/{project}/references/{name}", status_code=204)
def remove_reference(own: Own, name: str) -> None:
    """Forget a reference."""
    own.remove_reference(name)


@api.get("/projects/{project}/references/{name}", response_class=FileResponse)
def reference(desk: TheDesk, own: Own, name: str) -> FileResponse:
    """A reference of the plan, as a picture to look at."""
    return _file(desk.stills.reference(own, name))


@api.get("/projects/{project}/suggestions")
def suggested(own: Own) -> list[Suggested]:
    """Which frames are worth colouring, the most useful first."""
    return suggestions(own)


@api.get("/projects/{project}/plan")
def plan(own: Own) -> Plan:
    """The plan, with paths inside the project."""
    return _told(own, own.planned())


@api.put("/projects/{project}/plan")
def replace_plan(own: Own, plan: Plan) -> Plan:
    """Submit a changed plan: shots, references of shots, options, model. Film and pictures stay the project's."""
    return _told(own, own.replace_plan(plan))


@api.get("/projects/{project}/frames/{frame}/{show}", response_class=FileResponse)
def frame(desk: TheDesk, own: Own, frame: int, show: Show) -> FileResponse:
    """A frame: gray (``picture``: at full size, to be coloured), in colour by the plan, or how sure that is."""
    if show == "gray":
        return _file(desk.stills.gray(own, frame))
    if show == "picture":
        return _file(desk.stills.picture(own, frame), download=True)
    still = desk.stills.still(own, frame)
    return _file(still.color if show == "color" else still.confidence)


@api.get("/projects/{project}/files/{path:path}", response_class=FileResponse)
def file(own: Own, path: str) -> FileResponse:
    """A file of the project: results, the report, small pictures."""
    return _file(_inside(own, path), download=path.startswith("results/"))


@api.post("/projects/{project}/jobs", status_code=202)
def submit(desk: TheDesk, user: User, own: Own, task: Task) -> JobView:
    """Ask for work: look, plan, try, render."""
    return desk.submit(user, own, task)


@api.get("/jobs")
def jobs(desk: TheDesk, user: User, project: ProjectId | None = None) -> Jobs:
    """Your jobs, in the order you asked for them."""
    return Jobs(jobs=desk.queue.views(user, project), others=desk.queue.ahead(user))


@api.get("/jobs/events", response_class=EventSourceResponse)
async def all_events(desk: TheDesk, user: User, project: ProjectId | None = None) -> AsyncIterator[ServerSentEvent]:
    """The same as it changes, as server-sent events: each is the whole answer of ``/jobs``."""
    async for event in _changes(lambda: jobs(desk, user, project).model_dump_json()):
        yield event


@api.get("/jobs/{job}")
def job(own: OwnJob) -> JobView:
    """One of your jobs."""
    return own


@api.get("/jobs/{job}/events", response_class=EventSourceResponse)
async def events(desk: TheDesk, user: User, own: OwnJob) -> AsyncIterator[ServerSentEvent]:
    """How a job goes, as server-sent events, until it has ended or was taken off the list."""
    with suppress(Missing):
        async for event in _changes(lambda: desk.queue.view(user, own.id).model_dump_json()):
            yield event
            if event.raw_data and JobView.model_validate_json(event.raw_data).state not in ACTIVE:
                return


@api.post("/jobs/{job}/stop")
def stop(desk: TheDesk, user: User, job: str) -> JobView:
    """Stop a job; what was done is kept."""
    return desk.queue.stop(user, job)


@api.post("/jobs/{job}/resume")
def resume(desk: TheDesk, user: User, job: str) -> JobView:
    """Go on with a job that was stopped or failed."""
    return desk.queue.resume(user, job)


@api.delete("/jobs/{job}", status_code=204)
def forget(desk: TheDesk, user: User, job: str) -> None:
    """Take a job that does not run off the list."""
    desk.queue.forget(user, job)


@api.get("/jobs/{job}/result", response_class=FileResponse)
def result(desk: TheDesk, user: User, job: str) -> FileResponse:
    """What a job made."""
    return _file(desk.queue.result(user, job), download=True)


@api.api_route("/{path:path}", methods=METHODS, include_in_schema=False)
def nothing(path: str) -> None:
    """Else the page would answer."""
    raise Missing("there is nothing at this address: see /api/openapi.json")


async def problem(request: Request, error: Exception) -> JSONResponse:
    """What a user can mend, as a `Problem`."""
    desk: Desk = request.app.state.desk
    if isinstance(error, RequestValidationError):
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return _answer(422, Problem(error=wrong))
    if isinstance(error, HTTPException):
        return _answer(error.status_code, Problem(error=str(error.detail)))
    assert isinstance(error, KinemacolorError)
    status = 404 if isinstance(error, Missing) else 507 if isinstance(error, ResourceError) else 400
    text = desk.home.without_places(str(error))
    return _answer(status, Problem(error=text, exit_code=error.exit_code))


def _answer(status: int, content: Problem) -> JSONResponse:
    plain = content.error.encode("utf-8", "replace").decode()
    return JSONResponse({"error": plain, "exit_code": content.exit_code}, status)


def _told(own: Project, plan: Plan) -> Plan:
    """A plan without the places where the server keeps things."""
    references = {
        name: entry.model_copy(update={"path": entry.path.relative_to(own.folder)})
        for name, entry in plan.references.items()
    }
    film = plan.film.model_copy(update={"path": Path(plan.film.path.name)})
    return plan.model_copy(update={"film": film, "references": references})


@asynccontextmanager
async def _stored(desk: Desk, files: list[UploadFile]) -> AsyncIterator[list[tuple[str, Path]]]:
    """Uploads under their users' names for them, written piece by piece to a folder that is removed afterwards."""
    with TemporaryDirectory(dir=desk.home.uploads) as folder:
        arrived = [(file.filename or "", Path(folder, str(number))) for number, file in enumerate(files)]
        with translate_disk_errors(desk.home.uploads):
            for file, (_, path) in zip(files, arrived, strict=True):
                with path.open("wb") as stream:
                    while piece := await file.read(PIECE):
                        await run_in_threadpool(stream.write, piece)
        yield arrived


def _inside(own: Project, path: str) -> Path:
    """A file of a project that its user may read."""
    try:
        wanted = (own.folder / path).resolve()
        if any(wanted.is_relative_to(own.folder / name) for name in PUBLIC) and wanted.is_file():
            return wanted
    except (OSError, ValueError):
        pass
    raise Missing(f"there is no file {path[:60]!r}")


def _file(path: Path, *, download: bool = False) -> FileResponse:
    if not path.is_file():
        raise Missing("there is no such file")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return FileResponse(path, media_type=kind, filename=path.name if download else None)


async def _changes(state: Callable[[], str]) -> AsyncIterator[ServerSentEvent]:
    """What ``state`` says, each time that it says something else; now and then a sign of life."""
    last, quiet = "", 0.0
    while True:
        now = await run_in_threadpool(state)
        if now != last:
            last, quiet = now, 0.0
            yield ServerSentEvent(raw_data=now)
        elif quiet >= KEEP_ALIVE_SECONDS:
            quiet = 0.0
            yield ServerSentEvent(comment="still here")
        await asyncio.sleep(POLL_SECONDS)
        quiet += POLL_SECONDS
