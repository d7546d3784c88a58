"""Measures what the model makes of a film whose colours are known, from its first frame on.

python examples/evaluate_film.py                          a window that moves over the bundled picture
python examples/evaluate_film.py COLOUR_FILM [--size 216]
"""

import argparse
from pathlib import Path

import cv2
import torch

import kinemacolor
from kinemacolor.evaluation.measure import measure_film
from kinemacolor.evaluation.protocol import ReferenceProtocol, predict_film, true_frames

RESULTS = Path("kinemacolor-demo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film", nargs="?", type=Path)
    parser.add_argument("--size", type=int, default=216, help="short side in px at which pictures are compared")
    given = parser.parse_args()
    film, model = given.film or make_pan(RESULTS / "pan"), kinemacolor.load_model().eval()
    truth, first = true_frames(film, given.size), ReferenceProtocol("first")
    with torch.inference_mode():
        predictions = {"kinema": predict_film(film, model, first, short_side=given.size)}
        measured, _ = measure_film(truth, predictions, networks={})  # `kinemacolor evaluate` has LPIPS and others too
    columns = [measured["kinema"].curves[name] for name in ("psnr", "psnr_gray", "ciede2000", "confidence")]
    print("frame   PSNR   of gray   CIEDE2000   confidence")  # gray is what a model has to beat
    for number, row in enumerate(zip(*columns, strict=True)):
        print("{:5} {:6.2f} {:9.2f} {:11.2f} {:12.2f}".format(number, *row))
    print(f"mean: {measured['kinema'].summarize_film(film.name, 'kinema', 'first').means['psnr']:.2f} dB")


def make_pan(folder: Path) -> Path:
    """Twelve numbered pictures, which is a film too: a window that moves to the right by 12 px a frame."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = cv2.imread(str(Path(kinemacolor.__file__).parent / "assets" / "sample-reference.jpg"))
    for number in range(12):
        cv2.imwrite(str(folder / f"{number:06}.png"), whole[:, 12 * number :][:, :828])
    return folder


if __name__ == "__main__":
    main()
