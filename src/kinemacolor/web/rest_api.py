"""The HTTP interface for programs; the page gets its pictures here too. Described at ``/api/openapi.json``."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field

from kinemacolor.plan.document import Plan
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.web.api.dependencies import OwnJob, OwnProject, ServiceDependency, UserKey
from kinemacolor.web.api.files import make_file_response
from kinemacolor.web.api.frames import frames
from kinemacolor.web.job import JobView
from kinemacolor.web.problems import RESPONSES
from kinemacolor.web.project import Project
from kinemacolor.web.requests import ProjectTask
from kinemacolor.web.response_headers import make_report_policy
from kinemacolor.web.service import ProjectView, Service, SuggestedFrame, read_suggestions
from kinemacolor.web.storage import NotFoundError

UPLOAD_CHUNK_BYTES = 1 << 20  # bytes of an upload in memory
POLL_SECONDS = 0.3
KEEP_ALIVE_SECONDS = 15
HTTP_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
ACTIVE_STATES = ("queued", "running")
PUBLIC_PATHS = ("results", "report", "survey", "look", "thumbs", "references", "stills", "compare.mp4", "try.mp4")


class FilmInFolder(BaseModel):
    """A film in the server's folder, by its path relative to that folder."""

    model_config = ConfigDict(extra="forbid")
    film: str = Field(max_length=4096)


class JobList(BaseModel):
    """Jobs of a user, and the number of jobs of other users that run or wait."""

    jobs: list[JobView]
    others: int


ProjectId = Annotated[str, Query(max_length=64)]


api = APIRouter(prefix="/api", responses=RESPONSES)


@api.get("/films")
def list_films(service: ServiceDependency) -> list[str]:
    """List the films in the folder that the server was started with."""
    return service.storage.list_films()


@api.get("/projects")
def list_projects(service: ServiceDependency, user: UserKey) -> list[ProjectView]:
    """List your projects, the latest first."""
    return [service.view_project(project) for project in service.list_projects(user)]


@api.post("/projects", status_code=201)
async def upload_project(
    service: ServiceDependency, user: UserKey, files: Annotated[list[UploadFile], File()]
) -> ProjectView:
    """Create a project with a film or photograph, or with the numbered pictures of one film."""
    async with _stored_uploads(service, files) as arrived:
        project = await run_in_threadpool(service.create_uploaded_project, user, arrived)
    return await run_in_threadpool(service.view_project, project)


@api.post("/projects/open", status_code=201)
def open_server_film(service: ServiceDependency, user: UserKey, wanted: FilmInFolder) -> ProjectView:
    """Create a project with a film in the server's folder."""
    return service.view_project(service.create_server_project(user, wanted.film))


@api.get("/projects/{project}")
def get_project(service: ServiceDependency, own_project: OwnProject) -> ProjectView:
    """Get one of your projects."""
    return service.view_project(own_project)


@api.delete("/projects/{project}", status_code=204)
def delete_project(service: ServiceDependency, user: UserKey, own_project: OwnProject) -> None:
    """Remove a project with all that is in it."""
    service.remove_project(user, own_project)


@api.post("/projects/{project}/references", status_code=201)
async def add_reference(
    service: ServiceDependency,
    own_project: OwnProject,
    file: Annotated[UploadFile, File()],
    frame: Annotated[int | None, Form(ge=0, le=10**9)] = None,
) -> ProjectView:
    """Add a colour picture or film as a reference; ``frame``: the frame of the film that the picture shows."""
    async with _stored_uploads(service, [file]) as ((name, path),):
        await run_in_threadpool(service.add_reference, own_project, name, path, frame)
    return await run_in_threadpool(service.view_project, own_project)


@api.delete("/projects/{project}/references/{name}", status_code=204)
def remove_reference(own_project: OwnProject, name: str) -> None:
    """Remove a reference."""
    own_project.remove_reference(name)


@api.get("/projects/{project}/references/{name}", response_class=FileResponse)
def get_reference(service: ServiceDependency, own_project: OwnProject, name: str) -> FileResponse:
    """Get a reference of the plan, as a small picture to look at."""
    return make_file_response(service.save_reference(own_project, name))


@api.get("/projects/{project}/suggestions")
def list_suggestions(own_project: OwnProject) -> list[SuggestedFrame]:
    """List the frames that are worth colouring as references, the most useful first."""
    return read_suggestions(own_project)


@api.get("/projects/{project}/plan")
def get_plan(own_project: OwnProject) -> Plan:
    """Get the plan, with paths relative to the project."""
    return _hide_plan_paths(own_project, own_project.require_plan())


@api.put("/projects/{project}/plan")
def replace_plan(own_project: OwnProject, plan: Plan) -> Plan:
    """Submit a changed plan: shots, references of shots, options, model. Film and pictures stay the project's."""
    return _hide_plan_paths(own_project, own_project.replace_plan(plan))


@api.get("/projects/{project}/files/{path:path}", response_class=FileResponse)
def get_file(own_project: OwnProject, path: str) -> FileResponse:
    """Get a file of the project: results, the report, small pictures."""
    found = _find_public_file(own_project, path)
    response = make_file_response(found, download=path.startswith("results/"))
    if found.suffix == ".html":
        response.headers["Content-Security-Policy"] = make_report_policy(found.read_bytes())
    return response


