#!/usr/bin/env python3
"""Measure how many shot boundaries a detector finds in degraded gray films whose boundaries are known.

docs/shots.md has the results. A film has 12 shots of 30 to 90 frames; neighbouring shots are from different sources.
Sources have few frames, so a shot plays them back and forth; in half of the shots the camera pans. Of the changes 60 %
are cuts, 20 % fades (6 to 24 frames each way, 1 to 6 frames of black or white between) and 20 % dissolves (6 to 24
frames). Then the film is degraded: grain, flicker of the whole and across the frame, dirt (5 % of the frames), flashes
(1 %), weave.

Detectors of PySceneDetect stand beside ours where it is installed (`pip install scenedetect`), each with its
own thresholds; those that compare colours are told to look at luma alone.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast, get_args

import cv2
import numpy as np

from kinemacolor.data.sources import find_sources
from kinemacolor.errors import KinemacolorError, UsageError
from kinemacolor.shots.detect import Detector, detect_boundaries
from kinemacolor.shots.shot import Boundary, Transition
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize

SIZE = (144, 256)  # rows and columns of a film
WIDE_SIZE = (180, 320)  # rows and columns of the source that the camera pans over
SHOTS = 12  # of a film
SHOT_FRAMES = (30, 90)  # least and most
CHANGES: dict[Transition, float] = {"cut": 0.6, "fade": 0.2, "dissolve": 0.2}  # shares
TRANSITION_FRAMES = (6, 24)  # least and most, of a dissolve, and of a fade each way
HOLD_FRAMES = (1, 6)  # least and most, of black or white between two fades
TOLERANCE = 2  # frames that a found boundary may lie outside of its change
RATE = 24.0  # frames a second, for PySceneDetect; its defaults count frames

# Detectors of PySceneDetect by the name they have here: the class, and what is told to it.
PEERS: Mapping[str, tuple[str, Mapping[str, bool]]] = {
    "pyscenedetect-content": ("ContentDetector", {"luma_only": True}),
    "pyscenedetect-adaptive": ("AdaptiveDetector", {"luma_only": True}),
    "pyscenedetect-hash": ("HashDetector", {}),
    "pyscenedetect-histogram": ("HistogramDetector", {}),
    "pyscenedetect-threshold": ("ThresholdDetector", {}),
}


class Clip(NamedTuple):
    """Gray frames ``T H W`` uint8 of `WIDE_SIZE`, and the name of the film they were cut from."""

    group: str
    frames: UInt8Array


class Change(NamedTuple):
    """A change of shots: frames from ``first`` to before ``end`` show both or neither; in a cut the two are equal."""

    kind: Transition
    first: int
    end: int

    def is_at(self, boundary: Boundary) -> bool:
        """Tell whether a found boundary counts as this change."""
        return self.first - TOLERANCE <= boundary.frame <= self.end + TOLERANCE


@dataclass
class Tally:
    """Counts over films: changes found and present by kind, found boundaries that are none, frames, CPU seconds."""

    found: dict[str, int]
    present: dict[str, int]
    false: int = 0
    frames: int = 0
    seconds: float = 0.0

    def count(self, boundaries: Sequence[Boundary], changes: Sequence[Change], trouble: list[str], name: str) -> None:
        """Count the boundaries found in one film; a line for each miss and false alarm is added to ``trouble``."""
        left = list(boundaries)
        for change in changes:
            hit = next(filter(change.is_at, left), None)
            self.present[change.kind] += 1
            if hit is None:
                trouble.append(f"{name}: missed {change}")
            else:
                self.found[change.kind] += 1
                left.remove(hit)
        self.false += len(left)
        trouble.extend(f"{name}: false {boundary}" for boundary in left)

    def format_row(self, detector: str) -> str:
        """Format the counts as a row of the Markdown table."""
        found, present = sum(self.found.values()), sum(self.present.values())
        precision, recall = found / max(found + self.false, 1), found / max(present, 1)
        score = 2 * found / max(found + self.false + present, 1)
        kinds = " | ".join(f"{self.found[kind]}/{self.present[kind]}" for kind in CHANGES)
        speed = f"{1000 * self.seconds / max(self.frames, 1):.1f}"
        return f"| {detector} | {kinds} | {self.false} | {precision:.3f} | {recall:.3f} | {score:.3f} | {speed} |"


def clips_in(folder: Path) -> list[Clip]:
    """Read all films in a folder as small gray clips."""
    return [
        Clip(
            one.origin,
            np.stack([resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), WIDE_SIZE) for rgb in iter_color_frames(one.path)]),
        )
        for one in find_sources(folder, "film")
    ]


def film(clips: Sequence[Clip], random: np.random.Generator, shots: int = SHOTS) -> tuple[UInt8Array, list[Change]]:
    """Make a degraded film of random shots: frames ``T H W`` uint8, and the changes in them."""
    before: list[Float32Array] = []
    changes = []
    for number, clip in enumerate(draw_clips(clips, random, shots)):
        shot = list(iter_shot_frames(clip, random))
        if number:
            kind = random.choice(list(CHANGES), p=list(CHANGES.values()))
            changes.append(JOINS[kind](before, shot, random))
        before.extend(shot)
    return degrade_film(np.stack(before), random), changes


def draw_clips(clips: Sequence[Clip], random: np.random.Generator, shots: int) -> list[Clip]:
    """Draw clips at random, each of another group than the one before."""
    chosen: list[Clip] = []
    while len(chosen) < shots:
        one = clips[random.integers(len(clips))]
        if not chosen or one.group != chosen[-1].group:
            chosen.append(one)
    return chosen


def iter_shot_frames(clip: Clip, random: np.random.Generator) -> Iterator[Float32Array]:
    """Iterate over the frames ``H W`` of a shot: a clip back and forth, in a window that stays or moves evenly."""
    length = int(random.integers(SHOT_FRAMES[0], SHOT_FRAMES[1] + 1))
    there_and_back = [*range(len(clip.frames)), *range(len(clip.frames) - 2, 0, -1)]
    start = random.integers(len(there_and_back))
    margin = np.subtract(WIDE_SIZE, SIZE)
    first_corner = random.uniform(0, margin)
    last_corner = random.uniform(0, margin) if random.random() < 0.5 else first_corner
    for number in range(length):
        frame = clip.frames[there_and_back[(start + number) % len(there_and_back)]]
        top, left = first_corner + (last_corner - first_corner) * number / length
        centre = (left + (SIZE[1] - 1) / 2, top + (SIZE[0] - 1) / 2)
        yield cv2.getRectSubPix(frame.astype(np.float32), SIZE[::-1], centre)


def join_by_cut(before: list[Float32Array], shot: list[Float32Array], random: np.random.Generator) -> Change:
    """Leave the film so far and the next shot as they are; gives the change, as the other two functions do."""
    return Change("cut", len(before), len(before))


def join_by_fade(before: list[Float32Array], shot: list[Float32Array], random: np.random.Generator) -> Change:
    """Fade the end of the film so far to black or white, and the next shot from there, both in place."""
    frames_out, frames_in = (int(random.integers(TRANSITION_FRAMES[0], TRANSITION_FRAMES[1] + 1)) for _ in range(2))
    frames_out, frames_in = min(frames_out, len(before) // 3), min(frames_in, len(shot) // 3)
    level = float(random.choice([0, 0, 0, 255]))
    first = len(before) - frames_out
    for number in range(frames_out):
        before[first + number] = mix_frames(before[first + number], level, (number + 1) / frames_out)
    for number in range(frames_in):
        shot[number] = mix_frames(shot[number], level, 1 - (number + 1) / frames_in)
    before.extend([np.full(SIZE, level, np.float32)] * int(random.integers(HOLD_FRAMES[0], HOLD_FRAMES[1] + 1)))
    return Change("fade", first, len(before) + frames_in)


def join_by_dissolve(before: list[Float32Array], shot: list[Float32Array], random: np.random.Generator) -> Change:
    """Move the last frames of the film so far into the beginning of the next shot, mixed, both in place."""
    length = min(int(random.integers(TRANSITION_FRAMES[0], TRANSITION_FRAMES[1] + 1)), len(before) // 2, len(shot) // 2)
    ending = before[-length:]
    del before[-length:]
    for number, last in enumerate(ending, 1):
        shot[number - 1] = mix_frames(last, shot[number - 1], number / (length + 1))
    return Change("dissolve", len(before), len(before) + length)


JOINS = {"cut": join_by_cut, "fade": join_by_fade, "dissolve": join_by_dissolve}


def mix_frames(first: Float32Array, second: Float32Array | float, share: float) -> Float32Array:
    """Mix two frames, or a frame and a level; ``share`` is that of the second."""
    return np.asarray((1 - share) * first + share * second, np.float32)


def degrade_film(frames: Float32Array, random: np.random.Generator) -> UInt8Array:
    """Add grain, flicker, dirt, flashes and weave to frames ``T H W``; gives uint8."""
    count, height, width = frames.shape
    flicker = random.uniform(0, 0.15)
    gain = 1 + flicker * random.standard_normal((count, 1, 1))
    if random.random() < 0.5:
        gain = gain * (1 + 0.1 * random.standard_normal((count, 1, 1)) * np.linspace(-1, 1, width))
    offset = 40 * flicker * random.standard_normal((count, 1, 1)) + (random.random() < 0.5) * random.uniform(-20, 20)
    grain, weave = random.uniform(0, 14), random.uniform(0, 2)
    result = np.empty(frames.shape, np.uint8)
    for number, frame in enumerate(frames):
        frame = (frame - 128) * gain[number] + 128 + offset[number]
        frame = (frame + grain * random.standard_normal(frame.shape)).astype(np.float32)
        if random.random() < 0.05:
            place = (int(random.integers(width)), int(random.integers(height)))
            cv2.circle(frame, place, int(random.integers(5, 40)), float(random.choice([0, 255])), -1)
        if random.random() < 0.01:
            frame = 0.3 * frame + 180
        down, across = weave * random.standard_normal(2)
        moved = cv2.warpAffine(
            frame, np.float32([[1, 0, across], [0, 1, down]]), (width, height), borderMode=cv2.BORDER_REPLICATE
        )
        result[number] = moved.clip(0, 255).round()
    return result


def detect_by(detector: str, frames: Iterable[UInt8Array]) -> list[Boundary]:
    """Find boundaries by a detector of ours or one of `PEERS`. Raises UsageError where that is not installed."""
    if detector in PEERS:
        return detect_by_pyscenedetect(detector, frames)
    return detect_boundaries(frames, cast(Detector, detector))


def detect_by_pyscenedetect(detector: str, frames: Iterable[UInt8Array]) -> list[Boundary]:
    """Find boundaries in gray frames by one of `PEERS`; it tells neither kind nor length, so all are cuts."""
    try:
        import scenedetect
    except ModuleNotFoundError as error:
        raise UsageError(f"{detector} wants {error.name}: pip install scenedetect-headless") from error
    class_name, options = PEERS[detector]
    peer = getattr(scenedetect, class_name)(**options)
    now, found = scenedetect.FrameTimecode(0, RATE), []
    for number, frame in enumerate(frames):
        now = scenedetect.FrameTimecode(number, RATE)
        found += peer.process_frame(now, cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    found += peer.post_process(now)
    return [Boundary(frame, "cut", 0, 1.0) for frame in sorted({cut.frame_num for cut in found})]


def measure_detectors(
    clips: Sequence[Clip], detectors: Sequence[str], seeds: Sequence[int]
) -> tuple[dict[str, Tally], list[str]]:
    """Measure detectors on a film for each seed; gives the counts of each, and a line for each miss and false alarm."""
    tallies: dict[str, Tally] = {one: Tally(dict.fromkeys(CHANGES, 0), dict.fromkeys(CHANGES, 0)) for one in detectors}
    trouble: list[str] = []
    for seed in seeds:
        frames, changes = film(clips, np.random.default_rng(seed))
        for detector, tally in tallies.items():
            start = time.process_time()
            found = detect_by(detector, frames)
            tally.seconds += time.process_time() - start
            tally.frames += len(frames)
            tally.count(found, changes, trouble, f"{detector}, film {seed}")
    return tallies, trouble


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    top = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    top.add_argument("folder", type=Path, help="folder of films: files, or folders of pictures")
    top.add_argument("--films", type=int, default=25, help="how many films to make")
    top.add_argument("--seed", type=int, default=0, help="seed of the first film; the next ones have the next numbers")
    top.add_argument(
        "--detector",
        choices=[*get_args(Detector), *PEERS],
        action="append",
        help="default: luma; repeat for several",
    )
    top.add_argument("--show", action="store_true", help="print each miss and false alarm to standard error")
    return top


def main(words: list[str] | None = None) -> int:
    """Print the table; returns the exit code, that of the error for what the user can mend."""
    args = build_parser().parse_args(words)
    cv2.setNumThreads(1)
    try:
        clips = clips_in(args.folder)
        tallies, trouble = measure_detectors(clips, args.detector or ["luma"], range(args.seed, args.seed + args.films))
    except KinemacolorError as error:
        print(f"measure_shots.py: {error}", file=sys.stderr)
        return error.exit_code
    print("| detector | cuts | fades | dissolves | false | precision | recall | F1 | ms of CPU a frame |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for detector, tally in tallies.items():
        print(tally.format_row(detector))
    if args.show:
        print(*trouble, sep="\n", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
