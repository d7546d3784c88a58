"""Make the pictures of the web page: `python docs/make_page.py SHARED`, with the extra `dev` and Debian's chromium.

SHARED is the folder with `data/legacy`. A browser uses the page as a user does, with two films: the sample joined with
the Grand Prix of 1906, one frame of which is coloured from a few strokes, and `chaplin.mp4`, of which only one small
picture is made.
"""

import io
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, sync_playwright

import kinemacolor
from kinemacolor.inference.session import Session, complete_reference
from kinemacolor.plan.stills import extract_frames
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize
from kinemacolor.weights.registry import load_model

HERE = Path(__file__).parent / "pictures"
ASSETS = Path(kinemacolor.__file__).parent / "assets"
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
STROKES = {  # of a reference, by colour: x and y in px of a frame of 214 x 160
    "#b59a72": [[(60, 70), (150, 66)], [(80, 95), (200, 88)], [(110, 130), (205, 125)], [(70, 110), (95, 120)]],
    "#66743f": [[(150, 30), (205, 40)], [(120, 38), (140, 40)]],
    "#c9d3d8": [[(60, 20), (110, 18)], [(40, 12), (60, 30)]],
    "#8a7a5c": [[(10, 115), (30, 125)], [(45, 140), (60, 150)]],
}
CORRECTION = {  # strokes beside the road, by the page's names of colours: x and y as parts of the frame
    "Sand": [(0.07, 0.95), (0.2, 0.6), (0.35, 0.8)],
    "Wood": [(0.1, 0.85), (0.25, 0.85)],
    "Leaf": [(0.6, 0.12), (0.95, 0.1)],
    "Sky": [(0.15, 0.08), (0.4, 0.08)],
}


def write_film(path: Path, pictures: Iterator, size: tuple[int, int]) -> None:
    """Write pictures of any sizes as one gray film of this size."""
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=15, options={"crf": "16"})
        stream.height, stream.width = size
        for picture in pictures:
            gray = resize(picture, size).mean(2).astype("uint8")
            target.mux(stream.encode(av.VideoFrame.from_ndarray(gray, "gray8").reformat(format="yuv420p")))
        target.mux(stream.encode(None))


