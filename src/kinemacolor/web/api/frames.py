"""Routes of frames: each in gray, to be coloured, in colour, and how sure its colours are."""

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse

from kinemacolor.web.api.dependencies import OwnProject, ServiceDependency
from kinemacolor.web.api.files import make_file_response

FrameVariant = Literal["gray", "picture", "color", "confidence"]
router = APIRouter()


@router.get("/projects/{project}/frames/{frame}/{show}", response_class=FileResponse)
def get_frame(service: ServiceDependency, own_project: OwnProject, frame: int, show: FrameVariant) -> FileResponse:
    """Get a frame: ``gray``, ``picture`` (gray at full size, to be coloured), ``color`` by the plan, ``confidence``."""
    if show == "gray":
        return make_file_response(service.previewer.save_gray_frame(own_project, frame))
    if show == "picture":
        return make_file_response(service.previewer.export_frame(own_project, frame), download=True)
    preview = service.previewer.preview_frame(own_project, frame)
    return make_file_response(preview.color if show == "color" else preview.confidence)
