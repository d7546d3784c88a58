"""What users do, for the page and for programs alike: films, references, plans, jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from kinemacolor.errors import InputError, UsageError
from kinemacolor.plan.document import FilmOptions, Plan
from kinemacolor.plan.planner import weights_sha256
from kinemacolor.render.output import HDR_TRANSFERS
from kinemacolor.utils.times import format_time
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.reader import probe_film
from kinemacolor.web.frame_previews import Stills
from kinemacolor.web.job import JobView
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import begin, begin_at, cut
from kinemacolor.web.queue import Queue
from kinemacolor.web.requests import Look, MakePlan, RenderFilm, Task, Try
from kinemacolor.web.storage import Home


class FilmCard(BaseModel):
    """What a film is, in words. ``duration`` as H:MM:SS.s; ``warnings``: what its user should know first."""

    title: str
    width: int
    height: int
    rate: float | None
    frames: int | None
    duration: str | None
    duration_seconds: float | None
    depth: int
    codec: str
    start_seconds: float
    end_seconds: float | None
    warnings: list[str]


class ProjectView(BaseModel):
    """A project as programs see it. ``looked_at``: shots are known; ``planned``: references are chosen.

    ``film`` is null where it cannot be read any more.
    """

    id: str
    film: FilmCard | None
    references: list[str]
    looked_at: bool
    planned: bool
    results: list[str]


class Suggested(BaseModel):
    """A frame worth colouring. ``coverage``: the share of the film that is explained with it and those before it."""

    frame: int
    coverage: float
    shots: list[int]


@dataclass(frozen=True)
class Desk:
    """The server's work, whoever asks for it. ``user`` is the key of the user's folder everywhere."""

    home: Home
    queue: Queue
    stills: Stills

    def project(self, user: str, name: str) -> Project:
        """Raises UsageError for a project that this user does not have."""
        return Project(self.home.project(user, name))

    def projects(self, user: str) -> list[Project]:
        """The latest first."""
        return [Project(folder) for folder in self.home.projects(user) if (folder / "project.json").is_file()]

    def upload(self, user: str, films: Sequence[tuple[str, Path]]) -> Project:
        """A project of uploaded files; the film is looked at as soon as it may be. Raises as `begin`."""
        self.home.sweep()
        return self._begun(user, begin(self.home.new_project(user), films))

    def open(self, user: str, film: str) -> Project:
        """A project of a film in the server's folder. Raises UsageError for one that is not there."""
        path = self.home.film_at(film)
        return self._begun(user, begin_at(self.home.new_project(user), path))

    def cut(self, user: str, project: Project, start_seconds: float, end_seconds: float | None) -> None:
        """Work on a part of the film only. Raises UsageError where nothing lies between."""
        length = probe_film(project.film).duration_seconds
        if end_seconds is not None and end_seconds <= start_seconds:
            raise UsageError("the part ends before it begins: correct its times")
        if length is not None and start_seconds >= length:
            raise UsageError(f"the part begins behind the end of the film ({format_time(length)})")
        if (start_seconds, end_seconds) == (project.entry.start_seconds, project.entry.end_seconds):
            return
        self.queue.forget_project(user, project)
        cut(project, start_seconds, end_seconds)
        self.submit(user, project, MakePlan() if project.references() else Look())

    def remove(self, user: str, project: Project) -> None:
        """A project with all that is in it."""
        self.queue.forget_project(user, project)
        project.remove()

    def submit(self, user: str, project: Project, task: Task) -> JobView:
        """Ask for a task. Raises UsageError where it cannot be done yet."""
        match task:
            case MakePlan() | RenderFilm() if not project.references() and project.plan() is None:
                raise UsageError("there is no reference yet: give a colour picture")
            case Try():
                project.planned()
            case _:
                pass
        return self.queue.submit(user, project, task)

    def choose(self, project: Project, model: str, options: FilmOptions) -> Plan:
        """Another model or other options for the plan there is. Raises UsageError, WeightsError."""
        with project.changing():
            plan = project.planned()
            changed = {"model": model, "weights": weights_sha256(model), "options": options}
            other = plan.model_copy(update=changed)
            return plan if other == plan else project.write(other)

    def frame_at(self, project: Project, seconds: float) -> int:
        """The frame that is shown so many seconds after the first. Raises UsageError where none is."""
        seen = project.survey()
        if seen is None:
            raise UsageError("the film was not looked at yet: wait until its shots are found")
        return seen.frame_at(float(seen.pts[0] * seen.info.time_base) - seen.info.origin_seconds + seconds)

    def view(self, project: Project) -> ProjectView:
        """Raises UsageError where the project is gone."""
        try:
            card = film_card(project)
        except InputError:
            card = None
        return ProjectView(
            id=project.name,
            film=card,
            references=[path.name for path in project.references()],
            looked_at=(project.survey_folder / "survey.json").is_file(),
            planned=project.plan_file.is_file(),
            results=[path.name for path in result_files(project)],
        )

    def _begun(self, user: str, project: Project) -> Project:
        if not project.is_photograph:
            self.queue.submit(user, project, Look())
        return project


def suggestions(project: Project) -> list[Suggested]:
    """What looking at the film found; none before."""
    file = project.folder / "suggestions.json"
    return TypeAdapter(list[Suggested]).validate_json(file.read_text()) if file.is_file() else []


def result_files(project: Project) -> list[Path]:
    """What was rendered, whole or partial; not what is being written."""
    folder = project.results
    return sorted(file for file in folder.iterdir() if not file.name.startswith(".")) if folder.is_dir() else []


def film_card(project: Project) -> FilmCard:
    """Raises InputError for a film that cannot be read."""
    info, entry = probe_film(project.film), project.entry
    turned = round(info.display_rotation / 90) % 2 == 1
    shown = round(info.width * float(info.sample_aspect or 1)), info.height
    width, height = shown[::-1] if turned else shown
    return FilmCard(
        title=entry.title,
        width=width,
        height=height,
        rate=None if info.rate is None else round(float(info.rate), 3),
        frames=info.expected_frames,
        duration=None if info.duration_seconds is None else format_time(info.duration_seconds),
        duration_seconds=info.duration_seconds,
        depth=info.depth,
        codec=info.codec,
        start_seconds=entry.start_seconds,
        end_seconds=entry.end_seconds,
        warnings=_warnings(info),
    )


def _warnings(info: VideoInfo) -> list[str]:
    found = []
    if info.is_interlaced:
        found.append("The film is interlaced: each frame takes the colours of its first field.")
    if info.colors.transfer in HDR_TRANSFERS:
        found.append("The film is HDR: colours of bright parts are approximate.")
    if info.rate is None and not info.is_pictures:
        found.append("The film does not say its rate: times are those of its frames.")
    if info.has_alpha:
        found.append("The film's transparency is left out.")
    if min(info.width, info.height) < 64:
        found.append("The film is very small: at least 64 pixels a side are wanted.")
    return found
