"""The painter alone in a page, over a server of made-up answers that keeps what it was asked to do."""

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from PIL import Image

from kinemacolor.web.page_files import mount_page
from kinemacolor.web.response_headers import PAGE_POLICY
from support.browser import serving

SIZE = (120, 200)  # rows, columns
SHOTS = ((1, 0, 39, False), (2, 40, 79, True), (3, 80, 80, False), (4, 81, 120, True))  # number, first, last, unsure
LEFT, RIGHT = 90, 170  # gray of the frame's halves
REGION = 20  # px: regions are squares

BENCH = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Painting</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/page/core/tokens.css"><link rel="stylesheet" href="/bench.css">
<script type="module" src="/bench.js"></script></head>
<body><main><h1>Painting</h1><div id="box"></div><div id="bar"></div></main>
<section id="strip" aria-label="Shots"></section><aside></aside><kc-toasts></kc-toasts></body></html>"""
STYLE = """body { margin: 0; display: grid; grid-template: minmax(0, 1fr) 176px / minmax(0, 1fr) 288px; height: 100vh;
  background: var(--surface-0); color: var(--text); font: 13px sans-serif; }
main { position: relative; } h1 { position: absolute; margin: 0; font-size: 1px; }
#box { position: absolute; left: 60px; top: 10px; width: 600px; height: 360px; }
#strip { grid-row: 2; grid-column: 1 / 3; } aside { grid-row: 1; grid-column: 2; overflow: hidden; }
@media (max-width: 720px) { body { grid-template: 300px minmax(0, 1fr) / 1fr; } #strip { display: none; }
  #box { left: 0; width: 100vw; height: 60vw; } aside { grid-row: 2; grid-column: 1; } #bar { margin-top: 246px; } }"""
SCRIPT = """
import { FilmStore } from "/page/core/film-store.js";
import { notify } from "/page/core/notify.js";
import "/page/correct/painter.js";
import "/page/correct/correct-tools.js";
import "/page/correct/spread.js";
const store = new FilmStore("film", notify);
store.set({ panel: "correct", frame: Number(new URLSearchParams(location.search).get("frame") ?? 60) });
await store.actions.reload();
const put = (name, place, more = {}) =>
  document.querySelector(place).append(Object.assign(document.createElement(name), { store, ...more }));
put("kc-painter", "#box", { size: { width: 600, height: 360 }, scale: 1 });
put("kc-paint-bar", "#bar");
put("kc-spread", "#strip");
put("kc-correct-tools", "aside");
globalThis.film = store;
"""


@dataclass
class Bench:
    """Where the page is, and what its server was asked: method, path below the film's, and body."""

    address: str = ""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)  # of a spread
    revision: int = 0
    refusal: str | None = None
    has_strokes: bool = False  # kept before

    def bodies(self, path: str) -> list[Any]:
        """What was sent to a path, in order."""
        return [body for _, asked, body in self.asked if asked == path]


