"""Make the pictures of the web page: `python docs/make_page.py`, with the extra `dev` and Debian's chromium.

A browser uses the page as somebody does, with the package's own sample alone: cut and cropped as an editor would, it
becomes a film of six shots. What is shown lies in `docs/pictures/web-*.jpg`.
"""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from PIL import Image
from playwright.sync_api import Page

import kinemacolor
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize

HERE = Path(__file__).parent / "pictures"
ASSETS = Path(kinemacolor.__file__).parent / "assets"
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZE = (540, 960)  # rows, columns
SHOTS = [  # of the film: first frame, frame after the last, and what is seen of it (left, top, width, as parts)
    (0, 24, (0.0, 0.0, 1.0)),
    (4, 22, (0.2, 0.05, 0.5)),
    (16, 36, (0.5, 0.1, 0.5)),
    (20, 41, (0.0, 0.0, 1.0)),
    (10, 28, (0.22, 0.35, 0.4)),
    (26, 41, (0.1, 0.0, 0.7)),
]
CORRECTION = {  # strokes, by the page's names of colours: x and y as parts of the frame
    "Brick": [(0.66, 0.1), (0.68, 0.4), (0.72, 0.2)],
    "Sand": [(0.9, 0.1), (0.95, 0.45)],
}
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def write_film(path: Path) -> None:
    """Write the sample, cut into `SHOTS`, as a gray film."""
    frames = [frame.mean(2).astype("uint8") for frame in iter_color_frames(ASSETS / "sample.mp4")]
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=24, options={"crf": "16"})
        stream.height, stream.width = SIZE
        for first, end, view in SHOTS:
            for frame in frames[first:end]:
                shown = resize(_crop(frame, *view), SIZE)
                target.mux(stream.encode(av.VideoFrame.from_ndarray(shown, "gray8").reformat(format="yuv420p")))
        target.mux(stream.encode(None))


def _crop(frame: np.ndarray, left: float, top: float, width: float) -> np.ndarray:
    rows, columns = frame.shape
    return frame[
        round(top * rows) : round((top + width) * rows), round(left * columns) : round((left + width) * columns)
    ]


@contextmanager
def run_server(folder: Path) -> Iterator[str]:
    """Run `kinemacolor web` with its data in ``folder``; gives the address that lets its owner in."""
    command = [sys.executable, "-m", "kinemacolor", "web", "--folder", folder, "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        line = process.stderr.readline()
        try:
            yield re.search(r"http://\S+", line)[0]
        finally:
            process.terminate()


def save_page(page: Page, name: str) -> None:
    """Save what the window shows as a JPEG."""
    page.mouse.move(2, 2)  # no hover effects
    page.wait_for_timeout(1500)
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").save(HERE / f"{name}.jpg", quality=80, optimize=True, progressive=True)
