#!/usr/bin/env python3
"""Find the ranges that the inputs of convolutions have in the fusion of `kinema`, for an engine that computes in int8.

python tools/calibrate_int8.py ../shared/data/video-train src/kinemacolor/assets/kinema-int8.json

Films are folders of numbered frames, of training data: half are colorized from their own first frame, half from that of
the film before. To be repeated for each release of weights; ranges count for the weights that they were found with.
"""

import argparse
import json
from pathlib import Path

from torch import nn

from kinemacolor.inference.engines.compiled_files import hash_weights
from kinemacolor.inference.engines.int8 import record_ranges
from kinemacolor.inference.session import Session
from kinemacolor.models.kinema.model import Kinema
from kinemacolor.utils.console import print_message
from kinemacolor.video.images import read_color_picture
from kinemacolor.weights.registry import load_model

FRAMES = 4  # of each film: the first has no history
LAST_LAYER = "fusion.answer"  # its outputs are colours: it stays as it is


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path, help="folder of folders of frames")
    parser.add_argument("output", type=Path, help="the file with the ranges")
    parser.add_argument("--count", type=int, default=48, help="of films, spread evenly over all")
    arguments = parser.parse_args()
    model = load_model("kinema")
    assert isinstance(model, Kinema)
    convolutions = {f"fusion.{name}": one for name, one in model.fusion.named_modules() if isinstance(one, nn.Conv2d)}
    del convolutions[LAST_LAYER]
    films = sorted(path for path in arguments.films.iterdir() if path.is_dir())
    films = films[:: max(1, len(films) // arguments.count)]
    with record_ranges(convolutions) as ranges:
        for number, film in enumerate(films):
            colorize(model, film, films[number - number % 2])
            print_message(f"{number + 1} of {len(films)}: {film.name}")
    rows = {name: [round(end, 4) for end in ranges[name]] for name in convolutions}
    found = {"weights": hash_weights(model), "films": [film.name for film in films], "ranges": rows}
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def colorize(model: Kinema, film: Path, reference_film: Path) -> None:
    """Colorize the first frames of a film from the first frame of another, or its own."""
    frames = [read_color_picture(path) for path in sorted(film.glob("*.jpg"))[:FRAMES]]
    reference = read_color_picture(min(reference_film.glob("*.jpg")))
    height, width = frames[0].shape[:2]
    session = Session(model, [reference], height=height, width=width, engine="torch")
    for frame in frames:
        session.colorize(frame)


if __name__ == "__main__":
    main()
