"""Training with its data on the device, and where its steps spend their time."""

from pathlib import Path

import pytest

from kinemacolor.errors import ResourceError
from kinemacolor.training import datasets
from kinemacolor.training.profiling import profile_training
from kinemacolor.training.recipe import Recipe
from kinemacolor.training.recipe_file import read_recipe
from kinemacolor.training.train_state import STAGES
from kinemacolor.training.trainer import train
from support.runs import write_tiny_recipe


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return read_recipe(write_tiny_recipe(tmp_path_factory.mktemp("data"), steps=4))


def on_device(recipe: Recipe, steps: int = 4) -> Recipe:
    data = recipe.data.model_copy(update={"on_device": True})
    return recipe.model_copy(update={"data": data, "steps": steps})


def test_weights_are_the_same_wherever_clips_are_made_and_however_often_a_run_ended(
    recipe: Recipe, tmp_path: Path
) -> None:
    here = train(recipe, tmp_path / "here", device="cpu")
    there = train(on_device(recipe), tmp_path / "there", device="cpu")
    train(on_device(recipe, 2), tmp_path / "twice", device="cpu")
    twice = train(on_device(recipe), tmp_path / "twice", device="cpu")
    assert here.weights.read_bytes() == there.weights.read_bytes() == twice.weights.read_bytes()


def test_without_memory_processes_make_the_clips(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ResourceError("films want 9 GB on the device")

    monkeypatch.setattr(datasets, "load_device_store", refuse)
    said: list[str] = []
    here = train(on_device(recipe, 2), tmp_path / "run", device="cpu", on_message=said.append)
    assert here.step == 2
    assert any("films want 9 GB" in line for line in said)


def test_a_profile_tells_every_stage(recipe: Recipe, tmp_path: Path) -> None:
    text = profile_training(recipe, "cpu", 2)
    for stage in STAGES:
        assert f"\n{stage} " in text
    assert "clips and" in text
    assert "core-seconds a clip" in text
    assert "convolution" in text
