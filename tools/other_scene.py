#!/usr/bin/env python3
"""Measure how a model colours photographs whose references show another scene of the same kind.

docs/results.md has the figures. Each line of the list of pairs is a photograph and its reference, by name. As in
`kinemacolor evaluate` the bare network is measured, at its working size, on the L of the true photograph. A Markdown
table is printed; --output gets a line of CSV for each pair.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from kinemacolor import load_model
from kinemacolor.color import lab_to_rgb
from kinemacolor.data.name_lists import find_named_paths, read_name_list
from kinemacolor.data.sources import find_sources
from kinemacolor.errors import InputError, KinemacolorError
from kinemacolor.evaluation.protocol import ReferenceProtocol, predict_film, true_frames
from kinemacolor.metrics.picture import GRAY_THRESHOLD_AB, compute_faded_share, compute_mean_chroma, compute_psnr
from kinemacolor.models.base import Colorizer
from kinemacolor.options import DEFAULT_MODEL
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.files import translate_disk_errors, write_file_atomically
from kinemacolor.utils.threads import use_single_thread
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize

PAIRS = Path(__file__).with_name("other_scene_pairs.tsv")
SHORT_SIDE = 216  # px: that of `kinemacolor evaluate`
CELL = (144, 192)  # rows and columns of a picture on the sheet
PAIRS_PER_ROW = 3  # on the sheet


class Pair(NamedTuple):
    """A ``photograph`` that is colorized from ``reference``."""

    photograph: Path
    reference: Path


@dataclass(frozen=True)
class Measures:
    """What is measured of a pair. PSNR of RGB is in dB; ``psnr_gray`` is that of the photograph without colours.

    ``chroma`` and ``chroma_truth``: mean chroma of the result and of the truth, in Lab units. ``faded``: share of the
    area that is coloured in truth and gray in the result, 0..1 (`compute_faded_share`).
    """

    psnr: float
    psnr_gray: float
    chroma: float
    chroma_truth: float
    faded: float

    def format_row(self, name: str) -> str:
        """Format a row of the Markdown table."""
        chroma = self.chroma / self.chroma_truth
        return f"| {name} | {self.psnr:.2f} | {self.psnr_gray:.2f} | {chroma:.2f} | {100 * self.faded:.1f} |"


class Measured(NamedTuple):
    """The measures of a pair, and its pictures ``H W 3`` uint8: reference, gray, result, truth."""

    measures: Measures
    pictures: tuple[UInt8Array, UInt8Array, UInt8Array, UInt8Array]


def find_pairs(path: Path, folders: Sequence[Path]) -> list[Pair]:
    """Read the pairs of a list, and find their files in ``folders``. Raises InputError for a bad list."""
    rows = read_name_list(path)
    if any(len(row) != 2 for row in rows):
        raise InputError(f"{path} is no list of pairs: write PHOTOGRAPH, a tab and REFERENCE in every line")
    photographs = [one.path for folder in folders for one in find_sources(folder, "photograph")]
    found = find_named_paths([name for row in rows for name in row], photographs, str(path))
    return [Pair(first[0], second[0]) for first, second in zip(found[::2], found[1::2], strict=True)]


@torch.inference_mode()
def measure_pair(model: Colorizer, pair: Pair) -> Measured:
    """Colorize the photograph of a pair from its reference, and compare it with the truth.

    Raises InputError where a picture cannot be read, or the photograph is gray.
    """
    truth = next(true_frames(pair.photograph, SHORT_SIDE))
    protocol = ReferenceProtocol("still")
    prediction = next(predict_film(pair.photograph, model, protocol, still=pair.reference, short_side=SHORT_SIDE))
    lightness, true_ab = truth.lab[:1], truth.lab[1:]
    if compute_mean_chroma(true_ab) < GRAY_THRESHOLD_AB:
        raise InputError(f"{pair.photograph} is gray itself: there is nothing to compare with")
    true_rgb = torch.from_numpy(truth.picture).permute(2, 0, 1).float() / 255
    gray, result = (lab_to_rgb(torch.cat([lightness, ab])) for ab in (torch.zeros_like(true_ab), prediction.ab))
    measures = Measures(
        psnr=compute_psnr(result, true_rgb),
        psnr_gray=compute_psnr(gray, true_rgb),
        chroma=compute_mean_chroma(prediction.ab),
        chroma_truth=compute_mean_chroma(true_ab),
        faded=compute_faded_share(prediction.ab, true_ab),
    )
    reference = next(iter(iter_color_frames(pair.reference)))
    gray_picture, result_picture = ((rgb * 255).round().byte().permute(1, 2, 0).numpy() for rgb in (gray, result))
    return Measured(measures, (reference, gray_picture, result_picture, truth.picture))


def average_measures(rows: Sequence[Measures]) -> Measures:
    """Average each measure over pairs of equal weight; the chroma's share is then that of the mean chromas."""
    return Measures(*(float(np.mean([getattr(row, field.name) for row in rows])) for field in fields(Measures)))


