#!/usr/bin/env python3
"""Make the ten-minute film of docs/results.md, colour it, and compare the result with the true film.

python docs/make_film.py ../shared/data/video-train FOLDER [--minutes 10]

The film has 12 frames a second and shots of 2 to 9 seconds, from 25 clips that are used repeatedly and played back and
forth; between them are cuts, fades and a few dissolves. Its luma has grain, flicker, dirt and weave. The true film has
the same luma and the clips' own Cb and Cr. The references are frames of the true film: those that `kinemacolor refs
suggest --budget 20` chooses. The commands `plan`, `render` and `report` do the rest. Steps whose result exists are
skipped.
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

RATE, SIZE = Fraction(12), (216, 384)  # frames a second; rows and columns
CLIPS, BUDGET, SEED = 25, 20, 2026  # clips of the film, references
SHOT_SECONDS = (2.0, 9.0)
FADE, DISSOLVE, HOLD = 10, 12, 3  # frames of a fade each way, of a dissolve, of black between fades


def main() -> None:
    """Do every step whose result is missing, and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--cluster", type=int, default=0, help="render with this number of Ray workers")
    args = parser.parse_args()
    folder: Path = args.folder
    folder.mkdir(parents=True, exist_ok=True)
    film, truth = folder / "film.mkv", folder / "truth.mkv"
    if not truth.exists():
        make_films(args.clips, film, truth, round(args.minutes * 60 * RATE), folder / "shots.json")
    stills = folder / "stills"
    if not stills.exists():
        suggested = run_command("refs", "suggest", film, "--budget", BUDGET, "--extract", stills, "--json")
        (folder / "suggested.json").write_text(suggested)
        frames = [row["frame"] for row in json.loads(suggested)]
        for frame, picture in iter_numbered_frames(truth, set(frames)):
            write_picture(stills / f"ref_{frame:06d}.png", picture)
    plan, result = folder / "film.plan.json", folder / "film.color.mkv"
    if not plan.exists():
        run_command("plan", film, "-r", stills, "-o", plan)
    if not result.exists():
        workers = ["--cluster", "auto", "--workers", args.cluster] if args.cluster else []
        render_film(plan, result, folder, workers)
    if not (folder / "report").exists():
        run_command("report", plan, "-o", folder / "report")
    print(json.dumps(summarize_results(folder, truth, result), indent=1))


def run_command(*arguments: object) -> str:
    """Run a verb of `kinemacolor`; gives its standard output."""
    command = [sys.executable, "-m", "kinemacolor", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def render_film(plan: Path, result: Path, folder: Path, workers: Sequence[object]) -> None:
    """Render a plan, and write its report with the memory of the process every five seconds to ``render.json``."""
    started, memory = time.monotonic(), []
    command = [sys.executable, "-m", "kinemacolor", "render", plan, "-o", result, "--json", *workers]
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True) as process:

        def sample_memory() -> None:
            while process.poll() is None:
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                resident = [int(line.split()[1]) for line in lines if line.startswith("VmRSS")]
                memory.append((round(time.monotonic() - started), round(sum(resident) * 1024 / 1e6)))
                time.sleep(5)

        threading.Thread(target=sample_memory, daemon=True).start()
        output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    (folder / "render.json").write_text(json.dumps({"report": json.loads(output), "memory": memory}))


def make_films(clips: Path, film: Path, truth: Path, frames: int, notes: Path) -> None:
    """Write the gray film, the true film, and notes on their shots."""
    generator = np.random.default_rng(SEED)
    sources = find_sources(clips, "film")
    groups: dict[str, list[Path]] = {}
    for source in sources:
        groups.setdefault(source.origin, []).append(source.path)
    chosen = [groups[name][0] for name in sorted(groups)]
    chosen = [chosen[number] for number in generator.permutation(len(chosen))[:CLIPS]]
    pictures = [
        [cv2.resize(one, SIZE[::-1], interpolation=cv2.INTER_AREA) for one in iter_color_frames(p)] for p in chosen
    ]
    shots: list[dict[str, object]] = []
    with LosslessWriter(film, "gray") as gray, LosslessWriter(truth, "yuv444p") as true:
        clean = iter_film_frames(pictures, frames, generator, shots)
        for number, (luma_codes, cbcr_codes) in enumerate(iter_degraded_frames(clean, generator)):
            gray.write([luma_codes], number)
            true.write([luma_codes, *cbcr_codes], number)
    names = [path.name for path in chosen]
    notes.write_text(json.dumps({"clips": names, "shots": shots}))


