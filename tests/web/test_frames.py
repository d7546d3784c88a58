"""Single frames over HTTP: how they look, small and large, where colours come from, and what strokes would change."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from support.films import SIZE, scene, write_film
from support.strokes import BLUE, FIRST, RED, data_url, strokes
from support.web_server import TestClient, add_reference, another, film_bytes, job, picture_bytes, server, upload

SMALL = {"kind": "plan", "options": {"short_side": 64}}
FRAMES = 8  # of a film of two shots


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with server(tmp_path_factory.mktemp("server"), devices=("cpu",)) as opened:
        yield opened


@pytest.fixture(scope="module")
def base(client: TestClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a project with a reference and a plan."""
    name = upload(client, "film.mp4", film_bytes(tmp_path_factory.mktemp("film"), FRAMES))
    assert add_reference(client, name, "still.png", picture_bytes(1)).status_code == 201
    assert job(client, name, SMALL)["state"] == "done"
    return f"/api/projects/{name}"


def picture(client: TestClient, url: str) -> np.ndarray:
    """A picture at an address, as R, G, B or as it is."""
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def colourfulness(rgb: np.ndarray) -> float:
    """The mean length of ab."""
    lab = cv2.cvtColor(rgb[..., :3].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return float(np.hypot(lab[..., 1], lab[..., 2]).mean())


def test_a_look_has_all_that_a_viewer_shows(client: TestClient, base: str) -> None:
    look = client.get(f"{base}/frames/1/look").json()
    assert (look["frame"], look["references"], look["is_rendered"]) == (1, ["still"], False)
    assert 0 < look["doubt"] < 1
    shapes = {name: picture(client, look[name]).shape[:2] for name in ("gray", "color", "confidence")}
    assert set(shapes.values()) == {(look["height"], look["width"])} == {SIZE}
    assert colourfulness(picture(client, look["color"])) > 5 > 1 > colourfulness(picture(client, look["gray"]))


def test_a_finish_is_tried_without_changing_the_plan(client: TestClient, base: str) -> None:
    before = client.get(f"{base}/plan").json()
    gray, plain, strong = (
        colourfulness(picture(client, f"{base}/frames/1/color?saturation={one}")) for one in (0, 1, 1.4)
    )
    assert gray < 1 < plain < strong
    assert (
        client.get(f"{base}/frames/1/color?edge_filter=guided").content != client.get(f"{base}/frames/1/color").content
    )
    assert client.get(f"{base}/plan").json() == before
    for wrong in ("saturation=-1", "saturation=nan", "edge_filter=sharp"):
        assert client.get(f"{base}/frames/1/color?{wrong}").status_code == 422


def test_a_thumbnail_is_small_and_stays(client: TestClient, base: str) -> None:
    first = client.get(f"{base}/frames/2/thumbnail").json()
    assert max(picture(client, first["color"]).shape) <= 240
    assert 0 < first["doubt"] < 1
    assert client.get(f"{base}/frames/2/thumbnail").json() == first
    assert client.get(f"{base}/frames/5/thumbnail").json()["color"] != first["color"]


def test_a_colour_has_an_origin(client: TestClient, base: str) -> None:
    found = client.get(f"{base}/frames/1/origin", params={"row": 0.5, "column": 0.5}).json()
    assert found["reference"] == "still"
    assert all(0 <= found[name] <= 1 for name in ("row", "column", "confidence", "matched"))
    for wrong in ({"row": 2, "column": 0}, {"row": 0}, {"row": "nan", "column": 0}):
        assert client.get(f"{base}/frames/1/origin", params=wrong).status_code == 422


def test_regions_follow_edges(client: TestClient, base: str) -> None:
    answer = client.get(f"{base}/frames/1/regions")
    assert answer.headers["content-type"] == "image/png"
    labels = np.asarray(Image.open(io.BytesIO(answer.content))).astype(int) @ (1, 256, 65536)
    assert labels.shape == SIZE
    assert 100 < len(np.unique(labels)) < 1200
    gray = cv2.cvtColor(scene(1)[..., ::-1].copy(), cv2.COLOR_BGR2GRAY).astype(float)
    spread = [gray[labels == one].std() for one in np.unique(labels)]
    assert np.mean(spread) < gray.std() / 2


def test_strokes_spread_over_the_shot_before_anything_is_changed(client: TestClient, base: str) -> None:
    before = client.get(f"{base}/plan").json()
    sent = {"layer": data_url(strokes(FIRST, RED)), "painted_on": None, "frames": [3, 0]}
    found = client.post(f"{base}/frames/1/spread", json=sent).json()["frames"]
    assert [one["frame"] for one in found] == [3, 0]
    for one in found:
        was, would = (picture(client, one[name])[FIRST].astype(int) for name in ("before", "after"))
        assert (would[..., 0] - would[..., 2]).mean() > (was[..., 0] - was[..., 2]).mean() + 10
    assert client.get(f"{base}/plan").json() == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"frames": [5]}, 400),
        ({"frames": [1]}, 400),
        ({"frames": [2, 2]}, 400),
        ({"frames": [99]}, 404),
        ({"frames": []}, 422),
        ({"frames": [0, 2, 3, 0, 2, 3]}, 422),
        ({"layer": "nothing"}, 400),
        ({"layer": 5}, 422),
        ({"painted_on": "other.jpg"}, 400),
        ({"more": 1}, 422),
    ],
)
def test_what_cannot_spread_is_refused(client: TestClient, base: str, changes: dict[str, Any], code: int) -> None:
    sent = {"layer": data_url(strokes(FIRST, RED)), "painted_on": None, "frames": [2], **changes}
    answer = client.post(f"{base}/frames/1/spread", json=sent)
    assert answer.status_code == code, answer.text
    assert "/server" not in answer.json()["error"]


