"""Summarizes evaluation results: means over films, PSNR by distance, CSV files, and the comparison of two models."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinemacolor.errors import InputError
from kinemacolor.evaluation.measure import FilmResult, finite_mean
from kinemacolor.evaluation.runs import compute_films_fid
from kinemacolor.metrics.detail import DETAIL_BANDS
from kinemacolor.utils.words import format_count


@dataclass(frozen=True)
class MetricColumn:
    """A measure as a table column: name in results, heading, decimals, and whether more is better (None: neither)."""

    name: str
    head: str
    decimals: int
    more_is_better: bool | None


METRIC_COLUMNS = (
    MetricColumn("psnr", "PSNR dB", 2, True),
    MetricColumn("psnr_uint8_wraparound", "faulty PSNR", 2, None),
    MetricColumn("ssim", "SSIM", 4, True),
    MetricColumn("lpips_alex", "LPIPS", 4, False),
    MetricColumn("lpips_vgg", "LPIPS VGG", 4, False),
    MetricColumn("fid", "FID", 2, False),
    MetricColumn("ab_error", "ab error", 2, False),
    MetricColumn("ciede2000", "ΔE00", 2, False),
    MetricColumn("detail_25_9", "detail 25–9 px", 2, True),
    MetricColumn("detail_9_3", "detail 9–3 px", 2, True),
    MetricColumn("colorfulness", "colourful", 2, None),
    MetricColumn("colorfulness_truth", "of truth", 2, None),
    MetricColumn("warp_error", "WE", 3, False),
    MetricColumn("warp_error_truth", "of truth", 3, None),
    MetricColumn("chroma_change", "chroma change", 3, False),
    MetricColumn("cdc", "CDC", 5, False),
    MetricColumn("top1", "top-1", 2, True),
    MetricColumn("top5", "top-5", 2, True),
    MetricColumn("confidence", "confidence", 2, None),
    MetricColumn("confidence_correlation", "correlation", 2, True),
    MetricColumn("ause", "AUSE", 3, False),
)
OF_WHOLE_FILMS = {"cdc", *DETAIL_BANDS}  # measures that frames have not


@dataclass(frozen=True)
class ModelDifference:
    """Mean over films of B less A for one measure, with its 95 % bootstrap interval ``low`` to ``high``."""

    column: MetricColumn
    films: int
    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Which model is better by the interval; empty text where neither more nor less is better."""
        if self.column.more_is_better is None or self.low <= 0 <= self.high:
            return "no difference shown" if self.column.more_is_better is not None else ""
        return "B better" if (self.mean > 0) == self.column.more_is_better else "A better"


def mean_by_model(rows: Sequence[FilmResult], folder: Path) -> list[tuple[str, int, dict[str, float]]]:
    """Average each model's measures over films of equal weight: its name, number of films, and means.

    FID is not averaged, but computed over all frames of all films.
    """
    means_by_model = []
    for model in dict.fromkeys(row.model for row in rows):
        model_rows = [row for row in rows if row.model == model and row.failure is None]
        means = {c.name: finite_mean([row.means.get(c.name, math.nan) for row in model_rows]) for c in METRIC_COLUMNS}
        means["fid"] = compute_films_fid(folder, model_rows) if model_rows else math.nan
        means_by_model.append((model, len(model_rows), means))
    return means_by_model


def format_means_table(rows: Sequence[tuple[str, int, dict[str, float]]], head: str = "model") -> str:
    """Format rows of `mean_by_model` as a Markdown table, without the columns that no row has."""
    columns = [c for c in METRIC_COLUMNS if any(not math.isnan(means.get(c.name, math.nan)) for _, _, means in rows)]
    lines = [_format_row(head, "films", *(c.head for c in columns)), "|---|" + "--:|" * (len(columns) + 1)]
    for name, films, means in rows:
        values = [means.get(c.name, math.nan) for c in columns]
        cells = ["–" if math.isnan(v) else f"{v:.{c.decimals}f}" for c, v in zip(columns, values, strict=True)]
        lines.append(_format_row(name, str(films), *cells))
    return "\n".join(lines)


