"""What one user may take of the server, and what those who send nothing cannot take from others."""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.exceptions import HTTPException

pytest.importorskip("fastapi")
from kinemacolor.web.connections import raise_descriptor_limit
from kinemacolor.web.passwords import FORGET_SECONDS, MAX_KNOWN_FAILURES, PasswordGuard
from kinemacolor.web.server import create_app, make_config
from kinemacolor.web.server_options import ServerLimits, ServerOptions
from kinemacolor.web.storage import Storage
from kinemacolor.web.usage import LimitedReceive, TooManyError, UsageCounter, classify_request
from support.waiting import PATIENCE, until
from support.web_server import GUESTS, another, basic, film_bytes, server, upload

MINE = basic(GUESTS[0], "secret")


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> PasswordGuard:
    return PasswordGuard(
        {"ada": "right", "bob": "p:ä ß"}, ServerLimits(free_failures=3, longest_wait_seconds=10), clock
    )


def guess(guard: PasswordGuard, clock: Clock, times: int, *who: str) -> list[float]:
    """Guess wrong a number of times, as soon as one may; the waits before each."""
    waits = []
    for _ in range(times):
        seconds = guard.check(*who)
        waits.append(seconds or 0.0)
        if seconds:
            clock.now += seconds
            assert guard.check(*who) is None
    return waits


def test_each_wrong_password_costs_a_longer_wait(guard: PasswordGuard, clock: Clock) -> None:
    assert guess(guard, clock, 9, "ada", "wrong", "10.0.0.1") == [0, 0, 0, 0, 1, 2, 4, 8, 10]
    wait = guard.check("ada", "right", "10.0.0.1")
    assert wait == 10, "while there is a wait, no password is looked at"
    clock.now += 10
    assert guard.check("ada", "right", "10.0.0.1") == 0
    assert guard.check("ada", "wrong", "10.0.0.1") is None, "a right one wipes the slate"


def test_who_guesses_locks_out_nobody_else(guard: PasswordGuard, clock: Clock) -> None:
    token = guard.make_token("ada")
    guess(guard, clock, 9, "ada", "wrong", "10.0.0.1")
    assert guard.check("ada", "right", "10.0.0.2") == 0
    assert guard.check("bob", "p:ä ß", "10.0.0.1") == 0
    assert guard.check("ada", "right", "10.0.0.1", token) == 0, "who came in before is known behind a proxy, too"
    assert (guard.check("ada", "right", "10.0.0.1", guard.make_token("bob")) or 0) > 0
    assert guard.check("ada", "wrong", "10.0.0.1", token) is None, "a token opens nothing"


def test_a_network_of_many_addresses_is_one_guesser(guard: PasswordGuard, clock: Clock) -> None:
    for number in range(4):
        assert guard.check("ada", "wrong", f"2001:db8::{number:x}") is None
    assert guard.check("ada", "right", "2001:db8::ffff")
    assert guard.check("ada", "right", "2001:db8:0:1::1") == 0


def test_names_that_nobody_has_are_guessed_as_slowly_and_fill_no_memory(guard: PasswordGuard, clock: Clock) -> None:
    for number in range(4):
        assert guard.check(f"eve{number}", "", "10.0.0.1") is None
    assert guard.check("eve99", "", "10.0.0.1")
    for number in range(MAX_KNOWN_FAILURES + 50):
        guard.check("eve", "x", f"address {number}")
    assert len(guard._failures) == MAX_KNOWN_FAILURES


def test_wrong_passwords_are_forgotten(guard: PasswordGuard, clock: Clock) -> None:
    guess(guard, clock, 9, "ada", "wrong", "10.0.0.1")
    clock.now += FORGET_SECONDS + 11
    assert guess(guard, clock, 4, "ada", "wrong", "10.0.0.1") == [0, 0, 0, 0]


