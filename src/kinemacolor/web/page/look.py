"""Step 3: how it will look, on stills and on a few seconds, and what may be changed about it."""

from dataclasses import replace
from typing import Any

import gradio as gr

from kinemacolor.errors import UsageError
from kinemacolor.options import DEFAULT_MODEL, EdgeFilter, RenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.utils.times import format_time
from kinemacolor.web.page.calls import View, note, project_of, told, user_of
from kinemacolor.web.page.parts import before_after, compare_player
from kinemacolor.web.page.shown import player_value, still_value
from kinemacolor.web.project import Project
from kinemacolor.web.requests import PreviewClip
from kinemacolor.web.service import Service
from kinemacolor.weights.manifest import weights_notices
from kinemacolor.weights.registry import MODELS, make_meta_model

SECONDS = 3
TRIED = "try.mp4"
SIZES = (64, 540)


class LookStep:
    """The components of the step; `show` gives values for its ``outputs``."""

    def __init__(self, desk: Service) -> None:
        self._desk = desk
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                self.still = before_after()
                self.frame = gr.Slider(0, 1, 0, step=1, label="Frame", elem_id="look-frame")
                self.time = gr.HTML()
                self.clip = gr.Button(f"Try {SECONDS} seconds from here", elem_id="try")
                self.player = compare_player()
            with gr.Column(scale=1, min_width=260):
                self.model = gr.Dropdown(
                    sorted(MODELS),
                    value=DEFAULT_MODEL,
                    label="Model",
                    info=f"{DEFAULT_MODEL} is our own; the others are published ones, as they were published",
                    elem_id="look-model",
                )
                self.notices = gr.HTML()
                self.size = gr.Slider(
                    *SIZES, 216, step=4, label="Working size", info="Short side in pixels: larger is finer, and slower"
                )
                self.saturation = gr.Slider(0, 2, 1, step=0.05, label="Saturation", elem_id="look-saturation")
                self.edges = gr.Dropdown(
                    ["none", "fgs", "guided"], value="none", label="Edge filter", info="Keeps colours inside of edges"
                )
                self.reset = gr.Button("As the model has it", size="sm")
        with gr.Row():
            self.back = gr.Button("Back", min_width=100)
            self.next = gr.Button("Next: render", variant="primary", elem_id="to-render", scale=3)

    @property
    def outputs(self) -> list[gr.components.Component]:
        options = [self.model, self.size, self.saturation, self.edges]
        return [self.still, self.frame, self.time, self.player, self.notices, *options]

    def show(self, view: View) -> list[Any]:
        """Values for ``outputs``."""
        project, frame = view.project, view.frame
        plan = project.read_plan() if project else None
        if project is None or plan is None:
            return [None, gr.update(maximum=1, value=0), "", None, "", DEFAULT_MODEL, 216, 1, "none"]
        last = plan.film.frames - 1
        moved: dict[str, Any] = {"value": last} if frame > last else {}  # else it is the user's, who may be moving it
        frame = min(frame, last)
        spec, options = make_meta_model(plan.model).spec, plan.options
        return [
            self._still(project, frame),
            gr.update(maximum=max(last, 1), **moved),
            _time(project, frame),
            None
            if project.is_outdated(project.preview_plan_file)
            else player_value(project, TRIED, f"{SECONDS} seconds"),
            note(" ".join(weights_notices(plan.model))),
            plan.model,
            options.short_side or spec.short_side,
            spec.saturation if options.saturation is None else options.saturation,
            options.edge_filter or spec.edge_filter,
        ]

    @told
    def go_to(self, current: str, frame: float, request: gr.Request) -> tuple[Any, str]:
        """Another frame."""
        project = project_of(self._desk, request, current)
        return self._still(project, int(frame)), _time(project, int(frame))

    @told
    def choose(
        self, current: str, frame: float, size: float, saturation: float, edges: EdgeFilter, request: gr.Request
    ) -> tuple[dict[str, Any], Any]:
        """Other options; what equals the model's own is left to it."""
        project = project_of(self._desk, request, current)
        plan = project.require_plan()
        spec = make_meta_model(plan.model).spec
        changes: dict[str, Any] = {
            "short_side": None if int(size) == spec.short_side else int(size),
            "saturation": None if saturation == spec.saturation else saturation,
            "edge_filter": None if edges == spec.edge_filter else edges,
        }
        self._desk.change_model(project, plan.model, replace(plan.options, **changes))
        return self._still(project, int(frame)), None if project.is_outdated(project.preview_plan_file) else gr.skip()

    @told
    def take_model(self, current: str, frame: float, model: str, request: gr.Request) -> list[Any]:
        """Another model, with its own options."""
        project = project_of(self._desk, request, current)
        self._desk.change_model(project, model, _kept(project.require_plan(), model))
        return self.show(View(user_of(request), project, None, int(frame)))

    @told
    def as_model(self, current: str, frame: float, request: gr.Request) -> list[Any]:
        """The model's own options again."""
        project = project_of(self._desk, request, current)
        plan = project.require_plan()
        self._desk.change_model(project, plan.model, _kept(plan, plan.model))
        return self.show(View(user_of(request), project, None, int(frame)))

    @told
    def try_out(self, current: str, frame: float, request: gr.Request) -> None:
        """Ask for a few seconds."""
        project = project_of(self._desk, request, current)
        seconds = _seconds(project, int(frame))
        self._desk.submit_task(user_of(request), project, PreviewClip(start_seconds=seconds, seconds=SECONDS))

    def _still(self, project: Project, frame: int) -> dict[str, Any]:
        return still_value(project, self._desk.previewer.preview_frame(project, frame), f"Frame {frame}")


def _kept(plan: Plan, model: str) -> RenderOptions:
    """What the page does not ask for, as far as a model can do it."""
    fill = plan.options.fill and make_meta_model(model).spec.can_fill
    return RenderOptions(crop=plan.options.crop, precision=plan.options.precision, fill=fill)


def _seconds(project: Project, frame: int) -> float:
    seen = project.read_survey()
    if seen is None or not 0 <= frame < len(seen.pts):
        raise UsageError(f"there is no frame {frame}")
    return max(0.0, float(seen.pts[frame] * seen.info.time_base) - seen.info.origin_seconds)


def _time(project: Project, frame: int) -> str:
    return note(f"At {format_time(_seconds(project, frame))}")
