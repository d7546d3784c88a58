#!/usr/bin/env python3
"""How long a film takes on many machines: a model of 1 to 100, and a measure of this one. See docs/scaling.md.

Of the film in the model the shots are lognormal. A machine paints a shot from its first frame to its
last; the film is put together meanwhile, in its own order, on one machine.
"""

import argparse
import heapq
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kinemacolor.cluster.scheduler import order_passes
from kinemacolor.rendering.cache import SEGMENT_FRAMES

RATE = 24
SHOTS, MEAN_SECONDS, MOST_SECONDS = 1200, 6.0, 240.0
MEDIANS_SECONDS = (4.0, 2.5)  # the smaller, the heavier the tail
MACHINES = (1, 2, 5, 10, 20, 50, 100)
LONG_SECONDS = 60.0  # a shot that gets a keyframe in its middle

Order = Callable[[Sequence[int], int], list[int]]


@dataclass(frozen=True)
class Cost:
    """Seconds: of a frame that is painted, of one that is put together, of a machine's start, of a pass's."""

    frame: float
    assembled: float
    start: float
    begin: float


@dataclass(frozen=True)
class Painted:
    """When each shot is painted, in seconds, and the work in it (of all machines)."""

    ends: tuple[float, ...]
    work: float

    @property
    def makespan(self) -> float:
        """When all is painted."""
        return max(self.ends)


def film(median_seconds: float, seed: int = 0, shots: int = SHOTS) -> list[int]:
    """Frames of each shot: lognormal, none longer than `MOST_SECONDS`, scaled to the mean that is wanted."""
    sigma = math.sqrt(2 * math.log(MEAN_SECONDS / median_seconds))
    drawn = np.random.default_rng(seed).lognormal(math.log(median_seconds), sigma, shots).clip(max=MOST_SECONDS)
    return [max(1, round(RATE * seconds)) for seconds in drawn * MEAN_SECONDS / drawn.mean()]


def film_order(shots: Sequence[int], machines: int) -> list[int]:
    """As the shots come."""
    return list(range(len(shots)))


def longest_first(shots: Sequence[int], machines: int) -> list[int]:
    """By length alone."""
    return sorted(range(len(shots)), key=lambda shot: -shots[shot])


def scheduled(shots: Sequence[int], machines: int, cost: Cost, order: Order = order_passes) -> Painted:
    """List scheduling (Graham 1969): the next shot goes to the machine that is free first."""
    free, ends = [cost.start] * machines, [0.0] * len(shots)
    for shot in order(shots, machines):
        ends[shot] = heapq.heappop(free) + cost.begin + shots[shot] * cost.frame
        heapq.heappush(free, ends[shot])
    return Painted(tuple(ends), _work(shots, cost))


def split(shots: Sequence[int], machines: int, cost: Cost) -> Painted:
    """A machine may leave a shot after any segment, for the one of which most is left; another goes on there.

    Segments of a shot stay a chain. To take up a shot that another machine left costs as much as to begin one.
    """
    free = [(cost.start, machine, -1) for machine in range(machines)]  # when, who, with which shot in its memory
    waiting = [(-frames, shot) for shot, frames in enumerate(shots)]
    left, ends, work = list(shots), [0.0] * len(shots), 0.0
    heapq.heapify(waiting)
    held: set[int] = set()
    while waiting or held:
        now, machine, own = heapq.heappop(free)
        if own >= 0:
            held.discard(own)
            if left[own]:
                heapq.heappush(waiting, (-left[own], own))
        if not waiting:
            continue  # fewer shots than machines: this one is done
        shot = heapq.heappop(waiting)[1]
        frames = min(SEGMENT_FRAMES, left[shot])
        spent = frames * cost.frame + cost.begin * (shot != own)
        left[shot] -= frames
        ends[shot], work = now + spent, work + spent
        held.add(shot)
        heapq.heappush(free, (ends[shot], machine, shot))
    return Painted(tuple(ends), work)


