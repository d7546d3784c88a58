"""Writes a report as a folder with JSON, an HTML page and pictures, whole or not at all."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kinemacolor._version import __version__
from kinemacolor.errors import UsageError
from kinemacolor.plan.document import Plan
from kinemacolor.report.build import QualityReport, ShotReport, make_report
from kinemacolor.report.page import format_report_page
from kinemacolor.utils.bags import check_outside_bags
from kinemacolor.utils.files import translate_disk_errors, write_folder_atomically

REPORT_FILE, PAGE_FILE, PICTURES_FOLDER = "report.json", "index.html", "pictures"
DECIMALS = 4


def write_report(
    plan: Plan,
    work: Path,
    folder: Path,
    on_frame: Callable[[int], None] | None = None,
    frame_link: str | None = None,
) -> QualityReport:
    """Measure the predictions for a plan, and write the report to ``folder``, in place of an earlier report.

    ``frame_link``: address, with ``{frame}`` in it, where the page's reader gets a frame of the plan to colour.

    Raises UsageError for a folder that holds something else, ResourceError where the disk is full or refuses, and as
    `make_report`.
    """
    check_report_folder(folder)
    with write_folder_atomically(folder.absolute()) as new:
        report = make_report(plan, work, new, on_frame=on_frame)
        with translate_disk_errors(folder):
            (new / REPORT_FILE).write_text(to_json(report), encoding="utf-8")
            (new / PAGE_FILE).write_text(format_report_page(report, frame_link), encoding="utf-8")
    return report


def check_report_folder(folder: Path) -> None:
    """Raise UsageError where a report would replace what is none, or lie in a bag, or its parent does not exist."""
    check_outside_bags(folder)
    if not folder.absolute().parent.is_dir():
        raise UsageError(f"the folder {folder.parent} does not exist: make it first")
    if not folder.exists():
        return
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not folder.is_dir() or (
        found and (REPORT_FILE not in found or found - {REPORT_FILE, PAGE_FILE, PICTURES_FOLDER})
    ):
        raise UsageError(f"{folder} is there and is no report: name another folder with -o")


def to_json(report: QualityReport) -> str:
    """Format a report as JSON of finite numbers; null where there is nothing to measure.

    Keys: ``report``, the version of this format; ``film``, ``model``, ``frames``, ``mean_confidence``; ``faults``, the
    ``unit``, ``meaning`` and ``limit`` of each; ``advice``, frames that would help most as references
    (`ReferenceAdvice`); ``shots``, in the order of the film (`ShotReport`), where ``verdict`` is "pass" or "look",
    ``need`` and ``reasons`` are as in `Verdict`, ``faults`` has the shot's amount of each, ``measures`` is as in
    `ShotMeasures`; ``references``, the picture of each; ``per_frame``, a list for each field of `FrameMeasures` with a
    number for each frame. Only where the model filled: ``filled``, in all, of shots in ``faults`` and ``measures``, and
    in ``per_frame``: the part of the colours that no reference shows.
    """
    content = {
        "report": 1,
        "kinemacolor": __version__,
        "film": report.film,
        "model": report.model,
        "frames": report.frames,
        "mean_confidence": report.mean_confidence,
        **({} if report.filled is None else {"filled": report.filled}),
        "faults": {
            fault.name: {"unit": fault.unit, "meaning": fault.meaning, "limit": getattr(report.limits, fault.name)}
            for fault in report.faults
        },
        "advice": [asdict(one) for one in report.advice],
        "shots": [_shot_to_json(report, shot) for shot in report.shots],
        "references": report.references,
        "per_frame": {name: report.curves.values_of(name).tolist() for name in report.measured},
    }
    return json.dumps(_round_finite(content), allow_nan=False) + "\n"


def _shot_to_json(report: QualityReport, shot: ShotReport) -> dict[str, object]:
    content = asdict(shot)
    if report.filled is None:
        del content["measures"]["filled"]
    return content | {
        "verdict": shot.verdict.label,
        "need": shot.verdict.need,
        "reasons": shot.verdict.reasons,
        "faults": {fault.name: fault.measure(shot.measures) for fault in report.faults},
    }


def _round_finite(value: Any) -> Any:
    """Round all floats in a nested value to `DECIMALS` decimals; nan and infinity become None."""
    if isinstance(value, float):
        return round(value, DECIMALS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _round_finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_round_finite(inner) for inner in value]
    return value
