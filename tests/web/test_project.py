"""One film's folder: how it begins, and every change that its user makes."""

import io
import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np
import pytest

from support.films import scene, write_film

pytest.importorskip("fastapi")
from kinemacolor.errors import InputError, ResourceError, UsageError
from kinemacolor.options import RenderOptions
from kinemacolor.plan import document
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import carry_over_choices
from kinemacolor.references.load import load_reference
from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.web import history
from kinemacolor.web import project as project_module
from kinemacolor.web.changes import ShotOptionsChange
from kinemacolor.web.film_part import restrict_project
from kinemacolor.web.project import Project
from kinemacolor.web.project_creation import create_project, create_project_at, move_in_history
from kinemacolor.web.project_export import export_project
from kinemacolor.web.requests import AnalyzeFilm, MakePlan, RenderFilm, format_render_command, make_output_target
from kinemacolor.web.shot_edits import edit_cuts, set_shot_options
from kinemacolor.web.storage import NotFoundError
from kinemacolor.web.worker import analyze_film, make_project_plan
from kinemacolor.weights.registry import load_model
from support.web_server import blocks, film_bytes, picture_bytes

Give = Callable[..., Path]


def quiet(step: str, done: int, expected: int | None) -> None:
    """Nobody listens."""


@pytest.fixture
def give(tmp_path: Path) -> Give:
    """An upload: a file of a name that nobody chose."""
    (tmp_path / "uploads").mkdir()

    def file(content: bytes) -> Path:
        path = tmp_path / "uploads" / str(len(list((tmp_path / "uploads").iterdir())))
        path.write_bytes(content)
        return path

    return file


@pytest.fixture
def project(tmp_path: Path, give: Give) -> Project:
    """A film of two shots."""
    (tmp_path / "project").mkdir()
    return create_project(tmp_path / "project", [("The film.mp4", give(film_bytes(tmp_path)))])


@pytest.fixture
def planned(project: Project, give: Give) -> Project:
    """The same with two references and a plan."""
    for name, of in (("first.png", scene), ("second.png", blocks)):
        project.add_reference(name, give(picture_bytes(5, of=of)))
    analyze_film(project, AnalyzeFilm(), quiet)
    plan = make_project_plan(project, MakePlan(options=RenderOptions(short_side=64)), quiet)
    assert [(shot.first, shot.last) for shot in plan.shots] == [(0, 3), (4, 7)]
    return project


def names(project: Project) -> list[str]:
    return [path.name for path in project.list_references()]


def test_a_project_is_one_film(project: Project) -> None:
    assert project.entry.title == "The film.mp4"
    assert project.film == project.folder / "film" / "The film.mp4"
    assert not project.is_photograph
    assert project.read_survey() is None
    assert project.read_plan() is None
    with pytest.raises(UsageError, match="no plan yet"):
        project.require_plan()


def test_a_project_is_one_photograph_or_the_pictures_of_a_film(tmp_path: Path, give: Give) -> None:
    photo = create_project(tmp_path / "photo", [("old.jpg", give(picture_bytes(suffix=".jpg")))])
    assert photo.is_photograph
    pictures = create_project(tmp_path / "pictures", [(f"{at}.png", give(picture_bytes(at))) for at in range(3)])
    assert pictures.film.is_dir()
    assert pictures.entry.title == "0 and more"
    assert sorted(path.name for path in pictures.film.iterdir()) == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ([("film.mp4", b"no film")], "film.mp4"),
        ([("film.png", b"no picture")], "film.png"),
        ([("..", b"x")], "no name"),
        ([("a.png", b"x"), ("b.txt", b"x")], "give one film, or the pictures of one"),
        ([("a/1.png", b"x"), ("b/1.png", b"x")], "have one name"),
        ([("1.png", b"x"), ("2.png", b"x")], "1.png"),
        ([("list.M3U8", b"#EXTM3U\n#EXTINF:1,\n/etc/film.mp4\n")], "no film|another kind of file"),
        ([], "give one film"),
    ],
)
def test_what_is_no_film_leaves_nothing(tmp_path: Path, give: Give, files: list[Any], wrong: str) -> None:
    (tmp_path / "new").mkdir()
    with pytest.raises((InputError, UsageError), match=wrong):
        create_project(tmp_path / "new", [(name, give(content)) for name, content in files])
    assert not (tmp_path / "new").exists()