def iter_film_frames(
    clips: list[list[UInt8Array]], frames: int, generator: np.random.Generator, shots: list[dict[str, object]]
) -> Iterator[Float32Array]:
    """Iterate over the Y'CbCr frames ``H W 3`` of the film, 0..255, Cb and Cr around 128; notes go into ``shots``."""
    # The last frames of the shot before: a dissolve mixes them, a fade darkens them, a cut drops them.
    tail: list[Float32Array] = []
    written, last = 0, -1
    while written < frames:
        which = int(generator.choice([one for one in range(len(clips)) if one != last]))
        length = min(int(generator.uniform(*SHOT_SECONDS) * RATE), frames - written + DISSOLVE)
        start = int(generator.integers(len(clips[which])))
        shot = [
            convert_to_ycbcr(clips[which][reflect_index(start + step, len(clips[which]))]) for step in range(length)
        ]
        transition = str(generator.choice(["cut", "cut", "cut", "cut", "fade", "dissolve"])) if tail else "cut"
        between: list[Float32Array] = []
        if transition == "dissolve":
            shares = (np.arange(DISSOLVE) + 1) / (DISSOLVE + 1)
            shot[:DISSOLVE] = [
                (1 - share) * old + share * new for share, old, new in zip(shares, tail, shot[:DISSOLVE], strict=True)
            ]
        elif transition == "fade":
            black = np.array([0, 128, 128], np.float32)
            out = [black + (frame - black) * (1 - (step + 1) / FADE) for step, frame in enumerate(tail[:FADE])]
            between = [*out, *[np.broadcast_to(black, shot[0].shape)] * HOLD]
            shot[:FADE] = [black + (frame - black) * (step + 1) / FADE for step, frame in enumerate(shot[:FADE])]
        shots.append({"first": written, "clip": which, "transition": transition})
        whole = [*between, *shot[:-DISSOLVE]]
        yield from whole[: frames - written]
        written, last, tail = written + len(whole), which, shot[-DISSOLVE:]


def reflect_index(step: int, length: int) -> int:
    """Compute the frame at ``step`` when ``length`` frames are played back and forth."""
    position = step % (2 * length - 2)
    return position if position < length else 2 * length - 2 - position


def convert_to_ycbcr(rgb: UInt8Array) -> Float32Array:
    """Convert sRGB to Y'CbCr ``H W 3``: BT.601, full range, 0..255."""
    frame: Float32Array = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]].astype(np.float32)
    return frame


def iter_degraded_frames(
    frames: Iterator[Float32Array], generator: np.random.Generator
) -> Iterator[tuple[UInt8Array, list[UInt8Array]]]:
    """Add grain, flicker and dirt to the luma, and weave to all planes; gives codes of luma, and of Cb and Cr."""
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


class LosslessWriter:
    """Context manager that writes a lossless film frame by frame."""

    def __init__(self, path: Path, pixel_format: str) -> None:
        self.path, self.format = path, pixel_format
        self.container = av.open(str(path), "w")
        self.stream = self.container.add_stream("ffv1", rate=RATE)
        self.stream.width, self.stream.height, self.stream.pix_fmt = SIZE[1], SIZE[0], pixel_format
        self.stream.codec_context.color_range, self.stream.codec_context.colorspace = 2, 6

    def __enter__(self) -> "LosslessWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.container.mux(self.stream.encode(None))
        self.container.close()

    def write(self, planes: Sequence[UInt8Array], number: int) -> None:
        """Write frame ``number`` from its planes."""
        array = planes[0] if len(planes) == 1 else np.stack(planes)
        frame = av.VideoFrame.from_ndarray(array, format=self.format)
        frame.pts, frame.color_range, frame.colorspace = number, 2, 6
        self.container.mux(self.stream.encode(frame))


