"""Fixtures that tests share, and their order; what they are made with lies in `support`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from kinemacolor.models.base import Colorizer
from kinemacolor.weights.registry import load_model
from support.browser import chromium, quiet_page
from support.films import scene, write_film

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # a worker for each core is enough, also for the processes that it starts
    os.environ["OMP_NUM_THREADS"] = "1"
os.environ["KINEMACOLOR_ENGINE"] = "torch"  # so that tests mean the same wherever they run, and compile nothing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the page's tests first, then other web tests: they wait for processes, and at the end a core would idle."""

    def rank(item: pytest.Item) -> int:
        return 0 if item.get_closest_marker("browser") else 1 if "web" in item.path.parts else 2

    items.sort(key=rank)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Eight frames of H.264 with sound."""
    return write_film(tmp_path / "film.mp4", sound=True)


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A colour still of the scene."""
    path = tmp_path / "still.png"
    cv2.imwrite(str(path), scene(0)[..., ::-1])
    return path


@pytest.fixture(scope="session")
def kinema() -> Colorizer:
    return load_model("kinema")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user's folder."""
    monkeypatch.setenv("KINEMACOLOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def no_loss_of_power() -> Iterator[None]:
    """No test cuts the power, so none waits until its files lie on the disk: they would for minutes in all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def away_from_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test touches the real user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KINEMACOLOR_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """An empty page of 1440 px that fails the test for every error, warning or request to elsewhere."""
    with quiet_page(browser) as opened:
        yield opened
