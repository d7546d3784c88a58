"""Make the pictures of README.md and docs/: `python docs/make_pictures.py SHARED`.

SHARED is the folder with `data/sample`, `data/legacy` and `data/image-train`. Every picture is made by the program from
the films and references named here; Debian's chromium takes that of the page of `evaluate`.
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
# Name: film, references, numbers of the frames to show. Of chaplin.mp4 only these three small frames are committed.
FILMS = {
    "dog-walk": ("sample/dog-walk.mp4", ["STILL"], (0, 20, 40)),
    "grand-prix": (
        "legacy/Shepard_Calais_1906_FrenchGP.ogv",
        ["image-train/imagenet_sample_im/000477.jpg"],
        (20, 110, 200),
    ),
    "chaplin": ("legacy/chaplin.mp4", ["legacy/photo-pairs/ref8.JPEG"], (10, 90, 200)),
}


def save_picture(name: str, picture: np.ndarray, side: int = 360) -> None:
    """Save a picture of at most ``side`` rows as JPEG."""
    scale = min(1.0, side / picture.shape[0])
    small = resize(picture, (round(picture.shape[0] * scale), round(picture.shape[1] * scale)))
    cv2.imwrite(str(HERE / name), np.ascontiguousarray(small[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 88])


def join_side_by_side(pictures: list[np.ndarray], height: int) -> np.ndarray:
    """Resize pictures to a height and join them, with white gaps."""
    tiles = [resize(p, (height, round(p.shape[1] * height / p.shape[0]))) for p in pictures]
    gap = np.full((height, 8, 3), 255, np.uint8)
    return np.concatenate([part for tile in tiles for part in (gap, tile)][1:], 1)


def read_frames(film: Path, numbers: tuple[int, ...]) -> list[np.ndarray]:
    """Read the frames with these numbers."""
    return [frame for number, frame in enumerate(iter_color_frames(film)) if number in numbers]


def photograph_evaluation_page(film: Path, work: Path) -> None:
    """Evaluate on a film and take a screenshot of the page."""
    (work / "films").mkdir()
    shutil.copy(film, work / "films")
    subprocess.run(["kinemacolor", "evaluate", work / "films", "-o", work / "evaluation", "--jobs", "1"], check=True)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,1500", "--hide-scrollbars"]
    page, picture = work / "evaluation" / "index.html", HERE / "evaluation.png"
    subprocess.run(["chromium", *options, f"--screenshot={picture}", page.as_uri()], check=True)


def main(data: Path) -> None:
    """Make all pictures."""
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        sample, still = ASSETS / "sample.mp4", ASSETS / "sample-reference.jpg"
        kinemacolor.colorize(sample, still, work / "sample.mp4")
        (gray,), (result,) = read_frames(sample, (2,)), read_frames(work / "sample.mp4", (2,))
        save_picture("strip.jpg", join_side_by_side([gray, load_reference(still), result], 270))
        photograph_evaluation_page(data / "sample/dog-walk.mp4", work)
        for name, (film, references, numbers) in FILMS.items():
            paths = [still if reference == "STILL" else data / reference for reference in references]
            kinemacolor.colorize(data / film, paths, work / f"{name}.mp4")
            before, after = read_frames(data / film, numbers), read_frames(work / f"{name}.mp4", numbers)
            for number, gray, color in zip(numbers, before, after, strict=True):
                save_picture(f"{name}-{number:03d}.jpg", join_side_by_side([gray, color], min(gray.shape[0], 360)))


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "data")