def summarize_results(folder: Path, truth: Path, result: Path) -> dict[str, object]:
    """Summarize shots, references, PSNR in dB beside that of the gray film, time and memory."""
    plan = json.loads((folder / "film.plan.json").read_text())
    rendered = json.loads((folder / "render.json").read_text())
    notes = json.loads((folder / "shots.json").read_text())
    starts, clips = [shot["first"] for shot in notes["shots"]], [shot["clip"] for shot in notes["shots"]]

    def clip_at(frame: int) -> int:
        return int(clips[bisect_right(starts, frame) - 1])

    stills_of = {name: clip_at(entry["frame"]) for name, entry in plan["references"].items()}
    quality, gray_quality, has_own_still, clip_has_still = [], [], [], []
    pairs = zip(iter_color_frames(truth), iter_color_frames(result), strict=True)
    for number, (true, painted) in enumerate(pairs):
        gray = cv2.cvtColor(cv2.cvtColor(true, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        quality.append(compute_psnr(true, painted))
        gray_quality.append(compute_psnr(true, gray))
        shot = next(shot for shot in plan["shots"] if shot["first"] <= number <= shot["last"])
        has_own_still.append(clip_at(number) in {stills_of[name] for name in shot["references"]})
        clip_has_still.append(clip_at(number) in stills_of.values())
    psnr, gray_psnr, own = np.array(quality), np.array(gray_quality), np.array(has_own_still)
    memory = rendered["memory"]
    true_starts, found_starts = starts[1:], [shot["first"] for shot in plan["shots"]][1:]
    verdicts = [shot["verdict"] for shot in json.loads((folder / "report/report.json").read_text())["shots"]]
    foreign = [
        clip_at((shot["first"] + shot["last"]) // 2) not in {stills_of[name] for name in shot["references"]}
        for shot in plan["shots"]
    ]
    return {
        "frames": len(psnr),
        "shots made": len(starts),
        "shots found": len(plan["shots"]),
        "changes missed": sum(not any(abs(at - one) <= 2 * FADE for one in found_starts) for at in true_starts),
        "changes that are none": sum(not any(abs(at - one) <= 2 * FADE for one in true_starts) for at in found_starts),
        "shots with a foreign still": sum(foreign),
        "of these the report says look": sum(f and v == "look" for f, v in zip(foreign, verdicts, strict=True)),
        "of the others": sum(not f and v == "look" for f, v in zip(foreign, verdicts, strict=True)),
        "settings": len(set(clips)),
        "settings with a still": len(set(stills_of.values())),
        "coverage, as suggested": json.loads((folder / "suggested.json").read_text())[-1]["coverage"],
        "share of frames whose setting has a still": float(np.mean(clip_has_still)),
        "share of frames that were given it": float(np.mean(own)),
        "psnr": float(psnr.mean()),
        "psnr of gray": float(gray_psnr.mean()),
        "psnr where the setting's still was given": float(psnr[own].mean()),
        "psnr elsewhere": float(psnr[~own].mean()) if (~own).any() else None,
        "psnr of gray elsewhere": float(gray_psnr[~own].mean()) if (~own).any() else None,
        "seconds of the last run": rendered["report"]["seconds"],
        "frames it painted": rendered["report"]["painted"],
        "memory of the process, MB at 10, 25, 50, 75, 100 % of the time": [
            memory[int(share * (len(memory) - 2))][1] for share in (0.1, 0.25, 0.5, 0.75, 1)
        ],
        "most, MB": max(megabytes for _, megabytes in memory),
    }


def compute_psnr(true: UInt8Array, painted: UInt8Array) -> float:
    """Compute the PSNR of a frame in dB."""
    error = float(np.square(true.astype(np.float32) - painted).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


if __name__ == "__main__":
    main()
