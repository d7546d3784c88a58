"""Uploads in pieces: what came stays, whatever breaks, and nobody has more of it than is allowed."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
from kinemacolor.errors import UsageError
from kinemacolor.web.storage import NotFoundError, Storage
from kinemacolor.web.uploads import MAX_PIECE_BYTES, OffsetError, Upload, UploadStore
from support.web_server import TestClient, add_reference, another, ended, film_bytes, picture_bytes, server


@pytest.fixture
def store(tmp_path: Path) -> UploadStore:
    storage = Storage(tmp_path, disk_per_user=10**9)
    storage.create_folders()
    return UploadStore(storage)


def write(store: UploadStore, upload: Upload, offset: int, *chunks: bytes, is_broken: bool = False) -> None:
    """Send a piece, whose connection may break behind it."""
    with store.open_piece(upload, offset) as piece:
        for chunk in chunks:
            piece.write(chunk)
        if is_broken:
            raise ConnectionError


def test_a_piece_goes_where_the_last_one_ended(store: UploadStore) -> None:
    begun = store.begin("me", "../a film.mp4", 10)
    assert (begun.name, begun.size, begun.received) == ("a film.mp4", 10, 0)
    upload = store.find("me", begun.id)
    write(store, upload, 0, b"0123")
    for offset in (0, 3, 5, 10, 99):
        with pytest.raises(OffsetError) as told, store.open_piece(upload, offset):
            pass
        assert told.value.upload.received == 4
    with store.open_piece(upload, 4), pytest.raises(OffsetError), store.open_piece(upload, 4):
        pass
    with pytest.raises(UsageError, match="more than the upload"):
        write(store, upload, 4, b"45", b"6789!")
    assert upload.make_view().received == 6, "what came before the end was passed stays"
    with pytest.raises(ConnectionError):
        write(store, upload, 6, b"67", is_broken=True)
    assert upload.make_view().received == 8
    with pytest.raises(UsageError, match="not there yet: 8 of 10"), store.take("me", [begun.id]):
        pass
    write(store, upload, 8, b"89")
    with pytest.raises(UsageError, match="named twice"), store.take("me", [begun.id] * 2):
        pass
    with store.take("me", [begun.id]) as ((name, path),):
        assert (name, path.read_bytes()) == ("a film.mp4", b"0123456789")
    assert store.list_views("me") == []


def test_a_piece_has_an_end(store: UploadStore) -> None:
    begun = store.begin("me", "film.mp4", 3 * MAX_PIECE_BYTES)
    with pytest.raises(UsageError, match="a piece may"):
        write(store, store.find("me", begun.id), 0, bytes(MAX_PIECE_BYTES), b"x")


def test_an_upload_is_its_users_and_old_ones_go(store: UploadStore) -> None:
    begun = store.begin("me", "film.mp4", 1)
    for user, name in (("you", begun.id), ("me", "0" * 16), ("me", ".."), ("me", "../x"), ("me", "\0")):
        with pytest.raises(NotFoundError):
            store.find(user, name)
    assert store.list_views("you") == []
    folder = store.find("me", begun.id).folder
    os.utime(folder, (time.time() - 80_000,) * 2)
    write(store, store.find("me", begun.id), 0)
    store.storage.remove_old_uploads()
    assert folder.is_dir(), "its last piece came today"
    os.utime(folder, (time.time() - 90_000,) * 2)
    store.storage.remove_old_uploads()
    assert not folder.exists()


def test_what_came_counts_for_the_disk_of_its_user(store: UploadStore) -> None:
    before = store.storage.measure_left("me")
    upload = store.find("me", store.begin("me", "film.mp4", 5000).id)
    write(store, upload, 0, bytes(5000))
    assert before - 6000 < store.storage.measure_left("me") <= before - 5000
    assert store.storage.measure_left("you") == before


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with server(tmp_path_factory.mktemp("server"), devices=("cpu",), limits={"largest_upload": 10**6}) as opened:
        yield opened


def send(client: TestClient, name: str, content: bytes, each: int = 1000) -> str:
    """The id of an upload that came in pieces."""
    begun = client.post("/api/uploads", json={"name": name, "size": len(content)}).json()["id"]
    for at in range(0, len(content), each):
        answer = client.patch(f"/api/uploads/{begun}?offset={at}", content=content[at : at + each])
        assert answer.json()["received"] == min(len(content), at + each)
    return str(begun)


def test_films_and_references_come_in_pieces(client: TestClient, tmp_path: Path) -> None:
    mine = another(client)
    film = send(mine, "film.mp4", film_bytes(tmp_path))
    assert mine.patch(f"/api/uploads/{film}?offset=5", content=b"x").status_code == 409
    assert another(client).get(f"/api/uploads/{film}").status_code == 404
    project = mine.post("/api/projects/open", json={"uploads": [film]}).json()["id"]
    base = f"/api/projects/{project}"
    ids = [send(mine, name, picture_bytes(at)) for at, name in enumerate(("a.png", "b.png"))]
    wanted = {"upload": ids[0], "frame": 3}
    answer = mine.post(f"{base}/references/uploaded", json=wanted)
    assert answer.status_code == 201
    assert [(one["name"], one["frame"], one["width"]) for one in answer.json()["references"]] == [("ref_000003", 3, 96)]
    assert mine.post(f"{base}/references/uploaded", json=wanted).status_code == 404, "it was taken"
    assert mine.get("/api/uploads").json()[0]["id"] == ids[1]
    assert mine.delete(f"/api/uploads/{ids[1]}").status_code == 204
    series = [send(mine, f"{at}.png", picture_bytes(at)) for at in range(3)]
    assert mine.post("/api/projects/open", json={"uploads": series}).json()["film"]["frames"] == 3


def test_too_much_is_refused_before_it_comes(client: TestClient) -> None:
    answer = client.post("/api/uploads", json={"name": "film.mp4", "size": 10**6 + 1})
    assert answer.status_code == 400
    assert "at most" in answer.json()["error"]
    for wrong in ({"name": "..", "size": 1}, {"name": "a.mp4", "size": -1}, {"name": "a.mp4"}):
        assert client.post("/api/uploads", json=wrong).status_code in (400, 422)


@pytest.mark.parametrize(("name", "is_picture"), [("film.mp4", True), ("film.png", False)])
def test_a_picture_that_is_called_a_film_is_told(
    client: TestClient, tmp_path: Path, name: str, *, is_picture: bool
) -> None:
    content = picture_bytes() if is_picture else film_bytes(tmp_path)
    answer = client.post("/api/projects/open", json={"uploads": [send(client, name, content)]})
    assert (answer.status_code, answer.json()["exit_code"]) == (400, 3)
    assert answer.json()["error"].startswith(f"{name} is {'a picture (png)' if is_picture else 'no picture'}")


def test_a_frame_that_the_film_turns_out_not_to_have_is_set_right(client: TestClient, tmp_path: Path) -> None:
    """A picture is placed before anybody knows how many frames there are."""
    mine = another(client)
    app: Any = client.app
    project = mine.post("/api/projects/open", json={"uploads": [send(mine, "f.mp4", film_bytes(tmp_path))]}).json()[
        "id"
    ]
    (looking,) = mine.get("/api/jobs").json()["jobs"]
    ended(mine, looking["id"])
    (folder,) = app.state.service.storage.root.glob(f"users/*/{project}")
    (folder / "survey").rename(folder / "away")
    assert add_reference(mine, project, "ref_999999.png", picture_bytes()).status_code == 201
    (folder / "away").rename(folder / "survey")
    planning = mine.post(f"/api/projects/{project}/jobs", json={"kind": "plan"}).json()
    assert ended(mine, planning["id"])["state"] == "done"
    (seen,) = mine.get(f"/api/projects/{project}").json()["references"]
    assert (seen["file"], seen["frame"], seen["used"]) == ("earlier_ref_999999.png", None, [1, 2])
    assert add_reference(mine, project, "ref_999999.png", picture_bytes()).status_code == 400
