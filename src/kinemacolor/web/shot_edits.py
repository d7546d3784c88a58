"""Changes that a user makes to shots: cuts are merged, split and moved, and shots get options of their own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, assert_never

from kinemacolor.errors import UsageError
from kinemacolor.plan.document import ShotEntry, fit_dissolves
from kinemacolor.shots.shot import Shot
from kinemacolor.web.changes import (
    AssignReferences,
    GiveReference,
    MergeShots,
    MoveCut,
    SetShotOptions,
    ShotEdit,
    ShotOptionsChange,
    SplitShot,
)
from kinemacolor.web.edited_cuts import apply_edited_cuts, write_edited_shots
from kinemacolor.web.project import Project

CutChange = Literal["merge", "split", "move"]


def apply_shot_edit(project: Project, edit: ShotEdit, list_detected: Callable[[], Sequence[Shot]]) -> None:
    """Change cuts, references or options of shots. ``list_detected`` gives the shots as they were found.

    Raises UsageError for what cannot be done.
    """
    match edit:
        case MergeShots(merge=number):
            edit_cuts(project, list_detected(), "merge", number)
        case SplitShot(split=number, at=frame):
            edit_cuts(project, list_detected(), "split", number, frame)
        case MoveCut(move=number, first=frame):
            edit_cuts(project, list_detected(), "move", number, frame)
        case AssignReferences(references=chosen):
            project.assign_references(chosen)
        case GiveReference(give=name, shots=numbers):
            project.give_reference(name, numbers)
        case SetShotOptions(options=options):
            set_shot_options(project, options)
        case _:
            assert_never(edit)


def edit_cuts(project: Project, detected: Sequence[Shot], change: CutChange, number: int, frame: int = 0) -> None:
    """Merge shot ``number`` with the next one, split it at a frame, or move its beginning to a frame.

    ``detected``: the shots where neither a plan nor edited ones are there. The plan changes with the cuts: a merged
    shot has the references of both, both parts of a split one have its own. Raises UsageError for what cannot be done.
    """
    with project.exclusive_changes(_describe_change(change, number)):
        plan = project.read_plan()
        if plan:
            entries = _CHANGES[change](plan.shots, number, frame)
            project.write_plan(plan.model_copy(update={"shots": fit_dissolves(entries)}))
            shots = [entry.to_shot() for entry in fit_dissolves(entries)]
        else:
            current = apply_edited_cuts(project, detected) or detected
            entries = [ShotEntry.from_shot(shot, {}) for shot in current]
            shots = [entry.to_shot() for entry in fit_dissolves(_CHANGES[change](entries, number, frame))]
        write_edited_shots(project, shots)


def set_shot_options(project: Project, changes: Mapping[int, ShotOptionsChange]) -> None:
    """Change options of shots, by their numbers. Raises UsageError without a plan, or for a shot that it has not."""
    with project.exclusive_changes(_describe_options(changes)):
        plan = project.require_plan()
        shots = list(plan.shots)
        for number, change in changes.items():
            _check_number(number, len(shots), "is not there")
            shot = shots[number - 1]
            shots[number - 1] = shot.model_copy(update={"options": change.apply_to(shot.options)})
        project.write_plan(plan.model_copy(update={"shots": tuple(shots)}))


def _merge(shots: Sequence[ShotEntry], number: int, frame: int) -> list[ShotEntry]:
    _check_number(number, len(shots) - 1, "is followed by no other")
    one, other = shots[number - 1], shots[number]
    scores = {
        name: None if None in (found := [shot.references[name] for shot in (one, other) if name in shot.references])
        else max(score for score in found if score is not None)
        for name in sorted({*one.references, *other.references})
    }  # fmt: skip
    longer = max(one, other, key=lambda shot: shot.end - shot.first)
    merged = one.model_copy(update={"last": other.last, "references": scores, "options": longer.options})
    return [*shots[: number - 1], merged, *shots[number + 1 :]]


def _split(shots: Sequence[ShotEntry], number: int, frame: int) -> list[ShotEntry]:
    _check_number(number, len(shots), "is not there")
    shot = shots[number - 1]
    if not shot.first < frame <= shot.last:
        raise UsageError(f"shot {number} cannot be split at frame {frame}: it has {shot.first} to {shot.last}")
    begin = shot.model_copy(update={"last": frame - 1})
    rest = shot.model_copy(update={"first": frame, "transition": "cut", "dissolve": 0, "certainty": 1.0})
    return [*shots[: number - 1], begin, rest, *shots[number:]]


def _move(shots: Sequence[ShotEntry], number: int, frame: int) -> list[ShotEntry]:
    _check_number(number, len(shots), "is not there")
    if number == 1:
        raise UsageError("the first shot begins with the film: move the beginning of another")
    before, shot = shots[number - 2], shots[number - 1]
    if not before.first < frame <= shot.last:
        raise UsageError(
            f"shot {number} cannot begin at frame {frame}: a shot has at least one frame, so take one from "
            f"{before.first + 1} to {shot.last}"
        )
    moved = shot.model_copy(update={"first": frame, "certainty": 1.0})
    return [*shots[: number - 2], before.model_copy(update={"last": frame - 1}), moved, *shots[number:]]


_CHANGES = {"merge": _merge, "split": _split, "move": _move}


def _describe_change(change: CutChange, number: int) -> str:
    if change == "merge":
        return f"Shots {number} and {number + 1} merged"
    return f"Shot {number} split" if change == "split" else f"Start of shot {number} moved"


def _describe_options(changes: Mapping[int, ShotOptionsChange]) -> str:
    return f"Options of shot {next(iter(changes))}" if len(changes) == 1 else f"Options of {len(changes)} shots"


def _check_number(number: int, last: int, fault: str) -> None:
    if not 1 <= number <= last:
        raise UsageError(f"shot {number} {fault}")
