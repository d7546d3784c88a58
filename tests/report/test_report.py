"""The report on a painted plan: what is wrong with a shot is found, said, and shown; nothing else is."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from kinemacolor.cli.main import run
from kinemacolor.color import rgb_to_lab
from kinemacolor.errors import InputError, UsageError
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import Plan
from kinemacolor.rendering.journal import SEGMENT_FRAMES
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.report.build import QualityReport
from kinemacolor.report.limits import QUALITY_FAULTS, QualityLimits
from kinemacolor.report.page import format_report_page
from kinemacolor.report.palette import Palette
from kinemacolor.report.shot_metrics import estimate_slope
from kinemacolor.report.write import to_json, write_report
from kinemacolor.utils.times import format_time
from kinemacolor.video.geometry import resize
from kinemacolor.weights.registry import make_meta_model
from support.films import scene
from support.plans import other_scene, save
from support.renders import append_segment, edited, planned, rendered

LONG = 12  # frames of a shot
Distort = Callable[[np.ndarray, int], np.ndarray]  # ab h w 2 and the number of the frame in its shot to other ab


def turned(ab: np.ndarray, degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    return ab @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)


SHOTS: dict[str, Distort] = {  # the fault that each shot of the film has
    "none": lambda ab, i: ab,
    "fade": lambda ab, i: ab * (1 - 0.6 * i / (LONG - 1)),
    "flicker": lambda ab, i: ab + 3 * (-1) ** i,
    "clipped": lambda ab, i: ab * 3,
    "gray": lambda ab, i: ab * 0.3,
    "drift": lambda ab, i: turned(ab, 10 * i),
    "cast": lambda ab, i: ab + np.array([0, 30], np.float32),
    "doubt": lambda ab, i: ab,
}


def slow(index: int) -> np.ndarray:
    """Frame ``index`` of a shot: the scene moves by two px in all."""
    return scene(3 + index / LONG)


def true_chroma(index: int) -> np.ndarray:
    lab = rgb_to_lab(torch.from_numpy(slow(index)).permute(2, 0, 1).float() / 255)
    return resize(lab[1:].permute(1, 2, 0).contiguous().numpy(), (64, 85))


def painted(shot: int, index: int) -> ColorPrediction:
    name, distort = list(SHOTS.items())[shot]
    chroma = distort(true_chroma(index), index).astype(np.float32)
    return ColorPrediction(chroma, np.full((64, 85), 0.2 if name == "doubt" else 0.9, np.float32))


def paint(path: Path) -> None:
    """The segments of a plan's passes, as a render would leave them."""
    job = RenderPlan(Plan.read(path), make_meta_model("kinema"), path.with_name("film.plan.work"))
    for one in job.passes:
        folder, frames = (
            job.work.pass_folder(one.digest, len(one)),
            [divmod(f, LONG) for f in range(one.first, one.end)],
        )
        for start in range(0, len(one), SEGMENT_FRAMES):
            append_segment(folder, [painted(*frame) for frame in frames[start : start + SEGMENT_FRAMES]])