def make_strip(pictures: Sequence[UInt8Array]) -> UInt8Array:
    """Put the pictures ``H W 3`` of a pair side by side, each scaled into a cell of `CELL` px."""
    strip: UInt8Array = np.concatenate([_fit_into_cell(picture) for picture in pictures], 1)
    return strip


def make_sheet(strips: Sequence[UInt8Array]) -> UInt8Array:
    """Put the strips of all pairs into one picture ``H W 3``, `PAIRS_PER_ROW` in a row, on white."""
    blanks = [np.full_like(strips[0], 255)] * (-len(strips) % PAIRS_PER_ROW)
    filled = [*strips, *blanks]
    rows = [np.concatenate(filled[first : first + PAIRS_PER_ROW], 1) for first in range(0, len(filled), PAIRS_PER_ROW)]
    sheet: UInt8Array = np.concatenate(rows)
    return sheet


def _fit_into_cell(picture: UInt8Array) -> UInt8Array:
    """Scale a picture so that it fits into `CELL`, on white."""
    scale = min(side / (length + 4) for side, length in zip(CELL, picture.shape, strict=False))
    small = resize(picture, (int(picture.shape[0] * scale), int(picture.shape[1] * scale)))
    cell: UInt8Array = np.full((*CELL, 3), 255, np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small
    return cell


def write_csv(path: Path, pairs: Sequence[Pair], rows: Sequence[Measures]) -> None:
    """Write a line for each pair. Raises ResourceError for disk errors."""
    with translate_disk_errors(path), path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["photograph", "reference", *(field.name for field in fields(Measures))])
        for pair, row in zip(pairs, rows, strict=True):
            names = ("/".join(one.parts[-2:]) for one in pair)
            table.writerow([*names, *asdict(row).values()])


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    top = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    top.add_argument("--photographs", type=Path, nargs="+", required=True, help="folders of the photographs")
    top.add_argument("--pairs", type=Path, default=PAIRS, help="list of pairs; default: that in tools/")
    top.add_argument("--model", default=DEFAULT_MODEL, help="with the weights that are in use on this machine")
    top.add_argument("--output", type=Path, help="CSV file of all pairs")
    top.add_argument("--pictures", type=Path, help="PNG file of all pairs: reference, gray, result, truth")
    return top


def main(words: list[str] | None = None) -> int:
    """Print the table; returns the exit code, that of the error for what the user can mend."""
    args = build_parser().parse_args(words)
    use_single_thread()
    try:
        pairs = find_pairs(args.pairs, args.photographs)
        model = load_model(args.model)
        print("| photograph | PSNR dB | of gray | chroma of truth's | faded to gray % |\n|---|--:|--:|--:|--:|")
        rows, strips = [], []
        for pair in pairs:
            measures, pictures = measure_pair(model, pair)
            rows.append(measures)
            strips.append(make_strip(pictures))
            print(measures.format_row("/".join(pair.photograph.parts[-2:])), flush=True)
        print(average_measures(rows).format_row(f"mean of {len(rows)}, {args.model}"))
        if args.output:
            write_csv(args.output, pairs, rows)
        if args.pictures:
            with write_file_atomically(args.pictures) as stream:
                stream.write(cv2.imencode(".png", make_sheet(strips)[..., ::-1])[1].tobytes())
    except KinemacolorError as error:
        print(f"other_scene.py: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
