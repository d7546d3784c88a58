"""Colorizes a film from colour pictures of it, and proves what was kept.

python examples/colorize_film.py                          the bundled sample
python examples/colorize_film.py FILM PICTURE... [--size 216]
"""

import argparse
import sys
from pathlib import Path

import kinemacolor

ASSETS = Path(kinemacolor.__file__).parent / "assets"
SAMPLE = [ASSETS / "sample.mp4", ASSETS / "sample-reference.jpg"]
RESULTS = Path("kinemacolor-demo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=SAMPLE, metavar="FILM PICTURE")
    parser.add_argument("--size", type=int, help="working size: short side in px; smaller is quicker")
    given = parser.parse_args()
    film, *pictures = given.paths
    RESULTS.mkdir(exist_ok=True)
    try:
        report = kinemacolor.colorize(
            film,
            pictures,
            RESULTS / f"{film.stem}.colorized.mp4",
            options=kinemacolor.RenderOptions(short_side=given.size),
            overwrite=True,  # a second try replaces the first; otherwise a result that exists is an error
            on_progress=lambda now: print(f"\r{now.frames} of {now.expected} frames", end="", flush=True),
        )
    except kinemacolor.KinemacolorError as error:
        sys.exit(str(error))  # what the caller can mend: a missing file, a gray picture, a full disk
    print(f"\n{report.result}: {report.frames} frames in {report.seconds:.1f} s, sure by {report.mean_confidence:.0%}")
    for check in kinemacolor.verify(film, report.result):
        print(f"{'kept' if check.passed else 'LOST'}  {check.name}: {check.detail}")


if __name__ == "__main__":
    main()