def test_a_film_stays_where_it_lies(tmp_path: Path) -> None:
    film = write_film(tmp_path / "mine.mkv", 3)
    (tmp_path / "project").mkdir()
    project = create_project_at(tmp_path / "project", film)
    assert project.film == film
    project.delete_folder()
    assert film.is_file()
    assert not project.folder.exists()
    with pytest.raises(UsageError, match="was removed"):
        _ = project.entry


def test_references_come_under_their_own_names(project: Project, give: Give, tmp_path: Path) -> None:
    picture = picture_bytes()
    kept = [project.add_reference(name, give(picture)) for name in ("a.png", "a.png", "../<b>.png", "a.png")]
    assert [path.name for path in kept] == ["a.png", "a-2.png", "_b_.png", "a-3.png"]
    assert sorted(names(project)) == sorted(path.name for path in kept)
    assert all(path.read_bytes() == picture for path in kept)
    assert not list((tmp_path / "uploads").iterdir())


def test_uploads_of_one_name_do_not_meet(project: Project, give: Give, tmp_path: Path) -> None:
    waiting = give(b"somebody else's")
    waiting = waiting.rename(waiting.with_name("a.png"))
    project.add_reference("a.png", give(picture_bytes()))
    assert waiting.read_bytes() == b"somebody else's"


def test_a_colour_film_is_a_reference(project: Project, give: Give, tmp_path: Path) -> None:
    project.add_reference("ref_12.mp4", give(film_bytes(tmp_path, 4)))
    assert names(project) == ["ref_12.mp4"]


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("gray.png", picture_bytes(gray=True), "gray.png has no colour"),
        ("torn.png", picture_bytes()[:500], "torn.png"),
        ("no.mp4", b"no film", "no.mp4"),
        ("text.txt", b"x", "text.txt is no picture or film"),
        ("..", b"x", "no name"),
    ],
)
def test_a_wrong_reference_is_not_kept(project: Project, give: Give, name: str, content: bytes, wrong: str) -> None:
    with pytest.raises((InputError, UsageError), match=wrong) as told:
        project.add_reference(name, give(content))
    assert "/" not in str(told.value).replace("and/or", "")
    assert names(project) == []


def test_a_placed_picture_takes_the_place_of_an_earlier_one(planned: Project, give: Give) -> None:
    first = planned.add_reference("any.png", give(picture_bytes(2)), 2)
    assert first.name == "ref_000002.png"
    make_project_plan(planned, MakePlan(), quiet)
    again = planned.add_reference("ref-2.JPG", give(picture_bytes(2, ".jpg")))
    assert again.name == "ref_000002.jpg"
    assert names(planned) == ["first.png", "ref_000002.jpg", "second.png"]
    plan = planned.require_plan()
    assert plan.references["ref_000002"].path == again
    assert plan.references["ref_000002"].frame == 2
    assert plan.shots[0].references == {"ref_000002": plan.shots[0].references["ref_000002"]}


def test_a_frame_that_the_film_does_not_have_is_refused(planned: Project, give: Give, tmp_path: Path) -> None:
    for name, frame in (("a.png", 8), ("ref_000099.png", None)):
        with pytest.raises(UsageError, match="its last one is 7"):
            planned.add_reference(name, give(picture_bytes()), frame)
    with pytest.raises(UsageError, match="only a picture lies at a frame"):
        planned.add_reference("a.mp4", give(film_bytes(tmp_path)), 3)
    assert names(planned) == ["first.png", "second.png"]


