"""Projects as one file: what goes out comes in again, and nothing else does."""

import io
import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.films import write_film

pytest.importorskip("fastapi")
from kinemacolor.web import archive_checks
from support.web_server import (
    TestClient,
    add_reference,
    blocks,
    ended,
    film_bytes,
    job,
    picture_bytes,
    server,
    upload,
)

SMALL = {"kind": "plan", "options": {"short_side": 64}}
Content = dict[str, bytes]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "the servers own.mp4", 4)
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, films: Path) -> Iterator[TestClient]:
    with server(tmp_path_factory.mktemp("server"), films=films, devices=("cpu",)) as opened:
        yield opened


@pytest.fixture(scope="module")
def exported(client: TestClient, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A film of two shots, one of them cut by hand, with a plan."""
    name = upload(client, "Der müde Tod.mp4", film_bytes(tmp_path_factory.mktemp("film")))
    for running in client.get("/api/jobs").json()["jobs"]:
        ended(client, running["id"])
    add_reference(client, name, "a.png", picture_bytes(2))
    add_reference(client, name, "b.png", picture_bytes(5, of=blocks), frame=5)
    assert job(client, name, SMALL)["state"] == "done"
    client.post(f"/api/projects/{name}/shots/edit", json={"split": 1, "at": 2})
    assert job(client, name, {"kind": "render"})["state"] == "done"
    return client.get(f"/api/projects/{name}/export?results=true").content


def send(client: TestClient, content: bytes) -> str:
    """The id of a complete upload."""
    begun = client.post("/api/uploads", json={"name": "x.zip", "size": len(content)}).json()["id"]
    assert client.patch(f"/api/uploads/{begun}?offset=0", content=content).status_code == 200
    return str(begun)


def bring(client: TestClient, content: bytes) -> Any:
    """The answer to an import."""
    return client.post("/api/projects/import", json={"upload": send(client, content)})


def contents(archive: bytes) -> Content:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {info.filename: opened.read(info) for info in opened.infolist()}


def pack(files: Content, change: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            change(info)
            archive.writestr(info, content)
    return stream.getvalue()


def test_what_goes_out_comes_in_again(client: TestClient, exported: bytes) -> None:
    answer = bring(client, exported)
    assert answer.status_code == 201, answer.text
    seen = answer.json()
    base = f"/api/projects/{seen['id']}"
    assert seen["title"] == "Der müde Tod.mp4"
    assert seen["state"] == "rendered"
    assert {one["name"] for one in seen["references"]} == {"a", "ref_000005"}
    assert any(one["name"].endswith(".color.mp4") for one in seen["results"])
    assert client.get("/api/uploads").json() == []
    for running in client.get("/api/jobs", params={"project": seen["id"]}).json()["jobs"]:
        assert ended(client, running["id"])["state"] == "done"
    shots = client.get(f"{base}/shots").json()
    assert shots["is_edited"]
    helped = [one["shots"] for one in client.get(f"{base}/suggestions").json()]
    assert helped
    assert all(one in ([1, 2], [3], [1, 2, 3]) for one in helped), "the numbers of the shots as they are cut now"
    assert [shot["first"] for shot in shots["shots"]] == [0, 2, 4]
    assert job(client, seen["id"], {"kind": "plan"})["state"] == "done"
    assert [shot["first"] for shot in client.get(f"{base}/shots").json()["shots"]] == [0, 2, 4]
    again = contents(client.get(f"{base}/export?results=true").content)
    before = contents(exported)
    assert again.keys() == before.keys()
    assert all(again[name] == before[name] for name in before if name.startswith(("film/", "references/", "results/")))


def test_results_go_only_where_they_are_asked_for(client: TestClient, exported: bytes) -> None:
    name = bring(client, exported).json()["id"]
    lean = contents(client.get(f"/api/projects/{name}/export").content)
    assert {one.split("/")[0] for one in lean} == {"project.json", "plan.json", "shots.json", "film", "references"}
    assert "results/Der müde Tod.color.mp4" in contents(exported)
    plan = json.loads(lean["plan.json"])
    assert plan["film"]["path"] == "film/Der müde Tod.mp4"
    assert all(not Path(one["path"]).is_absolute() for one in plan["references"].values())


def test_a_film_of_the_servers_folder_goes_along(client: TestClient, films: Path) -> None:
    name = client.post("/api/projects/open", json={"film": "the servers own.mp4"}).json()["id"]
    answer = client.get(f"/api/projects/{name}/export")
    assert answer.headers["content-type"] == "application/zip"
    assert "the%20servers%20own.kinemacolor.zip" in answer.headers["content-disposition"]
    assert contents(answer.content)["film/the servers own.mp4"] == (films / "the servers own.mp4").read_bytes()
    assert str(films) not in str(contents(answer.content)["project.json"])
    assert bring(client, answer.content).json()["film"]["frames"] == 4


def test_pictures_and_photographs_go_along(client: TestClient) -> None:
    files = [("files", (f"{at:03}.png", picture_bytes(at))) for at in range(3)]
    series = client.post("/api/projects", files=files).json()["id"]
    assert bring(client, client.get(f"/api/projects/{series}/export").content).json()["film"]["frames"] == 3
    photo = upload(client, "old.jpg", picture_bytes(3, ".jpg", gray=True))
    assert bring(client, client.get(f"/api/projects/{photo}/export").content).json()["is_photograph"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "references/../../evil.png",
        "/etc/evil.png",
        "C:/evil.png",
        "references\\evil.png",
        "references/.hidden.png",
        "references/deep/er.png",
        "references/evil.exe",
        "references/con.png",
        "references/a\u202ePNG.png",
        "film/deep/er/a.png",
        "stills/a.png",
        "results/page.html",
        "report/index.html",
        "jobs/0123456789abcdef.json",
        "history/index.json",
        "plan.work/x",
        "removed",
        "project.json/x",
        "token",
    ],
)
def test_a_name_that_no_export_has_is_refused(client: TestClient, exported: bytes, name: str) -> None:
    count = len(client.get("/api/projects").json())
    answer = bring(client, pack({**contents(exported), name: picture_bytes()}))
    assert (answer.status_code, answer.json()["exit_code"]) == (400, 3)
    assert "is no part of one" in answer.json()["error"]
    assert len(client.get("/api/projects").json()) == count
    assert client.get("/api/uploads").json() == []


def test_links_secrets_and_doubles_are_refused(client: TestClient, exported: bytes) -> None:
    files = contents(exported)

    def link(info: zipfile.ZipInfo) -> None:
        if info.filename == "references/a.png":
            info.external_attr = (stat.S_IFLNK | 0o777) << 16

    def squeeze(info: zipfile.ZipInfo) -> None:
        info.compress_type = zipfile.ZIP_BZIP2

    for change in (link, squeeze):
        assert bring(client, pack(files, change)).status_code == 400
    locked = bytearray(pack(files))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1  # the flag of an encrypted file, in the list at the end
    assert bring(client, bytes(locked)).status_code == 400
    assert bring(client, pack({**files, "references/A.png": picture_bytes()})).status_code == 400


def changed(files: Content, name: str, change: Callable[[Any], None]) -> Content:
    content = json.loads(files[name])
    change(content)
    return {**files, name: json.dumps(content).encode()}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("project.json", lambda entry: entry.update(film="/etc/passwd")),
        ("project.json", lambda entry: entry.update(film="../../other/film/film.mp4")),
        ("project.json", lambda entry: entry.update(film="references/a.png")),
        ("project.json", lambda entry: entry.update(film="film/none.mp4")),
        ("project.json", lambda entry: entry.update(film=f"film/../{entry['film']}")),
        ("project.json", lambda entry: entry.update(evil=1)),
        ("project.json", lambda entry: entry.update(title="\u200b")),
        ("project.json", lambda entry: entry.update(title="x" * 401)),
        ("project.json", lambda entry: entry.update(start_seconds=float("nan"))),
        ("project.json", lambda entry: entry.update(start_seconds=2, end_seconds=1)),
        ("project.json", lambda entry: entry.update(end_seconds=1e300)),
        ("project.json", lambda entry: entry.clear()),
        ("plan.json", lambda plan: plan["film"].update(path="/etc/passwd")),
        ("plan.json", lambda plan: plan["references"]["a"].update(path="/etc/passwd.png")),
        ("plan.json", lambda plan: plan["references"]["a"].update(path="../../../token")),
        ("plan.json", lambda plan: plan["references"]["a"].update(path="references/none.png")),
        ("plan.json", lambda plan: plan["references"]["a"].update(still_of={"path": "/etc/passwd", "frame": 1})),
        ("plan.json", lambda plan: plan.clear()),
        ("rendered.plan.json", lambda plan: plan["film"].update(path="/etc/passwd")),
        ("shots.json", lambda cuts: cuts.update(evil=1)),
    ],
)
def test_what_points_elsewhere_is_refused(
    client: TestClient, exported: bytes, name: str, change: Callable[[Any], None]
) -> None:
    app: Any = client.app
    before = list(app.state.service.storage.iter_all_projects())
    answer = bring(client, pack(changed(contents(exported), name, change)))
    assert (answer.status_code, answer.json()["exit_code"]) == (400, 3), answer.text
    assert list(app.state.service.storage.iter_all_projects()) == before, "no folder is left"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("film/Der müde Tod.mp4", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"),
        ("references/a.png", b"no picture"),
        ("references/a.png", picture_bytes(gray=True)),
        ("results/Der müde Tod.color.mp4", b"no film"),
        ("results/Der müde Tod.color.mp4.kinemacolor.json", b"{"),
        ("project.json", b"\xff"),
        ("plan.json", b"[" * 100_000),
        ("project.json", b" " * 64_001),
        ("results/Der müde Tod.color.mp4.kinemacolor.json", b" " * 2_000_001),
    ],
)
def test_contents_are_looked_at_as_those_of_uploads(
    client: TestClient, exported: bytes, name: str, content: bytes
) -> None:
    files = contents(exported)
    assert name in files
    answer = bring(client, pack({**files, name: content}))
    assert (answer.status_code, answer.json()["exit_code"]) == (400, 3), answer.text
    assert "/users/" not in answer.text


def test_a_bomb_and_what_is_no_zip_are_refused(
    client: TestClient, exported: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = contents(exported)
    assert bring(client, b"").status_code == 400
    assert bring(client, exported[:-30]).status_code == 400
    assert bring(client, b"x" * 5000).status_code == 400
    torn = bytearray(exported)
    at = exported.index(files["references/a.png"]) + 20
    torn[at] ^= 255
    assert bring(client, bytes(torn)).status_code == 400, "its checksum is another"

    def squeeze(info: zipfile.ZipInfo) -> None:
        info.compress_type = zipfile.ZIP_DEFLATED

    app: Any = client.app
    monkeypatch.setattr(type(app.state.service.storage), "measure_left", lambda self, user: 10_000_000)
    bomb = pack({**files, "references/bomb.png": bytes(11_000_000)}, squeeze)
    assert len(bomb) < 1_000_000
    answer = bring(client, bomb)
    assert answer.status_code == 507
    assert "no space" in answer.json()["error"]


def test_a_list_of_too_many_files_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_checks, "MAX_ENTRIES", 3)
    (tmp_path / "many.zip").write_bytes(pack({f"references/{at}.png": b"x" for at in range(4)}))
    with pytest.raises(archive_checks.InputError, match="too many"):
        archive_checks.list_entries(tmp_path / "many.zip")
