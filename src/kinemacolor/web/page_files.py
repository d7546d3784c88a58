"""Serves the page: the files of ``web/page`` as they are; ``/`` and the address of each film are ``index.html``."""

import os
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from kinemacolor.web.plain_pages import make_not_found_page, wants_page
from kinemacolor.web.service import Service
from kinemacolor.web.storage import NotFoundError

PAGE_FOLDER = Path(__file__).parent / "page"
MEDIA_TYPES = {  # told here, as a system's own list may say otherwise; other files are for those who write the page
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


class PageFiles(StaticFiles):
    """The files of the page. A browser asks each time whether one has changed, so that an update is seen at once."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find a file that is for browsers."""
        return super().lookup_path(path) if Path(path).suffix in MEDIA_TYPES else ("", None)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with a file, or that it has not changed."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if isinstance(response, FileResponse):
            response.headers["Content-Type"] = f"{MEDIA_TYPES[Path(full_path).suffix]}; charset=utf-8"
        return response


def mount_page(app: FastAPI) -> None:
    """Serve the page with an application, and answer 404 to what is nothing else."""
    files = PageFiles(directory=PAGE_FOLDER)
    app.mount("/page", files)

    async def get_index(request: Request) -> Response:
        """Answer with the page itself, which reads from its address what to show; frames will be asked for soon."""
        service: Service = app.state.service
        service.previewer.warm_up()
        return await files.get_response("index.html", request.scope)

    for path in ("/", "/films/{film}"):
        app.add_route(path, get_index, include_in_schema=False)
    app.add_route("/{path:path}", _reject_unknown_address, include_in_schema=False)


def _reject_unknown_address(request: Request) -> Response:
    """Answer 404, a person with a page."""
    if wants_page(request.headers):
        return make_not_found_page()
    raise NotFoundError("there is nothing at this address")