@pytest.mark.parametrize("name", ["second", "second.png"])
def test_a_reference_goes_from_the_plan_too(planned: Project, name: str) -> None:
    planned.assign_references({1: ["first", "second"], 2: ["first"]})
    planned.remove_reference(name)
    assert names(planned) == ["first.png"]
    plan = planned.require_plan()
    assert list(plan.references) == ["first"]
    assert [list(shot.references) for shot in plan.shots] == [["first"], ["first"]]


@pytest.mark.parametrize("name", ["second", "second.png"])
def test_the_last_reference_of_a_shot_stays(planned: Project, name: str) -> None:
    before = planned.assign_references({1: ["first"], 2: ["second"]})
    with pytest.raises(UsageError, match="the only reference of shot 2"):
        planned.remove_reference(name)
    assert names(planned) == ["first.png", "second.png"]
    assert planned.require_plan() == before


@pytest.mark.parametrize("name", ["", "none", "..", "../project.json", "../film/The film.mp4", "/etc/passwd", "\0"])
def test_only_references_can_be_removed(project: Project, give: Give, name: str) -> None:
    project.add_reference("a.png", give(picture_bytes()))
    with pytest.raises(NotFoundError, match="there is no reference"):
        project.remove_reference(name)
    assert project.film.is_file()
    project.remove_reference("a.png")
    assert names(project) == []


def test_what_a_user_chooses_has_no_score(planned: Project) -> None:
    plan = planned.assign_references({2: ["second", "first", "first"]})
    assert plan.shots[1].references == {"first": None, "second": None}
    assert plan == planned.require_plan()
    assert None not in plan.shots[0].references.values()


def test_a_reference_is_given_beside_what_a_shot_has_by_then(planned: Project) -> None:
    """Somebody else changes the plan between the call and its turn."""
    planned.assign_references({1: ["first"], 2: ["second"]})
    plan = planned.require_plan()
    with ThreadPoolExecutor(1) as others:
        with planned.exclusive_changes("Another"):
            given = others.submit(planned.give_reference, "first")
            wait([given], timeout=0.2)  # it waits for its turn
            shots = (plan.shots[0].with_references({"second"}), plan.shots[1])
            planned.write_plan(plan.model_copy(update={"shots": shots}))
        assert [set(shot.references) for shot in given.result().shots] == [{"first", "second"}] * 2
    assert planned.give_reference("first", [2]) == planned.require_plan()
    with pytest.raises(UsageError, match="there is no shot 3"):
        planned.give_reference("first", [3])


@pytest.mark.parametrize(
    "chosen", [{0: ["first"]}, {3: ["first"]}, {1: []}, {1: ["none"]}, {1: ["first"], 9: ["first"]}]
)
def test_a_choice_that_cannot_be_is_refused_whole(planned: Project, chosen: dict[int, list[str]]) -> None:
    before = planned.require_plan()
    with pytest.raises(UsageError):
        planned.assign_references(chosen)
    assert planned.require_plan() == before


def paint(project: Project) -> Any:
    """The whole film, and what had to be done for it."""
    plan = project.require_plan()
    target = make_output_target(project, RenderFilm())
    project.results_folder.mkdir(exist_ok=True)
    network = load_model(plan.model)
    prepared = prepare_plan_output(
        plan, OutputSpec(target.output, overwrite=True), network.spec, project.work_folder, device="cpu", inputs=[]
    )
    return execute_render_plan(RenderPlan(plan, network, project.work_folder, device="cpu"), prepared)


def test_a_corrected_frame_is_a_reference_of_its_shot_and_no_other_is_painted_again(planned: Project) -> None:
    planned.assign_references({1: ["first"], 2: ["second"]})
    assert paint(planned).painted == 8
    assert paint(planned).painted == 0
    plan = planned.add_correction(5, blocks(5))
    assert plan.references["ref_000005"].frame == 5
    assert plan.shots[0].references == {"first": plan.shots[0].references["first"]}
    assert set(plan.shots[1].references) == {"second", "ref_000005"}
    assert 0 < paint(planned).painted <= 8
    first = (planned.folder / "references" / "ref_000005.png").read_bytes()
    plan = planned.add_correction(5, blocks(30))
    assert (planned.folder / "references" / "ref_000005.png").read_bytes() != first
    assert len([entry for entry in plan.references.values() if entry.frame == 5]) == 1
    assert paint(planned).painted > 0
    assert paint(planned).painted == 0
    assert names(planned) == ["first.png", "ref_000005.png", "second.png"]


