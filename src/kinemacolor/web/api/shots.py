"""Routes of plans and shots: cuts, the references and options of each shot, and those of the film."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from kinemacolor.plan.document import Plan
from kinemacolor.web.api.dependencies import OwnProject, ServiceDependency
from kinemacolor.web.api.routes import ApiRoute
from kinemacolor.web.changes import PlanChange, ShotEdit
from kinemacolor.web.requests import OutputFormat, RenderFilm, format_render_command
from kinemacolor.web.shot_edits import apply_shot_edit
from kinemacolor.web.shot_views import ShotList, list_detected_shots, view_shots

router = APIRouter(route_class=ApiRoute)


class RenderCommand(BaseModel):
    """A command line that does the same as a render."""

    command: str


@router.get("/projects/{project}/shots")
def list_shots(service: ServiceDependency, own_project: OwnProject) -> ShotList:
    """List the shots: their cuts, references and options, and which of them want a look."""
    return view_shots(own_project, service.looker)


@router.post("/projects/{project}/shots/edit")
def edit_shots(service: ServiceDependency, own_project: OwnProject, edit: ShotEdit) -> ShotList:
    """Merge, split or move shots, or change references or options of some; edited cuts outlive a new plan."""
    apply_shot_edit(own_project, edit, lambda: list_detected_shots(own_project, service.looker))
    return view_shots(own_project, service.looker)


@router.get("/projects/{project}/plan")
def get_plan(own_project: OwnProject) -> Plan:
    """Get the plan, with paths relative to the project."""
    return own_project.hide_plan_paths(own_project.require_plan())


@router.put("/projects/{project}/plan")
def replace_plan(own_project: OwnProject, plan: Plan) -> Plan:
    """Submit a changed plan: shots, references of shots, options, model. Film and pictures stay the project's."""
    return own_project.hide_plan_paths(own_project.replace_plan(plan))


@router.patch("/projects/{project}/plan")
def change_plan(service: ServiceDependency, own_project: OwnProject, change: PlanChange) -> Plan:
    """Change the model or some options of the plan; an option that is null has its default again."""
    return own_project.hide_plan_paths(service.change_plan(own_project, change))


@router.get("/projects/{project}/command")
def get_command(
    service: ServiceDependency,
    own_project: OwnProject,
    form: Annotated[OutputFormat | None, Query()] = None,
    *,
    layer: bool = False,
    confidence: bool = False,
) -> RenderCommand:
    """Get the command line that renders the plan as the task ``render`` would.

    On a server with passwords it has the names in the project's folder alone.
    """
    command = format_render_command(own_project, RenderFilm(form=form, layer=layer, confidence=confidence))
    if service.options.passwords:
        command = service.storage.hide_server_paths(command)
    return RenderCommand(command=command)
