#!/usr/bin/env python3
"""Measure what a painted correction improves, as strokes alone and as the whole frame: the table of docs/films.md.

python docs/make_corrections.py ../shared/data/video-train [--films 12] [--frames 24]

Of two clips of one film, called NAME_a and NAME_b, the first frame of b is the reference for a. Then the middle frame
of a is corrected as a user would do it: a dot in the true colour on each of the four places that are most wrong.
*none*: no correction. *strokes*: a second reference with the dots alone. *whole*: a second reference with the dots over
the frame as it was painted before. The numbers are PSNR of sRGB frames, in dB: over all frames, and of the corrected
one.
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
from make_keyframes import compute_psnr, render_as_one_shot, resize_frame, write_gray_film

from kinemacolor.data.sources import find_sources
from kinemacolor.inference.session import complete_reference
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.images import OPAQUE_ALPHA, write_picture

DOTS, RADIUS = 4, 10  # how many; px, in a frame 216 px high
MAX_DOT_DISTANCE = 8  # Lab units: pixels under a dot whose true ab is further from its colour stay unpainted


def main() -> None:
    """Print the table, a row for each film and one for their mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--frames", type=int, default=24)
    args = parser.parse_args()
    clips = {source.path.name: source.path for source in find_sources(args.clips, "film")}
    films = [name[:-2] for name in clips if name.endswith("_a") and f"{name[:-1]}b" in clips]
    rows = []
    print(
        "| film | none | strokes | whole | none, that frame | strokes, that frame | whole, that frame |\n|---|"
        + "--:|" * 6
    )
    for film in films[:: max(1, len(films) // args.films)][: args.films]:
        truth = [
            resize_frame(frame)
            for _, frame in zip(range(args.frames), iter_color_frames(clips[f"{film}_a"]), strict=False)
        ]
        other = resize_frame(next(iter(iter_color_frames(clips[f"{film}_b"]))))
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure_film(truth, other, Path(folder)))
        print(f"| {film} | " + " | ".join(f"{value:.2f}" for value in rows[-1]) + " |", flush=True)
    print("| mean | " + " | ".join(f"{value:.2f}" for value in np.mean(rows, 0)) + " |")


def measure_film(truth: list[UInt8Array], other: UInt8Array, folder: Path) -> list[float]:
    """Measure PSNR of the three ways over all frames, then of the middle frame; ``other`` is the reference."""
    film, middle = write_gray_film(truth, folder), len(truth) // 2
    write_picture(folder / "other.png", other)
    reference = ReferenceSpec(folder / "other.png")
    before = render_as_one_shot(film, (reference,), folder / "none")
    dots = paint_dots(truth[middle], before[middle])
    layer = complete_reference(dots, cv2.cvtColor(truth[middle], cv2.COLOR_RGB2GRAY))
    write_picture(folder / "strokes.png", dots)
    write_picture(folder / "whole.png", np.where(layer[..., 3:] >= OPAQUE_ALPHA, layer[..., :3], before[middle]))
    painted = [before]
    for name in ("strokes", "whole"):
        painted.append(
            render_as_one_shot(film, (reference, ReferenceSpec(folder / f"{name}.png", middle)), folder / name)
        )
    everywhere = [
        float(np.mean([compute_psnr(*pair) for pair in zip(truth, frames, strict=True)])) for frames in painted
    ]
    return [*everywhere, *(compute_psnr(truth[middle], frames[middle]) for frames in painted)]


def paint_dots(truth: UInt8Array, painted: UInt8Array) -> UInt8Array:
    """Paint dots in true colours where the painted frame is most wrong, one after the other: RGBA ``H W 4``."""
    true_ab, painted_ab = (
        cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1:] for frame in (truth, painted)
    )
    error = np.linalg.norm(true_ab - painted_ab, axis=-1)
    layer = np.zeros((*truth.shape[:2], 4), np.uint8)
    rows, columns = np.mgrid[: truth.shape[0], : truth.shape[1]]
    for _ in range(DOTS):
        inside = np.s_[RADIUS:-RADIUS, RADIUS:-RADIUS]
        score = cv2.blur(error, (2 * RADIUS, 2 * RADIUS))[inside]
        row, column = np.add(np.unravel_index(score.argmax(), score.shape), RADIUS)
        squared_distance = (rows - row) ** 2 + (columns - column) ** 2
        dot = squared_distance <= RADIUS**2
        dot &= np.linalg.norm(true_ab - np.median(true_ab[dot], 0), axis=-1) < MAX_DOT_DISTANCE
        layer[dot] = [*np.median(truth[dot], 0), 255]
        error[squared_distance <= (2.5 * RADIUS) ** 2] = 0
    return layer


if __name__ == "__main__":
    main()