def test_a_guesser_is_told_to_wait_and_who_knows_the_password_comes_in(tmp_path: Path) -> None:
    with server(tmp_path, passwords={"ada": "right"}, limits={"free_failures": 2}) as client:
        known = another(client)
        assert known.get("/api/projects", auth=("ada", "right")).status_code == 200
        guesser = another(client)
        answers = [guesser.get("/api/projects", auth=("ada", "wrong")) for _ in range(4)]
        assert [one.status_code for one in answers] == [401, 401, 401, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert answers[-1].json()["exit_code"] == 2
        assert another(client).get("/api/projects").status_code == 401, "a browser first asks without a name"
        assert known.get("/api/projects", auth=("ada", "right")).status_code == 200


def test_requests_are_counted_by_kind_and_user() -> None:
    counter = UsageCounter(ServerLimits(streams_per_user=2, streams=3, uploads_per_user=1))
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(counter.count_request("stream", "ada"))
        for kind, user in (("upload", "ada"), ("stream", "bob"), ("request", "ada")):
            stack.enter_context(counter.count_request(kind, user))
        for kind, user in (("stream", "ada"), ("upload", "ada"), ("stream", "eve")):
            with pytest.raises(TooManyError, match=f"too many {kind}s"), counter.count_request(kind, user):
                pass
    assert not +counter._open
    assert not +counter._open_of_all


def test_what_lasts_long_is_told_from_what_does_not() -> None:
    assert classify_request("POST", "/api/projects", "Multipart/Form-Data; boundary=b") == "upload"
    assert classify_request("POST", "/api/projects/open", "application/json") == "request"
    assert classify_request("PATCH", "/api/uploads/ab", "application/octet-stream") == "upload"
    assert classify_request("PATCH", "/api/projects/ab", "application/json") == "request"
    for path in ("/api/jobs/events", "/api/jobs/ab/events", "/api/events"):
        assert classify_request("GET", path, "") == "stream"
    assert classify_request("GET", "/api/jobs", "") == "request"


def receiving(
    messages: list[dict[str, Any]], most: int, others: Counter[str], pause: float = PATIENCE
) -> LimitedReceive:
    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.sleep(PATIENCE)
        return messages.pop(0)

    return LimitedReceive(receive, most, HTTPException(413, "too much"), pause, others, "ada")


def test_uploads_at_the_same_time_count_together() -> None:
    others: Counter[str] = Counter()
    piece = {"type": "http.request", "body": b"x" * 6, "more_body": True}
    first, second = (receiving([dict(piece)] * 2, 15, others) for _ in range(2))
    asyncio.run(first())
    asyncio.run(second())
    with pytest.raises(HTTPException, match="too much"):
        asyncio.run(first())
    first.forget()
    asyncio.run(second())
    second.forget()
    assert not others


def test_a_body_that_does_not_go_on_is_given_up_but_not_a_client_that_listens() -> None:
    stuck = receiving([{"type": "http.request", "body": b"x", "more_body": True}], 9, Counter(), pause=0.01)
    asyncio.run(stuck())
    with pytest.raises(HTTPException) as told:
        asyncio.run(stuck())
    assert told.value.status_code == 408
    listens = receiving([{"type": "http.request", "body": b"", "more_body": False}], 9, Counter(), pause=0.01)
    asyncio.run(listens())

    async def wait_for_the_end() -> None:
        await asyncio.wait_for(listens(), 0.1)

    with pytest.raises(TimeoutError):
        asyncio.run(wait_for_the_end())


def test_a_user_has_a_share_of_the_disk_and_others_have_theirs(tmp_path: Path) -> None:
    film = film_bytes(tmp_path)
    with server(tmp_path / "home", limits={"disk_per_user": 2 * len(film)}) as client:
        mine, other = another(client), another(client)
        name = upload(mine, "film.mp4", film)
        refused = mine.post("/api/projects", files={"files": ("film.mp4", film + b"x" * len(film))})
        assert (refused.status_code, "remove some" in refused.json()["error"]) == (413, True)
        upload(other, "film.mp4", film)
        storage: Storage = client.app.state.service.storage  # type: ignore[attr-defined]
        (folder,) = storage.root.glob(f"users/*/{name}")
        (folder / "results").mkdir()
        (folder / "results" / "film.mp4").write_bytes(film * 2)
        told = mine.post(f"/api/projects/{name}/jobs", json={"kind": "look"})
        assert (told.status_code, told.json()["exit_code"]) == (507, 6)
        assert mine.delete(f"/api/projects/{name}").status_code == 204
        upload(mine, "film.mp4", film)


def test_what_is_held_in_memory_is_small(tmp_path: Path) -> None:
    with server(tmp_path, limits={"largest_body": 5000, "largest_json": 1000}) as client:
        body = {"film": "x" * 2000}
        assert client.post("/api/projects/open", json=body).status_code == 413
        for path, most in (("strokes", 5000), ("spread", 5000), ("picture", 1000)):
            codes = [
                client.post(f"/api/projects/{'0' * 16}/frames/1/{path}", content=b"x" * size).status_code
                for size in (most, most + 1)
            ]
            assert codes[0] in (404, 422)
            assert codes[1] == 413
        assert client.post("/api/projects/open", json={"film": "x"}).status_code == 400


def test_the_last_descriptors_are_left_for_films() -> None:
    assert ServerLimits().fit_descriptors(4096) == ServerLimits()
    few = ServerLimits().fit_descriptors(256)
    assert few.waiting_connections < few.connections < 256
    assert raise_descriptor_limit(8) == 8


@contextmanager
def real_server(folder: Path, limits: ServerLimits) -> Iterator[tuple[uvicorn.Server, int]]:
    """A server with guests behind a real socket, in a thread; and its port."""
    passwords = dict.fromkeys(GUESTS, "secret")
    config = make_config(create_app(ServerOptions(folder, limits=limits, passwords=passwords)), limits)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: running.started, "the server")
        try:
            yield running, listener.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join()


