"""All that users can do with films, references, plans and jobs, for the page and the HTTP interface alike."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import assert_never

from pydantic import BaseModel, TypeAdapter

from kinemacolor.errors import InputError, UsageError
from kinemacolor.models.catalog import check_fill, find_model
from kinemacolor.options import SAMPLE_FILM, SAMPLE_REFERENCE
from kinemacolor.plan.document import Plan
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.utils.times import format_time
from kinemacolor.web.changes import (
    AssignReferences,
    FilmInFolder,
    FilmSource,
    GiveReference,
    MergeShots,
    MoveCut,
    PlanChange,
    ProjectChange,
    SampleFilm,
    SetShotOptions,
    ShotEdit,
    SplitShot,
    UploadedFilm,
)
from kinemacolor.web.film_card import FilmCard
from kinemacolor.web.history import ProjectHistory
from kinemacolor.web.job import JobView
from kinemacolor.web.looker import Looker
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import (
    create_project,
    create_project_at,
    move_in_history,
    rename_project,
    restrict_project,
)
from kinemacolor.web.project_views import (
    ProjectView,
    compute_revision,
    find_poster_source,
    find_state,
    find_time_of_change,
    list_reference_views,
    list_result_views,
    make_stamp,
    read_sound_plan,
)
from kinemacolor.web.queue import JobQueue
from kinemacolor.web.remote_previews import RemotePreviewer
from kinemacolor.web.requests import AnalyzeFilm, MakePlan, PreviewClip, ProjectTask, RenderFilm
from kinemacolor.web.server_options import ServerOptions
from kinemacolor.web.shot_edits import edit_cuts, set_shot_options
from kinemacolor.web.shot_views import ShotList, list_detected_shots, view_shots
from kinemacolor.web.size_meter import SizeMeter
from kinemacolor.web.storage import NotFoundError, Storage, is_kept_file
from kinemacolor.web.uploads import UploadStore, UploadView
from kinemacolor.weights.manifest import weights_sha256


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
    options: ServerOptions
    sizes: SizeMeter = field(default_factory=SizeMeter)

    def begin_upload(self, user: str, name: str, size: int) -> UploadView:
        """Begin an upload in pieces. Raises as `UploadStore.begin`, UsageError for more than the server takes."""
        if size > (most := self.options.limits.largest_upload):
            raise UsageError(f"{size / 1e9:.1f} GB are too much: this server takes at most {most / 1e9:g} GB")
        self.warm_up()
        return self.uploads.begin(user, name, size)

    @cached_property
    def uploads(self) -> UploadStore:
        """Files that come in pieces."""
        return UploadStore(self.storage)

    def warm_up(self) -> None:
        """Start what previews frames and does jobs, since somebody has opened or sends a film; returns at once."""
        self.previewer.warm_up()
        self.queue.prepare()

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

    def create_project_of(self, user: str, wanted: FilmSource) -> Project:
        """Create a project of a film in the server's folder, of complete uploads, or of the sample.

        Raises as `create_uploaded_project`, `create_server_project` and `UploadStore.take`.
        """
        match wanted:
            case FilmInFolder(film=film):
                return self.create_server_project(user, film)
            case UploadedFilm(uploads=names):
                with self.uploads.take(user, names) as arrived:
                    return self.create_uploaded_project(user, arrived)
            case SampleFilm():
                return self._create_sample_project(user)
            case _:
                assert_never(wanted)

    def _create_sample_project(self, user: str) -> Project:
        """Create a project of the film that ships with the package, with its reference."""
        with TemporaryDirectory(dir=self.storage.uploads_folder) as folder:
            copies = []
            for name in (SAMPLE_FILM, SAMPLE_REFERENCE):
                with translate_disk_errors(self.storage.uploads_folder):
                    copies.append(Path(shutil.copy(str(files("kinemacolor").joinpath(name)), folder)))
            film, reference = copies
            project = self.create_uploaded_project(user, [(film.name, film)])
            self.add_reference(project, reference.name, reference)
        return project

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

    def add_uploaded_reference(self, user: str, project: Project, upload: str, frame: int | None) -> None:
        """Add a complete upload to the references. Raises as `UploadStore.take` and `Project.add_reference`."""
        with self.uploads.take(user, [upload]) as ((name, path),):
            self.add_reference(project, name, path, frame)

    def save_reference(self, project: Project, name: str) -> Path:
        """Save a reference of preview size, by its name in the plan or its file name; gives the file.

        Raises NotFoundError for another name.
        """
        plan = project.read_plan()
        known = {key: path for path in project.list_references() for key in (path.stem, path.name)}
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
        self.sizes.close()

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

    def change_project(self, user: str, project: Project, change: ProjectChange) -> None:
        """Change the title of a project, or the part of the film. Raises as `select_part`."""
        entry, given = project.entry, change.model_fields_set
        if given & {"start_seconds", "end_seconds"}:
            start = entry.start_seconds if change.start_seconds is None else change.start_seconds
            end = change.end_seconds if "end_seconds" in given else entry.end_seconds
            self.select_part(user, project, start, end)
        if change.title is not None:
            rename_project(project, change.title)

    def move_in_history(self, user: str, project: Project, by: int) -> None:
        """Undo (-1) or redo (1) the last change; another part of the film is looked at anew. Raises UsageError."""
        if move_in_history(project, by) and not project.is_photograph:
            self.submit_task(user, project, AnalyzeFilm())

    def change_plan(self, project: Project, change: PlanChange) -> Plan:
        """Change the model, or some options of the plan; gives the plan. Raises UsageError, WeightsError."""
        with project.exclusive_changes(change.describe()):
            plan = project.require_plan()
            model = change.model or plan.model
            options = change.apply_to(plan.options)
            check_fill(find_model(model).spec, fill=options.fill)
            other = plan.model_copy(update={"model": model, "weights": weights_sha256(model), "options": options})
            return plan if other == plan else project.write_plan(other)

    def view_project(self, project: Project) -> ProjectView:
        """Return a project as programs get it. Raises UsageError where the project was removed."""
        entry, plan, revision = project.entry, read_sound_plan(project), compute_revision(project)
        undo, redo = ProjectHistory(project).read_labels()
        try:
            card = self.describe_film(project)
            picture = f"/api/projects/{project.name}/picture?v={make_stamp(find_poster_source(project))}"
        except (InputError, OSError):
            card, picture = None, None
        return ProjectView(
            id=project.name,
            title=entry.title,
            created=entry.created,
            changed=find_time_of_change(project),
            is_photograph=project.is_photograph,
            revision=revision,
            film=card,
            picture=picture,
            state=find_state(project, plan, card, is_looking=self.queue.is_working_on(project)),
            size_bytes=self.sizes.find_size(project.folder, revision),
            can_undo=undo,
            can_redo=redo,
            looked_at=(project.survey_folder / "survey.json").is_file(),
            planned=project.plan_file.is_file(),
            references=list_reference_views(project, plan, self.looker),
            results=list_result_views(project),
        )

    def save_poster(self, project: Project) -> Path:
        """Save a small picture of a project's result, else of its film; gives the file. Raises InputError, OSError."""
        source = find_poster_source(project)
        digest = hashlib.sha256(f"{source} {make_stamp(source)}".encode()).hexdigest()[:16]
        path = project.folder / "posters" / f"{digest}.jpg"
        if not path.is_file():
            self.looker.save_poster(source, path)
        return path

    def edit_shots(self, project: Project, edit: ShotEdit) -> ShotList:
        """Change cuts, references or options of shots; gives the shots as they are then. Raises UsageError."""
        match edit:
            case MergeShots(merge=number):
                edit_cuts(project, list_detected_shots(project, self.looker), "merge", number)
            case SplitShot(split=number, at=frame):
                edit_cuts(project, list_detected_shots(project, self.looker), "split", number, frame)
            case MoveCut(move=number, first=frame):
                edit_cuts(project, list_detected_shots(project, self.looker), "move", number, frame)
            case AssignReferences(references=chosen):
                project.assign_references(chosen)
            case GiveReference(give=name, shots=numbers):
                project.give_reference(name, numbers)
            case SetShotOptions(options=options):
                set_shot_options(project, options)
            case _:
                assert_never(edit)
        return view_shots(project, self.looker)

    def _queue_analysis(self, user: str, project: Project) -> Project:
        """Queue the analysis of a new project's film; a photograph needs none."""
        self.warm_up()
        if not project.is_photograph:
            self.queue.submit_task(user, project, AnalyzeFilm())
        return project


def read_suggestions(project: Project) -> list[SuggestedFrame]:
    """Return the frames that the analysis of the film suggests; empty before it."""
    file = project.folder / "suggestions.json"
    return TypeAdapter(list[SuggestedFrame]).validate_json(file.read_text()) if file.is_file() else []
