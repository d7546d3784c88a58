"""The page about a run says what its files say, whatever version wrote them, and needs nothing but itself."""

import json
import math
import shutil
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kinemacolor.cli.main import run
from kinemacolor.errors import InputError
from kinemacolor.training import charts
from kinemacolor.training.charts import ChartLine, choose_ticks, draw_chart, smooth_points, thin_points
from kinemacolor.training.recipe_file import read_recipe, recipe_to_dict
from kinemacolor.training.report_page import write_report
from kinemacolor.training.run_summary import read_run

RECORDED = Path(__file__).parents[2] / "docs/training/runs"
VOID_TAGS = {"meta", "img", "br", "circle", "line", "polyline"}


class PageReader(HTMLParser):
    """Collects the text of a page, its charts and links, and holds that all tags are closed in their order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.charts: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.links += [str(found[key]) for key in ("src", "href") if key in found]
        if tag == "svg":
            self.charts.append(str(found["aria-label"]))
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID_TAGS:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def read_page(folder: Path) -> PageReader:
    path = write_report(folder)
    assert path == folder / "report.html"
    return PageReader(path.read_text(encoding="utf-8"))


def make_column(psnr: float, *names: str) -> dict[str, Any]:
    items = {name: {"psnr": psnr, "confidence_correlation": 0.5} for name in names}
    return {"count": len(names), "psnr": psnr, "confidence_correlation": 0.5, "items": items}


def make_run(folder: Path, rows: list[Mapping[str, Any]], *, ending: str = "") -> Path:
    """A run's folder with these rows, its recipe and a filmstrip for each validation."""
    folder.mkdir()
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + ending)
    (folder / "recipe.json").write_text(json.dumps(recipe_to_dict(read_recipe("kinema"))))
    (folder / "filmstrips").mkdir()
    for row in rows:
        if row["kind"] == "validation":
            cv2.imwrite(str(folder / "filmstrips" / f"{row['step']:08}.jpg"), np.full((9, 9, 3), row["step"], np.uint8))
    return folder


def make_rows() -> list[Mapping[str, Any]]:
    """Rows of 40 steps with three validations, the second of which is the best."""
    rows: list[Mapping[str, Any]] = [{"step": 0, "kind": "begin", "seconds": 0.1, "notes": ["<i>odd</i> note"]}]
    for step in range(1, 41):
        losses = {"l1": 5 / step, "loss": 2 / step, "gradient": 1.0, "lr_scale": step / 40, "step_seconds": 0.25}
        rows.append({"step": step, "kind": "train", "seconds": step / 4} | losses)
    for step, far in ((10, 28.0), (20, 31.25), (40, 30.5)):
        columns = {
            "near": make_column(35.0, "a", "b"),
            "far": make_column(far, "a"),
            "other": make_column(20, "<b>.jpg"),
        }
        older = {"psnr": 35.0, "films": {"a": 35.0, "b": 35.0}}
        rows.append({"step": step, "kind": "validation", "seconds": 9.0} | older | columns)
        if far < 31.5 and far != 30.5:
            rows.append({"step": step, "kind": "best", "seconds": 9.0, "column": "far", "psnr": far})
    return [*rows, {"step": 40, "kind": "end", "seconds": 600.0, "why": "done"}]


def test_the_page_shows_curves_pictures_and_numbers(tmp_path: Path) -> None:
    page = read_page(make_run(tmp_path / "run", make_rows()))
    assert page.charts == [
        "PSNR, dB, higher is better",
        "Confidence against error, correlation, 1 is best",
        "loss, the weighted sum, loss",
        "l1, weight 0.05, Lab units",
        "learning rate, lr",
        "norm of the gradient, before clipping, norm",
        "time of a step, s",
    ]
    assert all(link.startswith("data:image/jpeg;base64,") for link in page.links)
    assert len(page.links) == len({*page.links}) == 3
    for words in ("Step 10, first validation", "Step 20, best validation", "Step 40, last validation"):
        assert words in page.text
    assert "best: far, at step 20" in page.text
    assert "31.25 dB" in page.text
    assert "step 40 of" in page.text
    assert "10 min in all" in page.text
    assert "<b>.jpg" in page.text  # as text: the reader of the page would have taken a tag for one
    assert "<i>odd</i> note" in page.text


def test_recorded_runs_of_an_earlier_version_are_shown(tmp_path: Path) -> None:
    for name in ("1-fusion", "2-descriptors", "3-fusion"):
        (tmp_path / name).mkdir()
        for kind in ("log.jsonl", "recipe.json"):
            shutil.copy(RECORDED / f"{name}.{kind}", tmp_path / name / kind)
        page = read_page(tmp_path / name)
        assert "PSNR, dB, higher is better" in page.charts
        assert page.links == []
    assert "best: near, at step 900" in page.text
    assert "davis_bmx-bumps" in page.text
    assert "by_kind, weight 0.05, Lab units" in page.charts  # by today's name of the key in the recipe


