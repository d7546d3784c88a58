"""A disk that is full or read-only: what came stays, and the words and the exit code tell of the disk."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")
from starlette.formparsers import MultiPartParser

from kinemacolor.errors import ResourceError
from kinemacolor.web import picture_cache, project, project_creation
from kinemacolor.web.api import uploads as upload_routes
from kinemacolor.web.picture_cache import renew, write_picture_file
from kinemacolor.web.project import Project
from kinemacolor.web.storage import Storage
from support.web_server import TestClient, another, server

FULL, READ_ONLY, REFUSED = (OSError(code, os.strerror(code)) for code in (errno.ENOSPC, errno.EROFS, errno.EACCES))
SHARE = 5 * 10**9


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with server(tmp_path_factory.mktemp("server"), devices=("cpu",), limits={"disk_per_user": SHARE}) as opened:
        yield opened


def refuse(error: Exception) -> Callable[..., Any]:
    """What a disk answers to whatever is asked of it."""

    def raise_it(*_: object, **__: object) -> None:
        raise error

    return raise_it


def tells_of_the_disk(answer: Any, *words: str) -> None:
    told = answer.json()
    assert (answer.status_code, told["exit_code"]) == (507, 6), answer.text
    assert all(word in told["error"] for word in words), told


def test_a_full_disk_is_told_apart_from_a_share_that_is_taken(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = another(client)
    begun = mine.post("/api/uploads", json={"name": "film.mp4", "size": 9}).json()["id"]

    def send_all() -> list[Any]:
        form = {"files": ("film.mp4", b"x" * 5000)}
        piece = mine.patch(f"/api/uploads/{begun}?offset=0", content=(part for part in (b"x", b"yz")))
        return [mine.post("/api/projects", files=form), piece]

    usage = shutil.disk_usage("/")
    for free, used in ((0, 0), (0, SHARE), (10 * SHARE, SHARE)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        monkeypatch.setattr(Storage, "measure_used", lambda *_, used=used: used)
        for answer in send_all():
            if free:
                assert (answer.status_code, answer.json()["exit_code"]) == (413, 2)
                assert answer.json()["error"] == "your films take all of the 5 GB: remove some"
            else:
                tells_of_the_disk(answer, "no space", "on the disk")


@pytest.mark.parametrize(("error", "words"), [(READ_ONLY, "the disk is read-only"), (REFUSED, "the disk refuses")])
def test_a_disk_that_refuses_is_no_mistake_of_the_server(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    form = {"files": ("film.mp4", b"x" * 5000)}
    with monkeypatch.context() as refusing:
        refusing.setattr(upload_routes, "TemporaryDirectory", refuse(error))
        tells_of_the_disk(client.post("/api/projects", files=form), words)
    with monkeypatch.context() as refusing:  # a form that does not fit into memory
        refusing.setattr(MultiPartParser, "spool_max_size", 1000)
        refusing.setattr("tempfile.TemporaryFile", refuse(error))
        tells_of_the_disk(client.post("/api/projects", files=form), words)


def test_pictures_are_there_on_a_disk_that_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there.png").touch()
    monkeypatch.setattr(os, "utime", refuse(READ_ONLY))
    assert (renew(tmp_path / "there.png"), renew(tmp_path / "gone.png")) == (True, False)


def test_no_half_picture_stays_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_half(path: Path, picture: np.ndarray) -> None:
        path.write_bytes(b"half")
        raise FULL

    monkeypatch.setattr(picture_cache, "write_picture", write_half)
    monkeypatch.setattr(project, "write_picture", write_half)
    with pytest.raises(ResourceError, match="no space"):
        write_picture_file(tmp_path / "look" / "a.png", np.zeros((4, 4), np.uint8))
    assert list((tmp_path / "look").iterdir()) == []
    made = project_creation.create_project_at(tmp_path, Path("/film.mp4"), lambda _: None)
    monkeypatch.setattr(Project, "require_plan", lambda self: None)
    monkeypatch.setattr(project, "place_correction", lambda *_: None)
    with pytest.raises(ResourceError, match="no space"):
        made.add_correction(3, np.zeros((4, 4, 3), np.uint8))
    assert list((tmp_path / "references").iterdir()) == []
