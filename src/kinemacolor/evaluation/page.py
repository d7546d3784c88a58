"""Writes evaluation results as one self-contained HTML page: tables, curves, pictures."""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from kinemacolor.evaluation.measure import FilmResult
from kinemacolor.evaluation.runs import SAMPLE_FRAMES, result_stem
from kinemacolor.evaluation.tables import METRIC_COLUMNS, mean_by_model, psnr_by_distance

LINE_COLORS = ("#888888", "#c58b1b", "#1b6fc5", "#b3312c", "#3a8f3a", "#7a3fa0")
PAGE_CURVES = (
    ("psnr", "PSNR dB"),
    ("confidence", "confidence"),
    ("warp_error", "warp error ×1000"),
    ("ab_error", "ab error"),
)
PAGE_STYLE = """
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
    """Write `index.html` into the folder of results; films are sorted by the last model's PSNR, the worst first."""
    colors = {
        model: LINE_COLORS[i % len(LINE_COLORS)] for i, model in enumerate(dict.fromkeys(row.model for row in rows))
    }
    films = dict.fromkeys(row.film for row in rows)
    last = {row.film: row.means.get("psnr", math.inf) for row in rows}
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"]
    parts += [
        f"<style>{PAGE_STYLE}</style><h1>{escape(title)}</h1>",
        _format_means_table(rows, folder),
        _format_failures(rows),
    ]
    parts += [_format_legend(colors), _format_distance_chart(rows, colors)]
    for film in sorted(films, key=lambda name: last[name]):
        film_rows = [row for row in rows if row.film == film and row.failure is None]
        if film_rows:
            parts += [
                f"<h2>{escape(film)}</h2>",
                _format_film_table(film_rows),
                _format_curves(film_rows, colors),
                _format_picture_strips(film_rows, folder),
            ]
    path = folder / "index.html"
    path.write_text("\n".join([*parts, "</html>"]), encoding="utf-8")
    return path


def _format_means_table(rows: Sequence[FilmResult], folder: Path) -> str:
    return "<h2>Means over films</h2>" + _format_table(
        [(name, means) for name, _, means in mean_by_model(rows, folder)]
    )


def _format_film_table(rows: Sequence[FilmResult]) -> str:
    return _format_table([(row.model, dict(row.means)) for row in rows])


def _format_table(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    columns = [c for c in METRIC_COLUMNS if any(not math.isnan(means.get(c.name, math.nan)) for _, means in rows)]
    head = "".join(f"<th scope=col>{escape(c.head)}</th>" for c in columns)
    body = []
    for name, means in rows:
        cells = []
        for c in columns:
            value = means.get(c.name, math.nan)
            cells.append(f"<td>{'–' if math.isnan(value) else f'{value:.{c.decimals}f}'}</td>")
        body.append(f"<tr><th scope=row>{escape(name)}</th>{''.join(cells)}</tr>")
    return f"<table><tr><th></th>{head}</tr>{''.join(body)}</table>"


def _format_failures(rows: Sequence[FilmResult]) -> str:
    failed = [f"<li class=bad>{escape(r.film)}, {escape(r.model)}: {escape(r.failure)}" for r in rows if r.failure]
    return f"<h2>Not measured</h2><ul>{''.join(failed)}</ul>" if failed else ""


def _format_legend(colors: dict[str, str]) -> str:
    return "<p>" + " ".join(f'<b style="color:{color}">■ {escape(name)}</b>' for name, color in colors.items())


def _format_distance_chart(rows: Sequence[FilmResult], colors: dict[str, str]) -> str:
    means = {model: [(float(d), value) for d, value, _ in line] for model, line in psnr_by_distance(rows).items()}
    return f"<div class=curves>{_draw_chart('PSNR dB over frames from the reference', means, colors)}</div>"


def _format_curves(rows: Sequence[FilmResult], colors: dict[str, str]) -> str:
    charts = []
    for name, title in PAGE_CURVES:
        lines = {row.model: [(float(i), v) for i, v in enumerate(row.curves.get(name, ()))] for row in rows}
        charts.append(_draw_chart(f"{title} over frames", lines, colors))
    return f"<div class=curves>{''.join(charts)}</div>"


def _draw_chart(title: str, lines: Mapping[str, Sequence[tuple[float, float]]], colors: dict[str, str]) -> str:
    """Draw an SVG chart with one line for each model through its finite points; empty text where there is none."""
    width, height, edge = 430, 150, 30
    finite = {model: [p for p in line if math.isfinite(p[1])] for model, line in lines.items()}
    points = [point for line in finite.values() for point in line]
    if not points:
        return ""
    (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*points, strict=True))
    across, up = (width - edge - 5) / ((right - left) or 1), (height - 2 * edge) / ((high - low) or 1)
    elements = []
    for model, line in finite.items():
        coordinates = " ".join(
            f"{edge + across * (x - left):.1f},{height - edge - up * (y - low):.1f}" for x, y in line
        )
        elements.append(f'<polyline fill="none" stroke="{colors[model]}" stroke-width="1.5" points="{coordinates}"/>')
    elements.append(
        f'<text x="4" y="16" font-size="13">{escape(title)}</text>'
        f'<g font-size="11" fill="#555"><text x="2" y="{edge + 8}">{high:.3g}</text>'
        f'<text x="2" y="{height - edge}">{low:.3g}</text><text x="{edge}" y="{height - 10}">{left:.0f}</text>'
        f'<text x="{width - 5}" y="{height - 10}" text-anchor="end">{right:.0f}</text></g>'
    )
    frame = f'<svg role="img" aria-label="{escape(title)}" width="{width}" height="{height}">'
    return f"{frame}{''.join(elements)}</svg>"


def _format_picture_strips(rows: Sequence[FilmResult], folder: Path) -> str:
    """Show sample frames (gray, true, by every model), then each model's worst frame with its confidence."""
    strip_rows = [(rows[0], "gray", "gray"), (rows[0], "truth", "truth"), *((row, "result", row.model) for row in rows)]
    moments = range(SAMPLE_FRAMES)
    strips = ["<h3>Over time</h3>"]
    for row, kind, caption in strip_rows:
        figures = (_format_figure(folder, row, f"moment{moment}", kind, caption) for moment in moments)
        strips.append(f"<div class=strip>{''.join(figures)}</div>")
    for row in rows[2:] or rows:
        kinds = ("truth", "result", "confidence")
        worst = [_format_figure(folder, row, "worst", kind, f"{kind}, {row.model}") for kind in kinds]
        strips.append(f"<h3>Worst frame of {escape(row.model)}</h3><div class=strip>{''.join(worst)}</div>")
    return "".join(strips)


def _format_figure(folder: Path, row: FilmResult, moment: str, kind: str, caption: str) -> str:
    path = folder / "pictures" / f"{result_stem(row.film, row.model)}.{moment}.{kind}.jpg"
    if not path.is_file():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    alt = escape(f"{caption}, {moment} of {row.film}")
    image = f'<img alt="{alt}" src="data:image/jpeg;base64,{data}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"