def test_a_run_that_goes_on_or_was_killed_is_shown(tmp_path: Path) -> None:
    rows = make_rows()[:6]
    again = {"step": 5, "kind": "begin", "seconds": 0.1}
    folder = make_run(tmp_path / "run", [*rows, again], ending='{"step": 6, "kind": "tr')
    (folder / "recipe.json").write_text('{"steps": ')
    page = read_page(folder)
    assert "step 5, no end is logged: it is going on, or was killed" in page.text
    assert "Nothing was validated yet." in page.text
    found = read_run(folder)
    assert (found.last_step, found.recipe, found.find_best()) == (5, {}, None)
    assert found.seconds == pytest.approx(5 / 4 + 0.1)
    begun = make_run(tmp_path / "begun", [again])
    assert "No step was logged yet." in read_page(begun).text


def test_values_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    odd = {
        "step": 3,
        "kind": "train",
        "l1": math.nan,
        "loss": "much",
        "gradient": True,
        "psnr": math.inf,
        "temporal": None,
    }
    rows = [odd, {"step": 3, "kind": "validation", "psnr": None, "films": 5}, {"step": 3, "kind": "best", "psnr": "x"}]
    rows.append({"step": 4, "kind": "validation", "near": {"items": {"a": 3}, "psnr": math.inf}})
    page = read_page(make_run(tmp_path / "run", rows))
    assert page.charts == []
    assert "nan" not in page.text


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun/log.jsonl").write_text('{"step"')
    (tmp_path / "bytes").mkdir()
    (tmp_path / "bytes/log.jsonl").write_bytes(b"\xff\xfe")
    for name, said in (
        ("none", "is no folder: name that of a run"),
        ("empty", "holds no log.jsonl"),
        ("begun", "has no row yet"),
        ("bytes", "has no row"),
    ):
        with pytest.raises(InputError, match=said):
            write_report(tmp_path / name)
        assert not (tmp_path / name / "report.html").exists()
    assert run(["train", "--report", str(tmp_path / "none")]) == 3
    assert "is no folder" in capsys.readouterr().err
    assert run(["train"]) == 2
    assert "say what to train" in capsys.readouterr().err
    assert run(["train", "kinema", "--report", str(tmp_path)]) == 2
    assert "alone" in capsys.readouterr().err


def test_the_command_line_says_where_the_page_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(tmp_path / "run", make_rows())
    assert run(["train", "--report", str(folder)]) == 0
    assert capsys.readouterr().err.strip() == str(folder / "report.html")


def test_charts_keep_their_range_and_say_their_numbers() -> None:
    points = [(float(step), 0.0 if step == 90 else 10 + math.sin(step)) for step in range(100)]
    drawn = draw_chart("a < b", "dB", [ChartLine("x", "#000", points)])
    assert "a &lt; b" in drawn
    assert ">10.0<" in drawn  # the one value far outside does not decide the range
    assert ">0<" in drawn  # step 0
    assert drawn.count("<polyline") == 2
    dotted = draw_chart("b", "", [ChartLine("near", "#000", [(1.0, 35.0), (2.0, 35.001)], dotted=True)], best_step=2)
    assert 'class="best"' in dotted
    heights = [float(part.split('"')[0]) for part in dotted.split('cy="')[1:]]
    assert abs(heights[0] - heights[1]) < 2  # a thousandth of a dB is no climb
    assert draw_chart("none", "", [ChartLine("x", "#000", [])]) == ""
    assert choose_ticks(0, 900, 6) == [0, 200, 400, 600, 800]
    assert choose_ticks(35.07, 35.42, 5) == pytest.approx([35.1, 35.2, 35.3, 35.4])


def test_long_curves_are_thinned_and_smoothed() -> None:
    points = [(float(step), float(step % 2)) for step in range(10 * charts.MAX_POINTS)]
    thin = thin_points(points)
    assert len(thin) == charts.MAX_POINTS
    assert thin[0] == (4.5, 0.5)
    smooth = smooth_points(points)
    assert (smooth[0], smooth[-1]) == (points[0], points[-1])
    assert abs(smooth[500][1] - 0.5) < 0.01
    rising = [(float(step), 3.0 * step) for step in range(50)]
    assert [y for _, y in smooth_points(rising)] == pytest.approx([y for _, y in rising])