def test_strokes_are_taken_and_shown_again(client: TestClient, tmp_path: Path) -> None:
    name = upload(client, "other.mp4", film_bytes(tmp_path, FRAMES))
    assert add_reference(client, name, "still.png", picture_bytes(1)).status_code == 201
    assert job(client, name, SMALL)["state"] == "done"
    here = f"/api/projects/{name}/frames"
    opened = client.get(f"{here}/2/paintable").json()
    assert picture(client, opened["picture"]).shape == (opened["height"], opened["width"], 3) == (*SIZE, 3)
    assert opened["strokes"] is None
    layer = strokes(FIRST, BLUE)
    answer = client.post(f"{here}/2/strokes", json={"layer": data_url(layer), "painted_on": None})
    assert answer.status_code == 201, answer.text
    assert "ref_000002.png" in str(answer.json()["references"])
    again = client.get(f"{here}/2/paintable").json()
    assert np.array_equal(picture(client, again["strokes"]), layer)
    assert again["references"] == ["ref_000002", "still"]
    whole = {"layer": data_url(layer), "painted_on": opened["painted_on"]}
    assert client.post(f"{here}/2/strokes", json=whole).status_code == 400, "it was coloured anew meanwhile"
    assert client.post(f"{here}/2/strokes", json=whole | {"painted_on": again["painted_on"]}).status_code == 201


def test_a_first_look_needs_neither_shots_nor_plan(client: TestClient, tmp_path: Path) -> None:
    mine = another(client)
    path = tmp_path / "dark.mp4"
    write_film(path, 60, picture=lambda index: scene(index) if index > 30 else np.zeros((*SIZE, 3), np.uint8))
    base = f"/api/projects/{upload(mine, 'dark.mp4', path.read_bytes())}"
    look = mine.get(f"{base}/first-look").json()
    assert look["frame"] > 30, "black shows nothing"
    assert (look["color"], look["confidence"], look["reference"]) == (None, None, None)
    assert picture(mine, look["gray"]).shape[:2] == (look["height"], look["width"]) == SIZE
    strange = picture_bytes(3, of=lambda index: 255 - scene(index))
    for title, content in (("a.png", picture_bytes(40)), ("b.png", strange)):
        assert add_reference(mine, base.rpartition("/")[2], title, content).status_code == 201
    seen = mine.get(f"{base}/first-look").json()
    assert (seen["reference"], seen["gray"]) == ("a.png", look["gray"])
    assert colourfulness(picture(mine, seen["color"])) > 5


def test_players_are_listed_with_where_they_begin(client: TestClient, base: str) -> None:
    assert client.get(f"{base}/players").json()["film"] is None
    name = base.rpartition("/")[2]
    assert job(client, name, {"kind": "try", "frame": 5, "seconds": 0.1})["state"] == "done"
    clip = client.get(f"{base}/players").json()["clip"]
    assert (clip["start_frame"], clip["is_outdated"], clip["height"], clip["width"]) == (5, False, *SIZE)
    assert (clip["frames"], clip["rate"], clip["times"]) == (3, pytest.approx(24, rel=0.01), None)
    assert client.get(clip["url"]).headers["content-type"] == "video/mp4"
    assert job(client, name, {"kind": "try", "frame": 500})["state"] == "failed"


