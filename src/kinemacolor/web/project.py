"""A project: one film that a user works on, as a folder with film, references, plan and results."""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from kinemacolor.errors import InputError, UsageError
from kinemacolor.plan.document import Plan
from kinemacolor.plan.survey import Survey
from kinemacolor.plan.survey_cache import load_survey
from kinemacolor.references.load import check_reference_specs
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.video.images import FILM_SUFFIXES, PICTURE_SUFFIXES, write_picture
from kinemacolor.web.corrected_plan import place_correction
from kinemacolor.web.names import safe_file_name
from kinemacolor.web.project_entry import ProjectEntry
from kinemacolor.web.storage import NotFoundError, is_kept_file, unused_path


@dataclass(frozen=True)
class Project:
    """A project by its folder; every change is written whole or not at all."""

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

    def is_outdated(self, made_by: Path) -> bool:
        """Whether the plan has changed since ``made_by``, a copy of it, was written; False without a copy."""
        if not made_by.is_file():
            return False
        return not self.plan_file.is_file() or made_by.read_bytes() != self.plan_file.read_bytes()

    def read_survey(self) -> Survey | None:
        """Load the survey of the film; None if it was not analyzed yet."""
        if not self.survey_folder.is_dir():
            return None
        return _read_survey_cached(self.survey_folder, self.film, self.survey_folder.stat().st_ctime_ns)

    def read_plan(self) -> Plan | None:
        """Read the plan, with absolute paths; None if there is none."""
        return Plan.read(self.plan_file) if self.plan_file.is_file() else None

    def list_references(self) -> list[Path]:
        """List the references that the user gave, pictures and colour films, sorted by name."""
        folder = self.folder / "references"
        return sorted(file for file in folder.glob("[!.]*") if is_kept_file(self.folder, file))

    def make_reference_specs(self) -> tuple[ReferenceSpec, ...]:
        """Return the references that the user gave in the form that a plan is made from."""
        return tuple(ReferenceSpec(path) for path in self.list_references())

    @contextmanager
    def exclusive_changes(self) -> Iterator[None]:
        """Lock plan and references against changes by others, in this process or another."""
        with FileLock(self.folder / "changing.lock"):
            yield

    def add_reference(
        self, name: str, upload: Path, frame: int | None = None, *, check: Callable[[Path], None] | None = None
    ) -> Path:
        """Add an uploaded picture or colour film to the references; gives its path.

        ``frame``: the frame of the film that the picture shows; it replaces an earlier picture of that frame.
        ``check`` raises InputError for what cannot be a reference; the server's looks in another process. Raises
        InputError for a file that cannot be read or has no colour, UsageError for another kind of file or a frame that
        the film does not have; then nothing is added.
        """
        file_name = safe_file_name(name)
        suffix = Path(file_name).suffix.lower()
        if suffix not in (*PICTURE_SUFFIXES, *FILM_SUFFIXES):
            raise UsageError(
                f"{file_name} is no picture or film: give one that ends with {', '.join(PICTURE_SUFFIXES)}"
            )
        if frame is None and suffix in PICTURE_SUFFIXES:
            frame = ReferenceSpec(Path(file_name)).list_references()[0].frame
        if frame is not None:
            self._check_reference_frame(frame, suffix)
            file_name = f"{_stem_at_frame(frame)}{suffix}"
        target = self.folder / "references" / file_name
        with translate_disk_errors(target), TemporaryDirectory(dir=upload.parent) as upload_folder:
            arrived = upload.replace(Path(upload_folder, file_name))
            (check or _check_reference)(arrived)
            with self.exclusive_changes():
                target.parent.mkdir(exist_ok=True)
                if frame is None:
                    target = unused_path(target)
                self.move_to_trash(target, copy=True)
                shutil.move(arrived, target)
                if frame is not None:
                    self._replace_duplicates(target)
        return target

    def remove_reference(self, name: str) -> None:
        """Remove a reference, by file name or name in the plan, also from the plan.

        Raises NotFoundError for one that does not exist, UsageError for one that is a shot's only reference.
        """
        with self.exclusive_changes():
            plan = self.read_plan()
            name = next((key for key, one in plan.references.items() if name == one.path.name), name) if plan else name
            if plan and name in plan.references:
                only_reference_of = [n for n, shot in enumerate(plan.shots, 1) if set(shot.references) == {name}]
                if only_reference_of:
                    raise UsageError(
                        f"{name} is the only reference of shot {only_reference_of[0]}: give that shot another one first"
                    )
                path = plan.references[name].path
                shots = [shot.with_references(set(shot.references) - {name}) for shot in plan.shots]
                rest = {key: entry for key, entry in plan.references.items() if key != name}
                self.write_plan(plan.model_copy(update={"references": rest, "shots": tuple(shots)}))
            else:
                path = next((one for one in self.list_references() if name in (one.name, one.stem)), Path())
            if not path.is_relative_to(self.folder):
                raise NotFoundError(f"there is no reference {name[:60]!r}")
            self.move_to_trash(path)

    def assign_references(self, chosen: Mapping[int, Sequence[str]]) -> Plan:
        """Assign references, by name, to shots (numbers from 1); they count as the user's choice and have no score.

        Raises UsageError for shots and references that the plan does not have, and for a shot without any reference.
        """
        with self.exclusive_changes():
            return self._write_choices(self.require_plan(), chosen)

    def give_reference(self, name: str, numbers: Collection[int] | None = None) -> Plan:
        """Assign a reference to shots, by default all, beside those that they have. Raises as `assign_references`."""
        with self.exclusive_changes():
            plan = self.require_plan()
            old = {number: shot.references for number, shot in enumerate(plan.shots, 1)}
            given = old if numbers is None else numbers
            return self._write_choices(plan, {number: [*old.get(number, ()), name] for number in given})

    def _write_choices(self, plan: Plan, chosen: Mapping[int, Sequence[str]]) -> Plan:
        shots = list(plan.shots)
        for number, names in chosen.items():
            if not 1 <= number <= len(shots):
                raise UsageError(f"there is no shot {number}: the film has {len(shots)}")
            if not names or set(names) - set(plan.references):
                raise UsageError(f"shot {number} needs at least one reference of: {', '.join(plan.references)}")
            shots[number - 1] = shots[number - 1].with_references(set(names), is_user_choice=True)
        return self.write_plan(plan.model_copy(update={"shots": tuple(shots)}))

    def add_correction(self, frame: int, picture: UInt8Array) -> Plan:
        """Make a corrected frame, ``H W 3`` or partial ``H W 4``, a reference of its shot; gives the changed plan.

        It replaces earlier references at that frame. Raises UsageError without a plan or for a frame that the film
        does not have, InputError for a picture that cannot be a reference.
        """
        with self.exclusive_changes():
            name = _stem_at_frame(frame)
            path = self.folder / "references" / f"{name}.png"
            changed = place_correction(self.require_plan(), frame, path)
            fresh = path.with_name(f".{name}.png")
            with translate_disk_errors(path):
                path.parent.mkdir(exist_ok=True)
                write_picture(fresh, picture)
            try:
                _check_reference(fresh)
                self.move_to_trash(path, copy=True)
                fresh.replace(path)
            finally:
                fresh.unlink(missing_ok=True)
            changed = self.write_plan(changed)
            self._replace_duplicates(path)
            return changed

    def require_plan(self) -> Plan:
        """Read the plan. Raises UsageError where there is none yet."""
        plan = self.read_plan()
        if plan is None:
            raise UsageError("this film has no plan yet: give a reference first, then make the plan")
        return plan

    def write_plan(self, plan: Plan) -> Plan:
        """Validate a changed plan and write it. Raises UsageError, ResourceError."""
        checked = Plan.model_validate(plan.model_dump())
        checked.write(self.plan_file)
        return checked

    def replace_plan(self, plan: Plan) -> Plan:
        """Replace the plan by a user's own: shots, options, model and the frames of references may differ.

        Raises UsageError where it names another film, or pictures that this project does not have.
        """
        with self.exclusive_changes():
            ours = self.require_plan()
            film = plan.film.model_copy(update={"path": ours.film.path})
            known = {entry.path.name: entry.path for entry in ours.references.values()}
            known |= {path.name: path for path in self.list_references()}
            if film != ours.film:
                raise UsageError("that is the plan of another film: this project's film can not be changed")
            if strange := [one.path.name for one in plan.references.values() if one.path.name not in known]:
                raise UsageError(f"the plan names pictures that this project does not have: {', '.join(strange)}")
            references = {
                name: entry.model_copy(update={"path": known[entry.path.name]})
                for name, entry in plan.references.items()
            }
            return self.write_plan(plan.model_copy(update={"film": film, "references": references}))

    def move_to_trash(self, path: Path, *, copy: bool = False) -> None:
        """Move (or copy) a file into the folder ``removed``, so that what a user gave or chose is never lost."""
        if path.is_file():
            target = self.folder / "removed" / path.name
            with translate_disk_errors(target):
                target.parent.mkdir(exist_ok=True)
                (shutil.copy if copy else shutil.move)(path, unused_path(target))

    def _check_reference_frame(self, frame: int, suffix: str) -> None:
        """Raise UsageError where a file with this suffix cannot be placed at ``frame``."""
        if suffix not in PICTURE_SUFFIXES:
            raise UsageError("only a picture lies at a frame: give the film without one")
        film_survey = self.read_survey()
        if film_survey and not 0 <= frame < film_survey.index.frames:
            raise UsageError(f"the film has no frame {frame}: its last one is {film_survey.index.frames - 1}")

    def _replace_duplicates(self, placed: Path) -> None:
        """Remove pictures of another format at the same frame; the plan takes ``placed`` instead."""
        others = {path for path in self.list_references() if path.stem == placed.stem and path != placed}
        plan = self.read_plan()
        if plan and others:
            references = {
                name: entry.model_copy(update={"path": placed}) if entry.path in others else entry
                for name, entry in plan.references.items()
            }
            self.write_plan(plan.model_copy(update={"references": references}))
        for path in others:
            self.move_to_trash(path)

    def delete_folder(self) -> None:
        """Delete the project's folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


@lru_cache(maxsize=8)
def _read_survey_cached(folder: Path, film: Path, changed_ns: int) -> Survey | None:
    """Load a survey; ``changed_ns``, the folder's time, is a part of the cache key."""
    return load_survey(folder, film)


def _check_reference(path: Path) -> None:
    """Raise InputError for a file that cannot be a reference; the message does not show the server's folder."""
    try:
        check_reference_specs((ReferenceSpec(path),))
    except InputError as error:
        raise InputError(str(error).replace(f"{path.parent}/", "")) from error


def _stem_at_frame(frame: int) -> str:
    """Return the file name, without suffix, that places a picture at a frame (`ReferenceSpec`)."""
    return f"ref_{frame:06d}"
