#!/usr/bin/env python3
"""Measure what it costs that an image model redraws a still: a table of docs/image-models.md.

python docs/make_redrawn.py ../shared/data/video-train [--films 8] [--frames 16]

A film is coloured by its own first frame in true colours, changed as such models change a picture. The numbers are PSNR
of sRGB frames, in dB, the mean of all frames: what is left of *as it is*.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from make_keyframes import compute_psnr, render_as_one_shot, resize_frame, write_gray_film

from kinemacolor.data.sources import find_sources
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.images import write_picture

Change = Callable[[UInt8Array], UInt8Array]


def main() -> None:
    """Print the table, a row for each change and a column for each film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--films", type=int, default=8)
    parser.add_argument("--frames", type=int, default=16)
    args = parser.parse_args()
    clips = [source.path for source in find_sources(args.clips, "film")]
    chosen = clips[:: max(1, len(clips) // args.films)][: args.films]
    columns = [measure_film(path, args.frames) for path in chosen]
    print(f"| the reference | {' | '.join(path.name for path in chosen)} | mean | lost |")
    print(f"|---|{'--:|' * len(chosen)}--:|--:|")
    whole = float(np.mean([column["as it is"] for column in columns]))
    for name in CHANGES:
        values = [column[name] for column in columns]
        mean = float(np.mean(values))
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} | {mean:.2f} | {whole - mean:.2f} |")


def measure_film(path: Path, frames: int) -> dict[str, float]:
    """Measure the mean PSNR of a film with each change of its reference."""
    truth = [resize_frame(frame) for _, frame in zip(range(frames), iter_color_frames(path), strict=False)]
    found = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        film = write_gray_film(truth, folder)
        for number, (name, change) in enumerate(CHANGES.items()):
            picture = folder / f"{number}.png"
            write_picture(picture, change(truth[0]))
            painted = render_as_one_shot(film, (ReferenceSpec(picture, 0),), folder / str(number))
            found[name] = float(np.mean([compute_psnr(*pair) for pair in zip(truth, painted, strict=True)]))
    return found


def move(picture: UInt8Array, share: float) -> UInt8Array:
    """Move a picture right and down by a share of its width."""
    pixels = share * picture.shape[1]
    return warp(picture, np.float32([[1, 0, pixels], [0, 1, pixels / 2]]))


def enlarge(picture: UInt8Array, factor: float) -> UInt8Array:
    """Enlarge a picture from its middle; its size stays."""
    rows, columns = picture.shape[:2]
    return warp(picture, np.float32([[factor, 0, (1 - factor) * columns / 2], [0, factor, (1 - factor) * rows / 2]]))


def warp(picture: UInt8Array, matrix: np.ndarray) -> UInt8Array:
    """Warp a picture by a matrix of 2 x 3; what comes in from outside is the edge again."""
    rows, columns = picture.shape[:2]
    return cv2.warpAffine(picture, matrix, (columns, rows), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)


def shrink(picture: UInt8Array, factor: int) -> UInt8Array:
    """Make a smaller picture."""
    rows, columns = picture.shape[:2]
    return cv2.resize(picture, (columns // factor, rows // factor), interpolation=cv2.INTER_AREA)


def lighten(picture: UInt8Array, gamma: float) -> UInt8Array:
    """Give a picture other light: more of it in its shadows below a gamma of 1."""
    return np.rint(255 * (picture / 255) ** gamma).astype(np.uint8)


def saturate(picture: UInt8Array, factor: float) -> UInt8Array:
    """Multiply a and b of every pixel."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[..., 1:] *= factor
    return np.rint(255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).clip(0, 1)).astype(np.uint8)


def add_bars(picture: UInt8Array, share: float) -> UInt8Array:
    """Put black bars at the left and the right, each a share of the width."""
    width = round(share * picture.shape[1])
    return cv2.copyMakeBorder(picture, 0, 0, width, width, cv2.BORDER_CONSTANT, value=(0, 0, 0))


CHANGES: dict[str, Change] = {
    "as it is": lambda picture: picture,
    "moved by 1 % of the width": lambda picture: move(picture, 0.01),
    "moved by 2 %": lambda picture: move(picture, 0.02),
    "moved by 4 %": lambda picture: move(picture, 0.04),
    "moved by 8 %": lambda picture: move(picture, 0.08),
    "5 % larger": lambda picture: enlarge(picture, 1.05),
    "half the size": lambda picture: shrink(picture, 2),
    "a quarter of the size": lambda picture: shrink(picture, 4),
    "brighter (gamma 0.7)": lambda picture: lighten(picture, 0.7),
    "black bars of 10 % on both sides": lambda picture: add_bars(picture, 0.1),
    "colours half as strong again": lambda picture: saturate(picture, 1.5),
}

if __name__ == "__main__":
    main()
