#!/usr/bin/env python3
"""Measure what keyframes at both ends of a shot improve: the table of docs/films.md.

python docs/make_keyframes.py ../shared/data/video-eval [--films 6] [--frames 32]

The references are the first and the last frame of each film, in their true colours. *one*: only the first one, painted
forward. *both*: the two without their frame numbers, painted forward. *keyframes*: the two with their frame numbers,
painted in both directions. The numbers are PSNR of sRGB frames, in dB, over all frames and over the middle third.
"""

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from kinemacolor.data.sources import find_sources
from kinemacolor.plan.planner import PlanRequest, make_plan
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.images import write_picture
from kinemacolor.weights.registry import load_model

HEIGHT = 216  # px, of the films that are measured


def main() -> None:
    """Print the table, a row for each film and one for their mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--frames", type=int, default=32)
    args = parser.parse_args()
    rows = []
    print("| film | one | both | keyframes | one, middle | both, middle | keyframes, middle |\n|---|" + "--:|" * 6)
    sources = find_sources(args.clips, "film")
    for source in sources[:: max(1, len(sources) // args.films)][: args.films]:
        truth = [
            resize_frame(frame) for _, frame in zip(range(args.frames), iter_color_frames(source.path), strict=False)
        ]
        with tempfile.TemporaryDirectory() as folder:
            row = measure_film(truth, Path(folder))
        rows.append(row)
        print(f"| {source.path.name} | " + " | ".join(f"{value:.2f}" for value in row) + " |", flush=True)
    print("| mean | " + " | ".join(f"{value:.2f}" for value in np.mean(rows, 0)) + " |")


def resize_frame(frame: UInt8Array) -> UInt8Array:
    """Resize a frame to `HEIGHT` and an even width."""
    width = round(HEIGHT * frame.shape[1] / frame.shape[0] / 2) * 2
    return cv2.resize(frame, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def measure_film(truth: list[UInt8Array], folder: Path) -> list[float]:
    """Measure PSNR of the three ways over all frames, then over the middle third."""
    film, last = write_gray_film(truth, folder), len(truth) - 1
    write_picture(folder / "first.png", truth[0])
    write_picture(folder / "last.png", truth[-1])
    ways: dict[str, tuple[ReferenceSpec, ...]] = {
        "one": (ReferenceSpec(folder / "first.png"),),
        "both": (ReferenceSpec(folder / "first.png"), ReferenceSpec(folder / "last.png")),
        "keyframes": (ReferenceSpec(folder / "first.png", 0), ReferenceSpec(folder / "last.png", last)),
    }
    whole, middle = [], []
    for name, references in ways.items():
        painted = render_as_one_shot(film, references, folder / name)
        quality = [compute_psnr(*pair) for pair in zip(truth, painted, strict=True)]
        whole.append(float(np.mean(quality)))
        middle.append(float(np.mean(quality[len(truth) // 3 : 2 * len(truth) // 3])))
    return [*whole, *middle]


def write_gray_film(truth: list[UInt8Array], folder: Path) -> Path:
    """Write frames as a lossless gray film into ``folder``; gives its path."""
    film = folder / "film.mkv"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = truth[0].shape[1], HEIGHT, "gray"
        for number, frame in enumerate(truth):
            gray = av.VideoFrame.from_ndarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), format="gray")
            gray.pts = number
            container.mux(stream.encode(gray))
        container.mux(stream.encode(None))
    return film


def render_as_one_shot(film: Path, references: tuple[ReferenceSpec, ...], folder: Path) -> list[UInt8Array]:
    """Render a film as one shot with all of these references; gives its frames."""
    folder.mkdir()
    (folder / "shots.csv").write_text("first\n0\n")
    plan, _ = make_plan(PlanRequest(film, references, folder / "stills", shot_list=folder / "shots.csv"))
    shot = plan.shots[0].model_copy(update={"references": dict.fromkeys(plan.references)})
    plan = plan.model_copy(update={"shots": (shot,)})
    model, work, target = load_model(), folder / "work", OutputSpec(folder / "color.mkv")
    execute_render_plan(
        RenderPlan(plan, model, work), prepare_plan_output(plan, target, model.spec, work, device="cpu", inputs=[])
    )
    return list(iter_color_frames(target.output))


def compute_psnr(true: UInt8Array, painted: UInt8Array) -> float:
    """Compute the PSNR of a frame in dB."""
    error = float(np.square(true.astype(np.float32) - painted).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


if __name__ == "__main__":
    main()
