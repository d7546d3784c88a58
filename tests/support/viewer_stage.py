"""The viewer of the page alone, with a server that answers for a film whose pictures say their number."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from kinemacolor.web.response_headers import PAGE_POLICY

PAGE = Path(__file__).parents[2] / "src" / "kinemacolor" / "web" / "page"
FRAMES, RATE, WIDTH, HEIGHT, BLOCK = 24, 12, 160, 96, 16
SHOTS = ((0, 9), (10, 23))
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".mp4": "video/mp4",
    ".png": "image/png",
}
HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Viewer</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="/page/icon.svg">
<link rel="stylesheet" href="/page/core/tokens.css"><link rel="stylesheet" href="/stage.css">
<script type="module" src="/stage.js"></script></head><body><main><h1>Viewer</h1></main></body></html>"""
CSS = "html, body, main { height: 100%; margin: 0; background: var(--surface-0) } h1 { position: absolute; opacity: 0 }"
SCRIPT = """import { FilmStore } from "/page/core/film-store.js";
import "/page/viewer/viewer.js";
const viewer = Object.assign(document.createElement("kc-viewer"), { store: new FilmStore("f", () => {}) });
document.querySelector("main").append(viewer);
await viewer.store.actions.reload();
Object.assign(window, { viewer, store: viewer.store });
"""


@dataclass
class Film:
    """What the server says of it; ``asked``: what it was asked to do."""

    folder: Path
    planned: bool = True
    rendered: bool = True
    clip_from: int | None = None
    broken: str | None = None  # a part of addresses that fail
    asked: list[Any] = field(default_factory=list)

    def answer(self, address: str) -> Any:
        """The answer of ``GET``; None: there is none."""
        path = address.removeprefix("/api/projects/f")
        if found := re.fullmatch(r"/frames/(\d+)/look", path):
            return self._look(int(found[1]))
        answers = {
            "": {"id": "f", "title": "f", "looked_at": True, "planned": self.planned, "references": [REFERENCE]},
            "/shots": {"frames": FRAMES, "rate": RATE, "shots": [_shot(*shot) for shot in enumerate(SHOTS, 1)]},
            "/plan": {"model": "m", "options": {}},
            "/players": {"film": _player(0) if self.rendered else None, "clip": _clip(self.clip_from)},
            "/first-look": {**self._look(3), "seconds": 0.25, "reference": "still"},
            "/session": {"models": []},
        }
        return answers.get(path.removeprefix("/api"))

    def _look(self, number: int) -> dict[str, Any]:
        urls = {show: f"/pictures/{show}-{number}.png" for show in ("gray", "color", "confidence")}
        return {"frame": number, "width": WIDTH, "height": HEIGHT, "references": ["still"], "doubt": 0.1, **urls}


REFERENCE = {"name": "still", "url": "/pictures/color-0.png", "used": [1, 2]}


def _shot(number: int, frames: tuple[int, int]) -> dict[str, Any]:
    first, last = frames
    return {"number": number, "first": first, "last": last, "middle": (first + last) // 2, "needs_look": number == 2}


def _player(start: int) -> dict[str, Any]:
    times = {"rate": RATE, "times": None, "frames": FRAMES}
    return {"url": "/pictures/stream.mp4", "start_frame": start, "is_outdated": False, **times}


def _clip(start: int | None) -> dict[str, Any] | None:
    return None if start is None else _player(start)


def write_pictures(folder: Path) -> Film:
    """Pictures whose top row is their number, in blocks, white for 1, and the stream of them."""
    with av.open(str(folder / "stream.mp4"), "w") as target:
        stream = target.add_stream("libx264", rate=RATE, options={"g": "6", "bf": "0", "crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 2 * WIDTH, HEIGHT, "yuv420p"
        for number in range(FRAMES):
            gray = np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
            for bit in range(5):
                gray[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (number >> bit & 1)
            color = gray.copy()
            color[BLOCK:] = 40, 90, 200  # BGR
            shade = np.linspace(0, 255, WIDTH).astype(np.uint8)
            for name, picture in (("gray", gray), ("color", color), ("confidence", np.tile(shade, (HEIGHT, 1)))):
                cv2.imwrite(str(folder / f"{name}-{number}.png"), picture)
            frame = av.VideoFrame.from_ndarray(np.concatenate([gray, color], 1), "bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return Film(folder)


@contextmanager
def staged(film: Film) -> Iterator[str]:
    """The address of the viewer while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"film": film}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    film: Film

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests tell."""

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"]))
        self.film.asked.append(json.loads(text))
        self._send(202, json.dumps({"id": "j"}).encode(), "application/json")

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        gray = re.fullmatch(r"/api/projects/f/frames/(\d+)/(gray|color)", path)
        if gray and gray[2] == "color":
            self.film.asked.append(query)
        if self.film.broken and self.film.broken in path:
            self._send(500, json.dumps({"error": "The film is damaged there.", "exit_code": 3}).encode(), TYPES[".js"])
        elif gray or path.startswith("/pictures/"):
            name = f"{gray[2]}-{gray[1]}.png" if gray else path.removeprefix("/pictures/")
            self._send(200, (self.film.folder / name).read_bytes(), TYPES[Path(name).suffix])
        elif path.startswith("/api/"):
            found = self.film.answer(path)
            self._send(404 if found is None else 200, json.dumps(found or {"error": "no"}).encode(), "application/json")
        elif path.startswith("/page/"):
            self._send(200, (PAGE / path.removeprefix("/page/")).read_bytes(), TYPES[Path(path).suffix])
        else:
            text, kind = {"/stage.css": (CSS, "text/css"), "/stage.js": (SCRIPT, TYPES[".js"])}.get(
                path, (HTML, "text/html")
            )
            self._send(200, text.encode(), kind)

    def _send(self, status: int, content: bytes, kind: str) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = 0, len(content)
        if wanted:  # a browser seeks in a film only where it can ask for parts of it
            status, start, end = 206, int(wanted[1]), int(wanted[2] or len(content) - 1) + 1
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(end - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Security-Policy", PAGE_POLICY)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[start:end])
