"""What routes take from a request: the service, who asks, and that person's project or job."""

from typing import Annotated

from fastapi import Depends, Request

from kinemacolor.web.job import JobView
from kinemacolor.web.project import Project
from kinemacolor.web.service import Service


def _get_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _get_user(request: Request) -> str:
    return str(request.state.user)


ServiceDependency = Annotated[Service, Depends(_get_service)]
UserKey = Annotated[str, Depends(_get_user)]


def _find_project(service: ServiceDependency, user: UserKey, project: str) -> Project:
    return service.find_project(user, project)


def _find_job(service: ServiceDependency, user: UserKey, job: str) -> JobView:
    return service.queue.view_job(user, job)


OwnProject = Annotated[Project, Depends(_find_project)]
OwnJob = Annotated[JobView, Depends(_find_job)]
