"""The page: four steps for a film, a tab for photographs, a tab for the report, and the queue above all."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
from fastapi import FastAPI

from kinemacolor.errors import KinemacolorError
from kinemacolor.web.page.calls import TOLD_SECONDS, View, data_of, in_words, project_of, told, user_of
from kinemacolor.web.page.film import FilmStep
from kinemacolor.web.page.look import LookStep
from kinemacolor.web.page.parts import job_list
from kinemacolor.web.page.photograph import PhotographTab
from kinemacolor.web.page.render import RenderStep
from kinemacolor.web.page.report import ReportTab
from kinemacolor.web.page.shots import ShotsStep
from kinemacolor.web.service import Service, list_result_files

ASSETS = Path(__file__).parent / "assets"
FROM_ADDRESS = "() => new URLSearchParams(location.search).get('film') || ''"
TO_ADDRESS = "(film) => { history.replaceState(null, '', film ? '?film=' + film : location.pathname); }"
EMPTY = "() => null"
THEME = gr.themes.Base(
    primary_hue="teal",
    secondary_hue="teal",
    neutral_hue="stone",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    button_primary_background_fill="*primary_800",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_dark="*primary_800",
    button_primary_text_color="white",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_label_text_color="*neutral_700",
    block_label_text_color_dark="*neutral_200",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
)


class Part(Protocol):
    """A step or a tab."""

    @property
    def outputs(self) -> Sequence[Any]:
        """What `show` gives values for."""

    def show(self, view: View) -> list[Any]:
        """The values. Raises KinemacolorError where something of the film cannot be had."""


class Page:
    """All components and what they do. ``current`` is the project that the browser's tab shows.

    Gradio drops an event while an earlier one of its kind is pending, unless its ``trigger_mode`` says otherwise: what
    changes something is done every time, what only shows something the last time.
    """

    def __init__(self, desk: Service) -> None:
        self._desk = desk
        with gr.Blocks(title="Kinemacolor", analytics_enabled=False) as self.blocks:
            self.current, self.photograph = (gr.Textbox(visible="hidden", show_label=False) for _ in range(2))
            self.shot = gr.Number(0, visible="hidden", show_label=False)
            gr.HTML("<h1>Kinemacolor</h1><p>Give a black-and-white film the colours of a picture you choose.</p>")
            self.queue = job_list(elem_id="queue")
            with gr.Tabs():
                with gr.Tab("Film"), gr.Walkthrough(selected=1, elem_id="steps") as self.steps:
                    with gr.Step("Film", id=1):
                        self.film = FilmStep(desk)
                    with gr.Step("Shots", id=2):
                        self.shots = ShotsStep(desk)
                    with gr.Step("Look", id=3):
                        self.look = LookStep(desk)
                    with gr.Step("Render", id=4):
                        self.render = RenderStep(desk)
                with gr.Tab("Photograph"):
                    self.photo = PhotographTab(desk)
                with gr.Tab("Report"):
                    self.report = ReportTab(desk)
            self._parts = (self.film, self.shots, self.look, self.render, self.report, self.photo)
            self._wire()

    def _wire(self) -> None:
        everything = self._showing(*self._parts)
        self.blocks.load(
            self._arrive,
            [self.current],
            [self.current, self.steps, *everything["outputs"]],
            js=FROM_ADDRESS,
            show_progress="hidden",
        )
        self._wire_film()
        self._wire_shots()
        self._wire_look()
        self._wire_render()
        self._wire_photograph()
        for event, call in (("stop", self._stop), ("retry", self._retry), ("delete", self._forget)):
            getattr(self.queue, event)(call, show_progress="hidden", trigger_mode="multiple")
        self.queue.end(**everything)

    def _wire_film(self) -> None:
        step = self.film
        uploaded = step.upload.upload(step.take_upload, [step.upload], [self.current])
        opened = step.open_mine.click(self._open, [step.mine], [self.current])
        begun = [
            uploaded,
            opened,
            step.open_known.click(step.take_known, [step.known], [self.current]),
            step.remove.click(
                self._remove, [step.mine], [self.current], js=_asked("Remove this film and its results?")
            ),
        ]
        for event in begun:
            event.success(**self._showing(*self._parts, is_new=True)).then(None, [self.current], js=TO_ADDRESS)
        opened.success(self._go_on, [self.current], [self.steps], show_progress="hidden")
        _at_the_end(uploaded, fn=None, outputs=[step.upload], js=EMPTY)
        step.cut.click(step.take_part, [self.current, step.start, step.end]).success(**self._showing(*self._parts))
        self._goes_to(step.next, 2)

    def _wire_shots(self) -> None:
        step, again = self.shots, self._showing(self.shots)
        given = step.upload.upload(step.take_references, [self.current, step.upload])
        _at_the_end(given, fn=None, outputs=[step.upload], js=EMPTY)
        # Choices count in the order in which they were made, whatever their kind.
        in_order: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "multiple", "concurrency_id": "choices"}
        changed = [
            given,
            step.plan.click(step.make_plan, [self.current], show_progress="hidden"),
            step.board.input(step.assign, [self.current], **in_order),
            step.board.apply(step.give, [self.current], **in_order),
            step.board.delete(step.forget, [self.current], **in_order),
        ]
        for event in changed:
            _at_the_end(event, **again)
        picked: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
        step.board.select(step.pick, [self.current], [self.shot, step.points], **picked)
        step.points.select(step.ask, [self.current, step.points], [step.points], **picked)
        self._goes_to(step.back, 1)
        self._goes_to(step.next, 3)

    def _wire_look(self) -> None:
        step = self.look
        step.frame.input(
            step.go_to,
            [self.current, step.frame],
            [step.still, step.time],
            show_progress_on=[step.still],
            trigger_mode="always_last",
        )
        chosen = [self.current, step.frame, step.model]
        step.model.input(step.take_model, chosen, step.outputs, trigger_mode="always_last")
        for part in (step.size, step.saturation, step.edges):
            part.input(
                step.choose,
                [self.current, step.frame, step.size, step.saturation, step.edges],
                [step.still, step.player],
                show_progress_on=[step.still],
                trigger_mode="always_last",
            )
        step.reset.click(step.as_model, [self.current, step.frame], step.outputs)
        step.clip.click(step.try_out, [self.current, step.frame], show_progress="hidden").success(**self._showing())
        self._goes_to(step.back, 2)
        self._goes_to(step.next, 4)

    def _wire_render(self) -> None:
        step = self.render
        step.render.click(step.ask, [self.current, step.form, step.more]).success(**self._showing())
        for event in (step.form.change, step.more.change, step.as_text.expand):
            event(step.as_command, [self.current, step.form, step.more], [step.command], show_progress="hidden")
        self._wire_corrections()
        self._goes_to(step.back, 3)

    def _wire_corrections(self) -> None:
        panel = self.render.correct
        panel.fetch.click(panel.open_frame, [self.current, panel.frame], [panel.painter])
        chosen = [panel.panel, panel.frame, panel.painter]
        self.render.player.select(panel.choose, [self.current], chosen, trigger_mode="always_last")
        painted = panel.painter.submit(panel.take_strokes, None, [panel.taken], show_progress="hidden")
        painted.failure(panel.refuse, [panel.painter], [panel.painter])
        given = panel.save.click(panel.take_picture, [self.current, panel.frame, panel.picture])
        for event in (
            painted.success(panel.put_away, [panel.painter, panel.taken], [panel.painter]),
            given.success(None, None, [panel.picture], js=EMPTY),
        ):
            event.then(**self._showing(self.shots, self.render))

    def _wire_photograph(self) -> None:
        tab = self.photo
        events = (
            tab.run.click(tab.color, [tab.upload, tab.references], [self.photograph]),
            tab.open_mine.click(self._open, [tab.mine], [self.photograph]),
            tab.remove.click(self._remove, [tab.mine], [self.photograph], js=_asked("Remove this photograph?")),
        )
        for event in events:
            event.success(**self._showing(tab))

    def _goes_to(self, button: gr.Button, number: int) -> None:
        """To another step at once, not through Gradio's queue: its stream may close over an event that just begins."""
        step = (self.film, self.shots, self.look, self.render)[number - 1]
        at_once: dict[str, Any] = {"show_progress": "hidden", "queue": False}
        button.click(lambda: gr.Walkthrough(selected=number), None, [self.steps], **at_once).then(**self._showing(step))

    def _showing(self, *parts: Part, is_new: bool = False) -> dict[str, Any]:
        """What shows parts of the page as things are now, and the queue, as arguments of a Gradio event."""

        def show(current: str, photograph: str, frame: float, shot: float, request: gr.Request) -> Any:
            values = self._values(parts, self._view(request, current, photograph, int(frame), int(shot), is_new))
            return values if parts else values[0]  # of a single output Gradio takes the value itself

        return {
            "fn": show,
            "inputs": [self.current, self.photograph, self.look.frame, self.shot],
            "outputs": [*(output for part in parts for output in part.outputs), self.queue],
            "show_progress": "hidden",
            "trigger_mode": "always_last",
        }

    def _view(self, request: gr.Request, current: str, photograph: str, frame: int, shot: int, is_new: bool) -> View:
        """What is not this user's, or is gone, is not shown."""
        user = user_of(request)
        mine = {project.name: project for project in self._desk.list_projects(user)}
        return View(user, mine.get(current), mine.get(photograph), frame, 0 if is_new else shot, is_new)

    def _values(self, parts: Sequence[Part], view: View) -> list[Any]:
        """Of all outputs. A part that cannot be shown says why, and is shown as if there were no film."""
        values: list[Any] = []
        wrong: dict[str, bool] = {}
        for part in parts:
            try:
                values += part.show(view)
            except KinemacolorError as error:
                wrong[in_words(self._desk, error)] = True
                values += part.show(View(view.user, None, None))
        for words in wrong:
            gr.Warning(words, TOLD_SECONDS)
        jobs = [one.model_dump() for one in self._desk.queue.list_views(view.user)]
        return [*values, {"events": "/api/jobs/events", "jobs": jobs}]

    def _arrive(self, address: str, request: gr.Request) -> list[Any]:
        """What a tab shows when it opens: the film of its address, if it is this user's."""
        view = self._view(request, address, "", 0, 0, is_new=True)
        name = view.project.name if view.project else ""
        return [name, gr.Walkthrough(selected=self._step(view)), *self._values(self._parts, view)]

    def _step(self, view: View) -> int:
        """Where to go on with a film."""
        project = view.project
        if project is None:
            return 1
        if list_result_files(project) or any(
            job.kind == "render" for job in self._desk.queue.list_views(view.user, project.name)
        ):
            return 4
        return 2 if project.plan_file.is_file() or project.survey_folder.is_dir() else 1

    def _go_on(self, current: str, request: gr.Request) -> Any:
        return gr.Walkthrough(selected=self._step(self._view(request, current, "", 0, 0, is_new=True)))

    @told
    def _open(self, name: str | None, request: gr.Request) -> str:
        """One of the user's own projects; its name."""
        return project_of(self._desk, request, name or "").name

    @told
    def _remove(self, name: str | None, request: gr.Request) -> Any:
        """Remove one of the user's own; none is shown afterwards. Without a name the user was not sure."""
        if not name:
            return gr.skip()
        self._desk.remove_project(user_of(request), project_of(self._desk, request, name))
        return ""

    @told
    def _stop(self, event: gr.EventData, request: gr.Request) -> None:
        self._desk.queue.stop_job(user_of(request), str(data_of(event).get("id")))

    @told
    def _retry(self, event: gr.EventData, request: gr.Request) -> None:
        self._desk.queue.resume_job(user_of(request), str(data_of(event).get("id")))

    @told
    def _forget(self, event: gr.EventData, request: gr.Request) -> None:
        self._desk.queue.forget_job(user_of(request), str(data_of(event).get("id")))


def _asked(question: str) -> str:
    """JavaScript that passes a value on if the user is sure."""
    return f"(value) => confirm({json.dumps(question)}) ? value : ''"


def _at_the_end(event: Any, **call: Any) -> None:
    """Whether the event's own call has failed or not: Gradio's ``then`` is left out where it has."""
    event.success(**call)
    event.failure(**call)


def mount(app: FastAPI, desk: Service, largest_upload: int) -> FastAPI:
    """The application with the page at its root."""
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        Page(desk).blocks,
        "/",
        theme=THEME,
        css_paths=[ASSETS / "page.css"],
        footer_links=[],
        ssr_mode=False,
        run_history=False,
        max_file_size=largest_upload,
        favicon_path=str(ASSETS / "icon.svg"),
    )
    return mounted
