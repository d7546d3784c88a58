"""What lies where in a project's folder, and what is read from it; `project` changes it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.plan.document import Plan
from kinemacolor.plan.survey import Survey
from kinemacolor.plan.survey_cache import load_survey, read_frame_count
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.video.images import PICTURE_SUFFIXES
from kinemacolor.web.project_entry import ProjectEntry
from kinemacolor.web.storage import is_kept_file


@dataclass(frozen=True)
class ProjectFolder:
    """The folder of a project: names of its files, and what is in them."""

    folder: Path

    @property
    def entry(self) -> ProjectEntry:
        """Contents of `project.json`. Raises UsageError where the folder is not a project."""
        try:
            return ProjectEntry.model_validate_json((self.folder / "project.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            if (self.folder / "project.json").is_file():
                raise UsageError("the notes of this project are damaged: begin it again") from error
            raise UsageError("this project was removed: begin it again") from error

    @property
    def is_readable(self) -> bool:
        """Whether the folder is a project with an `entry` that can be read."""
        try:
            return bool(self.entry)
        except UsageError:
            return False

    @property
    def name(self) -> str:
        """Name of the folder, which identifies the project."""
        return self.folder.name

    @property
    def film(self) -> Path:
        """Path of the film, or of the folder of its pictures."""
        return self.folder / self.entry.film

    @property
    def is_photograph(self) -> bool:
        """Whether the film is a single picture."""
        return self.film.is_file() and self.film.suffix.lower() in PICTURE_SUFFIXES

    @property
    def survey_folder(self) -> Path:
        """Folder of the film's `Survey`."""
        return self.folder / "survey"

    @property
    def plan_file(self) -> Path:
        """The plan as the user has it now."""
        return self.folder / "plan.json"

    @property
    def last_plan_file(self) -> Path:
        """The last plan of another part of the film: the next plan takes over what was chosen in it."""
        return self.folder / "last.plan.json"

    @property
    def shots_file(self) -> Path:
        """The shots as the user has cut the film; none where they are the detector's (`shot_edits`)."""
        return self.folder / "shots.json"

    @property
    def work_folder(self) -> Path:
        """Work folder of the plan, with the predictions."""
        return self.folder / "plan.work"

    @property
    def results_folder(self) -> Path:
        """Folder of rendered films."""
        return self.folder / "results"

    @property
    def report_folder(self) -> Path:
        """Folder of the quality report."""
        return self.folder / "report"

    @property
    def comparison_file(self) -> Path:
        """Comparison video that the page plays: gray and colour side by side."""
        return self.folder / "compare.mp4"

    @property
    def preview_clip_file(self) -> Path:
        """The clip that was tried last, gray and colour side by side."""
        return self.folder / "try.mp4"

    @property
    def rendered_plan_file(self) -> Path:
        """The plan from which results, comparison video and report were made."""
        return self.folder / "rendered.plan.json"

    @property
    def preview_plan_file(self) -> Path:
        """The plan from which the preview clip was made."""
        return self.folder / "tried.plan.json"

    def read_survey(self) -> Survey | None:
        """Load the survey of the film; None if it was not analyzed yet."""
        if not self.survey_folder.is_dir():
            return None
        return _read_survey_cached(self.survey_folder, self.film, self.survey_folder.stat().st_ctime_ns)

    def count_frames(self) -> int | None:
        """Return how many frames the film has; None if it was not analyzed yet. Does not open the film."""
        return read_frame_count(self.survey_folder)

    def read_plan(self) -> Plan | None:
        """Read the plan, with absolute paths; None if there is none."""
        return Plan.read(self.plan_file) if self.plan_file.is_file() else None

    def read_last_plan(self) -> Plan | None:
        """Read the plan, else the last one of another part of the film; None if there was none."""
        found = (file for file in (self.plan_file, self.last_plan_file) if file.is_file())
        return next(map(Plan.read, found), None)

    def require_plan(self) -> Plan:
        """Read the plan. Raises UsageError where there is none yet."""
        plan = self.read_plan()
        if plan is None:
            raise UsageError("this film has no plan yet: give a reference first, then make the plan")
        return plan

    def hide_plan_paths(self, plan: Plan) -> Plan:
        """Return a plan with paths relative to the project, so that the server's folders stay hidden."""

        def shorten(path: Path) -> Path:
            return path.relative_to(self.folder) if path.is_relative_to(self.folder) else Path(path.name)

        film = plan.film.model_copy(update={"path": Path(plan.film.path.name)})
        references = {name: entry.with_moved_paths(shorten) for name, entry in plan.references.items()}
        return plan.model_copy(update={"film": film, "references": references})

    def list_references(self) -> list[Path]:
        """List the references that the user gave, pictures and colour films, sorted by name."""
        folder = self.folder / "references"
        return sorted(file for file in folder.glob("[!.]*") if is_kept_file(self.folder, file))

    def make_reference_specs(self) -> tuple[ReferenceSpec, ...]:
        """Return the references that the user gave in the form that a plan is made from."""
        return tuple(ReferenceSpec(path) for path in self.list_references())


@lru_cache(maxsize=8)
def _read_survey_cached(folder: Path, film: Path, changed_ns: int) -> Survey | None:
    """Load a survey; ``changed_ns``, the folder's time, is a part of the cache key."""
    return load_survey(folder, film)
