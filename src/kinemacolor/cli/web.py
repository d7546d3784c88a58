"""The verb that opens the page: `web`. Nothing heavy is imported before it runs."""

import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer

from kinemacolor.cli.completion import complete_devices
from kinemacolor.cli.options import DEFAULT_DEVICE
from kinemacolor.errors import UsageError
from kinemacolor.utils.bags import check_outside_bags
from kinemacolor.utils.console import print_message

DevicesOption = Annotated[
    list[str],
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda:0, ...; may repeat: one film at a time on each.",
        autocompletion=complete_devices,
    ),
]


def web(
    films: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Films may be taken from here; it is only read.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Everything is kept here; default the user's data folder.")
    ] = None,
    host: Annotated[str, typer.Option(help="Another than 127.0.0.1 lets others in: --auth is needed.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 7860,
    auth: Annotated[
        list[str],
        typer.Option("--auth", metavar="NAME:PASSWORD", envvar="KINEMACOLOR_AUTH", help="Who may come in; may repeat."),
    ] = [],  # noqa: B006
    shared: Annotated[bool, typer.Option("--shared", help="All users see the same films.")] = False,
    device: DevicesOption = [DEFAULT_DEVICE],  # noqa: B006
    max_upload: Annotated[float, typer.Option("--max-upload", min=0.001, help="Largest upload, in GB.")] = 50,
    max_disk: Annotated[
        float | None,
        typer.Option(
            "--max-disk", min=0, help="Disk for the films of one user, in GB; 0: any; default any, with --auth 200."
        ),
    ] = None,
    max_connections: Annotated[
        int, typer.Option("--max-connections", min=8, help="Connections at a time; who sends nothing is closed first.")
    ] = 600,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take over the films that other browsers or names have in the folder.")
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Open the page: choose, look, correct and render in the browser."""
    if importlib.util.find_spec("fastapi") is None:
        raise UsageError("the page needs more than is installed: pip install 'kinemacolor[web]'")
    if folder:
        check_outside_bags(folder)
    from kinemacolor.web.server_options import SHARED_SERVER_DISK, ServerLimits, ServerOptions
    from kinemacolor.weights.store import user_folder

    options = ServerOptions(
        folder=folder or user_folder() / "web",
        films=films,
        host=host,
        port=port,
        passwords=dict(map(_parse_credentials, auth)),
        shared=shared,
        devices=tuple(device),
        limits=ServerLimits(
            largest_upload=round(max_upload * 10**9),
            disk_per_user=round(max_disk * 10**9) if max_disk is not None else SHARED_SERVER_DISK if auth else 0,
            connections=max_connections,
        ),
        adopt=adopt,
    )
    options.check()  # before the page's libraries are loaded, which takes seconds
    from kinemacolor.web.server import run_server

    run_server(options, print_message, browser=browser and sys.stdout.isatty())


def _parse_credentials(text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    if not name or not colon or not password:
        raise UsageError("--auth wants NAME:PASSWORD")
    return name, password
