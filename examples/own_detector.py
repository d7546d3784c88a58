"""Finds shots by a detector of your own, and makes a plan of them.

python examples/own_detector.py                           the bundled sample
python examples/own_detector.py FILM PICTURE... [--threshold 0.3]
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np

import kinemacolor

ASSETS = Path(kinemacolor.__file__).parent / "assets"
SAMPLE = [ASSETS / "sample.mp4", ASSETS / "sample-reference.jpg"]
RESULTS = Path("kinemacolor-demo")


def find_boundaries(frames: Iterable[np.ndarray], threshold: float) -> Iterator[int]:
    """Yield the number of each frame whose gray levels are unlike those of the one before. Yours goes here."""
    previous = None
    for number, frame in enumerate(frames):
        levels = np.histogram(frame, bins=32, range=(0, 256))[0] / frame.size
        if previous is not None and np.abs(levels - previous).sum() / 2 > threshold:  # share of pixels, 0..1
            yield number
        previous = levels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=SAMPLE, metavar="FILM PICTURE")
    parser.add_argument("--threshold", type=float, default=0.3, help="smaller finds more shots")
    given = parser.parse_args()
    film, *pictures = given.paths
    RESULTS.mkdir(exist_ok=True)
    with av.open(str(film)) as container:
        frames = (frame.to_ndarray(width=96, height=72, format="gray") for frame in container.decode(video=0))
        firsts = [0, *find_boundaries(frames, given.threshold)]
    shot_list = RESULTS / f"{film.stem}.shots.csv"
    shot_list.write_text("\n".join(["first", *map(str, firsts)]))  # a shot ends where the next one begins
    plan = kinemacolor.make_plan(film, pictures, shot_list=shot_list)
    plan.write(RESULTS / f"{film.stem}.own-shots.plan.json")  # `kinemacolor render` makes a film of it
    for shot in plan.shots:
        print(f"frames {shot.first} to {shot.last}: {', '.join(shot.references)}")


if __name__ == "__main__":
    main()
