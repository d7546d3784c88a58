"""Builds and runs the server: access rules, HTTP interface, page, and job queue."""

import asyncio
import logging
import socket
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from filelock import FileLock, Timeout
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from kinemacolor._version import __version__
from kinemacolor.errors import KinemacolorError, UsageError
from kinemacolor.web.access_token import AccessToken, load_token
from kinemacolor.web.adoption import adopt_projects, count_foreign_projects
from kinemacolor.web.auth import AccessMiddleware
from kinemacolor.web.connections import make_protocol, raise_descriptor_limit
from kinemacolor.web.looker import Looker
from kinemacolor.web.page_files import mount_page
from kinemacolor.web.problems import handle_error, raise_unless_machine_fault
from kinemacolor.web.queue import JobQueue
from kinemacolor.web.remote_previews import RemotePreviewer
from kinemacolor.web.rest_api import api
from kinemacolor.web.server_options import ServerLimits, ServerOptions
from kinemacolor.web.service import Service
from kinemacolor.web.storage import Storage
from kinemacolor.web.visitors import Doorkeeper, PasswordDoorkeeper, TokenDoorkeeper, make_owner_key

_log = logging.getLogger(__name__)
STOP_SECONDS = 3
SWEEP_SECONDS = 3600
# Films and pictures are small already, and players ask for ranges of them.
INCOMPRESSIBLE = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "image/tiff", "application/octet-stream")


def create_app(options: ServerOptions) -> FastAPI:
    """Build the whole server as an ASGI application; its queue runs as long as the application.

    Raises UsageError for options that do not fit, ResourceError where the folder cannot be written.
    """
    options.check()
    storage = Storage(options.folder.resolve(), options.films, options.limits.disk_per_user)
    storage.create_folders()
    queue, previewer = JobQueue(storage, options.devices), RemotePreviewer(options.devices[0])
    service = Service(storage, queue, previewer, Looker(), options)
    app = FastAPI(
        title="Kinemacolor",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_make_lifespan(service),
    )
    app.openapi_version = "3.2.0"  # the first that can say what events hold
    app.state.service = service
    for kind in (KinemacolorError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle_error)
    for system_error in (OSError, MemoryError, RuntimeError):
        app.add_exception_handler(system_error, raise_unless_machine_fault)
    app.add_exception_handler(Exception, handle_error)
    app.include_router(api)
    mount_page(app)
    app.add_middleware(GZipMiddleware, exclude_content_types=INCOMPRESSIBLE)
    app.add_middleware(
        AccessMiddleware,
        rules=options.access_rules,
        doorkeeper=_make_doorkeeper(options, app),
        storage=storage,
    )
    return app


def _make_doorkeeper(options: ServerOptions, app: FastAPI) -> Doorkeeper:
    """Return what knows the users: by their passwords, or by the token, which ``app.state.token`` has then."""
    if options.passwords:
        return PasswordDoorkeeper(options.access_rules)
    app.state.token = load_token(options.folder)
    return TokenDoorkeeper(options.access_rules, app.state.token)


def _make_lifespan(service: Service) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Run the queue, and the removal of old uploads and of trash, while the application runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(_sweep_hourly(service))
        with service.queue, closing(service):
            yield
        sweeper.cancel()

    return lifespan


def run_server(options: ServerOptions, tell: Callable[[str], None], *, browser: bool = False) -> None:
    """Run the server until interrupted; ``tell`` receives sentences for who started it, first of all its address.

    Raises UsageError where the port is taken or another server uses the folder, and as `create_app`.
    """
    app = create_app(options)
    tempfile.tempdir = str(options.folder.resolve() / "uploads")  # uploads are moved, so they must lie on the same disk
    with _locked_folder(options.folder), _listening_socket(options.host, options.port) as listener:
        host = f"[{options.host}]" if ":" in options.host else options.host
        address = f"http://{host}:{listener.getsockname()[1]}/"
        token: AccessToken | None = getattr(app.state, "token", None)
        shown = f"{address}?token={token.value}" if token else address
        tell(f"Kinemacolor is at {shown} (stop it with Ctrl-C; films that render go on next time)")
        if token:
            _tell_of_other_films(app.state.service.storage, options, tell)
        if browser:
            webbrowser.open(f"{address}?token={token.make_single_use()}" if token else address)
        uvicorn.Server(make_config(app, options.limits)).run(sockets=[listener])


def _tell_of_other_films(storage: Storage, options: ServerOptions, tell: Callable[[str], None]) -> None:
    """Move the films of others to the one user where that was asked for, else say that there are some."""
    user = make_owner_key(options.access_rules)
    if options.adopt:
        tell(f"films taken over from other browsers and names: {adopt_projects(storage, user)}")
    elif count := count_foreign_projects(storage, user):
        tell(f"films of other browsers and names in this folder: {count}; with --adopt they become yours")


def make_config(app: FastAPI, limits: ServerLimits) -> uvicorn.Config:
    """Return how uvicorn serves the application: with bounded connections, which fit the files it may open."""
    fitting = limits.fit_descriptors(raise_descriptor_limit())
    return uvicorn.Config(
        app,
        http=make_protocol(fitting),
        ws="none",
        limit_concurrency=fitting.connections,
        log_level="warning",
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
    )


async def _sweep_hourly(service: Service) -> None:
    """Remove old uploads, and empty the trash, now and every hour, also where the disk refuses now and then."""
    while True:
        for sweep in (service.storage.remove_old_uploads, service.empty_trash):
            try:
                await asyncio.to_thread(sweep)
            except (OSError, KinemacolorError) as error:
                _log.warning("what nobody needs any more is not removed, and tried again in an hour: %s", error)
        await asyncio.sleep(SWEEP_SECONDS)


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    """Lock the folder, so that only one server uses it. Raises UsageError where another one does."""
    lock = FileLock(folder / "lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise UsageError(f"another server works in {folder}: stop it, or give another --folder") from error


@contextmanager
def _listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on a port, 0: any free one. Raises UsageError where that is refused."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    with closing(listener):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()  # earlier connections wait until the server is ready
        except OSError as error:
            raise UsageError(f"port {port} of {host} cannot be had ({error.strerror}): try --port 0") from error
        yield listener
