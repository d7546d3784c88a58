"""Colorizes frames as they are decoded, and writes some of them beside how sure the model is.

python examples/frame_by_frame.py                         the bundled sample
python examples/frame_by_frame.py FILM PICTURE... [--every 10] [--size 216]
"""

import argparse
from pathlib import Path

import av
import cv2
import numpy as np

import kinemacolor

ASSETS = Path(kinemacolor.__file__).parent / "assets"
SAMPLE = [ASSETS / "sample.mp4", ASSETS / "sample-reference.jpg"]
RESULTS = Path("kinemacolor-demo/frames")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=SAMPLE, metavar="FILM PICTURE")
    parser.add_argument("--every", type=int, default=10, help="write every so many frames")
    parser.add_argument("--size", type=int, help="working size: short side in px; smaller is quicker")
    given = parser.parse_args()
    film, *pictures = given.paths
    RESULTS.mkdir(parents=True, exist_ok=True)
    references = [cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB) for picture in pictures]
    model, options = kinemacolor.load_model(), kinemacolor.RenderOptions(short_side=given.size)
    with av.open(str(film)) as container:
        height, width = container.streams.video[0].height, container.streams.video[0].width
        # One session is one shot: after a cut, make another.
        session = kinemacolor.Session(model, references, height=height, width=width, options=options)
        for number, frame in enumerate(container.decode(video=0)):
            # Every frame goes in, even if only some are wanted: colours are carried on from frame to frame.
            rgb, confidence = session.colorize(frame.to_ndarray(format="gray"))
            if number % given.every == 0:
                heat = cv2.applyColorMap((confidence * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)  # yellow: sure
                path = RESULTS / f"{number:06}.png"
                cv2.imwrite(str(path), np.hstack([cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), heat]))
                print(f"{path}: sure by {confidence.mean():.0%}, at its most doubtful place {confidence.min():.0%}")


if __name__ == "__main__":
    main()