def psnr_by_distance(rows: Sequence[FilmResult], step: int = 10) -> dict[str, list[tuple[int, float, int]]]:
    """Average PSNR by the distance from the reference in frames (Deep Exemplar, Fig. 7), for each model.

    Only where the reference is a frame of the film. Every entry of a model: the first distance of a bin of ``step``
    frames, the mean over films of their mean PSNR in that bin, and the number of films that are long enough. The
    reference itself, distance 0, is left out.
    """
    found: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        reference = {"first": 0}.get(row.protocol, int(row.protocol.partition(":")[2] or -1))
        bins: dict[int, list[float]] = {}
        for index, value in enumerate(row.curves.get("psnr", ()) if reference >= 0 else ()):
            if index != reference:
                bins.setdefault((abs(index - reference) - 1) // step * step + 1, []).append(value)
        for distance, values in bins.items():
            found.setdefault(row.model, {}).setdefault(distance, []).append(finite_mean(values))
    return {model: [(d, finite_mean(bins[d]), len(bins[d])) for d in sorted(bins)] for model, bins in found.items()}


def format_distance_table(rows: Sequence[FilmResult], step: int = 10) -> str:
    """Format `psnr_by_distance` as a Markdown table; empty text where no reference is a frame of its film."""
    found = psnr_by_distance(rows, step)
    if not found:
        return ""
    longest = max(found.values(), key=len)
    lines = [_format_row("frames from the reference", "films", *found), "|---|--:|" + "--:|" * len(found)]
    for place, (distance, _, films) in enumerate(longest):
        cells = [f"{line[place][1]:.2f}" if place < len(line) else "–" for line in found.values()]
        lines.append(_format_row(f"{distance}–{distance + step - 1}", str(films), *cells))
    return "\n".join(lines)


def write_csv(rows: Sequence[FilmResult], folder: Path) -> None:
    """Write `films.csv`, a line for each film and model, and `frames.csv`, a line for each of their frames."""
    names = [c.name for c in METRIC_COLUMNS if c.name != "fid"]
    with (folder / "films.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["film", "model", "protocol", "frames", *names, "failure"])
        for row in rows:
            values = [row.means.get(name, "") for name in names]
            table.writerow([row.film, row.model, row.protocol, row.frames, *values, row.failure or ""])
    with (folder / "frames.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        curves = [name for name in names if name not in OF_WHOLE_FILMS]
        table.writerow(["film", "model", "frame", *curves])
        for row in rows:
            for index in range(row.frames):
                values = [row.curves[name][index] if name in row.curves else "" for name in curves]
                table.writerow([row.film, row.model, index, *values])


def compare_models(
    rows: Sequence[FilmResult], first: str, second: str, *, samples: int = 10_000
) -> list[ModelDifference]:
    """Compare two models by paired differences over the films that both have, with a percentile bootstrap over films.

    Raises InputError where there are fewer than two such films.
    """
    measured = [row for row in rows if row.failure is None]
    by_model = {model: {row.film: row for row in measured if row.model == model} for model in (first, second)}
    films = sorted(by_model[first].keys() & by_model[second].keys())
    if len(films) < 2:
        have = ", ".join(dict.fromkeys(row.model for row in rows)) or "none"
        raise InputError(
            f"{first} and {second} share {format_count(len(films), 'film')}, two are needed; the results hold: {have}"
        )
    generator, found = np.random.default_rng(0), []
    for column in (c for c in METRIC_COLUMNS if not c.name.endswith("_truth")):
        a, b = ([by_model[m][film].means.get(column.name, math.nan) for film in films] for m in (first, second))
        gaps = np.array(b, dtype=float) - np.array(a, dtype=float)
        gaps = gaps[np.isfinite(gaps)]
        if len(gaps) < 2:
            continue
        # Percentile bootstrap (Efron 1979): films are drawn, not frames, because frames of one film are alike.
        drawn = gaps[generator.integers(0, len(gaps), (samples, len(gaps)))].mean(1)
        low, high = np.percentile(drawn, [2.5, 97.5])
        found.append(ModelDifference(column, len(gaps), float(gaps.mean()), float(low), float(high)))
    return found


def format_differences_table(differences: Sequence[ModelDifference], first: str, second: str) -> str:
    """Format the differences of `compare_models` as a Markdown table."""
    lines = [f"| measure | films | {second} less {first} | 95 % interval | |", "|---|--:|--:|--:|---|"]
    for d in differences:
        digits = d.column.decimals + 1
        interval = f"{d.low:+.{digits}f} to {d.high:+.{digits}f}"
        verdict = d.verdict.replace("A better", f"{first} better").replace("B better", f"{second} better")
        lines.append(f"| {d.column.head} | {d.films} | {d.mean:+.{digits}f} | {interval} | {verdict} |")
    return "\n".join(lines)


def _format_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
