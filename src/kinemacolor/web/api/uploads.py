"""Routes of uploads: whole ones as a form, and large ones in pieces, which go on after a broken connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.web.api.dependencies import ServiceDependency, UserKey
from kinemacolor.web.api.routes import ApiRoute
from kinemacolor.web.service import Service
from kinemacolor.web.uploads import OffsetError, UploadView

UPLOAD_CHUNK_BYTES = 1 << 20  # bytes of an upload in memory
PIECE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
router = APIRouter(route_class=ApiRoute)


class UploadRequest(BaseModel):
    """A file that is to come in pieces: its name, and how many bytes it has."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=4096)
    size: int = Field(ge=0, le=2**53)


class UploadConflict(UploadView):
    """An upload that goes on at ``received``, and not where a piece was offered."""

    error: str
    exit_code: int


@router.post("/uploads", status_code=201)
def begin_upload(service: ServiceDependency, user: UserKey, wanted: UploadRequest) -> UploadView:
    """Begin to upload a file in pieces; it is kept for a day after its last one."""
    return service.intake.begin_upload(user, wanted.name, wanted.size)


@router.get("/uploads")
def list_uploads(service: ServiceDependency, user: UserKey) -> list[UploadView]:
    """List your uploads that no project has taken."""
    return service.intake.uploads.list_views(user)


@router.get("/uploads/{upload}")
def get_upload(service: ServiceDependency, user: UserKey, upload: str) -> UploadView:
    """Get one of your uploads: how much of it is there."""
    return service.intake.uploads.find(user, upload).make_view()


@router.patch(
    "/uploads/{upload}",
    response_model=UploadView,
    responses={409: {"model": UploadConflict, "description": "It goes on at another byte, or a piece is just coming"}},
    openapi_extra=PIECE_BODY,
)
async def send_piece(
    service: ServiceDependency,
    user: UserKey,
    upload: str,
    offset: Annotated[int, Query(ge=0, le=2**53)],
    request: Request,
) -> Any:
    """Send the next piece of a file, raw bytes from ``offset`` on, at most 16 MiB; what came of a broken one stays."""
    found = await run_in_threadpool(service.intake.uploads.find, user, upload)
    try:
        with service.intake.uploads.open_piece(found, offset) as writer:
            async for chunk in request.stream():
                await run_in_threadpool(writer.write, chunk)
    except OffsetError as error:
        conflict = UploadConflict(**error.upload.model_dump(), error=str(error), exit_code=error.exit_code)
        return JSONResponse(conflict.model_dump(), 409)
    except ClientDisconnect:  # who has left hears no answer
        return found.make_view()
    return await run_in_threadpool(found.make_view)


@router.delete("/uploads/{upload}", status_code=204)
def discard_upload(service: ServiceDependency, user: UserKey, upload: str) -> None:
    """Remove an upload."""
    service.intake.uploads.discard(user, upload)


@asynccontextmanager
async def stored_uploads(service: Service, files: list[UploadFile]) -> AsyncIterator[list[tuple[str, Path]]]:
    """Write the files of a form to a temporary folder; gives (user's file name, path) of each. Removed at the end."""
    with TemporaryDirectory(dir=service.storage.uploads_folder) as folder:
        arrived = [(file.filename or "", Path(folder, str(number))) for number, file in enumerate(files)]
        with translate_disk_errors(service.storage.uploads_folder):
            for file, (_, path) in zip(files, arrived, strict=True):
                with path.open("wb") as stream:
                    while chunk := await file.read(UPLOAD_CHUNK_BYTES):
                        await run_in_threadpool(stream.write, chunk)
        yield arrived
