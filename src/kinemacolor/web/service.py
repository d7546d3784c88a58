"""All that users can do with films, references, plans and jobs, for the page and the HTTP interface alike."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from kinemacolor.errors import InputError, UsageError
from kinemacolor.options import RenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.utils.times import format_time
from kinemacolor.video.images import PICTURE_SUFFIXES
from kinemacolor.web.film_card import FilmCard
from kinemacolor.web.job import JobView
from kinemacolor.web.looker import Looker
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import create_project, create_project_at, restrict_project
from kinemacolor.web.queue import JobQueue
from kinemacolor.web.remote_previews import RemotePreviewer
from kinemacolor.web.requests import AnalyzeFilm, MakePlan, PreviewClip, ProjectTask, RenderFilm
from kinemacolor.web.storage import NotFoundError, Storage, is_kept_file
from kinemacolor.weights.manifest import weights_sha256


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
    previewer: RemotePreviewer
    looker: Looker

    def find_project(self, user: str, name: str) -> Project:
        """Return a project by name. Raises NotFoundError for a project that this user does not have."""
        return Project(self.storage.find_project_folder(user, name))

    def list_projects(self, user: str) -> list[Project]:
        """List a user's projects, the latest first; one whose `project.json` is damaged does not hide the others."""
        return [one for one in map(Project, self.storage.list_project_folders(user)) if one.is_readable]

    def create_uploaded_project(self, user: str, films: Sequence[tuple[str, Path]]) -> Project:
        """Create a project of uploaded files, and queue the analysis of its film. Raises as `create_project`."""
        self.storage.remove_old_uploads()
        project = create_project(self.storage.create_project_folder(user), films, self.looker.check_upload)
        return self._queue_analysis(user, project)

    def create_server_project(self, user: str, film: str) -> Project:
        """Create a project of a film in the server's folder, and queue its analysis.

        Raises NotFoundError for a film that does not exist, and as `create_project_at`.
        """
        path = self.storage.resolve_film(film)
        folder = self.storage.create_project_folder(user)
        return self._queue_analysis(user, create_project_at(folder, path, self.looker.check_film))

    def add_reference(self, project: Project, name: str, upload: Path, frame: int | None = None) -> Path:
        """Add an uploaded picture or film to the references, as `Project.add_reference`."""
        return project.add_reference(name, upload, frame, check=self.looker.check_reference)

    def save_reference(self, project: Project, name: str) -> Path:
        """Save a reference of preview size, by its name in the plan or its file name; gives the file.

        Raises NotFoundError for another name.
        """
        plan = project.read_plan()
        known = {path.name: path for path in project.list_references() if path.suffix.lower() in PICTURE_SUFFIXES}
        known |= {key: entry.path for key, entry in plan.references.items()} if plan else {}
        source = known.get(name)
        if source is None or not is_kept_file(project.folder, source):
            raise NotFoundError(f"there is no reference {name[:60]!r}")
        digest = hashlib.sha256(f"{source} {source.stat().st_mtime_ns}".encode()).hexdigest()[:16]
        path = project.folder / "look" / f"{digest}-reference.jpg"
        if not path.is_file():
            self.looker.shrink_reference(source, path)
        return path

    def close(self) -> None:
        """End the processes that look at files and preview frames."""
        self.previewer.close()
        self.looker.close()

    def describe_film(self, project: Project) -> FilmCard:
        """Describe the film of a project. Raises InputError for a film that cannot be read."""
        return self.looker.describe_film(project)

    def select_part(self, user: str, project: Project, start_seconds: float, end_seconds: float | None) -> None:
        """Restrict a project to a part of its film, and queue its analysis or plan. Raises UsageError for no part."""
        length = self.describe_film(project).duration_seconds
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
            card = self.describe_film(project)
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
