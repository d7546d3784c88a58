"""Undo and redo: each state of plan, cuts and references of a project, kept in its folder by contents.

``history/objects`` has files by their sha256, most of them other names of files that the project has, and states
that name those; ``history/index.json`` says in which order they came, and which is the present one; ``history/move``,
while one goes back or forth, where to.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kinemacolor.errors import UsageError
from kinemacolor.utils.files import compute_file_sha256, make_new_path, translate_disk_errors, write_file_atomically
from kinemacolor.web.project_entry import FilmPart
from kinemacolor.web.project_folder import ProjectFolder

MAX_STEPS = 200


class ProjectState(BaseModel):
    """What is undone and redone: the part of the film, and the sha256 of plan, cuts and each reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    start_seconds: float
    end_seconds: float | None
    plan: str | None
    shots: str | None
    references: dict[str, str]

    @property
    def part(self) -> FilmPart:
        """The part of the film."""
        return self.start_seconds, self.end_seconds


class HistoryStep(BaseModel):
    """A state by its sha256, and what had been changed then, in a few words.

    ``is_waiting``: for a plan that follows from it; going from a state with its plan, nobody comes to rest here.
    """

    label: str
    state: str
    is_waiting: bool = False


class HistoryIndex(BaseModel):
    """All states in their order; ``at``: which is the present one. ``known``: size, time and sha256 of references."""

    steps: list[HistoryStep] = []
    at: int = 0
    known: dict[str, tuple[int, int, str]] = {}


