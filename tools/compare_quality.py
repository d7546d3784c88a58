#!/usr/bin/env python3
"""Compare the colours of versions of this program with the truth, and with each other.

python tools/compare_quality.py ../shared/data/video-eval --against ../before-venv --with '--engine openvino'

Each version colorizes the first frames of some films by its command line, from a true frame of the same film and from
one of another, into pictures. PSNR is of RGB, 8 bits; luma is the film's own in all versions.
"""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from json import dumps
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np

from kinemacolor.benchmark.variants import Variant, make_variants, run_command
from kinemacolor.errors import InputError, KinemacolorError
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.console import print_message
from kinemacolor.video.display import iter_color_frames

PAIRS = (  # films of ../shared/data/video-eval, and the film whose first frame is the reference
    *(("davis_goat", "davis_goat"), ("davis_parkour", "davis_parkour"), ("venice", "venice")),
    *(("davis_camel", "davis_camel"), ("davis_camel", "davis_cows"), ("davis_goat", "davis_camel")),
    *(("davis_parkour", "davis_breakdance"), ("venice", "train")),
)


@dataclass(frozen=True)
class Quality:
    """PSNR in dB of the result of each variant: to the truth, the mean over frames, and to that of the first variant.

    The latter is of the error over all frames; ``lowest`` is that of the frame that differs most. None: all is equal.
    """

    film: str
    reference: str
    truth: tuple[float, ...]
    to_first: tuple[float | None, ...]
    lowest: tuple[float | None, ...]


def compare_quality(folder: Path, pair: tuple[str, str], variants: Sequence[Variant], frames: int) -> Quality:
    """Colorize the first frames of a film of ``folder`` by all variants, from the first frame of a film.

    Raises InputError where there is no such film, PartialError where a variant fails.
    """
    film, reference = (folder / name for name in pair)
    with tempfile.TemporaryDirectory() as place:
        true_frames, still = _write_frames(film, Path(place, "film"), frames), Path(place, "still")
        _write_frames(reference, still, 1)
        results = []
        for number, variant in enumerate(variants):
            output = Path(place, f"result-{number}")
            words = ["colorize", str(Path(place, "film")), "-r", str(still / "00000.png"), "-o", str(output)]
            words += ["--vcodec", "png", "--quiet", "--json", *variant.options]
            run_command(variant, ["-m", "kinemacolor", *words])
            results.append(list(_iter_pictures(output)))
    return Quality(
        *pair,
        tuple(fmean(_compute_psnr(*both) for both in zip(one, true_frames, strict=True)) for one in results),
        tuple(_limit(_compute_psnr(np.stack(one), np.stack(results[0]))) for one in results),
        tuple(_limit(min(_compute_psnr(*both) for both in zip(one, results[0], strict=True))) for one in results),
    )


def format_qualities(found: Sequence[Quality], variants: Sequence[Variant]) -> str:
    """Format the Markdown table of docs/results.md."""
    later = [one.name for one in variants[1:]]
    head = ["film", "reference", *(one.name for one in variants), *(f"{name} to {variants[0].name}" for name in later)]
    lines = [head, ["---", "---", *["--:"] * (len(head) - 2)]]
    for one in found:
        truth = [f"{value:.2f}" for value in one.truth]
        truth[1:] = [
            f"{text} ({value - one.truth[0]:+.2f})" for text, value in zip(truth[1:], one.truth[1:], strict=True)
        ]
        alike = [
            f"{_format_psnr(mean)} ({_format_psnr(least)})"
            for mean, least in zip(one.to_first[1:], one.lowest[1:], strict=True)
        ]
        lines.append([one.film, "own" if one.reference == one.film else one.reference, *truth, *alike])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _format_psnr(value: float | None) -> str:
    return "equal" if value is None else f"{value:.1f}"


def _write_frames(film: Path, folder: Path, count: int) -> list[UInt8Array]:
    """Write the first frames of a film as pictures; gives them."""
    if not film.exists():
        raise InputError(f"{film} does not exist: name the folder with the films")
    folder.mkdir()
    found = list(islice(iter_color_frames(film), count))
    for number, frame in enumerate(found):
        cv2.imwrite(str(folder / f"{number:05}.png"), frame[..., ::-1])
    return found


def _iter_pictures(folder: Path) -> Iterator[UInt8Array]:
    for path in sorted(folder.glob("*.png")):
        yield np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1]


def _limit(psnr: float) -> float | None:
    return None if psnr == float("inf") else psnr


def _compute_psnr(one: UInt8Array, other: UInt8Array) -> float:
    """PSNR in dB of two pictures ``H W 3``, or of as many; infinite for equal ones."""
    error = np.square(one.astype(np.float32) - other).mean(dtype=np.float64)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, or JSON; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="films, as folders of coloured pictures")
    parser.add_argument("--against", type=Path, required=True, help="an environment with another version")
    parser.add_argument("--with", dest="more", action="append", default=[], help="options of `colorize`; may repeat")
    parser.add_argument("--pair", nargs=2, action="append", metavar=("FILM", "REFERENCE"), help="default: eight pairs")
    parser.add_argument("--frames", type=int, default=24, help="of each film (24)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        variants = make_variants(options.against, more=map(shlex.split, options.more))
        found = []
        for pair in options.pair or PAIRS:
            print_message(f"{pair[0]} from {pair[1]}")
            found.append(compare_quality(options.folder, tuple(pair), variants, options.frames))
    except KinemacolorError as error:
        print_message(str(error))
        return error.exit_code
    print(dumps([asdict(one) for one in found], indent=2) if options.json else format_qualities(found, variants))
    return 0


if __name__ == "__main__":
    sys.exit(main())
