"""One server for each file of tests, and films to open there; `support.page_user` is who uses the page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browser import chromium
from support.web_page import SIZE, Program, Server, web_server, write_references, write_two_shots


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    pytest.importorskip("fastapi")
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def server(browser: Any, folder: Path) -> Iterator[Server]:
    """Started only where there is a browser."""
    with web_server(folder / "home") as running:
        yield running


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    """Two shots of eight frames."""
    return write_two_shots(folder / "two.mp4", 8)


@pytest.fixture(scope="module")
def references(folder: Path) -> list[Path]:
    return write_references(folder)


@pytest.fixture(scope="module")
def owner(server: Server) -> Program:
    return Program(server)


@pytest.fixture(scope="module")
def planned(owner: Program, film: Path, references: list[Path]) -> str:
    """A project with a plan, that tests leave as it is."""
    return owner.begin(film, references, short_side=SIZE[0])


@pytest.fixture(scope="module")
def rendered(owner: Program, film: Path, references: list[Path]) -> str:
    """A project that is through all steps, that tests leave as it is."""
    project = owner.begin(film, references, short_side=SIZE[0])
    owner.ask(project, "render")
    owner.ended(project, "render")
    return project
