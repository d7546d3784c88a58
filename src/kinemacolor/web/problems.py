"""How the HTTP interface tells of errors: a message, and the exit code that the command line has for it."""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from kinemacolor.errors import KinemacolorError, ResourceError, find_machine_fault
from kinemacolor.web.service import Service
from kinemacolor.web.storage import NotFoundError
from kinemacolor.web.visitors import find_exit_code


class Problem(BaseModel):
    """An error: a message for a person, and the exit code that the command line has for it."""

    error: str
    exit_code: int = 2


ERROR_MEANINGS = {
    400: "What was asked for cannot be done",
    401: "A name and a password, or the token of the server, are needed",
    403: "A page of another site asked for this",
    404: "There is no such thing, or it is somebody else's",
    408: "What was begun to be sent did not go on",
    413: "What was sent is larger than the server takes",
    421: "The server was asked under a name that is not its own",
    422: "What was sent is not what is wanted",
    429: "Too much at a time, or too many wrong passwords: wait as long as Retry-After says",
    500: "A mistake of the server",
    503: "All connections are taken: try again",
    507: "The server is out of memory or disk space",
}
RESPONSES: dict[int | str, dict[str, Any]] = {  # JSON also where a route gives pictures or events
    status: {"description": text, "content": {"application/json": {"schema": Problem.model_json_schema()}}}
    for status, text in ERROR_MEANINGS.items()
}


async def raise_unless_machine_fault(request: Request, error: Exception) -> JSONResponse:
    """Answer an error of the system that tells of the machine; others go on, to be printed as mistakes."""
    if not _find_fault(error):
        raise error
    return await handle_error(request, error)


async def handle_error(request: Request, error: Exception) -> JSONResponse:
    """Turn an error into a response with a `Problem`; server paths are hidden.

    What a user can correct keeps its words, the machine's faults are 507, and all else is a mistake of ours.
    """
    service: Service = request.app.state.service
    if isinstance(error, RequestValidationError):
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return _problem_response(422, Problem(error=wrong))
    if isinstance(error, HTTPException):
        if not (machine_fault := _find_fault(error.__cause__)):  # why a form could not be read
            told = Problem(error=str(error.detail), exit_code=find_exit_code(error.status_code))
            return _problem_response(error.status_code, told)
        error = machine_fault
    if not isinstance(error, KinemacolorError):
        if not (machine_fault := _find_fault(error)):
            return _problem_response(500, Problem(error="the server made a mistake: see what it prints", exit_code=1))
        error = machine_fault
    status = 404 if isinstance(error, NotFoundError) else 507 if isinstance(error, ResourceError) else 400
    text = service.storage.hide_server_paths(str(error))
    return _problem_response(status, Problem(error=text, exit_code=error.exit_code))


def _find_fault(error: BaseException | None) -> ResourceError | None:
    """Return what an error says of the machine, also that a disk refuses: the server writes only to its own folder."""
    if isinstance(error, PermissionError):
        return ResourceError(f"the disk refuses ({error}): make the server's folder writable")
    return find_machine_fault(error) if error else None


def _problem_response(status: int, content: Problem) -> JSONResponse:
    plain = content.error.encode("utf-8", "replace").decode()
    return JSONResponse({"error": plain, "exit_code": content.exit_code}, status)
