"""Files of users are opened by other processes, by what is in them, and what breaks there breaks nothing here."""

import os
import signal
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
from kinemacolor.errors import InputError, KinemacolorError, ResourceError, UsageError
from kinemacolor.video.picture_files import check_uploaded_picture
from kinemacolor.web import helper
from kinemacolor.web.helper import answer_call
from kinemacolor.web.helper_pool import HelperPool
from kinemacolor.web.looker import Looker
from kinemacolor.web.upload_checks import check_film_content, check_reference_content
from support.waiting import until
from support.web_server import add_reference, another, ended, film_bytes, job, picture_bytes, server, upload

PLAYLISTS = (
    b"#EXTM3U\n#EXTINF:10,\nsecret.ts\n#EXT-X-ENDLIST\n",
    b"ffconcat version 1.0\nfile secret.mp4\n",
    b"[playlist]\nFile1=secret.mp4\n",
    b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 1 RTP/AVP 96\n",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    b'<svg xmlns="http://www.w3.org/2000/svg"><image href="secret.png"/></svg>',
    b"",
)


@pytest.fixture(scope="module")
def looker() -> Iterator[Looker]:
    looking = Looker()
    yield looking
    looking.close()


def huge_png(width: int, height: int) -> bytes:
    """A file of some bytes that says it has many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def encoded(kind: str) -> bytes:
    return bytes(cv2.imencode(f".{kind}", np.full((64, 64, 3), 90, np.uint8))[1])


@pytest.mark.parametrize("content", PLAYLISTS)
@pytest.mark.parametrize("name", ["film.mp4", "list.m3u8", "x.png", "x"])
def test_playlists_and_scripts_are_refused_whatever_their_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    for check in (check_film_content, check_reference_content):
        with pytest.raises(InputError):
            check(tmp_path / name)


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    film, picture = film_bytes(tmp_path), picture_bytes()
    for name in ("film.mp4", "film.m3u8", "film", "film.png.mkv", "film.png"):
        (tmp_path / name).write_bytes(film)
        check_film_content(tmp_path / name)
    for name, content in (
        ("a.png", picture),
        ("b.jpg", picture),
        ("c.webp", encoded("jpg")),
        ("d.tif", encoded("tif")),
    ):
        (tmp_path / name).write_bytes(content)
        check_uploaded_picture(tmp_path / name)
    wrong = (("a.bmp", encoded("bmp")), ("b.png", encoded("bmp")))
    for name, content in (*wrong, ("e.png", encoded("ppm")), ("f.png", encoded("jp2")), ("g.png", picture[:20])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            check_film_content(tmp_path / name)


def test_one_wrong_picture_among_numbered_ones_is_found(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(picture_bytes())
    check_film_content(tmp_path)
    (tmp_path / "2.png").write_bytes(encoded("bmp"))
    with pytest.raises(InputError, match=r"2\.png"):
        check_film_content(tmp_path)


def test_too_many_pixels_are_known_from_the_head(tmp_path: Path, looker: Looker) -> None:
    path = tmp_path / "huge.png"
    for size in ((40_000, 40_000), (2**31 - 1, 2**31 - 1)):
        path.write_bytes(huge_png(*size))
        with pytest.raises(InputError):
            check_uploaded_picture(path)
        with pytest.raises(InputError):
            looker.check_reference(path)


def test_pictures_and_films_are_looked_at_elsewhere(tmp_path: Path, looker: Looker) -> None:
    (tmp_path / "a.png").write_bytes(picture_bytes())
    (tmp_path / "gray.png").write_bytes(picture_bytes(gray=True))
    (tmp_path / "film.mp4").write_bytes(film_bytes(tmp_path))
    looker.check_reference(tmp_path / "a.png")
    looker.check_upload(tmp_path / "film.mp4")
    looker.shrink_reference(tmp_path / "a.png", tmp_path / "look" / "a.jpg")
    assert (tmp_path / "look" / "a.jpg").is_file()
    with pytest.raises(InputError, match=r"gray\.png has no colour"):
        looker.check_reference(tmp_path / "gray.png")
    with pytest.raises(InputError, match="does not exist"):
        looker.check_film(tmp_path / "none.mp4")


def test_a_process_that_is_killed_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(picture_bytes())
    looking = Looker()
    looking.check_reference(tmp_path / "a.png")
    (process,) = looking._pool._idle
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: process.poll() is not None)
    looking.check_reference(tmp_path / "a.png")
    assert looking._pool._idle != [process]
    (process,) = looking._pool._idle
    seen = iter([None])
    monkeypatch.setattr(process, "poll", lambda: next(seen, -9))  # it ends when it was taken already
    os.kill(process.pid, signal.SIGKILL)
    looking.check_reference(tmp_path / "a.png")
    looking.close()
    assert not looking._pool._idle


@pytest.mark.parametrize(("platform", "limited"), [("linux", 2), ("darwin", 1), ("win32", 0)])
def test_memory_is_limited_where_the_system_lets_it(
    platform: str, limited: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_limits: list[int] = []
    monkeypatch.setattr(helper.resource, "setrlimit", lambda what, most: set_limits.append(what))
    monkeypatch.setattr(helper, "sys", SimpleNamespace(platform=platform))
    helper.limit_memory(10**9)
    assert len(set_limits) == limited


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(film_bytes(tmp_path))
    looking = Looker(seconds=0.01)
    with pytest.raises(InputError, match="takes too long"):
        looking.check_upload(tmp_path / "film.mp4")
    assert not looking._pool._idle


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not limit memory")
def test_a_picture_that_needs_too_much_memory_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (9000, 9000), "red").save(tmp_path / "large.png", compress_level=1)
    looking = Looker(memory_bytes=800_000_000)
    with pytest.raises((ResourceError, InputError)):
        looking.check_reference(tmp_path / "large.png")
    (tmp_path / "a.png").write_bytes(picture_bytes())
    looking.check_reference(tmp_path / "a.png")
    looking.close()


def test_a_patient_call_waits_for_the_others_and_none_outlives_the_end() -> None:
    pool, order = HelperPool("json", size=1, seconds=60, memory_bytes=0), list[str]()

    def take(name: str) -> None:
        with pool._places.take(patient=name == "patient"):
            order.append(name)

    with ThreadPoolExecutor(3) as threads:
        with pool._places.take():
            waiting = threads.submit(pool.call, "x")
            until(lambda: pool._places._impatient == 1)
            threads.submit(take, "patient")
            threads.submit(take, "hurried")
            until(lambda: pool._places._impatient == 2)
            pool.close()
        with pytest.raises(ResourceError, match="stops"):
            waiting.result()
    assert order == ["hurried", "patient"]
    assert not pool.is_started


def test_a_newer_call_on_the_same_topic_takes_the_place_of_one_that_waits() -> None:
    pool, begun = HelperPool("json", size=1, seconds=60, memory_bytes=0), list[str]()

    def take(name: str, topic: str) -> None:
        with pool._places.take(topic=topic):
            begun.append(name)

    with ThreadPoolExecutor(3) as threads:
        with pool._places.take(topic="strokes"):  # who has a place keeps it
            older = threads.submit(take, "older", "strokes")
            other = threads.submit(take, "other", "strokes of another film")
            until(lambda: pool._places._impatient == 2)
            newer = threads.submit(take, "newer", "strokes")
            with pytest.raises(UsageError, match="again"):
                older.result(timeout=60)
            assert not begun
        newer.result(timeout=60)
        other.result(timeout=60)
    assert sorted(begun) == ["newer", "other"]
    assert not pool._places._newest


def test_processes_that_nobody_asks_end_and_others_start(tmp_path: Path) -> None:
    pool = HelperPool("kinemacolor.web.looking", size=1, seconds=60, memory_bytes=0, idle_seconds=0.1)
    (tmp_path / "a.png").write_bytes(picture_bytes())
    for _ in range(2):
        pool.call("check_reference", path=str(tmp_path / "a.png"))
        until(lambda: not pool.is_started)


def test_calls_that_nobody_makes_are_answered() -> None:
    def broken() -> None:
        raise KeyError("x")

    for line in (
        "",
        "[]",
        "{}",
        '{"call": "none", "arguments": {}}',
        '{"call": "broken", "arguments": {}}',
        "[" * 9999,
    ):
        assert answer_call({"broken": broken}, line)["exit_code"] == 1


def test_a_module_of_others_is_not_run() -> None:
    pool = HelperPool("json", size=1, seconds=60, memory_bytes=0)
    with pytest.raises(KinemacolorError, match="code"):
        pool.call("loads", s="1")


def test_the_server_itself_opens_no_file_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = film_bytes(tmp_path)
    stills = [picture_bytes(index) for index in range(2)]
    with server(tmp_path / "home", devices=("cpu",)) as client:

        def refuse(*arguments: object, **named: object) -> None:
            raise AssertionError("the server opens a file of a user")

        for module, name in ((av, "open"), (Image, "open"), (cv2, "imdecode"), (cv2, "imread")):
            monkeypatch.setattr(module, name, refuse)
        mine = another(client)
        project = upload(mine, "film.mp4", film)
        base = f"/api/projects/{project}"
        assert mine.get(base).json()["film"]["frames"] == 8
        for number, still in enumerate(stills):
            assert add_reference(mine, project, f"{number}.png", still).status_code == 201
        for playlist in PLAYLISTS:
            refused = mine.post("/api/projects", files={"files": ("film.mp4", playlist)})
            assert (refused.status_code, refused.json()["exit_code"]) == (400, 3)
            refused = add_reference(mine, project, "film.mp4", playlist)
            assert (refused.status_code, refused.json()["exit_code"]) == (400, 3)
            assert str(tmp_path) not in refused.text
        (looking,) = mine.get("/api/jobs").json()["jobs"]
        ended(mine, looking["id"])
        assert job(mine, project, {"kind": "plan", "options": {"short_side": 64}})["state"] == "done"
        for path in ("frames/1/gray", "frames/1/picture", "frames/1/color", "frames/1/confidence", "references/0"):
            answer = mine.get(f"{base}/{path}")
            assert answer.status_code == 200, (path, answer.text)
        assert mine.get(f"{base}/frames/99/gray").status_code == 404
        assert mine.get("/api/projects").json()[0]["film"]["frames"] == 8