def with_keyframes(shots: Sequence[int], seconds: float = LONG_SECONDS) -> list[int]:
    """Passes, where a picture in the middle of longer shots makes two of each: one forward, one backward."""
    cut = [(frames // 2, frames - frames // 2) if frames > seconds * RATE else (frames,) for frames in shots]
    return [part for parts in cut for part in parts]


def bound(shots: Sequence[int], machines: int, cost: Cost) -> float:
    """No order is done before this: the longest shot is a chain, and work is shared at best evenly."""
    return cost.start + max(cost.begin + max(shots) * cost.frame, _work(shots, cost) / machines)


def assembled(shots: Sequence[int], painted: Painted, cost: Cost) -> float:
    """When the film is whole that one machine puts together in order while shots come."""
    now = 0.0
    for frames, end in zip(shots, painted.ends, strict=True):
        now = max(now, end) + frames * cost.assembled
    return now


def _work(shots: Sequence[int], cost: Cost) -> float:
    return sum(shots) * cost.frame + len(shots) * cost.begin


def table(shots: Sequence[int], cost: Cost) -> Iterator[str]:
    """Markdown, in minutes: of each order when all is painted and when the film is whole; split; bound; keyframes."""
    orders: dict[str, Order] = {"film order": film_order, "longest first": longest_first, "ours": order_passes}
    keyed = with_keyframes(shots)
    yield f"| machines | {' | '.join(orders)} | efficiency of ours | split | bound | ours, keyframes | efficiency |"
    yield "|--:" * (len(orders) + 6) + "|"
    for machines in MACHINES:
        made = [scheduled(shots, machines, cost, order) for order in orders.values()]
        keys = scheduled(keyed, machines, cost)
        cells = (
            *(f"{_minutes(one.makespan)} / {_minutes(assembled(shots, one, cost))}" for one in made),
            f"{made[-1].work / machines / made[-1].makespan:.0%}",
            _minutes(split(shots, machines, cost).makespan),
            _minutes(bound(shots, machines, cost)),
            _minutes(keys.makespan),
            f"{keys.work / machines / keys.makespan:.0%}",
        )
        yield f"| {machines} | {' | '.join(cells)} |"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


@dataclass(frozen=True)
class Timed:
    """Seconds of one render: in all, until the first segment was there, from then to the last."""

    workers: int
    frames: int
    whole: float
    first: float
    painting: float
    driver_cpu: float


def example(clips: Path, folder: Path, longest: int, shots: int = 12, seed: int = 0) -> Path:
    """A plan of a gray film of 384×216: shots of a third of ``longest`` frames or more, each a clip, back and forth,
    its first frame the reference.
    """
    from kinemacolor.options import RenderOptions
    from kinemacolor.plan.planner import PlanRequest, make_plan
    from kinemacolor.references.spec import ReferenceSpec

    generator = np.random.default_rng(seed)
    frames, given, firsts = folder / "film", [], []
    frames.mkdir(parents=True)
    for clip in generator.choice(sorted(clips.iterdir()), shots, replace=False):
        pictures = [cv2.resize(cv2.imread(str(file)), (384, 216)) for file in sorted(Path(clip).iterdir())[:24]]
        count = len(list(frames.iterdir()))
        firsts.append(count)
        still = folder / f"ref_{count:06d}.png"
        cv2.imwrite(str(still), pictures[0])
        given.append(ReferenceSpec.parse(str(still)))
        there_and_back = pictures + pictures[-2:0:-1]
        for number in range(int(generator.integers(longest // 3, longest + 1))):
            gray = cv2.cvtColor(there_and_back[number % len(there_and_back)], cv2.COLOR_BGR2GRAY)
            cv2.imwrite(str(frames / f"{count + number:06d}.png"), gray)
    (folder / "shots.csv").write_text("first\n" + "\n".join(map(str, firsts)) + "\n")
    plan = folder / "film.plan.json"
    wish = PlanRequest(frames, tuple(given), folder / "stills", options=RenderOptions(), shot_list=folder / "shots.csv")
    make_plan(wish)[0].write(plan)
    return plan


def timed(plan: Path, workers: int, work: Path) -> Timed:
    """One render by so many Ray workers, each with the threads that torch has here."""
    from kinemacolor.cluster.ray_backend import ClusterOptions
    from kinemacolor.cluster.render import render_on_cluster
    from kinemacolor.plan.document import Plan
    from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
    from kinemacolor.rendering.renderer import RenderPlan
    from kinemacolor.weights.registry import load_model

    made = Plan.read(plan)
    model = load_model(made.model)
    job = RenderPlan(made, model, work)
    target = OutputSpec(work.with_suffix(".mkv"))
    prepared = prepare_plan_output(made, target, model.spec, work, device="cpu", inputs=[plan])
    clock, began, cpu = time.monotonic(), time.time(), time.process_time()
    render_on_cluster(ClusterOptions(workers=workers), job, prepared)
    whole, cpu = time.monotonic() - clock, time.process_time() - cpu
    ends = sorted(file.stat().st_mtime - began for file in work.glob("passes/*/*.mkv"))
    frames = job.frames_to_paint
    return Timed(workers, frames, whole, ends[0], ends[-1] - ends[0], cpu / frames)


def measure(clips: Path, repeats: int, longest: int) -> Iterator[str]:
    """One and two workers in turn: lines of Markdown."""
    yield "| turn | workers | frames | all s | to the first segment s | from there to the last s | driver's ms | load |"
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|"
    with tempfile.TemporaryDirectory() as name:
        plan = example(clips, Path(name) / "example", longest)
        for turn in range(repeats):
            for workers in (1, 2):
                one = timed(plan, workers, Path(name) / f"{turn}-{workers}")
                load = os.getloadavg()[0]
                counts, seconds = f"{turn + 1} | {workers} | {one.frames}", (one.whole, one.first, one.painting)
                times = " | ".join(f"{value:.1f}" for value in seconds)
                yield f"| {counts} | {times} | {1000 * one.driver_cpu:.0f} | {load:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frame", type=float, default=0.4, help="seconds to paint a frame")
    parser.add_argument("--assembled", type=float, default=0.07, help="seconds to put one together")
    parser.add_argument("--start", type=float, default=8, help="seconds until a machine works")
    parser.add_argument("--begin", type=float, default=0.5, help="seconds until a pass does")
    parser.add_argument("--measure", type=Path, metavar="CLIPS", help="instead measure, with a folder of clips")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--longest", type=int, default=72, help="frames of a shot of the film that is measured")
    given = parser.parse_args()
    if given.measure:
        for line in measure(given.measure, given.repeats, given.longest):
            print(line, flush=True)
        return
    cost = Cost(given.frame, given.assembled, given.start, given.begin)
    print(cost)
    for median in MEDIANS_SECONDS:
        shots = film(median, given.seed)
        chain = cost.begin + max(shots) * cost.frame
        print(
            f"\n{len(shots)} shots in {sum(shots) / RATE / 60:.0f} minutes, median {median:g} s, mean {MEAN_SECONDS:g};"
            f" the longest, {max(shots) / RATE:.0f} s, is a chain of {_minutes(chain)} minutes\n"
        )
        print("\n".join(table(shots, cost)))


if __name__ == "__main__":
    main()
