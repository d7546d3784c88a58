#!/usr/bin/env python3
"""What a painted correction gives, as strokes alone and as the whole frame: the table of docs/films.md.

python docs/make_corrections.py ../shared/data/video-train [--films 12] [--frames 24]

Clips of one film that are called NAME_a and NAME_b: the first frame of b colours a. Then the middle frame of a is
corrected as a person would, at the four places that are most wrong: a dot in the true colour of what lies there.
*strokes*: the dots are all that speaks. *whole*: the dots over the frame as it was painted before. PSNR of sRGB frames,
in dB, of all frames and of the corrected one.
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
from make_keyframes import gray_film, psnr, rendered, smaller

from kinemacolor.data.sources import find_sources
from kinemacolor.inference.session import complete_reference
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.images import OPAQUE_ALPHA, write_picture

DOTS, RADIUS = 4, 10  # px, of a frame 216 px high
ONE_COLOUR = 8  # Lab units: what lies under a dot has its colour up to here, the rest is left out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--frames", type=int, default=24)
    asked = parser.parse_args()
    clips = {source.path.name: source.path for source in find_sources(asked.clips, "film")}
    films = [name[:-2] for name in clips if name.endswith("_a") and f"{name[:-1]}b" in clips]
    rows = []
    print(
        "| film | none | strokes | whole | none, that frame | strokes, that frame | whole, that frame |\n|---|"
        + "--:|" * 6
    )
    for film in films[:: max(1, len(films) // asked.films)][: asked.films]:
        truth = [
            smaller(frame) for _, frame in zip(range(asked.frames), iter_color_frames(clips[f"{film}_a"]), strict=False)
        ]
        other = smaller(next(iter(iter_color_frames(clips[f"{film}_b"]))))
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(truth, other, Path(folder)))
        print(f"| {film} | " + " | ".join(f"{value:.2f}" for value in rows[-1]) + " |", flush=True)
    print("| mean | " + " | ".join(f"{value:.2f}" for value in np.mean(rows, 0)) + " |")


def measure(truth: list[UInt8Array], other: UInt8Array, folder: Path) -> list[float]:
    film, middle = gray_film(truth, folder), len(truth) // 2
    write_picture(folder / "other.png", other)
    given = ReferenceSpec(folder / "other.png")
    before = rendered(film, (given,), folder / "none")
    dots = corrected(truth[middle], before[middle])
    layer = complete_reference(dots, cv2.cvtColor(truth[middle], cv2.COLOR_RGB2GRAY))
    write_picture(folder / "strokes.png", dots)
    write_picture(folder / "whole.png", np.where(layer[..., 3:] >= OPAQUE_ALPHA, layer[..., :3], before[middle]))
    made = [before]
    for name in ("strokes", "whole"):
        made.append(rendered(film, (given, ReferenceSpec(folder / f"{name}.png", middle)), folder / name))
    everywhere = [float(np.mean([psnr(*pair) for pair in zip(truth, frames, strict=True)])) for frames in made]
    return [*everywhere, *(psnr(truth[middle], frames[middle]) for frames in made)]


def corrected(truth: UInt8Array, made: UInt8Array) -> UInt8Array:
    """Dots ``H W 4`` in the true colours, one after the other where the painted ones are most wrong."""
    true, wrong = (cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1:] for frame in (truth, made))
    error = np.linalg.norm(true - wrong, axis=-1)
    layer = np.zeros((*truth.shape[:2], 4), np.uint8)
    rows, columns = np.mgrid[: truth.shape[0], : truth.shape[1]]
    for _ in range(DOTS):
        inside = np.s_[RADIUS:-RADIUS, RADIUS:-RADIUS]
        score = cv2.blur(error, (2 * RADIUS, 2 * RADIUS))[inside]
        row, column = np.add(np.unravel_index(score.argmax(), score.shape), RADIUS)
        square = (rows - row) ** 2 + (columns - column) ** 2
        dot = square <= RADIUS**2
        dot &= np.linalg.norm(true - np.median(true[dot], 0), axis=-1) < ONE_COLOUR
        layer[dot] = [*np.median(truth[dot], 0), 255]
        error[square <= (2.5 * RADIUS) ** 2] = 0
    return layer


if __name__ == "__main__":
    main()