def test_a_correction_takes_the_place_of_a_picture_of_another_kind(planned: Project, give: Give) -> None:
    planned.add_reference("ref_000001.jpg", give(picture_bytes(1, ".jpg")))
    make_project_plan(planned, MakePlan(), quiet)
    plan = planned.add_correction(1, scene(1))
    assert names(planned) == ["first.png", "ref_000001.png", "second.png"]
    assert plan.references["ref_000001"].path.suffix == ".png"
    assert [name for name in plan.references if "000001" in name] == ["ref_000001"]


def test_strokes_alone_are_a_correction(planned: Project) -> None:
    strokes = np.zeros((72, 96, 4), np.uint8)
    strokes[20:40, 20:60] = (200, 40, 40, 255)
    plan = planned.add_correction(0, strokes)
    assert "ref_000000" in plan.shots[0].references
    assert len(plan.shots[0].references) > 1
    assert np.array_equal(load_reference(plan.references["ref_000000"].path)[20:40, 20:60], strokes[20:40, 20:60])


@pytest.mark.parametrize(
    ("frame", "picture"),
    [(8, scene(0)), (-1, scene(0)), (0, np.full((72, 96, 3), 99, np.uint8)), (0, np.zeros((72, 96, 4), np.uint8))],
)
def test_a_correction_that_says_nothing_is_refused(planned: Project, frame: int, picture: np.ndarray) -> None:
    before = planned.require_plan()
    with pytest.raises((UsageError, InputError)) as told:
        planned.add_correction(frame, picture)
    assert str(planned.folder) not in str(told.value)
    assert planned.require_plan() == before
    assert names(planned) == ["first.png", "second.png"]


def changed(plan: Plan, **fields: Any) -> Plan:
    return plan.model_copy(update=fields)


def test_a_plan_from_outside_may_change_all_but_film_and_pictures(planned: Project) -> None:
    plan = planned.require_plan()
    shots = (plan.shots[0].model_copy(update={"references": {"first": None}}), plan.shots[1])
    outside = changed(
        plan,
        film=plan.film.model_copy(update={"path": Path("/elsewhere/The film.mp4")}),
        references={
            name: entry.model_copy(update={"path": Path("/etc") / entry.path.name})
            for name, entry in plan.references.items()
        },
        shots=shots,
        options=RenderOptions(saturation=1.5),
    )
    kept = planned.replace_plan(outside)
    assert kept == planned.require_plan()
    assert kept.film == plan.film
    assert kept.references == plan.references
    assert kept.shots == shots
    assert kept.options.saturation == 1.5


def test_a_plan_of_another_film_or_with_others_pictures_is_refused(planned: Project) -> None:
    plan = planned.require_plan()
    other = plan.film.model_copy(update={"sha256": "0" * 64})
    entry = plan.references["first"].model_copy(update={"path": Path("/etc/passwd.png")})
    strange = {**plan.references, "first": entry}
    film = {**plan.references, "first": entry.model_copy(update={"path": planned.film})}
    for wrong in (changed(plan, film=other), changed(plan, references=strange), changed(plan, references=film)):
        with pytest.raises(UsageError, match=r"another film|does not have"):
            planned.replace_plan(wrong)
    assert planned.require_plan() == plan


def test_what_a_user_chose_stays_when_pictures_are_added(planned: Project, give: Give) -> None:
    planned.assign_references({1: ["second"]})
    planned.add_reference("a.png", give(picture_bytes(0)))
    plan = make_project_plan(planned, MakePlan(), quiet)
    assert plan.shots[0].references == {"second": None}
    assert None not in plan.shots[1].references.values()
    assert plan.options.short_side == 64
    assert set(plan.references) == {"a", "first", "second"}


