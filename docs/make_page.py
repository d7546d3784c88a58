"""Make the pictures of the web page: `python docs/make_page.py`, with the extra `dev` and Debian's chromium.

A browser uses the page as somebody does, with the package's own sample alone: cut and cropped as an editor would, it
becomes a film of six shots. What is shown lies in `docs/pictures/web-*.jpg`.
"""

import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

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
FRAME = 70  # that is shown, of the fourth shot
CORRECTION = {  # strokes, by the page's names of colours: x and y as parts of the frame
    "Sky": [(0.8, 0.1), (0.95, 0.12), (0.82, 0.22), (0.95, 0.28), (0.84, 0.34), (0.95, 0.4)],
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


def in_color(page: Page) -> None:
    """Wait until the window shows its frame in colour, and nothing is being made."""
    page.locator("kc-picture div.color:not([hidden]) img").wait_for()
    page.wait_for_load_state("networkidle")


def open_film(page: Page, address: str, *files: Path) -> None:
    """Give files to the page, and wait until the film's plan is made."""
    page.goto(address)
    page.get_by_role("button", name="Choose files").wait_for()
    page.set_input_files("kc-home input[type=file]", files)
    page.get_by_role("listbox", name="Shots").get_by_role("option").first.wait_for(timeout=600_000)
    page.get_by_text("Nothing is running").wait_for(timeout=600_000)
    in_color(page)


def render_film(page: Page) -> None:
    """Render from the page and wait for the result."""
    page.get_by_role("button", name="Render film").click()
    page.get_by_role("button", name="Render the film").click()
    page.get_by_role("region", name="Results").wait_for(timeout=900_000)
    page.get_by_text("Nothing is running").wait_for(timeout=600_000)


def show_frame(page: Page, frame: int) -> None:
    """Go to a frame."""
    field = page.get_by_label("Go to a frame")
    field.fill(str(frame))
    field.press("Enter")
    field.blur()
    page.wait_for_timeout(1000)
    in_color(page)


def correct_frame(page: Page) -> None:
    """Paint the strokes of `CORRECTION`, and wait until their spread is shown."""
    for color, points in CORRECTION.items():
        page.get_by_role("button", name=color, exact=True).click()
        box = page.locator("kc-painter").bounding_box()
        for number, (x, y) in enumerate(points):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
            if number == 0:
                page.mouse.down()
        page.mouse.up()
        page.mouse.move(2, 2)
    page.get_by_text(re.compile(r"strokes? on \d frames")).locator("visible=true").wait_for(timeout=300_000)


def main() -> None:
    """Make all pictures of the page."""
    still = ASSETS / "sample-reference.jpg"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        work = Path(folder)
        film, photograph = work / "a dog at home.mp4", work / "the dog, 1 May.png"
        write_film(film)
        Image.open(still).convert("L").save(photograph)
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        page = browser.new_page(viewport=WIDE)
        with run_server(work / "home") as address:
            open_film(page, address, film, still)
            render_film(page)
            toast = page.get_by_text("is coloured.")
            toast.wait_for()
            toast.wait_for(state="detached")  # it lies over the strip
            page.get_by_role("tab", name="Look", exact=True).first.click()
            show_frame(page, FRAME)
            save_page(page, "web-film")
            page.get_by_role("button", name="Light window").click()
            save_page(page, "web-light")
            page.get_by_role("button", name="Dark window").click()
            page.set_viewport_size(NARROW)
            save_page(page, "web-narrow")
            page.set_viewport_size(WIDE)
            page.get_by_role("tab", name="Correct", exact=True).first.click()
            page.wait_for_timeout(2000)
            correct_frame(page)
            save_page(page, "web-correct")
            page.goto(address)
            page.get_by_role("button", name="Try it with our sample").click()
            page.get_by_role("listbox", name="Shots").wait_for(timeout=600_000)
            page.goto(address)
            page.get_by_role("button", name="Choose files").wait_for()
            page.set_input_files("kc-home input[type=file]", [photograph, still])
            in_color(page)
            page.goto(address)
            page.get_by_text("Nothing is running").wait_for(timeout=600_000)
            save_page(page, "web-home")
        browser.close()


if __name__ == "__main__":
    main()
