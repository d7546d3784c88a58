"""Plans on disk, rendered in this process or another."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch import Tensor

from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.inference.quantization import quantize_prediction
from kinemacolor.models.base import Colorizer
from kinemacolor.options import RenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import PlanRequest, make_plan
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.cache import PassFolder
from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
from support.films import scene, write_film
from support.plans import CUT, gray, other_scene, save, two_scenes

SMALL = RenderOptions(short_side=64)


def large(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (320, 240))


def planned(
    folder: Path, *given: str, frames: int = 3 * CUT, picture: Callable[[int], np.ndarray] = two_scenes
) -> Path:
    """A film, two pictures and their plan in a folder."""
    film = write_film(folder / "film.mp4", frames, (240, 320), picture=lambda i: large(gray(picture(i))), sound=True)
    save(folder / "waves.png", scene(3))
    save(folder / "blocks.png", other_scene(3))
    names = given or ("waves.png", "blocks.png")
    wish = PlanRequest(
        film, tuple(ReferenceSpec.parse(str(folder / name)) for name in names), folder / "stills", options=SMALL
    )
    path = folder / "film.plan.json"
    make_plan(wish)[0].write(path)
    return path


def rendered(path: Path, model: Colorizer, name: str = "out.mkv", **target: object) -> RenderReport:
    plan, work = Plan.read(path), path.with_name("work")
    wanted = OutputSpec(path.with_name(name), **target)
    job = RenderPlan(plan, model, work)
    return execute_render_plan(job, prepare_plan_output(plan, wanted, model.spec, work, device="cpu", inputs=[path]))


def append_segment(
    folder: PassFolder, predictions: Sequence[ColorPrediction], state: Mapping[str, Tensor] | None = None
) -> None:
    """Store the first segment of a pass that is missing."""
    folder.store_segment(folder.segment_count, [quantize_prediction(one) for one in predictions], state or {})


def edited(path: Path, change: Callable[[dict], object]) -> Path:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def command(path: Path, name: str) -> list[str]:
    return [sys.executable, "-m", "kinemacolor", "render", str(path), "-o", str(path.with_name(name)), "-q"]


def break_after_check(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Path]:
    """Have segments of this name broken in every work folder that a render has just checked; gives which."""
    check, broken = RenderPlan.check_stored_passes, list[Path]()

    def check_then_break(job: RenderPlan) -> str | None:
        told = check(job)
        for file in job.work.folder.glob(f"passes/*/{name}"):
            file.write_bytes(b"broken")
            broken.append(file)
        return told

    monkeypatch.setattr(RenderPlan, "check_stored_passes", check_then_break)
    return broken
