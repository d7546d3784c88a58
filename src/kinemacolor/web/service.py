"""All that users can do with films, references, plans and jobs, for the page and the HTTP interface alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from kinemacolor.errors import InputError, UsageError
from kinemacolor.options import RenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.rendering.output import HDR_TRANSFERS
from kinemacolor.utils.times import format_time
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.reader import probe_film
from kinemacolor.web.frame_previews import FramePreviewer
from kinemacolor.web.job import JobView
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import create_project, create_project_at, restrict_project
from kinemacolor.web.queue import JobQueue
from kinemacolor.web.requests import AnalyzeFilm, MakePlan, PreviewClip, ProjectTask, RenderFilm
from kinemacolor.web.storage import Storage, is_kept_file
from kinemacolor.weights.manifest import weights_sha256


class FilmCard(BaseModel):
    """What a user should know of a film. Sizes are those on a display, in px.

    ``duration``: as H:MM:SS.s. ``start_seconds``, ``end_seconds``: the part that the project works on. ``warnings``:
    sentences for the user.
    """

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
    """A project as programs get it.

    ``film``: null if it cannot be read any more. ``looked_at``: the film was analyzed, shots are known. ``planned``:
    there is a plan, references are chosen. ``references`` and ``results``: file names.
    """

    id: str
    film: FilmCard | None
    references: list[str]
    looked_at: bool
    planned: bool
    results: list[str]


class SuggestedFrame(BaseModel):
    """A frame that is worth colouring.

    ``coverage``: share of the film that this frame and the suggested ones before it can colour, 0..1. ``shots``:
    numbers of the shots that it helps.
    """

    frame: int
    coverage: float
    shots: list[int]


@dataclass(frozen=True)
class Service:
    """What the server does for its users; ``user`` is always the key of the user's folder (`make_user_key`)."""

    storage: Storage
    queue: JobQueue
    previewer: FramePreviewer

    def find_project(self, user: str, name: str) -> Project:
        """Return a project by name. Raises NotFoundError for a project that this user does not have."""
        return Project(self.storage.find_project_folder(user, name))

    def list_projects(self, user: str) -> list[Project]:
        """List a user's projects, the latest first; one whose `project.json` is damaged does not hide the others."""
        return [one for one in map(Project, self.storage.list_project_folders(user)) if one.is_readable]

    def create_uploaded_project(self, user: str, films: Sequence[tuple[str, Path]]) -> Project:
        """Create a project of uploaded files, and queue the analysis of its film. Raises as `create_project`."""
        self.storage.remove_old_uploads()
        return self._queue_analysis(user, create_project(self.storage.create_project_folder(user), films))

    def create_server_project(self, user: str, film: str) -> Project:
        """Create a project of a film in the server's folder, and queue its analysis.

        Raises NotFoundError for a film that does not exist, and as `create_project_at`.
        """
        path = self.storage.resolve_film(film)
        return self._queue_analysis(user, create_project_at(self.storage.create_project_folder(user), path))

    def select_part(self, user: str, project: Project, start_seconds: float, end_seconds: float | None) -> None:
        """Restrict a project to a part of its film, and queue its analysis or plan. Raises UsageError for no part."""
        length = probe_film(project.film).duration_seconds
        if end_seconds is not None and end_seconds <= start_seconds:
            raise UsageError("the part ends before it begins: correct its times")
        if length is not None and start_seconds >= length:
            raise UsageError(f"the part begins behind the end of the film ({format_time(length)})")
        if (start_seconds, end_seconds) == (project.entry.start_seconds, project.entry.end_seconds):
            return
        self.queue.forget_project(user, project)
        restrict_project(project, start_seconds, end_seconds)
        self.submit_task(user, project, MakePlan() if project.list_references() else AnalyzeFilm())

    def remove_project(self, user: str, project: Project) -> None:
        """Stop the jobs of a project, and delete it with all that is in it."""
        self.queue.forget_project(user, project)
        project.delete_folder()

    def submit_task(self, user: str, project: Project, task: ProjectTask) -> JobView:
        """Queue a task. Raises UsageError where it cannot be done yet, and as `JobQueue.submit_task`.

        Raises ResourceError where the user has no space left for what it would make.
        """
        self.storage.check_space(user)
        match task:
            case MakePlan() | RenderFilm() if not project.list_references() and project.read_plan() is None:
                raise UsageError("there is no reference yet: give a colour picture")
            case PreviewClip():
                project.require_plan()
            case _:
                pass
        return self.queue.submit_task(user, project, task)

    def change_model(self, project: Project, model: str, options: RenderOptions) -> Plan:
        """Set model and options of the plan; gives the plan. Raises UsageError without a plan, WeightsError."""
        with project.exclusive_changes():
            plan = project.require_plan()
            changed = {"model": model, "weights": weights_sha256(model), "options": options}
            other = plan.model_copy(update=changed)
            return plan if other == plan else project.write_plan(other)

    def find_frame_at(self, project: Project, seconds: float) -> int:
        """Return the frame that is shown ``seconds`` after the first. Raises UsageError where there is none."""
        film_survey = project.read_survey()
        if film_survey is None:
            raise UsageError("the film was not looked at yet: wait until its shots are found")
        return film_survey.frame_at(
            float(film_survey.pts[0] * film_survey.info.time_base) - film_survey.info.origin_seconds + seconds
        )

    def view_project(self, project: Project) -> ProjectView:
        """Return a project as programs get it. Raises UsageError where the project was removed."""
        try:
            card = describe_film(project)
        except InputError:
            card = None
        return ProjectView(
            id=project.name,
            film=card,
            references=[path.name for path in project.list_references()],
            looked_at=(project.survey_folder / "survey.json").is_file(),
            planned=project.plan_file.is_file(),
            results=[path.name for path in list_result_files(project)],
        )

    def _queue_analysis(self, user: str, project: Project) -> Project:
        """Queue the analysis of a new project's film; a photograph needs none."""
        if not project.is_photograph:
            self.queue.submit_task(user, project, AnalyzeFilm())
        return project


def read_suggestions(project: Project) -> list[SuggestedFrame]:
    """Return the frames that the analysis of the film suggests; empty before it."""
    file = project.folder / "suggestions.json"
    return TypeAdapter(list[SuggestedFrame]).validate_json(file.read_text()) if file.is_file() else []


def list_result_files(project: Project) -> list[Path]:
    """List rendered films, whole or partial, but not files that are being written."""
    folder = project.results_folder
    return sorted(file for file in folder.glob("[!.]*") if is_kept_file(project.folder, file))


def describe_film(project: Project) -> FilmCard:
    """Describe the film of a project. Raises InputError for a film that cannot be read."""
    info, entry = probe_film(project.film), project.entry
    is_turned = info.orientation.is_sideways
    shown_size = round(info.width * float(info.sample_aspect or 1)), info.height
    width, height = shown_size[::-1] if is_turned else shown_size
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
        warnings=_film_warnings(info),
    )


def _film_warnings(info: VideoInfo) -> list[str]:
    """List what a user should know before colouring this film, as sentences."""
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
