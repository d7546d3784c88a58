"""The server of the page in a process of its own, a program that speaks to it, and films to give it."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import av
import cv2
import httpx2
import numpy as np

from support import warm_python
from support.browser import quiet_page
from support.films import scene, write_film
from support.waiting import PATIENCE, until

ASSETS = Path(__file__).parents[2] / "src" / "kinemacolor" / "assets"
SIZE = (108, 192)  # rows, columns


@dataclass
class Server:
    """``kinemacolor web``, running with `warm_python.warm_jobs`. ``opened``: the address that lets its owner in,
    where nobody has a password.
    """

    address: str
    process: subprocess.Popen[bytes]
    token: str

    @property
    def port(self) -> str:
        return self.address.rstrip("/").rpartition(":")[2]

    @property
    def opened(self) -> str:
        return f"{self.address}?token={self.token}"


@contextmanager
def web_server(folder: Path, *arguments: str) -> Iterator[Server]:
    """The server with its films in ``folder``; it is gone when the block ends."""
    log = folder.parent / f"{folder.name}.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-P", warm_python.__file__, "--web", "--folder", str(folder), "--no-browser"]
    port = () if "--port" in arguments else ("--port", "0")
    with log.open("wb") as stream:
        process = subprocess.Popen([*command, "--device", "cpu", *port, *arguments], stdout=stream, stderr=stream)
    try:
        address, token = until(lambda: _address(process, log), "the server's address")
        until(lambda: _answers(address), "an answer of the server")
        yield Server(address, process, token)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _address(process: subprocess.Popen[bytes], log: Path) -> tuple[str, str] | None:
    text = log.read_text()
    assert process.poll() is None, text
    found = re.search(r"(http://127\.0\.0\.1:\d+/)(?:\?token=(\S+))? ", text)
    return found and (found[1], found[2] or "")


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}api/films").status_code < 500
    except httpx2.TransportError:
        return False


class Program:
    """A program of the owner of the films, by the HTTP interface."""

    def __init__(self, server: Server) -> None:
        token = {"Authorization": f"Bearer {server.token}"}
        self._http = httpx2.Client(base_url=f"{server.address}api", headers=token, timeout=PATIENCE)

    def get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()

    def begin(self, film: Path, references: Sequence[Path] = (), short_side: int | None = None) -> str:
        """The number of a project with these; its plan is made. A small working size is quick to paint."""
        with film.open("rb") as stream:
            answer = self._http.post("/projects", files={"files": (film.name, stream)}).raise_for_status()
        project: str = answer.json()["id"]
        self.ended(project, "look")
        for reference in references:
            with reference.open("rb") as stream:
                files = {"file": (reference.name, stream)}
                self._http.post(f"/projects/{project}/references", files=files).raise_for_status()
        if references:
            self.ask(project, "plan", options={"short_side": short_side})
            self.ended(project, "plan")
        return project

    def ask(self, project: str, kind: str, **more: Any) -> None:
        self._http.post(f"/projects/{project}/jobs", json={"kind": kind, **more}).raise_for_status()

    def job(self, project: str, kind: str) -> Any:
        """The latest of a kind."""
        return [job for job in self.get(f"/jobs?project={project}")["jobs"] if job["kind"] == kind][-1]

    def ended(self, project: str, kind: str, seconds: float = PATIENCE) -> Any:
        """The same when it is done; it may not end otherwise."""
        ended = until(lambda: _ended(self.job(project, kind)), f"the end of a job: {kind}", seconds)
        assert ended["state"] == "done", ended
        return ended

    def plan(self, project: str) -> Any:
        return self.get(f"/projects/{project}/plan")

    def chosen(self, project: str) -> list[set[str]]:
        """The references of each shot."""
        return [set(shot["references"]) for shot in self.plan(project)["shots"]]


def _ended(job: Any) -> Any:
    return job if job["state"] in ("done", "failed", "stopped") else None


@contextmanager
def visit(browser: Any, server: Server, path: str = "", **options: Any) -> Iterator[Any]:
    """The page at a path, in a browser of its own that has the token; it fails as `quiet_page` does."""
    with quiet_page(browser, **options) as page:
        page.context.request.get(server.opened)
        arrive(page, urljoin(server.address, path))
        yield page


def arrive(page: Any, address: str) -> None:
    """Open an address, and wait until the page lives."""
    page.goto(address)
    page.wait_for_function("document.querySelector('kc-app')?.shadowRoot")


def fetched(page: Any, address: str) -> bytes:
    """What the page's user gets from an address of the page."""
    answer = page.context.request.get(urljoin(page.url, address))
    assert answer.ok, answer.status
    body: bytes = answer.body()
    return body


def picture_at(page: Any, address: str) -> np.ndarray:
    """What an image's address holds, RGB."""
    coded = np.frombuffer(fetched(page, address), np.uint8)
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def frame_of(film: Path, number: int) -> np.ndarray:
    """A frame, RGB."""
    with av.open(str(film)) as container:
        frame = next(frame for count, frame in enumerate(container.decode(video=0)) if count == number)
        return frame.to_ndarray(format="rgb24")


def colourfulness(picture: np.ndarray) -> float:
    """How far from gray, 0..1."""
    return float((picture.max(-1) - picture.min(-1)).mean() / 255)


def sample_pictures(count: int) -> list[np.ndarray]:
    """The first frames of the package's own sample, small."""
    with av.open(str(ASSETS / "sample.mp4")) as container:
        frames = [
            frame.to_ndarray(format="rgb24") for frame, _ in zip(container.decode(video=0), range(count), strict=False)
        ]
    return [cv2.resize(frame, SIZE[::-1], interpolation=cv2.INTER_AREA) for frame in frames]


def write_two_shots(path: Path, each: int, repeats: int = 1) -> Path:
    """The sample and the scene, one after the other, gray, with sound."""
    first = sample_pictures(each)
    pictures = (first + [scene(index, SIZE) for index in range(each)]) * repeats
    gray = [np.repeat(picture.mean(-1, keepdims=True).astype(np.uint8), 3, -1) for picture in pictures]
    return write_film(path, len(gray), SIZE, sound=True, picture=lambda index: gray[index])


def write_references(folder: Path) -> list[Path]:
    """A picture in colour for each of the two shots."""
    meadow, waves = folder / "meadow.jpg", folder / "waves.png"
    meadow.write_bytes((ASSETS / "sample-reference.jpg").read_bytes())
    cv2.imwrite(str(waves), scene(2, SIZE)[..., ::-1])
    return [meadow, waves]