def cut_into(path: Path, count: int) -> Path:
    """The same plan with so many shots of one length, each with the first reference."""

    def cut(content: dict) -> None:
        first = next(iter(content["references"]))
        content["shots"] = [
            {"first": LONG * n, "last": LONG * n + LONG - 1, "references": {first: None}} for n in range(count)
        ]

    return edited(path, cut)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A painted plan: the same twelve frames in every shot, each with a fault of its own in the colours."""
    folder = tmp_path_factory.mktemp("report")
    frames = LONG * len(SHOTS)
    path = planned(folder, "waves.png", frames=frames, picture=lambda i: slow(i % LONG))
    paint(cut_into(path, len(SHOTS)))
    return path


@pytest.fixture(scope="module")
def made(plan: Path) -> QualityReport:
    return write_report(Plan.read(plan), plan.with_name("film.plan.work"), plan.with_name("made"))


@pytest.mark.parametrize("shot", range(len(SHOTS)), ids=SHOTS)
def test_each_fault_is_found_where_it_is(made: QualityReport, shot: int) -> None:
    name, verdict = list(SHOTS)[shot], made.shots[shot].verdict
    assert verdict.label == ("pass" if name == "none" else "look")
    assert (verdict.need >= 1) == (name != "none")
    if name != "none":
        (fault,) = [fault for fault in QUALITY_FAULTS if fault.name == name]
        assert name in verdict.reasons
        assert shot == int(np.argmax([fault.measure(other.measures) for other in made.shots]))


def test_numbers_follow_from_what_was_painted(made: QualityReport) -> None:
    by_name = {name: made.shots[number].measures for number, name in enumerate(SHOTS)}
    good, faded = by_name["none"], by_name["fade"]
    assert good.confidence == pytest.approx(0.9, abs=2e-3)
    assert by_name["doubt"].confidence_p10 == pytest.approx(0.2, abs=5e-3)
    assert good.richness == pytest.approx(1, abs=0.1)
    assert by_name["gray"].richness == pytest.approx(0.3 * good.richness, rel=0.02)
    assert faded.fade == pytest.approx(-0.6 / 0.7, rel=0.1)  # of the median, which is 0.7 of the first
    assert faded.fade_per_100 == pytest.approx(100 * faded.fade / (LONG - 1))
    assert abs(good.fade) < 0.1
    assert by_name["flicker"].flicker == pytest.approx(12, abs=0.3)  # a and b change by 6
    assert good.flicker < 0.5
    assert np.subtract(by_name["cast"].cast, good.cast) == pytest.approx([0, 30], abs=0.3)
    assert by_name["clipped"].clipped > 0.5
    assert good.clipped < 0.01
    assert by_name["drift"].drift > 10 > 5 * abs(good.drift)


def test_reasons_are_plain_words(made: QualityReport) -> None:
    said = {name: made.shots[number].verdict.reasons.get(name, "") for number, name in enumerate(SHOTS)}
    assert said["doubt"] == "unsure: mean confidence 0.20"
    assert re.fullmatch(r"colours fade by 8\d % over the shot \(7\d\d % in 100 frames\)", said["fade"])
    assert re.fullmatch(r"pale: it has \d\d % of the colour of its reference", said["gray"])
    assert re.fullmatch(r"a cast of \d+\.\d Lab units to yellow", said["cast"])


def test_the_json_is_finite_and_whole(made: QualityReport, plan: Path) -> None:
    text = (plan.with_name("made") / "report.json").read_text()
    content = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert text == to_json(made)
    assert [shot["first"] for shot in content["shots"]] == [LONG * n for n in range(len(SHOTS))]
    assert (
        set(content["faults"])
        == set(content["shots"][0]["faults"])
        == {fault.name for fault in QUALITY_FAULTS} - {"filled"}
    )
    assert "filled" not in text  # which is said only where the model fills
    assert "filled" not in (plan.with_name("made") / "index.html").read_text()
    assert all(len(curve) == LONG * len(SHOTS) for curve in content["per_frame"].values())
    assert content["per_frame"]["flicker"][LONG] is None  # the first of a shot follows none
    assert content["per_frame"]["confidence"][LONG * 7] == pytest.approx(0.2, abs=1e-3)


class _Reader(HTMLParser):
    """Checks that what is opened is closed, and keeps ids, sources and images."""

    EMPTY = frozenset({"meta", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(made: QualityReport, plan: Path) -> None:
    folder = plan.with_name("made")
    text = (folder / "index.html").read_text()
    read = _Reader(text)
    assert not read.open
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {f"shot-{number}" for number in range(1, len(SHOTS) + 1)} <= set(ids)
    pictures = read.all("img")
    assert len(pictures) == 2 * len(SHOTS)
    for picture in pictures:
        assert picture["alt"]
        assert picture["loading"] == "lazy"
        assert (folder / picture["src"]).is_file()
    assert len(read.all("svg")) == 3 * len(SHOTS)
    assert all(drawing["aria-label"] for drawing in read.all("svg"))
    assert "://" not in text
    for link in read.all("a"):
        target = link["href"]
        assert target[1:] in ids if target.startswith("#") else (folder / target).is_file()
    needs = [float(value) for value in re.findall(r"need (\d+\.\d+)</div>", text)]
    assert needs == sorted(needs, reverse=True)


def test_names_of_films_are_no_markup(made: QualityReport) -> None:
    text = format_report_page(replace(made, film="<script>&.mp4"))
    assert "<script>" not in text
    assert "&lt;script&gt;&amp;.mp4: 7 of 8 shots want a look" in text


def test_the_page_of_a_long_film_stays_small(made: QualityReport) -> None:
    shots = tuple(replace(made.shots[number % 8], number=number) for number in range(1200))
    assert len(format_report_page(replace(made, shots=shots))) < 1200 * 4000


def test_two_runs_give_the_same_bytes_and_replace_a_report(made: QualityReport, plan: Path) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}

    before = contents(plan.with_name("made"))
    (plan.with_name("made") / "index.html").write_text("older")
    write_report(Plan.read(plan), plan.with_name("film.plan.work"), plan.with_name("made"))
    assert contents(plan.with_name("made")) == before
    assert len(before) == 2 + len(SHOTS) + 1
    assert not list(plan.parent.glob(".*"))


def test_a_folder_that_is_no_report_is_left_alone(plan: Path, tmp_path: Path) -> None:
    read, work = Plan.read(plan), plan.with_name("film.plan.work")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("dear")
    for folder, said in (("mine", "is no report"), ("mine/notes.txt", "is no report"), ("a/b", "make it first")):
        with pytest.raises(UsageError, match=said):
            write_report(read, work, tmp_path / folder)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "dear"
    with pytest.raises(UsageError, match="render it first"):
        write_report(read, tmp_path / "elsewhere", tmp_path / "report")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_report_that_fails_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = cut_into(planned(tmp_path, "waves.png", frames=LONG, picture=slow), 1)
    paint(path)
    folder = tmp_path / "film.plan.report"
    folder.mkdir()
    (folder / "report.json").write_text("earlier")
    next(tmp_path.glob("film.plan.work/passes/*/000000.mkv")).write_bytes(b"damaged")
    with pytest.raises(InputError, match="is missing or damaged"):
        write_report(Plan.read(path), tmp_path / "film.plan.work", folder)
    assert (folder / "report.json").read_text() == "earlier"
    assert not list(tmp_path.glob(".film*"))


def test_the_terminal_tells_shots_reasons_and_suggestions(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(plan), "-o", str(plan.with_name("told")), "-q"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("7 of 8 shots to look at, mean confidence 0.8")
    assert f"0:0{LONG * 7 / 24:.1f}  84-95" in told
    assert "unsure: mean confidence 0.20" in told


def test_a_plan_that_is_not_painted_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = planned(tmp_path, "waves.png", frames=LONG, picture=slow)
    assert run(["report", str(path)]) == 2
    assert "render it first" in capsys.readouterr().err
    assert not path.with_name("film.plan.report").exists()


def test_an_unrelated_reference_wants_a_look_and_a_picture(kinema: Colorizer, tmp_path: Path) -> None:
    path = planned(tmp_path, "waves.png", frames=2 * LONG, picture=lambda i: slow(i) if i < LONG else other_scene(0))
    rendered(cut_into(path, 2), kinema)
    found = write_report(Plan.read(path), tmp_path / "work", tmp_path / "report")
    own, foreign = found.shots
    assert own.verdict.label == "pass"
    assert "doubt" in foreign.verdict.reasons
    assert found.shots_by_need("look") == [foreign]
    assert LONG <= found.advice[0].frame < 2 * LONG
    assert found.advice[0].share > 0.5
    assert found.advice[0].shots == (2,)
    command = f"refs extract film.mp4 {found.advice[0].frame}"
    assert command in format_report_page(found)
    assert command not in format_report_page(replace(found, from_start=False))  # there frames are numbered otherwise
    linked = format_report_page(found, "../frames/{frame}/picture")
    assert f'href="../frames/{found.advice[0].frame}/picture"' in linked
    assert command not in linked


def test_what_is_filled_is_told_by_shot_and_in_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = cut_into(planned(tmp_path, "waves.png", frames=3 * LONG, picture=lambda i: slow(i % LONG)), 2)
    path = edited(
        path, lambda content: content["shots"][1].update(last=3 * LONG - 1) or content["options"].update(fill=True)
    )
    job = RenderPlan(Plan.read(path), make_meta_model("kinema"), tmp_path / "film.plan.work")
    for one in job.passes:
        part = np.full((64, 85), 0.1 if one.first == 0 else 0.4, np.float32)
        folder = job.work.pass_folder(one.digest, len(one))
        append_segment(folder, [painted(0, i % LONG)._replace(filled=part) for i in range(len(one))])
    assert run(["report", str(path), "-q"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"1 of 2 shots to look at, mean confidence 0\.90, 30% filled with typical colours", told[0])
    assert told[1].split()[-2:] == ["filled", "why"]
    assert told[2].endswith("   40%  guessed: no reference shows 40 % of its colours")
    content = json.loads((tmp_path / "film.plan.report" / "report.json").read_text())
    assert content["filled"] == pytest.approx(0.3, abs=1e-3)
    assert content["faults"]["filled"]["limit"] == QualityLimits().filled
    for shot, share in zip(content["shots"], (0.1, 0.4), strict=True):
        assert shot["faults"]["filled"] == shot["measures"]["filled"] == pytest.approx(share, abs=1e-3)
        assert content["per_frame"]["filled"][shot["last"]] == pytest.approx(share, abs=1e-3)
    page = (tmp_path / "film.plan.report" / "index.html").read_text()
    assert "30 % typical colours, a guess" in page
    assert "filled 10 %" in page
    rows, columns = (int(found) for found in re.search(r'width="(\d+)" height="(\d+)" alt="Frame', page).groups()[::-1])
    assert cv2.imread(str(tmp_path / "film.plan.report" / "pictures" / "shot_00002.jpg")).shape[:2] == (rows, columns)


def test_partly_painted_references_are_not_compared_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = planned(tmp_path, "waves.png", frames=LONG, picture=slow)
    alpha = np.zeros(scene(3).shape[:2], np.uint8)
    alpha[20:50, 20:60] = 255
    save(tmp_path / "waves.png", np.dstack([alpha, scene(3)]))
    paint(cut_into(path, 1))
    assert run(["report", str(path), "-q", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content == json.loads((tmp_path / "film.plan.report" / "report.json").read_text())
    measures = content["shots"][0]["measures"]
    assert [measures[name] for name in ("distance", "richness", "cast", "drift")] == [None] * 4
    assert measures["chroma"] > 5


def test_colours_that_move_by_so_much_lie_so_far_apart() -> None:
    chroma = np.random.default_rng(0).normal(0, 20, (64, 85, 2)).astype(np.float32)
    palette = Palette.from_ab(chroma)
    assert palette.distance_to(palette) == 0
    assert palette.distance_to(Palette.from_ab(chroma[::-1, ::-1])) < 1e-6
    assert palette.distance_to(Palette.from_ab(chroma + np.float32([3, 4]))) == pytest.approx(5, rel=0.02)
    assert palette.with_saturation(2).quantiles == pytest.approx(Palette.from_ab(2 * chroma).quantiles, abs=1e-4)


def test_a_slope_stands_outliers_and_length() -> None:
    line = np.arange(1000, dtype=np.float32) * 0.25
    assert estimate_slope(line) == pytest.approx(0.25)
    line[100:300] = -500
    assert estimate_slope(line) == pytest.approx(0.25, rel=0.02)
    assert estimate_slope(line[:1]) == 0


def test_times_are_told_as_they_are_typed() -> None:
    assert [format_time(seconds) for seconds in (0, 59.96, 65.25, 7265)] == ["0:00.0", "1:00.0", "1:05.2", "2:01:05.0"]
