"""Charts of a run as SVG text for a page: lines over steps, with units on their axes. No script, nothing to load."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 380, 220  # px of a chart
LEFT, RIGHT, TOP, BOTTOM = 60, 14, 12, 34  # px around its lines
LEAST_SPAN = 0.01  # of an axis of values, as a share of the largest: less is noise, and is to look like it
MAX_POINTS = 500  # of a line: more cannot be seen at this width
SMOOTHING_SHARE = 0.06  # of a line's points, over which it is smoothed
OUTLIER_SHARE = 0.02  # of a raw line's values at either end, which do not decide the range of the axis

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class ChartLine:
    """A line of finite ``points``, step and value, in their order.

    ``dotted`` marks each of them; else the line is drawn pale, and a smoothed one over it.
    """

    name: str
    color: str
    points: Points
    dotted: bool = False


def draw_chart(title: str, unit: str, lines: Sequence[ChartLine], best_step: float | None = None) -> str:
    """Draw a chart as a figure of HTML, with a dashed line at ``best_step``; empty text without any point.

    Values far outside of all others are drawn at the edge.
    """
    thinned = [ChartLine(one.name, one.color, thin_points(one.points), one.dotted) for one in lines if one.points]
    if not thinned:
        return ""
    steps = [x for one in thinned for x, _ in one.points] + ([best_step] if best_step is not None else [])
    scale = _Scale(min(steps), max(steps), *_find_range(thinned))
    parts = [_draw_axes(scale, unit)]
    if best_step is not None:
        x = scale.place_x(best_step)
        parts.append(f'<line class="best" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
    for one in thinned:
        if not one.dotted:
            parts.append(_draw_line(scale, one.points, one.color, "raw"))
        parts.append(_draw_line(scale, one.points if one.dotted else smooth_points(one.points), one.color, "line"))
        if one.dotted:
            places = ((scale.place_x(x), scale.place_y(y), x, y) for x, y in one.points)
            parts += [
                f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="2.6" fill="{one.color}">'
                f"<title>{escape(one.name)}, step {x:.0f}: {y:.4g}</title></circle>"
                for cx, cy, x, y in places
            ]
    named = [one for one in thinned if one.name]
    legend = "".join(f'<span><i style="background:{one.color}"></i>{escape(one.name)}</span>' for one in named)
    label = escape(f"{title}, {unit}" if unit else title)
    return (
        f"<figure class=chart><figcaption><b>{escape(title)}</b><span class=legend>{legend}</span></figcaption>"
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg></figure>'
    )


def thin_points(points: Points) -> list[tuple[float, float]]:
    """Replace runs of points by their means, so that at most `MAX_POINTS` are left."""
    size = math.ceil(len(points) / MAX_POINTS)
    runs = (points[start : start + size] for start in range(0, len(points), size or 1))
    return [(sum(x for x, _ in run) / len(run), sum(y for _, y in run) / len(run)) for run in runs]


def smooth_points(points: Points) -> list[tuple[float, float]]:
    """Replace each value by the mean of those around it; at the ends of fewer, and of as many before as after."""
    reach = max(3, round(SMOOTHING_SHARE * len(points) / 2))
    smoothed = []
    for place, (step, _) in enumerate(points):
        side = min(reach, place, len(points) - 1 - place)
        window = [y for _, y in points[place - side : place + side + 1]]
        smoothed.append((step, sum(window) / len(window)))
    return smoothed


def choose_ticks(low: float, high: float, count: int) -> list[float]:
    """Choose about ``count`` round numbers between two values."""
    raw = (high - low) / count
    base = 10 ** math.floor(math.log10(raw))
    step = next(base * factor for factor in (1, 2, 5, 10) if base * factor >= raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


@dataclass(frozen=True)
class _Scale:
    """Steps and values to px."""

    first: float
    last: float
    low: float
    high: float

    def place_x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (step - self.first) / ((self.last - self.first) or 1)

    def place_y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (inside - self.low) / (self.high - self.low)


def _find_range(lines: Sequence[ChartLine]) -> tuple[float, float]:
    """The least and the largest value of the axis, with a margin."""
    kept: list[float] = []
    for one in lines:
        values = sorted(y for _, y in one.points)
        cut = 0 if one.dotted else int(OUTLIER_SHARE * len(values))
        kept += values[cut : len(values) - cut]
    low, high = min(kept), max(kept)
    margin = max(0.06 * (high - low), (LEAST_SPAN * abs(high) - (high - low)) / 2) or 1.0
    floor = 0.0 if low >= 0 else -math.inf  # an axis of what cannot be negative does not go below zero
    return max(floor, low - margin), high + margin


def _draw_axes(scale: _Scale, unit: str) -> str:
    """Grid lines with their numbers, the unit, and the word step."""
    parts = []
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    ticks = choose_ticks(scale.low, scale.high, 5)
    for value in ticks:
        y = scale.place_y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 7}" y="{y + 3.5:.1f}" text-anchor="end">{_format_tick(value, ticks)}</text>')
    step_ticks = choose_ticks(scale.first, scale.last, 6) if scale.last > scale.first else [scale.first]
    for step in step_ticks:
        x = scale.place_x(step)
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{_format_tick(step, step_ticks)}</text>'
        )
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    parts.append(f'<text class="unit" x="{right}" y="{HEIGHT - 4}" text-anchor="end">step</text>')
    middle = (TOP + bottom) / 2
    turned = f'transform="rotate(-90 10 {middle:.0f})"'
    parts.append(f'<text class="unit" x="10" y="{middle:.0f}" text-anchor="middle" {turned}>{escape(unit)}</text>')
    return "".join(parts)


def _format_tick(value: float, ticks: Sequence[float]) -> str:
    """A number with as many decimals as its neighbours on the axis need; thousands as k, very small ones with e."""
    gap = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(value) or 1.0
    if gap >= 1000:
        return f"{value / 1000:g}k"
    if gap < 1e-4:
        return f"{value:.1e}" if value else "0"
    decimals = max(0, -math.floor(math.log10(gap) + 1e-9)) if gap < 1 else 0
    return f"{value:.{decimals}f}"


def _draw_line(scale: _Scale, points: Points, color: str, kind: str) -> str:
    places = " ".join(f"{scale.place_x(x):.1f},{scale.place_y(y):.1f}" for x, y in points)
    return f'<polyline class="{kind}" stroke="{color}" points="{places}"/>'
