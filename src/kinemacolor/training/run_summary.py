"""What the files of a run tell: its rows by kind, how far it came, which step was the best."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinemacolor.errors import InputError, translate_read_errors
from kinemacolor.training.logs import LOG_FILE, read_log
from kinemacolor.training.recipe_aliases import rename_old_keys


@dataclass(frozen=True)
class RunSummary:
    """The files of a run of this or an earlier version, as far as they are there.

    ``rows``: those of its log. ``recipe``: recipe.json with the names that keys have today; empty where there is none.
    ``filmstrips``: the files by step.
    """

    folder: Path
    rows: tuple[dict[str, Any], ...]
    recipe: dict[str, Any]
    filmstrips: dict[int, Path]

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return self.folder.absolute().name

    @property
    def last_step(self) -> int:
        """The last step of which the log tells."""
        return max(int(row["step"]) for row in self.rows)

    @property
    def seconds(self) -> float:
        """The time of all sessions together; each begins to count at zero."""
        total = last = 0.0
        for row in self.rows:
            now = get_number(row, "seconds") or 0.0
            total, last = (total + last, now) if row.get("kind") == "begin" else (total, now)
        return total + last

    def select_rows(self, kind: str) -> list[dict[str, Any]]:
        """Return the rows of one kind, in their order."""
        return [row for row in self.rows if row.get("kind") == kind]

    def collect_points(self, name: str) -> list[tuple[float, float]]:
        """Return step and value of everything that rows of training have under a name."""
        found = ((row["step"], get_number(row, name)) for row in self.select_rows("train"))
        return [(float(step), value) for step, value in found if value is not None]

    def collect_columns(self) -> list[tuple[int, dict[str, Mapping[str, Any]]]]:
        """Return step and columns of each validation; an earlier version measured ``near`` alone."""
        found = []
        for row in self.select_rows("validation"):
            columns = {
                key: x for key, x in row.items() if isinstance(x, Mapping) and isinstance(x.get("items"), Mapping)
            }
            if not columns and isinstance(row.get("films"), Mapping):
                items = {name: {"psnr": psnr} for name, psnr in row["films"].items()}
                columns = {"near": {"count": len(items), "psnr": row.get("psnr"), "items": items}}
            found.append((int(row["step"]), columns))
        return found

    def find_best(self) -> tuple[int, str, float] | None:
        """Find the step, the column and the PSNR (dB) of the best step; of an earlier version the highest of near."""
        for row in reversed(self.select_rows("best")):
            psnr = get_number(row, "psnr")
            if psnr is not None:
                return int(row["step"]), str(row.get("column")), psnr
        values = ((get_number(row, "psnr"), row["step"]) for row in self.select_rows("validation"))
        known = [(psnr, -step) for psnr, step in values if psnr is not None]
        return (-max(known)[1], "near", max(known)[0]) if known else None

    def describe_state(self) -> str:
        """Say how far the run came, and whether it goes on as far as its log tells."""
        steps = self.recipe.get("steps")
        end = self.rows[-1]
        reached = f"step {self.last_step}" + (f" of {steps}" if steps else "")
        why = end.get("why") if end.get("kind") == "end" else "no end is logged: it is going on, or was killed"
        return f"{reached}, {why}"


def read_run(folder: Path) -> RunSummary:
    """Read log.jsonl, recipe.json and the names of the filmstrips in the folder of a run.

    Raises InputError where there is no folder, no log, or no row in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name that of a run, which `train --output` made")
    with translate_read_errors(folder):
        if not (folder / LOG_FILE).is_file():
            raise InputError(f"{folder} holds no {LOG_FILE}: name the folder of a run, which `train --output` made")
        rows = read_log(folder)
        pictures = {int(path.stem): path for path in (folder / "filmstrips").glob("*.jpg") if path.stem.isdecimal()}
    if not rows:
        raise InputError(f"{folder / LOG_FILE} has no row yet: wait until the run has begun")
    return RunSummary(folder, tuple(rows), _read_recipe_file(folder / "recipe.json"), dict(sorted(pictures.items())))


def get_number(row: Mapping[str, Any], name: str) -> float | None:
    """Return a finite number of a row; None for anything else."""
    value = row.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]


def _read_recipe_file(path: Path) -> dict[str, Any]:
    """The recipe of a run; empty where there is none, or it is damaged: the log tells enough."""
    try:
        with translate_read_errors(path):
            content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError:
        return {}
    return rename_old_keys(content) if isinstance(content, dict) else {}
