"""Routes of jobs and of what changes: the queue, and streams of events."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from kinemacolor.web.api.dependencies import OwnJob, OwnProject, ServiceDependency, UserKey
from kinemacolor.web.api.files import make_file_response
from kinemacolor.web.api.routes import ApiRoute
from kinemacolor.web.job import JobView
from kinemacolor.web.project_views import compute_revision
from kinemacolor.web.requests import ProjectTask
from kinemacolor.web.service import Service
from kinemacolor.web.storage import NotFoundError

POLL_SECONDS = 0.3
KEEP_ALIVE_SECONDS = 15
ACTIVE_STATES = ("queued", "running")
ProjectId = Annotated[str, Query(max_length=64)]
router = APIRouter(route_class=ApiRoute)


class JobList(BaseModel):
    """Jobs of a user, and the number of jobs of other users that run or wait."""

    jobs: list[JobView]
    others: int


class EventView(JobList):
    """What an event of ``/events`` says: all jobs of a user, and the ``revision`` of the project that was asked for."""

    revision: str | None


@router.post("/projects/{project}/jobs", status_code=202)
def submit_task(service: ServiceDependency, user: UserKey, own_project: OwnProject, task: ProjectTask) -> JobView:
    """Queue a task: ``look`` (analyze the film), ``plan``, ``try`` (preview a clip), or ``render``."""
    return service.submit_task(user, own_project, task)


@router.get("/jobs")
def list_jobs(service: ServiceDependency, user: UserKey, project: ProjectId | None = None) -> JobList:
    """List your jobs, in the order in which they were queued."""
    return JobList(jobs=service.queue.list_views(user, project), others=service.queue.count_others(user))


@router.get("/jobs/events", response_class=EventSourceResponse)
async def stream_all_events(
    service: ServiceDependency, user: UserKey, project: ProjectId | None = None
) -> AsyncIterator[ServerSentEvent]:
    """Stream your jobs as they change, as server-sent events: each is the whole answer of ``/jobs``."""
    async for event in _stream_changes(lambda: list_jobs(service, user, project).model_dump_json()):
        yield event


@router.get("/jobs/{job}")
def get_job(own_job: OwnJob) -> JobView:
    """Get one of your jobs."""
    return own_job


@router.get("/jobs/{job}/events", response_class=EventSourceResponse)
async def stream_job_events(
    service: ServiceDependency, user: UserKey, own_job: OwnJob
) -> AsyncIterator[ServerSentEvent]:
    """Stream a job as it changes, as server-sent events, until it has ended or was removed from the list."""
    with suppress(NotFoundError):
        async for event in _stream_changes(lambda: service.queue.view_job(user, own_job.id).model_dump_json()):
            yield event
            if event.raw_data and JobView.model_validate_json(event.raw_data).state not in ACTIVE_STATES:
                return


@router.post("/jobs/{job}/stop")
def stop_job(service: ServiceDependency, user: UserKey, job: str) -> JobView:
    """Stop a job; what it has done stays, and it can be resumed."""
    return service.queue.stop_job(user, job)


@router.post("/jobs/{job}/resume")
def resume_job(service: ServiceDependency, user: UserKey, job: str) -> JobView:
    """Resume a job that was stopped or failed."""
    return service.queue.resume_job(user, job)


@router.delete("/jobs/{job}", status_code=204)
def forget_job(service: ServiceDependency, user: UserKey, job: str) -> None:
    """Remove a job that does not run from the list."""
    service.queue.forget_job(user, job)


@router.get("/jobs/{job}/result", response_class=FileResponse)
def get_result(service: ServiceDependency, user: UserKey, job: str) -> FileResponse:
    """Get the file that a job made."""
    return make_file_response(service.queue.find_result(user, job), download=True)


@router.get("/events", response_class=EventSourceResponse)
async def stream_events(
    service: ServiceDependency, user: UserKey, project: ProjectId | None = None
) -> AsyncIterator[ServerSentEvent]:
    """Stream all your jobs, and the ``revision`` of a project, as server-sent events: one whenever something changes.

    Each holds ``jobs`` and ``others`` as `GET /jobs` gives them, and ``revision``, null without a project.
    """
    async for event in _stream_changes(lambda: _describe_now(service, user, project).model_dump_json()):
        yield event


def _describe_now(service: Service, user: str, project: str | None) -> EventView:
    """Return what an event says now; a project that is gone has no revision."""
    try:
        revision = compute_revision(service.find_project(user, project)) if project else None
    except NotFoundError:
        revision = None
    return EventView(jobs=service.queue.list_views(user), others=service.queue.count_others(user), revision=revision)


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
