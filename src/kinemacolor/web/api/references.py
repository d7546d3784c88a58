"""Routes of references: the colour pictures and films of a project."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from kinemacolor.web.api.dependencies import OwnProject, ServiceDependency, UserKey
from kinemacolor.web.api.files import make_file_response
from kinemacolor.web.api.routes import ApiRoute
from kinemacolor.web.api.uploads import stored_uploads
from kinemacolor.web.changes import UploadedReference
from kinemacolor.web.project_views import ProjectView

router = APIRouter(route_class=ApiRoute)


@router.post("/projects/{project}/references", status_code=201)
async def add_reference(
    service: ServiceDependency,
    own_project: OwnProject,
    file: Annotated[UploadFile, File()],
    frame: Annotated[int | None, Form(ge=0, le=10**9)] = None,
) -> ProjectView:
    """Add a colour picture or film as a reference; ``frame``: the frame of the film that the picture shows."""
    async with stored_uploads(service, [file]) as ((name, path),):
        await run_in_threadpool(service.add_reference, own_project, name, path, frame)
    return await run_in_threadpool(service.view_project, own_project)


@router.post("/projects/{project}/references/uploaded", status_code=201)
def add_uploaded_reference(
    service: ServiceDependency, user: UserKey, own_project: OwnProject, wanted: UploadedReference
) -> ProjectView:
    """Add a complete upload as a reference."""
    service.add_uploaded_reference(user, own_project, wanted.upload, wanted.frame)
    return service.view_project(own_project)


@router.delete("/projects/{project}/references/{name}", status_code=204)
def remove_reference(own_project: OwnProject, name: str) -> None:
    """Remove a reference."""
    own_project.remove_reference(name)


@router.get("/projects/{project}/references/{name}", response_class=FileResponse)
def get_reference(service: ServiceDependency, own_project: OwnProject, name: str) -> FileResponse:
    """Get a reference of the plan, as a small picture to look at."""
    return make_file_response(service.save_reference(own_project, name))
