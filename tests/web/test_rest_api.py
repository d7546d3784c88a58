"""The HTTP interface: the whole life of a film, and whatever else somebody may send."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import httpx2
import pytest

pytest.importorskip("fastapi")
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import sampled_from
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from kinemacolor.verification.verify import verify_film
from kinemacolor.web.worker import FRAME_LINK
from support.films import scene, write_film
from support.waiting import PATIENCE, until
from support.web_server import (
    TestClient,
    add_reference,
    another,
    blocks,
    ended,
    film_bytes,
    job,
    picture_bytes,
    server,
    upload,
)

SMALL = {"kind": "plan", "options": {"short_side": 64}}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's folder of films."""
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "own <b>.mp4", 3)
    (folder / "broken.mp4").write_bytes(b"no film")
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, films: Path) -> Iterator[TestClient]:
    with server(tmp_path_factory.mktemp("server"), films=films, devices=("cpu",)) as opened:
        yield opened


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return film_bytes(tmp_path_factory.mktemp("film"))


def place(client: TestClient, project: str) -> Path:
    """The folder of a project."""
    app: Any = client.app
    (found,) = app.state.service.storage.root.glob(f"users/*/{project}")
    return Path(found)


def events(client: TestClient, name: str) -> list[dict[str, Any]]:
    """How a job went, told until its end."""
    answer = client.get(f"/api/jobs/{name}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")]


