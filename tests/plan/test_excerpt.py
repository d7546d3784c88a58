"""A few seconds of a plan, to try it: the same frames, shots and pictures as in the whole."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from kinemacolor.errors import InputError, UsageError
from kinemacolor.options import ShotRenderOptions
from kinemacolor.plan.document import Plan, ReferenceEntry, ShotEntry
from kinemacolor.plan.excerpt import cut_excerpt
from kinemacolor.plan.planner import make_plan
from kinemacolor.rendering.passes import build_shot_passes
from kinemacolor.video.random_access import RangeReader
from kinemacolor.video.reader import VideoReader
from support.films import scene, write_film
from support.plans import CUT, gray, other_scene, save, two_scenes, wish


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of three shots in gray, and pictures of them, one of which is painted in part."""
    found = tmp_path_factory.mktemp("excerpt")
    write_film(found / "film.mp4", 3 * CUT, picture=lambda i: gray(two_scenes(i)), options={"g": "10", "bf": "2"})
    for number in (0, 40, 45, 50, 55, 58):
        save(found / f"key_{number}.png", two_scenes(number))
    layer = np.dstack([two_scenes(40)[..., ::-1], np.zeros((72, 96), np.uint8)])
    layer[20:40, 20:40, 3] = 255
    cv2.imwrite(str(found / "layer_35.png"), layer)
    cv2.imwrite(str(found / "layer_50.png"), layer)
    return found


@pytest.fixture(scope="module")
def plan(folder: Path) -> Plan:
    """Its second shot, frames 30 to 59, has keyframes."""
    made, _ = make_plan(wish(folder / "film.mp4", folder / "key_0.png", folder=folder))
    return made


def with_pictures(plan: Plan, folder: Path, *names: str) -> Plan:
    """Those in the second shot, ``key_45`` at frame 45; ``key_0`` is nowhere."""
    entries = {
        name: ReferenceEntry(path=folder / f"{name}.png", frame=int(name.split("_")[1]) or None) for name in names
    }
    shots = [*plan.shots]
    shots[1] = shots[1].model_copy(update={"references": dict.fromkeys(names, 0.5)})
    return plan.model_copy(update={"references": plan.references | entries, "shots": tuple(shots)})


def frames_of(plan: Plan, first: int = 0, end: int | None = None) -> list[np.ndarray]:
    with RangeReader(plan.film.path, plan.film.frame_index, start_seconds=plan.film.start_seconds) as reader:
        return [block.luma_codes[0] for block in reader.iter_blocks(first, end or plan.film.frames, 1)]


@pytest.mark.parametrize(("start", "end"), [(0.5, 2), (3, 3.5), (0, 1.2501), (2.4994, None), (1.26, 9)])
def test_it_has_the_frames_that_a_plan_of_this_part_has(
    plan: Plan, folder: Path, start: float, end: float | None
) -> None:
    part = cut_excerpt(plan, start, end)
    of_part, seen = make_plan(
        wish(plan.film.path, folder / "key_0.png", folder=folder, start_seconds=start, end_seconds=end)
    )
    assert part.film == of_part.film
    first = round(start * 24 + 0.49)
    wanted = frames_of(plan, first, first + part.film.frames)
    assert all(np.array_equal(a, b) for a, b in zip(frames_of(part), wanted, strict=True))
    with VideoReader(part.film.path, start_seconds=part.film.start_seconds, end_seconds=part.film.end_seconds) as read:
        assert [pts for block in read.iter_blocks(8) for pts in block.pts] == list(seen.pts)


def test_shots_are_cut_and_numbered_anew(plan: Plan) -> None:
    looks = [
        shot.model_copy(update={"options": ShotRenderOptions(saturation=n / 2)}) for n, shot in enumerate(plan.shots)
    ]
    part = cut_excerpt(plan.model_copy(update={"shots": tuple(looks)}), 40 / 24, 70 / 24)
    assert [(shot.first, shot.last, shot.options.saturation) for shot in part.shots] == [(0, 19, 0.5), (20, 29, 1.0)]
    assert part.shots[0].transition is None
    assert part.shots[1].transition == plan.shots[2].transition == "cut"
    assert Plan.model_validate_json(part.to_json(Path("/"))).shots == part.shots


def test_an_excerpt_of_an_excerpt_counts_from_the_film(plan: Plan) -> None:
    """Also of a plan whose film has no anchors, as that of joined recordings."""
    bare = plan.model_copy(update={"film": plan.film.model_copy(update={"anchors": ()})})
    once = cut_excerpt(plan, 2.5, 3.25)
    for larger in (cut_excerpt(plan, 1, 3.25), bare, cut_excerpt(bare, 2, None)):
        assert cut_excerpt(larger, 2.5, 3.25) == once
    assert cut_excerpt(once, 0, None) == cut_excerpt(once) == once


