"""Answers that are files, and the addresses of files of a project."""

import mimetypes
from pathlib import Path
from urllib.parse import quote

from fastapi.responses import FileResponse

from kinemacolor.web.project import Project
from kinemacolor.web.storage import NotFoundError


def make_file_response(path: Path, *, download: bool = False) -> FileResponse:
    """Answer with a file. Raises NotFoundError where there is none."""
    if not path.is_file():
        raise NotFoundError("there is no such file")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return FileResponse(path, media_type=kind, filename=path.name if download else None)


def make_file_url(project: Project, path: Path, version: int | str = 1) -> str:
    """Return the address of a file of the project; ``version`` changes with its content, which may be kept till then.

    Names of small pictures say what is in them: their content never changes.
    """
    inside = quote(path.relative_to(project.folder).as_posix())
    return f"/api/projects/{project.name}/files/{inside}?v={version}"


def make_dated_url(project: Project, path: Path) -> str:
    """Return the address of a file that is replaced now and then, with the time when it was. Raises NotFoundError."""
    if not path.is_file():
        raise NotFoundError("there is no such file")
    return make_file_url(project, path, f"{path.stat().st_mtime_ns:x}")
