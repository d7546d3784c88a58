#!/usr/bin/env python3
"""Model how long a film takes on 1 to 100 machines, and measure one and two workers. See docs/scaling.md.

In the model the lengths of shots are lognormal. A machine paints a shot from its first frame to its last; meanwhile one
machine assembles the film, in the order of its frames.
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

from kinemacolor.rendering.journal import SEGMENT_FRAMES
from kinemacolor.rendering.scheduler import order_passes

RATE = 24  # frames a second
SHOTS, MEAN_SECONDS, MAX_SECONDS = 1200, 6.0, 240.0  # of the film in the model
MEDIANS_SECONDS = (4.0, 2.5)  # the smaller, the heavier the tail
MACHINES = (1, 2, 5, 10, 20, 50, 100)
LONG_SECONDS = 60.0  # a longer shot gets a keyframe in its middle

Order = Callable[[Sequence[int], int], list[int]]


@dataclass(frozen=True)
class RenderCost:
    """Seconds to paint a frame, to assemble a frame into the film, to start a machine, and to begin a pass."""

    paint_frame: float
    assemble_frame: float
    start_machine: float
    begin_pass: float


@dataclass(frozen=True)
class PaintingTimes:
    """Seconds until each shot is painted, and the work of all machines together, in seconds."""

    ends: tuple[float, ...]
    work: float

    @property
    def makespan(self) -> float:
        """Seconds until all shots are painted."""
        return max(self.ends)


def draw_shot_lengths(median_seconds: float, seed: int = 0, shots: int = SHOTS) -> list[int]:
    """Draw the frames of each shot: lognormal, at most `MAX_SECONDS`, then scaled to the mean `MEAN_SECONDS`."""
    sigma = math.sqrt(2 * math.log(MEAN_SECONDS / median_seconds))
    drawn = np.random.default_rng(seed).lognormal(math.log(median_seconds), sigma, shots).clip(max=MAX_SECONDS)
    return [max(1, round(RATE * seconds)) for seconds in drawn * MEAN_SECONDS / drawn.mean()]


def keep_film_order(shots: Sequence[int], machines: int) -> list[int]:
    """Order shots as they come in the film."""
    return list(range(len(shots)))


def order_longest_first(shots: Sequence[int], machines: int) -> list[int]:
    """Order shots by length alone, the longest first."""
    return sorted(range(len(shots)), key=lambda shot: -shots[shot])


def schedule_passes(
    shots: Sequence[int], machines: int, cost: RenderCost, order: Order = order_passes
) -> PaintingTimes:
    """Schedule by list (Graham 1969): the next shot of the order goes to the machine that is free first."""
    free, ends = [cost.start_machine] * machines, [0.0] * len(shots)
    for shot in order(shots, machines):
        ends[shot] = heapq.heappop(free) + cost.begin_pass + shots[shot] * cost.paint_frame
        heapq.heappush(free, ends[shot])
    return PaintingTimes(tuple(ends), _compute_work(shots, cost))


def schedule_with_splitting(shots: Sequence[int], machines: int, cost: RenderCost) -> PaintingTimes:
    """Schedule segment by segment: a free machine takes the waiting shot of which most is left.

    A machine may so leave a shot after any segment, for another machine to continue. Segments of a shot stay a chain.
    Continuing the shot of another machine costs as much as beginning one.
    """
    free = [(cost.start_machine, machine, -1) for machine in range(machines)]  # time, machine, the shot in its memory
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
            continue  # fewer shots than machines: this machine has no more work
        shot = heapq.heappop(waiting)[1]
        frames = min(SEGMENT_FRAMES, left[shot])
        spent = frames * cost.paint_frame + cost.begin_pass * (shot != own)
        left[shot] -= frames
        ends[shot], work = now + spent, work + spent
        held.add(shot)
        heapq.heappush(free, (ends[shot], machine, shot))
    return PaintingTimes(tuple(ends), work)


def split_at_keyframes(shots: Sequence[int], seconds: float = LONG_SECONDS) -> list[int]:
    """List the frames of passes where a keyframe in the middle of a long shot makes two: one forward, one backward."""
    passes = [(frames // 2, frames - frames // 2) if frames > seconds * RATE else (frames,) for frames in shots]
    return [frames for parts in passes for frames in parts]


def compute_lower_bound(shots: Sequence[int], machines: int, cost: RenderCost) -> float:
    """Compute the seconds that no order can beat: the longest shot is a chain, and at best work is shared evenly."""
    return cost.start_machine + max(
        cost.begin_pass + max(shots) * cost.paint_frame, _compute_work(shots, cost) / machines
    )


def compute_assembly_end(shots: Sequence[int], times: PaintingTimes, cost: RenderCost) -> float:
    """Compute the seconds until one machine, which assembles shots in their order as they come, has the whole film."""
    now = 0.0
    for frames, end in zip(shots, times.ends, strict=True):
        now = max(now, end) + frames * cost.assemble_frame
    return now


def _compute_work(shots: Sequence[int], cost: RenderCost) -> float:
    """Compute the seconds of painting of all machines together, without their start."""
    return sum(shots) * cost.paint_frame + len(shots) * cost.begin_pass


def iter_table_rows(shots: Sequence[int], cost: RenderCost) -> Iterator[str]:
    """Iterate over a Markdown table in minutes: for each order until all is painted and until the film is whole.

    The other columns: the schedule with splitting, the lower bound, and the schedule with keyframes in long shots.
    """
    orders: dict[str, Order] = {
        "film order": keep_film_order,
        "longest first": order_longest_first,
        "ours": order_passes,
    }
    passes = split_at_keyframes(shots)
    yield f"| machines | {' | '.join(orders)} | efficiency of ours | split | bound | ours, keyframes | efficiency |"
    yield "|--:" * (len(orders) + 6) + "|"
    for machines in MACHINES:
        times = [schedule_passes(shots, machines, cost, order) for order in orders.values()]
        halved = schedule_passes(passes, machines, cost)
        cells = (
            *(
                f"{_format_minutes(one.makespan)} / {_format_minutes(compute_assembly_end(shots, one, cost))}"
                for one in times
            ),
            f"{times[-1].work / machines / times[-1].makespan:.0%}",
            _format_minutes(schedule_with_splitting(shots, machines, cost).makespan),
            _format_minutes(compute_lower_bound(shots, machines, cost)),
            _format_minutes(halved.makespan),
            f"{halved.work / machines / halved.makespan:.0%}",
        )
        yield f"| {machines} | {' | '.join(cells)} |"


def _format_minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


@dataclass(frozen=True)
class RenderTiming:
    """Seconds of one render: in all, until the first segment, and from then to the last.

    ``driver_cpu``: CPU seconds a frame of the process that assembles.
    """

    workers: int
    frames: int
    whole: float
    first: float
    painting: float
    driver_cpu: float


def make_example_plan(clips: Path, folder: Path, longest: int, shots: int = 12, seed: int = 0) -> Path:
    """Make a gray film of 384×216 in ``folder``, and the plan for it.

    Its shots have a third of ``longest`` to ``longest`` frames; each is a clip, played back and forth, with its own
    first frame as reference.
    """
    from kinemacolor.options import RenderOptions
    from kinemacolor.plan.planner import PlanRequest, make_plan
    from kinemacolor.references.spec import ReferenceSpec

    generator = np.random.default_rng(seed)
    frames, references, starts = folder / "film", [], []
    frames.mkdir(parents=True)
    for clip in generator.choice(sorted(clips.iterdir()), shots, replace=False):
        pictures = [cv2.resize(cv2.imread(str(file)), (384, 216)) for file in sorted(Path(clip).iterdir())[:24]]
        count = len(list(frames.iterdir()))
        starts.append(count)
        still = folder / f"ref_{count:06d}.png"
        cv2.imwrite(str(still), pictures[0])
        references.append(ReferenceSpec.parse(str(still)))
        there_and_back = pictures + pictures[-2:0:-1]
        for number in range(int(generator.integers(longest // 3, longest + 1))):
            gray = cv2.cvtColor(there_and_back[number % len(there_and_back)], cv2.COLOR_BGR2GRAY)
            cv2.imwrite(str(frames / f"{count + number:06d}.png"), gray)
    (folder / "shots.csv").write_text("first\n" + "\n".join(map(str, starts)) + "\n")
    plan = folder / "film.plan.json"
    request = PlanRequest(
        frames, tuple(references), folder / "stills", options=RenderOptions(), shot_list=folder / "shots.csv"
    )
    make_plan(request)[0].write(plan)
    return plan


def time_render(plan_path: Path, workers: int, work: Path) -> RenderTiming:
    """Render a plan with this number of Ray workers, each with the threads that torch has here, and time it."""
    from kinemacolor.cluster.ray_backend import ClusterOptions
    from kinemacolor.cluster.render import render_on_cluster
    from kinemacolor.plan.document import Plan
    from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
    from kinemacolor.rendering.renderer import RenderPlan
    from kinemacolor.weights.registry import load_model

    plan = Plan.read(plan_path)
    model = load_model(plan.model)
    job = RenderPlan(plan, model, work)
    target = OutputSpec(work.with_suffix(".mkv"))
    prepared = prepare_plan_output(plan, target, model.spec, work, device="cpu", inputs=[plan_path])
    clock, start, cpu = time.monotonic(), time.time(), time.process_time()
    render_on_cluster(ClusterOptions(workers=workers), job, prepared)
    whole, cpu = time.monotonic() - clock, time.process_time() - cpu
    ends = sorted(file.stat().st_mtime - start for file in work.glob("passes/*/*.mkv"))
    frames = job.frames_to_paint
    return RenderTiming(workers, frames, whole, ends[0], ends[-1] - ends[0], cpu / frames)


def measure_workers(clips: Path, repeats: int, longest: int) -> Iterator[str]:
    """Time renders with one and two workers in turn; gives the lines of a Markdown table."""
    yield "| turn | workers | frames | all s | to the first segment s | from there to the last s | driver's ms | load |"
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|"
    with tempfile.TemporaryDirectory() as name:
        plan = make_example_plan(clips, Path(name) / "example", longest)
        for turn in range(repeats):
            for workers in (1, 2):
                one = time_render(plan, workers, Path(name) / f"{turn}-{workers}")
                load = os.getloadavg()[0]
                counts, seconds = f"{turn + 1} | {workers} | {one.frames}", (one.whole, one.first, one.painting)
                times = " | ".join(f"{value:.1f}" for value in seconds)
                yield f"| {counts} | {times} | {1000 * one.driver_cpu:.0f} | {load:.1f} |"


def main() -> None:
    """Print the model's tables, or with ``--measure`` the measured one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frame", type=float, default=0.17, help="seconds to paint a frame")
    parser.add_argument("--assembled", type=float, default=0.05, help="seconds to assemble a frame")
    parser.add_argument("--start", type=float, default=8, help="seconds until a machine starts to work")
    parser.add_argument("--begin", type=float, default=0.5, help="seconds until a pass begins")
    parser.add_argument("--measure", type=Path, metavar="CLIPS", help="measure instead, with the clips in this folder")
    parser.add_argument("--repeats", type=int, default=3, help="how often to measure")
    parser.add_argument("--longest", type=int, default=72, help="frames of the longest shot of the measured film")
    args = parser.parse_args()
    if args.measure:
        for line in measure_workers(args.measure, args.repeats, args.longest):
            print(line, flush=True)
        return
    cost = RenderCost(args.frame, args.assembled, args.start, args.begin)
    print(cost)
    for median in MEDIANS_SECONDS:
        shots = draw_shot_lengths(median, args.seed)
        chain = cost.begin_pass + max(shots) * cost.paint_frame
        print(
            f"\n{len(shots)} shots in {sum(shots) / RATE / 60:.0f} minutes, median {median:g} s, mean {MEAN_SECONDS:g};"
            f" the longest, {max(shots) / RATE:.0f} s, is a chain of {_format_minutes(chain)} minutes\n"
        )
        print("\n".join(iter_table_rows(shots, cost)))


if __name__ == "__main__":
    main()
