"""The pictures of README.md and docs/: `python docs/make_pictures.py SHARED`.

SHARED is the folder with `data/sample`, `data/legacy` and `data/image-train`. Every picture is made
by the program (the page of `evaluate` with Debian's chromium) from the films and references named here.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

import kinemacolor
from kinemacolor.references.load import load_reference
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize

HERE = Path(__file__).parent / "pictures"
ASSETS = Path(kinemacolor.__file__).parent / "assets"
# name: film, references, frames to keep. Of chaplin.mp4 only these three small frames are committed, as evidence.
FILMS = {
    "dog-walk": ("sample/dog-walk.mp4", ["STILL"], (0, 20, 40)),
    "grand-prix": (
        "legacy/Shepard_Calais_1906_FrenchGP.ogv",
        ["image-train/imagenet_sample_im/000477.jpg"],
        (20, 110, 200),
    ),
    "chaplin": ("legacy/chaplin.mp4", ["legacy/photo-pairs/ref8.JPEG"], (10, 90, 200)),
}


def save(name: str, picture: np.ndarray, side: int = 360) -> None:
    scale = min(1.0, side / picture.shape[0])
    small = resize(picture, (round(picture.shape[0] * scale), round(picture.shape[1] * scale)))
    cv2.imwrite(str(HERE / name), np.ascontiguousarray(small[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 88])


def side_by_side(pictures: list[np.ndarray], height: int) -> np.ndarray:
    tiles = [resize(p, (height, round(p.shape[1] * height / p.shape[0]))) for p in pictures]
    gap = np.full((height, 8, 3), 255, np.uint8)
    return np.concatenate([part for tile in tiles for part in (gap, tile)][1:], 1)


def frames_of(film: Path, wanted: tuple[int, ...]) -> list[np.ndarray]:
    return [frame for index, frame in enumerate(iter_color_frames(film)) if index in wanted]


def evaluation_page(film: Path, work: Path) -> None:
    """What `evaluate` shows of the sample, in a browser."""
    (work / "films").mkdir()
    shutil.copy(film, work / "films")
    subprocess.run(["kinemacolor", "evaluate", work / "films", "-o", work / "evaluation", "--jobs", "1"], check=True)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,1500", "--hide-scrollbars"]
    page, picture = work / "evaluation" / "index.html", HERE / "evaluation.png"
    subprocess.run(["chromium", *options, f"--screenshot={picture}", page.as_uri()], check=True)


def main(data: Path) -> None:
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        sample, still = ASSETS / "sample.mp4", ASSETS / "sample-reference.jpg"
        kinemacolor.colorize(sample, still, work / "sample.mp4")
        (gray,), (result,) = frames_of(sample, (2,)), frames_of(work / "sample.mp4", (2,))
        save("strip.jpg", side_by_side([gray, load_reference(still), result], 270))
        evaluation_page(data / "sample/dog-walk.mp4", work)
        for name, (film, references, wanted) in FILMS.items():
            paths = [still if reference == "STILL" else data / reference for reference in references]
            kinemacolor.colorize(data / film, paths, work / f"{name}.mp4")
            before, after = frames_of(data / film, wanted), frames_of(work / f"{name}.mp4", wanted)
            for index, gray, colour in zip(wanted, before, after, strict=True):
                save(f"{name}-{index:03d}.jpg", side_by_side([gray, colour], min(gray.shape[0], 360)))


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "data")