def decode_layer(address: str) -> np.ndarray:
    """The layer in a data URL, ``H W 4``."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA"))


def make_frame() -> np.ndarray:
    """The frame, ``H W 3``: two halves of even gray, a little greenish."""
    gray = np.full((*SIZE, 1), LEFT, np.uint8)
    gray[:, SIZE[1] // 2 :] = RIGHT
    return np.clip(gray.astype(int) + np.array([-8, 4, -12]), 0, 255).astype(np.uint8)


@contextmanager
def paint_bench() -> Iterator[Bench]:
    """The page and its server while the block runs."""
    bench = Bench()
    bench.may_answer.set()
    app = FastAPI()
    _add_film(app, bench)
    _add_frames(app, bench)
    for path, text, kind in (("/", BENCH, "html"), ("/bench.js", SCRIPT, "javascript"), ("/bench.css", STYLE, "css")):
        app.add_api_route(path, _answer_with(text.encode(), f"text/{kind}"))
    mount_page(app)
    with serving(app) as bench.address:
        yield bench
        bench.may_answer.set()


def _answer_with(content: bytes, kind: str) -> Any:
    def answer() -> Response:
        return Response(content, media_type=kind, headers={"Content-Security-Policy": PAGE_POLICY})

    return answer


def _picture(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _add_film(app: FastAPI, bench: Bench) -> None:
    film = "/api/projects/film"

    def view() -> dict[str, Any]:
        references = [{"name": f"{name}.png", "url": f"/pictures/{name}", "used": [1]} for name in ("one", "two")]
        known = {"looked_at": True, "planned": True, "state": "rendered", "references": references}
        return {"id": "film", "title": "film.mp4", "revision": str(bench.revision)} | known

    def shots() -> dict[str, Any]:
        found = [
            {"number": number, "first": first, "last": last, "middle": (first + last) // 2, "needs_look": unsure}
            | {"doubt": number / 10, "reason": "unsure" if unsure else None, "references": [], "state": "planned"}
            for number, first, last, unsure in SHOTS
        ]
        return {"frames": 121, "rate": 25.0, "is_edited": False, "shots": found}

    def change(what: str) -> Any:
        def answer(body: dict[str, Any] | None = None) -> Response:
            bench.asked.append(("POST", what, body))
            bench.revision += 1
            return JSONResponse(view(), 201)

        return answer

    app.add_api_route(film, view)
    app.add_api_route(f"{film}/shots", shots)
    app.add_api_route(f"{film}/plan", lambda: {"options": {}})
    app.add_api_route(f"{film}/players", lambda: {"film": None, "clip": None})
    app.add_api_route(f"{film}/report", lambda: {"shots": [{"number": 4, "least_sure": 100}]})
    app.add_api_route("/favicon.ico", lambda: Response(status_code=204))
    app.add_api_route(f"{film}/undo", change("undo"), methods=["POST"])
    app.add_api_route(f"{film}/jobs", change("jobs"), methods=["POST"])


def _add_frames(app: FastAPI, bench: Bench) -> None:
    frames = "/api/projects/film/frames/{frame}"
    unsure = np.full((30, 50), 240, np.uint8)
    unsure[:, :15] = 20
    rows, columns = np.indices(SIZE) // REGION
    label = (1 + rows * (SIZE[1] // REGION) + columns).astype(np.uint8)
    regions = np.dstack([label, np.zeros_like(label), np.zeros_like(label)])

    def look(frame: int) -> dict[str, Any]:
        pictures = {name: f"/pictures/{name}" for name in ("gray", "color", "confidence")}
        return {"frame": frame, "width": SIZE[1], "height": SIZE[0], **pictures, "references": [], "doubt": 0.2}

    def paintable(frame: int) -> Any:
        if bench.refusal:
            return JSONResponse({"error": bench.refusal}, 422)
        picture = {"picture": "/pictures/frame", "painted_on": f"frame-{frame}.jpg", "references": ["two.png"]}
        return (
            picture
            | {"width": SIZE[1], "height": SIZE[0]}
            | {"strokes": "/pictures/strokes" if bench.has_strokes else None}
        )

    def spread(frame: int, body: dict[str, Any]) -> dict[str, Any]:
        bench.asked.append(("POST", f"{frame}/spread", body))
        bench.may_answer.wait(60)
        shown = [{"frame": one, "before": "/pictures/frame", "after": "/pictures/one"} for one in body["frames"]]
        return {"frames": shown}

    def strokes(frame: int, body: dict[str, Any]) -> Response:
        bench.asked.append(("POST", f"{frame}/strokes", body))
        if bench.refusal:
            return JSONResponse({"error": bench.refusal}, 422)
        bench.revision += 1
        return JSONResponse({"id": "film", "references": [], "revision": str(bench.revision)}, 201)

    app.add_api_route(f"{frames}/look", look)
    app.add_api_route(f"{frames}/paintable", paintable)
    app.add_api_route(f"{frames}/spread", spread, methods=["POST"])
    app.add_api_route(f"{frames}/strokes", strokes, methods=["POST"], status_code=201)
    app.add_api_route(f"{frames}/regions", lambda frame: _answer_with(_picture(regions), "image/png")())
    plain = np.full((30, 50, 3), (200, 40, 40), np.uint8)
    plain[:, 25:] = (40, 40, 200)
    pictures = {"frame": make_frame(), "color": make_frame(), "gray": make_frame(), "one": plain, "two": plain}
    strokes_before = np.zeros((*SIZE, 4), np.uint8)
    strokes_before[:30, :40] = (200, 60, 60, 255)
    for name, pixels in (pictures | {"confidence": unsure, "strokes": strokes_before}).items():
        app.add_api_route(f"/pictures/{name}", _answer_with(_picture(pixels), "image/png"))
