#!/usr/bin/env python3
"""How many shot boundaries are found in worn gray films whose boundaries are known. See docs/shots.md.

A film is 12 shots of 30 to 90 frames, each from a source of its own beside its neighbours. Sources hold few frames, so
a shot plays them back and forth; before half of them a camera pans. Of the changes 60 % are cuts, 20 % fades (6 to 24
frames each way, 1 to 6 frames of black or white between) and 20 % dissolves (6 to 24 frames). Then the film is worn:
grain, flicker of the whole and across the frame, dirt (5 % of the frames), flashes (1 %), weave.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, get_args

import cv2
import numpy as np

from kinemacolor.data.sources import find_sources
from kinemacolor.errors import KinemacolorError
from kinemacolor.shots.detect import Detector, detect_boundaries
from kinemacolor.shots.shot import Boundary, Transition
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import resize

SIZE = (144, 256)  # rows and columns of a film
WIDE = (180, 320)  # of what the camera pans over
SHOTS = 12
SHOT = (30, 90)  # frames
CHANGES: dict[Transition, float] = {"cut": 0.6, "fade": 0.2, "dissolve": 0.2}
GRADUAL = (6, 24)  # frames of a dissolve, and of a fade each way
HOLD = (1, 6)  # frames of black or white
NEAR = 2  # frames that a boundary may lie outside of its change


class Clip(NamedTuple):
    """Frames ``T H W`` uint8 at ``WIDE``, and what they are of."""

    group: str
    frames: UInt8Array


class Change(NamedTuple):
    """Frames ``first`` up to ``end`` are of neither shot alone (none: a cut before ``first``)."""

    kind: Transition
    first: int
    end: int

    def is_at(self, boundary: Boundary) -> bool:
        return self.first - NEAR <= boundary.frame <= self.end + NEAR


@dataclass
class Tally:
    """What was found: changes by kind, and boundaries that are none."""

    found: dict[str, int]
    there: dict[str, int]
    false: int = 0
    frames: int = 0
    seconds: float = 0.0

    def count(self, boundaries: Sequence[Boundary], changes: Sequence[Change], trouble: list[str], name: str) -> None:
        left = list(boundaries)
        for change in changes:
            hit = next(filter(change.is_at, left), None)
            self.there[change.kind] += 1
            if hit is None:
                trouble.append(f"{name}: missed {change}")
            else:
                self.found[change.kind] += 1
                left.remove(hit)
        self.false += len(left)
        trouble.extend(f"{name}: false {boundary}" for boundary in left)

    def row(self, detector: str) -> str:
        found, there = sum(self.found.values()), sum(self.there.values())
        precision, recall = found / max(found + self.false, 1), found / max(there, 1)
        score = 2 * found / max(found + self.false + there, 1)
        kinds = " | ".join(f"{self.found[kind]}/{self.there[kind]}" for kind in CHANGES)
        speed = f"{1000 * self.seconds / max(self.frames, 1):.1f}"
        return f"| {detector} | {kinds} | {self.false} | {precision:.3f} | {recall:.3f} | {score:.3f} | {speed} |"


def clips_in(folder: Path) -> list[Clip]:
    """The films in a folder, gray and small."""
    return [
        Clip(
            one.origin,
            np.stack([resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), WIDE) for rgb in iter_color_frames(one.path)]),
        )
        for one in find_sources(folder, "film")
    ]


def film(clips: Sequence[Clip], random: np.random.Generator, shots: int = SHOTS) -> tuple[UInt8Array, list[Change]]:
    """Frames ``T H W`` uint8, worn, and the changes in them."""
    before: list[Float32Array] = []
    changes = []
    for number, clip in enumerate(order(clips, random, shots)):
        shot = list(filmed(clip, random))
        if number:
            kind = random.choice(list(CHANGES), p=list(CHANGES.values()))
            changes.append(JOINS[kind](before, shot, random))
        before.extend(shot)
    return worn(np.stack(before), random), changes


def order(clips: Sequence[Clip], random: np.random.Generator, shots: int) -> list[Clip]:
    """Clips at random, each of another group than the one before."""
    chosen: list[Clip] = []
    while len(chosen) < shots:
        one = clips[random.integers(len(clips))]
        if not chosen or one.group != chosen[-1].group:
            chosen.append(one)
    return chosen


def filmed(clip: Clip, random: np.random.Generator) -> Iterator[Float32Array]:
    """A shot ``H W``: the clip back and forth from anywhere, through a window that stays or moves evenly."""
    length = int(random.integers(SHOT[0], SHOT[1] + 1))
    there_and_back = [*range(len(clip.frames)), *range(len(clip.frames) - 2, 0, -1)]
    start = random.integers(len(there_and_back))
    room = np.subtract(WIDE, SIZE)
    corner = random.uniform(0, room)
    other = random.uniform(0, room) if random.random() < 0.5 else corner
    for number in range(length):
        frame = clip.frames[there_and_back[(start + number) % len(there_and_back)]]
        top, left = corner + (other - corner) * number / length
        centre = (left + (SIZE[1] - 1) / 2, top + (SIZE[0] - 1) / 2)
        yield cv2.getRectSubPix(frame.astype(np.float32), SIZE[::-1], centre)


def cut(before: list[Float32Array], shot: list[Float32Array], random: np.random.Generator) -> Change:
    return Change("cut", len(before), len(before))


def fade(before: list[Float32Array], shot: list[Float32Array], random: np.random.Generator) -> Change:
    out, over = (int(random.integers(GRADUAL[0], GRADUAL[1] + 1)) for _ in range(2))
    out, over = min(out, len(before) // 3), min(over, len(shot) // 3)
    level = float(random.choice([0, 0, 0, 255]))
    first = len(before) - out
    for number in range(out):
        before[first + number] = mixed(before[first + number], level, (number + 1) / out)
    for number in range(over):
        shot[number] = mixed(shot[number], level, 1 - (number + 1) / over)
    before.extend([np.full(SIZE, level, np.float32)] * int(random.integers(HOLD[0], HOLD[1] + 1)))
    return Change("fade", first, len(before) + over)


def dissolve(before: list[Float32Array], shot: list[Float32Array], random: np.random.Generator) -> Change:
    length = min(int(random.integers(GRADUAL[0], GRADUAL[1] + 1)), len(before) // 2, len(shot) // 2)
    ending = before[-length:]
    del before[-length:]
    for number, last in enumerate(ending, 1):
        shot[number - 1] = mixed(last, shot[number - 1], number / (length + 1))
    return Change("dissolve", len(before), len(before) + length)


JOINS = {"cut": cut, "fade": fade, "dissolve": dissolve}


def mixed(first: Float32Array, second: Float32Array | float, share: float) -> Float32Array:
    return np.asarray((1 - share) * first + share * second, np.float32)


def worn(frames: Float32Array, random: np.random.Generator) -> UInt8Array:
    """The film as uint8, after a life in projectors."""
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


def measure(clips: Sequence[Clip], detector: Detector, seeds: Sequence[int]) -> tuple[Tally, list[str]]:
    """The tally of a film for each seed, and a line for each miss and false alarm."""
    tally, trouble = Tally(dict.fromkeys(CHANGES, 0), dict.fromkeys(CHANGES, 0)), []
    for seed in seeds:
        frames, changes = film(clips, np.random.default_rng(seed))
        start = time.process_time()
        found = detect_boundaries(frames, detector)
        tally.seconds += time.process_time() - start
        tally.frames += len(frames)
        tally.count(found, changes, trouble, f"film {seed}")
    return tally, trouble


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    top.add_argument("folder", type=Path, help="films: files, or folders of pictures")
    top.add_argument("--films", type=int, default=25)
    top.add_argument("--seed", type=int, default=0, help="of the first film; those that follow count on")
    top.add_argument("--detector", choices=get_args(Detector), action="append", help="may repeat (luma)")
    top.add_argument("--show", action="store_true", help="each miss and false alarm, on standard error")
    return top


def main(words: list[str] | None = None) -> int:
    """The exit code: that of the fault for what a person can mend."""
    args = parser().parse_args(words)
    cv2.setNumThreads(1)
    try:
        clips = clips_in(args.folder)
        print("| detector | cuts | fades | dissolves | false | precision | recall | F1 | ms of CPU a frame |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
        for detector in args.detector or ["luma"]:
            tally, trouble = measure(clips, detector, range(args.seed, args.seed + args.films))
            print(tally.row(detector), flush=True)
            if args.show:
                print(*trouble, sep="\n", file=sys.stderr)
    except KinemacolorError as error:
        print(f"measure_shots.py: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