def test_a_choice_does_not_outlive_its_picture_or_its_shot(planned: Project) -> None:
    plan = planned.assign_references({1: ["second"]})
    rest = {name: entry for name, entry in plan.references.items() if name != "second"}
    fresh = changed(
        plan, references=rest, shots=tuple(one.model_copy(update={"references": {"first": 0.5}}) for one in plan.shots)
    )
    assert carry_over_choices(fresh, plan) == fresh
    whole = changed(plan, shots=(plan.shots[0].model_copy(update={"last": 7, "references": {"first": 0.5}}),))
    assert carry_over_choices(whole, plan) == whole
    assert carry_over_choices(fresh, None) == fresh


def test_another_part_of_a_film_is_looked_at_anew(planned: Project, give: Give) -> None:
    planned.add_reference("a.png", give(picture_bytes(2)), 2)
    restrict_project(planned, 0, None)
    assert planned.read_plan()
    restrict_project(planned, 0.1, 0.3)
    assert planned.read_plan() is None
    assert planned.read_survey() is None
    assert not (planned.folder / "suggestions.json").exists()
    assert (planned.entry.start_seconds, planned.entry.end_seconds) == (0.1, 0.3)
    assert names(planned) == ["earlier_ref_000002.png", "first.png", "second.png"]
    plan = make_project_plan(planned, MakePlan(), quiet)
    assert plan.options.short_side == 64, "how the film is coloured does not depend on its part"
    assert plan.film.start_seconds == 0.1
    assert plan.film.frames < 8
    assert all(entry.frame is None for entry in plan.references.values())


def test_what_the_user_did_moves_with_the_frames_when_the_start_moves_on(planned: Project, give: Give) -> None:
    """At 24 frames a second the part begins with frame 2 and ends before frame 7."""
    for frame in (1, 2, 5, 7):
        planned.add_reference("a.png", give(picture_bytes(frame)), frame)
    edit_cuts(planned, (), "split", 2, 6)
    plan = make_project_plan(planned, MakePlan(), quiet)
    planned.assign_references({1: ["second"], 2: ["second", "ref_000005"]})
    set_shot_options(planned, {3: ShotOptionsChange(saturation=0.5)})
    assert [(shot.first, shot.last) for shot in plan.shots] == [(0, 3), (4, 5), (6, 7)]
    restrict_project(planned, 2 / 24, 7 / 24)
    assert names(planned) == [
        *("earlier_ref_000001.png", "earlier_ref_000007.png", "first.png"),
        *("ref_000000.png", "ref_000003.png", "second.png"),
    ]
    assert planned.list_references()[3].read_bytes() == picture_bytes(2)
    plan = make_project_plan(planned, MakePlan(), quiet)
    assert [(shot.first, shot.last) for shot in plan.shots] == [(0, 1), (2, 3), (4, 4)]
    assert plan.shots[0].references == {"second": None}
    assert plan.shots[1].references == {"second": None, "ref_000003": None}
    assert [shot.options.saturation for shot in plan.shots] == [None, None, 0.5]
    assert move_in_history(planned, -1), "the part goes with its plan"
    assert planned.entry.start_seconds == 0
    assert [(shot.first, shot.last) for shot in planned.require_plan().shots] == [(0, 3), (4, 5), (6, 7)]
    assert planned.require_plan().shots[2].options.saturation == 0.5
    assert "ref_000005.png" in names(planned)
    assert "earlier_ref_000001.png" not in names(planned)