@api.post("/projects/{project}/jobs", status_code=202)
def submit_task(service: ServiceDependency, user: UserKey, own_project: OwnProject, task: ProjectTask) -> JobView:
    """Queue a task: ``look`` (analyze the film), ``plan``, ``try`` (preview a clip), or ``render``."""
    return service.submit_task(user, own_project, task)


@api.get("/jobs")
def list_jobs(service: ServiceDependency, user: UserKey, project: ProjectId | None = None) -> JobList:
    """List your jobs, in the order in which they were queued."""
    return JobList(jobs=service.queue.list_views(user, project), others=service.queue.count_others(user))


@api.get("/jobs/events", response_class=EventSourceResponse)
async def stream_all_events(
    service: ServiceDependency, user: UserKey, project: ProjectId | None = None
) -> AsyncIterator[ServerSentEvent]:
    """Stream your jobs as they change, as server-sent events: each is the whole answer of ``/jobs``."""
    async for event in _stream_changes(lambda: list_jobs(service, user, project).model_dump_json()):
        yield event


@api.get("/jobs/{job}")
def get_job(own_job: OwnJob) -> JobView:
    """Get one of your jobs."""
    return own_job


@api.get("/jobs/{job}/events", response_class=EventSourceResponse)
async def stream_job_events(
    service: ServiceDependency, user: UserKey, own_job: OwnJob
) -> AsyncIterator[ServerSentEvent]:
    """Stream a job as it changes, as server-sent events, until it has ended or was removed from the list."""
    with suppress(NotFoundError):
        async for event in _stream_changes(lambda: service.queue.view_job(user, own_job.id).model_dump_json()):
            yield event
            if event.raw_data and JobView.model_validate_json(event.raw_data).state not in ACTIVE_STATES:
                return


@api.post("/jobs/{job}/stop")
def stop_job(service: ServiceDependency, user: UserKey, job: str) -> JobView:
    """Stop a job; what it has done stays, and it can be resumed."""
    return service.queue.stop_job(user, job)


@api.post("/jobs/{job}/resume")
def resume_job(service: ServiceDependency, user: UserKey, job: str) -> JobView:
    """Resume a job that was stopped or failed."""
    return service.queue.resume_job(user, job)


@api.delete("/jobs/{job}", status_code=204)
def forget_job(service: ServiceDependency, user: UserKey, job: str) -> None:
    """Remove a job that does not run from the list."""
    service.queue.forget_job(user, job)


@api.get("/jobs/{job}/result", response_class=FileResponse)
def get_result(service: ServiceDependency, user: UserKey, job: str) -> FileResponse:
    """Get the file that a job made."""
    return make_file_response(service.queue.find_result(user, job), download=True)


api.include_router(frames)


@api.api_route("/{path:path}", methods=HTTP_METHODS, include_in_schema=False)
def reject_unknown_path(path: str) -> None:
    """Answer 404 to all other addresses below ``/api``, which the page would answer otherwise."""
    raise NotFoundError("there is nothing at this address: see /api/openapi.json")


def _hide_plan_paths(own_project: Project, plan: Plan) -> Plan:
    """Return the plan with paths relative to the project, so that the server's folders stay hidden."""
    references = {
        name: entry.model_copy(update={"path": entry.path.relative_to(own_project.folder)})
        for name, entry in plan.references.items()
    }
    film = plan.film.model_copy(update={"path": Path(plan.film.path.name)})
    return plan.model_copy(update={"film": film, "references": references})


@asynccontextmanager
async def _stored_uploads(service: Service, files: list[UploadFile]) -> AsyncIterator[list[tuple[str, Path]]]:
    """Write uploads in chunks to a temporary folder; gives (user's file name, path) of each. Removed at the end."""
    with TemporaryDirectory(dir=service.storage.uploads_folder) as folder:
        arrived = [(file.filename or "", Path(folder, str(number))) for number, file in enumerate(files)]
        with translate_disk_errors(service.storage.uploads_folder):
            for file, (_, path) in zip(files, arrived, strict=True):
                with path.open("wb") as stream:
                    while chunk := await file.read(UPLOAD_CHUNK_BYTES):
                        await run_in_threadpool(stream.write, chunk)
        yield arrived


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


async def _stream_changes(read_state: Callable[[], str]) -> AsyncIterator[ServerSentEvent]:
    """Send the state each time that it changes, and a comment every `KEEP_ALIVE_SECONDS` otherwise."""
    last, silent_seconds = "", 0.0
    while True:
        now = await run_in_threadpool(read_state)
        if now != last:
            last, silent_seconds = now, 0.0
            yield ServerSentEvent(raw_data=now)
        elif silent_seconds >= KEEP_ALIVE_SECONDS:
            silent_seconds = 0.0
            yield ServerSentEvent(comment="still here")
        await asyncio.sleep(POLL_SECONDS)
        silent_seconds += POLL_SECONDS
