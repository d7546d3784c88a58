"""Undo and redo: every change of plan, cuts and references, by a person or a job, kept in the project's folder."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from support.films import scene

pytest.importorskip("fastapi")
from kinemacolor.errors import InputError, UsageError
from kinemacolor.options import RenderOptions
from kinemacolor.web import history
from kinemacolor.web.changes import ShotOptionsChange
from kinemacolor.web.film_part import restrict_project
from kinemacolor.web.frame_passes import read_planned_frames
from kinemacolor.web.history import ProjectHistory
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import create_project, move_in_history, rename_project
from kinemacolor.web.project_export import export_project
from kinemacolor.web.requests import AnalyzeFilm, MakePlan
from kinemacolor.web.shot_edits import edit_cuts, set_shot_options
from kinemacolor.web.worker import analyze_film, make_project_plan
from support.web_server import blocks, film_bytes, picture_bytes

SMALL = MakePlan(options=RenderOptions(short_side=64))


def quiet(step: str, done: int, expected: int | None) -> None:
    """Nobody listens."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A film of two shots, looked at."""
    (tmp_path / "project").mkdir()
    (tmp_path / "uploads").mkdir()
    upload = tmp_path / "uploads" / "film"
    upload.write_bytes(film_bytes(tmp_path))
    made = create_project(tmp_path / "project", [("film.mp4", upload)])
    analyze_film(made, AnalyzeFilm(), quiet)
    return made


def give(project: Project, name: str, content: bytes, frame: int | None = None) -> None:
    path = project.folder.parent / "uploads" / "given"
    path.write_bytes(content)
    project.add_reference(name, path, frame)


def look(project: Project) -> tuple[bytes | None, bytes | None, dict[str, bytes], tuple[float, float | None]]:
    """All that undo brings back."""
    plan, shots = (file.read_bytes() if file.is_file() else None for file in (project.plan_file, project.shots_file))
    references = {path.name: path.read_bytes() for path in project.list_references()}
    return plan, shots, references, (project.entry.start_seconds, project.entry.end_seconds)


def labels(project: Project) -> tuple[str | None, str | None]:
    return ProjectHistory(project).read_labels()


def test_every_change_is_undone_and_done_again(project: Project) -> None:
    """Back through all of it, forth again: each state is what it was, to the byte."""
    shots = project.read_survey().shots  # type: ignore[union-attr]
    give(project, "first.png", picture_bytes(5))
    make_project_plan(project, SMALL, quiet)
    changes: dict[str, Callable[[], object]] = {
        "Reference added": lambda: give(project, "second.png", picture_bytes(5, of=blocks)),
        "New plan": lambda: make_project_plan(project, MakePlan(per_shot=1), quiet),
        "Pictures of shot 2": lambda: project.assign_references({2: ["second"]}),
        "first given to shots": lambda: project.give_reference("first", [2]),
        "Frame 5 corrected": lambda: project.add_correction(5, blocks(5)),
        "Shots 1 and 2 merged": lambda: edit_cuts(project, shots, "merge", 1),
        "Shot 1 split": lambda: edit_cuts(project, shots, "split", 1, 6),
        "Start of shot 2 moved": lambda: edit_cuts(project, shots, "move", 2, 4),
        "Options of shot 2": lambda: set_shot_options(project, {2: ShotOptionsChange(saturation=2.0)}),
        "Reference removed": lambda: project.remove_reference("second"),
    }
    seen, told = [look(project)], list(changes)
    for label, change in changes.items():
        change()
        if label == "New plan":  # the plan that a new reference wants is one step with it
            told.remove("New plan")
            seen[-1] = look(project)
        else:
            seen.append(look(project))
        assert labels(project) == ("Reference added" if label == "New plan" else label, None)
    for at in range(len(told), 0, -1):
        assert labels(project)[0] == told[at - 1]
        assert not move_in_history(project, -1)
        assert look(project) == seen[at - 1]
        assert labels(project)[1] == told[at - 1]
        if project.plan_file.is_file():
            project.require_plan()
    for at in range(1, len(told) + 1):
        move_in_history(project, 1)
        assert look(project) == seen[at]
    with pytest.raises(UsageError, match="nothing to redo"):
        move_in_history(project, 1)


