"""The HTTP interface, for programs and the page alike. Described at ``/api/openapi.json``."""

from fastapi import APIRouter

from kinemacolor.web.api import frames, jobs, projects, references, results, session, shots, uploads
from kinemacolor.web.api.routes import ApiRoute
from kinemacolor.web.problems import RESPONSES
from kinemacolor.web.storage import NotFoundError

HTTP_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
fallback = APIRouter(route_class=ApiRoute)


@fallback.api_route("/{path:path}", methods=HTTP_METHODS, include_in_schema=False)
def reject_unknown_path(path: str) -> None:
    """Answer 404 to all other addresses below ``/api``, which the page would answer otherwise."""
    raise NotFoundError("there is nothing at this address: see /api/openapi.json")


api = APIRouter(prefix="/api", responses=RESPONSES)
_modules = (session, uploads, projects, references, shots, frames, results, jobs)
for router in (*(module.router for module in _modules), fallback):  # the last one takes what is left
    api.include_router(router)