def test_times_of_a_variable_clock_and_a_late_beginning(folder: Path, tmp_path: Path) -> None:
    pts = [90_000 + 3000 * n + 1300 * (n % 3) for n in range(100)]
    film = write_film(tmp_path / "film.mkv", pts=pts, time_base=Fraction(1, 90_000), picture=lambda i: gray(scene(i)))
    plan, seen = make_plan(wish(film, folder / "key_0.png", folder=tmp_path))
    part, (of_part, cut) = (
        cut_excerpt(plan, 1.9, 2.7),
        make_plan(wish(film, folder / "key_0.png", folder=tmp_path, start_seconds=1.9, end_seconds=2.7)),
    )
    assert part.film == of_part.film
    first = list(seen.pts).index(cut.pts[0])
    assert np.array_equal(frames_of(part)[0], frames_of(plan, first, first + 1)[0])
    assert first > plan.film.every


def test_a_folder_of_scans_has_excerpts(folder: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(60):
        save(scans / f"{number:03}.png", gray(scene(number)))
    plan, seen = make_plan(wish(scans, folder / "key_0.png", folder=tmp_path))
    key = ReferenceEntry(path=folder / "key_0.png", frame=52)
    plan = plan.model_copy(update={"references": {"key_0": key}})
    rate = float(1 / seen.info.time_base)
    part = cut_excerpt(plan, 50 / rate, 55 / rate)
    assert part.film.frames == 5
    assert part.references["key_0"].frame == 2


def test_keyframes_inside_move_along(plan: Plan, folder: Path) -> None:
    """Of those outside the nearest are used, as pictures of no frame; scores stay."""
    keyed = with_pictures(plan, folder, "key_0", "key_40", "key_45", "key_50", "key_55", "key_58", "layer_50")
    part = cut_excerpt(keyed, 47 / 24, 53 / 24)
    assert part.shots[0].references == dict.fromkeys(["key_0", "key_45", "key_50", "key_55", "layer_50"], 0.5)
    assert {name: entry.frame for name, entry in part.references.items()} == {
        "key_0": None,
        "key_45": None,
        "key_50": 3,
        "key_55": None,
        "layer_50": 3,
    }
    (stretch,) = build_shot_passes(part, {entry.path: name for name, entry in part.references.items()})
    assert [(one.source.first, one.source.end, one.source.is_backward) for one in stretch.weighted_passes] == [
        (0, 4, True),
        (3, 6, False),
    ]


def test_partial_pictures_of_frames_outside_are_left_out(plan: Plan, folder: Path) -> None:
    part = cut_excerpt(with_pictures(plan, folder, "key_40", "layer_50"), 35 / 24, 45 / 24)
    assert part.shots[0].references == {"key_40": 0.5}
    assert set(part.references) == {"key_40"}
    alone = with_pictures(plan, folder, "layer_50")
    with pytest.raises(UsageError, match="from frame 30 has only partial pictures, of frames 50: let the excerpt have"):
        cut_excerpt(alone, 35 / 24, 45 / 24)
    assert cut_excerpt(alone, 35 / 24, 51 / 24).references["layer_50"].frame == 15
    assert cut_excerpt(alone, 0, 1).film.frames == 24  # it is none of this shot's
    whole_is_far = with_pictures(plan, folder, "key_40", "layer_50")
    assert set(cut_excerpt(whole_is_far, 55 / 24, 58 / 24).references) == {"key_40"}


def test_a_dissolve_keeps_its_place(plan: Plan) -> None:
    """Each frame takes as much of either shot as in the whole film, also where the dissolve is cut off."""
    shots = [*plan.shots]
    shots[1] = shots[1].model_copy(update={"transition": "dissolve", "dissolve": 10})
    plan = plan.model_copy(update={"shots": tuple(shots)})
    contents = {entry.path: "x" for entry in plan.references.values()}
    whole = build_shot_passes(plan, contents)
    for first, end in ((20, 50), (28, 50), (20, 32)):
        part = build_shot_passes(cut_excerpt(plan, first / 24, end / 24), contents)
        assert len(part) == 2
        for frame in range(first, end):
            weights = [one.weighted_passes[0].weight_at(frame - first) for one in part]
            assert weights == pytest.approx([one.weighted_passes[0].weight_at(frame) for one in whole[:2]])
    late = cut_excerpt(plan, 30 / 24, 50 / 24)
    assert late.shots == (ShotEntry(first=0, last=19, references=plan.shots[1].references, certainty=1.0),)


@pytest.mark.parametrize(("start", "end"), [(2, 2), (2, 1), (100, None), (3.74, 3.741), (0.01, 0.02)])
def test_times_with_nothing_between_are_told(plan: Plan, start: float, end: float | None) -> None:
    with pytest.raises(UsageError, match="the plan has no frame from"):
        cut_excerpt(plan, start, end)


def test_times_outside_of_the_plans_own_part_are_told(plan: Plan) -> None:
    part = cut_excerpt(plan, 1, 2)
    for start, end in ((0, 1), (2, 3)):
        with pytest.raises(UsageError, match="the plan has no frame from"):
            cut_excerpt(part, start, end)


def test_another_film_is_told(plan: Plan, tmp_path: Path) -> None:
    other = write_film(
        tmp_path / "film.mp4", 3 * CUT, rate=Fraction(24_000, 1001), picture=lambda i: gray(other_scene(i))
    )
    for path, said in ((other, "is not the film|another time"), (tmp_path / "none.mp4", "does not exist")):
        changed = plan.model_copy(update={"film": plan.film.model_copy(update={"path": path})})
        with pytest.raises(InputError, match=said):
            cut_excerpt(changed, 2.5, 3)
