"""The files of the page, as a browser gets them."""

import base64
import hashlib
from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi")
from kinemacolor.report.page import STYLE
from kinemacolor.web.page_files import MEDIA_TYPES, PAGE_FOLDER
from kinemacolor.web.response_headers import KEPT_FOR_EVER, make_report_policy
from support.web_server import TestClient, add_reference, film_bytes, picture_bytes, server, upload

INDEX = (PAGE_FOLDER / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with server(tmp_path_factory.mktemp("server")) as opened:
        yield opened


@pytest.mark.parametrize("address", ["/", "/films/0123456789abcdef", "/films/x?shot=3&frame=120", "/page/index.html"])
def test_home_and_each_film_are_one_page(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.text == INDEX
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_every_file_for_browsers_is_served_with_its_type(client: TestClient) -> None:
    files = [path for path in PAGE_FOLDER.rglob("*") if path.suffix in MEDIA_TYPES]
    assert {".js", ".css", ".svg"} <= {path.suffix for path in files}
    for path in files:
        answer = client.get(f"/page/{path.relative_to(PAGE_FOLDER).as_posix()}")
        assert answer.content == path.read_bytes(), path
        assert answer.headers["content-type"] == f"{MEDIA_TYPES[path.suffix]}; charset=utf-8", path


NOWHERE = (
    *("/none", "/films", "/films/", "/films/a/b", "/page", "/page/", "/page/none.js", "/page/core", "/page/deno.json"),
    *("/page/vendor/lit.d.ts", "/page/../server.py", "/page/%2e%2e/auth.py", "/page/core/%00.js"),
    f"/page/{'x' * 300}.js",
)


@pytest.mark.parametrize("address", NOWHERE)
def test_all_else_is_not_there(client: TestClient, address: str) -> None:
    assert client.get(address).status_code == 404
    assert client.head(address).status_code == 404


def test_a_person_is_told_on_a_page_and_a_program_in_json(client: TestClient) -> None:
    person = client.get("/none", headers={"Accept": "text/html,*/*;q=0.8"})
    assert person.status_code == 404
    assert '<a href="/">' in person.text
    assert "script" not in person.text
    assert client.get("/none").json() == {"error": "there is nothing at this address", "exit_code": 2}
    assert client.get("/api/none", headers={"Accept": "text/html"}).json()["exit_code"] == 2


def test_a_file_that_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    for address in ("/", "/page/core/tokens.css"):
        first = client.get(address)
        assert first.headers["cache-control"] == "no-cache"
        again = client.get(address, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"] == "no-cache"


def test_text_is_sent_small_and_pictures_as_they_are(
    client: TestClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert client.get("/page/vendor/lit.js").headers["content-encoding"] == "gzip"
    assert client.get("/api/openapi.json").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get("/page/vendor/lit.js", headers={"Accept-Encoding": "identity"}).headers
    project = upload(client, "film.mp4", film_bytes(tmp_path_factory.mktemp("film")))
    assert add_reference(client, project, "still.png", picture_bytes()).status_code == 201
    address = f"/api/projects/{project}/references/still.png"
    picture = client.get(address)
    assert "content-encoding" not in picture.headers
    assert picture.headers["cache-control"] == "no-cache"
    assert client.get(f"{address}?v=1").headers["cache-control"] == KEPT_FOR_EVER
    assert client.get(f"{address}?nov=1").headers["cache-control"] == "no-cache"
    assert client.get("/api/projects/none?v=1").headers["cache-control"] == "no-cache"


def test_a_report_may_show_its_own_style_and_run_nothing() -> None:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = make_report_policy(f"<title>x</title><style>{STYLE}</style><p>".encode())
    assert f"style-src 'sha256-{digest}'" in policy
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'")
    assert "style-src 'none'" in make_report_policy(b"")
