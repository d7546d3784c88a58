#!/usr/bin/env python3
"""The ten-minute film of docs/results.md: made, given stills, planned, rendered, reported, compared with the truth.

python docs/make_film.py ../shared/data/video-train FOLDER [--minutes 10]

Shots of 2 to 9 seconds at 12 frames a second of 25 clips that come again and again, played back and forth; cuts,
fades, a few dissolves; grain, flicker, dirt and weave in the luma. The true film has the same luma and the
clips' own chroma. The stills are frames of the true film: those that `kinemacolor refs suggest --budget 20` asks
for. Everything after that is the command line. A step that is done is not done again.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from kinemacolor.data.sources import find_sources
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.display import iter_color_frames, iter_numbered_frames
from kinemacolor.video.images import write_picture

RATE, SIZE = Fraction(12), (216, 384)
SETTINGS, BUDGET, SEED = 25, 20, 2026
SHOT_SECONDS = (2.0, 9.0)
FADE, DISSOLVE, HOLD = 10, 12, 3  # frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--cluster", type=int, default=0, help="render with so many Ray workers")
    asked = parser.parse_args()
    folder: Path = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    film, truth = folder / "film.mkv", folder / "truth.mkv"
    if not truth.exists():
        make_films(asked.clips, film, truth, round(asked.minutes * 60 * RATE), folder / "shots.json")
    wanted = folder / "stills"
    if not wanted.exists():
        said = run("refs", "suggest", film, "--budget", BUDGET, "--extract", wanted, "--json")
        (folder / "suggested.json").write_text(said)
        frames = [row["frame"] for row in json.loads(said)]
        for frame, picture in iter_numbered_frames(truth, set(frames)):
            write_picture(wanted / f"ref_{frame:06d}.png", picture)
    plan, result = folder / "film.plan.json", folder / "film.color.mkv"
    if not plan.exists():
        run("plan", film, "-r", wanted, "-o", plan)
    if not result.exists():
        workers = ["--cluster", "auto", "--workers", asked.cluster] if asked.cluster else []
        render(plan, result, folder, workers)
    if not (folder / "report").exists():
        run("report", plan, "-o", folder / "report")
    print(json.dumps(summary(folder, truth, result), indent=1))


def run(*arguments: object) -> str:
    """A verb of the command line; what it says on standard output."""
    command = [sys.executable, "-m", "kinemacolor", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def render(plan: Path, result: Path, folder: Path, workers: Sequence[object]) -> None:
    """With the memory of the process once in five seconds."""
    started, memory = time.monotonic(), []
    command = [sys.executable, "-m", "kinemacolor", "render", plan, "-o", result, "--json", *workers]
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True) as process:

        def watch() -> None:
            while process.poll() is None:
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                held = [int(line.split()[1]) for line in lines if line.startswith("VmRSS")]
                memory.append((round(time.monotonic() - started), round(sum(held) * 1024 / 1e6)))
                time.sleep(5)

        threading.Thread(target=watch, daemon=True).start()
        said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    (folder / "render.json").write_text(json.dumps({"report": json.loads(said), "memory": memory}))


def make_films(clips: Path, film: Path, truth: Path, frames: int, notes: Path) -> None:
    """The gray film and the true one, and what is in them."""
    generator = np.random.default_rng(SEED)
    sources = find_sources(clips, "film")
    groups: dict[str, list[Path]] = {}
    for source in sources:
        groups.setdefault(source.origin, []).append(source.path)
    chosen = [groups[name][0] for name in sorted(groups)]
    chosen = [chosen[number] for number in generator.permutation(len(chosen))[:SETTINGS]]
    pictures = [
        [cv2.resize(one, SIZE[::-1], interpolation=cv2.INTER_AREA) for one in iter_color_frames(p)] for p in chosen
    ]
    shots: list[dict[str, object]] = []
    with Encoded(film, "gray") as gray, Encoded(truth, "yuv444p") as true:
        for number, (luma, chroma) in enumerate(worn(lay_out(pictures, frames, generator, shots), generator)):
            gray.write([luma], number)
            true.write([luma, *chroma], number)
    names = [path.name for path in chosen]
    notes.write_text(json.dumps({"clips": names, "shots": shots}))


def lay_out(
    clips: list[list[UInt8Array]], frames: int, generator: np.random.Generator, shots: list[dict[str, object]]
) -> Iterator[Float32Array]:
    """Y'CbCr frames ``H W 3`` of the whole film, 0..255, chroma around 128."""
    tail: list[Float32Array] = []  # the end of the last shot: a dissolve mixes it, a fade shows it, a cut drops it
    made, last = 0, -1
    while made < frames:
        which = int(generator.choice([one for one in range(len(clips)) if one != last]))
        length = min(int(generator.uniform(*SHOT_SECONDS) * RATE), frames - made + DISSOLVE)
        start = int(generator.integers(len(clips[which])))
        shot = [ycc(clips[which][bounce(start + step, len(clips[which]))]) for step in range(length)]
        how = str(generator.choice(["cut", "cut", "cut", "cut", "fade", "dissolve"])) if tail else "cut"
        between: list[Float32Array] = []
        if how == "dissolve":
            shares = (np.arange(DISSOLVE) + 1) / (DISSOLVE + 1)
            shot[:DISSOLVE] = [
                (1 - share) * old + share * new for share, old, new in zip(shares, tail, shot[:DISSOLVE], strict=True)
            ]
        elif how == "fade":
            black = np.array([0, 128, 128], np.float32)
            out = [black + (frame - black) * (1 - (step + 1) / FADE) for step, frame in enumerate(tail[:FADE])]
            between = [*out, *[np.broadcast_to(black, shot[0].shape)] * HOLD]
            shot[:FADE] = [black + (frame - black) * (step + 1) / FADE for step, frame in enumerate(shot[:FADE])]
        shots.append({"first": made, "clip": which, "transition": how})
        whole = [*between, *shot[:-DISSOLVE]]
        yield from whole[: frames - made]
        made, last, tail = made + len(whole), which, shot[-DISSOLVE:]


