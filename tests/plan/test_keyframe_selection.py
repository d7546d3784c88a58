"""Which frames are worth colouring, in which order, and what each is said to add."""

import math

import numpy as np
import pytest
import torch

from kinemacolor.plan.keyframe_selection import CandidateFrames, Suggestion, suggest_keyframes
from kinemacolor.plan.similarity import FrameEmbedding, estimate_coverage, estimate_gain_db

INTERVAL = 12  # frames from one candidate to the next
DRIFT = 0.1  # radians between neighbours of a shot: a score of 0.995


def embed(scene: int, angle: float = 0.0) -> FrameEmbedding:
    """A picture of a scene, which shares nothing with others; the score of two of one scene is the angle's cosine."""
    cells = torch.zeros(1, 16)
    cells[0, 2 * scene : 2 * scene + 2] = torch.tensor([math.cos(angle), math.sin(angle)])
    return FrameEmbedding(cells, cells[0])


def make_candidates(*shots: tuple[int, int]) -> CandidateFrames:
    """Candidates of shots, each given as its scene and how many candidates it has, for as many frames."""
    frames, numbers, embeddings = list[int](), list[int](), list[FrameEmbedding]()
    for number, (scene, count) in enumerate(shots, 1):
        for place in range(count):
            frames.append(INTERVAL * len(frames))
            numbers.append(number)
            embeddings.append(embed(scene, DRIFT * place))
    return CandidateFrames(frames, numbers, embeddings, np.full(len(frames), 1 / len(frames), np.float32))


def frames_of(found: list[Suggestion]) -> list[int]:
    return sorted(one.frame // INTERVAL for one in found)


@pytest.mark.parametrize(
    ("count", "budget", "places"), [(5, 1, [2]), (9, 3, [1, 4, 7]), (3, 3, [0, 1, 2]), (3, 9, [0, 1, 2])]
)
def test_pictures_of_a_shot_are_spread_so_that_each_serves_as_much(count: int, budget: int, places: list[int]) -> None:
    found = suggest_keyframes(make_candidates((0, count)), budget)
    assert frames_of(found) == places
    assert all(one.shots == (1,) for one in found)


def test_two_pictures_of_a_shot_come_from_its_two_halves() -> None:
    candidates = make_candidates((0, 6))
    both = suggest_keyframes(candidates, 2)
    first, second = frames_of(both)
    assert first < 3 <= second
    assert sum(one.gain_db for one in both) > suggest_keyframes(candidates, 1)[0].gain_db + 0.5


def test_what_each_adds_falls_and_is_the_gain_of_all_in_sum() -> None:
    candidates = make_candidates((0, 7), (1, 3), (2, 5), (0, 2))
    for budget in (1, 3, 8, 20):
        found = suggest_keyframes(candidates, budget)
        gains = [one.gain_db for one in found]
        assert gains == sorted(gains, reverse=True)
        assert all(gain > 0 for gain in gains)
        assert len({one.frame for one in found}) == len(found) <= budget
        assert found[-1].coverage == pytest.approx(sum(one.gain for one in found), abs=1e-6)
    totals = [sum(one.gain_db for one in suggest_keyframes(candidates, budget)) for budget in range(1, 10)]
    assert totals == sorted(totals)


def test_a_budget_smaller_than_the_shots_goes_to_the_longest_of_them() -> None:
    found = suggest_keyframes(make_candidates((0, 2), (1, 6), (2, 1), (3, 4)), 2)
    assert [one.shots for one in found] == [(2,), (4,)]


def test_every_scene_comes_before_a_second_picture_of_any() -> None:
    found = suggest_keyframes(make_candidates((0, 3), (1, 2), (0, 2), (2, 2)), 4)
    assert {one.shots for one in found[:3]} == {(1, 3), (2,), (4,)}
    assert found[2].gain_db > 2 * found[3].gain_db


def test_shots_of_one_frame_are_suggested_once() -> None:
    found = suggest_keyframes(make_candidates((0, 1)), 5)
    assert (frames_of(found), found[0].coverage) == ([0], pytest.approx(1))
    one_frame_twice = make_candidates((0, 1), (0, 1))
    one_frame_twice.frames[1] = one_frame_twice.frames[0]
    (alone,) = suggest_keyframes(one_frame_twice, 5)
    assert alone.coverage == pytest.approx(1)


def test_pictures_that_are_there_already_count() -> None:
    candidates = make_candidates((0, 5), (1, 3))
    middle = embed(0, 2 * DRIFT)
    found = suggest_keyframes(candidates, 3, [middle])
    assert found[0].shots == (2,)
    fresh = suggest_keyframes(candidates, 2)
    assert found[0].gain_db == pytest.approx(fresh[1].gain_db)
    assert {2 * INTERVAL} & {one.frame for one in found} == set()
    assert suggest_keyframes(candidates, 3, candidates.embeddings) == []


def test_doubt_decides_where_help_is_worth_most() -> None:
    candidates = make_candidates((0, 5), (1, 5))
    doubt = np.repeat(np.float32([0.1, 0.9]), 5)
    first, second = suggest_keyframes(candidates, 2, uncertainty=doubt)[:2]
    assert (first.shots, first.gain_db > 5 * second.gain_db) == ((2,), True)


def test_a_more_similar_picture_is_expected_to_give_more() -> None:
    scores = np.linspace(-1, 1, 201)
    gains = estimate_gain_db(scores)
    assert (np.diff(gains) >= 0).all()
    assert gains[0] == 0
    assert 5 < gains[-1] < 30
    assert estimate_coverage(0.9) == 1