def test_the_clock_of_a_film_whose_rate_changes_is_that_of_its_frames(client: TestClient, tmp_path: Path) -> None:
    ticks = [index * 9000 if index < 10 else 90000 + (index - 10) * 3000 for index in range(25)]  # 10/s, then 30/s
    mine, path = another(client), write_film(tmp_path / "film.mp4", pts=ticks)
    name = upload(mine, "film.mp4", path.read_bytes())
    assert add_reference(mine, name, "a.png", picture_bytes(3)).status_code == 201
    assert job(mine, name, {"kind": "plan", "options": {"short_side": 64}})["state"] == "done"
    assert job(mine, name, {"kind": "try", "frame": 8, "seconds": 0.5})["state"] == "done"
    players = mine.get(f"/api/projects/{name}/players").json()
    seconds, clip = [tick / 90000 for tick in ticks], players["clip"]
    assert players["clock"]["times"] == pytest.approx(seconds, abs=1e-4)
    assert clip["start_frame"] == 8
    part = seconds[8 : 8 + clip["frames"]]
    assert part[-1] == pytest.approx(1.3 - 1 / 30)
    assert clip["times"] == pytest.approx([one - part[0] for one in part], abs=1e-4)


def test_a_rendered_frame_is_shown_as_it_was_rendered(client: TestClient, base: str) -> None:
    alone = client.get(f"{base}/frames/3/look").json()
    small = client.get(f"{base}/frames/3/thumbnail").json()
    assert job(client, base.rpartition("/")[2], {"kind": "render"})["state"] == "done"
    look = client.get(f"{base}/frames/3/look").json()
    assert look["is_rendered"]
    assert look["color"] != alone["color"]
    assert client.get(f"{base}/frames/3/thumbnail").json()["color"] != small["color"]
    assert colourfulness(picture(client, f"{base}/frames/3/color?saturation=0")) < 1
    assert client.get(f"{base}/players").json()["film"]["start_frame"] == 0


@pytest.mark.parametrize(
    "what", ["look", "thumbnail", "origin?row=0&column=0", "paintable", "regions", "gray", "color"]
)
@pytest.mark.parametrize("frame", [-1, FRAMES, 10**12])
def test_a_frame_that_is_not_there_is_said_so(client: TestClient, base: str, what: str, frame: int) -> None:
    answer = client.get(f"{base}/frames/{frame}/{what}")
    assert answer.status_code == 404
    assert "there is no frame" in answer.json()["error"]
    assert another(client).get(f"{base}/frames/0/{what}").status_code in (401, 404)


def test_a_slow_preview_blocks_no_gray_frame(client: TestClient, base: str) -> None:
    app: Any = client.app
    with app.state.service.previewer._pool._places:  # as while a frame is coloured
        for what in ("frames/4/gray", "frames/4/regions", "frames/4/picture", "players"):
            assert client.get(f"{base}/{what}").status_code == 200


def test_a_thumbnail_that_is_kept_needs_no_process(client: TestClient, base: str) -> None:
    kept = client.get(f"{base}/frames/6/thumbnail").json()
    app: Any = client.app
    with app.state.service.previewer._pool._places:
        assert client.get(f"{base}/frames/6/thumbnail").json() == kept
    shots = client.get(f"{base}/shots").json()["shots"]
    assert {shot["middle"] for shot in shots if shot["doubt"] is not None} <= {1, 5, 6}


def test_an_uploaded_picture_of_a_frame_leads_its_shot(client: TestClient, tmp_path: Path) -> None:
    name = upload(client, "third.mp4", film_bytes(tmp_path, FRAMES))
    assert add_reference(client, name, "still.png", picture_bytes(1)).status_code == 201
    assert job(client, name, SMALL)["state"] == "done"
    here = f"/api/projects/{name}/frames"
    for frame, content, code in ((99, picture_bytes(2), 404), (2, b"no picture", 400)):
        wrong = {"upload": send(client, "wrong.png", content)}
        assert client.post(f"{here}/{frame}/picture", json=wrong).status_code == code
    sent = send(client, "mine.png", picture_bytes(2))
    answer = client.post(f"{here}/2/picture", json={"upload": sent})
    assert answer.status_code == 201, answer.text
    assert client.get(f"{here}/2/look").json()["references"] == ["ref_000002", "still"]
    assert client.post(f"{here}/2/picture", json={"upload": sent}).status_code == 404, "it was taken"


def send(client: TestClient, name: str, content: bytes) -> str:
    """The number of an upload in pieces."""
    begun = client.post("/api/uploads", json={"name": name, "size": len(content)}).json()["id"]
    headers = {"content-type": "application/octet-stream"}
    assert client.patch(f"/api/uploads/{begun}?offset=0", content=content, headers=headers).status_code == 200
    return str(begun)
