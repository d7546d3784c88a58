"""Writes report.html into the folder of a run: its curves, pictures and numbers on one page that needs nothing else."""

import base64
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from statistics import median

from kinemacolor._version import __version__
from kinemacolor.training.charts import ChartLine, draw_chart
from kinemacolor.training.recipe_aliases import RENAMED_KEYS
from kinemacolor.training.report_tables import MEASURES, format_recipe_section, format_tables_section
from kinemacolor.training.run_summary import RunSummary, get_number, read_run
from kinemacolor.utils.files import write_file_atomically

COLUMN_COLORS = {"near": "#2563a8", "far": "#b4561a", "other": "#35764a"}
COLUMN_WORDS = {
    "near": "films, the reference is their own first frame",
    "far": "films, the reference is another part of the film",
    "other": "photographs, the reference is the most similar other one",
}
LOSS_COLOR, LOOP_COLOR, PLAIN_COLOR = "#3b4a63", "#5d5d66", "#777777"
LOOP_NAMES = ("lr_scale", "step_seconds", "gradient")  # of a row of training: what is no loss
LOSS_UNITS = {
    **dict.fromkeys(
        ("l1", "match_colors", "semantic_colors", "filled_colors", "evidence", "by_kind", "temporal"), "Lab units"
    ),
    "psnr": "dB",
}
STYLE = """
:root{color-scheme:light}*{box-sizing:border-box}
body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;margin:0 auto;max-width:1240px;
padding:1.5rem 1.25rem 4rem;color:#1f2328;background:#fff;font-variant-numeric:tabular-nums}
h1{font-size:1.55rem;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:1.12rem;margin:2.4rem 0 .7rem;padding-bottom:.3rem;border-bottom:1px solid #dcdfe4}
p{margin:.3rem 0;max-width:85ch}.soft{color:#5b626c}
.facts{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.1rem 0 0}
.facts div{border:1px solid #dcdfe4;border-radius:6px;padding:.5rem .85rem;min-width:9rem}
.facts b{display:block;font-size:1.3rem;font-weight:600}.facts span{color:#5b626c;font-size:.85rem}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(360px,1fr));gap:1rem}
figure{margin:0}.chart{border:1px solid #dcdfe4;border-radius:6px;padding:.6rem .7rem .4rem}
.chart figcaption{display:flex;justify-content:space-between;gap:1rem;font-size:.92rem;overflow-wrap:anywhere}
.legend{display:flex;gap:.8rem;color:#5b626c;white-space:nowrap}
.legend i{display:inline-block;width:.8rem;height:.2rem;margin-right:.35rem;vertical-align:middle}
svg{display:block;width:100%;height:auto}svg text{font-size:10.5px;fill:#5b626c}
.grid{stroke:#e9ebee}.axis{stroke:#9aa1ab}.best{stroke:#1f2328;stroke-dasharray:3 3;stroke-width:1}
polyline{fill:none;stroke-width:1.7;stroke-linejoin:round}polyline.raw{opacity:.28;stroke-width:1}
.strip{margin:0 0 1.6rem}.strip img{display:block;width:100%;height:auto;margin-top:.4rem}
.table{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}
th,td{padding:.3rem .75rem;border-bottom:1px solid #e9ebee;text-align:right;white-space:nowrap}
thead th{font-weight:600;border-bottom-color:#9aa1ab;vertical-align:bottom}
th:first-child,td:first-child{text-align:left;padding-left:0}tbody th{font-weight:400}
tr.top th,tr.top td{background:#f3f5f8;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;margin:0;font-size:.92rem}
dt{color:#5b626c}dd{margin:0;overflow-wrap:anywhere}
summary{cursor:pointer;margin:1rem 0 .3rem}
pre{background:#f6f7f9;padding:.8rem;border-radius:6px;overflow:auto;font-size:.82rem}
@media print{.chart,.strip,tr{break-inside:avoid}}
"""


def write_report(folder: Path) -> Path:
    """Write report.html from log.jsonl, recipe.json and filmstrips of a run, which may be going on or have been killed.

    Runs of earlier versions are read too. Raises what `read_run` raises, ResourceError for disk errors.
    """
    path = folder / "report.html"
    text = format_report(read_run(folder))
    with write_file_atomically(path) as stream:
        stream.write(text.encode())
    return path


def format_report(run: RunSummary) -> str:
    """Format the page of a run; its pictures are embedded."""
    title = escape(f"{_get_model_name(run)}: {run.name}")
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>',
        f"<header><h1>{title}</h1><p class=soft>{escape(run.describe_state())}</p>{_format_facts(run)}</header><main>",
        *_format_validation(run),
        *_format_training(run),
        *_format_filmstrips(run),
        *format_tables_section(run),
        *format_recipe_section(run),
        f"</main><footer class=soft><p>kinemacolor {escape(__version__)}, train --report</p></footer></body></html>\n",
    ]
    return "\n".join(parts)


def _get_model_name(run: RunSummary) -> str:
    model = run.recipe.get("model")
    return str(model.get("name", "run")) if isinstance(model, Mapping) else "run"


