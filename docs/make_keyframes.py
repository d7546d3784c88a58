#!/usr/bin/env python3
"""What keyframes at both ends of a shot give: the table of docs/films.md.

python docs/make_keyframes.py ../shared/data/video-eval [--films 6] [--frames 32]

The first and the last frame of each film are its true colours. *one*: only the first, forward. *both*: the two as
pictures of nothing in particular, forward. *keyframes*: the two at their places, passes in both directions. PSNR of
sRGB frames, in dB, of the whole and of the middle third.
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

HEIGHT = 216


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--frames", type=int, default=32)
    asked = parser.parse_args()
    rows = []
    print("| film | one | both | keyframes | one, middle | both, middle | keyframes, middle |\n|---|" + "--:|" * 6)
    for source in find_sources(asked.clips, "film")[:: max(1, len(find_sources(asked.clips, "film")) // asked.films)][
        : asked.films
    ]:
        truth = [smaller(frame) for _, frame in zip(range(asked.frames), iter_color_frames(source.path), strict=False)]
        with tempfile.TemporaryDirectory() as folder:
            row = measure(truth, Path(folder))
        rows.append(row)
        print(f"| {source.path.name} | " + " | ".join(f"{value:.2f}" for value in row) + " |", flush=True)
    print("| mean | " + " | ".join(f"{value:.2f}" for value in np.mean(rows, 0)) + " |")


def smaller(frame: UInt8Array) -> UInt8Array:
    width = round(HEIGHT * frame.shape[1] / frame.shape[0] / 2) * 2
    return cv2.resize(frame, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def measure(truth: list[UInt8Array], folder: Path) -> list[float]:
    film, last = gray_film(truth, folder), len(truth) - 1
    write_picture(folder / "first.png", truth[0])
    write_picture(folder / "last.png", truth[-1])
    ways = {
        "one": (ReferenceSpec(folder / "first.png"),),
        "both": (ReferenceSpec(folder / "first.png"), ReferenceSpec(folder / "last.png")),
        "keyframes": (ReferenceSpec(folder / "first.png", 0), ReferenceSpec(folder / "last.png", last)),
    }
    whole, middle = [], []
    for name, given in ways.items():
        made = rendered(film, given, folder / name)
        quality = [psnr(*pair) for pair in zip(truth, made, strict=True)]
        whole.append(float(np.mean(quality)))
        middle.append(float(np.mean(quality[len(truth) // 3 : 2 * len(truth) // 3])))
    return [*whole, *middle]


def gray_film(truth: list[UInt8Array], folder: Path) -> Path:
    """The frames in gray, without loss."""
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


def rendered(film: Path, given: tuple[ReferenceSpec, ...], folder: Path) -> list[UInt8Array]:
    """The film as one shot that takes all the pictures."""
    folder.mkdir()
    (folder / "shots.csv").write_text("first\n0\n")
    plan, _ = make_plan(PlanRequest(film, given, folder / "stills", shot_list=folder / "shots.csv"))
    shot = plan.shots[0].model_copy(update={"references": dict.fromkeys(plan.references)})
    plan = plan.model_copy(update={"shots": (shot,)})
    model, work, target = load_model(), folder / "work", OutputSpec(folder / "color.mkv")
    execute_render_plan(
        RenderPlan(plan, model, work), prepare_plan_output(plan, target, model.spec, work, device="cpu", inputs=[])
    )
    return list(iter_color_frames(target.output))


def psnr(true: UInt8Array, made: UInt8Array) -> float:
    return float(10 * np.log10(255**2 / max(float(np.square(true.astype(np.float32) - made).mean()), 1e-3)))


if __name__ == "__main__":
    main()
