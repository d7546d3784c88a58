"""Measures of films, resumed, compared, shown; and films that cannot be measured."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from kinemacolor.errors import InputError, UsageError
from kinemacolor.evaluation import runs, tables
from kinemacolor.evaluation.films import find_films
from kinemacolor.evaluation.measure import FilmResult, ModelMeasurements, measure_film
from kinemacolor.evaluation.page import write_page
from kinemacolor.evaluation.protocol import (
    PredictedFrame,
    ReferenceProtocol,
    predict_film,
    read_colorized_film,
    read_picture_pairs,
    true_frames,
)
from kinemacolor.models.base import Colorizer
from kinemacolor.models.baselines import GrayBaseline
from kinemacolor.utils.processes import CleanSpawnContext
from kinemacolor.weights.manifest import stored_backbone_part
from support.films import scene

SETTINGS = runs.EvaluationSettings(models=("kinema",), film_size=True)  # 72 x 96


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """A process that has its imports, for all evaluations of this file; the command line's tests start their own."""
    with ProcessPoolExecutor(1, mp_context=CleanSpawnContext(), initializer=runs._prepare_worker) as opened:
        yield opened


@pytest.fixture
def one_process(pool: ProcessPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "ProcessPoolExecutor", lambda *_, **__: nullcontext(pool))


