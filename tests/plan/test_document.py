"""A plan that a person or a program broke is told, never a traceback; what was computed is held to the same bounds."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinemacolor.errors import InputError, KinemacolorError, UsageError
from kinemacolor.plan import document
from kinemacolor.plan.document import FilmEntry, Plan, ShotEntry, check_seconds, fit_dissolves
from kinemacolor.rendering.passes import build_shot_passes
from kinemacolor.shots.shot import Shot
from kinemacolor.video.random_access import FrameIndex


def content() -> dict[str, Any]:
    return {
        "film": {"path": "film.mkv", "sha256": "0" * 64, "frames": 100, "every": 48, "anchors": [0, 48, 96]},
        "model": "kinema",
        "weights": {"kinema": "1" * 64},
        "options": {"short_side": 64},
        "references": {"one": {"path": "one.png"}, "two": {"path": "two.png", "frame": 60}},
        "shots": [
            {"first": 0, "last": 49, "references": {"one": 0.5}},
            {"first": 50, "last": 99, "dissolve": 8, "references": {"two": None}, "options": {"saturation": 0.5}},
        ],
    }


def read(folder: Path, text: str | bytes) -> Plan:
    path = folder / "film.plan.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Plan.read(path)


def put(*keys: str | int, value: object) -> Callable[[dict[str, Any]], None]:
    def change(plan: dict[str, Any]) -> None:
        inside: Any = plan
        for key in keys[:-1]:
            inside = inside[key]
        inside[keys[-1]] = value

    return change


BROKEN = {
    "start": put("film", "start_seconds", value=1e30),
    "start not a number": put("film", "start_seconds", value=float("nan")),
    "end": put("film", "end_seconds", value=1e30),
    "end before start": lambda plan: plan["film"].update(start_seconds=2, end_seconds=1),
    "frames": put("film", "frames", value=10**12),
    "frames, huge": put("film", "frames", value=10**400),
    "every": put("film", "every", value=10**30),
    "every 0": put("film", "every", value=0),
    "anchors too many": put("film", "anchors", value=list(range(4))),
    "anchors fall": put("film", "anchors", value=[0, 96, 48]),
    "anchors equal": put("film", "anchors", value=[0, 0]),
    "anchors huge": put("film", "anchors", value=[0, 2**63]),
    "nul in film": put("film", "path", value="a\0b"),
    "nul in reference": put("references", "one", "path", value="a\0b.png"),
    "long name": put("film", "path", value="n" * 256),
    "frame": put("references", "two", "frame", value=10**20),
    "frame behind the end": put("references", "two", "frame", value=100),
    "dissolve": put("shots", 1, "dissolve", value=101),
    "dissolve, huge": put("shots", 1, "dissolve", value=10**30),
    "certainty": put("shots", 1, "certainty", value=7),
    "gap": put("shots", 1, "first", value=51),
    "last, huge": put("shots", 1, "last", value=10**20),
    "no shots": put("shots", value=[]),
    "unknown references": put("shots", 0, "references", value={f"r{number}": None for number in range(10_000)}),
    "unknown model": put("model", value="m" * 100_000),
    "unknown keys": lambda plan: plan.update({f"k{number}": 1 for number in range(1000)}),
    "a list": put("film", value=[]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_numbers_and_names_out_of_bounds_are_told(name: str, tmp_path: Path) -> None:
    plan = content()
    BROKEN[name](plan)
    with pytest.raises(UsageError) as told:
        read(tmp_path, json.dumps(plan))
    assert len(str(told.value)) < 1200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"model": "kinema", "model": "match"}', "'model' stands twice"),
        ('{"film": {"frames": 1, "frames": 2}}', "'frames' stands twice"),
        ("[" * 200_000, "not valid as JSON"),
        ('{"a":' * 100_000, "not valid as JSON"),
        ('{"film": ' + "9" * 5000 + "}", "not valid as JSON"),
        ("", "not valid as JSON: Expecting value: line 1"),
        ("{", "not valid as JSON"),
        ("1", "film"),
        ('"\\ud800"', ""),
    ],
)
def test_text_that_is_no_plan_is_told(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as told:
        read(tmp_path, text)
    assert words in str(told.value) or words == "film"


def test_a_mark_of_the_encoding_is_read_over(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + json.dumps(content()).encode()).film.frames == 100


def test_what_is_no_file_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError, match="is no file"):
            Plan.read(path)
    with pytest.raises(InputError, match="does not exist"):
        Plan.read(tmp_path / "missing.json")
    monkeypatch.setattr(document, "MAX_PLAN_BYTES", 10)
    with pytest.raises(InputError, match="more than 10 bytes"):
        read(tmp_path, json.dumps(content()))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([-1, 2**31, 2**63, 2**64, 10**30, 1e30, float("inf"), float("nan"), -0.0]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["a\0b", "..", "", "/", "\ud800", "n" * 300, "one", "two"]),
    st.lists(st.integers(), max_size=5),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def places(value: Any, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in inside for place in [(*way, key), *places(one, (*way, key))]]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(places(content())), VALUES), min_size=1, max_size=4))
def test_a_mutated_plan_is_read_or_told(tmp_path: Path, changes: list[tuple[tuple[str | int, ...], object]]) -> None:
    plan = content()
    for way, value in changes:
        try:
            put(*way, value=value)(plan)
        except (TypeError, IndexError, KeyError):  # an earlier change has taken the place away
            continue
    with suppress(KinemacolorError):
        found = read(tmp_path, json.dumps(plan))
        passes = build_shot_passes(found, {entry.path: "0" for entry in found.references.values()})
        assert sum(len(one.source) for shot in passes for one in shot.weighted_passes) >= found.film.frames
        found.to_json(tmp_path)
        found.film.path.exists()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 700), st.binary(max_size=12), st.booleans())
def test_a_plan_with_damaged_bytes_is_read_or_told(tmp_path: Path, at: int, junk: bytes, cut: bool) -> None:
    data = json.dumps(content()).encode()
    with suppress(KinemacolorError):
        read(tmp_path, data[:at] + junk + (b"" if cut else data[at + len(junk) :]))


def test_what_was_computed_is_held_to_the_bounds() -> None:
    index = FrameIndex((0, 40, 40), 100, 48)
    entry = FilmEntry.from_index(Path("film.mkv"), "0", index, 0, None)
    assert entry.anchors == ()
    with pytest.raises(UsageError, match="no plan can be made"):
        FilmEntry.from_index(Path("film.mkv"), "0", index, 1e30, None)
    with pytest.raises(UsageError, match=r"no plan can be made: .*certainty"):
        ShotEntry.from_shot(Shot(0, 10, certainty=float("nan")), {})
    with pytest.raises(UsageError, match="no plan can be made"):
        Plan.from_parts(film=entry)
    shots = [ShotEntry.from_shot(one, {"one": None}) for one in (Shot(0, 4), Shot(4, 9, dissolve=50), Shot(9, 20))]
    assert [one.dissolve for one in fit_dissolves(shots)] == [0, 9, 0]
    for start, end in ((-1, None), (float("nan"), None), (1e30, None), (0, float("inf")), (0, -5)):
        with pytest.raises(UsageError, match="give a number from 0"):
            check_seconds(start, end)
