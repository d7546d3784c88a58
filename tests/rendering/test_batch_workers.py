"""Passes as rows of one batch: what a GPU is given, here on a CPU."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from kinemacolor.errors import InputError
from kinemacolor.models.base import Colorizer
from kinemacolor.options import EncodingOptions
from kinemacolor.plan.document import Plan
from kinemacolor.rendering.batch_workers import open_batch_workers
from kinemacolor.rendering.journal import SEGMENT_FRAMES
from kinemacolor.rendering.output import OutputSetup, OutputSpec, prepare_plan_output
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
from kinemacolor.rendering.side_by_side import render_with_workers
from support.plans import two_scenes
from support.renders import break_after_check, edited, planned

FRAMES, ROWS = 120, 3


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan of two shots; the first has a keyframe in its middle, so there are three passes."""
    found = planned(tmp_path_factory.mktemp("batch"), frames=FRAMES, picture=two_scenes)

    def change(content: dict) -> None:
        content["references"][next(iter(content["shots"][0]["references"]))]["frame"] = 20

    return edited(found, change)


def prepared(path: Path, model: Colorizer, name: str) -> tuple[RenderPlan, OutputSetup]:
    target = OutputSpec(path.with_name(f"{name}.mkv"), EncodingOptions(lossless=True))
    job = RenderPlan(Plan.read(path), model, path.with_name(f"{name}.work"))
    return job, prepare_plan_output(job.plan, target, model.spec, job.work.folder, device="cpu", inputs=[path])


def in_batch(path: Path, model: Colorizer, name: str) -> RenderPlan:
    job, output_setup = prepared(path, model, name)
    job.rows = ROWS
    render_with_workers(open_batch_workers, job, output_setup)
    return job


def painted_ab(job: RenderPlan) -> list[np.ndarray]:
    return [
        prediction.ab
        for one, folder in job.iter_passes()
        for number in range(-(-len(one) // SEGMENT_FRAMES))
        for prediction in folder.read_segment(number)
    ]


def test_a_batch_paints_what_one_paints_alone_but_for_rounding(path: Path, kinema: Colorizer) -> None:
    alone, output_setup = prepared(path, kinema, "alone")
    execute_render_plan(alone, output_setup)
    for one, other in zip(painted_ab(in_batch(path, kinema, "batch")), painted_ab(alone), strict=True):
        assert np.abs(one - other).mean() < 0.05
        assert np.abs(one - other).max() < 3


def test_a_batch_that_goes_on_makes_the_same_bytes(path: Path, kinema: Colorizer) -> None:
    whole, half = in_batch(path, kinema, "whole"), path.with_name("half.work")
    shutil.copytree(whole.work.folder, half)
    shutil.rmtree(sorted((half / "passes").iterdir())[0])  # is then painted with nobody beside it
    in_batch(path, kinema, "half")
    assert path.with_name("half.mkv").read_bytes() == path.with_name("whole.mkv").read_bytes()


def test_a_segment_that_breaks_is_painted_again_in_a_batch_too(
    path: Path, kinema: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = in_batch(path, kinema, "unbroken")
    shutil.copytree(whole.work.folder, path.with_name("broken.work"))
    broken = break_after_check(monkeypatch, "000000.mkv")
    in_batch(path, kinema, "broken")
    assert broken
    assert path.with_name("broken.mkv").read_bytes() == path.with_name("unbroken.mkv").read_bytes()


def test_an_error_of_a_row_ends_the_render(path: Path, kinema: Colorizer) -> None:
    job, output_setup = prepared(path, kinema, "vanished")
    job.rows = ROWS
    there = path.with_name("blocks.png")
    there.rename(path.with_name("away.png"))
    try:
        with pytest.raises(InputError, match=r"blocks\.png does not exist"):
            render_with_workers(open_batch_workers, job, output_setup)
    finally:
        path.with_name("away.png").rename(there)
    assert not path.with_name("vanished.mkv").exists()