def test_a_first_plan_goes_with_its_reference(project: Project) -> None:
    give(project, "first.png", picture_bytes(5))
    make_project_plan(project, SMALL, quiet)
    move_in_history(project, -1)
    assert look(project) == (None, None, {}, (0, None))
    assert labels(project) == (None, "Reference added")
    with pytest.raises(UsageError, match="nothing to undo"):
        move_in_history(project, -1)
    move_in_history(project, 1)
    assert project.require_plan().references.keys() == {"first"}


def test_what_waited_for_a_plan_is_undone_and_done_again_with_it(project: Project) -> None:
    """Whatever was changed until it came, also from another part of the film, whose plan is another."""
    give(project, "first.png", picture_bytes(5))
    give(project, "second.png", picture_bytes(6))
    assert labels(project) == ("Reference added", None)
    move_in_history(project, -1)
    assert [path.name for path in project.list_references()] == ["first.png"], "nothing has a plan: one by one"
    move_in_history(project, 1)
    make_project_plan(project, SMALL, quiet)
    planned = look(project)
    give(project, "third.png", picture_bytes(2, of=blocks))
    set_shot_options(project, {2: ShotOptionsChange(saturation=2.0)})
    make_project_plan(project, MakePlan(), quiet)
    added = look(project)
    restrict_project(project, 0.1, 0.3)
    make_project_plan(project, MakePlan(), quiet)
    part = look(project)
    for state, left in ((added, "Reference added"), (planned, "Reference added"), ((None, None, {}, (0, None)), None)):
        move_in_history(project, -1)
        assert (look(project), labels(project)[0]) == (state, left)
    for state, left in ((planned, "Reference added"), (added, "Part of the film"), (part, None)):
        move_in_history(project, 1)
        assert (look(project), labels(project)[1]) == (state, left)
    give(project, "fourth.png", picture_bytes(2, of=blocks))
    make_project_plan(project, MakePlan(), quiet)
    project.remove_reference("fourth.png")
    move_in_history(project, -1)
    move_in_history(project, -1)
    assert look(project) == part


def test_a_new_change_cuts_off_what_could_be_redone(project: Project) -> None:
    give(project, "first.png", picture_bytes(5))
    give(project, "second.png", picture_bytes(6))
    move_in_history(project, -1)
    give(project, "third.png", picture_bytes(7))
    assert labels(project) == ("Reference added", None)
    objects = {path.read_bytes() for path in (project.folder / "history" / "objects").iterdir()}
    assert picture_bytes(5) in objects
    assert picture_bytes(7) in objects
    assert picture_bytes(6) not in objects, "nothing can bring it back, so nothing keeps it"


def test_strokes_on_one_frame_are_undone_one_by_one(project: Project) -> None:
    """The plan is the same before and after: only the picture is another."""
    give(project, "first.png", picture_bytes(5))
    make_project_plan(project, SMALL, quiet)
    project.add_correction(5, blocks(5))
    before = look(project)
    project.add_correction(5, scene(1))
    assert look(project)[0] == before[0]
    assert look(project) != before
    move_in_history(project, -1)
    assert look(project) == before


def test_another_part_of_the_film_is_undone_too(project: Project) -> None:
    give(project, "a.png", picture_bytes(2), 2)
    make_project_plan(project, SMALL, quiet)
    before = look(project)
    restrict_project(project, 0.1, 0.3)
    assert labels(project)[0] == "Part of the film"
    assert move_in_history(project, -1), "it has to be looked at anew"
    assert look(project) == before
    assert project.read_survey() is None
    assert make_project_plan(project, SMALL, quiet) == project.require_plan()


def test_a_still_of_a_film_that_is_removed_comes_back(project: Project) -> None:
    give(project, "colour.mp4", film_bytes(project.folder.parent))
    make_project_plan(project, MakePlan(options=RenderOptions(short_side=64), per_shot=4), quiet)
    name, entry = next((name, one) for name, one in project.require_plan().references.items() if one.still_of)
    give(project, "first.png", picture_bytes(5))
    make_project_plan(project, MakePlan(per_shot=4), quiet)
    project.give_reference("first")
    before = look(project)
    project.remove_reference(name)
    assert name not in project.require_plan().references
    move_in_history(project, -1)
    assert look(project) == before
    assert entry.path.is_file()
    read_planned_frames(project)
    list(export_project(project, None))
    entry.path.unlink()
    for read in (read_planned_frames, partial(export_project, results=None)):
        with pytest.raises(InputError, match=r"\.png is gone"):
            list(read(project))


