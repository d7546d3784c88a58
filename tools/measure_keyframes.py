#!/usr/bin/env python3
"""Measure what coloured frames of a shot are worth: one, two or four of them, from its ends or spread over it.

docs/results.md has the results. Every film of the folder is one shot; true frames at the places of a protocol of
`kinemacolor evaluate` are its keyframes, painted in both directions and mixed as a render does. PSNR in dB of every
frame, the keyframes included, at 384x216. What is measured already lies in ``--results`` and is not measured again.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from kinemacolor.color import lab_to_rgb
from kinemacolor.errors import KinemacolorError
from kinemacolor.evaluation.films import find_films
from kinemacolor.evaluation.protocol import ReferenceProtocol, predict_film, true_frames
from kinemacolor.evaluation.runs import WORKING_SIDE
from kinemacolor.metrics.picture import compute_psnr
from kinemacolor.models.base import Colorizer
from kinemacolor.utils.files import iter_json_lines
from kinemacolor.weights.registry import load_model

PLACES = {
    "first": "keyframes:0",
    "middle": "keyframes:1/2",
    "first and last": "keyframes:0,1",
    "1/4, 3/4": "keyframes:1/4,3/4",
    "first, 1/3, 2/3, last": "keyframes:0,1/3,2/3,1",
    "1/8, 3/8, 5/8, 7/8": "keyframes:1/8,3/8,5/8,7/8",
}
LENGTHS = (  # of shots: name, least and most frames
    ("at most 50 frames", 0, 50),
    ("51 to 89 frames", 51, 89),
    ("90 frames and more", 90, sys.maxsize),
)


class Measured(NamedTuple):
    """The PSNR of the frames of a film by the protocol of its keyframes, in dB."""

    film: str
    psnr: Mapping[str, Sequence[float]]

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return len(next(iter(self.psnr.values())))


def measure_protocol(film: Path, model: Colorizer, protocol: str) -> list[float]:
    """Measure the PSNR of every frame of a film, in dB. Raises InputError for a film that cannot be read."""
    found = []
    with torch.inference_mode():
        predictions = predict_film(film, model, ReferenceProtocol.parse(protocol), short_side=WORKING_SIDE)
        for truth, prediction in zip(true_frames(film, WORKING_SIDE), predictions, strict=True):
            result = lab_to_rgb(torch.cat([truth.lab[:1], prediction.ab]))
            picture = torch.from_numpy(truth.picture).permute(2, 0, 1).float() / 255
            found.append(float(compute_psnr(result, picture)))
    return found


def measure_films(films: Sequence[Path], protocols: Sequence[str], results: Path) -> list[Measured]:
    """Measure what ``results`` does not hold yet, a line for each film and protocol."""
    known = {(row["film"], row["protocol"]): row["psnr"] for row in iter_json_lines(results)}
    model = load_model()
    for film in films:
        for protocol in protocols:
            if (film.name, protocol) in known:
                continue
            known[film.name, protocol] = measure_protocol(film, model, protocol)
            line = {"film": film.name, "protocol": protocol, "psnr": known[film.name, protocol]}
            with results.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
    return [Measured(film.name, {one: known[film.name, one] for one in protocols}) for film in films]


def list_groups(rows: Sequence[Measured]) -> dict[str, list[Measured]]:
    """Group films for the table: those of DAVIS and others, all, by their length, and each alone."""
    groups = {
        "DAVIS": [row for row in rows if row.film.startswith("davis_")],
        "others": [row for row in rows if not row.film.startswith("davis_")],
        "all": list(rows),
    }
    for name, least, most in LENGTHS:
        groups[name] = [row for row in rows if least <= row.frames <= most]
    return groups | {row.film: [row] for row in rows}


def format_table(rows: Sequence[Measured], protocols: Mapping[str, str]) -> str:
    """Format the table: in each cell the mean over films of the mean over their frames, in dB."""
    lines = [f"| films | number | {' | '.join(protocols)} |", "|---|--:|" + "--:|" * len(protocols)]
    for name, group in list_groups(rows).items():
        if group:
            means = [float(np.mean([np.mean(row.psnr[one]) for row in group])) for one in protocols.values()]
            lines.append(f"| {name} | {len(group)} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    """Print the table; returns the exit code, that of the error for what the user can mend."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of films: files, or folders of pictures")
    parser.add_argument("--only", default="*", help="films whose names match this pattern")
    parser.add_argument("--places", choices=PLACES, action="append", help="default: all; repeat for several")
    parser.add_argument("--results", type=Path, default=Path("keyframes.jsonl"), help="what is measured is kept here")
    args = parser.parse_args(words)
    protocols = {name: protocol for name, protocol in PLACES.items() if not args.places or name in args.places}
    try:
        rows = measure_films(find_films(args.folder, args.only), list(protocols.values()), args.results)
    except KinemacolorError as error:
        print(f"measure_keyframes.py: {error}", file=sys.stderr)
        return error.exit_code
    print(format_table(rows, protocols))
    return 0


if __name__ == "__main__":
    sys.exit(main())
