"""Plans: what is found in a film, which picture goes where, and the file that a person may edit."""

import json
import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from kinemacolor.errors import InputError, Interrupted, ResourceError, UsageError
from kinemacolor.plan.document import Plan
from kinemacolor.plan.frame_encoder import make_frame_encoder
from kinemacolor.plan.keyframe_selection import CandidateFrames, suggest_keyframes
from kinemacolor.plan.planner import make_plan
from kinemacolor.plan.stills import extract_frames
from kinemacolor.plan.survey import Survey, survey_film
from kinemacolor.references.spec import Reference, ReferenceSpec, name_references
from support.films import scene, write_film
from support.plans import CUT, SIDE, gray, other_scene, save, save_stills, two_scenes, wish


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shots in gray: a scene, another, and the first again."""
    folder = tmp_path_factory.mktemp("film")
    return write_film(
        folder / "film.mp4", 3 * CUT, pix_fmt="yuv420p", picture=lambda i: gray(two_scenes(i)), sound=True
    )


@pytest.fixture(scope="module")
def seen(film: Path) -> Survey:
    return survey_film(film)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return save_stills(tmp_path / "refs")


def test_a_survey_counts_frames_and_finds_shots(seen: Survey, film: Path) -> None:
    assert seen.index.frames == len(seen.pts) == 3 * CUT
    assert [(shot.first, shot.end) for shot in seen.shots] == [(0, CUT), (CUT, 2 * CUT), (2 * CUT, 3 * CUT)]
    assert seen.ended_early is None
    assert seen.frame_at(0) == 0
    assert seen.frame_at(1.26) == 30
    assert seen.decode_sample(0).shape == (112, 149)
    for shot in seen.shots:
        assert all(shot.first <= frame < shot.end for frame in seen.samples_in_shot(shot))


def test_every_shot_gets_the_picture_that_fits_it(film: Path, pictures: Path, tmp_path: Path) -> None:
    plan, _ = make_plan(wish(film, pictures, folder=tmp_path))
    assert [list(shot.references) for shot in plan.shots] == [["waves"], ["blocks"], ["waves"]]
    scores = [next(iter(shot.references.values())) for shot in plan.shots]
    assert all(score > 0.7 for score in scores), scores


def test_a_picture_at_a_frame_belongs_to_its_shot(film: Path, pictures: Path, tmp_path: Path) -> None:
    save(pictures / "ref_000040.png", other_scene(10))
    plan, _ = make_plan(
        wish(film, f"{pictures / 'waves.png'}@0:03", pictures / "blocks.png", pictures, folder=tmp_path)
    )
    assert {name: entry.frame for name, entry in plan.references.items()} == {
        "waves": 72,
        "waves-2": None,
        "blocks": None,
        "blocks-2": None,
        "ref_000040": 40,
    }
    assert list(plan.shots[1].references) == ["ref_000040"]
    assert list(plan.shots[2].references) == ["waves"]


def test_the_users_shots_win(film: Path, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("first\n0\n20\n")
    plan, _ = make_plan(wish(film, pictures, folder=tmp_path, shot_list=tmp_path / "mine.csv"))
    assert [(shot.first, shot.last) for shot in plan.shots] == [(0, 19), (20, 89)]


def test_an_earlier_result_gives_its_own_frames(film: Path, tmp_path: Path) -> None:
    colored = write_film(tmp_path / "colored.mp4", 3 * CUT, picture=two_scenes, options={"crf": "5"})
    plan, _ = make_plan(wish(film, colored, folder=tmp_path))
    frames = [entry.frame for entry in plan.references.values()]
    assert len(frames) == 3
    for shot, frame in zip(plan.shots, frames, strict=True):
        assert frame is not None
        assert shot.first <= frame <= shot.last
    assert all(entry.path.is_file() for entry in plan.references.values())


def test_another_colour_film_gives_a_still_of_each_shot(film: Path, tmp_path: Path) -> None:
    other = write_film(tmp_path / "other.mp4", 2 * CUT, picture=lambda i: two_scenes(i + CUT))
    plan, _ = make_plan(wish(film, other, folder=tmp_path))
    assert len(plan.references) == 2
    assert all(entry.frame is None for entry in plan.references.values())
    first, second, third = (next(iter(shot.references)) for shot in plan.shots)
    assert first == third != second


def test_a_plan_comes_back_as_it_was_written_and_moves_with_its_files(
    film: Path, pictures: Path, tmp_path: Path
) -> None:
    plan, _ = make_plan(wish(film, pictures, folder=tmp_path))
    path = tmp_path / "a.plan.json"
    plan.write(path)
    assert Plan.read(path) == plan
    text = path.read_text()
    assert str(tmp_path) not in text.replace(str(film.parent), "")
    assert len(text.splitlines()) < 25
    assert '"path": "refs/waves.png"' in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["shots"].pop(), "to the film's last, 89"),
        (lambda c: c["shots"][1].update(first=40), "followed by one from 40"),
        (lambda c: c["shots"][0].update(references={}), "has no reference"),
        (lambda c: c["shots"][0].update(references={"sky": None}), "unknown: 'sky'"),
        (lambda c: c["shots"][0].update(option=1), "shots.0.option: unknown key"),
        (lambda c: c["shots"][0].update(options={"saturation": 9}), "shots.0.options.saturation: Input should be less"),
        (lambda c: c.update(model="magic"), "there is no model 'magic'"),
        (lambda c: c.update(version=2), "version: Input should be 1"),
        (lambda c: c["references"]["waves"].update(frame=90), "behind the film's end"),
        (lambda c: c.pop("film"), "film: is missing"),
    ],
)
def test_a_plan_that_cannot_be_is_told(change, said: str, film: Path, pictures: Path, tmp_path: Path) -> None:
    plan, _ = make_plan(wish(film, pictures, folder=tmp_path))
    path = tmp_path / "a.plan.json"
    content = json.loads(plan.to_json(tmp_path))
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=said):
        Plan.read(path)


def test_what_is_no_plan_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        Plan.read(tmp_path / "none.plan.json")
    (tmp_path / "film.json").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="is no plan"):
        Plan.read(tmp_path / "film.json")
    (tmp_path / "a.json").write_text("nonsense")
    with pytest.raises(UsageError, match="JSON"):
        Plan.read(tmp_path / "a.json")


def test_references_that_do_not_fit_are_told(film: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="placed at frame 500, the film has 90"):
        make_plan(wish(film, f"{pictures / 'waves.png'}@500", folder=tmp_path))
    with pytest.raises(UsageError, match="is a folder"):
        make_plan(wish(film, f"{pictures}@5", folder=tmp_path))
    with pytest.raises(UsageError, match="is no time"):
        ReferenceSpec.parse("waves.png@soon")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        make_plan(wish(film, tmp_path / "empty", folder=tmp_path))


def test_a_name_with_an_at_is_a_name_where_it_exists(tmp_path: Path) -> None:
    path = save(tmp_path / "me@12.png", scene(0))
    assert ReferenceSpec.parse(str(path)) == ReferenceSpec(path)
    assert ReferenceSpec.parse("still.png@12") == ReferenceSpec(Path("still.png"), frame=12)
    assert ReferenceSpec.parse("still.png@0:12") == ReferenceSpec(Path("still.png"), seconds=12)


def test_references_of_one_name_are_numbered() -> None:
    found = name_references([Reference(Path(folder, "sky.png")) for folder in "abc"])
    assert list(found) == ["sky", "sky-2", "sky-3"]


def test_suggestions_name_each_setting_once(seen: Survey) -> None:
    views = CandidateFrames.from_survey(seen, make_frame_encoder())
    assert views.weights.sum() == pytest.approx(1, abs=1e-5)
    found = suggest_keyframes(views, 10)
    assert len(found) >= 2
    first, second = found[:2]
    shots = [next(n for n, shot in enumerate(seen.shots) if shot.first <= one.frame < shot.end) for one in found[:2]]
    assert shots[0] in (0, 2)
    assert shots[1] == 1
    assert first.gain > second.gain > 0.2
    assert found[-1].coverage == pytest.approx(sum(one.gain for one in found), abs=1e-4)
    assert second.coverage > 0.9
    assert {1, 3} <= set(first.shots)


def test_suggestions_count_what_is_there_already(seen: Survey) -> None:
    eye = make_frame_encoder()
    views = CandidateFrames.from_survey(seen, eye)
    known = [eye.encode_frame(cv2.cvtColor(scene(3), cv2.COLOR_RGB2GRAY))]
    (best,) = suggest_keyframes(views, 1, known)
    assert CUT <= best.frame < 2 * CUT


def test_frames_are_extracted_under_names_that_place_them(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "to-colour"
    written = extract_frames(film, [40, 3], folder)
    assert [path.name for path in written] == ["ref_000040.png", "ref_000003.png"]
    assert ReferenceSpec(folder).list_references() == (
        Reference(folder / "ref_000003.png", 3),
        Reference(folder / "ref_000040.png", 40),
    )
    assert np.abs(cv2.imread(str(written[1]))[..., 0].astype(int) - gray(two_scenes(3))[..., 0]).mean() < 3
    with pytest.raises(UsageError, match="may be coloured already"):
        extract_frames(film, [3], folder)
    with pytest.raises(UsageError, match="has no frame 1000"):
        extract_frames(film, [1000], tmp_path / "more")
    with pytest.raises(ResourceError, match="may not be written"):
        extract_frames(film, [3], Path("/proc/more"))


def test_a_single_picture_is_a_film_of_one_shot(tmp_path: Path, pictures: Path) -> None:
    photo = save(tmp_path / "photo.png", gray(scene(1)))
    plan, _ = make_plan(wish(photo, pictures / "waves.png", folder=tmp_path))
    assert len(plan.shots) == 1
    assert plan.film.frames == 1


def test_a_cut_of_a_film_counts_its_own_frames(film: Path, pictures: Path, tmp_path: Path) -> None:
    plan, seen = make_plan(wish(film, pictures, folder=tmp_path, start_seconds=0.5, end_seconds=2))
    assert plan.film.frames == round(1.5 * 24)
    assert Fraction(seen.pts[0]) * seen.info.time_base == Fraction(1, 2)
    assert [shot.first for shot in plan.shots] == [0, 18]


def test_a_survey_that_is_interrupted_ends(film: Path) -> None:
    """Its thread is done with the film before the film is closed."""

    def stop(frames: int) -> None:
        raise Interrupted("stopped")

    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(Interrupted):
            survey_film(film, on_frame=stop)
    assert threading.active_count() == before


@pytest.mark.parametrize(("seconds", "frame"), [(40 / 24, 40), (1.667, 40), (1.6663, 40), (1.66, 39), (3.74, 89)])
def test_times_name_the_frame_that_is_shown(seen: Survey, seconds: float, frame: int) -> None:
    assert seen.frame_at(seconds) == frame
    with pytest.raises(UsageError, match="shows no frame at 9 s"):
        seen.frame_at(9)


def test_a_plan_is_found_through_a_link(film: Path, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    plan, _ = make_plan(wish(film, pictures, folder=tmp_path))
    plan.write(tmp_path / "link" / "a.plan.json")
    assert Plan.read(tmp_path / "link" / "a.plan.json") == plan


def test_films_of_one_name_keep_their_stills_apart(film: Path, tmp_path: Path) -> None:
    paths = []
    for folder, picture in (("a", scene), ("b", other_scene)):
        (tmp_path / folder).mkdir()
        paths.append(write_film(tmp_path / folder / "same.mp4", 24, picture=picture))
    plan, _ = make_plan(wish(film, *paths, folder=tmp_path))
    assert len({entry.path for entry in plan.references.values()}) == 2
    first, second, third = (next(iter(shot.references)) for shot in plan.shots)
    assert first == third != second


def test_a_colour_film_may_have_a_shot_without_colour(film: Path, tmp_path: Path) -> None:
    other = write_film(
        tmp_path / "o.mp4", 60, picture=lambda i: gray(other_scene(i)) if i < CUT else scene(i), options={"crf": "10"}
    )
    plan, _ = make_plan(wish(film, other, folder=tmp_path))
    assert len(plan.references) == 1
    with pytest.raises(InputError, match="has no colour to give"):
        make_plan(wish(film, film, folder=tmp_path))


def test_stills_that_somebody_painted_on_stay(film: Path, tmp_path: Path) -> None:
    other = write_film(tmp_path / "o.mp4", 24, picture=scene)
    (entry,) = make_plan(wish(film, other, folder=tmp_path))[0].references.values()
    save(entry.path, scene(0)[..., ::-1])
    painted = entry.path.read_bytes()
    make_plan(wish(film, other, folder=tmp_path))
    assert entry.path.read_bytes() == painted


def test_what_cannot_be_read_is_told_before_the_film_is_read(film: Path, tmp_path: Path) -> None:
    def read(frames: int) -> None:
        pytest.fail("the film was read")

    with pytest.raises(InputError, match="does not exist"):
        make_plan(wish(film, tmp_path / "none.png", folder=tmp_path), read)
    save(tmp_path / "waves.png", scene(0))
    with pytest.raises(UsageError, match="no list of shots"):
        make_plan(wish(film, tmp_path / "waves.png", folder=tmp_path, shot_list=tmp_path / "a.doc"), read)


def test_a_partial_picture_is_never_all_that_a_shot_has(film: Path, pictures: Path, tmp_path: Path) -> None:
    """It is used where it lies, beside the whole picture that fits best; other shots take whole ones."""
    layer = np.dstack([scene(3)[..., ::-1], np.zeros(SIDE, np.uint8)])
    layer[20:40, 20:40, 3] = 255
    cv2.imwrite(str(pictures / "ref_000003.png"), layer)
    plan, _ = make_plan(wish(film, pictures, folder=tmp_path))
    assert [sorted(shot.references) for shot in plan.shots] == [["ref_000003", "waves"], ["blocks"], ["waves"]]
    plan, _ = make_plan(wish(film, pictures / "ref_000003.png", folder=tmp_path))
    assert {name for shot in plan.shots for name in shot.references} == {"ref_000003"}