@dataclass(frozen=True)
class ProjectHistory:
    """The history of a project, which is locked by `Project.exclusive_changes` while it changes."""

    project: ProjectFolder

    def read_labels(self) -> tuple[str | None, str | None]:
        """Return what undo would take back, and what redo would do again, in a few words; None for nothing."""
        index = self._read_index()
        before, after = _find_step(index, -1), _find_step(index, 1)
        return (
            None if before is None else index.steps[before + 1].label,
            None if after is None else index.steps[index.at + 1].label,
        )

    def begin(self) -> None:
        """Keep the first state, before the first change. Raises ResourceError where the disk is full or refuses."""
        if not self._read_index().steps:
            self.record("")

    def record(self, label: str, *, is_waiting: bool | None = None) -> None:
        """Keep the present state, if it is another than the last; what was undone cannot be redone any more.

        ``is_waiting``: whether a plan is still to follow; None: as before. Raises as `begin`.
        """
        index = self._read_index()
        state, known = self._keep_state(index.known)
        before = index.steps[: index.at + 1]
        was_waiting = bool(before) and before[-1].is_waiting
        if is_waiting is None:
            is_waiting = was_waiting
        if before and before[-1].state == state:
            if was_waiting and not is_waiting:  # the plan came out as it was
                before[-1].is_waiting = False
                self._write_index(index)
            return
        steps = [*before, HistoryStep(label=label, state=state, is_waiting=is_waiting)][-MAX_STEPS:]
        self._write_index(HistoryIndex(steps=steps, at=len(steps) - 1, known=known))
        if {step.state for step in index.steps} - {step.state for step in steps}:
            self._sweep(steps)

    def read_part(self, by: int) -> FilmPart | None:
        """Return the part of the film that going back (-1) or forth (1) leads to; None where there is no such step."""
        index = self._read_index()
        at = _find_step(index, by)
        return None if at is None else self._read_state(index.steps[at].state).part

    def begin_move(self, by: int) -> None:
        """Note to go back (-1) or forth (1) by a step with its plan: `Project.finish_move` does it, also after a kill.

        Raises UsageError where there is no such step, or a file of it is damaged.
        """
        self.record("Change")  # what somebody did to the files
        index = self._read_index()
        at = _find_step(index, by)
        if at is None:
            raise UsageError("there is nothing to undo" if by < 0 else "there is nothing to redo")
        state = self._read_state(index.steps[at].state)
        for sha256 in (state.plan, state.shots, *state.references.values()):
            if sha256 and not (self._object(sha256).is_file() and compute_file_sha256(self._object(sha256)) == sha256):
                raise UsageError("a file of the state before is damaged: it cannot be had again")
        self._write_move(at)

    def begin_change(
        self, label: str, change: Callable[[ProjectState], ProjectState], shots: bytes | None, *, is_waiting: bool
    ) -> None:
        """Note to go on to a changed state, as `begin_move` does; ``shots``: contents of its cuts.

        Raises ResourceError where the disk is full or refuses; then nothing is changed.
        """
        self.record("Change")
        index = self._read_index()
        state = self._read_state(index.steps[index.at].state)
        changed = change(state).model_copy(update={"shots": None if shots is None else self._keep_content(shots)})
        step = HistoryStep(label=label, state=self._keep_content(_format_state(changed)), is_waiting=is_waiting)
        steps = [*index.steps[: index.at + 1], step]
        self._write_index(index.model_copy(update={"steps": steps}))
        self._write_move(len(steps) - 1)

    @property
    def is_moving(self) -> bool:
        """Whether a move was begun and has not ended."""
        return self._move_file.is_file()

    def restore_files(self) -> FilmPart:
        """Bring back plan, cuts and references of the state that a move leads to; gives its part of the film."""
        index, at = self._read_index(), int(self._move_file.read_text())
        for place in (self._folder, self._folder / "objects"):
            for path in place.glob(".*.new"):  # of one that was killed
                path.unlink(missing_ok=True)
        state = self._read_state(index.steps[at].state)
        now, _ = self._snapshot(index.known, lambda path, sha256: None)
        self._restore(state, now)
        return state.part

    def end_move(self) -> None:
        """Note that the state which a move leads to is the present one."""
        index, at = self._read_index(), int(self._move_file.read_text())
        _, known = self._snapshot(index.known, lambda path, sha256: None)
        self._write_index(index.model_copy(update={"at": at, "known": known}))
        self.give_up_move()

    def give_up_move(self) -> None:
        """Forget a move that cannot be done."""
        self._move_file.unlink(missing_ok=True)

    @property
    def _move_file(self) -> Path:
        return self._folder / "move"

    @property
    def _folder(self) -> Path:
        return self.project.folder / "history"

    def _read_index(self) -> HistoryIndex:
        """Read the index; an empty one where there is none, or it is damaged."""
        try:
            index = HistoryIndex.model_validate_json((self._folder / "index.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return HistoryIndex()
        return index if 0 <= index.at < max(1, len(index.steps)) else HistoryIndex()

    def _write_index(self, index: HistoryIndex) -> None:
        with write_file_atomically(self._folder / "index.json") as stream:
            stream.write(index.model_dump_json().encode())

    def _write_move(self, at: int) -> None:
        with write_file_atomically(self._move_file) as stream:
            stream.write(str(at).encode())

    def _read_state(self, sha256: str) -> ProjectState:
        try:
            return ProjectState.model_validate_json(self._object(sha256).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError("the state before is damaged: it cannot be had again") from error

    def _keep_state(self, known: dict[str, tuple[int, int, str]]) -> tuple[str, dict[str, tuple[int, int, str]]]:
        """Keep the present state with all that it names; gives its sha256, and what is known of references now."""
        with translate_disk_errors(self._folder):
            (self._folder / "objects").mkdir(parents=True, exist_ok=True)
        state, fresh = self._snapshot(known, self._keep_file)
        return self._keep_content(_format_state(state)), fresh

    def _keep_content(self, content: bytes) -> str:
        """Keep an object of this content; gives its sha256."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self._object(sha256).is_file():
            with write_file_atomically(self._object(sha256)) as stream:
                stream.write(content)
        return sha256

    def _snapshot(
        self, known: dict[str, tuple[int, int, str]], keep: Callable[[Path, str], None]
    ) -> tuple[ProjectState, dict[str, tuple[int, int, str]]]:
        """Find the present state; ``keep`` gets each file of it with its sha256."""
        project, fresh, digests = self.project, dict[str, tuple[int, int, str]](), dict[str, str | None]()
        for path in project.list_references():
            status = path.stat()
            size, changed, sha256 = known.get(path.name, (-1, -1, ""))
            if (size, changed) != (status.st_size, status.st_mtime_ns):
                sha256 = compute_file_sha256(path)
            fresh[path.name] = status.st_size, status.st_mtime_ns, sha256
            keep(path, sha256)
        for file in (project.plan_file, project.shots_file):
            digests[file.name] = compute_file_sha256(file) if file.is_file() else None
            if sha := digests[file.name]:
                keep(file, sha)
        state = ProjectState(
            start_seconds=project.entry.start_seconds,
            end_seconds=project.entry.end_seconds,
            plan=digests[project.plan_file.name],
            shots=digests[project.shots_file.name],
            references={name: sha256 for name, (_, _, sha256) in sorted(fresh.items())},
        )
        return state, fresh

    def _keep_file(self, path: Path, sha256: str) -> None:
        """Give a file a second name among the objects, or copy it where the disk has no such names."""
        if not (target := self._object(sha256)).is_file():
            with translate_disk_errors(target):
                _link_or_copy(path, target)

    def _restore(self, state: ProjectState, now: ProjectState) -> None:
        """Bring back plan, cuts and references; where it is killed, it is done again."""
        project = self.project
        folder = project.folder / "references"
        wanted = {folder / name: sha256 for name, sha256 in state.references.items()}
        there: dict[Path, str | None] = {folder / name: sha256 for name, sha256 in now.references.items()}
        there |= {project.plan_file: now.plan, project.shots_file: now.shots}
        wanted |= {
            path: sha256
            for path, sha256 in ((project.plan_file, state.plan), (project.shots_file, state.shots))
            if sha256 is not None
        }
        changed = {path: sha256 for path, sha256 in wanted.items() if there.get(path) != sha256}
        with translate_disk_errors(project.folder):
            folder.mkdir(exist_ok=True)
            for path, sha256 in changed.items():
                fresh = make_new_path(self._folder / path.name)
                _link_or_copy(self._object(sha256), fresh)
                fresh.replace(path)
            for path in there.keys() - wanted.keys():
                path.unlink(missing_ok=True)

    def _sweep(self, steps: list[HistoryStep]) -> None:
        """Remove the objects that no state needs any more."""
        needed = set(self._iter_needed(steps))
        for path in (self._folder / "objects").iterdir():
            if path.name not in needed:
                path.unlink(missing_ok=True)

    def _iter_needed(self, steps: list[HistoryStep]) -> Iterator[str | None]:
        for sha256 in {step.state for step in steps}:
            yield sha256
            with suppress(UsageError):
                state = self._read_state(sha256)
                yield from (state.plan, state.shots, *state.references.values())

    def _object(self, sha256: str) -> Path:
        return self._folder / "objects" / sha256


def _format_state(state: ProjectState) -> bytes:
    return json.dumps(state.model_dump(), sort_keys=True).encode()


def _find_step(index: HistoryIndex, by: int) -> int | None:
    """Return where going back (-1) or forth (1) leads: past states that wait for a plan, to or from one that does not.

    None where there is no such step.
    """
    way = range(index.at + 1, len(index.steps)) if by > 0 else range(index.at - 1, -1, -1)
    if not way:
        return None
    if by < 0 and index.steps[index.at].is_waiting:
        return way[0]
    return next((at for at in way if not index.steps[at].is_waiting), way[0] if by > 0 else way[-1])


def _link_or_copy(source: Path, target: Path) -> None:
    """Give a file another name on the same disk; copy it where that is refused. Raises OSError."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        new = make_new_path(target)
        shutil.copy2(source, new)
        new.replace(target)