def test_the_whole_life_of_a_film(client: TestClient, film: bytes, tmp_path: Path) -> None:
    mine = another(client)
    name = upload(mine, "Der müde <b>Tod's.mp4", film)
    base = f"/api/projects/{name}"
    (looking,) = mine.get("/api/jobs", params={"project": name}).json()["jobs"]
    assert events(mine, looking["id"])[-1]["state"] == "done"
    assert mine.get(base).json()["looked_at"]
    first = mine.get(f"{base}/suggestions").json()[0]
    assert 0 <= first["frame"] < 8
    assert mine.get(f"{base}/frames/{first['frame']}/gray").headers["content-type"] == "image/jpeg"
    coloured = mine.get(f"{base}/frames/{first['frame']}/picture")
    assert f"ref_{first['frame']:06d}.png" in coloured.headers["content-disposition"]
    for title, of in (("a.png", scene), ("b.png", blocks)):
        assert add_reference(mine, name, title, picture_bytes(2, of=of)).status_code == 201
    assert job(mine, name, SMALL)["state"] == "done"
    plan = mine.get(f"{base}/plan").json()
    assert [shot["first"] for shot in plan["shots"]] == [0, 4]
    assert {entry["path"] for entry in plan["references"].values()} == {"references/a.png", "references/b.png"}
    for shot, chosen in zip(plan["shots"], "ab", strict=True):
        shot["references"] = {chosen: None}
    assert mine.head(f"{base}/plan").status_code == 200
    assert not mine.head(f"{base}/plan").content
    assert str(place(mine, name)) not in mine.get(f"{base}/command").json()["command"]
    assert mine.put(f"{base}/plan", json=plan).json() == plan == mine.get(f"{base}/plan").json()
    for show in ("color", "confidence"):
        assert mine.get(f"{base}/frames/5/{show}").headers["content-type"] == "image/jpeg"
    assert mine.get(f"{base}/references/a").headers["content-type"] == "image/jpeg"
    tried = job(mine, name, {"kind": "try", "seconds": 0.2})
    assert tried["state"] == "done", tried
    assert mine.get(f"{base}/files/try.mp4").headers["content-type"] == "video/mp4"
    asked = mine.post(f"{base}/jobs", json={"kind": "render", "layer": True, "confidence": True}).json()
    told = events(mine, asked["id"])
    assert told[-1]["state"] == "done", told[-1]
    steps = {"Colouring", "Making the player film", "Writing the report"}
    assert steps & {one["step"] for one in told}, "of eight frames a step may pass between two looks of the stream"
    result = mine.get(told[-1]["result"][0]["url"])
    assert "attachment" in result.headers["content-disposition"]
    (tmp_path / "result.mp4").write_bytes(result.content)
    (tmp_path / "source.mp4").write_bytes(film)
    checks = verify_film(tmp_path / "source.mp4", tmp_path / "result.mp4")
    assert [check.name for check in checks if not check.passed] == []
    seen = mine.get(base).json()
    assert len(seen["results"]) == 4, "film, layer, confidence, and the record of all three"
    for file in [*(f"results/{one['name']}" for one in seen["results"]), "report/index.html", "compare.mp4"]:
        answer = mine.get(f"{base}/files/{quote(file)}")
        assert answer.status_code == 200, file
        assert len(answer.content) > 100
    to_colour = mine.get(urljoin(f"{base}/files/report/index.html", FRAME_LINK.format(frame=2)))
    assert "ref_000002.png" in to_colour.headers["content-disposition"]
    part = mine.get(f"{base}/files/compare.mp4", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert mine.get(f"{base}/files/compare.mp4", headers={"Range": "bytes=999999999-"}).status_code == 416
    assert mine.delete(base).status_code == 204
    assert mine.get(base).status_code == 404
    assert mine.get("/api/jobs").json()["jobs"] == []


def test_a_removed_project_is_restored_within_a_day(client: TestClient, film: bytes) -> None:
    mine, other = another(client), another(client)
    name = upload(mine, "film.mp4", film)
    base, folder = f"/api/projects/{name}", place(mine, name)
    assert mine.post(f"{base}/restore").status_code == 404, "it is not in the trash"
    for at in (1, 2):
        assert add_reference(mine, name, "again.png", picture_bytes(at), frame=0).status_code == 201
    assert (folder / "removed").is_dir(), "the first of the two pictures"
    assert mine.delete(base).status_code == 204
    for answer in (mine.get(base), mine.delete(base), mine.post(f"{base}/undo"), other.post(f"{base}/restore")):
        assert answer.status_code == 404
    assert mine.get("/api/projects").json() == []
    assert mine.get("/api/jobs").json()["jobs"] == []
    assert mine.post(f"{base}/restore").json()["title"] == "film.mp4"
    assert [one["id"] for one in mine.get("/api/projects").json()] == [name]
    until(lambda: mine.get(base).json()["looked_at"], "its shots, which are looked for again")
    mine.delete(base)
    shutil.rmtree(folder / "removed")
    (folder / "removed.note").rename(folder / "removed")  # as earlier versions noted it
    assert mine.get(base).status_code == 404
    os.utime(folder / "removed", (time.time() - 90_000,) * 2)
    assert mine.post(f"{base}/restore").status_code == 404
    app: Any = client.app
    app.state.service.empty_trash()
    assert not folder.exists()


def test_what_is_removed_for_good_goes_at_once(client: TestClient, film: bytes) -> None:
    mine = another(client)
    name = upload(mine, "film.mp4", film)
    base, folder = f"/api/projects/{name}", place(mine, name)
    assert mine.delete(f"{base}?forever=true").status_code == 204
    assert mine.get(base).status_code == 404
    assert mine.post(f"{base}/restore").status_code == 404
    until(lambda: not folder.exists(), "the end of the folder")


def test_a_photograph_is_coloured_at_once(client: TestClient) -> None:
    mine = another(client)
    name = upload(mine, "Grüße.jpg", picture_bytes(3, ".jpg", gray=True))
    assert mine.get("/api/jobs").json()["jobs"] == []
    add_reference(mine, name, "still.png", picture_bytes())
    answer = mine.patch(f"/api/projects/{name}", json={"start_seconds": 0.01})
    assert (answer.status_code, answer.json()["error"]) == (400, "a photograph has no parts")
    done = job(mine, name, {"kind": "render"})
    assert done["state"] == "done", done
    answer = mine.get(done["result"][0]["url"])
    assert answer.headers["content-type"] == "image/png"
    assert answer.content[1:4] == b"PNG"


def test_numbered_pictures_are_a_film(client: TestClient) -> None:
    mine = another(client)
    files = [("files", (f"{at:03}.png", picture_bytes(at))) for at in range(3)]
    answer = mine.post("/api/projects", files=files)
    assert answer.status_code == 201
    assert answer.json()["film"]["frames"] == 3
    (looking,) = mine.get("/api/jobs").json()["jobs"]
    assert ended(mine, looking["id"])["state"] == "done"


def test_a_film_of_the_servers_folder_is_opened_and_may_vanish(client: TestClient, films: Path) -> None:
    mine = another(client)
    assert "own <b>.mp4" in mine.get("/api/films").json()
    opened = mine.post("/api/projects/open", json={"film": "own <b>.mp4"})
    assert opened.status_code == 201
    name = opened.json()["id"]
    (looking,) = mine.get("/api/jobs").json()["jobs"]
    ended(mine, looking["id"])
    (films / "own <b>.mp4").rename(films / "away")
    (seen,) = mine.get("/api/projects").json()
    (films / "away").rename(films / "own <b>.mp4")
    assert seen["film"] is None
    assert mine.delete(f"/api/projects/{name}").status_code == 204
    assert (films / "own <b>.mp4").is_file()


@pytest.fixture(scope="module")
def kept(client: TestClient, film: bytes) -> tuple[TestClient, str]:
    """Somebody with a film, a reference, and a link that leads out."""
    mine = another(client)
    name = upload(mine, "film.mp4", film)
    add_reference(mine, name, "a.png", picture_bytes())
    (place(mine, name) / "references" / "link.png").symlink_to("/etc/passwd")
    return mine, name


@pytest.mark.parametrize(
    "path",
    [
        "project.json",
        "plan.json",
        "jobs",
        "film/film.mp4",
        "changing.lock",
        "results/%2e%2e/project.json",
        "results/..%2fproject.json",
        "survey/%2E%2E/jobs/",
        "%2e%2e/",
        "%2fetc%2fpasswd",
        "results/%2fetc%2fpasswd",
        "//etc/passwd",
        "survey/../../../../lock",
        "survey/%00",
        "survey",
        "references/%2e",
        "",
        "survey/" + "x" * 300,
        "survey/" + "x/" * 3000,
        "references/link.png",
        "survey/%ed%a0%80",
    ],
)
def test_no_other_file_is_given(kept: tuple[TestClient, str], path: str) -> None:
    mine, name = kept
    assert mine.get(f"/api/projects/{name}/files/references/a.png").content == picture_bytes()
    answer = mine.get(f"/api/projects/{name}/files/{path}")
    assert answer.status_code == 404
    assert answer.json()["exit_code"] == 2


def test_what_cannot_be_done_is_told_in_the_command_lines_words(client: TestClient, film: bytes) -> None:
    mine = another(client)
    name = upload(mine, "film.mp4", film)
    base = f"/api/projects/{name}"
    (looking,) = mine.get("/api/jobs").json()["jobs"]
    ended(mine, looking["id"])
    wrong = [
        (mine.post("/api/projects", files={"files": ("no.mp4", b"no film")}), 400, 3),
        (mine.post("/api/projects", files={"files": ("..", b"x")}), 400, 2),
        (mine.post("/api/projects"), 422, 2),
        (mine.post("/api/projects", content=b"--", headers={"Content-Type": "multipart/form-data"}), 400, 2),
        (mine.post("/api/projects/open", json={"film": "broken.mp4"}), 400, 3),
        (mine.post("/api/projects/open", json={"film": "none"}), 404, 2),
        (mine.post("/api/projects/open", json={"film": "x" * 4000}), 404, 2),
        (mine.post("/api/projects/open", content=b'{"film": "\\ud800"}'), 422, 2),
        (mine.post("/api/projects/open", content=b'{"\\ud800": 1}'), 422, 2),
        (mine.post("/api/projects/open", content=b"[" * 100_000), 422, 2),
        (add_reference(mine, name, "gray.png", picture_bytes(gray=True)), 400, 3),
        (add_reference(mine, name, "a.png", picture_bytes(), frame=8), 400, 2),
        (add_reference(mine, name, "a.png", picture_bytes(), frame=-1), 422, 2),
        (add_reference(mine, name, "a.png", picture_bytes(), frame="9" * 5000), 422, 2),
        (mine.post(f"{base}/jobs", json={"kind": "render"}), 400, 2),
        (mine.post(f"{base}/jobs", json={"kind": "try"}), 400, 2),
        (mine.post(f"{base}/jobs", json={"kind": "dance"}), 422, 2),
        (mine.post(f"{base}/jobs", content=b'{"kind": "try", "start_seconds": NaN}'), 422, 2),
        (mine.get(f"{base}/plan"), 400, 2),
        (mine.get(f"{base}/frames/8/gray"), 404, 2),
        (mine.get(f"{base}/frames/-1/gray"), 404, 2),
        (mine.get(f"{base}/frames/{'9' * 4000}/gray"), 404, 2),
        (mine.get(f"{base}/frames/0/color"), 400, 2),
        (mine.get(f"{base}/frames/0/smell"), 422, 2),
        (mine.get(f"{base}/references/none"), 404, 2),
        (mine.delete(f"{base}/references/none"), 404, 2),
        (mine.get("/api/jobs/none/events"), 404, 2),
        (mine.get(f"/api/jobs/{looking['id']}/result"), 404, 2),
        (mine.get("/api/none"), 404, 2),
        (mine.delete("/api/films"), 404, 2),
    ]
    for answer, status, code in wrong:
        assert (answer.status_code, answer.json().get("exit_code")) == (status, code), (answer.request, answer.text)
        assert set(answer.json()) == {"error", "exit_code"}
        assert str(place(mine, name).parents[2]) not in answer.text
        assert "/tmp/" not in answer.text
    app: Any = client.app
    assert not [path for path in app.state.service.storage.uploads_folder.iterdir() if path.name != "vibe_edit_history"]


def test_a_reference_is_called_by_its_file_or_its_name(client: TestClient, film: bytes) -> None:
    mine = another(client)
    name = upload(mine, "film.mp4", film)
    base = f"/api/projects/{name}"
    for title in ("one.png", "two.png"):
        add_reference(mine, name, title, picture_bytes())
    assert job(mine, name, SMALL)["state"] == "done"
    mine.put(f"{base}/plan", json=reassigned(mine.get(f"{base}/plan").json(), "one"))
    assert mine.delete(f"{base}/references/one.png").status_code == 400
    assert mine.delete(f"{base}/references/two.png").status_code == 204
    assert list(mine.get(f"{base}/plan").json()["references"]) == ["one"]
    for content in (b"NaN", b"1e999", b"-Infinity"):
        plan = json.dumps(mine.get(f"{base}/plan").json()).encode()
        odd = re.sub(rb'"certainty": [0-9.]+', b'"certainty": ' + content, plan)
        assert odd != plan
        assert mine.put(f"{base}/plan", content=odd).status_code == 422


def reassigned(plan: dict[str, Any], reference: str) -> dict[str, Any]:
    """A plan in which all shots have one reference."""
    return {**plan, "shots": [{**shot, "references": {reference: None}} for shot in plan["shots"]]}


def test_a_folder_behind_a_link_works_as_well(tmp_path: Path, film: bytes) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with server(tmp_path / "link") as mine:
        name = upload(mine, "film.mp4", film)
        add_reference(mine, name, "one.png", picture_bytes())
        assert job(mine, name, SMALL)["state"] == "done"
        plan = mine.get(f"/api/projects/{name}/plan").json()
        assert plan["references"]["one"]["path"] == "references/one.png"


@pytest.fixture(scope="module")
def fuzzed(client: TestClient, film: bytes) -> Any:
    """The description of a server; its user who has a film with a plan, that film and a job."""
    mine = another(client)
    name = upload(mine, "film.mp4", film)
    add_reference(mine, name, "one.png", picture_bytes())
    (looking,) = mine.get("/api/jobs").json()["jobs"]
    ended(mine, looking["id"])
    assert job(mine, name, SMALL)["state"] == "done"
    headers = {"Host": "127.0.0.1", "Authorization": mine.headers["Authorization"]}
    described = schemathesis.openapi.from_asgi("/api/openapi.json", client.app, headers=headers)
    return described, headers, {"project": name, "job": looking["id"]}


def fuzz(fuzzed: Any, examples: int) -> None:
    """Send what the description allows, and what it does not, to every route that ends and leaves the film alone."""
    described, headers, ours = fuzzed
    for found in described.get_all_operations():
        operation = found.ok()
        if operation.path in ("/api/events", "/api/jobs/events") or operation.method == "delete":
            continue

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @seed(0)
        @given(operation.as_strategy(), sampled_from((True, True, True, False)))
        def check(case: Any, is_ours: bool) -> None:
            for name in set(ours) & set(case.path_parameters or ()):
                if is_ours:
                    case.path_parameters[name] = ours[name]
            case.validate_response(case.call(headers=headers, timeout=PATIENCE), checks=CHECKS)

        check()


def test_the_description_is_valid_and_complete(client: TestClient, fuzzed: Any) -> None:
    told = client.get("/api/openapi.json").json()
    assert told["openapi"].startswith("3.2")
    fuzzed[0].validate()
    for path, ways in told["paths"].items():
        for method, way in ways.items():
            assert way["description"], (method, path)
            assert {"400", "401", "403", "404", "413", "421", "422", "507"} <= set(way["responses"])
    assert len(told["paths"]) >= 17


def test_nothing_that_is_sent_breaks_the_server(fuzzed: Any) -> None:
    fuzz(fuzzed, 12)


@pytest.mark.slow
def test_nothing_at_all_breaks_the_server(fuzzed: Any) -> None:
    fuzz(fuzzed, 400)


def test_a_real_server_tells_of_too_much_and_leaves_on_ctrl_c(tmp_path: Path, film: bytes) -> None:
    command = [sys.executable, "-m", "kinemacolor", "web", "--folder", str(tmp_path), "--port", "0", "--no-browser"]
    with subprocess.Popen([*command, "--max-upload", "0.001"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        told = process.stderr.readline()
        address = re.search(r"(http://\S+/)\?token=(\S+)", told)
        assert address, told
        token = {"Authorization": f"Bearer {address[2]}"}
        with httpx2.Client(base_url=address[1], headers=token, timeout=PATIENCE) as client:
            project = client.post("/api/projects", files={"files": ("film.mp4", film)}).json()["id"]
            head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="film.mp4"\r\n\r\n'
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            pieces = (head, *[b"x" * 100_000] * 12)
            assert client.post("/api/projects", content=iter(pieces), headers=headers).status_code == 413
            with client.stream("GET", "/api/jobs/events") as stream:
                first = next(line for line in stream.iter_lines() if line.startswith("data:"))
                assert json.loads(first[5:])["jobs"][0]["project"] == project
                process.send_signal(2)
                until(lambda: process.poll() is not None)
        assert process.returncode in (0, 130)
        assert "Traceback" not in process.stderr.read()
        (kept,) = tmp_path.glob("users/*/*/jobs/*.json")
        assert json.loads(kept.read_text())["state"] in ("queued", "done")
