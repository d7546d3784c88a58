"""A server for tests, in this process, and small films to give it."""

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from starlette.testclient import TestClient

from kinemacolor.web.server import create_app
from kinemacolor.web.server_options import ServerLimits, ServerOptions
from support.films import SIZE, scene, write_film
from support.waiting import until
from support.warm_python import warm_jobs

ORIGIN = "http://127.0.0.1:7860"
ACTIVE = ("queued", "running")
GUESTS = tuple(f"guest{number}" for number in range(60))
Picture = Callable[[int], np.ndarray]


@contextmanager
def server(folder: Path, *, limits: Mapping[str, Any] | None = None, **options: Any) -> Iterator[TestClient]:
    """A client of a server that works in ``folder``; its queue runs meanwhile, with `warm_jobs`.

    Without ``passwords`` among the options it has guests, of whom this is the first; without any, as ``{}``, the
    client is the one who has the token.
    """
    options["limits"] = ServerLimits(**(limits or {}))
    has_guests = options.setdefault("passwords", dict.fromkeys(GUESTS, "secret")).keys() >= set(GUESTS)
    app = create_app(ServerOptions(folder, **options))
    app.state.guests = iter(GUESTS) if has_guests else None
    with warm_jobs(), TestClient(app, base_url=ORIGIN) as client:
        client.headers |= _introduce(app)
        yield client


def another(client: TestClient, **named: Any) -> TestClient:
    """Somebody else at the same server: the next guest, or a browser or program that has not come in yet."""
    made = TestClient(client.app, base_url=ORIGIN, **named)
    app: Any = client.app
    if app.state.guests:
        made.headers |= _introduce(app)
    return made


def basic(name: str, password: str) -> dict[str, str]:
    """The header of who comes in with a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def bearer(app: Any) -> dict[str, str]:
    """The header of a program that has the server's token."""
    return {"Authorization": f"Bearer {app.state.token.value}"}


def _introduce(app: Any) -> dict[str, str]:
    if app.state.guests:
        return basic(next(app.state.guests), "secret")
    return bearer(app) if hasattr(app.state, "token") else {}


def blocks(index: int) -> np.ndarray:
    """Another scene than `scene`, of which no frame is like one of that."""
    coarse = np.random.default_rng(3).uniform(30, 220, (9, 24, 3)).astype(np.float32)
    wide = cv2.resize(coarse, (2 * SIZE[1], SIZE[0]), interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(wide[:, index : index + SIZE[1]]).astype(np.uint8)


def picture_bytes(index: int = 0, suffix: str = ".png", *, gray: bool = False, of: Picture = scene) -> bytes:
    """A frame as a picture file."""
    shown = np.ascontiguousarray(of(index)[..., ::-1])
    if gray:
        shown = np.dstack([cv2.cvtColor(shown, cv2.COLOR_BGR2GRAY)] * 3)
    return bytes(cv2.imencode(suffix, shown)[1])


def film_bytes(folder: Path, frames: int = 8) -> bytes:
    """A small film: the scene, and after a cut in its middle the blocks."""
    path = folder / f"made-{frames}.mp4"
    if not path.is_file():
        write_film(path, frames, picture=lambda index: (scene if index < frames // 2 else blocks)(index))
    return path.read_bytes()


def upload(client: TestClient, name: str, content: bytes) -> str:
    """The new project of a film."""
    answer = client.post("/api/projects", files={"files": (name, io.BytesIO(content))})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def add_reference(client: TestClient, project: str, name: str, content: bytes, **form: Any) -> Any:
    """The answer of the server to a reference."""
    return client.post(f"/api/projects/{project}/references", files={"file": (name, content)}, data=form)


def job(client: TestClient, project: str, task: dict[str, Any]) -> dict[str, Any]:
    """A job, asked for and waited for."""
    answer = client.post(f"/api/projects/{project}/jobs", json=task)
    assert answer.status_code == 202, answer.text
    return ended(client, answer.json()["id"])


def ended(client: TestClient, name: str) -> dict[str, Any]:
    """A job when it has ended."""

    def found() -> Any:
        seen = client.get(f"/api/jobs/{name}").json()
        return None if seen["state"] in ACTIVE else seen

    return dict(until(found))
