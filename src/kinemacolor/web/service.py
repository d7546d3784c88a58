"""All that users can do with films, references, plans and jobs, for the page and the HTTP interface alike."""

import hashlib
import logging
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from kinemacolor.errors import InputError, KinemacolorError, ResourceError, UsageError
from kinemacolor.models.catalog import check_fill, find_model
from kinemacolor.plan.document import Plan
from kinemacolor.utils.times import format_time
from kinemacolor.web.changes import (
    PlanChange,
    ProjectChange,
)
from kinemacolor.web.film_card import FilmCard
from kinemacolor.web.film_part import restrict_project
from kinemacolor.web.history import ProjectHistory
from kinemacolor.web.intake import Intake
from kinemacolor.web.job import JobView
from kinemacolor.web.looker import Looker
from kinemacolor.web.picture_cache import renew
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import move_in_history, rename_project
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
from kinemacolor.web.size_meter import SizeMeter
from kinemacolor.web.storage import NotFoundError, Storage, is_kept_file
from kinemacolor.web.trash import (
    begin_deletion,
    find_time_of_removal,
    is_removed,
    is_restorable,
    mark_expired,
    mark_removed,
    unmark,
)
from kinemacolor.weights.manifest import weights_sha256

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """What the server does for its users; ``user`` is always the key of the user's folder (`make_user_key`)."""

    storage: Storage
    queue: JobQueue
    previewer: RemotePreviewer
    looker: Looker
    options: ServerOptions
    sizes: SizeMeter = field(default_factory=SizeMeter)
    _emptying: threading.Lock = field(default_factory=threading.Lock)
    _restoring: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def intake(self) -> Intake:
        """What makes projects of what is sent."""
        return Intake(self.storage, self.queue, self.looker, self.options.limits.largest_upload, self.warm_up)

    def warm_up(self) -> None:
        """Start what previews frames and does jobs, since somebody has opened or sends a film; returns at once."""
        self.previewer.warm_up()
        self.queue.prepare()

    def find_project(self, user: str, name: str) -> Project:
        """Return a project by name. Raises NotFoundError for a project that this user does not have."""
        return _finish_move(Project(self.storage.find_project_folder(user, name)))

    def list_projects(self, user: str) -> list[Project]:
        """List a user's projects, the latest first; one whose `project.json` is damaged does not hide the others."""
        found = [one for one in map(Project, self.storage.list_project_folders(user)) if one.is_readable]
        return [_finish_move(one) for one in found]

    def add_reference(self, project: Project, name: str, upload: Path, frame: int | None = None) -> Path:
        """Add an uploaded picture or film to the references, as `Project.add_reference`."""
        return project.add_reference(name, upload, frame, check=self.looker.check_reference)

    def add_uploaded_reference(self, user: str, project: Project, upload: str, frame: int | None) -> None:
        """Add a complete upload to the references. Raises as `UploadStore.take` and `Project.add_reference`."""
        with self.intake.uploads.take(user, [upload]) as ((name, path),):
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
        if not renew(path):
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
        if project.is_photograph:
            raise UsageError("a photograph has no parts")
        length = self.describe_film(project).duration_seconds
        if end_seconds is not None and end_seconds <= start_seconds:
            raise UsageError("the part ends before it begins: correct its times")
        if length is not None and start_seconds >= length:
            raise UsageError(f"the part begins behind the end of the film ({format_time(length)})")
        if (start_seconds, end_seconds) == project.entry.part:
            return
        self.queue.forget_project(user, project)
        restrict_project(project, start_seconds, end_seconds)
        self.submit_task(user, project, MakePlan() if project.list_references() else AnalyzeFilm())

    def remove_project(self, user: str, project: Project, *, for_good: bool = False) -> None:
        """Put a project into the trash, where it can be restored for a day, or delete it; its jobs are asked to stop.

        Returns at once. Raises ResourceError where the disk refuses.
        """
        (mark_expired if for_good else mark_removed)(project.folder)
        self.queue.stop_project(user, project)
        threading.Thread(target=self.empty_trash, daemon=True).start()

    def restore_project(self, user: str, name: str) -> Project:
        """Take a project out of the trash; its film is looked at if that was not done.

        Raises NotFoundError for one that is not there, or not any more.
        """
        with self._restoring:
            folder = self.storage.find_removed_folder(user, name)
            unmark(folder)
        project = Project(folder)
        if not project.survey_folder.is_dir() and not project.is_photograph:
            self.queue.submit_task(user, project, AnalyzeFilm())
        return project

    def empty_trash(self) -> None:
        """Delete what was removed a day ago or for good, and, the oldest first, what leaves its user no room.

        Also what an earlier server left half made or half deleted. What cannot be deleted is left for the next time.
        """
        with self._emptying:
            for leftover in self.storage.list_leftovers():
                Project(leftover).delete_folder()
            for user in self.storage.list_users():
                removed = sorted(self.storage.list_project_folders(user, removed=True), key=find_time_of_removal)
                for folder in removed:
                    try:
                        self._delete_unwanted(user, Project(folder))
                    except (OSError, KinemacolorError) as error:
                        _log.warning("%s is not deleted yet: %s", folder, error)

    def _delete_unwanted(self, user: str, project: Project) -> None:
        """Delete a removed project that is not kept any longer, when its jobs have stopped, unless it is restored.

        Raises UsageError where a job does not stop, OSError where the disk refuses.
        """
        is_crowded = is_restorable(project.folder) and self.storage.is_crowded(user)
        with self._restoring:
            if not is_removed(project.folder) or (is_restorable(project.folder) and not is_crowded):
                return
            with suppress(ResourceError):
                mark_expired(project.folder)  # nobody restores it any more
        self.queue.forget_project(user, project)
        with self._restoring:
            if not is_removed(project.folder):  # restored, as the disk refused to mark it
                return
            deleting = begin_deletion(project.folder)
        Project(deleting).delete_folder()

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
        """Undo (-1) or redo (1) the last change; another part of the film is looked at anew, and its jobs end before.

        Raises UsageError where there is nothing to undo or redo, or a job does not stop.
        """
        if ProjectHistory(project).read_part(by) not in (None, project.entry.part):
            self.queue.forget_project(user, project)
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
            results=list_result_views(project, is_rendering=self.queue.is_rendering(project)),
        )

    def save_poster(self, project: Project) -> Path:
        """Save a small picture of a project's result, else of its film; gives the file. Raises InputError, OSError."""
        source = find_poster_source(project)
        digest = hashlib.sha256(f"{source} {make_stamp(source)}".encode()).hexdigest()[:16]
        path = project.folder / "posters" / f"{digest}.jpg"
        if not path.is_file():
            self.looker.save_poster(source, path)
        return path


def _finish_move(project: Project) -> Project:
    """Have an undo or redo that was killed done; one that is just being done is waited for."""
    if ProjectHistory(project).is_moving:
        with project.exclusive_changes(""):
            pass
    return project