def save(folder: Path, pictures: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{index:03}.png"), picture[..., ::-1])
    return folder


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return save(tmp_path / "films" / "truth", [scene(index) for index in range(4)])


@torch.inference_mode()
def measured(
    film: Path, given: Iterator[PredictedFrame], side: int | None = 72, moments: tuple[int, ...] = ()
) -> ModelMeasurements:
    """One model's measures, without networks."""
    return measure_film(true_frames(film, side), {"it": given}, {}, sample_frames=moments)[0]["it"]


def test_measures_by_hand(truth: Path) -> None:
    """The gray baseline: its error is the chroma of the truth, and it has nothing to be sure of."""
    found = measured(truth, predict_film(truth, GrayBaseline(), ReferenceProtocol(), short_side=72), moments=(0, 2))
    lab = [frame.lab for frame in true_frames(truth, 72)]
    assert found.curves["psnr"] == found.curves["psnr_gray"]
    summary = found.summarize_film("truth", "gray", "first").means
    assert (summary["detail_25_9"], summary["detail_9_3"]) == (0, 0)
    assert found.curves["ab_error"] == pytest.approx([float(x[1:].norm(dim=0).mean()) for x in lab])
    assert max(found.curves["colorfulness"]) < 0.1 < min(found.curves["colorfulness_truth"])
    assert found.curves["confidence"] == [0, 0, 0, 0]
    assert np.isnan(found.curves["warp_error"][0])
    assert found.curves["chroma_change"][1:] == [0, 0, 0]
    assert min(found.curves["chroma_change_truth"][1:]) > 0
    assert [shown.frame for shown in found.sample_pictures] == [0, 2]
    assert found.worst_pictures is not None
    assert found.worst_pictures.frame == int(np.argmin(found.curves["psnr"]))


class Counting(torch.nn.Module):
    """Stands for LPIPS: the mean difference; and remembers how often it looked."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, result: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(result))
        return (result - truth).abs().mean((1, 2, 3))


def test_networks_look_at_some_frames_and_at_all_models_at_once(truth: Path) -> None:
    network = Counting()
    good, other = (predict_film(truth, GrayBaseline(), ReferenceProtocol(), short_side=72) for _ in range(2))
    vivid = (PredictedFrame(answer.ab + 20, answer.confidence) for answer in other)
    with torch.inference_mode():
        found, _ = measure_film(
            true_frames(truth, 72), {"gray": good, "vivid": vivid}, {"lpips-alex": network}, network_stride=3
        )
    assert network.seen == [2, 2]
    for name in ("gray", "vivid"):
        assert [np.isfinite(x) for x in found[name].curves["lpips_alex"]] == [True, False, False, True]
    assert found["gray"].curves["lpips_alex"][0] != found["vivid"].curves["lpips_alex"][0]
    alone = measured(truth, predict_film(truth, GrayBaseline(), ReferenceProtocol(), short_side=72))
    assert alone.curves["psnr"] == found["gray"].curves["psnr"]


def test_the_reference_is_where_the_protocol_says(truth: Path, kinema: Colorizer, tmp_path: Path) -> None:
    def decibels(protocol: ReferenceProtocol, still: Path | None = None) -> list[float]:
        found = measured(truth, predict_film(truth, kinema, protocol, still=still, short_side=72))
        if found.failure:
            raise InputError(found.failure)
        return found.curves["psnr"]

    first, later = decibels(ReferenceProtocol()), decibels(ReferenceProtocol("later", 3))
    assert first[0] > first[3]
    assert later[3] > later[0]
    still = tmp_path / "still.png"
    cv2.imwrite(str(still), scene(0)[..., ::-1])
    assert decibels(ReferenceProtocol("still"), still) == pytest.approx(first, abs=0.01)
    gray = measured(truth, predict_film(truth, GrayBaseline(), ReferenceProtocol(), short_side=72))
    assert min(decibels(ReferenceProtocol("self"))) > max(gray.curves["psnr"])
    with pytest.raises(InputError, match="no frame 9"):
        decibels(ReferenceProtocol("later", 9))
    with pytest.raises(InputError, match="no picture in the pairs"):
        decibels(ReferenceProtocol("still"))


def test_keyframes_paint_in_both_directions_as_a_render_does(truth: Path, kinema: Colorizer) -> None:
    def predict(protocol: str) -> list[PredictedFrame]:
        with torch.inference_mode():
            return list(predict_film(truth, kinema, ReferenceProtocol.parse(protocol), short_side=72))

    assert all(map(torch.equal, predict("keyframes:0")[2], predict("first")[2]))
    middle, ends = predict("keyframes:1/2"), predict("keyframes:0,1")
    assert [frame.ab.shape for frame in middle] == [frame.ab.shape for frame in ends] == 4 * [(2, 72, 96)]
    labs = [frame.lab[1:] for frame in true_frames(truth, 72)]
    errors = {
        name: [float((one.ab - lab).square().mean()) for one, lab in zip(found, labs, strict=True)]
        for name, found in (("first", predict("first")), ("middle", middle), ("ends", ends))
    }
    assert min(errors["middle"]) == errors["middle"][2]  # of 4 frames the one after the half
    assert errors["ends"][3] < 0.5 * errors["first"][3]
    assert sum(errors["ends"]) < sum(errors["first"])
    fitting = predict_film(truth, kinema, ReferenceProtocol.parse("keyframes:0,1/3,2/3,1"), short_side=72)
    assert measured(truth, fitting).failure is None


@torch.inference_mode()
def test_answers_have_the_size_that_is_measured(truth: Path, kinema: Colorizer) -> None:
    for side, size in ((216, (216, 288)), (None, (72, 96))):
        frame, answer = (
            next(true_frames(truth, side)),
            next(predict_film(truth, kinema, ReferenceProtocol(), short_side=side)),
        )
        assert frame.lab.shape[-2:] == answer.ab.shape[-2:] == answer.confidence.shape == size
        assert frame.picture.shape == (*size, 3)


@pytest.mark.parametrize("text", ["first", "later:7", "keyframes:1/2", "keyframes:0,1/3,2/3,1", "still", "self"])
def test_protocols_are_written_as_they_are_read(text: str) -> None:
    assert str(ReferenceProtocol.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "last",
        "later",
        "later:x",
        "first:3",
        "keyframes",
        "keyframes:",
        "keyframes:0,2",
        "keyframes:1,0",
        "keyframes:1/0",
    ],
)
def test_other_protocols_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no protocol"):
        ReferenceProtocol.parse(text)


def test_films_of_other_tools_are_measured_and_must_fit(truth: Path, tmp_path: Path) -> None:
    def made(name: str, frames: int, size: tuple[int, int] = (72, 96)) -> ModelMeasurements:
        other = save(tmp_path / name, [scene(index, size) for index in range(frames)])
        return measured(truth, read_colorized_film(truth, other, 72))

    same = made("same", 4)
    assert min(same.curves["psnr"]) > 50
    assert np.isnan(same.curves["confidence"]).all()
    assert "ends before frame 3" in str(made("short", 3).failure)
    assert "goes on after frame 3" in str(made("long", 6).failure)
    assert "another shape" in str(made("wide", 4, (72, 200)).failure)


@pytest.mark.usefixtures("one_process")
def test_what_fails_is_told_and_the_rest_is_measured_and_resumed(truth: Path, tmp_path: Path) -> None:
    gray = [np.repeat(scene(i).mean(2, keepdims=True), 3, 2).astype(np.uint8) for i in range(3)]
    save(truth.parent / "gray", gray)
    save(truth.parent / "one", [scene(0)])
    (truth.parent / "broken.mp4").write_bytes(b"no film")
    folder = tmp_path / "results"
    rows = runs.evaluate_films(find_films(truth.parent), SETTINGS, folder)
    failures = {row.film: row.failure for row in rows if row.failure}
    assert set(failures) == {"gray", "broken.mp4"}
    assert "gray itself" in str(failures["gray"])
    assert {row.frames for row in rows if row.film == "one"} == {1}
    lines = (folder / "results.jsonl").read_text().splitlines()
    with (folder / "results.jsonl").open("a") as stream:
        stream.write('{"film": "cut off')
    (folder / "results.jsonl").write_text("\n".join([*lines, '{"film": "cut']) + "\n")
    seen: list[int] = []
    films = find_films(truth.parent)
    again = runs.evaluate_films(films, SETTINGS, folder, on_progress=lambda done, total: seen.append(done))
    assert seen == [3, 6]  # two good films with three models were there, and only the failures are tried again
    assert [json.dumps(row.means) for row in again] == [json.dumps(row.means) for row in rows]
    page = write_page(again, folder, "films").read_text()
    assert "gray itself" in page
    assert "data:image/jpeg;base64," in page
    assert page.count("moment2 of truth") == 2 + 3
    assert not re.search(r"(src|href)=.?https?:", page)
    tables.write_csv(again, folder)
    assert (folder / "frames.csv").read_text().count("\n") == 1 + 3 * (4 + 1)


@pytest.mark.usefixtures("one_process")
def test_results_of_other_weights_do_not_count(truth: Path, tmp_path: Path) -> None:
    films, folder, seen = find_films(truth.parent), tmp_path / "results", []
    kinema = runs.evaluate_films(films, SETTINGS, folder)[-1]
    assert kinema.model == "kinema first film-size"
    lines = (folder / "results.jsonl").read_text().replace(f'"weights": "{kinema.weights}"', '"weights": "other"')
    (folder / "results.jsonl").write_text(lines)
    runs.evaluate_films(films, SETTINGS, folder, on_progress=lambda done, total: seen.append(done))
    assert seen == [1]  # match has weights of its own, gray has none
    assert [row.weights for row in runs.read_results(folder)] == [
        "",
        stored_backbone_part().entry.sha256[:12],
        kinema.weights,
    ]


@pytest.mark.usefixtures("one_process")
def test_results_that_lack_a_measure_are_made_again(truth: Path, tmp_path: Path) -> None:
    films, folder, seen = find_films(truth.parent), tmp_path / "results", []
    rows = runs.evaluate_films(films, replace(SETTINGS, models=()), folder)
    (folder / "results.jsonl").write_text((folder / "results.jsonl").read_text().replace("detail_", "other_", 1))
    again = runs.evaluate_films(
        films, replace(SETTINGS, models=()), folder, on_progress=lambda done, total: seen.append(done)
    )
    assert seen == [1]
    assert [row.means["detail_9_3"] for row in again] == [row.means["detail_9_3"] for row in rows]


def result(film: str, model: str, psnr: float) -> FilmResult:
    return FilmResult(film, model, "first", 1, {"psnr": psnr, "colorfulness": 10.0}, {"psnr": [psnr]})


def test_better_needs_an_interval_without_zero() -> None:
    rows = [result(f"f{i}", "a", 20 + i) for i in range(8)]
    steady = [result(f"f{i}", "b", 20.9 + i + 0.1 * (i % 3)) for i in range(8)]
    (psnr, colorful) = tables.compare_models(rows + steady, "a", "b")
    assert psnr.mean == pytest.approx(0.9 + 0.1 * np.mean([i % 3 for i in range(8)]))
    assert 0.9 <= psnr.low < psnr.mean < psnr.high <= 1.1
    assert psnr.verdict == "B better"
    assert colorful.verdict == ""
    mixed = [replace(row, model="c", means={"psnr": row.means["psnr"] + (-1) ** i}) for i, row in enumerate(rows)]
    (unclear,) = tables.compare_models(rows + mixed, "a", "c")
    assert unclear.verdict == "no difference shown"
    with pytest.raises(InputError, match="share 0 films"):
        tables.compare_models(rows, "a", "z")


def test_psnr_over_distance_counts_from_the_reference() -> None:
    later = FilmResult("f", "m later:2", "later:2", 5, {}, {"psnr": [10.0, 20.0, 99.0, 40.0, 70.0]})
    assert tables.psnr_by_distance([later], step=1) == {"m later:2": [(1, 30.0, 1), (2, 40.0, 1)]}
    short = FilmResult("g", "m later:2", "later:2", 4, {}, {"psnr": [0.0, 0.0, 99.0, 0.0]})
    assert tables.psnr_by_distance([later, short], step=2) == {"m later:2": [(1, 17.5, 2)]}
    assert tables.psnr_by_distance([replace(later, protocol="still"), replace(later, protocol="self")]) == {}
    first = replace(later, model="m first", protocol="first")
    assert [distance for distance, _, _ in tables.psnr_by_distance([first], step=3)["m first"]] == [1, 4]
    assert "| 1–3 | 1 | 53.00 |" in tables.format_distance_table([first], step=3)


def test_tables_leave_out_what_nobody_measured() -> None:
    none = float("nan")
    text = tables.format_means_table([("a", 2, {"psnr": 30.0, "fid": none}), ("b", 2, {"psnr": none, "fid": none})])
    assert text.splitlines() == ["| model | films | PSNR dB |", "|---|--:|--:|", "| a | 2 | 30.00 |", "| b | 2 | – |"]


def test_pairs_are_read_beside_their_file(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("film.mp4,still.png\n")
    assert read_picture_pairs(tmp_path / "pairs.csv") == {"film.mp4": tmp_path / "still.png"}
    (tmp_path / "pairs.csv").write_text("film.mp4\n")
    with pytest.raises(InputError, match="FILM,PICTURE"):
        read_picture_pairs(tmp_path / "pairs.csv")