def bounce(step: int, length: int) -> int:
    """Back and forth through ``length`` frames."""
    place = step % (2 * length - 2)
    return place if place < length else 2 * length - 2 - place


def ycc(rgb: UInt8Array) -> Float32Array:
    """BT.601, full range."""
    frame: Float32Array = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]].astype(np.float32)
    return frame


def worn(
    frames: Iterator[Float32Array], generator: np.random.Generator
) -> Iterator[tuple[UInt8Array, list[UInt8Array]]]:
    """Grain, flicker, dirt, weave: in the luma alone, but weave in both."""
    for frame in frames:
        x, y = generator.normal(0, 0.5, 2)
        moved = cv2.warpAffine(frame, np.float32([[1, 0, x], [0, 1, y]]), SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
        luma = (moved[..., 0] - 128) * generator.normal(1, 0.04) + 128 + generator.normal(0, 2)
        luma = luma + generator.normal(0, 5, SIZE)
        if generator.random() < 0.05:
            place = int(generator.integers(SIZE[1])), int(generator.integers(SIZE[0]))
            luma = cv2.circle(luma.astype(np.float32), place, int(generator.integers(2, 12)), 20.0, -1)
        whole = [plane.clip(0, 255).round().astype(np.uint8) for plane in (luma, moved[..., 1], moved[..., 2])]
        yield whole[0], whole[1:]


class Encoded:
    """A lossless film, written frame by frame."""

    def __init__(self, path: Path, pixel_format: str) -> None:
        self.path, self.format = path, pixel_format
        self.container = av.open(str(path), "w")
        self.stream = self.container.add_stream("ffv1", rate=RATE)
        self.stream.width, self.stream.height, self.stream.pix_fmt = SIZE[1], SIZE[0], pixel_format
        self.stream.codec_context.color_range, self.stream.codec_context.colorspace = 2, 6

    def __enter__(self) -> "Encoded":
        return self

    def __exit__(self, *_: object) -> None:
        self.container.mux(self.stream.encode(None))
        self.container.close()

    def write(self, planes: Sequence[UInt8Array], number: int) -> None:
        array = planes[0] if len(planes) == 1 else np.stack(planes)
        frame = av.VideoFrame.from_ndarray(array, format=self.format)
        frame.pts, frame.color_range, frame.colorspace = number, 2, 6
        self.container.mux(self.stream.encode(frame))


def summary(folder: Path, truth: Path, result: Path) -> dict[str, object]:
    """PSNR of the whole film and of its shots, beside the gray film's; time and memory."""
    plan, done = json.loads((folder / "film.plan.json").read_text()), json.loads((folder / "render.json").read_text())
    notes = json.loads((folder / "shots.json").read_text())
    begins, clips = [shot["first"] for shot in notes["shots"]], [shot["clip"] for shot in notes["shots"]]

    def clip_at(frame: int) -> int:
        return int(clips[bisect_right(begins, frame) - 1])

    stills_of = {name: clip_at(entry["frame"]) for name, entry in plan["references"].items()}
    errors, grays, alike, known = [], [], [], []
    pairs = zip(iter_color_frames(truth), iter_color_frames(result), strict=True)
    for number, (true, made) in enumerate(pairs):
        gray = cv2.cvtColor(cv2.cvtColor(true, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        errors.append(psnr(true, made))
        grays.append(psnr(true, gray))
        shot = next(shot for shot in plan["shots"] if shot["first"] <= number <= shot["last"])
        alike.append(clip_at(number) in {stills_of[name] for name in shot["references"]})
        known.append(clip_at(number) in stills_of.values())
    quality, memory, has = np.array(errors), done["memory"], np.array(alike)
    made_at, found_at = begins[1:], [shot["first"] for shot in plan["shots"]][1:]
    verdicts = [shot["verdict"] for shot in json.loads((folder / "report/report.json").read_text())["shots"]]
    foreign = [
        clip_at((shot["first"] + shot["last"]) // 2) not in {stills_of[name] for name in shot["references"]}
        for shot in plan["shots"]
    ]
    return {
        "frames": len(errors),
        "shots made": len(begins),
        "shots found": len(plan["shots"]),
        "changes missed": sum(not any(abs(at - one) <= 2 * FADE for one in found_at) for at in made_at),
        "changes that are none": sum(not any(abs(at - one) <= 2 * FADE for one in made_at) for at in found_at),
        "shots with a foreign still": sum(foreign),
        "of these the report says look": sum(f and v == "look" for f, v in zip(foreign, verdicts, strict=True)),
        "of the others": sum(not f and v == "look" for f, v in zip(foreign, verdicts, strict=True)),
        "settings": len(set(clips)),
        "settings with a still": len(set(stills_of.values())),
        "coverage, as suggested": json.loads((folder / "suggested.json").read_text())[-1]["coverage"],
        "share of frames whose setting has a still": float(np.mean(known)),
        "share of frames that were given it": float(np.mean(has)),
        "psnr": float(quality.mean()),
        "psnr of gray": float(np.mean(grays)),
        "psnr where the setting's still was given": float(quality[has].mean()),
        "psnr elsewhere": float(quality[~has].mean()) if (~has).any() else None,
        "psnr of gray elsewhere": float(np.array(grays)[~has].mean()) if (~has).any() else None,
        "seconds of the last run": done["report"]["seconds"],
        "frames it painted": done["report"]["painted"],
        "memory of the process, MB at 10, 25, 50, 75, 100 % of the time": [
            memory[int(share * (len(memory) - 2))][1] for share in (0.1, 0.25, 0.5, 0.75, 1)
        ],
        "most, MB": max(held for _, held in memory),
    }


def psnr(true: UInt8Array, made: UInt8Array) -> float:
    error = float(np.square(true.astype(np.float32) - made).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


if __name__ == "__main__":
    main()
