"""A project: one film that a user works on, as a folder with film, references, plan and results."""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from kinemacolor.errors import InputError, ResourceError, UsageError
from kinemacolor.plan.document import Plan
from kinemacolor.references.load import check_reference_specs
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.files import translate_disk_errors, write_file_atomically
from kinemacolor.video.images import FILM_SUFFIXES, PICTURE_SUFFIXES, write_picture
from kinemacolor.web.corrected_plan import place_correction
from kinemacolor.web.edited_cuts import keep_cuts_of
from kinemacolor.web.history import ProjectHistory
from kinemacolor.web.names import safe_file_name
from kinemacolor.web.project_entry import ProjectEntry
from kinemacolor.web.project_folder import ProjectFolder
from kinemacolor.web.storage import NotFoundError, unused_path

REFERENCE_ADDED = "Reference added"
_FILES_OF_A_PART = ("suggestions.json", "try.mp4", "tried.json")


@dataclass(frozen=True)
class Project(ProjectFolder):
    """A project by its folder; every change is written whole or not at all."""

    @property
    def change_lock(self) -> FileLock:
        """A lock against changes by others, in this process or another; `exclusive_changes` holds it."""
        return FileLock(self.folder / "changing.lock")

    @contextmanager
    def exclusive_changes(self, label: str, *, is_waiting: bool | None = None) -> Iterator[None]:
        """Lock plan, cuts and references against changes by others, in this process or another.

        What has changed when the block ends is a step that can be undone: ``label`` says what, in a few words for the
        user; ``is_waiting`` as in `ProjectHistory.record`. On a full disk there is no step. Raises ResourceError where
        a step that was begun before cannot be finished.
        """
        history = ProjectHistory(self)
        with self.change_lock:
            self.finish_move()
            with suppress(ResourceError):
                history.begin()
            yield
            with suppress(ResourceError):
                history.record(label, is_waiting=is_waiting)

    def finish_move(self) -> None:
        """Do what an undo or redo began, also one that was killed; the project is locked by `change_lock`."""
        history = ProjectHistory(self)
        if not history.is_moving:
            return
        try:
            start_seconds, end_seconds = history.restore_files()
        except (UsageError, OSError, ValueError, IndexError):  # of a history that is damaged
            history.give_up_move()
            return
        entry = self.entry.model_copy(update={"start_seconds": start_seconds, "end_seconds": end_seconds})
        if entry != self.entry:
            self.change_part(entry)
        history.end_move()

    def change_part(self, entry: ProjectEntry) -> None:
        """Write another part of the film into the project, and remove what was found of the old one."""
        for folder in (self.survey_folder, self.report_folder):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.comparison_file, *map(self.folder.joinpath, _FILES_OF_A_PART)):
            file.unlink(missing_ok=True)
        self.write_entry(entry)

    def write_entry(self, entry: ProjectEntry) -> None:
        """Write `project.json`. Raises ResourceError."""
        with write_file_atomically(self.folder / "project.json") as stream:
            stream.write(entry.model_dump_json().encode())

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
            file_name = f"{name_at_frame(frame)}{suffix}"
        target = self.folder / "references" / file_name
        with translate_disk_errors(target), TemporaryDirectory(dir=upload.parent) as upload_folder:
            arrived = upload.replace(Path(upload_folder, file_name))
            (check or _check_reference)(arrived)
            with self.exclusive_changes(REFERENCE_ADDED, is_waiting=True):
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
        with self.exclusive_changes("Reference removed"):
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
            if not path.is_relative_to(self.folder / "stills"):  # the film's, which earlier plans name as well
                self.move_to_trash(path)

    def assign_references(self, chosen: Mapping[int, Sequence[str]]) -> Plan:
        """Assign references, by name or file name, to shots (numbers from 1); as the user's choice they have no score.

        Raises UsageError for shots and references that the plan does not have, and for a shot without any reference.
        """
        with self.exclusive_changes(_name_choices(chosen)):
            return self._write_choices(self.require_plan(), chosen)

    def give_reference(self, name: str, numbers: Collection[int] | None = None) -> Plan:
        """Assign a reference to shots, by default all, beside those that they have. Raises as `assign_references`."""
        with self.exclusive_changes(f"{name} given to shots"):
            plan = self.require_plan()
            old = {number: shot.references for number, shot in enumerate(plan.shots, 1)}
            given = old if numbers is None else numbers
            return self._write_choices(plan, {number: [*old.get(number, ()), name] for number in given})

    def _write_choices(self, plan: Plan, chosen: Mapping[int, Sequence[str]]) -> Plan:
        shots, in_plan = list(plan.shots), {entry.path.name: name for name, entry in plan.references.items()}
        for number, given in chosen.items():
            names = {name if name in plan.references else in_plan.get(name, name) for name in given}
            if not 1 <= number <= len(shots):
                raise UsageError(f"there is no shot {number}: the film has {len(shots)}")
            if names - set(plan.references) or not names:
                raise UsageError(f"shot {number} needs at least one reference of: {', '.join(plan.references)}")
            shots[number - 1] = shots[number - 1].with_references(names, is_user_choice=True)
        return self.write_plan(plan.model_copy(update={"shots": tuple(shots)}))

    def add_correction(self, frame: int, picture: UInt8Array) -> Plan:
        """Make a corrected frame, ``H W 3`` or partial ``H W 4``, a reference of its shot; gives the changed plan.

        It replaces earlier references at that frame. Raises UsageError without a plan or for a frame that the film
        does not have, InputError for a picture that cannot be a reference.
        """
        with self.exclusive_changes(f"Frame {frame} corrected"):
            name = name_at_frame(frame)
            path = self.folder / "references" / f"{name}.png"
            changed = place_correction(self.require_plan(), frame, path)
            fresh = path.with_name(f".{name}.png")
            try:
                with translate_disk_errors(path):
                    path.parent.mkdir(exist_ok=True)
                    write_picture(fresh, picture)
                _check_reference(fresh, f"the picture of frame {frame}")
                self.move_to_trash(path, copy=True)
                fresh.replace(path)
            finally:
                with suppress(OSError):  # the reason of a failure must not be lost
                    fresh.unlink()
            changed = self.write_plan(changed)
            self._replace_duplicates(path)
            return changed

    def write_plan(self, plan: Plan) -> Plan:
        """Validate a changed plan and write it. Raises UsageError, ResourceError."""
        checked = Plan.from_parts(**plan.model_dump())
        checked.write(self.plan_file)
        return checked

    def write_new_plan(self, plan: Plan) -> Plan:
        """Write a plan that follows from what waits for one: both are undone as one. Raises as `write_plan`."""
        made = self.write_plan(plan)
        with suppress(ResourceError):
            ProjectHistory(self).record("New plan", is_waiting=False)
        return made

    def replace_plan(self, plan: Plan) -> Plan:
        """Replace the plan by a user's own: shots, options, model and the frames of references may differ.

        Raises UsageError where it names another film, or pictures that this project does not have.
        """
        with self.exclusive_changes("Plan replaced", is_waiting=False):
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
            changed = self.write_plan(plan.model_copy(update={"film": film, "references": references}))
            keep_cuts_of(self, changed, ours)
            return changed

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
        frames = self.count_frames()
        if frames is not None and not 0 <= frame < frames:
            raise UsageError(f"the film has no frame {frame}: its last one is {frames - 1}")

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


def _check_reference(path: Path, name: str | None = None) -> None:
    """Raise InputError for a file that cannot be a reference; the message does not show the server's folder.

    ``name``: what the user calls it, by default as the file.
    """
    try:
        check_reference_specs((ReferenceSpec(path),))
    except InputError as error:
        raise InputError(str(error).replace(str(path), name or path.name)) from error


def _name_choices(chosen: Mapping[int, Sequence[str]]) -> str:
    """Say in a few words whose references were chosen."""
    return f"Pictures of shot {next(iter(chosen))}" if len(chosen) == 1 else f"Pictures of {len(chosen)} shots"


def name_at_frame(frame: int) -> str:
    """Return the file name, without suffix, that places a picture at a frame (`ReferenceSpec`)."""
    return f"ref_{frame:06d}"