def closed(connection: socket.socket) -> bool:
    """Whether the other side has closed a connection."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_many_half_open_requests_leave_room_for_others(tmp_path: Path) -> None:
    limits = ServerLimits(waiting_connections=10, connections=40)
    with real_server(tmp_path, limits) as (running, port), ExitStack() as stack:
        silent = []
        for number in range(150):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall((b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-", b"", b"G")[number % 3])
            silent.append(connection)
        assert httpx2.get(f"http://127.0.0.1:{port}/api/projects", headers=MINE, timeout=PATIENCE).json() == []
        until(lambda: len(running.server_state.connections) <= 11, "the oldest to be closed")
        until(lambda: sum(map(closed, silent)) >= 140, "the oldest to learn it")
        assert not closed(silent[-1])


def test_a_request_that_is_never_finished_is_closed(tmp_path: Path) -> None:
    with real_server(tmp_path, ServerLimits(header_seconds=0.2)) as (running, port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n")
            until(lambda: closed(connection), "the end of the connection")
        with httpx2.stream("GET", f"http://127.0.0.1:{port}/api/jobs/events", headers=MINE, timeout=PATIENCE) as stream:
            lines = stream.iter_lines()
            assert any(line.startswith("data:") for line in lines)
            time.sleep(0.5)
            assert len(running.server_state.connections) == 1, "a stream is no request that waits"


def test_streams_and_uploads_have_limits_for_each_user(tmp_path: Path) -> None:
    limits = ServerLimits(streams_per_user=2, uploads_per_user=1, pause_seconds=PATIENCE)
    with real_server(tmp_path, limits) as (running, port), ExitStack() as stack:
        address = f"http://127.0.0.1:{port}"
        mine, other = (
            stack.enter_context(httpx2.Client(base_url=address, headers=basic(name, "secret"), timeout=PATIENCE))
            for name in GUESTS[:2]
        )
        for _ in range(2):
            assert stack.enter_context(mine.stream("GET", "/api/jobs/events")).status_code == 200
        refused = mine.get("/api/jobs/events")
        assert (refused.status_code, refused.json()["exit_code"], refused.headers["retry-after"]) == (429, 2, "5")
        assert mine.get("/api/jobs").status_code == 200
        assert stack.enter_context(other.stream("GET", "/api/jobs/events")).status_code == 200
        half = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        half.sendall(
            f"POST /api/projects HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {MINE['Authorization']}\r\n"
            "Content-Length: 99\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n--b".encode()
        )
        files = {"files": ("no.mp4", b"x")}
        until(lambda: len(running.server_state.tasks) == 4, "the first upload, beside three streams")
        assert mine.post("/api/projects", files=files).status_code == 429
        assert other.post("/api/projects", files=files).status_code == 400
        half.close()
        until(lambda: mine.post("/api/projects", files=files).status_code == 400, "the end of the first upload")


def test_a_server_without_descriptors_goes_on_when_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept: Callable[..., Any] = socket.socket.accept
    left = iter(range(5))

    def scarce(listener: socket.socket) -> Any:
        if next(left, None) is not None:
            raise OSError(24, "Too many open files")
        return accept(listener)

    with real_server(tmp_path, ServerLimits()) as (_, port):
        monkeypatch.setattr(socket.socket, "accept", scarce)
        assert httpx2.get(f"http://127.0.0.1:{port}/api/projects", headers=MINE, timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OSError(24, "Too many open files"), 507, 6),
        (OSError(28, "No space left on device"), 507, 6),
        (OSError(12, "Cannot allocate memory"), 507, 6),
        (MemoryError(), 507, 6),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 507, 6),
        (RuntimeError("oh"), 500, 1),
        (OSError(5, "Input/output error"), 500, 1),
        (KeyError("x"), 500, 1),
    ],
)
def test_whatever_goes_wrong_is_told_in_the_same_form(
    tmp_path: Path, error: Exception, status: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(storage: Storage) -> list[str]:
        raise error

    monkeypatch.setattr(Storage, "list_films", broken)
    with server(tmp_path) as client:
        asking = another(client, raise_server_exceptions=False)
        answer = asking.get("/api/films")
    assert (answer.status_code, answer.json()["exit_code"]) == (status, code)
    assert set(answer.json()) == {"error", "exit_code"}
