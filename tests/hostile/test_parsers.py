"""Everything that reads text or headers, fed by hypothesis: it gives a value, or one of our errors.

A few examples in the usual run, always the same; KINEMACOLOR_FUZZ=100000 tries so many new ones.
"""

import json
import os
import string
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from kinemacolor.plan.document import Plan
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.cache import PassFolder
from kinemacolor.shots.files import read_shots, write_shots
from kinemacolor.shots.shot import FrameClock, Shot
from kinemacolor.utils.times import format_time, parse_seconds
from kinemacolor.video.timecode import advance_timecode, timecode_to_frames
from kinemacolor.weights.checkpoint_files import load_tensors
from support.fork_pool import run_forked
from support.laws import WHOLE, Ending, find_any_ending
from support.strange_texts import FOREIGN_LISTS, RIGHT_LISTS, safetensors_file

EXAMPLES = int(os.environ.get("KINEMACOLOR_FUZZ", "0"))
fuzzed = settings(
    max_examples=EXAMPLES or 60,
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
STRANGE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    2**63,
    1e308,
    float("inf"),
    float("nan"),
    "",
    "\0",
    "x" * 300,
    [],
    {},
)
json_values = st.recursive(
    st.sampled_from(STRANGE) | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLAN: dict[str, Any] = {
    "kinemacolor": "0.1.0",
    "version": 1,
    "film": {"path": "film.mp4", "sha256": "0" * 64, "frames": 12, "start_seconds": 0.0, "anchors": [0]},
    "model": "kinema",
    "weights": {"kinema": "0" * 64},
    "options": {"short_side": 64},
    "references": {"still": {"path": "still.png"}},
    "shots": [{"first": 0, "last": 11, "references": {"still": 0.5}}],
}


def hold(ending: Ending, allowed: Iterable[str]) -> None:
    """Fail for an ending that is neither a value nor an error allowed here."""
    assert ending.kind in (WHOLE, *allowed), ending


@st.composite
def changed(draw: st.DrawFn, content: Any) -> Any:
    """A copy of JSON in which some values are others, gone, or new."""
    copy = json.loads(json.dumps(content))
    for _ in range(draw(st.integers(1, 3))):
        inside: Any = copy
        while True:
            keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(inside[key], dict | list) and draw(st.integers(0, 3)):
                inside = inside[key]
                continue
            kind = draw(st.integers(0, 9))
            if kind == 0:
                del inside[key]
            elif kind == 1 and isinstance(inside, dict):
                inside[draw(st.text(max_size=8))] = draw(json_values)
            else:
                inside[key] = draw(json_values)
            break
    return copy


@fuzzed
@given(content=changed(PLAN))
def test_plans(content: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.json"
    path.write_text(json.dumps(content))
    ending = find_any_ending(Plan.read, path)
    hold(ending, ("InputError", "UsageError"))
    if ending.kind == WHOLE:
        ending.value.write(path)
        assert Plan.read(path) == ending.value, "what was read is written and read again as the same"


lines = st.lists(
    st.lists(
        st.sampled_from(["0", "1", "8", "12", "-1", "", "first", "last", " 3 ", '"', "9" * 30, "x"]), max_size=4
    ).map(",".join)
    | st.text(max_size=20),
    max_size=6,
)


@fuzzed
@given(rows=lines, head=st.sampled_from(["first", "first,last", "first,last,transition,dissolve", "", "last"]))
def test_csv_lists(rows: list[str], head: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    path.write_text("\n".join([head, *rows]), encoding="utf-8", errors="replace")
    hold(find_any_ending(read_shots, path, 12, FrameClock(Fraction(25), 0, 0.0)), ("InputError",))


words = st.sampled_from(
    [
        "001",
        "AX",
        "V",
        "C",
        "D",
        "W001",
        "024",
        "M2",
        "* COMMENT: x",
        "FCM: DROP FRAME",
        "TITLE:",
        ">>> SOURCE",
        "BL",
        "99:99:99:99",
    ]
) | st.from_regex(r"\A0[0-2]:00:0[0-9][:;][0-2][0-9]\Z")


@fuzzed
@given(
    rows=st.lists(st.lists(words, max_size=9).map(" ".join) | st.text(string.printable, max_size=30), max_size=8),
    start=st.booleans(),
)
def test_edl_lists(rows: list[str], start: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.edl"
    texts = [text for name, (text, _) in {**RIGHT_LISTS, **FOREIGN_LISTS}.items() if name.endswith(".edl")]
    path.write_text((texts[len(rows) % len(texts)] if start else "") + "\n".join(rows))
    hold(find_any_ending(read_shots, path, 12, FrameClock(Fraction(25), 0, 0.0)), ("InputError",))


@fuzzed
@given(data=st.data())
def test_timelines(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.otio"
    clock = FrameClock(Fraction(25), 0, 0.0)
    write_shots(path, (Shot(0, 8), Shot(8, 12)), clock, Path("film.mp4"))
    content = data.draw(changed(json.loads(path.read_text())))
    assume("tracks" not in content or content["tracks"] is not None)  # K9 would end this process
    path.write_text(json.dumps(content))
    hold(find_any_ending(read_shots, path, 12, clock), ("InputError",))


def test_a_timeline_without_tracks_ends_no_process(tmp_path: Path) -> None:
    path = tmp_path / "null.otio"
    path.write_text('{"OTIO_SCHEMA": "Timeline.1", "tracks": null}')

    def read(number: int) -> str:
        return find_any_ending(read_shots, path, 12, FrameClock(Fraction(25), 0, 0.0)).kind

    ((_, ending),) = run_forked([0], read, seconds=60)
    assert ending == "InputError"


cuts = st.sets(st.integers(1, 500), max_size=6).map(lambda found: [0, *sorted(found), 501])
clocks = st.sampled_from(
    [(24, 0), (25, 90000), (Fraction(30000, 1001), 107892), (Fraction(24000, 1001), 0), (50, 180000)]
)


@fuzzed
@given(cuts=cuts, clock=clocks, suffix=st.sampled_from([".csv", ".edl", ".otio"]))
def test_lists_come_back(
    cuts: list[int], clock: tuple[Fraction, int], suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is written as a list is read as the same shots, at every rate and time code."""
    path = tmp_path_factory.getbasetemp() / f"written{suffix}"
    shots = tuple(Shot(first, end) for first, end in pairwise(cuts))
    counted = FrameClock(Fraction(clock[0]), clock[1], 0.0)
    write_shots(path, shots, counted, Path("film.mp4"))
    found = read_shots(path, 501, counted)
    assert [(shot.first, shot.end) for shot in found] == [(shot.first, shot.end) for shot in shots]


@fuzzed
@given(text=st.text(max_size=30) | st.from_regex(r"\A[\w.]{0,9}@[-\d:.e+infa]{0,12}\Z"))
def test_references(text: str) -> None:
    hold(find_any_ending(ReferenceSpec.parse, text), ("UsageError",))


@fuzzed
@given(text=st.text(max_size=12) | st.from_regex(r"\A[\d:.;e+-]{0,14}\Z"))
def test_times(text: str) -> None:
    ending = find_any_ending(parse_seconds, text, "--start")
    hold(ending, ("UsageError",))
    assert ending.value is None or 0 <= ending.value < float("inf")


@fuzzed
@given(tenths=st.integers(0, 10**7))
def test_times_come_back(tenths: int) -> None:
    assert round(10 * parse_seconds(format_time(tenths / 10), "it")) == tenths


@fuzzed
@given(
    frames=st.integers(0, 2_000_000),
    rate=st.sampled_from([24, 25, 30, Fraction(24000, 1001), Fraction(30000, 1001)]),
    drop=st.booleans(),
)
def test_time_codes_come_back(frames: int, rate: Fraction, drop: bool) -> None:
    drop = drop and rate == Fraction(30000, 1001)
    text = advance_timecode("00:00:00;00" if drop else "00:00:00:00", frames, Fraction(rate))
    assert timecode_to_frames(text, Fraction(rate)) == frames


TENSOR = {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "__metadata__": {"parts": "{}"}}


@fuzzed
@given(header=changed(TENSOR), data=st.binary(max_size=16), length=st.none() | st.integers(0, 2**64 - 1))
def test_headers_of_weights(
    header: Any, data: bytes, length: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    path.write_bytes(safetensors_file(header, data, length))
    hold(find_any_ending(load_tensors, "fuzzed", path), ("WeightsError",))


LINE = {"segment": 0, "frames": 4, "sha256": "0" * 64}


@fuzzed
@given(rows=st.lists(changed(LINE).map(json.dumps).map(str.encode) | st.binary(max_size=30), max_size=4))
def test_journals(rows: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed-pass"
    folder.mkdir(exist_ok=True)
    (folder / "journal.jsonl").write_bytes(b"\n".join(rows))

    def read() -> int:
        found = PassFolder(folder, 12)
        return found.frames_painted + len(list(found.iter_starts(3)))

    hold(find_any_ending(read), ("InputError",))


REQUESTS = [
    {"kind": "look", "detector": "luma"},
    {"kind": "plan", "model": "kinema", "options": {"short_side": 64}, "per_shot": 2},
    {"kind": "try", "start_seconds": 0, "seconds": 3},
    {"kind": "render", "form": "h264", "layer": True, "confidence": False},
]


@fuzzed
@given(data=st.data())
def test_requests_of_the_page(data: st.DataObject) -> None:
    from kinemacolor.web.requests import ProjectTask

    body = json.dumps(data.draw(changed(data.draw(st.sampled_from(REQUESTS)))))
    with suppress(ValidationError):  # which FastAPI answers with 422
        TypeAdapter(ProjectTask).validate_json(body)
