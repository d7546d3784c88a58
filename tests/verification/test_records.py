"""`verify` reads the record beside a result."""

import json
from functools import reduce
from pathlib import Path

import pytest

from kinemacolor.cli.main import run
from kinemacolor.options import EncodingOptions
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.verification.check import Check
from kinemacolor.verification.verify import verify_film
from support.films import write_film
from support.small_renders import render_small, short_segments, small_plan

__all__ = ["short_segments"]
pytestmark = pytest.mark.usefixtures("short_segments", "home")


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = small_plan(tmp_path / "project", 12)
    render_small(path)
    return path.with_name("out.mkv")


def record_of(result: Path) -> Path:
    return result.with_name(f"{result.name}.kinemacolor.json")


def checks(result: Path, source: str = "film.mkv") -> dict[str, Check]:
    found = verify_film(result.with_name(source), result)
    return {check.name: check for check in found if check.name.startswith("record")}


def test_a_record_that_fits_passes_also_under_another_name(result: Path) -> None:
    assert {name: check.passed for name, check in checks(result).items()} == {
        "record: result": True,
        "record: source": True,
    }
    renamed = result.rename(result.with_name("mine.mkv"))
    record_of(result).rename(record_of(renamed))
    assert "tells of this film" in checks(renamed)["record: result"].detail


def test_without_a_record_nothing_is_asked(result: Path) -> None:
    record_of(result).unlink()
    assert checks(result) == {}


def test_a_name_that_leaves_no_room_for_that_of_a_record_has_none(result: Path) -> None:
    longest = result.rename(result.with_name("n" * 245 + ".mkv"))
    assert checks(longest) == {}


def test_a_byte_that_changed_is_found(result: Path) -> None:
    with result.open("ab") as film:
        film.write(b"\0")
    found = checks(result)
    assert not found["record: result"].passed
    assert "changed since" in found["record: result"].detail
    assert found["record: source"].passed
    assert run(["verify", str(result.with_name("film.mkv")), str(result)]) == 5


def test_pictures_that_changed_are_named(tmp_path: Path) -> None:
    path = small_plan(tmp_path / "project", 12)
    render_small(path, "out", encoding=EncodingOptions())
    folder = path.with_name("out")
    listed = json.loads(record_of(folder).read_text())["results"][0]
    assert listed["files"] == {one.name: compute_file_sha256(one) for one in folder.iterdir()}
    (folder / ".DS_Store").write_text("x")
    assert checks(folder)["record: result"].passed
    for number in range(5):
        (folder / f"{number:06d}.png").write_bytes((folder / "000008.png").read_bytes())
    (folder / "000009.png").rename(folder / "more.png")
    words = checks(folder)["record: result"].detail
    assert "; changed: 000000.png, 000001.png, 000002.png and 2 more; missing: 000009.png; too many: more.png" in words
    edited = json.loads(record_of(folder).read_text())
    edited["results"][0]["files"]["000009.png"] = "0" * 64
    record_of(folder).write_text(json.dumps(edited))
    assert "the files of the film have together another sha256" in checks(folder)["record: content"].detail
    listed.pop("files")  # as in records of before
    record_of(folder).write_text(json.dumps(json.loads(record_of(folder).read_text()) | {"results": [listed]}))
    assert "000000" not in checks(folder)["record: result"].detail


def test_another_source_is_found(result: Path) -> None:
    write_film(result.with_name("other.mkv"), 12, (64, 64), codec="ffv1", pix_fmt="gray", sound=True)
    with result.with_name("other.mkv").open("ab") as film:
        film.write(b"\0")
    assert not checks(result, "other.mkv")["record: source"].passed


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 50_000, b"[]", b"{}", b'{"kinemacolor_record": "1"}'])
def test_a_damaged_record_is_told(result: Path, content: bytes) -> None:
    record_of(result).write_bytes(content)
    (check,) = checks(result).values()
    assert not check.passed
    assert "is damaged" in check.detail or "is no record" in check.detail


@pytest.mark.parametrize("results", [None, "x", [], [None, 5], [{"sha256": 5}], [{"sha256": "\x1b[2J"}]])
def test_a_record_of_nonsense_fails(result: Path, results: object) -> None:
    record_of(result).write_text(json.dumps({"kinemacolor_record": 99, "results": results, "source": results}))
    found = checks(result)
    assert not any(check.passed for check in found.values())
    assert all(check.detail.isprintable() for check in found.values())


def test_what_a_newer_version_writes_is_read_where_it_says_the_same(result: Path) -> None:
    record = record_of(result)
    record.write_text(json.dumps(json.loads(record.read_text()) | {"kinemacolor_record": 2, "more": {}}))
    assert all(check.passed for check in checks(result).values())


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("source.frames", 11, "source.frames is 11, 12 were read"),
        ("report.frames", 13, "report.frames is 13, the result has 12"),
        ("source.width", 65, "source.width and source.height are 65 and 64, its pictures 64x64"),
        ("source.height", "64", "source.height: "),
        ("source.end_seconds", "x", "source.end_seconds: "),
        ("source.rate", "fast", "source.rate: "),
        ("report.mean_confidence", 1.5, "report.mean_confidence: "),
        ("report.mean_confidence", None, "report.mean_confidence: "),
        ("plan.film.frames", 5, "plan.film.frames is 5, source.frames 12"),
        ("results", [], "results: "),
        ("report", None, "report: "),
        ("model.weights", [{"part": "\x1b[2J"}], "model.weights.0.sha256: is missing"),
        ("versions.\x1b[2J", 5, "versions.?[2J: wanted a text"),
    ],
)
def test_what_a_record_cannot_say_of_the_film_fails(result: Path, place: str, value: object, words: str) -> None:
    content = json.loads(record_of(result).read_bytes())
    *sections, key = place.split(".")
    reduce(lambda table, name: table[name], sections, content)[key] = value
    record_of(result).write_text(json.dumps(content))
    found = checks(result)["record: content"]
    assert (found.passed, found.detail.startswith(words)) == (False, True), found.detail
    assert found.detail.isprintable()
    assert run(["verify", str(result.with_name("film.mkv")), str(result)]) == 5


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (0.125, None, "from 0.125 s to its end"),
        (0, 0.25, "from 0 s to 0.25 s"),
        ("0.125", float("nan"), None),
        (True, -1, "from 1 s to its end"),
        (0.4, 0.2, None),
        (1e300, [], None),
    ],
)
def test_a_part_of_a_film_is_told_by_its_record(result: Path, start: object, end: object, words: str | None) -> None:
    """What is no time there fails, and the whole film is compared then."""
    content = json.loads(record_of(result).read_bytes())
    content["source"] |= {"start_seconds": start, "end_seconds": end}
    record_of(result).write_text(json.dumps(content))
    found = {check.name: check for check in verify_film(result.with_name("film.mkv"), result)}
    assert (found["excerpt"].detail.partition(" of ")[0] if "excerpt" in found else None) == words
    assert found["frames"].passed == (words is None)
    assert not found["record: content"].passed, "the film is not that long, or these are no times"
