"""Routes of projects: begin, look at, rename, cut, remove."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, File, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, StreamingResponse

from kinemacolor.web.api.dependencies import OwnProject, ServiceDependency, UserKey
from kinemacolor.web.api.files import make_file_response
from kinemacolor.web.api.routes import ApiRoute
from kinemacolor.web.api.uploads import stored_uploads
from kinemacolor.web.changes import FilmSource, ProjectChange, UploadedProject
from kinemacolor.web.project_export import export_project as make_export
from kinemacolor.web.project_views import ProjectView, list_result_files
from kinemacolor.web.suggestions import SuggestedFrame, read_suggestions

ZIP_ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}, "description": "The zip"}}
router = APIRouter(route_class=ApiRoute)


@router.get("/projects")
def list_projects(service: ServiceDependency, user: UserKey) -> list[ProjectView]:
    """List your projects, the latest first."""
    return [service.view_project(project) for project in service.list_projects(user)]


@router.post("/projects", status_code=201)
async def upload_project(
    service: ServiceDependency, user: UserKey, files: Annotated[list[UploadFile], File()]
) -> ProjectView:
    """Create a project with a film or photograph, or with the numbered pictures of one film, sent as a form."""
    async with stored_uploads(service, files) as arrived:
        project = await run_in_threadpool(service.intake.create_uploaded_project, user, arrived)
    return await run_in_threadpool(service.view_project, project)


@router.post("/projects/open", status_code=201)
def open_film(service: ServiceDependency, user: UserKey, wanted: FilmSource) -> ProjectView:
    """Create a project with a film of the server's folder, with complete uploads, or with the sample."""
    return service.view_project(service.intake.create_project_of(user, wanted))


@router.get("/projects/{project}")
def get_project(service: ServiceDependency, own_project: OwnProject) -> ProjectView:
    """Get one of your projects; what works for it is started meanwhile."""
    service.warm_up()
    return service.view_project(own_project)


@router.patch("/projects/{project}")
def change_project(
    service: ServiceDependency, user: UserKey, own_project: OwnProject, change: ProjectChange
) -> ProjectView:
    """Rename a project, or restrict it to a part of its film: then shots are looked for anew."""
    service.change_project(user, own_project, change)
    return service.view_project(own_project)


@router.delete("/projects/{project}", status_code=204)
def delete_project(
    service: ServiceDependency, user: UserKey, own_project: OwnProject, *, forever: bool = False
) -> None:
    """Remove a project: for a day it can be restored; ``forever``: delete it with all that is in it."""
    service.remove_project(user, own_project, for_good=forever)


@router.post("/projects/{project}/restore")
def restore_project(service: ServiceDependency, user: UserKey, project: str) -> ProjectView:
    """Restore a project that was removed at most a day ago."""
    return service.view_project(service.restore_project(user, project))


@router.get("/projects/{project}/export", response_class=StreamingResponse, responses=ZIP_ANSWER)
def export_project(service: ServiceDependency, own_project: OwnProject, *, results: bool = False) -> StreamingResponse:
    """Get a project as one file, a zip: film, references, plan and cuts, with ``results`` also what was rendered."""
    name = quote(f"{Path(own_project.entry.title).stem or 'film'}.kinemacolor.zip")
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{name}"}
    made = list_result_files(own_project, is_rendering=service.queue.is_rendering(own_project)) if results else None
    pieces = make_export(own_project, made)
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


@router.post("/projects/import", status_code=201)
def import_project(service: ServiceDependency, user: UserKey, wanted: UploadedProject) -> ProjectView:
    """Create a project of a complete upload: the zip that an export gave."""
    return service.view_project(service.intake.import_project(user, wanted.upload))


@router.post("/projects/{project}/undo")
def undo_change(service: ServiceDependency, user: UserKey, own_project: OwnProject) -> ProjectView:
    """Undo the last change of plan, cuts, references or part of the film; what jobs changed counts, too."""
    service.move_in_history(user, own_project, -1)
    return service.view_project(own_project)


@router.post("/projects/{project}/redo")
def redo_change(service: ServiceDependency, user: UserKey, own_project: OwnProject) -> ProjectView:
    """Do again what was undone last."""
    service.move_in_history(user, own_project, 1)
    return service.view_project(own_project)


@router.get("/projects/{project}/picture", response_class=FileResponse)
def get_picture(service: ServiceDependency, own_project: OwnProject) -> FileResponse:
    """Get a small picture of a project: of its result in colour, where there is one, else of its film."""
    return make_file_response(service.save_poster(own_project))


@router.get("/projects/{project}/suggestions")
def list_suggestions(service: ServiceDependency, own_project: OwnProject) -> list[SuggestedFrame]:
    """List the frames that are worth colouring as references, the most useful first."""
    return read_suggestions(own_project, service.looker)