def test_a_later_end_leaves_what_was_chosen_for_the_last_shot(planned: Project) -> None:
    restrict_project(planned, 0, 0.5)
    make_project_plan(planned, MakePlan(), quiet)
    set_shot_options(planned, {2: ShotOptionsChange(saturation=0.5)})
    restrict_project(planned, 0, None)
    plan = make_project_plan(planned, MakePlan(), quiet)
    assert [(shot.first, shot.last) for shot in plan.shots] == [(0, 3), (4, 7)]
    assert plan.shots[1].options.saturation == 0.5


def test_an_earlier_start_gives_back_its_frames(planned: Project, give: Give) -> None:
    """Also two changes before the film was looked at again, and one back again."""
    edit_cuts(planned, (), "split", 2, 6)
    make_project_plan(planned, MakePlan(), quiet)
    set_shot_options(planned, {2: ShotOptionsChange(saturation=0.5)})
    planned.add_reference("a.png", give(picture_bytes(5)), 5)
    make_project_plan(planned, MakePlan(), quiet)
    for start in (3 / 24, 2 / 24, 1 / 24):
        restrict_project(planned, start, None)
    assert names(planned) == ["first.png", "ref_000004.png", "second.png"]
    plan = make_project_plan(planned, MakePlan(), quiet)
    assert [(shot.first, shot.last) for shot in plan.shots] == [(0, 2), (3, 4), (5, 6)]
    assert [shot.options.saturation for shot in plan.shots] == [None, 0.5, None]
    restrict_project(planned, 0, None)
    assert names(planned) == ["first.png", "ref_000005.png", "second.png"]
    plan = make_project_plan(planned, MakePlan(), quiet)
    assert [(shot.first, shot.last) for shot in plan.shots] == [(0, 3), (4, 5), (6, 7)]
    assert [shot.options.saturation for shot in plan.shots] == [None, 0.5, None]


def test_a_start_before_all_that_was_looked_at_takes_places_and_choices(project: Project, give: Give) -> None:
    restrict_project(project, 2 / 24, None)
    for name in ("first.png", "second.png"):
        project.add_reference(name, give(picture_bytes(5)))
    make_project_plan(project, MakePlan(options=RenderOptions(short_side=64)), quiet)
    project.add_reference("a.png", give(picture_bytes(5)), 3)
    project.assign_references({1: ["second"]})
    restrict_project(project, 0, None)
    assert names(project) == ["earlier_ref_000003.png", "first.png", "second.png"]
    plan = make_project_plan(project, MakePlan(), quiet)
    assert plan.options.short_side == 64
    assert plan.shots[0].references != {"second": None}


def test_cuts_and_choices_stay_where_a_part_grows(planned: Project) -> None:
    """Behind the frames that the user has seen, the cuts count that are found."""
    restrict_project(planned, 0, 3 / 24)
    make_project_plan(planned, MakePlan(), quiet)
    edit_cuts(planned, (), "split", 1, 2)
    set_shot_options(planned, {2: ShotOptionsChange(saturation=0.5)})
    restrict_project(planned, 0, None)
    plan = make_project_plan(planned, MakePlan(), quiet)
    assert [(shot.first, shot.last) for shot in plan.shots] == [(0, 1), (2, 3), (4, 7)]
    assert [shot.options.saturation for shot in plan.shots] == [None, 0.5, None]


def test_a_part_goes_out_before_it_has_a_plan(planned: Project) -> None:
    """Without the plan of a render that names pictures under other names."""
    planned.require_plan().write(planned.rendered_plan_file)
    planned.add_correction(5, np.full((48, 64, 3), (99, 50, 20), np.uint8))
    planned.require_plan().write(planned.rendered_plan_file)
    assert {"plan.json", "rendered.plan.json"} <= list_exported(planned)
    restrict_project(planned, 2 / 24, None)
    assert {"last.plan.json", "references/ref_000003.png"} <= list_exported(planned)
    assert not {"plan.json", "rendered.plan.json"} & list_exported(planned)
    planned.remove_reference("ref_000003")
    assert "last.plan.json" not in list_exported(planned)


def list_exported(project: Project) -> set[str]:
    """Names in the zip of a project."""
    return set(ZipFile(io.BytesIO(b"".join(export_project(project, [])))).namelist())