@pytest.mark.parametrize("kept", range(3))
def test_an_undo_that_is_killed_is_done_when_the_project_is_read_next(
    project: Project, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """However many of its files were there: nothing that could be redone is lost."""
    give(project, "a.png", picture_bytes(2), 2)
    make_project_plan(project, SMALL, quiet)
    before = look(project)
    restrict_project(project, 0.1, 0.3)
    changed = look(project)
    left, replace = kept, Path.replace

    def killed(source: Path, target: Path) -> Path:
        nonlocal left
        if "history" in source.parts and source.suffix == ".new" and target.name != "move":
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            move_in_history(project, -1)
    with project.exclusive_changes("Nothing"):
        assert look(project) == before
    assert not list(project.folder.rglob(".*.new"))
    assert labels(project)[1] == "Part of the film"
    move_in_history(project, 1)
    assert look(project) == changed


@pytest.mark.parametrize("step", ["Finding shots", "Choosing pictures"])
def test_a_part_that_is_undone_while_it_is_planned_leaves_nothing(project: Project, step: str) -> None:
    """Neither its survey nor a plan of it: the plan is that of the whole film again."""
    give(project, "first.png", picture_bytes(5))
    make_project_plan(project, SMALL, quiet)
    before = look(project)
    restrict_project(project, 0.1, 0.3)
    assert ProjectHistory(project).read_part(-1) == (0, None)

    def undo_once(at: str, done: int, expected: int | None) -> None:
        if at == step and project.entry.part != (0, None):
            move_in_history(project, -1)

    make_project_plan(project, SMALL, undo_once)
    assert look(project) == before
    assert project.count_frames() == 8


def test_the_title_is_no_step_and_what_is_refused_is_none(project: Project) -> None:
    give(project, "first.png", picture_bytes(5))
    make_project_plan(project, SMALL, quiet)
    before = labels(project)
    rename_project(project, "Another title")
    with pytest.raises(UsageError):
        project.assign_references({9: ["first"]})
    make_project_plan(project, MakePlan(), quiet)
    assert labels(project) == before, "a plan that comes out the same is no step either"


def test_what_somebody_did_to_the_files_is_a_step(project: Project) -> None:
    give(project, "first.png", picture_bytes(5))
    (project.folder / "references" / "own.png").write_bytes(picture_bytes(3))
    move_in_history(project, -1)
    assert [path.name for path in project.list_references()] == ["first.png"]
    assert labels(project) == ("Reference added", "Change")


def test_steps_have_an_end_and_old_contents_go(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_STEPS", 3)
    for at in range(5):
        give(project, f"{at}.png", picture_bytes(at))
        project.remove_reference(f"{at}.png")
    kept = {path.read_bytes() for path in (project.folder / "history" / "objects").iterdir()}
    assert picture_bytes(4) in kept
    assert picture_bytes(0) not in kept
    for _ in range(2):
        move_in_history(project, -1)
    with pytest.raises(UsageError, match="nothing to undo"):
        move_in_history(project, -1)


@pytest.mark.parametrize("is_linked", [True, False])
def test_contents_are_other_names_of_files_or_copies(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, is_linked: bool
) -> None:
    if not is_linked:

        def refuse(source: Path, target: Path) -> None:
            raise OSError("this disk has no links")

        monkeypatch.setattr(os, "link", refuse)
    give(project, "first.png", picture_bytes(5))
    (path,) = project.list_references()
    assert (path.stat().st_nlink > 1) is is_linked
    project.remove_reference("first.png")
    move_in_history(project, -1)
    assert path.read_bytes() == picture_bytes(5)


def test_damage_is_told_and_changes_nothing(project: Project) -> None:
    give(project, "first.png", picture_bytes(5))
    project.remove_reference("first.png")
    before = look(project)
    for path in (project.folder / "history" / "objects").iterdir():
        if path.read_bytes() == picture_bytes(5):
            path.write_bytes(b"x")
    with pytest.raises(UsageError, match="damaged"):
        move_in_history(project, -1)
    assert look(project) == before
    (project.folder / "history" / "index.json").write_text("{")
    assert labels(project) == (None, None)
    give(project, "second.png", picture_bytes(6))
    assert labels(project) == ("Reference added", None)


def test_a_state_is_the_same_however_it_was_reached(project: Project) -> None:
    """What another process changed is found by contents: times alone say nothing."""
    give(project, "first.png", picture_bytes(5))
    (path,) = project.list_references()
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    os.utime(path, (0, 0))
    ProjectHistory(project).record("Nothing")
    assert labels(project) == ("Reference added", None)