def paint_reference(frame: Path, target: Path) -> None:
    """Paint `STROKES` on a frame, let the model colour the rest from them, and write the result."""
    gray = np.asarray(Image.open(frame).convert("L"))
    layer = Image.new("RGBA", gray.shape[::-1])
    pen = ImageDraw.Draw(layer)
    for color, strokes in STROKES.items():
        for stroke in strokes:
            scaled = [(x * layer.width / 214, y * layer.height / 160) for x, y in stroke]
            pen.line(scaled, fill=color, width=layer.width // 18)
    strokes = complete_reference(np.asarray(layer), gray)
    session = Session(load_model(), [strokes], height=gray.shape[0], width=gray.shape[1], in_shot=True)
    Image.fromarray(session.colorize(gray)[0]).save(target)


@contextmanager
def run_server(folder: Path) -> Iterator[str]:
    """Run `kinemacolor web` with its data in ``folder``; gives its address."""
    command = [sys.executable, "-m", "kinemacolor", "web", "--folder", folder, "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        line = process.stderr.readline()
        try:
            yield re.search(r"http://\S+", line)[0]
        finally:
            process.terminate()


def save_page(page: Page, name: str, width: int = 1100, *, full_page: bool = True) -> None:
    """Save a screenshot of the whole page, or of its visible top."""
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1500)
    save_jpeg(page.screenshot(full_page=full_page), name, width)


def save_element(element: Locator, name: str, width: int) -> None:
    """Save a screenshot of one element of the page."""
    element.page.mouse.move(2, 2)  # no hover effects
    save_jpeg(element.screenshot(), name, width)


def save_jpeg(picture: bytes, name: str, width: int) -> None:
    """Save a picture as JPEG of at most this width."""
    with Image.open(io.BytesIO(picture)) as image:
        scale = min(1, width / image.width)
        small = image.convert("RGB").resize((round(image.width * scale), round(image.height * scale)), Image.LANCZOS)
        small.save(HERE / f"{name}.jpg", quality=84)


def begin_project(page: Page, address: str, film: Path, references: list[Path]) -> None:
    """Upload a film and references, and wait until shots are found and the first preview is there."""
    page.goto(address)
    page.wait_for_selector("#film-upload")
    page.wait_for_timeout(1000)
    page.set_input_files("#film-upload input[type=file]", film)
    page.wait_for_selector("#film-card .card")
    page.click("#to-shots")
    page.wait_for_selector("text=found.", timeout=120_000)
    page.set_input_files("#reference-upload input[type=file]", references)
    page.wait_for_selector("#to-look:not([disabled])", timeout=120_000)
    page.wait_for_selector(".point_view img")


def render_film(page: Page) -> None:
    """Render from the page and wait for the result."""
    page.click("#to-look")
    page.wait_for_timeout(2500)
    page.click("#to-render")
    page.wait_for_timeout(1500)
    page.click("#render")
    page.wait_for_selector("#downloads a", timeout=900_000)
    page.wait_for_timeout(2500)


def correct_frame(page: Page) -> None:
    """Paint the strokes of `CORRECTION` on the frame that the player shows."""
    page.get_by_role("button", name="Correct this frame").click()
    stage = page.locator("#painter .stage")
    stage.wait_for(timeout=60_000)
    page.wait_for_timeout(1000)
    for color, points in CORRECTION.items():
        page.get_by_label(color, exact=True).click()
        stage.scroll_into_view_if_needed()
        box = stage.bounding_box()
        for number, (x, y) in enumerate(points):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
            if number == 0:
                page.mouse.down()
        page.mouse.up()


def show_frame(page: Page, frame: int) -> None:
    """Move the player to a frame."""
    page.get_by_role("slider", name="Time").last.fill(str(frame))
    page.wait_for_timeout(1500)


def main(shared: Path) -> None:
    """Make all pictures of the page."""
    legacy = shared / "data" / "legacy"
    race, chaplin = legacy / "Shepard_Calais_1906_FrenchGP.ogv", legacy / "chaplin.mp4"
    still = ASSETS / "sample-reference.jpg"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        work = Path(folder)
        reel = work / "reel.mp4"
        dog = list(iter_color_frames(ASSETS / "sample.mp4"))
        write_film(reel, iter([*dog, *iter_color_frames(race)]), (480, 640))
        frame = len(dog) + 190
        (drawn,) = extract_frames(reel, [frame], work / "frames")
        painted = work / f"ref_{frame:06d}.png"
        paint_reference(drawn, painted)
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        with run_server(work / "home") as address:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            begin_project(page, address, reel, [still, painted])
            page.get_by_role("button", name="Look at shot 3").click()
            page.wait_for_timeout(3000)
            page.locator(".point_view img").first.click(position={"x": 260, "y": 250})
            page.wait_for_selector("text=of this colour comes from")
            save_page(page, "web-shots")
            page.click("#to-look")
            page.locator("#look-frame input[type=number]").fill(str(frame - 30))
            page.locator("#look-frame input[type=number]").press("Enter")
            page.wait_for_timeout(4000)
            save_page(page, "web-look")
            page.set_viewport_size({"width": 390, "height": 844})
            save_page(page, "web-narrow", full_page=False)
            page.set_viewport_size({"width": 1280, "height": 900})
            page.click("#to-render")
            page.wait_for_timeout(1000)
            page.click("#render")
            page.wait_for_selector("#downloads a", timeout=900_000)
            page.wait_for_timeout(2500)
            show_frame(page, frame - 20)
            save_page(page, "web-render")
            correct_frame(page)
            save_element(page.locator("#painter"), "web-correct", 800)
            page.close()
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            started = time.monotonic()
            begin_project(page, address, chaplin, [legacy / "photo-pairs" / "ref8.JPEG"])
            render_film(page)
            print(f"chaplin.mp4, from the upload to the result: {time.monotonic() - started:.0f} s")
            show_frame(page, 120)
            save_page(page, "web-chaplin", width=640)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
