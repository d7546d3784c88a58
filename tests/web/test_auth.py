"""Who may come in, what they see of others, and what a server refuses to be."""

import importlib.util
import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

pytest.importorskip("fastapi")
from kinemacolor.cli.main import run
from kinemacolor.errors import UsageError
from kinemacolor.web.access_token import load_token
from kinemacolor.web.adoption import adopt_projects, count_foreign_projects
from kinemacolor.web.response_headers import PAGE_POLICY
from kinemacolor.web.server import create_app
from kinemacolor.web.server_options import AccessRules, ServerOptions
from kinemacolor.web.storage import Storage
from kinemacolor.web.visitors import make_owner_key
from support.web_server import (
    ORIGIN,
    TestClient,
    add_reference,
    another,
    basic,
    ended,
    film_bytes,
    job,
    picture_bytes,
    server,
    upload,
)

MOST = 300_000  # bytes of an upload
READER = {"Accept": "text/html,*/*;q=0.8"}  # of a browser that opens a page
PARTS = {"frame": "0", "show": "gray", "path": "references/still.png", "name": "still"}  # of addresses
GOOD: dict[str, Any] = {"json": {"kind": "look"}}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Who has the token of a server without passwords."""
    with server(tmp_path_factory.mktemp("open"), limits={"largest_upload": MOST}, passwords={}) as opened:
        yield opened


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One of many users with passwords."""
    with server(tmp_path_factory.mktemp("guests")) as opened:
        yield opened


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server with passwords, which two know."""
    passwords = {"ada": "p:ä ß", "bob": "secret"}
    patient = {"free_failures": 10_000}
    with server(tmp_path_factory.mktemp("locked"), passwords=passwords, host="0.0.0.0", limits=patient) as opened:
        yield opened


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return film_bytes(tmp_path_factory.mktemp("film"))


def uploads(client: TestClient) -> list[Path]:
    app: Any = client.app
    return list(app.state.service.storage.uploads_folder.rglob("*"))


def token_of(client: TestClient) -> str:
    app: Any = client.app
    return str(app.state.token.value)


def arrive(client: TestClient, address: str) -> Any:
    """What a browser gets that was not here before."""
    return another(client).get(address, headers=READER, follow_redirects=False)


def test_the_token_in_an_address_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(client: TestClient) -> None:
    browser = another(client)
    answer = browser.get(f"/films/ab?shot=3&token={token_of(client)}&panel=look", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/films/ab?shot=3&panel=look")
    told = answer.headers["set-cookie"]
    assert "HttpOnly" in told
    assert "SameSite=Lax" in told
    assert token_of(client) not in told
    kept = told.split(";")[0].partition("=")[2]
    assert another(client).get("/api/projects", headers={"Authorization": f"Bearer {kept}"}).status_code == 401
    assert arrive(client, f"/?token={kept}").status_code == 401
    assert browser.get("/").status_code == browser.get("/api/projects").status_code == 200
    assert "set-cookie" not in browser.get("/api/projects").headers
    again = browser.get("/?token=an-old-one", follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, "/"), "who is known already goes on"
    whole = another(client).get("/", params={"token": f" {ORIGIN}/?token={token_of(client)} "}, follow_redirects=False)
    assert whole.status_code == 303, "who puts in the whole address"


@pytest.mark.parametrize("path", ["//evil.example/", "///evil.example", "/%2F/evil.example", "/%5Cevil.example/x"])
def test_the_way_without_the_token_leads_nowhere_else(client: TestClient, path: str) -> None:
    answer = another(client).get(f"{ORIGIN}{path}?token={token_of(client)}", follow_redirects=False)
    assert re.match(r"/(?![/\\])", answer.headers["location"])


def test_without_the_token_a_person_is_asked_for_it(client: TestClient) -> None:
    for address, is_wrong in (("/", False), ("/films/ab", False), ("/?token=", False), ("/?token=x&shot=1", True)):
        answer = arrive(client, address)
        assert answer.status_code == 401, address
        assert 'name="token"' in answer.text
        assert ("not the token" in answer.text) is is_wrong
        assert "<script" not in answer.text
        assert "set-cookie" not in answer.headers
    assert another(client).get("/page/plain.css").status_code == 200, "what that page looks like"


@pytest.mark.parametrize("path", ["/api/projects", "/api/openapi.json", "/api/jobs/events", "/api/none", "/none", "/"])
def test_without_the_token_a_program_is_told_nothing(client: TestClient, path: str) -> None:
    wrong = (
        {},
        basic("local", token_of(client)),
        {"Authorization": "Bearer x"},
        {"Authorization": "Bearer é".encode()},
    )
    for headers in wrong:
        for ending in ("", f"?token={token_of(client)}" * path.startswith("/api")):
            answer = another(client).get(path + ending, headers=headers)
            assert answer.status_code == 401, headers
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["exit_code"] == 2
    assert another(client).post("/page/none", headers={}).status_code == 401


def test_a_token_for_one_use_opens_once(client: TestClient) -> None:
    app: Any = client.app
    once = app.state.token.make_single_use()
    assert another(client).get("/api/projects", headers={"Authorization": f"Bearer {once}"}).status_code == 401
    browser = another(client)
    assert browser.get(f"/?token={once}").url.query == b""
    assert browser.get("/api/projects").status_code == 200
    assert arrive(client, f"/?token={once}").status_code == 401


def test_the_token_stays_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    token = load_token(tmp_path)
    assert load_token(tmp_path).value == token.value
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    (tmp_path / "token").write_text("short\n")
    (tmp_path / "token").chmod(0o644)
    other = load_token(tmp_path)
    assert len(other.value) >= 40
    assert other.cookie_name != token.cookie_name
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_films_are_the_owners_in_any_browser_and_after_a_restart(tmp_path: Path, film: bytes) -> None:
    with server(tmp_path, passwords={}) as client:
        project = upload(client, "film.mp4", film)
        browser = another(client)
        browser.get(f"/?token={token_of(client)}")
        assert [one["id"] for one in browser.get("/api/projects").json()] == [project]
    with server(tmp_path, passwords={}) as client:
        assert [one["id"] for one in client.get("/api/projects").json()] == [project]


def test_cookies_of_other_programs_of_this_machine_do_not_hide_ours(client: TestClient) -> None:
    app: Any = client.app
    ours = f"{app.state.token.cookie_name}={app.state.token.cookie}"
    for cookies in (f'odd={{"a":1}}; {ours}', f"a=b=c; ;=; {ours}; é=ü"):
        answer = another(client).get("/api/projects", headers={"Cookie": cookies.encode("latin-1")})
        assert answer.status_code == 200, cookies
    for odd in ("kinemacolor=short", "kinemacolor=", "=;=", "kinemacolor", ours[:-1], ours.replace("=", "x=", 1)):
        assert another(client).get("/api/projects", headers={"Cookie": odd}).status_code == 401


def test_the_owner_takes_over_films_of_others_with_their_jobs(tmp_path: Path, film: bytes) -> None:
    home = tmp_path / "home"
    with server(home) as guest:
        project = upload(guest, "film.mp4", film)
        assert add_reference(guest, project, "still.png", picture_bytes()).status_code == 201
        assert job(guest, project, {"kind": "plan", "options": {"short_side": 64}})["state"] == "done"
        jobs = [one["id"] for one in guest.get("/api/jobs").json()["jobs"]]
        other = upload(another(guest), "film.mp4", film)
    storage, user = Storage(home), make_owner_key(AccessRules())
    with server(home, passwords={}) as client:
        assert client.get("/api/projects").json() == []
        mine = upload(client, "film.mp4", film)
    assert count_foreign_projects(storage, user) == adopt_projects(storage, user) == 2
    assert count_foreign_projects(storage, user) == adopt_projects(storage, user) == 0
    with server(home, passwords={}) as client:
        assert {one["id"] for one in client.get("/api/projects").json()} == {mine, project, other}
        assert set(jobs) <= {one["id"] for one in client.get("/api/jobs").json()["jobs"]}
        assert client.get(f"/api/projects/{project}/plan").json()["references"]
        assert client.get(f"/api/projects/{project}/frames/0/gray").status_code == 200


def test_nobody_sees_or_touches_what_is_somebody_elses(guest: TestClient, film: bytes) -> None:
    mine, other = another(guest), another(guest)
    project = upload(mine, "film.mp4", film)
    assert add_reference(mine, project, "still.png", picture_bytes()).status_code == 201
    (job,) = mine.get("/api/jobs").json()["jobs"]
    ended(mine, job["id"])  # or it changes the project meanwhile
    piece = mine.post("/api/uploads", json={"name": "film.mp4", "size": 9}).json()["id"]
    before = mine.get(f"/api/projects/{project}").json() | {"size_bytes": 0}  # which is measured now and then
    assert other.get("/api/projects").json() == other.get("/api/uploads").json() == []
    for address in ("/api/jobs", f"/api/jobs?project={project}"):
        assert other.get(address).json()["jobs"] == []
    tried = 0
    for route, ways in guest.get("/api/openapi.json").json()["paths"].items():
        if "{" not in route:
            continue
        address = route.format(project=project, job=job["id"], upload=piece, **PARTS)
        for method in ways:
            assert other.request(method, address).status_code in (404, 422), (method, route)
            content = {"files": {"file": ("a.png", picture_bytes())}} if route.endswith("/references") else GOOD
            given = {} if method in ("get", "delete") else content
            assert other.request(method, address, **given).status_code in (404, 422), (method, route)
            tried += 1
    assert tried > 20
    assert mine.get(f"/api/projects/{project}").json() | {"size_bytes": 0} == before
    assert [one["id"] for one in mine.get("/api/jobs").json()["jobs"]] == [job["id"]]
    assert [one["id"] for one in mine.get("/api/uploads").json()] == [piece]


def test_the_pages_own_routes_give_nobody_a_file_of_a_project(client: TestClient, film: bytes) -> None:
    mine = client
    upload(mine, "film.mp4", film)
    app: Any = client.app
    root = app.state.service.storage.root
    kept = [path for path in (root / "users").rglob("*") if path.is_file()]
    assert {"project.json", "film.mp4"} <= {path.name for path in kept}
    for path in (*kept, f"{root}/uploads/../users/{kept[0].relative_to(root / 'users')}", "/etc/hostname"):
        for start in ("/page/", "/page//", "/page/%2e%2e/", "/page/..%2f..%2f", "/films/", "/"):
            answer = mine.get(f"{start}{path}", headers={"Accept": "*/*"})
            assert answer.status_code == 404, path


def test_shared_films_are_everybodys(tmp_path: Path, film: bytes) -> None:
    with server(tmp_path, shared=True) as mine:
        project = upload(mine, "film.mp4", film)
        assert [one["id"] for one in another(mine).get("/api/projects").json()] == [project]
        assert mine.headers["Authorization"] != another(mine).headers["Authorization"]


@pytest.mark.parametrize(
    "path", ["/", "/api/projects", "/api/openapi.json", "/api/jobs/events", "/page/main.js", "/none"]
)
def test_without_the_password_nothing_is_told(locked: TestClient, path: str) -> None:
    wrong = (
        {},
        basic("ada", "secret"),
        basic("ada", ""),
        basic("", ""),
        basic("eve", ""),
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer x"},
    )
    for headers in wrong:
        answer = locked.get(path, headers=headers)
        assert answer.status_code == 401, headers
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert answer.json()["exit_code"] == 2


def test_names_and_passwords_of_any_letters_open(locked: TestClient, film: bytes) -> None:
    ada, bob = (another(locked, headers=basic(*one)) for one in (("ada", "p:ä ß"), ("bob", "secret")))
    project = upload(ada, "film.mp4", film)
    assert [one["id"] for one in another(locked, headers=basic("ada", "p:ä ß")).get("/api/projects").json()] == [
        project
    ]
    assert bob.get("/api/projects").json() == []
    assert bob.get(f"/api/projects/{project}").status_code == 404
    assert "set-cookie" not in bob.get("/").headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "[::2]:7860"])
def test_a_name_that_is_not_ours_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/projects", headers={"Host": host})
    assert answer.status_code == 421
    assert set(answer.json()) == {"error", "exit_code"}
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LocalHost:7860", "[::1]:7860", "[::1]"])
def test_all_our_own_names_do(client: TestClient, host: str) -> None:
    assert client.get("/api/projects", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://[", "", "file://", "x"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_of_other_sites_change_nothing(client: TestClient, origin: str, method: str) -> None:
    answer = client.request(method, "/api/projects/open", headers={"Origin": origin}, json={"film": "x"})
    assert answer.status_code == 403


def test_our_own_page_may(client: TestClient) -> None:
    answer = client.post("/api/projects/open", headers={"Origin": ORIGIN}, json={"film": "x"})
    assert answer.status_code == 400
    assert "upload the film" in answer.json()["error"]


def test_every_answer_forbids_what_comes_from_elsewhere(client: TestClient, locked: TestClient) -> None:
    other = {"Host": "evil.example"}
    answers = [
        client.get(path)
        for path in (
            "/",
            "/films/0",
            "/page/icon.svg",
            "/page/none",
            "/api/projects",
            "/api/none",
            "/none",
            "/api/openapi.json",
        )
    ]
    answers += [client.get("/", headers=other), client.post("/", headers={"Origin": "http://x"}), locked.get("/")]
    answers += [client.post("/api/projects", content=b"x" * (MOST + 1)), client.options("/api/projects")]
    for answer in answers:
        assert answer.headers["content-security-policy"] == PAGE_POLICY, answer.url
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url
        assert answer.headers["cross-origin-resource-policy"] == "same-origin", answer.url
    assert "unsafe" not in PAGE_POLICY


def multipart(size: int) -> tuple[bytes, dict[str, str]]:
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="film.mp4"\r\n\r\n'
    return head + b"x" * size + b"\r\n--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_too_large_is_refused_and_leaves_nothing(client: TestClient, chunked: bool) -> None:
    body, headers = multipart(4 * MOST)
    pieces = (body[at : at + 50_000] for at in range(0, len(body), 50_000))
    before = uploads(client)
    answer = client.post("/api/projects", content=pieces if chunked else body, headers=headers)
    assert answer.status_code == 413
    assert "0.0003 GB" in answer.text
    assert uploads(client) == before


@pytest.mark.parametrize("size", ["9" * 5000, "-1", "x", "²", "1.5"])
def test_odd_lengths_are_refused(client: TestClient, size: str) -> None:
    answer = client.post("/api/projects", headers={"Content-Length": size.encode("latin-1")}, content=b"x")
    assert answer.status_code == 413


def test_others_come_in_only_with_a_password(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.168.1.2", "::", ""):
        with pytest.raises(UsageError, match="--auth"):
            create_app(ServerOptions(tmp_path, host=host))
    assert ServerOptions(tmp_path, host="::1").access_rules.hosts
    assert ServerOptions(tmp_path, host="::", passwords={"a": "b"}).access_rules == AccessRules({"a": "b"}, hosts=())


def web(*words: str) -> int:
    return run(["web", "--no-browser", *words])


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """What the command line told; what `serve` sets for its process is as before afterwards."""
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    return lambda: capsys.readouterr().err


def test_the_command_line_refuses_to_let_everybody_in(tmp_path: Path, said: Callable[[], str]) -> None:
    assert web("--folder", str(tmp_path), "--host", "0.0.0.0", "--port", "0") == 2
    assert "--auth NAME:PASSWORD" in said()


@pytest.mark.parametrize("auth", ["", "ada", ":secret", "ada:"])
def test_the_command_line_wants_whole_passwords(tmp_path: Path, auth: str, said: Callable[[], str]) -> None:
    assert web("--folder", str(tmp_path), "--auth", auth, "--port", "0") == 2
    assert "NAME:PASSWORD" in said()


def test_films_are_taken_over_by_the_owner_of_a_server_without_passwords(
    tmp_path: Path, said: Callable[[], str]
) -> None:
    assert web("--folder", str(tmp_path), "--auth", "ada:secret", "--adopt", "--port", "0") == 2
    assert "--adopt" in said()


def test_a_port_that_is_taken_is_told(tmp_path: Path, said: Callable[[], str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert web("--folder", str(tmp_path), "--port", str(taken.getsockname()[1])) == 2
    assert "--port 0" in said()


def test_two_servers_do_not_work_in_one_folder(tmp_path: Path, said: Callable[[], str]) -> None:
    with FileLock(tmp_path / "lock"):
        assert web("--folder", str(tmp_path), "--port", "0") == 2
    assert "another server works in" in said()


def test_a_folder_of_films_and_a_device_must_be_there(tmp_path: Path, said: Callable[[], str]) -> None:
    assert web(str(tmp_path / "none"), "--folder", str(tmp_path / "work")) == 2
    assert "give one that holds films" in said()
    assert web("--folder", str(tmp_path / "work"), "--device", "abacus") == 2
    assert "abacus" in said()


def test_a_machine_without_the_extra_is_told_what_to_install(
    tmp_path: Path, said: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "fastapi" else found(name, *more)
    )
    assert web("--folder", str(tmp_path)) == 2
    assert "pip install 'kinemacolor[web]'" in said()
