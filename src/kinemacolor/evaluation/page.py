"""Results as one HTML page that needs nothing else: tables, curves, pictures."""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from kinemacolor.evaluation.measure import FilmResult
from kinemacolor.evaluation.runs import MOMENTS, stem_of
from kinemacolor.evaluation.tables import COLUMNS, model_means, over_distance

COLORS = ("#888888", "#c58b1b", "#1b6fc5", "#b3312c", "#3a8f3a", "#7a3fa0")
CURVES = (
    ("psnr", "PSNR dB"),
    ("confidence", "confidence"),
    ("warp_error", "warp error ×1000"),
    ("ab_error", "ab error"),
)
STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1400px;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}
td,th{padding:.25rem .4rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
td:first-child,th:first-child{text-align:left}
.strip{display:flex;flex-wrap:wrap;gap:6px;margin:.5rem 0}
figure{margin:0;width:300px}img{width:100%;display:block}figcaption{font-size:12px;color:#555}
.curves{display:flex;flex-wrap:wrap;gap:1rem}svg{background:#fafafa}.bad{color:#a00}
h2{margin-top:2.5rem;border-top:2px solid #222;padding-top:.5rem}
"""


def write_page(rows: Sequence[FilmResult], folder: Path, title: str) -> Path:
    """`index.html` in the folder of results; films that the last model does worst at come first."""
    colors = {model: COLORS[i % len(COLORS)] for i, model in enumerate(dict.fromkeys(row.model for row in rows))}
    films = dict.fromkeys(row.film for row in rows)
    last = {row.film: row.means.get("psnr", math.inf) for row in rows}
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"]
    parts += [f"<style>{STYLE}</style><h1>{escape(title)}</h1>", _means_table(rows, folder), _failures(rows)]
    parts += [_legend(colors), _distances(rows, colors)]
    for film in sorted(films, key=lambda name: last[name]):
        own = [row for row in rows if row.film == film and row.failure is None]
        if own:
            parts += [f"<h2>{escape(film)}</h2>", _film_table(own), _curves(own, colors), _strips(own, folder)]
    path = folder / "index.html"
    path.write_text("\n".join([*parts, "</html>"]), encoding="utf-8")
    return path


def _means_table(rows: Sequence[FilmResult], folder: Path) -> str:
    return "<h2>Means over films</h2>" + _table([(name, means) for name, _, means in model_means(rows, folder)])


def _film_table(rows: Sequence[FilmResult]) -> str:
    return _table([(row.model, dict(row.means)) for row in rows])


def _table(named: Sequence[tuple[str, dict[str, float]]]) -> str:
    columns = [c for c in COLUMNS if any(not math.isnan(means.get(c.name, math.nan)) for _, means in named)]
    head = "".join(f"<th scope=col>{escape(c.head)}</th>" for c in columns)
    body = []
    for name, means in named:
        cells = []
        for c in columns:
            value = means.get(c.name, math.nan)
            cells.append(f"<td>{'–' if math.isnan(value) else f'{value:.{c.decimals}f}'}</td>")
        body.append(f"<tr><th scope=row>{escape(name)}</th>{''.join(cells)}</tr>")
    return f"<table><tr><th></th>{head}</tr>{''.join(body)}</table>"


def _failures(rows: Sequence[FilmResult]) -> str:
    failed = [f"<li class=bad>{escape(r.film)}, {escape(r.model)}: {escape(r.failure)}" for r in rows if r.failure]
    return f"<h2>Not measured</h2><ul>{''.join(failed)}</ul>" if failed else ""


def _legend(colors: dict[str, str]) -> str:
    return "<p>" + " ".join(f'<b style="color:{color}">■ {escape(name)}</b>' for name, color in colors.items())


def _distances(rows: Sequence[FilmResult], colors: dict[str, str]) -> str:
    means = {model: [(float(d), value) for d, value, _ in line] for model, line in over_distance(rows).items()}
    return f"<div class=curves>{_chart('PSNR dB over frames from the reference', means, colors)}</div>"


def _curves(rows: Sequence[FilmResult], colors: dict[str, str]) -> str:
    charts = []
    for name, title in CURVES:
        lines = {row.model: [(float(i), v) for i, v in enumerate(row.curves.get(name, ()))] for row in rows}
        charts.append(_chart(f"{title} over frames", lines, colors))
    return f"<div class=curves>{''.join(charts)}</div>"


def _chart(title: str, lines: Mapping[str, Sequence[tuple[float, float]]], colors: dict[str, str]) -> str:
    """A line for each model through its points that are numbers; nothing where there is none."""
    width, height, edge = 430, 150, 30
    finite = {model: [p for p in line if math.isfinite(p[1])] for model, line in lines.items()}
    points = [point for line in finite.values() for point in line]
    if not points:
        return ""
    (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*points, strict=True))
    across, up = (width - edge - 5) / ((right - left) or 1), (height - 2 * edge) / ((high - low) or 1)
    drawn = []
    for model, line in finite.items():
        places = " ".join(f"{edge + across * (x - left):.1f},{height - edge - up * (y - low):.1f}" for x, y in line)
        drawn.append(f'<polyline fill="none" stroke="{colors[model]}" stroke-width="1.5" points="{places}"/>')
    drawn.append(
        f'<text x="4" y="16" font-size="13">{escape(title)}</text>'
        f'<g font-size="11" fill="#555"><text x="2" y="{edge + 8}">{high:.3g}</text>'
        f'<text x="2" y="{height - edge}">{low:.3g}</text><text x="{edge}" y="{height - 10}">{left:.0f}</text>'
        f'<text x="{width - 5}" y="{height - 10}" text-anchor="end">{right:.0f}</text></g>'
    )
    frame = f'<svg role="img" aria-label="{escape(title)}" width="{width}" height="{height}">'
    return f"{frame}{''.join(drawn)}</svg>"


def _strips(rows: Sequence[FilmResult], folder: Path) -> str:
    """A few moments of the film, gray, true and by every model; then each model's worst frame with its confidence."""
    shown = [(rows[0], "gray", "gray"), (rows[0], "truth", "truth"), *((row, "result", row.model) for row in rows)]
    moments = range(MOMENTS)
    strips = ["<h3>Over time</h3>"]
    for row, kind, caption in shown:
        figures = (_figure(folder, row, f"moment{moment}", kind, caption) for moment in moments)
        strips.append(f"<div class=strip>{''.join(figures)}</div>")
    for row in rows[2:] or rows:
        kinds = ("truth", "result", "confidence")
        worst = [_figure(folder, row, "worst", kind, f"{kind}, {row.model}") for kind in kinds]
        strips.append(f"<h3>Worst frame of {escape(row.model)}</h3><div class=strip>{''.join(worst)}</div>")
    return "".join(strips)


def _figure(folder: Path, row: FilmResult, when: str, kind: str, caption: str) -> str:
    path = folder / "pictures" / f"{stem_of(row.film, row.model)}.{when}.{kind}.jpg"
    if not path.is_file():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    alt = escape(f"{caption}, {when} of {row.film}")
    image = f'<img alt="{alt}" src="data:image/jpeg;base64,{data}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"