@pytest.mark.parametrize("full", ["last.plan.json", "index.json", "move", "project.json"])
def test_a_part_that_cannot_be_written_leaves_what_was_or_is_finished_later(
    planned: Project, give: Give, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    planned.add_reference("a.png", give(picture_bytes(5)), 5)
    before = planned.require_plan()
    with monkeypatch.context() as patch:
        for module in (document, history, project_module):
            patch.setattr(module, "write_file_atomically", refuse(full))
        with pytest.raises(ResourceError):
            restrict_project(planned, 2 / 24, None)
        if full != "project.json":
            assert planned.require_plan() == before
            assert "ref_000005.png" in names(planned)
            assert planned.entry.start_seconds == 0
        else:
            with pytest.raises(ResourceError):  # nothing else is changed meanwhile
                planned.assign_references({1: ["second"]})
    with planned.exclusive_changes("Nothing"):
        pass
    is_done = full == "project.json"
    assert (planned.entry.start_seconds > 0, planned.read_plan() is None) == (is_done, is_done)
    assert ("ref_000003.png" in names(planned)) == is_done


def refuse(name: str) -> Callable[[Path], AbstractContextManager[BinaryIO]]:
    """A disk that has no room for files of this name."""

    def write(path: Path) -> AbstractContextManager[BinaryIO]:
        if path.name == name:
            raise ResourceError("no room")
        return write_file_atomically(path)

    return write


def test_a_part_behind_all_that_is_known_keeps_the_options_of_the_film(planned: Project) -> None:
    set_shot_options(planned, {2: ShotOptionsChange(saturation=0.5)})
    restrict_project(planned, 0, 2 / 24)
    restrict_project(planned, 3 / 24, 5 / 24)
    plan = make_project_plan(planned, MakePlan(), quiet)
    assert plan.options.short_side == 64
    assert {shot.options.saturation for shot in plan.shots} == {None}


def test_another_end_leaves_what_was_chosen_for_shots(planned: Project) -> None:
    planned.assign_references({1: ["second"]})
    restrict_project(planned, 0, 0.3)
    plan = make_project_plan(planned, MakePlan(), quiet)
    assert [(shot.first, shot.last) for shot in plan.shots] == [(0, 3), (4, plan.film.frames - 1)]
    assert plan.shots[0].references == {"second": None}


def test_a_plan_without_any_reference_is_refused_in_words(project: Project) -> None:
    with pytest.raises(UsageError, match="no reference is left: give a colour picture"):
        make_project_plan(project, MakePlan(), quiet)


def test_what_was_seen_is_kept(planned: Project) -> None:
    seen = planned.read_survey()
    assert seen
    again = analyze_film(planned, AnalyzeFilm(), quiet)
    assert (again.index, list(again.pts), again.shots) == (seen.index, list(seen.pts), seen.shots)
    assert again.samples == seen.samples
    assert again.info == seen.info


def test_the_command_to_copy_does_the_same(project: Project) -> None:
    words = shlex.split(format_render_command(project, RenderFilm(form="prores", layer=True, confidence=True)))
    results = {
        name: str(project.results_folder / f"{project.film.stem}.{name}")
        for name in ("color.mov", "layer.mov", "confidence.mov")
    }
    assert words[:4] == ["kinemacolor", "render", str(project.plan_file), "-o"]
    assert words[4:] == [
        *(results["color.mov"], "--vcodec", "prores", "--layer", results["layer.mov"]),
        *("--confidence-out", results["confidence.mov"], "--overwrite"),
    ]
    assert "--lossless" in format_render_command(project, RenderFilm(form="ffv1"))
    for title, stem in (("Con", "_Con"), ("a<b>:c", "a_b__c"), ("...", "film"), ("x" * 400, "x" * 116)):
        project.write_entry(project.entry.model_copy(update={"title": title}))
        assert f"results/{stem}.color.mp4" in format_render_command(project, RenderFilm())
