"""Step 2: shots, references, which goes with which, and where a colour comes from."""

from collections import Counter
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from kinemacolor.errors import KinemacolorError
from kinemacolor.plan.document import Plan, ReferenceEntry, ShotEntry
from kinemacolor.plan.survey import Survey
from kinemacolor.plan.survey_cache import sample_path
from kinemacolor.utils.times import format_time
from kinemacolor.video.images import FILM_SUFFIXES, PICTURE_SUFFIXES
from kinemacolor.web.page.calls import TOLD_SECONDS, View, data_of, in_words, note, project_of, told, user_of
from kinemacolor.web.page.parts import point_view, shot_board
from kinemacolor.web.page.shown import file_url, look_url, reference_url, reference_values
from kinemacolor.web.project import Project
from kinemacolor.web.requests import MakePlan
from kinemacolor.web.service import Service, read_suggestions

ADVISED = 6
HIDDEN, OFF = gr.update(visible=False), gr.update(interactive=False)


class ShotsStep:
    """The components of the step; `show` gives values for its ``outputs``."""

    def __init__(self, desk: Service) -> None:
        self._desk = desk
        self.upload = gr.File(
            label="Colour pictures or colour films",
            file_count="multiple",
            file_types=[*PICTURE_SUFFIXES, *FILM_SUFFIXES],
            height=130,
            elem_id="reference-upload",
        )
        self.state = gr.HTML(elem_id="shots-state")
        self.advice = gr.HTML(elem_id="advice")
        self.board = shot_board()
        self.plan = gr.Button("Choose pictures for the shots", visible=False, elem_id="choose-pictures")
        with gr.Accordion("Where do the colours of a shot come from?", open=True, visible=False) as self.origin:
            self.points = point_view()
        with gr.Row():
            self.back = gr.Button("Back", min_width=100)
            self.next = gr.Button("Next: look", variant="primary", interactive=False, elem_id="to-look", scale=3)

    @property
    def outputs(self) -> list[gr.components.Component | gr.blocks.BlockContext]:
        return [self.state, self.advice, self.board, self.plan, self.origin, self.points, self.next]

    def show(self, view: View) -> list[Any]:
        """Values for ``outputs``."""
        project = view.project
        seen = project.read_survey() if project else None
        plan = project.read_plan() if project else None
        if project is None or seen is None:
            text = "The film is being looked at: its shots appear here." if project else "Choose a film first."
            return [note(text), "", None, HIDDEN, HIDDEN, None, OFF]
        count = len(plan.shots if plan else seen.shots)
        text = f"{count} shot{'s' * (count > 1)} found."
        if plan is None:
            text += (
                " Their pictures are not chosen yet."
                if project.list_references()
                else " Give at least one colour picture."
            )
        return [
            note(text),
            _advice(project, seen),
            _board(project, seen, plan, view.shot or None, self._desk.looker.is_partial),
            gr.update(visible=plan is None and bool(project.list_references())),
            gr.update(visible=plan is not None),
            self._points(project, plan, view.shot or 1),
            gr.update(interactive=plan is not None),
        ]

    @told
    def take_references(self, current: str, files: list[str] | None, request: gr.Request) -> None:
        """Uploaded pictures become references, and the plan is made anew."""
        project, taken = project_of(self._desk, request, current), 0
        for file in map(Path, files or ()):
            try:
                self._desk.add_reference(project, file.name, file)
                taken += 1
            except KinemacolorError as error:
                gr.Warning(in_words(self._desk, error), TOLD_SECONDS)
        if taken:
            self._desk.submit_task(user_of(request), project, MakePlan())

    @told
    def make_plan(self, current: str, request: gr.Request) -> None:
        """Choose from the references that there are."""
        self._desk.submit_task(user_of(request), project_of(self._desk, request, current), MakePlan())

    @told
    def assign(self, current: str, event: gr.EventData, request: gr.Request) -> None:
        """Give shots the references that the user chose on the board."""
        project, sent = project_of(self._desk, request, current), data_of(event)
        project.assign_references({int(sent["shot"]): [str(name) for name in sent["references"]]})

    @told
    def give(self, current: str, event: gr.EventData, request: gr.Request) -> None:
        """Many shots take a reference beside what they have."""
        project, sent = project_of(self._desk, request, current), data_of(event)
        numbers = None if sent["shots"] == "all" else [int(number) for number in sent["shots"]]
        project.give_reference(str(sent["reference"]), numbers)

    @told
    def forget(self, current: str, event: gr.EventData, request: gr.Request) -> None:
        """A reference goes."""
        project_of(self._desk, request, current).remove_reference(str(data_of(event).get("reference")))

    @told
    def pick(self, current: str, event: gr.EventData, request: gr.Request) -> tuple[int, Any]:
        """Look at one shot: the point view shows its middle frame and its references."""
        project, number = project_of(self._desk, request, current), int(data_of(event).get("shot", 1))
        return number, self._points(project, project.read_plan(), number)

    @told
    def ask(self, current: str, value: dict[str, Any] | None, event: gr.EventData, request: gr.Request) -> Any:
        """Where the colour of a point comes from."""
        if not value:
            return None
        project, sent = project_of(self._desk, request, current), data_of(event)
        x, y, frame = float(sent.get("x", 0)), float(sent.get("y", 0)), int(value["frame"]["number"])
        found = self._desk.previewer.find_color_origin(project, frame, min(max(y, 0), 1), min(max(x, 0), 1))
        if found is None:
            text = "This model looks at a reference as a whole: no single place gave this colour."
            return value | {"origin": {"x": x, "y": y, "reference": None, "text": text}}
        names, name = self._desk.previewer.preview_frame(project, frame).references, found.reference
        part, sure = _share(found.matched), f"{found.confidence:.0%}"
        guessed = f" {found.filled:.0%} of it is a guess that no reference shows." if found.filled else ""
        text = f"{part} of this colour comes from the marked place in {name}.{guessed} Sure: {sure}."
        return value | {
            "origin": {
                "x": x,
                "y": y,
                "reference": names.index(name),
                "rx": found.column,
                "ry": found.row,
                "text": text,
            }
        }

    def _points(self, project: Project, plan: Plan | None, number: int) -> dict[str, Any] | None:
        if plan is None or not 1 <= number <= len(plan.shots):
            return None
        shot = plan.shots[number - 1]
        frame = (shot.first + shot.last) // 2
        still = self._desk.previewer.preview_frame(project, frame)
        return {
            "frame": {
                "image": look_url(project, still.color),
                "width": still.size[1],
                "height": still.size[0],
                "number": frame,
            },
            "references": reference_values(project, still.references),
            "origin": None,
        }


