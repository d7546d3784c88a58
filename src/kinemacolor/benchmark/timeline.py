"""Draws when each stage of a job worked on which frame: who waits for whom can be seen."""

import tempfile
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from kinemacolor.benchmark.variants import Job
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.one_shot import ColorizeRequest, ColorizeRun
from kinemacolor.utils.stages import Stages
from kinemacolor.weights.registry import load_model

Intervals = Mapping[str, Sequence[tuple[float, float]]]  # of each stage begin and end of its items, in seconds

WIDTH, LEFT, RIGHT, TOP = 1000, 84, 76, 34  # px
ROW, BAR, FOOT = 30, 20, 26  # px: height of a row, of its bars, and of the axis below
TICKS = 10  # about so many seconds are written
SHADES = ("#2f6db3", "#8fb8e3")  # of one frame and the next
INK, LINE = "#1f2933", "#d5dbe1"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def record_timeline(job: Job) -> Intervals:
    """Colorize in this process; gives when each stage of the render worked on its items. Its result is thrown away.

    Raises as `ColorizeRun`.
    """
    stages = Stages(keeps_intervals=True)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "result.mp4")
        run = ColorizeRun(
            ColorizeRequest(job.film, (ReferenceSpec(job.reference),), output, job.model, end_seconds=job.end_seconds)
        )
        model = load_model(job.model)
        run.render(run.make_plan(model), model, stages=stages)
    return stages.intervals


def draw_timeline(intervals: Intervals, title: str) -> str:
    """Draw intervals as SVG: a row for each stage, in the order in which they begin, a bar for each item."""
    rows = sorted(((name, spans) for name, spans in intervals.items() if spans), key=lambda row: row[1][0])
    begin = min((spans[0][0] for _, spans in rows), default=0.0)
    seconds = max((spans[-1][1] for _, spans in rows), default=1.0) - begin
    scale = (WIDTH - LEFT - RIGHT) / seconds
    height = TOP + ROW * len(rows) + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="{FONT}" font-size="13" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>',
        f'<text x="{WIDTH - 8}" y="20" text-anchor="end">busy</text>',
    ]
    step = _choose_step(seconds)
    for number in range(int(seconds / step) + 1):
        x = LEFT + number * step * scale
        parts.append(f'<path d="M{x:.1f} {TOP - 4}V{height - FOOT + 4}" stroke="{LINE}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{number * step:g} s</text>')
    for number, (name, spans) in enumerate(rows):
        top = TOP + ROW * number + (ROW - BAR) / 2
        busy = sum(end - start for start, end in spans) / seconds
        parts.append(f'<text x="{LEFT - 8}" y="{top + 15:.0f}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<text x="{WIDTH - 8}" y="{top + 15:.0f}" text-anchor="end">{100 * busy:.0f} %</text>')
        for shade, color in enumerate(SHADES):
            bars = "".join(
                f"M{LEFT + (start - begin) * scale:.2f} {top:.0f}h{max((end - start) * scale, 0.3):.2f}v{BAR}H"
                f"{LEFT + (start - begin) * scale:.2f}z"
                for start, end in spans[shade :: len(SHADES)]
            )
            parts.append(f'<path d="{bars}" fill="{color}"/>')
    return "\n".join([*parts, "</svg>", ""])


def _choose_step(seconds: float) -> float:
    """The seconds from one tick to the next: 1, 2 or 5 times a power of ten."""
    step = 1.0
    while seconds / step > TICKS:
        step *= 10
    while seconds / step < TICKS / 10:
        step /= 10
    return step if seconds / step > TICKS / 2 else step / 2 if seconds / step > TICKS / 5 else step / 5
