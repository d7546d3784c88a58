"""Validation measures what users look at, in one process or many, and the best step is kept by its rule."""

import math
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from kinemacolor.color import lab_to_rgb, rgb_to_lab
from kinemacolor.data.index import SourceIndex
from kinemacolor.data.sources import Source
from kinemacolor.errors import WeightsError
from kinemacolor.metrics.picture import compute_psnr
from kinemacolor.training import logs, loss_window, trainer, validation
from kinemacolor.training.checkpoint import BestStep, CheckpointFolder
from kinemacolor.training.datasets import exclude_sources, load_training_data, select_validation_photographs
from kinemacolor.training.distributed import ProcessGroup
from kinemacolor.training.initialization import build_model
from kinemacolor.training.recipe import Recipe, ValidationConfig
from kinemacolor.training.recipe_file import find_differing_keys, read_recipe, recipe_to_dict
from kinemacolor.training.validation_items import list_validation_items

ALONE = ProcessGroup(0, 1, torch.device("cpu"))
SIDE = 64


def smooth(seed: int, width: int = SIDE) -> np.ndarray[Any, Any]:
    knots = np.random.default_rng(seed).uniform(0, 255, (5, 8, 3)).astype(np.float32)
    return cv2.resize(knots, (width, SIDE), interpolation=cv2.INTER_CUBIC).clip(0, 255)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films of three frames, of which two are parts of one, and ten photographs."""
    folder = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(("one_a", "one_b", "two", "three")):
        (folder / "films" / name).mkdir(parents=True)
        for number in range(3):
            cv2.imwrite(
                str(folder / "films" / name / f"{number}.png"), smooth(seed, SIDE + 6)[:, 2 * number :][:, :SIDE]
            )
    (folder / "films/manifest.csv").write_text("clip,source\none_a,one.mp4\none_b,one.mp4\n")
    (folder / "photographs").mkdir()
    for seed in range(10):
        cv2.imwrite(str(folder / "photographs" / f"{seed}.png"), smooth(20 + seed))
    return folder


def small(data: Path, **validation: Any) -> Recipe:
    """A recipe of kinema whose held-out films are those of one origin."""
    raw = {
        "model": {"start_from": {}},
        "data": {
            "films": [str(data / "films")],
            "photographs": [str(data / "photographs")],
            "cache": str(data / "cache"),
        },
        "clips": {"size": (SIDE, SIDE), "crop": None, "frames": 2, "strides": [1], "kinds": {"near": 1}, "damaged": 0},
        "optimizer": {"lr": 1e-3, "lr_by_module": {}, "frozen": []},
        "lr_schedule": {"kind": "constant", "warmup": 0},
        "validation": {
            "every": 1,
            "frames": 2,
            "share": 0,
            "photograph_share": 0.3,
            "folders": [str(data / "films/one_a"), str(data / "films/one_b"), str(data / "films/two")],
        }
        | validation,
        "steps": 3,
        "batch_size": 1,
        "gradient_accumulation": 1,
        "log_every": 1,
        "checkpoint_every": 3,
        "keep_checkpoints": 1,
    }
    return read_recipe("kinema", raw)


class Brightness(nn.Module):
    """Takes the place of LPIPS."""

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        return (result - truth).abs().mean((1, 2, 3))


def source(name: str, origin: str = "", *, frames: int = 9, kind: Any = "film") -> Source:
    return Source(Path(f"/{name}"), kind, "group", origin or name, frames, SIDE, SIDE, (), 9.0, f"digest-{name}", "00")


# what is measured


def test_each_column_has_its_references() -> None:
    films = [source("a1", "a"), source("b"), source("a2", "a"), source("a3", "a", frames=5), source("a4", "a")]
    rows = np.array([[1, 0], [0, 1], [0.9, 0.1]], np.float32)
    photographs = SourceIndex(tuple(source(name, kind="photograph", frames=1) for name in "xyz"), (), rows)
    items = list_validation_items(films, photographs, ValidationConfig(films=4, photographs=2))
    told = [(item.column, item.source.path.name, item.reference.path.name, item.reference_frame) for item in items]
    assert told == [
        *(("near", name, name, 0) for name in ("a1", "b", "a2", "a3")),
        ("far", "a1", "a3", 2),  # half-way round its origin's parts, of which it is the first; b has none
        ("far", "a2", "a4", 4),
        ("far", "a3", "a1", 4),
        ("other", "x", "z", 0),
        ("other", "y", "z", 0),
    ]
    assert [item.in_shot for item in items] == [True] * 4 + [False] * 5
    alone = list_validation_items(films[1:2], SourceIndex(photographs.sources[:1], (), rows[:1]), ValidationConfig())
    assert [item.column for item in alone] == ["near"]


def test_photographs_are_held_out_by_their_names() -> None:
    here = [source(f"{number}.jpg", kind="photograph", frames=1) for number in range(300)]
    there = [replace(one, path=Path(f"/elsewhere{one.path}")) for one in here[::-1]]
    chosen = select_validation_photographs([source("film"), *here], 0.01)
    assert len(chosen) == 3
    assert [one.digest for one in chosen] == [one.digest for one in select_validation_photographs(there, 0.01)]
    assert len(select_validation_photographs(here[:10], 0.01)) == 2  # one is the reference of the other
    assert select_validation_photographs(here[:9], 0.5) == select_validation_photographs(here, 0) == ()
    rows = np.arange(300, dtype=np.float32)[:, None]
    left = exclude_sources(SourceIndex(tuple(here), (), rows), chosen)
    assert len(left.sources) == 297
    assert left.embeddings is not None
    assert [f"{int(row)}.jpg" for row in left.embeddings[:, 0]] == [one.path.name for one in left.sources]


def test_what_is_held_out_is_not_trained_on(data: Path) -> None:
    found = load_training_data(small(data, folders=[], share=0.1, photograph_share=0.3))
    held_out = {one.digest for one in (*found.validation_films, *found.validation_photographs)}
    assert len(found.validation_photographs) == 3
    assert not held_out & {one.digest for one in found.clips.index.sources}
    assert len(held_out) + len(found.clips.index.sources) == 14
    assert "photographs for validation:" in found.format_check()
    assert "other 3" in found.format_check()
    none = load_training_data(small(data, photograph_share=0))
    assert none.validation_photographs == ()
    assert {item.column for item in none.validation_items} == {"near", "far"}


def test_runs_from_before_photographs_were_held_out_go_on(data: Path) -> None:
    now = recipe_to_dict(small(data))
    before = now | {"validation": {key: x for key, x in now["validation"].items() if not key.startswith("photograph")}}
    assert find_differing_keys(now, before) == []
    assert find_differing_keys(now, before | {"seed": 9}) == ["seed"]


# how it is measured


def test_columns_are_what_their_definitions_say(data: Path) -> None:
    recipe = small(data)
    found, model = load_training_data(recipe), build_model(recipe.model, 0).eval()
    cache = found.clips.frame_cache
    with torch.inference_mode():
        result = validation.validate_model(model, found.validation_items, cache, 2, ALONE, Brightness())
        films = {one.path.name: torch.from_numpy(np.array(cache.load_frames(one))) for one in found.validation_films}
        pictures = {name: rgb_to_lab(frames.permute(0, 3, 1, 2).float() / 255) for name, frames in films.items()}
        for column, reference, in_shot in (("near", pictures["one_a"][0], True), ("far", pictures["one_b"][1], False)):
            lab = pictures["one_a"][None, :2]
            output = model(lab[:, :, :1], model.init_state(reference[None, None], in_shot=in_shot))
            made, true = (lab_to_rgb(torch.cat([lab[:, :, :1], ab], 2))[0] for ab in (output.ab, lab[:, :, 1:]))
            row = result.columns[column].items["one_a"]  # type: ignore[index]
            assert row["psnr"] == pytest.approx(np.mean([compute_psnr(*pair) for pair in zip(made, true, strict=True)]))
            assert row["lpips"] == pytest.approx((made - true).abs().mean().item(), rel=1e-3)
            assert -1 <= row["confidence_correlation"] <= 1
    counts = {name: len(column.items) for name, column in result.columns.items()}
    assert counts == {"near": 3, "far": 2, "other": 3}
    assert result.mean_psnr == pytest.approx(np.mean([row["psnr"] for row in result.columns["near"].items.values()]))
    assert result.filmstrip.shape == (3 * 3 * SIDE + 2 * 8, 4 * SIDE, 3)
    facts = result.to_facts()
    assert facts["psnr"] == result.mean_psnr == facts["near"]["psnr"]
    assert facts["films"] == {name: row["psnr"] for name, row in result.columns["near"].items.items()}
    assert {"count", "psnr", "lpips", "confidence_correlation", "items"} == {*facts["far"]}


def test_processes_share_the_items_and_get_one_result(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small(data)
    found, model = load_training_data(recipe), build_model(recipe.model, 0).eval()
    told: list[Any] = [None, None]
    barrier, got = threading.Barrier(2), {}

    def gather(group: ProcessGroup, item: Any) -> list[Any]:
        if group.world_size == 1:
            return [item]
        told[group.rank] = item
        barrier.wait()
        return told

    monkeypatch.setattr(ProcessGroup, "all_gather", gather)

    def work(group: ProcessGroup) -> None:
        with torch.inference_mode():
            arguments = (model, found.validation_items, found.clips.frame_cache, 2, group)
            got[group.world_size, group.rank] = validation.validate_model(*arguments)

    both = [threading.Thread(target=work, args=(replace(ALONE, rank=rank, world_size=2),)) for rank in (0, 1)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    work(ALONE)
    alone = got.pop((1, 0))
    assert {len(one) for one in told} == {4}
    for one in got.values():
        assert one.to_facts() == alone.to_facts()
        assert np.array_equal(one.filmstrip, alone.filmstrip)


def test_measures_that_cannot_be_had_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> nn.Module:
        raise WeightsError(f"{name} wants weights")

    monkeypatch.setattr(validation, "load_metric", refuse)
    assert validation.load_lpips(torch.device("cpu")) == (None, "validation leaves out LPIPS: lpips-alex wants weights")
    column = validation.ValidationColumn({"a": {"psnr": 30.0, "lpips": 0.5}, "b": {"psnr": 20.0}})
    assert column.compute_means() == {"psnr": 25.0, "lpips": 0.5}
    gray = torch.full((1, 3, 8, 8), 0.5)
    made = validation._Prediction(gray[0], gray, gray + 0.1, torch.ones(1, 8, 8), torch.full((1, 8, 8), torch.nan))
    assert validation._measure_prediction(made, None, torch.device("cpu")) == {"psnr": pytest.approx(20, abs=1e-4)}


# the best step


def test_the_rule_of_the_best_step() -> None:
    columns = {
        name: validation.ValidationColumn({"a": {"psnr": psnr}})
        for name, psnr in (("near", 35.0), ("far", 30.0), ("other", 20.0))
    }
    strip = np.zeros((1, 1, 3), np.uint8)
    for names, decides in ((("near", "far", "other"), "far"), (("near", "other"), "near"), (("other",), "other")):
        some = {name: columns[name] for name in names}
        result = validation.ValidationResult(some, strip)  # type: ignore[arg-type]
        assert result.score() == (decides, columns[decides].compute_means()["psnr"])
    best = BestStep(5, "far", 30.0)
    assert [best.is_beaten_by(*one) for one in (("far", 30.0), ("far", 30.1), ("near", 1.0))] == [False, True, True]


def scripted(monkeypatch: pytest.MonkeyPatch, *values: float) -> None:
    """Let validations find these values of far."""
    left = list(values)

    def find(*arguments: Any) -> validation.ValidationResult:
        column = validation.ValidationColumn({"film": {"psnr": left.pop(0)}})
        return validation.ValidationResult({"far": column}, np.zeros((9, 9, 3), np.uint8))

    monkeypatch.setattr(trainer, "validate_model", find)


def test_the_best_step_is_kept(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, run, told = small(data), tmp_path / "run", list[str]()
    scripted(monkeypatch, 20.0, 30.0, 25.0)
    outcome = trainer.train(recipe, run, device="cpu", on_message=told.append)
    assert outcome.best == BestStep(2, "far", 30.0)
    assert outcome.psnr is None
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == ["best.pt", "step-00000003.pt"]
    folder = CheckpointFolder(run / "checkpoints", 1)
    newest = folder.find_newest()
    assert newest is not None
    assert newest.name == "step-00000003.pt"
    rows = [row for row in logs.read_log(run) if row["kind"] == "best"]
    assert [(row["step"], row["psnr"], row["column"]) for row in rows] == [(1, 20.0, "far"), (2, 30.0, "far")]
    assert "step 2: far 30.00 dB (1), the best so far" in told
    assert outcome.best_weights == run / "weights/kinema-best.safetensors"
    content = torch.load(run / "checkpoints/best.pt", weights_only=True)
    assert content["step"] == 2
    kept = content["learner"]["average"] or content["learner"]["model"]
    exported, last = load_file(outcome.best_weights), load_file(outcome.weights)
    assert all(torch.equal(x, kept[name]) for name, x in exported.items())
    assert any(not torch.equal(x, last[name]) for name, x in exported.items())

    scripted(monkeypatch, 29.0, 31.0)
    again = trainer.train(recipe.model_copy(update={"steps": 4}), run, device="cpu")
    assert again.best == BestStep(2, "far", 30.0)
    assert trainer.train(recipe.model_copy(update={"steps": 5}), run, device="cpu").best == BestStep(5, "far", 31.0)
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == ["best.pt", "step-00000005.pt"]


def test_a_run_that_was_killed_while_it_kept_its_best_step(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, 1)
    assert folder.restore_best({"step": 3}) is None  # of a version before
    first, second = ({"step": step, "best": {"step": step, "column": "far", "psnr": 30.0 + step}} for step in (3, 6))
    folder.save(3, first)
    folder.mark_best(3)
    folder.mark_best(3)  # both names are of one file already
    folder.save(6, second)
    assert folder.read_best() == BestStep(3, "far", 33.0)
    assert folder.restore_best(second) == folder.read_best() == BestStep(6, "far", 36.0)
    later = {"step": 9, "best": second["best"]}
    folder.save(9, later)
    folder.best_path.write_bytes(b"PK cut off")
    assert folder.read_best() is None
    assert folder.restore_best(later) == BestStep(6, "far", 36.0)  # still the one to beat
    (tmp_path / ".best.0").touch()
    folder.remove_unfinished()
    assert {path.name for path in tmp_path.iterdir()} == {"best.pt", "step-00000009.pt"}


def test_a_disk_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    folder = CheckpointFolder(tmp_path, 1)
    path = folder.save(3, {"step": 3})
    folder.mark_best(3)
    assert folder.best_path.read_bytes() == path.read_bytes()


def test_the_pace_of_steps_is_without_validations(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(loss_window.time, "monotonic", lambda: now[0])
    window = loss_window.LossWindow()
    for seconds in (2.0, 4.0):
        now[0] += seconds
        window.add_row({"loss": torch.tensor(seconds)})
    window.read_rows()
    now[0] += 50
    window.skip_time(50)
    assert window.take_means() == {"loss": 3.0, "step_seconds": 3.0}


def test_a_run_tells_its_rate_and_its_columns(data: Path, tmp_path: Path) -> None:
    recipe = small(data, every=2).model_copy(update={"steps": 2})
    trainer.train(recipe, tmp_path / "run", device="cpu")
    rows = logs.read_log(tmp_path / "run")
    assert [row["lr_scale"] for row in rows if row["kind"] == "train"] == [1.0, 1.0]
    (row,) = (row for row in rows if row["kind"] == "validation")
    assert [row[name]["count"] for name in ("near", "far", "other")] == [3, 2, 3]
    assert math.isfinite(row["far"]["psnr"])
    assert [path.name for path in (tmp_path / "run/filmstrips").iterdir()] == ["00000002.jpg"]
