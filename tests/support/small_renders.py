"""Renders that cost next to nothing: few small frames, short segments, and a model without a network."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.options import EncodingOptions, RenderOptions
from kinemacolor.plan.document import FilmEntry, Plan, ReferenceEntry, ShotEntry
from kinemacolor.plan.planner import film_sha256
from kinemacolor.plan.survey import survey_film
from kinemacolor.rendering import blend, luma, painting
from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
from kinemacolor.weights.manifest import weights_sha256
from support.films import scene, write_film
from support.plans import save

SEGMENT, FRAMES, CUT = 3, 20, 10  # frames of a segment, of the film, and of its first shot
LOSSLESS = EncodingOptions(lossless=True)
SIZE = (64, 64)


@dataclass(frozen=True)
class Past(State):
    """The sum of all frames so far, B 1."""

    total: Tensor


class Recall(Colorizer):
    """Colours each frame by all frames before it: a wrong state, or a frame left out, shows in every later frame."""

    spec = MODEL_CATALOG["kinema"].spec

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.options = SimpleNamespace(fill=False)
        self.stop_after, self.seen = stop_after, 0

    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> State:
        return Past(references.mean((1, 2, 3, 4))[:, None])

    def forward(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        assert isinstance(state, Past)
        total, frames = state.total, []
        for frame in lightness.unbind(1):
            self.seen += 1
            if self.stop_after is not None and self.seen > self.stop_after:
                raise KeyboardInterrupt
            total = total + frame.mean((1, 2, 3))[:, None] / 7
            ab = torch.stack([60 * torch.sin(total), 60 * torch.cos(total)], 1)[..., None]
            frames.append(ab.expand(-1, -1, *frame.shape[2:]))
        return ModelOutput(torch.stack(frames, 1), torch.full_like(lightness, 0.5), Past(total))


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of three frames."""
    for module in (blend, luma, painting):
        monkeypatch.setattr(module, "SEGMENT_FRAMES", SEGMENT)


def small_plan(folder: Path, frames: int = FRAMES) -> Path:
    """A film of two shots (one, where it is short), with a keyframe in the first one, and its plan."""
    folder.mkdir(exist_ok=True)
    film = write_film(folder / "film.mkv", frames, SIZE, codec="ffv1", pix_fmt="gray", sound=True)
    references = {"key": min(4, frames - 1), "still": None}
    first = ShotEntry(first=0, last=min(CUT, frames) - 1, references={"key": None})
    second = ShotEntry(
        first=CUT, last=max(CUT, frames - 1), dissolve=2, transition="dissolve", references={"still": None}
    )
    for name in references:
        save(folder / f"{name}.png", scene(len(name), SIZE))
    survey = survey_film(film)
    plan = Plan.from_parts(
        film=FilmEntry.from_index(film, film_sha256(film), survey.index, 0, None),
        model="kinema",
        weights=weights_sha256("kinema"),
        options=RenderOptions(short_side=64),
        references={name: ReferenceEntry(path=folder / f"{name}.png", frame=at) for name, at in references.items()},
        shots=(first, second) if frames > CUT else (first,),
    )
    plan.write(folder / "film.plan.json")
    return folder / "film.plan.json"


def render_small(
    path: Path, name: str = "out.mkv", model: Colorizer | None = None, engine: str = "auto", **target: object
) -> RenderReport:
    """Render a plan of `small_plan`, with the work folder beside it."""
    plan, work, painter = Plan.read(path), path.with_name("film.plan.work"), model or Recall()
    spec = OutputSpec(path.parent / name, **({"encoding": LOSSLESS} | target))
    job = RenderPlan(plan, painter, work, engine=engine)
    setup = prepare_plan_output(plan, spec, painter.spec, work, device="cpu", inputs=[path])
    return execute_render_plan(job, setup)


def stopped_render(path: Path, frames: int, name: str = "out.mkv", engine: str = "auto", **target: object) -> None:
    """Render until the model has seen this many frames."""
    with pytest.raises(KeyboardInterrupt):
        render_small(path, name, Recall(frames), engine, **target)