def _share(matched: float | None) -> str:
    return "All" if matched is None or matched > 0.995 else f"{matched:.0%}"


def _board(
    project: Project, seen: Survey, plan: Plan | None, picked: int | None, is_partial: Callable[[Path], bool]
) -> dict[str, Any]:
    """Shots as the plan has them, or as they were found; pictures of the plan, or those that were given."""
    shots = plan.shots if plan else tuple(ShotEntry.from_shot(shot, {}) for shot in seen.shots)
    given = {
        path.name: ReferenceEntry(path=path)
        for path in project.list_references()
        if path.suffix.lower() in PICTURE_SUFFIXES
    }
    used = Counter(name for shot in shots for name in shot.references)
    return {
        "shots": [_shot(project, seen, number, shot) for number, shot in enumerate(shots, 1)],
        "references": [
            {
                "name": name,
                "image": reference_url(project, name, entry.path),
                "frame": entry.frame,
                "partial": is_partial(entry.path),
                "used": used[name],
            }
            for name, entry in (plan.references if plan else given).items()
            if entry.path.is_file()
        ],
        "picked": picked,
    }


def _shot(project: Project, seen: Survey, number: int, shot: ShotEntry) -> dict[str, Any]:
    samples = seen.samples_in_shot(shot.to_shot())
    return {
        "number": number,
        "first": shot.first,
        "last": shot.last,
        "time": format_time(float(seen.pts[shot.first] * seen.info.time_base) - seen.info.origin_seconds),
        "image": file_url(project, sample_path(project.survey_folder, samples[len(samples) // 2])),
        "transition": shot.transition,
        "certainty": shot.certainty,
        "references": [{"name": name, "score": score} for name, score in shot.references.items()],
    }


def _advice(project: Project, seen: Survey) -> str:
    """Which frames to colour first, as pictures to take away."""
    rows = read_suggestions(project)[:ADVISED]
    figures = "".join(
        f'<figure><a href="/api/projects/{project.name}/frames/{row.frame}/picture" download>'
        f'<img src="{escape(file_url(project, sample_path(project.survey_folder, row.frame)))}" '
        f'alt="Frame {row.frame}" loading="lazy"></a>'
        f"<figcaption>Frame {row.frame}: {row.coverage:.0%} of the film</figcaption></figure>"
        for row in rows
        if sample_path(project.survey_folder, row.frame).is_file()
    )
    if not figures:
        return ""
    return (
        '<details class="advice"><summary>No colour picture at hand? Colour one of these frames</summary>'
        "<p>These frames explain most of the film (the share that is explained with this one and those before). "
        "Save one, colour it in any painting program, and give it back under the same name: it is then placed "
        f"exactly where it belongs.</p><div>{figures}</div></details>"
    )
