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

from kinemacolor.errors import InputError, ResourceError
from kinemacolor.web import picture_cache, project, project_creation, project_import
from kinemacolor.web.api import uploads as upload_routes
from kinemacolor.web.job import WebJob
from kinemacolor.web.picture_cache import renew, write_picture_file
from kinemacolor.web.project import Project
from kinemacolor.web.storage import Storage
from kinemacolor.web.uploads import UploadStore
from support.web_server import TestClient, another, film_bytes, picture_bytes, server

FULL, READ_ONLY, REFUSED = (OSError(code, os.strerror(code)) for code in (errno.ENOSPC, errno.EROFS, errno.EACCES))
SHARE = 5 * 10**9


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with server(tmp_path_factory.mktemp("server"), devices=("cpu",), limits={"disk_per_user": SHARE}) as opened:
        yield opened


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return film_bytes(tmp_path_factory.mktemp("film"))


@pytest.fixture
def store(tmp_path: Path) -> UploadStore:
    storage = Storage(tmp_path)
    storage.create_folders()
    return UploadStore(storage)


def refuse(error: Exception) -> Callable[..., Any]:
    """What a disk answers to whatever is asked of it."""

    def raise_it(*_: object, **__: object) -> None:
        raise error

    return raise_it


def send(client: TestClient, name: str, content: bytes) -> str:
    """The id of a complete upload."""
    begun = str(client.post("/api/uploads", json={"name": name, "size": len(content)}).json()["id"])
    assert client.patch(f"/api/uploads/{begun}?offset=0", content=content).status_code == 200
    return begun


def tells_of_the_disk(answer: Any, *words: str) -> None:
    told = answer.json()
    assert (answer.status_code, told["exit_code"]) == (507, 6), answer.text
    assert all(word in told["error"] for word in words), told


@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        (project_creation, "write_file_atomically", ResourceError("full")),
        (project_creation.shutil, "move", FULL),
        (WebJob, "save", ResourceError("full")),
        (project_creation, "probe_film", FULL),
    ],
)
def test_uploads_outlive_a_project_that_cannot_be_made(
    client: TestClient, film: bytes, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, error: Exception
) -> None:
    mine = another(client)
    app: Any = client.app
    series = [send(mine, f"{at}.png", picture_bytes(at)) for at in range(3)]
    for ids in ([send(mine, "film.mp4", film)], series):
        with monkeypatch.context() as full:
            full.setattr(place, name, refuse(error))
            if name == "probe_film":  # the server's own looks in another process
                full.setattr(type(app.state.service.looker), "check_upload", refuse(error))
            tells_of_the_disk(mine.post("/api/projects/open", json={"uploads": ids}))
        assert mine.get("/api/projects").json() == []
        assert {one["id"] for one in mine.get("/api/uploads").json()} >= set(ids)
        made = mine.post("/api/projects/open", json={"uploads": ids})
        assert made.status_code == 201, made.text
        assert mine.delete(f"/api/projects/{made.json()['id']}").status_code == 204
    assert mine.get("/api/uploads").json() == []


def test_other_uploads_stay_as_well(client: TestClient, film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """References, and the zips of exports."""
    mine = another(client)
    made = mine.post("/api/projects/open", json={"uploads": [send(mine, "film.mp4", film)]}).json()["id"]
    picture = send(mine, "a.png", picture_bytes())
    archive = send(mine, "a.zip", mine.get(f"/api/projects/{made}/export").content)
    asked = {
        f"/api/projects/{made}/references/uploaded": {"upload": picture, "frame": 3},
        "/api/projects/import": {"upload": archive},
    }
    with monkeypatch.context() as full:
        full.setattr(project.shutil, "move", refuse(FULL))
        full.setattr(project_import, "write_file_atomically", refuse(ResourceError("full")))
        for address, wanted in asked.items():
            tells_of_the_disk(mine.post(address, json=wanted))
    for address, wanted in asked.items():
        assert mine.post(address, json=wanted).status_code == 201
    assert mine.get("/api/uploads").json() == []


@pytest.mark.parametrize(("error", "stays"), [(ResourceError(""), True), (FULL, True), (InputError(""), False)])
@pytest.mark.parametrize("is_moved", [True, False])
def test_only_what_is_wrong_with_a_file_removes_it(
    store: UploadStore, tmp_path: Path, error: Exception, *, stays: bool, is_moved: bool
) -> None:
    begun = store.begin("me", "film.mp4", 4)
    with store.open_piece(store.find("me", begun.id), 0) as piece:
        piece.write(b"film")

    def fail() -> None:
        with store.take("me", [begun.id]) as ((_, path),):
            if is_moved:
                shutil.move(path, tmp_path / "gone")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert [one.received for one in store.list_views("me")] == ([4] if stays else [])
    if stays:
        with store.take("me", [begun.id]) as ((_, path),):
            assert path.read_bytes() == b"film"
        assert list(store.storage.uploads_folder.iterdir()) == []


def test_a_disk_without_second_names_gives_the_only_one(store: UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = store.begin("me", "film.mp4", 0)
    monkeypatch.setattr(os, "link", refuse(OSError(errno.EPERM, "no links here")))
    with store.take("me", [begun.id]) as ((_, path),):
        assert path.is_file()
    assert store.list_views("me") == []
    begun = store.begin("me", "film.mp4", 0)
    monkeypatch.setattr(os, "link", refuse(FULL))
    with pytest.raises(ResourceError, match="no space"), store.take("me", [begun.id]):
        pass
    assert [one.id for one in store.list_views("me")] == [begun.id]


def test_an_old_upload_that_is_opened_is_not_swept(store: UploadStore) -> None:
    begun = store.begin("me", "film.mp4", 0)
    os.utime(store.find("me", begun.id).folder, (0, 0))
    with store.take("me", [begun.id]) as ((_, path),):
        store.storage.remove_old_uploads()
        assert path.is_file()


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
    upload = send(client, "film.mp4", b"x")
    with monkeypatch.context() as refusing:
        refusing.setattr(shutil, "rmtree", refuse(error))
        tells_of_the_disk(client.delete(f"/api/uploads/{upload}"), "the upload may not be written")
    assert client.delete(f"/api/uploads/{upload}").status_code == 204
    assert client.get(f"/api/uploads/{upload}").status_code == 404


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
