"""Routes about the server itself: what it can do, and the films in its folder."""

from fastapi import APIRouter, Request

from kinemacolor.web.api.dependencies import ServiceDependency, UserKey
from kinemacolor.web.api.routes import ApiRoute
from kinemacolor.web.session_view import SessionView, view_session

router = APIRouter(route_class=ApiRoute)


@router.get("/session")
def get_session(service: ServiceDependency, user: UserKey, request: Request) -> SessionView:
    """Get who you are, what this server takes, its models and formats, and how much room is left."""
    return view_session(service, user, getattr(request.state, "login", None))


@router.get("/films")
def list_films(service: ServiceDependency) -> list[str]:
    """List the films in the folder that the server was started with."""
    return service.storage.list_films()