def _format_facts(run: RunSummary) -> str:
    """The numbers that are looked for first."""
    facts = []
    best, validations = run.find_best(), run.collect_columns()
    if best:
        facts.append((f"{best[2]:.2f} dB", f"best: {best[1]}, at step {best[0]}"))
    for name, column in validations[-1][1].items() if validations else ():
        psnr = get_number(column, "psnr")
        if psnr is not None:
            facts.append((f"{psnr:.2f} dB", f"{name}, at step {validations[-1][0]}"))
    pace = [value for _, value in run.collect_points("step_seconds")]
    if pace:
        facts.append((f"{median(pace):.3g} s", "a step, median"))
    facts.append((_format_duration(run.seconds), "in all"))
    return (
        "<div class=facts>"
        + "".join(f"<div><b>{escape(a)}</b><span>{escape(b)}</span></div>" for a, b in facts)
        + "</div>"
    )


def _format_duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return (
        f"{minutes // 60} h {minutes % 60:02} min"
        if minutes >= 60
        else f"{minutes} min"
        if minutes
        else f"{seconds:.0f} s"
    )


def _format_validation(run: RunSummary) -> Iterator[str]:
    """Curves of each measure with a line for each column, and what the columns are."""
    validations, best = run.collect_columns(), run.find_best()
    names = list(dict.fromkeys(name for _, columns in validations for name in columns))
    yield "<h2>Validation</h2>"
    if not names:
        yield "<p class=soft>Nothing was validated yet.</p>"
        return
    words = [f"<b>{escape(name)}</b>: {escape(COLUMN_WORDS.get(name, ''))}" for name in names]
    mark = f" The dashed line is the best step, {best[0]}." if best else ""
    yield f"<p class=soft>{'; '.join(words)}. None of them was trained on.{mark}</p><div class=charts>"
    for measure in MEASURES:
        lines = []
        for name in names:
            points = ((step, get_number(columns.get(name, {}), measure.key)) for step, columns in validations)
            known = [(float(step), value) for step, value in points if value is not None]
            lines.append(ChartLine(name, COLUMN_COLORS.get(name, PLAIN_COLOR), known, dotted=True))
        yield draw_chart(measure.title, measure.unit, lines, best[0] if best else None)
    yield "</div>"


def _format_training(run: RunSummary) -> Iterator[str]:
    """Curves of the losses, raw and smoothed, then of what else a row of training holds."""
    names = dict.fromkeys(name for row in run.select_rows("train") for name in row)
    losses = [name for name in names if name not in ("step", "kind", "seconds", *LOOP_NAMES)]
    yield "<h2>Training</h2>"
    if not names:
        yield "<p class=soft>No step was logged yet.</p>"
        return
    yield "<p class=soft>Pale: each row of the log, a mean over its steps. Strong: smoothed.</p><div class=charts>"
    for name in sorted(losses, key=lambda name: name != "loss"):
        weight = _get_loss_weight(run, name)
        title = "loss, the weighted sum" if name == "loss" else name
        title += "" if weight is None else f", weight {weight:g}"
        points = run.collect_points(name)
        yield draw_chart(title, LOSS_UNITS.get(name, "loss"), [ChartLine("", LOSS_COLOR, points)])
    lr = get_number(run.recipe.get("optimizer") or {}, "lr")
    scales = [(step, scale * (lr or 1)) for step, scale in run.collect_points("lr_scale")]
    yield draw_chart("learning rate", "lr" if lr else "factor", [ChartLine("", LOOP_COLOR, scales)])
    for name, title, unit in (
        ("gradient", "norm of the gradient, before clipping", "norm"),
        ("step_seconds", "time of a step", "s"),
    ):
        yield draw_chart(title, unit, [ChartLine("", LOOP_COLOR, run.collect_points(name))])
    yield "</div>"


def _get_loss_weight(run: RunSummary, name: str) -> float | None:
    losses = run.recipe.get("losses")
    term = losses.get(RENAMED_KEYS.get(f"losses.{name}", name)) if isinstance(losses, Mapping) else None
    return get_number(term, "weight") if isinstance(term, Mapping) else None


def _format_filmstrips(run: RunSummary) -> Iterator[str]:
    """The filmstrips of the first, the best and the last validation, one below the other."""
    steps, best = list(run.filmstrips), run.find_best()
    if not steps:
        return
    shown: dict[int, list[str]] = {steps[0]: ["first"]}
    if best and best[0] in run.filmstrips:
        shown.setdefault(best[0], []).append("best")
    shown.setdefault(steps[-1], []).append("last")
    columns = dict(run.collect_columns())
    yield (
        "<h2>Pictures</h2><p class=soft>From top to bottom: the gray frames that the model gets, the true ones, "
        "its result; at the left of the gray ones the reference. "
        "Columns of the validation lie one below the other.</p>"
    )
    for step, words in sorted(shown.items()):
        data = base64.b64encode(run.filmstrips[step].read_bytes()).decode()
        caption = f"Step {step}, {' and '.join(words)} validation"
        numbers = ", ".join(
            f"{name} {psnr:.2f} dB"
            for name, column in columns.get(step, {}).items()
            if (psnr := get_number(column, "psnr")) is not None
        )
        image = f'<img alt="{escape(caption)}" src="data:image/jpeg;base64,{data}">'
        line = f"<b>{escape(caption)}</b> <span class=soft>{escape(numbers)}</span>"
        yield f"<figure class=strip><figcaption>{line}</figcaption>{image}</figure>"
